//! The conformance kit: one battery of checks that every adapter has to pass.
//!
//! [`examine`] makes first the calls of the package's scenario, then tries what goes wrong in the
//! field: other persons' data, unknown paths, odd letters, broken bodies, callers that go away,
//! many callers at once, the same payment twice. It is driven by data alone: the package's OpenAPI
//! document, its scenario, and values made from both. The adapter is called by the [`Adapter`] trait,
//! whether it lives in this process or not.
//!
//! What a package gives no occasion for (no operation with a body, no effect) is reported as such and
//! never counted as passed.
//!
//! Three nouns: the **check** ([`Check`]: an id, a claim, why it matters, how it is tried), the
//! **bench** (the adapter with what came of the scenario's calls) and the **report**.

use std::sync::Arc;

use crate::Adapter;
use crate::probe::Probe;
use crate::scenario::{Expected, Scenario, Step};

mod answers;
mod ask;
mod bench;
mod bodies;
mod check;
mod description;
mod effects;
mod errors;
mod facts;
mod fields;
mod forms;
mod health;
mod identity;
mod judge;
mod methods;
mod odd;
mod paths;
mod places;
mod query;
mod registry;
mod repeat;
mod report;
mod streams;
mod subject;
mod time;
mod together;
mod values;

pub use check::{Check, Outcome, Verdict};
pub use report::{Format, Report};
pub use subject::{Days, Pace, Subject};

/// The themes of the battery, in the order in which they are tried.
const THEMES: [&[Check]; 18] = [
    description::CHECKS,
    health::CHECKS,
    answers::CHECKS,
    values::CHECKS,
    fields::CHECKS,
    identity::CHECKS,
    paths::CHECKS,
    methods::CHECKS,
    query::CHECKS,
    bodies::CHECKS,
    forms::CHECKS,
    errors::CHECKS,
    facts::CHECKS,
    repeat::CHECKS,
    effects::CHECKS,
    together::CHECKS,
    time::CHECKS,
    places::CHECKS,
];

/// All checks, in the order in which they are tried.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    THEMES.into_iter().flatten().chain(registry::CHECKS)
}

/// Examines an adapter: makes the calls of the scenario, then tries each check after the other.
///
/// # Cancel safety
///
/// Dropping the future abandons the calls that are being made.
pub async fn examine(adapter: &Arc<dyn Adapter>, subject: &Subject, pace: &Pace) -> Report {
    tried(adapter, subject.clone(), pace, checks()).await
}

/// Tries an adapter on days on which its registry misbehaves, and by nothing else: for registries that have no package.
/// `plain` is a reading call that works on the days before and after.
///
/// # Cancel safety
///
/// As [`examine`].
pub async fn examine_days(
    adapter: &Arc<dyn Adapter>,
    plain: Probe,
    days: Days,
    pace: &Pace,
) -> Report {
    let expected = Expected {
        status: 200,
        body: None,
        error: None,
    };
    let subject = Subject {
        services: Vec::new(),
        openapi: Arc::default(),
        scenario: Scenario {
            provider: plain.service.subsystem().clone(),
            groups: Vec::new(),
            steps: vec![Step {
                title: "A call on any day".to_owned(),
                probe: plain,
                registry: Some(expected),
                consumer: None,
            }],
        },
        days,
    };
    tried(adapter, subject, pace, registry::CHECKS.iter()).await
}

async fn tried(
    adapter: &Arc<dyn Adapter>,
    subject: Subject,
    pace: &Pace,
    checks: impl Iterator<Item = &'static Check>,
) -> Report {
    let bench = bench::Bench::set_up(Arc::clone(adapter), subject, pace.clone()).await;
    let mut outcomes = Vec::new();
    for check in checks {
        outcomes.push(check.tried(&bench).await);
    }
    Report { outcomes }
}
