//! What the folder says before any segment is read.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::catalogue::{Catalogue, CatalogueRow};
use crate::disk::{Disk, HALF_WRITTEN, join, read_whole, replace_file};
use crate::error::{Damage, Fault, JournalError, OpenError, ReadError};
use crate::note::{Checkpoint, Verifier};
use crate::segment::{FOLDER, Part, SPARE};
use crate::shared::read_index;

/// The names in the folder of segments, sorted by what they are.
pub(super) struct Names {
    pub(super) segments: Vec<u64>,
    pub(super) indexes: BTreeSet<u64>,
    pub(super) secrets: BTreeSet<u64>,
}

/// Reads the names in the folder of segments.
pub(super) fn list(disk: &dyn Disk) -> Result<Names, OpenError> {
    let names = disk.list(FOLDER).map_err(OpenError::read(FOLDER))?;
    let firsts = |part: Part| names.iter().filter_map(move |name| part.first(name));
    let mut segments: Vec<u64> = firsts(Part::Segment).collect();
    segments.sort_unstable();
    Ok(Names {
        segments,
        indexes: firsts(Part::Index).collect(),
        secrets: firsts(Part::Secrets).collect(),
    })
}

/// Checks that the folder is this log's, or makes it so.
pub(super) fn check_origin(
    disk: &dyn Disk,
    verifier: &Verifier,
    fresh: bool,
) -> Result<(), OpenError> {
    let text = format!("{}\n{}\n", verifier.origin(), verifier.vkey());
    match read_whole(disk, "origin").map_err(OpenError::read("origin"))? {
        Some(found) if found == text.as_bytes() => Ok(()),
        Some(found) => {
            let found = String::from_utf8_lossy(&found);
            let found = found.lines().nth(1).unwrap_or_default().to_owned();
            Err(OpenError::OtherLog {
                found,
                expected: verifier.vkey(),
            })
        }
        None if fresh => {
            // crash here: a log without segments, as a new one is.
            let made = replace_file(disk, "", "origin", text.as_bytes());
            Ok(made.map_err(JournalError::disk("making the journal", "origin"))?)
        }
        None => Err(Damage::new(FOLDER, Fault::NoOrigin).into()),
    }
}

/// Removes what a crash can leave and nothing reads.
pub(super) fn remove_leftovers(disk: &dyn Disk, names: &Names) -> Result<(), OpenError> {
    let doing = "removing what a crash has left";
    let mut gone = vec![SPARE.to_owned()];
    for folder in ["", FOLDER] {
        let half = |name: &String| name.ends_with(HALF_WRITTEN);
        let listed = disk.list(folder).map_err(OpenError::read(folder))?;
        gone.extend(
            listed
                .into_iter()
                .filter(half)
                .map(|name| join(folder, &name)),
        );
    }
    for name in disk.list(FOLDER).map_err(OpenError::read(FOLDER))? {
        let Some(first) = Part::Key.first(&name) else {
            continue;
        };
        if names.indexes.contains(&first) || !names.segments.contains(&first) {
            gone.push(Part::Key.path(first));
        }
    }
    for path in gone {
        // crash here: some are left; the next start removes them.
        disk.remove(&path)
            .map_err(JournalError::disk(doing, &path))?;
    }
    Ok(())
}

/// Says which evidence can't be opened any more: the log goes on without it, and its proofs still hold.
pub(super) fn warn_of_lost_secrets(names: &Names) {
    let lost: Vec<String> = names
        .indexes
        .difference(&names.secrets)
        .map(|first| Part::Secrets.path(*first))
        .collect();
    if !lost.is_empty() {
        tracing::warn!(files = ?lost, "secrets files are lost: the evidence of their segments can't be opened until they are restored");
    }
}

/// Reads the checkpoint that was shown last, or the one that was cosigned last.
pub(super) fn read_checkpoint(
    disk: &dyn Disk,
    file: &str,
    verifier: &Verifier,
) -> Result<Option<(Checkpoint, Bytes)>, OpenError> {
    let note = read_whole(disk, file).map_err(OpenError::read(file))?;
    let Some(note) = note else { return Ok(None) };
    match verifier.open(&note) {
        Ok(checkpoint) => Ok(Some((checkpoint, Bytes::from(note)))),
        Err(fault) => {
            // Both are made anew: the one from the frames, the other by the witnesses. Whoever could spoil it could as
            // well remove it.
            let fault = Damage::new(file, Fault::Note(fault));
            tracing::warn!(%fault, "the file is made anew");
            Ok(None)
        }
    }
}

/// Splits the segments: those whose index is enough, and those that are read whole.
pub(super) fn known_segments(
    disk: &dyn Disk,
    catalogue: &Catalogue,
    verifier: &Verifier,
    names: &Names,
    shown: Option<&(Checkpoint, Bytes)>,
) -> Result<(Vec<CatalogueRow>, Vec<u64>), OpenError> {
    let signed = shown.map_or(0, |(checkpoint, _)| checkpoint.size);
    let mut rows: Vec<CatalogueRow> = Vec::new();
    for first in &names.segments {
        let expected = rows.last().map_or(0, |row| row.first + row.count);
        if *first != expected {
            return Err(Damage::new(Part::Segment.path(*first), Fault::Gap { expected }).into());
        }
        if !names.indexes.contains(first) {
            break;
        }
        let row = match catalogue.read(*first) {
            Some(row) => Some(row),
            None => sound_row(disk, *first, verifier.origin())?,
        };
        // From one that has to be made anew on, segments are read whole.
        let Some(row) = row else { break };
        if row.first + row.count >= signed {
            break;
        }
        catalogue.write(&row);
        rows.push(row);
    }
    // Reading goes on behind the last one, by its index.
    while let Some(last) = rows.last()
        && sound_row(disk, last.first, verifier.origin())? != Some(*last)
    {
        rows.pop();
    }
    let rest = names
        .segments
        .get(rows.len()..)
        .unwrap_or_default()
        .to_vec();
    Ok((rows, rest))
}

/// Reads what an index says; `None` if it isn't whole, so that it has to be made anew.
fn sound_row(disk: &dyn Disk, first: u64, origin: &str) -> Result<Option<CatalogueRow>, ReadError> {
    match read_index(disk, first, origin) {
        Ok((row, _)) => Ok(Some(row)),
        Err(ReadError::Damaged(_)) => Ok(None),
        Err(unreadable) => Err(unreadable),
    }
}
