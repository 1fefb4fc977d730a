//! Adapters that do not know how their registry is.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

use async_trait::async_trait;
use bridge_adapter::Health;

use super::{Faulty, twin};
use crate::Twin;
use crate::reference::Reference;

pub(super) fn twins() -> Vec<Twin> {
    vec![
        twin::<Hangs>(
            "health.in-time",
            "waits for a registry that does not answer",
        ),
        twin::<Gloomy>("health.ready", "is never ready"),
        twin::<Flickers>("health.steady", "is ready every other time"),
        twin::<Crowded>("health.together", "lets 16 ask and forgets the others"),
        twin::<Locks>("health.abandoned", "keeps a lock when who asks goes away"),
    ]
}

fn not_ready() -> Health {
    Health::NotReady {
        reason: "no connection".to_owned(),
    }
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

    async fn health(&self) -> Health {
        std::future::pending().await
    }
}

#[derive(Default)]
struct Gloomy {
    sound: Reference,
}

#[async_trait]
impl Faulty for Gloomy {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn health(&self) -> Health {
        not_ready()
    }
}

#[derive(Default)]
struct Flickers {
    sound: Reference,
    asked: AtomicU32,
}

#[async_trait]
impl Faulty for Flickers {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn health(&self) -> Health {
        // Ready at first; then it flickers, until it has been asked for a while.
        let asked = self.asked.fetch_add(1, SeqCst);
        if (3..10).contains(&asked) {
            not_ready()
        } else {
            Health::Ready
        }
    }
}

#[derive(Default)]
struct Crowded {
    sound: Reference,
    asking: AtomicU32,
}

#[async_trait]
impl Faulty for Crowded {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn health(&self) -> Health {
        let others = self.asking.fetch_add(1, SeqCst);
        tokio::task::yield_now().await;
        if others >= 16 {
            std::future::pending::<()>().await;
        }
        self.asking.fetch_sub(1, SeqCst);
        Health::Ready
    }
}

#[derive(Default)]
struct Locks {
    sound: Reference,
    locked: AtomicBool,
}

#[async_trait]
impl Faulty for Locks {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn health(&self) -> Health {
        if self.locked.swap(true, SeqCst) {
            return not_ready();
        }
        tokio::task::yield_now().await;
        self.locked.store(false, SeqCst);
        Health::Ready
    }
}
