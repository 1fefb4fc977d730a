//! Adapters that share between calls what belongs to one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use async_trait::async_trait;
use bridge_adapter::{Adapter as _, AdapterError, Answer, Call, Until, body};
use http::Method;

use super::running::Running;
use super::{Faulty, twin};
use crate::Twin;
use crate::reference::{BODY_BYTES, Reference, collected, failed};

/// So many calls of one path at once are a rush.
const RUSH: u32 = 40;

pub(super) fn twins() -> Vec<Twin> {
    vec![
        twin::<Overrun>(
            "together.one-question",
            "has too few connections for the first rush",
        ),
        twin::<SharedPerson>(
            "together.persons-by-path",
            "keeps the person of a call in a field of its own",
        ),
        twin::<SharedBody>(
            "together.persons-by-body",
            "reads all bodies into one buffer",
        ),
        twin::<SharedService>(
            "together.services",
            "keeps the service of a call in a field of its own",
        ),
        twin::<SharedError>(
            "together.with-mistakes",
            "aborts the transaction that all calls share",
        ),
        twin::<OneAtATime>(
            "together.with-a-slow-one",
            "holds its only connection while a body comes",
        ),
        twin::<WearsOut>("together.waves", "loses a place in every rush"),
    ]
}

#[derive(Default)]
struct Overrun {
    sound: Reference,
    running: Running,
    grown: AtomicU32,
}

#[async_trait]
impl Faulty for Overrun {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let entered = self.running.enter(&call.path);
        // The pool grows when it was found too small.
        if entered.others == RUSH && self.grown.fetch_add(1, SeqCst) == 0 {
            return Err(AdapterError::Busy);
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct WearsOut {
    sound: Reference,
    running: Running,
    lost: AtomicU32,
}

#[async_trait]
impl Faulty for WearsOut {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let entered = self.running.enter(&call.path);
        // Four other rushes come before the waves.
        if entered.others == RUSH && self.lost.fetch_add(1, SeqCst) == 6 {
            return Err(AdapterError::Busy);
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct SharedPerson {
    sound: Reference,
    person: Mutex<String>,
}

#[async_trait]
impl Faulty for SharedPerson {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if reads_known_person(&call) {
            call.segments[0].clone_into(&mut self.person.lock().unwrap());
            tokio::task::yield_now().await;
            call.segments[0].clone_from(&self.person.lock().unwrap());
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct SharedBody {
    sound: Reference,
    buffer: Mutex<bytes::Bytes>,
}

#[async_trait]
impl Faulty for SharedBody {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if call.method == Method::POST && call.service.code() == "person" {
            let until = Until::of(&call);
            let bytes = collected(&mut call, &until, BODY_BYTES).await?;
            *self.buffer.lock().unwrap() = bytes;
            tokio::task::yield_now().await;
            call.body = body::full(self.buffer.lock().unwrap().clone());
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct SharedService {
    sound: Reference,
    service: Mutex<String>,
}

#[async_trait]
impl Faulty for SharedService {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if call.method == Method::GET && call.segments.len() == 1 {
            call.service
                .code()
                .clone_into(&mut self.service.lock().unwrap());
            tokio::task::yield_now().await;
            let code = self.service.lock().unwrap().clone();
            call.service = call.service.subsystem().service(code).unwrap();
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct SharedError {
    sound: Reference,
    aborted: AtomicU32,
}

#[async_trait]
impl Faulty for SharedError {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let mistaken = call.segments.first().is_some_and(|own| own == "~");
        self.aborted.fetch_add(u32::from(mistaken), SeqCst);
        let answer = self.sound.call(call).await;
        let aborted = self.aborted.load(SeqCst) > 0;
        self.aborted.fetch_sub(u32::from(mistaken), SeqCst);
        if aborted && answer.is_ok() {
            Err(failed())
        } else {
            answer
        }
    }
}

#[derive(Default)]
struct OneAtATime {
    sound: Reference,
    connection: tokio::sync::Mutex<()>,
}

#[async_trait]
impl Faulty for OneAtATime {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let until = Until::of(&call);
        let _held = until.bound(self.connection.lock()).await?;
        self.sound.call(call).await
    }
}

fn reads_known_person(call: &Call) -> bool {
    let known = call
        .segments
        .first()
        .is_some_and(|own| own == "MBXEHTV" || own == "CJ9L1VQ");
    known && call.service.code() == "person" && call.segments.len() == 1
}
