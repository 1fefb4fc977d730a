//! Nodes as real processes.

use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

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

/// Ports that were free a moment ago. Held until all are known, so that they differ.
pub fn reserve_ports() -> Ports {
    let listeners: Vec<TcpListener> = (0..4)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap())
        .collect();
    let free: Vec<SocketAddr> = listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap())
        .collect();
    Ports {
        consumer: free[0],
        plain: free[1],
        peer: free[2],
        health: free[3],
    }
}

/// A file that grows from run to run.
fn append(path: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap()
}

// === impl Process ===

impl Process {
    /// Runs `bridge-node run` with an agency's settings and waits until it is live.
    pub async fn run(agency: &Agency) -> Self {
        Self::started(&agency.config(), &agency.folder, agency.ports.health).await
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
        Self::started(config, folder, health).await
    }

    async fn started(config: &Path, folder: &Path, health: SocketAddr) -> Self {
        let log = folder.join("node.log");
        // A write beyond a limit is to be an error, as on a full disk, and not the signal that the kernel adds to it.
        let child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" run --config \"$1\""])
            .arg(program())
            .arg(config)
            .env("RUST_LOG", "trace")
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

    /// The most memory that the process has had in use, KiB.
    pub fn peak_memory_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
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
