//! Control groups of version 1 or 2: what all processes of a program together may take.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, Mode, OFlags, open, unlinkat};
use rustix::io::Errno;

use super::{CageSettings, CpuGroup, Part, Report};

/// Where the system mounts control groups.
pub(super) const ROOT: &str = "/sys/fs/cgroup";
/// Processor time is counted in periods of this length.
pub(crate) const PERIOD_US: u64 = 100_000;
/// What a program weighs against the node when both want the processor. Usual are 1024 in version 1 and 100 in 2.
const SHARES: &str = "204";
const WEIGHT: &str = "20";

/// The groups that were made for a program.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Their folders; a process that writes itself to `cgroup.procs` in each is in them.
    pub(super) folders: Vec<PathBuf>,
    /// The folders above, held open: their paths are gone when the inner half has turned the tree.
    above: Vec<OwnedFd>,
}

/// What one controller is asked to bound.
struct Wish {
    /// The part that it gives; none if it only counts.
    part: Option<Part>,
    controller: &'static str,
    v1: Vec<Line>,
    v2: Vec<Line>,
    words: String,
}

/// A value for a file of a group.
struct Line {
    file: &'static str,
    value: String,
    /// Whether the bound holds without it.
    optional: bool,
}

// === impl Groups ===

impl Groups {
    /// Makes a group of each controller that the system has, and tells which parts they give. `own` is
    /// `/proc/self/cgroup` of the process that asks.
    pub(super) fn make(
        (root, own): (&Path, &str),
        settings: &CageSettings,
        report: &mut Report,
    ) -> Self {
        let mut groups = Self::default();
        let mut cpu = None;
        for wish in wishes(settings) {
            let v1 = made_v1(root, own, &wish, &settings.name);
            let made = match v1 {
                Some(made) => made.map(|folder| (folder, "version 1")),
                None if wish.v2.is_empty() => continue,
                None => {
                    made_v2(root, own, &wish, &settings.name).map(|folder| (folder, "version 2"))
                }
            };
            // Where there is none, limits of single processes have to do.
            let Ok((folder, version)) = made else {
                continue;
            };
            if !groups.keep(folder.clone()) {
                continue;
            }
            if let Some(part) = wish.part {
                let how = format!("{}, by a control group of {version}", wish.words);
                report.give(part, how);
            }
            let file = |name| Some(folder.join(name)).filter(|path| path.is_file());
            match wish.controller {
                "pids" => report.refused_processes = file("pids.events"),
                "cpu" => cpu = Some(folder),
                // Comes after it.
                "cpuacct" => {
                    report.processor = cpu.take().zip(file("cpuacct.usage")).map(CpuGroup::of);
                }
                _ => {}
            }
        }
        // In version 2 the group that bounds it counts it.
        let counted = cpu.map(|folder| (folder.clone(), folder.join("cpu.stat")));
        let counted = counted.filter(|(folder, _)| folder.join("cpu.max").is_file());
        report.processor = report.processor.take().or(counted.map(CpuGroup::of));
        groups
    }

    /// Remembers a group for its end; says whether that is possible.
    fn keep(&mut self, folder: PathBuf) -> bool {
        if self.folders.contains(&folder) {
            return true;
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let above = folder
            .parent()
            .map(|above| open(above, flags, Mode::empty()));
        let Some(Ok(above)) = above else {
            return false;
        };
        self.folders.push(folder);
        self.above.push(above);
        true
    }

    /// Removes the groups, when all their processes have ended.
    pub(super) fn remove(&self) {
        for (folder, above) in self.folders.iter().zip(&self.above) {
            let name = folder.file_name().unwrap_or_default();
            // Its last process may be on its way out; a group that stays is used again by the next start.
            for _ in 0..200 {
                match unlinkat(above, name, AtFlags::REMOVEDIR) {
                    Err(Errno::BUSY) => std::thread::sleep(Duration::from_millis(10)),
                    Ok(()) | Err(_) => break,
                }
            }
        }
    }
}

/// The processor time in each period of so many hundredths of a processor.
pub(crate) fn quota_us(percent: u64, period_us: u64) -> u64 {
    percent.saturating_mul(period_us) / 100
}

/// What a file of a group says. Where it is gone, the program is too.
pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The number on the line of this name; 0 if there is none.
pub(crate) fn count_in(text: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find(|(found, _)| *found == name);
    let count = found.and_then(|(_, count)| count.trim().parse().ok());
    count.unwrap_or(0)
}

/// Puts the calling process into groups.
pub(super) fn join(folders: &[PathBuf]) -> io::Result<()> {
    folders
        .iter()
        .try_for_each(|folder| std::fs::write(folder.join("cgroup.procs"), "0"))
}

fn wishes(settings: &CageSettings) -> [Wish; 4] {
    let line = |file, value: String| Line {
        file,
        value,
        optional: false,
    };
    let optional = |file, value: &str| Line {
        file,
        value: value.to_owned(),
        optional: true,
    };
    let memory = settings.memory_bytes.to_string();
    let quota = quota_us(settings.cpu_percent, PERIOD_US);
    [
        Wish {
            part: Some(Part::Memory),
            controller: "memory",
            v1: vec![
                line("memory.limit_in_bytes", memory.clone()),
                // With swap counted, where it is counted at all.
                optional("memory.memsw.limit_in_bytes", &memory),
            ],
            v2: vec![
                line("memory.max", memory),
                optional("memory.swap.max", "0"),
                // One process that is ended for want of memory takes the others with it.
                optional("memory.oom.group", "1"),
            ],
            words: format!("{} MiB in all", settings.memory_bytes / (1024 * 1024)),
        },
        Wish {
            part: Some(Part::Processes),
            controller: "pids",
            v1: vec![line("pids.max", settings.processes.to_string())],
            v2: vec![line("pids.max", settings.processes.to_string())],
            words: format!("{} processes and threads", settings.processes),
        },
        Wish {
            part: Some(Part::Cpu),
            controller: "cpu",
            v1: vec![
                line("cpu.cfs_period_us", PERIOD_US.to_string()),
                line("cpu.cfs_quota_us", quota.to_string()),
                optional("cpu.shares", SHARES),
            ],
            v2: vec![
                line("cpu.max", format!("{quota} {PERIOD_US}")),
                optional("cpu.weight", WEIGHT),
            ],
            words: format!("{} % of a processor", settings.cpu_percent),
        },
        Wish {
            part: None,
            controller: "cpuacct",
            v1: Vec::new(),
            // The controller of processor time counts it too.
            v2: Vec::new(),
            words: String::new(),
        },
    ]
}

/// A group of version 1; `None` if the system has no such controller in that version.
fn made_v1(root: &Path, own: &str, wish: &Wish, name: &str) -> Option<io::Result<PathBuf>> {
    let base = root.join(wish.controller);
    let of_controller = |line: &&str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let mut names = parts.next().unwrap_or_default().split(',');
        names.any(|name| name == wish.controller)
    };
    let path = own.lines().find(of_controller)?.splitn(3, ':').nth(2)?;
    if !base.is_dir() {
        return None;
    }
    let below = base.join(path.trim_start_matches('/'));
    // In a container the own group may not be shown where it is named.
    let parent = if below.is_dir() { below } else { base };
    Some(made(&parent, name, &wish.v1))
}

/// A group of version 2 beside the own one: a group that has processes may not share out what it has.
fn made_v2(root: &Path, own: &str, wish: &Wish, name: &str) -> io::Result<PathBuf> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "no control group of this kind");
    let base = [root.to_owned(), root.join("unified")]
        .into_iter()
        .find(|folder| folder.join("cgroup.controllers").is_file())
        .ok_or_else(missing)?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::"));
    let below = base.join(path.ok_or_else(missing)?.trim_start_matches('/'));
    let parent = match below.parent() {
        Some(parent) if below != base && below.is_dir() => parent.to_owned(),
        _ => base,
    };
    // It may be shared out already, by whom we may not write to.
    let shared = std::fs::read_to_string(parent.join("cgroup.subtree_control"))?;
    if !shared.split_whitespace().any(|one| one == wish.controller) {
        let wish = format!("+{}", wish.controller);
        std::fs::write(parent.join("cgroup.subtree_control"), wish)?;
    }
    made(&parent, name, &wish.v2)
}

fn made(parent: &Path, name: &str, lines: &[Line]) -> io::Result<PathBuf> {
    let folder = parent.join(format!("bridge-{name}"));
    match std::fs::create_dir(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    for line in lines {
        match std::fs::write(folder.join(line.file), &line.value) {
            Err(error) if !line.optional => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_in(root: &Path, own: &str) -> (Groups, Report) {
        let mut report = Report::default();
        let settings = CageSettings::default();
        let groups = Groups::make((root, own), &settings, &mut report);
        (groups, report)
    }

    #[test]
    fn groups_of_version_2_are_made_beside_the_own_one() {
        let root = tempfile::tempdir().unwrap();
        let unit = root.path().join("node.service");
        std::fs::create_dir_all(unit.join("node")).unwrap();
        std::fs::write(root.path().join("cgroup.controllers"), "cpu memory pids").unwrap();
        std::fs::write(unit.join("cgroup.subtree_control"), "cpu memory pids").unwrap();
        let (groups, report) = made_in(root.path(), "0::/node.service/node\n");
        assert_eq!(groups.folders, [unit.join("bridge-adapter")]);
        let said = |file| std::fs::read_to_string(unit.join("bridge-adapter").join(file)).unwrap();
        assert_eq!(report.refused_processes, None, "nothing counts them");
        let counts = unit.join("bridge-adapter/pids.events");
        std::fs::write(&counts, "max 0\n").unwrap();
        // What a killed cage left is used again, with the bounds of now.
        std::fs::write(unit.join("bridge-adapter/memory.max"), "max").unwrap();
        std::fs::write(unit.join("bridge-adapter/cpu.stat"), "usage_usec 0\n").unwrap();
        let (again, told) = made_in(root.path(), "0::/node.service/node\n");
        let group = unit.join("bridge-adapter");
        let usage = group.join("cpu.stat");
        assert_eq!(told.processor, Some(CpuGroup::of((group, usage))));
        assert_eq!(told.refused_processes, Some(counts));
        assert_eq!(again.folders, groups.folders);
        assert_eq!(said("memory.max"), (512 * 1024 * 1024).to_string());
        assert_eq!(
            (said("pids.max"), said("cpu.max")),
            ("64".to_owned(), "100000 100000".to_owned())
        );
        assert_eq!(
            report
                .lacking(&[Part::Memory, Part::Processes, Part::Cpu])
                .count(),
            0
        );
    }

    #[test]
    fn groups_of_version_1_are_made_below_the_own_one_and_without_any_nothing_is_given() {
        let root = tempfile::tempdir().unwrap();
        let folder = |part: &str| root.path().join(part).join("a/bridge-adapter");
        for controller in ["memory", "pids", "cpu", "cpuacct"] {
            std::fs::create_dir_all(folder(controller)).unwrap();
        }
        let usage = folder("cpuacct").join("cpuacct.usage");
        std::fs::write(&usage, "0").unwrap();
        let own = "4:memory:/a\n3:pids:/a\n2:cpuacct,cpu:/a\n0::/\n";
        let (groups, report) = made_in(root.path(), own);
        assert_eq!(
            groups.folders,
            ["memory", "pids", "cpu", "cpuacct"].map(folder)
        );
        assert_eq!(report.lacking(&Part::ALL).count(), 4);
        assert_eq!(
            report.processor,
            Some(CpuGroup::of((folder("cpu"), usage))),
            "counted beside what bounds it"
        );
        let (groups, report) = made_in(&root.path().join("none"), "0::/\n");
        assert_eq!((groups.folders.len(), report.given.len()), (0, 0));
    }
}
