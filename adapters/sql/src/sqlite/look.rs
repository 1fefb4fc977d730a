//! What SQLite says of the statements of a manifest.

use rusqlite::{Connection, ErrorCode};

use crate::check::{Looked, Seen, SeenColumn, Unprepared};
use crate::config::Statement;
use crate::dialect::Dialect;

/// Prepares each statement.
pub(crate) fn at<'a>(
    connection: &Connection,
    statements: impl IntoIterator<Item = &'a Statement>,
) -> Looked {
    let look = |statement: &'a Statement| (statement.id, prepare(connection, statement));
    statements.into_iter().map(look).collect()
}

fn prepare(connection: &Connection, statement: &Statement) -> Result<Seen, Unprepared> {
    let sql = statement.sql.of(Dialect::Sqlite).ok_or(Unprepared {
        problem: "has no text for SQLite".to_owned(),
        remedy: "add sql.sqlite, or write one text for both databases",
    })?;
    let prepared = connection
        .prepare(sql)
        .map_err(|error| unprepared(&error))?;
    let name = |index| {
        let name = prepared.parameter_name(index)?.strip_prefix(':')?;
        Some(name.to_owned())
    };
    let columns = prepared.column_names().map(|name| SeenColumn {
        name: name.to_owned(),
        // SQLite has types of values, not of columns: each value is held against the manifest when it is read.
        misfit: None,
    });
    Ok(Seen {
        parameters: (1..=prepared.parameter_count()).map(name).collect(),
        columns: columns.collect(),
        reads: prepared.readonly() && prepared.column_count() > 0,
    })
}

fn unprepared(error: &rusqlite::Error) -> Unprepared {
    if error.sqlite_error_code() == Some(ErrorCode::AuthorizationForStatementDenied) {
        return Unprepared {
            problem: "does more than read and write rows of the registry's tables".to_owned(),
            remedy: "leave out PRAGMA, ATTACH and changes of the schema; whoever runs the registry makes them",
        };
    }
    Unprepared {
        problem: error.to_string(),
        remedy: "correct the statement, or bring the database to the package's schema",
    }
}
