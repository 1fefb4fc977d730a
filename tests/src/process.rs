//! Nodes as real processes.

use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::agency::{Agency, Ports};
use crate::ask::health_of;
use crate::wait::wait_until;

/// A running program. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Its log.
    pub log: PathBuf,
}

/// The program, named by the environment variable `BRIDGE_NODE`.
pub fn program() -> PathBuf {
    let path = std::env::var_os("BRIDGE_NODE")
        .expect("BRIDGE_NODE names the program under test: run `bash tests/run`, or build it and set the variable");
    let path = PathBuf::from(path);
    assert!(
        path.is_file(),
        "BRIDGE_NODE={} is not a file",
        path.display()
    );
    path
}

/// Ports for nodes that are processes of their own: each is given once, and to nobody else.
///
/// The system chooses from 32768 on, for whoever binds port 0 or connects; what it gave back a moment ago may be another test's by the
/// time that the node binds it. So these lie below, and belong to whoever holds the UDP port of that number, which nobody here speaks.
pub fn reserve_ports() -> Ports {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let (tried, held) = &mut *given;
    let mut next = || {
        loop {
            let port = *tried;
            assert!(port < SYSTEM_PORTS, "no port below {SYSTEM_PORTS} is left");
            *tried += 1;
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let Ok(mark) = UdpSocket::bind(address) else {
                continue;
            };
            held.push(mark);
            if TcpListener::bind(address).is_ok() {
                return address;
            }
        }
    };
    Ports {
        consumer: next(),
        plain: next(),
        peer: next(),
        health: next(),
    }
}

/// The next port to try, and what marks those that this process has given.
static GIVEN: Mutex<(u16, Vec<UdpSocket>)> = Mutex::new((20_000, Vec::new()));
/// From here on the system chooses (`net.ipv4.ip_local_port_range`).
const SYSTEM_PORTS: u16 = 32_768;

/// A file that grows from run to run.
fn append(path: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap()
}

/// What a command said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

// === impl Said ===

impl Said {
    /// What it said, if all went well.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{self:?}");
        self.out
    }
}

// === impl Agency ===

impl Agency {
    /// Starts this agency's node, which must not start: exit code 1. Returns what it says.
    pub fn refused_start(&self) -> String {
        let mut command = Command::new(program());
        command.args(["run", "--config"]).arg(self.config());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        said
    }

    /// Runs a command of the program as this agency's officer; the node may run in this very process.
    pub async fn officer(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(program());
        command.current_dir(&self.folder).args(arguments);
        command.args(["--socket", "data/admin.sock", "--officer", "officer-1"]);
        command.args(["--officer-key", "officer.key"]);
        let run = tokio::task::spawn_blocking(move || command.output());
        let output = run.await.unwrap().unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

// === impl Process ===

impl Process {
    /// Runs `bridge-node run` with an agency's settings and waits until it is live.
    pub async fn run(agency: &Agency) -> Self {
        Self::run_with(agency, &[], &[]).await
    }

    /// As [`Process::run`], without the lines for each piece of a body.
    pub async fn run_quietly(agency: &Agency) -> Self {
        Self::run_with(agency, &[], &[("RUST_LOG", Path::new("info"))]).await
    }

    /// The same, with further arguments and variables of the environment.
    pub async fn run_with(agency: &Agency, args: &[&str], env: &[(&str, &Path)]) -> Self {
        let health = agency.ports.health;
        let run = (program(), "run");
        Self::started(run, &agency.config(), &agency.folder, health, (args, env)).await
    }

    /// Runs the control of the fault programs, which is this package's own, in one of its manners.
    pub async fn run_faulty(agency: &Agency, control: &Path, manner: &str) -> Self {
        let run = (control.to_owned(), manner);
        let health = agency.ports.health;
        Self::started(run, &agency.config(), &agency.folder, health, (&[], &[])).await
    }

    /// Runs `bridge-node run` with a settings file; its log goes to `folder`.
    pub async fn run_config(config: &Path, folder: &Path) -> Self {
        let text = std::fs::read_to_string(config).unwrap();
        let settings: toml::Table = text.parse().unwrap();
        let health = settings["admin"]["health_listen"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let run = (program(), "run");
        Self::started(run, config, folder, health, (&[], &[])).await
    }

    async fn started(
        (program, manner): (PathBuf, &str),
        config: &Path,
        folder: &Path,
        health: SocketAddr,
        (args, env): (&[&str], &[(&str, &Path)]),
    ) -> Self {
        let log = folder.join("node.log");
        // A write beyond a limit is to be an error, as on a full disk, and not the signal that the kernel adds to it.
        // ULIMIT is what a test gives to `ulimit`.
        let script = "trap '' XFSZ; ${ULIMIT:+ulimit $ULIMIT}; manner=$1; shift; exec \"$0\" \"$manner\" --config \"$@\"";
        let child = Command::new("sh")
            .args(["-c", script])
            .arg(program)
            .arg(manner)
            .arg(config)
            .args(args)
            .env("RUST_LOG", "trace")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(append(&folder.join("node.out")))
            .stderr(append(&log))
            .spawn()
            .unwrap();
        let mut process = Self { child, log };
        let shown = process.log.clone();
        wait_until("the node is live", async || {
            if let Some(status) = process.child.try_wait().unwrap() {
                panic!(
                    "the node ended with {status}: {}",
                    std::fs::read_to_string(&shown).unwrap()
                );
            }
            health_of(health, "/live")
                .await
                .is_some_and(|answer| answer.status == 200)
        })
        .await;
        process
    }

    /// Lets no file of the process grow or change beyond its first bytes, as if its disk were full.
    pub fn fill_disk(&self) {
        let pid = self.child.id().to_string();
        let status = Command::new("prlimit")
            .args(["--fsize=16:16", "--pid", &pid])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// How many files the system lets it have open: now, and if it asked for more.
    pub fn allowed_files(&self) -> (u64, u64) {
        let limits = std::fs::read_to_string(self.proc("limits")).unwrap();
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let mut words = line.unwrap().split_whitespace().skip(3);
        let mut next = || words.next().unwrap().parse().unwrap();
        (next(), next())
    }

    /// The most memory that it has had at a time, KiB.
    pub fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let text = line.unwrap().trim().trim_end_matches(" kB");
        text.parse().unwrap()
    }

    /// Files that it holds open: where to read each, and what the system calls it.
    pub fn open_files(&self) -> Vec<(PathBuf, String)> {
        let listed = std::fs::read_dir(self.proc("fd")).unwrap();
        let named = listed.filter_map(|entry| {
            let path = entry.unwrap().path();
            // It may have been closed meanwhile.
            let name = std::fs::read_link(&path).ok()?;
            Some((path, name.to_string_lossy().into_owned()))
        });
        named.collect()
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.child.id()))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let status = Command::new("kill")
            .arg("-TERM")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        let child = &mut self.child;
        wait_until("the node has ended", async || {
            status = child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already in most scenarios.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
