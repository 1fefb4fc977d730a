//! Exchanges signed messages with strangers' programs: writes cases for them to judge, and judges theirs.
//!
//! ```text
//! cargo run -p bridge-signature --example referee -- write DIR    # then: verify.py DIR
//! cargo run -p bridge-signature --example referee -- read DIR     # after: sign.py DIR KEY.pem
//! cargo run -p bridge-signature --example referee -- write-batches FILE | read-batches FILE    # with batch.py
//! ```
//!
//! `read` prints one line a case and ends with 1 if a case is judged otherwise than it expects. The scripts, and a script
//! that runs both directions, are in `tests/referees/rfc9421`; the form of a case is described in `cases.rs`.

mod batches;
mod cases;
mod made;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use bridge_signature::Algorithm;
use cases::{Case, Fault};

fn main() -> Result<ExitCode, Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["write", folder] => write(Path::new(folder)),
        ["read", folder] => read(Path::new(folder)),
        ["write-batches", file] => batches::write(Path::new(file)).map(|()| ExitCode::SUCCESS),
        ["read-batches", file] => read_batches(Path::new(file)),
        _ => Err(
            "usage: referee write DIR | read DIR | write-batches FILE | read-batches FILE".into(),
        ),
    }
}

fn write(folder: &Path) -> Result<ExitCode, Fault> {
    std::fs::create_dir_all(folder)?;
    for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256Sha256] {
        for case in made::cases(algorithm)? {
            case.write(folder)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(folder: &Path) -> Result<ExitCode, Fault> {
    let cases = Case::read_all(folder)?;
    let mut wrong = usize::from(cases.is_empty());
    let mut out = std::io::stdout().lock();
    for case in &cases {
        let found = case.verify();
        let as_expected = case.expect == if found.is_ok() { "valid" } else { "invalid" };
        wrong += usize::from(!as_expected);
        let verdict = if as_expected { "ok" } else { "WRONG" };
        let reason = found
            .err()
            .map_or_else(String::new, |fault| format!(": {fault}"));
        writeln!(
            out,
            "{verdict} {} expected {}{reason}",
            case.name, case.expect
        )?;
    }
    Ok(if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn read_batches(file: &Path) -> Result<ExitCode, Fault> {
    let judged = batches::read(file)?;
    let mut out = std::io::stdout().lock();
    let mut wrong = usize::from(judged.is_empty());
    for message in &judged {
        if message.is_valid != message.is_expected_valid {
            wrong += 1;
            writeln!(out, "WRONG {}", message.name)?;
        }
    }
    writeln!(out, "{} messages of batches, {wrong} wrong", judged.len())?;
    Ok(if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
