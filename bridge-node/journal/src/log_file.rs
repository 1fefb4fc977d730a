//! What is served under `/log/`: only what the newest checkpoint covers, and of checkpoints the newest cosigned one.
//!
//! Standard: C2SP tlog-tiles.

use bytes::Bytes;

use crate::error::ReadError;
use crate::log_path::LogPath;
use crate::reader::SegmentReader;
use crate::shared::Shared;
use crate::tree::{TILE_WIDTH, hashes_at};

/// Returns the bytes of a path; `None` if it is misspelled or not under the newest checkpoint.
pub(crate) fn log_file(shared: &Shared, path: &str) -> Result<Option<Bytes>, ReadError> {
    let Some(path) = LogPath::parse(path) else {
        return Ok(None);
    };
    let (newest, cosigned) = {
        let state = shared.state();
        (state.checkpoint.clone(), state.cosigned.clone())
    };
    let Some((checkpoint, note)) = newest else {
        return Ok(None);
    };
    // Tiles are there for the newest one, and so for every size before it.
    let note = cosigned.map_or(note, |(_, note)| note);
    let covered = |level: usize, number: u64, width: u16| {
        let end = number
            .checked_mul(TILE_WIDTH)
            .and_then(|at| at.checked_add(u64::from(width)));
        end.is_some_and(|end| end <= hashes_at(checkpoint.size, level))
    };
    match path {
        LogPath::Checkpoint => Ok(Some(note)),
        LogPath::Tile { id, width } if covered(id.level, id.number, width) => {
            Ok(shared.tile(id, usize::from(width))?.map(Bytes::from))
        }
        LogPath::Entries { number, width } if covered(0, number, width) => {
            entries(shared, number * TILE_WIDTH, u64::from(width)).map(Some)
        }
        LogPath::Tile { .. } | LogPath::Entries { .. } => Ok(None),
    }
}

/// Builds an entry bundle: each leaf with its length in two bytes before it.
fn entries(shared: &Shared, from: u64, count: u64) -> Result<Bytes, ReadError> {
    let snapshot = shared.snapshot();
    let mut bundle = Vec::new();
    let mut next = from;
    while next < from + count {
        let Some(mut reader) = SegmentReader::holding(shared, &snapshot, next)? else {
            break;
        };
        let end = (from + count).min(reader.first + reader.count);
        for index in next..end {
            let (leaf, _) = reader.leaf_bytes(index - reader.first)?;
            // A leaf is never longer than two bytes can say.
            let length = u16::try_from(leaf.len()).unwrap_or(u16::MAX);
            bundle.extend_from_slice(&length.to_be_bytes());
            bundle.extend_from_slice(&leaf);
        }
        next = end;
    }
    Ok(Bytes::from(bundle))
}
