//! Whether an answer is about the person who was asked about: the one lie of an adapter that a node can see, where the
//! package says where to look.

use bridge_adapter::section::Section;
use bridge_adapter::template::Template;
use bridge_adapter::{AdapterError, Answer, Body, BodyError, Call, Fault, Limit, body};
use bridge_core::json::{self, Json};
use bytes::Bytes;
use http::Method;

use crate::limits::COMPARED_LIMIT_BYTES;

/// What an endpoint's answers must repeat of the question.
#[derive(Debug, Clone)]
pub struct AnswersFor {
    /// The service.
    pub service: String,
    /// The method.
    pub method: Method,
    /// The path below the service.
    pub path: Template,
    /// Where the question names the person.
    pub from: Asked,
    /// Where the answer does: a JSON pointer.
    pub at: String,
}

/// Where a question names a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A parameter of the path.
    Path(String),
    /// A parameter of the query.
    Query(String),
    /// A JSON pointer into the body.
    Body(String),
}

impl AnswersFor {
    /// Reads the key `answers_for` of an operation.
    pub(crate) fn source(
        section: &mut Section<'_>,
        faults: &mut Vec<Fault>,
    ) -> Option<(Asked, String)> {
        let place = section.place_of("answers_for");
        let table = section.optional_table("answers_for", faults)?;
        let mut section = Section::new(table, place);
        let words = [("path", 0), ("query", 1), ("body", 2)];
        let from = match section.word("from", &words, faults) {
            Some(0) => section.text("name", faults).map(|n| Asked::Path(n.into())),
            Some(1) => section.text("name", faults).map(|n| Asked::Query(n.into())),
            Some(_) => pointer(&mut section, "pointer", faults).map(Asked::Body),
            None => None,
        };
        let at = pointer(&mut section, "at", faults);
        section.finish(faults);
        Some((from?, at?))
    }

    /// Whether this is about a call.
    pub(crate) fn is_about(&self, call: &Call) -> bool {
        // A HEAD has no body that could name anybody.
        self.service == call.service.code()
            && self.method == call.method
            && self.path.fits(&call.segments)
    }

    /// Takes the name out of a call. The body is read for it and put back.
    pub(crate) async fn asked(&self, call: &mut Call) -> Result<String, AdapterError> {
        let missing = |place: String| AdapterError::BadRequest {
            place,
            expected: "who is asked about".to_owned(),
        };
        match &self.from {
            Asked::Path(name) => {
                let value = self.path.value(name, &call.segments);
                let value = value.map(str::to_owned);
                value.ok_or_else(|| missing(format!("path segment {name}")))
            }
            Asked::Query(name) => {
                let mut found = call.query.iter().filter(|(own, _)| own == name);
                match (found.next(), found.next()) {
                    (Some((_, value)), None) => Ok(value.clone()),
                    _ => Err(missing(format!("query {name}"))),
                }
            }
            Asked::Body(pointer) => {
                let bytes = whole(&mut call.body).await?;
                call.body_length = u64::try_from(bytes.len()).ok();
                call.body = body::full(bytes.clone());
                let read = json::read(&bytes).ok();
                let value = read.as_ref().and_then(|json| at(json, pointer));
                value.ok_or_else(|| missing(format!("body {pointer}")))
            }
        }
    }

    /// Lets an answer through that names whom it shall. What else there is in it stays as it was.
    pub(crate) async fn checked(
        &self,
        asked: &str,
        answer: Answer,
    ) -> Result<Answer, AdapterError> {
        let Answer {
            status,
            fields,
            body,
        } = answer;
        let bytes = body::collect(body, COMPARED_LIMIT_BYTES)
            .await
            .map_err(|error| refused(&error))?;
        let read = json::read(&bytes).ok();
        let named = read.as_ref().and_then(|json| at(json, &self.at));
        let holds = match named {
            Some(named) => named == asked,
            // An answer that tells of nobody: an error in words, or nothing at all.
            None => bytes.is_empty() || (!status.is_success() && read.is_some()),
        };
        if !holds {
            let reason = format!("it does not name at {} whom it was asked about", self.at);
            return Err(AdapterError::NotUnderstood { reason });
        }
        Ok(Answer {
            status,
            fields,
            body: body::full(bytes),
        })
    }
}

async fn whole(body: &mut Body) -> Result<Bytes, AdapterError> {
    let taken = std::mem::replace(body, body::empty());
    let read = body::collect(taken, COMPARED_LIMIT_BYTES).await;
    read.map_err(|error| match error {
        BodyError::TooLarge { limit_bytes } => AdapterError::TooLarge {
            limit: Limit::RequestBytes(limit_bytes),
        },
        error @ (BodyError::Cut { .. } | BodyError::TimedOut | BodyError::Cancelled) => {
            AdapterError::RequestBody(error)
        }
    })
}

fn refused(error: &BodyError) -> AdapterError {
    match error {
        BodyError::Cut { .. } => AdapterError::Cut { source: None },
        BodyError::TimedOut => AdapterError::TimedOut,
        BodyError::Cancelled => AdapterError::Cancelled,
        BodyError::TooLarge { .. } => AdapterError::NotUnderstood {
            reason: format!(
                "an answer that names somebody has more than {COMPARED_LIMIT_BYTES} bytes"
            ),
        },
    }
}

/// The text or number at a JSON pointer. Standard: RFC 6901 §4.
fn at(json: &Json<'_>, pointer: &str) -> Option<String> {
    let mut here = json;
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        here = match here.as_array() {
            Some(list) => list.get(name.parse::<usize>().ok()?)?,
            None => here.member(&name)?,
        };
    }
    let text = here.as_str().or_else(|| here.as_numeral())?;
    Some(text.to_owned())
}

fn pointer(
    section: &mut Section<'_>,
    key: &'static str,
    faults: &mut Vec<Fault>,
) -> Option<String> {
    let place = section.place_of(key);
    let text = section.text(key, faults)?;
    if text.starts_with('/') {
        return Some(text.to_owned());
    }
    let remedy = "write it as /name or /part/name";
    faults.push(Fault::new(
        "pointer",
        place,
        "is not a JSON pointer",
        remedy,
    ));
    None
}
