//! Where reading goes on after the segments whose index is enough.

use crate::catalogue::CatalogueRow;
use crate::disk::read_all;
use crate::error::{Damage, Fault, OpenError};
use crate::frame::{Commit, Found, FrameKind, find};
use crate::reader::leaves_at;
use crate::scan::Progress;
use crate::segment::Part;
use crate::shared::{Shared, read_error, read_index};
use crate::tiles::Tiles;
use crate::tree::Tree;
use crate::unfinished::Unfinished;

/// Takes up the state of the tree after a sealed segment from its index and its last commit. The tiles
/// go to what is shared.
///
/// # Errors
///
/// [`OpenError::Damaged`] if the two don't fit each other.
pub(crate) fn resume_after(shared: &Shared, row: &CatalogueRow) -> Result<Progress, OpenError> {
    let path = Part::Index.path(row.first);
    let (found, index) = read_index(&*shared.disk, row.first, shared.verifier.origin())?;
    if found != *row {
        return Err(Damage::new(path, Fault::IndexDigest).into());
    }
    let size = row.first + row.count;
    let commit = last_commit(shared, row)?;
    let tree = Tree::from_edge(size, &index.summary.edge)
        .filter(|tree| (commit.size, commit.root) == (size, tree.root()));
    let Some(tree) = tree else {
        return Err(Damage::new(path, Fault::Index).into());
    };
    {
        // From here on leaves can be read and compared with the tree.
        let mut state = shared.state();
        state.head.size = size;
        state.tiles = Tiles::from_edge(size, index.summary.edge);
    }
    let mut unfinished = Unfinished::default();
    let snapshot = shared.snapshot();
    let begun = &index.summary.unfinished;
    for (index, leaf) in begun.iter().zip(leaves_at(shared, &snapshot, begun)?) {
        unfinished.see(*index, &leaf);
    }
    Ok(Progress {
        tree,
        last_commit: commit.hash(),
        newest_ms: commit.time_ms,
        unfinished,
        ..Progress::default()
    })
}

/// Reads the commit over the seal of a segment.
fn last_commit(shared: &Shared, row: &CatalogueRow) -> Result<Commit, OpenError> {
    let path = Part::Segment.path(row.first);
    let file = shared.disk.open(&path).map_err(OpenError::read(&path))?;
    let file = file.ok_or_else(|| Damage::new(&path, Fault::Missing))?;
    let (index_file, layout) = crate::shared::Sealed::new(*row).open_index(shared)?;
    let newest = row.count.saturating_sub(1);
    let offset = layout.offset(&*index_file, newest);
    let offset = offset.map_err(read_error(&Part::Index.path(row.first), Fault::Index));
    let offset = offset.map_err(OpenError::from)?;
    let bytes = read_all(&*file).map_err(OpenError::read(&path))?;
    let mut at = usize::try_from(offset).unwrap_or(usize::MAX);
    let mut last = None;
    while let Found::Frame { kind, payload, end } = find(&bytes, at) {
        if kind == FrameKind::Commit {
            last = Commit::parse(payload);
        }
        at = end;
    }
    last.ok_or_else(|| Damage::at(path, at, Fault::NotSealed).into())
}
