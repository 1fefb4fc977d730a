//! The contracts of a node: what its files say, and which of it is in force.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bridge_core::contract::{Agreement, Contract, Party, State};
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
pub use files::{Files, read, sealer};
pub use live::{Bringer, Live, SIGNED, TakeError, take};

/// All contracts that count at this node, each within its bounds.
#[derive(Debug, Default)]
pub struct Contracts {
    by_service: HashMap<ServiceId, Vec<Arc<Contract>>>,
    ids: HashSet<String>,
    /// Of signed ones that do not count for everybody at every time, by digest.
    bounds: HashMap<[u8; 32], Bounds>,
    ended: Vec<Ended>,
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

/// A signed contract that one side has withdrawn.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The contract.
    pub contract: Arc<Contract>,
    /// The consuming member for whom it has ended.
    pub consumer: MemberId,
    /// Who withdrew.
    pub by: MemberId,
    /// When, Unix seconds.
    pub at_s: u64,
}

// === impl Contracts ===

impl Contracts {
    /// Takes from all that files say what counts.
    ///
    /// A contract that both ends have once signed counts by its signatures alone: no unsigned file brings it back.
    pub fn of(files: &Files) -> Self {
        let mut contracts = Self::default();
        let mut signed = HashSet::new();
        for agreement in files.agreements.values() {
            let contract = agreement.contract();
            let mut bounds = Bounds::new();
            for consumer in agreement.consumers() {
                if agreement.was_agreed(&consumer) {
                    signed.insert(contract.id());
                }
                match agreement.state(&consumer) {
                    State::Agreed => {
                        let span = span(files, agreement, &consumer);
                        bounds.insert(consumer, span);
                    }
                    State::Withdrawn { by, at_s } => contracts.ended.push(Ended {
                        contract: Arc::clone(contract),
                        consumer,
                        by,
                        at_s,
                    }),
                    State::Unsigned | State::Proposed { .. } | State::Refused { .. } => {}
                }
            }
            if bounds.is_empty() {
                continue;
            }
            contracts.add(contract);
            let names_one = matches!(contract.consumer(), Party::Subsystem(_));
            if !names_one || bounds.values().any(Span::is_bounded) {
                contracts.bounds.insert(contract.digest(), bounds);
            }
        }
        for contract in &files.unsigned {
            if !signed.contains(contract.id()) {
                contracts.add(contract);
            }
        }
        contracts
    }

    fn add(&mut self, contract: &Arc<Contract>) {
        self.ids.insert(contract.id().to_owned());
        self.by_service
            .entry(contract.service().clone())
            .or_default()
            .push(Arc::clone(contract));
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
        match self.bounds.get(&contract.digest()) {
            None => true,
            Some(bounds) => match bounds.get(consumer) {
                None => false,
                Some(span) => span.contains(now),
            },
        }
    }

    /// A contract about a service that a member, or the provider, has withdrawn from.
    pub fn ended<'a>(
        &'a self,
        service: &'a ServiceId,
        client: &'a SubsystemId,
        groups: &'a dyn Groups,
    ) -> Option<&'a Ended> {
        let mut ended = self.ended.iter().rev();
        ended.find(|one| {
            one.contract.service() == service
                && one.consumer == *client.member()
                && is_party(&one.contract, client, groups)
        })
    }

    /// The withdrawal of one version, if a member, or the provider, has withdrawn from it.
    pub fn withdrawn(
        &self,
        service: &ServiceId,
        consumer: &MemberId,
        reference: &str,
    ) -> Option<&Ended> {
        self.ended.iter().find(|one| {
            one.contract.service() == service
                && one.consumer == *consumer
                && one.contract.reference() == reference
        })
    }

    /// Whether there is one with this id.
    pub fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// All of them, by service, also those that another version has taken over from.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Contract>> {
        self.by_service.values().flatten()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
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

/// When a version counts among those of its id that are agreed: they follow each other by their starts, and by their
/// digests where they start together.
fn span(files: &Files, of: &Agreement, consumer: &MemberId) -> Span {
    let rank = |agreement: &Agreement| {
        let contract = agreement.contract();
        (contract.start(), contract.digest())
    };
    let mut span = Span::default();
    for other in files.agreements.values() {
        let is_other = other.contract().id() == of.contract().id() && rank(other) != rank(of);
        if !is_other || other.state(consumer) != State::Agreed {
            continue;
        }
        if rank(other) < rank(of) {
            span.from = Some(of.contract().start());
        } else {
            let start = other.contract().start();
            span.until = Some(span.until.map_or(start, |until| until.min(start)));
        }
    }
    span
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
