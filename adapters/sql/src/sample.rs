//! Builds the sample database of a package, for trials and tests.

use std::path::{Path, PathBuf};

use bridge_adapter::{Fault, Package};
use rusqlite::{Connection, OpenFlags};

use crate::config::Config;

/// The most bytes of a schema or sample file.
pub const SQL_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// Says why a sample database was not built.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// There is a file already; it could be a real database.
    #[error("{} exists already; a sample is only built into a new file", .0.display())]
    Exists(PathBuf),
    /// The package names no schema.
    #[error("the package names no file `schema` in its [sql] table")]
    NoSchema,
    /// A file of the package cannot be read.
    #[error("a file of the package cannot be read")]
    File(#[source] Fault),
    /// SQLite refused a statement.
    #[error("{file} does not run")]
    Sql {
        /// The file of the package.
        file: String,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
}

/// Runs the package's schema and sample files in a new database.
///
/// # Errors
///
/// [`SampleError`]; a database that was begun is removed.
pub fn build(package: &Package, database: &Path) -> Result<(), SampleError> {
    let config = Config::read(package, &mut Vec::new());
    if database.exists() {
        return Err(SampleError::Exists(database.to_owned()));
    }
    let schema = config.schema.ok_or(SampleError::NoSchema)?;
    let built = fill(
        package,
        database,
        std::iter::once(schema).chain(config.sample),
    );
    if built.is_err()
        && let Err(error) = std::fs::remove_file(database)
    {
        tracing::warn!(%error, "a half-built sample database could not be removed");
    }
    built
}

/// Builds the sample database unless there is a file already, and says whether it did.
///
/// # Errors
///
/// As [`build`], without [`SampleError::Exists`].
pub fn build_if_absent(package: &Package, database: &Path) -> Result<bool, SampleError> {
    match build(package, database) {
        Ok(()) => Ok(true),
        Err(SampleError::Exists(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn fill(
    package: &Package,
    database: &Path,
    files: impl Iterator<Item = String>,
) -> Result<(), SampleError> {
    let failed = |file: &str, source| SampleError::Sql {
        file: file.to_owned(),
        source,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(database, flags);
    let connection = connection.map_err(|source| failed("the new database", source))?;
    for file in files {
        let text = package
            .text(&file, SQL_LIMIT_BYTES)
            .map_err(SampleError::File)?;
        connection
            .execute_batch(&text)
            .map_err(|source| failed(&file, source))?;
    }
    Ok(())
}
