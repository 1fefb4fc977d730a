//! Mirrors: a log as strangers read it, checkpoint, tiles and entry bundles, and nothing beside them.
//!
//! Standard: C2SP tlog-tiles.

use crate::LeafFault;
use crate::note::{KeyFault, NoteFault};
use crate::tile::TileFault;

mod check;
mod write;

pub use check::{Fetch, MirrorReport, verify_mirror};
pub use write::{MirrorError, MirrorWriter};

/// One thing that is wrong with a mirror; its text is one sentence for an auditor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MirrorFault {
    /// The verifier key that was given.
    #[error("the given key: {0}")]
    Key(#[from] KeyFault),
    /// The checkpoint.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteFault),
    /// A file can't be had.
    #[error("{path}: {why}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        why: String,
    },
    /// A file is not there.
    #[error("{path}: it is missing, though the checkpoint covers it")]
    Missing {
        /// Which.
        path: String,
    },
    /// An entry bundle is not one.
    #[error("{path}: it is not {entries} entries with two bytes of length before each")]
    Bundle {
        /// Which.
        path: String,
        /// How many it should have.
        entries: usize,
    },
    /// An entry is no leaf of this format.
    #[error("{path}, leaf {index}: {fault}")]
    Leaf {
        /// The bundle.
        path: String,
        /// Its number in the log.
        index: u64,
        /// What is wrong.
        fault: LeafFault,
    },
    /// A tile is not what the entries give.
    #[error("{path}: {fault}")]
    Tile {
        /// Which.
        path: String,
        /// What is wrong.
        fault: TileFault,
    },
    /// The entries do not give the signed root.
    #[error(
        "the signed root of {size} leaves is not the root of the entries: at least one of them is not the one that was signed for"
    )]
    Root {
        /// Leaves under the root.
        size: u64,
    },
    /// There is more that is wrong than is listed.
    #[error("and {left_out} more findings that are not listed")]
    More {
        /// How many were left out.
        left_out: u64,
    },
}

/// Path of a tile or bundle of which only the first `width` entries are there.
pub(crate) fn path(kind: &str, number: u64, width: usize) -> String {
    let mut groups = vec![format!("{:03}", number % 1000)];
    let mut rest = number / 1000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    groups.push(format!("tile/{kind}"));
    groups.reverse();
    let whole = groups.join("/");
    if width == crate::tree::TILE_HASHES {
        whole
    } else {
        format!("{whole}.p/{width}")
    }
}

const CHECKPOINT: &str = "checkpoint";

const ENTRIES: &str = "entries";

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(path("entries", 0, 256), "tile/entries/000");
        assert_eq!(
            path("entries", 1_234_067, 256),
            "tile/entries/x001/x234/067"
        );
        assert_eq!(path("1", 1067, 8), "tile/1/x001/067.p/8");
    }
}
