//! Members' own files at this client: fetched when the snapshot announces another one, kept on disk, verified once.
//!
//! A file that can't be had or does not hold costs its member alone. What counts of it then is the member's file of before, and no
//! longer than a timestamp that vouched for it: so long, a day, may a mirror hold anything back. After that the member has no nodes.
//! The officers' entry is no way back, for it may list keys that the member took away.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::refresh::Refresh;
use super::{DirectoryError, stored};
use crate::metadata::{Delegations, Envelope, FileInfo, MemberRole, Role, Snapshot, Targets};
use crate::moment::Moment;
use crate::own_nodes::{
    Candidate, Found, OWN_METADATA_LIMIT_BYTES, OWN_NODES_LIMIT_BYTES, Own, OwnNodesError,
    announced, chain, nodes_path, read_metadata,
};
use crate::source::FetchError;
use crate::store::{OwnTexts, Store};

/// The most members whose files one refresh fetches; the next one goes on.
pub const MEMBER_FILES_LIMIT: usize = 1_000;

/// How long one refresh begins to fetch members' files: the directory does not wait for all that a slow source has.
pub const MEMBERS_TIME: Duration = Duration::from_secs(30);

/// So many times in a row may the source fail before a refresh asks it for no more members' files.
const FAILURES_LIMIT: u32 = 3;

/// Members' files that were verified, by their roles' names.
#[derive(Debug)]
pub(super) struct Members {
    held: HashMap<String, Arc<Own>>,
    /// The role with which the next refresh begins, where one could not fetch all.
    next: String,
    /// So long one refresh begins to fetch more: [`MEMBERS_TIME`].
    pub(super) time: Duration,
}

impl Default for Members {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            next: String::new(),
            time: MEMBERS_TIME,
        }
    }
}

impl Members {
    /// What this client has of each member's role.
    pub(super) fn candidates(
        &mut self,
        store: &Store,
        (targets, snapshot): (&Targets, &Snapshot),
        (late, faults): (&BTreeMap<String, u64>, &BTreeMap<String, String>),
        now: Moment,
    ) -> Vec<Candidate> {
        let Some(delegations) = &targets.delegations else {
            return Vec::new();
        };
        let roles = delegations.roles().iter().filter_map(|role| {
            let member = role.member()?;
            let Some(info) = announced(&snapshot.meta, role) else {
                let (version, found) = (0, Found::Unused);
                return Some(Candidate {
                    member,
                    version,
                    found,
                });
            };
            let own = self.held(store, (role, delegations));
            let until_s = late.get(role.name()).copied();
            let why = faults.get(role.name()).cloned();
            Some(Candidate {
                member,
                version: info.known_version(),
                found: found(own, info, (until_s, why), now),
            })
        });
        roles.collect()
    }

    /// A role's file that holds, of memory or disk, whether or not it is the announced one.
    fn held(
        &mut self,
        store: &Store,
        (role, delegations): (&MemberRole, &Delegations),
    ) -> Option<Arc<Own>> {
        let name = role.name();
        if let Some(own) = self.held.get(name).filter(|own| own.is_of(role)) {
            return Some(Arc::clone(own));
        }
        let texts = store.own(name)?;
        let own = Own::read((role, delegations), &texts.metadata, texts.nodes.as_bytes()).ok()?;
        let own = Some(Arc::new(own)).filter(|own| own.is_of(role))?;
        self.held.insert(name.to_owned(), Arc::clone(&own));
        Some(own)
    }
}

/// Judges a role's file by what is announced, and by the time.
fn found(
    own: Option<Arc<Own>>,
    info: &FileInfo,
    (until_s, why): (Option<u64>, Option<String>),
    now: Moment,
) -> Found {
    let why = || why.unwrap_or_else(|| "the announced file was not to be had".to_owned());
    let Some(own) = own else {
        return Found::Nothing(why());
    };
    let is_announced = own.is_announced(info);
    if now >= own.expires {
        let expires = own.expires;
        return Found::Nothing(OwnNodesError::Expired { expires }.to_string());
    }
    match until_s {
        _ if is_announced => Found::Newest(own),
        Some(until_s) if now.0 < until_s => {
            let until_s = until_s.min(own.expires.0);
            Found::Former(own, until_s, why())
        }
        _ => Found::Nothing(why()),
    }
}

impl Refresh<'_> {
    /// Fetches the files of members that are announced and not here. Returns why some could not be had.
    pub(super) fn bring_own(
        &mut self,
        targets: &Targets,
        snapshot: &Snapshot,
        members: &mut Members,
    ) -> Result<BTreeMap<String, String>, DirectoryError> {
        let mut faults = BTreeMap::new();
        let Some(delegations) = &targets.delegations else {
            self.state.late.clear();
            members.held.clear();
            self.store.remove_other_own(self.lock, &BTreeSet::new());
            return Ok(faults);
        };
        let names: BTreeSet<&str> = delegations.roles().iter().map(MemberRole::name).collect();
        self.state.late.retain(|name, _| names.contains(&**name));
        members.held.retain(|name, _| names.contains(&**name));
        self.store.remove_other_own(self.lock, &names);
        let vouched_s = self.vouched_until_s()?;
        let mut portion = Portion::begin(members.time);
        let next = std::mem::take(&mut members.next);
        let (before, after): (Vec<_>, Vec<_>) = delegations
            .roles()
            .iter()
            .partition(|role| *role.name() < *next);
        for role in after.into_iter().chain(before) {
            let name = role.name();
            let Some(info) = announced(&snapshot.meta, role) else {
                self.state.late.remove(name);
                continue;
            };
            let held = members.held(self.store, (role, delegations));
            if held.is_some_and(|own| own.is_announced(info)) {
                self.state.late.remove(name);
                continue;
            }
            if portion.is_over() && members.next.is_empty() {
                name.clone_into(&mut members.next);
            }
            let brought = portion.take(|| self.bring_one((role, delegations), info));
            match brought {
                Ok((own, texts)) => {
                    self.store.save_own(self.lock, name, &texts)?;
                    members.held.insert(name.to_owned(), Arc::new(own));
                    self.state.late.remove(name);
                }
                Err(error) => {
                    let until_s = self.state.late.entry(name.to_owned());
                    until_s.or_insert(vouched_s);
                    faults.insert(name.to_owned(), chain(&error));
                }
            }
        }
        Ok(faults)
    }

    /// Until when a file counts that was announced by the set before, and is so no more.
    fn vouched_until_s(&self) -> Result<u64, DirectoryError> {
        let Some(set) = &self.state.complete else {
            return Ok(0);
        };
        // Signed by whomever then: it was verified before it was kept.
        let read = Envelope::read(Role::Timestamp, set.timestamp.as_bytes());
        Ok(stored(Role::Timestamp, read)?.common.expires.0)
    }

    fn bring_one(
        &self,
        (role, delegations): (&MemberRole, &Delegations),
        info: &FileInfo,
    ) -> Result<(Own, OwnTexts), OwnNodesError> {
        let path = role.metadata_path(info.known_version());
        let metadata = self.text(&path, limit(&path, info, OWN_METADATA_LIMIT_BYTES)?)?;
        let refused = |source| OwnNodesError::Metadata {
            role: role.name().to_owned(),
            source,
        };
        info.check(Role::Targets, metadata.as_bytes())
            .map_err(refused)?;
        let (found, _, named) = read_metadata((role, delegations), &metadata)?;
        let wanted = info.known_version();
        if found != wanted {
            let role = role.name().to_owned();
            return Err(OwnNodesError::OtherVersion {
                role,
                wanted,
                found,
            });
        }
        let member = role.member().ok_or(OwnNodesError::NoRole)?;
        let digest = named.sha256().ok_or_else(|| OwnNodesError::OtherNodes {
            path: MemberRole::path_of(&member),
        })?;
        let path = nodes_path(&member, &digest);
        let nodes = self.text(&path, limit(&path, &named, OWN_NODES_LIMIT_BYTES)?)?;
        let own = Own::read((role, delegations), &metadata, nodes.as_bytes())?;
        Ok((own, OwnTexts { metadata, nodes }))
    }

    fn text(&self, path: &str, limit: usize) -> Result<String, OwnNodesError> {
        let path = || path.to_owned();
        let bytes = match self.fetch_bytes(&path(), limit) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(OwnNodesError::Missing { path: path() }),
            Err(DirectoryError::Fetch(error)) => return Err(OwnNodesError::Fetch(error)),
            Err(_larger) => {
                return Err(OwnNodesError::TooLarge {
                    path: path(),
                    limit,
                });
            }
        };
        String::from_utf8(bytes).map_err(|_error| OwnNodesError::NotText { path: path() })
    }
}

/// How much one refresh fetches of members.
struct Portion {
    left: usize,
    failures: u32,
    began: Instant,
    time: Duration,
}

impl Portion {
    fn begin(time: Duration) -> Self {
        Self {
            left: MEMBER_FILES_LIMIT,
            failures: 0,
            began: Instant::now(),
            time,
        }
    }

    fn is_over(&self) -> bool {
        self.left == 0 || self.failures >= FAILURES_LIMIT || self.began.elapsed() >= self.time
    }

    fn take<T>(
        &mut self,
        bring: impl FnOnce() -> Result<T, OwnNodesError>,
    ) -> Result<T, OwnNodesError> {
        if self.is_over() {
            return Err(OwnNodesError::NotYet);
        }
        self.left = self.left.saturating_sub(1);
        let brought = bring();
        let is_failure = matches!(
            brought,
            Err(OwnNodesError::Fetch(FetchError::Unavailable { .. }))
        );
        self.failures = if is_failure {
            self.failures.saturating_add(1)
        } else {
            0
        };
        brought
    }
}

/// Returns the announced length as limit, if that is not beyond what is taken at all.
fn limit(path: &str, info: &FileInfo, most: usize) -> Result<usize, OwnNodesError> {
    super::refresh::limit(path, info, most).map_err(|_larger| OwnNodesError::TooLarge {
        path: path.to_owned(),
        limit: most,
    })
}
