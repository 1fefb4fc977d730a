//! From rows to an answer: one object, a page, or all of a table as a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bridge_adapter::{AdapterError, Answer, Body, BodyError, Limit, Until, body};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::config::Column;
use crate::request::Page;
use crate::shelf::Held;

/// How many bytes of an export are made at once.
const CHUNK_BYTES: usize = 32 * 1024;
/// The body of a 404: there is no such row. Says nothing of what was asked.
const NOTHING: &[u8] = br#"{"error":"not-found"}"#;

/// One row, or 404.
pub(crate) fn one(
    held: &Held,
    columns: &[Column],
    found: &[usize],
    limit_bytes: u64,
) -> Result<Answer, AdapterError> {
    match found {
        [] => Ok(whole(StatusCode::NOT_FOUND, NOTHING.to_vec())),
        [row] => {
            let bytes = held.table().json(*row, columns).to_string().into_bytes();
            bounded(bytes, limit_bytes)
        }
        _ => Err(AdapterError::NotUnderstood {
            reason: "more than one row".to_owned(),
        }),
    }
}

/// A page of rows, how many there are in all, and where the next page begins.
pub(crate) fn many(
    held: &Held,
    columns: &[Column],
    (found, page): (&[usize], Page),
    limit_bytes: u64,
) -> Result<Answer, AdapterError> {
    let shown = found.iter().skip(page.offset).take(page.limit);
    let items: Vec<Value> = shown.map(|row| held.table().json(*row, columns)).collect();
    let next = page.offset.saturating_add(items.len());
    let mut document = json!({ "items": items, "total": found.len() });
    if next < found.len()
        && let Some(object) = document.as_object_mut()
    {
        object.insert("next_offset".to_owned(), next.into());
    }
    bounded(document.to_string().into_bytes(), limit_bytes)
}

/// All rows as one JSON list, made while it is sent.
pub(crate) fn export(held: Held, columns: &[Column], found: Vec<usize>, until: Until) -> Answer {
    let body = Export {
        held,
        columns: columns.into(),
        found: found.into_iter(),
        state: State::Begins,
        until,
    };
    let body: Body = body.boxed_unsync();
    Answer {
        status: StatusCode::OK,
        fields: fields(None),
        body,
    }
}

struct Export {
    held: Held,
    columns: Arc<[Column]>,
    found: std::vec::IntoIter<usize>,
    state: State,
    until: Until,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Begins,
    Goes,
    Ended,
}

impl Export {
    /// Why nothing more is sent. It never waits for anything, so it has to look.
    fn over(&self) -> Option<BodyError> {
        if self.until.cancel.is_cancelled() {
            return Some(BodyError::Cancelled);
        }
        (Instant::now() >= self.until.deadline).then_some(BodyError::TimedOut)
    }

    fn chunk(&mut self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CHUNK_BYTES);
        let mut joint: &[u8] = if self.state == State::Begins {
            b"["
        } else {
            b","
        };
        self.state = State::Goes;
        while bytes.len() < CHUNK_BYTES {
            let Some(row) = self.found.next() else {
                // An empty list has not begun yet.
                bytes.extend_from_slice(if joint == b"[" { b"[]" } else { b"]" });
                self.state = State::Ended;
                break;
            };
            bytes.extend_from_slice(joint);
            joint = b",";
            let row = self.held.table().json(row, &self.columns);
            bytes.extend_from_slice(row.to_string().as_bytes());
        }
        bytes
    }
}

impl http_body::Body for Export {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.state == State::Ended {
            return Poll::Ready(None);
        }
        if let Some(error) = self.over() {
            self.state = State::Ended;
            return Poll::Ready(Some(Err(error)));
        }
        let bytes = self.chunk();
        Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Ended
    }
}

fn bounded(bytes: Vec<u8>, limit_bytes: u64) -> Result<Answer, AdapterError> {
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit_bytes {
        let limit = Limit::AnswerBytes(limit_bytes);
        return Err(AdapterError::TooLarge { limit });
    }
    Ok(whole(StatusCode::OK, bytes))
}

fn whole(status: StatusCode, bytes: Vec<u8>) -> Answer {
    Answer {
        status,
        fields: fields(Some(bytes.len())),
        body: body::full(bytes),
    }
}

fn fields(length: Option<usize>) -> HeaderMap {
    let mut fields = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    fields.insert(header::CONTENT_TYPE, json);
    if let Some(length) = length {
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    fields
}
