//! A body on disk: in a file without a name, sealed piece by piece under a key that exists in memory only.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::task::JoinHandle;

use super::{PayloadError, Reserved};

/// Plain bytes in one sealed piece.
const PIECE: usize = 64 * 1024;
const TAG: usize = 16;

/// A finished spool file. It goes when the last reader drops it.
#[derive(Debug)]
pub struct Spooled {
    file: Mutex<File>,
    key: LessSafeKey,
    _reserved: Reserved,
}

/// A spool file under way.
pub(super) struct Writer {
    inner: Option<Inner>,
    pending: BytesMut,
    sha512: ring::digest::Context,
}

#[derive(Debug)]
struct Inner {
    file: File,
    key: LessSafeKey,
    pieces: u64,
    reserved: Reserved,
}

/// Sends the pieces of a spool file, each read when it is asked for: a slow receiver holds no thread.
#[derive(Debug)]
pub(super) struct Reader {
    spooled: Arc<Spooled>,
    index: u64,
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

// === impl Writer ===

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    pub(super) async fn create(folder: PathBuf, reserved: Reserved) -> Result<Self, PayloadError> {
        let inner = blocking(move || {
            let mut key = [0; 32];
            SystemRandom::new()
                .fill(&mut key)
                .map_err(|_unspecified| no_random())?;
            let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_unspecified| no_random())?;
            let file = tempfile::tempfile_in(folder)?;
            Ok(Inner {
                file,
                key: LessSafeKey::new(key),
                pieces: 0,
                reserved,
            })
        })
        .await?;
        Ok(Self {
            inner: Some(inner),
            pending: BytesMut::new(),
            sha512: ring::digest::Context::new(&ring::digest::SHA512),
        })
    }

    pub(super) async fn write(&mut self, data: Bytes) -> Result<(), PayloadError> {
        self.sha512.update(&data);
        self.pending.extend_from_slice(&data);
        while self.pending.len() >= PIECE {
            let piece = self.pending.split_to(PIECE);
            self.seal(piece).await?;
        }
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<(Spooled, ring::digest::Digest), PayloadError> {
        if !self.pending.is_empty() {
            let piece = self.pending.split();
            self.seal(piece).await?;
        }
        let inner = self
            .inner
            .take()
            .ok_or_else(|| PayloadError::Spool(no_random()))?;
        let spooled = Spooled {
            file: Mutex::new(inner.file),
            key: inner.key,
            _reserved: inner.reserved,
        };
        Ok((spooled, self.sha512.finish()))
    }

    async fn seal(&mut self, mut piece: BytesMut) -> Result<(), PayloadError> {
        let mut inner = self
            .inner
            .take()
            .ok_or_else(|| PayloadError::Spool(no_random()))?;
        inner.reserved.grow((piece.len() + TAG) as u64)?;
        let inner = blocking(move || {
            let nonce = nonce(inner.pieces);
            let tag = inner
                .key
                .seal_in_place_separate_tag(nonce, Aad::empty(), &mut piece)
                .map_err(|_unspecified| no_random())?;
            inner.file.write_all(&piece)?;
            inner.file.write_all(tag.as_ref())?;
            inner.pieces += 1;
            Ok(inner)
        })
        .await?;
        self.inner = Some(inner);
        Ok(())
    }
}

// === impl Spooled ===

impl Spooled {
    pub(super) fn read(spooled: &Arc<Self>, length: u64) -> Reader {
        Reader {
            spooled: Arc::clone(spooled),
            index: 0,
            left: length,
            reading: None,
        }
    }

    fn piece(&self, index: u64, plain: u64) -> io::Result<Bytes> {
        let offset = index * (PIECE + TAG) as u64;
        let length = usize::try_from(plain).map_err(io::Error::other)?;
        let mut sealed = vec![0; length + TAG];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(offset))?;
            file.read_exact(&mut sealed)?;
        }
        self.key
            .open_in_place(nonce(index), Aad::empty(), &mut sealed)
            .map_err(|_unspecified| io::Error::other("spool file was changed"))?;
        sealed.truncate(length);
        Ok(Bytes::from(sealed))
    }
}

// === impl Reader ===

impl Body for Reader {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let plain = self.left.min(PIECE as u64);
        let (index, spooled) = (self.index, Arc::clone(&self.spooled));
        let reading = self.reading.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || spooled.piece(index, plain))
        });
        let piece = ready!(Pin::new(reading).poll(cx)).unwrap_or_else(|e| Err(io::Error::other(e)));
        self.reading = None;
        self.index += 1;
        self.left -= plain;
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
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

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, PayloadError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(PayloadError::Spool),
        Err(error) => Err(PayloadError::Spool(io::Error::other(error))),
    }
}
