//! Starting a program, in its cage, and ending it.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::bomb::Processes;
use crate::cage::{self, AT_ONCE, CageSettings, NOT_CAGED, Part, Report, SOCKET_NAME};
use crate::config::ProcessConfig;
use crate::connections::{Connections, Door};
use crate::unasked::Processor;
use crate::{output, relay};

/// The most bytes that a cage says of itself.
const REPORT_LIMIT_BYTES: u64 = 64 * 1024;
/// What programs find in their environment; nothing of the node's own.
const ENVIRONMENT: [(&str, &str); 2] = [
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("LANG", "C.UTF-8"),
];
/// How much longer than the program its cage may take to end.
const CAGE_TIME: Duration = Duration::from_secs(3);

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    /// Ends the program when it is closed, by us or because we are no more.
    _alive: Option<ChildStdin>,
    pub(crate) connections: Arc<Connections>,
    /// What the group of its cage counts.
    pub(crate) processes: Option<Processes>,
    pub(crate) processor: Option<Processor>,
    /// Ends the way to the registry.
    _relay: DropGuard,
    /// Removed at the end.
    _folder: TempDir,
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("{what}")]
    System {
        what: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("the kernel does not give what is demanded of the cage: {0}")]
    NotCaged(String),
    #[error("its cage could not be made; the log says why")]
    NoCage,
}

impl Program {
    /// Starts the program. It may not listen yet.
    pub(crate) async fn start(config: &ProcessConfig) -> Result<Self, StartError> {
        let folder = work_folder().map_err(system("a folder for it cannot be made"))?;
        let own_user = rustix::process::getuid().as_raw();
        let caged = config.launcher.is_some();
        let user = if caged { config.cage.user } else { own_user };
        let ended = CancellationToken::new();
        let registry = config
            .registry
            .as_ref()
            .map(|_| folder.path().join("registry.sock"));
        if let (Some(path), Some(address)) = (&registry, &config.registry) {
            let to = (address.clone(), config.registry_connections);
            relay::listen(path, user, to, ended.clone())
                .map_err(system("the way to its registry cannot be made"))?;
        }
        let private = folder.path().join("private");
        std::fs::create_dir(&private).map_err(system("a folder for it cannot be made"))?;
        let mut command = command(config, &private, registry);
        let mut child = command.spawn().map_err(system("it cannot be started"))?;
        let alive = child.stdin.take();
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(output::log(config.name.clone(), stderr));
        }
        let (mut processes, mut processor) = (None, None);
        let door = match (caged, child.stdout.take()) {
            (true, Some(stdout)) => {
                let report = report_of_cage(config, &mut child, stdout).await?;
                let most = config.cage.processes;
                processes = report
                    .refused_processes
                    .clone()
                    .map(|events| Processes { events, most });
                processor = report.processor.clone().map(|group| Processor {
                    group,
                    percent: config.cage.cpu_percent,
                    patience: Duration::from_secs(config.cage.unasked_seconds),
                });
                door_of_cage(config, &report, own_user)?
            }
            (_, stdout) => {
                if let Some(stdout) = stdout {
                    tokio::spawn(output::log(config.name.clone(), stdout));
                }
                Door::open(&private, own_user).map_err(system("its folder cannot be opened"))?
            }
        };
        Ok(Self {
            child,
            _alive: alive.filter(|_| caged),
            connections: Arc::new(Connections::new(door, config.connections)),
            processes,
            processor,
            _relay: ended.drop_guard(),
            _folder: folder,
        })
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => format!("it ended: {}", words(status)),
            Err(error) => format!("it is lost: {error}"),
        }
    }

    /// Has it finish what is under way, and ends it with all its processes when it does not.
    pub(crate) async fn end(self, drain: Duration) {
        self.leave(Signal::TERM, drain).await;
    }

    /// Ends it with all its processes, whatever is under way.
    pub(crate) async fn kill(self) {
        self.leave(AT_ONCE, Duration::ZERO).await;
    }

    async fn leave(mut self, signal: Signal, time: Duration) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let _gone = kill_process(pid, signal);
        }
        let time = time.saturating_add(CAGE_TIME);
        if tokio::time::timeout(time, self.child.wait()).await.is_err() {
            // A cage that is killed takes all that is in it along.
            if let Err(error) = self.child.kill().await {
                tracing::error!(%error, "an adapter's program cannot be ended");
            }
        }
    }
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::System { what, source }
}

/// Others may pass through it to what is theirs, and see nothing of it.
fn work_folder() -> io::Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix("bridge-adapter-")
        .tempdir()?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
    Ok(folder)
}

fn command(config: &ProcessConfig, private: &Path, registry: Option<PathBuf>) -> Command {
    let mut command = match &config.launcher {
        Some(launcher) => behind(launcher, config, private, registry),
        None => bare(config, private, registry),
    };
    command
        .envs(ENVIRONMENT)
        .envs(&config.environment)
        .env(
            "BRIDGE_ADAPTER_PROTOCOL",
            crate::describe::PROTOCOL.to_string(),
        )
        .env("BRIDGE_ADAPTER_NAME", &config.name)
        .current_dir(&config.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Signals of a terminal are the node's, and it passes on what is meant for its programs.
        .process_group(0);
    command
}

/// The program behind what cages it, which tells it where its folder and its registry are.
fn behind(
    launcher: &[OsString],
    config: &ProcessConfig,
    private: &Path,
    registry: Option<PathBuf>,
) -> Command {
    let settings = CageSettings {
        folder: private.to_owned(),
        registry,
        drain_ms: u64::try_from(config.drain_timeout.as_millis()).unwrap_or(u64::MAX),
        ..config.cage.clone()
    };
    // Of numbers, texts and paths that were read from text; else the cage refuses what it cannot read.
    let text = serde_json::to_string(&settings).unwrap_or_default();
    let mut command = of(launcher);
    command.args(["--settings", &text, "--"]);
    command.args(&config.program).env_clear();
    command
}

fn bare(config: &ProcessConfig, private: &Path, registry: Option<PathBuf>) -> Command {
    let mut command = of(&config.program);
    command
        .env_clear()
        .kill_on_drop(true)
        .env("HOME", private)
        .env("TMPDIR", private)
        .env("BRIDGE_ADAPTER_SOCKET", private.join(SOCKET_NAME));
    if let Some(registry) = registry {
        command.env("BRIDGE_REGISTRY_SOCKET", registry);
    }
    if let Some(data) = &config.cage.data {
        command.env("BRIDGE_ADAPTER_DATA", data);
    }
    command
}

fn of<T: AsRef<std::ffi::OsStr>>(words: &[T]) -> Command {
    let mut words = words.iter();
    let mut command = match words.next() {
        Some(name) => Command::new(name),
        None => Command::new(""),
    };
    command.args(words);
    command
}

/// Hears what the cage gives, and tells it.
async fn report_of_cage(
    config: &ProcessConfig,
    child: &mut Child,
    stdout: ChildStdout,
) -> Result<Report, StartError> {
    let mut line = String::new();
    let mut told = BufReader::new(stdout.take(REPORT_LIMIT_BYTES));
    let heard = tokio::time::timeout(config.start_timeout, told.read_line(&mut line)).await;
    let report = match heard {
        Ok(Ok(1..)) => cage::read_report(&line).map_err(|_error| StartError::NoCage)?,
        _ => return Err(StartError::NoCage),
    };
    tell(&config.name, &report);
    if report.pid.is_some() {
        return Ok(report);
    }
    let lacking: Vec<&str> = report
        .lacking(&config.cage.demand)
        .map(Part::as_str)
        .collect();
    let status = child.wait().await.ok().and_then(|status| status.code());
    Err(if status == Some(i32::from(NOT_CAGED)) {
        StartError::NotCaged(lacking.join(", "))
    } else {
        StartError::NoCage
    })
}

/// Opens the way into a cage.
fn door_of_cage(
    config: &ProcessConfig,
    report: &Report,
    own_user: u32,
) -> Result<Door, StartError> {
    let pid = report.pid.ok_or(StartError::NoCage)?;
    // The folder as the program's first process sees it: nothing of it is in our own tree.
    let seen = report.private.strip_prefix("/").unwrap_or(&report.private);
    let folder = Path::new("/proc")
        .join(pid.to_string())
        .join("root")
        .join(seen);
    let user = if report.given.contains_key(&Part::User) {
        config.cage.user
    } else {
        own_user
    };
    Door::open(&folder, user).map_err(system("its folder cannot be opened"))
}

/// One line for each start: what the kernel gives.
fn tell(name: &str, report: &Report) {
    let said = |part: Part| match (report.given.get(&part), report.missing.get(&part)) {
        (Some(how), _) => how.clone(),
        (None, Some(why)) => format!("not given: {why}"),
        (None, None) => "not given".to_owned(),
    };
    tracing::info!(
        adapter = %name,
        user = %said(Part::User),
        network = %said(Part::Network),
        files = %said(Part::Files),
        syscalls = %said(Part::Syscalls),
        memory = %said(Part::Memory),
        processes = %said(Part::Processes),
        cpu = %said(Part::Cpu),
        "the cage of an adapter"
    );
}

fn words(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        // As a shell tells it, and so does the cage.
        (Some(code @ 129..=192), _) => format!("signal {}", code.saturating_sub(128)),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "for an unknown reason".to_owned(),
    }
}
