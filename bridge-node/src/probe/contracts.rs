//! Contracts under which this node may ask the other: do both ends hold the same versions?

use std::collections::BTreeMap;

use bridge_core::identity::{MemberId, SubsystemId};

use super::Report;
use crate::contracts::{KnownGroups, is_party};
use crate::exchange::{CONTRACTS, Told};
use crate::node::Node;
use crate::orders::Target;
use crate::watch::View;

/// A contract that this node holds, for one of its own subsystems.
#[derive(Debug)]
pub(super) struct Held {
    client: SubsystemId,
    provider: SubsystemId,
    id: String,
    /// `{id}@{digest}`.
    reference: String,
}

// === impl Held ===

impl Held {
    /// Who asks whom.
    pub(super) fn pair(&self) -> (SubsystemId, SubsystemId) {
        (self.client.clone(), self.provider.clone())
    }
}

/// The contracts with a provider that this node's own subsystems may ask under.
pub(super) fn held(node: &Node, view: &View, provider: &MemberId) -> Vec<Held> {
    let groups = KnownGroups {
        directory: view.directory(),
        settings: &node.settings,
    };
    let own = node.settings.node.member();
    let clients: Vec<SubsystemId> = view
        .directory()
        .member(own)
        .map_or(&[][..], |member| &member.subsystems)
        .iter()
        .filter_map(|listed| own.subsystem(&listed.code).ok())
        .collect();
    let (contracts, now) = (node.contracts.load(), node.clock.now());
    let mut held: Vec<Held> = contracts
        .all()
        .filter(|one| one.provider().member() == provider && contracts.counts(one, own, now))
        .flat_map(|one| {
            let parties = clients
                .iter()
                .filter(|client| is_party(one, client, &groups));
            parties.map(|client| Held {
                client: client.clone(),
                provider: one.provider().clone(),
                id: one.id().to_owned(),
                reference: one.reference().to_owned(),
            })
        })
        .collect();
    held.sort_by(|one, other| (&one.id, &one.client).cmp(&(&other.id, &other.client)));
    held
}

const SAME_FILE: &str = "put the same signed version into the contracts folder of both nodes";

/// Holds this node's contracts against what the other said it holds.
pub(super) fn compare(
    node: &Node,
    held: &[Held],
    answers: &[(SubsystemId, SubsystemId, Told)],
    report: &mut Report,
) {
    let mut seen = 0;
    for (client, provider, told) in answers {
        let ours = held
            .iter()
            .filter(|one| one.client == *client && one.provider == *provider);
        let Some(mut theirs) = references(told) else {
            let said = format!("it does not tell which it holds with {client}");
            report.not_tried("contracts", said);
            seen += 1;
            continue;
        };
        for one in ours {
            seen += 1;
            judge(node, one, theirs.remove(&one.id).as_deref(), report);
        }
        for reference in theirs.values() {
            seen += 1;
            let said = format!("{reference} is held there and not here");
            report.fails("contracts", said, SAME_FILE);
        }
    }
    if seen == 0 {
        let said = "none lets this node ask it".to_owned();
        report.works_with("contracts", said);
    }
}

fn judge(node: &Node, ours: &Held, theirs: Option<&str>, report: &mut Report) {
    let Held {
        id,
        reference,
        client,
        ..
    } = ours;
    let stop = Target::Contract(id.clone());
    match theirs {
        _ if node.orders.standing().stop(&stop).is_some() => report.fails(
            "contracts",
            format!("{id} is stopped by this node's officers"),
            format!("`bridge-node stop lift contract {id}`, once the reason is gone"),
        ),
        Some(theirs) if theirs == reference => report.works_with(
            "contracts",
            format!("{id} for {client}: both hold the same version"),
        ),
        Some(theirs) => report.fails(
            "contracts",
            format!("the versions differ: {reference} here, {theirs} there"),
            SAME_FILE,
        ),
        None => report.fails(
            "contracts",
            format!("{reference} is held here and not there"),
            SAME_FILE,
        ),
    }
}

/// What the other holds, by id; nothing if it does not tell.
fn references(told: &Told) -> Option<BTreeMap<String, String>> {
    if let Some(list) = told.fields.get(CONTRACTS) {
        let list = list.to_str().ok()?;
        let by_id = |reference: &str| {
            let reference = reference.trim().trim_matches('"');
            let (id, _digest) = reference.split_once('@')?;
            Some((id.to_owned(), reference.to_owned()))
        };
        return list.split(',').map(by_id).collect();
    }
    let methods: serde_json::Value = serde_json::from_slice(&told.body).ok()?;
    // No service that may be used, so no contract: an empty list is no field.
    methods
        .get("service")?
        .as_array()?
        .is_empty()
        .then(BTreeMap::new)
}
