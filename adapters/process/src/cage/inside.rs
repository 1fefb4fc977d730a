//! The inner half of a cage: the first process of the program's process namespace. It gives up all that the program shall not
//! have, says what is left, starts the program and buries what the program leaves behind. When it ends, so does everything in the namespace.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, kill_process, set_dumpable_behavior,
    set_parent_process_death_signal, waitpid,
};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use super::outside::{Apart, code};
use super::{
    CageError, CageSettings, DATA_FOLDER, NOT_CAGED, PRIVATE_FOLDER, Part, REGISTRY_SOCKET, Report,
    SOCKET_NAME, files, groups, rights, syscalls, tree,
};

/// What the outer half hands over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Inside {
    pub(super) settings: CageSettings,
    pub(super) groups: Vec<PathBuf>,
    pub(super) apart: Apart,
    pub(super) report: Report,
}

/// Gives up rights, tells, and runs the program. Without a program it only tells.
pub(super) fn run(inside: Inside, program: &[String]) -> Result<u8, CageError> {
    let Inside {
        settings,
        groups,
        apart,
        mut report,
    } = inside;
    if groups::join(&groups).is_err() {
        // Process limits do instead.
        for part in [Part::Memory, Part::Processes, Part::Cpu] {
            report.given.remove(&part);
        }
        report.refused_processes = None;
        report.processor = None;
    }
    part_from_machine(&settings, &apart, &mut report);
    rights::limit(&settings, &mut report)?;
    give_up_user(&settings, &apart, &mut report);
    rights::no_new_rights()?;
    // After the change of user, which takes both back.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| CageError::new("dumps", error))?;
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| CageError::new("death signal", error))?;
    let places = Places::of(&settings, &report);
    restrict(&settings, &places, &mut report);
    let lacking = report.lacking(&settings.demand).count() > 0;
    report.private.clone_from(&places.private);
    report.pid = (!lacking && !program.is_empty()).then(std::process::id);
    let text = serde_json::to_string(&report).map_err(|error| CageError::new("report", error))?;
    writeln!(std::io::stdout(), "{text}").map_err(|error| CageError::new("report", error))?;
    if program.is_empty() {
        return Ok(0);
    }
    if lacking {
        return Ok(NOT_CAGED);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CageError::new("runtime", error))?;
    let mut command = command(
        program,
        report.memory_of_process.then_some(settings.memory_bytes),
    );
    command.current_dir(&settings.program_folder);
    places.tell(&mut command);
    runtime.block_on(first(command))
}

/// A single process's memory is bounded by a shell that then becomes the program: what this process has reserved for itself
/// would already be too much to start one.
fn command(program: &[String], data_bytes: Option<u64>) -> Command {
    let (name, arguments) = program
        .split_first()
        .map_or(("", &[][..]), |(name, rest)| (name.as_str(), rest));
    let Some(bytes) = data_bytes else {
        let mut command = Command::new(name);
        command.args(arguments);
        return command;
    };
    let mut command = Command::new("/bin/sh");
    let bounded = format!("ulimit -d {} && exec \"$@\"", bytes / 1024);
    command.args(["-c", &bounded, "sh"]).args(program);
    command
}

/// Where the program finds what it is given.
struct Places {
    private: PathBuf,
    registry: Option<PathBuf>,
    data: Option<PathBuf>,
}

// === impl Places ===

impl Places {
    fn of(settings: &CageSettings, report: &Report) -> Self {
        let own_tree = !report.missing.contains_key(&Part::Files);
        if own_tree {
            let registry = settings.registry.as_ref();
            return Self {
                private: PathBuf::from(PRIVATE_FOLDER),
                registry: registry.map(|_| PathBuf::from(REGISTRY_SOCKET)),
                data: settings.data.as_ref().map(|_| PathBuf::from(DATA_FOLDER)),
            };
        }
        Self {
            private: settings.folder.clone(),
            registry: settings.registry.clone(),
            data: settings.data.clone(),
        }
    }

    fn tell(&self, command: &mut Command) {
        command
            .env("HOME", &self.private)
            .env("TMPDIR", &self.private)
            .env("BRIDGE_ADAPTER_SOCKET", self.private.join(SOCKET_NAME));
        if let Some(registry) = &self.registry {
            command.env("BRIDGE_REGISTRY_SOCKET", registry);
        }
        if let Some(data) = &self.data {
            command.env("BRIDGE_ADAPTER_DATA", data);
        }
    }
}

/// Network, files and processes: namespaces, and the tree that makes the machine's files and sockets disappear.
fn part_from_machine(settings: &CageSettings, apart: &Apart, report: &mut Report) {
    let user = match apart {
        Apart::ByAdministrator => settings.user,
        Apart::ByUserNamespace => 0,
        Apart::Not(why) => {
            for part in [Part::Network, Part::Files, Part::Processes] {
                report.miss(part, why.clone());
            }
            return;
        }
    };
    if let Err(error) = tree::enter(settings, user) {
        report.miss(Part::Files, error.words());
        let open = "Unix sockets of the machine can be reached: ";
        report.miss(Part::Network, format!("{open}{}", error.words()));
        return;
    }
    let network = match settings.registry {
        Some(_) => "its own without an interface; one socket, which leads to its registry",
        None => "its own without an interface, and no socket",
    };
    report.give(Part::Network, network);
}

fn give_up_user(settings: &CageSettings, apart: &Apart, report: &mut Report) {
    match apart {
        Apart::ByAdministrator => match rights::become_user(settings.user) {
            Ok(()) => report.give(Part::User, format!("{} of its own", settings.user)),
            Err(error) => report.miss(Part::User, error.words()),
        },
        Apart::ByUserNamespace => {
            let why = match rights::give_up_capabilities() {
                Ok(()) => "the node does not run as root, so the program has the node's user, without capabilities".to_owned(),
                Err(error) => error.words(),
            };
            report.miss(Part::User, why);
        }
        Apart::Not(why) if rustix::process::getuid().is_root() => {
            let own = Some(settings.user);
            let owned = std::os::unix::fs::chown(&settings.folder, own, own);
            let became = owned
                .map_err(|error| CageError::new("the private folder", error))
                .and_then(|()| rights::become_user(settings.user));
            match became {
                Ok(()) => report.give(Part::User, format!("{} of its own", settings.user)),
                Err(error) => report.miss(Part::User, format!("{why}; {}", error.words())),
            }
        }
        Apart::Not(why) => report.miss(Part::User, why.clone()),
    }
}

/// Landlock and system calls, which need no rights and come last.
fn restrict(settings: &CageSettings, places: &Places, report: &mut Report) {
    let own_tree = !report.missing.contains_key(&Part::Files);
    let more = (places.registry.as_deref(), places.data.as_deref());
    let restricted = files::restrict(settings, &places.private, more);
    match (own_tree, restricted) {
        (true, Ok(Some(how))) => report.give(Part::Files, format!("a tree of its own, and {how}")),
        (true, Ok(None)) => {
            report.give(Part::Files, "a tree of its own; the kernel has no Landlock");
        }
        (true, Err(error)) => report.miss(Part::Files, error.words()),
        (false, Ok(Some(how))) => {
            report.missing.remove(&Part::Files);
            report.give(Part::Files, format!("{how}, without a tree of its own"));
        }
        (false, Ok(None) | Err(_)) => {}
    }
    match syscalls::restrict() {
        Ok(how) => report.give(Part::Syscalls, how),
        Err(error) => report.miss(Part::Syscalls, error.words()),
    }
}

/// The life of a first process: the program's end is its own; SIGTERM goes on to the program; orphans are buried.
async fn first(mut command: Command) -> Result<u8, CageError> {
    let failed = |error: std::io::Error| CageError::new("signals", error);
    let mut ended = signal(SignalKind::child()).map_err(failed)?;
    let mut term = signal(SignalKind::terminate()).map_err(failed)?;
    // What the program says goes to the log; its standard output is no channel to the node.
    let log = std::io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| CageError::new("standard error", error))?;
    let program = command
        .stdin(Stdio::null())
        .stdout(Stdio::from(log))
        .spawn()
        .map_err(|error| CageError::new("the program cannot be started", error))?;
    let pid = i32::try_from(program.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| CageError::said("the program has no process"))?;
    loop {
        while let Ok(Some((buried, status))) = waitpid(None, WaitOptions::NOHANG) {
            if buried == pid {
                return Ok(code(status));
            }
        }
        tokio::select! {
            _ = ended.recv() => {}
            _ = term.recv() => { let _gone = kill_process(pid, Signal::TERM); }
        }
    }
}
