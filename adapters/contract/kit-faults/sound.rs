//! Registries that do otherwise than the reference, where an adapter is free to.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bridge_adapter::kit::{self, Format, Report, Subject};
use bridge_adapter::{Adapter, AdapterError, Answer, Call, Description, Health};
use http::StatusCode;
use serde_json::json;

use crate::reference::{Reference, answer, subject};
use crate::{Twin, pace};

/// What a registry does otherwise.
#[derive(Default)]
struct Otherwise {
    sound: Reference,
    /// The scenario's payment pays the balance.
    pays: bool,
    paid: AtomicBool,
    /// A payment that has not its form is refused by an answer, which has the key from then on.
    answers_refusals: bool,
    /// The refusal is not found again.
    forgets: bool,
    refused: Mutex<BTreeSet<String>>,
}

/// One that answers a payment which has not its form, and does not find that answer again.
pub(crate) fn forgetful() -> Twin {
    Twin {
        check: "effects.refused-keeps-nothing",
        part: "an answer is given again",
        what: "keeps an answer that refuses, and gives another one for its key",
        whole: true,
        make: Box::new(|| {
            Arc::new(Otherwise {
                answers_refusals: true,
                forgets: true,
                ..Otherwise::default()
            })
        }),
    }
}

#[async_trait]
impl Adapter for Otherwise {
    fn describe(&self) -> Description {
        self.sound.describe()
    }

    async fn health(&self) -> Health {
        self.sound.health().await
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let service = call.service.code().to_owned();
        let key = call.idempotency.as_ref().map(|own| own.scoped.clone());
        let mut answered = self.sound.call(call).await;
        if service == "payment" && answered.is_ok() {
            self.paid.store(true, SeqCst);
        }
        if service == "payment" && self.answers_refusals {
            answered = self.kept(key, answered);
        }
        if service == "balance" && answered.is_ok() && self.pays && self.paid.load(SeqCst) {
            answered = Ok(answer(StatusCode::OK, balance(0)));
        }
        answered
    }
}

impl Otherwise {
    fn kept(
        &self,
        key: Option<String>,
        answered: Result<Answer, AdapterError>,
    ) -> Result<Answer, AdapterError> {
        let wrong =
            matches!(&answered, Err(AdapterError::BadRequest { place, .. }) if place == "body");
        let mut refused = self.refused.lock().unwrap();
        let before = key.as_ref().is_some_and(|key| refused.contains(key));
        match (wrong, before) {
            (true, true) if self.forgets => Ok(answer(StatusCode::CREATED, b"{}".to_vec())),
            (true, _) => {
                refused.extend(key);
                let said = br#"{"error":"form"}"#.to_vec();
                Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, said))
            }
            (false, true) => Err(AdapterError::KeyReused),
            (false, false) => answered,
        }
    }
}

fn balance(qepik: u32) -> Vec<u8> {
    let value = json!({
        "fin": "MBXEHTV", "qepik": qepik, "at": "2026-11-21T10:00:00+04:00", "note": "ödənilib", "months": [3, 1, 2],
    });
    value.to_string().into_bytes()
}

async fn examined(registry: Otherwise, subject: &Subject) -> Report {
    let adapter: Arc<dyn Adapter> = Arc::new(registry);
    kit::examine(&adapter, subject, &pace()).await
}

#[track_caller]
fn all_hold(report: &Report) {
    let [_, broken, absent] = report.counts();
    let told = report.write("it", Format::Text);
    assert_eq!((broken, absent), (0, 0), "{told}");
}

#[tokio::test(start_paused = true)]
async fn what_a_later_step_changes_is_expected_as_it_was_and_measured_as_it_is() {
    let mut subject = subject();
    let mut steps = subject.scenario.steps.iter_mut();
    let read = steps.find(|step| step.title == "A balance").unwrap();
    read.registry.as_mut().unwrap().body = serde_json::from_slice(&balance(1500)).ok();
    let registry = Otherwise {
        pays: true,
        ..Otherwise::default()
    };
    all_hold(&examined(registry, &subject).await);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_an_answer_may_be_kept_and_then_it_is_given_again() {
    // One that forgets it is among the broken ones: `forgetful`.
    let registry = Otherwise {
        answers_refusals: true,
        ..Otherwise::default()
    };
    all_hold(&examined(registry, &subject()).await);
}
