//! The connections to one database with one role.

#![expect(
    clippy::vec_box,
    reason = "each call takes a connection out of the list and puts it back"
)]

use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_adapter::{AdapterError, Effect, Until};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use tokio_postgres::Config;

use super::address::Address;
use super::link::{self, Link};
use super::session::Lent;
use super::text::Text;
use crate::flow::{self, Reply, Work};
use crate::limits::SqlLimits;
use crate::places::Places;

/// The connections.
#[derive(Debug)]
pub(crate) struct Pool {
    address: Address,
    config: Config,
    texts: Vec<Text>,
    statement_time: Duration,
    answer_bytes: u64,
    idle: Mutex<Vec<Box<Link>>>,
    places: Places,
}

impl Pool {
    /// Makes a pool; the first call opens the first connection.
    pub(crate) fn new(
        address: &Address,
        effect: Effect,
        (texts, limits): (Vec<Text>, &SqlLimits),
    ) -> Self {
        Self {
            address: address.clone(),
            config: link::config(address, effect, limits.statement_time),
            texts,
            statement_time: limits.statement_time,
            answer_bytes: limits.answer_bytes,
            idle: Mutex::default(),
            places: Places::new(limits.connections, limits),
        }
    }

    /// Runs a call on a connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the statement and closes the connection.
    pub(crate) async fn run(&self, work: &Work) -> Result<Reply, AdapterError> {
        let until = &work.until;
        let mut loan = self.lend(until).await?;
        loop {
            let reused = loan.is_there();
            let link = loan.link(until).await?;
            let mut clock = link.clock(until.deadline);
            let mut session = Lent::new(link, (&self.texts, self.statement_time));
            let ended = {
                // Pinned where it stands, or it would be copied together with what it is weighed against.
                let mut running = pin!(flow::run(&mut session, work));
                tokio::select! {
                    biased;
                    // First what is mostly next to happen: then there is nothing more to look at.
                    ended = running.as_mut() => Ok(ended),
                    () = until.cancel.cancelled() => Err(AdapterError::Cancelled),
                    () = clock.as_mut() => Err(AdapterError::TimedOut),
                }
            };
            let (clean, answered) = (session.is_clean(), session.answered);
            match ended {
                // The server went away while the connection was idle, so nothing was asked yet.
                Ok(Err(AdapterError::Cut { .. })) if reused && !answered => loan.close(),
                ended => {
                    if clean {
                        loan.give_back(clock);
                    }
                    return ended?;
                }
            }
        }
    }

    /// Says whether the database answers.
    pub(crate) async fn health(&self, time: Duration) -> Result<(), AdapterError> {
        let until = Until::after(time);
        let mut loan = self.lend(&until).await?;
        loop {
            let reused = loan.is_there();
            let link = loan.link(&until).await?;
            match until.bound(link.client.check_connection()).await? {
                Ok(()) => {
                    let clock = link.clock(until.deadline);
                    loan.give_back(clock);
                    return Ok(());
                }
                Err(_) if reused => loan.close(),
                Err(error) => return Err(link::unreachable(error)),
            }
        }
    }

    async fn lend(&self, until: &Until) -> Result<Loan<'_>, AdapterError> {
        let place = self.places.take(until).await?;
        let mut idle = self.idle();
        // The newest first, so that connections nobody needs grow old together.
        let link = std::iter::from_fn(|| idle.pop()).find(|link| !link.client.is_closed());
        drop(idle);
        Ok(Loan {
            pool: self,
            link,
            place: Some(place),
        })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Box<Link>>> {
        // The list is whole after a panic elsewhere: push and pop do not stop half-way.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, and the connection that is used there. What is not given back is cancelled and closed.
struct Loan<'a> {
    pool: &'a Pool,
    link: Option<Box<Link>>,
    place: Option<OwnedSemaphorePermit>,
}

impl Loan<'_> {
    fn is_there(&self) -> bool {
        self.link.is_some()
    }

    async fn link(&mut self, until: &Until) -> Result<&mut Link, AdapterError> {
        let link = if let Some(link) = self.link.take() {
            link
        } else {
            let pool = &self.pool;
            // Boxed, as all that is done once for a connection: a call's future is moved, and each would carry the room for it.
            let opened = Box::pin(Link::open(&pool.address, &pool.config, pool.answer_bytes));
            Box::new(until.bound(opened).await?.map_err(link::unreachable)?)
        };
        Ok(self.link.insert(link))
    }

    /// Lets go of a connection that has ended, and of those that waited as long.
    fn close(&mut self) {
        self.link = None;
        self.pool.idle().clear();
    }

    fn give_back(mut self, clock: Pin<Box<Sleep>>) {
        if let Some(mut link) = self.link.take() {
            link.clock = Some(clock);
            self.pool.idle().push(link);
        }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if let (Some(link), Some(place)) = (self.link.take(), self.place.take())
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(link.abandon(self.pool.address.clone(), place));
        }
    }
}
