//! Steps 2 (consumer) and 3 (provider): a contract allows this query, or it goes no further.
//!
//! [`Right`] has no public constructor: whoever holds one has been through the decision.

use std::sync::Arc;

use bridge_adapter::Idempotency;
use bridge_core::contract::Contract;
use bridge_core::contract::mask::FieldMask;
use bridge_core::decision::{Account, Allowed, Facts, decide, decide_under, no_contract};
use bridge_core::identity::SubsystemId;
use bridge_core::leaf::{EvidenceMode, Side, UnixMillis};
use bridge_core::refusal::{CallerFault, Refusal, RequestFault, Unknown};
use bridge_core::target::ServiceTarget;

use http::Method;
use uuid::Uuid;

use super::about::{About, Refused};
use super::enter::{Asked, Entered};
use super::listed;
use super::metadata;
use super::ordered;
use super::route::{Route, connect, routes};
use super::verify::{VerifiedRequest, allowed};
use super::weigh::{self, Weighed};
use crate::contracts::{KnownGroups, is_party};
use crate::effects::Marks;
use crate::node::Node;
use crate::peers::Line;
use crate::watch::View;

/// A decision that allows one query.
#[derive(Debug)]
pub(super) struct Right(Inner);

#[derive(Debug)]
enum Inner {
    Contract(Box<Allowed>, UnixMillis),
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
    /// The Idempotency-Key, and what it is used for.
    pub(super) idempotency: Option<Idempotency>,
    /// The exchange whose answer is asked for once more.
    pub(super) repeats: Option<(Uuid, Marks)>,
}

// === impl Right ===

impl Right {
    /// What stands in `Bridge-Contract`.
    pub(super) fn reference(&self) -> String {
        match &self.0 {
            Inner::Contract(allowed, _) => allowed.contract.reference().to_owned(),
            Inner::Metadata => metadata::terms_reference().to_owned(),
        }
    }

    /// How much evidence is kept.
    pub(super) fn evidence(&self) -> EvidenceMode {
        match &self.0 {
            Inner::Contract(allowed, _) => allowed.contract.evidence_mode(),
            Inner::Metadata => EvidenceMode::Full,
        }
    }

    /// The fields that may leave; `None` if all may.
    pub(super) fn mask(&self) -> Option<&FieldMask> {
        match &self.0 {
            Inner::Contract(allowed, _) => allowed.contract.fields(),
            Inner::Metadata => None,
        }
    }

    /// The contract's decision, if it is about a service.
    pub(super) fn allowed(&self) -> Option<&Allowed> {
        match &self.0 {
            Inner::Contract(allowed, _) => Some(allowed),
            Inner::Metadata => None,
        }
    }

    /// Whether the contract wants each message signed on its own.
    pub(super) fn demands_plain_signatures(&self) -> bool {
        match &self.0 {
            Inner::Contract(allowed, _) => allowed.contract.demands_plain_signatures(),
            Inner::Metadata => false,
        }
    }

    /// Whether nothing but reading can come of a request: its contract says so, and so allowed a safe method only, of which no
    /// registry may declare another effect.
    pub(super) fn only_reads(&self) -> bool {
        self.allowed()
            .is_some_and(|allowed| allowed.contract.is_read_only())
    }

    fn note(&self, about: &mut About) {
        about.contract = Some(self.reference());
        match &self.0 {
            Inner::Contract(allowed, charged_at) => {
                about.charged = Some((Arc::clone(&allowed.contract), *charged_at));
                about.endpoint = Some(allowed.matched().to_string());
                about.purpose.clone_from(&allowed.purpose);
                about.basis.clone_from(&allowed.basis);
                about.rules.clone_from(&allowed.rules);
            }
            Inner::Metadata => about.rules = ["metadata".to_owned()].into(),
        }
    }
}

/// Step 2 at the consumer's node.
pub(super) async fn outbound(node: &Node, mut entered: Entered) -> Result<Authorised, Refused> {
    let decided = decide_outbound(node, &mut entered);
    let (right, view, mut routes) = decided.map_err(|refusal| entered.about.refuse(refusal))?;
    right.note(&mut entered.about);
    // The directory's order, but for those that failed a moment ago.
    routes.sort_by_cached_key(|(address, _)| node.peers.has_failed(address));
    let (line, authority) = connect(node, &routes, &entered.about.allowance)
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

fn decide_outbound(
    node: &Node,
    entered: &mut Entered,
) -> Result<(Right, Arc<View>, Vec<Route>), Refusal> {
    let client = &entered.caller.client;
    let provider = entered.asked.provider();
    ordered::members(node, client, provider)?;
    let view = node.watch.view(node.clock.now_s())?;
    own_subsystem(node, &view, client)?;
    if view.directory().member(provider.member()).is_none() {
        return Err(Refusal::Unknown(Unknown::Member));
    }
    if view.directory().subsystem(provider).is_none() {
        return Err(Refusal::Unknown(Unknown::Subsystem));
    }
    // Before the decision, because whatever it allows is charged to the quota.
    let routes = routes(&view, entered)?;
    let right = match &entered.asked {
        Asked::Service(target) => {
            listed::approved(&view, &target.service)?;
            let facts = Question {
                client,
                target,
                method: entered.method.as_str(),
                purpose: entered.caller.purpose.as_deref(),
                basis: entered.caller.legal_basis.as_deref(),
                request_id: entered.about.request_id,
            };
            facts.decide(node, &view, None, &mut entered.about.weighed)?
        }
        Asked::Metadata { .. } => metadata_right(&entered.method)?,
    };
    Ok((right, view, routes))
}

/// Step 3 at the provider's node.
pub(super) fn inbound(
    node: &Node,
    mut verified: VerifiedRequest,
) -> Result<AuthorisedRequest, Refused> {
    let decided = decide_inbound(node, &mut verified).and_then(|right| {
        right.note(&mut verified.about);
        allowed(&right, &verified.envelope).map_err(Refusal::PeerRequest)?;
        Ok(right)
    });
    match decided {
        Ok(right) => Ok(AuthorisedRequest {
            verified,
            right,
            idempotency: None,
            repeats: None,
        }),
        Err(refusal) => Err(verified.about.refuse(refusal).proved(verified.proof())),
    }
}

fn decide_inbound(node: &Node, verified: &mut VerifiedRequest) -> Result<Right, Refusal> {
    let provider = verified.asked.provider();
    ordered::members(node, &verified.client, provider)?;
    let view = &verified.view;
    if provider.member() != node.settings.node.member() {
        return Err(Refusal::Unknown(Unknown::Member));
    }
    if view.directory().subsystem(&verified.client).is_none() {
        return Err(Refusal::Unknown(Unknown::Subsystem));
    }
    let target = match &verified.asked {
        Asked::Metadata { .. } if verified.contract == metadata::terms_reference() => {
            return metadata_right(&verified.method);
        }
        Asked::Metadata { .. } => {
            return Err(Refusal::ContractVersions {
                ours: Some(metadata::terms_reference().to_owned()),
                theirs: verified.contract.clone(),
            });
        }
        Asked::Service(target) => target,
    };
    listed::approved(view, &target.service)?;
    if node.registries.service(&target.service).is_none() {
        return Err(Refusal::Unknown(Unknown::Service));
    }
    let facts = Question {
        client: &verified.client,
        target,
        method: verified.method.as_str(),
        purpose: verified.purpose.as_deref(),
        basis: verified.basis.as_deref(),
        request_id: verified.about.request_id,
    };
    let weighed = &mut verified.about.weighed;
    facts.decide(node, view, Some(&verified.contract), weighed)
}

/// What a node tells of its services is only read. Standard: X-Road PR-MREST §4.
fn metadata_right(method: &Method) -> Result<Right, Refusal> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(Right(Inner::Metadata));
    }
    Err(Refusal::Request(RequestFault::Method))
}

struct Question<'a> {
    client: &'a SubsystemId,
    target: &'a ServiceTarget,
    method: &'a str,
    purpose: Option<&'a str>,
    basis: Option<&'a str>,
    request_id: Option<Uuid>,
}

impl Question<'_> {
    /// Decides and, in the same breath, counts the query against the contract's quota.
    fn decide(
        &self,
        node: &Node,
        view: &View,
        named: Option<&str>,
        weighed: &mut Option<Box<Weighed>>,
    ) -> Result<Right, Refusal> {
        let contracts = node.contracts.load();
        let now = node.clock.now();
        let about = &*contracts.about(&self.target.service, self.client.member(), now);
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
        let side = if named.is_some() {
            Side::Provider
        } else {
            Side::Consumer
        };
        let mut counters = node.counters(side);
        let decided = match named {
            None => {
                let in_force = ordered::in_force(node, about);
                decide(&in_force, &facts, &*counters, now)
                    .inspect_err(|_refusal| {
                        let asked = weigh::Asked {
                            request_id: self.request_id,
                            target: self.target,
                            facts: &facts,
                            usage: &*counters,
                        };
                        *weighed = Some(Weighed::kept(now, &asked, &in_force));
                    })
                    .map_err(|refusal| ordered::why(node, (about, self.client, &groups), refusal))
            }
            Some(reference) => named_contract(about, reference, &facts).and_then(|contract| {
                decide_under(contract, &facts, &*counters, now)
                    .inspect_err(|_refusal| *weighed = Some(Weighed::quoted(now)))
            }),
        };
        let ended = |refusal| ordered::ended(&contracts, &facts, refusal);
        let allowed = decided.map_err(ended)?;
        ordered::contract(node, allowed.contract.id())?;
        ordered::service(node, &self.target.service)?;
        counters.count(&Account::of(&allowed.contract, self.client), now);
        Ok(Right(Inner::Contract(Box::new(allowed), now)))
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
/// Whether others hold one is told to nobody: who is party to none is refused for that, whatever contract it names.
fn named_contract<'a>(
    contracts: &'a [Arc<Contract>],
    reference: &str,
    facts: &Facts<'_>,
) -> Result<&'a Arc<Contract>, Refusal> {
    let mut own = contracts
        .iter()
        .filter(|contract| is_party(contract, facts.client, facts.groups))
        .peekable();
    if own.peek().is_none() {
        return Err(no_contract(facts));
    }
    let id = reference.split_once('@').map_or(reference, |(id, _)| id);
    match own.find(|contract| contract.id() == id) {
        Some(contract) if contract.reference() == reference => Ok(contract),
        // Another's contract is answered like one that nobody holds.
        held => Err(Refusal::ContractVersions {
            ours: held.map(|contract| contract.reference().to_owned()),
            theirs: reference.to_owned(),
        }),
    }
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
