//! A service by a program in a process of its own: which package, where its registry is, and what its cage allows and demands.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bridge_adapter_process::RegistryAddress;
use bridge_adapter_process::cage::{CageSettings, Part, USERS};
use serde::Deserialize;

use super::parts::Check;
use super::{Fault, Service, Source, raw};

const MIB: u64 = 1024 * 1024;

/// A program and what it is allowed.
#[derive(Debug, Clone)]
pub struct Process {
    /// Folder of the registry package.
    pub package: PathBuf,
    /// Where the registry is, instead of where the package says.
    pub registry: Option<RegistryAddress>,
    /// What more the program finds in its environment.
    pub environment: BTreeMap<String, String>,
    /// What the cage allows and demands. Its name and its folders come with the package.
    pub cage: CageSettings,
    /// The program whose command `cage` makes the cage; the running one if it is none.
    pub executable: Option<PathBuf>,
}

/// `cage` of a service, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawCage {
    executable: Option<String>,
    demand: Option<Vec<String>>,
    user: Option<u32>,
    reads: Vec<String>,
    memory_mib: Option<u64>,
    private_mib: Option<u64>,
    file_mib: Option<u64>,
    data_mib: Option<u64>,
    data_files: Option<u64>,
    data_free_mib: Option<u64>,
    processes: Option<u64>,
    open_files: Option<u64>,
    cpu_percent: Option<u64>,
    unasked_seconds: Option<u64>,
}

impl Check<'_> {
    pub(super) fn process(&mut self, place: &str, raw: &raw::Service) -> Option<Source> {
        let Some(package) = &raw.package else {
            self.fault(place, "lacks package", "adapter process needs its path");
            return None;
        };
        let package = self.existing(&format!("{place}.package"), package);
        let form = "write host:port, or the path of a Unix socket";
        let registry = raw.registry.as_ref();
        let registry =
            registry.and_then(|text| self.parse(&format!("{place}.registry"), text, form));
        let none = RawCage::default();
        let raw_cage = raw.cage.as_ref().unwrap_or(&none);
        let cage = self.cage(&format!("{place}.cage"), raw_cage);
        let data = raw.data.as_ref();
        let data = data.map(|path| self.existing(&format!("{place}.data"), path));
        let cage = CageSettings { data, ..cage };
        let executable = raw_cage.executable.as_ref();
        let executable =
            executable.map(|path| self.existing(&format!("{place}.cage.executable"), path));
        Some(Source::Process(Box::new(Process {
            package,
            registry,
            environment: raw.environment.clone().unwrap_or_default(),
            cage,
            executable,
        })))
    }

    /// What can be said of programs when all are known.
    pub(super) fn programs(&mut self, services: &mut [Service], (data, keys): (&Path, &str)) {
        give_users(services, data, self.faults);
        let own = [
            data.to_owned(),
            self.folder.join(keys),
            self.folder.to_owned(),
        ];
        keep_data_apart(services, &own, self.faults);
    }

    fn cage(&mut self, place: &str, raw: &RawCage) -> CageSettings {
        let reads = raw.reads.iter().enumerate();
        let reads = reads.map(|(i, path)| self.existing(&format!("{place}.reads[{i}]"), path));
        let mut cage = CageSettings {
            reads: reads.collect(),
            demand: self.demand(&format!("{place}.demand"), raw.demand.as_deref()),
            user: self.user_of_cage(&format!("{place}.user"), raw.user),
            ..CageSettings::default()
        };
        let mib = |low: u64| (low, 1024 * 1024, MIB);
        for (key, given, (low, high, unit), own) in [
            (
                "memory_mib",
                raw.memory_mib,
                mib(16),
                &mut cage.memory_bytes,
            ),
            (
                "private_mib",
                raw.private_mib,
                mib(1),
                &mut cage.private_bytes,
            ),
            ("file_mib", raw.file_mib, mib(1), &mut cage.file_bytes),
            ("data_mib", raw.data_mib, mib(1), &mut cage.data_bytes),
            (
                "data_files",
                raw.data_files,
                (1, 1_000_000, 1),
                &mut cage.data_files,
            ),
            (
                "data_free_mib",
                raw.data_free_mib,
                mib(0),
                &mut cage.data_free_bytes,
            ),
            (
                "processes",
                raw.processes,
                (4, 32_768, 1),
                &mut cage.processes,
            ),
            (
                "open_files",
                raw.open_files,
                (64, 65_536, 1),
                &mut cage.open_files,
            ),
            (
                "cpu_percent",
                raw.cpu_percent,
                (5, 100_000, 1),
                &mut cage.cpu_percent,
            ),
            (
                "unasked_seconds",
                raw.unasked_seconds,
                (1, 86_400, 1),
                &mut cage.unasked_seconds,
            ),
        ] {
            let value = self.within(&format!("{place}.{key}"), given, *own / unit, (low, high));
            *own = value.saturating_mul(unit);
        }
        cage
    }

    fn user_of_cage(&mut self, place: &str, given: Option<u32>) -> u32 {
        if given.is_some_and(|user| user < 1000) {
            self.fault(
                place,
                "is a user of the system",
                "give the number of a user that owns nothing, above 1000, or leave it out",
            );
        }
        // None yet: see `give_users`.
        given.unwrap_or_default()
    }

    fn within(
        &mut self,
        place: &str,
        given: Option<u64>,
        usual: u64,
        (low, high): (u64, u64),
    ) -> u64 {
        let value = given.unwrap_or(usual);
        if !(low..=high).contains(&value) {
            let remedy = format!("give {low} to {high} (default {usual})");
            self.fault(place, format!("{value} is out of range"), &remedy);
        }
        value
    }

    fn demand(&mut self, place: &str, words: Option<&[String]>) -> Vec<Part> {
        let Some(words) = words else {
            return Part::ALL.to_vec();
        };
        let mut demand = Vec::new();
        for word in words {
            if let Ok(part) = word.parse() {
                demand.push(part);
                continue;
            }
            let known = Part::ALL.map(Part::as_str).join(", ");
            self.fault(
                place,
                format!("`{word}` is no part of a cage"),
                &format!("use of: {known}"),
            );
        }
        demand
    }
}

/// Gives each program a user of its own: two with one user could harm each other. It stays the same from start to start.
fn give_users(services: &mut [Service], data_folder: &Path, faults: &mut Vec<Fault>) {
    let mut taken = BTreeSet::new();
    for service in services.iter() {
        let Source::Process(process) = &service.source else {
            continue;
        };
        let user = process.cage.user;
        if user != 0 && !taken.insert(user) {
            faults.push(Fault::new(
                format!("{}.cage.user", service.place),
                format!("{user} is another program's"),
                "give each program a user of its own, or leave the users out",
            ));
        }
    }
    for service in services {
        let Source::Process(process) = &mut service.source else {
            continue;
        };
        if process.cage.user == 0 {
            // Nodes of one machine shall not meet.
            let mut from = data_folder.as_os_str().as_encoded_bytes().to_vec();
            from.extend_from_slice(process.package.as_os_str().as_encoded_bytes());
            process.cage.user = free_user(&from, &taken);
            taken.insert(process.cage.user);
        }
    }
}

/// What a program may write to is its own alone. In a folder of the node's, of its package or of another program's it could change what
/// they go by: the address of its registry, its own checks, a key. `own` are the node's: data, keys, settings.
fn keep_data_apart(services: &mut [Service], own: &[PathBuf], faults: &mut Vec<Fault>) {
    let real = |path: &PathBuf| {
        let found = path
            .canonicalize()
            .or_else(|_absent| std::path::absolute(path));
        found.unwrap_or_else(|_none| path.clone())
    };
    let own: Vec<PathBuf> = own.iter().map(real).collect();
    let mut others: Vec<PathBuf> = Vec::new();
    for service in services {
        let Source::Process(process) = &mut service.source else {
            continue;
        };
        let Some(data) = process.cage.data.as_ref().map(real) else {
            continue;
        };
        let in_data = |path: &PathBuf| path.starts_with(&data);
        // Settings and keys may lie above, as they do above everything.
        let in_own = own.first().is_some_and(|path| data.starts_with(path));
        let problem = if data.exists() && !data.is_dir() {
            Some("is no folder")
        } else if in_own || own.iter().any(in_data) || in_data(&real(&process.package)) {
            Some(
                "holds, or lies in, what the node goes by: its data, keys, settings or the package",
            )
        } else if others
            .iter()
            .any(|path| in_data(path) || data.starts_with(path))
        {
            Some("is another program's")
        } else {
            None
        };
        if let Some(problem) = problem {
            faults.push(Fault::new(
                format!("{}.data", service.place),
                problem,
                "give the program an empty folder of its own",
            ));
        }
        others.push(data.clone());
        process.cage.data = Some(data);
    }
}

/// The first user that is free, from one that the text gives.
fn free_user(text: &[u8], taken: &BTreeSet<u32>) -> u32 {
    let count = USERS.end.saturating_sub(USERS.start);
    let first = crc32fast::hash(text).checked_rem(count).unwrap_or_default();
    (first..count)
        .chain(0..first)
        .map(|offset| USERS.start.saturating_add(offset))
        .find(|user| !taken.contains(user))
        .unwrap_or(USERS.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_gets_a_user_of_its_own() {
        let mut taken = BTreeSet::new();
        for _ in 0..20 {
            let user = free_user(b"/srv/node/data/srv/referrals", &taken);
            assert!(USERS.contains(&user));
            assert!(taken.insert(user), "{user} was given twice");
        }
    }
}
