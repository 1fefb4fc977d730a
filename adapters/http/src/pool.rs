//! Connections kept alive, for a bounded time and in a bounded number.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bridge_adapter::connection::Connection;
use bridge_adapter::{AdapterError, Until};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::config::{HttpConfig, PoolConfig};
use crate::connect::Connector;

/// The connections to one registry.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) connector: Connector,
    config: PoolConfig,
    connect_timeout: std::time::Duration,
    /// Those given back last stand last.
    idle: Mutex<VecDeque<Idle>>,
    permits: Arc<Semaphore>,
}

/// A connection that carries a call now. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) connection: Connection,
    /// Whether it carried calls before: it may have been closed by the registry meanwhile.
    pub(crate) used: bool,
    born: Instant,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    born: Instant,
    since: Instant,
}

impl Pool {
    pub(crate) fn new(connector: Connector, config: &HttpConfig) -> Self {
        Self {
            connector,
            config: config.pool.clone(),
            connect_timeout: config.connect_timeout,
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(
                config.pool.connections.clamp(1, Semaphore::MAX_PERMITS),
            )),
        }
    }

    /// Takes a connection that is kept, or makes one.
    pub(crate) async fn lease(self: &Arc<Self>, until: &Until) -> Result<Lease, AdapterError> {
        let permit = self.permit(until).await?;
        while let Some(mut idle) = self.newest() {
            // Else the registry has not taken all of its last request, and this one would wait behind it.
            if until.bound(idle.connection.is_ready()).await? {
                return Ok(self.leased(idle.connection, (idle.born, true), permit));
            }
        }
        self.made(until, permit).await
    }

    /// Makes a connection that nobody used before.
    pub(crate) async fn fresh(self: &Arc<Self>, until: &Until) -> Result<Lease, AdapterError> {
        let permit = self.permit(until).await?;
        self.made(until, permit).await
    }

    async fn permit(&self, until: &Until) -> Result<OwnedSemaphorePermit, AdapterError> {
        let free =
            tokio::time::timeout(self.config.wait, Arc::clone(&self.permits).acquire_owned());
        match until.bound(free).await? {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(AdapterError::Busy),
        }
    }

    async fn made(
        self: &Arc<Self>,
        until: &Until,
        permit: OwnedSemaphorePermit,
    ) -> Result<Lease, AdapterError> {
        let connecting = tokio::time::timeout(self.connect_timeout, self.connector.connect());
        match until.bound(connecting).await? {
            Ok(Ok(connection)) => Ok(self.leased(connection, (Instant::now(), false), permit)),
            Ok(Err(source)) => Err(AdapterError::Unreachable {
                source: Some(source),
            }),
            Err(elapsed) => Err(AdapterError::Unreachable {
                source: Some(Box::new(elapsed)),
            }),
        }
    }

    fn leased(
        self: &Arc<Self>,
        connection: Connection,
        (born, used): (Instant, bool),
        permit: OwnedSemaphorePermit,
    ) -> Lease {
        Lease {
            connection,
            used,
            born,
            pool: Arc::clone(self),
            _permit: permit,
        }
    }

    /// The connection used last, so that the others can grow old; those too old are closed.
    fn newest(&self) -> Option<Idle> {
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while idle.pop_front_if(|one| !self.fits(one, now)).is_some() {}
        while let Some(one) = idle.pop_back() {
            if self.fits(&one, now) {
                return Some(one);
            }
        }
        None
    }

    fn fits(&self, one: &Idle, now: Instant) -> bool {
        now.duration_since(one.born) < self.config.age
            && now.duration_since(one.since) < self.config.idle
            && !one.connection.is_closed()
    }
}

impl Lease {
    /// Gives the connection back, after its answer was read to the end. One whose request was not sent to its end is closed: the
    /// rest would stand before the next call.
    pub(crate) fn give_back(self) {
        if !self.connection.is_reusable() || self.born.elapsed() >= self.pool.config.age {
            return;
        }
        let idle = Idle {
            connection: self.connection,
            born: self.born,
            since: Instant::now(),
        };
        self.pool
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(idle);
    }
}
