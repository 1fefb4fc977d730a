//! The adapter on the bench: what it says of itself, and what came of the scenario's calls.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::ask::{Ended, Failure, Seen};
use super::check::{Finding, absent};
use super::judge::is_same;
use super::subject::{Pace, Subject};
use crate::openapi::{CheckedAnswer, Mismatch};
use crate::probe::{Probe, ProbeBody};
use crate::scenario::Expected;
use crate::template::Template;
use crate::{Adapter, Description, Effect};

/// What every check works on.
pub(super) struct Bench {
    pub(super) adapter: Arc<dyn Adapter>,
    pub(super) subject: Subject,
    pub(super) pace: Pace,
    /// What the adapter said first.
    pub(super) description: Description,
    /// The steps that reach the registry, with what came of each.
    pub(super) taken: Vec<Taken>,
    /// Makes the battery's Idempotency-Keys different in each run.
    pub(super) run: uuid::Uuid,
}

/// A step of the scenario and what came of its call.
pub(super) struct Taken {
    pub(super) title: String,
    pub(super) probe: Probe,
    pub(super) expected: Expected,
    pub(super) ended: Ended,
    /// What a call that reads ended with right after, before any other step.
    pub(super) again: Option<Ended>,
    /// What it is answered since a later step changed what it reads.
    settled: Option<Seen>,
}

/// A call that is answered with 2xx, and its answer.
#[derive(Clone, Copy)]
pub(super) struct Good<'a> {
    pub(super) title: &'a str,
    pub(super) probe: &'a Probe,
    pub(super) seen: &'a Seen,
}

/// Where the value stands that says whom a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Path,
    Query,
    Body,
}

impl Bench {
    /// Asks the adapter for its description and makes the calls of the scenario.
    pub(super) async fn set_up(adapter: Arc<dyn Adapter>, subject: Subject, pace: Pace) -> Self {
        let description = adapter.describe();
        let run = uuid::Uuid::new_v4();
        let mut bench = Self {
            adapter,
            subject,
            pace,
            description,
            taken: Vec::new(),
            run,
        };
        for step in bench.subject.scenario.steps.clone() {
            let Some(expected) = step.registry else {
                continue;
            };
            let ended = bench.ask(&step.probe).await;
            let again = match bench.effect(&step.probe) {
                Effect::Reads => Some(bench.ask(&step.probe).await),
                Effect::Unknown | Effect::Stored => None,
            };
            bench.taken.push(Taken {
                title: step.title,
                probe: step.probe,
                expected,
                ended,
                again,
                settled: None,
            });
        }
        bench.settle().await;
        bench
    }

    /// Asks again what was read before the scenario's last effect: an answer that is another one now, and is so twice,
    /// is the measure from here on.
    async fn settle(&mut self) {
        let last = self
            .taken
            .iter()
            .rposition(|taken| self.effect(&taken.probe) != Effect::Reads);
        for index in 0..last.unwrap_or_default() {
            let settled = match self.taken.get(index) {
                Some(taken) => self.settled(taken).await,
                None => None,
            };
            if let Some(taken) = self.taken.get_mut(index) {
                taken.settled = settled;
            }
        }
    }

    async fn settled(&self, taken: &Taken) -> Option<Seen> {
        let first = taken.ended.as_ref().ok()?;
        if self.effect(&taken.probe) != Effect::Reads {
            return None;
        }
        let now = self.ask(&taken.probe).await.ok()?;
        if is_same(&now, first) {
            return None;
        }
        let again = self.ask(&taken.probe).await.ok()?;
        is_same(&again, &now).then_some(now)
    }

    /// The scenario's first call that reads and is answered: the measure of most checks.
    pub(super) fn plain(&self) -> Result<Good<'_>, Finding> {
        let none =
            || absent("the scenario's first reading call is not answered (answers.plain-call)");
        self.first(|good| good.probe.method == Method::GET)
            .or_else(|_| self.first(|_| true))
            .map_err(|_none| none())
    }

    /// The scenario's calls that read and are answered with 2xx.
    pub(super) fn reading(&self) -> impl Iterator<Item = Good<'_>> {
        self.answered()
            .filter(|good| self.effect(good.probe) == Effect::Reads)
    }

    /// The scenario's calls that are answered with 2xx.
    pub(super) fn answered(&self) -> impl Iterator<Item = Good<'_>> {
        self.taken
            .iter()
            .filter_map(|taken| taken.with(taken.settled.as_ref().or(taken.ended.as_ref().ok())?))
    }

    /// All answers to the scenario's calls, whatever their status.
    pub(super) fn answers(&self) -> impl Iterator<Item = (&Taken, &Seen)> {
        self.taken
            .iter()
            .filter_map(|taken| taken.ended.as_ref().ok().map(|seen| (taken, seen)))
    }

    /// A reading call with a JSON object as its body.
    pub(super) fn reading_body(&self) -> Result<(Good<'_>, &Bytes), Finding> {
        let good = self.first(|good| json_object(good.probe).is_some());
        let good = good.map_err(|_none| {
            absent("no reading step of the scenario has a JSON object as its body")
        })?;
        body_of(good.probe).map(|bytes| (good, bytes))
    }

    /// Any answered call with a JSON object as its body; reading ones before others.
    pub(super) fn any_body(&self) -> Result<(Good<'_>, &Bytes), Finding> {
        self.reading_body().or_else(|_| {
            let good = self
                .answered()
                .find(|good| json_object(good.probe).is_some());
            let good = good
                .ok_or_else(|| absent("no step of the scenario has a JSON object as its body"))?;
            body_of(good.probe).map(|bytes| (good, bytes))
        })
    }

    /// A reading call with a query.
    pub(super) fn with_query(&self) -> Result<(Good<'_>, &(String, String)), Finding> {
        let none = || absent("no reading step of the scenario has a query");
        let good = self
            .first(|good| !good.probe.query.is_empty())
            .map_err(|_none| none())?;
        good.probe
            .query
            .first()
            .map(|pair| (good, pair))
            .ok_or_else(none)
    }

    /// A reading call whose path names somebody: with the place of the segment.
    pub(super) fn with_parameter(&self) -> Result<(Good<'_>, usize), Finding> {
        let found = self
            .reading()
            .find_map(|good| self.parameter(good.probe).map(|at| (good, at)));
        found.ok_or_else(|| absent("no reading step of the scenario has a parameter in its path"))
    }

    /// A call that is answered, and that the adapter promised to keep with its key.
    pub(super) fn stored(&self) -> Result<Good<'_>, Finding> {
        let none = || absent("no step of the scenario has an effect that is stored");
        self.answered()
            .find(|good| self.effect(good.probe) == Effect::Stored)
            .ok_or_else(none)
    }

    /// Two reading calls of one endpoint about two persons, whose answers differ.
    pub(super) fn pair(&self, told: Told) -> Result<[Good<'_>; 2], Finding> {
        let all: Vec<Good<'_>> = self.reading().collect();
        for (index, one) in all.iter().enumerate() {
            let mut others = all.iter().skip(index.saturating_add(1));
            let fits = |other: &&Good<'_>| {
                let (a, b) = (one.probe, other.probe);
                a.service == b.service
                    && a.method == b.method
                    && self.endpoint(a) == self.endpoint(b)
                    && one.seen.bytes != other.seen.bytes
                    && differ_in(a, b) == Some(told)
            };
            if let Some(other) = others.find(fits) {
                return Ok([*one, *other]);
            }
        }
        let place = match told {
            Told::Path => "path",
            Told::Query => "query",
            Told::Body => "body",
        };
        Err(absent(format!(
            "no two reading steps of one endpoint differ in their {place} alone"
        )))
    }

    /// What the adapter says that a call leaves behind.
    pub(super) fn effect(&self, probe: &Probe) -> Effect {
        let mut services = self.description.services.iter();
        let service = services.find(|own| own.code == probe.service.code());
        let endpoints = service
            .map(|own| own.endpoints.as_slice())
            .unwrap_or_default();
        Effect::of_call(endpoints, &probe.method, &probe.segments())
    }

    /// The template of the OpenAPI document that a call's path matches.
    pub(super) fn endpoint(&self, probe: &Probe) -> Option<Template> {
        let segments = probe.segments();
        let endpoints = self.subject.openapi.endpoints(probe.service.code());
        let matching = endpoints.into_iter().filter(|own| own.path.fits(&segments));
        matching
            .min_by_key(|own| own.path.precedence())
            .map(|own| own.path)
    }

    /// Where the last parameter of a call's path stands.
    fn parameter(&self, probe: &Probe) -> Option<usize> {
        let template = self.endpoint(probe)?;
        let names: BTreeSet<String> = template
            .parameters()
            .map(|name| format!("{{{name}}}"))
            .collect();
        let segments: Vec<&str> = template
            .as_str()
            .trim_start_matches('/')
            .split('/')
            .collect();
        segments
            .iter()
            .rposition(|segment| names.contains(*segment))
    }

    /// Whether the OpenAPI document allows a call.
    pub(super) fn allows(&self, probe: &Probe) -> Result<(), Mismatch> {
        self.subject.allows(probe)
    }

    /// Whether an answer agrees with the OpenAPI document.
    pub(super) fn agrees(&self, probe: &Probe, seen: &Seen) -> Result<(), Mismatch> {
        let segments = probe.segments();
        let content_type = seen.fields.get(http::header::CONTENT_TYPE);
        self.subject.openapi.check_answer(&CheckedAnswer {
            service: probe.service.code(),
            method: probe.method.as_str(),
            segments: &segments,
            status: seen.status.as_u16(),
            content_type: content_type.and_then(|value| value.to_str().ok()),
            body: &seen.bytes,
        })
    }

    /// An Idempotency-Key that no other call of any run has.
    pub(super) fn fresh_key(&self, name: &str) -> String {
        format!("kit-{}-{name}", self.run)
    }

    fn first(&self, fits: impl Fn(&Good<'_>) -> bool) -> Result<Good<'_>, Finding> {
        self.reading()
            .find(fits)
            .ok_or_else(|| absent("no step of the scenario fits"))
    }
}

impl Taken {
    /// The call with its first answer, if that is 2xx.
    pub(super) fn good(&self) -> Option<Good<'_>> {
        self.with(self.ended.as_ref().ok()?)
    }

    fn with<'a>(&'a self, seen: &'a Seen) -> Option<Good<'a>> {
        seen.status.is_success().then_some(Good {
            title: &self.title,
            probe: &self.probe,
            seen,
        })
    }

    /// Whether the call ended in a panic or was overdue: told by its own checks.
    pub(super) fn crashed(&self) -> bool {
        matches!(self.ended, Err(Failure::Overdue | Failure::Panicked))
    }
}

/// The JSON object that a probe sends.
pub(super) fn json_object(probe: &Probe) -> Option<serde_json::Map<String, Value>> {
    let bytes = body_of(probe).ok()?;
    match serde_json::from_slice(bytes).ok()? {
        Value::Object(object) => Some(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    }
}

fn body_of(probe: &Probe) -> Result<&Bytes, Finding> {
    match &probe.body {
        ProbeBody::Whole(bytes) => Ok(bytes),
        ProbeBody::Empty | ProbeBody::CutAfter(_) => Err(absent("the step has no whole body")),
    }
}

/// The one place in which two calls differ; `None` if it is none or several.
fn differ_in(one: &Probe, other: &Probe) -> Option<Told> {
    let bytes = |probe: &Probe| probe.body.whole().unwrap_or_default();
    let differing = [
        (Told::Path, one.path != other.path),
        (Told::Query, one.query != other.query),
        (Told::Body, bytes(one) != bytes(other)),
    ];
    let mut differing = differing.into_iter().filter(|(_, differ)| *differ);
    match (differing.next(), differing.next()) {
        (Some((told, _)), None) => Some(told),
        _ => None,
    }
}
