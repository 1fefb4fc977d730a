//! Decides whether a contract allows a request: a pure function of contracts, facts, usage and time.
//!
//! The default is no. Every condition of a contract must hold, and each that held is recorded in
//! [`Allowed::rules`], so that [`replay`] can make the same decision again from the leaf, years later.

use std::fmt;
use std::sync::Arc;

use crate::contract::{Contract, Endpoint, Party, READING_METHODS};
use crate::identity::{ServiceId, SubsystemId};
use crate::leaf::UnixMillis;
use crate::refusal::{ContractName, Denial, Refusal, Unknown};
use crate::target::{CleanPath, CleanQuery};

mod conditions;
mod replay;
mod rules;

pub use crate::quota::{Account, Usage, Window};
use conditions::{check_basis, check_hours, check_period, check_purpose, check_quota};
pub use replay::{Asked, Full, ReplayError, replay, replay_allowed, replay_refused};
use rules::Record;
pub use rules::refused_rules;

/// What a decision looks at.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The subsystem that asks; its credentials are already checked.
    pub client: &'a SubsystemId,
    /// The service that is asked.
    pub service: &'a ServiceId,
    /// Whether the provider shows the service to this client even without a contract.
    pub is_published: bool,
    /// The request's method, as received.
    pub method: &'a str,
    /// The path behind the service, decoded once.
    pub path: &'a CleanPath,
    /// The query, decoded once.
    pub query: &'a CleanQuery,
    /// The purpose the request names.
    pub purpose: Option<&'a str>,
    /// The legal basis the request names.
    pub legal_basis: Option<&'a str>,
    /// Who belongs to which group.
    pub groups: &'a dyn Groups,
}

/// Knows who belongs to which group.
pub trait Groups {
    /// Tells whether the subsystem is in that group of the directory.
    fn global(&self, group: &str, subsystem: &SubsystemId) -> bool;
    /// Tells whether the subsystem is in that group of the provider.
    fn local(&self, group: &str, subsystem: &SubsystemId) -> bool;
}

/// Nobody is in any group.
#[derive(Debug, Clone, Copy)]
pub struct NoGroups;

impl Groups for NoGroups {
    fn global(&self, _group: &str, _subsystem: &SubsystemId) -> bool {
        false
    }

    fn local(&self, _group: &str, _subsystem: &SubsystemId) -> bool {
        false
    }
}

/// A request that a contract allows. Only [`decide`] and [`decide_under`] make one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Allowed {
    /// The contract that allows it.
    pub contract: Arc<Contract>,
    /// The position of the endpoint among the contract's.
    pub endpoint: usize,
    /// The rules that made the decision, as they stand in a leaf.
    pub rules: Arc<[String]>,
    /// The purpose, if the contract lists it; other text of the request is not recorded.
    pub purpose: Option<String>,
    /// The legal basis, if the contract lists it.
    pub basis: Option<String>,
    matched: Arc<Endpoint>,
}

/// Decides under any of the contracts; those of other services are passed over.
///
/// Contracts that name the client itself come before local and global groups, then ids decide the order;
/// the first that allows the request is taken. If none does, the refusal is that of the contract under
/// which the request came furthest.
///
/// # Errors
///
/// [`Refusal::Denied`] or [`Refusal::Quota`] of the closest contract. If no contract names the client:
/// [`Refusal::NoContract`] for a published service; else [`Unknown::Hidden`], which nobody outside can
/// tell from an unknown service.
pub fn decide(
    contracts: &[Arc<Contract>],
    facts: &Facts<'_>,
    usage: &dyn Usage,
    now: UnixMillis,
) -> Result<Allowed, Refusal> {
    let mut naming: Vec<&Arc<Contract>> = contracts
        .iter()
        .filter(|contract| names(contract, facts))
        .collect();
    naming.sort_by_key(|contract| (order(contract.consumer()), contract.id(), contract.digest()));
    let mut closest: Option<Refusal> = None;
    for contract in naming {
        match judge(contract, facts, usage, now) {
            Ok(allowed) => return Ok(allowed),
            Err(refusal) => keep_closer(&mut closest, refusal),
        }
    }
    Err(closest.unwrap_or_else(|| no_contract(facts)))
}

/// Decides under one contract: the one a request names.
///
/// # Errors
///
/// As [`decide`].
pub fn decide_under(
    contract: &Arc<Contract>,
    facts: &Facts<'_>,
    usage: &dyn Usage,
    now: UnixMillis,
) -> Result<Allowed, Refusal> {
    decide(std::slice::from_ref(contract), facts, usage, now)
}

impl Allowed {
    /// Returns the endpoint that allows the request; its text is what a leaf may show of the path.
    pub fn matched(&self) -> &Endpoint {
        &self.matched
    }
}

impl fmt::Debug for Facts<'_> {
    /// Shows no path, query or stranger's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("client", self.client)
            .field("service", self.service)
            .field("is_published", &self.is_published)
            .finish_non_exhaustive()
    }
}

fn names(contract: &Contract, facts: &Facts<'_>) -> bool {
    contract.service() == facts.service
        && match contract.consumer() {
            Party::Subsystem(id) => id == facts.client,
            Party::GlobalGroup(group) => facts.groups.global(group, facts.client),
            Party::LocalGroup(group) => facts.groups.local(group, facts.client),
        }
}

fn order(party: &Party) -> u8 {
    match party {
        Party::Subsystem(_) => 0,
        Party::LocalGroup(_) => 1,
        Party::GlobalGroup(_) => 2,
    }
}

/// Returns the refusal of a client that no contract about the service names: whether the service exists is told only
/// if it is published.
pub fn no_contract(facts: &Facts<'_>) -> Refusal {
    if facts.is_published {
        Refusal::NoContract {
            provider: facts.service.subsystem().clone(),
        }
    } else {
        Refusal::Unknown(Unknown::Hidden)
    }
}

/// Judges every condition of a contract that names the client, in the order of [`progress`].
fn judge(
    contract: &Arc<Contract>,
    facts: &Facts<'_>,
    usage: &dyn Usage,
    now: UnixMillis,
) -> Result<Allowed, Refusal> {
    check_period(contract, now).map_err(|rule| denied(contract, rule))?;
    let (position, endpoint) =
        find_endpoint(contract, facts).map_err(|rule| denied(contract, rule))?;
    let purpose = check_purpose(contract, facts.purpose).map_err(|rule| denied(contract, rule))?;
    let basis = check_basis(contract, facts.legal_basis).map_err(|rule| denied(contract, rule))?;
    check_hours(contract, now).map_err(|rule| denied(contract, rule))?;
    let account = Account::of(contract, facts.client);
    let used = |window| usage.used(&account, window, now);
    let (in_hour, in_day) = (used(Window::Hour), used(Window::Day));
    check_quota(contract, in_hour, in_day, now)?;
    let record = Record {
        contract,
        endpoint,
        method: facts.method,
        query_names: used_names(endpoint, facts.query),
        has_semicolon: facts.path.has_semicolon(),
        purpose,
        basis,
        in_hour,
        in_day,
        decided: now,
    };
    Ok(Allowed {
        rules: record.rules().into(),
        purpose: purpose.map(|ground| ground.code.clone()),
        basis: basis.map(|ground| ground.code.clone()),
        contract: Arc::clone(contract),
        endpoint: position,
        matched: Arc::clone(endpoint),
    })
}

/// Finds the first endpoint that allows method, path and query, or says what the closest one refused.
fn find_endpoint<'c>(
    contract: &'c Contract,
    facts: &Facts<'_>,
) -> Result<(usize, &'c Arc<Endpoint>), Denial> {
    let mut closest = Denial::Endpoint;
    for (position, endpoint) in contract.endpoints().iter().enumerate() {
        if !endpoint.allows_method(facts.method) || !endpoint.path().allows(facts.path.segments()) {
            continue;
        }
        match check_endpoint(contract, endpoint, facts) {
            Ok(()) => return Ok((position, endpoint)),
            Err(rule) if progress_of(&rule) > progress_of(&closest) => closest = rule,
            Err(_) => {}
        }
    }
    Err(closest)
}

fn check_endpoint(
    contract: &Contract,
    endpoint: &Endpoint,
    facts: &Facts<'_>,
) -> Result<(), Denial> {
    if contract.is_read_only() && !READING_METHODS.contains(&facts.method) {
        return Err(Denial::ReadOnly);
    }
    if facts.path.has_semicolon() && (!endpoint.allows_semicolons() || hides_dots(facts.path)) {
        return Err(Denial::Semicolon);
    }
    let is_listed = |(name, _): &(String, String)| endpoint.query().contains(name);
    if !facts.query.pairs().iter().all(is_listed) {
        return Err(Denial::QueryName {
            allowed: endpoint.query().to_vec(),
        });
    }
    Ok(())
}

/// Tells whether a segment is `.` or `..` for a server that drops what follows `;`, as in `..;x`.
fn hides_dots(path: &CleanPath) -> bool {
    let mut names = path
        .segments()
        .iter()
        .filter_map(|segment| segment.split(';').next());
    names.any(|name| name == "." || name == "..")
}

/// Returns the endpoint's own names that the query uses, each once, in the endpoint's order.
fn used_names<'e>(endpoint: &'e Endpoint, query: &CleanQuery) -> Vec<&'e str> {
    let is_used = |name: &&String| query.pairs().iter().any(|(used, _)| used == *name);
    endpoint
        .query()
        .iter()
        .filter(is_used)
        .map(String::as_str)
        .collect()
}

fn denied(contract: &Contract, rule: Denial) -> Refusal {
    Refusal::Denied {
        rule,
        contract: ContractName::of(contract),
    }
}

fn keep_closer(closest: &mut Option<Refusal>, refusal: Refusal) {
    if closest
        .as_ref()
        .is_none_or(|known| progress(&refusal) > progress(known))
    {
        *closest = Some(refusal);
    }
}

/// Tells how far a request came before it was refused; only refusals of [`judge`] are compared.
fn progress(refusal: &Refusal) -> u8 {
    if let Refusal::Denied { rule, .. } = refusal {
        progress_of(rule)
    } else {
        u8::MAX
    }
}

fn progress_of(rule: &Denial) -> u8 {
    match rule {
        Denial::NotStarted { .. } | Denial::Ended { .. } | Denial::Withdrawn { .. } => 0,
        Denial::Endpoint => 1,
        Denial::ReadOnly => 2,
        Denial::Semicolon => 3,
        Denial::QueryName { .. } => 4,
        Denial::PurposeMissing { .. } => 5,
        Denial::PurposeNotAllowed { .. } => 6,
        Denial::LegalBasisMissing { .. } => 7,
        Denial::LegalBasisNotAllowed { .. } => 8,
        Denial::OutsideHours { .. } => 9,
        Denial::Subject => 10,
    }
}

#[cfg(test)]
mod tests;
