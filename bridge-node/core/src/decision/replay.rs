//! Makes a recorded decision again, from its leaf and the contract of that digest.

use crate::contract::{Contract, Endpoint, Party, READING_METHODS};
use crate::decision::conditions::{
    check_basis, check_hours, check_period, check_purpose, check_quota,
};
use crate::decision::rules::Record;
use crate::leaf::{Leaf, UnixMillis};
use crate::refusal::{Denial, Refusal};

mod asked;

pub use asked::{Asked, Full, replay_allowed, replay_refused};

/// Why a recorded decision can't be made again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The leaf records no allowed request.
    #[error("the leaf records no allowed request")]
    NotAllowed,
    /// The leaf names another contract or another version of it.
    #[error("the leaf names contract {recorded}, not {given}")]
    OtherContract {
        /// What the leaf names.
        recorded: String,
        /// What was given.
        given: String,
    },
    /// The contract is with another client or for another service.
    #[error("the contract does not name the client and service of the leaf")]
    OtherParties,
    /// A rule that every decision records is missing or malformed.
    #[error("the rule `{0}` is missing or malformed")]
    NoRule(&'static str),
    /// The contract has no such endpoint, or it does not allow what was recorded.
    #[error("no endpoint of the contract allows what is recorded")]
    Endpoint,
    /// The contract refuses what is recorded.
    #[error("the contract refuses it by its rule on {0}")]
    Refused(&'static str),
    /// The rules made again differ from the recorded ones.
    #[error("the recorded rules are not those of the contract")]
    OtherRules,
    /// The kept request is another one than the leaf says.
    #[error("the kept request has another {0} than the leaf")]
    OtherRequest(&'static str),
    /// The contract allows what was refused.
    #[error("the contract allows the request that the leaf says it refused")]
    Allowed,
    /// The contract refuses it, but not for what is recorded.
    #[error("the contract refuses it otherwise than recorded, by its rule on {0}")]
    OtherRefusal(&'static str),
}

/// Makes the decision of a leaf again under the contract whose digest the leaf names.
///
/// Membership in a group is taken from the record: groups change, the record says which one counted.
///
/// # Errors
///
/// A [`ReplayError`] if the contract would not have allowed what the leaf says it allowed.
pub fn replay(contract: &Contract, leaf: &Leaf) -> Result<(), ReplayError> {
    if leaf.decision != Some(true) {
        return Err(ReplayError::NotAllowed);
    }
    let (recorded, given) = (
        leaf.contract.clone().unwrap_or_default(),
        contract.reference().to_owned(),
    );
    if recorded != given {
        return Err(ReplayError::OtherContract { recorded, given });
    }
    let is_client = match contract.consumer() {
        Party::Subsystem(id) => leaf.client.as_ref() == Some(id),
        Party::GlobalGroup(_) | Party::LocalGroup(_) => leaf.client.is_some(),
    };
    if !is_client || leaf.service.as_ref() != Some(contract.service()) {
        return Err(ReplayError::OtherParties);
    }
    let record = read_record(contract, leaf)?;
    check_period(contract, record.decided).map_err(|rule| refused(&rule))?;
    check_hours(contract, record.decided).map_err(|rule| refused(&rule))?;
    check_quota(contract, record.in_hour, record.in_day, record.decided)
        .map_err(|_quota: Refusal| ReplayError::Refused("quota"))?;
    if *record.rules() == *leaf.rules {
        Ok(())
    } else {
        Err(ReplayError::OtherRules)
    }
}

fn read_record<'a>(contract: &'a Contract, leaf: &'a Leaf) -> Result<Record<'a>, ReplayError> {
    let rule = |name: &str| {
        leaf.rules
            .iter()
            .find_map(|rule| rule.strip_prefix(name)?.strip_prefix(':'))
    };
    let decided = rule("at")
        .and_then(|text| text.parse().ok())
        .map(UnixMillis);
    let endpoint = find_endpoint(contract, leaf)?;
    let method = rule("method").unwrap_or(endpoint.method());
    let is_writing = contract.is_read_only() && !READING_METHODS.contains(&method);
    let has_semicolon = rule("semicolons").is_some();
    if !endpoint.allows_method(method)
        || is_writing
        || (has_semicolon && !endpoint.allows_semicolons())
    {
        return Err(ReplayError::Endpoint);
    }
    let is_recorded = |name: &&str| {
        leaf.rules
            .iter()
            .any(|rule| *rule == format!("query:{name}"))
    };
    Ok(Record {
        contract,
        endpoint,
        method,
        query_names: endpoint
            .query()
            .iter()
            .map(String::as_str)
            .filter(is_recorded)
            .collect(),
        has_semicolon,
        purpose: check_purpose(contract, leaf.purpose.as_deref()).map_err(|rule| refused(&rule))?,
        basis: check_basis(contract, leaf.basis.as_deref()).map_err(|rule| refused(&rule))?,
        in_hour: used_before(leaf, "quota:hour ").ok_or(ReplayError::NoRule("quota:hour"))?,
        in_day: used_before(leaf, "quota:day ").ok_or(ReplayError::NoRule("quota:day"))?,
        decided: decided.ok_or(ReplayError::NoRule("at"))?,
    })
}

fn find_endpoint<'a>(contract: &'a Contract, leaf: &Leaf) -> Result<&'a Endpoint, ReplayError> {
    let recorded = leaf.endpoint.as_deref().unwrap_or_default();
    let mut endpoints = contract.endpoints().iter();
    let found = endpoints.find(|endpoint| endpoint.to_string() == recorded);
    found.map(AsRef::as_ref).ok_or(ReplayError::Endpoint)
}

/// Returns how many exchanges came before the recorded one in a window.
fn used_before(leaf: &Leaf, prefix: &str) -> Option<u64> {
    let counted = leaf
        .rules
        .iter()
        .find_map(|rule| rule.strip_prefix(prefix))?;
    let (number, _limit) = counted.split_once('/')?;
    number.parse::<u64>().ok()?.checked_sub(1)
}

fn refused(rule: &Denial) -> ReplayError {
    ReplayError::Refused(rule.rule())
}

#[cfg(test)]
mod tests;
