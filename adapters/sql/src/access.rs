//! Where the registry's database is, and as whom it is used.

use std::path::{Path, PathBuf};

use crate::postgres::address::Address;

/// How an adapter reaches the registry's database.
///
/// Queries and submissions are different accesses: whoever only asks never holds a connection that could change anything.
#[derive(Debug, Clone)]
pub struct Access {
    /// For queries.
    pub queries: Database,
    /// For operations with `effect = "stored"`; `None` if there are none.
    pub submissions: Option<Database>,
}

/// A database.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server, with the role that is used.
    Postgresql(Box<Address>),
}

impl Access {
    /// Access for queries alone.
    pub fn queries(database: Database) -> Self {
        Self {
            queries: database,
            submissions: None,
        }
    }

    /// One access for queries and submissions: for trials and samples.
    pub fn both(database: Database) -> Self {
        Self {
            queries: database.clone(),
            submissions: Some(database),
        }
    }
}

impl From<&Path> for Database {
    fn from(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}

impl From<&PathBuf> for Database {
    fn from(path: &PathBuf) -> Self {
        Self::from(path.as_path())
    }
}

impl From<&Database> for Database {
    fn from(database: &Database) -> Self {
        database.clone()
    }
}

impl<T: Into<Database>> From<T> for Access {
    fn from(database: T) -> Self {
        Self::both(database.into())
    }
}

impl std::fmt::Display for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgresql(address) => address.fmt(f),
        }
    }
}
