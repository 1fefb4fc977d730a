//! Serves a registry that is kept in files: CSV and XLSX, read only.
//!
//! A file is read whole, checked against the columns that the manifest declares, and only then takes
//! the place of the one before; a new file appears by rename. One that is broken is alarmed, and the
//! one before goes on. Nothing is read from the disk while a call waits.
//!
//! What it is **not**: it writes nothing, computes no formula, and reads no file that the manifest does
//! not name.
//!
//! Three nouns: the **table** (a file as the manifest declares it), the **shelf** (the tables in force)
//! and the **operation** (which rows of a table answer a call).
//!
//! ```
//! use bridge_adapter_file::FileLimits;
//!
//! assert_eq!(FileLimits::default().rows, bridge_adapter_file::limits::ROWS);
//! ```

mod answer;
mod check;
mod config;
mod kind;
pub mod limits;
mod load;
mod place;
mod request;
mod service;
mod sheet;
mod shelf;
mod table;
mod text;

pub use limits::FileLimits;
pub use service::FileAdapter;

#[cfg(test)]
mod tests;
