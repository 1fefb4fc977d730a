//! Makes calls and keeps all that came of them.

use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::bench::Bench;
use crate::probe::Probe;
use crate::{Adapter, AdapterError, Answer, BodyError, Call};

/// The most bytes of an answer that the kit reads.
const ANSWER_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// What a call ended with, its body read.
pub(super) type Ended = Result<Seen, Failure>;

/// A whole answer.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    pub(super) bytes: Bytes,
    /// The length that the body announced before it was read.
    pub(super) announced: Option<u64>,
    /// Whether a trailer came.
    pub(super) trailers: bool,
}

/// Why there is no whole answer.
#[derive(Debug)]
pub(super) enum Failure {
    Call(AdapterError),
    Body(BodyError),
    /// It had not ended when the grace after its deadline was over.
    Overdue,
    /// The adapter panicked.
    Panicked,
}

impl Bench {
    /// Makes the call of a probe.
    pub(super) async fn ask(&self, probe: &Probe) -> Ended {
        self.send(self.call(probe)).await
    }

    /// A call as a probe says, with the battery's patience.
    pub(super) fn call(&self, probe: &Probe) -> Call {
        probe
            .clone()
            .within(self.pace.patience)
            .call(CancellationToken::new())
    }

    /// Makes a call and reads its answer.
    pub(super) async fn send(&self, call: Call) -> Ended {
        self.start(call).await.unwrap_or(Err(Failure::Panicked))
    }

    /// Makes a call in a task of its own, as a node does.
    pub(super) fn start(&self, call: Call) -> JoinHandle<Ended> {
        let adapter = Arc::clone(&self.adapter);
        let latest = self.latest(&call);
        tokio::spawn(async move {
            let whole = async {
                let answer = adapter.call(call).await.map_err(Failure::Call)?;
                read(answer).await
            };
            timeout_at(latest, whole)
                .await
                .unwrap_or(Err(Failure::Overdue))
        })
    }

    /// Waits for the head of an answer only.
    pub(super) async fn head(&self, call: Call) -> Result<Answer, Failure> {
        let adapter = Arc::clone(&self.adapter);
        let latest = self.latest(&call);
        let head = tokio::spawn(async move {
            match timeout_at(latest, adapter.call(call)).await {
                Ok(head) => head.map_err(Failure::Call),
                Err(_) => Err(Failure::Overdue),
            }
        });
        head.await.unwrap_or(Err(Failure::Panicked))
    }

    /// Begins a call and drops it as soon as the adapter waits for something. Whether it waited.
    pub(super) async fn abandon(&self, call: Call) -> bool {
        let adapter: Arc<dyn Adapter> = Arc::clone(&self.adapter);
        let mut future = adapter.call(call);
        std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }

    /// A call whose deadline has passed, by more than clocks round.
    pub(super) fn out_of_time(&self, probe: &Probe) -> Call {
        let mut call = self.call(probe);
        let now = Instant::now();
        call.deadline = now.checked_sub(self.pace.short).unwrap_or(now);
        call
    }

    /// When a call is overdue.
    fn latest(&self, call: &Call) -> Instant {
        let patient = Instant::now().checked_add(self.pace.patience);
        let latest = patient.map_or(call.deadline, |patient| patient.min(call.deadline));
        let latest = latest.max(Instant::now());
        latest.checked_add(self.pace.grace).unwrap_or(latest)
    }
}

/// Reads an answer to its end.
pub(super) async fn read(answer: Answer) -> Ended {
    let (status, fields, mut body) = (answer.status, answer.fields, answer.body);
    let announced = body.size_hint().exact();
    let mut bytes = BytesMut::new();
    let mut trailers = false;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Failure::Body)?;
        match frame.into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(_) => trailers = true,
        }
        if u64::try_from(bytes.len()).is_ok_and(|length| length > ANSWER_LIMIT_BYTES) {
            return Err(Failure::Body(BodyError::TooLarge {
                limit_bytes: ANSWER_LIMIT_BYTES,
            }));
        }
    }
    Ok(Seen {
        status,
        fields,
        bytes: bytes.freeze(),
        announced,
        trailers,
    })
}

/// What a call ended with, in words without values.
pub(super) fn told(ended: &Ended) -> String {
    match ended {
        Ok(seen) => format!(
            "the status {} and {} bytes",
            seen.status.as_u16(),
            seen.bytes.len()
        ),
        Err(Failure::Call(error)) => format!("the error {}", error.code()),
        Err(Failure::Body(error)) => format!("a broken body: {error}"),
        Err(Failure::Overdue) => "nothing: it was overdue".to_owned(),
        Err(Failure::Panicked) => "a panic".to_owned(),
    }
}
