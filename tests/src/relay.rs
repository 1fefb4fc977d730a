//! A wire between two nodes that counts its connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};

/// The wire.
#[derive(Debug)]
pub struct Relay {
    /// Where to connect instead.
    pub address: SocketAddr,
    opened: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
}

// === impl Relay ===

impl Relay {
    /// Passes bytes on to an address, both ways.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let relay = Self {
            address,
            opened: Arc::default(),
            closed: Arc::default(),
        };
        let (opened, closed) = (Arc::clone(&relay.opened), Arc::clone(&relay.closed));
        tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(pass(from, target, Arc::clone(&closed)));
            }
        });
        relay
    }

    /// Connections so far.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// Connections that have ended.
    pub fn closed(&self) -> usize {
        self.closed.load(Ordering::SeqCst)
    }
}

async fn pass(mut from: TcpStream, target: SocketAddr, closed: Arc<AtomicUsize>) {
    if let Ok(mut to) = TcpStream::connect(target).await {
        drop(tokio::io::copy_bidirectional(&mut from, &mut to).await);
    }
    closed.fetch_add(1, Ordering::SeqCst);
}
