//! One end of an exchange: its leaves, and how they are compared with those of the other.

use super::Source;
use super::classify::FieldPair;
use super::fields::Fields;
use super::parts::Record;
use crate::leaf::Side;

/// One end: its leaves in order.
pub(super) type End<'a> = Vec<(&'a Record, Fields<'a>)>;

pub(super) fn name(side: Side) -> &'static str {
    match side {
        Side::Consumer => "consumer",
        Side::Provider => "provider",
    }
}

/// The place that the receipt of an answer names: `{origin}#{index}`.
pub(super) fn receipt(received: &Fields<'_>) -> Option<String> {
    let facts = received.leaf.facts.iter();
    let mut named = facts.filter(|(name, _)| name.plain() == Some(b"peer_receipt"));
    let text = named.next()?.1.decoded().into_owned();
    let text = String::from_utf8(text).ok()?;
    text.rsplit_once(':').map(|(place, _hash)| place.to_owned())
}

/// The last leaf of a kind: an answer that came late stands behind the refusal.
pub(super) fn find<'f>(end: &'f End<'_>, kind: &str) -> Option<&'f Fields<'f>> {
    let is_it = |(_, fields): &&(&Record, Fields<'_>)| fields.get("kind") == kind.as_bytes();
    end.iter().rev().find(is_it).map(|(_, fields)| fields)
}

pub(super) fn time_of(end: &End<'_>) -> u64 {
    end.first().map_or(0, |(_, fields)| fields.leaf.time)
}

/// The member whose journal holds an end.
pub(super) fn member_of(sources: &[Source], end: &End<'_>) -> String {
    let source = end
        .first()
        .and_then(|(record, _)| sources.get(record.source));
    source
        .map(|source| source.member.clone())
        .unwrap_or_default()
}

/// Whether a leaf stands in the log of a member whose end it is not. The client's member tells the consumer's end and
/// nobody else, the service's member the provider's. A leaf that names neither belongs to those whom the others name.
pub(super) fn are_of_others(sources: &[Source], consumer: &End<'_>, provider: &End<'_>) -> bool {
    let is_refused =
        |(_, fields): &(&Record, Fields<'_>)| fields.get("kind") == b"refused".as_slice();
    // A refusal alone says that somebody asked for what is not here, in whatever name.
    let alone = consumer.is_empty() || provider.is_empty();
    if alone && consumer.iter().chain(provider).all(is_refused) {
        return false;
    }
    let is_foreign = |field: &str, end: &End<'_>, other: &End<'_>| {
        let named = |(_, fields): &(&Record, Fields<'_>)| member(fields.get(field));
        let Some(owner) = end.iter().chain(other).find_map(named) else {
            return false;
        };
        end.iter().any(|leaf| {
            let source = sources.get(leaf.0.source).map(|source| &source.member);
            source != Some(&owner) || named(leaf).is_some_and(|named| named != owner)
        })
    };
    is_foreign("client", consumer, provider) || is_foreign("service", provider, consumer)
}

/// Whether an end tells a step a second time. Only a refusal may be repeated: whoever sends a request again gets one each time.
pub(super) fn repeats(end: &End<'_>) -> bool {
    let steps: [&[u8]; 4] = [
        b"request-sent",
        b"request-received",
        b"response-signed",
        b"response-received",
    ];
    let times = |step: &[u8]| {
        end.iter()
            .filter(|(_, fields)| fields.get("kind") == step)
            .count()
    };
    steps.iter().any(|step| times(step) > 1)
}

/// How an end ended, in words.
pub(super) fn ended(side: Side, end: &End<'_>, rest: &str) -> String {
    let mut last = end.iter().rev().map(|(_, fields)| fields);
    // That of a request is no end: it says that its key is remembered.
    let is_end = |fields: &&Fields<'_>| {
        fields.get("kind") != b"request-received" && !fields.get("outcome").is_empty()
    };
    let last = last.find(is_end);
    let told = match last {
        Some(fields) => fields.text("outcome"),
        None if find(end, "interrupted").is_some() => "interrupted".to_owned(),
        None => "no end".to_owned(),
    };
    let rest = if rest.is_empty() {
        String::new()
    } else {
        format!("; {rest}")
    };
    format!("{}: {told}{rest}", name(side))
}

/// The member of a subsystem or service: its first three parts.
pub(super) fn member(identifier: &[u8]) -> Option<String> {
    let text = str::from_utf8(identifier).ok()?;
    let parts: Vec<&str> = text.split('/').take(3).collect();
    (parts.len() == 3).then(|| parts.join("/"))
}

/// The fields of two leaves that differ. If not `whole`, only what both have is compared.
pub(super) fn compare(
    consumer: &Fields<'_>,
    provider: Option<&Fields<'_>>,
    fields: &[&'static str],
    whole: bool,
) -> Vec<FieldPair> {
    let Some(provider) = provider else {
        return Vec::new();
    };
    let differs = |field: &&'static str| {
        let (ours, theirs) = (consumer.get(field), provider.get(counterpart(field)));
        ours != theirs && (whole || !(ours.is_empty() || theirs.is_empty()))
    };
    let pair = |field: &&'static str| FieldPair {
        field,
        consumer: consumer.text(field),
        provider: provider.text(counterpart(field)),
    };
    fields
        .iter()
        .filter(|field| differs(field))
        .map(pair)
        .collect()
}

/// The field of the provider's leaf that tells the same.
pub(super) fn counterpart(field: &'static str) -> &'static str {
    match field {
        "keyid" => "peer_keyid",
        "peer_keyid" => "keyid",
        same => same,
    }
}

/// What both ends know of a request.
pub(super) const REQUEST_FIELDS: [&str; 10] = [
    "client",
    "service",
    "endpoint",
    "purpose",
    "basis",
    "contract",
    "request_size",
    "keyid",
    "nonce",
    "link",
];

/// What both ends know of an answer.
pub(super) const ANSWER_FIELDS: [&str; 4] = ["outcome", "status", "answer_size", "peer_keyid"];
