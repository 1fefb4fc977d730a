//! The client: from a pinned root to a directory that may be trusted now.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalogue::{CATALOGUE_FILE, Catalogue};
use crate::directory::{DIRECTORY_FILE, Directory};
use crate::indexed::Indexed;
use crate::join::{Refusal, Refused};
use crate::metadata::{FileInfo, MetadataError, Part, Role, Root, Snapshot, Targets, Timestamp};
use crate::moment::Moment;
use crate::own_nodes::{Candidate, Decides, Fit, lay_over, states};
use crate::source::Fetch;
use crate::store::{Complete, State, Store};
use crate::trusted::Trusted;
use crate::verified::{Verified, first_root, next_root};

mod error;
mod members;
mod refresh;

pub use error::DirectoryError;
use members::Members;
pub use members::{MEMBER_FILES_LIMIT, MEMBERS_TIME};
use refresh::{Fetched, Refresh};

/// The largest root metadata file, in bytes.
pub const ROOT_LIMIT_BYTES: usize = 512 * 1024;

/// The largest timestamp metadata file, in bytes.
pub const TIMESTAMP_LIMIT_BYTES: usize = 16 * 1024;

/// The largest snapshot metadata file, in bytes: some 12,000 members' roles. Other clients read no more by default.
pub const SNAPSHOT_LIMIT_BYTES: usize = 2_000_000;

/// The largest targets metadata file, in bytes: some 10,000 members' roles. Other clients read no more by default.
pub const TARGETS_LIMIT_BYTES: usize = 5_000_000;

/// The largest directory, in bytes: some 20,000 members with their nodes and certificates.
pub const DIRECTORY_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// The most new roots that one refresh follows.
pub const ROOTS_LIMIT: usize = 64;

/// Reads the signed directory and keeps it, by the client rules of The Update Framework.
///
/// The folder remembers the newest versions seen, so that an older one is refused after any restart. Several processes may share
/// it; one at a time refreshes.
#[derive(Clone, Debug)]
pub struct Client {
    store: Store,
    pinned: String,
    /// What the last refresh gave: a directory that stays the same is read and indexed once.
    last: Option<Last>,
    /// Members' files that were verified.
    members: Arc<Mutex<Members>>,
}

/// What a refresh gave, and what decided on it beside the directory's file.
#[derive(Clone, Debug)]
struct Last {
    trusted: Arc<Trusted>,
    decided: Vec<Decides>,
    fits: Vec<Fit>,
}

impl Client {
    /// Opens a client's folder, made if it is not there, with the root that was handed over by other means.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Pinned`] about the root, [`DirectoryError::OtherRoot`] if the folder began with another one,
    /// [`DirectoryError::Store`] and [`DirectoryError::Stored`] about the folder.
    pub fn open(store: &Path, pinned_root: &[u8]) -> Result<Self, DirectoryError> {
        let pinned =
            String::from_utf8(pinned_root.to_vec()).map_err(|_error| DirectoryError::NotText {
                path: "the pinned root".into(),
            })?;
        first_root(&pinned).map_err(DirectoryError::Pinned)?;
        let client = Self {
            store: Store::open(store)?,
            pinned,
            last: None,
            members: Arc::default(),
        };
        client.load()?;
        Ok(client)
    }

    /// Brings the newest directory and returns it. What was verified on the way is kept even if a later step fails.
    ///
    /// Blocks on `source`. `now_s` is seconds since the Unix epoch and holds for the whole refresh.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`], one variant for each attack of the specification and each fault of source and folder. The
    /// last complete directory stays in use through [`Client::trusted`] until it expires.
    ///
    /// Standard: TUF 1.0 §5.
    pub fn refresh(
        &mut self,
        source: &dyn Fetch,
        now_s: u64,
    ) -> Result<Arc<Trusted>, DirectoryError> {
        let lock = self.store.lock()?;
        let (state, root) = self.load()?;
        let now = Moment(now_s);
        let members = Arc::clone(&self.members);
        let mut members = members.lock().unwrap_or_else(PoisonError::into_inner);
        let mut refresh = Refresh {
            store: &self.store,
            lock: &lock,
            source,
            now,
            state,
            root,
        };
        refresh.update_root()?;
        let timestamp = refresh.update_timestamp()?;
        let snapshot = refresh.update_snapshot(&timestamp.part)?;
        let targets = refresh.update_targets(&snapshot.part)?;
        let fetched = refresh.complete(&targets, &snapshot.part, &mut members)?;
        let last = self.trust(now_s, fetched, &mut members)?;
        let trusted = Arc::clone(&last.trusted);
        self.last = Some(last);
        Ok(trusted)
    }

    /// Returns the last complete directory from disk, verified anew.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::NothingYet`] before the first complete refresh, [`DirectoryError::Expired`] when any of its metadata is out
    /// of time, [`DirectoryError::Stored`] if its signers were replaced since or the folder was tampered with.
    pub fn trusted(&self, now_s: u64) -> Result<Arc<Trusted>, DirectoryError> {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let last = self.trust(now_s, Fetched::default(), &mut members)?;
        Ok(last.trusted)
    }

    /// Brings the refusal of a request to join, if an officer of the newest root seen has published one.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Fetch`], [`DirectoryError::Refusal`] if what is published does not verify.
    pub fn refusal(
        &self,
        source: &dyn Fetch,
        request: &[u8; 32],
    ) -> Result<Option<Refused>, DirectoryError> {
        let (_, root) = self.load()?;
        let Some(bytes) = source.fetch(&Refusal::path(request), Refusal::LIMIT_BYTES)? else {
            return Ok(None);
        };
        let refused = Refusal::read(&bytes, request, &root.part);
        refused.map(Some).map_err(DirectoryError::Refusal)
    }

    /// As [`Client::trusted`]; `fetched` is what was read a moment ago of what is on disk.
    fn trust(
        &self,
        now_s: u64,
        mut fetched: Fetched,
        members: &mut Members,
    ) -> Result<Last, DirectoryError> {
        let (state, root) = self.load()?;
        let Some(set) = &state.complete else {
            return Err(DirectoryError::NothingYet);
        };
        let (verified, snapshot) = verify_set(&root, set, Moment(now_s))?;
        let Verified {
            part: targets,
            version,
            expires,
        } = verified;
        let info = directory_info(&targets)?;
        let digest = info.sha256().ok_or(DirectoryError::NoDirectory)?;
        let bytes = self
            .store
            .target(DIRECTORY_FILE, &digest)?
            .ok_or(DirectoryError::DirectoryGone)?;
        check_target(DIRECTORY_FILE, info, &bytes)?;
        let announced = (&targets, &snapshot);
        let late = (&state.late, &fetched.faults);
        let candidates = members.candidates(&self.store, announced, late, Moment(now_s));
        let decided: Vec<_> = candidates.iter().map(Candidate::decides).collect();
        let last = self.last.as_ref();
        let same = last.filter(|last| last.trusted.digest == digest && last.decided == decided);
        let (directory, fits) = match (same, fetched.directory.take()) {
            (Some(last), None) => (Arc::clone(&last.trusted.directory), last.fits.clone()),
            (_, read) => {
                let read = read.map_or_else(|| Directory::parse(&bytes), Ok);
                let mut directory = read.map_err(DirectoryError::Directory)?;
                let fits = lay_over(&mut directory, &candidates);
                (Arc::new(Indexed::new(directory)), fits)
            }
        };
        let (catalogue, catalogue_digest) = self.catalogue(&targets, fetched.catalogue)?;
        let trusted = Arc::new(Trusted {
            directory,
            expires_s: expires.0,
            version,
            digest,
            catalogue,
            catalogue_digest,
            own: states(candidates, &fits),
        });
        Ok(Last {
            trusted,
            decided,
            fits,
        })
    }

    /// The catalogue on disk, where the targets name one.
    fn catalogue(
        &self,
        targets: &Targets,
        fetched: Option<Catalogue>,
    ) -> Result<(Arc<Catalogue>, Option<[u8; 32]>), DirectoryError> {
        let Some(info) = targets.targets.get(CATALOGUE_FILE) else {
            return Ok((Arc::default(), None));
        };
        let digest = info.sha256().ok_or(DirectoryError::OtherCatalogue)?;
        let bytes = self.store.target(CATALOGUE_FILE, &digest)?;
        let bytes = bytes.ok_or(DirectoryError::CatalogueGone)?;
        check_target(CATALOGUE_FILE, info, &bytes)?;
        let last = self.last.as_ref();
        let same = last.filter(|last| last.trusted.catalogue_digest == Some(digest));
        let catalogue = match (same, fetched) {
            (_, Some(catalogue)) => Arc::new(catalogue),
            (Some(last), None) => Arc::clone(&last.trusted.catalogue),
            (None, None) => Arc::new(Catalogue::parse(&bytes).map_err(DirectoryError::Catalogue)?),
        };
        Ok((catalogue, Some(digest)))
    }

    /// Loads the state and verifies its chain of roots from the pinned one on.
    fn load(&self) -> Result<(State, Verified<Root>), DirectoryError> {
        let pinned = || first_root(&self.pinned).map_err(DirectoryError::Pinned);
        let mut state = self.store.load()?.unwrap_or_default();
        let Some(newest) = state.roots.last() else {
            state.roots = vec![self.pinned.clone()];
            return Ok((state, pinned()?));
        };
        let Some(at) = state.roots.iter().position(|root| *root == self.pinned) else {
            // A pinned root newer than all that is known is the operator's word; anything else is a mix-up.
            let newest = stored(Role::Root, first_root(newest))?;
            let root = pinned()?;
            if root.version <= newest.version {
                let (pinned, known) = (root.version, newest.version);
                return Err(DirectoryError::OtherRoot { pinned, known });
            }
            state.adopt_root(&newest.part, &root.part);
            state.roots = vec![self.pinned.clone()];
            return Ok((state, root));
        };
        let mut root = pinned()?;
        for text in state.roots.iter().skip(at + 1) {
            root = stored(Role::Root, next_root(&root.part, text))?;
        }
        Ok((state, root))
    }
}

impl<T: Part> Verified<T> {
    /// Refuses what is out of time: a mirror that stands still is found out here.
    fn check_expiry(&self, now: Moment) -> Result<(), DirectoryError> {
        let (role, expires) = (T::ROLE, self.expires);
        if now < expires {
            Ok(())
        } else {
            Err(DirectoryError::Expired { role, expires, now })
        }
    }

    /// Refuses another version than the role above announced.
    fn check_version(&self, announced: &FileInfo) -> Result<(), DirectoryError> {
        let (role, found, announced) = (T::ROLE, self.version, announced.known_version());
        if found == announced {
            Ok(())
        } else {
            Err(DirectoryError::OtherVersion {
                role,
                announced,
                found,
            })
        }
    }
}

impl State {
    /// Forgets what could have been pushed forward with keys that a new root takes away.
    ///
    /// Standard: TUF 1.0 §5.3.11.
    fn adopt_root(&mut self, old: &Root, new: &Root) {
        let rotated = |role| crate::metadata::rotated(old, new, role);
        if rotated(Role::Timestamp) || rotated(Role::Snapshot) {
            self.timestamp = None;
            self.snapshot = None;
        }
    }
}

/// Verifies metadata that belongs together and returns its targets, with the earliest end of all, and what its snapshot lists.
fn verify_set(
    root: &Verified<Root>,
    set: &Complete,
    now: Moment,
) -> Result<(Verified<Targets>, Snapshot), DirectoryError> {
    let announced =
        |info: &FileInfo, role, text: &str| stored(role, info.check(role, text.as_bytes()));
    let timestamp: Verified<Timestamp> =
        stored(Role::Timestamp, Verified::read(&set.timestamp, &root.part))?;
    announced(timestamp.part.snapshot(), Role::Snapshot, &set.snapshot)?;
    let snapshot: Verified<Snapshot> =
        stored(Role::Snapshot, Verified::read(&set.snapshot, &root.part))?;
    snapshot.check_version(timestamp.part.snapshot())?;
    let info = targets_info(&snapshot.part)?;
    announced(info, Role::Targets, &set.targets)?;
    let mut targets: Verified<Targets> =
        stored(Role::Targets, Verified::read(&set.targets, &root.part))?;
    targets.check_version(info)?;
    root.check_expiry(now)?;
    timestamp.check_expiry(now)?;
    snapshot.check_expiry(now)?;
    targets.check_expiry(now)?;
    let others = [root.expires, timestamp.expires, snapshot.expires];
    targets.expires = others.into_iter().fold(targets.expires, Moment::min);
    Ok((targets, snapshot.part))
}

fn targets_info(snapshot: &Snapshot) -> Result<&FileInfo, DirectoryError> {
    snapshot.targets().ok_or(DirectoryError::NoDirectory)
}

fn directory_info(targets: &Targets) -> Result<&FileInfo, DirectoryError> {
    targets
        .targets
        .get(DIRECTORY_FILE)
        .ok_or(DirectoryError::NoDirectory)
}

fn check_target(name: &str, info: &FileInfo, bytes: &[u8]) -> Result<(), DirectoryError> {
    info.check(Role::Targets, bytes)
        .map_err(|_error| match name {
            CATALOGUE_FILE => DirectoryError::OtherCatalogue,
            _ => DirectoryError::OtherDirectory,
        })
}

/// Marks a fault as one of the folder, not of the source.
fn stored<T>(role: Role, result: Result<T, MetadataError>) -> Result<T, DirectoryError> {
    result.map_err(|source| DirectoryError::Stored { role, source })
}

#[cfg(test)]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test wants one variant and prints the rest"
)]
pub(crate) mod tests;
