//! The leaves of a journal, read from its segments as `bridge-node/journal/FORMAT.md` describes them.
//!
//! Nothing is checked here but that a commit covers what is taken: `audit verify` does the rest. What cannot be read ends the
//! journal, as it would for a node that lost its tail.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use bridge_core::leaf::{Kind, Leaf};
use ring::digest::{Context, SHA256};
use uuid::Uuid;

use crate::Failure;
use crate::client::Receipt;

/// What of a journal answers are held against.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    /// By index.
    hashes: Vec<Vec<u8>>,
    recorded: HashSet<(Uuid, Kind)>,
}

const HEADER_BYTES: usize = 4096;
const FRAME_HEAD_BYTES: usize = 5;
const LEAF: u8 = 1;
const COMMIT: u8 = 2;
const NOTHING: u8 = 0;

// === impl Leaves ===

impl Leaves {
    /// Reads all segments of a journal folder, which may be absent.
    pub(crate) fn read(journal: &Path) -> Result<Self, Failure> {
        let mut leaves = Self::default();
        let entries = match fs::read_dir(journal.join("segments")) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(leaves),
            entries => entries?,
        };
        let mut segments = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "segment") {
                segments.push(path);
            }
        }
        // Their names are numbers of equal length.
        segments.sort();
        for path in segments {
            let first = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            if first != Some(leaves.hashes.len()) {
                break;
            }
            leaves.take(&fs::read(&path)?);
        }
        Ok(leaves)
    }

    /// Whether the journal has the very leaf that a receipt names.
    pub(crate) fn has(&self, receipt: &Receipt) -> bool {
        let hash = usize::try_from(receipt.index)
            .ok()
            .and_then(|index| self.hashes.get(index));
        hash.is_some_and(|hash| hash.as_slice() == receipt.leaf_hash)
    }

    /// Whether a leaf of this kind speaks of the exchange.
    pub(crate) fn has_kind(&self, request_id: Uuid, kind: Kind) -> bool {
        self.recorded.contains(&(request_id, kind))
    }

    /// Takes the leaves of a segment as far as commits cover them.
    fn take(&mut self, segment: &[u8]) {
        let mut rest = segment.get(HEADER_BYTES..).unwrap_or_default();
        let mut batch = Vec::new();
        while let Some((kind, payload)) = frame(&mut rest) {
            match kind {
                NOTHING => return,
                LEAF => batch.extend(leaf(payload)),
                COMMIT => self.commit(&mut batch),
                _ => {}
            }
        }
    }

    fn commit(&mut self, batch: &mut Vec<&[u8]>) {
        for bytes in batch.drain(..) {
            let mut hash = Context::new(&SHA256);
            hash.update(&[0]);
            hash.update(bytes);
            self.hashes.push(hash.finish().as_ref().to_vec());
            let leaf = Leaf::parse(bytes).ok();
            let known = leaf.and_then(|leaf| Some((leaf.request_id?, leaf.kind)));
            self.recorded.extend(known);
        }
    }
}

/// Takes a frame off the front.
fn frame<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (head, behind) = rest.split_at_checked(FRAME_HEAD_BYTES)?;
    let (kind, length) = head.split_first()?;
    let (payload, behind) = behind.split_at_checked(length_of(length)?)?;
    *rest = behind;
    Some((*kind, payload))
}

/// The leaf at the front of a leaf frame.
fn leaf(payload: &[u8]) -> Option<&[u8]> {
    let (length, behind) = payload.split_at_checked(4)?;
    behind.get(..length_of(length)?)
}

fn length_of(bytes: &[u8]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(bytes.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bridge_core::leaf::{Kind, Leaf, UnixMillis};
    use ring::digest::{SHA256, digest};
    use uuid::Uuid;

    use super::{COMMIT, HEADER_BYTES, LEAF, Leaves};
    use crate::client::Receipt;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        [&[kind], &length[..], payload].concat()
    }

    /// A leaf of an exchange, and its frame.
    fn written(id: u128) -> (Vec<u8>, Vec<u8>) {
        let mut leaf = Leaf::new(Kind::RequestSent, UnixMillis(1));
        leaf.request_id = Some(Uuid::from_u128(id));
        let mut bytes = Vec::new();
        leaf.write(&mut bytes).expect("a short leaf");
        let length = u32::try_from(bytes.len()).expect("short").to_be_bytes();
        let payload = [&length[..], &bytes, &[0; 6]].concat();
        (bytes, frame(LEAF, &payload))
    }

    #[test]
    fn only_what_a_commit_covers_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let (covered, first) = written(1);
        let (open, second) = written(2);
        let header = vec![7; HEADER_BYTES];
        let segment = [header, first, frame(COMMIT, &[0; 112]), second, vec![0; 99]].concat();
        let segments = folder.path().join("segments");
        fs::create_dir(&segments).expect("a folder");
        fs::write(segments.join(format!("{:020}.segment", 0)), segment).expect("written");
        let leaves = Leaves::read(folder.path()).expect("read");
        let receipt = |index, bytes: &[u8]| Receipt {
            origin: String::new(),
            index,
            leaf_hash: digest(&SHA256, &[&[0], bytes].concat())
                .as_ref()
                .try_into()
                .expect("32 bytes"),
        };
        assert!(leaves.has(&receipt(0, &covered)));
        assert!(!leaves.has(&receipt(0, &open)));
        assert!(!leaves.has(&receipt(1, &open)));
        assert!(leaves.has_kind(Uuid::from_u128(1), Kind::RequestSent));
        assert!(!leaves.has_kind(Uuid::from_u128(1), Kind::ResponseReceived));
        assert!(!leaves.has_kind(Uuid::from_u128(2), Kind::RequestSent));
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_leaves() {
        let folder = tempfile::tempdir().expect("a folder");
        let leaves = Leaves::read(folder.path()).expect("read");
        assert!(leaves.hashes.is_empty());
    }
}
