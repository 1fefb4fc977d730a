//! What adapters share that speak HTTP to something: bodies on their way, bounded and never taken for whole when they were
//! cut, and the header fields that belong to one connection.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};
use http::{Method, Response, StatusCode, Version};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

use crate::{AdapterError, Answer, Body, BodyError, Limit, Until};

/// Fields of one connection. Standard: RFC 9110 §7.6.1.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
];
/// The same, without a constant of their own.
const HOP_BY_HOP_NAMES: [&str; 2] = ["keep-alive", "proxy-connection"];

/// Removes hop-by-hop fields, and those that `Connection` names.
#[must_use]
pub fn end_to_end(mut fields: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = fields
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        fields.remove(name);
    }
    for name in HOP_BY_HOP_NAMES {
        fields.remove(name);
    }
    fields
}

/// Turns a response into an answer whose body streams, if it is one and its end can be told from a cut. `whole` is called when
/// it has come to its end, which may be at once, and dropped if it never does.
///
/// # Errors
///
/// [`AdapterError::NotUnderstood`], and [`AdapterError::TooLarge`] for an announced length.
pub fn answer<B>(
    method: &Method,
    response: Response<B>,
    (limit_bytes, until): (Option<u64>, Until),
    whole: impl FnOnce() + Send + 'static,
) -> Result<Answer, AdapterError>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Error + Send + Sync,
{
    let not_understood = |reason: &str| AdapterError::NotUnderstood {
        reason: reason.to_owned(),
    };
    let (head, incoming) = response.into_parts();
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(not_understood("it switches to another protocol"));
    }
    if !(200..=599).contains(&head.status.as_u16()) {
        return Err(not_understood("its status is none of an answer"));
    }
    let length = incoming.size_hint().exact();
    let Some(chunked) = is_chunked(&head.headers) else {
        return Err(not_understood("it has two framings, or a coding"));
    };
    if length.is_none() && !(chunked && head.version == Version::HTTP_11) && *method != Method::HEAD
    {
        // Its end could not be told from a cut. Standard: RFC 9112 §8.
        return Err(not_understood("it has neither a length nor chunks"));
    }
    if let Some(limit) = limit_bytes
        && length.is_some_and(|length| length > limit)
    {
        return Err(AdapterError::TooLarge {
            limit: Limit::AnswerBytes(limit),
        });
    }
    Ok(Answer {
        status: head.status,
        fields: end_to_end(head.headers),
        body: bounded(incoming, limit_bytes, until, whole),
    })
}

/// Whether an answer comes in chunks; `None` if its end is not where one of its fields says. A coding that is not, or not only,
/// `chunked` ends with its connection. Standard: RFC 9112 §6.3.
fn is_chunked(fields: &HeaderMap) -> Option<bool> {
    let mut codings = fields.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Some(false),
        (Some(only), None)
            if only.as_bytes().eq_ignore_ascii_case(b"chunked")
                && !fields.contains_key(header::CONTENT_LENGTH) =>
        {
            Some(true)
        }
        _ => None,
    }
}

/// Makes an answer's body of one that arrives: at most `limit_bytes`, until it is over, without trailers. `whole` is dropped
/// when the body failed, and called when it has come to its end, which may be at once.
fn bounded<B>(
    incoming: B,
    limit_bytes: Option<u64>,
    until: Until,
    whole: impl FnOnce() + Send + 'static,
) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Error + Send + Sync,
{
    let mut body = Bounded {
        incoming,
        limit_bytes,
        left: limit_bytes,
        over: Box::pin(async move { until.over().await }),
        whole: Some(Box::new(whole)),
        failed: false,
    };
    // An empty body may never be polled.
    if body.incoming.is_end_stream() {
        body.finish();
    }
    body.boxed_unsync()
}

struct Bounded<B> {
    incoming: B,
    limit_bytes: Option<u64>,
    left: Option<u64>,
    over: Pin<Box<dyn Future<Output = AdapterError> + Send>>,
    whole: Option<Box<dyn FnOnce() + Send>>,
    failed: bool,
}

impl<B> Bounded<B> {
    fn finish(&mut self) {
        if let Some(whole) = self.whole.take() {
            whole();
        }
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.whole = None;
        self.failed = true;
        Poll::Ready(Some(Err(error)))
    }

    fn count(&mut self, bytes: &Bytes) -> Result<(), BodyError> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if let (Some(left), Some(limit_bytes)) = (self.left.as_mut(), self.limit_bytes) {
            *left = left
                .checked_sub(length)
                .ok_or(BodyError::TooLarge { limit_bytes })?;
        }
        Ok(())
    }
}

impl<B> http_body::Body for Bounded<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin,
    B::Error: Error + Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.failed {
            return Poll::Ready(None);
        }
        loop {
            if let Poll::Ready(why) = self.over.as_mut().poll(context) {
                let cancelled = matches!(why, AdapterError::Cancelled);
                return self.fail(if cancelled {
                    BodyError::Cancelled
                } else {
                    BodyError::TimedOut
                });
            }
            let frame = match ready!(Pin::new(&mut self.incoming).poll_frame(context)) {
                None => {
                    self.finish();
                    return Poll::Ready(None);
                }
                Some(Err(error)) => {
                    return self.fail(BodyError::Cut {
                        source: Some(Box::new(error)),
                    });
                }
                Some(Ok(frame)) => frame,
            };
            // Trailers are dropped.
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            if let Err(error) = self.count(&bytes) {
                return self.fail(error);
            }
            if self.incoming.is_end_stream() {
                self.finish();
            }
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    #[test]
    fn fields_of_the_connection_go_and_others_stay() {
        let mut fields = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Internal"),
            ("x-internal", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("etag", "\"1\""),
            ("content-type", "application/json"),
        ] {
            fields.insert(name, HeaderValue::from_static(value));
        }
        let kept = end_to_end(fields);
        let names: Vec<&str> = kept.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["etag", "content-type"]);
    }

    proptest! {
        #[test]
        fn any_connection_field_is_survived(text in "[ -~]{0,40}") {
            let mut fields = HeaderMap::new();
            fields.insert(header::CONNECTION, HeaderValue::from_str(&text).unwrap());
            prop_assert!(end_to_end(fields).is_empty());
        }
    }
}
