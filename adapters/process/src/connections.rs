//! Connections to a program's socket: made with care, kept alive, in a bounded number.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bridge_adapter::connection::{Connection, Outgoing};
use bridge_adapter::{AdapterError, Until, body};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError, watch};

use crate::cage::SOCKET_NAME;
use crate::limits::{CONNECTION_WAIT, WAITING_CALLS};

/// The Host field of requests; nobody looks it up.
pub(crate) const HOST: HeaderValue = HeaderValue::from_static("adapter");

/// Why there is no connection.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The way to a program's socket.
#[derive(Debug)]
pub(crate) struct Door {
    /// The private folder, held open: whatever happens to its path.
    folder: OwnedFd,
    /// Who must have begun to listen.
    user: u32,
}

/// The connections to one run of a program.
#[derive(Debug)]
pub(crate) struct Connections {
    door: Door,
    /// Those given back last stand last.
    idle: Mutex<Vec<Connection>>,
    places: Arc<Semaphore>,
    queue: Semaphore,
    open: watch::Sender<Open>,
}

/// What a program is asked now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Open {
    /// Calls under way.
    pub(crate) calls: usize,
    /// All calls that ever began.
    pub(crate) asked: u64,
    /// Questions of the node's own under way.
    looks: usize,
    /// Whether it gets next to no processor time while it is not asked.
    slowed: bool,
}

/// A call under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Call(watch::Sender<Open>);

/// A question of the node's own under way, until it is dropped.
#[derive(Debug)]
struct Look<'a>(&'a watch::Sender<Open>);

/// A connection that carries a call now. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) connection: Connection,
    /// Whether it carried calls before: the program may have closed it meanwhile.
    pub(crate) used: bool,
    home: Arc<Connections>,
    place: OwnedSemaphorePermit,
    _call: Call,
}

// === impl Door ===

impl Door {
    /// Opens the private folder of a program that runs as `user`.
    pub(crate) fn open(folder: &Path, user: u32) -> std::io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(folder, flags, Mode::empty())?;
        Ok(Self { folder, user })
    }

    /// Connects to the socket, and to nothing else that the program might put in its place: a link would lead the node, with
    /// its own rights, to a socket of somebody else.
    async fn connect(&self) -> Result<UnixStream, Failure> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let beneath =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let socket = openat2(
            self.folder.as_fd(),
            SOCKET_NAME,
            flags,
            Mode::empty(),
            beneath,
        )?;
        if FileType::from_raw_mode(fstat(&socket)?.st_mode) != FileType::Socket {
            return Err("the adapter's socket is no socket".into());
        }
        // The very file that was judged.
        let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
        let stream = UnixStream::connect(path).await?;
        if stream.peer_cred()?.uid() != self.user {
            return Err("somebody else listens on the adapter's socket".into());
        }
        Ok(stream)
    }

    async fn made(&self) -> Result<Connection, Failure> {
        Ok(Connection::over(self.connect().await?).await?)
    }
}

// === impl Connections ===

impl Connections {
    pub(crate) fn new(door: Door, connections: usize) -> Self {
        let places = connections.clamp(1, Semaphore::MAX_PERMITS / 2);
        Self {
            door,
            idle: Mutex::default(),
            places: Arc::new(Semaphore::new(places)),
            queue: Semaphore::new(WAITING_CALLS),
            open: watch::Sender::default(),
        }
    }

    /// What the program is asked, for whoever watches it.
    pub(crate) fn open(&self) -> watch::Receiver<Open> {
        self.open.subscribe()
    }

    /// Counts a call as under way until it is dropped.
    pub(crate) fn call(&self) -> Call {
        self.open.send_modify(|open| {
            open.calls += 1;
            open.asked = open.asked.wrapping_add(1);
        });
        Call(self.open.clone())
    }

    /// From now on the program gets next to no processor time while it is not asked, or all again.
    pub(crate) fn set_slowed(&self, slowed: bool) {
        self.open.send_modify(|open| open.slowed = slowed);
    }

    /// Whether it gets next to no processor time while it is not asked.
    pub(crate) fn is_slowed(&self) -> bool {
        self.open.borrow().slowed
    }

    /// Waits while the program is slowed, and nobody asks it or has asked it since `asked`: an answer to the node would need
    /// time that it is not to have. Returns how often it was asked by then.
    pub(crate) async fn worth_a_look(&self, asked: u64) -> u64 {
        let mut open = self.open.subscribe();
        let worth = open.wait_for(|open| !open.slowed || open.calls > 0 || open.asked != asked);
        worth.await.map_or(asked, |open| open.asked)
    }

    /// Takes a connection that is kept, or makes one.
    pub(crate) async fn lease(self: &Arc<Self>, until: &Until) -> Result<Lease, AdapterError> {
        let place = self.place(until).await?;
        while let Some(mut connection) = self.newest() {
            // Else the program has not taken all of its last request, and this one would wait behind it.
            if until.bound(connection.is_ready()).await? {
                return Ok(self.leased(connection, true, place));
            }
        }
        self.made(until, place).await
    }

    /// Makes a connection that nobody used before.
    pub(crate) async fn fresh(self: &Arc<Self>, until: &Until) -> Result<Lease, AdapterError> {
        let place = self.place(until).await?;
        self.made(until, place).await
    }

    /// Asks the program for itself, beside the calls.
    pub(crate) async fn ask(
        &self,
        path: &'static str,
        limit_bytes: usize,
        until: &Until,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let _look = Look::begin(&self.open);
        let answered = until.bound(async {
            let mut connection = self.door.made().await?;
            let mut request = Request::new(body::empty());
            *request.method_mut() = Method::GET;
            *request.uri_mut() = http::Uri::from_static(path);
            request.headers_mut().insert(header::HOST, HOST);
            // It has the whole time that there is.
            let answer = connection.send(Outgoing::new(request), Duration::MAX, until);
            let (head, incoming) = answer.await.map_err(AdapterError::from)?.into_parts();
            let read = Limited::new(incoming, limit_bytes).collect().await?;
            Ok::<_, Failure>((head.status, read.to_bytes()))
        });
        answered.await?
    }

    async fn place(&self, until: &Until) -> Result<OwnedSemaphorePermit, AdapterError> {
        let _queued: SemaphorePermit<'_> = match self.queue.try_acquire() {
            Ok(queued) => queued,
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => {
                return Err(AdapterError::Busy);
            }
        };
        let free = Arc::clone(&self.places).acquire_owned();
        match until
            .bound(tokio::time::timeout(CONNECTION_WAIT, free))
            .await?
        {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(AdapterError::Busy),
        }
    }

    async fn made(
        self: &Arc<Self>,
        until: &Until,
        place: OwnedSemaphorePermit,
    ) -> Result<Lease, AdapterError> {
        let made = until.bound(self.door.made()).await?;
        let connection = made.map_err(|source| AdapterError::Unreachable {
            source: Some(source),
        })?;
        Ok(self.leased(connection, false, place))
    }

    fn leased(
        self: &Arc<Self>,
        connection: Connection,
        used: bool,
        place: OwnedSemaphorePermit,
    ) -> Lease {
        Lease {
            connection,
            used,
            home: Arc::clone(self),
            place,
            _call: self.call(),
        }
    }

    fn newest(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }
}

// === impl Open ===

impl Open {
    /// Whether it is asked anything at all.
    pub(crate) fn any(&self) -> bool {
        self.calls + self.looks > 0
    }
}

// === impl Call ===

impl Drop for Call {
    fn drop(&mut self) {
        self.0.send_modify(|open| open.calls -= 1);
    }
}

// === impl Look ===

impl<'a> Look<'a> {
    fn begin(open: &'a watch::Sender<Open>) -> Self {
        open.send_modify(|open| open.looks += 1);
        Self(open)
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|open| open.looks -= 1);
    }
}

// === impl Lease ===

impl Lease {
    /// Gives the connection back, after its answer was read to the end. One whose request was not sent to its end is closed.
    pub(crate) fn give_back(self) {
        let Self {
            connection,
            home,
            place,
            ..
        } = self;
        if connection.is_reusable() {
            let mut idle = home.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(connection);
        }
        drop(place);
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_wait_for_a_connection_in_a_bounded_number_and_for_a_bounded_time() {
        let folder = tempfile::tempdir().unwrap();
        let door = Door::open(folder.path(), 0).unwrap();
        let connections = Arc::new(Connections::new(door, 1));
        let until = Until::after(Duration::from_mins(1));
        let held = connections.place(&until).await.unwrap();
        let begun = Instant::now();
        let mut waiting = JoinSet::new();
        for _ in 0..WAITING_CALLS {
            let (connections, until) = (Arc::clone(&connections), until.clone());
            waiting.spawn(async move { connections.place(&until).await });
        }
        while connections.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let more = connections.place(&until).await;
        assert!(matches!(more, Err(AdapterError::Busy)), "{more:?}");
        drop(held);
        let next = waiting.join_next().await.unwrap().unwrap().unwrap();
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let over = waiting.join_all().await;
        assert_eq!(over.len(), WAITING_CALLS - 1);
        let busy = |given: &Result<_, AdapterError>| matches!(given, Err(AdapterError::Busy));
        assert!(over.iter().all(busy));
        let waited = begun.elapsed();
        assert!(waited >= CONNECTION_WAIT && waited < CONNECTION_WAIT * 2);
        drop(next);
        drop(connections.place(&until).await.unwrap());
    }
}
