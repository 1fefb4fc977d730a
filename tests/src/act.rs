//! What an upstream does with a connection, byte by byte.

use std::io::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Semaphore, SemaphorePermit as Permit};

/// One step of an answer that need not be one.
#[derive(Debug, Clone)]
pub enum Step {
    /// Writes bytes.
    Say(Vec<u8>),
    /// Writes the same bytes until the other end has had enough.
    Forever(Vec<u8>),
    /// Writes the same bytes, each after a pause, until the other end has had enough.
    Trickle(Vec<u8>),
    /// Waits for a permit.
    Wait(Arc<Semaphore>),
    /// Says nothing more and keeps the connection until the other end closes it.
    Hold,
}

/// Between two trickled bytes: far below every time limit, so that none of them is met by silence.
const PAUSE: Duration = Duration::from_millis(50);

/// Says text.
pub fn say(text: impl Into<Vec<u8>>) -> Step {
    Step::Say(text.into())
}

/// Does all steps, then closes. Whether the other end stays is its own affair.
pub async fn act<S>(stream: &mut S, steps: &[Step])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for step in steps {
        let done = match step {
            Step::Say(bytes) => write(stream, bytes).await,
            Step::Forever(bytes) => loop {
                if write(stream, bytes).await.is_err() {
                    return;
                }
            },
            Step::Trickle(bytes) => loop {
                tokio::time::sleep(PAUSE).await;
                if write(stream, bytes).await.is_err() {
                    return;
                }
            },
            Step::Wait(gate) => gate
                .acquire()
                .await
                .map(Permit::forget)
                .map_err(Error::other),
            Step::Hold => {
                // Ends with the connection; bytes of further requests are read and forgotten.
                while stream.read_u8().await.is_ok() {}
                return;
            }
        };
        if done.is_err() {
            return;
        }
    }
    drop(stream.shutdown().await);
}

/// Reads the head of a message, and no more; `None` if the other end closes before.
pub async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}
