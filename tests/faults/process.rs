//! Nodes as processes: started, killed, stopped in time.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Failure;
use crate::chance::Chance;
use crate::client::is_ready;
use crate::world::{End, World};

/// Both nodes, running.
#[derive(Debug)]
pub(crate) struct Nodes {
    struck: Process,
    other: Process,
}

/// One node, running.
#[derive(Debug)]
pub(crate) struct Process {
    end: End,
    child: Child,
    started: Instant,
    /// How long it took until it was ready, once it was.
    start_up: Option<Duration>,
}

/// A node that needs longer to start or to stop has failed.
const BOUND: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_millis(5);
const SHOWN_LINES: usize = 12;

/// Which program runs, and in which manner.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub(crate) path: PathBuf,
    /// What stands before `--config`.
    pub(crate) manner: &'static str,
}

// === impl Nodes ===

impl Nodes {
    /// Starts both; does not wait until they are ready.
    pub(crate) fn start(binary: &Binary, world: &World) -> Result<Self, Failure> {
        let [consumer, provider] = world.ends().map(|end| Process::start(binary, end));
        Ok(Self {
            struck: consumer?,
            other: provider?,
        })
    }

    /// Chooses which of them is struck next.
    pub(crate) fn choose(&mut self, chance: &mut Chance) -> &mut Process {
        if chance.below(2) == 0 {
            std::mem::swap(&mut self.struck, &mut self.other);
        }
        &mut self.struck
    }

    /// The one chosen last.
    pub(crate) fn struck(&mut self) -> &mut Process {
        &mut self.struck
    }

    pub(crate) fn both(&mut self) -> [&mut Process; 2] {
        [&mut self.struck, &mut self.other]
    }

    /// Waits until both are ready; returns how long that took the one struck last.
    pub(crate) async fn ready(&mut self) -> Result<Duration, Failure> {
        self.other.ready().await?;
        self.struck.ready().await
    }

    /// Fails if one has ended by itself.
    pub(crate) fn run(&mut self) -> Result<(), Failure> {
        for node in self.both() {
            node.runs()?;
        }
        Ok(())
    }

    /// Stops both in order; they must end well.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        for node in self.both() {
            node.signal(Signal::TERM)?;
        }
        for node in self.both() {
            node.ended_well().await?;
        }
        Ok(())
    }
}

// === impl Process ===

impl Process {
    /// Starts the node; it dies with the thread that calls.
    fn start(binary: &Binary, end: &End) -> Result<Self, Failure> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(end.log())?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(&binary.path)
            .args([binary.manner, "--config"])
            .arg(end.config())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Self {
            end: end.clone(),
            child,
            started: Instant::now(),
            start_up: None,
        })
    }

    /// Starts a node that is gone.
    pub(crate) fn start_again(&mut self, binary: &Binary) -> Result<(), Failure> {
        *self = Self::start(binary, &self.end)?;
        Ok(())
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.end.journal()
    }

    /// Waits until the node says that it can work; returns how long its start took.
    async fn ready(&mut self) -> Result<Duration, Failure> {
        loop {
            if let Some(start_up) = self.start_up {
                return Ok(start_up);
            }
            if is_ready(self.end.health).await {
                self.start_up = Some(self.started.elapsed());
            } else if self.started.elapsed() > BOUND {
                return Err(self.failure("is not ready in time"));
            } else {
                self.runs()?;
                tokio::time::sleep(STEP).await;
            }
        }
    }

    /// Fails if the node has ended by itself.
    fn runs(&mut self) -> Result<(), Failure> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.failure(&format!("ended by itself: {status}"))),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Failure> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Ends the process without giving it a say, and waits until it is gone.
    pub(crate) fn kill(&mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    async fn ended_well(&mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(self.failure(&format!("did not stop well: {status}"))),
                None if begun.elapsed() > BOUND => {
                    return Err(self.failure("does not stop in time"));
                }
                None => tokio::time::sleep(STEP).await,
            }
        }
    }

    fn failure(&self, what: &str) -> Failure {
        let log = tail(&self.end.log());
        format!("the {}'s node {what}\n{log}", self.end.name).into()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already unless the run has failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(SHOWN_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}
