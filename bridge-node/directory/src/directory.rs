//! What the directory says: members, their subsystems and nodes, the nodes' keys, groups.

use bridge_core::identity::{MemberId, SubsystemId};
use serde::{Deserialize, Serialize};

use crate::metadata::sha256;

mod check;
pub(crate) mod witnessing;

pub(crate) use check::check_nodes;
pub use check::{
    DirectoryFault, KEYS_LIMIT, TEXT_LIMIT_BYTES, VERSIONS_LIMIT, is_address, is_host_name,
};
pub use witnessing::{OutsideWitness, WITNESSES_LIMIT, WitnessPlace, Witnessing};
pub(crate) use witnessing::{key_name, log_of};

/// The name of the directory among the target files of the metadata.
pub const DIRECTORY_FILE: &str = "directory.json";

/// The signed list of everyone on the bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// The instance that all members belong to.
    pub instance: String,
    /// Every member, none twice.
    pub members: Vec<Member>,
    /// Global groups, none twice.
    pub groups: Vec<Group>,
    /// Witnesses of journals that are not nodes, none twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<OutsideWitness>,
}

/// An agency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its identity.
    pub id: MemberId,
    /// Its name, for people.
    pub name: String,
    /// Its subsystems, none twice.
    pub subsystems: Vec<Subsystem>,
    /// Its nodes, none twice. A member without nodes is listed but can't be called.
    pub nodes: Vec<Node>,
    /// Whether officers have suspended it: it stays listed, and its nodes and keys count for nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
}

/// A subsystem of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subsystem {
    /// Its code within the member.
    pub code: String,
    /// Its name, for people.
    pub name: String,
}

/// A node of a member, as its peers need to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its code within the member.
    pub code: String,
    /// The authority that requests to it are signed for: a lower-case name as of DNS, unique in the directory.
    pub name: String,
    /// Where it listens, `host:port`.
    pub address: String,
    /// SHA-256 of the public keys (SPKI) that its TLS certificate may have, base64url: the current and the next.
    pub tls_pins: Vec<String>,
    /// The keys that sign its messages, current and next.
    pub exchange: Vec<ExchangeKey>,
    /// The verifier key of its journal, as a signed note names it.
    pub journal: String,
    /// Versions of the wire that it speaks.
    pub wire: Vec<u32>,
    /// Versions of leaves that it writes and reads.
    pub leaf: Vec<u32>,
    /// Signature forms that it takes; `plain` always.
    pub forms: Vec<String>,
    /// The verifier key of its cosignatures on others' journals, if it witnesses any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
    /// Who witnesses its journal, if anybody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnessing: Option<Witnessing>,
}

/// A key that signs a node's messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeKey {
    /// The certificate as base64 of its DER.
    pub certificate: String,
    /// SHA-256 of its public key (SPKI), base64url.
    pub pin: String,
}

/// A global group of subsystems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its code.
    pub code: String,
    /// Its subsystems, each of them in the directory, none twice.
    pub members: Vec<SubsystemId>,
}

impl Directory {
    /// Reads a directory file and checks it.
    ///
    /// # Errors
    ///
    /// [`DirectoryFault`]: the first thing that is wrong, with its place.
    pub fn parse(bytes: &[u8]) -> Result<Self, DirectoryFault> {
        let directory: Self = serde_json::from_slice(bytes).map_err(DirectoryFault::Shape)?;
        directory.check()?;
        Ok(directory)
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&Member, &Node)> {
        self.members
            .iter()
            .flat_map(|member| member.nodes.iter().map(move |node| (member, node)))
    }
}

impl ExchangeKey {
    /// Returns the certificate as DER, or nothing if it is not base64.
    pub fn certificate_der(&self) -> Option<Vec<u8>> {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD
            .decode(&self.certificate)
            .ok()
    }

    /// Returns the key id of messages: the base64url SHA-256 of the certificate.
    pub fn key_id(&self) -> Option<String> {
        Some(base64url(&sha256(&self.certificate_der()?)))
    }
}

/// Writes bytes as base64url without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
pub(crate) mod tests;
