//! Adapters that lose a place whenever a call does not end well.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bridge_adapter::{Adapter as _, AdapterError, Answer, Body, BodyError, Call};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;

use super::{Faulty, twin};
use crate::reference::Reference;
use crate::{ABANDONED, Twin};

pub(super) fn twins() -> Vec<Twin> {
    vec![
        twin::<Leaks<Dropped>>(
            "places.after-abandoned",
            "gives a place back at the end of a call only",
        ),
        twin::<Leaks<Cancelled>>(
            "places.after-cancelled",
            "leaves without giving back when it is cancelled",
        ),
        twin::<Leaks<TimedOut>>(
            "places.after-timed-out",
            "leaves without giving back when time is over",
        ),
        twin::<Leaks<Refused>>(
            "places.after-refused",
            "leaves without giving back when it refuses",
        ),
        twin::<Leaks<Unread>>(
            "places.after-unread",
            "gives a place back when its answer was read only",
        ),
    ]
}

/// Which end of a call loses its place.
trait End: Default + Send + Sync + 'static {
    fn loses(end: &Ended) -> bool;
}

/// How a call ended.
enum Ended {
    Dropped,
    Error(AdapterError),
    Unread,
    Whole,
}

#[derive(Default)]
struct Dropped;

#[derive(Default)]
struct Cancelled;

#[derive(Default)]
struct TimedOut;

#[derive(Default)]
struct Refused;

#[derive(Default)]
struct Unread;

impl End for Dropped {
    fn loses(end: &Ended) -> bool {
        matches!(end, Ended::Dropped)
    }
}

impl End for Cancelled {
    fn loses(end: &Ended) -> bool {
        matches!(end, Ended::Error(AdapterError::Cancelled))
    }
}

impl End for TimedOut {
    fn loses(end: &Ended) -> bool {
        matches!(end, Ended::Error(AdapterError::TimedOut))
    }
}

impl End for Refused {
    fn loses(end: &Ended) -> bool {
        matches!(end, Ended::Error(AdapterError::BadRequest { .. }))
    }
}

impl End for Unread {
    fn loses(end: &Ended) -> bool {
        matches!(end, Ended::Unread)
    }
}

/// As many places as calls are abandoned. A call that ends well shows that there are some, and one
/// that finds none makes the pool anew: so the fault shows where calls are lost in a row, and there only.
#[derive(Default)]
struct Leaks<E> {
    sound: Reference,
    lost: Arc<AtomicUsize>,
    end: PhantomData<E>,
}

#[async_trait]
impl<E: End> Faulty for Leaks<E> {
    fn sound(&self) -> &Reference {
        &self.sound
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        if self.lost.load(SeqCst) >= ABANDONED {
            self.lost.store(0, SeqCst);
            return Err(AdapterError::Busy);
        }
        let mut place = Place {
            lost: Arc::clone(&self.lost),
            loses: E::loses,
            end: Ended::Dropped,
        };
        match self.sound.call(call).await {
            Ok(answer) => {
                place.end = Ended::Unread;
                Ok(Answer {
                    body: Held {
                        inner: answer.body,
                        place,
                    }
                    .boxed_unsync(),
                    ..answer
                })
            }
            Err(error) => {
                place.end = Ended::Error(error);
                let Ended::Error(error) = &place.end else {
                    unreachable!()
                };
                Err(again(error))
            }
        }
    }
}

/// The error once more: the first one tells the place how its call ended.
fn again(error: &AdapterError) -> AdapterError {
    match error {
        AdapterError::Cancelled => AdapterError::Cancelled,
        AdapterError::TimedOut => AdapterError::TimedOut,
        AdapterError::BadRequest { place, expected } => AdapterError::BadRequest {
            place: place.clone(),
            expected: expected.clone(),
        },
        AdapterError::TooLarge { limit } => AdapterError::TooLarge { limit: *limit },
        AdapterError::MethodNotAllowed { allowed } => AdapterError::MethodNotAllowed {
            allowed: allowed.clone(),
        },
        AdapterError::RequestBody(_) => AdapterError::RequestBody(BodyError::cut()),
        AdapterError::KeyReused => AdapterError::KeyReused,
        _ => AdapterError::NotFound,
    }
}

struct Place {
    lost: Arc<AtomicUsize>,
    loses: fn(&Ended) -> bool,
    end: Ended,
}

impl Drop for Place {
    fn drop(&mut self) {
        if (self.loses)(&self.end) {
            self.lost.fetch_add(1, SeqCst);
        } else {
            self.lost.store(0, SeqCst);
        }
    }
}

struct Held {
    inner: Body,
    place: Place,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) {
            self.place.end = Ended::Whole;
        }
        polled
    }
}
