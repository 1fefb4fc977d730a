//! Builds the sample database of a package, for trials and tests.

use std::io::ErrorKind;
use std::path::Path;

use bridge_adapter::{Fault, Package};
use rusqlite::{Connection, OpenFlags};

use crate::access::Database;
use crate::config::Config;
use crate::dialect::{Dialect, PerDatabase};
use crate::kept;

mod copy;

/// The most bytes of a schema or sample file.
pub const SQL_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// Says why a sample database was not built.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// There is a file, or a table, already; it could be a real database.
    #[error("{0} exists already; a sample is only built into a new file or an empty database")]
    Exists(String),
    /// The file cannot be made.
    #[error("the new database cannot be made; its folder has to be there and to be writable")]
    Create(#[source] std::io::Error),
    /// The package names no schema.
    #[error("the package names no file `schema` for this database in its [sql] table")]
    NoSchema,
    /// A file of the package cannot be read.
    #[error("a file of the package cannot be read")]
    File(#[source] Fault),
    /// The folder for the rows of the sample cannot be made.
    #[error("a temporary database cannot be made")]
    Scratch(#[source] std::io::Error),
    /// SQLite refused a statement.
    #[error("{file} does not run")]
    Sql {
        /// The file of the package.
        file: String,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// PostgreSQL cannot be reached, or refused a statement.
    #[error("{file} does not run: {told}")]
    Postgresql {
        /// The file of the package, or the table whose rows are written.
        file: String,
        /// What PostgreSQL says.
        told: String,
    },
}

/// Runs the package's schema and sample files, and what the adapter itself needs, in a new database: a file that does not exist yet, or a database of a
/// PostgreSQL server without a table. A sample that is written for SQLite alone is made there and copied.
///
/// # Errors
///
/// [`SampleError`]; nothing stays of what was begun.
pub fn build(package: &Package, database: impl Into<Database>) -> Result<(), SampleError> {
    let config = Config::read(package, &mut Vec::new());
    match database.into() {
        Database::Sqlite(path) => build_file(package, &path, &config),
        Database::Postgresql(address) => {
            let schema = read(package, config.schema.as_ref(), Dialect::Postgresql)?
                .ok_or(SampleError::NoSchema)?;
            copy::build(package, &address, (&config, schema))
        }
    }
}

/// Builds the sample database unless there is one already, and says whether it did.
///
/// # Errors
///
/// As [`build`], without [`SampleError::Exists`].
pub fn build_if_absent(
    package: &Package,
    database: impl Into<Database>,
) -> Result<bool, SampleError> {
    match build(package, database) {
        Ok(()) => Ok(true),
        Err(SampleError::Exists(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A file of the package: its name and its text.
type Script = (String, String);

fn read(
    package: &Package,
    name: Option<&PerDatabase>,
    dialect: Dialect,
) -> Result<Option<Script>, SampleError> {
    let Some(name) = name.and_then(|name| name.of(dialect)) else {
        return Ok(None);
    };
    let text = package
        .text(name, SQL_LIMIT_BYTES)
        .map_err(SampleError::File)?;
    Ok(Some((name.to_owned(), text)))
}

/// The table that the adapter needs beside the package's own, where a call changes something.
fn own_table(config: &Config, dialect: Dialect) -> Option<Script> {
    let stores = config.operations.iter().any(|operation| operation.stores());
    let text = kept::ddl(dialect).to_owned();
    stores.then(|| (kept::TABLE.to_owned(), text))
}

fn build_file(package: &Package, database: &Path, config: &Config) -> Result<(), SampleError> {
    let exists = || SampleError::Exists(database.display().to_string());
    if database.exists() {
        return Err(exists());
    }
    let schema =
        read(package, config.schema.as_ref(), Dialect::Sqlite)?.ok_or(SampleError::NoSchema)?;
    let sample = read(package, config.sample.as_ref(), Dialect::Sqlite)?;
    let table = own_table(config, Dialect::Sqlite);
    let files = std::iter::once(schema).chain(table).chain(sample);
    let folder = database.parent().filter(|folder| *folder != Path::new(""));
    let beside = tempfile::Builder::new()
        .prefix(".sample.")
        .tempdir_in(folder.unwrap_or(Path::new(".")))
        .map_err(SampleError::Create)?;
    let built = beside.path().join("sample.db");
    drop(fill(&built, files)?);
    // Only a whole database gets the name, and no file that has it loses it.
    std::fs::hard_link(&built, database).map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            return exists();
        }
        SampleError::Create(error)
    })
}

fn fill(database: &Path, files: impl Iterator<Item = Script>) -> Result<Connection, SampleError> {
    let failed = |file: &str, source| SampleError::Sql {
        file: file.to_owned(),
        source,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(database, flags);
    let connection = connection.map_err(|source| failed("the new database", source))?;
    for (file, text) in files {
        connection
            .execute_batch(&text)
            .map_err(|source| failed(&file, source))?;
    }
    Ok(connection)
}
