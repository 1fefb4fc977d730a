//! What an agency says of a resource, a system or a service when it files it.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_core::identity::is_hidden;
use bridge_core::target::is_attribute;
use serde::{Deserialize, Serialize};

use super::EntryFault;

/// The most attributes in one list of a filing.
pub const ATTRIBUTES_LIMIT: usize = 256;

/// The longest title, version or contact, in characters.
pub const LINE_LIMIT: usize = 200;

/// The longest description, legal basis, condition, opinion or reason, in characters.
pub const TEXT_LIMIT: usize = 2000;

/// What is filed. All of it is public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filing {
    /// What it is.
    pub kind: EntryKind,
    /// Its version, as its owner counts.
    pub version: String,
    /// What people call it.
    pub title: Told,
    /// What it is for.
    pub description: Told,
    /// The act that it rests on.
    pub legal_basis: String,
    /// The attributes that it holds, such as `person.address`.
    pub holds: Vec<String>,
    /// Those of them that it alone is to be asked for.
    pub source_of: Vec<String>,
    /// The attributes that a person is still asked to give to it.
    pub asks: Vec<String>,
    /// Whether any of it is about persons.
    pub personal_data: bool,
    /// How far it is.
    pub operation: Operation,
    /// The office to ask, not a person.
    pub contact: String,
    /// On which terms a contract is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Told>,
    /// The base64url SHA-256 of the service's description in canonical JSON, as `getOpenAPI` answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openapi: Option<String>,
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// In Azerbaijani.
    pub az: String,
    /// In English.
    pub en: String,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// An information resource: data that an agency keeps.
    Resource,
    /// An information system.
    System,
    /// A service on the bus.
    Service,
}

/// How far a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Not there yet.
    Planned,
    /// Tried.
    Trial,
    /// In use.
    Operating,
}

impl Filing {
    pub(super) fn check(&self) -> Result<(), EntryFault> {
        check_text("version", &self.version, LINE_LIMIT)?;
        self.title.check("title", LINE_LIMIT)?;
        self.description.check("description", TEXT_LIMIT)?;
        check_text("legal_basis", &self.legal_basis, TEXT_LIMIT)?;
        check_text("contact", &self.contact, LINE_LIMIT)?;
        if let Some(terms) = &self.terms {
            terms.check("terms", TEXT_LIMIT)?;
        }
        let holds = check_attributes("holds", &self.holds)?;
        let source_of = check_attributes("source_of", &self.source_of)?;
        check_attributes("asks", &self.asks)?;
        if let Some(other) = source_of.difference(&holds).next() {
            let what = format!("names {other}, which `holds` does not list");
            return Err(value("source_of", what));
        }
        let is_service = self.kind == EntryKind::Service;
        if !is_service && !self.source_of.is_empty() {
            return Err(value("source_of", "is for services only".to_owned()));
        }
        match &self.openapi {
            Some(_) if !is_service => Err(value("openapi", "is for services only".to_owned())),
            Some(digest) if !is_digest(digest) => Err(value(
                "openapi",
                "is no SHA-256 in base64url without padding".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

impl Told {
    fn check(&self, field: &'static str, limit: usize) -> Result<(), EntryFault> {
        check_text(field, &self.az, limit)?;
        check_text(field, &self.en, limit)
    }
}

impl EntryKind {
    /// The word in a filing.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::System => "system",
            Self::Service => "service",
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// People's words to people: one line, of letters that are seen, and nothing that a page would take for markup.
pub(super) fn check_text(field: &'static str, text: &str, limit: usize) -> Result<(), EntryFault> {
    if text.trim().is_empty() {
        return Err(value(field, "is empty".to_owned()));
    }
    if text.chars().count() > limit {
        return Err(value(field, format!("has more than {limit} characters")));
    }
    if text.chars().any(|c| c.is_control() || is_hidden(c)) {
        let what = "holds characters that are not seen, or a line break";
        return Err(value(field, what.to_owned()));
    }
    if text.contains(['<', '>']) {
        return Err(value(field, "holds < or >: no markup is taken".to_owned()));
    }
    Ok(())
}

pub(super) fn check_attributes<'a>(
    field: &'static str,
    list: &'a [String],
) -> Result<BTreeSet<&'a String>, EntryFault> {
    if list.len() > ATTRIBUTES_LIMIT {
        let what = format!("has more than {ATTRIBUTES_LIMIT} attributes");
        return Err(value(field, what));
    }
    let mut found = BTreeSet::new();
    for attribute in list {
        if !is_attribute(attribute) {
            return Err(value(
                field,
                format!("{attribute:?} is no attribute: write one like person.address"),
            ));
        }
        if !found.insert(attribute) {
            return Err(value(field, format!("names {attribute} twice")));
        }
    }
    Ok(found)
}

pub(super) fn is_digest(text: &str) -> bool {
    URL_SAFE_NO_PAD
        .decode(text)
        .is_ok_and(|bytes| bytes.len() == 32)
}

fn value(field: &'static str, what: String) -> EntryFault {
    EntryFault::Value { field, what }
}
