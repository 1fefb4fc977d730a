//! Where each key of a TOML file stands, so that a fault can name the line.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use crate::Fault;

/// The lines of one TOML file, by the places that [`crate::section::Section`] gives its keys.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    file: String,
    /// `sql.operation[2].path` and its line, counted from 1.
    lines: BTreeMap<String, u64>,
}

impl Lines {
    /// Finds the lines of a text that is TOML. A text that is not has none.
    pub fn of(file: &str, text: &str) -> Self {
        let mut lines = Self {
            file: file.to_owned(),
            lines: BTreeMap::new(),
        };
        if let Ok(document) = DeTable::parse(text) {
            lines.note_table("", document.get_ref(), text);
        }
        lines
    }

    /// Gives each fault of this file its line: that of its key, else of the nearest table around it.
    #[must_use]
    pub fn locate(&self, mut faults: Vec<Fault>) -> Vec<Fault> {
        for fault in faults.iter_mut().filter(|fault| fault.line.is_none()) {
            let inside = fault.place.strip_prefix(&self.file);
            if let Some(key) = inside.and_then(|rest| rest.strip_prefix(' ')) {
                fault.line = self.line(key);
            }
        }
        faults
    }

    fn line(&self, key: &str) -> Option<u64> {
        let mut key = key;
        loop {
            if let Some(line) = self.lines.get(key) {
                return Some(*line);
            }
            key = key.get(..key.rfind(['.', '['])?)?;
        }
    }

    fn note_table(&mut self, place: &str, table: &DeTable<'_>, text: &str) {
        for (key, value) in table {
            let joint = if place.is_empty() { "" } else { "." };
            let place = format!("{place}{joint}{}", key.get_ref());
            self.lines
                .insert(place.clone(), line_at(text, key.span().start));
            self.note_value(&place, value.get_ref(), text);
        }
    }

    fn note_value(&mut self, place: &str, value: &DeValue<'_>, text: &str) {
        if let Some(table) = value.as_table() {
            self.note_table(place, table, text);
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            let place = format!("{place}[{}]", index.saturating_add(1));
            self.lines
                .insert(place.clone(), line_at(text, item.span().start));
            self.note_value(&place, item.get_ref(), text);
        }
    }
}

/// The line of a byte, counted from 1.
pub(crate) fn line_at(text: &str, offset: usize) -> u64 {
    let before = text.get(..offset).unwrap_or_default();
    let breaks = before.matches('\n').count();
    u64::try_from(breaks).unwrap_or(u64::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "version = 1\n\n[sql]\nschema = \"a\"\n\n[[sql.operation]]\nservice = \"a\"\n\
        params.fin = { from = \"path\" }\n[[sql.operation.statement]]\nname = \"s\"\n\
        [[sql.operation]]\nservice = \"b\"\nlist = [\n  1,\n  { x = 2 },\n]\n";

    fn line(place: &str) -> Option<u64> {
        let fault = Fault::new("c", place, "p", "r");
        Lines::of("manifest.toml", TEXT)
            .locate(vec![fault])
            .remove(0)
            .line
    }

    #[test]
    fn a_fault_gets_the_line_of_its_key() {
        for (place, expected) in [
            ("manifest.toml version", 1),
            ("manifest.toml sql", 3),
            ("manifest.toml sql.operation[1]", 6),
            ("manifest.toml sql.operation[1].params.fin.from", 8),
            ("manifest.toml sql.operation[1].statement[1].name", 10),
            ("manifest.toml sql.operation[2].service", 12),
            ("manifest.toml sql.operation[2].list[2].x", 15),
        ] {
            assert_eq!(line(place), Some(expected), "{place}");
        }
    }

    #[test]
    fn a_missing_key_gets_the_line_of_the_table_around_it() {
        assert_eq!(line("manifest.toml sql.sample"), Some(3));
        assert_eq!(line("manifest.toml sql.operation[2].path"), Some(11));
        assert_eq!(line("manifest.toml sql.operation[2].params.a.b"), Some(11));
        assert_eq!(line("manifest.toml owner"), None);
    }

    #[test]
    fn a_fault_of_another_file_or_with_a_line_is_left_alone() {
        assert_eq!(line("openapi.json version"), None);
        let known = Fault::new("c", "manifest.toml version", "p", "r").on_line(77);
        let lines = Lines::of("manifest.toml", TEXT);
        assert_eq!(lines.locate(vec![known])[0].line, Some(77));
    }
}
