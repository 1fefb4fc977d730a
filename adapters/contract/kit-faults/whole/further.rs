//! Adapters of their own that break a further part of a claim.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bridge_adapter::{Adapter as _, AdapterError, Answer, BodyError, Call, Until, body};
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::effects::key;
use super::registry::asks;
use super::running::Running;
use super::time::{Gated, Polled};
use super::{Faulty, part};
use crate::Twin;
use crate::reference::{Reference, collected, failed};

pub(super) fn twins() -> Vec<Twin> {
    vec![
        part::<Hangs>(
            ("answers.no-crash", "hang"),
            "waits for ever where a registry has no body for it",
        ),
        part::<Drowns>(
            ("bodies.endless", "in time"),
            "stops reading a large body and says nothing",
        ),
        part::<Cached>(
            ("repeat.same-values", "the same status"),
            "says of its second answer that it comes from a cache",
        ),
        part::<Respaces>(
            ("effects.same-key", "byte by byte"),
            "writes a kept answer anew",
        ),
        part::<BooksTwice>(
            ("effects.abandoned", "one answer only"),
            "books once for who went away and once for who came again",
        ),
        part::<Forgives>(
            ("together.with-mistakes", "mistaken ones are refused"),
            "fails on a mistake that comes in a rush",
        ),
        part::<Ends<AtDeadline, AsWhole>>(
            ("time.answer-read-late", "it is whole"),
            "ends an answer at the deadline as if it were whole",
        ),
        part::<Ends<AtDeadline, AsCut>>(
            ("time.answer-read-late", "it ends as timed out"),
            "says at the deadline that its registry went away",
        ),
        part::<Ends<OnceCancelled, Never>>(
            ("time.answer-cancelled", "it does not hang"),
            "stops sending an answer that is cancelled, without a word",
        ),
        part::<Ends<OnceCancelled, AsCut>>(
            ("time.answer-cancelled", "it ends as cancelled"),
            "says of an answer that is cancelled that its registry went away",
        ),
        part::<Lingers>(
            ("registry.slow", "at the deadline"),
            "waits for a slow registry for an hour more",
        ),
        part::<Chokes>(
            ("registry.not-utf8", "passed on or refused"),
            "fails on what is not UTF-8",
        ),
    ]
}

#[derive(Default)]
struct Hangs {
    sound: Reference,
}

#[async_trait]
impl Faulty for Hangs {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        if call.segments.get(1).is_some_and(|own| own == "mark") {
            std::future::pending::<()>().await;
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Drowns {
    sound: Reference,
}

#[async_trait]
impl Faulty for Drowns {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if call.method == Method::POST {
            let until = Until::of(&call);
            match collected(&mut call, &until, 2 * 1024 * 1024).await {
                Ok(bytes) => call.body = body::full(bytes),
                Err(AdapterError::TooLarge { .. }) => std::future::pending().await,
                Err(error) => return Err(error),
            }
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Cached {
    sound: Reference,
    answers: AtomicU32,
}

#[async_trait]
impl Faulty for Cached {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let is_balance = call.service.code() == "balance" && call.segments.len() == 1;
        let mut answer = self.sound.call(call).await?;
        if is_balance && self.answers.fetch_add(1, SeqCst) > 0 {
            answer.status = StatusCode::NON_AUTHORITATIVE_INFORMATION;
        }
        Ok(answer)
    }
}

#[derive(Default)]
struct Respaces {
    sound: Reference,
    used: Mutex<std::collections::BTreeMap<String, u32>>,
    running: Running,
}

#[async_trait]
impl Faulty for Respaces {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let entered = self.running.enter("");
        let Some(own) = key(&mut call).map(|key| key.scoped.clone()) else {
            return self.sound.call(call).await;
        };
        let mut answer = self.sound.call(call).await?;
        if entered.others > 0 {
            return Ok(answer);
        }
        let count = {
            let mut used = self.used.lock().unwrap();
            let count = used.entry(own).or_default();
            *count += 1;
            *count
        };
        if count > 3 {
            let bytes = body::collect(answer.body, 1024).await.unwrap();
            let text = String::from_utf8(bytes.to_vec())
                .unwrap()
                .replace(':', ": ");
            let length = HeaderValue::from(text.len());
            answer.fields.insert(header::CONTENT_LENGTH, length);
            answer.body = body::full(text);
        }
        Ok(answer)
    }
}

/// Keys whose caller went away; the next call with one is booked apart.
#[derive(Default)]
struct BooksTwice {
    sound: Reference,
    left: Mutex<BTreeSet<String>>,
}

struct Line<'a> {
    left: &'a Mutex<BTreeSet<String>>,
    key: Option<String>,
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.left.lock().unwrap().extend(self.key.take());
    }
}

#[async_trait]
impl Faulty for BooksTwice {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let Some(key) = key(&mut call) else {
            return self.sound.call(call).await;
        };
        let own = key.scoped.clone();
        if self.left.lock().unwrap().remove(&own) {
            key.scoped.push_str("-apart");
        }
        let mut line = Line {
            left: &self.left,
            key: Some(own),
        };
        let answer = self.sound.call(call).await;
        line.key = None;
        answer
    }
}

#[derive(Default)]
struct Forgives {
    sound: Reference,
    running: Running,
}

#[async_trait]
impl Faulty for Forgives {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let entered = self.running.enter("");
        let mistaken = call.segments.first().is_some_and(|own| own == "~");
        if mistaken && entered.others > 8 {
            return Err(failed());
        }
        self.sound.call(call).await
    }
}

/// When an answer ends otherwise.
trait When: Default + Send + Sync + 'static {
    fn of(call: &Call) -> Box<dyn Fn() -> bool + Send>;
}

/// How it ends then.
trait How: Default + Send + Sync + 'static {
    fn end() -> Polled;
}

#[derive(Default)]
struct AtDeadline;

#[derive(Default)]
struct OnceCancelled;

#[derive(Default)]
struct AsWhole;

#[derive(Default)]
struct AsCut;

#[derive(Default)]
struct Never;

impl When for AtDeadline {
    fn of(call: &Call) -> Box<dyn Fn() -> bool + Send> {
        let deadline = call.deadline;
        Box::new(move || Instant::now() >= deadline)
    }
}

impl When for OnceCancelled {
    fn of(call: &Call) -> Box<dyn Fn() -> bool + Send> {
        let cancel = call.cancel.clone();
        Box::new(move || cancel.is_cancelled())
    }
}

impl How for AsWhole {
    fn end() -> Polled {
        Poll::Ready(None)
    }
}

impl How for AsCut {
    fn end() -> Polled {
        Poll::Ready(Some(Err(BodyError::cut())))
    }
}

impl How for Never {
    fn end() -> Polled {
        Poll::Pending
    }
}

#[derive(Default)]
struct Ends<W, H> {
    sound: Reference,
    end: PhantomData<(W, H)>,
}

#[async_trait]
impl<W: When, H: How> Faulty for Ends<W, H> {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let now = W::of(&call);
        let mut answer = self.sound.call(call).await?;
        answer.body = Gated {
            inner: answer.body,
            gate: move || now().then(H::end),
        }
        .boxed_unsync();
        Ok(answer)
    }
}

#[derive(Default)]
struct Lingers {
    sound: Reference,
}

#[async_trait]
impl Faulty for Lingers {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if asks(&call, "slow") {
            call.deadline += Duration::from_hours(1);
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Chokes {
    sound: Reference,
}

#[async_trait]
impl Faulty for Chokes {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        if asks(&call, "bytes") {
            return Err(failed());
        }
        self.sound.call(call).await
    }
}
