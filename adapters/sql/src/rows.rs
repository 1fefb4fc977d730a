//! From rows to JSON, within the limits of an answer.

use std::convert::Infallible;
use std::ops::Range;

use bridge_adapter::{AdapterError, Limit};

use crate::config::{Column, Operation, Rows, Statement};
use crate::flow::Work;
use crate::value::Cell;

/// Room for the values of an ordinary answer, so that they are not moved while they are written.
const ROOM_BYTES: usize = 512;

/// The values of an operation's document, written as JSON: the columns of single rows, and whole lists.
#[derive(Debug)]
pub(crate) struct Values {
    json: Vec<u8>,
    /// Where each of them stands, by its number; none where there is no row, or the column is left out.
    found: Vec<Option<Range<usize>>>,
}

/// Takes the rows of one statement.
#[derive(Debug)]
pub(crate) struct Taker<'a> {
    statement: &'a Statement,
    work: &'a Work,
    values: &'a mut Values,
    /// Where a list of them begins.
    begin: usize,
    count: u64,
}

impl Values {
    /// Makes room for so many values.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            json: Vec::with_capacity(ROOM_BYTES),
            found: vec![None; count],
        }
    }

    /// The JSON of a value, if there is one.
    pub(crate) fn get(&self, number: usize) -> Option<&[u8]> {
        self.json.get(self.found.get(number)?.clone()?)
    }

    /// Writes the operation's document.
    pub(crate) fn document(self, operation: &Operation) -> Vec<u8> {
        let is_written = operation.statements.iter().any(|own| own.is_document);
        if is_written && !self.json.is_empty() {
            return self.json;
        }
        let layout = &operation.layout;
        let most = self.json.len().saturating_add(layout.frame_bytes());
        let mut document = Vec::with_capacity(most);
        let Ok(()) = layout.write(&mut document, |number, out| {
            let value = self.get(number);
            out.extend_from_slice(value.unwrap_or_default());
            Ok::<_, Infallible>(value.is_some())
        });
        document
    }

    fn set(&mut self, number: usize, begin: usize) {
        if let Some(place) = self.found.get_mut(number) {
            *place = Some(begin..self.json.len());
        }
    }
}

impl<'a> Taker<'a> {
    /// Begins to take rows; `values` are those of all statements of the call.
    pub(crate) fn new(statement: &'a Statement, work: &'a Work, values: &'a mut Values) -> Self {
        Self {
            statement,
            work,
            begin: values.json.len(),
            values,
            count: 0,
        }
    }

    /// How many rows it took.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Takes a row; `cell` writes a column. Where rows are only counted, none is written.
    pub(crate) async fn take(
        &mut self,
        mut cell: impl FnMut(usize, &Column, &mut Vec<u8>) -> Cell,
    ) -> Result<(), AdapterError> {
        self.count = self.count.saturating_add(1);
        let statement = self.statement;
        let value = |index: usize, out: &mut Vec<u8>| match statement.columns.get(index) {
            Some(column) => match cell(index, column, out) {
                Cell::Written => Ok(true),
                Cell::Null if column.keep_null => {
                    out.extend_from_slice(b"null");
                    Ok(true)
                }
                Cell::Null => Ok(false),
                Cell::Misfit => Err(misfit(statement, column)),
            },
            // The row itself, which is there.
            None => Ok(true),
        };
        match (statement.result, &self.work.chunks) {
            (Rows::Counted, _) => Ok(()),
            (Rows::Stream, Some(chunks)) => {
                let (limits, until) = (&self.work.limits, &self.work.until);
                let row = |out: &mut Vec<u8>| statement.row.write(out, value);
                chunks.row(row, limits, until).await
            }
            (Rows::One, _) => self.one(value),
            (Rows::Many | Rows::Stream, _) => self.listed(value),
        }
    }

    /// Ends a list. It is there without rows as well.
    pub(crate) fn finish(self) {
        if self.statement.result != Rows::Many {
            return;
        }
        let json = &mut self.values.json;
        if self.count == 0 {
            json.push(b'[');
        }
        json.push(b']');
        self.values.set(self.statement.first_value, self.begin);
    }

    fn one(
        &mut self,
        mut value: impl FnMut(usize, &mut Vec<u8>) -> Result<bool, AdapterError>,
    ) -> Result<(), AdapterError> {
        if self.count > 1 {
            let reason = format!("statement {}: more than one row", self.statement.name);
            return Err(AdapterError::NotUnderstood { reason });
        }
        if self.statement.is_document {
            let layout = &self.work.operation.layout;
            return layout.write(&mut self.values.json, value);
        }
        self.check_bytes()?;
        let mut number = self.statement.first_value;
        for index in 0..self.statement.columns.len() {
            let begin = self.values.json.len();
            if value(index, &mut self.values.json)? {
                self.values.set(number, begin);
            }
            number = number.saturating_add(1);
        }
        // That there was a row.
        self.values.set(number, self.values.json.len());
        Ok(())
    }

    fn listed(
        &mut self,
        value: impl FnMut(usize, &mut Vec<u8>) -> Result<bool, AdapterError>,
    ) -> Result<(), AdapterError> {
        if self.count > self.work.limits.rows {
            let limit = Limit::Rows(self.work.limits.rows);
            return Err(AdapterError::TooLarge { limit });
        }
        self.check_bytes()?;
        let json = &mut self.values.json;
        json.push(if self.count == 1 { b'[' } else { b',' });
        self.statement.row.write(json, value)
    }

    /// Keeps memory bounded before the document is written, which alone says how long the answer is: one row too much is held,
    /// and an answer that was kept with its key is never too long to be given again.
    fn check_bytes(&self) -> Result<(), AdapterError> {
        let limit = self.work.limits.answer_bytes;
        if u64::try_from(self.values.json.len()).unwrap_or(u64::MAX) > limit {
            let limit = Limit::AnswerBytes(limit);
            return Err(AdapterError::TooLarge { limit });
        }
        Ok(())
    }
}

fn misfit(statement: &Statement, column: &Column) -> AdapterError {
    AdapterError::NotUnderstood {
        reason: format!(
            "statement {}, column {}: not {}",
            statement.name,
            column.name,
            column.kind.expected()
        ),
    }
}
