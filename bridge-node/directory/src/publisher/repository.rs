//! The folder of published files: what stands in it, and how files get there.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::PublishError;
use crate::catalogue::{CATALOGUE_FILE, CATALOGUE_LIMIT_BYTES};
use crate::client::{DIRECTORY_LIMIT_BYTES, TARGETS_LIMIT_BYTES};
use crate::directory::DIRECTORY_FILE;
use crate::metadata::{
    Delegations, Envelope, FileInfo, MemberRole, MetadataError, Part, Role, Root, Snapshot,
    TARGETS_FILE, Targets, Timestamp, hex, sha256,
};
use crate::own_nodes::{
    Candidate, Found, Own, OwnNodesError, announced, chain, nodes_path, read_metadata,
};
use crate::source::{Fetch, FolderSource};
use crate::store::replace;
use crate::verified::{Verified, first_root, next_root};

/// What a repository shows its readers, each file as the one above announces it; verified but for its ends.
pub(crate) struct Published {
    pub(crate) timestamp: Verified<Timestamp>,
    pub(crate) snapshot: Verified<Snapshot>,
    pub(crate) targets: Verified<Targets>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: [u8; 32],
    /// The catalogue, if one is published.
    pub(crate) catalogue: Option<Vec<u8>>,
}

/// What the newest files name that goes on in the next ones.
#[derive(Default)]
pub(crate) struct Newest {
    pub(crate) catalogue: Option<Vec<u8>>,
    pub(crate) delegations: Option<Delegations>,
    pub(crate) meta: BTreeMap<String, FileInfo>,
}

/// A repository's folder.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    folder: PathBuf,
}

impl Repository {
    pub(crate) fn create(path: &Path) -> Result<(), PublishError> {
        for folder in [path.join("metadata"), path.join("targets")] {
            Self::make_folder(&folder)?;
        }
        Ok(())
    }

    /// Makes a folder that a web server may read.
    pub(crate) fn make_folder(folder: &Path) -> Result<(), PublishError> {
        let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
        made.map_err(|source| PublishError::Io {
            path: folder.to_path_buf(),
            source,
        })
    }

    pub(crate) fn open(path: &Path) -> Self {
        Self {
            folder: path.to_path_buf(),
        }
    }

    /// Returns the newest root and its text.
    pub(crate) fn newest_root(&self) -> Result<(String, Verified<Root>), PublishError> {
        let path = Role::Root.path(Some(1));
        self.roots()?.pop().ok_or(PublishError::Gone { path })
    }

    /// Returns every root from the first on, each the verified successor of the one before.
    pub(crate) fn roots(&self) -> Result<Vec<(String, Verified<Root>)>, PublishError> {
        let path = Role::Root.path(Some(1));
        let text = self
            .read(&path)?
            .ok_or_else(|| PublishError::Gone { path: path.clone() })?;
        let first = first_root(&text).map_err(refused(&path))?;
        check_root_version(&path, &first, 1)?;
        self.roots_from((text, first))
    }

    /// Returns a root that is believed and all that follow it, each the verified successor of the one before.
    pub(crate) fn roots_from(
        &self,
        believed: (String, Verified<Root>),
    ) -> Result<Vec<(String, Verified<Root>)>, PublishError> {
        let mut root = believed.1.clone();
        let mut roots = vec![believed];
        while let Some(wanted) = root.version.checked_add(1) {
            let path = Role::Root.path(Some(wanted));
            let Some(text) = self.read(&path)? else {
                break;
            };
            root = next_root(&root.part, &text).map_err(refused(&path))?;
            check_root_version(&path, &root, wanted)?;
            roots.push((text, root.clone()));
        }
        Ok(roots)
    }

    pub(super) fn newest_timestamp(
        &self,
        root: &Root,
    ) -> Result<Option<Verified<Timestamp>>, PublishError> {
        let path = Role::Timestamp.path(None);
        self.read(&path)?
            .map(|text| verify(&path, &text, root))
            .transpose()
    }

    /// Returns the newest versions of timestamp, snapshot and targets in the folder; 0 for what was never published.
    pub(crate) fn newest_versions(&self) -> Result<(u64, u64, u64), PublishError> {
        let timestamp = match self.read(&Role::Timestamp.path(None))? {
            Some(text) => version(&text)?,
            None => 0,
        };
        let newest = |role: Role| {
            let suffix = format!(".{role}.json");
            let folder = self.folder.join("metadata");
            let list = fs::read_dir(&folder).map_err(|source| PublishError::Io {
                path: folder.clone(),
                source,
            })?;
            let names = list
                .flatten()
                .filter_map(|entry| entry.file_name().into_string().ok());
            let version = |name: String| name.strip_suffix(&suffix)?.parse::<u64>().ok();
            Ok::<_, PublishError>(names.filter_map(version).max().unwrap_or(0))
        };
        Ok((timestamp, newest(Role::Snapshot)?, newest(Role::Targets)?))
    }

    /// Returns what is published now, if anything is.
    pub(crate) fn published(&self, root: &Root) -> Result<Option<Published>, PublishError> {
        let Some(timestamp) = self.newest_timestamp(root)? else {
            return Ok(None);
        };
        let gone = |path: &str| PublishError::Gone {
            path: path.to_owned(),
        };
        let snapshot = self.announced::<Snapshot>(timestamp.part.snapshot(), root)?;
        let info = snapshot.part.targets();
        let info = info.ok_or_else(|| gone(TARGETS_FILE))?;
        let targets = self.announced::<Targets>(info, root)?;
        let named = &targets.part.targets;
        let info = named.get(DIRECTORY_FILE).and_then(FileInfo::sha256);
        let digest = info.ok_or_else(|| gone(DIRECTORY_FILE))?;
        let bytes = self.target(DIRECTORY_FILE, &digest, DIRECTORY_LIMIT_BYTES)?;
        let catalogue = named.get(CATALOGUE_FILE).and_then(FileInfo::sha256);
        let catalogue = catalogue
            .map(|digest| self.target(CATALOGUE_FILE, &digest, CATALOGUE_LIMIT_BYTES))
            .transpose()?;
        Ok(Some(Published {
            timestamp,
            snapshot,
            targets,
            bytes,
            digest,
            catalogue,
        }))
    }

    fn target(&self, name: &str, digest: &[u8; 32], limit: usize) -> Result<Vec<u8>, PublishError> {
        let path = format!("targets/{}.{name}", hex(digest));
        let bytes = FolderSource(self.folder.clone()).fetch(&path, limit)?;
        let bytes = bytes.filter(|bytes| sha256(bytes) == *digest);
        bytes.ok_or(PublishError::Gone { path })
    }

    /// Returns the catalogue and the members' roles that the newest targets metadata of the own folder names, and what the newest
    /// snapshot lists, whoever signed them.
    pub(super) fn newest(&self) -> Result<Newest, PublishError> {
        let (_, snapshot, targets) = self.newest_versions()?;
        let mut newest = Newest::default();
        if let Some(part) = self.part::<Snapshot>(snapshot)? {
            newest.meta = part.meta;
        }
        if let Some(part) = self.part::<Targets>(targets)? {
            let named = part.targets.get(CATALOGUE_FILE).and_then(FileInfo::sha256);
            newest.catalogue = named
                .map(|digest| self.target(CATALOGUE_FILE, &digest, CATALOGUE_LIMIT_BYTES))
                .transpose()?;
            newest.delegations = part.delegations;
        }
        Ok(newest)
    }

    fn part<T: Part>(&self, version: u64) -> Result<Option<T>, PublishError> {
        let path = T::ROLE.path(Some(version));
        let text = self.read(&path)?;
        let part = text.map(|text| {
            let read = Envelope::read(T::ROLE, text.as_bytes());
            read.and_then(|envelope| envelope.part::<T>())
        });
        part.transpose().map_err(refused(&path))
    }

    /// Returns what is published of each member's role. One that can't be read is its member's trouble.
    pub(crate) fn own(
        &self,
        delegations: &Delegations,
        meta: &BTreeMap<String, FileInfo>,
    ) -> Vec<Candidate> {
        let candidate = |role: &MemberRole| {
            let (version, found) = match announced(meta, role) {
                None => (0, Found::Unused),
                Some(info) => {
                    let own = self.own_file((role, delegations), info);
                    let found = own.map_or_else(
                        |error| Found::Nothing(chain(&error)),
                        |own| Found::Newest(Arc::new(own)),
                    );
                    (info.known_version(), found)
                }
            };
            let member = role.member()?;
            Some(Candidate {
                member,
                version,
                found,
            })
        };
        delegations.roles().iter().filter_map(candidate).collect()
    }

    fn own_file(
        &self,
        (role, delegations): (&MemberRole, &Delegations),
        info: &FileInfo,
    ) -> Result<Own, OwnNodesError> {
        let missing = |path: &str| OwnNodesError::Missing {
            path: path.to_owned(),
        };
        let path = role.metadata_path(info.known_version());
        let metadata = self.read(&path)?.ok_or_else(|| missing(&path))?;
        let (_, _, named) = read_metadata((role, delegations), &metadata)?;
        let member = role.member().ok_or(OwnNodesError::NoRole)?;
        let other = || OwnNodesError::OtherNodes {
            path: MemberRole::path_of(&member),
        };
        let path = nodes_path(&member, &named.sha256().ok_or_else(other)?);
        let nodes = self.read(&path)?.ok_or_else(|| missing(&path))?;
        let own = Own::read((role, delegations), &metadata, nodes.as_bytes())?;
        if own.is_announced(info) {
            Ok(own)
        } else {
            Err(other())
        }
    }

    /// Returns metadata that the role above announced: its length, hash and version are the announced ones.
    pub(super) fn announced<T: Part>(
        &self,
        info: &FileInfo,
        root: &Root,
    ) -> Result<Verified<T>, PublishError> {
        let path = T::ROLE.path(info.version);
        let text = self
            .read(&path)?
            .ok_or_else(|| PublishError::Gone { path: path.clone() })?;
        info.check(T::ROLE, text.as_bytes())
            .map_err(refused(&path))?;
        let verified: Verified<T> = verify(&path, &text, root)?;
        if Some(verified.version) == info.version {
            return Ok(verified);
        }
        let (role, what) = (T::ROLE, "version");
        Err(refused(&path)(MetadataError::OtherFile { role, what }))
    }

    pub(crate) fn read(&self, path: &str) -> Result<Option<String>, PublishError> {
        let source = FolderSource(self.folder.clone());
        let bytes = source.fetch(path, TARGETS_LIMIT_BYTES)?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_error| PublishError::NotText {
            path: path.to_owned(),
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) -> Result<(), PublishError> {
        Ok(replace(&self.folder.join(path), bytes, PUBLIC)?)
    }
}

fn verify<T: Part>(path: &str, text: &str, root: &Root) -> Result<Verified<T>, PublishError> {
    Verified::read(text, root).map_err(refused(path))
}

fn refused(path: &str) -> impl FnOnce(MetadataError) -> PublishError {
    let path = path.to_owned();
    move |source| PublishError::Metadata { path, source }
}

/// Refuses a root that stands under another version than its own: the chain would leave a root out, or begin behind the first.
fn check_root_version(path: &str, root: &Verified<Root>, wanted: u64) -> Result<(), PublishError> {
    if root.version == wanted {
        return Ok(());
    }
    Err(PublishError::RootVersion {
        path: path.to_owned(),
        found: root.version,
    })
}

/// Returns the version of timestamp metadata, signed by whomever.
fn version(text: &str) -> Result<u64, PublishError> {
    let path = Role::Timestamp.path(None);
    let envelope = Envelope::read(Role::Timestamp, text.as_bytes());
    Ok(envelope
        .map_err(|source| PublishError::Metadata { path, source })?
        .common
        .version)
}

/// Mode of published files: a web server reads them.
const PUBLIC: u32 = 0o644;
