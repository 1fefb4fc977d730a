//! What works between this node and another, and what does not, in words: from the directory's entry to a signed answer.
//!
//! The running node looks, with its own keys, directory and contracts: what it finds is what exchanges find. It asks for
//! metadata only, signed and journaled like every exchange.

use std::fmt;
use std::sync::Arc;

use bridge_core::identity::{MemberId, NodeId};
use serde_json::{Value, json};

use crate::node::Node;
use crate::orders::Target;
use crate::peers::PeerAddress;
use crate::watch::View;

mod contracts;
mod talk;
mod way;

/// All steps, in order: a later one that was not reached is told as not tried.
const STEPS: [&str; 14] = [
    "directory",
    "orders",
    "exchange key",
    "versions",
    "address",
    "connection",
    "TLS",
    "certificate",
    "identity",
    "admission",
    "round trip",
    "clock",
    "maintenance",
    "contracts",
];

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It works.
    Works,
    /// It does not.
    Fails,
    /// An earlier step fails, or there is nothing to try it with.
    NotTried,
}

/// One step and what was found.
#[derive(Debug)]
pub struct Step {
    name: &'static str,
    state: State,
    said: String,
    /// What would mend it.
    remedy: Option<String>,
}

/// All that was found of one node.
#[derive(Debug)]
pub struct Report {
    peer: String,
    steps: Vec<Step>,
    round_trip_ms: Option<u64>,
}

/// Looks at one node.
///
/// # Cancel safety
///
/// None: run it as a task of its own.
pub async fn probe(node: &Arc<Node>, peer: &NodeId) -> Report {
    let mut report = Report::new(peer.to_string());
    if let Some((view, address)) = listed(node, peer, &mut report) {
        orders(node, peer, &mut report);
        keys(node, &view, peer, &mut report);
        way::look(node, &address, &mut report).await;
        if report.works() {
            talk::talk(node, &view, &address, &mut report).await;
        }
    }
    report.complete();
    report
}

/// The nodes of a member, by the directory; a member without any is told in a report.
///
/// # Errors
///
/// The report that says why there is none.
pub fn nodes_of(node: &Node, member: &MemberId) -> Result<Vec<NodeId>, Box<Report>> {
    let mut report = Report::new(member.to_string());
    if let Some(view) = view(node, &mut report) {
        let nodes: Vec<NodeId> = view
            .addresses(member)
            .into_iter()
            .map(|(address, _)| address.node)
            .collect();
        if !nodes.is_empty() {
            return Ok(nodes);
        }
        let version = view.version();
        report.fails(
            "directory",
            format!("version {version} lists no node of {member}"),
            "correct the name, or have the authority list the member's node",
        );
    }
    report.complete();
    Err(Box::new(report))
}

/// All nodes of the directory, with their members' names.
pub fn known(node: &Node) -> Value {
    let Ok(view) = node.watch.view(node.clock.now_s()) else {
        return Value::Array(Vec::new());
    };
    let members = view.directory().members.iter();
    members
        .flat_map(|member| {
            view.addresses(&member.id).into_iter().map(|(address, _)| {
                json!({ "node": address.node.to_string(), "address": address.address, "name": member.name })
            })
        })
        .collect()
}

fn view(node: &Node, report: &mut Report) -> Option<Arc<View>> {
    let refused = match node.watch.view(node.clock.now_s()) {
        Ok(view) => return Some(view),
        Err(refusal) => refusal.to_string(),
    };
    let why = node
        .watch
        .fault()
        .map(|fault| format!(" ({fault})"))
        .unwrap_or_default();
    report.fails(
        "directory",
        format!("{refused}{why}"),
        "make directory.source reachable and current",
    );
    None
}

fn listed(node: &Node, peer: &NodeId, report: &mut Report) -> Option<(Arc<View>, PeerAddress)> {
    let view = view(node, report)?;
    let (version, expires_s) = (view.version(), view.expires_s());
    let all = view.addresses(peer.member());
    let Some((address, _)) = all.into_iter().find(|(address, _)| address.node == *peer) else {
        report.fails(
            "directory",
            format!("version {version} does not list {peer}"),
            "correct the name, or have the authority list the node",
        );
        return None;
    };
    let until = bridge_certs::Moment(expires_s);
    let said = format!(
        "version {version}, valid until {until}, lists it at {}",
        address.address
    );
    report.works_with("directory", said);
    Some((view, address))
}

/// What this node's own officers ordered.
fn orders(node: &Node, peer: &NodeId, report: &mut Report) {
    let standing = node.orders.standing();
    for member in [peer.member(), node.settings.node.member()] {
        if standing.stop(&Target::Member(member.clone())).is_some() {
            report.fails(
                "orders",
                format!("exchange with {member} is stopped by this node's officers"),
                format!("`bridge-node stop lift member {member}`, once the reason is gone"),
            );
            return;
        }
    }
    if let Some(met) = standing.maintenance(None, node.clock.now()) {
        report.fails(
            "orders",
            format!(
                "this node is in maintenance: {}",
                met.words(&node.settings.node.to_string())
            ),
            "wait, or `bridge-node maintenance end`",
        );
        return;
    }
    report.works_with("orders", "no officer of this node stopped it".to_owned());
}

/// What the directory says of its keys and of what it speaks.
fn keys(node: &Node, view: &View, peer: &NodeId, report: &mut Report) {
    let Some(record) = view.directory().node(peer) else {
        return;
    };
    let now_s = node.clock.now_s();
    let until_s = record
        .exchange
        .iter()
        .filter_map(|key| view.exchange_key(&key.key_id()?))
        .filter(|key| key.valid_at(now_s))
        .map(crate::watch::PeerKey::not_after)
        .max();
    match until_s {
        Some(until_s) => report.works_with("exchange key", valid_for(now_s, until_s)),
        None => report.fails(
            "exchange key",
            format!(
                "none of its {} exchange keys in the directory is valid now",
                record.exchange.len()
            ),
            "its operator gets a new certificate and has it listed",
        ),
    }
    let ours = crate::WIRE_VERSION;
    if record.wire.contains(&ours) {
        report.works_with("versions", format!("both speak wire version {ours}"));
    } else {
        let theirs: Vec<String> = record.wire.iter().map(u32::to_string).collect();
        report.fails(
            "versions",
            format!(
                "it speaks wire version {}, this node {ours}",
                theirs.join(", ")
            ),
            "upgrade the older of the two nodes",
        );
    }
}

fn valid_for(now_s: u64, until_s: u64) -> String {
    let days = until_s.saturating_sub(now_s) / 86_400;
    let until = bridge_certs::Moment(until_s);
    format!("valid until {until}, {days} days more")
}

// === impl Report ===

impl Report {
    fn new(peer: String) -> Self {
        Self {
            peer,
            steps: Vec::new(),
            round_trip_ms: None,
        }
    }

    /// Whether no step fails.
    pub fn works(&self) -> bool {
        self.steps.iter().all(|step| step.state != State::Fails)
    }

    /// The report for programs.
    pub fn to_json(&self) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|step| {
                json!({
                    "step": step.name,
                    "state": step.state.to_string(),
                    "said": step.said,
                    "remedy": step.remedy,
                })
            })
            .collect();
        json!({
            "peer": self.peer,
            "works": self.works(),
            "round_trip_ms": self.round_trip_ms,
            "steps": steps,
        })
    }

    fn works_with(&mut self, name: &'static str, said: String) {
        self.add(name, State::Works, said, None);
    }

    fn fails(&mut self, name: &'static str, said: String, remedy: impl Into<String>) {
        self.add(name, State::Fails, said, Some(remedy.into()));
    }

    fn not_tried(&mut self, name: &'static str, said: String) {
        self.add(name, State::NotTried, said, None);
    }

    fn add(&mut self, name: &'static str, state: State, said: String, remedy: Option<String>) {
        self.steps.push(Step {
            name,
            state,
            said,
            remedy,
        });
    }

    fn complete(&mut self) {
        for name in STEPS {
            if !self.steps.iter().any(|step| step.name == name) {
                self.not_tried(name, "not tried, because an earlier step fails".to_owned());
            }
        }
        let place = |name: &str| STEPS.iter().position(|step| *step == name);
        self.steps.sort_by_key(|step| place(step.name));
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Works => "ok",
            Self::Fails => "FAILS",
            Self::NotTried => "-",
        })
    }
}
