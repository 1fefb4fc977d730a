//! Broken adapters of their own: mistakes in what is kept between calls, in time, in what is shared.

use std::sync::Arc;

use async_trait::async_trait;
use bridge_adapter::{Adapter, AdapterError, Answer, Call, Description, Health};

use crate::Twin;
use crate::reference::Reference;

mod bodies;
mod description;
mod effects;
mod further;
mod health;
mod identity;
mod places;
mod registry;
mod repeat;
mod running;
mod time;
mod together;

/// An adapter over the sound registry, with a mistake of its own.
#[async_trait]
pub(crate) trait Faulty: Default + Send + Sync + 'static {
    fn sound(&self) -> &Reference;

    fn describe(&self) -> Description {
        self.sound().describe()
    }

    async fn health(&self) -> Health {
        self.sound().health().await
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        self.sound().call(call).await
    }
}

struct Whole<T>(T);

#[async_trait]
impl<T: Faulty> Adapter for Whole<T> {
    fn describe(&self) -> Description {
        self.0.describe()
    }

    async fn health(&self) -> Health {
        self.0.health().await
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        self.0.call(call).await
    }
}

/// Names the check that finds such an adapter.
fn twin<T: Faulty>(check: &'static str, what: &'static str) -> Twin {
    part::<T>((check, crate::first_part(check)), what)
}

/// Names the check that finds such an adapter, and the part of its claim that it breaks.
fn part<T: Faulty>((check, part): (&'static str, &'static str), what: &'static str) -> Twin {
    Twin {
        check,
        part,
        what,
        whole: true,
        make: Box::new(|| Arc::new(Whole(T::default()))),
    }
}

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = Twin> {
    let themes = [
        description::twins(),
        health::twins(),
        identity::twins(),
        bodies::twins(),
        repeat::twins(),
        effects::twins(),
        together::twins(),
        time::twins(),
        places::twins(),
        registry::twins(),
        further::twins(),
    ];
    themes.into_iter().flatten()
}
