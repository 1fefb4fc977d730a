//! The integrator's guide, carried out as it stands: files written, commands run, and the time taken.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::shell::{ended, repository, signal};

pub(crate) const GUIDE: &str = "adapters/README.md";
/// The guide's commands, in order; `documents.rs` holds all commands of all documents against such lists.
pub(crate) const COMMANDS: [&str; 6] = [
    "bridge-node adapter new land-register --lang python",
    "bridge-node sandbox land-register --once",
    "python3 -c \"import sqlite3; sqlite3.connect('land-register/registry.db').executescript(open('land-register/registry.sql').read())\"",
    "python3 -m unittest discover land-register",
    "bridge-node adapter check land-register",
    STAYS,
];
/// The one that runs until Ctrl-C.
const STAYS: &str = "bridge-node sandbox land-register";
/// What the guide promises, for machine and reader together.
const PROMISED: Duration = Duration::from_mins(15);

/// What a block of the guide asks for.
#[derive(Debug, PartialEq)]
enum Deed {
    Write(String, String),
    Run(String),
}

/// The deeds of the part that is carried out, in order.
fn deeds() -> Vec<Deed> {
    let text = fs::read_to_string(repository().join(GUIDE)).unwrap();
    let (guide, _) = text.split_once("\n# Reference\n").unwrap();
    let mut deeds = Vec::new();
    for block in guide.split("\n```").skip(1).step_by(2) {
        let (kind, body) = block.split_once('\n').unwrap();
        match kind.split_once(' ') {
            Some((_, file)) => deeds.push(Deed::Write(file.to_owned(), format!("{body}\n"))),
            None if kind == "sh" => {
                deeds.extend(body.lines().map(|line| Deed::Run(line.to_owned())));
            }
            None => {}
        }
    }
    deeds
}

/// A command in a shell that finds the program under test.
fn shell(folder: &Path, line: &str) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_bridge-node"))
        .parent()
        .unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("exec {line}")])
        .current_dir(folder)
        .env(
            "PATH",
            format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display()),
        )
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    command
}

/// Starts the sandbox, asks with the first command that it prints, and ends it.
fn ask_by_hand(folder: &Path) {
    let mut child = shell(folder, STAYS).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let curl = lines
        .by_ref()
        .find(|line| line.starts_with("curl "))
        .unwrap();
    assert!(lines.any(|line| line.starts_with("Each exchange is shown here")));
    let answer = Command::new("sh").args(["-c", &curl]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout),
        r#"{"number":"QN-0001","title":"Birinci qeyd","opened":"2026-01-15"}"#
    );
    signal(&child, Signal::INT);
    assert!(ended(&mut child).success());
}

#[test]
#[expect(clippy::print_stdout, reason = "the guide promises a time")]
fn the_guide_leads_from_nothing_to_an_answered_query() {
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let mut run = Vec::new();
    for deed in deeds() {
        let line = match deed {
            Deed::Write(file, text) => {
                fs::write(folder.path().join(file), text).unwrap();
                continue;
            }
            Deed::Run(line) => line,
        };
        let step = Instant::now();
        if line == STAYS {
            ask_by_hand(folder.path());
        } else {
            let output = shell(folder.path(), &line).output().unwrap();
            let told = String::from_utf8_lossy(&output.stdout);
            let wrong = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{line}\n{told}\n{wrong}");
        }
        println!("{:6.1} s  {line}", step.elapsed().as_secs_f64());
        run.push(line);
    }
    println!(
        "{:6.1} s  in all, without reading",
        began.elapsed().as_secs_f64()
    );
    assert_eq!(run, COMMANDS);
    assert!(began.elapsed() < PROMISED);
}
