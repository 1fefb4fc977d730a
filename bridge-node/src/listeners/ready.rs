//! What `ready` tells: why this node should get no new work, and what else an operator should know.

use bridge_core::identity::ServiceId;
use bridge_core::refusal::{NodeFault, Refusal};

use crate::expiry;
use crate::node::Node;
use crate::orders::both_clocks;
use crate::registries::Troubles;

/// Why the node should get no new work; empty if it is ready.
pub(super) fn unready(node: &Node, services: &Troubles) -> Vec<String> {
    let mut reasons = own_reasons(node);
    reasons.extend(services.unready.iter().map(told));
    reasons
}

fn told((service, reason): &(ServiceId, String)) -> String {
    format!("{service}: {reason}")
}

/// Why the node itself, whatever its registries say, should get no new work.
pub fn own_reasons(node: &Node) -> Vec<String> {
    let mut reasons = Vec::new();
    if node.house.draining.is_cancelled() {
        reasons.push("the node is draining".to_owned());
    }
    if let Err(refusal) = node.watch.view(node.clock.now_s()) {
        let why = node
            .watch
            .fault()
            .map(|fault| format!(" ({fault})"))
            .unwrap_or_default();
        reasons.push(format!("{refusal}{why}"));
    }
    if let Some(fault) = node.journal_fault.get() {
        reasons.push(format!("the journal cannot be written: {fault}"));
    }
    if !node.disk.grants(0) {
        reasons.push(Refusal::Node(NodeFault::DiskReserve).to_string());
    }
    if let Some(behind_ms) = node.clock.behind_ms() {
        reasons.push(format!(
            "the clock is {} s behind the journal's newest leaf: set it right, or, if it is, start once with --trust-clock",
            behind_ms / 1000
        ));
    }
    if let Some(stamping) = &node.stamping {
        reasons.extend(stamping.reasons(node.clock.now()));
    }
    reasons.extend(node.key_troubles());
    if let Err(refusal) = node.check_own_status() {
        reasons.push(refusal.to_string());
    }
    if let Some(status) = &node.status {
        reasons.extend(status.reasons(node.clock.now_s()));
    }
    if let Err(refusal) = node.cosigning.check(node.clock.now()) {
        reasons.push(refusal.to_string());
    }
    reasons.extend(contradicted(node));
    reasons.extend(node.forgotten.clone());
    if let Some(met) = node.orders.standing().maintenance(None, node.clock.now()) {
        let until = both_clocks(met.window.until);
        reasons.push(format!("the node is in maintenance until {until}"));
    }
    reasons
}

/// More witnesses than may lie hold another head of this node's journal.
fn contradicted(node: &Node) -> Option<String> {
    let names = node.cosigning.contradicting();
    let view = node.watch.newest()?;
    let own = view.directory().node(&node.settings.node)?;
    let faulty = own.witnessing.as_ref()?.faulty as usize;
    (names.len() > faulty).then(|| {
        format!(
            "witnesses hold another head of this journal, so another node writes it or its data is old: {}",
            names.join(", ")
        )
    })
}

/// What officers ordered and what is wrong with others, for information: a node with stops is ready for the rest, and no peer
/// can make this node look as if it were not ready.
pub(super) fn add(node: &Node, services: &Troubles, json: &mut serde_json::Value) {
    let standing = node.orders.standing();
    let stopped: Vec<String> = standing
        .stops()
        .map(|(target, _)| target.to_string())
        .collect();
    let own = node.settings.node.to_string();
    let maintenance: Vec<String> = standing
        .announced(node.clock.now())
        .map(|one| one.words(&own))
        .collect();
    let faults = node.receipts.standing().faults;
    let alarms = faults.iter().map(|(origin, alarm)| alarm.words(origin));
    let alarms = alarms.chain(services.alarmed.iter().map(told));
    let alarms = alarms.chain(expiry::words(&node.own.certificates(), node.clock.now_s()));
    let alarms = alarms.chain(node.own.words());
    let lists = [
        ("stopped", stopped),
        ("maintenance", maintenance),
        ("forked_logs", node.witness.forked()),
        ("alarms", alarms.collect()),
    ];
    for (name, list) in lists {
        if !list.is_empty() {
            json[name] = list.into();
        }
    }
}
