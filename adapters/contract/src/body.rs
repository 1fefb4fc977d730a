//! The bodies of calls and answers: streams of bytes that can fail half-way.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, LengthLimitError, Limited};

/// A body of a call or of an answer. Carries data frames only, never trailers.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// Says why a body ended before its end. Bytes that came before it are not an answer.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The sender went away before it had sent all.
    #[error("the sender closed the connection before the end of the body")]
    Cut {
        /// What the connection said.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The deadline of the call passed.
    #[error("the body did not arrive before the deadline")]
    TimedOut,
    /// The call was cancelled.
    #[error("the call was cancelled while its body was on the way")]
    Cancelled,
    /// The body is longer than a limit allows.
    #[error("the body is longer than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
}

impl BodyError {
    /// Makes the error of a body that was cut, with no more known of why.
    pub fn cut() -> Self {
        Self::Cut { source: None }
    }
}

/// Makes a body of bytes at hand.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Makes a body of no bytes.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Makes a body that sends `bytes` and is then cut. The kit's way to play a sender that goes away.
pub fn cut_after(bytes: impl Into<Bytes>) -> Body {
    CutAfter {
        bytes: Some(bytes.into()),
        cut: false,
    }
    .boxed_unsync()
}

/// Reads a body to its end.
///
/// # Errors
///
/// [`BodyError::TooLarge`] as soon as more than `limit_bytes` have come, else the body's own error.
///
/// # Cancel safety
///
/// Dropping the future drops the body and what was read of it.
pub async fn collect(body: Body, limit_bytes: u64) -> Result<Bytes, BodyError> {
    let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
    let collected = Limited::new(body, limit).collect().await;
    collected
        .map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                return BodyError::TooLarge { limit_bytes };
            }
            match error.downcast::<BodyError>() {
                Ok(own) => *own,
                Err(other) => BodyError::Cut {
                    source: Some(other),
                },
            }
        })
}

/// Sends its bytes, then says that it was cut, then ends.
struct CutAfter {
    bytes: Option<Bytes>,
    cut: bool,
}

impl http_body::Body for CutAfter {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let first = !std::mem::replace(&mut self.cut, true);
        Poll::Ready(first.then(|| Err(BodyError::cut())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_is_read() {
        assert_eq!(collect(full("səkkiz"), 7).await.unwrap(), "səkkiz");
    }

    #[tokio::test]
    async fn a_body_one_byte_above_the_limit_is_refused() {
        let error = collect(full("səkkiz"), 6).await.unwrap_err();
        assert!(
            matches!(error, BodyError::TooLarge { limit_bytes: 6 }),
            "{error}"
        );
    }

    #[tokio::test]
    async fn an_empty_body_has_no_bytes() {
        assert!(collect(empty(), 0).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_cut_stays_a_cut() {
        let error = collect(cut_after("half"), 100).await.unwrap_err();
        assert!(matches!(error, BodyError::Cut { source: None }), "{error}");
    }
}
