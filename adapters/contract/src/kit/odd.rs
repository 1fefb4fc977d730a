//! Odd values: what callers send by mistake or on purpose.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::probe::Probe;

/// Written as such in a path. Standard: RFC 3986 §2.3.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Letters that Azerbaijani has and ASCII has not, and the two pairs of i that case folding confuses.
pub(super) const LETTERS: &str = "ƏləşğçöüıİıIiÖŞÜÇ";
/// Characters outside the plane that old databases can hold.
pub(super) const ASTRAL: &str = "𐰀😀𝟘";
/// What turns into code where values are pasted.
pub(super) const INJECTIONS: [&str; 8] = [
    "' OR '1'='1",
    "'; DROP TABLE person; --",
    "\" OR \"\"=\"",
    "*)(uid=*",
    "$(id)",
    "`id`",
    "{{7*7}}",
    "\\' OR 1=1 #",
];
/// What patterns take for "anything".
pub(super) const WILDCARDS: [&str; 5] = ["%", "_", "*", ".*", "_______"];
/// What no registry has, and every error text must keep to itself.
pub(super) const MARKER: &str = "Mexfi7F3A9K";

/// The path of decoded segments, written as a node writes it.
pub(super) fn path(segments: &[String]) -> String {
    let parts = segments
        .iter()
        .map(|part| format!("/{}", utf8_percent_encode(part, SEGMENT)));
    parts.collect()
}

/// A call with another value in one segment of its path.
pub(super) fn with_segment(probe: &Probe, at: usize, value: &str) -> Probe {
    let mut segments = probe.segments();
    if let Some(segment) = segments.get_mut(at) {
        value.clone_into(segment);
    }
    Probe {
        path: path(&segments),
        ..probe.clone()
    }
}

/// A call with another value under one name of its query.
pub(super) fn with_query(probe: &Probe, name: &str, value: &str) -> Probe {
    let mut probe = probe.clone();
    for (own, text) in &mut probe.query {
        if own == name {
            value.clone_into(text);
        }
    }
    probe
}

/// A call with one more name in its query.
pub(super) fn and_query(probe: &Probe, name: &str, value: &str) -> Probe {
    let mut probe = probe.clone();
    probe.query.push((name.to_owned(), value.to_owned()));
    probe
}
