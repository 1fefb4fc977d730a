//! A wire between two nodes that counts its connections and can be cut.

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The wire.
#[derive(Debug)]
pub struct Relay {
    /// Where to connect instead.
    pub address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    opened: AtomicUsize,
    closed: AtomicUsize,
    /// Bytes that may still pass from and to who connects.
    left: [AtomicUsize; 2],
}

/// Bytes that pass while the wire is whole.
const UNCUT: usize = usize::MAX;

// === impl Relay ===

impl Relay {
    /// Passes bytes on to an address, both ways.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(Counts {
            opened: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            left: [AtomicUsize::new(UNCUT), AtomicUsize::new(UNCUT)],
        });
        let relay = Self {
            address,
            counts: Arc::clone(&counts),
        };
        tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                counts.opened.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(pass(from, target, Arc::clone(&counts)));
            }
        });
        relay
    }

    /// Lets so many bytes more pass from who connects, then closes once.
    pub fn cut_request(&self, after: usize) {
        self.counts.left[0].store(after, Ordering::SeqCst);
    }

    /// Lets so many bytes more pass to who connects, then closes once.
    pub fn cut_answer(&self, after: usize) {
        self.counts.left[1].store(after, Ordering::SeqCst);
    }

    /// Connections so far.
    pub fn opened(&self) -> usize {
        self.counts.opened.load(Ordering::SeqCst)
    }

    /// Connections that have ended.
    pub fn closed(&self) -> usize {
        self.counts.closed.load(Ordering::SeqCst)
    }
}

async fn pass(from: TcpStream, target: SocketAddr, counts: Arc<Counts>) {
    if let Ok(to) = TcpStream::connect(target).await {
        let (asking, asked) = (from.into_split(), to.into_split());
        let [request, answer] = &counts.left;
        drop(tokio::try_join!(
            pump(asking.0, asked.1, request),
            pump(asked.0, asking.1, answer)
        ));
    }
    counts.closed.fetch_add(1, Ordering::SeqCst);
}

/// Passes one direction on to its end; fails where it is cut, and so ends the other.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    left: &AtomicUsize,
) -> Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let may = left.load(Ordering::SeqCst);
        to.write_all(&buffer[..read.min(may)]).await?;
        if read >= may {
            left.store(UNCUT, Ordering::SeqCst);
            return Err(Error::other("cut"));
        }
        if may != UNCUT {
            left.store(may - read, Ordering::SeqCst);
        }
    }
}
