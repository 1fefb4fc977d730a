//! The roles that the targets metadata hands on: one for each member that asks for it, for its own nodes and nothing else.

use std::collections::BTreeSet;

use bridge_core::identity::MemberId;
use serde::{Deserialize, Serialize};

use super::{Key, Map, RoleKeys};

/// The most members with a role of their own. So many stay within what other clients read by default.
pub const MEMBER_ROLES_LIMIT: usize = 10_000;

/// The most keys of one member's role.
pub const MEMBER_KEYS_LIMIT: usize = 8;

/// The longest name of a member's role, in bytes: it is part of a file's name.
pub const ROLE_NAME_LIMIT_BYTES: usize = 200;

/// Which members speak for their own nodes, and by which keys.
///
/// Standard: TUF 1.0 §4.5.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegations {
    keys: Map<Key>,
    roles: Vec<MemberRole>,
}

/// The role of one member. It ends the search for its path: nobody further is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRole {
    name: String,
    #[serde(rename = "keyids", deserialize_with = "super::parts::distinct")]
    key_ids: BTreeSet<String>,
    threshold: u32,
    terminating: bool,
    paths: Vec<String>,
    /// Versions up to this one were signed by earlier keys, and count no more.
    #[serde(rename = "x-bridge-above", default, skip_serializing_if = "is_nothing")]
    above: u64,
}

impl Delegations {
    /// Returns every member's role, in the order of their names.
    pub fn roles(&self) -> &[MemberRole] {
        &self.roles
    }

    /// Returns the role of a member.
    pub fn role(&self, member: &MemberId) -> Option<&MemberRole> {
        let name = MemberRole::name_of(member);
        self.roles.iter().find(|role| role.name == name)
    }

    /// Returns a key by its id.
    pub fn key(&self, key_id: &str) -> Option<&Key> {
        self.keys.get(key_id)
    }

    /// Gives a member a role, or other keys for it; those that no role has any more are listed no more. Versions up to `above` count
    /// no more. The rules are checked where the metadata is read.
    pub fn set(&mut self, member: &MemberId, (keys, threshold): (&[Key], u32), above: u64) {
        let keys: Map<Key> = keys
            .iter()
            .filter_map(|key| Some((key.id()?, key.clone())))
            .collect();
        let name = MemberRole::name_of(member);
        self.roles.retain(|role| role.name != name);
        self.roles.push(MemberRole {
            name,
            key_ids: keys.keys().cloned().collect(),
            threshold,
            terminating: true,
            paths: vec![format!("{}*", MemberRole::folder_of(member))],
            above,
        });
        self.roles.sort_by(|one, other| one.name.cmp(&other.name));
        self.keys.extend(keys);
        self.drop_unused();
    }

    /// Takes a member's role away. Tells whether it had one.
    pub fn remove(&mut self, member: &MemberId) -> bool {
        let (name, before) = (MemberRole::name_of(member), self.roles.len());
        self.roles.retain(|role| role.name != name);
        self.drop_unused();
        self.roles.len() < before
    }

    fn drop_unused(&mut self) {
        let roles = self.roles.iter();
        let used: BTreeSet<&String> = roles.flat_map(|role| &role.key_ids).collect();
        self.keys.retain(|id, _| used.contains(id));
    }

    /// Checks what the shape alone can't say: each role is a member's, for its path alone, by keys that are listed for it.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.roles.len() > MEMBER_ROLES_LIMIT {
            let count = self.roles.len();
            return Err(format!(
                "{count} members' roles; {MEMBER_ROLES_LIMIT} are followed"
            ));
        }
        for (id, key) in &self.keys {
            if key.id().as_ref() != Some(id) || key.ed25519().is_none() {
                return Err(format!(
                    "the id {id} is not the digest of its key, or it is no Ed25519 key"
                ));
            }
        }
        let mut names = BTreeSet::new();
        for role in &self.roles {
            if !names.insert(&role.name) {
                return Err(format!("the role {} is listed twice", role.name));
            }
            role.check(&self.keys)?;
        }
        Ok(())
    }
}

impl MemberRole {
    /// Returns the name of a member's role: its id with `,` for `/` and `=` for `%`, which no id has, and every web server serves.
    pub fn name_of(member: &MemberId) -> String {
        member.to_string().replace('/', ",").replace('%', "=")
    }

    /// Returns the path of a member's own nodes among the target files.
    pub fn path_of(member: &MemberId) -> String {
        format!("{}nodes.json", Self::folder_of(member))
    }

    fn folder_of(member: &MemberId) -> String {
        format!("members/{}/", member.to_string().replace('%', "="))
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whose it is, which reading the metadata has made sure of.
    pub fn member(&self) -> Option<MemberId> {
        let id = self.name.replace(',', "/").replace('=', "%");
        let member: MemberId = id.parse().ok()?;
        (Self::name_of(&member) == self.name).then_some(member)
    }

    /// Returns the name of its metadata in the snapshot.
    pub fn file(&self) -> String {
        format!("{}.json", self.name)
    }

    /// Returns the path of a version of its metadata.
    pub fn metadata_path(&self, version: u64) -> String {
        format!("metadata/{version}.{}.json", self.name)
    }

    /// Returns its keys and how many of them must sign.
    pub fn keys(&self) -> RoleKeys {
        RoleKeys {
            key_ids: self.key_ids.clone(),
            threshold: self.threshold,
        }
    }

    /// Returns the newest version that counts no more.
    pub const fn above(&self) -> u64 {
        self.above
    }

    fn check(&self, keys: &Map<Key>) -> Result<(), String> {
        let name = &self.name;
        let Some(member) = self.member() else {
            return Err(format!("the role {name:?} is no member's"));
        };
        if name.len() > ROLE_NAME_LIMIT_BYTES {
            return Err(format!(
                "the name of the role {name:?} is longer than {ROLE_NAME_LIMIT_BYTES} bytes"
            ));
        }
        if self.paths != [format!("{}*", Self::folder_of(&member))] {
            return Err(format!("the role {name} is for other paths than its own"));
        }
        if !self.terminating {
            return Err(format!("the role {name} does not end the search"));
        }
        if let Some(absent) = self.key_ids.iter().find(|id| !keys.contains_key(*id)) {
            return Err(format!("key {absent} of the role {name} is not listed"));
        }
        let listed = self.key_ids.iter().filter_map(|id| keys.get(id)?.ed25519());
        let (count, distinct) = (self.key_ids.len(), listed.collect::<BTreeSet<_>>().len());
        let threshold = usize::try_from(self.threshold).unwrap_or(usize::MAX);
        if distinct != count || count > MEMBER_KEYS_LIMIT || threshold == 0 || threshold > count {
            return Err(format!(
                "a threshold of {threshold} of {count} keys for the role {name}; 1 to {MEMBER_KEYS_LIMIT} different keys can be listed"
            ));
        }
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
const fn is_nothing(version: &u64) -> bool {
    *version == 0
}
