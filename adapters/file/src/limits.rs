//! The named limits of the adapter.

use std::time::Duration;

/// The most bytes of a file.
pub const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// The most bytes that all parts of an XLSX file may have once they are unpacked: a few kilobytes can
/// say that they are terabytes.
pub const UNPACKED_BYTES: u64 = 128 * 1024 * 1024;
/// The most parts of an XLSX file; real ones have a few dozen.
pub const PARTS: usize = 1000;
/// The most rows of a table.
pub const ROWS: u64 = 500_000;
/// The most columns that a file may have, declared or not.
pub const COLUMNS: usize = 256;
/// The most bytes of one cell.
pub const CELL_BYTES: usize = 16 * 1024;
/// The most bytes that the cells of a table may take in memory.
pub const TABLE_BYTES: u64 = 256 * 1024 * 1024;
/// The most rows of one page of a list.
pub const PAGE_ROWS: u64 = 1000;
/// The most bytes of an answer, but of an export: twice what a node keeps as evidence by default.
pub const ANSWER_BYTES: u64 = 2 * 1024 * 1024;
/// How many faults of a file are told at once.
pub const FAULTS: usize = 20;
/// How often the files are looked at.
pub const POLL: Duration = Duration::from_secs(1);

/// The limits of a [`crate::FileAdapter`].
///
/// # Defaults
///
/// The constants of this module.
#[derive(Debug, Clone)]
pub struct FileLimits {
    /// The most bytes of a file.
    pub file_bytes: u64,
    /// The most bytes of an XLSX file once it is unpacked.
    pub unpacked_bytes: u64,
    /// The most rows of a table.
    pub rows: u64,
    /// The most bytes that the cells of a table may take in memory.
    pub table_bytes: u64,
    /// The most bytes of an answer, but of an export.
    pub answer_bytes: u64,
    /// How often the files are looked at.
    pub poll: Duration,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self {
            file_bytes: FILE_BYTES,
            unpacked_bytes: UNPACKED_BYTES,
            rows: ROWS,
            table_bytes: TABLE_BYTES,
            answer_bytes: ANSWER_BYTES,
            poll: POLL,
        }
    }
}
