//! Adapters whose answers change by themselves.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use async_trait::async_trait;
use bridge_adapter::{Adapter as _, AdapterError, Answer, Call, body};
use http::{HeaderValue, header};

use super::running::Running;
use super::{Faulty, twin};
use crate::Twin;
use crate::reference::{Reference, failed};

pub(super) fn twins() -> Vec<Twin> {
    vec![
        twin::<Corrects>(
            "repeat.same-values",
            "corrects a value after its first answer",
        ),
        twin::<Unordered>("repeat.same-order", "asks without ORDER BY"),
        twin::<Respaced>(
            "repeat.same-bytes",
            "writes its JSON now with and now without spaces",
        ),
        twin::<Counts>("repeat.same-fields", "counts its answers in a field"),
        twin::<Tires>(
            "repeat.hundred",
            "loses its connection after a hundred and ten calls",
        ),
        twin::<Counting>("errors.same-error", "numbers its errors"),
    ]
}

/// Changes the text of a balance.
pub(super) async fn balance(
    sound: &Reference,
    call: Call,
    change: impl FnOnce(String) -> String,
) -> Result<Answer, AdapterError> {
    let is_balance = call.service.code() == "balance";
    let mut answer = sound.call(call).await?;
    if is_balance {
        let bytes = body::collect(answer.body, 1024).await.unwrap();
        let text = change(String::from_utf8(bytes.to_vec()).unwrap());
        answer
            .fields
            .insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
        answer.body = body::full(text);
    }
    Ok(answer)
}

#[derive(Default)]
struct Corrects {
    sound: Reference,
    answers: AtomicU32,
}

#[async_trait]
impl Faulty for Corrects {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        balance(&self.sound, call, |text| {
            match self.answers.fetch_add(1, SeqCst) {
                0 => text,
                _ => text.replace("1500", "1501"),
            }
        })
        .await
    }
}

#[derive(Default)]
struct Unordered {
    sound: Reference,
    answers: AtomicU32,
}

#[async_trait]
impl Faulty for Unordered {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        balance(&self.sound, call, |text| {
            match self.answers.fetch_add(1, SeqCst) % 2 {
                0 => text,
                _ => text.replace("[3,1,2]", "[1,2,3]"),
            }
        })
        .await
    }
}

#[derive(Default)]
struct Respaced {
    sound: Reference,
    answers: AtomicU32,
}

#[async_trait]
impl Faulty for Respaced {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        balance(&self.sound, call, |text| {
            match self.answers.fetch_add(1, SeqCst) {
                0 => text,
                _ => text.replace("\":", "\": "),
            }
        })
        .await
    }
}

#[derive(Default)]
struct Counts {
    sound: Reference,
    answers: AtomicU32,
}

#[async_trait]
impl Faulty for Counts {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let mut answer = self.sound.call(call).await?;
        let number = self.answers.fetch_add(1, SeqCst);
        answer.fields.insert("x-served", HeaderValue::from(number));
        Ok(answer)
    }
}

#[derive(Default)]
struct Tires {
    sound: Reference,
    in_a_row: AtomicU32,
    running: Running,
}

#[async_trait]
impl Faulty for Tires {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let entered = self.running.enter("");
        let answer = self.sound.call(call).await;
        if answer.is_err() || entered.others > 0 {
            self.in_a_row.store(0, SeqCst);
        } else if self.in_a_row.fetch_add(1, SeqCst) == 110 {
            self.in_a_row.store(0, SeqCst);
            return Err(failed());
        }
        answer
    }
}

#[derive(Default)]
struct Counting {
    sound: Reference,
    errors: AtomicU32,
}

#[async_trait]
impl Faulty for Counting {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        self.sound.call(call).await.map_err(|error| match error {
            AdapterError::BadRequest { place, expected } => {
                let number = self.errors.fetch_add(1, SeqCst);
                AdapterError::BadRequest {
                    place,
                    expected: format!("{expected} (error {number})"),
                }
            }
            other => other,
        })
    }
}
