//! Adapters that do not stand the bad days of their registry.

use async_trait::async_trait;
use bridge_adapter::{Adapter as _, AdapterError, Answer, Call, Until, body};
use tokio_util::sync::CancellationToken;

use super::{Faulty, twin};
use crate::Twin;
use crate::reference::{NOT_UTF8, Reference, failed, plain};

pub(super) fn twins() -> Vec<Twin> {
    vec![
        twin::<Misnames>(
            "registry.slow",
            "calls a registry that is slow a broken one",
        ),
        twin::<Patient>(
            "registry.slow-cancelled",
            "waits for the registry although nobody waits for it",
        ),
        twin::<Halves>("registry.cut", "takes half an answer for the whole"),
        twin::<Swallows>("registry.large", "has no limit for answers"),
        twin::<Repairs>("registry.not-utf8", "replaces what is not UTF-8"),
    ]
}

pub(super) fn asks(call: &Call, kind: &str) -> bool {
    call.service.code() == "day" && call.segments.first().is_some_and(|own| own == kind)
}

#[derive(Default)]
struct Misnames {
    sound: Reference,
}

#[async_trait]
impl Faulty for Misnames {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let slow = asks(&call, "slow");
        self.sound.call(call).await.map_err(|error| match error {
            AdapterError::TimedOut if slow => failed(),
            other => other,
        })
    }
}

#[derive(Default)]
struct Patient {
    sound: Reference,
}

#[async_trait]
impl Faulty for Patient {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        if asks(&call, "slow") {
            let until = Until {
                cancel: CancellationToken::new(),
                ..Until::of(&call)
            };
            return Err(until.over().await);
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Halves {
    sound: Reference,
}

#[async_trait]
impl Faulty for Halves {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        if asks(&call, "cut") {
            return Ok(plain(body::full("half")));
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Swallows {
    sound: Reference,
}

#[async_trait]
impl Faulty for Swallows {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        if asks(&call, "large") {
            return Ok(plain(body::full(vec![b'x'; 100_000])));
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Repairs {
    sound: Reference,
}

#[async_trait]
impl Faulty for Repairs {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        if asks(&call, "bytes") {
            return Ok(plain(body::full(
                String::from_utf8_lossy(NOT_UTF8).into_owned(),
            )));
        }
        self.sound.call(call).await
    }
}
