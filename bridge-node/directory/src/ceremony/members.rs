//! What a proposal does to members' roles, and to the nodes that count because of them.

use std::collections::BTreeSet;

use bridge_core::identity::MemberId;

use super::{Base, CeremonyError, Change, changes};
use crate::directory::Directory;
use crate::metadata::{Delegations, Key, MemberRole, Role, Root};
use crate::own_nodes::{Fit, lay_over};

/// What becomes of a member's role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRoleDifference {
    /// Whose.
    pub member: MemberId,
    /// Keys that come, each by its name and the first digits of its id.
    pub added: Vec<String>,
    /// Keys that go, likewise.
    pub removed: Vec<String>,
    /// Number of keys and threshold before and after; 0 where there is no role.
    pub quorum: ((usize, u32), (usize, u32)),
    /// Whether what the member has signed until now counts no more: the directory's own entry does, until the member signs anew.
    pub begins_anew: bool,
}

/// Compares members' roles, and checks those that are new or changed.
pub(super) fn differences(
    base: Option<&Base>,
    (new, directory): (&Delegations, &Directory),
    root: &Root,
) -> Result<Vec<MemberRoleDifference>, CeremonyError> {
    let old = base.map(Base::delegations).unwrap_or_default();
    let mut found = Vec::new();
    let above: BTreeSet<_> = Role::ALL
        .iter()
        .flat_map(|role| super::review::raw_keys(root, *role))
        .collect();
    let members: BTreeSet<&MemberId> = directory.members.iter().map(|one| &one.id).collect();
    for role in new.roles() {
        let Some(member) = role.member() else {
            continue;
        };
        let refused = |what| {
            let member = member.clone();
            Err(CeremonyError::MemberRole { member, what })
        };
        if !members.contains(&member) {
            return refused("the member is not in the directory");
        }
        let before = old.role(&member);
        let is_same = before.is_some_and(|before| before.keys() == role.keys());
        let published = base.map_or(0, |base| base.own_version(&member));
        let wanted = before
            .filter(|_| is_same)
            .map_or(published, MemberRole::above);
        if role.above() != wanted {
            return refused(
                "its keys change, and another version is published than the proposal ends: propose it anew",
            );
        }
        // Those that stay, too: the root may have other keys now.
        if let Some(what) = unfit(new, role, &above) {
            return refused(what);
        }
        if is_same {
            continue;
        }
        found.push(difference((&old, before), (new, Some(role)), member));
    }
    for role in old.roles() {
        let Some(member) = role.member() else {
            continue;
        };
        if new.role(&member).is_none() {
            found.push(difference((&old, Some(role)), (new, None), member));
        }
    }
    Ok(found)
}

fn difference(
    (old, before): (&Delegations, Option<&MemberRole>),
    (new, after): (&Delegations, Option<&MemberRole>),
    member: MemberId,
) -> MemberRoleDifference {
    let ids = |role: Option<&MemberRole>| role.map(|role| role.keys().key_ids).unwrap_or_default();
    let quorum = |role: Option<&MemberRole>| {
        role.map_or((0, 0), |role| {
            (role.keys().key_ids.len(), role.keys().threshold)
        })
    };
    let shown = |listed: &Delegations, ids: BTreeSet<&String>| {
        let keys = ids.into_iter().filter_map(|id| listed.key(id));
        keys.map(Key::shown).collect()
    };
    let (was, is) = (ids(before), ids(after));
    MemberRoleDifference {
        added: shown(new, is.difference(&was).collect()),
        removed: shown(old, was.difference(&is).collect()),
        quorum: (quorum(before), quorum(after)),
        begins_anew: after.is_none_or(|after| after.above() > 0),
        member,
    }
}

/// A member's key is no officer's and no online role's, and has a name that a review can show. Two members may have one key: whom
/// one provider serves, for example.
fn unfit(new: &Delegations, role: &MemberRole, above: &BTreeSet<[u8; 32]>) -> Option<&'static str> {
    let keys = role.keys();
    let keys = keys.key_ids.iter().filter_map(|id| new.key(id));
    for key in keys {
        if key.ed25519().is_some_and(|raw| above.contains(&raw)) {
            return Some("a key of it is an officer's or an online role's too");
        }
        if !super::review::is_name(&key.name()) {
            return Some("the name of a key of it is none");
        }
    }
    None
}

/// Returns what changes of the nodes that count, members' own among them. Refuses what would bring a member's word back that
/// officers have overruled: theirs counts until the member signs anew.
pub(super) fn in_force(
    base: Option<&Base>,
    new: &Delegations,
    directory: &Directory,
    now_s: u64,
) -> Result<Vec<Change>, CeremonyError> {
    let empty = Directory {
        instance: directory.instance.clone(),
        members: Vec::new(),
        groups: Vec::new(),
        witnesses: Vec::new(),
    };
    let officers = base.and_then(|base| base.directory.clone());
    let mut before = officers.unwrap_or(empty);
    let old = base.map(Base::delegations).unwrap_or_default();
    let own = base.map(|base| base.own_at(now_s)).unwrap_or_default();
    let were = lay_over(&mut before, &own);
    let stays = |member: &MemberId| {
        let after = new.role(member);
        after.is_some() && after == old.role(member)
    };
    let (own, were): (Vec<_>, Vec<_>) = own
        .into_iter()
        .zip(were)
        .filter(|(one, _)| stays(&one.member))
        .unzip();
    let mut after = directory.clone();
    let are = lay_over(&mut after, &own);
    for ((one, was), is) in own.iter().zip(were).zip(are) {
        if was == Fit::SetAside && is != Fit::SetAside {
            return Err(CeremonyError::MemberRole {
                member: one.member.clone(),
                what: "what it signed before officers changed its entry would count again: take its role away first (`member no-role`)",
            });
        }
    }
    Ok(changes(&before, &after))
}
