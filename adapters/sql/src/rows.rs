//! From statements to one JSON document.

use bridge_adapter::{AdapterError, Limit};
use rusqlite::{CachedStatement, Connection, ErrorCode, Row, ToSql};
use serde_json::{Map, Value};

use crate::config::{Empty, Operation, Statement};
use crate::limits::SqlLimits;
use crate::pool::Stop;
use crate::request::Bound;

/// What a member costs beside its name and value: quotes, colon, comma.
const MEMBER_BYTES: usize = 6;

/// What the statements of an operation found.
#[derive(Debug)]
pub(crate) enum Found {
    /// A document.
    Document(Vec<u8>),
    /// A row that must be there is not.
    Nothing,
}

/// Runs the statements of an operation in one read transaction, so that they see one state.
pub(crate) fn answer(
    connection: &Connection,
    operation: &Operation,
    bound: &Bound,
    (limits, stop): (&SqlLimits, &Stop),
) -> Result<Found, AdapterError> {
    let transaction = connection
        .unchecked_transaction()
        .map_err(|error| failed("begin", &error))?;
    let mut reader = Reader {
        bound,
        limits,
        stop,
        bytes: 0,
    };
    let mut document = Map::new();
    let mut list = None;
    for statement in &operation.statements {
        let rows = reader.rows(&transaction, statement)?;
        if rows.is_empty() && statement.empty == Empty::NotFound {
            return Ok(Found::Nothing);
        }
        if statement.many && statement.at.is_root() {
            list = Some(Value::Array(rows));
        } else if statement.many {
            statement.at.put(&mut document, Value::Array(rows));
        } else if let Some(row) = rows.into_iter().next() {
            statement.at.put(&mut document, row);
        }
    }
    let document = list.unwrap_or(Value::Object(document));
    let bytes = serde_json::to_vec(&document).map_err(|_cause| AdapterError::Failed {
        reason: "the answer cannot be written".to_owned(),
    })?;
    check_bytes(bytes.len(), limits)?;
    Ok(Found::Document(bytes))
}

struct Reader<'a> {
    bound: &'a Bound,
    limits: &'a SqlLimits,
    stop: &'a Stop,
    bytes: usize,
}

impl Reader<'_> {
    fn rows(
        &mut self,
        connection: &Connection,
        statement: &Statement,
    ) -> Result<Vec<Value>, AdapterError> {
        let name = statement.name.as_str();
        let mut prepared = connection
            .prepare_cached(&statement.sql)
            .map_err(|e| failed(name, &e))?;
        self.bind(&mut prepared, name)?;
        let mut rows = prepared.raw_query();
        let mut values: Vec<Value> = Vec::new();
        loop {
            // SQLite forgets an interrupt that comes just before a statement begins.
            if self.stop.is_set() {
                return Err(AdapterError::Cancelled);
            }
            let Some(row) = rows.next().map_err(|error| failed(name, &error))? else {
                break;
            };
            if !statement.many && !values.is_empty() {
                let reason = format!("statement {name}: more than one row");
                return Err(AdapterError::NotUnderstood { reason });
            }
            if u64::try_from(values.len()).unwrap_or(u64::MAX) >= self.limits.rows {
                return Err(AdapterError::TooLarge {
                    limit: Limit::Rows(self.limits.rows),
                });
            }
            values.push(self.row(row, statement)?);
        }
        Ok(values)
    }

    fn bind(&self, prepared: &mut CachedStatement<'_>, name: &str) -> Result<(), AdapterError> {
        for (parameter, value) in self.bound {
            let parameter = format!(":{parameter}");
            let index = prepared
                .parameter_index(&parameter)
                .map_err(|error| failed(name, &error))?;
            // A parameter of the operation need not stand in each of its statements.
            if let Some(index) = index {
                let value: &dyn ToSql = value;
                prepared
                    .raw_bind_parameter(index, value)
                    .map_err(|error| failed(name, &error))?;
            }
        }
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>, statement: &Statement) -> Result<Value, AdapterError> {
        let mut object = Map::new();
        for column in &statement.columns {
            let value = row
                .get_ref(column.name.as_str())
                .map_err(|e| failed(&statement.name, &e))?;
            if value.data_type() == rusqlite::types::Type::Null {
                if column.keep_null {
                    column.to.put(&mut object, Value::Null);
                }
                continue;
            }
            let json = column
                .kind
                .to_json(value)
                .ok_or_else(|| AdapterError::NotUnderstood {
                    reason: format!(
                        "statement {}, column {}: not {}",
                        statement.name,
                        column.name,
                        column.kind.expected()
                    ),
                })?;
            self.bytes = self
                .bytes
                .saturating_add(size(&json))
                .saturating_add(column.name.len());
            check_bytes(self.bytes, self.limits)?;
            column.to.put(&mut object, json);
        }
        Ok(Value::Object(object))
    }
}

/// Roughly what a value costs, so that memory stays bounded before the document is written.
fn size(value: &Value) -> usize {
    MEMBER_BYTES.saturating_add(value.as_str().map_or(0, str::len))
}

fn check_bytes(bytes: usize, limits: &SqlLimits) -> Result<(), AdapterError> {
    let limit = limits.answer_bytes;
    if u64::try_from(bytes).unwrap_or(u64::MAX) > limit {
        return Err(AdapterError::TooLarge {
            limit: Limit::AnswerBytes(limit),
        });
    }
    Ok(())
}

/// An error of SQLite by its code alone: its text can quote values.
fn failed(statement: &str, error: &rusqlite::Error) -> AdapterError {
    let reason = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => return AdapterError::Busy,
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::NotADatabase
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::SystemIoFailure,
        ) => {
            return AdapterError::Unreachable { source: None };
        }
        Some(code) => format!("statement {statement}: {code:?}"),
        None => format!("statement {statement}: not run"),
    };
    AdapterError::Failed { reason }
}
