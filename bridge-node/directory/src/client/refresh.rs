//! One refresh, step by step in the specification's order. Each step keeps what it verified before the next begins.

use std::collections::BTreeMap;

use super::members::Members;
use super::{
    DIRECTORY_LIMIT_BYTES, DirectoryError, ROOT_LIMIT_BYTES, ROOTS_LIMIT, SNAPSHOT_LIMIT_BYTES,
    TARGETS_LIMIT_BYTES, TIMESTAMP_LIMIT_BYTES, check_target, directory_info, stored, targets_info,
};
use crate::catalogue::{CATALOGUE_FILE, CATALOGUE_LIMIT_BYTES, Catalogue};
use crate::directory::{DIRECTORY_FILE, Directory};
use crate::metadata::{
    Envelope, FileInfo, MetadataError, Role, Root, SNAPSHOT_FILE, Snapshot, Targets, Timestamp, hex,
};
use crate::moment::Moment;
use crate::source::Fetch;
use crate::store::{Complete, Lock, State, Store};
use crate::verified::{Verified, next_root};

/// A refresh under way.
pub(super) struct Refresh<'a> {
    pub(super) store: &'a Store,
    pub(super) lock: &'a Lock,
    pub(super) source: &'a dyn Fetch,
    pub(super) now: Moment,
    pub(super) state: State,
    pub(super) root: Verified<Root>,
}

/// What a refresh brought and has read already; none of what the folder had.
#[derive(Default)]
pub(super) struct Fetched {
    pub(super) directory: Option<Directory>,
    pub(super) catalogue: Option<Catalogue>,
    /// Why members' announced files could not be had, by their roles' names.
    pub(super) faults: BTreeMap<String, String>,
}

/// Verified metadata with the text it was read from.
pub(super) struct Current<T> {
    pub(super) part: T,
    pub(super) text: String,
}

impl Refresh<'_> {
    /// Follows the chain of roots to its end.
    ///
    /// Standard: TUF 1.0 §5.3.
    pub(super) fn update_root(&mut self) -> Result<(), DirectoryError> {
        for _ in 0..ROOTS_LIMIT {
            let Some(wanted) = self.root.version.checked_add(1) else {
                break;
            };
            let path = Role::Root.path(Some(wanted));
            let Some(text) = self.fetch(&path, ROOT_LIMIT_BYTES)? else {
                return self.root.check_expiry(self.now);
            };
            let new = next_root(&self.root.part, &text).map_err(refused(&path))?;
            if new.version == self.root.version {
                // The specification's way: the known root under a new name is no root, and no attack.
                return self.root.check_expiry(self.now);
            }
            if new.version != wanted {
                return Err(DirectoryError::RootVersion {
                    wanted,
                    found: new.version,
                });
            }
            self.state.adopt_root(&self.root.part, &new.part);
            self.state.roots.push(text);
            self.root = new;
            self.save()?;
        }
        Err(DirectoryError::TooManyRoots)
    }

    /// Learns which snapshot is the newest.
    ///
    /// Standard: TUF 1.0 §5.4.
    pub(super) fn update_timestamp(&mut self) -> Result<Current<Timestamp>, DirectoryError> {
        let path = Role::Timestamp.path(None);
        let text = self.obtain(&path, TIMESTAMP_LIMIT_BYTES)?;
        let new: Verified<Timestamp> =
            Verified::read(&text, &self.root.part).map_err(refused(&path))?;
        if let Some(known_text) = &self.state.timestamp {
            let known: Verified<Timestamp> =
                stored(Role::Timestamp, Verified::read(known_text, &self.root.part))?;
            check_rollback(TIMESTAMP_FILE, known.version, new.version)?;
            if new.version == known.version {
                known.check_expiry(self.now)?;
                return Ok(Current {
                    part: known.part,
                    text: known_text.clone(),
                });
            }
            let version = |timestamp: &Timestamp| timestamp.snapshot().known_version();
            check_rollback(SNAPSHOT_FILE, version(&known.part), version(&new.part))?;
        }
        new.check_expiry(self.now)?;
        self.state.timestamp = Some(text.clone());
        self.save()?;
        Ok(Current {
            part: new.part,
            text,
        })
    }

    /// Learns which metadata belongs together.
    ///
    /// Standard: TUF 1.0 §5.5.
    pub(super) fn update_snapshot(
        &mut self,
        timestamp: &Timestamp,
    ) -> Result<Current<Snapshot>, DirectoryError> {
        let info = timestamp.snapshot();
        let path = Role::Snapshot.path(info.version);
        let known_text = self.state.snapshot.clone();
        let text = self.announced(
            Role::Snapshot,
            info,
            known_text.as_ref(),
            SNAPSHOT_LIMIT_BYTES,
        )?;
        let new: Verified<Snapshot> =
            Verified::read(&text, &self.root.part).map_err(refused(&path))?;
        new.check_version(info)?;
        if let Some(known_text) = &known_text {
            let known: Verified<Snapshot> =
                stored(Role::Snapshot, Verified::read(known_text, &self.root.part))?;
            for (file, info) in &known.part.meta {
                let Some(offered) = new.part.meta.get(file) else {
                    return Err(DirectoryError::Vanished { file: file.clone() });
                };
                check_rollback(file, info.known_version(), offered.known_version())?;
            }
        }
        new.check_expiry(self.now)?;
        if known_text.as_ref() != Some(&text) {
            self.state.snapshot = Some(text.clone());
            self.save()?;
        }
        Ok(Current {
            part: new.part,
            text,
        })
    }

    /// Learns which directory file is the current one.
    ///
    /// Standard: TUF 1.0 §5.6.
    pub(super) fn update_targets(
        &mut self,
        snapshot: &Snapshot,
    ) -> Result<Current<Targets>, DirectoryError> {
        let info = targets_info(snapshot)?;
        let path = Role::Targets.path(info.version);
        let known = self.state.complete.as_ref().map(|set| &set.targets);
        let text = self.announced(Role::Targets, info, known, TARGETS_LIMIT_BYTES)?;
        let new: Verified<Targets> =
            Verified::read(&text, &self.root.part).map_err(refused(&path))?;
        new.check_version(info)?;
        new.check_expiry(self.now)?;
        Ok(Current {
            part: new.part,
            text,
        })
    }

    /// Brings the directory itself, the catalogue and members' files, and keeps them together with the metadata that vouches for them.
    ///
    /// Standard: TUF 1.0 §5.7.
    pub(super) fn complete(
        &mut self,
        targets: &Current<Targets>,
        snapshot: &Snapshot,
        members: &mut Members,
    ) -> Result<Fetched, DirectoryError> {
        let info = directory_info(&targets.part)?;
        let digest = info.sha256().ok_or(DirectoryError::NoDirectory)?;
        let mut fetched = Fetched::default();
        if let Some(bytes) = self.fetch_target(DIRECTORY_FILE, info, DIRECTORY_LIMIT_BYTES)? {
            let directory = Directory::parse(&bytes).map_err(DirectoryError::Directory)?;
            fetched.directory = Some(directory);
            let name = (DIRECTORY_FILE, &digest);
            self.store.save_target(self.lock, name, &bytes)?;
        }
        let catalogue;
        (catalogue, fetched.catalogue) = self.complete_catalogue(&targets.part)?;
        // The set before is still there: it says until when a member's file of before counts.
        let late = self.state.late.clone();
        fetched.faults = self.bring_own(&targets.part, snapshot, members)?;
        // Crash here: a directory file that nothing names; the next refresh uses or removes it.
        if let (Some(timestamp), Some(snapshot)) = (&self.state.timestamp, &self.state.snapshot) {
            let (timestamp, snapshot) = (timestamp.clone(), snapshot.clone());
            let set = Complete {
                timestamp,
                snapshot,
                targets: targets.text.clone(),
            };
            if self.state.complete.as_ref() != Some(&set) || self.state.late != late {
                self.state.complete = Some(set);
                self.save()?;
            }
        }
        let kept = [(DIRECTORY_FILE, Some(digest)), (CATALOGUE_FILE, catalogue)];
        for (name, digest) in &kept {
            self.store
                .remove_other_targets(self.lock, name, digest.as_ref());
        }
        Ok(fetched)
    }

    /// Brings the catalogue, where the targets name one. Returns its digest, and the catalogue if it was fetched.
    fn complete_catalogue(
        &self,
        targets: &Targets,
    ) -> Result<(Option<[u8; 32]>, Option<Catalogue>), DirectoryError> {
        let Some(info) = targets.targets.get(CATALOGUE_FILE) else {
            return Ok((None, None));
        };
        let digest = info.sha256().ok_or(DirectoryError::OtherCatalogue)?;
        let mut fetched = None;
        if let Some(bytes) = self.fetch_target(CATALOGUE_FILE, info, CATALOGUE_LIMIT_BYTES)? {
            fetched = Some(Catalogue::parse(&bytes).map_err(DirectoryError::Catalogue)?);
            let name = (CATALOGUE_FILE, &digest);
            self.store.save_target(self.lock, name, &bytes)?;
        }
        Ok((Some(digest), fetched))
    }

    /// Fetches a target file, unless the store has it.
    fn fetch_target(
        &self,
        name: &str,
        info: &FileInfo,
        most: usize,
    ) -> Result<Option<Vec<u8>>, DirectoryError> {
        let digest = info.sha256().ok_or(DirectoryError::NoDirectory)?;
        let kept = self.store.target(name, &digest)?;
        if kept.is_some_and(|bytes| check_target(name, info, &bytes).is_ok()) {
            return Ok(None);
        }
        let path = format!("targets/{}.{name}", hex(&digest));
        let bytes = self.fetch_bytes(&path, limit(&path, info, most)?)?;
        let bytes = bytes.ok_or(DirectoryError::Missing { path })?;
        check_target(name, info, &bytes)?;
        Ok(Some(bytes))
    }

    /// Returns announced metadata: the known text if it is the one, else what the source has.
    fn announced(
        &self,
        role: Role,
        info: &FileInfo,
        known: Option<&String>,
        most: usize,
    ) -> Result<String, DirectoryError> {
        let is_it = |text: &str| {
            info.check(role, text.as_bytes()).is_ok()
                && Envelope::read(role, text.as_bytes())
                    .is_ok_and(|envelope| Some(envelope.common.version) == info.version)
        };
        if let Some(text) = known.filter(|text| is_it(text)) {
            return Ok(text.clone());
        }
        let path = role.path(info.version);
        let text = self.obtain(&path, limit(&path, info, most)?)?;
        info.check(role, text.as_bytes()).map_err(refused(&path))?;
        Ok(text)
    }

    fn obtain(&self, path: &str, limit: usize) -> Result<String, DirectoryError> {
        self.fetch(path, limit)?
            .ok_or_else(|| DirectoryError::Missing {
                path: path.to_owned(),
            })
    }

    fn fetch(&self, path: &str, limit: usize) -> Result<Option<String>, DirectoryError> {
        let bytes = self.fetch_bytes(path, limit)?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_error| DirectoryError::NotText {
            path: path.to_owned(),
        })
    }

    /// Fetches and measures again: the source is a stranger's code.
    pub(super) fn fetch_bytes(
        &self,
        path: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, DirectoryError> {
        match self.source.fetch(path, limit)? {
            Some(bytes) if bytes.len() > limit => Err(DirectoryError::TooLarge {
                path: path.to_owned(),
                limit,
            }),
            answer => Ok(answer),
        }
    }

    fn save(&self) -> Result<(), DirectoryError> {
        Ok(self.store.save(self.lock, &self.state)?)
    }
}

/// Returns the announced length as limit, if that is not beyond what is taken at all.
pub(super) fn limit(path: &str, info: &FileInfo, most: usize) -> Result<usize, DirectoryError> {
    let Some(length) = info.length else {
        return Ok(most);
    };
    match usize::try_from(length) {
        Ok(length) if length <= most => Ok(length),
        _ => Err(DirectoryError::TooLarge {
            path: path.to_owned(),
            limit: most,
        }),
    }
}

fn check_rollback(file: &str, trusted: u64, found: u64) -> Result<(), DirectoryError> {
    if found < trusted {
        return Err(DirectoryError::Rollback {
            file: file.to_owned(),
            trusted,
            found,
        });
    }
    Ok(())
}

fn refused(path: &str) -> impl FnOnce(MetadataError) -> DirectoryError {
    let path = path.to_owned();
    move |source| DirectoryError::Metadata { path, source }
}

const TIMESTAMP_FILE: &str = "timestamp.json";
