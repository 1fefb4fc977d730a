//! `audit replay`: re-decides what a journal says was allowed, from each leaf and the contract that it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bridge_core::contract::{Contract, terms};
use bridge_core::decision::replay;
use bridge_core::leaf::{Kind, Leaf};
use bridge_core::target::METADATA_CODES;
use bridge_verify::{Options, Seen};
use clap::Args;

use super::super::{Failure, say};
use super::{Progress, journal_folder};
use crate::contracts::{bytes, json_files};

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
    /// The journal's verifier key, as the directory gives it.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
}

/// What came of it.
#[derive(Default)]
struct Tally {
    agreed: u64,
    /// Versions under which decisions were made.
    versions: BTreeMap<String, u64>,
    metadata: u64,
    refused: u64,
    disagree: u64,
    /// The first of those that disagree, and why.
    named: Vec<String>,
}

// === impl Replay ===

impl Replay {
    pub(super) fn run(self) -> Result<(), Failure> {
        journal_folder(&self.folder)?;
        let contracts = read_all(&self.contracts)?;
        let mut tally = Tally::default();
        let mut see = |seen: Seen<'_>| {
            if let Seen::Leaf { index, bytes, .. } = seen {
                tally.see(index, bytes, &contracts);
            }
        };
        let options = Options {
            vkey: self.key.clone(),
            ..Options::default()
        };
        let mut progress = Progress::new();
        bridge_verify::verify_each(
            &self.folder,
            &options,
            &mut |at| progress.leaves(at.leaves),
            &mut see,
        )
        .map_err(|findings| super::not_genuine(&self.folder, &findings))?;
        for (version, count) in &tally.versions {
            say(format_args!("{version}: {count} decisions"));
        }
        say(format_args!(
            "{} allowed decisions agree, {} disagree",
            tally.agreed, tally.disagree,
        ));
        say(format_args!(
            "{} allowed calls for metadata: no contract decides them",
            tally.metadata,
        ));
        say(format_args!(
            "{} refused, not re-decidable: a leaf of a refusal holds too little of the request, and the consumer keeps no evidence of it",
            tally.refused,
        ));
        tally.outcome()
    }
}

// === impl Tally ===

impl Tally {
    fn see(&mut self, index: u64, bytes: &[u8], contracts: &BTreeMap<String, Contract>) {
        let Ok(leaf) = Leaf::parse(bytes) else {
            self.disagrees(|| format!("leaf {index}: this version cannot read it"));
            return;
        };
        match leaf.kind {
            Kind::RequestSent | Kind::RequestReceived => {}
            Kind::Refused => {
                self.refused = self.refused.saturating_add(1);
                return;
            }
            Kind::ResponseSigned
            | Kind::ResponseReceived
            | Kind::Interrupted
            | Kind::Delivery
            | Kind::State
            | Kind::AuditRead
            | Kind::Administration => return,
        }
        if is_metadata(&leaf) {
            self.metadata = self.metadata.saturating_add(1);
            return;
        }
        let named = leaf.contract.clone().unwrap_or_default();
        let made = match contracts.get(&named) {
            Some(contract) => replay(contract, &leaf).map_err(|error| error.to_string()),
            None => Err(format!("no contract file has the version {named}")),
        };
        match made {
            Ok(()) => {
                self.agreed = self.agreed.saturating_add(1);
                let count = self.versions.entry(named).or_default();
                *count = count.saturating_add(1);
            }
            Err(why) => {
                let id = leaf.request_id.map(|id| id.to_string()).unwrap_or_default();
                self.disagrees(|| format!("leaf {index}, exchange {id}: {why}"));
            }
        }
    }

    fn disagrees(&mut self, line: impl FnOnce() -> String) {
        self.disagree = self.disagree.saturating_add(1);
        if self.named.len() < NAMED {
            self.named.push(line());
        }
    }

    fn outcome(self) -> Result<(), Failure> {
        let mut lines = self.named;
        if self.disagree == 0 {
            return Ok(());
        }
        let named = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let more = self.disagree.saturating_sub(named);
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        Err(Failure::NotGenuine(lines))
    }
}

/// Whether terms of the program decided: only for services of these names, which no registry can have.
fn is_metadata(leaf: &Leaf) -> bool {
    let service = leaf.service.as_ref();
    leaf.decision == Some(true)
        && *leaf.rules == ["metadata"]
        && service.is_some_and(|service| METADATA_CODES.contains(&service.code()))
}

/// All contracts, by `{id}@{digest}`. Who signed them is not asked: the leaf names the digest.
fn read_all(paths: &[PathBuf]) -> Result<BTreeMap<String, Contract>, Failure> {
    let mut contracts = BTreeMap::new();
    for path in paths {
        for file in files(path)? {
            let contract = read(&file)?;
            contracts.insert(contract.reference().to_owned(), contract);
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
