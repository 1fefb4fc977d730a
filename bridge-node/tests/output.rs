//! Results go to standard output, which may be closed, or full.

use std::fs::OpenOptions;
use std::process::{Output, Stdio};

use crate::shell::program;

fn to(stdout: impl Into<Stdio>) -> Output {
    let mut program = program();
    let list = program.args(["adapter", "check", "--list"]);
    list.stdout(stdout).stderr(Stdio::piped());
    list.spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn a_command_whose_reader_has_left_ends_quietly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let said = to(writer);
    assert_eq!(
        (said.status.code(), &*String::from_utf8_lossy(&said.stderr)),
        (Some(0), "")
    );
}

#[test]
fn a_result_that_cannot_be_kept_is_a_failure() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let said = to(full);
    let told = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(1), "{told}");
    assert!(
        told.starts_with("standard output: ") && told.lines().count() == 1,
        "{told}"
    );
}
