//! Sealing: what becomes of a segment that no leaf will follow.
//!
//! Order matters: the index comes last but one, so that a segment with an index has its tiles and its
//! secrets file too; the key goes last. Each step may be done again.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use ring::aead::NONCE_LEN;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::catalogue::CatalogueRow;
use crate::cursor::Cursor;
use crate::disk::{Blocks, SegmentFile, replace_file, write_blocks};
use crate::error::JournalError;
use crate::evidence::{Place, SealError};
use crate::frame::FRAME_HEAD_BYTES;
use crate::index::{Summary, write_index};
use crate::keys::{WRAPPED_BYTES, WrapKey};
use crate::log_path::tile_path;
use crate::rests::Rests;
use crate::rows::Rows;
use crate::segment::{FOLDER, Part};
use crate::shared::{Held, Sealed, Shared};
use crate::tiles::TileId;
use crate::tree::{FULL_TILE, Hash, TILE_WIDTH};

/// A segment whose seal is durable.
pub(crate) struct SealJob {
    pub(crate) held: Held,
    pub(crate) summary: Summary,
    /// Leaves in the tree after the segment.
    pub(crate) size: u64,
    /// Where the frames end.
    pub(crate) end: u64,
}

/// Seals a segment and lets readers use its index from then on.
pub(crate) fn seal(
    shared: &Shared,
    job: &SealJob,
    rests: &mut Rests,
) -> Result<Arc<Sealed>, JournalError> {
    write_tiles(shared, job.size, rests)?;
    write_secrets(shared, &job.held, rests)?;
    let row = write_index_file(shared, &job.summary, &job.held.rows, rests)?;
    let key = Part::Key.path(row.first);
    let sealed = Arc::new(Sealed::new(row));
    {
        let mut state = shared.state();
        state.held.retain(|held| held.first != row.first);
        Arc::make_mut(&mut state.sealed).push(sealed.clone());
        state.tiles.forget(job.size);
    }
    shared.catalogue.write(&row);
    shared.catalogue.write_begins(&row, &job.held.begins);
    // crash here: a key beside an index; the next start removes it.
    shared
        .disk
        .remove(&key)
        .map_err(JournalError::disk("destroying a segment's key", &key))?;
    let path = Part::Segment.path(row.first);
    // crash here: zeros stay behind the seal, and do no harm.
    job.held
        .file
        .shorten(job.end)
        .map_err(JournalError::disk("cutting a sealed segment", &path))?;
    shared
        .disk
        .sync_folder(FOLDER)
        .map_err(JournalError::disk("destroying a segment's key", &key))?;
    Ok(sealed)
}

const TILE_BYTES: usize = FULL_TILE * size_of::<Hash>();
/// So many are open at a time.
const TILES_AT_ONCE: usize = 128;

/// Writes the full tiles that are in memory only.
fn write_tiles(shared: &Shared, size: u64, rests: &mut Rests) -> Result<(), JournalError> {
    const DOING: &str = "writing a tile";
    let tiles: Vec<(TileId, Vec<Hash>)> = {
        let state = shared.state();
        let hashes = |id: TileId| {
            let from = id.number * TILE_WIDTH;
            let hashes = state.tiles.hashes(id.level, from, FULL_TILE);
            Some((id, hashes?.to_vec()))
        };
        let full = state.tiles.full(size);
        full.into_iter().filter_map(hashes).collect()
    };
    let mut folders = BTreeSet::new();
    let mut blocks = Blocks::zeros(TILE_BYTES);
    for some in tiles.chunks(TILES_AT_ONCE) {
        // All are on their way before the first is made durable: the file system then writes its own journal once, and not for
        // each of them, while messages wait for the same disk.
        let mut written = Vec::new();
        for (id, hashes) in some {
            let path = tile_path(*id);
            let failed = |source| JournalError::disk(DOING, &path)(source);
            let (folder, _) = path.rsplit_once('/').unwrap_or(("", &path));
            if folders.insert(folder.to_owned()) {
                shared.disk.create_folder(folder).map_err(failed)?;
            }
            // crash here: a tile in any state, above the last index; the next start writes it again.
            let file = shared.disk.create(&path).map_err(failed)?;
            blocks.bytes().copy_from_slice(hashes.as_flattened());
            write_blocks(&*file, blocks.bytes(), 0).map_err(failed)?;
            written.push((path, file));
            rests.take();
        }
        for (path, file) in written {
            file.sync().map_err(JournalError::disk(DOING, &path))?;
            rests.take();
        }
    }
    for folder in with_parents(folders) {
        shared
            .disk
            .sync_folder(&folder)
            .map_err(JournalError::disk(DOING, &folder))?;
    }
    Ok(())
}

/// Writes the secrets file: the wrapped secrets under a key of their own.
fn write_secrets(shared: &Shared, held: &Held, rests: &mut Rests) -> Result<(), JournalError> {
    const DOING: &str = "writing a secrets file";
    let path = Part::Secrets.path(held.first);
    let sealing = |source| JournalError::Seal {
        doing: DOING,
        source,
    };
    let origin = shared.verifier.origin();
    let random = SystemRandom::new();
    let place = Place {
        origin,
        index: held.first,
    };
    let key = WrapKey::draw(&random).map_err(sealing)?;
    let count = held.rows.len() as u64;
    let front = shared.evidence.secrets_head(&key, place, count, &random);
    let mut file = front.map_err(sealing)?;
    file.reserve(held.rows.len() * WRAPPED_BYTES);
    let mut frames = Window::new(&*held.file);
    let mut nonces = Nonces::default();
    for (index, row) in (held.first..).zip(held.rows.iter()) {
        if index.is_multiple_of(SECRETS) {
            rests.take();
        }
        let wrapped = read_secret(&mut frames, u64::from(row.offset))
            .map_err(JournalError::disk("reading a record's secret", &path))?;
        if wrapped.is_empty() {
            file.extend_from_slice(&[0; WRAPPED_BYTES]);
            continue;
        }
        let place = Place { origin, index };
        let nonce = nonces.next(&random).ok_or(sealing(SealError::Seal))?;
        let again = key.rewrap_secret((wrapped, &held.key), place, nonce);
        file.extend_from_slice(&again.map_err(sealing)?);
    }
    // crash here: no secrets file, or one without an index: the key is still there, and the next start
    // writes another.
    replace_file(
        &*shared.disk,
        FOLDER,
        &Part::Secrets.name(held.first),
        &file,
    )
    .map_err(JournalError::disk(DOING, &path))
}

/// Writes the index, after which the segment counts as sealed.
pub(crate) fn write_index_file(
    shared: &Shared,
    summary: &Summary,
    rows: &Rows,
    rests: &mut Rests,
) -> Result<CatalogueRow, JournalError> {
    let first = summary.first;
    let path = Part::Index.path(first);
    let failed = |source| JournalError::disk("writing an index", &path)(source);
    let bytes = write_index(shared.verifier.origin(), summary, rows, rests);
    let bytes = bytes.map_err(failed)?;
    // crash here: no index; the next start seals the segment again.
    replace_file(&*shared.disk, FOLDER, &Part::Index.name(first), &bytes).map_err(failed)?;
    Ok(CatalogueRow {
        first,
        count: rows.len() as u64,
        from_ms: summary.from_ms,
        to_ms: summary.to_ms,
        digest: digest_of(&bytes),
    })
}

/// Returns the digest an index file ends with.
pub(crate) fn digest_of(index: &[u8]) -> Hash {
    index.last_chunk().copied().unwrap_or_default()
}

/// Reads the wrapped secret of the leaf frame at an offset; empty if it has none.
fn read_secret<'a>(frames: &'a mut Window<'_>, offset: u64) -> io::Result<&'a [u8]> {
    let leaf_at = offset + FRAME_HEAD_BYTES as u64;
    let leaf_length = Cursor::new(frames.read(leaf_at, 4)?).u32();
    let secret_at = leaf_at + 4 + leaf_length.map_or(0, u64::from);
    let length = Cursor::new(frames.read(secret_at, 2)?).u16();
    frames.read(secret_at + 2, usize::from(length.unwrap_or(0)))
}

/// How many secrets are wrapped before a look at the clock.
const SECRETS: u64 = 64;

/// Reads small pieces of a file in ascending order, many of them at a time.
struct Window<'a> {
    file: &'a dyn SegmentFile,
    at: u64,
    bytes: Vec<u8>,
}

const WINDOW_BYTES: usize = 64 * 1024;

impl<'a> Window<'a> {
    fn new(file: &'a dyn SegmentFile) -> Self {
        Self {
            file,
            at: 0,
            bytes: Vec::new(),
        }
    }

    fn read(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let within = |at: u64, held: usize| {
            let from = usize::try_from(offset.checked_sub(at)?).ok()?;
            let to = from.checked_add(length)?;
            (to <= held).then_some(from..to)
        };
        if within(self.at, self.bytes.len()).is_none() {
            self.bytes.resize(WINDOW_BYTES.max(length), 0);
            let read = self.file.read_at(&mut self.bytes, offset)?;
            self.bytes.truncate(read);
            self.at = offset;
        }
        within(self.at, self.bytes.len())
            .and_then(|range| self.bytes.get(range))
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Nonces, many drawn at a time.
#[derive(Default)]
struct Nonces {
    drawn: Vec<[u8; NONCE_LEN]>,
}

const NONCES: usize = 256;

impl Nonces {
    fn next(&mut self, random: &SystemRandom) -> Option<[u8; NONCE_LEN]> {
        if self.drawn.is_empty() {
            self.drawn.resize(NONCES, [0; NONCE_LEN]);
            random.fill(self.drawn.as_flattened_mut()).ok()?;
        }
        self.drawn.pop()
    }
}

/// Adds to folders those above them, and the journal folder itself.
pub(crate) fn with_parents(folders: BTreeSet<String>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for folder in folders {
        let mut rest = folder.as_str();
        while all.insert(rest.to_owned()) && !rest.is_empty() {
            rest = rest.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
    all
}
