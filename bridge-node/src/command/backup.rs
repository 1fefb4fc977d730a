//! `backup` and `restore`: a copy of the journals without any key, and a new epoch behind it.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::{Failure, hint, say};
use crate::epochs::{closed, journal_folder, keep_closed, next_key, number_of};
use crate::settings::Settings;

/// Copies the journals of a node, which may be running, and verifies the copy.
pub(super) fn backup(config: &Path, to: &Path) -> Result<(), Failure> {
    let settings = Settings::load(config).map_err(Failure::Settings)?;
    if to.exists() {
        return Err(Failure::Failed(hint(
            &format!("{} exists", to.display()),
            "give a folder that is not there yet: a backup is never written over another",
        )));
    }
    let failed = |error: io::Error| Failure::failed(&to.display().to_string(), &error);
    let data = &settings.data_folder;
    for (number, folder) in closed(data).map_err(failed)? {
        copy_log(&folder, &to.join("epochs").join(number.to_string())).map_err(failed)?;
    }
    let journal = to.join("journal");
    copy_log(&journal_folder(&settings), &journal).map_err(failed)?;
    let leaves = verified(&journal)?;
    say(format_args!(
        "{}: {leaves} leaves verified",
        journal.display()
    ));
    say("no key is in it: keep evidence.key elsewhere; a journal key is never needed again");
    Ok(())
}

/// Takes over the journals of a backup as closed logs; the next start begins a new epoch.
pub(super) fn restore(config: &Path, from: &Path, epoch: Option<u64>) -> Result<(), Failure> {
    let settings = Settings::load(config).map_err(Failure::Settings)?;
    let data = &settings.data_folder;
    let failed = |error: io::Error| Failure::failed(&data.display().to_string(), &error);
    if journal_folder(&settings).exists() || !closed(data).map_err(failed)?.is_empty() {
        return Err(Failure::Failed(hint(
            &format!("{} has a journal", data.display()),
            "move `journal` and `epochs` of the data folder away first: they may hold what the backup lacks",
        )));
    }
    let journal = from.join("journal");
    let leaves = verified(&journal)?;
    let origin = fs::read_to_string(journal.join("origin")).map_err(failed)?;
    let number = origin.lines().next().and_then(number_of).unwrap_or(1);
    fs::create_dir_all(data).map_err(failed)?;
    for (earlier, folder) in closed(from).map_err(failed)? {
        let target = data.join("epochs").join(earlier.to_string());
        copy_log(&folder, &target).map_err(failed)?;
    }
    // Only whole logs are ever below `epochs`.
    let half = data.join("restoring");
    copy_log(&journal, &half).map_err(failed)?;
    let refused = |error| Failure::failed("the new epoch", &error);
    let next = next_key(&settings, epoch.unwrap_or(0).max(number.saturating_add(1)));
    let next = next.map_err(refused)?;
    keep_closed(data, &half, number).map_err(refused)?;
    say(format_args!(
        "restored {leaves} leaves of epoch {number}; the next start begins epoch {next}"
    ));
    Ok(())
}

fn verified(journal: &Path) -> Result<u64, Failure> {
    let options = bridge_verify::Options::default();
    match bridge_verify::verify(journal, &options, &mut |_progress| {}) {
        Ok(report) => Ok(report.leaves),
        Err(findings) => {
            let mut lines = vec![format!("{}: does not verify", journal.display())];
            lines.extend(findings.iter().map(ToString::to_string));
            Err(Failure::NotGenuine(lines))
        }
    }
}

/// Copies one log as a killed node would leave it: what is copied first rests on what is copied last.
fn copy_log(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to.join("segments"))?;
    for name in ["cosigned", "checkpoint", "origin"] {
        copy(&from.join(name), &to.join(name))?;
    }
    copy_folder(&from.join("tile"), &to.join("tile"))?;
    let mut names = Vec::new();
    for entry in fs::read_dir(from.join("segments"))? {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort();
    for segment in names.iter().filter(|name| name.ends_with(".segment")) {
        let stem = segment.trim_end_matches("segment");
        let sealed = names.contains(&format!("{stem}index"));
        // One that is sealed at this moment is copied as it was before.
        let beside: &[&str] = if sealed {
            &["secrets", "index"]
        } else {
            &["key"]
        };
        for name in beside
            .iter()
            .chain(&["segment"])
            .map(|end| format!("{stem}{end}"))
        {
            let place = Path::new("segments").join(name);
            copy(&from.join(&place), &to.join(&place))?;
        }
    }
    sync(to)
}

/// A file that went away meanwhile was not needed by what stays.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::copy(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_bytes) => fs::File::open(to)?.sync_all(),
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if !entry.file_name().to_string_lossy().ends_with(".half") {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn sync(folder: &Path) -> io::Result<()> {
    for place in [&folder.join("segments"), folder] {
        fs::File::open(place)?.sync_all()?;
    }
    Ok(())
}
