//! XLSX. What a few packed bytes unpack to is counted before anything is built of it.

use std::io::{Cursor, Read as _};

use calamine::{DataRef, Reader as _, Xlsx, XlsxError};
use zip::ZipArchive;

use crate::kind::Raw;
use crate::limits::{COLUMNS, PARTS};
use crate::load::{Builder, Going};

const SAVE: &str = "save it anew as an Excel workbook (*.xlsx)";

/// Hands all rows of a sheet to the builder.
pub(crate) fn read(bytes: &[u8], sheet: Option<&str>, builder: &mut Builder<'_>) {
    let most = builder.limits.unpacked_bytes;
    let told = match weighed(bytes, most).and_then(|()| rows(bytes, sheet, builder)) {
        Ok(()) => return,
        Err(told) => told,
    };
    let (code, problem, remedy) = match told {
        Unreadable::Large => (
            "unpacks-too-large",
            format!("unpacks to more than {most} bytes, or {PARTS} parts"),
            "split it, and remove pictures and unused sheets",
        ),
        Unreadable::NoSheet(names) => (
            "no-sheet",
            format!("has no such sheet, but {names}"),
            "correct sheet in the manifest",
        ),
        Unreadable::Broken(problem) => ("not-xlsx", format!("cannot be read: {problem}"), SAVE),
    };
    let _ended = builder.fault(code, None, (problem, remedy));
}

enum Unreadable {
    Large,
    NoSheet(String),
    Broken(String),
}

impl From<XlsxError> for Unreadable {
    fn from(error: XlsxError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<zip::result::ZipError> for Unreadable {
    fn from(error: zip::result::ZipError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Unpacks all parts into nothing and counts. What their headers say is not believed.
fn weighed(bytes: &[u8], most: u64) -> Result<(), Unreadable> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))?;
    if archive.len() > PARTS {
        return Err(Unreadable::Large);
    }
    let mut left = most;
    for index in 0..archive.len() {
        let part = archive.by_index(index)?;
        let mut part = part.take(left.saturating_add(1));
        let length = std::io::copy(&mut part, &mut std::io::sink())
            .map_err(|error| Unreadable::Broken(error.to_string()))?;
        left = left.checked_sub(length).ok_or(Unreadable::Large)?;
    }
    Ok(())
}

fn rows(bytes: &[u8], sheet: Option<&str>, builder: &mut Builder<'_>) -> Result<(), Unreadable> {
    let mut book: Xlsx<Cursor<&[u8]>> = Xlsx::new(Cursor::new(bytes))?;
    let names = book.sheet_names();
    let wanted = match sheet {
        Some(name) => names.iter().find(|own| *own == name),
        None => names.first(),
    };
    let wanted = wanted.cloned().ok_or_else(|| {
        let shown: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        Unreadable::NoSheet(shown.join(", "))
    })?;
    // Cell by cell: the extent that a sheet claims can be larger than memory.
    let mut cells = book.worksheet_cells_reader(&wanted)?;
    let mut row = Row::default();
    while let Some(cell) = cells.next_cell()? {
        let (number, column) = cell.get_position();
        if row.number != Some(number) {
            if row.number.is_some_and(|before| before > number) {
                return Err(Unreadable::Broken("its rows are not in order".to_owned()));
            }
            if row.finish(builder).is_break() {
                return Ok(());
            }
            row.number = Some(number);
        }
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        // Beyond the declared columns anything may stand; beyond all sense nothing is kept.
        if column < COLUMNS {
            row.put(column, cell.get_value().clone());
        }
    }
    let _ended = row.finish(builder);
    Ok(())
}

/// The row that is being gathered.
#[derive(Default)]
struct Row<'a> {
    /// Counted from 0.
    number: Option<u32>,
    cells: Vec<DataRef<'a>>,
}

impl<'a> Row<'a> {
    fn put(&mut self, column: usize, value: DataRef<'a>) {
        if self.cells.len() <= column {
            self.cells.resize(column.saturating_add(1), DataRef::Empty);
        }
        if let Some(cell) = self.cells.get_mut(column) {
            *cell = value;
        }
    }

    /// Hands the row over, unless all of it is empty or stands above the headers.
    fn finish(&mut self, builder: &mut Builder<'_>) -> Going {
        let cells = std::mem::take(&mut self.cells);
        let Some(number) = self.number else {
            return Going::Continue(());
        };
        let line = u64::from(number).saturating_add(1);
        let raw: Vec<Raw<'_>> = cells.iter().map(raw).collect();
        let is_empty = raw
            .iter()
            .all(|cell| matches!(cell, Raw::Text(text) if text.trim().is_empty()));
        if is_empty || line < builder.config.header_row {
            return Going::Continue(());
        }
        if builder.has_header() {
            return builder.row(line, &raw);
        }
        let going = builder.header(line, &raw);
        if builder.has_header() {
            going
        } else {
            Going::Break(())
        }
    }
}

fn raw<'a>(cell: &'a DataRef<'_>) -> Raw<'a> {
    match cell {
        DataRef::Empty => Raw::Text(""),
        DataRef::String(text) | DataRef::DateTimeIso(text) => Raw::Text(text),
        DataRef::SharedString(text) => Raw::Text(text),
        DataRef::Float(number) => Raw::Number(*number),
        DataRef::Int(number) => {
            // Whole numbers of a sheet are doubles; one that is not exact is no number here.
            let text = number.to_string();
            text.parse().map_or(Raw::Odd, Raw::Number)
        }
        DataRef::Bool(flag) => Raw::Flag(*flag),
        DataRef::DateTime(time) if time.is_datetime() => match time.to_ymd_hms_milli() {
            (year, month, day, 0, 0, 0, 0) => Raw::Day(year, month, day),
            _ => Raw::Odd,
        },
        DataRef::DateTime(_) | DataRef::DurationIso(_) | DataRef::Error(_) => Raw::Odd,
    }
}
