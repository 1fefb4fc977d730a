//! The databases that are served, and texts that may differ between them.

use bridge_adapter::Fault;
use bridge_adapter::section::Section;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgresql,
}

impl Dialect {
    /// Its key in a manifest.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgresql => "postgresql",
        }
    }
}

/// A text of the manifest: one for both databases, or one for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PerDatabase {
    sqlite: Option<String>,
    postgresql: Option<String>,
}

impl PerDatabase {
    /// Makes a text that serves both.
    pub(crate) fn both(text: &str) -> Self {
        Self {
            sqlite: Some(text.to_owned()),
            postgresql: Some(text.to_owned()),
        }
    }

    /// Reads a key that may be there: a text, or a table with one per database.
    pub(crate) fn read(
        section: &mut Section<'_>,
        key: &'static str,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let place = section.place_of(key);
        let value = section.value(key)?;
        if let Some(text) = value.as_str() {
            return Some(Self::both(text));
        }
        let Some(table) = value.as_table() else {
            let expected = "a text in quotes, or { sqlite = \"…\", postgresql = \"…\" }";
            faults.push(Fault::new(
                "wrong-value",
                place,
                format!("is not {expected}"),
                format!("write {expected}"),
            ));
            return None;
        };
        let mut texts = Section::new(table, place);
        let mut read = |key| texts.optional_text(key, faults).map(str::to_owned);
        let (sqlite, postgresql) = (read(Dialect::Sqlite.key()), read(Dialect::Postgresql.key()));
        texts.finish(faults);
        Some(Self { sqlite, postgresql })
    }

    /// The text for one database.
    pub(crate) fn of(&self, dialect: Dialect) -> Option<&str> {
        match dialect {
            Dialect::Sqlite => self.sqlite.as_deref(),
            Dialect::Postgresql => self.postgresql.as_deref(),
        }
    }
}
