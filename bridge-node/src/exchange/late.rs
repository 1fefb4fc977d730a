//! Steps 5 and 6 at the consumer's node, for as long as the exchange may take; an answer after that is evidence, no more.
//!
//! The caller has been told that the outcome is unknown, so a late answer is never delivered. Its leaf lets an officer say
//! what became of the request.

use std::sync::Arc;
use std::time::Duration;

use super::about::Refused;
use super::record::{SignedRequest, late_answer};
use super::verify::GenuineAnswer;
use super::{forward, verify};
use crate::node::Node;

/// How long a late answer is waited for.
const LATE: Duration = Duration::from_mins(1);

/// The genuine answer, if it comes in time.
pub(super) async fn in_time(
    node: &Arc<Node>,
    sent: &Arc<SignedRequest>,
) -> Result<GenuineAnswer, Refused> {
    let limit = node.settings.limits.exchange_timeout;
    let mut answering = Box::pin(answer(Arc::clone(node), Arc::clone(sent)));
    tokio::select! {
        biased;
        answered = &mut answering => return answered,
        () = sent.about.allowance.over(limit) => {}
    }
    // A flood of late answers is not worth more memory than this; the `refused` leaf stands in any case.
    if let Ok(place) = Arc::clone(&node.late).try_acquire_owned() {
        let (node, sent) = (Arc::clone(node), Arc::clone(sent));
        node.house.tasks.clone().spawn(async move {
            let waiting = tokio::time::timeout(LATE, answering);
            let answered = tokio::select! {
                () = node.house.draining.cancelled() => return,
                answered = waiting => answered,
            };
            if let Ok(Ok(genuine)) = answered
                && late_answer(&node, &sent, &genuine).await.is_err()
            {
                tracing::warn!("a late answer could not be journaled");
            }
            drop(place);
        });
    }
    Err(sent.about.refuse(forward::timed_out(node)))
}

async fn answer(node: Arc<Node>, sent: Arc<SignedRequest>) -> Result<GenuineAnswer, Refused> {
    let answer = forward::send(&node, &sent).await?;
    verify::answer(&node, &sent, answer).await
}
