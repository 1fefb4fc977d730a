//! What a node asks for, and what its keys sign of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge_core::identity::{MemberId, NodeId};
use bridge_core::jcs;
use bridge_signature::VerifyingKey;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{JoinError, Purpose, key, root_digest};
use crate::directory::{ExchangeKey, Node, Subsystem, base64url};
use crate::metadata::{hex, sha256};
use crate::moment::Moment;

/// The form of requests that this version writes and reads; what keys sign begins with it.
pub(super) const FORM: &str = "bridge-join-v1";

/// What a node asks for. Its digest names the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The form of this.
    pub(super) form: String,
    /// SHA-256 of the root that the node has pinned: the directory that it wants to be in.
    pub(super) directory: String,
    /// When.
    pub made: Moment,
    /// Whose node it is.
    pub member: MemberId,
    /// The member's name, if it is to be listed too; else it is listed already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The member's subsystems, if it is to be listed too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subsystems: Vec<Subsystem>,
    /// The node.
    pub node: Wanted,
    /// Requests for certificates, PEM, for the certificate authority.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub csrs: Vec<String>,
}

/// A node as it wants to be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Its code within the member.
    pub code: String,
    /// The authority that requests to it are signed for.
    pub name: String,
    /// Where it listens, `host:port`.
    pub address: String,
    /// Its TLS key (SPKI), base64.
    pub tls: String,
    /// Its exchange key (SPKI), base64.
    pub exchange: String,
    /// The certificate of its exchange key, base64 of its DER; without it the officers add the one that was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The verifier key of its journal.
    pub journal: String,
    /// The verifier key of its cosignatures, if it witnesses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
    /// Versions of the wire that it speaks.
    pub wire: Vec<u32>,
    /// Versions of leaves that it writes and reads.
    pub leaf: Vec<u32>,
    /// Signature forms that it takes.
    pub forms: Vec<String>,
}

// === impl Asked ===

impl Asked {
    /// Asks for a node to be listed in the directory of a root; whose member is listed already.
    ///
    /// # Errors
    ///
    /// [`JoinError::Root`]
    pub fn new(root: &[u8], member: MemberId, node: Wanted, now_s: u64) -> Result<Self, JoinError> {
        Ok(Self {
            form: FORM.to_owned(),
            directory: root_digest(root).ok_or(JoinError::Root)?,
            made: Moment(now_s),
            member,
            name: None,
            subsystems: Vec::new(),
            node,
            csrs: Vec::new(),
        })
    }

    /// The bytes that a member's seal covers: the canonical form.
    ///
    /// Standard: RFC 8785 §3.2.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Text, small numbers and lists of them always have one.
        jcs::canonical(&json!(self)).unwrap_or_default()
    }

    /// SHA-256 of the canonical form.
    pub fn digest(&self) -> [u8; 32] {
        sha256(&self.to_bytes())
    }

    /// Whose node asks.
    ///
    /// # Errors
    ///
    /// [`JoinError::NodeCode`] if its code is none.
    pub fn node_id(&self) -> Result<NodeId, JoinError> {
        let id = self.member.node(self.node.code.as_str());
        id.map_err(|error| JoinError::NodeCode(error.to_string()))
    }

    /// What a key signs to prove that it is at hand. No other text that a key of a node signs begins like this.
    pub(super) fn text(&self, purpose: Purpose) -> Vec<u8> {
        format!("{FORM}\n{purpose}\n{}\n", hex(&self.digest())).into_bytes()
    }

    /// The keys that it names.
    pub(super) fn keys(&self) -> Result<Vec<(Purpose, VerifyingKey)>, JoinError> {
        let mut keys = vec![
            (Purpose::Tls, key::of_spki(Purpose::Tls, &self.node.tls)?),
            (
                Purpose::Exchange,
                key::of_spki(Purpose::Exchange, &self.node.exchange)?,
            ),
            (
                Purpose::Journal,
                key::of_verifier(Purpose::Journal, &self.node.journal)?,
            ),
        ];
        if let Some(witness) = &self.node.witness {
            keys.push((
                Purpose::Witness,
                key::of_verifier(Purpose::Witness, witness)?,
            ));
        }
        Ok(keys)
    }

    /// The node as the directory would list it.
    pub(super) fn listed(&self, certificate: &str) -> Node {
        let Wanted {
            code,
            name,
            address,
            tls,
            exchange,
            certificate: _,
            journal,
            witness,
            wire,
            leaf,
            forms,
        } = self.node.clone();
        Node {
            code,
            name,
            address,
            tls_pins: vec![pin(&tls)],
            exchange: vec![ExchangeKey {
                certificate: certificate.to_owned(),
                pin: pin(&exchange),
            }],
            journal,
            wire,
            leaf,
            forms,
            witness,
            witnessing: None,
        }
    }

    /// Tells whether its exchange key has this SHA-256 (of its SPKI).
    pub fn has_exchange_key(&self, spki_sha256: &[u8; 32]) -> bool {
        pin(&self.node.exchange) == base64url(spki_sha256)
    }

    /// Tells whether a listed node is the one that was asked for, whatever officers have added since. Its witness key aside: it
    /// exchanges without one.
    pub fn is_listed_as(&self, node: &Node) -> bool {
        let wanted = &self.node;
        node.tls_pins.contains(&pin(&wanted.tls))
            && node
                .exchange
                .iter()
                .any(|key| key.pin == pin(&wanted.exchange))
            && node.journal == wanted.journal
    }
}

/// The pin of a public key: base64url of the SHA-256 of its SPKI.
fn pin(spki: &str) -> String {
    base64url(&sha256(&STANDARD.decode(spki).unwrap_or_default()))
}
