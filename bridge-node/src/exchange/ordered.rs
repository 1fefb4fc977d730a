//! What officers ordered, held against one exchange.
//!
//! Stops of members come before the directory is asked; all others after a contract allowed, so that nobody learns of
//! what is hidden from him.

use std::borrow::Cow;
use std::sync::Arc;

use bridge_certs::Moment;
use bridge_core::contract::Contract;
use bridge_core::decision::Facts;
use bridge_core::identity::{ServiceId, SubsystemId};
use bridge_core::refusal::{ContractName, Denial, NodeFault, Refusal, Stop, Unknown};

use super::about::About;
use super::metadata;
use crate::contracts::{Contracts, Ended, KnownGroups, is_party};
use crate::node::Node;
use crate::orders::Target;

/// A stopped member neither asks nor is asked.
pub(super) fn members(
    node: &Node,
    client: &SubsystemId,
    provider: &SubsystemId,
) -> Result<(), Refusal> {
    [client, provider]
        .into_iter()
        .try_for_each(|end| stop(node, || Target::Member(end.member().clone())))
}

/// A stopped contract allows nothing.
pub(super) fn contract(node: &Node, id: &str) -> Result<(), Refusal> {
    stop(node, || Target::Contract(id.to_owned()))
}

/// A service that is stopped, or in maintenance, is neither served nor called.
pub(super) fn service(node: &Node, service: &ServiceId) -> Result<(), Refusal> {
    stop(node, || Target::Service(service.clone()))?;
    let now = node.clock.now();
    match node.orders.standing().maintenance(Some(service), now) {
        None => Ok(()),
        Some(met) => {
            let until_s = met.window.until_ms().seconds();
            let left_s = until_s.saturating_sub(now.seconds()).max(1);
            Err(Refusal::Node(NodeFault::Maintenance {
                until_s,
                retry_after_s: u32::try_from(left_s).unwrap_or(u32::MAX),
                notice: Box::new(met.window.notice.clone()),
            }))
        }
    }
}

/// The contracts that are not stopped.
pub(super) fn in_force<'a>(
    node: &Node,
    contracts: &'a [Arc<Contract>],
) -> Cow<'a, [Arc<Contract>]> {
    if contracts.iter().all(|one| contract(node, one.id()).is_ok()) {
        return Cow::Borrowed(contracts);
    }
    let in_force = contracts
        .iter()
        .filter(|one| contract(node, one.id()).is_ok());
    Cow::Owned(in_force.cloned().collect())
}

/// Why the contracts that are left do not allow: one of this client's own is stopped. Else the refusal as it is.
pub(super) fn why(
    node: &Node,
    (contracts, client, groups): (&[Arc<Contract>], &SubsystemId, &KnownGroups<'_>),
    refusal: Refusal,
) -> Refusal {
    contracts
        .iter()
        .filter(|one| is_party(one, client, groups))
        .find_map(|one| contract(node, one.id()).err())
        .unwrap_or(refusal)
}

/// Why no contract lets this client ask: the one that did was withdrawn. Else the refusal as it is.
pub(super) fn ended(contracts: &Contracts, facts: &Facts<'_>, refusal: Refusal) -> Refusal {
    if !matches!(
        refusal,
        Refusal::NoContract { .. } | Refusal::Unknown(Unknown::Hidden)
    ) {
        return refusal;
    }
    let ended = contracts.ended(facts.service, facts.client, facts.groups);
    ended.map_or(refusal, withdrawn)
}

fn withdrawn(ended: &Ended) -> Refusal {
    Refusal::Denied {
        rule: Denial::Withdrawn {
            by: ended.by.clone(),
            at: Moment(ended.at_s).to_string(),
        },
        contract: ContractName::of(&ended.contract),
    }
}

/// Asked once more right before an effect: an exchange that was allowed may have been stopped since, or its contract
/// withdrawn.
pub(super) fn still(node: &Node, about: &About) -> Result<(), Refusal> {
    if let (Some(client), Some(asked)) = (&about.client, &about.service) {
        members(node, client, asked.subsystem())?;
        stop(node, || Target::Service(asked.clone()))?;
    }
    match &about.contract {
        Some(reference) if *reference != metadata::terms_reference() => {
            let id = reference.split_once('@').map_or("", |(id, _digest)| id);
            contract(node, id)?;
            counts(node, about, reference)
        }
        _ => Ok(()),
    }
}

/// A contract that counted when it was asked for, and counts no more: it was withdrawn since, or it is a file that nobody
/// has signed, of a version that one side has refused since. What counted when it was allowed is carried out also where a
/// renewal takes over meanwhile.
fn counts(node: &Node, about: &About, reference: &str) -> Result<(), Refusal> {
    let (Some(client), Some(service)) = (&about.client, &about.service) else {
        return Ok(());
    };
    let contracts = node.contracts.load();
    if let Some(ended) = contracts.withdrawn(service, client.member(), reference) {
        return Err(withdrawn(ended));
    }
    let allowed = about.charged.as_ref().map(|(_contract, at)| *at);
    let allowed = allowed.unwrap_or_else(|| node.clock.now());
    let counting = contracts.about(service, client.member(), allowed);
    if counting.iter().any(|one| one.reference() == reference) {
        return Ok(());
    }
    // The client was a party to it: that the service exists is no news to it.
    Err(Refusal::NoContract {
        provider: service.subsystem().clone(),
    })
}

fn stop(node: &Node, target: impl FnOnce() -> Target) -> Result<(), Refusal> {
    let standing = node.orders.standing();
    if standing.stops().next().is_none() {
        return Ok(());
    }
    let target = target();
    let Some(stopped) = standing.stop(&target) else {
        return Ok(());
    };
    let (what, name) = match target {
        Target::Member(id) => (Stop::Member, id.to_string()),
        Target::Contract(id) => (Stop::Contract, id),
        Target::Service(id) => (Stop::Service, id.to_string()),
    };
    Err(Refusal::Node(NodeFault::Stopped {
        what,
        name,
        since_s: stopped.since.seconds(),
        by: Box::new(node.settings.node.clone()),
    }))
}

/// What this node announced and the caller of this service should know.
pub(super) fn maintenance_told(node: &Node, about: &About) -> Option<String> {
    let (own, now) = (&node.settings.node, node.clock.now());
    node.orders
        .standing()
        .told(own, about.service.as_ref(), now)
}
