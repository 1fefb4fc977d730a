//! The catalogue: every resource, system and service that an agency has filed, and what the ministry says of it.
//!
//! It is a second file beside the directory, under the same signatures of the officers, so that whoever has the published
//! folder has it, and nobody changes it unnoticed. Older readers, which do not know it, pass it over.
//!
//! The nouns:
//!
//! - an [`Entry`] has a name and a history of [`Document`]s, each under the seal of the member that speaks and naming the one
//!   before;
//! - a [`Filing`] is what the owner says of it;
//! - a service is **routed** if it is approved, where officers have set [`Services::ApprovedOnly`];
//! - a service is the **source** of an attribute if it alone is to be asked for it.

use std::collections::{BTreeMap, HashMap, HashSet};

use bridge_core::identity::{MemberId, ServiceId};
use serde::{Deserialize, Serialize};

mod document;
mod entry;
mod fault;
mod filing;

pub use document::{DOCUMENT_TYPE, Document, Says};
pub use entry::{DOCUMENTS_LIMIT, ENTRY_LIMIT_BYTES, Entry, Sealed, State, Word};
pub use fault::EntryFault;
pub use filing::{ATTRIBUTES_LIMIT, EntryKind, Filing, LINE_LIMIT, Operation, TEXT_LIMIT, Told};

/// The name of the catalogue among the target files of the metadata.
pub const CATALOGUE_FILE: &str = "catalogue.json";

/// The largest catalogue, in bytes: some ten thousand entries.
pub const CATALOGUE_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// Every entry, and the rules that hold for services.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    list: List,
    places: HashMap<ServiceId, usize>,
    routed: HashSet<ServiceId>,
    sources: BTreeMap<String, usize>,
}

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    services: Services,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ministry: Option<MemberId>,
    entries: Vec<Entry>,
}

/// Which services may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Services {
    /// Any that its provider serves.
    #[default]
    Any,
    /// Those that the ministry has approved.
    ApprovedOnly,
}

/// Why a service is not routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRouted {
    /// Nobody has filed it as a service, or it is not decided.
    NotApproved,
    /// It was approved once, and has ended.
    Retired,
}

/// An attribute that a person is asked for although a registry holds it.
#[derive(Clone, Copy, Debug)]
pub struct AskedTwice<'a> {
    /// Who asks.
    pub asking: &'a Entry,
    /// For what.
    pub attribute: &'a str,
    /// Who is the source of it.
    pub source: &'a Entry,
}

/// A catalogue can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueFault {
    /// Not JSON of a catalogue's shape.
    #[error("the catalogue can't be read")]
    Shape(#[source] serde_json::Error),
    /// Larger than any node reads.
    #[error("the catalogue has more than {CATALOGUE_LIMIT_BYTES} bytes")]
    TooLarge,
    /// The same entry twice.
    #[error("{0} is listed twice")]
    Twice(ServiceId),
    /// An entry that does not count.
    #[error("entry {id}")]
    Entry {
        /// Which.
        id: ServiceId,
        /// Why not.
        #[source]
        source: EntryFault,
    },
    /// Two sources of one attribute.
    #[error("{attribute} has a source already: {holder}; {claimant} can't be another")]
    Source {
        /// The attribute.
        attribute: String,
        /// Whose it is.
        holder: ServiceId,
        /// Who claims it too.
        claimant: ServiceId,
    },
}

impl Catalogue {
    /// Reads a catalogue file and checks it, but for the seals.
    ///
    /// # Errors
    ///
    /// [`CatalogueFault`]: the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, CatalogueFault> {
        if bytes.len() > CATALOGUE_LIMIT_BYTES {
            return Err(CatalogueFault::TooLarge);
        }
        let list: List = serde_json::from_slice(bytes).map_err(CatalogueFault::Shape)?;
        for entry in &list.entries {
            entry.check().map_err(|source| CatalogueFault::Entry {
                id: entry.id.clone(),
                source,
            })?;
        }
        Self::of(list)
    }

    /// Writes the file.
    pub fn to_text(&self) -> String {
        serde_json::json!(self.list).to_string()
    }

    /// The same with other rules.
    #[must_use]
    pub fn with_rules(&self, services: Services, ministry: Option<MemberId>) -> Self {
        let mut catalogue = self.clone();
        (catalogue.list.services, catalogue.list.ministry) = (services, ministry);
        catalogue
    }

    /// The same with entries that are new, or take the place of those of their names.
    ///
    /// # Errors
    ///
    /// [`CatalogueFault::Source`] if an attribute would have two sources.
    pub fn with(&self, entries: Vec<Entry>) -> Result<Self, CatalogueFault> {
        let mut list = self.list.clone();
        for entry in entries {
            match list.entries.iter_mut().find(|one| one.id == entry.id) {
                Some(one) => *one = entry,
                None => list.entries.push(entry),
            }
        }
        list.entries
            .sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
        Self::of(list)
    }

    /// Returns which services may be asked.
    pub fn services(&self) -> Services {
        self.list.services
    }

    /// Returns the member whose opinions and decisions count.
    pub fn ministry(&self) -> Option<&MemberId> {
        self.list.ministry.as_ref()
    }

    /// Returns every entry.
    pub fn entries(&self) -> &[Entry] {
        &self.list.entries
    }

    /// Returns an entry.
    pub fn entry(&self, id: &ServiceId) -> Option<&Entry> {
        self.list.entries.get(*self.places.get(id)?)
    }

    /// Returns the source of an attribute.
    pub fn source(&self, attribute: &str) -> Option<&Entry> {
        self.list.entries.get(*self.sources.get(attribute)?)
    }

    /// Returns every attribute that has a source, with it.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &Entry)> {
        let entries = &self.list.entries;
        self.sources
            .iter()
            .filter_map(|(attribute, at)| Some((attribute.as_str(), entries.get(*at)?)))
    }

    /// Tells whether a service may be asked.
    ///
    /// # Errors
    ///
    /// [`NotRouted`]: why not.
    pub fn check_routed(&self, service: &ServiceId) -> Result<(), NotRouted> {
        if self.list.services == Services::Any || self.routed.contains(service) {
            return Ok(());
        }
        match self.entry(service).map(Entry::word) {
            Some(Word::Retired) => Err(NotRouted::Retired),
            Some(Word::Filed | Word::Approved | Word::Refused) | None => {
                Err(NotRouted::NotApproved)
            }
        }
    }

    /// Lists what persons are still asked for although an approved service of another owner, or another service, is its source.
    pub fn once_only(&self) -> Vec<AskedTwice<'_>> {
        let mut found = Vec::new();
        for asking in &self.list.entries {
            let filing = asking.state().approved;
            for attribute in filing.into_iter().flat_map(|filing| &filing.asks) {
                match self.source(attribute) {
                    Some(source) if source.id != asking.id => found.push(AskedTwice {
                        asking,
                        attribute,
                        source,
                    }),
                    _ => {}
                }
            }
        }
        found
    }

    fn of(list: List) -> Result<Self, CatalogueFault> {
        let mut places = HashMap::with_capacity(list.entries.len());
        let mut sources: BTreeMap<String, usize> = BTreeMap::new();
        let mut routed = HashSet::new();
        for (at, entry) in list.entries.iter().enumerate() {
            if places.insert(entry.id.clone(), at).is_some() {
                return Err(CatalogueFault::Twice(entry.id.clone()));
            }
            let state = entry.state();
            if state.is_routed() {
                routed.insert(entry.id.clone());
            }
            for attribute in state.sources() {
                if let Some(holder) = sources.insert(attribute.to_owned(), at) {
                    let holder = list.entries.get(holder).unwrap_or(entry);
                    return Err(CatalogueFault::Source {
                        attribute: attribute.to_owned(),
                        holder: holder.id.clone(),
                        claimant: entry.id.clone(),
                    });
                }
            }
        }
        Ok(Self {
            list,
            places,
            routed,
            sources,
        })
    }
}

/// Two are equal if their files are: the rest follows from them.
impl PartialEq for Catalogue {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Catalogue {}

#[cfg(test)]
pub(crate) mod tests;
