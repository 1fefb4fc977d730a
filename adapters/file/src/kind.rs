//! The types that columns can have, and how cells and parameters are written.

use bridge_adapter::form::Form;
use serde_json::Value;

/// Whole numbers above it are not exact in a spreadsheet.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// The words for true and false, in small letters.
const FLAGS: [(&str, bool); 6] = [
    ("true", true),
    ("false", false),
    ("1", true),
    ("0", false),
    ("bəli", true),
    ("xeyr", false),
];

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// A personal code: 7 characters of 0-9A-Z without I and O.
    Fin,
    /// A tax number: 10 digits.
    Voen,
    /// `2026-11-21`, in a file also `21.11.2026`.
    Date,
    /// `2026-11-21T10:00:00+04:00`.
    DateTime,
    /// A whole number of 64 bits.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Manats in the file, whole qəpik everywhere else.
    Money,
}

/// The types by the words of the manifest.
pub(crate) const KINDS: [(&str, Kind); 9] = [
    ("text", Kind::Text),
    ("fin", Kind::Fin),
    ("voen", Kind::Voen),
    ("date", Kind::Date),
    ("date-time", Kind::DateTime),
    ("integer", Kind::Integer),
    ("number", Kind::Number),
    ("boolean", Kind::Boolean),
    ("money", Kind::Money),
];

/// A cell as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Empty,
    Text(Box<str>),
    Whole(i64),
    Number(f64),
    Flag(bool),
}

/// A cell that rows can be found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Text(Box<str>),
    Whole(i64),
    Flag(bool),
}

/// A cell as it stands in a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Raw<'a> {
    Text(&'a str),
    Number(f64),
    Flag(bool),
    /// A day of a spreadsheet: year, month, day.
    Day(u16, u8, u8),
    /// What no column takes: an error, a time without a day.
    Odd,
}

impl Cell {
    /// What rows are found by; numbers with fractions are no keys.
    pub(crate) fn key(&self) -> Option<Key> {
        match self {
            Self::Text(text) => Some(Key::Text(text.clone())),
            Self::Whole(number) => Some(Key::Whole(*number)),
            Self::Flag(flag) => Some(Key::Flag(*flag)),
            Self::Empty | Self::Number(_) => None,
        }
    }

    /// The order of two cells of one column; `None` if one of them is empty.
    pub(crate) fn order(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Text(own), Self::Text(other)) => Some(own.cmp(other)),
            (Self::Whole(own), Self::Whole(other)) => Some(own.cmp(other)),
            (Self::Number(own), Self::Number(other)) => own.partial_cmp(other),
            (Self::Flag(own), Self::Flag(other)) => Some(own.cmp(other)),
            _ => None,
        }
    }

    /// What it costs in memory.
    pub(crate) fn bytes(&self) -> usize {
        let text = match self {
            Self::Text(text) => text.len(),
            Self::Empty | Self::Whole(_) | Self::Number(_) | Self::Flag(_) => 0,
        };
        text.saturating_add(size_of::<Self>())
    }

    /// The JSON value.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Empty => Value::Null,
            Self::Text(text) => Value::from(&**text),
            Self::Whole(number) => Value::from(*number),
            Self::Number(number) => Value::from(*number),
            Self::Flag(flag) => Value::from(*flag),
        }
    }
}

impl Kind {
    /// What belongs into a file, for the text of a fault.
    pub(crate) fn in_file(self) -> &'static str {
        match self {
            Self::Text => "a text without control characters",
            Self::Fin => Form::Fin.expected(),
            Self::Voen => "a VÖEN: 10 digits, as text",
            Self::Date => "a day: 2026-11-21 or 21.11.2026",
            Self::DateTime => "a time with an offset, as text: 2026-11-21T10:00:00+04:00",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false, 1 or 0, bəli or xeyr",
            Self::Money => "a sum in manats with at most two places after the point",
        }
    }

    /// What a caller has to write, for the text of a refusal.
    pub(crate) fn in_request(self) -> &'static str {
        match self {
            Self::Text => Form::Text.expected(),
            Self::Fin => Form::Fin.expected(),
            Self::Voen => Form::Voen.expected(),
            Self::Date => Form::Date.expected(),
            Self::DateTime => Form::DateTime.expected(),
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Money => "a sum in whole qəpik",
        }
    }

    /// Reads a parameter.
    pub(crate) fn parameter(self, text: &str) -> Option<Cell> {
        match self {
            Self::Text => Form::Text.fits(text).then(|| Cell::Text(text.into())),
            Self::Integer | Self::Money => text.parse().ok().map(Cell::Whole),
            Self::Number => finite(text),
            Self::Boolean => match text {
                "true" => Some(Cell::Flag(true)),
                "false" => Some(Cell::Flag(false)),
                _ => None,
            },
            Self::Fin | Self::Voen | Self::Date | Self::DateTime => {
                self.takes(text).then(|| Cell::Text(text.into()))
            }
        }
    }

    /// Reads a cell of a file. `comma` stands before the places of a decimal number.
    pub(crate) fn cell(self, raw: Raw<'_>, comma: bool) -> Option<Cell> {
        match raw {
            Raw::Text(text) => self.written(text.trim(), comma),
            Raw::Number(number) => self.number(number),
            Raw::Flag(flag) => (self == Self::Boolean).then_some(Cell::Flag(flag)),
            Raw::Day(year, month, day) => {
                let text = format!("{year:04}-{month:02}-{day:02}");
                (self == Self::Date && Form::Date.fits(&text)).then(|| Cell::Text(text.into()))
            }
            Raw::Odd => None,
        }
    }

    fn written(self, text: &str, comma: bool) -> Option<Cell> {
        if text.is_empty() {
            return Some(Cell::Empty);
        }
        match self {
            Self::Text => {
                let fits = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
                text.chars().all(fits).then(|| Cell::Text(text.into()))
            }
            Self::Date => {
                let day = local_date(text).unwrap_or_else(|| text.to_owned());
                Form::Date.fits(&day).then(|| Cell::Text(day.into()))
            }
            Self::Fin | Self::Voen | Self::DateTime => {
                self.takes(text).then(|| Cell::Text(text.into()))
            }
            Self::Integer => plain(text, comma)?.parse().ok().map(Cell::Whole),
            Self::Number => finite(&plain(text, comma)?),
            Self::Money => qepik(&plain(text, comma)?).map(Cell::Whole),
            Self::Boolean => {
                let small = text.to_lowercase();
                let found = FLAGS.iter().find(|(word, _)| *word == small);
                found.map(|(_, flag)| Cell::Flag(*flag))
            }
        }
    }

    /// A number of a spreadsheet, which knows no others than those with a point.
    fn number(self, number: f64) -> Option<Cell> {
        match self {
            Self::Number => number.is_finite().then_some(Cell::Number(number)),
            Self::Integer => whole(number).map(Cell::Whole),
            // Sums such as 0.1 + 0.2 are a hair off the qəpik.
            Self::Money => {
                let exact = (number * 100.0).round();
                let near = (number * 100.0 - exact).abs() < 1e-4;
                near.then(|| whole(exact)).flatten().map(Cell::Whole)
            }
            // A code that somebody typed as a number; its leading zeros would be lost.
            Self::Text | Self::Voen => {
                let text = whole(number)?.to_string();
                (self == Self::Text || self.takes(&text)).then(|| Cell::Text(text.into()))
            }
            Self::Boolean => match whole(number)? {
                0 => Some(Cell::Flag(false)),
                1 => Some(Cell::Flag(true)),
                _ => None,
            },
            Self::Fin | Self::Date | Self::DateTime => None,
        }
    }

    /// Whether a text has the form of a code or a time.
    fn takes(self, text: &str) -> bool {
        match self {
            Self::Fin => Form::Fin.fits(text),
            Self::Voen => Form::Voen.fits(text),
            Self::Date => Form::Date.fits(text),
            Self::DateTime => Form::DateTime.fits(text),
            Self::Text | Self::Integer | Self::Number | Self::Boolean | Self::Money => false,
        }
    }
}

/// A number with a point and without the spaces between thousands.
fn plain(text: &str, comma: bool) -> Option<String> {
    let text = text.replace(['\u{a0}', '\u{202f}'], " ");
    let (whole, places) = match text.split_once(if comma { ',' } else { '.' }) {
        Some((whole, places)) => (whole, Some(places)),
        None => (text.as_str(), None),
    };
    let mut groups = whole.trim_start_matches('-').split(' ');
    let first = groups.next().unwrap_or_default();
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let grouped = groups.clone().next().is_some();
    let fits = digits(first)
        && (!grouped || first.len() <= 3)
        && groups.all(|group| group.len() == 3 && digits(group))
        && places.is_none_or(digits)
        && whole.matches('-').count() == usize::from(whole.starts_with('-'));
    fits.then(|| match places {
        Some(places) => format!("{}.{places}", whole.replace(' ', "")),
        None => whole.replace(' ', ""),
    })
}

/// Qəpik of a plain sum in manats.
fn qepik(text: &str) -> Option<i64> {
    let (manats, places) = text.split_once('.').unwrap_or((text, "0"));
    let places: i64 = match places.len() {
        1 => places.parse::<i64>().ok()?.checked_mul(10)?,
        2 => places.parse().ok()?,
        _ => return None,
    };
    let sum = manats.parse::<i64>().ok()?.checked_mul(100)?;
    if manats.starts_with('-') {
        sum.checked_sub(places)
    } else {
        sum.checked_add(places)
    }
}

fn finite(text: &str) -> Option<Cell> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.map(Cell::Number)
}

/// A number without a fraction, if it is exact.
fn whole(number: f64) -> Option<i64> {
    let fits = number.fract() == 0.0 && number.abs() <= EXACT;
    // Written without a fraction, it is read back as it is.
    fits.then(|| format!("{number:.0}").parse().ok()).flatten()
}

/// `21.11.2026` as `2026-11-21`.
fn local_date(text: &str) -> Option<String> {
    let mut parts = text.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(day), Some(month), Some(year), None) => Some(format!("{year}-{month}-{day}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(kind: Kind, text: &str, comma: bool) -> Option<Value> {
        kind.cell(Raw::Text(text), comma).map(|cell| cell.json())
    }

    #[test]
    fn cells_of_a_text_file_are_read_as_people_write_them() {
        for (kind, text, comma, value) in [
            (Kind::Money, "1 234,50", true, Value::from(123_450)),
            (
                Kind::Money,
                "1\u{a0}234\u{202f}567,5",
                true,
                Value::from(123_456_750),
            ),
            (Kind::Money, "-0.05", false, Value::from(-5)),
            (Kind::Money, "7", false, Value::from(700)),
            (Kind::Integer, "12 000", true, Value::from(12_000)),
            (Kind::Number, "0,25", true, Value::from(0.25)),
            (Kind::Date, "29.02.2024", false, Value::from("2024-02-29")),
            (Kind::Date, "2026-03-31", false, Value::from("2026-03-31")),
            (Kind::Boolean, "Bəli", false, Value::from(true)),
            (Kind::Text, " Gəncə ", false, Value::from("Gəncə")),
            (Kind::Voen, "0123456789", false, Value::from("0123456789")),
            (Kind::Integer, "  ", false, Value::Null),
        ] {
            assert_eq!(written(kind, text, comma), Some(value), "{kind:?} {text}");
        }
    }

    #[test]
    fn what_is_beside_the_form_is_no_cell() {
        for (kind, text, comma) in [
            (Kind::Money, "1.234", false),
            (Kind::Money, "1,5", false),
            (Kind::Money, "12 34,00", true),
            (Kind::Money, "1e3", false),
            (Kind::Money, "--1", false),
            (Kind::Money, "1,-5", true),
            (Kind::Money, "99999999999999999999", false),
            (Kind::Integer, "1.0", false),
            (Kind::Number, "inf", false),
            (Kind::Date, "31.02.2026", false),
            (Kind::Date, "2026-13-01", false),
            (Kind::Boolean, "yes", false),
            (Kind::Text, "a\u{7}", false),
            (Kind::Voen, "123456789", false),
            (Kind::Fin, "1ab2c3d", false),
        ] {
            assert_eq!(written(kind, text, comma), None, "{kind:?} {text}");
        }
    }

    #[test]
    fn numbers_of_a_spreadsheet_keep_their_qepik_and_lose_no_zero() {
        let number = |kind: Kind, number| kind.cell(Raw::Number(number), false);
        assert_eq!(number(Kind::Money, 0.1 + 0.2), Some(Cell::Whole(30)));
        assert_eq!(
            number(Kind::Money, 1_234_567.89),
            Some(Cell::Whole(123_456_789))
        );
        assert_eq!(number(Kind::Money, 0.005), None);
        assert_eq!(
            number(Kind::Voen, 1_400_000_001.0),
            Some(Cell::Text("1400000001".into()))
        );
        assert_eq!(number(Kind::Voen, 400_000_001.0), None, "its zero is lost");
        assert_eq!(number(Kind::Integer, 1e17), None, "not exact");
        assert_eq!(number(Kind::Number, f64::NAN), None);
        let day = Raw::Day(2026, 3, 31);
        assert_eq!(
            Kind::Date.cell(day, false),
            Some(Cell::Text("2026-03-31".into()))
        );
        assert_eq!(Kind::Integer.cell(day, false), None);
        assert_eq!(Kind::Text.cell(Raw::Odd, false), None);
    }

    proptest! {
        #[test]
        fn reading_any_text_ends(text in "\\PC{0,40}", comma: bool) {
            for (_, kind) in KINDS {
                let _ = kind.parameter(&text);
                let _ = kind.cell(Raw::Text(&text), comma);
            }
        }

        #[test]
        fn every_sum_in_qepik_is_read_back(sum in -1_000_000_000_000_i64..1_000_000_000_000) {
            let sign = if sum < 0 { "-" } else { "" };
            let text = format!("{sign}{},{:02}", sum.abs() / 100, sum.abs() % 100);
            prop_assert_eq!(Kind::Money.cell(Raw::Text(&text), true), Some(Cell::Whole(sum)));
        }
    }
}
