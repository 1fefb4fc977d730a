//! What officers and operators ordered, as refusals tell of it.

use super::explain::{Words, words};

/// Says what an officer stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// All exchange with a member.
    Member,
    /// All exchange under a contract.
    Contract,
    /// All calls of a service.
    Service,
}

/// An operator's own words to callers; empty where there are none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notice {
    /// In English.
    pub en: String,
    /// In Azerbaijani.
    pub az: String,
}

impl Notice {
    /// The end of a maintenance, and the operator's words: those of the other language where there are none of one.
    pub(super) fn after(&self, until: &str) -> Words {
        let [en, az] = [(&self.en, &self.az), (&self.az, &self.en)].map(|(own, other)| {
            let said = if own.is_empty() { other } else { own };
            let space = if said.is_empty() { "" } else { " " };
            format!("{space}{said}")
        });
        words!(
            "In maintenance until {until}.{en}",
            "Texniki işlər aparılır, bitmə vaxtı: {until}.{az}"
        )
    }
}

impl Stop {
    pub(super) fn stopped(self, name: &str, since: &str) -> Words {
        match self {
            Self::Member => words!(
                "Exchange with the member {name}: stopped since {since}.",
                "{name} üzvü ilə mübadilə dayandırılıb: {since}."
            ),
            Self::Contract => words!(
                "Exchange under the contract {name}: stopped since {since}.",
                "{name} müqaviləsi üzrə mübadilə dayandırılıb: {since}."
            ),
            Self::Service => words!(
                "Calls of the service {name}: stopped since {since}.",
                "{name} xidmətinə müraciətlər dayandırılıb: {since}."
            ),
        }
    }
}
