//! A member's file on its way: proposed, reviewed and signed by the member, taken by the machine that publishes.

use std::collections::BTreeSet;

use bridge_core::identity::MemberId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Candidate, Fit, Found, OWN_LIFE_S, Own, OwnNodes, OwnNodesError, announced, entry_digest,
    lay_over, named, opened, overlay,
};
use crate::canonical::canonical;
use crate::ceremony::{Base, Change, Officer, changes};
use crate::directory::Node;
use crate::metadata::{FileInfo, MemberRole, Role, Targets, hex};
use crate::moment::Moment;
use crate::publisher::{PublishError, after, common, with};

/// The form of these files that this version writes and reads.
const FORM: u32 = 1;

/// A member's own nodes with the metadata that vouches for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnFile {
    /// The form of this file.
    form: u32,
    /// Metadata of the member's role, a whole file, with the signatures so far.
    metadata: Value,
    /// The nodes, byte by byte.
    nodes: String,
}

/// A member's file that may be signed, as far as rules can tell.
#[derive(Debug)]
pub struct OwnReviewed {
    /// Whose.
    pub member: MemberId,
    /// What becomes of the nodes that count now.
    pub changes: Vec<Change>,
    /// Its version.
    pub version: u64,
    /// Its end.
    pub expires: Moment,
    /// Keys that have signed, each by its name and the first digits of its id.
    pub good: Vec<String>,
    /// Those that have not, likewise.
    pub missing: Vec<String>,
    /// How many must.
    pub threshold: u32,
    ids: BTreeSet<String>,
    good_ids: BTreeSet<String>,
}

impl OwnFile {
    /// The largest file that is read, in bytes: nodes, escaped, and metadata.
    pub const LIMIT_BYTES: usize =
        2 * (super::OWN_NODES_LIMIT_BYTES + super::OWN_METADATA_LIMIT_BYTES);

    /// Proposes what a member says of its nodes from now on, for a year.
    ///
    /// # Errors
    ///
    /// [`OwnNodesError::NotListed`] or [`OwnNodesError::NoRole`]; the rest is for the review.
    pub fn propose(
        base: &Base,
        member: &MemberId,
        nodes: Vec<Node>,
        now_s: u64,
    ) -> Result<Self, OwnNodesError> {
        let directory = base.directory.as_ref().ok_or_else(nothing)?;
        let entry = directory.members.iter().find(|entry| entry.id == *member);
        let entry = entry.ok_or_else(|| OwnNodesError::NotListed {
            member: member.clone(),
        })?;
        let (role, _) = base.role_of(member).ok_or(OwnNodesError::NoRole)?;
        let own = OwnNodes {
            member: member.clone(),
            based_on: entry_digest(entry),
            nodes,
        };
        let text = serde_json::to_string(&own).map_err(OwnNodesError::Shape)?;
        let part = common::<Targets>(next_version(base, role), now_s, OWN_LIFE_S);
        let info = FileInfo::of(None, text.as_bytes());
        let part = with(
            part,
            "targets",
            json!({ MemberRole::path_of(member): info }),
        );
        Ok(Self {
            form: FORM,
            metadata: json!({ "signatures": [], "signed": part }),
            nodes: text,
        })
    }

    /// Reads a file. Nothing in it is believed yet.
    ///
    /// # Errors
    ///
    /// [`OwnNodesError::Shape`] or [`OwnNodesError::OtherForm`].
    pub fn parse(bytes: &[u8]) -> Result<Self, OwnNodesError> {
        let file: Self = serde_json::from_slice(bytes).map_err(OwnNodesError::Shape)?;
        match file.form {
            FORM => Ok(file),
            found => Err(OwnNodesError::OtherForm { found, form: FORM }),
        }
    }

    /// Writes the file that travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        json!(self).to_string().into_bytes()
    }

    /// Takes over the signatures of a copy that was signed elsewhere.
    ///
    /// # Errors
    ///
    /// [`OwnNodesError::OtherFile`] unless both say the same, byte by byte.
    pub fn join(&mut self, other: &Self) -> Result<(), OwnNodesError> {
        let said = |file: &Self| (file.metadata.get("signed").cloned(), file.nodes.clone());
        if said(self) != said(other) {
            return Err(OwnNodesError::OtherFile);
        }
        crate::ceremony::put_signatures(&mut self.metadata, &other.metadata);
        Ok(())
    }

    /// Holds the file against what is published.
    ///
    /// # Errors
    ///
    /// [`OwnNodesError`]: the rule that it breaks.
    pub fn review(&self, base: &Base, now_s: u64) -> Result<OwnReviewed, OwnNodesError> {
        let member = self.member()?;
        let (role, delegations) = base.role_of(&member).ok_or(OwnNodesError::NoRole)?;
        let metadata = self.metadata.to_string();
        let envelope = opened(role, &metadata)?;
        let info = named(role, &envelope)?;
        let (found, wanted) = (envelope.common.version, next_version(base, role));
        if found != wanted {
            let role = role.name().to_owned();
            return Err(OwnNodesError::OtherVersion {
                role,
                wanted,
                found,
            });
        }
        let expires = envelope.common.expires;
        let latest = Moment(now_s.saturating_add(OWN_LIFE_S));
        if expires <= Moment(now_s) || expires > latest {
            return Err(OwnNodesError::Lifetime { expires, latest });
        }
        if info.check(Role::Targets, self.nodes.as_bytes()).is_err() {
            let path = MemberRole::path_of(&member);
            return Err(OwnNodesError::OtherNodes { path });
        }
        // Whoever carries the file can add signatures of nobody's keys: what no reader takes would be published in vain.
        let nodes = (MemberRole::path_of(&member), self.nodes.len());
        check_size(nodes, super::OWN_NODES_LIMIT_BYTES)?;
        let metadata = (role.metadata_path(found), metadata.len());
        check_size(metadata, super::OWN_METADATA_LIMIT_BYTES)?;
        let said = OwnNodes::parse(self.nodes.as_bytes(), &member)?;
        let own = Own {
            version: found,
            expires,
            sha256: [0; 32],
            length: 0,
            keys: role.keys(),
            said,
        };
        let changes = held(base, own)?;
        let has_signed = |id: &&String| {
            let key = delegations.key(id);
            key.is_some_and(|key| envelope.is_signed_by(id, key))
        };
        let ids = role.keys().key_ids;
        let (good, missing): (BTreeSet<&String>, BTreeSet<_>) = ids.iter().partition(has_signed);
        let shown = |ids: &BTreeSet<&String>| {
            let keys = ids.iter().filter_map(|id| delegations.key(id));
            keys.map(crate::metadata::Key::shown).collect()
        };
        Ok(OwnReviewed {
            changes,
            version: found,
            expires,
            good: shown(&good),
            missing: shown(&missing),
            threshold: role.keys().threshold,
            good_ids: good.into_iter().cloned().collect(),
            ids: ids.clone(),
            member,
        })
    }

    /// Signs what a review has shown. Tells whether the key had not signed before.
    ///
    /// # Errors
    ///
    /// [`OwnNodesError::NotAKey`] if the role has another key.
    pub fn sign(&mut self, key: &Officer, reviewed: &OwnReviewed) -> Result<bool, OwnNodesError> {
        let id = key.key().id().unwrap_or_default();
        if !reviewed.ids.contains(&id) {
            let name = key.key().name();
            return Err(OwnNodesError::NotAKey { name });
        }
        if reviewed.good_ids.contains(&id) {
            return Ok(false);
        }
        let bytes = canonical(&self.metadata.get("signed").cloned().unwrap_or_default())?;
        let sig = hex(&key.sign_bytes(&bytes));
        crate::ceremony::put_signature(&mut self.metadata, json!({ "keyid": id, "sig": sig }));
        Ok(true)
    }

    /// Returns whose nodes these are, as the file says.
    ///
    /// # Errors
    ///
    /// [`OwnNodesError::Shape`]
    pub fn member(&self) -> Result<MemberId, OwnNodesError> {
        let own: OwnNodes = serde_json::from_str(&self.nodes).map_err(OwnNodesError::Shape)?;
        Ok(own.member)
    }

    /// Returns the metadata and the nodes as they are published.
    pub(crate) fn files(&self) -> (Vec<u8>, &[u8]) {
        let metadata = self.metadata.to_string().into_bytes();
        (metadata, self.nodes.as_bytes())
    }
}

impl OwnReviewed {
    /// Refuses what too few keys have signed.
    ///
    /// # Errors
    ///
    /// [`OwnNodesError::TooFew`], with the names of those that can still sign.
    pub fn check_signatures(&self) -> Result<(), OwnNodesError> {
        if u32::try_from(self.good.len()).is_ok_and(|good| good >= self.threshold) {
            return Ok(());
        }
        Err(OwnNodesError::TooFew {
            good: self.good.len(),
            needed: self.threshold,
            missing: self.missing.join(", "),
        })
    }
}

/// Refuses what is larger than readers take.
fn check_size((path, bytes): (String, usize), limit: usize) -> Result<(), OwnNodesError> {
    if bytes > limit {
        return Err(OwnNodesError::TooLarge { path, limit });
    }
    Ok(())
}

/// Lays a new file over what is published, beside the other members' files. Returns what it changes of the nodes that count.
fn held(base: &Base, own: Own) -> Result<Vec<Change>, OwnNodesError> {
    let officers = base.directory.as_ref().ok_or_else(nothing)?;
    let member = own.said.member.clone();
    let entry = officers.members.iter().find(|entry| entry.id == member);
    let entry = entry.ok_or_else(|| OwnNodesError::NotListed {
        member: member.clone(),
    })?;
    if own.said.based_on != entry_digest(entry) {
        return Err(OwnNodesError::OtherEntry { member });
    }
    overlay::check_entry(entry, &own.said.nodes)?;
    let mut before = officers.clone();
    let fits = lay_over(&mut before, &base.own);
    let mut candidates = base.own.clone();
    let new = Candidate {
        member: member.clone(),
        version: own.version,
        found: Found::Newest(std::sync::Arc::new(own)),
    };
    let others: Vec<_> = candidates.iter().map(|one| one.member != member).collect();
    candidates.retain(|one| one.member != member);
    // Last, so that whoever else has something already keeps it.
    candidates.push(new);
    let mut after = officers.clone();
    let mut fitted = lay_over(&mut after, &candidates);
    let own = fitted.pop();
    let known: Vec<Fit> = fits
        .into_iter()
        .zip(others)
        .filter_map(|(fit, is_other)| is_other.then_some(fit))
        .collect();
    match own {
        Some(Fit::Fits) if fitted == known => Ok(changes(&before, &after)),
        Some(Fit::Refused(what)) => Err(OwnNodesError::NotBeside { what }),
        _ => Err(OwnNodesError::OtherEntry { member }),
    }
}

/// The version that follows the published one, and those that count no more.
fn next_version(base: &Base, role: &MemberRole) -> u64 {
    let listed = announced(&base.meta, role).map_or(0, FileInfo::known_version);
    after(listed.max(role.above()))
}

fn nothing() -> OwnNodesError {
    OwnNodesError::Publish(PublishError::NothingPublished)
}
