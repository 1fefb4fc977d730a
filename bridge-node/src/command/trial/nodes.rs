//! The node processes of a trial.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::client::get;
use super::world::World;
use crate::command::{Failure, hint};

/// Running processes, one for each agency; stopped when dropped.
#[derive(Debug)]
pub(in crate::command) struct Nodes {
    children: Vec<Child>,
}

const READY_WITHIN: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(50);

// === impl Nodes ===

impl Nodes {
    /// Starts `bridge-node run` for each agency by the settings file of this name; its log goes to `node.log` beside it.
    pub(in crate::command) fn start(world: &World, settings: &str) -> Result<Self, Failure> {
        let program =
            std::env::current_exe().map_err(|error| Failure::failed("this program", &error))?;
        let mut nodes = Self {
            children: Vec::new(),
        };
        for agency in &world.agencies {
            nodes.children.push(spawn(
                &program,
                &agency.folder,
                &agency.folder.join(settings),
            )?);
        }
        Ok(nodes)
    }

    /// Waits until every node says that it is ready.
    pub(in crate::command) async fn ready(&mut self, world: &World) -> Result<(), Failure> {
        let begun = Instant::now();
        for (agency, child) in world.agencies.iter().zip(&mut self.children) {
            loop {
                let ended = child
                    .try_wait()
                    .map_err(|error| Failure::failed("node", &error))?;
                let log = agency.folder.join("node.log");
                if ended.is_some() || begun.elapsed() > READY_WITHIN {
                    return Err(Failure::Failed(hint(
                        &format!("the node of {} did not become ready", agency.name),
                        &format!("its last words: {}", last_line(&log)),
                    )));
                }
                if get(agency.ports.health, "/ready")
                    .await
                    .is_ok_and(|answer| answer.status == 200)
                {
                    break;
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
        }
        Ok(())
    }

    /// Stops the nodes as an operator does, by SIGTERM, and waits until they have drained.
    pub(in crate::command) fn stop(mut self) -> Result<(), Failure> {
        for child in &self.children {
            terminate(child);
        }
        for child in &mut self.children {
            let status = child
                .wait()
                .map_err(|error| Failure::failed("node", &error))?;
            if !status.success() {
                return Err(Failure::Failed(format!("a node ended with {status}")));
            }
        }
        self.children.clear();
        Ok(())
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for child in &mut self.children {
            terminate(child);
            drop(child.wait());
        }
    }
}

fn spawn(program: &Path, folder: &Path, settings: &Path) -> Result<Child, Failure> {
    let log = File::create(folder.join("node.log")).map_err(|e| Failure::failed("node.log", &e))?;
    Command::new(program)
        .arg("run")
        .arg("--config")
        .arg(settings)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| Failure::failed("a node does not start", &error))
}

fn terminate(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        match kill_process(pid, Signal::TERM) {
            // Already gone is as good.
            Ok(()) | Err(_) => {}
        }
    }
}

fn last_line(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().last().unwrap_or("(none)").to_owned()
}
