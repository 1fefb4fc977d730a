//! Bodies: read once, digested while they are read, kept in memory or, above limits, in an encrypted unlinked file.
//!
//! A message is signed before it is sent and verified before a byte of it is released, so a body is always whole here.
//! Memory is bounded by the settings, never by the length of a body.

use std::io;
use std::sync::Arc;

use bridge_signature::BodyDigest;
use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};

mod allowance;
mod room;
mod spool;

pub use allowance::Allowance;
pub use room::{Reserved, Room, RoomLimits};
pub use spool::Spooled;

/// A body as it leaves the node.
pub type Outgoing = UnsyncBoxBody<Bytes, io::Error>;

/// A whole body.
#[derive(Debug, Clone)]
pub struct Payload {
    digest: [u8; 32],
    length: u64,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Memory(Bytes),
    /// With the SHA-512 of a request.
    Spooled(Arc<Spooled>, Option<ring::digest::Digest>),
}

/// How much a body may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Kept in memory up to here, bytes.
    pub memory: usize,
    /// Refused above, bytes.
    pub total: u64,
    /// Bytes in a second: a body that comes faster takes nothing of its exchange's time.
    pub rate: u64,
    /// Whether it is a request's: `X-Road-Request-Hash` has its SHA-512, which costs as much as all else that is done to a large body.
    pub of_request: bool,
}

/// Why a body could not be read whole.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Longer than the limit, bytes.
    #[error("body is longer than {0} bytes")]
    TooLarge(u64),
    /// The other side stopped sending.
    #[error("body ended early")]
    Cut(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The bytes set aside for spooled bodies are in use.
    #[error("no room for another spooled body")]
    NoRoom,
    /// The owner's share of them is.
    #[error("no room for another spooled body of this owner")]
    NoShare,
    /// The disk is down to its reserve.
    #[error("no room on the disk but the reserve")]
    DiskReserve,
    /// The spool file cannot be written.
    #[error("spool file")]
    Spool(#[source] io::Error),
    /// A trailer section follows the body; trailers are not covered by any digest.
    #[error("body has trailers")]
    Trailers,
}

// === impl Payload ===

impl Payload {
    /// A body that is in memory already.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self {
            digest: bridge_signature::content_digest_of(&bytes),
            length: bytes.len() as u64,
            content: Content::Memory(bytes),
        }
    }

    /// Reads a body to its end; `allowance` learns how it comes along.
    ///
    /// # Errors
    ///
    /// [`PayloadError`]; nothing stays on disk.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops what was read.
    pub async fn collect<B>(
        mut body: B,
        bounds: Bounds,
        room: &Room,
        owner: &str,
        allowance: &Allowance,
    ) -> Result<Self, PayloadError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut digest = BodyDigest::new();
        let mut memory = BytesMut::new();
        let mut writer: Option<spool::Writer> = None;
        let mut length: u64 = 0;
        let mut single: Option<Bytes> = None;
        let announced = body.size_hint().lower();
        if announced > bounds.total {
            return Err(PayloadError::TooLarge(bounds.total));
        }
        if announced > bounds.memory as u64 {
            room.fits(owner, announced)?;
        }
        allowance.begin();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| PayloadError::Cut(error.into()))?;
            let Ok(data) = frame.into_data() else {
                return Err(PayloadError::Trailers);
            };
            length = length.saturating_add(data.len() as u64);
            if length > bounds.total {
                return Err(PayloadError::TooLarge(bounds.total));
            }
            allowance.carried(data.len(), bounds.rate);
            digest.update(&data);
            if let Some(writer) = &mut writer {
                writer.write(data).await?;
            } else if length <= bounds.memory as u64
                && memory.is_empty()
                && single.is_none()
                && body.is_end_stream()
            {
                // The common case, a small body in one piece, is not copied.
                single = Some(data);
            } else if length > bounds.memory as u64 {
                let mut fresh = room.writer(owner, bounds.of_request);
                fresh.write(memory.split().freeze()).await?;
                fresh.write(data).await?;
                writer = Some(fresh);
            } else {
                memory.extend_from_slice(&data);
            }
        }
        let content = match (writer, single) {
            (Some(writer), _) => {
                let (spooled, sha512) = writer.finish().await?;
                Content::Spooled(Arc::new(spooled), sha512)
            }
            (None, Some(bytes)) => Content::Memory(bytes),
            (None, None) => Content::Memory(memory.freeze()),
        };
        Ok(Self {
            digest: digest.finish(),
            length,
            content,
        })
    }

    /// SHA-256 of the body.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// SHA-512 of a request's body, none where there is no body: part of `X-Road-Request-Hash`.
    pub fn sha512(&self) -> Option<[u8; 64]> {
        let digest = match &self.content {
            Content::Memory(bytes) if bytes.is_empty() => return None,
            Content::Memory(bytes) => ring::digest::digest(&ring::digest::SHA512, bytes),
            Content::Spooled(_, digest) => (*digest)?,
        };
        digest.as_ref().try_into().ok()
    }

    /// Bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The body's bytes if it is in memory.
    pub fn memory(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Memory(bytes) => Some(bytes),
            Content::Spooled(..) => None,
        }
    }

    /// The body as it is sent on; may be asked for again.
    pub fn outgoing(&self) -> Outgoing {
        match &self.content {
            Content::Memory(bytes) => Full::new(bytes.clone())
                .map_err(|never| match never {})
                .boxed_unsync(),
            Content::Spooled(spooled, _) => Spooled::read(spooled, self.length).boxed_unsync(),
        }
    }

    /// As [`Payload::outgoing`]; `allowance` learns how it comes along, `rate` is the least in bytes a second.
    pub fn outgoing_at(&self, allowance: &Allowance, rate: u64) -> Outgoing {
        allowance::Metered::new(self.outgoing(), allowance.clone(), rate).boxed_unsync()
    }
}

/// An empty body.
pub fn empty() -> Outgoing {
    Full::new(Bytes::new())
        .map_err(|never| match never {})
        .boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_the_same_in_memory_and_spooled() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::new(folder.path().to_owned(), limits(1 << 20, 1 << 20), 0);
        let bytes: Bytes = (0u32..50_000).flat_map(u32::to_le_bytes).collect();
        let collect = async |memory, of_request| {
            let bounds = Bounds {
                memory,
                total: 1 << 20,
                rate: 1,
                of_request,
            };
            let body = Full::new(bytes.clone());
            Payload::collect(body, bounds, &room, "peer", &Allowance::new()).await
        };
        let small = collect(200_000, true).await.unwrap();
        let spooled = collect(199_999, true).await.unwrap();
        assert!(small.memory().is_some() && spooled.memory().is_none());
        assert!(room.used() > 200_000);
        assert_eq!(small.digest(), spooled.digest());
        assert_eq!(small.sha512(), spooled.sha512());
        for _ in 0..2 {
            let sent = spooled.outgoing().collect().await.unwrap();
            assert_eq!(sent.to_bytes(), bytes);
        }
        drop(spooled);
        let answer = collect(199_999, false).await.unwrap();
        assert_eq!(answer.digest(), small.digest());
        assert_eq!(answer.sha512(), None, "nobody asks for an answer's");
        drop(answer);
        assert_eq!(room.used(), 0);
    }

    /// Room on disk alone.
    fn limits(node: u64, owner: u64) -> RoomLimits {
        RoomLimits {
            node,
            owner,
            memory: 0,
        }
    }

    #[tokio::test]
    async fn what_is_in_memory_is_bounded_and_the_rest_of_a_body_is_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let bounds = limits_of_memory(300 * 1024);
        let room = Room::new(folder.path().to_owned(), bounds, u64::MAX);
        // No byte of the disk may be taken: one piece and a part fit into the memory, two pieces do not.
        let first = collect(&room, "one", 262_144, 1 << 20).await.unwrap();
        let refused = collect(&room, "two", 262_144, 1 << 20).await;
        assert!(matches!(refused, Err(PayloadError::DiskReserve)));
        assert_eq!(room.used(), 262_144);
        drop(first);
        collect(&room, "two", 262_144, 1 << 20).await.unwrap();
        assert_eq!(room.used(), 0);

        let room = Room::new(folder.path().to_owned(), bounds, 0);
        let bytes: Bytes = (0u32..500_000).flat_map(u32::to_le_bytes).collect();
        let bounds = Bounds {
            memory: 10,
            total: 1 << 30,
            rate: 1,
            of_request: true,
        };
        let body = Full::new(bytes.clone());
        let allowance = Allowance::new();
        let mixed = Payload::collect(body, bounds, &room, "one", &allowance);
        let mixed = mixed.await.unwrap();
        let Content::Spooled(spooled, _) = &mixed.content else {
            panic!("it is not spooled");
        };
        assert_eq!(spooled.in_memory(), 262_144);
        assert_eq!(mixed.digest(), Payload::from_bytes(bytes.clone()).digest());
        assert_eq!(mixed.sha512(), Payload::from_bytes(bytes.clone()).sha512());
        for _ in 0..2 {
            let sent = mixed.outgoing().collect().await.unwrap();
            assert_eq!(sent.to_bytes(), bytes);
        }
        // A body of a gibibyte would leave nothing to the others.
        let room = Room::new(folder.path().to_owned(), limits_of_memory(1 << 30), 0);
        let long = collect(&room, "one", 11 << 20, 1 << 30).await.unwrap();
        let Content::Spooled(spooled, _) = &long.content else {
            panic!("it is not spooled");
        };
        assert_eq!(spooled.in_memory(), 10 << 20);
    }

    fn limits_of_memory(memory: u64) -> RoomLimits {
        RoomLimits {
            memory,
            ..limits(1 << 30, 1 << 30)
        }
    }

    async fn collect(
        room: &Room,
        owner: &str,
        bytes: usize,
        total: u64,
    ) -> Result<Payload, PayloadError> {
        let bounds = Bounds {
            memory: 10,
            total,
            rate: 1,
            of_request: false,
        };
        let body = Full::new(Bytes::from(vec![7; bytes]));
        Payload::collect(body, bounds, room, owner, &Allowance::new()).await
    }

    #[tokio::test]
    async fn a_body_beyond_a_limit_is_refused_and_beyond_the_room_for_now() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::new(folder.path().to_owned(), limits(250_000, 150_000), 0);
        let limit = collect(&room, "one", 100_000, 99_999).await;
        assert!(matches!(limit, Err(PayloadError::TooLarge(99_999))));
        let alone = collect(&room, "one", 150_001, 200_000).await;
        assert!(matches!(alone, Err(PayloadError::TooLarge(150_000))));
        let first = collect(&room, "one", 100_000, 200_000).await.unwrap();
        let share = collect(&room, "one", 100_000, 200_000).await;
        assert!(matches!(share, Err(PayloadError::NoShare)));
        let other = collect(&room, "other", 100_000, 200_000).await.unwrap();
        let third = collect(&room, "third", 100_000, 200_000).await;
        assert!(matches!(third, Err(PayloadError::NoRoom)));
        drop((first, other));
        assert_eq!(room.used(), 0);
        collect(&room, "third", 100_000, 200_000).await.unwrap();
    }

    #[tokio::test]
    async fn a_body_that_would_take_the_disks_reserve_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::new(folder.path().to_owned(), limits(1 << 20, 1 << 20), u64::MAX);
        let refused = collect(&room, "one", 100_000, 200_000).await;
        assert!(matches!(refused, Err(PayloadError::DiskReserve)));
        assert_eq!(room.used(), 0);
    }

    #[tokio::test]
    async fn a_body_that_is_given_up_gives_its_room_back() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::new(folder.path().to_owned(), limits(1 << 20, 1 << 20), 0);
        let bounds = Bounds {
            memory: 10,
            total: 1 << 20,
            rate: 1,
            of_request: false,
        };
        let (body, sender) = Stalled::new();
        let allowance = Allowance::new();
        let reading = Payload::collect(body, bounds, &room, "one", &allowance);
        let given_up = async {
            sender.send(Bytes::from(vec![7; 300_000])).await.unwrap();
            while room.used() < 200_000 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = reading => panic!("it has no end"),
            () = given_up => {}
        }
        assert_eq!(room.used(), 0);
    }

    /// A body that waits for its next piece.
    struct Stalled(tokio::sync::mpsc::Receiver<Bytes>);

    impl Stalled {
        fn new() -> (Self, tokio::sync::mpsc::Sender<Bytes>) {
            let (sender, receiver) = tokio::sync::mpsc::channel(1);
            (Self(receiver), sender)
        }
    }

    impl Body for Stalled {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<io::Result<http_body::Frame<Bytes>>>> {
            let polled = self.0.poll_recv(cx);
            polled.map(|data| data.map(|data| Ok(http_body::Frame::data(data))))
        }
    }
}
