//! One connection to PostgreSQL and the statements prepared on it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bridge_adapter::{AdapterError, Effect};
use tokio::net::UnixStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_postgres::{Client, Config, Error, NoTls, Statement as Prepared};

use super::address::Address;
use super::bounded::Bound;
use super::text::Text;
use crate::config::Statement;

/// How long the end of a connection is waited for before it is cut.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long the server keeps a transaction in which nothing happens: its caller is gone.
const IDLE_IN_TRANSACTION_MS: u32 = 30_000;

/// Why something was not done over a connection.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: Client,
    driver: JoinHandle<()>,
    pub(super) bound: Bound,
    ready: Vec<Option<Arc<Ready>>>,
    /// Kept from call to call: to set a timer later costs nothing, a new one costs a wake-up of the runtime.
    pub(super) clock: Option<Pin<Box<Sleep>>>,
}

/// A statement prepared on a connection.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) prepared: Prepared,
    /// Where each column of the manifest stands in a row.
    pub(super) columns: Vec<Option<usize>>,
}

/// What a connection is made with: the role reads only, unless it is that of submissions.
pub(super) fn config(address: &Address, effect: Effect, statement_time: Duration) -> Config {
    let mut config = address.config.clone();
    let read_only = if effect == Effect::Stored {
        "off"
    } else {
        "on"
    };
    let timeout = statement_time.as_millis().max(1);
    config.options(format!(
        "-c default_transaction_read_only={read_only} -c statement_timeout={timeout} \
         -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS} -c TimeZone=UTC"
    ));
    config
}

impl Link {
    /// Connects.
    pub(super) async fn open(
        address: &Address,
        config: &Config,
        limit_bytes: u64,
    ) -> Result<Self, Failure> {
        let bound = Bound::of(limit_bytes);
        let (client, driver) = if let Some(socket) = address.socket() {
            let stream = bound.over(UnixStream::connect(socket).await?);
            let (client, connection) = config.connect_raw(stream, NoTls).await?;
            (client, tokio::spawn(driven(connection)))
        } else {
            let (client, connection) = config.connect(address.tls.bounded(&bound)).await?;
            (client, tokio::spawn(driven(connection)))
        };
        Ok(Self {
            client,
            driver,
            bound,
            ready: Vec::new(),
            clock: None,
        })
    }

    /// The clock of the connection, set to a moment.
    pub(super) fn clock(&mut self, moment: Instant) -> Pin<Box<Sleep>> {
        match self.clock.take() {
            Some(mut clock) => {
                clock.as_mut().reset(moment);
                clock
            }
            None => Box::pin(sleep_until(moment)),
        }
    }

    /// The statement, if it was prepared on this connection.
    pub(super) fn known(&self, statement: &Statement) -> Option<Arc<Ready>> {
        self.ready.get(statement.id)?.clone()
    }

    /// The statement, prepared once for the life of the connection.
    pub(super) async fn ready(
        &mut self,
        statement: &Statement,
        text: &Text,
    ) -> Result<Arc<Ready>, Error> {
        if let Some(ready) = self.known(statement) {
            return Ok(ready);
        }
        let sql = text.sql.as_deref().unwrap_or_default();
        let prepared = self.client.prepare_typed(sql, &text.types).await?;
        let found = prepared.columns();
        let place = |name: &str| found.iter().position(|column| column.name() == name);
        let columns = statement.columns.iter().map(|own| place(&own.name));
        let ready = Arc::new(Ready {
            columns: columns.collect(),
            prepared: prepared.clone(),
        });
        let needed = statement.id.saturating_add(1);
        self.ready.resize(self.ready.len().max(needed), None);
        if let Some(place) = self.ready.get_mut(statement.id) {
            *place = Some(Arc::clone(&ready));
        }
        Ok(ready)
    }

    /// Stops what runs on the connection and closes it. The place is free when both are done.
    pub(super) async fn abandon(self, address: Address, place: OwnedSemaphorePermit) {
        let Self {
            client, mut driver, ..
        } = self;
        let stopped = async {
            if !client.is_closed()
                && let Err(error) = cancel(&client, &address).await
            {
                tracing::debug!(%error, "a statement could not be cancelled");
            }
            drop(client);
            (&mut driver).await
        };
        if tokio::time::timeout(FAREWELL, stopped).await.is_err() {
            driver.abort();
        }
        drop(place);
    }
}

/// Carries what is asked and answered on a connection, to its end.
async fn driven(connection: impl Future<Output = Result<(), Error>>) {
    if let Err(error) = connection.await {
        // Calls that are affected learn it themselves.
        tracing::debug!(code = ?error.code(), "a connection to the registry ended");
    }
}

/// Stops what the server does on a connection.
async fn cancel(client: &Client, address: &Address) -> Result<(), Failure> {
    let token = client.cancel_token();
    match address.socket() {
        Some(socket) => {
            let stream = UnixStream::connect(socket).await?;
            Ok(token.cancel_query_raw(stream, NoTls).await?)
        }
        None => Ok(token.cancel_query(address.tls.clone()).await?),
    }
}

/// Why there is no connection. The server's words name the role and the database, no value.
pub(super) fn unreachable(error: impl Into<Failure>) -> AdapterError {
    AdapterError::Unreachable {
        source: Some(error.into()),
    }
}
