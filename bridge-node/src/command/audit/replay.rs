//! `audit replay`: re-decides what a journal says was decided, from each leaf, what was kept of its request, and the contract
//! that it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bridge_certs::open_secret_file;
use bridge_core::contract::{Contract, terms};
use bridge_verify::{Options, Seen};
use clap::Args;

use super::super::passphrase::asked;
use super::super::{Failure, say};
use super::{Progress, journal_folder};
use crate::contracts::{bytes, json_files};

mod judge;
mod kept;

use judge::Judge;

/// So many decisions that disagree are named; a journal under none of the contracts has millions.
const NAMED: usize = 1000;

/// Which decisions to re-decide, and under what.
#[derive(Debug, Args)]
pub(in crate::command) struct Replay {
    /// The journal's folder, live or a copy. It is verified while it is read.
    folder: PathBuf,
    /// A contract file, or a folder of them: also versions that others have taken over from. May be given several times.
    #[arg(long, value_name = "PATH", required = true)]
    contracts: Vec<PathBuf>,
    /// Also decrypt what was kept of each request and decide from it: refusals can be re-decided only so.
    #[arg(long, value_name = "FILE")]
    evidence_key: Option<PathBuf>,
    /// A file of mode 0600 with the passphrase of the evidence key; without it the terminal asks.
    #[arg(long, value_name = "FILE", requires = "evidence_key")]
    passphrase_file: Option<PathBuf>,
    /// The journal's verifier key, as the directory gives it.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
}

/// All contracts, by `{id}@{digest}`.
type Contracts = BTreeMap<String, Arc<Contract>>;

/// Counts by a reason or a version.
type Counts = BTreeMap<String, u64>;

/// What came of it.
#[derive(Default)]
struct Tally {
    /// Allowed decisions that agree, by what they were made from.
    agreed: Counts,
    /// Versions under which decisions were made.
    versions: Counts,
    metadata: u64,
    refused: u64,
    /// Refusals that were not decided again, by why.
    not_decided: Counts,
    disagree: u64,
    refused_disagree: u64,
    /// The first of those that disagree, and why.
    named: Vec<String>,
}

/// What came of one leaf.
enum Made {
    /// Nothing was decided.
    Nothing,
    /// Terms of the program decided, and no contract.
    Metadata,
    /// The allowed decision agrees; from what it was made, and under which version.
    Allowed { from: &'static str, version: String },
    /// The refusal agrees; under which version.
    Refused { version: String },
    /// The refusal was not decided again.
    NotDecided { why: String },
    /// The leaf says otherwise than its contract or its request.
    Disagrees { is_refusal: bool, why: String },
}

// === impl Replay ===

impl Replay {
    pub(super) fn run(self) -> Result<(), Failure> {
        journal_folder(&self.folder)?;
        let contracts = read_all(&self.contracts)?;
        let read = |path: &PathBuf| {
            open_secret_file(path, &|| asked(self.passphrase_file.as_deref())).map(|secret| *secret)
        };
        let evidence_key = self.evidence_key.as_ref().map(read).transpose();
        let options = Options {
            evidence_key: evidence_key.map_err(|error| Failure::failed("evidence key", &error))?,
            vkey: self.key.clone(),
            ..Options::default()
        };
        let judge = Judge {
            contracts: &contracts,
            is_opened: options.evidence_key.is_some(),
        };
        let mut tally = Tally::default();
        let mut see = |seen: Seen<'_>| {
            if let Seen::Leaf {
                index,
                bytes,
                evidence,
                ..
            } = seen
            {
                tally.take(index, judge.leaf(bytes, evidence));
            }
        };
        let mut progress = Progress::new();
        bridge_verify::verify_each(
            &self.folder,
            &options,
            &mut |at| progress.leaves(at.leaves),
            &mut see,
        )
        .map_err(|findings| super::not_genuine(&self.folder, &findings))?;
        tally.tell();
        tally.outcome()
    }
}

// === impl Tally ===

impl Tally {
    fn take(&mut self, index: u64, (id, made): (String, Made)) {
        match made {
            Made::Nothing => {}
            Made::Metadata => self.metadata = self.metadata.saturating_add(1),
            Made::Allowed { from, version } => {
                count(&mut self.agreed, from);
                count(&mut self.versions, &version);
            }
            Made::Refused { version } => {
                self.refused = self.refused.saturating_add(1);
                count(&mut self.versions, &version);
            }
            Made::NotDecided { why } => count(&mut self.not_decided, &why),
            Made::Disagrees { is_refusal, why } => {
                let disagree = if is_refusal {
                    &mut self.refused_disagree
                } else {
                    &mut self.disagree
                };
                *disagree = disagree.saturating_add(1);
                if self.named.len() < NAMED {
                    self.named
                        .push(format!("leaf {index}, exchange {id}: {why}"));
                }
            }
        }
    }

    fn tell(&self) {
        for (version, count) in &self.versions {
            say(format_args!("{version}: {count} decisions"));
        }
        let agreed = self.agreed.values().copied().fold(0, u64::saturating_add);
        say(format_args!(
            "{agreed} allowed decisions agree, {} disagree",
            self.disagree,
        ));
        for (from, count) in &self.agreed {
            say(format_args!("  {count} from {from}"));
        }
        say(format_args!(
            "{} allowed calls for metadata: no contract decides them",
            self.metadata,
        ));
        say(format_args!(
            "{} refused decisions agree, {} disagree",
            self.refused, self.refused_disagree,
        ));
        for (why, count) in &self.not_decided {
            say(format_args!("{count} refused, not re-decidable: {why}"));
        }
    }

    fn outcome(self) -> Result<(), Failure> {
        let mut lines = self.named;
        let disagree = self.disagree.saturating_add(self.refused_disagree);
        if disagree == 0 {
            return Ok(());
        }
        let named = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let more = disagree.saturating_sub(named);
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        Err(Failure::NotGenuine(lines))
    }
}

fn count(counts: &mut Counts, what: &str) {
    if let Some(count) = counts.get_mut(what) {
        *count = count.saturating_add(1);
    } else {
        counts.insert(what.to_owned(), 1);
    }
}

/// All contracts, by `{id}@{digest}`. Who signed them is not asked: the leaf names the digest.
fn read_all(paths: &[PathBuf]) -> Result<Contracts, Failure> {
    let mut contracts = BTreeMap::new();
    for path in paths {
        for file in files(path)? {
            let contract = read(&file)?;
            contracts.insert(contract.reference().to_owned(), Arc::new(contract));
        }
    }
    Ok(contracts)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if path.is_dir() {
        json_files(path).map_err(|error| Failure::failed(&path.display().to_string(), &error))
    } else {
        Ok(vec![path.to_owned()])
    }
}

fn read(file: &Path) -> Result<Contract, Failure> {
    let place = file.display().to_string();
    let bytes = bytes(file).map_err(|error| Failure::failed(&place, &error))?;
    terms(&bytes).map_err(|faults| {
        let lines = faults.iter().map(|fault| format!("{place}: {fault}"));
        Failure::Failed(lines.collect::<Vec<_>>().join("\n"))
    })
}
