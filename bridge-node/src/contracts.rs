//! The contract files of a node, loaded whole or not at all.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use bridge_core::contract::{Contract, Party, load};
use bridge_core::decision::Groups;
use bridge_core::identity::{ServiceId, SubsystemId};
use bridge_directory::Indexed;

use crate::settings::{Fault, Settings};

/// Contract files above this are refused, bytes.
const FILE_LIMIT: u64 = 1024 * 1024;

/// All contracts that this node holds.
#[derive(Debug, Default)]
pub struct Contracts {
    by_service: HashMap<ServiceId, Vec<Arc<Contract>>>,
    ids: HashSet<String>,
}

// === impl Contracts ===

impl Contracts {
    /// Loads every `*.json` of a folder.
    ///
    /// # Errors
    ///
    /// All faults of all files; one bad contract stops the load, so that a right is never missing by accident.
    pub fn load(folder: &Path) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut contracts = Self::default();
        let mut paths: Vec<_> = match std::fs::read_dir(folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(error) => {
                return Err(vec![Fault::new(
                    folder.display().to_string(),
                    format!("cannot be read: {error}"),
                    "create the folder and let the node's user read it",
                )]);
            }
        };
        paths.retain(|path| path.extension().is_some_and(|ext| ext == "json"));
        paths.sort();
        for path in paths {
            if let Some(contract) = read(&path, &mut faults) {
                contracts.add(&path, Arc::new(contract), &mut faults);
            }
        }
        if faults.is_empty() {
            Ok(contracts)
        } else {
            Err(faults)
        }
    }

    fn add(&mut self, path: &Path, contract: Arc<Contract>, faults: &mut Vec<Fault>) {
        let id = contract.id().to_owned();
        if !self.ids.insert(id.clone()) {
            faults.push(Fault::new(
                path.display().to_string(),
                format!("contract id `{id}` is used by another file too"),
                "keep one version of a contract in the folder",
            ));
        }
        self.by_service
            .entry(contract.service().clone())
            .or_default()
            .push(contract);
    }

    /// Contracts about one service.
    pub fn about(&self, service: &ServiceId) -> &[Arc<Contract>] {
        self.by_service.get(service).map_or(&[], Vec::as_slice)
    }

    /// Whether there is one with this id.
    pub fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// All of them, by service.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Contract>> {
        self.by_service.values().flatten()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// Reads one contract file; its faults are added to the list.
pub fn read(path: &Path, faults: &mut Vec<Fault>) -> Option<Contract> {
    let place = path.display().to_string();
    let bytes = std::fs::metadata(path).and_then(|meta| match meta.len() {
        0..=FILE_LIMIT => std::fs::read(path),
        _ => Err(std::io::Error::other(format!(
            "longer than {FILE_LIMIT} bytes"
        ))),
    });
    match bytes {
        Ok(bytes) => match load(&bytes) {
            Ok(contract) => Some(contract),
            Err(list) => {
                faults.extend(list.into_iter().map(|fault| {
                    let place = match fault.place.as_str() {
                        "" => place.clone(),
                        within => format!("{place}: {within}"),
                    };
                    Fault::new(place, fault.fault.to_string(), fault.remedy)
                }));
                None
            }
        },
        Err(error) => {
            faults.push(Fault::new(
                place,
                error.to_string(),
                "give a readable contract file",
            ));
            None
        }
    }
}

/// Group membership: global groups from the directory, local ones from the settings.
#[derive(Debug)]
pub struct KnownGroups<'a> {
    /// The directory in force.
    pub directory: &'a Indexed,
    /// The settings in force.
    pub settings: &'a Settings,
}

impl Groups for KnownGroups<'_> {
    fn global(&self, group: &str, subsystem: &SubsystemId) -> bool {
        self.directory.in_group(group, subsystem)
    }

    fn local(&self, group: &str, subsystem: &SubsystemId) -> bool {
        self.settings
            .local_groups
            .get(group)
            .is_some_and(|members| members.contains(subsystem))
    }
}

/// Whether a contract is with this subsystem.
pub fn is_party(contract: &Contract, client: &SubsystemId, groups: &dyn Groups) -> bool {
    match contract.consumer() {
        Party::Subsystem(subsystem) => subsystem == client,
        Party::GlobalGroup(group) => groups.global(group, client),
        Party::LocalGroup(group) => groups.local(group, client),
    }
}
