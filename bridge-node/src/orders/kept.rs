//! Orders in the journal: written as leaves, read back at start.

use std::collections::BTreeMap;

use bridge_core::envelope::link;
use bridge_core::leaf::{EvidenceMode, Kind, Leaf, UnixMillis};
use bridge_core::refusal::Notice;
use bridge_journal::{Entry, Filter, Journal, ReadError};
use bytes::Bytes;
use uuid::Uuid;

use super::OrderError;
use super::change::{ANNOUNCE, Change, END, LIFT, Order, STOP, Window, parse_moment, text};
use crate::epochs::History;

/// The outcome in the leaf of every order: by it the index finds them all.
pub const ORDERED: &str = "ordered";

/// The officer's signed command: the evidence of an order.
#[derive(Debug, Clone)]
pub struct Proof {
    /// What the officer signed.
    pub base: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// The body, whose digest stands in the base.
    pub body: Bytes,
}

/// An order as its leaf tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The first is 1, and none is left out.
    pub number: u64,
    /// The order's id.
    pub id: Uuid,
    /// When it was written.
    pub time: UnixMillis,
    /// The officer's name in the settings.
    pub officer: String,
    /// What it changes.
    pub change: Change,
}

/// Why the orders that stand are not known: the node does not start, because a stop might be among them.
#[derive(Debug, thiserror::Error)]
pub enum KeptFault {
    /// The journal cannot be read.
    #[error("the orders in the journal cannot be read")]
    Read(#[from] ReadError),
    /// A leaf is not one of an order.
    #[error("leaf {index} of the journal is not an order that this version knows")]
    Form {
        /// The leaf.
        index: u64,
    },
    /// Orders are missing.
    #[error("order {number} of this node's officers is not in the journal's index")]
    Missing {
        /// The first that is missing.
        number: u64,
    },
}

/// All orders, oldest first.
pub(super) fn read(history: &History) -> Result<Vec<Given>, KeptFault> {
    let filter = Filter {
        outcome: Some(ORDERED.to_owned()),
        kind: Some(Kind::Administration),
        ..Filter::default()
    };
    let mut orders = Vec::new();
    for (number, (_, hit)) in (1..).zip(history.search(&filter)?.into_iter().rev()) {
        let index = hit.index;
        let given = from_leaf(&hit.leaf).ok_or(KeptFault::Form { index })?;
        if given.number != number {
            return Err(KeptFault::Missing { number });
        }
        orders.push(given);
    }
    Ok(orders)
}

/// The words of an announcement; they are evidence, and may have been erased.
pub(super) fn notice(history: &History, id: Uuid) -> Result<Notice, KeptFault> {
    let orders = history.show(id)?.into_iter().filter_map(|(_, record)| {
        let order = Order::parse(&record.evidence?.body).ok()?;
        (record.leaf.kind == Kind::Administration).then_some(order)
    });
    for order in orders {
        if let Change::Announce(window) = order.change {
            return Ok(window.notice);
        }
    }
    Ok(Notice::default())
}

/// Whether the journal has an order with this id.
pub(super) async fn is_known(history: &History, id: Uuid) -> Result<bool, OrderError> {
    let filter = Filter {
        request_id: Some(id),
        limit: Some(1),
        ..Filter::default()
    };
    let history = history.clone();
    let hits = tokio::task::spawn_blocking(move || history.search(&filter))
        .await
        .map_err(|_panicked| OrderError::Internal)?;
    Ok(!hits?.is_empty())
}

/// Writes an order; what is returned is durable.
pub(super) async fn record(
    journal: &Journal,
    now: UnixMillis,
    (number, officer): (u64, &str),
    order: &Order,
    proof: Proof,
) -> Result<Given, OrderError> {
    let mut given = Given {
        number,
        id: order.id,
        time: now,
        officer: officer.to_owned(),
        change: order.change.clone(),
    };
    let mut leaf = to_leaf(&given);
    leaf.link = Some(link(&proof.signature));
    let entry = Entry {
        base: Some(proof.base),
        signature: Some(proof.signature),
        body: Some(proof.body),
        mode: EvidenceMode::Full,
        ..Entry::of(leaf)
    };
    given.time = journal.record(entry).await?.time;
    Ok(given)
}

/// What everybody may see of an order: never its reason, nor the words of an announcement.
fn to_leaf(given: &Given) -> Leaf {
    let mut leaf = Leaf::new(Kind::Administration, given.time);
    leaf.request_id = Some(given.id);
    leaf.outcome = Some(ORDERED.to_owned());
    let mut fact = |name: &str, value: String| leaf.facts.insert(name.to_owned(), value);
    fact("order", given.number.to_string());
    fact("officer", given.officer.clone());
    fact("action", given.change.action().to_owned());
    match &given.change {
        Change::Stop(target) | Change::Lift(target) => {
            fact("target", target.to_string());
        }
        Change::Announce(window) => {
            if let Some(service) = &window.service {
                fact("target", service.to_string());
            }
            fact("from", text(window.from));
            fact("until", text(window.until));
        }
        Change::End(id) => {
            fact("target", id.to_string());
        }
    }
    leaf
}

fn from_leaf(leaf: &Leaf) -> Option<Given> {
    let facts = &leaf.facts;
    let target = || facts.get("target");
    let change = match facts.get("action")?.as_str() {
        STOP => Change::Stop(target()?.parse().ok()?),
        LIFT => Change::Lift(target()?.parse().ok()?),
        ANNOUNCE => Change::Announce(window(facts)?),
        END => Change::End(target()?.parse().ok()?),
        _ => return None,
    };
    Some(Given {
        number: facts.get("order")?.parse().ok()?,
        id: leaf.request_id?,
        time: leaf.time,
        officer: facts.get("officer")?.clone(),
        change,
    })
}

fn window(facts: &BTreeMap<String, String>) -> Option<Window> {
    let service = facts.get("target").map(|service| service.parse());
    Some(Window {
        service: service.transpose().ok()?,
        from: parse_moment(facts.get("from")?).ok()?,
        until: parse_moment(facts.get("until")?).ok()?,
        notice: Notice::default(),
    })
}
