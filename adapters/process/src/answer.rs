//! From a program's response to an answer, or to why there is none.

use bridge_adapter::{AdapterError, Answer, Limit, Until, stream};
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body::Body as _;
use hyper::body::Incoming;

use crate::connections::Lease;
use crate::request::REQUEST_ID;

/// Says that there is no answer, and why.
const ERROR: &str = "bridge-adapter-error";
/// The most characters of what a program says of an error.
const WORDS_LIMIT: usize = 200;

/// Turns the program's response into an answer whose body streams.
pub(crate) fn from_response(
    (method, request_id): (&Method, Option<&HeaderValue>),
    mut response: Response<Incoming>,
    lease: Lease,
    bounds: (Option<u64>, Until),
) -> Result<Answer, AdapterError> {
    let fields = response.headers();
    let named = names(fields, request_id);
    if named == Some(false) {
        return Err(not_understood("it is to another call"));
    }
    if fields.contains_key(ERROR) {
        if response.body().is_end_stream() && named.is_some() {
            lease.give_back();
        }
        return Err(error(fields));
    }
    if named.is_none() {
        return Err(not_understood("it does not say to which call"));
    }
    // For us alone.
    response.headers_mut().remove(REQUEST_ID);
    stream::answer(method, response, bounds, move || lease.give_back())
}

/// Whether an answer names the call that it is to; `None` if it names none. What a program sends late, or twice, would else be taken for the answer
/// to the next call on its connection, which may be somebody else's.
fn names(fields: &HeaderMap, request_id: Option<&HeaderValue>) -> Option<bool> {
    let mut named = fields.get_all(REQUEST_ID).iter();
    let first = named.next()?;
    Some(Some(first) == request_id && named.next().is_none())
}

/// Reads what a program says instead of an answer.
fn error(fields: &HeaderMap) -> AdapterError {
    let mut codes = fields.get_all(ERROR).iter();
    let (code, only) = (codes.next(), codes.next().is_none());
    let code = code.filter(|_| only).and_then(|value| value.to_str().ok());
    match code.unwrap_or_default() {
        "bad-request" => AdapterError::BadRequest {
            place: words(fields, "bridge-adapter-error-place"),
            expected: words(fields, "bridge-adapter-error-expected"),
        },
        "not-found" => AdapterError::NotFound,
        "method-not-allowed" => AdapterError::MethodNotAllowed {
            allowed: words(fields, "allow")
                .split(',')
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
        },
        "key-reused" => AdapterError::KeyReused,
        "unreachable" => AdapterError::Unreachable { source: None },
        "timed-out" => AdapterError::TimedOut,
        "busy" => AdapterError::Busy,
        "cut" => AdapterError::Cut { source: None },
        "failed" => AdapterError::Failed {
            reason: words(fields, "bridge-adapter-error-reason"),
        },
        "too-large" => AdapterError::TooLarge {
            // How large an answer may be the node knows; a program can speak of the request alone.
            limit: Limit::RequestBytes(
                words(fields, "bridge-adapter-error-limit")
                    .parse()
                    .unwrap_or_default(),
            ),
        },
        "not-understood" => AdapterError::NotUnderstood {
            reason: words(fields, "bridge-adapter-error-reason"),
        },
        _ => not_understood("it has an error code that the protocol does not know"),
    }
}

/// A field of an error, cut to what may stand in a log.
fn words(fields: &HeaderMap, name: &str) -> String {
    let bytes = fields.get(name).map(HeaderValue::as_bytes);
    printable(bytes.unwrap_or_default())
}

/// Printable ASCII, the rest as `?`, at most [`WORDS_LIMIT`] characters.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let shown = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '?',
    };
    bytes.iter().take(WORDS_LIMIT).map(shown).collect()
}

fn not_understood(reason: &str) -> AdapterError {
    AdapterError::NotUnderstood {
        reason: reason.to_owned(),
    }
}
