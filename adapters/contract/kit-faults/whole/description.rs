//! Adapters whose description or first call depends on what was before.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use async_trait::async_trait;
use bridge_adapter::{Adapter as _, AdapterError, Answer, Call, Description};

use super::{Faulty, twin};
use crate::Twin;
use crate::reference::Reference;

pub(super) fn twins() -> Vec<Twin> {
    vec![
        twin::<Moody>("description.stable", "says another title every other time"),
        twin::<Costly>(
            "description.cheap",
            "reads its settings anew for every description",
        ),
        twin::<Learning>(
            "description.lasting",
            "says in its title that it has served calls",
        ),
        twin::<Cold>(
            "answers.plain-call",
            "connects with the first call, and loses it",
        ),
    ]
}

#[derive(Default)]
struct Moody {
    sound: Reference,
    asked: AtomicU32,
}

#[async_trait]
impl Faulty for Moody {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    fn describe(&self) -> Description {
        let mut said = self.sound.describe();
        let asked = self.asked.fetch_add(1, SeqCst) + 1;
        if asked > 1 && asked % 2 == 1 {
            said.services[0].title.push('!');
        }
        said
    }
}

#[derive(Default)]
struct Costly {
    sound: Reference,
}

#[async_trait]
impl Faulty for Costly {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    fn describe(&self) -> Description {
        // Work that blocks: the tests' paused time does not pass over it.
        std::thread::sleep(std::time::Duration::from_millis(11));
        self.sound.describe()
    }
}

#[derive(Default)]
struct Learning {
    sound: Reference,
    served: AtomicU32,
}

#[async_trait]
impl Faulty for Learning {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    fn describe(&self) -> Description {
        let mut said = self.sound.describe();
        if self.served.load(SeqCst) > 0 {
            said.services[0].title.push_str(" (in use)");
        }
        said
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        self.served.fetch_add(1, SeqCst);
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Cold {
    sound: Reference,
    calls: AtomicU32,
}

#[async_trait]
impl Faulty for Cold {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        if self.calls.fetch_add(1, SeqCst) == 0 {
            return Err(AdapterError::Busy);
        }
        self.sound.call(call).await
    }
}
