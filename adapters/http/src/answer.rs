//! The answer's body on its way: bounded, and never taken for whole when it was cut.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bridge_adapter::{AdapterError, Answer, Body, BodyError, Limit, Until};
use bytes::Bytes;
use http::{Method, Response, StatusCode, Version, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::fields::end_to_end;
use crate::pool::Lease;

/// Turns the registry's response into an answer whose body streams.
pub(crate) fn from_response(
    method: &Method,
    response: Response<Incoming>,
    lease: Lease,
    (limit_bytes, until): (Option<u64>, Until),
) -> Result<Answer, AdapterError> {
    let (head, incoming) = response.into_parts();
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        let reason = "it switches to another protocol".to_owned();
        return Err(AdapterError::NotUnderstood { reason });
    }
    let length = incoming.size_hint().exact();
    let chunked = head.headers.contains_key(header::TRANSFER_ENCODING);
    if length.is_none() && !(chunked && head.version == Version::HTTP_11) && *method != Method::HEAD
    {
        // Its end could not be told from a cut. Standard: RFC 9112 §8.
        let reason = "it has neither a length nor chunks".to_owned();
        return Err(AdapterError::NotUnderstood { reason });
    }
    if let Some(limit) = limit_bytes
        && length.is_some_and(|length| length > limit)
    {
        return Err(AdapterError::TooLarge {
            limit: Limit::AnswerBytes(limit),
        });
    }
    let body = Streaming {
        incoming,
        limit_bytes,
        left: limit_bytes,
        over: Box::pin(async move { until.over().await }),
        lease: Some(lease),
        failed: false,
    };
    let body = body.started();
    Ok(Answer {
        status: head.status,
        fields: end_to_end(head.headers),
        body,
    })
}

struct Streaming {
    incoming: Incoming,
    limit_bytes: Option<u64>,
    left: Option<u64>,
    over: Pin<Box<dyn Future<Output = AdapterError> + Send>>,
    /// Given back at the end; dropped, and so closed, on the way.
    lease: Option<Lease>,
    failed: bool,
}

impl Streaming {
    /// An empty body may never be polled: its connection is free at once.
    fn started(mut self) -> Body {
        if self.incoming.is_end_stream() {
            self.free();
        }
        self.boxed_unsync()
    }

    fn free(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.lease = None;
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

impl http_body::Body for Streaming {
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
                    self.free();
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
                self.free();
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
