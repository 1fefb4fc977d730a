//! Members' roles: given, with other keys, taken away.

use bridge_core::identity::MemberId;
use bridge_directory::Directory;
use bridge_directory::ceremony::Base;
use bridge_directory::metadata::{Delegations, Key};

use super::{FILE_LIMIT, Failure, MemberChange, hint, json};

/// Changes a member's role. Returns the member whose own nodes go into the directory, if they are to.
pub(super) fn member(
    base: &Base,
    delegations: &mut Delegations,
    change: &MemberChange,
) -> Result<Option<MemberId>, Failure> {
    match change {
        MemberChange::Role {
            id,
            key,
            threshold,
            adopt,
        } => {
            let keys: Result<Vec<Key>, _> = key.iter().map(|file| json(file, FILE_LIMIT)).collect();
            delegations.set(id, (&keys?, *threshold), base.own_version(id));
            Ok(adopt.then(|| id.clone()))
        }
        MemberChange::NoRole { id, adopt } => {
            if !delegations.remove(id) {
                return Err(Failure::Failed(hint(
                    &format!("{id} has no role"),
                    "`directory status` tells which members have one",
                )));
            }
            Ok(adopt.then(|| id.clone()))
        }
        MemberChange::Remove { id } => {
            delegations.remove(id);
            Ok(None)
        }
        MemberChange::Add { .. }
        | MemberChange::Rename { .. }
        | MemberChange::Suspend { .. }
        | MemberChange::Resume { .. } => Ok(None),
    }
}

/// Leaves members' own files in force where nothing of theirs was changed, but for the one whose nodes the directory takes over.
pub(super) fn settle(base: &Base, directory: &mut Directory, adopted: Option<&MemberId>) {
    let is_adopted = |id: &MemberId| Some(id) == adopted;
    let mut entries = directory.members.iter();
    let entry = entries.find(|entry| is_adopted(&entry.id)).cloned();
    base.settle(directory);
    let place = directory.members.iter_mut();
    if let (Some(entry), Some(place)) = (entry, { place }.find(|place| is_adopted(&place.id))) {
        *place = entry;
    }
}
