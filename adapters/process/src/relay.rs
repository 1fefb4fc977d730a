//! The socket that leads to the registry: each connection of the program is one connection that the node makes to the one
//! address that is configured, and bytes pass untouched.
//!
//! A relay and not a connected socket handed in, because a driver opens and closes connections as it needs them and after
//! a registry was away, and because a socket by a path can be used from any language.

use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::RegistryAddress;
use crate::limits::REGISTRY_CONNECT_TIMEOUT;

/// Listens at `path` for a program that runs as `user`, until cancelled.
pub(crate) fn listen(
    path: &Path,
    user: u32,
    (address, connections): (RegistryAddress, usize),
    ended: CancellationToken,
) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    let own = rustix::process::getuid();
    if own.is_root() {
        chown(path, Some(user), Some(user))?;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let allowed = [user, own.as_raw()];
    tokio::spawn(async move {
        tokio::select! {
            () = ended.cancelled() => {}
            () = accept(listener, allowed, (address, connections), &ended) => {}
        }
    });
    Ok(())
}

async fn accept(
    listener: UnixListener,
    allowed: [u32; 2],
    (address, connections): (RegistryAddress, usize),
    ended: &CancellationToken,
) {
    let places = Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS)));
    loop {
        // Further connections wait in the listener's queue, whose length the system bounds.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: not for ever.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let known = stream
            .peer_cred()
            .is_ok_and(|peer| allowed.contains(&peer.uid()));
        if !known {
            continue;
        }
        let (address, ended) = (address.clone(), ended.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                passed = pass(stream, &address) => {
                    if let Err(error) = passed {
                        tracing::debug!(%error, "a connection to a registry ended");
                    }
                }
            }
            drop(place);
        });
    }
}

async fn pass(mut stream: UnixStream, address: &RegistryAddress) -> io::Result<()> {
    match address {
        RegistryAddress::Tcp(address) => {
            let mut registry = in_time(TcpStream::connect(address)).await?;
            registry.set_nodelay(true)?;
            both(&mut stream, &mut registry).await
        }
        RegistryAddress::Unix(path) => {
            let mut registry = in_time(UnixStream::connect(path)).await?;
            both(&mut stream, &mut registry).await
        }
    }
}

async fn in_time<T>(connecting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(REGISTRY_CONNECT_TIMEOUT, connecting)
        .await
        .map_err(io::Error::from)?
}

async fn both(
    one: &mut UnixStream,
    other: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> io::Result<()> {
    copy_bidirectional(one, other).await.map(drop)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    const BOUND: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn each_connection_is_one_to_the_registry_up_to_their_number_and_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.sock");
        let registry = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = RegistryAddress::Tcp(registry.local_addr().unwrap().to_string());
        let own = rustix::process::getuid().as_raw();
        let ended = CancellationToken::new();
        listen(&path, own, (address, 1), ended.clone()).unwrap();

        let mut one = UnixStream::connect(&path).await.unwrap();
        let (mut first, _) = registry.accept().await.unwrap();
        one.write_all(b"who?").await.unwrap();
        let mut heard = [0; 4];
        first.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"who?");
        // A second one waits until the first is over.
        let mut other = UnixStream::connect(&path).await.unwrap();
        let early = timeout(Duration::from_millis(50), registry.accept()).await;
        assert!(early.is_err());
        drop(first);
        assert_eq!(one.read(&mut heard).await.unwrap(), 0);
        drop(one);
        let (second, _) = timeout(BOUND, registry.accept()).await.unwrap().unwrap();
        // The registry goes away: the program sees an end, now and whenever it tries again.
        drop((second, registry));
        assert_eq!(other.read(&mut heard).await.unwrap(), 0);
        drop(other);
        let mut late = UnixStream::connect(&path).await.unwrap();
        let end = timeout(BOUND, late.read(&mut heard)).await.unwrap();
        assert_eq!(end.unwrap(), 0);
        // With the program's run ends the way.
        ended.cancel();
        let gone = async {
            while UnixStream::connect(&path).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        timeout(BOUND, gone).await.unwrap();
    }
}
