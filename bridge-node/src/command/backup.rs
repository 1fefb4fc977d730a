//! `backup` and `restore`: a copy of the journals and signed contracts without any key, and a new epoch behind it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use bridge_journal::Past;

use super::{Failure, hint, say};
use crate::clock::Clock;
use crate::contracts::{self, json_files, kept_folder};
use crate::durable::{Rights, make_folder, replace, sync_folder};
use crate::epochs::{closed, epochs_folder, journal_folder, next_key, number_of};
use crate::node::read_trust;
use crate::settings::Settings;

const JOURNAL: &str = "journal";
const SEGMENTS: &str = "segments";
/// A node that seals a segment in each of so many passes writes faster than its disk is copied.
const PASSES: usize = 10;

/// Copies the journals of a node, which may be running, and what was signed while it ran; verifies the copy.
pub(super) fn backup(config: &Path, to: &Path) -> Result<(), Failure> {
    let settings = Settings::load(config).map_err(Failure::Settings)?;
    if to.exists() {
        return Err(Failure::Failed(hint(
            &format!("{} exists", to.display()),
            "give a folder that is not there yet: a backup is never written over another",
        )));
    }
    let copied = copy_all(&settings, to);
    if copied.is_err() {
        // Half a backup is none, and the next run needs the name.
        drop(fs::remove_dir_all(to));
    }
    copied?;
    say("no key is in it: keep evidence.key elsewhere; a journal key is never needed again");
    Ok(())
}

fn copy_all(settings: &Settings, to: &Path) -> Result<(), Failure> {
    let data = &settings.data_folder;
    let closed = closed(data).map_err(at(epochs_folder(data)))?;
    let target = |number: u64| epochs_folder(to).join(number.to_string());
    let past = closed
        .into_iter()
        .map(|(number, folder)| (folder, target(number)));
    let current = (journal_folder(settings), to.join(JOURNAL));
    for (folder, target) in past.chain([current]) {
        copy_log(&folder, &target).map_err(copying(&folder, &target))?;
        let leaves = verified(settings, &target)?;
        say(format_args!(
            "{}: {leaves} leaves verified",
            target.display()
        ));
    }
    // A file that was in force when the journal was copied is in the copy; one that was being taken just then may not be.
    let (kept, contracts) = (kept_folder(data), kept_folder(to));
    copy_contracts(&kept, &contracts).map_err(copying(&kept, &contracts))?;
    let checked = checked(settings, &contracts)?;
    say(format_args!(
        "{}: {checked} contract files checked",
        contracts.display()
    ));
    Ok(())
}

/// Takes over the journals of a backup as closed logs; the next start begins a new epoch.
pub(super) fn restore(config: &Path, from: &Path, epoch: Option<u64>) -> Result<(), Failure> {
    let settings = Settings::load(config).map_err(Failure::Settings)?;
    let data = &settings.data_folder;
    may_restore(&settings)?;
    let path = from.join(JOURNAL).join("origin");
    let origin = fs::read_to_string(&path).map_err(|error| {
        let what = format!("{}: {error}", path.display());
        Failure::Failed(hint(&what, "give a folder that `bridge-node backup` made"))
    })?;
    let number = origin.lines().next().and_then(number_of).unwrap_or(1);
    let mut logs = closed(from).map_err(at(epochs_folder(from)))?;
    logs.push((number, from.join(JOURNAL)));
    make_folder(data).map_err(at(data))?;
    // Nothing of it is in its place before all of it is whole; what an earlier run has left is of no use.
    let whole = data.join("restoring");
    absent_is_done(fs::remove_dir_all(&whole)).map_err(at(&whole))?;
    let mut leaves = 0;
    for (number, log) in logs {
        let target = whole.join(number.to_string());
        copy_log(&log, &target).map_err(copying(&log, &target))?;
        leaves = verified(&settings, &target)?;
    }
    let next = next_key(
        &settings,
        epoch.unwrap_or(0).max(number.saturating_add(1)),
        &whole,
    );
    let next = next.map_err(|error| Failure::failed("the new epoch", &error))?;
    let (kept, target) = (kept_folder(from), kept_folder(data));
    let contracts = checked(&settings, &kept)?;
    copy_contracts(&kept, &target).map_err(copying(&kept, &target))?;
    // crash here: a key that nothing uses, contracts that the next run finds, and a folder that it removes.
    fs::rename(&whole, epochs_folder(data)).map_err(at(epochs_folder(data)))?;
    sync_folder(data).map_err(at(data))?;
    say(format_args!(
        "restored {leaves} leaves of epoch {number} and {contracts} contract files; the next start begins epoch {next}"
    ));
    Ok(())
}

/// A failure of the system at a place.
fn at(place: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Failure {
    let place = place.as_ref().display().to_string();
    move |error| Failure::failed(&place, &error)
}

/// A failure of which the system does not say at which end it is.
fn copying(from: &Path, to: &Path) -> impl FnOnce(io::Error) -> Failure {
    let copy = format!("copying {} to {}", from.display(), to.display());
    move |error| Failure::failed(&copy, &error)
}

fn may_restore(settings: &Settings) -> Result<(), Failure> {
    let data = &settings.data_folder;
    if journal_folder(settings).exists() || epochs_folder(data).exists() {
        return Err(Failure::Failed(hint(
            &format!("{} has a journal", data.display()),
            "move `journal` and `epochs` of the data folder away first: they may hold what the backup lacks",
        )));
    }
    let key = settings.keys.path("witness.key");
    if key.exists() && !data.join("witness").exists() {
        return Err(Failure::Failed(hint(
            &format!(
                "{}: what this witness has cosigned is lost, so it would cosign a fork",
                key.display()
            ),
            "move it away and restore again; then make a new witness key with `bridge-node key witness` and have the directory list it",
        )));
    }
    Ok(())
}

/// Judges a copied log: the files by the verifier, and with the evidence key, where it is, as a node would open it.
fn verified(settings: &Settings, journal: &Path) -> Result<u64, Failure> {
    let place = journal.display().to_string();
    let options = bridge_verify::Options::default();
    let report =
        bridge_verify::verify(journal, &options, &mut |_progress| {}).map_err(|findings| {
            let mut lines = vec![format!("{place}: does not verify")];
            lines.extend(findings.iter().map(ToString::to_string));
            Failure::NotGenuine(lines)
        })?;
    if settings.keys.path("evidence.key").exists() {
        let evidence = settings.keys.secret("evidence.key");
        let evidence = evidence.map_err(|error| Failure::failed(&place, &error))?;
        Past::open(journal, evidence).map_err(|error| Failure::failed(&place, &error))?;
    }
    Ok(report.leaves)
}

/// Copies one log as a killed node would leave it: what is copied first rests on what is copied last.
fn copy_log(from: &Path, to: &Path) -> io::Result<()> {
    copy_beside(from, to, &mut |_next| {})
}

/// As [`copy_log`], beside something that works on the log before each of these: `cosigned`, `checkpoint`, `segments`.
fn copy_beside(from: &Path, to: &Path, works: &mut dyn FnMut(&str)) -> io::Result<()> {
    make_folder(&to.join(SEGMENTS))?;
    copy(&from.join("origin"), &to.join("origin"))?;
    copy_stamps(&from.join("stamps"), &to.join("stamps"))?;
    for _pass in 0..PASSES {
        let before = segments(from)?;
        for name in ["cosigned", "checkpoint"] {
            works(name);
            copy(&from.join(name), &to.join(name))?;
        }
        works(SEGMENTS);
        let names = segments(from)?;
        if names.len() != before.len() {
            // What was copied may be older than a checkpoint of a segment that another follows now, and look put back.
            continue;
        }
        // Every tile below a segment that is sealed by now is there.
        copy_folder(&from.join("tile"), &to.join("tile"))?;
        if copy_segments(from, to, &names)? {
            sync_folder(&to.join(SEGMENTS))?;
            return sync_folder(to);
        }
    }
    let why =
        "the key of an open segment is missing, or segments are sealed faster than they are copied";
    Err(io::Error::new(ErrorKind::ResourceBusy, why))
}

/// Copies signed contract files. Where another one of the name is, it stays, and the copy lies beside it: files of one
/// version count together, so that no withdrawal is written over.
fn copy_contracts(from: &Path, to: &Path) -> io::Result<()> {
    for file in contract_files(from)? {
        make_folder(to)?;
        let stem = file.file_stem().and_then(OsStr::to_str).ok_or_else(|| {
            let why = format!("{}: its name is not UTF-8", file.display());
            io::Error::new(ErrorKind::InvalidInput, why)
        })?;
        let bytes = fs::read(&file)?;
        let beside = (2..).map(|number| format!("{stem}.restored-{number}.json"));
        let names = [format!("{stem}.json"), format!("{stem}.restored.json")];
        for name in names.into_iter().chain(beside) {
            match fs::read(to.join(&name)) {
                Ok(held) if held == bytes => break,
                Ok(_other) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    replace(&to.join(&name), &bytes, Rights::Usual)?;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// The contract files of a folder; none if it is absent.
fn contract_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match json_files(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        files => files,
    }
}

/// Reads copied contract files as a start would, seals included; returns how many there are.
fn checked(settings: &Settings, folder: &Path) -> Result<usize, Failure> {
    let files = contract_files(folder).map_err(at(folder))?;
    if files.is_empty() {
        return Ok(0);
    }
    let trust = read_trust(settings).map_err(Failure::Failed)?;
    let now_s = Clock::default().now_s();
    let mut faults = Vec::new();
    for file in &files {
        contracts::read(file, (&trust, now_s), &mut faults);
    }
    if faults.is_empty() {
        Ok(files.len())
    } else {
        Err(Failure::Settings(faults))
    }
}

/// Copies whole stamps: what an authority answered is written after the checkpoint that it is about.
fn copy_stamps(from: &Path, to: &Path) -> io::Result<()> {
    let names = names(from)?;
    let sizes = names.iter().filter_map(|name| name.strip_suffix(".tsr"));
    for size in sizes {
        make_folder(to)?;
        for end in ["checkpoint", "tsr", "again"] {
            let name = format!("{size}.{end}");
            copy(&from.join(&name), &to.join(&name))?;
        }
        sync_folder(to)?;
    }
    Ok(())
}

/// The names in a folder in order; none if it is absent.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// A segment by its name without ending, and whether it is sealed.
type Listed = (String, bool);

fn segments(from: &Path) -> io::Result<Vec<Listed>> {
    let names = names(&from.join(SEGMENTS))?;
    let stems = names
        .iter()
        .filter_map(|name| name.strip_suffix(".segment"));
    let listed = |stem: &str| (stem.to_owned(), names.contains(&format!("{stem}.index")));
    Ok(stems.map(listed).collect())
}

/// Copies the segments that are not yet copied as sealed. False if one was sealed since they were listed: its tiles may
/// be missing, and it has to be copied as what it is now.
fn copy_segments(from: &Path, to: &Path, listed: &[Listed]) -> io::Result<bool> {
    for (stem, sealed) in listed {
        let place = |end: &str| Path::new(SEGMENTS).join(format!("{stem}.{end}"));
        let copy = |end: &str| copy(&from.join(place(end)), &to.join(place(end)));
        if to.join(place("index")).exists() {
            continue;
        }
        if *sealed {
            absent_is_done(fs::remove_file(to.join(place("key"))))?;
            copy("secrets")?;
        } else if !copy("key")? {
            return Ok(false);
        }
        copy("segment")?;
        if *sealed {
            copy("index")?;
        }
    }
    Ok(true)
}

/// Copies a file durably; says whether it is there. What a log needs and lacks, the verifier names.
fn copy(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::copy(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
        Ok(_bytes) => File::open(to)?.sync_all().map(|()| true),
    }
}

fn absent_is_done(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    make_folder(to)?;
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if !entry.file_name().to_string_lossy().ends_with(".half") {
            copy(&entry.path(), &target)?;
        }
    }
    sync_folder(to)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn write(folder: &Path, name: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }

    fn write_all(folder: &Path, segment_files: &[&str]) {
        for name in segment_files {
            write(folder, &format!("segments/{name}"));
        }
    }

    #[test]
    fn a_restored_contract_file_writes_over_none() {
        let scratch = tempfile::tempdir().unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        copy_contracts(&from, &to).unwrap();
        assert!(!to.exists(), "nothing was signed");
        for name in ["a@1.json", "b@2.json", ".half"] {
            write(&from, name);
        }
        fs::create_dir(&to).unwrap();
        fs::write(to.join("a@1.json"), "withdrawn since").unwrap();
        copy_contracts(&from, &to).unwrap();
        let whole = ["a@1.json", "a@1.restored.json", "b@2.json"];
        assert_eq!(names(&to).unwrap(), whole);
        assert_eq!(fs::read(to.join("a@1.json")).unwrap(), b"withdrawn since");
        // Restored once more, it is there already; another backup's goes beside both.
        copy_contracts(&from, &to).unwrap();
        assert_eq!(names(&to).unwrap(), whole);
        fs::write(from.join("a@1.json"), "of another backup").unwrap();
        for _again in 0..2 {
            copy_contracts(&from, &to).unwrap();
            let held = names(&to).unwrap();
            let held = held
                .iter()
                .map(|name| fs::read_to_string(to.join(name)).unwrap());
            assert_eq!(
                held.collect::<Vec<_>>(),
                [
                    "withdrawn since",
                    "of another backup",
                    "a@1.json",
                    "b@2.json"
                ]
            );
        }
        let beside = [
            "a@1.json",
            "a@1.restored-2.json",
            "a@1.restored.json",
            "b@2.json",
        ];
        assert_eq!(names(&to).unwrap(), beside);
        // A file that lies where the copy cannot go is named, and none is left out in silence.
        let odd = OsStr::from_bytes(b"\xff.json");
        fs::write(from.join(odd), "not UTF-8").unwrap();
        let error = copy_contracts(&from, &to).unwrap_err();
        assert!(
            error.to_string().ends_with("its name is not UTF-8"),
            "{error}"
        );
    }

    #[test]
    fn the_checkpoint_of_a_copy_is_as_new_as_the_segments_beside_it() {
        for changing in ["cosigned", "checkpoint", "segments"] {
            let scratch = tempfile::tempdir().unwrap();
            let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
            for name in ["checkpoint", "segments/0.segment", "segments/0.key"] {
                write(&from, name);
            }
            // A checkpoint is shown, and then the next segment begins.
            let mut works = |next: &str| {
                if next == changing && !from.join("segments/5.segment").exists() {
                    fs::write(from.join("checkpoint"), "newer").unwrap();
                    write_all(&from, &["0.secrets", "0.index", "5.segment", "5.key"]);
                    fs::remove_file(from.join("segments/0.key")).unwrap();
                }
            };
            copy_beside(&from, &to, &mut works).unwrap();
            let shown = fs::read_to_string(to.join("checkpoint")).unwrap();
            assert_eq!(shown, "newer", "{changing}");
            let whole = ["0.index", "0.secrets", "0.segment", "5.key", "5.segment"];
            assert_eq!(names(&to.join(SEGMENTS)).unwrap(), whole, "{changing}");
        }
    }

    #[test]
    fn a_segment_that_is_sealed_while_it_is_copied_is_copied_as_what_it_is_now() {
        let scratch = tempfile::tempdir().unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        write_all(
            &from,
            &["0.segment", "0.secrets", "0.index", "5.segment", "5.key"],
        );
        fs::create_dir_all(to.join(SEGMENTS)).unwrap();
        let listed = segments(&from).unwrap();
        assert!(copy_segments(&from, &to, &listed).unwrap());
        // It is sealed between the listing and its copy.
        for name in ["segments/5.secrets", "segments/5.index", "tile/0/000"] {
            write(&from, name);
        }
        fs::remove_file(from.join("segments/5.key")).unwrap();
        assert!(!copy_segments(&from, &to, &listed).unwrap());
        copy_log(&from, &to).unwrap();
        let whole = [
            "0.index",
            "0.secrets",
            "0.segment",
            "5.index",
            "5.secrets",
            "5.segment",
        ];
        assert_eq!(names(&to.join(SEGMENTS)).unwrap(), whole);
        assert_eq!(names(&to.join("tile/0")).unwrap(), ["000"]);
        // A key that is lost is no reason to copy for ever.
        write(&from, "segments/9.segment");
        assert!(copy_log(&from, &to).is_err());
    }
}
