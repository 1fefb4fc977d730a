//! Connections to a program's socket: made with care, kept alive, in a bounded number.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bridge_adapter::{AdapterError, Body, Until, body};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError};

use crate::cage::SOCKET_NAME;
use crate::limits::{CONNECTION_WAIT, FIELDS_LIMIT, HEAD_LIMIT_BYTES, WAITING_CALLS};

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
    idle: Mutex<Vec<SendRequest<Body>>>,
    places: Arc<Semaphore>,
    queue: Semaphore,
}

/// A connection that carries a call now. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) sender: SendRequest<Body>,
    /// Whether it carried calls before: the program may have closed it meanwhile.
    pub(crate) used: bool,
    home: Arc<Connections>,
    place: OwnedSemaphorePermit,
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

    async fn handshake(&self) -> Result<SendRequest<Body>, Failure> {
        let mut builder = http1::Builder::new();
        builder
            .max_header_size(HEAD_LIMIT_BYTES)
            .max_headers(FIELDS_LIMIT);
        let (sender, connection) = builder
            .handshake(TokioIo::new(self.connect().await?))
            .await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                // Calls that are affected learn it themselves.
                tracing::debug!(%error, "a connection to an adapter ended");
            }
        });
        Ok(sender)
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
            queue: Semaphore::new(places.saturating_add(WAITING_CALLS)),
        }
    }

    /// Takes a connection that is kept, or makes one.
    pub(crate) async fn lease(self: &Arc<Self>, until: &Until) -> Result<Lease, AdapterError> {
        let place = self.place(until).await?;
        while let Some(mut sender) = self.newest() {
            // Ready at once, or closed: its last answer has been read to the end.
            if until.bound(sender.ready()).await?.is_ok() {
                return Ok(self.leased(sender, true, place));
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
        let answered = until.bound(async {
            let mut sender = self.door.handshake().await?;
            let mut request = Request::new(body::empty());
            *request.method_mut() = Method::GET;
            *request.uri_mut() = http::Uri::from_static(path);
            request.headers_mut().insert(header::HOST, HOST);
            let (head, incoming) = sender.send_request(request).await?.into_parts();
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
        let made = until.bound(self.door.handshake()).await?;
        let sender = made.map_err(|source| AdapterError::Unreachable {
            source: Some(source),
        })?;
        Ok(self.leased(sender, false, place))
    }

    fn leased(
        self: &Arc<Self>,
        sender: SendRequest<Body>,
        used: bool,
        place: OwnedSemaphorePermit,
    ) -> Lease {
        let home = Arc::clone(self);
        Lease {
            sender,
            used,
            home,
            place,
        }
    }

    fn newest(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(sender) = idle.pop() {
            if !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }
}

// === impl Lease ===

impl Lease {
    /// Gives the connection back. Only after its answer was read to the end.
    pub(crate) fn give_back(self) {
        let Self {
            sender,
            home,
            place,
            ..
        } = self;
        if !sender.is_closed() {
            let mut idle = home.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(sender);
        }
        drop(place);
    }
}
