//! Adapters that keep keys badly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;
use bridge_adapter::{Adapter as _, AdapterError, Answer, Call, Idempotency};

use super::running::Running;
use super::{Faulty, twin};
use crate::Twin;
use crate::reference::Reference;

pub(super) fn twins() -> Vec<Twin> {
    vec![
        twin::<Forgets>(
            "effects.same-key",
            "forgets a key when it was used three times",
        ),
        twin::<Few>("effects.kept-among-others", "keeps the last ten keys"),
        twin::<Heedless>("effects.other-content", "does not compare the content"),
        twin::<Races>(
            "effects.together",
            "looks for the key first and writes it later",
        ),
        twin::<Global>("effects.other-caller", "keeps keys without their caller"),
        twin::<Narrow>(
            "effects.long-keys",
            "has a column of 100 characters for keys",
        ),
        twin::<Folds>(
            "effects.key-case",
            "compares keys without their letter case",
        ),
        twin::<Burns>(
            "effects.refused-keeps-nothing",
            "uses a key up with a request that it refuses",
        ),
        twin::<Stuck>(
            "effects.abandoned",
            "holds a key in flight when its caller goes away",
        ),
    ]
}

/// The key of a payment.
pub(super) fn key(call: &mut Call) -> Option<&mut Idempotency> {
    call.idempotency
        .as_mut()
        .filter(|_| call.service.code() == "payment")
}

#[derive(Default)]
struct Forgets {
    sound: Reference,
    used: Mutex<BTreeMap<String, u32>>,
    running: Running,
}

#[async_trait]
impl Faulty for Forgets {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let entered = self.running.enter("");
        let alone = entered.others == 0;
        if let (true, Some(key)) = (alone, key(&mut call)) {
            let mut used = self.used.lock().unwrap();
            let count = used.entry(key.scoped.clone()).or_default();
            *count += 1;
            if *count > 3 {
                key.scoped.push_str("-again");
            }
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Few {
    sound: Reference,
    last: Mutex<Vec<String>>,
}

#[async_trait]
impl Faulty for Few {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if let Some(key) = key(&mut call) {
            let mut last = self.last.lock().unwrap();
            let age = last.iter().rev().position(|own| *own == key.scoped);
            last.push(key.scoped.clone());
            if age.is_some_and(|age| age > 10) {
                key.scoped.push_str("-again");
            }
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Heedless {
    sound: Reference,
}

#[async_trait]
impl Faulty for Heedless {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if let Some(key) = key(&mut call) {
            key.content.clear();
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Races {
    sound: Reference,
    running: Running,
}

#[async_trait]
impl Faulty for Races {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let Some(key) = key(&mut call) else {
            return self.sound.call(call).await;
        };
        let own = key.scoped.clone();
        let entered = self.running.enter(&own);
        if entered.others > 0 {
            // Each of them found no key, and books for itself.
            key.scoped = format!("{own}-{}", entered.others);
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Global {
    sound: Reference,
}

#[async_trait]
impl Faulty for Global {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if let Some(key) = key(&mut call) {
            key.scoped.clone_from(&key.key);
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Narrow {
    sound: Reference,
}

#[async_trait]
impl Faulty for Narrow {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let client = call.facts.client.to_string();
        if let Some(key) = key(&mut call) {
            key.scoped = format!("{client} {}", key.key.chars().take(100).collect::<String>());
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Folds {
    sound: Reference,
}

#[async_trait]
impl Faulty for Folds {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let client = call.facts.client.to_string();
        if let Some(key) = key(&mut call) {
            key.scoped = format!("{client} {}", key.key.to_lowercase());
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Burns {
    sound: Reference,
    burnt: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl Faulty for Burns {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let Some(own) = key(&mut call).map(|key| key.scoped.clone()) else {
            return self.sound.call(call).await;
        };
        if self.burnt.lock().unwrap().contains(&own) {
            return Err(AdapterError::KeyReused);
        }
        let answer = self.sound.call(call).await;
        if matches!(answer, Err(AdapterError::BadRequest { .. })) {
            self.burnt.lock().unwrap().insert(own);
        }
        answer
    }
}

#[derive(Default)]
struct Stuck {
    sound: Reference,
    in_flight: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl Faulty for Stuck {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let Some(own) = key(&mut call).map(|key| key.scoped.clone()) else {
            return self.sound.call(call).await;
        };
        if !self.in_flight.lock().unwrap().insert(own.clone()) {
            return Err(AdapterError::KeyInFlight);
        }
        let answer = self.sound.call(call).await;
        self.in_flight.lock().unwrap().remove(&own);
        answer
    }
}
