//! What the two ends of one exchange say together.

use std::collections::BTreeMap;

use super::ends::{
    ANSWER_FIELDS, End, REQUEST_FIELDS, are_of_others, compare, ended, find, member, member_of,
    name, receipt, repeats, time_of,
};
use super::fields::Fields;
use super::parts::Record;
use super::{Plan, Source};
use crate::leaf::Side;

/// How the ends of an exchange fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Both ends tell the same.
    Matched,
    /// One end has less, and a leaf says why: refused, timed out, interrupted, late.
    Explained,
    /// It may still be under way, or the other journal does not reach that far.
    Open,
    /// A leaf that must be there is not.
    Missing,
    /// The ends contradict each other.
    Differs,
}

/// A field that the ends tell differently; empty where a leaf does not have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPair {
    /// Its name in the consumer's leaf.
    pub field: &'static str,
    /// What the consumer's leaf says.
    pub consumer: String,
    /// What the provider's leaf says.
    pub provider: String,
}

/// One exchange as both journals tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// X-Road-Request-Id.
    pub request_id: String,
    /// Time of its first leaf, Unix milliseconds.
    pub time_ms: u64,
    /// Who asked.
    pub client: String,
    /// What was asked for.
    pub service: String,
    /// How its ends fit together.
    pub class: Class,
    /// Why, in words.
    pub why: String,
    /// The end that lacks a leaf, `consumer` or `provider`, if one does.
    pub missing_at: Option<&'static str>,
    /// The fields that differ.
    pub differs: Vec<FieldPair>,
    /// Its leaves: `{origin}#{index}`, in the order of sources and logs.
    pub leaves: Vec<String>,
}

/// What judges exchanges.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    plan: &'a Plan,
    sources: &'a [Source],
    /// From when to when a member's logs tell everything.
    covered: BTreeMap<String, (u64, u64)>,
}

/// What a judgement says.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    class: Class,
    why: String,
    missing_at: Option<Side>,
    differs: Vec<FieldPair>,
}

// === impl Verdict ===

impl Verdict {
    fn new(class: Class, why: impl Into<String>) -> Self {
        Self {
            class,
            why: why.into(),
            missing_at: None,
            differs: Vec::new(),
        }
    }

    fn differs(why: &str, differs: Vec<FieldPair>) -> Self {
        Self {
            differs,
            ..Self::new(Class::Differs, why)
        }
    }
}

// === impl Judge ===

impl<'a> Judge<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        sources: &'a [Source],
        covered: BTreeMap<String, (u64, u64)>,
    ) -> Self {
        Self {
            plan,
            sources,
            covered,
        }
    }

    /// Judges the leaves of one request id; none if they concern another member or another time.
    pub(super) fn exchange<'r>(&self, records: &'r [Record]) -> Option<Exchange> {
        let read = |record: &'r Record| Some((record, Fields::read(&record.leaf)?));
        let (mut consumer, mut provider): (End<'_>, End<'_>) = (Vec::new(), Vec::new());
        for (record, fields) in records.iter().filter_map(read) {
            match fields.leaf.side {
                Some(Side::Consumer) => consumer.push((record, fields)),
                Some(Side::Provider) => provider.push((record, fields)),
                None => {}
            }
        }
        let both = || consumer.iter().chain(&provider);
        let (_, first) = both().min_by_key(|(_, fields)| fields.leaf.time)?;
        let time_ms = first.leaf.time;
        if self.plan.from_ms.is_some_and(|from| time_ms < from)
            || self.plan.to_ms.is_some_and(|to| time_ms > to)
        {
            return None;
        }
        // What began before the time that was read is not told; it can't go on for longer than the edge.
        let begins =
            |kind: &[u8]| matches!(kind, b"request-sent" | b"request-received" | b"refused");
        let at_edge = |from: u64| time_ms < from.saturating_add(self.plan.edge_ms);
        if self.plan.from_ms.is_some_and(at_edge) && !begins(first.get("kind")) {
            return None;
        }
        let verdict = self.verdict(&consumer, &provider)?;
        Some(Exchange {
            request_id: first.text("request_id"),
            time_ms,
            client: first.text("client"),
            service: first.text("service"),
            class: verdict.class,
            why: verdict.why,
            missing_at: verdict.missing_at.map(name),
            differs: verdict.differs,
            leaves: records.iter().map(|record| self.place(record)).collect(),
        })
    }

    fn place(&self, record: &Record) -> String {
        let origin = self.sources.get(record.source).map(|source| &source.origin);
        format!("{}#{}", origin.map_or("", String::as_str), record.index)
    }

    fn verdict(&self, consumer: &End<'_>, provider: &End<'_>) -> Option<Verdict> {
        // A member can write into its own log whatever it likes, but only its own end is its to tell.
        if are_of_others(self.sources, consumer, provider) {
            let why = "a journal tells the other member's end";
            return Some(Verdict::new(Class::Differs, why));
        }
        if repeats(consumer) || repeats(provider) {
            let why = "an end tells a step twice";
            return Some(Verdict::new(Class::Differs, why));
        }
        match (consumer.as_slice(), provider.as_slice()) {
            ([], []) => None,
            ([(_, leaf), ..], []) => {
                let other = member(leaf.get("service"))?;
                self.covered
                    .contains_key(&other)
                    .then(|| self.unheard(consumer, &other))
            }
            ([], [(_, leaf), ..]) => {
                let other = member(leaf.get("client"))?;
                let told = "the provider has it, the consumer has no `request-sent`";
                let missing = || self.missing(Side::Consumer, &other, leaf.leaf.time, told);
                self.covered.contains_key(&other).then(missing)
            }
            (_, _) => Some(self.pair(consumer, provider)),
        }
    }

    /// The consumer tells of an exchange of which the provider says nothing.
    fn unheard(&self, consumer: &End<'_>, other: &str) -> Verdict {
        if let Some(leaf) = find(consumer, "response-received") {
            let told = "the consumer has a signed answer, the provider has nothing";
            if let Some(place) = receipt(leaf).filter(|place| self.is_read(place)) {
                let why = format!("{told}: {place}, which its answer names, is another leaf");
                return Verdict {
                    missing_at: Some(Side::Provider),
                    ..Verdict::new(Class::Missing, why)
                };
            }
            return self.missing(Side::Provider, other, leaf.leaf.time, told);
        }
        if find(consumer, "request-sent").is_none() {
            return Verdict::new(
                Class::Explained,
                ended(Side::Consumer, consumer, "not sent"),
            );
        }
        self.unfinished(Side::Consumer, consumer)
            .unwrap_or_else(|| {
                Verdict::new(
                    Class::Explained,
                    ended(Side::Consumer, consumer, "the provider has nothing of it"),
                )
            })
    }

    /// Both ends tell of it.
    fn pair(&self, consumer: &End<'_>, provider: &End<'_>) -> Verdict {
        let at_consumer = member_of(self.sources, consumer);
        let Some(sent) = find(consumer, "request-sent") else {
            let time = time_of(provider);
            let told = "the provider has it, the consumer says that it was not sent";
            return self.missing(Side::Consumer, &at_consumer, time, told);
        };
        let same_request = |fields: &&Fields<'_>| fields.get("link") == sent.get("link");
        let theirs: Vec<&Fields<'_>> = provider.iter().map(|(_, fields)| fields).collect();
        let of_it: Vec<&Fields<'_>> = theirs.iter().copied().filter(same_request).collect();
        let Some(heard) = of_it.first() else {
            let differs = compare(sent, theirs.first().copied(), &["link"], true);
            return Verdict::differs("the ends have different requests under one id", differs);
        };
        if let Some(stranger) = theirs.iter().find(|fields| !same_request(fields)) {
            let told = "the provider has a second request of this id, the consumer has not";
            return self.missing(Side::Consumer, &at_consumer, stranger.leaf.time, told);
        }
        let has = |kind| find(provider, kind).is_some();
        if has("response-signed") && !has("request-received") {
            let other = member_of(self.sources, provider);
            let told = "the provider signed an answer and has no `request-received`";
            return self.missing(Side::Provider, &other, sent.leaf.time, told);
        }
        // A refusal at once knows less of the request than a leaf that begins an exchange.
        let whole = heard.get("kind") == b"request-received";
        let differs = compare(sent, Some(heard), &REQUEST_FIELDS, whole);
        if !differs.is_empty() {
            return Verdict::differs("the ends tell the request differently", differs);
        }
        self.answers(consumer, provider, &of_it)
    }

    /// The ends agree about the request; now what came of it.
    fn answers(&self, consumer: &End<'_>, provider: &End<'_>, theirs: &[&Fields<'_>]) -> Verdict {
        let received = find(consumer, "response-received");
        let signed: Vec<&&Fields<'_>> = theirs
            .iter()
            .filter(|fields| !fields.get("answer_link").is_empty())
            .collect();
        let Some(received) = received else {
            return self
                .unfinished(Side::Consumer, consumer)
                .or_else(|| self.unfinished(Side::Provider, provider))
                .unwrap_or_else(|| {
                    let end = ended(Side::Provider, provider, "");
                    Verdict::new(Class::Explained, ended(Side::Consumer, consumer, &end))
                });
        };
        let same =
            |fields: &&&&Fields<'_>| fields.get("answer_link") == received.get("answer_link");
        match (signed.iter().find(same), signed.first()) {
            (Some(signed), _) => {
                let whole = signed.get("kind") == b"response-signed";
                let mut differs = compare(received, Some(signed), &ANSWER_FIELDS, whole);
                if received.get("outcome") == b"late" {
                    differs.retain(|pair| pair.field != "outcome");
                }
                differs.extend(self.receipt_differs(received, provider));
                if !differs.is_empty() {
                    return Verdict::differs("the ends tell the answer differently", differs);
                }
                if received.get("outcome") == b"late" {
                    return Verdict::new(Class::Explained, "the answer came too late");
                }
                Verdict::new(Class::Matched, "")
            }
            (None, Some(signed)) => {
                let differs = compare(received, Some(signed), &["answer_link"], true);
                Verdict::differs("the ends have different answers", differs)
            }
            (None, None) => {
                let other = member_of(self.sources, provider);
                let told = "the consumer has a signed answer, the provider did not journal it";
                self.missing(Side::Provider, &other, received.leaf.time, told)
            }
        }
    }

    /// Holds the receipt that an answer bore against the provider's leaf.
    fn receipt_differs(&self, received: &Fields<'_>, provider: &End<'_>) -> Option<FieldPair> {
        let named = receipt(received).filter(|place| self.is_read(place))?;
        let is_it =
            |(_, fields): &&(&Record, Fields<'_>)| fields.get("kind") == b"request-received";
        let held = provider.iter().find(is_it);
        let held = held
            .map(|(record, _)| self.place(record))
            .unwrap_or_default();
        (named != held).then_some(FieldPair {
            field: "peer_receipt",
            consumer: named,
            provider: held,
        })
    }

    /// Whether a place `{origin}#{index}` is in a journal that was read without a gap.
    fn is_read(&self, place: &str) -> bool {
        let Some((origin, index)) = place.rsplit_once('#') else {
            return false;
        };
        let index: u64 = index.parse().unwrap_or(u64::MAX);
        let has = |source: &Source| source.origin == origin && index < source.size;
        self.sources.iter().any(has)
    }

    /// An end that began and says nothing of how it ended.
    fn unfinished(&self, side: Side, end: &End<'_>) -> Option<Verdict> {
        let ends = [
            "response-received",
            "response-signed",
            "refused",
            "interrupted",
        ];
        if ends.iter().any(|kind| find(end, kind).is_some()) {
            return None;
        }
        let (time, own) = (time_of(end), member_of(self.sources, end));
        Some(self.missing(side, &own, time, "it began and has no end"))
    }

    /// A leaf that a member should have about something at `time`; open where its journal need not tell of it.
    fn missing(&self, side: Side, member: &str, time: u64, told: &str) -> Verdict {
        let edge = self.plan.edge_ms;
        let (from, to) = self.covered.get(member).copied().unwrap_or_default();
        if time < from.saturating_add(edge) {
            let why = format!("{told}: about where the journal of {member} begins");
            return Verdict::new(Class::Open, why);
        }
        if time.saturating_add(edge) > to {
            let why = format!("{told}: about where the journal of {member} ends");
            return Verdict::new(Class::Open, why);
        }
        Verdict {
            missing_at: Some(side),
            ..Verdict::new(Class::Missing, told)
        }
    }
}
