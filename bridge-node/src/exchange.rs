//! The path of a message, both ways, and nothing else. Steps are numbered as in ARCHITECTURE.md.
//!
//! No step can be skipped. A request goes out, or to a registry, only as what the journal step makes of an authorised
//! one: a `SignedRequest` or an `Underway`. Its leaf is then durable, or being written where the contract only reads
//! (D71). A registry's answer leaves only as a `Journaled`: both leaves are durable.
//!
//! # Cancel safety
//!
//! Both functions run as tasks of their own. A caller who goes away after the first journal write changes nothing: the
//! exchange runs to its end and both journals say how it ended.

use std::sync::Arc;

use bridge_core::leaf::Side;

use crate::metrics::Step::{
    AnswerKept, AnswerVerified, Authorised, Entered, RequestKept, RequestVerified, Served,
};
use crate::node::Node;

mod about;
mod ask;
mod authorise;
mod enter;
mod error;
mod forward;
mod keep;
mod late;
mod listed;
mod metadata;
mod names;
mod once;
mod ordered;
mod overload;
mod record;
mod refuse;
mod reply;
mod route;
mod serve;
mod sign;
mod verify;
mod weigh;

pub use about::{About, Proof, Reader, Refused};
pub use ask::{Told, ask_allowed_methods};
pub use enter::{Arrival, edge};
pub use listed::answer_published;
pub use metadata::CONTRACTS;
pub(crate) use metadata::neutral;
pub(crate) use names::MAINTENANCE;
pub use overload::Overload;
pub use refuse::{refuse_caller, refuse_peer};
pub use reply::Reply;
pub use sign::RequestHead;
pub use weigh::Weighed;
pub(crate) use weigh::{Held, Question};

/// Carries a local system's query to another agency and its answer back.
///
/// # Errors
///
/// [`Refused`], with what was known by then; give it to [`refuse_caller`].
pub async fn outbound(node: &Arc<Node>, arrival: Arrival) -> Result<Reply, Refused> {
    let mut lap = node.house.metrics.begin(Side::Consumer);
    let entered = lap.passed(Entered, enter::caller(node, arrival).await)?; //           1 enters
    let authorised = lap.passed(Authorised, authorise::outbound(node, entered).await)?; // 2 authorised
    let underway = lap.passed(RequestKept, record::request(node, authorised).await)?; // 3 signed, 4 journaled
    let genuine = lap.passed(AnswerVerified, late::in_time(node, &underway.value).await)?; // 5 forwarded, 6 verified
    let kept = record::their_answer(node, underway, genuine).await; //                    4 durable at the latest, 7 journaled
    let (sent, kept) = lap.passed(AnswerKept, kept)?;
    Ok(lap.answered(reply::to_caller(node, &sent, kept))) //                             8 answered
}

/// Takes another agency's query, has the registry answer it, and returns the signed answer.
///
/// # Errors
///
/// [`Refused`], with what was known by then; give it to [`refuse_peer`].
pub async fn inbound(node: &Arc<Node>, arrival: Arrival) -> Result<Reply, Refused> {
    let mut lap = node.house.metrics.begin(Side::Provider);
    let entered = lap.passed(Entered, enter::peer(node, arrival))?; //                   1 enters
    let verified = lap.passed(RequestVerified, verify::request(node, entered).await)?; // 2 verified
    let authorised = lap.passed(Authorised, authorise::inbound(node, verified))?; //     3 authorised
    let underway = lap.passed(RequestKept, record::their_request(node, authorised).await)?; // 4 journaled
    let served = serve::call(node, &underway).await; //                                  5 served
    let served = underway.settled(node, served).await; //                                4 durable at the latest
    let (received, served) = lap.passed(Served, served)?;
    let answer = lap.passed(AnswerKept, record::answer(node, received, served).await)?; // 6 signed, 7 journaled
    Ok(lap.answered(reply::to_peer(answer))) //                                          8 answered
}
