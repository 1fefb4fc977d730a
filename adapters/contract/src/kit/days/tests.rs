//! Adapters that are faulty on purpose: the kit must catch each.

use async_trait::async_trait;
use http::HeaderMap;

use super::*;
use crate::probe::ProbeBody;
use crate::{Answer, Call, Description, Limit, ServiceDescription};

/// An adapter in memory; `fault` says which case it fails.
struct Memory {
    fault: Option<Case>,
    calls: std::sync::atomic::AtomicU64,
}

#[async_trait]
impl Adapter for Memory {
    fn describe(&self) -> Description {
        let service = ServiceDescription {
            code: "s".to_owned(),
            title: "S".to_owned(),
            endpoints: Vec::new(),
            openapi: None,
        };
        let services = if self.fails(Case::Describes) {
            Vec::new()
        } else {
            vec![service]
        };
        Description {
            adapter: "memory",
            services,
        }
    }

    async fn health(&self) -> Health {
        Health::Ready
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let number = self
            .calls
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match call.path.as_str() {
            "/good" if self.fails(Case::Answers) => Err(AdapterError::Busy),
            "/good" if self.fails(Case::CalledTwice) => ok(body::full(number.to_string())),
            "/good" => ok(body::full("yaxşı")),
            "/slow" if self.fails(Case::TooSlow) => ok(body::full("at once")),
            "/slow" if self.fails(Case::Cancelled) => {
                tokio::time::sleep_until(call.deadline).await;
                Err(AdapterError::TimedOut)
            }
            "/slow" => tokio::select! {
                () = call.cancel.cancelled() => Err(AdapterError::Cancelled),
                () = tokio::time::sleep_until(call.deadline) => Err(AdapterError::TimedOut),
            },
            "/echo" => match body::collect(call.body, 100).await {
                Err(_) if self.fails(Case::CutRequest) => ok(body::empty()),
                Err(error) => Err(AdapterError::RequestBody(error)),
                Ok(bytes) => ok(body::full(bytes)),
            },
            "/cut" if self.fails(Case::CutAnswer) => ok(body::full("half")),
            "/cut" => ok(body::cut_after("half")),
            "/large" if self.fails(Case::TooLarge) => ok(body::full("much")),
            "/large" => Err(AdapterError::TooLarge {
                limit: Limit::AnswerBytes(3),
            }),
            "/bytes" if self.fails(Case::NotUtf8) => ok(body::full("\u{fffd}")),
            "/bytes" => ok(body::full(&b"\xff"[..])),
            _ if self.fails(Case::RejectsUnknownPath) => ok(body::empty()),
            _ => Err(AdapterError::NotFound),
        }
    }
}

impl Memory {
    fn fails(&self, case: Case) -> bool {
        self.fault == Some(case)
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "its arms read like the errors beside them"
)]
fn ok(body: crate::Body) -> Result<Answer, AdapterError> {
    Ok(Answer {
        status: StatusCode::OK,
        fields: HeaderMap::new(),
        body,
    })
}

fn battery() -> Battery {
    let probe = |path| {
        let service = "AZ/GOV/1001/POPULATION/person".parse().unwrap();
        Probe::get(service, "AZ/GOV/2001/TAX".parse().unwrap(), path)
    };
    Battery {
        answers: probe("/good"),
        unknown_path: probe("/nowhere"),
        slow: Some(probe("/slow").within(Duration::from_millis(50))),
        cut_request: Some(probe("/echo").posting(ProbeBody::CutAfter("{".into()))),
        cut_answer: Some(probe("/cut")),
        large: Some(probe("/large")),
        not_utf8: Some((probe("/bytes"), Bytes::from_static(b"\xff"))),
    }
}

async fn broken(fault: Option<Case>) -> Vec<Case> {
    let adapter = Memory {
        fault,
        calls: 0.into(),
    };
    let outcomes = run(&adapter, &battery()).await;
    let broken = outcomes
        .into_iter()
        .filter(|outcome| outcome.verdict != Verdict::Held);
    broken.map(|outcome| outcome.case).collect()
}

#[tokio::test(start_paused = true)]
async fn a_sound_adapter_holds_every_case() {
    assert_eq!(broken(None).await, []);
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_caught_by_its_case() {
    for case in [
        Case::Describes,
        Case::RejectsUnknownPath,
        Case::TooSlow,
        Case::Cancelled,
        Case::CutRequest,
        Case::CutAnswer,
        Case::TooLarge,
        Case::NotUtf8,
        Case::CalledTwice,
    ] {
        let found = broken(Some(case)).await;
        assert!(found.contains(&case), "{case:?}: {found:?}");
    }
    assert!(broken(Some(Case::Answers)).await.contains(&Case::Answers));
}

#[tokio::test]
async fn a_day_without_a_probe_is_said_to_be_untried() {
    let battery = Battery {
        slow: None,
        cut_answer: None,
        not_utf8: None,
        ..battery()
    };
    let outcomes = run(
        &Memory {
            fault: None,
            calls: 0.into(),
        },
        &battery,
    )
    .await;
    let untried = outcomes
        .iter()
        .filter(|outcome| outcome.verdict == Verdict::NotTried);
    assert_eq!(untried.count(), 4);
}
