//! Adapters that do not read a request body to its end.

use std::time::Duration;

use async_trait::async_trait;
use bridge_adapter::{Adapter as _, AdapterError, Answer, BodyError, Call, Until, body};
use bytes::{Bytes, BytesMut};
use http::Method;
use http_body_util::BodyExt;

use super::{Faulty, twin};
use crate::Twin;
use crate::reference::{Reference, failed};

pub(super) fn twins() -> Vec<Twin> {
    vec![
        twin::<Blames>(
            "bodies.cut",
            "reports a cut body as a failure of the registry",
        ),
        twin::<TakesWhatCame>(
            "bodies.cut-at-end",
            "takes a cut body for whole if it can be parsed",
        ),
        twin::<FewPieces>(
            "bodies.byte-by-byte",
            "reads eight pieces and takes them for the whole",
        ),
        twin::<Impatient>(
            "bodies.in-two-parts",
            "takes a packet for the whole if the next one is late",
        ),
        twin::<Fills>(
            "bodies.endless",
            "fills its buffer and answers from what is in it",
        ),
    ]
}

/// Reads pieces until `enough` says so; also whether the body was cut.
async fn pieces(
    call: &mut Call,
    enough: impl Fn(usize, usize) -> bool,
) -> Result<(Bytes, bool), AdapterError> {
    let until = Until::of(call);
    let mut body = std::mem::replace(&mut call.body, body::empty());
    let (mut bytes, mut count) = (BytesMut::new(), 0);
    while let Some(frame) = until.bound(body.frame()).await? {
        match frame {
            Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Err(_) => return Ok((bytes.freeze(), true)),
        }
        count += 1;
        if enough(count, bytes.len()) {
            break;
        }
    }
    Ok((bytes.freeze(), false))
}

/// No body of the battery but the endless one is longer.
fn too_much(_: usize, bytes: usize) -> bool {
    bytes > 2 * 1024 * 1024
}

#[derive(Default)]
struct Blames {
    sound: Reference,
}

#[async_trait]
impl Faulty for Blames {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if call.method == Method::POST {
            let (bytes, cut) = pieces(&mut call, too_much).await?;
            if cut && !bytes.ends_with(b"}") {
                return Err(failed());
            }
            call.body = if cut {
                body::cut_after(bytes)
            } else {
                body::full(bytes)
            };
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct TakesWhatCame {
    sound: Reference,
}

#[async_trait]
impl Faulty for TakesWhatCame {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if call.method == Method::POST {
            let (bytes, cut) = pieces(&mut call, too_much).await?;
            if cut && serde_json::from_slice::<serde_json::Value>(&bytes).is_err() {
                return Err(AdapterError::RequestBody(BodyError::cut()));
            }
            call.body = body::full(bytes);
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct FewPieces {
    sound: Reference,
}

#[async_trait]
impl Faulty for FewPieces {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if call.method == Method::POST {
            // Large pieces are counted by their bytes, so that an endless body still ends.
            let (bytes, cut) = pieces(&mut call, |count, bytes| {
                (count == 8 && bytes == 8) || too_much(count, bytes)
            })
            .await?;
            call.body = if cut {
                body::cut_after(bytes)
            } else {
                body::full(bytes)
            };
        }
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Impatient {
    sound: Reference,
}

#[async_trait]
impl Faulty for Impatient {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if call.method != Method::POST {
            return self.sound.call(call).await;
        }
        let mut rest = std::mem::replace(&mut call.body, body::empty());
        let until = Until::of(&call);
        let mut bytes = BytesMut::new();
        loop {
            let next = tokio::time::timeout(Duration::from_millis(10), until.bound(rest.frame()));
            match next.await {
                Ok(Ok(Some(Ok(frame)))) => {
                    bytes.extend_from_slice(&frame.into_data().unwrap_or_default())
                }
                Ok(Ok(Some(Err(error)))) => return Err(AdapterError::RequestBody(error)),
                Ok(Ok(None)) => break,
                Ok(Err(over)) => return Err(over),
                Err(_) if bytes.len() > 8 => break,
                Err(_) => {}
            }
            if too_much(0, bytes.len()) {
                break;
            }
        }
        call.body = body::full(bytes.freeze());
        self.sound.call(call).await
    }
}

#[derive(Default)]
struct Fills {
    sound: Reference,
}

#[async_trait]
impl Faulty for Fills {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        if call.method == Method::POST {
            let (bytes, cut) = pieces(&mut call, |_, bytes| bytes > 128 * 1024).await?;
            call.body = if cut {
                body::cut_after(bytes)
            } else {
                body::full(bytes)
            };
        }
        self.sound.call(call).await
    }
}
