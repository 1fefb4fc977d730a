//! Segments as files: their names, their header, and making one.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::disk::{Blocks, SegmentFile, write_blocks};
use crate::rests::Rests;
use crate::tree::Hash;

/// The bytes before the first frame.
pub(crate) const HEADER_BYTES: usize = 4096;

/// The folder of the segments and what belongs to each.
pub(crate) const FOLDER: &str = "segments";

/// A segment made ready in advance, not yet part of the journal.
pub(crate) const SPARE: &str = "segments/spare";

/// The files of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The frames.
    Segment,
    /// The segment key, while the segment is open.
    Key,
    /// The record secrets, once it is sealed.
    Secrets,
    /// The index run, once it is sealed.
    Index,
}

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) origin: String,
    /// Index of the first leaf.
    pub(crate) first: u64,
    /// Hash of the last commit of the segment before; zeros for the first.
    pub(crate) previous_commit: Hash,
    /// Unix milliseconds.
    pub(crate) created: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderText {
    origin: String,
    first: u64,
    previous_commit: String,
    created: u64,
}

const LABEL: &[u8] = b"bridge-segment-v1\n";

/// The zeros that are written at once, and lie on the disk before the next, so that the station's own syncs
/// never wait for more than this.
const ZEROS: usize = 1024 * 1024;

impl Part {
    /// Returns the file's name within [`FOLDER`].
    pub(crate) fn name(self, first: u64) -> String {
        format!("{first:020}.{}", self.extension())
    }

    /// Returns the file's path.
    pub(crate) fn path(self, first: u64) -> String {
        format!("{FOLDER}/{}", self.name(first))
    }

    /// Reads the first leaf's index out of a name; `None` if it isn't such a file's name.
    pub(crate) fn first(self, name: &str) -> Option<u64> {
        let number = name.strip_suffix(self.extension())?.strip_suffix('.')?;
        let first = number.parse().ok()?;
        (self.name(first) == name).then_some(first)
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Key => "key",
            Self::Secrets => "secrets",
            Self::Index => "index",
        }
    }
}

impl Header {
    /// Writes the header, zeros to its end.
    pub(crate) fn write(&self) -> io::Result<Vec<u8>> {
        let text = HeaderText {
            origin: self.origin.clone(),
            first: self.first,
            previous_commit: URL_SAFE_NO_PAD.encode(self.previous_commit),
            created: self.created,
        };
        let mut bytes = LABEL.to_vec();
        bytes.extend(serde_json::to_vec(&text)?);
        bytes.push(b'\n');
        if bytes.len() > HEADER_BYTES {
            return Err(io::Error::other("the segment's header is too long"));
        }
        bytes.resize(HEADER_BYTES, 0);
        Ok(bytes)
    }

    /// Reads the header of a segment; `None` if it isn't as it would be written.
    pub(crate) fn parse(segment: &[u8]) -> Option<Self> {
        let bytes = segment.get(..HEADER_BYTES)?;
        let rest = bytes.strip_prefix(LABEL)?;
        let line = rest.split(|byte| *byte == b'\n').next()?;
        let text: HeaderText = serde_json::from_slice(line).ok()?;
        let previous_commit = URL_SAFE_NO_PAD
            .decode(text.previous_commit)
            .ok()?
            .try_into()
            .ok()?;
        let header = Self {
            origin: text.origin,
            first: text.first,
            previous_commit,
            created: text.created,
        };
        (header.write().ok()? == bytes).then_some(header)
    }
}

/// Fills a new file with zeros and makes them durable: later writes change no file length and move no
/// block, so one `fdatasync` has little to do.
///
/// The zeros go past the system's memory where it lets them: copying them there took a tenth of an exchange.
pub(crate) fn fill_with_zeros(
    file: &dyn SegmentFile,
    length: u64,
    rests: &mut Rests,
) -> io::Result<()> {
    let mut zeros = Blocks::zeros(ZEROS);
    let mut at = 0;
    while at < length {
        let left = usize::try_from(length - at).unwrap_or(ZEROS).min(ZEROS);
        let piece = zeros.bytes().get(..left).unwrap_or_default();
        if !write_blocks(file, piece, at)? {
            // Else one sync in the end would have all of it to write, and others would wait behind that.
            file.sync()?;
        }
        at += left as u64;
        rests.take();
    }
    file.sync()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use proptest::prelude::*;

    use super::{HEADER_BYTES, Header, Part, Rests, fill_with_zeros};
    use crate::disk::{BLOCK, Blocks, Disk as _, FolderDisk, SegmentFile, read_all, write_blocks};

    fn header() -> Header {
        Header {
            origin: "exchange.example/AZ/GOV/1001/node-1/1".to_owned(),
            first: 17,
            previous_commit: [5; 32],
            created: 1_700_000_000_000,
        }
    }

    #[test]
    fn a_file_is_filled_to_its_last_byte_and_written_anywhere_afterwards() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = FolderDisk::new(folder.path()).expect("a disk");
        // Whole blocks go past the system's memory, the rest cannot.
        for length in [3 * BLOCK, 3 * BLOCK + 17, 17] {
            let file = disk.create("spare").expect("a file");
            fill_with_zeros(&*file, length as u64, &mut Rests::none()).expect("filled");
            file.write_at(b"leaf", 5).expect("not at a block");
            let mut expected = vec![0; length];
            expected[5..9].copy_from_slice(b"leaf");
            assert_eq!(read_all(&*file).expect("readable"), expected);
        }
    }

    #[test]
    fn blocks_are_written_past_memory_and_what_follows_goes_anywhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = FolderDisk::new(folder.path()).expect("a disk");
        let file = disk.create("tile").expect("a file");
        for byte in [3, 4] {
            let mut blocks = Blocks::zeros(2 * BLOCK);
            blocks.bytes().fill(byte);
            write_blocks(&*file, blocks.bytes(), 0).expect("written");
            assert_eq!(read_all(&*file).expect("readable"), [byte; 2 * BLOCK]);
        }
        file.write_at(b"leaf", 5).expect("not at a block");
        assert_eq!(
            &read_all(&*file).expect("readable")[3..10],
            b"\x04\x04leaf\x04"
        );
    }

    /// A file that takes the wish to be written past memory, and then refuses each such write.
    #[derive(Default)]
    struct LargerBlocks {
        direct: AtomicBool,
        written: Mutex<Vec<u8>>,
    }

    impl SegmentFile for LargerBlocks {
        fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
            if self.direct.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let mut written = self.written.lock().expect("nobody panics");
            assert_eq!(written.len() as u64, offset);
            written.extend_from_slice(bytes);
            Ok(())
        }
        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn length(&self) -> io::Result<u64> {
            Ok(self.written.lock().expect("nobody panics").len() as u64)
        }
        fn shorten(&self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn sync(&self) -> io::Result<()> {
            Ok(())
        }
        fn past_memory(&self, wanted: bool) -> bool {
            self.direct.store(wanted, Ordering::Relaxed);
            wanted
        }
    }

    #[test]
    fn a_disk_that_refuses_direct_writes_is_written_through_memory() {
        let (tile, spare) = (LargerBlocks::default(), LargerBlocks::default());
        let mut blocks = Blocks::zeros(2 * BLOCK);
        blocks.bytes().fill(3);
        let past = write_blocks(&tile, blocks.bytes(), 0).expect("written");
        assert!(!past);
        assert_eq!(*tile.written.lock().expect("whole"), [3; 2 * BLOCK]);
        fill_with_zeros(&spare, 3 * BLOCK as u64, &mut Rests::none()).expect("filled");
        assert_eq!(spare.length().expect("a length"), 3 * BLOCK as u64);
        for file in [tile, spare] {
            assert!(!file.direct.load(Ordering::Relaxed), "left to itself");
        }
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let bytes = header().write().expect("short enough");
        assert_eq!(bytes.len(), HEADER_BYTES);
        let text = "bridge-segment-v1\n{\"origin\":\"exchange.example/AZ/GOV/1001/node-1/1\",\
            \"first\":17,\"previous_commit\":\"BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU\",\
            \"created\":1700000000000}\n\0";
        assert!(bytes.starts_with(text.as_bytes()));
        assert_eq!(Header::parse(&bytes), Some(header()));
        assert_eq!(Header::parse(&bytes[..HEADER_BYTES - 1]), None);
        let long = Header {
            origin: "a".repeat(HEADER_BYTES),
            ..header()
        };
        assert!(long.write().is_err());
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        assert_eq!(
            Part::Segment.path(17),
            "segments/00000000000000000017.segment"
        );
        assert_eq!(Part::Key.first("00000000000000000017.key"), Some(17));
        for name in [
            "17.key",
            "00000000000000000017.segment",
            "0000000000000000001x.key",
            ".key",
            "key",
        ] {
            assert_eq!(Part::Key.first(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_refused_or_seen(position in 0..HEADER_BYTES, bit in 0_u8..8) {
            let mut bytes = header().write().expect("short enough");
            bytes[position] ^= 1 << bit;
            prop_assert_ne!(Header::parse(&bytes), Some(header()));
        }
    }
}
