//! The cage: what keeps an adapter's program away from the node, its files, its network and its machine.
//!
//! A program is caged by running this very executable in front of it, twice: from **outside** (with the
//! node's rights: control groups, namespaces, the end of it all) and from **inside** (the first process of
//! the program's own process namespace: file tree, limits, user, Landlock, system calls). What the kernel gave of each
//! [`Part`] is told in one line, the [`Report`]; with less than the settings demand the program does not start.
//!
//! All is done by re-execution because a process that has threads cannot enter namespaces safely, and because it
//! needs no unsafe code: each step is a system call of a process with one thread.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

mod entry;
mod files;
mod groups;
mod inside;
mod outside;
mod rights;
mod syscalls;
mod tree;

pub use entry::{CageCommand, read_report, run};
pub(crate) use groups::{PERIOD_US, count_in, quota_us, text};

/// Where the program's private folder is, as the program sees it.
pub const PRIVATE_FOLDER: &str = "/run/adapter";
/// Where the socket that leads to the registry is, as the program sees it.
pub const REGISTRY_SOCKET: &str = "/run/registry.sock";
/// Where the folder that stays is, as the program sees it.
pub const DATA_FOLDER: &str = "/run/data";
/// The name of the socket on which the program listens, in its private folder.
pub const SOCKET_NAME: &str = "adapter.sock";
/// The exit code of a cage that would give less than is demanded.
pub const NOT_CAGED: u8 = 78;
/// Has a cage kill its program, with no time to finish anything.
pub const AT_ONCE: Signal = Signal::QUIT;
/// Users of programs: a range that distributions leave to services without an account.
pub const USERS: std::ops::Range<u32> = 61_184..65_520;

/// What the cage may consist of. Each can be demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// A user and group of its own, no further groups, no capability, none to be had.
    User,
    /// A network of its own without an interface, and no Unix socket of the machine but the registry's.
    Network,
    /// A file tree of its own: system libraries and the package, read only, and the private folder.
    Files,
    /// System calls that programs need, and no others.
    Syscalls,
    /// At most so much memory.
    Memory,
    /// At most so many processes and threads, none of which outlives the program or sees others.
    Processes,
    /// At most so much processor time.
    Cpu,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::User,
        Self::Network,
        Self::Files,
        Self::Syscalls,
        Self::Memory,
        Self::Processes,
        Self::Cpu,
    ];

    /// The word in settings and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Network => "network",
            Self::Files => "files",
            Self::Syscalls => "syscalls",
            Self::Memory => "memory",
            Self::Processes => "processes",
            Self::Cpu => "cpu",
        }
    }
}

impl std::str::FromStr for Part {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let known = Self::ALL.into_iter().find(|part| part.as_str() == text);
        known.ok_or(())
    }
}

/// What a cage allows and demands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CageSettings {
    /// Names the control groups; letters, digits and `-`.
    pub name: String,
    /// The user and group that the program runs as, if the node may choose one.
    pub user: u32,
    /// An empty folder on which the program's file tree is put together.
    pub folder: PathBuf,
    /// The program's working directory, which it may read.
    pub program_folder: PathBuf,
    /// More files and folders that it may read, and run what is in them.
    pub reads: Vec<PathBuf>,
    /// The socket that leads to its registry.
    pub registry: Option<PathBuf>,
    /// A folder that stays, for the program alone to write to.
    pub data: Option<PathBuf>,
    /// What must be given.
    pub demand: Vec<Part>,
    /// The most memory, the private folder included.
    pub memory_bytes: u64,
    /// The most processes and threads.
    pub processes: u64,
    /// The most open files of a process.
    pub open_files: u64,
    /// The most bytes of a file.
    pub file_bytes: u64,
    /// The most bytes in the private folder.
    pub private_bytes: u64,
    /// The most files in the private folder.
    pub private_files: u64,
    /// The most bytes in the folder that stays: who takes more is ended.
    pub data_bytes: u64,
    /// The most files in it.
    pub data_files: u64,
    /// What has to stay free on its disk: below that the program is ended, whoever took it.
    pub data_free_bytes: u64,
    /// The most processor time, of one processor in hundredths.
    pub cpu_percent: u64,
    /// How long it may compute while nobody asks it anything, before it gets next to no processor time.
    pub unasked_seconds: u64,
    /// Where no control group bounds it: the most processor time of a process before it is ended.
    pub cpu_seconds: u64,
    /// How long the program may take to end after SIGTERM.
    pub drain_ms: u64,
}

impl Default for CageSettings {
    fn default() -> Self {
        Self {
            name: "adapter".to_owned(),
            user: USERS.start,
            folder: PathBuf::from("/mnt"),
            program_folder: PathBuf::from("/usr"),
            reads: Vec::new(),
            registry: None,
            data: None,
            demand: Part::ALL.to_vec(),
            // An ordinary interpreter with a driver takes 30 to 100 MiB.
            memory_bytes: 512 * 1024 * 1024,
            processes: 64,
            open_files: 1024,
            file_bytes: 1024 * 1024 * 1024,
            private_bytes: 64 * 1024 * 1024,
            private_files: 1024,
            data_bytes: 1024 * 1024 * 1024,
            data_files: 10_000,
            // Above what the node keeps for itself on its own disk, so that the program ends first.
            data_free_bytes: 1024 * 1024 * 1024,
            cpu_percent: 100,
            // Longer than interpreters with a compiler need to get warm.
            unasked_seconds: 10,
            cpu_seconds: 3600,
            drain_ms: 10_000,
        }
    }
}

/// The group that a program's processor time is taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuGroup {
    /// Its folder, with the files that bound the time.
    pub folder: PathBuf,
    /// The file that counts it.
    pub usage: PathBuf,
}

// === impl CpuGroup ===

impl CpuGroup {
    pub(crate) fn of((folder, usage): (PathBuf, PathBuf)) -> Self {
        Self { folder, usage }
    }
}

/// What the kernel gave, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The program's first process, as the node sees it; none if it does not start.
    pub pid: Option<u32>,
    /// The private folder, as the program sees it.
    pub private: PathBuf,
    /// Whether memory is bounded for each process and not for all.
    pub memory_of_process: bool,
    /// The file of the machine that counts the processes which the program was refused, where a group does.
    pub refused_processes: Option<PathBuf>,
    /// Where the machine counts and bounds its processor time, where a group does both.
    pub processor: Option<CpuGroup>,
    /// How each part that holds is given.
    pub given: BTreeMap<Part, String>,
    /// Why each other one is not.
    pub missing: BTreeMap<Part, String>,
}

impl Report {
    /// Says how a part is given.
    pub(crate) fn give(&mut self, part: Part, how: impl Into<String>) {
        if !self.missing.contains_key(&part) {
            self.given.insert(part, how.into());
        }
    }

    /// Says why a part is not given. That stands, whatever else is.
    pub(crate) fn miss(&mut self, part: Part, why: impl Into<String>) {
        self.given.remove(&part);
        self.missing.entry(part).or_insert_with(|| why.into());
    }

    /// The demanded parts that are not given.
    pub fn lacking<'a>(&'a self, demand: &'a [Part]) -> impl Iterator<Item = Part> + 'a {
        let given = |part: &Part| self.given.contains_key(part);
        demand.iter().copied().filter(move |part| !given(part))
    }

    /// One line for each part.
    pub fn words(&self) -> Vec<String> {
        let line = |part: Part| match (self.given.get(&part), self.missing.get(&part)) {
            (Some(how), _) => format!("{:<10} {how}", part.as_str()),
            (None, Some(why)) => format!("{:<10} NOT GIVEN: {why}", part.as_str()),
            (None, None) => format!("{:<10} NOT GIVEN", part.as_str()),
        };
        Part::ALL.into_iter().map(line).collect()
    }
}

/// Why there is no cage.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct CageError {
    what: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl CageError {
    pub(crate) fn new(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            what: what.into(),
            source: Some(source.into()),
        }
    }

    pub(crate) fn said(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            source: None,
        }
    }

    /// What failed and why, in one line.
    pub(crate) fn words(&self) -> String {
        match &self.source {
            Some(source) => format!("{}: {source}", self.what),
            None => self.what.clone(),
        }
    }
}
