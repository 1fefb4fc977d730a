//! `audit verify`: a journal re-derived from its files, and the closed logs before it, each held to the one that follows.

use std::path::{Path, PathBuf};

use bridge_certs::{KeyAlgorithm, open_secret_file, public_key_of};
use bridge_directory::{Directory, Indexed, Node};
use bridge_verify::{Cosigner, ExchangeKey, Follows, Options, Report};
use clap::Args;

use super::super::passphrase::asked;
use super::super::{Failure, hint, say};
use super::{Progress, journal_folder, mirror, not_genuine, stamps, time_text};
use crate::epochs::{closed, prefix_of};

/// What to verify, and by what.
#[derive(Debug, Args)]
pub(in crate::command) struct Verify {
    /// The journal's folder, live or a copy; or a mirror's folder or address, http or https.
    #[arg(value_name = "JOURNAL")]
    folder: PathBuf,
    /// Also decrypt and check the evidence.
    #[arg(long, value_name = "FILE")]
    evidence_key: Option<PathBuf>,
    /// A file of mode 0600 with the passphrase of the evidence key; without it the terminal asks.
    #[arg(long, value_name = "FILE", requires = "evidence_key")]
    passphrase_file: Option<PathBuf>,
    /// The journal's verifier key, as the directory gives it; else the one in the folder is used and printed.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// The directory's list of members, from where you trust it: it gives the node's keys and its witnesses.
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// The verifier key of a witness that must have cosigned; may be given several times.
    #[arg(long, value_name = "VKEY", conflicts_with = "directory")]
    witness: Vec<String>,
    /// How many of these witnesses must have cosigned; all of them if it is not given.
    #[arg(long, value_name = "COUNT", requires = "witness")]
    quorum: Option<usize>,
    /// Also check every time-stamp: PEM file of the authorities of time-stamping authorities.
    #[arg(long, value_name = "FILE")]
    time_trust: Option<PathBuf>,
    /// PEM file of the authorities that vouch for a mirror's web server.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// What is known of a node from elsewhere.
#[derive(Default)]
struct Known {
    /// The verifier key of one of its logs; those after it prove that they follow it.
    listed: Option<String>,
    witnesses: Vec<Cosigner>,
    quorum: usize,
    exchange_keys: Vec<ExchangeKey>,
}

// === impl Verify ===

impl Verify {
    pub(super) fn run(self) -> Result<(), Failure> {
        if mirror::is_mirror(&self.folder) {
            return self.mirror();
        }
        journal_folder(&self.folder)?;
        let known = self.known()?;
        // The newest first: each says what the one before it ended with.
        let mut folders = vec![self.folder.clone()];
        folders.extend(earlier(&self.folder)?);
        let mut vkeys = Vec::new();
        let mut next: Option<Follows> = None;
        for (number, folder) in folders.iter().enumerate() {
            let report = self.one(folder, &known, (number, folders.len()), next.take())?;
            vkeys.push(report.vkey);
            next = report.follows;
        }
        if let Some(next) = next {
            say(format_args!(
                "the log before, {}, is not here: it ended with {} leaves",
                next.previous.split('+').next().unwrap_or_default(),
                next.last.size,
            ));
        }
        match &known.listed {
            Some(listed) if !vkeys.contains(listed) => {
                return Err(Failure::NotGenuine(vec![format!(
                    "{}: none of its logs is the one whose key the directory lists, {listed}",
                    self.folder.display(),
                )]));
            }
            None if self.key.is_none() => say(
                "the verifier key was taken from the folder; compare it with the directory or give --key or --directory",
            ),
            Some(_) | None => {}
        }
        let Some(trust) = &self.time_trust else {
            return Ok(());
        };
        folders
            .iter()
            .try_for_each(|folder| stamps::check(folder, trust))
    }

    fn mirror(&self) -> Result<(), Failure> {
        if self.evidence_key.is_some() || self.time_trust.is_some() {
            return Err(Failure::Usage(hint(
                "a mirror has neither evidence nor time-stamps",
                "give the journal's folder, or leave out --evidence-key and --time-trust",
            )));
        }
        if self.directory.is_some() || !self.witness.is_empty() {
            return Err(Failure::Usage(hint(
                "a mirror is checked by the log's verifier key alone",
                "give --key, and leave out --directory and --witness",
            )));
        }
        mirror::verify(&self.folder, self.key.as_deref(), self.ca.as_deref())
    }

    /// Verifies one log and says what it found.
    fn one(
        &self,
        folder: &Path,
        known: &Known,
        (number, logs): (usize, usize),
        followed_by: Option<Follows>,
    ) -> Result<Report, Failure> {
        let read = |path: &PathBuf| {
            open_secret_file(path, &|| asked(self.passphrase_file.as_deref())).map(|secret| *secret)
        };
        let evidence_key = self.evidence_key.as_ref().map(read).transpose();
        let is_current = number == 0;
        let vkey = match &followed_by {
            Some(next) => Some(next.previous.clone()),
            None => self.key.clone().filter(|_| is_current),
        };
        let options = Options {
            evidence_key: evidence_key.map_err(|error| Failure::failed("evidence key", &error))?,
            vkey,
            // A closed log is witnessed by the one that follows it.
            witnesses: known.witnesses.clone(),
            quorum: if is_current { known.quorum } else { 0 },
            exchange_keys: known.exchange_keys.clone(),
            followed_by,
            is_later: number + 1 < logs,
        };
        let mut progress = Progress::new();
        let verified =
            bridge_verify::verify(folder, &options, &mut |at| progress.leaves(at.leaves));
        let report = verified.map_err(|findings| not_genuine(folder, &findings))?;
        tell(&report, options.evidence_key.is_some());
        Ok(report)
    }

    fn known(&self) -> Result<Known, Failure> {
        if let Some(path) = &self.directory {
            return read_directory(path, &self.folder);
        }
        let witnesses: Result<Vec<_>, _> =
            self.witness.iter().map(|w| Cosigner::parse(w)).collect();
        let witnesses = witnesses.map_err(|error| {
            Failure::Usage(hint(
                &format!("--witness: {error}"),
                "give the key as the directory or the witness's operator publishes it",
            ))
        })?;
        Ok(Known {
            quorum: self.quorum.unwrap_or(witnesses.len()),
            witnesses,
            ..Known::default()
        })
    }
}

fn tell(report: &Report, opened: bool) {
    let evidence = if opened {
        format!(", {} evidence records opened", report.evidence_opened)
    } else {
        String::new()
    };
    say(format_args!(
        "{}: verified: {} leaves, {} checkpoints{evidence}",
        report.origin, report.leaves, report.checkpoints
    ));
    if report.stamps > 0 {
        say(format_args!(
            "{} time-stamps over {} leaves",
            report.stamps, report.stamped_leaves
        ));
    }
    for (name, time_s) in &report.cosigned {
        say(format_args!(
            "{} leaves cosigned by {name} at {}",
            report.cosigned_leaves,
            time_text(time_s.saturating_mul(1000))
        ));
    }
    if let Some(follows) = &report.follows {
        let previous = follows.previous.split('+').next().unwrap_or_default();
        say(format_args!("follows {previous}"));
    }
}

/// The closed logs beside a node's journal, newest first.
fn earlier(journal: &Path) -> Result<Vec<PathBuf>, Failure> {
    let Some(data) = journal.parent().filter(|_| journal.ends_with("journal")) else {
        return Ok(Vec::new());
    };
    let closed =
        closed(data).map_err(|error| Failure::failed(&data.display().to_string(), &error))?;
    Ok(closed.into_iter().rev().map(|(_, folder)| folder).collect())
}

/// What a directory says of the node whose journal lies in a folder.
fn read_directory(path: &Path, folder: &Path) -> Result<Known, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::Failed(hint(
            &format!("{}: {why}", path.display()),
            "give directory.json as the directory's authority signed it",
        ))
    };
    let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
    let directory = Directory::parse(&bytes).map_err(|fault| failed(&fault))?;
    let directory = Indexed::new(directory);
    let origin = std::fs::read_to_string(folder.join("origin")).unwrap_or_default();
    let prefix = prefix_of(origin.lines().next().unwrap_or_default());
    let is_it = |node: &&Node| {
        let listed = node.journal.split('+').next().unwrap_or_default();
        prefix_of(listed) == prefix
    };
    let mut nodes = directory.members.iter().flat_map(|member| &member.nodes);
    let node = nodes
        .find(is_it)
        .ok_or_else(|| failed(&format!("no node has the journal of {}", folder.display())))?;
    let mut known = Known {
        listed: Some(node.journal.clone()),
        ..Known::default()
    };
    for key in &node.exchange {
        let read = key
            .certificate_der()
            .and_then(|der| public_key_of(&der).ok());
        let key = match read {
            Some((KeyAlgorithm::Ed25519, public)) => ExchangeKey::Ed25519(public),
            Some((KeyAlgorithm::P256, public)) => ExchangeKey::P256(public),
            Some(_) | None => return Err(failed(&"an exchange key of the node is none")),
        };
        known.exchange_keys.push(key);
    }
    if let Some(witnessing) = &node.witnessing {
        known.quorum = usize::try_from(witnessing.needed).unwrap_or(usize::MAX);
        for name in &witnessing.by {
            let vkey = directory.witness(name).map(|(_, vkey)| vkey);
            let cosigner = vkey.and_then(|vkey| Cosigner::parse(vkey).ok());
            let cosigner = cosigner.ok_or_else(|| failed(&format!("{name}: no such witness")))?;
            known.witnesses.push(cosigner);
        }
    }
    Ok(known)
}
