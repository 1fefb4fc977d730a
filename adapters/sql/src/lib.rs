//! Serves a registry package from a database: SQLite or PostgreSQL.
//!
//! The package's manifest names every statement (`config`); nothing that comes over the wire ever
//! becomes SQL. At start each statement is prepared against the live database and every mistake of
//! the manifest is reported at once (`check`). A call picks an operation by method and path, binds
//! its parameters (`request`) and runs its statements (`flow`) on a connection of one of the two
//! databases (`sqlite`, `postgres`), which do no more than what `flow::Session` asks of them. Rows
//! become one JSON document (`rows`, `layout`), or are sent while they are read (`stream`). What changes the
//! registry runs in one transaction with the caller's Idempotency-Key (`kept`).
//!
//! What it is **not**: it keeps no state of its own and cuts no fields; which fields may leave is
//! the contract's business and the node's work.
//!
//! Three nouns: the **operation** (method, path, parameters), the **statement** (named SQL and where
//! its columns go) and the **limits** ([`SqlLimits`]).
//!
//! ```
//! use bridge_adapter::{Adapter, Package};
//! use bridge_adapter_sql::{SqlAdapter, SqlLimits, sample};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../registries/population");
//! let package = Package::load(&folder).map_err(|faults| format!("{faults:?}"))?;
//! let place = tempfile::tempdir()?;
//! let database = place.path().join("population.db");
//! sample::build(&package, &database)?;
//! let adapter = SqlAdapter::open(&package, &database, SqlLimits::default())
//!     .map_err(|faults| format!("{faults:?}"))?;
//! assert_eq!(adapter.describe().services.len(), 4);
//! # Ok(())
//! # }
//! ```

mod access;
mod check;
mod config;
mod dialect;
mod flow;
mod kept;
mod layout;
pub mod limits;
mod places;
mod postgres;
mod request;
mod rows;
pub mod sample;
mod service;
mod shape;
mod sqlite;
mod store;
mod stream;
mod value;

pub use access::{Access, Database};
pub use limits::SqlLimits;
pub use postgres::address::{Address, SCHEME};
pub use service::SqlAdapter;

#[cfg(test)]
mod tests;
