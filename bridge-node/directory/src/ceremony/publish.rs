//! The last step: what enough officers have signed goes out, with fresh metadata of the online roles.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::{Base, CeremonyError, Proposal, Reviewed, Standing};
use crate::catalogue::CATALOGUE_FILE;
use crate::directory::DIRECTORY_FILE;
use crate::metadata::{
    FileInfo, Role, SNAPSHOT_FILE, Snapshot, TARGETS_FILE, Timestamp, hex, sha256,
};
use crate::publisher::keys::KeyFolder;
use crate::publisher::repository::Repository;
use crate::publisher::{
    PublishError, SNAPSHOT_LIFE_S, TIMESTAMP_LIFE_S, after, check_size, common, with,
};
use crate::store::{Lock, Store};

/// What enough officers have signed, with fresh metadata of the online roles: ready to be written.
#[derive(Debug)]
pub struct Publication {
    standing: Standing,
    repository: Repository,
    files: Vec<(String, Vec<u8>)>,
    /// Nobody else signs with the online keys meanwhile.
    _lock: Lock,
}

impl Publication {
    /// Makes all that is to be written, and writes nothing yet. `folder` is what a web server may serve; `keys` holds the keys of the
    /// online roles.
    ///
    /// # Errors
    ///
    /// [`CeremonyError`]: what a review refuses, [`CeremonyError::TooFew`], or about keys and files.
    pub fn prepare(
        proposal: &Proposal,
        folder: &Path,
        keys: &Path,
        now_s: u64,
    ) -> Result<Self, CeremonyError> {
        Repository::create(folder)?;
        let online = KeyFolder::open(keys)?;
        let lock = Store::open(keys)
            .and_then(|store| store.lock())
            .map_err(PublishError::Store)?;
        let repository = Repository::open(folder);
        let is_first = repository.read(&Role::Root.path(Some(1)))?.is_none();
        let base = if is_first {
            None
        } else {
            Some(Base::read(folder, None)?)
        };
        let reviewed = proposal.review(base.as_ref(), now_s)?;
        reviewed.check_signatures()?;
        let version = |role, published: fn(&Standing) -> u64| {
            let standing = base.as_ref().map(|base| &base.standing);
            reviewed
                .version_of(role)
                .unwrap_or(standing.map_or(0, published))
        };
        let standing = Standing {
            root: version(Role::Root, |standing| standing.root),
            targets: version(Role::Targets, |standing| standing.targets),
            directory: hex(&sha256(proposal.directory.as_bytes())),
            catalogue: proposal
                .catalogue
                .as_ref()
                .map(|text| hex(&sha256(text.as_bytes())))
                .unwrap_or_default(),
        };
        let nothing = BTreeMap::new();
        let meta = base.as_ref().map_or(&nothing, |base| &base.meta);
        let files = files(proposal, &reviewed, (&online, &repository), meta, now_s)?;
        Ok(Self {
            standing,
            repository,
            files,
            _lock: lock,
        })
    }

    /// Returns what is published once it is written.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Writes the files, in an order in which a client that comes between two of them sees the old state or the new one. After a
    /// crash the same proposal can be published again.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::Publish`] about the files.
    pub fn write(self) -> Result<Standing, CeremonyError> {
        for (path, bytes) in &self.files {
            // Crash here: no timestamp names what was written, or only the root is new; published again, all of it is.
            self.repository.write(path, bytes)?;
        }
        Ok(self.standing)
    }
}

/// Signs for the online roles, and lists all files in the order in which they are written.
fn files(
    proposal: &Proposal,
    reviewed: &Reviewed,
    (online, repository): (&KeyFolder, &Repository),
    meta: &BTreeMap<String, FileInfo>,
    now_s: u64,
) -> Result<Vec<(String, Vec<u8>)>, CeremonyError> {
    let root = &reviewed.root;
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let (newest_timestamp, newest_snapshot, _) = repository.newest_versions()?;
    let enclosed = [
        (DIRECTORY_FILE, Some(&proposal.directory)),
        (CATALOGUE_FILE, proposal.catalogue.as_ref()),
    ];
    for (name, text) in enclosed {
        let Some(bytes) = text.map(String::as_bytes) else {
            continue;
        };
        let path = format!("targets/{}.{name}", hex(&sha256(bytes)));
        files.push((path, bytes.to_vec()));
    }
    let version = reviewed.version_of(Role::Targets);
    let bytes = proposal.targets.to_string().into_bytes();
    check_size(Role::Targets, &bytes)?;
    let targets = FileInfo::of(version, &bytes);
    files.push((Role::Targets.path(version), bytes));
    let version = after(newest_snapshot);
    let part = common::<Snapshot>(version, now_s, SNAPSHOT_LIFE_S);
    // What is listed once stays listed: a reader takes a file that vanished for an attack.
    let mut meta = meta.clone();
    meta.insert(TARGETS_FILE.to_owned(), targets);
    let part = with(part, "meta", json!(meta));
    let snapshot = online.sign(&part, Role::Snapshot, &[root])?;
    check_size(Role::Snapshot, &snapshot)?;
    let info = FileInfo::of(Some(version), &snapshot);
    files.push((Role::Snapshot.path(Some(version)), snapshot));
    let part = common::<Timestamp>(after(newest_timestamp), now_s, TIMESTAMP_LIFE_S);
    let part = with(part, "meta", json!({ SNAPSHOT_FILE: info }));
    let timestamp = online.sign(&part, Role::Timestamp, &[root])?;
    if let Some(file) = &proposal.root {
        let path = Role::Root.path(reviewed.version_of(Role::Root));
        files.push((path, file.to_string().into_bytes()));
    }
    files.push((Role::Timestamp.path(None), timestamp));
    Ok(files)
}
