//! `bridge-node run` as a process of its own.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use rustix::process::Signal;

use crate::shell::{Said, ended, program, signal, wait_for};
use crate::world::{Agency, get};

/// A node at work. Killed when dropped.
pub(crate) struct Node {
    child: Child,
    log: PathBuf,
}

// === impl Node ===

impl Node {
    /// Starts a node and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(agency: &Agency) -> Self {
        let mut node = Self::launch(agency);
        let health = agency.setting("health_listen");
        wait_for("the node is ready", || {
            if let Some(status) = node.child.try_wait().unwrap() {
                panic!("the node ended with {status}: {}", node.log());
            }
            get(&health, "/ready", "")
                .ok()
                .filter(|answer| answer.status == 200)
        });
        node
    }

    fn launch(agency: &Agency) -> Self {
        let log = agency.folder.join("test.log");
        let child = program()
            .args(["run", "--config"])
            .arg(agency.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    /// Starts a node that ends by itself, and returns what it said.
    pub(crate) fn fails(agency: &Agency) -> Said {
        let mut node = Self::launch(agency);
        let status = ended(&mut node.child);
        Said {
            code: status.code().unwrap_or(-1),
            out: String::new(),
            err: node.log(),
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Stops it as an operator does.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        signal(&self.child, Signal::TERM);
        let status = ended(&mut self.child);
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Stops it as a power cut does.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Gone already in some tests.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
