//! A sound registry in which a later step of the scenario changes what an earlier one reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use async_trait::async_trait;
use bridge_adapter::kit::{self, Format};
use bridge_adapter::{Adapter, AdapterError, Answer, Call, Description, Health};
use http::StatusCode;
use serde_json::json;

use crate::pace;
use crate::reference::{Reference, answer, subject};

/// The balance is paid by the scenario's payment.
#[derive(Default)]
struct Paid {
    sound: Reference,
    paid: AtomicBool,
}

#[async_trait]
impl Adapter for Paid {
    fn describe(&self) -> Description {
        self.sound.describe()
    }

    async fn health(&self) -> Health {
        self.sound.health().await
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let service = call.service.code().to_owned();
        let answered = self.sound.call(call).await?;
        if service == "payment" {
            self.paid.store(true, SeqCst);
        }
        if service == "balance" && self.paid.load(SeqCst) {
            return Ok(answer(StatusCode::OK, balance(0)));
        }
        Ok(answered)
    }
}

fn balance(qepik: u32) -> Vec<u8> {
    let value = json!({
        "fin": "MBXEHTV", "qepik": qepik, "at": "2026-11-21T10:00:00+04:00", "note": "ödənilib", "months": [3, 1, 2],
    });
    value.to_string().into_bytes()
}

#[tokio::test(start_paused = true)]
async fn what_a_later_step_changes_is_expected_as_it_was_and_measured_as_it_is() {
    let mut subject = subject();
    let steps = subject.scenario.steps.iter_mut();
    let read = steps.rev().find(|step| step.title == "A balance").unwrap();
    read.registry.as_mut().unwrap().body = serde_json::from_slice(&balance(1500)).ok();
    let adapter: Arc<dyn Adapter> = Arc::new(Paid::default());
    let report = kit::examine(&adapter, &subject, &pace()).await;
    let [_, broken, absent] = report.counts();
    assert_eq!(
        (broken, absent),
        (0, 0),
        "{}",
        report.write("it", Format::Text)
    );
}
