//! From rows to JSON, within the limits of an answer.

use bridge_adapter::{AdapterError, Limit};
use serde_json::{Map, Value};

use crate::config::{Column, Rows, Statement};
use crate::flow::Work;

/// What a member costs beside its name and value: quotes, colon, comma.
const MEMBER_BYTES: usize = 6;

/// Takes the rows of one statement.
#[derive(Debug)]
pub(crate) struct Taker<'a> {
    statement: &'a Statement,
    work: &'a Work,
    rows: Vec<Value>,
    count: u64,
    bytes: &'a mut usize,
}

impl<'a> Taker<'a> {
    /// Begins to take rows; `bytes` counts those of all statements of the call.
    pub(crate) fn new(statement: &'a Statement, work: &'a Work, bytes: &'a mut usize) -> Self {
        Self {
            statement,
            work,
            rows: Vec::new(),
            count: 0,
            bytes,
        }
    }

    /// How many rows it took.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Takes a row; `cell` reads a column, `None` if it does not have the form of its type. Where rows are only counted, none is read.
    pub(crate) async fn take(
        &mut self,
        mut cell: impl FnMut(usize, &Column) -> Option<Value>,
    ) -> Result<(), AdapterError> {
        self.count = self.count.saturating_add(1);
        match self.statement.result {
            Rows::Counted => return Ok(()),
            Rows::One if self.count > 1 => {
                let reason = format!("statement {}: more than one row", self.statement.name);
                return Err(AdapterError::NotUnderstood { reason });
            }
            Rows::Many if self.count > self.work.limits.rows => {
                let limit = Limit::Rows(self.work.limits.rows);
                return Err(AdapterError::TooLarge { limit });
            }
            Rows::One | Rows::Many | Rows::Stream => {}
        }
        self.check_bytes()?;
        let (mut object, mut bytes) = (Map::new(), 0_usize);
        for (index, column) in self.statement.columns.iter().enumerate() {
            let value = cell(index, column).ok_or_else(|| self.misfit(column))?;
            if value.is_null() && !column.keep_null {
                continue;
            }
            bytes = bytes.saturating_add(size(&value, column));
            column.to.put(&mut object, value);
        }
        let row = Value::Object(object);
        if let Some(chunks) = &self.work.chunks {
            return chunks.row(&row, &self.work.limits, &self.work.until).await;
        }
        *self.bytes = self.bytes.saturating_add(bytes);
        self.rows.push(row);
        Ok(())
    }

    /// The rows that were taken.
    pub(crate) fn finish(self) -> Vec<Value> {
        self.rows
    }

    /// Keeps memory bounded before the document is written, which alone says how long the answer is: one row too much is held,
    /// and an answer that was kept with its key is never too long to be given again.
    fn check_bytes(&self) -> Result<(), AdapterError> {
        let limit = self.work.limits.answer_bytes;
        if u64::try_from(*self.bytes).unwrap_or(u64::MAX) > limit {
            let limit = Limit::AnswerBytes(limit);
            return Err(AdapterError::TooLarge { limit });
        }
        Ok(())
    }

    fn misfit(&self, column: &Column) -> AdapterError {
        AdapterError::NotUnderstood {
            reason: format!(
                "statement {}, column {}: not {}",
                self.statement.name,
                column.name,
                column.kind.expected()
            ),
        }
    }
}

/// Roughly what a value costs.
fn size(value: &Value, column: &Column) -> usize {
    let text = value.as_str().map_or(0, str::len);
    MEMBER_BYTES
        .saturating_add(text)
        .saturating_add(column.name.len())
}
