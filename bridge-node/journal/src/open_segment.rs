//! The segment the station writes to.

use std::sync::Arc;

use ring::rand::SystemRandom;

use crate::disk::{BLOCK, SegmentFile, replace_file};
use crate::error::JournalError;
use crate::evidence::Place;
use crate::keys::WrapKey;
use crate::segment::{FOLDER, HEADER_BYTES, Header, Part, SPARE};
use crate::shared::{Held, Shared};

/// The open segment: its file, its key, and where the next frame goes.
pub(crate) struct OpenSegment {
    pub(crate) first: u64,
    pub(crate) file: Arc<dyn SegmentFile>,
    pub(crate) key: Arc<WrapKey>,
    pub(crate) end: u64,
}

impl OpenSegment {
    /// Makes the spare file the segment that begins with `header`; `frames` are those it has already.
    pub(crate) fn begin(
        shared: &Shared,
        spare: Arc<dyn SegmentFile>,
        header: &Header,
        frames: &[u8],
    ) -> Result<Self, JournalError> {
        const DOING: &str = "beginning a segment";
        let first = header.first;
        let (key_path, path) = (Part::Key.path(first), Part::Segment.path(first));
        let sealing = |source| JournalError::Seal {
            doing: DOING,
            source,
        };
        let random = SystemRandom::new();
        let place = Place {
            origin: shared.verifier.origin(),
            index: first,
        };
        let key = WrapKey::draw(&random).map_err(sealing)?;
        let file = shared
            .evidence
            .segment_key_file(&key, place, &random)
            .map_err(sealing)?;
        // crash here: a key without a segment; the next start removes it. Or beside a segment without
        // leaves, whose key nothing needs.
        replace_file(&*shared.disk, FOLDER, &Part::Key.name(first), &file)
            .map_err(JournalError::disk(DOING, &key_path))?;
        put_in_place(shared, &*spare, header, frames)?;
        let end = (HEADER_BYTES + frames.len()) as u64;
        let segment = Self {
            first,
            file: spare,
            key: Arc::new(key),
            end,
        };
        tracing::debug!(segment = path, "a segment begins");
        Ok(segment)
    }

    /// Returns the path, for messages.
    pub(crate) fn path(&self) -> String {
        Part::Segment.path(self.first)
    }

    /// Returns how many bytes follow in the same block after so many more.
    pub(crate) fn rest_of_block(&self, bytes: u64, segment_bytes: u64) -> usize {
        let end = self.end + bytes;
        let block = end.next_multiple_of(BLOCK as u64).min(segment_bytes);
        usize::try_from(block.saturating_sub(end)).unwrap_or(0)
    }

    /// Returns how readers see it while it has no leaves.
    pub(crate) fn held(&self) -> Held {
        Held::new(self.first, self.file.clone(), self.key.clone())
    }
}

/// Writes header and frames into the spare file and gives it the segment's name.
pub(crate) fn put_in_place(
    shared: &Shared,
    spare: &dyn SegmentFile,
    header: &Header,
    frames: &[u8],
) -> Result<(), JournalError> {
    let path = Part::Segment.path(header.first);
    let failed = |source| JournalError::disk("beginning a segment", &path)(source);
    let mut bytes = header.write().map_err(failed)?;
    bytes.extend_from_slice(frames);
    // crash here: a spare with a header; the next start removes it.
    spare.write_at(&bytes, 0).map_err(failed)?;
    spare.sync().map_err(failed)?;
    // crash here: the same, durable.
    shared.disk.rename(SPARE, &path).map_err(failed)?;
    // crash here: a segment without leaves, or still a spare; either way the next start begins it anew.
    shared.disk.sync_folder(FOLDER).map_err(failed)
}
