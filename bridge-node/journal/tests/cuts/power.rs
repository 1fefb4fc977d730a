//! What a disk may hold after a cut of power.
//!
//! All that was synced is there. Of the rest anything may be: of each 512-byte sector any version it had
//! since the last sync, or nothing or an old sector of another file where the file grew; any length
//! between the shortest and the longest; of the changes of a folder a front part, any part, or any part
//! in another order.

use std::collections::BTreeMap;

use crate::chance::Chance;
use crate::recording::{Image, Step, folder_of};

/// What disks write whole or not at all.
const SECTOR: usize = 512;

/// How many cuts did what: a search that never tears anything finds nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Harm {
    pub(crate) lost_names: usize,
    pub(crate) reordered_names: usize,
    pub(crate) torn_files: usize,
    pub(crate) stale_sectors: usize,
}

/// Derives what is left of a disk whose power went after these steps.
pub(crate) fn after_cut(
    durable: &Image,
    steps: &[Step],
    chance: &mut Chance,
    harm: &mut Harm,
) -> Image {
    let mut left = durable.clone();
    let mut names: Vec<&Step> = Vec::new();
    let mut writes: BTreeMap<u64, Vec<&Step>> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Folder { .. }
            | Step::Create { .. }
            | Step::Rename { .. }
            | Step::Remove { .. } => {
                names.push(step);
            }
            Step::Write { file, .. } | Step::Length { file, .. } => {
                writes.entry(*file).or_default().push(step);
            }
            Step::Sync { file } => {
                for write in writes.remove(file).unwrap_or_default() {
                    left.apply(write);
                }
            }
            Step::SyncFolder { path } => names.retain(|step| {
                let inside = concerns(step, path);
                if inside {
                    left.apply(step);
                }
                !inside
            }),
        }
    }
    let others: Vec<Vec<u8>> = left.files.values().cloned().collect();
    for (file, writes) in writes {
        torn(&mut left, file, &writes, &others, (chance, harm));
    }
    keep_names(&mut left, names, chance, harm);
    forget_unreachable(&mut left);
    left
}

/// Whether a step changes what a folder lists.
fn concerns(step: &Step, folder: &str) -> bool {
    match step {
        Step::Folder { path } | Step::Create { path, .. } | Step::Remove { path } => {
            folder_of(path) == folder
        }
        Step::Rename { to, .. } => folder_of(to) == folder,
        Step::Write { .. } | Step::Length { .. } | Step::Sync { .. } | Step::SyncFolder { .. } => {
            false
        }
    }
}

/// Leaves of a file's unsynced changes what the disk happened to write.
fn torn(
    left: &mut Image,
    file: u64,
    writes: &[&Step],
    others: &[Vec<u8>],
    (chance, harm): (&mut Chance, &mut Harm),
) {
    let mut versions = vec![left.files.get(&file).cloned().unwrap_or_default()];
    let mut now = Image::default();
    now.files.insert(file, versions[0].clone());
    for write in writes {
        now.apply(write);
        versions.push(now.files[&file].clone());
    }
    // Often all or nothing, which real disks like best.
    let whole = match chance.below(4) {
        0 => versions.first(),
        1 => versions.last(),
        _ => None,
    };
    if let Some(whole) = whole {
        left.files.insert(file, whole.clone());
        return;
    }
    harm.torn_files += 1;
    let shortest = versions.iter().map(Vec::len).min().unwrap_or(0);
    let longest = versions.iter().map(Vec::len).max().unwrap_or(0);
    let length = match chance.below(3) {
        0 => shortest,
        1 => longest,
        _ => (shortest + chance.below((longest - shortest) / SECTOR + 1) * SECTOR).min(longest),
    };
    let mut content = vec![0; length];
    for at in (0..length).step_by(SECTOR) {
        let end = (at + SECTOR).min(length);
        let version = &versions[chance.below(versions.len())];
        let held = version.get(at..version.len().min(end)).unwrap_or_default();
        content[at..at + held.len()].copy_from_slice(held);
        // Where the file grew, the blocks may still hold what another file had there.
        if held.is_empty() && at >= versions[0].len() && !others.is_empty() && chance.once_in(2) {
            let other = &others[chance.below(others.len())];
            let stale = other.get(at..other.len().min(end)).unwrap_or_default();
            content[at..at + stale.len()].copy_from_slice(stale);
            harm.stale_sectors += 1;
        }
    }
    left.files.insert(file, content);
}

/// Keeps of the unsynced comings, goings and renamings what the disk happened to write.
fn keep_names(left: &mut Image, mut names: Vec<&Step>, chance: &mut Chance, harm: &mut Harm) {
    let before = names.len();
    match chance.below(4) {
        // As a file system with a log does it: in order, up to somewhere.
        0 => names.truncate(chance.below(before + 1)),
        1 => names.retain(|_| chance.once_in(2)),
        // Half the cuts: few of them find two names to put in another order.
        _ => {
            names.retain(|_| !chance.once_in(4));
            let in_order = names.clone();
            chance.shuffle(&mut names);
            let moved = |(one, other): (&&Step, &&Step)| !std::ptr::eq(*one, *other);
            harm.reordered_names += usize::from(names.iter().zip(&in_order).any(moved));
        }
    }
    harm.lost_names += usize::from(names.len() < before);
    for step in names {
        left.apply(step);
    }
}

/// Files without a name, and whatever lies in a folder that isn't there, are gone.
fn forget_unreachable(left: &mut Image) {
    let folders = left.folders.clone();
    let reachable = |path: &str| {
        let mut folder = folder_of(path);
        while !folder.is_empty() {
            if !folders.contains(folder) {
                return false;
            }
            folder = folder_of(folder);
        }
        true
    };
    left.folders.retain(|path| reachable(path));
    left.names.retain(|path, _| reachable(path));
    let named: Vec<u64> = left.names.values().copied().collect();
    left.files.retain(|file, _| named.contains(file));
    for file in named {
        left.files.entry(file).or_default();
    }
}
