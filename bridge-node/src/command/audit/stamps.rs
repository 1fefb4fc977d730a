//! `audit verify --time-trust`: every time-stamp of a journal, held to trusted authorities.

use std::fs;
use std::path::{Path, PathBuf};

use bridge_certs::{Moment, Trust};
use bridge_journal::KeptStamp;

use super::super::{Failure, hint, say};
use crate::stamping::check_kept;

/// Checks each stamp in a journal's folder; its imprint and its checkpoint are verified with the journal itself.
pub(super) fn check(folder: &Path, trust: &Path) -> Result<(), Failure> {
    let pem =
        fs::read(trust).map_err(|error| Failure::failed(&trust.display().to_string(), &error))?;
    let trust = Trust::from_pem(&pem)
        .map_err(|error| Failure::failed(&trust.display().to_string(), &error))?;
    let stamps = folder.join("stamps");
    let responses = responses(&stamps)
        .map_err(|error| Failure::failed(&stamps.display().to_string(), &error))?;
    if responses.is_empty() {
        return Err(Failure::NotGenuine(vec![hint(
            &format!("{}: no time-stamp", stamps.display()),
            "did the node have [time] in its settings?",
        )]));
    }
    let mut faults = Vec::new();
    let mut times_ms = Vec::new();
    for path in &responses {
        match judge(path, &trust) {
            Ok(at_ms) => times_ms.push(at_ms),
            Err(what) => faults.push(format!("{}: {what}", path.display())),
        }
    }
    if !faults.is_empty() {
        return Err(Failure::NotGenuine(faults));
    }
    let at = |ms: Option<&u64>| Moment(ms.copied().unwrap_or_default() / 1000);
    say(format_args!(
        "{} time-stamps by trusted authorities, from {} to {}",
        times_ms.len(),
        at(times_ms.iter().min()),
        at(times_ms.iter().max()),
    ));
    Ok(())
}

/// The tokens in a folder, by the size of what they stamp; none if there is no folder.
fn responses(stamps: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !stamps.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(stamps)? {
        let path = entry?.path();
        if matches!(
            path.extension().and_then(|ending| ending.to_str()),
            Some("tsr" | "again")
        ) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn judge(path: &Path, trust: &Trust) -> Result<u64, String> {
    let read = |path: &Path| fs::read(path).map_err(|error| error.to_string());
    let kept = KeptStamp {
        size: 0,
        checkpoint: read(&path.with_extension("checkpoint"))?,
        response: read(path)?,
    };
    let stamp = check_kept(trust, &kept).map_err(|error| crate::chain(&error))?;
    Ok(stamp.time_ms)
}
