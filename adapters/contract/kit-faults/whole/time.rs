//! Adapters that do not keep deadlines, or do not notice that nobody waits.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bridge_adapter::{Adapter as _, AdapterError, Answer, BodyError, Call, Until, body};
use bytes::Bytes;
use http::Method;
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Faulty, twin};
use crate::Twin;
use crate::reference::{BODY_BYTES, Reference, collected};

pub(super) fn twins() -> Vec<Twin> {
    vec![
        twin::<Late>("time.deadline-passed", "gives every call a second at least"),
        twin::<Deaf>(
            "time.cancelled-before",
            "looks for a cancellation only while it waits",
        ),
        twin::<Waits>("time.body-stalls", "waits for a body however long it takes"),
        twin::<Stubborn>(
            "time.body-stalls-cancelled",
            "reads a body to its end although nobody waits",
        ),
        twin::<Detached>(
            "time.body-let-go",
            "reads the body in a task that outlives the call",
        ),
        twin::<Contagious>("time.cancel-one", "shares one cancellation among all calls"),
        twin::<HangsLate>(
            "time.answer-read-late",
            "stops sending at the deadline without a word",
        ),
        twin::<EndsEarly>(
            "time.answer-cancelled",
            "ends an answer that is cancelled as if it were whole",
        ),
    ]
}

#[derive(Default)]
struct Late {
    sound: Reference,
}

#[async_trait]
impl Faulty for Late {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if call.deadline <= Instant::now() {
            call.deadline = Instant::now() + Duration::from_secs(1);
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Deaf {
    sound: Reference,
}

#[async_trait]
impl Faulty for Deaf {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if call.cancel.is_cancelled() {
            call.cancel = CancellationToken::new();
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Waits {
    sound: Reference,
}

#[async_trait]
impl Faulty for Waits {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if call.method == Method::POST {
            let until = Until {
                cancel: call.cancel.clone(),
                ..Until::after(Duration::from_hours(1))
            };
            let bytes = collected(&mut call, &until, BODY_BYTES).await?;
            call.body = body::full(bytes);
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Stubborn {
    sound: Reference,
}

#[async_trait]
impl Faulty for Stubborn {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if call.method == Method::POST {
            let until = Until {
                deadline: call.deadline,
                cancel: CancellationToken::new(),
            };
            let bytes = collected(&mut call, &until, BODY_BYTES).await?;
            call.body = body::full(bytes);
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Detached {
    sound: Reference,
}

#[async_trait]
impl Faulty for Detached {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if call.method == Method::POST {
            let until = Until::of(&call);
            let body = std::mem::replace(&mut call.body, body::empty());
            let reading = tokio::spawn(body::collect(body, BODY_BYTES));
            let read = until.bound(reading).await?.unwrap();
            call.body = match read {
                Ok(bytes) => body::full(bytes),
                Err(error @ BodyError::TooLarge { .. }) => {
                    return Err(AdapterError::RequestBody(error));
                }
                Err(_) => body::cut_after(Bytes::new()),
            };
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Contagious {
    sound: Reference,
    cancelled: Notify,
}

#[async_trait]
impl Faulty for Contagious {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let others = self.cancelled.notified();
        let answer = tokio::select! {
            biased;
            () = others => Err(AdapterError::Cancelled),
            answer = self.sound.call(call) => answer,
        };
        if matches!(answer, Err(AdapterError::Cancelled)) {
            self.cancelled.notify_waiters();
        }
        answer
    }
}

#[derive(Default)]
struct HangsLate {
    sound: Reference,
}

#[async_trait]
impl Faulty for HangsLate {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let deadline = call.deadline;
        let mut answer = self.sound.call(call).await?;
        answer.body = Gated {
            inner: answer.body,
            gate: move || (Instant::now() >= deadline).then_some(Poll::Pending),
        }
        .boxed_unsync();
        Ok(answer)
    }
}

#[derive(Default)]
struct EndsEarly {
    sound: Reference,
}

#[async_trait]
impl Faulty for EndsEarly {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let cancel = call.cancel.clone();
        let mut answer = self.sound.call(call).await?;
        answer.body = Gated {
            inner: answer.body,
            gate: move || cancel.is_cancelled().then_some(Poll::Ready(None)),
        }
        .boxed_unsync();
        Ok(answer)
    }
}

pub(super) type Polled = Poll<Option<Result<Frame<Bytes>, BodyError>>>;

/// A body that does as its gate says, where it says something.
pub(super) struct Gated<G> {
    pub(super) inner: bridge_adapter::Body,
    pub(super) gate: G,
}

impl<G: Fn() -> Option<Polled> + Unpin> http_body::Body for Gated<G> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        match (self.gate)() {
            Some(polled) => polled,
            None => Pin::new(&mut self.inner).poll_frame(cx),
        }
    }
}
