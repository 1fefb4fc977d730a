//! Members' own nodes: what a member says of its nodes by the role that officers gave it, without them.
//!
//! The nouns:
//!
//! - [`OwnNodes`] is what a member says: its nodes, and which entry of the officers it replaces;
//! - an [`OwnFile`] carries it, with its metadata, to the machine that publishes;
//! - an [`OwnState`] tells what became of it at a reader.
//!
//! Officers stay above it: they say who has a role, a suspended member has no nodes, and an entry that they change counts until the
//! member signs anew. A file that can't be used costs its member alone.

use bridge_core::identity::MemberId;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::canonical::canonical;
use crate::directory::{DirectoryFault, Member, Node, check_nodes};
use crate::metadata::{
    Delegations, Envelope, FileInfo, MemberRole, MetadataError, Role, RoleKeys, Targets, hex,
    sha256,
};
use crate::moment::Moment;

mod base;
mod error;
mod file;
mod overlay;
mod state;

pub use error::OwnNodesError;
pub use file::{OwnFile, OwnReviewed};
pub(crate) use overlay::{Candidate, Decides, Fit, Found, chain, lay_over, states};
pub use state::{OwnStanding, OwnState};

/// The largest metadata of a member's role, in bytes.
pub const OWN_METADATA_LIMIT_BYTES: usize = 16 * 1024;

/// The largest file of a member's own nodes, in bytes.
pub const OWN_NODES_LIMIT_BYTES: usize = 512 * 1024;

/// The most nodes that a member lists itself.
pub const OWN_NODES_LIMIT: usize = 32;

/// How long a member's file is good.
pub const OWN_LIFE_S: u64 = 365 * 24 * 60 * 60;

/// What a member says of its nodes: all of them, as the directory would list them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnNodes {
    /// Whose they are.
    pub member: MemberId,
    /// The officers' entry that they take the place of, by [`entry_digest`]: of another entry they say nothing.
    pub based_on: String,
    /// Every node that counts; those that are not here are none.
    pub nodes: Vec<Node>,
}

/// Returns the digest by which a member names the officers' entry of its nodes.
pub fn entry_digest(entry: &Member) -> String {
    // Texts and whole numbers have a canonical form.
    let bytes = canonical(&json!(entry.nodes)).unwrap_or_default();
    hex(&sha256(&bytes))
}

impl OwnNodes {
    /// Reads a member's file and checks what can be told without the directory.
    ///
    /// # Errors
    ///
    /// [`OwnNodesError::Shape`], [`OwnNodesError::OtherMember`] or [`OwnNodesError::Nodes`].
    pub fn parse(bytes: &[u8], member: &MemberId) -> Result<Self, OwnNodesError> {
        let own: Self = serde_json::from_slice(bytes).map_err(OwnNodesError::Shape)?;
        if own.member != *member {
            let (member, found) = (member.clone(), own.member);
            return Err(OwnNodesError::OtherMember { member, found });
        }
        if own.nodes.len() > OWN_NODES_LIMIT {
            let what = format!(
                "{} nodes; {OWN_NODES_LIMIT} can be listed by a member itself",
                own.nodes.len()
            );
            let place = member.to_string();
            return Err(OwnNodesError::Nodes(DirectoryFault::Value { place, what }));
        }
        check_nodes(member, &own.nodes).map_err(OwnNodesError::Nodes)?;
        Ok(own)
    }
}

/// A member's file whose signatures hold, with what it is known by. Its end and its place beside the officers' entry are judged
/// when it is used.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) version: u64,
    pub(crate) expires: Moment,
    /// SHA-256 of its metadata.
    pub(crate) sha256: [u8; 32],
    length: u64,
    /// The keys that its signatures were held against.
    keys: RoleKeys,
    pub(crate) said: OwnNodes,
}

impl Own {
    /// Holds a member's metadata and nodes against the role that officers gave it.
    pub(crate) fn read(
        (role, delegations): (&MemberRole, &Delegations),
        metadata: &str,
        nodes: &[u8],
    ) -> Result<Self, OwnNodesError> {
        let (version, expires, info) = read_metadata((role, delegations), metadata)?;
        let member = role.member().ok_or(OwnNodesError::NoRole)?;
        if info.check(Role::Targets, nodes).is_err() {
            let path = MemberRole::path_of(&member);
            return Err(OwnNodesError::OtherNodes { path });
        }
        Ok(Self {
            version,
            expires,
            sha256: sha256(metadata.as_bytes()),
            length: u64::try_from(metadata.len()).unwrap_or(u64::MAX),
            keys: role.keys(),
            said: OwnNodes::parse(nodes, &member)?,
        })
    }

    /// Tells whether this is the file that the snapshot announces.
    pub(crate) fn is_announced(&self, info: &FileInfo) -> bool {
        info.version == Some(self.version)
            && info.length.is_none_or(|length| length == self.length)
            && (info.hashes.is_empty() || info.sha256() == Some(self.sha256))
    }

    /// Tells whether a role, as officers list it now, still stands behind this file.
    pub(crate) fn is_of(&self, role: &MemberRole) -> bool {
        self.version > role.above() && self.keys == role.keys()
    }
}

/// Checks the metadata of a member's role. Returns its version, its end, and the nodes' file that it names.
pub(crate) fn read_metadata(
    (role, delegations): (&MemberRole, &Delegations),
    text: &str,
) -> Result<(u64, Moment, FileInfo), OwnNodesError> {
    let envelope = opened(role, text)?;
    envelope
        .verify_by(&role.keys(), |id| delegations.key(id))
        .map_err(|source| refused(role, source))?;
    let info = named(role, &envelope)?;
    Ok((envelope.common.version, envelope.common.expires, info))
}

fn opened(role: &MemberRole, text: &str) -> Result<Envelope, OwnNodesError> {
    Envelope::read(Role::Targets, text.as_bytes()).map_err(|source| refused(role, source))
}

/// Returns the file that a member's metadata names: its nodes, and nothing else.
fn named(role: &MemberRole, envelope: &Envelope) -> Result<FileInfo, OwnNodesError> {
    let member = role.member().ok_or(OwnNodesError::NoRole)?;
    let part: Targets = envelope.part().map_err(|source| refused(role, source))?;
    let path = MemberRole::path_of(&member);
    let other = part.targets.keys().find(|name| **name != path);
    if other.is_some() || part.delegations.is_some() {
        let found = other.map_or_else(|| "other roles".to_owned(), Clone::clone);
        return Err(OwnNodesError::OtherTargets { path, found });
    }
    let info = part.targets.get(&path).cloned();
    info.ok_or(OwnNodesError::NoNodes { path })
}

fn refused(role: &MemberRole, source: MetadataError) -> OwnNodesError {
    let role = role.name().to_owned();
    OwnNodesError::Metadata { role, source }
}

/// Returns what the snapshot announces of a role, if that counts: not what earlier keys signed.
pub(crate) fn announced<'a>(
    meta: &'a std::collections::BTreeMap<String, FileInfo>,
    role: &MemberRole,
) -> Option<&'a FileInfo> {
    let info = meta.get(&role.file())?;
    (info.known_version() > role.above()).then_some(info)
}

/// Returns the path of a nodes' file in a repository with consistent snapshots.
///
/// Standard: TUF 1.0 §6.2.
pub(crate) fn nodes_path(member: &MemberId, digest: &[u8; 32]) -> String {
    let path = MemberRole::path_of(member);
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    format!("targets/{folder}/{}.{name}", hex(digest))
}
