//! The contracts of a node: what its files say, and which of it is in force.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bridge_core::contract::{Action, Agreement, Contract, Party, State};
use bridge_core::decision::Groups;
use bridge_core::identity::{MemberId, ServiceId, SubsystemId};
use bridge_core::leaf::UnixMillis;
use bridge_directory::Indexed;

use crate::settings::Settings;

mod arrive;
mod deliver;
mod files;
mod live;

pub use arrive::{PATH, answer};
pub use deliver::keep_delivering;
pub use files::{Files, bytes, json_files, kept_folder, read, sealer, sealer_of};
pub use live::{Bringer, Live, SIGNED, TakeError, read_brought, take};

/// All contracts that count at this node, each within its bounds.
#[derive(Debug, Default)]
pub struct Contracts {
    by_service: HashMap<ServiceId, Vec<Arc<Contract>>>,
    /// Of signed ones that do not count for everybody at every time, by digest.
    bounds: HashMap<[u8; 32], Bounds>,
    /// Of unsigned ones with a group, the members for whom they do not count, by digest.
    overruled: HashMap<[u8; 32], BTreeSet<MemberId>>,
    /// The newest first.
    ended: HashMap<ServiceId, Vec<Ended>>,
}

/// For whom a signed contract counts, and when.
type Bounds = BTreeMap<MemberId, Span>;

/// Of several versions one counts at a time: each from its start, until the next one's.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    /// None for the first version: before its start the decision refuses by its name.
    from: Option<UnixMillis>,
    until: Option<UnixMillis>,
}

/// A contract that both have signed, and that one side has ended since.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The contract.
    pub contract: Arc<Contract>,
    /// The consuming member for whom it has ended.
    pub consumer: MemberId,
    /// Who ended it.
    pub by: MemberId,
    /// When, Unix seconds.
    pub at_s: u64,
}

// === impl Contracts ===

impl Contracts {
    /// Takes from all that files say what counts.
    ///
    /// A contract that both ends have once signed counts by its signatures alone: no unsigned file brings it back, nor a
    /// version that one of them refused.
    pub fn of(files: &Files) -> Self {
        let mut contracts = Self::default();
        let mut by_id: HashMap<&str, Vec<&Agreement>> = HashMap::new();
        for agreement in files.agreements.values() {
            let of_id = by_id.entry(agreement.contract().id()).or_default();
            of_id.push(agreement);
        }
        for agreement in files.agreements.values() {
            let of_id = by_id.get(agreement.contract().id());
            contracts.add_signed(agreement, of_id.map_or(&[], Vec::as_slice));
        }
        #[expect(
            clippy::iter_over_hash_type,
            reason = "each service's list is sorted by itself"
        )]
        for of_service in contracts.ended.values_mut() {
            of_service.sort_by_key(|one| Reverse(one.at_s));
        }
        for contract in &files.unsigned {
            let of_id = by_id.get(contract.id()).map_or(&[][..], Vec::as_slice);
            contracts.add_unsigned(contract, of_id);
        }
        contracts
    }

    /// Adds a version for those who agree to it; `of_id` are all that have its id.
    fn add_signed(&mut self, agreement: &Agreement, of_id: &[&Agreement]) {
        let contract = agreement.contract();
        let mut bounds = Bounds::new();
        for consumer in agreement.consumers() {
            match agreement.state(&consumer) {
                State::Agreed => {
                    let span = span(of_id, agreement, &consumer);
                    bounds.insert(consumer, span);
                }
                State::Withdrawn { by, at_s } | State::Refused { by, at_s }
                    if agreement.agreed_at_s(&consumer).is_some() =>
                {
                    let of_service = self.ended.entry(contract.service().clone()).or_default();
                    of_service.push(Ended {
                        contract: Arc::clone(contract),
                        consumer,
                        by,
                        at_s,
                    });
                }
                // What was never agreed allowed nothing, so nothing has ended.
                State::Unsigned
                | State::Proposed { .. }
                | State::Refused { .. }
                | State::Withdrawn { .. } => {}
            }
        }
        if bounds.is_empty() {
            return;
        }
        self.add(contract);
        let names_one = matches!(contract.consumer(), Party::Subsystem(_));
        if !names_one || bounds.values().any(Span::is_bounded) {
            self.bounds.insert(contract.digest(), bounds);
        }
    }

    /// Adds a file that nobody has signed, unless its parties' words overrule it. In a group each speaks for itself; the
    /// provider's no is one to all.
    fn add_unsigned(&mut self, contract: &Arc<Contract>, of_id: &[&Agreement]) {
        let versions: Vec<_> = of_id
            .iter()
            .filter(|one| one.contract().is_version_of(contract))
            .collect();
        let is_overruled = |consumer: &MemberId| {
            let mut versions = versions.iter();
            versions.any(|one| overrules(one, contract, consumer))
        };
        let digest = contract.digest();
        if let Party::Subsystem(client) = contract.consumer() {
            if !is_overruled(client.member()) {
                self.add(contract);
            }
            return;
        }
        let provider = contract.provider().member();
        let no = |one: &&&Agreement| {
            one.contract().digest() == digest
                && (one.has(provider, Action::Refused) || one.has(provider, Action::Withdrawn))
        };
        if versions.iter().any(no) {
            return;
        }
        let mut members: BTreeSet<_> = versions.iter().flat_map(|one| one.consumers()).collect();
        members.retain(is_overruled);
        self.overruled.insert(digest, members);
        // For those who have signed this very version it is there already.
        if !self.bounds.contains_key(&digest) {
            self.add(contract);
        }
    }

    fn add(&mut self, contract: &Arc<Contract>) {
        let about = self.by_service.entry(contract.service().clone());
        about.or_default().push(Arc::clone(contract));
    }

    /// Contracts about one service that count for a member now.
    pub fn about(
        &self,
        service: &ServiceId,
        consumer: &MemberId,
        now: UnixMillis,
    ) -> Cow<'_, [Arc<Contract>]> {
        let about = self.by_service.get(service).map_or(&[][..], Vec::as_slice);
        let counts = |one: &Arc<Contract>| self.counts(one, consumer, now);
        if about.iter().all(counts) {
            return Cow::Borrowed(about);
        }
        Cow::Owned(about.iter().filter(|one| counts(one)).cloned().collect())
    }

    /// Whether one of [`Contracts::all`] counts for a member now.
    pub fn counts(&self, contract: &Contract, consumer: &MemberId, now: UnixMillis) -> bool {
        let digest = contract.digest();
        let bounds = self.bounds.get(&digest);
        if let Some(span) = bounds.and_then(|bounds| bounds.get(consumer)) {
            return span.contains(now);
        }
        match self.overruled.get(&digest) {
            Some(members) => !members.contains(consumer),
            None => bounds.is_none(),
        }
    }

    /// The contract of a client about a service that was ended last.
    pub fn ended(
        &self,
        service: &ServiceId,
        client: &SubsystemId,
        groups: &dyn Groups,
    ) -> Option<&Ended> {
        let mut ended = self.ended.get(service)?.iter();
        ended
            .find(|one| one.consumer == *client.member() && is_party(&one.contract, client, groups))
    }

    /// How one version ended, if it has.
    pub fn withdrawn(
        &self,
        service: &ServiceId,
        consumer: &MemberId,
        reference: &str,
    ) -> Option<&Ended> {
        let mut ended = self.ended.get(service)?.iter();
        ended.find(|one| one.consumer == *consumer && one.contract.reference() == reference)
    }

    /// Whether there is one with this id.
    pub fn has(&self, id: &str) -> bool {
        self.all().any(|one| one.id() == id)
    }

    /// All of them, by service, also those that another version has taken over from.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Contract>> {
        self.by_service.values().flatten()
    }
}

// === impl Span ===

impl Span {
    fn is_bounded(&self) -> bool {
        self.from.is_some() || self.until.is_some()
    }

    fn contains(&self, now: UnixMillis) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

/// When a version counts among those of its id between the same two members: they follow each other by their starts,
/// and by their digests where they start together.
fn span(of_id: &[&Agreement], of: &Agreement, consumer: &MemberId) -> Span {
    let rank = |agreement: &Agreement| {
        let contract = agreement.contract();
        (contract.start(), contract.digest())
    };
    let mut span = Span::default();
    let versions = of_id
        .iter()
        .filter(|other| other.contract().is_version_of(of.contract()));
    for other in versions {
        let start = other.contract().start();
        match rank(other).cmp(&rank(of)) {
            Ordering::Less if other.state(consumer) == State::Agreed => {
                span.from = Some(of.contract().start());
            }
            Ordering::Greater if takes_over(other, consumer) => {
                span.until = Some(span.until.map_or(start, |until| until.min(start)));
            }
            Ordering::Less | Ordering::Equal | Ordering::Greater => {}
        }
    }
    span
}

/// Whether a version takes over from earlier ones at its start. Once it has, its own end brings none of them back.
fn takes_over(agreement: &Agreement, consumer: &MemberId) -> bool {
    let start_s = agreement.contract().start().seconds();
    match agreement.state(consumer) {
        State::Agreed => true,
        State::Withdrawn { at_s, .. } | State::Refused { at_s, .. } => {
            let agreed_at_s = agreement.agreed_at_s(consumer);
            agreed_at_s.is_some_and(|agreed_at_s| at_s >= agreed_at_s.max(start_s))
        }
        State::Unsigned | State::Proposed { .. } => false,
    }
}

/// Whether an unsigned file of a contract counts no more for a member, by a version of it: both ends have signed that
/// version, or one of them said no to it and it is this very one.
fn overrules(version: &Agreement, unsigned: &Contract, consumer: &MemberId) -> bool {
    let said_no = matches!(
        version.state(consumer),
        State::Refused { .. } | State::Withdrawn { .. }
    );
    version.agreed_at_s(consumer).is_some()
        || (said_no && version.contract().digest() == unsigned.digest())
}

/// Group membership: global groups from the directory, local ones from the settings.
#[derive(Debug)]
pub struct KnownGroups<'a> {
    /// The directory in force.
    pub directory: &'a Indexed,
    /// The settings in force.
    pub settings: &'a Settings,
}

impl Groups for KnownGroups<'_> {
    fn global(&self, group: &str, subsystem: &SubsystemId) -> bool {
        self.directory.in_group(group, subsystem)
    }

    fn local(&self, group: &str, subsystem: &SubsystemId) -> bool {
        self.settings
            .local_groups
            .get(group)
            .is_some_and(|members| members.contains(subsystem))
    }
}

/// Whether a contract is with this subsystem.
pub fn is_party(contract: &Contract, client: &SubsystemId, groups: &dyn Groups) -> bool {
    match contract.consumer() {
        Party::Subsystem(subsystem) => subsystem == client,
        Party::GlobalGroup(group) => groups.global(group, client),
        Party::LocalGroup(group) => groups.local(group, client),
    }
}

#[cfg(test)]
mod tests;
