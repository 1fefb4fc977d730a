//! One leaf, decided again.

use std::sync::Arc;

use bridge_core::contract::Contract;
use bridge_core::decision::{replay, replay_allowed, replay_refused};
use bridge_core::leaf::{Kind, Leaf};
use bridge_core::target::METADATA_CODES;
use bridge_verify::Opened;

use super::kept::{Kept, of_refusal, of_request};
use super::{Contracts, Made};

/// What decisions are made again by.
pub(super) struct Judge<'a> {
    pub(super) contracts: &'a Contracts,
    /// Whether the evidence key was given.
    pub(super) is_opened: bool,
}

/// Refusals under a contract that its file and the request alone do not decide.
const OTHERWISE: [(&str, &str); 2] = [
    (
        "denied:withdrawal",
        "its contract was withdrawn, which a contract file does not say",
    ),
    (
        "denied:subjects",
        "its contract allows it, but the request did not say whom it concerns",
    ),
];

// === impl Judge ===

impl Judge<'_> {
    /// Decides a leaf again; its exchange and what came of it.
    pub(super) fn leaf(&self, bytes: &[u8], evidence: Option<&Opened>) -> (String, Made) {
        let Ok(leaf) = Leaf::parse(bytes) else {
            let why = "this version cannot read it".to_owned();
            let is_refusal = false;
            return (String::new(), Made::Disagrees { is_refusal, why });
        };
        let id = leaf.request_id.map(|id| id.to_string()).unwrap_or_default();
        let made = match leaf.kind {
            Kind::RequestSent | Kind::RequestReceived if is_metadata(&leaf) => Made::Metadata,
            Kind::RequestSent | Kind::RequestReceived => self.allowed(&leaf, evidence),
            Kind::Refused => self.refused(&leaf, evidence),
            Kind::ResponseSigned
            | Kind::ResponseReceived
            | Kind::Interrupted
            | Kind::Delivery
            | Kind::State
            | Kind::AuditRead
            | Kind::Administration => Made::Nothing,
        };
        (id, made)
    }

    fn allowed(&self, leaf: &Leaf, evidence: Option<&Opened>) -> Made {
        let version = leaf.contract.clone().unwrap_or_default();
        let made = self.contract(&version).and_then(|contract| {
            let Some(opened) = evidence else {
                replay(contract, leaf).map_err(|error| error.to_string())?;
                return Ok(self.not_opened(leaf));
            };
            let kept = of_request(leaf, opened)?;
            replay_allowed(contract, leaf, &kept.asked()).map_err(|error| error.to_string())?;
            Ok("the signed request, the leaf and the contract")
        });
        match made {
            Ok(from) => Made::Allowed { from, version },
            Err(why) => Made::Disagrees {
                is_refusal: false,
                why,
            },
        }
    }

    /// What an allowed decision was made from without its request, and why.
    fn not_opened(&self, leaf: &Leaf) -> &'static str {
        match (self.is_opened, leaf.evidence.is_some()) {
            (false, _) => "leaf and contract alone: no evidence key was given",
            (true, false) => "leaf and contract alone: the contract keeps no evidence",
            (true, true) => "leaf and contract alone: the evidence was erased",
        }
    }

    fn refused(&self, leaf: &Leaf, evidence: Option<&Opened>) -> Made {
        if let Some(why) = self.not_decided(leaf, evidence.is_some()) {
            return Made::NotDecided { why };
        }
        let made = evidence.map_or_else(
            || Err(String::new()),
            |opened| {
                let kept = of_refusal(leaf, opened)?;
                let contracts = self.versions(&kept)?;
                replay_refused(&contracts, leaf, &kept.asked(), &kept)
                    .map_err(|error| error.to_string())
            },
        );
        match made {
            Ok(()) => Made::Refused {
                version: leaf.contract.clone().unwrap_or_default(),
            },
            Err(why) => Made::Disagrees {
                is_refusal: true,
                why,
            },
        }
    }

    /// Why a refusal is not decided again; `None` if it is.
    fn not_decided(&self, leaf: &Leaf, has_evidence: bool) -> Option<String> {
        let is = |word: &str| leaf.rules.iter().any(|rule| rule == word);
        if !leaf.rules.iter().any(|rule| rule.starts_with("denied:")) {
            let outcome = leaf.outcome.as_deref().unwrap_or("no outcome");
            return Some(format!("{outcome}: no rule of a contract decided it"));
        }
        if let Some((_, why)) = OTHERWISE.iter().find(|(word, _)| is(word)) {
            return Some((*why).to_owned());
        }
        if !leaf.rules.iter().any(|rule| rule.starts_with("at:")) {
            return Some("its leaf does not say when it was decided".to_owned());
        }
        let why = match (self.is_opened, leaf.evidence.is_some(), has_evidence) {
            (_, _, true) => return None,
            (false, true, _) => "no evidence key was given",
            (_, false, _) => "nothing was kept of the request",
            (true, true, false) => "the evidence was erased",
        };
        Some(why.to_owned())
    }

    fn contract(&self, version: &str) -> Result<&Arc<Contract>, String> {
        let contract = self.contracts.get(version);
        contract.ok_or_else(|| format!("no contract file has the version {version}"))
    }

    /// The contracts that were asked.
    fn versions(&self, kept: &Kept) -> Result<Vec<Arc<Contract>>, String> {
        let versions = kept.versions();
        versions.map(|own| self.contract(own).cloned()).collect()
    }
}

/// Whether terms of the program decided: only for services of these names, which no registry can have.
fn is_metadata(leaf: &Leaf) -> bool {
    let service = leaf.service.as_ref();
    leaf.decision == Some(true)
        && *leaf.rules == ["metadata"]
        && service.is_some_and(|service| METADATA_CODES.contains(&service.code()))
}
