//! How a proposal is made. Nobody is trusted to make one: each officer reviews it.

use std::collections::BTreeSet;

use bridge_core::identity::MemberId;
use serde_json::{Value, json};

use super::{Base, CeremonyError, FORM, Proposal, Standing, unsigned};
use crate::catalogue::{CATALOGUE_FILE, Catalogue};
use crate::directory::{DIRECTORY_FILE, Directory};
use crate::metadata::{Delegations, FileInfo, Key, Map, MemberRole, Role, RoleKeys, Root, Targets};
use crate::publisher::{PublishError, TARGETS_LIFE_S, after, common, root_part, targets_part};

/// The keys of every role as a root lists them, to be changed.
#[derive(Clone, Debug)]
pub struct Roster {
    keys: Map<Key>,
    roles: Map<RoleKeys>,
}

/// New keys for a role.
#[derive(Clone, Debug)]
pub struct RoleChange {
    /// The role.
    pub role: Role,
    /// All its keys from now on.
    pub keys: Vec<Key>,
    /// How many of them must sign.
    pub threshold: u32,
}

impl Roster {
    /// A roster without keys, for the first root.
    pub fn empty() -> Self {
        Self {
            keys: Map::new(),
            roles: Map::new(),
        }
    }

    /// The keys as published.
    pub fn of(base: &Base) -> Self {
        let root = &base.root.part;
        let roles = Role::ALL.map(|role| (role.to_string(), root.keys_of(role).clone()));
        Self {
            keys: root.keys().clone(),
            roles: roles.into_iter().collect(),
        }
    }

    /// Gives a role new keys; those that no role has any more are listed no more.
    pub fn set(&mut self, change: RoleChange) {
        let RoleChange {
            role,
            keys,
            threshold,
        } = change;
        let keys: Map<Key> = keys
            .into_iter()
            .filter_map(|key| Some((key.id()?, key)))
            .collect();
        let key_ids = keys.keys().cloned().collect();
        self.roles
            .insert(role.to_string(), RoleKeys { key_ids, threshold });
        self.keys.extend(keys);
        let used: BTreeSet<&String> = self.roles.values().flat_map(|role| &role.key_ids).collect();
        self.keys.retain(|id, _| used.contains(id));
    }

    fn root(&self, version: u64, now_s: u64) -> Value {
        root_part(version, now_s, &json!(self.keys), &json!(self.roles))
    }
}

impl Proposal {
    /// Proposes the first root, with an empty directory.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::Directory`]
    pub fn first(instance: &str, roster: &Roster, now_s: u64) -> Result<Self, CeremonyError> {
        let directory = Directory {
            instance: instance.to_owned(),
            members: Vec::new(),
            groups: Vec::new(),
            witnesses: Vec::new(),
        };
        let root = Some(unsigned(&roster.root(1, now_s)));
        Ok(Self {
            root,
            ..Self::of(None, (&directory, None), None, now_s)?
        })
    }

    /// Proposes another directory, or the same for another 90 days.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::Directory`]
    pub fn directory(
        base: &Base,
        directory: &Directory,
        now_s: u64,
    ) -> Result<Self, CeremonyError> {
        let delegations = base.delegations();
        Self::directory_and_roles(base, directory, &delegations, now_s)
    }

    /// Proposes other roles of members, with the directory that goes with them.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::Directory`]
    pub fn directory_and_roles(
        base: &Base,
        directory: &Directory,
        delegations: &Delegations,
        now_s: u64,
    ) -> Result<Self, CeremonyError> {
        let catalogue = base.catalogue_text.clone();
        let files = (directory, catalogue);
        Self::of(Some(&base.standing), files, Some(delegations), now_s)
    }

    /// Proposes another catalogue beside the same directory.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::Publish`] if there is no directory yet.
    pub fn catalogue(
        base: &Base,
        catalogue: &Catalogue,
        now_s: u64,
    ) -> Result<Self, CeremonyError> {
        let nothing = || CeremonyError::Publish(PublishError::NothingPublished);
        let directory = base.directory.as_ref().ok_or_else(nothing)?;
        let files = (directory, Some(catalogue.to_text()));
        let delegations = base.delegations();
        Self::of(Some(&base.standing), files, Some(&delegations), now_s)
    }

    /// Proposes other keys for roles, or the same root for another year. The directory is signed anew by whoever may from now on.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::Publish`] if there is no directory yet.
    pub fn roles(base: &Base, roster: &Roster, now_s: u64) -> Result<Self, CeremonyError> {
        let nothing = || CeremonyError::Publish(PublishError::NothingPublished);
        let directory = base.directory.as_ref().ok_or_else(nothing)?;
        let root = Some(unsigned(&roster.root(after(base.standing.root), now_s)));
        Ok(Self {
            root,
            ..Self::directory(base, directory, now_s)?
        })
    }

    fn of(
        based_on: Option<&Standing>,
        (directory, catalogue): (&Directory, Option<String>),
        delegations: Option<&Delegations>,
        now_s: u64,
    ) -> Result<Self, CeremonyError> {
        directory.check().map_err(CeremonyError::Directory)?;
        let text = serde_json::to_string(directory).map_err(PublishError::Shape)?;
        let files = named(&text, catalogue.as_deref());
        let version = after(based_on.map_or(0, |standing| standing.targets));
        let part = common::<Targets>(version, now_s, TARGETS_LIFE_S);
        let part = targets_part(part, &files, delegations);
        Ok(Self {
            form: FORM,
            based_on: based_on.cloned(),
            root: None,
            targets: unsigned(&part),
            directory: text,
            catalogue,
        })
    }
}

impl Base {
    /// Returns members' roles as published.
    pub fn delegations(&self) -> Delegations {
        let published = self.targets.as_ref();
        let delegations = published.and_then(|targets| targets.delegations.clone());
        delegations.unwrap_or_default()
    }

    /// Returns the newest version of a member's file that is published; 0 if none is.
    pub fn own_version(&self, member: &MemberId) -> u64 {
        let file = format!("{}.json", MemberRole::name_of(member));
        self.meta.get(&file).map_or(0, FileInfo::known_version)
    }
}

/// What the targets metadata names: the directory, and the catalogue where there is one.
pub(super) fn named(directory: &str, catalogue: Option<&str>) -> Map<FileInfo> {
    let files = [
        (DIRECTORY_FILE, Some(directory)),
        (CATALOGUE_FILE, catalogue),
    ];
    let info = |(name, text): (&str, Option<&str>)| {
        Some((name.to_owned(), FileInfo::of(None, text?.as_bytes())))
    };
    files.into_iter().filter_map(info).collect()
}

impl Key {
    /// Gives the key a name that is published with it: an office, not a person. It is part of the key's id.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.with_field(NAME, name)
    }

    /// Returns the key's name, or the first digits of its id.
    pub fn name(&self) -> String {
        self.field(NAME)
            .map_or_else(|| self.digits(), str::to_owned)
    }

    /// Returns the name with the first digits of the id: anybody may give a key any name.
    pub fn shown(&self) -> String {
        match self.field(NAME) {
            Some(name) => format!("{name} ({})", self.digits()),
            None => self.digits(),
        }
    }

    fn digits(&self) -> String {
        let id = self.id().unwrap_or_default();
        id.chars().take(DIGITS).collect()
    }
}

impl Root {
    /// Returns how a listed key is shown to officers.
    pub(super) fn shown(&self, key_id: &str) -> String {
        self.key(key_id)
            .map_or_else(|| key_id.to_owned(), Key::shown)
    }
}

/// How many digits of a key's id stand beside its name.
const DIGITS: usize = 16;

/// A field of keys that The Update Framework leaves to others.
const NAME: &str = "x-bridge-name";
