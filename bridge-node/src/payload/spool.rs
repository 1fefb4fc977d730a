//! A large body, in pieces: the first ones in memory, as far as there is room, the others on disk in a file without a name,
//! each sealed under a key that exists in memory only.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
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

/// A finished large body. Memory and file go when the last reader drops it.
#[derive(Debug)]
pub struct Spooled {
    held: Vec<Bytes>,
    sealed: Option<Sealed>,
    _reserved: Reserved,
}

/// A large body under way. One piece is sealed and written while the next one comes in.
pub(super) struct Writer {
    held: Vec<Bytes>,
    folder: PathBuf,
    /// None while all pieces are in memory, and after an error.
    sealing: Option<JoinHandle<io::Result<Sealed>>>,
    pending: BytesMut,
    /// Of a request.
    sha512: Option<ring::digest::Context>,
    reserved: Reserved,
}

/// The pieces on disk.
#[derive(Debug)]
struct Sealed {
    file: File,
    key: LessSafeKey,
    pieces: u64,
}

/// The next piece: at hand, or being read.
#[derive(Debug)]
enum Reading {
    Held(Bytes),
    Sealed(JoinHandle<io::Result<Bytes>>),
}

/// Sends the pieces of a large body, one read ahead of the one that is sent: a slow receiver holds no thread.
#[derive(Debug)]
pub(super) struct Reader {
    spooled: Arc<Spooled>,
    /// The next piece to be read.
    index: usize,
    unread: u64,
    unsent: u64,
    reading: Option<Reading>,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(folder: PathBuf, reserved: Reserved, of_request: bool) -> Self {
        Self {
            held: Vec::new(),
            folder,
            sealing: None,
            pending: fresh(),
            sha512: of_request.then(|| ring::digest::Context::new(&ring::digest::SHA512)),
            reserved,
        }
    }

    pub(super) async fn write(&mut self, mut data: Bytes) -> Result<(), PayloadError> {
        while !data.is_empty() {
            let room = PIECE - self.pending.len();
            self.pending
                .extend_from_slice(&data.split_to(room.min(data.len())));
            if self.pending.len() == PIECE {
                let piece = std::mem::replace(&mut self.pending, fresh());
                self.keep(piece).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn finish(
        mut self,
    ) -> Result<(Spooled, Option<ring::digest::Digest>), PayloadError> {
        if !self.pending.is_empty() {
            let piece = std::mem::take(&mut self.pending);
            self.keep(piece).await?;
        }
        let sealed = self.written().await?;
        let spooled = Spooled {
            held: self.held,
            sealed,
            _reserved: self.reserved,
        };
        Ok((spooled, self.sha512.map(ring::digest::Context::finish)))
    }

    async fn keep(&mut self, piece: BytesMut) -> Result<(), PayloadError> {
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(&piece);
        }
        if self.sealing.is_none() && self.reserved.hold(piece.len() as u64)? {
            self.held.push(piece.freeze());
            return Ok(());
        }
        self.reserved.grow((piece.len() + TAG) as u64)?;
        let sealed = self.written().await?;
        let folder = self.folder.clone();
        self.sealing = Some(tokio::task::spawn_blocking(move || {
            let sealed = sealed.map_or_else(|| Sealed::create(&folder), Ok)?;
            sealed.append(piece)
        }));
        Ok(())
    }

    /// What is on disk, when the piece before is written.
    async fn written(&mut self) -> Result<Option<Sealed>, PayloadError> {
        let Some(sealing) = self.sealing.take() else {
            return Ok(None);
        };
        let sealed = sealing.await;
        sealed
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map(Some)
            .map_err(PayloadError::Spool)
    }
}

// === impl Sealed ===

impl Sealed {
    fn create(folder: &Path) -> io::Result<Self> {
        let mut key = [0; 32];
        SystemRandom::new()
            .fill(&mut key)
            .map_err(|_unspecified| no_random())?;
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_unspecified| no_random())?;
        Ok(Self {
            file: tempfile::tempfile_in(folder)?,
            key: LessSafeKey::new(key),
            pieces: 0,
        })
    }

    fn append(mut self, mut piece: BytesMut) -> io::Result<Self> {
        self.key
            .seal_in_place_append_tag(nonce(self.pieces), Aad::empty(), &mut piece)
            .map_err(|_unspecified| no_random())?;
        self.file.write_all(&piece)?;
        self.pieces += 1;
        Ok(self)
    }

    fn piece(&self, index: u64, length: usize) -> io::Result<Bytes> {
        let offset = index * (PIECE + TAG) as u64;
        let mut sealed = vec![0; length + TAG];
        self.file.read_exact_at(&mut sealed, offset)?;
        self.key
            .open_in_place(nonce(index), Aad::empty(), &mut sealed)
            .map_err(|_unspecified| io::Error::other("spool file was changed"))?;
        sealed.truncate(length);
        Ok(Bytes::from(sealed))
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

    /// Bytes that are not on disk.
    #[cfg(test)]
    pub(super) fn in_memory(&self) -> usize {
        self.held.iter().map(Bytes::len).sum()
    }

    fn sealed_piece(&self, index: usize, length: usize) -> io::Result<Bytes> {
        let sealed = self.sealed.as_ref().ok_or(io::ErrorKind::UnexpectedEof)?;
        sealed.piece((index - self.held.len()) as u64, length)
    }
}

// === impl Reader ===

impl Reader {
    /// Begins to read the next piece; none is left if all have been.
    fn begin(&mut self) -> Option<Reading> {
        let length = self.unread.min(PIECE as u64);
        if length == 0 {
            return None;
        }
        let index = self.index;
        self.index += 1;
        self.unread -= length;
        if let Some(piece) = self.spooled.held.get(index) {
            return Some(Reading::Held(piece.clone()));
        }
        let spooled = Arc::clone(&self.spooled);
        let read =
            move || spooled.sealed_piece(index, usize::try_from(length).map_err(io::Error::other)?);
        Some(Reading::Sealed(tokio::task::spawn_blocking(read)))
    }
}

impl Body for Reader {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(reading) = self.reading.take().or_else(|| self.begin()) else {
            return Poll::Ready(None);
        };
        let piece = match reading {
            Reading::Held(piece) => Ok(piece),
            Reading::Sealed(mut reading) => {
                let Poll::Ready(read) = Pin::new(&mut reading).poll(cx) else {
                    self.reading = Some(Reading::Sealed(reading));
                    return Poll::Pending;
                };
                read.unwrap_or_else(|error| Err(io::Error::other(error)))
            }
        };
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
