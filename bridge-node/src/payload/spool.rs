//! A body on disk: in a file without a name, sealed piece by piece under a key that exists in memory only.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::task::JoinHandle;

use super::{PayloadError, Reserved};

/// Plain bytes in one sealed piece: few enough to hold several, enough to make the change of threads cheap.
const PIECE: usize = 256 * 1024;
const TAG: usize = 16;

/// A finished spool file. It goes when the last reader drops it.
#[derive(Debug)]
pub struct Spooled {
    file: File,
    key: LessSafeKey,
    _reserved: Reserved,
}

/// A spool file under way. One piece is sealed and written while the next one comes in.
#[derive(Debug)]
pub(super) struct Writer {
    /// None after an error.
    sealing: Option<JoinHandle<io::Result<Box<Inner>>>>,
    pending: BytesMut,
}

struct Inner {
    file: File,
    key: LessSafeKey,
    pieces: u64,
    /// Of a request.
    sha512: Option<ring::digest::Context>,
    reserved: Reserved,
}

type Reading = JoinHandle<io::Result<Bytes>>;

/// Sends the pieces of a spool file, one read ahead of the one that is sent: a slow receiver holds no thread.
#[derive(Debug)]
pub(super) struct Reader {
    spooled: Arc<Spooled>,
    /// The next piece to be read.
    index: u64,
    unread: u64,
    unsent: u64,
    reading: Option<Reading>,
}

// === impl Writer ===

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inner")
    }
}

impl Writer {
    pub(super) fn create(folder: PathBuf, reserved: Reserved, of_request: bool) -> Self {
        let create = move || {
            let mut key = [0; 32];
            SystemRandom::new()
                .fill(&mut key)
                .map_err(|_unspecified| no_random())?;
            let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_unspecified| no_random())?;
            Ok(Box::new(Inner {
                file: tempfile::tempfile_in(folder)?,
                key: LessSafeKey::new(key),
                pieces: 0,
                sha512: of_request.then(|| ring::digest::Context::new(&ring::digest::SHA512)),
                reserved,
            }))
        };
        Self {
            sealing: Some(tokio::task::spawn_blocking(create)),
            pending: fresh(),
        }
    }

    pub(super) async fn write(&mut self, mut data: Bytes) -> Result<(), PayloadError> {
        while !data.is_empty() {
            let room = PIECE - self.pending.len();
            self.pending
                .extend_from_slice(&data.split_to(room.min(data.len())));
            if self.pending.len() == PIECE {
                let piece = std::mem::replace(&mut self.pending, fresh());
                self.seal(piece).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn finish(
        mut self,
    ) -> Result<(Spooled, Option<ring::digest::Digest>), PayloadError> {
        if !self.pending.is_empty() {
            let piece = std::mem::take(&mut self.pending);
            self.seal(piece).await?;
        }
        let inner = self.ready().await?;
        let spooled = Spooled {
            file: inner.file,
            key: inner.key,
            _reserved: inner.reserved,
        };
        Ok((spooled, inner.sha512.map(ring::digest::Context::finish)))
    }

    async fn seal(&mut self, piece: BytesMut) -> Result<(), PayloadError> {
        let mut inner = self.ready().await?;
        inner.reserved.grow((piece.len() + TAG) as u64)?;
        let sealing = tokio::task::spawn_blocking(move || inner.seal(piece));
        self.sealing = Some(sealing);
        Ok(())
    }

    /// Waits until the piece before is written.
    async fn ready(&mut self) -> Result<Box<Inner>, PayloadError> {
        let sealing = self.sealing.take();
        let sealing = sealing.ok_or_else(|| PayloadError::Spool(no_random()))?;
        let sealed = sealing.await;
        sealed
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(PayloadError::Spool)
    }
}

impl Inner {
    fn seal(mut self: Box<Self>, mut piece: BytesMut) -> io::Result<Box<Self>> {
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(&piece);
        }
        self.key
            .seal_in_place_append_tag(nonce(self.pieces), Aad::empty(), &mut piece)
            .map_err(|_unspecified| no_random())?;
        self.file.write_all(&piece)?;
        self.pieces += 1;
        Ok(self)
    }
}

// === impl Spooled ===

impl Spooled {
    pub(super) fn read(spooled: &Arc<Self>, length: u64) -> Reader {
        Reader {
            spooled: Arc::clone(spooled),
            index: 0,
            unread: length,
            unsent: length,
            reading: None,
        }
    }

    fn piece(&self, index: u64, plain: u64) -> io::Result<Bytes> {
        let offset = index * (PIECE + TAG) as u64;
        let length = usize::try_from(plain).map_err(io::Error::other)?;
        let mut sealed = vec![0; length + TAG];
        self.file.read_exact_at(&mut sealed, offset)?;
        self.key
            .open_in_place(nonce(index), Aad::empty(), &mut sealed)
            .map_err(|_unspecified| io::Error::other("spool file was changed"))?;
        sealed.truncate(length);
        Ok(Bytes::from(sealed))
    }
}

// === impl Reader ===

impl Reader {
    /// Begins to read the next piece; none is left if all have been.
    fn begin(&mut self) -> Option<Reading> {
        let plain = self.unread.min(PIECE as u64);
        let (index, spooled) = (self.index, Arc::clone(&self.spooled));
        self.index += 1;
        self.unread -= plain;
        (plain > 0).then(|| tokio::task::spawn_blocking(move || spooled.piece(index, plain)))
    }
}

impl Body for Reader {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(mut reading) = self.reading.take().or_else(|| self.begin()) else {
            return Poll::Ready(None);
        };
        let Poll::Ready(read) = Pin::new(&mut reading).poll(cx) else {
            self.reading = Some(reading);
            return Poll::Pending;
        };
        let piece = read.unwrap_or_else(|error| Err(io::Error::other(error)));
        if let Ok(piece) = &piece {
            self.unsent -= piece.len() as u64;
            self.reading = self.begin();
        }
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.unsent == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.unsent)
    }
}

/// Room for one piece and its tag.
fn fresh() -> BytesMut {
    BytesMut::with_capacity(PIECE + TAG)
}

fn nonce(index: u64) -> Nonce {
    let mut bytes = [0; 12];
    for (to, from) in bytes.iter_mut().rev().zip(index.to_le_bytes()) {
        *to = from;
    }
    Nonce::assume_unique_for_key(bytes)
}

fn no_random() -> io::Error {
    io::Error::other("cryptographic operation failed")
}
