//! CSV in UTF-8. Standard: RFC 4180 §2.

use std::io::Read as _;

use crate::kind::Raw;
use crate::load::Builder;

/// Byte order marks of what is not UTF-8; the longer ones first.
const OTHERS: [(&[u8], &str); 4] = [
    (&[0xff, 0xfe, 0, 0], "UTF-32, little-endian"),
    (&[0, 0, 0xfe, 0xff], "UTF-32, big-endian"),
    (&[0xff, 0xfe], "UTF-16, little-endian"),
    (&[0xfe, 0xff], "UTF-16, big-endian"),
];
/// A row behind the file's own: if it does not come as a row, a quote before it was never closed.
const END: &[u8] = b"\r\n\x01";
const MARK: &[u8] = &[0xef, 0xbb, 0xbf];
const SAVE: &str = "save it as \"CSV UTF-8\"";

/// Hands all rows of a file to the builder.
pub(crate) fn read(bytes: &[u8], separator: u8, builder: &mut Builder<'_>) {
    let Some(text) = decoded(bytes, builder) else {
        return;
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes().chain(END));
    let mut record = csv::StringRecord::new();
    let mut number: u64 = 0;
    let mut width = 0;
    loop {
        match reader.read_record(&mut record) {
            Ok(true) if is_end(text, record.position()) => return,
            Ok(true) => {}
            Ok(false) => {
                let problem = "ends within quotes: it was cut, or rows stand in one cell";
                let remedy = "close the quote; write a quote within a cell twice";
                let _ended = builder.fault("open-quote", None, (problem.to_owned(), remedy));
                return;
            }
            Err(error) => {
                let problem = format!("cannot be read: {error}");
                let _ended = builder.fault("not-csv", None, (problem, SAVE));
                return;
            }
        }
        number = number.saturating_add(1);
        let line = record.position().map_or(number, |at| line_of(text, at));
        let cells: Vec<Raw<'_>> = record.iter().map(Raw::Text).collect();
        let going = if number < builder.config.header_row {
            continue;
        } else if !builder.has_header() {
            width = cells.len();
            let going = builder.header(line, &cells);
            if !builder.has_header() {
                return;
            }
            going
        } else if cells.len() == width {
            builder.row(line, &cells)
        } else {
            let problem = format!("has {} cells, the header has {width}", cells.len());
            let remedy =
                "write a cell for each column; put one that holds the separator into quotes";
            builder.fault("row-length", Some(line), (problem, remedy))
        };
        if going.is_break() {
            return;
        }
    }
}

/// Whether a record stands behind the file.
fn is_end(text: &str, at: Option<&csv::Position>) -> bool {
    let start = at.map_or(0, |at| usize::try_from(at.byte()).unwrap_or(usize::MAX));
    let rest = text.get(start..).unwrap_or_default();
    rest.trim_start_matches(['\r', '\n']).is_empty()
}

/// The line where a record begins: its position is before the empty lines above it.
fn line_of(text: &str, at: &csv::Position) -> u64 {
    let start = usize::try_from(at.byte()).unwrap_or(usize::MAX);
    let rest = text.get(start..).unwrap_or_default();
    let empty = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
    let breaks = rest.get(..empty).unwrap_or_default().matches('\n').count();
    at.line().saturating_add(u64::try_from(breaks).unwrap_or(0))
}

/// The text without its mark; anything but UTF-8 is refused by its name.
fn decoded<'a>(bytes: &'a [u8], builder: &mut Builder<'_>) -> Option<&'a str> {
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    if let Some((_, name)) = OTHERS.iter().find(|(mark, _)| bytes.starts_with(mark)) {
        let _ended = builder.fault("encoding", None, (format!("is {name}, not UTF-8"), SAVE));
        return None;
    }
    match str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.split(|byte| *byte == b'\n').count();
            let problem = "is not UTF-8, perhaps windows-1254 or windows-1251".to_owned();
            let line = Some(u64::try_from(line).unwrap_or(u64::MAX));
            let _ended = builder.fault("encoding", line, (problem, SAVE));
            None
        }
    }
}
