//! Adapters that answer for another person because of what they keep between calls.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use async_trait::async_trait;
use bridge_adapter::{Adapter as _, AdapterError, Answer, Call, Until, body};
use http::Method;

use super::{Faulty, twin};
use crate::Twin;
use crate::fault::become_segments;
use crate::reference::{BODY_BYTES, Reference, collected};

pub(super) fn twins() -> Vec<Twin> {
    vec![
        twin::<Remembers<ByPath>>(
            "identity.in-turn-by-path",
            "hands out the answer in its cache when persons alternate",
        ),
        twin::<Remembers<ByQuery>>(
            "identity.in-turn-by-query",
            "forgets the query in the key of its cache",
        ),
        twin::<Remembers<ByBody>>(
            "identity.in-turn-by-body",
            "has a cache that knows the path only",
        ),
        twin::<Sessions>(
            "identity.other-caller",
            "fills the session of an unknown caller with the first person",
        ),
        twin::<LeftOver>(
            "identity.after-abandoned",
            "reads what an abandoned call left on the connection",
        ),
        twin::<KeptByKey>("identity.same-key", "keeps answers by their key alone"),
    ]
}

/// Which part of a call the cache should know and does not.
trait Part: Default + Send + Sync + 'static {
    /// The part, where a call has it.
    fn of(call: &Call, body: &[u8]) -> Option<String>;
    /// Puts another part into the call.
    fn put(call: &mut Call, part: String);
}

#[derive(Default)]
struct ByPath;

#[derive(Default)]
struct ByQuery;

#[derive(Default)]
struct ByBody;

impl Part for ByPath {
    fn of(call: &Call, _: &[u8]) -> Option<String> {
        let known = |own: &&String| *own == "MBXEHTV" || *own == "CJ9L1VQ";
        call.segments
            .first()
            .filter(known)
            .filter(|_| is_person(call))
            .cloned()
    }

    fn put(call: &mut Call, part: String) {
        call.segments[0] = part;
    }
}

impl Part for ByQuery {
    fn of(call: &Call, _: &[u8]) -> Option<String> {
        let (_, value) = call.query.first()?;
        (call.service.code() == "address").then(|| value.clone())
    }

    fn put(call: &mut Call, part: String) {
        call.query[0].1 = part;
    }
}

impl Part for ByBody {
    fn of(call: &Call, body: &[u8]) -> Option<String> {
        (call.method == Method::POST && call.service.code() == "person")
            .then(|| String::from_utf8_lossy(body).into_owned())
    }

    fn put(call: &mut Call, part: String) {
        call.body = body::full(part);
    }
}

/// Two persons in turn, often enough: then the answer for the other one.
#[derive(Default)]
struct Remembers<P> {
    sound: Reference,
    seen: Mutex<Turns>,
    running: AtomicU32,
    part: PhantomData<P>,
}

#[derive(Default)]
struct Turns {
    last: String,
    before: String,
    count: u32,
}

#[async_trait]
impl<P: Part> Faulty for Remembers<P> {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let mut bytes = bytes::Bytes::new();
        if call.method == Method::POST {
            let until = Until::of(&call);
            bytes = collected(&mut call, &until, BODY_BYTES).await?;
            call.body = body::full(bytes.clone());
        }
        let Some(part) = P::of(&call, &bytes) else {
            return self.sound.call(call).await;
        };
        let alone = self.running.fetch_add(1, SeqCst) == 0;
        let running = Running {
            count: &self.running,
            turns: &self.seen,
            done: false,
        };
        if let Some(other) = self.other(part, alone) {
            P::put(&mut call, other);
        }
        let answer = self.sound.call(call).await;
        running.done();
        answer
    }
}

impl<P: Part> Remembers<P> {
    /// The person before this one, if the two have taken turns for a while.
    fn other(&self, part: String, alone: bool) -> Option<String> {
        let mut turns = self.seen.lock().unwrap();
        let in_turn = alone && part == turns.before && part != turns.last;
        turns.count = if in_turn { turns.count + 1 } else { 0 };
        let last = std::mem::replace(&mut turns.last, part);
        turns.before.clone_from(&last);
        let taken = turns.count >= 6;
        if taken {
            *turns = Turns::default();
        }
        taken.then_some(last)
    }
}

/// A call that is dropped half-way breaks the turns.
struct Running<'a> {
    count: &'a AtomicU32,
    turns: &'a Mutex<Turns>,
    done: bool,
}

impl Running<'_> {
    fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, SeqCst);
        if !self.done {
            self.turns.lock().unwrap().count = 0;
        }
    }
}

#[derive(Default)]
struct Sessions {
    sound: Reference,
}

#[async_trait]
impl Faulty for Sessions {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if is_person(&call) && call.facts.client.code() == "KIT-STRANGER" {
            become_segments(&mut call, &["MBXEHTV"]);
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct LeftOver {
    sound: Reference,
    left: Mutex<Option<String>>,
}

struct Line<'a> {
    left: &'a Mutex<Option<String>>,
    asked: Option<String>,
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if let Some(asked) = self.asked.take() {
            *self.left.lock().unwrap() = Some(asked);
        }
    }
}

#[async_trait]
impl Faulty for LeftOver {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if !is_person(&call) {
            return self.sound.call(call).await;
        }
        let mut line = Line {
            left: &self.left,
            asked: Some(call.segments[0].clone()),
        };
        if let Some(left) = self.left.lock().unwrap().take() {
            call.segments[0] = left;
        }
        let answer = self.sound.call(call).await;
        line.asked = None;
        answer
    }
}

#[derive(Default)]
struct KeptByKey {
    sound: Reference,
    kept: Mutex<BTreeMap<String, String>>,
}

#[async_trait]
impl Faulty for KeptByKey {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if let (true, Some(key)) = (is_person(&call), &call.idempotency) {
            let mut kept = self.kept.lock().unwrap();
            let first = kept
                .entry(key.scoped.clone())
                .or_insert_with(|| call.segments[0].clone());
            call.segments[0].clone_from(first);
        }
        self.sound.call(call).await
    }
}

/// Whether a call reads a person by the path.
fn is_person(call: &Call) -> bool {
    call.service.code() == "person" && call.method == Method::GET && call.segments.len() == 1
}
