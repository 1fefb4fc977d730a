//! SQLite: statements on a thread that may block.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bridge_adapter::{AdapterError, Effect, Until};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, ToSql};
use tokio::runtime::Handle;

use crate::config::{Column, Statement};
use crate::dialect::Dialect;
use crate::flow::{self, Reply, Session, Trouble, Work};
use crate::request::Bound;
use crate::rows::Taker;
use crate::value::{Cell, Scalar, Type};

pub(crate) mod look;
pub(crate) mod pool;
mod reach;

use pool::{Pool, Stop};

/// Runs a call on a connection.
pub(crate) async fn run(pool: &Arc<Pool>, work: Work) -> Result<Reply, AdapterError> {
    let runtime = Handle::current();
    let until = work.until.clone();
    let on_thread = move |connection: &Connection, stop: &Stop| {
        let mut session = Lent { connection, stop };
        runtime.block_on(flow::run(&mut session, &work))
    };
    pool.run(until, on_thread).await
}

/// Says whether the database can be read.
pub(crate) async fn health(pool: &Arc<Pool>, time: Duration) -> Result<(), AdapterError> {
    let asked = pool.run(Until::after(time), |connection, _| {
        let read = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()));
        read.map_err(|error| AdapterError::Unreachable {
            source: Some(Box::new(error)),
        })
    });
    asked.await
}

/// A connection that is lent for one call.
struct Lent<'a> {
    connection: &'a Connection,
    stop: &'a Stop,
}

impl Lent<'_> {
    fn execute(&self, what: &str) -> Result<(), Trouble> {
        self.go_on()?;
        self.connection
            .execute_batch(what)
            .map_err(|error| trouble(what, &error))
    }

    /// SQLite forgets an interrupt that comes just before a statement begins.
    fn go_on(&self) -> Result<(), AdapterError> {
        if self.stop.is_set() {
            return Err(AdapterError::Cancelled);
        }
        Ok(())
    }
}

impl Session for Lent<'_> {
    async fn begin(&mut self, work: &Work) -> Result<(), Trouble> {
        // One read transaction, so that all statements see one state; a writer takes its lock at once, so that it never
        // has to give way to another one half-way.
        self.execute(if work.stores() {
            "BEGIN IMMEDIATE"
        } else {
            "BEGIN"
        })
    }

    async fn run(
        &mut self,
        statement: &Statement,
        bound: &Bound,
        taker: &mut Taker<'_>,
    ) -> Result<u64, Trouble> {
        let name = statement.name.as_str();
        let sql = statement.sql.of(Dialect::Sqlite).unwrap_or_default();
        let mut prepared = self
            .connection
            .prepare_cached(sql)
            .map_err(|error| trouble(name, &error))?;
        bind(&mut prepared, bound, name)?;
        self.go_on()?;
        if prepared.column_count() == 0 {
            let changed = prepared
                .raw_execute()
                .map_err(|error| trouble(name, &error))?;
            return Ok(u64::try_from(changed).unwrap_or(u64::MAX));
        }
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next().map_err(|error| trouble(name, &error))? {
            self.go_on()?;
            let cell =
                |_, column: &Column, out: &mut Vec<u8>| match row.get_ref(column.name.as_str()) {
                    Ok(value) => write(column.kind, value, out),
                    Err(_) => Cell::Misfit,
                };
            taker.take(cell).await?;
        }
        Ok(taker.count())
    }

    async fn mark(&mut self) -> Result<(), Trouble> {
        self.execute("SAVEPOINT bridge")
    }

    async fn undo(&mut self) -> Result<(), Trouble> {
        self.execute("ROLLBACK TO bridge")
    }

    async fn commit(&mut self) -> Result<(), Trouble> {
        self.execute("COMMIT")
    }

    async fn roll_back(&mut self) {
        if self.connection.is_autocommit() {
            return;
        }
        if let Err(error) = self.connection.execute_batch("ROLLBACK") {
            // The pool does not take back a connection with an open transaction.
            tracing::debug!(code = ?error.sqlite_error_code(), "a transaction could not be rolled back");
        }
    }
}

fn bind(prepared: &mut CachedStatement<'_>, bound: &Bound, name: &str) -> Result<(), Trouble> {
    for (parameter, value) in bound {
        let index = prepared
            .parameter_index(&format!(":{parameter}"))
            .map_err(|error| trouble(name, &error))?;
        // A parameter of the operation need not stand in each of its statements.
        if let Some(index) = index {
            prepared
                .raw_bind_parameter(index, value)
                .map_err(|error| trouble(name, &error))?;
        }
    }
    Ok(())
}

impl ToSql for Scalar {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Self::Null => ValueRef::Null,
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Integer(n) => ValueRef::Integer(*n),
            Self::Number(n) => ValueRef::Real(*n),
            Self::Boolean(flag) => ValueRef::Integer(i64::from(*flag)),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

/// Writes a column's value as JSON.
fn write(kind: Type, value: ValueRef<'_>, out: &mut Vec<u8>) -> Cell {
    match (kind, value) {
        (_, ValueRef::Null) => Cell::Null,
        (Type::Integer | Type::Number, ValueRef::Integer(n)) => Cell::integer(n, out),
        (Type::Boolean, ValueRef::Integer(n @ (0 | 1))) => Cell::boolean(n == 1, out),
        (Type::Number, ValueRef::Real(n)) => Cell::number(n, out),
        (kind, ValueRef::Blob(bytes)) => kind.write_bytes(bytes, out),
        (kind, ValueRef::Text(bytes)) => {
            str::from_utf8(bytes).map_or(Cell::Misfit, |text| kind.write_text(text, out))
        }
        _ => Cell::Misfit,
    }
}

/// An error of SQLite by its code alone: its text can quote values.
fn trouble(statement: &str, error: &rusqlite::Error) -> Trouble {
    let reason = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => return Trouble::Again,
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::NotADatabase
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::SystemIoFailure,
        ) => {
            return AdapterError::Unreachable { source: None }.into();
        }
        Some(code) => format!("statement {statement}: {code:?}"),
        None => format!("statement {statement}: not run"),
    };
    AdapterError::Failed { reason }.into()
}

/// Whether a file is a database that can be read.
pub(crate) fn opened(database: &Path, effect: Effect) -> rusqlite::Result<Connection> {
    let connection = pool::open(database, effect)?;
    // Opening is lazy; the first read says whether the file is a database.
    connection.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_another_type_is_not_turned_into_the_wanted_one() {
        let json = |kind, value| {
            let mut out = Vec::new();
            let cell = write(kind, value, &mut out);
            (cell, String::from_utf8(out).unwrap())
        };
        let written = |text: &str| (Cell::Written, text.to_owned());
        let misfit = (Cell::Misfit, String::new());
        assert_eq!(json(Type::Boolean, ValueRef::Integer(1)), written("true"));
        assert_eq!(json(Type::Boolean, ValueRef::Integer(2)), misfit);
        assert_eq!(json(Type::Integer, ValueRef::Text(b"1")), misfit);
        assert_eq!(json(Type::Text, ValueRef::Text(b"\xff")), misfit);
        assert_eq!(
            json(Type::Text, ValueRef::Text("Gəncə \"\n".as_bytes())),
            written("\"Gəncə \\\"\\n\"")
        );
        assert_eq!(json(Type::Number, ValueRef::Real(f64::NAN)), misfit);
        assert_eq!(json(Type::Number, ValueRef::Real(0.5)), written("0.5"));
        assert_eq!(json(Type::Date, ValueRef::Text(b"2026-02-30")), misfit);
        assert_eq!(
            json(Type::Date, ValueRef::Null),
            (Cell::Null, String::new())
        );
    }
}
