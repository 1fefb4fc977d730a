//! What is published, as an officer or the publishing machine finds it: verified from a root, whatever the time.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::CeremonyError;
use crate::canonical::canonical;
use crate::catalogue::Catalogue;
use crate::directory::Directory;
use crate::join::root_digest;
use crate::metadata::{Envelope, FileInfo, MetadataError, Role, Root, Targets, hex, sha256};
use crate::moment::Moment;
use crate::own_nodes::Candidate;
use crate::publisher::PublishError;
use crate::publisher::repository::{Published, Repository};
use crate::verified::{Verified, first_root};

/// Which versions are published. Officers remember it, so that no older base is ever shown to them as the present one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Version of the root.
    pub root: u64,
    /// Version of the targets; 0 before the first.
    pub targets: u64,
    /// SHA-256 of the directory, in hexadecimal digits; empty before the first.
    pub directory: String,
    /// SHA-256 of the catalogue, likewise; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub catalogue: String,
}

/// The published files of the offline roles and what they name.
#[derive(Debug)]
pub struct Base {
    /// The versions.
    pub standing: Standing,
    /// The directory.
    pub directory: Option<Directory>,
    /// The catalogue; an empty one where none is published.
    pub catalogue: Catalogue,
    /// The ends of all roles that have published, in the order of trust.
    pub ends: Vec<(Role, u64, Moment)>,
    pub(super) root: Verified<Root>,
    pub(super) root_text: String,
    pub(crate) targets: Option<Targets>,
    /// What its roots are known by: those from the trusted one on, and those that lead to it.
    roots: Vec<String>,
    pub(super) catalogue_text: Option<String>,
    /// What the snapshot lists.
    pub(crate) meta: BTreeMap<String, FileInfo>,
    /// What is published of members' roles.
    pub(crate) own: Vec<Candidate>,
}

impl Base {
    /// Reads a copy of the published folder. `trusted` is a root file that its reader has from elsewhere, of any version; without it
    /// the first root in the folder is believed, as on the machine that publishes.
    ///
    /// Ends are not looked at: what has expired is what a ceremony renews.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::OtherRoot`], [`CeremonyError::Directory`], or about the files.
    pub fn read(folder: &Path, trusted: Option<&[u8]>) -> Result<Self, CeremonyError> {
        let repository = Repository::open(folder);
        let mut roots = match trusted {
            // Not from the folder's first root on: whoever gave the folder could have made that one.
            Some(trusted) => repository.roots_from(find_root(&repository, trusted)?)?,
            None => repository.roots()?,
        };
        let digests = known_as(&repository, &roots);
        let (root_text, root) = roots.pop().ok_or(CeremonyError::OtherRoot)?;
        let before = roots.pop().map(|(_, before)| before.part);
        let mut ends = vec![(Role::Root, root.version, root.expires)];
        let mut base = Self {
            standing: Standing {
                root: root.version,
                targets: 0,
                directory: String::new(),
                catalogue: String::new(),
            },
            directory: None,
            catalogue: Catalogue::default(),
            catalogue_text: None,
            meta: BTreeMap::new(),
            own: Vec::new(),
            ends: Vec::new(),
            root_text,
            targets: None,
            roots: digests,
            root,
        };
        // Between a new root and the metadata that follows it, a publication may have been cut short.
        let published = match (repository.published(&base.root.part), before) {
            (Err(PublishError::Metadata { .. }), Some(before)) => repository.published(&before)?,
            (published, _) => published?,
        };
        if let Some(published) = published {
            let Published {
                timestamp,
                snapshot,
                targets,
                bytes,
                digest,
                catalogue,
            } = published;
            ends.push((Role::Timestamp, timestamp.version, timestamp.expires));
            ends.push((Role::Snapshot, snapshot.version, snapshot.expires));
            ends.push((Role::Targets, targets.version, targets.expires));
            base.standing.targets = targets.version;
            base.standing.directory = hex(&digest);
            base.directory = Some(Directory::parse(&bytes).map_err(CeremonyError::Directory)?);
            if let Some(delegations) = &targets.part.delegations {
                base.own = repository.own(delegations, &snapshot.part.meta);
            }
            base.meta = snapshot.part.meta;
            base.targets = Some(targets.part);
            if let Some(bytes) = catalogue {
                base.standing.catalogue = hex(&sha256(&bytes));
                base.catalogue = Catalogue::parse(&bytes).map_err(CeremonyError::Catalogue)?;
                base.catalogue_text = String::from_utf8(bytes).ok();
            }
        }
        base.ends = ends;
        Ok(base)
    }

    /// Refuses a base that is older than what was seen before.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::OlderBase`]
    pub fn check_not_older(&self, seen: &Standing) -> Result<(), CeremonyError> {
        let (ours, theirs) = (&self.standing, seen);
        let named = |one: &Standing| (one.directory.clone(), one.catalogue.clone());
        let is_other = ours.targets == theirs.targets && named(ours) != named(theirs);
        if ours.root < theirs.root || ours.targets < theirs.targets || is_other {
            return Err(CeremonyError::OlderBase {
                offered: ours.to_string(),
                seen: theirs.to_string(),
            });
        }
        Ok(())
    }

    /// Tells whether one of its roots is known by a digest, as a node that pins it knows it.
    pub fn has_root(&self, digest: &str) -> bool {
        self.roots.iter().any(|one| one == digest)
    }

    /// Returns the newest root.
    pub(crate) fn root(&self) -> &Root {
        &self.root.part
    }

    /// Returns the newest root file: what an officer trusts from now on.
    pub fn root_file(&self) -> &[u8] {
        self.root_text.as_bytes()
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "root {}, targets {}", self.root, self.targets)?;
        let files = [
            ("directory", &self.directory),
            ("catalogue", &self.catalogue),
        ];
        for (name, digest) in files.into_iter().filter(|(_, digest)| !digest.is_empty()) {
            let short: String = digest.chars().take(16).collect();
            write!(f, ", {name} {short}")?;
        }
        Ok(())
    }
}

/// What roots are known by to nodes that pinned one of them. Nodes keep the first root that they were given, and an officer trusts
/// the newest one seen: those before it count if their officers have signed the way to it.
fn known_as(repository: &Repository, roots: &[(String, Verified<Root>)]) -> Vec<String> {
    let newest = |roots: &[(String, Verified<Root>)]| roots.last().map(|(text, _)| text.clone());
    let whole = repository.roots().ok();
    let whole = whole.filter(|whole| newest(whole) == newest(roots));
    let roots = whole.as_deref().unwrap_or(roots);
    let digests = roots.iter();
    let digests = digests.filter_map(|(text, _)| root_digest(text.as_bytes()));
    digests.collect()
}

/// Finds the trusted root in the folder under its version, whoever of its officers have signed which copy.
fn find_root(
    repository: &Repository,
    trusted: &[u8],
) -> Result<(String, Verified<Root>), CeremonyError> {
    let text = std::str::from_utf8(trusted).map_err(|_error| CeremonyError::OtherRoot)?;
    let refused = |source: MetadataError| CeremonyError::Metadata {
        role: Role::Root,
        source,
    };
    let trusted = Envelope::read(Role::Root, text.as_bytes()).map_err(refused)?;
    let version = trusted.common.version;
    let found = repository.read(&Role::Root.path(Some(version)))?;
    let found = found.ok_or(CeremonyError::OtherRoot)?;
    let root = first_root(&found).map_err(refused)?;
    if signed_bytes(text) != signed_bytes(&found) {
        return Err(CeremonyError::OtherRoot);
    }
    Ok((found, root))
}

/// The bytes of a root that its signatures are made over.
pub(crate) fn signed_bytes(text: &str) -> Option<Vec<u8>> {
    Envelope::read(Role::Root, text.as_bytes()).ok()?;
    let file: serde_json::Value = serde_json::from_str(text).ok()?;
    canonical(file.get("signed")?).ok()
}
