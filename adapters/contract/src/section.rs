//! Reads tables of a package's TOML files and collects all faults, not only the first.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::Fault;

/// One table of a file, read key by key. A key that nobody asked for is a fault.
#[derive(Debug)]
pub struct Section<'a> {
    table: &'a Table,
    place: String,
    known: BTreeSet<&'static str>,
}

impl<'a> Section<'a> {
    /// Begins to read `table`, which stands at `place`: `manifest.toml sql.operation[1]`.
    pub fn new(table: &'a Table, place: impl Into<String>) -> Self {
        Self {
            table,
            place: place.into(),
            known: BTreeSet::new(),
        }
    }

    /// Where the table stands.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Where a key of the table stands.
    pub fn place_of(&self, key: &str) -> String {
        // The first place is a file, those below it are keys.
        let joint = if self.place.contains(' ') { '.' } else { ' ' };
        format!("{}{joint}{key}", self.place)
    }

    /// Reads a text that must be there.
    pub fn text(&mut self, key: &'static str, faults: &mut Vec<Fault>) -> Option<&'a str> {
        let value = self.required(key, "a text in quotes", faults)?;
        self.expect(key, value.as_str(), "a text in quotes", faults)
    }

    /// Reads a text that may be there.
    pub fn optional_text(&mut self, key: &'static str, faults: &mut Vec<Fault>) -> Option<&'a str> {
        let value = self.value(key)?;
        self.expect(key, value.as_str(), "a text in quotes", faults)
    }

    /// Reads `true` or `false`; absent is `false`.
    pub fn flag(&mut self, key: &'static str, faults: &mut Vec<Fault>) -> bool {
        let Some(value) = self.value(key) else {
            return false;
        };
        self.expect(key, value.as_bool(), "true or false", faults)
            .unwrap_or(false)
    }

    /// Reads a whole number of at least 1 that may be there.
    pub fn optional_count(&mut self, key: &'static str, faults: &mut Vec<Fault>) -> Option<u64> {
        let value = self.value(key)?;
        let count = value
            .as_integer()
            .and_then(|n| u64::try_from(n).ok())
            .filter(|n| *n > 0);
        self.expect(key, count, "a whole number of at least 1", faults)
    }

    /// Reads one of a few words that must be there.
    pub fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        let expected = one_of(words);
        let value = self.required(key, &expected, faults)?;
        let found = value.as_str().and_then(|text| find(words, text));
        self.expect(key, found, &expected, faults)
    }

    /// Reads one of a few words that may be there.
    pub fn optional_word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        let value = self.value(key)?;
        self.expect(
            key,
            value.as_str().and_then(|text| find(words, text)),
            &one_of(words),
            faults,
        )
    }

    /// Reads a table that may be there.
    pub fn optional_table(
        &mut self,
        key: &'static str,
        faults: &mut Vec<Fault>,
    ) -> Option<&'a Table> {
        let value = self.value(key)?;
        self.expect(key, value.as_table(), "a table", faults)
    }

    /// Reads a table that must be there.
    pub fn table(&mut self, key: &'static str, faults: &mut Vec<Fault>) -> Option<&'a Table> {
        let value = self.required(key, "a table", faults)?;
        self.expect(key, value.as_table(), "a table", faults)
    }

    /// Reads a list of tables (`[[key]]`), each with its place; absent is empty.
    pub fn tables(&mut self, key: &'static str, faults: &mut Vec<Fault>) -> Vec<Section<'a>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(list) = self.expect(key, value.as_array(), "a list of tables", faults) else {
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in list.iter().enumerate() {
            let place = format!("{}[{}]", self.place_of(key), index.saturating_add(1));
            match item.as_table() {
                Some(table) => sections.push(Section::new(table, place)),
                None => faults.push(wrong_type(place, "a table")),
            }
        }
        sections
    }

    /// Takes a value of any type.
    pub fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.insert(key);
        self.table.get(key)
    }

    /// Ends the reading: every key that nobody asked for is a fault.
    pub fn finish(self, faults: &mut Vec<Fault>) {
        let known: Vec<&str> = self.known.iter().copied().collect();
        for key in self
            .table
            .keys()
            .filter(|key| !self.known.contains(key.as_str()))
        {
            faults.push(Fault::new(
                "unknown-key",
                self.place_of(key),
                "is not a key of this table",
                format!("remove it, or use one of: {}", known.join(", ")),
            ));
        }
    }

    fn required(
        &mut self,
        key: &'static str,
        expected: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<&'a Value> {
        let value = self.value(key);
        if value.is_none() {
            let remedy = format!("add it: {expected}");
            faults.push(Fault::new(
                "missing-key",
                self.place_of(key),
                "is missing",
                remedy,
            ));
        }
        value
    }

    fn expect<T>(
        &self,
        key: &str,
        found: Option<T>,
        expected: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        if found.is_none() {
            faults.push(wrong_type(self.place_of(key), expected));
        }
        found
    }
}

fn wrong_type(place: String, expected: &str) -> Fault {
    Fault::new(
        "wrong-value",
        place,
        format!("is not {expected}"),
        format!("write {expected}"),
    )
}

fn one_of<T>(words: &[(&str, T)]) -> String {
    let words: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
    format!("one of {}", words.join(", "))
}

fn find<T: Copy>(words: &[(&str, T)], text: &str) -> Option<T> {
    words
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_of_a_table_are_found_at_once() {
        let table: Table = "name = 7\nrows = 0\nkind = \"c\"\nmore = 1"
            .parse()
            .unwrap();
        let mut faults = Vec::new();
        let mut section = Section::new(&table, "manifest.toml");
        assert!(section.text("name", &mut faults).is_none());
        assert!(section.text("title", &mut faults).is_none());
        assert!(section.optional_count("rows", &mut faults).is_none());
        assert!(
            section
                .word("kind", &[("a", 1), ("b", 2)], &mut faults)
                .is_none()
        );
        section.finish(&mut faults);
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "manifest.toml name: is not a text in quotes; write a text in quotes [wrong-value]",
                "manifest.toml title: is missing; add it: a text in quotes [missing-key]",
                "manifest.toml rows: is not a whole number of at least 1; write a whole number of at least 1 [wrong-value]",
                "manifest.toml kind: is not one of \"a\", \"b\"; write one of \"a\", \"b\" [wrong-value]",
                "manifest.toml more: is not a key of this table; remove it, or use one of: kind, name, rows, title [unknown-key]",
            ]
        );
    }

    #[test]
    fn a_sound_table_has_no_fault() {
        let table: Table = "name = \"a\"\n[[part]]\nx = true".parse().unwrap();
        let mut faults = Vec::new();
        let mut section = Section::new(&table, "manifest.toml");
        assert_eq!(section.text("name", &mut faults), Some("a"));
        let mut parts = section.tables("part", &mut faults);
        assert_eq!(parts[0].place(), "manifest.toml part[1]");
        assert!(parts[0].flag("x", &mut faults));
        section.finish(&mut faults);
        assert_eq!(faults, []);
    }
}
