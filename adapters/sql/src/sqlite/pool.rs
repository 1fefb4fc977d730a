//! Connections, and work on them that ends when the time is up.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bridge_adapter::{AdapterError, Effect, Until};
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

use super::reach;
use crate::limits::SqlLimits;
use crate::places::Places;

/// How often a statement that must end is interrupted again: SQLite forgets an interrupt that comes
/// just before a statement begins.
const INTERRUPT_EVERY: Duration = Duration::from_millis(5);
/// How long SQLite waits for a writer's lock before the statement fails.
const BUSY: Duration = Duration::from_secs(1);
/// How many prepared statements a connection keeps.
const PREPARED: usize = 64;

/// The connections to one database.
#[derive(Debug)]
pub(crate) struct Pool {
    database: PathBuf,
    idle: Mutex<Vec<Connection>>,
    places: Places,
    effect: Effect,
}

/// Tells work on a connection that it has to end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether the work has to end.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

type Worked<T> = (Connection, Result<T, AdapterError>);

impl Pool {
    pub(crate) fn new(database: &Path, effect: Effect, limits: &SqlLimits) -> Self {
        // SQLite has one writer at a time; the others queue here and not in its polling.
        let connections = match effect {
            Effect::Reads | Effect::Unknown => limits.connections,
            Effect::Stored => 1,
        };
        Self {
            database: database.to_owned(),
            idle: Mutex::new(Vec::new()),
            places: Places::new(connections, limits),
            effect,
        }
    }

    /// Runs `work` on a connection, on a thread where it may block.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future interrupts the work; the connection is given back when it has ended.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        until: Until,
        work: impl FnOnce(&Connection, &Stop) -> Result<T, AdapterError> + Send + 'static,
    ) -> Result<T, AdapterError> {
        let permit = self.places.take(&until).await?;
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(Arc::clone(self).supervise(permit, until, work, sender));
        receiver
            .await
            .unwrap_or_else(|_gone| Err(failed("the worker ended without a result")))
    }

    /// Holds the permit for as long as the work runs, also when nobody waits for it any more.
    async fn supervise<T: Send + 'static>(
        self: Arc<Self>,
        permit: OwnedSemaphorePermit,
        until: Until,
        work: impl FnOnce(&Connection, &Stop) -> Result<T, AdapterError> + Send + 'static,
        mut sender: oneshot::Sender<Result<T, AdapterError>>,
    ) {
        let connection = match self.take_or_open().await {
            Ok(connection) => connection,
            Err(error) => return tell(sender, Err(error)),
        };
        let handle = connection.get_interrupt_handle();
        let stop = Stop::default();
        let seen = stop.clone();
        let mut worker: JoinHandle<Worked<T>> = spawn_blocking(move || {
            let result = work(&connection, &seen);
            (connection, result)
        });
        let mut ended = None;
        let joined = loop {
            tokio::select! {
                biased;
                joined = &mut worker => break joined,
                why = until.over(), if ended.is_none() => ended = Some(why),
                () = sender.closed(), if ended.is_none() => ended = Some(AdapterError::Cancelled),
                () = tokio::time::sleep(INTERRUPT_EVERY), if ended.is_some() => {}
            }
            stop.set();
            handle.interrupt();
        };
        let result = match joined {
            Ok((connection, result)) => {
                // After a failed read the file may be another one: the next call opens it anew.
                if !matches!(result, Err(AdapterError::Unreachable { .. })) {
                    self.give_back(connection);
                }
                result
            }
            Err(_) => Err(failed("the worker panicked")),
        };
        drop(permit);
        // The reason why it was interrupted says more than "interrupted".
        tell(sender, result.map_err(|error| ended.unwrap_or(error)));
    }

    async fn take_or_open(&self) -> Result<Connection, AdapterError> {
        if let Some(connection) = self.idle().pop() {
            return Ok(connection);
        }
        let (database, effect) = (self.database.clone(), self.effect);
        let opened = spawn_blocking(move || open(&database, effect)).await;
        match opened {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(AdapterError::Unreachable {
                source: Some(Box::new(error)),
            }),
            Err(_) => Err(failed("opening the database panicked")),
        }
    }

    fn give_back(&self, connection: Connection) {
        // A connection in an open transaction would show old rows to the next call.
        if connection.is_autocommit() {
            self.idle().push(connection);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // The list is whole after a panic elsewhere: push and pop do not stop half-way.
        self.idle
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Opens a connection that only reads, unless it is one of submissions.
pub(crate) fn open(database: &Path, effect: Effect) -> rusqlite::Result<Connection> {
    let reads = effect != Effect::Stored;
    let mode = if reads {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    };
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    // A mistyped "column" in double quotes must be an error, not a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "query_only", reads)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.authorizer(Some(reach::judge))?;
    Ok(connection)
}

fn failed(reason: &str) -> AdapterError {
    AdapterError::Failed {
        reason: reason.to_owned(),
    }
}

fn tell<T>(sender: oneshot::Sender<Result<T, AdapterError>>, result: Result<T, AdapterError>) {
    if sender.send(result).is_err() {
        tracing::debug!("nobody waits for the answer any more");
    }
}
