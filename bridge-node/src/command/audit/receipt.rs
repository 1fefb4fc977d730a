//! `audit receipt verify`: judges a file that `GET /receipts/…` gave, with nothing but the keys of the log and its witnesses.

use std::path::{Path, PathBuf};

use bridge_verify::{Cosigner, LogKey, Receipt, Signers, judge};
use clap::{Args, Subcommand};
use serde::Deserialize;

use super::time_text;
use crate::command::{Failure, hint, say};

/// Commands about receipts.
#[derive(Debug, Subcommand)]
pub(in crate::command) enum Command {
    /// Check a receipt file without any node: leaves, proofs, the checkpoint's signature and cosignatures.
    #[command(
        after_help = "Example:\n  bridge-node audit receipt verify receipt.json --key \"$VKEY\" --receipt \"$BRIDGE_RECEIPT\"\n\nThe file is what GET /receipts/{X-Road-Request-Id} gives. Exit code 2: it does not hold; each part that fails is one line."
    )]
    Verify(Verify),
}

/// What to check, and by which keys.
#[derive(Debug, Args)]
pub(in crate::command) struct Verify {
    /// The receipt file.
    file: PathBuf,
    /// The log's verifier key, as the directory gives it; else the one in the file is used and told.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// The verifier key of a witness; may be given several times.
    #[arg(long, value_name = "VKEY")]
    witness: Vec<String>,
    /// How many of these witnesses must have cosigned; all of them if it is not given.
    #[arg(long, value_name = "COUNT")]
    quorum: Option<usize>,
    /// The Bridge-Receipt field of the answer: it has to be one of those in the file.
    #[arg(long, value_name = "RECEIPT")]
    receipt: Option<String>,
}

/// A receipt file.
#[derive(Deserialize)]
struct File {
    request_id: String,
    key: String,
    receipts: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    receipt: String,
    leaf: String,
    proof: String,
}

pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Verify(verify) => verify.run(),
    }
}

// === impl Verify ===

impl Verify {
    fn run(&self) -> Result<(), Failure> {
        let file = read(&self.file)?;
        let key = self.key.as_deref().unwrap_or(&file.key);
        let wrong = |what: &str, error: &dyn std::error::Error| {
            Failure::Usage(hint(
                &format!("{what}: {error}"),
                "give the key as the directory or the witness's operator publishes it",
            ))
        };
        let log = LogKey::parse(key).map_err(|error| wrong("--key", &error))?;
        let witnesses: Result<Vec<_>, _> =
            self.witness.iter().map(|w| Cosigner::parse(w)).collect();
        let witnesses = witnesses.map_err(|error| wrong("--witness", &error))?;
        let signers = Signers {
            log: Some(log),
            quorum: self.quorum.unwrap_or(witnesses.len()),
            witnesses,
        };
        let mut findings = Vec::new();
        let mut lines = Vec::new();
        for one in &file.receipts {
            match one.judge(&file.request_id, &signers) {
                Ok(line) => lines.push(line),
                Err(faults) => findings.extend(faults),
            }
        }
        if file.receipts.is_empty() {
            findings.push("receipts: the file has none".to_owned());
        }
        if let Some(wanted) = &self.receipt
            && !file.receipts.iter().any(|one| one.receipt == *wanted)
        {
            findings.push(format!("{wanted}: the file has no such receipt"));
        }
        if !findings.is_empty() {
            findings.insert(0, format!("{}: does not hold", self.file.display()));
            return Err(Failure::NotGenuine(findings));
        }
        for line in lines {
            say(line);
        }
        if self.key.is_none() {
            say(
                "the verifier key was taken from the file; compare it with the directory or give --key",
            );
        }
        Ok(())
    }
}

// === impl One ===

impl One {
    /// One line if it holds, else what does not.
    fn judge(&self, request_id: &str, signers: &Signers) -> Result<String, Vec<String>> {
        let receipt = Receipt {
            field: &self.receipt,
            leaf: self.leaf.as_bytes(),
            proof: &self.proof,
        };
        let mut faults: Vec<String> = Vec::new();
        let told = |what: &dyn std::fmt::Display| format!("{}: {what}", self.receipt);
        if !self
            .leaf
            .contains(&format!("\"request_id\":\"{request_id}\""))
        {
            faults.push(told(&"leaf: it is of another exchange than the file says"));
        }
        let shown = match judge(&receipt, signers) {
            Ok(shown) => shown,
            Err(found) => {
                faults.extend(found.iter().map(|fault| told(fault)));
                return Err(faults);
            }
        };
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut line = format!(
            "{}: holds: leaf {} of {}, {}, under a signed checkpoint",
            self.receipt,
            shown.index,
            shown.size,
            time_text(shown.time_ms)
        );
        for (name, time_s) in shown.cosigned {
            let time = time_text(time_s.saturating_mul(1000));
            line = format!("{line}, cosigned by {name} at {time}");
        }
        Ok(line)
    }
}

fn read(path: &Path) -> Result<File, Failure> {
    let remedy = "give the file that GET /receipts/{X-Road-Request-Id} gave, with status 200";
    let failed = |why: String| Failure::Failed(hint(&format!("{}: {why}", path.display()), remedy));
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| failed(format!("not a receipt file: {error}")))
}
