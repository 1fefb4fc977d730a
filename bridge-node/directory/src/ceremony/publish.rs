//! The last step: what enough officers have signed goes out, with fresh metadata of the online roles.

use std::path::Path;

use serde_json::json;

use super::{Base, CeremonyError, Proposal, Standing};
use crate::directory::DIRECTORY_FILE;
use crate::metadata::{
    FileInfo, Role, SNAPSHOT_FILE, Snapshot, TARGETS_FILE, Timestamp, hex, sha256,
};
use crate::publisher::keys::KeyFolder;
use crate::publisher::repository::Repository;
use crate::publisher::{PublishError, SNAPSHOT_LIFE_S, TIMESTAMP_LIFE_S, after, common, with};
use crate::store::Store;

/// Publishes a proposal into a folder that any web server may serve; `keys` holds the keys of the online roles. Returns what is
/// published from then on.
///
/// Everything is signed before the first file is written. Files appear in an order in which a client that comes between two of them
/// sees the old state or the new one. After a crash the same proposal can be published again.
///
/// # Errors
///
/// [`CeremonyError`]: what a review refuses, [`CeremonyError::TooFew`], or about keys and files.
pub fn publish(
    proposal: &Proposal,
    folder: &Path,
    keys: &Path,
    now_s: u64,
) -> Result<Standing, CeremonyError> {
    Repository::create(folder)?;
    let online = KeyFolder::open(keys)?;
    let _lock = Store::open(keys)
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
    let root = &reviewed.root;

    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let (newest_timestamp, newest_snapshot, _) = repository.newest_versions()?;
    let directory = proposal.directory.as_bytes();
    let name = format!("targets/{}.{DIRECTORY_FILE}", hex(&sha256(directory)));
    files.push((name, directory.to_vec()));
    let version = reviewed.version_of(Role::Targets);
    let bytes = proposal.targets.to_string().into_bytes();
    let targets = FileInfo::of(version, &bytes);
    files.push((Role::Targets.path(version), bytes));
    let version = after(newest_snapshot);
    let part = common::<Snapshot>(version, now_s, SNAPSHOT_LIFE_S);
    let part = with(part, "meta", json!({ TARGETS_FILE: targets }));
    let snapshot = online.sign(&part, Role::Snapshot, &[root])?;
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
    for (path, bytes) in &files {
        // Crash here: no timestamp names what was written, or only the root is new; published again, all of it is.
        repository.write(path, bytes)?;
    }
    Ok(Base::read(folder, None)?.standing)
}
