//! The officers' ceremony: a change of the directory proposed on one machine, reviewed and signed on others, published on a third.
//!
//! The nouns:
//!
//! - a [`Base`] is what is published, verified from the root that its reader trusts;
//! - a [`Proposal`] is a file that travels: the new metadata of the offline roles, the directory, and the signatures so far;
//! - a [`Reviewed`] proposal was held against a base: its changes, and who has still to sign;
//! - a [`Publication`] is what enough of them signed, ready to be written;
//! - an [`Officer`] holds a key of the offline roles, kept under a passphrase.
//!
//! A proposal holds for one base only. Nothing in it is believed: who signs holds it against a base of his own.

use bridge_core::identity::{MemberId, ServiceId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalogue::{CATALOGUE_LIMIT_BYTES, CatalogueFault, EntryFault};
use crate::client::DIRECTORY_LIMIT_BYTES;
use crate::directory::DirectoryFault;
use crate::metadata::{MetadataError, Role};
use crate::moment::Moment;
use crate::publisher::PublishError;

mod base;
mod change;
mod listed;
mod members;
mod officer;
mod propose;
mod publish;
mod review;

pub(crate) use base::signed_bytes;
pub use base::{Base, Standing};
pub use change::{Change, Kind, What, changes};
pub use listed::Listed;
pub use members::MemberRoleDifference;
pub use officer::Officer;
pub use propose::{RoleChange, Roster};
pub use publish::Publication;
pub use review::{Reviewed, RoleDifference, Signatures};

/// The largest proposal that is read, in bytes: a directory and a catalogue, escaped, and metadata.
pub const PROPOSAL_LIMIT_BYTES: usize = 2 * (DIRECTORY_LIMIT_BYTES + CATALOGUE_LIMIT_BYTES);

/// The fewest officers of an offline role who must sign: nobody changes the directory alone.
pub const OFFICERS_LEAST: u32 = 2;

/// The form of proposals that this version writes and reads.
const FORM: u32 = 1;

/// A change of the directory that is proposed to its officers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The form of this file.
    form: u32,
    /// What was published when it was made; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    based_on: Option<Standing>,
    /// New metadata of the root role, a whole file, with the signatures so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<Value>,
    /// New metadata of the targets role, likewise.
    targets: Value,
    /// The directory that the targets name, byte by byte.
    directory: String,
    /// The catalogue that the targets name, likewise; none where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    catalogue: Option<String>,
}

/// A proposal is none, or must not be signed or published.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// Not a file of a proposal's form.
    #[error("this is not a proposal")]
    Form(#[source] serde_json::Error),
    /// Of a later form.
    #[error("this proposal has form {found}; this version reads form {FORM}")]
    OtherForm {
        /// Its form.
        found: u32,
    },
    /// Something else is published than what the proposal changes.
    #[error("the proposal is based on {theirs}, and published is {ours}")]
    OtherBase {
        /// What it names.
        theirs: String,
        /// What is published.
        ours: String,
    },
    /// The base is older than one seen on this machine: whoever gave it holds newer changes back.
    #[error(
        "these published files are older ({offered}) than those this officer has seen ({seen})"
    )]
    OlderBase {
        /// What was given.
        offered: String,
        /// What was seen.
        seen: String,
    },
    /// The published files do not begin with the root that is trusted, or do not verify.
    #[error("the published files are not those of the trusted root")]
    OtherRoot,
    /// The metadata is malformed.
    #[error("the {role} metadata of the proposal is refused")]
    Metadata {
        /// Whose.
        role: Role,
        /// Why.
        #[source]
        source: MetadataError,
    },
    /// Not the version that follows the published one.
    #[error("the {role} metadata has version {found}; {wanted} follows the published one")]
    Version {
        /// Whose.
        role: Role,
        /// Its version.
        found: u64,
        /// The version that must come.
        wanted: u64,
    },
    /// Good for longer than the role may be, or for no time at all.
    #[error(
        "the {role} metadata ends at {expires}; it may end at {latest} at the latest, and not before now"
    )]
    Lifetime {
        /// Whose.
        role: Role,
        /// Its end.
        expires: Moment,
        /// The latest end that is allowed now.
        latest: Moment,
    },
    /// Roles that a single key could speak for, or whose keys mix what is kept apart.
    #[error("{role}: {what}")]
    Roles {
        /// The role.
        role: Role,
        /// What is wrong.
        what: String,
    },
    /// A member's role that can't be, or is not what a review would show.
    #[error("the role of {member}: {what}")]
    MemberRole {
        /// Whose.
        member: MemberId,
        /// What is wrong.
        what: &'static str,
    },
    /// The targets name another directory or catalogue than those enclosed, or other files.
    #[error(
        "the targets metadata does not name the enclosed directory and catalogue, and them alone"
    )]
    OtherDirectory,
    /// Larger than any node reads; the officers' next base could not be read either.
    #[error("the directory has {bytes} bytes; nobody reads more than {DIRECTORY_LIMIT_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The directory is faulty.
    #[error("the directory is faulty")]
    Directory(#[source] DirectoryFault),
    /// The catalogue is faulty.
    #[error("the catalogue is faulty")]
    Catalogue(#[source] CatalogueFault),
    /// An entry of the catalogue does not count.
    #[error("entry {entry} of the catalogue")]
    Entry {
        /// Which.
        entry: ServiceId,
        /// Why not.
        #[source]
        source: EntryFault,
    },
    /// Something that was said of an entry is said no more.
    #[error(
        "the history of {entry} was changed: documents are added to it, and none is taken away"
    )]
    History {
        /// The entry.
        entry: ServiceId,
    },
    /// An opinion or a decision by somebody else than the ministry of the catalogue.
    #[error("{by} is not the ministry whose decisions count, and decides about {entry}")]
    NotMinistry {
        /// The entry.
        entry: ServiceId,
        /// Who speaks.
        by: MemberId,
    },
    /// Only approved services are routed, and nobody can approve any.
    #[error(
        "approved services alone are routed, and the catalogue names no ministry to approve them"
    )]
    NoMinistry,
    /// An attribute goes to another service than the one that the ministry has given it to.
    #[error("{attribute} is transferred to {to}, and {holder} would be its source")]
    Transfer {
        /// The attribute.
        attribute: String,
        /// Whom the transfer names.
        to: ServiceId,
        /// Who would have it.
        holder: ServiceId,
    },
    /// Copies of different proposals.
    #[error("these are different proposals; only copies of one can be joined")]
    OtherProposal,
    /// A key without a part in this.
    #[error("{name} is no officer of what this proposal changes")]
    NotAnOfficer {
        /// The key's name.
        name: String,
    },
    /// Too few officers have signed.
    #[error("{role} metadata: {good} of {needed} signatures; still to sign: {missing}")]
    TooFew {
        /// Whose.
        role: Role,
        /// Officers who have signed.
        good: usize,
        /// How many must.
        needed: u32,
        /// Those who can.
        missing: String,
    },
    /// Files can't be read, signed by the online keys, or written.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl Proposal {
    /// Reads a proposal. Nothing in it is believed yet.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::Form`] or [`CeremonyError::OtherForm`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CeremonyError> {
        let proposal: Self = serde_json::from_slice(bytes).map_err(CeremonyError::Form)?;
        match proposal.form {
            FORM => Ok(proposal),
            found => Err(CeremonyError::OtherForm { found }),
        }
    }

    /// Writes the file that travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::json!(self).to_string().into_bytes()
    }

    /// Tells whether it is the first of all, which nothing stands before.
    pub fn is_first(&self) -> bool {
        self.based_on.is_none()
    }

    /// Returns the new root, if one is proposed: what an officer who has signed the first one trusts from then on.
    pub fn root_file(&self) -> Option<Vec<u8>> {
        self.root.as_ref().map(|file| file.to_string().into_bytes())
    }

    /// Tells whether a root file is the root that is proposed, whoever has signed which copy.
    pub fn has_root(&self, file: &[u8]) -> bool {
        let signed = |text: &str| signed_bytes(text);
        let theirs = std::str::from_utf8(file).ok().and_then(signed);
        theirs.is_some()
            && theirs
                == self
                    .root
                    .as_ref()
                    .and_then(|root| signed(&root.to_string()))
    }

    /// Takes over the signatures of a copy that was signed elsewhere.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::OtherProposal`] unless both propose the same, byte by byte.
    pub fn join(&mut self, other: &Self) -> Result<(), CeremonyError> {
        if self.unsigned() != other.unsigned() {
            return Err(CeremonyError::OtherProposal);
        }
        if let (Some(ours), Some(theirs)) = (&mut self.root, &other.root) {
            put_signatures(ours, theirs);
        }
        put_signatures(&mut self.targets, &other.targets);
        Ok(())
    }

    /// The same without signatures.
    fn unsigned(&self) -> Self {
        let bare = |file: &Value| unsigned(&signed_of(file));
        Self {
            root: self.root.as_ref().map(bare),
            targets: bare(&self.targets),
            ..self.clone()
        }
    }
}

/// A metadata file that nobody has signed yet.
fn unsigned(signed: &Value) -> Value {
    serde_json::json!({ "signatures": [], "signed": signed })
}

fn signed_of(file: &Value) -> Value {
    file.get("signed").cloned().unwrap_or_default()
}

pub(crate) fn put_signatures(file: &mut Value, other: &Value) {
    let theirs = other.get("signatures").and_then(Value::as_array);
    for signature in theirs.into_iter().flatten() {
        put_signature(file, signature.clone());
    }
}

/// Adds a signature, or replaces the one of the same key.
pub(crate) fn put_signature(file: &mut Value, signature: Value) {
    if let Some(list) = file.get_mut("signatures").and_then(Value::as_array_mut) {
        list.retain(|one| one.get("keyid") != signature.get("keyid"));
        list.push(signature);
    }
}

#[cfg(test)]
pub(crate) mod tests;
