//! What lies in a journal folder: names first, then bounded reads of regular files.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use crate::finding::{Finding, Findings};
use crate::tree::full_tiles;

/// What is wrong with a folder or a file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FolderFault {
    /// The file or folder can't be read.
    #[error("it can't be read: {0}")]
    Unreadable(String),
    /// There is something else than a regular file.
    #[error("it is not a regular file, so it is not opened")]
    NotAFile,
    /// The file is larger than any the format has.
    #[error("it is larger than {limit} bytes, the most that this file may have")]
    TooLarge {
        /// The most that is read.
        limit: u64,
    },
    /// The file should be there.
    #[error("it is missing: {0}")]
    Missing(&'static str),
    /// The name is none that the format has here.
    #[error("no file of this name belongs here: it was not made by a node")]
    Stranger,
    /// A file beside the segments belongs to a segment that is not there.
    #[error("its segment is not here: the segment was removed")]
    NoSegment,
    /// The file should have been removed.
    #[error(
        "it should be gone once the segment's secrets file is written: with it, erased records can still be opened"
    )]
    KeyLeft,
    /// The file `origin` does not have its two lines.
    #[error(
        "it is not two lines, origin and verifier key: the log's name and key can't be known from it"
    )]
    OriginForm,
    /// Origin and verifier key do not agree.
    #[error("its first line is not the name in the verifier key: one of the two was altered")]
    OriginName,
    /// The folder is of another log than was asked for.
    #[error(
        "it shows another verifier key than the one given: this is not the log that was asked for, or its key was replaced"
    )]
    OriginKey,
    /// There are more files than are looked at.
    #[error("there are more than {limit} files; the rest was not looked at")]
    TooMany {
        /// The most that is looked at.
        limit: usize,
    },
}

/// The segments of a folder and what lies beside them, by the index of the first leaf.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) segments: BTreeSet<u64>,
    pub(crate) keys: BTreeSet<u64>,
    pub(crate) secrets: BTreeSet<u64>,
    pub(crate) indexes: BTreeSet<u64>,
    /// Sizes whose checkpoints are stamped.
    pub(crate) stamps: BTreeSet<u64>,
    /// Those of them that were stamped again.
    pub(crate) stamped_again: BTreeSet<u64>,
    /// Highest number of a tile file at each level.
    pub(crate) tiles: Vec<Option<u64>>,
}

impl Layout {
    /// Lists the folder; whatever has no place in it is a finding.
    pub(crate) fn read(folder: &Path, findings: &mut Findings) -> Self {
        let mut layout = Self {
            tiles: vec![None; TILE_LEVELS],
            ..Self::default()
        };
        layout.list_segments(folder, findings);
        if folder.join("stamps").is_dir() {
            layout.list_stamps(folder, findings);
        }
        for level in 0..TILE_LEVELS {
            let name = format!("tile/{level}");
            if folder.join(&name).is_dir() {
                layout.list_tiles(folder, &name, level, Some(0), findings);
            }
        }
        layout
    }

    fn list_segments(&mut self, folder: &Path, findings: &mut Findings) {
        for (count, name) in names(folder, "segments", findings).enumerate() {
            let file = format!("segments/{name}");
            if count >= FILES_LIMIT {
                let fault = FolderFault::TooMany { limit: FILES_LIMIT };
                findings.push(Finding::Folder {
                    file: "segments".into(),
                    fault,
                });
                break;
            }
            let set = match name.split_once('.') {
                Some((_, "segment")) => &mut self.segments,
                Some((_, "key")) => &mut self.keys,
                Some((_, "secrets")) => &mut self.secrets,
                Some((_, "index")) => &mut self.indexes,
                _ if is_unfinished(&name) => continue,
                _ => {
                    findings.push(Finding::Folder {
                        file,
                        fault: FolderFault::Stranger,
                    });
                    continue;
                }
            };
            match name.split_once('.').and_then(|(stem, _)| number(stem)) {
                Some(first) => drop(set.insert(first)),
                None => findings.push(Finding::Folder {
                    file,
                    fault: FolderFault::Stranger,
                }),
            }
        }
        let beside = [
            (&self.keys, "key"),
            (&self.secrets, "secrets"),
            (&self.indexes, "index"),
        ];
        for (set, extension) in beside {
            for first in set.difference(&self.segments) {
                // A segment's key is durable before the segment is there.
                if extension == "key" && self.segments.last() < Some(first) {
                    continue;
                }
                let file = beside_name(*first, extension);
                findings.push(Finding::Folder {
                    file,
                    fault: FolderFault::NoSegment,
                });
            }
        }
    }

    /// Lists the time-stamps. A checkpoint without a stamp is what a crash may leave, and counts for nothing.
    fn list_stamps(&mut self, folder: &Path, findings: &mut Findings) {
        for name in names(folder, "stamps", findings).take(FILES_LIMIT) {
            let size = name.split_once('.').and_then(|(stem, _)| number(stem));
            match (size, name.split_once('.')) {
                (Some(size), Some((_, "tsr"))) => drop(self.stamps.insert(size)),
                (Some(size), Some((_, "again"))) => drop(self.stamped_again.insert(size)),
                (Some(_), Some((_, "checkpoint"))) => {}
                _ if is_unfinished(&name) => {}
                _ => findings.push(Finding::Folder {
                    file: format!("stamps/{name}"),
                    fault: FolderFault::Stranger,
                }),
            }
        }
    }

    /// Lists one folder of tiles; `prefix` is the number so far, in thousands.
    fn list_tiles(
        &mut self,
        folder: &Path,
        under: &str,
        level: usize,
        prefix: Option<u64>,
        findings: &mut Findings,
    ) {
        for name in names(folder, under, findings) {
            let file = format!("{under}/{name}");
            let is_folder = name.starts_with('x');
            let digits = name.strip_prefix('x').unwrap_or(&name);
            let canonical = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
            let part = digits.parse::<u64>().ok().filter(|_| canonical);
            let number = part.and_then(|part| prefix?.checked_mul(1000)?.checked_add(part));
            // Six groups hold every number that a tree of 2^53 leaves can have.
            let deep = under.matches('/').count() > 6;
            match number {
                // A link could lead back to where it stands, so that the way would never end.
                Some(number) if is_folder && !deep && is_real_folder(&folder.join(&file)) => {
                    self.list_tiles(folder, &file, level, Some(number), findings);
                }
                Some(number) if !is_folder => {
                    if let Some(highest) = self.tiles.get_mut(level) {
                        *highest = (*highest).max(Some(number));
                    }
                }
                _ if is_unfinished(&name) => {}
                _ => findings.push(Finding::Folder {
                    file,
                    fault: FolderFault::Stranger,
                }),
            }
        }
    }

    /// Reports tile files that a tree of `size` leaves does not have.
    pub(crate) fn check_tiles(&self, size: u64, findings: &mut Findings) {
        for (level, highest) in self.tiles.iter().enumerate() {
            let tiles = full_tiles(size, level);
            if let Some(highest) = highest.filter(|highest| *highest >= tiles) {
                let fault = crate::tile::TileFault::Beyond { tiles };
                findings.push(Finding::Tile {
                    file: crate::tile::path(level, highest),
                    fault,
                });
            }
        }
    }
}

/// Reads a number as file names have it.
fn number(stem: &str) -> Option<u64> {
    let canonical = stem.len() == 20 && stem.bytes().all(|byte| byte.is_ascii_digit());
    canonical.then(|| stem.parse().ok()).flatten()
}

/// Name of a file beside the segments.
pub(crate) fn beside_name(first: u64, extension: &str) -> String {
    format!("segments/{first:020}.{extension}")
}

/// What a node keeps beside its journal while it works, and a crash may leave.
fn is_unfinished(name: &str) -> bool {
    name == "spare" || name.strip_suffix(".half").is_some()
}

fn is_real_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|seen| seen.is_dir())
}

fn names(
    folder: &Path,
    under: &str,
    findings: &mut Findings,
) -> impl Iterator<Item = String> + use<> {
    let entries = match fs::read_dir(folder.join(under)) {
        Ok(entries) => Some(entries),
        Err(error) => {
            let fault = FolderFault::Unreadable(error.to_string());
            findings.push(Finding::Folder {
                file: under.to_owned(),
                fault,
            });
            None
        }
    };
    let entries = entries.into_iter().flatten().map_while(Result::ok);
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

/// Opens a regular file; a pipe or a device would block or never end.
pub(crate) fn open(folder: &Path, name: &str) -> Result<(File, u64), FolderFault> {
    open_at(&folder.join(name))
}

/// As [`open`], of a whole path.
pub(crate) fn open_at(path: &Path) -> Result<(File, u64), FolderFault> {
    let unreadable = |error: io::Error| {
        if error.kind() == io::ErrorKind::NotFound {
            return FolderFault::Missing("a journal folder has it");
        }
        FolderFault::Unreadable(error.to_string())
    };
    let seen = fs::metadata(path).map_err(unreadable)?;
    if !seen.is_file() {
        return Err(FolderFault::NotAFile);
    }
    Ok((File::open(path).map_err(unreadable)?, seen.len()))
}

/// Reads a regular file without keeping it, so that the system has it in memory when it is judged. One larger than `limit`
/// is left alone: it is refused for that, and reading it may take for ever.
pub(crate) fn warm(path: &Path, limit: u64) {
    let is_good = |seen: &fs::Metadata| seen.is_file() && seen.len() <= limit;
    let seen = fs::metadata(path).ok().filter(is_good);
    let file = seen.and_then(|_| File::open(path).ok());
    let mut room = vec![0; WARM_BYTES];
    if let Some(file) = file {
        let mut file = file.take(limit);
        while file.read(&mut room).is_ok_and(|read| read > 0) {}
    }
}

/// Reads a whole file of at most `limit` bytes.
pub(crate) fn read(folder: &Path, name: &str, limit: u64) -> Result<Vec<u8>, FolderFault> {
    let (file, length) = open(folder, name)?;
    if length > limit {
        return Err(FolderFault::TooLarge { limit });
    }
    let mut bytes = Vec::new();
    match file.take(limit.saturating_add(1)).read_to_end(&mut bytes) {
        Ok(read) if u64::try_from(read).is_ok_and(|read| read <= limit) => Ok(bytes),
        Ok(_) => Err(FolderFault::TooLarge { limit }),
        Err(error) => Err(FolderFault::Unreadable(error.to_string())),
    }
}

/// How many levels of tiles a tree of 2^53 leaves has.
pub(crate) const TILE_LEVELS: usize = 7;

/// How much is read at once ahead of the judging.
const WARM_BYTES: usize = 1 << 20;

/// How many names in `segments` are looked at.
const FILES_LIMIT: usize = 4_000_000;
