//! Steps 2 (consumer) and 3 (provider): a contract allows this query, or it goes no further.
//!
//! [`Right`] has no public constructor: whoever holds one has been through the decision.

use std::sync::Arc;

use bridge_core::contract::Contract;
use bridge_core::contract::mask::FieldMask;
use bridge_core::decision::{Allowed, Facts, decide, decide_under};
use bridge_core::identity::SubsystemId;
use bridge_core::leaf::{EvidenceMode, Side};
use bridge_core::refusal::{CallerFault, LinkFault, Refusal, RequestFault, Unknown};
use bridge_core::target::ServiceTarget;

use super::about::{About, Refused};
use super::enter::{Asked, Entered};
use super::metadata;
use super::verify::VerifiedRequest;
use crate::contracts::{KnownGroups, is_party};
use crate::node::Node;
use crate::peers::{Line, PeerAddress, PeerError};
use crate::watch::View;

/// A decision that allows one query.
#[derive(Debug)]
pub(super) struct Right(Inner);

#[derive(Debug)]
enum Inner {
    Contract(Box<Allowed>),
    Metadata,
}

/// A caller's request that may be sent, and the connection it will take.
#[derive(Debug)]
pub(super) struct Authorised {
    pub(super) entered: Entered,
    pub(super) right: Right,
    pub(super) line: Line,
    pub(super) authority: String,
    pub(super) view: Arc<View>,
}

/// A peer's request that may be served.
#[derive(Debug)]
pub(super) struct AuthorisedRequest {
    pub(super) verified: VerifiedRequest,
    pub(super) right: Right,
}

// === impl Right ===

impl Right {
    /// What stands in `Bridge-Contract`.
    pub(super) fn reference(&self) -> String {
        match &self.0 {
            Inner::Contract(allowed) => allowed.contract.reference(),
            Inner::Metadata => metadata::terms_reference(),
        }
    }

    /// How much evidence is kept.
    pub(super) fn evidence(&self) -> EvidenceMode {
        match &self.0 {
            Inner::Contract(allowed) => allowed.contract.evidence_mode(),
            Inner::Metadata => EvidenceMode::Full,
        }
    }

    /// The fields that may leave; `None` if all may.
    pub(super) fn mask(&self) -> Option<&FieldMask> {
        match &self.0 {
            Inner::Contract(allowed) => allowed.contract.fields(),
            Inner::Metadata => None,
        }
    }

    /// The contract's decision, if it is about a service.
    pub(super) fn allowed(&self) -> Option<&Allowed> {
        match &self.0 {
            Inner::Contract(allowed) => Some(allowed),
            Inner::Metadata => None,
        }
    }

    fn note(&self, about: &mut About) {
        about.contract = Some(self.reference());
        match &self.0 {
            Inner::Contract(allowed) => {
                about.endpoint = Some(allowed.matched().to_string());
                about.purpose.clone_from(&allowed.purpose);
                about.basis.clone_from(&allowed.basis);
                about.rules.clone_from(&allowed.rules);
            }
            Inner::Metadata => about.rules = vec!["metadata".to_owned()],
        }
    }
}

/// Step 2 at the consumer's node.
pub(super) async fn outbound(node: &Node, mut entered: Entered) -> Result<Authorised, Refused> {
    let decided = decide_outbound(node, &entered);
    let (right, view, routes) = decided.map_err(|refusal| entered.about.refuse(refusal))?;
    right.note(&mut entered.about);
    let (line, authority) = connect(node, &routes)
        .await
        .map_err(|refusal| entered.about.refuse(refusal))?;
    Ok(Authorised {
        entered,
        right,
        line,
        authority,
        view,
    })
}

type Route = (PeerAddress, String);

fn decide_outbound(
    node: &Node,
    entered: &Entered,
) -> Result<(Right, Arc<View>, Vec<Route>), Refusal> {
    let view = node.watch.view(node.clock.now_s())?;
    let client = &entered.caller.client;
    own_subsystem(node, &view, client)?;
    let provider = entered.asked.provider();
    if view.directory().member(provider.member()).is_none() {
        return Err(Refusal::Unknown(Unknown::Member));
    }
    if view.directory().subsystem(provider).is_none() {
        return Err(Refusal::Unknown(Unknown::Subsystem));
    }
    let right = match &entered.asked {
        Asked::Service(target) => {
            let facts = Question {
                client,
                target,
                method: entered.method.as_str(),
                purpose: entered.caller.purpose.as_deref(),
                basis: entered.caller.legal_basis.as_deref(),
            };
            Right(Inner::Contract(Box::new(facts.decide(node, &view, None)?)))
        }
        Asked::Metadata { .. } => Right(Inner::Metadata),
    };
    let routes = routes(&view, entered)?;
    Ok((right, view, routes))
}

/// Step 3 at the provider's node.
pub(super) fn inbound(
    node: &Node,
    mut verified: VerifiedRequest,
) -> Result<AuthorisedRequest, Refused> {
    match decide_inbound(node, &verified) {
        Ok(right) => {
            right.note(&mut verified.about);
            Ok(AuthorisedRequest { verified, right })
        }
        Err(refusal) => Err(verified.about.refuse(refusal).proved(verified.proof())),
    }
}

fn decide_inbound(node: &Node, verified: &VerifiedRequest) -> Result<Right, Refusal> {
    let provider = verified.asked.provider();
    let view = &verified.view;
    if provider.member() != node.settings.node.member() {
        return Err(Refusal::Unknown(Unknown::Member));
    }
    if view.directory().subsystem(&verified.client).is_none() {
        return Err(Refusal::Unknown(Unknown::Subsystem));
    }
    let target = match &verified.asked {
        Asked::Metadata { .. } if verified.contract == metadata::terms_reference() => {
            return Ok(Right(Inner::Metadata));
        }
        Asked::Metadata { .. } => {
            return Err(Refusal::ContractVersions {
                ours: Some(metadata::terms_reference()),
                theirs: verified.contract.clone(),
            });
        }
        Asked::Service(target) => target,
    };
    if node.registries.service(&target.service).is_none() {
        return Err(Refusal::Unknown(Unknown::Service));
    }
    let facts = Question {
        client: &verified.client,
        target,
        method: verified.method.as_str(),
        purpose: verified.purpose.as_deref(),
        basis: verified.basis.as_deref(),
    };
    let allowed = facts.decide(node, view, Some(&verified.contract))?;
    Ok(Right(Inner::Contract(Box::new(allowed))))
}

struct Question<'a> {
    client: &'a SubsystemId,
    target: &'a ServiceTarget,
    method: &'a str,
    purpose: Option<&'a str>,
    basis: Option<&'a str>,
}

impl Question<'_> {
    /// Decides and, in the same breath, counts the query against the contract's quota.
    fn decide(&self, node: &Node, view: &View, named: Option<&str>) -> Result<Allowed, Refusal> {
        let contracts = node.contracts.load();
        let about = contracts.about(&self.target.service);
        let groups = KnownGroups {
            directory: view.directory(),
            settings: &node.settings,
        };
        let facts = Facts {
            client: self.client,
            service: &self.target.service,
            is_published: self.is_published(node),
            method: self.method,
            path: &self.target.path,
            query: &self.target.query,
            purpose: self.purpose,
            legal_basis: self.basis,
            groups: &groups,
        };
        let now = node.clock.now();
        let side = if named.is_some() {
            Side::Provider
        } else {
            Side::Consumer
        };
        let mut counters = node.counters(side);
        let decided = match named {
            None => decide(about, &facts, &*counters, now),
            Some(reference) => {
                let contract = named_contract(about, reference, &facts)?;
                decide_under(contract, &facts, &*counters, now)
            }
        };
        let allowed = decided?;
        counters.count(allowed.contract.id(), self.client, now);
        Ok(allowed)
    }

    /// Only the provider's node knows what it published; the consumer's own node has nothing to hide from its caller.
    fn is_published(&self, node: &Node) -> bool {
        !node.serves(&self.target.service)
            || node
                .registries
                .service(&self.target.service)
                .is_some_and(|s| s.published)
    }
}

/// The contract that the request names; it must be the very version that we hold.
///
/// Which versions there are is told to parties only, and that an unpublished service exists to nobody else.
fn named_contract<'a>(
    contracts: &'a [Arc<Contract>],
    reference: &str,
    facts: &Facts<'_>,
) -> Result<&'a Arc<Contract>, Refusal> {
    if let Some(exact) = contracts.iter().find(|held| held.reference() == reference) {
        return Ok(exact);
    }
    let is_ours = |contract: &&Arc<Contract>| is_party(contract, facts.client, facts.groups);
    if !facts.is_published && !contracts.iter().any(|held| is_ours(&held)) {
        return Err(Refusal::Unknown(Unknown::Hidden));
    }
    let id = reference.split_once('@').map_or(reference, |(id, _)| id);
    let other = contracts
        .iter()
        .filter(is_ours)
        .find(|held| held.id() == id);
    Err(Refusal::ContractVersions {
        ours: other.map(|held| held.reference()),
        theirs: reference.to_owned(),
    })
}

/// The client must be a subsystem of this node's own member, and registered.
fn own_subsystem(node: &Node, view: &View, client: &SubsystemId) -> Result<(), Refusal> {
    if client.member() != node.settings.node.member() {
        return Err(Refusal::Caller(CallerFault::NotOwner));
    }
    if view.directory().subsystem(client).is_none() {
        return Err(Refusal::Unknown(Unknown::Subsystem));
    }
    Ok(())
}

/// The nodes that may be asked, in order. `X-Road-Security-Server` leaves exactly one.
fn routes(view: &View, entered: &Entered) -> Result<Vec<Route>, Refusal> {
    let member = entered.asked.provider().member();
    let forced = entered.caller.security_server.as_ref();
    let all = view.addresses(member);
    let routes: Vec<Route> = all
        .into_iter()
        .filter(|(address, record)| {
            forced.is_none_or(|id| *id == address.node)
                && record.wire.contains(&crate::WIRE_VERSION)
        })
        .map(|(address, record)| (address, record.name.clone()))
        .collect();
    match (routes.is_empty(), forced) {
        (false, _) => Ok(routes),
        (true, Some(_)) => Err(Refusal::Request(RequestFault::SecurityServer)),
        (true, None) => Err(Refusal::Unknown(Unknown::Node)),
    }
}

/// Opens the connection before anything is signed: the signature names the node that will receive it.
async fn connect(node: &Node, routes: &[Route]) -> Result<(Line, String), Refusal> {
    let mut fault = LinkFault::Unreachable;
    for (address, authority) in routes {
        match node.peers.line(address).await {
            Ok(line) => return Ok((line, authority.clone())),
            Err(error) => {
                tracing::warn!(peer = %address.node, error = %crate::chain(&error), "no connection");
                if matches!(error, PeerError::Handshake { .. }) {
                    fault = LinkFault::TlsIdentity;
                }
            }
        }
    }
    Err(Refusal::Link(fault))
}
