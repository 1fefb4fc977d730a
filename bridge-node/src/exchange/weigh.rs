//! What a refusal by contract rested on, for whoever decides it again from the journal.
//!
//! The provider's node has the request quoted in the refusal that it signs. The consumer's node signs nothing when it
//! refuses its own caller: it keeps what it was asked, and under which contracts, as the leaf's evidence. Only callers who
//! have proved who they are get that far, each of their member's refusals a minute takes a place of its own among those
//! that have leaves, and what is kept of one is bounded here.

use std::sync::Arc;

use bridge_core::contract::Contract;
use bridge_core::decision::{Facts, Usage};
use bridge_core::identity::SubsystemId;
use bridge_core::leaf::{EvidenceMode, UnixMillis};
use bridge_core::quota::{Account, Window};
use bridge_core::target::ServiceTarget;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::contracts::is_party;

/// The most contracts that a refused question is kept with.
const CONTRACTS: usize = 32;
/// The most bytes that are kept of a refused question: a request line, codes, names of contracts.
const QUESTION_BYTES: usize = 16 * 1024;

/// What a refusal by contract rested on.
#[derive(Clone)]
pub struct Weighed {
    /// When it was decided.
    pub at: UnixMillis,
    /// The question, at the consumer's node, if it may be kept.
    question: Option<Question>,
}

/// A question that a consumer's node refused, as it stands in the evidence of the refusal's leaf.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    pub(crate) client: SubsystemId,
    pub(crate) method: String,
    /// Path and query as they would have been signed.
    pub(crate) target: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) purpose: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) legal_basis: Option<String>,
    /// All that named the client for the service.
    pub(crate) contracts: Vec<Held>,
}

/// A contract, and how much of its quota was used.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Held {
    /// `{id}@{digest}`.
    pub(crate) version: String,
    pub(crate) in_hour: u64,
    pub(crate) in_day: u64,
}

/// A question at the consumer's node.
pub(super) struct Asked<'a> {
    pub(super) request_id: Option<Uuid>,
    pub(super) target: &'a ServiceTarget,
    pub(super) facts: &'a Facts<'a>,
    pub(super) usage: &'a dyn Usage,
}

// === impl Weighed ===

impl Weighed {
    /// At the provider's node, where the refusal quotes the request.
    pub(super) fn quoted(at: UnixMillis) -> Box<Self> {
        Box::new(Self { at, question: None })
    }

    /// At the consumer's node, under these contracts; those that name the client were asked.
    pub(super) fn kept(
        at: UnixMillis,
        asked: &Asked<'_>,
        contracts: &[Arc<Contract>],
    ) -> Box<Self> {
        Box::new(Self {
            at,
            question: asked.question(at, contracts),
        })
    }

    /// The question as evidence; `None` if there is none to be kept.
    pub(super) fn evidence(&self) -> Option<Bytes> {
        let bytes = serde_json::to_vec(self.question.as_ref()?).ok()?;
        (bytes.len() <= QUESTION_BYTES).then(|| Bytes::from(bytes))
    }
}

impl std::fmt::Debug for Weighed {
    /// Shows no path, query or stranger's text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Weighed")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

// === impl Asked ===

impl Asked<'_> {
    /// Only copies: whoever decides holds the counters of all exchanges meanwhile.
    fn question(&self, at: UnixMillis, contracts: &[Arc<Contract>]) -> Option<Question> {
        let facts = self.facts;
        let is_asked = |contract: &&Arc<Contract>| is_party(contract, facts.client, facts.groups);
        let asked: Vec<&Arc<Contract>> = contracts.iter().filter(is_asked).collect();
        let keeps = |one: &&Arc<Contract>| one.evidence_mode() != EvidenceMode::None;
        // None: no contract refused.
        if asked.is_empty() || asked.len() > CONTRACTS || !asked.iter().all(keeps) {
            return None;
        }
        let held = |contract: &Arc<Contract>| {
            let account = Account::of(contract, facts.client);
            Held {
                version: contract.reference().to_owned(),
                in_hour: self.usage.used(&account, Window::Hour, at),
                in_day: self.usage.used(&account, Window::Day, at),
            }
        };
        Some(Question {
            request_id: self.request_id.map(|id| id.to_string()),
            client: facts.client.clone(),
            method: facts.method.to_owned(),
            target: self.target.request_target(),
            purpose: facts.purpose.map(str::to_owned),
            legal_basis: facts.legal_basis.map(str::to_owned),
            contracts: asked.into_iter().map(held).collect(),
        })
    }
}

#[cfg(test)]
mod tests;
