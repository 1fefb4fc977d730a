//! What a refusal by contract rested on, for whoever decides it again from the journal.
//!
//! The provider's node has the request quoted in the refusal that it signs. The consumer's node signs nothing when it
//! refuses its own caller: it keeps what it was asked, and under which contracts, as the leaf's evidence. Only callers who
//! have proved who they are get that far, each of their member's refusals a minute takes a place of its own among those
//! that have leaves, and what is kept of one is bounded here.

use std::sync::Arc;

use bridge_core::contract::Contract;
use bridge_core::decision::{Facts, refused_rules};
use bridge_core::identity::SubsystemId;
use bridge_core::leaf::{EvidenceMode, UnixMillis};
use bridge_core::quota::{Account, Usage, Window};
use bridge_core::refusal::Refusal;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The most contracts that a refused question is kept with.
const CONTRACTS: usize = 32;
/// The most bytes that are kept of a refused question: a request line, codes, names of contracts.
const QUESTION_BYTES: usize = 16 * 1024;

/// What a refusal by contract rested on.
#[derive(Debug, Clone)]
pub struct Weighed {
    /// When it was decided.
    pub at: UnixMillis,
    /// The question, at the consumer's node, where it is kept.
    pub question: Option<Bytes>,
}

/// A question that a consumer's node refused, as it stands in the evidence of the refusal's leaf.
#[derive(Debug, Serialize, Deserialize)]
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
#[derive(Debug, Serialize, Deserialize)]
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
    pub(super) target: String,
    pub(super) facts: &'a Facts<'a>,
    pub(super) usage: &'a dyn Usage,
}

// === impl Weighed ===

impl Weighed {
    /// At the provider's node, where the refusal quotes the request.
    pub(super) fn quoted(at: UnixMillis) -> Self {
        Self { at, question: None }
    }

    /// At the consumer's node, under contracts that all name the client.
    pub(super) fn kept(at: UnixMillis, asked: &Asked<'_>, contracts: &[&Arc<Contract>]) -> Self {
        let is_kept = contracts.len() <= CONTRACTS
            && contracts
                .iter()
                .all(|contract| contract.evidence_mode() != EvidenceMode::None);
        let bytes = is_kept.then(|| asked.bytes(at, contracts)).flatten();
        let question = bytes.filter(|bytes| bytes.len() <= QUESTION_BYTES);
        Self { at, question }
    }

    /// The rules of a refusal and the version of the contract that made it; `at` is known where it was a decision.
    pub(super) fn rules(
        weighed: Option<&Self>,
        refusal: &Refusal,
    ) -> Option<(String, Vec<String>)> {
        refused_rules(refusal, weighed.map(|weighed| weighed.at))
    }
}

// === impl Asked ===

impl Asked<'_> {
    fn bytes(&self, at: UnixMillis, contracts: &[&Arc<Contract>]) -> Option<Bytes> {
        let facts = self.facts;
        let held = |contract: &&Arc<Contract>| {
            let account = Account::of(contract, facts.client);
            Held {
                version: contract.reference().to_owned(),
                in_hour: self.usage.used(&account, Window::Hour, at),
                in_day: self.usage.used(&account, Window::Day, at),
            }
        };
        let question = Question {
            request_id: self.request_id.map(|id| id.to_string()),
            client: facts.client.clone(),
            method: facts.method.to_owned(),
            target: self.target.clone(),
            purpose: facts.purpose.map(str::to_owned),
            legal_basis: facts.legal_basis.map(str::to_owned),
            contracts: contracts.iter().map(held).collect(),
        };
        serde_json::to_vec(&question).ok().map(Bytes::from)
    }
}
