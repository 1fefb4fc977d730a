//! An entry of the catalogue: a history of sealed documents, to which nothing is done but adding.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge_core::contract::Seals;
use bridge_core::identity::{MemberId, ServiceId};
use serde::{Deserialize, Serialize};

use super::document::{Document, Says};
use super::fault::{EntryFault, too_large};
use super::filing::{EntryKind, Filing};
use crate::moment::Moment;

/// The largest entry, in bytes.
pub const ENTRY_LIMIT_BYTES: usize = 1024 * 1024;

/// The most documents of one entry: a filing with opinion and approval a month for years.
pub const DOCUMENTS_LIMIT: usize = 256;

/// The longest seal in base64: eight certificates of a chain and what is signed take less.
pub(super) const SEAL_LIMIT_BYTES: usize = 24 * 1024;

/// How far a speaker's clock may be ahead of the reader's, seconds: as far as a node's may be wrong.
const AHEAD_S: u64 = 60;

/// A resource, a system or a service, with all that was said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name: for a service the one by which it is asked.
    pub id: ServiceId,
    documents: Vec<Sealed>,
}

/// A document under its speaker's seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// The document.
    pub document: Document,
    /// The detached seal over [`Document::write`], base64.
    pub seal: String,
}

/// How it stands with an entry after all its documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State<'a> {
    /// What is filed and waits for a decision.
    pub pending: Option<&'a Filing>,
    /// What is approved.
    pub approved: Option<&'a Filing>,
    has_opinion: bool,
    is_refused: bool,
    transferred: BTreeSet<&'a str>,
}

/// A state in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It waits for a decision.
    Filed,
    /// It is approved.
    Approved,
    /// It was refused.
    Refused,
    /// It has ended.
    Retired,
}

impl Entry {
    /// An entry of which nothing has been said.
    pub fn new(id: ServiceId) -> Self {
        Self {
            id,
            documents: Vec::new(),
        }
    }

    /// Reads an entry's file and checks its history, but for its seals.
    ///
    /// # Errors
    ///
    /// [`EntryFault`]: the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryFault> {
        if bytes.len() > ENTRY_LIMIT_BYTES {
            return Err(too_large("bytes", ENTRY_LIMIT_BYTES));
        }
        let entry: Self = serde_json::from_slice(bytes).map_err(EntryFault::Shape)?;
        entry.check()?;
        Ok(entry)
    }

    /// Writes the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        format!("{}\n", serde_json::json!(self)).into_bytes()
    }

    /// Returns the history, oldest first.
    pub fn documents(&self) -> &[Sealed] {
        &self.documents
    }

    /// Returns the member that it belongs to.
    pub fn owner(&self) -> &MemberId {
        self.id.subsystem().member()
    }

    /// Writes the next document, for its speaker to seal.
    ///
    /// # Errors
    ///
    /// [`EntryFault`] if it can't be said now, or not in these words.
    pub fn next(&self, by: &MemberId, time: Moment, says: Says) -> Result<Document, EntryFault> {
        let before = self.documents.last().map(|last| last.document.digest());
        let number = u32::try_from(self.documents.len()).unwrap_or(u32::MAX);
        let place = (self.id.clone(), number.saturating_add(1));
        let document = Document::new(place, before, (by.clone(), time), says);
        document.check()?;
        self.check_speaker(&document)?;
        self.state().follow(&document.says)?;
        if self.documents.len() >= DOCUMENTS_LIMIT {
            return Err(too_large("documents", DOCUMENTS_LIMIT));
        }
        Ok(document)
    }

    /// Adds a sealed document.
    ///
    /// # Errors
    ///
    /// [`EntryFault`]; nothing is added then.
    pub fn add(
        &mut self,
        document: Document,
        seal: &[u8],
        (seals, now_s): (&dyn Seals, u64),
    ) -> Result<(), EntryFault> {
        let seal = STANDARD.encode(seal);
        let mut longer = self.clone();
        longer.documents.push(Sealed { document, seal });
        longer.check()?;
        longer.check_seals(self.documents.len(), seals, now_s)?;
        *self = longer;
        Ok(())
    }

    /// Checks the seals of the documents from a place on.
    ///
    /// # Errors
    ///
    /// [`EntryFault::Seal`]
    pub fn check_seals(
        &self,
        from: usize,
        seals: &dyn Seals,
        now_s: u64,
    ) -> Result<(), EntryFault> {
        let mut unchecked = self.documents.iter().skip(from);
        unchecked.try_for_each(|one| {
            one.check_seal(seals, now_s).map_err(|why| {
                let number = one.document.number;
                EntryFault::Seal { number, why }
            })
        })
    }

    /// Tells how it stands.
    pub fn state(&self) -> State<'_> {
        let mut state = State::default();
        for one in &self.documents {
            // Checked when it was read: what can't be said has been refused.
            let _followed = state.follow(&one.document.says);
        }
        state
    }

    /// Tells how it stands in one word.
    pub fn word(&self) -> Word {
        let state = self.state();
        match (state.approved, state.pending) {
            (Some(_), _) => Word::Approved,
            (None, Some(_)) => Word::Filed,
            (None, None) if state.is_refused => Word::Refused,
            (None, None) => Word::Retired,
        }
    }

    /// Returns what is approved, else what was filed last.
    pub fn filing(&self) -> Option<&Filing> {
        let mut says = self.documents.iter().rev().map(|one| &one.document.says);
        let filed = says.find_map(Says::filing);
        self.state().approved.or(filed)
    }

    pub(super) fn check(&self) -> Result<(), EntryFault> {
        if self.documents.len() > DOCUMENTS_LIMIT {
            return Err(too_large("documents", DOCUMENTS_LIMIT));
        }
        let mut state = State::default();
        let mut before: Option<&Document> = None;
        for (at, one) in self.documents.iter().enumerate() {
            let number = at.saturating_add(1);
            let document = &one.document;
            let is_next = document.entry == self.id
                && usize::try_from(document.number) == Ok(number)
                && document.before == before.map(Document::digest);
            if !is_next {
                return Err(EntryFault::Chain { number });
            }
            document.check()?;
            self.check_speaker(document)?;
            state.follow(&document.says)?;
            if one.seal.len() > SEAL_LIMIT_BYTES {
                return Err(too_large("bytes in a seal", SEAL_LIMIT_BYTES));
            }
            before = Some(document);
        }
        match before {
            Some(_) => Ok(()),
            None => Err(EntryFault::Chain { number: 1 }),
        }
    }

    /// Only the owner files. Who the ministry is the catalogue says; here it is whoever is not said to be the owner.
    fn check_speaker(&self, document: &Document) -> Result<(), EntryFault> {
        let Document { by, says, .. } = document;
        if says.may_be_by(by, self.owner(), Some(by)) {
            return Ok(());
        }
        Err(EntryFault::NotYours {
            by: by.clone(),
            says: says.as_str(),
            entry: self.id.clone(),
        })
    }
}

impl Sealed {
    fn check_seal(&self, seals: &dyn Seals, now_s: u64) -> Result<(), String> {
        let Document { by, time, .. } = &self.document;
        let seal = STANDARD
            .decode(&self.seal)
            .map_err(|error| error.to_string())?;
        let sealed = seals.check(&self.document.write(), &seal)?;
        if sealed.member != *by {
            return Err(format!(
                "{by} is said to speak, and {} has sealed it",
                sealed.member
            ));
        }
        if sealed.time_s != time.0 {
            return Err("document and seal name different times".to_owned());
        }
        if time.0 > now_s.saturating_add(AHEAD_S) {
            return Err("it is of a later time than now".to_owned());
        }
        Ok(())
    }
}

impl<'a> State<'a> {
    /// Returns the attributes that the entry is the source of.
    pub fn sources(&self) -> impl Iterator<Item = &'a str> {
        let listed = self
            .approved
            .into_iter()
            .flat_map(|filing| &filing.source_of);
        listed
            .map(String::as_str)
            .filter(|attribute| !self.transferred.contains(attribute))
    }

    /// Tells whether a service may be asked.
    pub fn is_routed(&self) -> bool {
        self.approved
            .is_some_and(|filing| filing.kind == EntryKind::Service)
    }

    fn follow(&mut self, says: &'a Says) -> Result<(), EntryFault> {
        let refused = |why| {
            Err(EntryFault::Order {
                says: says.as_str(),
                why,
            })
        };
        match says {
            Says::Filed(filing) => {
                self.pending = Some(filing);
                (self.has_opinion, self.is_refused) = (false, false);
            }
            Says::Opinion { .. } | Says::Approved {} | Says::Refused { .. }
                if self.pending.is_none() =>
            {
                return refused("nothing is filed that waits for a decision");
            }
            Says::Opinion { .. } => self.has_opinion = true,
            Says::Approved {} if !self.has_opinion => {
                return refused("the ministry has given no opinion on what is filed");
            }
            Says::Approved {} => {
                self.approved = self.pending.take();
                self.transferred.clear();
            }
            Says::Refused { .. } => {
                self.pending = None;
                self.is_refused = true;
            }
            Says::Assessed { .. } if self.approved.is_none() => {
                return refused("nothing is approved");
            }
            Says::Assessed { .. } => {}
            Says::Transferred { attributes, .. } => {
                let own: BTreeSet<&str> = self.sources().collect();
                if attributes.is_empty() || !attributes.iter().all(|one| own.contains(one.as_str()))
                {
                    return refused("the entry is not the source of that attribute");
                }
                self.transferred
                    .extend(attributes.iter().map(String::as_str));
            }
            Says::Retired { .. } if self.approved.is_none() && self.pending.is_none() => {
                return refused("nothing is filed or approved");
            }
            Says::Retired { .. } => *self = Self::default(),
        }
        Ok(())
    }
}

impl Word {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Filed => "filed",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
