//! The sample database in PostgreSQL: its schema, and the rows of the sample.

use std::path::Path;

use bridge_adapter::Package;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio_postgres::Client;

use super::{SampleError, Script, fill, own_table, read};
use crate::config::Config;
use crate::dialect::Dialect;
use crate::postgres::address::Address;

/// How many rows one statement writes.
const ROWS: usize = 500;
/// How many tables the role sees in the schema that it uses.
const TABLES: &str = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";

/// Builds the sample in one transaction.
pub(super) fn build(
    package: &Package,
    address: &Address,
    (config, schema): (&Config, Script),
) -> Result<(), SampleError> {
    let sample = read(package, config.sample.as_ref(), Dialect::Postgresql)?;
    // One text for both databases is in the words of SQLite: its rows are made there.
    let is_own = config
        .sample
        .as_ref()
        .is_some_and(|sample| sample.of(Dialect::Sqlite) != sample.of(Dialect::Postgresql));
    let mut files = vec![schema];
    files.extend(own_table(config, Dialect::Postgresql));
    if is_own {
        files.extend(sample);
    } else {
        files.extend(rows_of_sqlite(package, config)?);
    }
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(SampleError::Scratch)?;
        runtime.block_on(run(address, &files))
    };
    // The caller may be on a thread of a runtime, where nothing may block.
    std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_panicked| Err(failed("the sample", "its building panicked")))
}

async fn run(address: &Address, files: &[Script]) -> Result<(), SampleError> {
    let connected = address.config.connect(address.tls.clone()).await;
    let (client, connection) =
        connected.map_err(|error| failed(&address.to_string(), &error.to_string()))?;
    let driver = tokio::spawn(connection);
    let built = write(&client, address, files).await;
    drop(client);
    if let Ok(Err(error)) = driver.await {
        tracing::debug!(code = ?error.code(), "the connection for the sample ended");
    }
    built
}

async fn write(client: &Client, address: &Address, files: &[Script]) -> Result<(), SampleError> {
    let told = |file: &str, error: &tokio_postgres::Error| {
        let said = error.as_db_error().map(|said| said.message().to_owned());
        failed(file, &said.unwrap_or_else(|| error.to_string()))
    };
    let tables: i64 = client
        .query_one_scalar(TABLES, &[])
        .await
        .map_err(|error| told("the look at its tables", &error))?;
    if tables > 0 {
        return Err(SampleError::Exists(address.to_string()));
    }
    let begun = client.batch_execute("BEGIN").await;
    begun.map_err(|error| told("BEGIN", &error))?;
    for (file, text) in files {
        let ran = client.batch_execute(text).await;
        ran.map_err(|error| told(file, &error))?;
    }
    let kept = client.batch_execute("COMMIT").await;
    kept.map_err(|error| told("COMMIT", &error))
}

/// The rows of the sample for SQLite as statements that every database takes, table by table as they were made.
fn rows_of_sqlite(package: &Package, config: &Config) -> Result<Vec<Script>, SampleError> {
    let (schema, sample) = (
        read(package, config.schema.as_ref(), Dialect::Sqlite)?,
        read(package, config.sample.as_ref(), Dialect::Sqlite)?,
    );
    let Some((schema, sample)) = schema.zip(sample) else {
        return Ok(Vec::new());
    };
    let connection = fill(Path::new(":memory:"), [schema, sample].into_iter())?;
    let unread = |source| SampleError::Sql {
        file: "the rows of the sample".to_owned(),
        source,
    };
    let names: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")
        .and_then(|mut names| names.query_map((), |row| row.get(0))?.collect())
        .map_err(unread)?;
    let written = names.iter().map(|table| inserts(&connection, table));
    let written: Result<Vec<Vec<Script>>, _> = written.collect();
    Ok(written.map_err(unread)?.concat())
}

fn inserts(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Script>> {
    let mut prepared = connection.prepare(&format!("SELECT * FROM \"{table}\""))?;
    let columns: Vec<String> = prepared
        .column_names()
        .map(|name| format!("\"{name}\""))
        .collect();
    let count = columns.len();
    let mut tuples = Vec::new();
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next()? {
        let values: rusqlite::Result<Vec<String>> = (0..count)
            .map(|index| Ok(literal(row.get_ref(index)?)))
            .collect();
        tuples.push(format!("({})", values?.join(", ")));
    }
    let columns = columns.join(", ");
    let statements = tuples.chunks(ROWS).map(|rows| {
        let rows = rows.join(",\n");
        let text = format!("INSERT INTO \"{table}\" ({columns}) VALUES\n{rows};");
        (format!("the rows of {table}"), text)
    });
    Ok(statements.collect())
}

/// A value as a text without a type: PostgreSQL reads it as the column's.
fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(n) => format!("'{n}'"),
        ValueRef::Real(n) => format!("'{n}'"),
        ValueRef::Text(bytes) => {
            let text = String::from_utf8_lossy(bytes).replace('\'', "''");
            format!("'{text}'")
        }
        ValueRef::Blob(bytes) => {
            let hex = |hex: String, byte: &u8| hex + &format!("{byte:02x}");
            format!("'{}'", bytes.iter().fold("\\x".to_owned(), hex))
        }
    }
}

fn failed(file: &str, told: &str) -> SampleError {
    SampleError::Postgresql {
        file: file.to_owned(),
        told: told.to_owned(),
    }
}
