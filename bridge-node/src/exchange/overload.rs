//! The refusal of whoever finds no place: made once and given many times, so that a flood of them costs next to nothing.
//!
//! Nothing of the request is in it but the language and the form that its sender prefers. Its `detail` is that of the newest
//! warning in the log, which all who were refused since then share.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bridge_core::leaf::Side;
use bridge_core::refusal::{NodeFault, Refusal};
use tokio::time::Instant;
use uuid::Uuid;

use super::about::{About, Reader};
use super::error::tell;
use super::refuse::unsigned;
use super::reply::Reply;
use crate::node::Node;

/// The answers of each end that were made since the log was told of it last.
#[derive(Debug, Default)]
pub struct Overload(Mutex<HashMap<Side, Told>>);

#[derive(Debug)]
struct Told {
    since: Instant,
    detail: String,
    answers: HashMap<Reader, Reply>,
}

/// An overload is told to the log once in this time.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Answers who finds no place at this end; only counted.
pub(super) fn refuse_newcomer(node: &Node, side: Side, reader: Reader) -> Reply {
    let refusal = Refusal::Node(NodeFault::Overloaded);
    node.house.metrics.refused(&refusal, side);
    node.refusals.unproved();
    let told = node.overload.0.lock();
    let mut told = told.unwrap_or_else(PoisonError::into_inner);
    let told = told.entry(side).or_insert_with(|| Told::begin(node, side));
    if told.since.elapsed() >= TELL_EVERY {
        *told = Told::begin(node, side);
    }
    let make = || {
        let reply = unsigned(&refusal, &About::new(side, reader), &told.detail);
        match side {
            Side::Consumer => tell(node.settings.told, reader.form, reply),
            Side::Provider => reply,
        }
    };
    told.answers.entry(reader).or_insert_with(make).clone()
}

// === impl Told ===

impl Told {
    fn begin(node: &Node, side: Side) -> Self {
        let detail = Uuid::new_v4().to_string();
        let (taken, places) = node.gate(side).usage();
        let side = side.as_str();
        tracing::warn!(
            detail,
            side,
            taken,
            places,
            "exchanges are refused: no places for them"
        );
        Self {
            since: Instant::now(),
            detail,
            answers: HashMap::new(),
        }
    }
}
