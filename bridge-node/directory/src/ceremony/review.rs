//! A proposal held against what is published: whether it may be signed at all, what it changes, and who has still to sign.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::base::signed_bytes;
use super::members::{MemberRoleDifference, differences, in_force};
use super::propose::named;
use super::{Base, CeremonyError, Change, FORM, Listed, OFFICERS_LEAST, Proposal, changes};
use crate::catalogue::Catalogue;
use crate::client::DIRECTORY_LIMIT_BYTES;
use crate::directory::Directory;
use crate::metadata::{Delegations, Envelope, MetadataError, Part, Role, Root, Targets};
use crate::moment::Moment;
use crate::publisher::{ROOT_LIFE_S, TARGETS_LIFE_S, after};

/// The longest name of a key, in bytes.
const KEY_NAME_BYTES: usize = 64;

/// A proposal that may be signed, as far as rules can tell.
#[derive(Debug)]
pub struct Reviewed {
    /// The directory that it proposes.
    pub directory: Directory,
    /// What becomes of the directory.
    pub changes: Vec<Change>,
    /// What becomes of the nodes that count, if that is something else: members' own nodes come, stay or go.
    pub in_force: Option<Vec<Change>>,
    /// What becomes of the catalogue.
    pub listed: Listed,
    /// What becomes of members' roles.
    pub member_roles: Vec<MemberRoleDifference>,
    /// What becomes of the roles.
    pub roles: Vec<RoleDifference>,
    /// The ends of what is signed.
    pub ends: Vec<(Role, u64, Moment)>,
    /// Who signs what.
    pub signatures: Vec<Signatures>,
    pub(super) root: Root,
}

/// What becomes of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDifference {
    /// The role.
    pub role: Role,
    /// Keys that come, each by its name and the first digits of its id.
    pub added: Vec<String>,
    /// Keys that go, likewise.
    pub removed: Vec<String>,
    /// Number of keys and threshold before and after.
    pub quorum: ((usize, u32), (usize, u32)),
}

/// Signatures of one metadata file by the keys of one root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signatures {
    /// The role whose metadata is signed.
    pub role: Role,
    /// Whether the keys are those of the root before, which have to agree to a new one.
    pub by_former: bool,
    /// Keys that have signed, each by its name and the first digits of its id.
    pub good: Vec<String>,
    /// Those that have not, likewise.
    pub missing: Vec<String>,
    /// How many must.
    pub threshold: u32,
    pub(super) ids: BTreeSet<String>,
    /// Of these, who has signed.
    pub(super) good_ids: BTreeSet<String>,
}

impl Signatures {
    /// Tells whether enough have signed.
    pub fn is_enough(&self) -> bool {
        u32::try_from(self.good.len()).is_ok_and(|good| good >= self.threshold)
    }
}

impl Proposal {
    /// Holds the proposal against what is published. `base` is none for the first proposal of all.
    ///
    /// # Errors
    ///
    /// [`CeremonyError`]: the rule that it breaks.
    pub fn review(&self, base: Option<&Base>, now_s: u64) -> Result<Reviewed, CeremonyError> {
        let root_is_there = self.check_base(base)?;
        let former = base.map(|base| &base.root.part);
        let mut ends = Vec::new();
        let mut files = Vec::new();
        let root = match &self.root {
            Some(file) => {
                let (envelope, root): (_, Root) = read(file)?;
                let published = base.map_or(0, |base| base.standing.root);
                let wanted = if root_is_there {
                    published
                } else {
                    after(published)
                };
                check_version(&envelope, Role::Root, wanted)?;
                check_end(&envelope, Role::Root, now_s, ROOT_LIFE_S)?;
                check_roles(&root)?;
                ends.push((Role::Root, wanted, envelope.common.expires));
                files.push((Role::Root, envelope));
                Some(root)
            }
            None => None,
        };
        let (envelope, directory, delegations) = self.check_targets(base, now_s)?;
        ends.push((
            Role::Targets,
            envelope.common.version,
            envelope.common.expires,
        ));
        files.push((Role::Targets, envelope));
        let of_nobody = || CeremonyError::Roles {
            role: Role::Targets,
            what: "nobody may sign: there is no root".to_owned(),
        };
        let effective = root.as_ref().or(former).ok_or_else(of_nobody)?.clone();
        let mut signatures = Vec::new();
        for (role, envelope) in &files {
            if let Some(former) = former.filter(|_| *role == Role::Root && !root_is_there) {
                signatures.push(signatures_by(former, *role, true, envelope));
            }
            signatures.push(signatures_by(&effective, *role, false, envelope));
        }
        let empty = Directory {
            instance: directory.instance.clone(),
            members: Vec::new(),
            groups: Vec::new(),
            witnesses: Vec::new(),
        };
        let old = base.and_then(|base| base.directory.as_ref());
        let member_roles = differences(base, (&delegations, &directory), &effective)?;
        let changes = changes(old.unwrap_or(&empty), &directory);
        let in_force = in_force(base, &delegations, &directory, now_s)?;
        Ok(Reviewed {
            in_force: (in_force != changes).then_some(in_force),
            member_roles,
            changes,
            listed: self.listed(base)?,
            roles: role_differences(former, &effective),
            directory,
            ends,
            signatures,
            root: effective,
        })
    }

    /// Checks that the proposal changes what is published. Tells whether its root is there already: a publication was cut short.
    fn check_base(&self, base: Option<&Base>) -> Result<bool, CeremonyError> {
        if self.form != FORM {
            return Err(CeremonyError::OtherForm { found: self.form });
        }
        let ours = base.map(|base| &base.standing);
        if ours == self.based_on.as_ref() {
            return Ok(false);
        }
        if let (Some(base), Some(root)) = (base, &self.root) {
            let before = self.based_on.as_ref().map_or(0, |based_on| based_on.root);
            let follows = base.standing.root == after(before);
            let same_rest = self
                .based_on
                .as_ref()
                .map_or(base.standing.targets == 0, |based_on| {
                    (based_on.targets, &based_on.directory)
                        == (base.standing.targets, &base.standing.directory)
                });
            if follows
                && same_rest
                && signed_bytes(&root.to_string()) == signed_bytes(&base.root_text)
            {
                return Ok(true);
            }
        }
        let word = |standing: Option<&super::Standing>| match standing {
            Some(standing) => standing.to_string(),
            None => "nothing".to_owned(),
        };
        Err(CeremonyError::OtherBase {
            theirs: word(self.based_on.as_ref()),
            ours: word(ours),
        })
    }

    /// What becomes of the catalogue: an entry that was published is never taken away.
    fn listed(&self, base: Option<&Base>) -> Result<Listed, CeremonyError> {
        let text = self.catalogue.as_ref();
        let new = text
            .map(|text| Catalogue::parse(text.as_bytes()))
            .transpose();
        let new = new.map_err(CeremonyError::Catalogue)?.unwrap_or_default();
        let none = Catalogue::default();
        Listed::between(base.map_or(&none, |base| &base.catalogue), &new)
    }

    fn check_targets(
        &self,
        base: Option<&Base>,
        now_s: u64,
    ) -> Result<(Envelope, Directory, Delegations), CeremonyError> {
        let (envelope, targets): (_, Targets) = read(&self.targets)?;
        let published = base.map_or(0, |base| base.standing.targets);
        check_version(&envelope, Role::Targets, after(published))?;
        check_end(&envelope, Role::Targets, now_s, TARGETS_LIFE_S)?;
        let bytes = self.directory.as_bytes();
        if bytes.len() > DIRECTORY_LIMIT_BYTES {
            let bytes = bytes.len();
            return Err(CeremonyError::TooLarge { bytes });
        }
        if targets.targets != named(&self.directory, self.catalogue.as_deref()) {
            return Err(CeremonyError::OtherDirectory);
        }
        let directory = Directory::parse(bytes).map_err(CeremonyError::Directory)?;
        Ok((envelope, directory, targets.delegations.unwrap_or_default()))
    }
}

impl Reviewed {
    /// Returns the version of what is signed for a role, if anything is.
    pub(super) fn version_of(&self, role: Role) -> Option<u64> {
        let of_role = self.ends.iter().find(|(of, _, _)| *of == role);
        of_role.map(|(_, version, _)| *version)
    }

    /// Refuses what too few officers have signed.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::TooFew`], with the names of those who can still sign.
    pub fn check_signatures(&self) -> Result<(), CeremonyError> {
        match self.signatures.iter().find(|one| !one.is_enough()) {
            None => Ok(()),
            Some(short) => Err(CeremonyError::TooFew {
                role: short.role,
                good: short.good.len(),
                needed: short.threshold,
                missing: short.missing.join(", "),
            }),
        }
    }
}

fn read<T: Part>(file: &Value) -> Result<(Envelope, T), CeremonyError> {
    let refused = |source: MetadataError| CeremonyError::Metadata {
        role: T::ROLE,
        source,
    };
    let envelope = Envelope::read(T::ROLE, file.to_string().as_bytes()).map_err(refused)?;
    let part = envelope.part().map_err(refused)?;
    Ok((envelope, part))
}

fn check_version(envelope: &Envelope, role: Role, wanted: u64) -> Result<(), CeremonyError> {
    let found = envelope.common.version;
    if found == wanted {
        return Ok(());
    }
    Err(CeremonyError::Version {
        role,
        found,
        wanted,
    })
}

fn check_end(
    envelope: &Envelope,
    role: Role,
    now_s: u64,
    life_s: u64,
) -> Result<(), CeremonyError> {
    let expires = envelope.common.expires;
    let latest = Moment(now_s.saturating_add(life_s));
    if expires > Moment(now_s) && expires <= latest {
        return Ok(());
    }
    Err(CeremonyError::Lifetime {
        role,
        expires,
        latest,
    })
}

/// Offline roles need two officers at least, and keys that no machine has. No name stands for two keys.
fn check_roles(root: &Root) -> Result<(), CeremonyError> {
    let refused = |role, what: String| Err(CeremonyError::Roles { role, what });
    let online: BTreeSet<_> = [Role::Snapshot, Role::Timestamp]
        .iter()
        .flat_map(|role| raw_keys(root, *role))
        .collect();
    let mut named = BTreeMap::new();
    for role in Role::ALL {
        let keys = root.keys_of(role);
        let raw = raw_keys(root, role);
        if raw.len() != keys.key_ids.len() {
            return refused(
                role,
                "a key is listed twice, or is no Ed25519 key".to_owned(),
            );
        }
        for (id, key) in keys
            .key_ids
            .iter()
            .filter_map(|id| root.keys().get_key_value(id))
        {
            let name = key.name();
            if !is_name(&name) {
                return refused(role, format!("{name:?} is no name for a key"));
            }
            let other = named.insert(name, id);
            if other.is_some_and(|other| other != id) {
                let name = key.name();
                return refused(role, format!("two keys have the name {name:?}"));
            }
        }
        if !matches!(role, Role::Root | Role::Targets) {
            continue;
        }
        if keys.threshold < OFFICERS_LEAST {
            let threshold = keys.threshold;
            return refused(
                role,
                format!(
                    "{threshold} officer could sign alone; {OFFICERS_LEAST} at least must sign"
                ),
            );
        }
        if raw.iter().any(|key| online.contains(key)) {
            return refused(role, "an officer's key is an online role's too".to_owned());
        }
    }
    Ok(())
}

/// Tells whether a text can be a key's name.
pub(super) fn is_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_alphanumeric() || " -_.".contains(letter);
    !name.is_empty() && name.len() <= KEY_NAME_BYTES && name.chars().all(is_plain)
}

pub(super) fn raw_keys(root: &Root, role: Role) -> BTreeSet<[u8; 32]> {
    let ids = root.keys_of(role).key_ids.iter();
    ids.filter_map(|id| root.key(id)?.ed25519()).collect()
}

fn signatures_by(root: &Root, role: Role, by_former: bool, envelope: &Envelope) -> Signatures {
    let keys = root.keys_of(role);
    let has_signed = |id: &String| {
        root.key(id)
            .is_some_and(|key| envelope.is_signed_by(id, key))
    };
    let (good, missing): (Vec<_>, Vec<_>) = keys.key_ids.iter().partition(|id| has_signed(id));
    let names = |ids: Vec<&String>| {
        let mut names: Vec<_> = ids.into_iter().map(|id| root.shown(id)).collect();
        names.sort();
        names
    };
    Signatures {
        role,
        by_former,
        good_ids: good.iter().map(|id| (*id).clone()).collect(),
        good: names(good),
        missing: names(missing),
        threshold: keys.threshold,
        ids: keys.key_ids.clone(),
    }
}

fn role_differences(former: Option<&Root>, new: &Root) -> Vec<RoleDifference> {
    let mut found = Vec::new();
    for role in Role::ALL {
        let empty = BTreeSet::new();
        let after = new.keys_of(role);
        let before = former.map(|former| former.keys_of(role));
        let ids = before.map_or(&empty, |before| &before.key_ids);
        let quorum = (
            (ids.len(), before.map_or(0, |before| before.threshold)),
            (after.key_ids.len(), after.threshold),
        );
        if Some(after) != before {
            let names =
                |root: &Root, ids: Vec<&String>| ids.into_iter().map(|id| root.shown(id)).collect();
            found.push(RoleDifference {
                role,
                added: names(new, after.key_ids.difference(ids).collect()),
                removed: former
                    .map(|former| names(former, ids.difference(&after.key_ids).collect()))
                    .unwrap_or_default(),
                quorum,
            });
        }
    }
    found
}
