//! The outer half of a cage: it has the node's rights, makes control groups and namespaces, starts the inner half in them,
//! and sees to its end: when the program ends, when it is told to by SIGTERM, or at once by SIGQUIT, or when the node is no more.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::{AsFd as _, OwnedFd, RawFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::thread::UnshareFlags;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::groups::{self, Groups};
use super::inside::Inside;
use super::{AT_ONCE, CageError, CageSettings, Report};

/// How the report is told on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Say {
    Json,
    Words,
}

/// How a cage stands apart from the machine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Apart {
    /// In namespaces that an administrator made: the user can be chosen.
    ByAdministrator,
    /// In a user namespace: it stays the node's user, without capabilities.
    ByUserNamespace,
    /// Not at all, and why.
    Not(String),
}

/// Runs a program in a cage. Returns its exit code.
pub(super) fn run(settings: &CageSettings, program: &[String], say: Say) -> Result<u8, CageError> {
    close_inherited()?;
    let mut report = Report::default();
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let groups = Groups::make((Path::new(groups::ROOT), &own), settings, &mut report);
    let done = run_in(settings, &groups, report, (program, say));
    groups.remove();
    done
}

/// What whoever started the node left open stays outside: an open file or socket goes past every part of a cage. Comes first, while
/// nothing of our own is open but standard input, output and error.
fn close_inherited() -> Result<(), CageError> {
    let list = std::fs::read_dir("/proc/self/fd")
        .map_err(|error| CageError::new("open files cannot be listed", error))?;
    let open = list.flatten().filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse::<RawFd>().ok()?;
        (number > 2).then_some(number)
    });
    for number in open.collect::<Vec<RawFd>>() {
        // The list's own is closed already.
        let _not_open = nix::unistd::close(number);
    }
    Ok(())
}

fn run_in(
    settings: &CageSettings,
    groups: &Groups,
    report: Report,
    (program, say): (&[String], Say),
) -> Result<u8, CageError> {
    let inside = Inside {
        settings: settings.clone(),
        groups: groups.folders.clone(),
        apart: stand_apart(),
        report,
    };
    let mut child = start(&inside, program)?;
    tell(&mut child, say)?;
    // No thread may be made from here on: a process whose children live in another namespace can have none.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CageError::new("runtime", error))?;
    runtime.block_on(end(&child, Duration::from_millis(settings.drain_ms)))
}

#[expect(
    deprecated,
    reason = "unshare is unsafe with CLONE_FILES only, which is not asked for"
)]
fn stand_apart() -> Apart {
    let spaces = UnshareFlags::NEWNS
        | UnshareFlags::NEWNET
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS;
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    let Err(error) = rustix::thread::unshare(spaces) else {
        return Apart::ByAdministrator;
    };
    if let Err(error) = rustix::thread::unshare(spaces | UnshareFlags::NEWUSER) {
        return Apart::Not(format!("no namespaces: {error}"));
    }
    let map = |file: &str, id: u32| std::fs::write(file, format!("0 {id} 1"));
    let mapped = std::fs::write("/proc/self/setgroups", "deny")
        .and_then(|()| map("/proc/self/uid_map", user.as_raw()))
        .and_then(|()| map("/proc/self/gid_map", group.as_raw()));
    match mapped {
        Ok(()) => Apart::ByUserNamespace,
        Err(cause) => Apart::Not(format!("no namespaces: {error}; user namespace: {cause}")),
    }
}

fn start(inside: &Inside, program: &[String]) -> Result<Child, CageError> {
    let text = serde_json::to_string(inside).map_err(|error| CageError::new("settings", error))?;
    Command::new("/proc/self/exe")
        .args(["cage", "--inside", &text, "--"])
        .args(program)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| CageError::new("the inner half cannot be started", error))
}

/// Passes the inner half's one line on, with its process.
fn tell(child: &mut Child, say: Say) -> Result<(), CageError> {
    let failed = |error: std::io::Error| CageError::new("the inner half says nothing", error);
    let stdout = child.stdout.take();
    let mut line = String::new();
    if let Some(stdout) = stdout {
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(failed)?;
    }
    let mut report: Report = serde_json::from_str(&line)
        .map_err(|error| CageError::new("the inner half says nothing", error))?;
    report.pid = report.pid.map(|_own| child.id());
    let text = match say {
        Say::Json => {
            serde_json::to_string(&report).map_err(|error| CageError::new("report", error))?
        }
        Say::Words => report.words().join("\n"),
    };
    writeln!(std::io::stdout(), "{text}").map_err(failed)
}

/// Waits for the end and sees that it comes.
async fn end(child: &Child, drain: Duration) -> Result<u8, CageError> {
    let failed = |error: std::io::Error| CageError::new("signals", error);
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| CageError::said("the inner half has no process"))?;
    let mut ended = signal(SignalKind::child()).map_err(failed)?;
    let mut term = signal(SignalKind::terminate()).map_err(failed)?;
    let mut int = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut quit = signal(SignalKind::from_raw(AT_ONCE.as_raw())).map_err(failed)?;
    let (mut ending, mut kill_at): (bool, Option<Instant>) = (false, None);
    let node = node_gone();
    tokio::pin!(node);
    loop {
        if let Ok(Some((_, status))) = waitpid(Some(pid), WaitOptions::NOHANG) {
            return Ok(code(status));
        }
        let killing = async {
            match kill_at {
                Some(moment) => tokio::time::sleep_until(moment).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = ended.recv() => continue,
            () = killing => {
                // The first of a process namespace takes all others with it.
                let _gone = kill_process(pid, Signal::KILL);
                kill_at = None;
                continue;
            }
            _ = quit.recv() => {
                ending = true;
                kill_at = Some(Instant::now());
                continue;
            }
            // Once only: the node does not come back.
            () = &mut node, if !ending => {}
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        if !ending {
            ending = true;
            let _gone = kill_process(pid, Signal::TERM);
            kill_at = Instant::now().checked_add(drain);
        }
    }
}

/// The node holds the other end of standard input for as long as it lives.
async fn node_gone() {
    let stdin: Option<OwnedFd> = std::io::stdin().as_fd().try_clone_to_owned().ok();
    let receiver = stdin.and_then(|stdin| pipe::Receiver::from_owned_fd(stdin).ok());
    let Some(receiver) = receiver else {
        return std::future::pending().await;
    };
    let mut byte = [0; 16];
    loop {
        if receiver.readable().await.is_err() {
            return;
        }
        match receiver.try_read(&mut byte) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// As a shell tells it.
pub(super) fn code(status: rustix::process::WaitStatus) -> u8 {
    let exit = status
        .exit_status()
        .and_then(|code| u8::try_from(code).ok());
    let killed = status
        .terminating_signal()
        .and_then(|signal| u8::try_from(signal.saturating_add(128)).ok());
    exit.or(killed).unwrap_or(u8::MAX)
}
