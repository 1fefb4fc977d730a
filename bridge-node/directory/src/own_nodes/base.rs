//! What members' own files make of what is published, for officers, members and the machine that publishes.

use std::collections::{BTreeMap, BTreeSet};

use bridge_core::identity::MemberId;

use super::{Candidate, Fit, Found, OwnNodesError, OwnState, lay_over, states};
use crate::ceremony::{Base, CeremonyError};
use crate::directory::{Directory, Member};
use crate::metadata::{Delegations, MemberRole};
use crate::moment::Moment;
use crate::publisher::PublishError;

impl Base {
    /// Returns the role of a member, and where its keys are listed.
    pub(crate) fn role_of(&self, member: &MemberId) -> Option<(&MemberRole, &Delegations)> {
        let delegations = self.targets.as_ref()?.delegations.as_ref()?;
        Some((delegations.role(member)?, delegations))
    }

    /// Returns the directory as nodes read it at a time, as a file that can be read again. A member whose word can't be used stands in it
    /// as suspended, with its officers' entry: its nodes are nobody's, and the journals that they witness still name a witness that is
    /// listed.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::Publish`] if nothing is published, [`CeremonyError::Directory`] instead of a file that nobody could read.
    pub fn exported(&self, now_s: u64) -> Result<Directory, CeremonyError> {
        let nothing = || CeremonyError::Publish(PublishError::NothingPublished);
        let officers = self.directory.as_ref().ok_or_else(nothing)?;
        let mut directory = officers.clone();
        let candidates = self.own_at(now_s);
        let fits = lay_over(&mut directory, &candidates);
        let is_unusable = |(candidate, fit): &(&Candidate, &Fit)| {
            matches!(candidate.found, Found::Nothing(_)) || matches!(fit, Fit::Refused(_))
        };
        let unusable = candidates.iter().zip(&fits).filter(is_unusable);
        let unusable: BTreeSet<&MemberId> = unusable.map(|(one, _)| &one.member).collect();
        for (entry, listed) in directory.members.iter_mut().zip(&officers.members) {
            if unusable.contains(&entry.id) {
                entry.nodes.clone_from(&listed.nodes);
                entry.suspended = true;
            }
        }
        directory.check().map_err(CeremonyError::Directory)?;
        Ok(directory)
    }

    /// Returns what officers' changes begin with: the directory with members' own nodes where they count, and the officers' entries
    /// of all others. [`Base::settle`] ends it.
    pub fn start(&self) -> Option<Directory> {
        let officers = self.directory.as_ref()?;
        let mut directory = officers.clone();
        let fits = lay_over(&mut directory, &self.own);
        let counts = |(candidate, fit): (&Candidate, &Fit)| {
            let is_own = matches!((&candidate.found, fit), (Found::Newest(_), Fit::Fits));
            is_own.then(|| candidate.member.clone())
        };
        let own: BTreeSet<MemberId> = self.own.iter().zip(&fits).filter_map(counts).collect();
        for (entry, listed) in directory.members.iter_mut().zip(&officers.members) {
            if !own.contains(&entry.id) {
                entry.clone_from(listed);
            }
        }
        Some(directory)
    }

    /// Gives members whose nodes a change has left alone their entries of before: their own files go on to count. Who was changed
    /// has all of its nodes in the officers' entry, which counts from then on.
    pub fn settle(&self, directory: &mut Directory) {
        let (Some(officers), Some(started)) = (&self.directory, self.start()) else {
            return;
        };
        let before: BTreeMap<&MemberId, (&Member, &Member)> = started
            .members
            .iter()
            .zip(&officers.members)
            .map(|(started, listed)| (&listed.id, (started, listed)))
            .collect();
        for entry in &mut directory.members {
            if let Some((started, listed)) = before.get(&entry.id)
                && entry.nodes == started.nodes
            {
                entry.nodes.clone_from(&listed.nodes);
            }
        }
    }

    /// Returns what counts of each member that has a role.
    pub fn own_states(&self, now_s: u64) -> Vec<OwnState> {
        let Some(mut directory) = self.directory.clone() else {
            return Vec::new();
        };
        let candidates = self.own_at(now_s);
        let fits = lay_over(&mut directory, &candidates);
        states(candidates, &fits)
    }

    /// What is published of members' roles, without what has ended.
    pub(crate) fn own_at(&self, now_s: u64) -> Vec<Candidate> {
        let mut candidates = self.own.clone();
        for candidate in &mut candidates {
            if let Found::Newest(own) = &candidate.found
                && own.expires <= Moment(now_s)
            {
                let expires = own.expires;
                let why = OwnNodesError::Expired { expires }.to_string();
                candidate.found = Found::Nothing(why);
            }
        }
        candidates
    }
}
