//! What a proposal changes in the catalogue, and the rules for it: nothing that was said is taken back.

use bridge_core::contract::Seals;
use bridge_core::identity::{MemberId, ServiceId};

use super::CeremonyError;
use crate::catalogue::{Catalogue, Entry, Says, Sealed, Services};

/// What becomes of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Which services may be asked, before and after.
    pub services: Option<(Services, Services)>,
    /// Whose decisions count, before and after.
    pub ministry: Option<(Option<MemberId>, Option<MemberId>)>,
    /// Entries with new documents, and how many they had before.
    pub entries: Vec<(Entry, usize)>,
    /// Attributes whose source changes, with the services before and after.
    pub sources: Vec<(String, Option<ServiceId>, Option<ServiceId>)>,
}

impl Listed {
    /// Tells whether anything changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns every new document.
    pub fn documents(&self) -> impl Iterator<Item = (&Entry, &Sealed)> {
        self.entries.iter().flat_map(|(entry, known)| {
            let new = entry.documents().iter().skip(*known);
            new.map(move |document| (entry, document))
        })
    }

    /// Checks the seals of the new documents.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::Entry`]
    pub fn check_seals(&self, seals: &dyn Seals, now_s: u64) -> Result<(), CeremonyError> {
        self.entries.iter().try_for_each(|(entry, known)| {
            let held = entry.check_seals(*known, seals, now_s);
            held.map_err(|source| CeremonyError::Entry {
                entry: entry.id.clone(),
                source,
            })
        })
    }

    pub(super) fn between(old: &Catalogue, new: &Catalogue) -> Result<Self, CeremonyError> {
        if new.services() == Services::ApprovedOnly && new.ministry().is_none() {
            return Err(CeremonyError::NoMinistry);
        }
        let mut listed = Self::default();
        if old.services() != new.services() {
            listed.services = Some((old.services(), new.services()));
        }
        if old.ministry() != new.ministry() {
            listed.ministry = Some((old.ministry().cloned(), new.ministry().cloned()));
        }
        for before in old.entries() {
            let after = new.entry(&before.id).map(Entry::documents);
            if !after.is_some_and(|after| after.starts_with(before.documents())) {
                let entry = before.id.clone();
                return Err(CeremonyError::History { entry });
            }
        }
        for entry in new.entries() {
            let known = old.entry(&entry.id).map_or(0, |old| old.documents().len());
            check_speakers(entry, known, new.ministry())?;
            if known < entry.documents().len() {
                listed.entries.push((entry.clone(), known));
            }
        }
        listed.check_transfers(new)?;
        listed.sources = sources(old, new);
        Ok(listed)
    }

    /// What the ministry hands over goes to whom it names, now or once that service's filing is published, and to no third.
    fn check_transfers(&self, new: &Catalogue) -> Result<(), CeremonyError> {
        for (_, one) in self.documents() {
            let Says::Transferred { attributes, to, .. } = &one.document.says else {
                continue;
            };
            for attribute in attributes {
                if let Some(holder) = new.source(attribute).filter(|holder| holder.id != *to) {
                    return Err(CeremonyError::Transfer {
                        attribute: attribute.clone(),
                        to: to.clone(),
                        holder: holder.id.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Opinions and decisions are the ministry's. Who it was when earlier ones were published was looked at then.
fn check_speakers(
    entry: &Entry,
    known: usize,
    ministry: Option<&MemberId>,
) -> Result<(), CeremonyError> {
    let mut new = entry
        .documents()
        .iter()
        .skip(known)
        .map(|one| &one.document);
    match new.find(|new| !new.says.may_be_by(&new.by, entry.owner(), ministry)) {
        None => Ok(()),
        Some(other) => Err(CeremonyError::NotMinistry {
            entry: entry.id.clone(),
            by: other.by.clone(),
        }),
    }
}

fn sources(
    old: &Catalogue,
    new: &Catalogue,
) -> Vec<(String, Option<ServiceId>, Option<ServiceId>)> {
    let of = |catalogue: &Catalogue, attribute: &str| {
        catalogue.source(attribute).map(|entry| entry.id.clone())
    };
    let all = old.sources().chain(new.sources());
    let attributes: std::collections::BTreeSet<_> = all.map(|(attribute, _)| attribute).collect();
    let changes = attributes.into_iter().map(|attribute| {
        let (before, after) = (of(old, attribute), of(new, attribute));
        (attribute.to_owned(), before, after)
    });
    changes
        .filter(|(_, before, after)| before != after)
        .collect()
}
