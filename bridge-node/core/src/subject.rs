//! Finds whom an exchange is about, where the contract's endpoint says the names stand.

use crate::contract::Endpoint;
use crate::contract::locator::Place;
use crate::json::{self, Json, JsonError};
use crate::target::{CleanPath, CleanQuery};

/// The most different subjects one exchange may name; so many still fit into one leaf.
pub const SUBJECT_LIMIT: usize = 1_000;

/// The longest name of a subject, in bytes.
pub const SUBJECT_LIMIT_BYTES: usize = 256;

/// Why the subjects of an exchange can't be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// The endpoint expects subjects in a body that is not unambiguous JSON.
    #[error("the {body} should name its subjects and is not unambiguous JSON")]
    NotJson {
        /// `request` or `answer`.
        body: &'static str,
        /// What is wrong with it.
        #[source]
        source: JsonError,
    },
    /// Something other than a string or a number stands where a subject's name is expected.
    #[error("{found} stands where the name of a subject is expected")]
    NotAName {
        /// What was found, in words.
        found: &'static str,
    },
    /// The path has no segment where the endpoint expects a subject's name.
    #[error("the path has no segment {0}")]
    NoSegment(usize),
    /// A name is empty or longer than [`SUBJECT_LIMIT_BYTES`].
    #[error("the name of a subject has {0} bytes; 1 to {SUBJECT_LIMIT_BYTES} are expected")]
    Length(usize),
    /// More than [`SUBJECT_LIMIT`] subjects are named.
    #[error("more than {SUBJECT_LIMIT} subjects are named")]
    TooMany,
}

/// Returns the subjects of an exchange as pairs of type and value, each once, in the order they are found.
///
/// Bodies that are not given or empty name nobody; give a body only if it is complete and of a JSON type. A
/// query name, member or element that is absent, or null, names nobody: answers of several shapes share one
/// endpoint. Values are taken as written, so `5abc` and `5ABC` are two subjects.
///
/// # Errors
///
/// A [`SubjectError`] if a name can't be read with certainty; the exchange must then not go on, or it would
/// be missing from what its subject is shown.
pub fn subjects(
    endpoint: &Endpoint,
    path: &CleanPath,
    query: &CleanQuery,
    request_body: Option<&[u8]>,
    answer_body: Option<&[u8]>,
) -> Result<Vec<(String, String)>, SubjectError> {
    let is_asked = |in_request: bool| {
        endpoint
            .subjects()
            .iter()
            .any(|locator| match &locator.place {
                Place::Request(_) => in_request,
                Place::Answer(_) => !in_request,
                Place::Path(_) | Place::Query(_) => false,
            })
    };
    let request = read_body(request_body.filter(|_| is_asked(true)), "request")?;
    let answer = read_body(answer_body.filter(|_| is_asked(false)), "answer")?;
    let mut found: Vec<(String, String)> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for locator in endpoint.subjects() {
        let names = match &locator.place {
            Place::Path(index) => {
                let segment = path.segments().get(*index);
                vec![segment.ok_or(SubjectError::NoSegment(*index))?.as_str()]
            }
            Place::Query(name) => query_values(query, name),
            Place::Request(pointer) => names(request.as_ref().map(|body| pointer.find(body)))?,
            Place::Answer(pointer) => names(answer.as_ref().map(|body| pointer.find(body)))?,
        };
        for name in names {
            if name.is_empty() || name.len() > SUBJECT_LIMIT_BYTES {
                return Err(SubjectError::Length(name.len()));
            }
            if seen.insert((locator.kind.as_str(), name)) {
                if found.len() == SUBJECT_LIMIT {
                    return Err(SubjectError::TooMany);
                }
                found.push((locator.kind.clone(), name.to_owned()));
            }
        }
    }
    Ok(found)
}

fn read_body<'b>(
    body: Option<&'b [u8]>,
    which: &'static str,
) -> Result<Option<Json<'b>>, SubjectError> {
    match body {
        None | Some([]) => Ok(None),
        Some(bytes) => json::read(bytes)
            .map(Some)
            .map_err(|source| SubjectError::NotJson {
                body: which,
                source,
            }),
    }
}

fn query_values<'q>(query: &'q CleanQuery, name: &str) -> Vec<&'q str> {
    let pairs = query.pairs().iter();
    pairs
        .filter(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
        .collect()
}

fn names<'v>(found: Option<Vec<&'v Json<'_>>>) -> Result<Vec<&'v str>, SubjectError> {
    let mut names = Vec::new();
    for value in found.unwrap_or_default() {
        match value {
            Json::Null => {}
            Json::String(text) => names.push(text.as_ref()),
            Json::Number(text) => names.push(text),
            other @ (Json::Bool(_) | Json::Array(_) | Json::Object(_)) => {
                return Err(SubjectError::NotAName {
                    found: other.kind(),
                });
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
