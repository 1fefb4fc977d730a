//! `audit forks`: the proofs that this node's witness has of journals that forked.

use std::fs;
use std::path::Path;

use bridge_directory::metadata::hex;
use bridge_journal::{Checkpoint, Verifier};

use super::{Failure, hint, say};
use crate::witness::{Fork, Shelf, origin_hash};

/// Names each fork in a witness's folder, and with `to` writes its proof there.
pub(super) fn run(folder: &Path, to: Option<&Path>) -> Result<(), Failure> {
    if !folder.is_dir() {
        return Err(Failure::Failed(hint(
            &format!("{}: no such folder", folder.display()),
            "give the witness's folder: `witness` in the node's data folder, or a copy of it",
        )));
    }
    let failed = |error: std::io::Error| Failure::failed(&folder.display().to_string(), &error);
    let mut found = 0_usize;
    for shelf in Shelf::all(folder).map_err(failed)? {
        let Some(fork) = shelf.fork().map_err(failed)? else {
            continue;
        };
        let (origin, held, offered) = judged(&fork)?;
        found = found.saturating_add(1);
        say(format_args!("{origin}: forked"));
        for (name, checkpoint) in [("cosigned", held), ("refused", offered)] {
            let root = hex(&checkpoint.root);
            say(format_args!(
                "  {name}: {} leaves, root {root}",
                checkpoint.size
            ));
        }
        let same = held.size == offered.size;
        say(if same {
            "  both are signed by the log's key, of one size and of two roots: this alone proves the fork"
        } else {
            "  both are signed by the log's key; its own node could not prove that the second continues the first"
        });
        if let Some(to) = to {
            let target = to.join(origin_hash(&origin));
            export(&fork, &target)?;
            say(format_args!("  written to {}", target.display()));
        }
    }
    say(format_args!("{found} forked"));
    Ok(())
}

/// Both signatures are checked again: files on a disk prove nothing by themselves.
fn judged(fork: &Fork) -> Result<(String, Checkpoint, Checkpoint), Failure> {
    let log = Verifier::parse(&fork.vkey).map_err(|error| Failure::failed("vkey", &error))?;
    let open = |name: &str, note: &[u8]| {
        log.open(note).map_err(|error| {
            Failure::NotGenuine(vec![format!("{}: {name}: {error}", log.origin())])
        })
    };
    let (held, offered) = (open("held", &fork.held)?, open("offered", &fork.offered)?);
    if held == offered {
        let why = format!(
            "{}: both notes are of one head: this is no fork",
            log.origin()
        );
        return Err(Failure::NotGenuine(vec![why]));
    }
    Ok((log.origin().to_owned(), held, offered))
}

fn export(fork: &Fork, folder: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed(&folder.display().to_string(), &error);
    fs::create_dir_all(folder).map_err(failed)?;
    for (name, bytes) in fork.parts() {
        fs::write(folder.join(name), bytes).map_err(failed)?;
    }
    Ok(())
}
