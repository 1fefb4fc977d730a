//! Reads single values of a contract file and gathers every fault on the way.

use crate::contract::fault::{ContractFault, Fault};
use crate::identity::is_hidden;
use crate::json::Json;

/// A value and its place in the file.
#[derive(Debug, Clone)]
pub(super) struct Spot<'v, 'j> {
    pub(super) place: String,
    pub(super) value: &'v Json<'j>,
}

/// An object of the file, its unknown fields already reported.
#[derive(Debug)]
pub(super) struct Form<'v, 'j> {
    place: String,
    value: &'v Json<'j>,
}

/// The faults found so far.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<ContractFault>);

impl Faults {
    pub(super) fn add(&mut self, place: &str, fault: Fault, remedy: &'static str) {
        self.0.push(ContractFault {
            place: place.to_owned(),
            fault,
            remedy,
        });
    }

    /// Keeps a good value; turns a bad one into a fault.
    pub(super) fn keep<T>(
        &mut self,
        read: Result<T, Fault>,
        place: &str,
        remedy: &'static str,
    ) -> Option<T> {
        read.map_err(|fault| self.add(place, fault, remedy)).ok()
    }
}

impl<'v, 'j> Spot<'v, 'j> {
    /// Reads an object and reports each field that is not among `known`.
    pub(super) fn form(
        self,
        known: &[&str],
        expected: &'static str,
        faults: &mut Faults,
    ) -> Option<Form<'v, 'j>> {
        let Json::Object(members) = self.value else {
            faults.add(&self.place, self.wrong_form(), expected);
            return None;
        };
        for (name, _) in members {
            if !known.contains(&name.as_ref()) {
                faults.add(
                    &format!("{}/{}", self.place, escape(name)),
                    Fault::Unknown,
                    "remove it, or use a node that knows it",
                );
            }
        }
        Some(Form {
            place: self.place,
            value: self.value,
        })
    }

    /// Reads a list of at least one and at most `limit` entries.
    pub(super) fn list(
        self,
        limit: usize,
        expected: &'static str,
        faults: &mut Faults,
    ) -> Option<Vec<Self>> {
        let Some(items) = self.value.as_array() else {
            faults.add(&self.place, self.wrong_form(), expected);
            return None;
        };
        if items.is_empty() {
            faults.add(&self.place, Fault::Empty, expected);
            return None;
        }
        if items.len() > limit {
            faults.add(&self.place, Fault::TooLong { limit }, "split the contract");
            return None;
        }
        let spot = |(index, value)| Spot {
            place: format!("{}/{index}", self.place),
            value,
        };
        Some(items.iter().enumerate().map(spot).collect())
    }

    /// Reads a text that a person reads: not empty, at most `limit` characters, nothing invisible.
    pub(super) fn text(
        &self,
        limit: usize,
        expected: &'static str,
        faults: &mut Faults,
    ) -> Option<&'v str> {
        let read = match self.value.as_str() {
            Some(text) if text.trim().is_empty() => Err(Fault::Empty),
            Some(text) if text.chars().count() > limit => Err(Fault::TooLong { limit }),
            Some(text) if text.chars().any(|c| c.is_control() || is_hidden(c)) => {
                Err(Fault::Characters)
            }
            Some(text) => Ok(text),
            None => Err(self.wrong_form()),
        };
        faults.keep(read, &self.place, expected)
    }

    /// Reads any string, for values whose own parser judges them.
    pub(super) fn string(&self, expected: &'static str, faults: &mut Faults) -> Option<&'v str> {
        let read = self.value.as_str().ok_or_else(|| self.wrong_form());
        faults.keep(read, &self.place, expected)
    }

    /// Reads a code: a short text that may stand in a field and in a leaf.
    pub(super) fn code(&self, expected: &'static str, faults: &mut Faults) -> Option<String> {
        let text = self.text(CODE_LIMIT, expected, faults)?;
        let is_code = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-/:".contains(&byte));
        let read = if is_code {
            Ok(text.to_owned())
        } else {
            Err(Fault::Characters)
        };
        faults.keep(read, &self.place, expected)
    }

    /// Reads `true` or `false`.
    pub(super) fn flag(&self, faults: &mut Faults) -> Option<bool> {
        let read = if let Json::Bool(flag) = self.value {
            Ok(*flag)
        } else {
            Err(self.wrong_form())
        };
        faults.keep(read, &self.place, "write true or false")
    }

    /// Reads a whole number from `least` on.
    pub(super) fn count(
        &self,
        least: u64,
        expected: &'static str,
        faults: &mut Faults,
    ) -> Option<u64> {
        let read = match self.value.as_numeral().map(str::parse::<u64>) {
            Some(Ok(number)) if (least..=COUNT_LIMIT).contains(&number) => Ok(number),
            Some(_) => Err(Fault::Form {
                found: "a number out of range",
            }),
            None => Err(self.wrong_form()),
        };
        faults.keep(read, &self.place, expected)
    }

    /// Tells whether the value is this very string.
    pub(super) fn is(&self, word: &str) -> bool {
        self.value.as_str() == Some(word)
    }

    /// Says that a value of another kind was expected.
    pub(super) fn wrong_form(&self) -> Fault {
        Fault::Form {
            found: self.value.kind(),
        }
    }
}

impl<'v, 'j> Form<'v, 'j> {
    /// Returns the field, or reports that it is missing.
    pub(super) fn required(
        &self,
        name: &str,
        expected: &'static str,
        faults: &mut Faults,
    ) -> Option<Spot<'v, 'j>> {
        let spot = self.optional(name);
        if spot.is_none() {
            faults.add(&self.place_of(name), Fault::Absent, expected);
        }
        spot
    }

    /// Returns the field if it is there.
    pub(super) fn optional(&self, name: &str) -> Option<Spot<'v, 'j>> {
        let value = self.value.member(name)?;
        Some(Spot {
            place: self.place_of(name),
            value,
        })
    }

    /// Returns the place of a field, whether it is there or not.
    pub(super) fn place_of(&self, name: &str) -> String {
        format!("{}/{name}", self.place)
    }
}

/// The form of a code.
pub(super) const CODE_FORM: &str = "write at most 64 of a–z, A–Z, 0–9, `.`, `_`, `-`, `/`, `:`";

/// The longest code, in characters.
const CODE_LIMIT: usize = 64;

/// The largest number, small enough to be exact in every reader.
const COUNT_LIMIT: u64 = 1 << 40;

/// Writes a name as a part of a JSON pointer.
///
/// Standard: RFC 6901 §3.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
