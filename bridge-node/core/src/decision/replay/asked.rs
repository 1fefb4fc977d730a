//! Makes a recorded decision again from the request itself, where it was kept: also one that refused.

use std::sync::Arc;

use super::{ReplayError, replay, used_before};
use crate::contract::Contract;
use crate::decision::rules::rule_of;
use crate::decision::{Facts, Groups, decide, decide_under, refused_rules};
use crate::identity::SubsystemId;
use crate::leaf::{Leaf, UnixMillis};
use crate::quota::{Account, Usage, Window};
use crate::target::ServiceTarget;

/// What was kept of a request.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Who asked.
    pub client: &'a SubsystemId,
    /// For what.
    pub target: &'a ServiceTarget,
    /// By which method.
    pub method: &'a str,
    /// The purpose that it named.
    pub purpose: Option<&'a str>,
    /// The legal basis that it named.
    pub legal_basis: Option<&'a str>,
}

/// The window of a quota that was full, as the leaf of a refusal says; every other one is taken as empty.
#[derive(Debug, Clone, Copy)]
pub struct Full(Option<(Window, u64)>);

/// Groups change; the contract that counted names the one that counted.
struct AsRecorded;

struct Used {
    in_hour: u64,
    in_day: u64,
}

/// Makes an allowed decision again from the request, and holds all that the leaf says of it against the outcome.
///
/// # Errors
///
/// As [`replay`]; [`ReplayError::OtherRequest`] if the leaf is of another request.
pub fn replay_allowed(
    contract: &Arc<Contract>,
    leaf: &Leaf,
    asked: &Asked<'_>,
) -> Result<(), ReplayError> {
    replay(contract, leaf)?;
    check_asked(leaf, asked)?;
    let used = |prefix| used_before(leaf, prefix).unwrap_or_default();
    let usage = Used {
        in_hour: used("quota:hour "),
        in_day: used("quota:day "),
    };
    let at = decided(leaf).ok_or(ReplayError::NoRule("at"))?;
    let allowed = decide_under(contract, &facts(asked), &usage, at)
        .map_err(|refusal| ReplayError::Refused(rule_of(&refusal)))?;
    for (what, is_same) in [
        (
            "endpoint",
            leaf.endpoint == Some(allowed.matched().to_string()),
        ),
        ("purpose", leaf.purpose == allowed.purpose),
        ("legal basis", leaf.basis == allowed.basis),
    ] {
        if !is_same {
            return Err(ReplayError::OtherRequest(what));
        }
    }
    if leaf.rules == allowed.rules {
        Ok(())
    } else {
        Err(ReplayError::OtherRules)
    }
}

/// Makes a refusal again under the contracts that were asked, and holds the leaf against the outcome.
///
/// # Errors
///
/// [`ReplayError::Allowed`] and [`ReplayError::OtherRefusal`] if the contracts say otherwise than the leaf;
/// [`ReplayError::OtherContract`] if another of them came closest; [`ReplayError::OtherRequest`] if the leaf is of another
/// request; [`ReplayError::NoRule`] if it does not say when it was decided.
pub fn replay_refused(
    contracts: &[Arc<Contract>],
    leaf: &Leaf,
    asked: &Asked<'_>,
    usage: &dyn Usage,
) -> Result<(), ReplayError> {
    check_asked(leaf, asked)?;
    let at = decided(leaf).ok_or(ReplayError::NoRule("at"))?;
    let Err(refusal) = decide(contracts, &facts(asked), usage, at) else {
        return Err(ReplayError::Allowed);
    };
    let other = || ReplayError::OtherRefusal(rule_of(&refusal));
    let (given, rules) = refused_rules(&refusal, Some(at)).ok_or_else(other)?;
    let code = leaf.side.map(|side| refusal.code(side));
    if *leaf.rules != *rules
        || leaf.outcome.as_deref() != code
        || leaf.status != Some(refusal.status())
        || leaf.decision != Some(false)
    {
        return Err(other());
    }
    let recorded = leaf.contract.clone().unwrap_or_default();
    if recorded != given {
        return Err(ReplayError::OtherContract { recorded, given });
    }
    Ok(())
}

/// Reads when a leaf says that its decision was made.
fn decided(leaf: &Leaf) -> Option<UnixMillis> {
    let mut rules = leaf.rules.iter();
    let at = rules.find_map(|rule| rule.strip_prefix("at:"))?;
    at.parse().ok().map(UnixMillis)
}

fn check_asked(leaf: &Leaf, asked: &Asked<'_>) -> Result<(), ReplayError> {
    if leaf.client.as_ref() != Some(asked.client) {
        return Err(ReplayError::OtherRequest("client"));
    }
    if leaf.service.as_ref() != Some(&asked.target.service) {
        return Err(ReplayError::OtherRequest("service"));
    }
    Ok(())
}

fn facts<'a>(asked: &Asked<'a>) -> Facts<'a> {
    Facts {
        client: asked.client,
        service: &asked.target.service,
        // Changes only what is told to whom no contract names.
        is_published: true,
        method: asked.method,
        path: &asked.target.path,
        query: &asked.target.query,
        purpose: asked.purpose,
        legal_basis: asked.legal_basis,
        groups: &AsRecorded,
    }
}

impl Full {
    /// What the leaf of a refusal says.
    pub fn of(leaf: &Leaf) -> Self {
        let said = leaf.rules.iter().find_map(|rule| {
            let (window, limit) = rule.strip_prefix("full:")?.split_once(' ')?;
            let windows = [Window::Hour, Window::Day];
            let window = windows.into_iter().find(|own| own.as_str() == window)?;
            Some((window, limit.parse().ok()?))
        });
        Self(said)
    }
}

impl Usage for Full {
    fn used(&self, _account: &Account<'_>, window: Window, _now: UnixMillis) -> u64 {
        self.0
            .filter(|(full, _)| *full == window)
            .map_or(0, |(_, limit)| limit)
    }
}

impl Usage for Used {
    fn used(&self, _account: &Account<'_>, window: Window, _now: UnixMillis) -> u64 {
        match window {
            Window::Hour => self.in_hour,
            Window::Day => self.in_day,
        }
    }
}

impl Groups for AsRecorded {
    fn global(&self, _group: &str, _subsystem: &SubsystemId) -> bool {
        true
    }

    fn local(&self, _group: &str, _subsystem: &SubsystemId) -> bool {
        true
    }
}

impl std::fmt::Debug for Asked<'_> {
    /// Shows no path, query or stranger's text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked")
            .field("client", self.client)
            .field("service", &self.target.service)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
