//! Commands as a person types them: run to their end, with what they said.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before a test fails.
pub(crate) const BOUND: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(10);

/// What a command that has ended said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The program, with no arguments yet.
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bridge-node"))
}

/// Runs the program in a folder until it ends.
pub(crate) fn run<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Said {
    let output = program()
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Waits until the condition gives something; panics after [`BOUND`].
pub(crate) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < BOUND, "waited in vain until {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Waits until a process has ended.
pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    wait_for("the process has ended", || child.try_wait().unwrap())
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// The words of a command line, with words in quotes of either kind understood.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = if first == '"' || first == '\'' {
            rest[1..].split_once(first).unwrap()
        } else {
            rest.split_once(char::is_whitespace).unwrap_or((rest, ""))
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

/// The project's own folder.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

// === impl Said ===

impl Said {
    /// The command did what it was asked.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        assert_eq!(self.err, "", "a success says nothing on standard error");
        self.out
    }

    /// The command failed with this exit code, said nothing on standard output, and told all of this.
    #[track_caller]
    pub(crate) fn bad(self, code: i32, told: &[&str]) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        for text in told {
            assert!(self.err.contains(text), "`{text}` is not in:\n{}", self.err);
        }
        self.err
    }
}
