//! The paths under `/log/`, read strictly and written: `checkpoint`, `tile/0/x001/067.p/17`.
//!
//! Standard: C2SP tlog-tiles.

use std::fmt::Write as _;

use crate::tiles::TileId;

/// A path a reader of the log may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogPath {
    /// The newest signed note.
    Checkpoint,
    /// Hashes: a full tile (`width` 256) or the first `width` of one.
    Tile { id: TileId, width: u16 },
    /// The leaves under a tile of level 0, likewise.
    Entries { number: u64, width: u16 },
}

/// The highest level a tile can have.
const LEVEL_LIMIT: usize = 5;

/// A longer path names no tile: 2^64 takes seven groups.
const PATH_LIMIT: usize = 64;

impl LogPath {
    /// Reads a path; `None` if it isn't exactly as it would be written.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        if path == "checkpoint" {
            return Some(Self::Checkpoint);
        }
        if path.len() > PATH_LIMIT {
            return None;
        }
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, decimal(width).filter(|w| (1..=255).contains(w))?),
            None => (rest, 256),
        };
        let number = parse_number(number)?;
        if kind == "entries" {
            return Some(Self::Entries { number, width });
        }
        let level = usize::from(decimal(kind)?);
        (level <= LEVEL_LIMIT).then_some(Self::Tile {
            id: TileId { level, number },
            width,
        })
    }
}

/// Writes the path of the file that holds a full tile.
pub(crate) fn tile_path(id: TileId) -> String {
    let mut path = format!("tile/{}/", id.level);
    write_number(&mut path, id.number);
    path
}

/// Writes a tile's number in groups of three digits, all but the last with an `x` before.
fn write_number(path: &mut String, number: u64) {
    if number >= 1000 {
        write_head(path, number / 1000);
    }
    push_group(path, "", number % 1000);
}

fn write_head(path: &mut String, number: u64) {
    if number >= 1000 {
        write_head(path, number / 1000);
    }
    push_group(path, "x", number % 1000);
    path.push('/');
}

fn push_group(path: &mut String, mark: &str, group: u64) {
    // Writing into a String has no way to fail.
    write!(path, "{mark}{group:03}").unwrap_or_default();
}

/// Reads a tile's number; `None` unless it would be written just so.
fn parse_number(text: &str) -> Option<u64> {
    let mut number = 0_u64;
    for group in text.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        number = number
            .checked_mul(1000)?
            .checked_add(digits.parse().ok()?)?;
    }
    let mut again = String::with_capacity(text.len());
    write_number(&mut again, number);
    (again == text).then_some(number)
}

/// Reads a decimal number without leading zeros.
fn decimal(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let led = text.len() > 1 && text.starts_with('0');
    (plain && !led).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LogPath, TileId, tile_path};

    fn tile(level: usize, number: u64, width: u16) -> LogPath {
        LogPath::Tile {
            id: TileId { level, number },
            width,
        }
    }

    #[test]
    fn the_paths_of_the_specification_are_read() {
        assert_eq!(LogPath::parse("checkpoint"), Some(LogPath::Checkpoint));
        assert_eq!(
            LogPath::parse("tile/0/x001/x234/067"),
            Some(tile(0, 1_234_067, 256))
        );
        assert_eq!(LogPath::parse("tile/3/000.p/255"), Some(tile(3, 0, 255)));
        let entries = LogPath::Entries {
            number: 1067,
            width: 8,
        };
        assert_eq!(LogPath::parse("tile/entries/x001/067.p/8"), Some(entries));
    }

    #[test]
    fn any_other_spelling_is_refused() {
        for path in [
            "",
            "/checkpoint",
            "checkpoint/",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/0/67",
            "tile/0/0067",
            "tile/0/x067",
            "tile/0/067/",
            "tile/00/067",
            "tile/6/067",
            "tile/-1/067",
            "tile/+1/067",
            "tile/0/x000/067",
            "tile/0/001/067",
            "tile/0/x001/x067",
            "tile/0/067.p",
            "tile/0/067.p/",
            "tile/0/067.p/0",
            "tile/0/067.p/01",
            "tile/0/067.p/256",
            "tile/0/067.p/1/",
            "tile/0/067.p/1.p/1",
            "tile/0/../067",
            "tile/entries",
            "tile/Entries/067",
            "tile/0/٠٦٧",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(LogPath::parse(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_written_path_is_read_back(level in 0_usize..6, number: u64) {
            let path = tile_path(TileId { level, number });
            prop_assert_eq!(LogPath::parse(&path), Some(tile(level, number, 256)));
        }

        #[test]
        fn strangers_paths_do_no_harm(path in "\\PC{0,80}|tile/[0-9a-z/x.p]{0,40}") {
            if let Some(LogPath::Tile { id, width: 256 }) = LogPath::parse(&path) {
                prop_assert_eq!(tile_path(id), path);
            }
        }
    }
}
