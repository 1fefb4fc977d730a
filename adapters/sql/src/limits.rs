//! The named limits of the adapter.

use std::time::Duration;

/// How many calls read at once, and in PostgreSQL as many change the registry. SQLite readers do not wait for each other; more than a few gain
/// nothing on a small machine.
pub const CONNECTIONS: usize = 4;
/// How many calls may wait for a connection before further ones are told that the registry is busy.
pub const WAITING: u64 = 256;
/// How long a call waits for a connection: who waited longer would have too little time left for its
/// statement.
pub const WAIT: Duration = Duration::from_secs(5);
/// The most rows that one statement may answer with.
pub const ROWS: u64 = 10_000;
/// The most bytes of an answer, and of a row from PostgreSQL, also of one that is sent while it is read: twice what a node keeps as evidence by default.
pub const ANSWER_BYTES: u64 = 2 * 1024 * 1024;
/// The most bytes of an answer that is sent while it is read: far above what a node passes on by default, and still an end.
pub const STREAM_BYTES: u64 = 16 * 1024 * 1024 * 1024;
/// The most bytes of a request body: parameters, not documents.
pub const REQUEST_BYTES: u64 = 64 * 1024;
/// The longest that one call may keep a connection, however far its deadline lies. A streamed answer has until the
/// deadline.
pub const STATEMENT_TIME: Duration = Duration::from_secs(10);

/// The limits of a [`crate::SqlAdapter`].
///
/// # Defaults
///
/// [`CONNECTIONS`], [`WAITING`], [`WAIT`], [`ROWS`], [`ANSWER_BYTES`], [`STREAM_BYTES`], [`REQUEST_BYTES`],
/// [`STATEMENT_TIME`].
#[derive(Debug, Clone)]
pub struct SqlLimits {
    /// How many statements run at once.
    pub connections: usize,
    /// How many calls may wait for a connection.
    pub waiting: u64,
    /// How long they wait.
    pub wait: Duration,
    /// The most rows of one statement.
    pub rows: u64,
    /// The most bytes of an answer, and of a row from PostgreSQL.
    pub answer_bytes: u64,
    /// The most bytes of an answer that is sent while it is read.
    pub stream_bytes: u64,
    /// The most bytes of a request body.
    pub request_bytes: u64,
    /// The longest that one call may keep a connection.
    pub statement_time: Duration,
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            waiting: WAITING,
            wait: WAIT,
            rows: ROWS,
            answer_bytes: ANSWER_BYTES,
            stream_bytes: STREAM_BYTES,
            request_bytes: REQUEST_BYTES,
            statement_time: STATEMENT_TIME,
        }
    }
}
