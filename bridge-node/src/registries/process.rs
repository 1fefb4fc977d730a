//! Programs in processes of their own: from settings to an adapter behind this executable's cage.

use std::ffi::OsString;
use std::sync::Arc;

use bridge_adapter::Adapter;
use bridge_adapter::package::Package;
use bridge_adapter_process::cage::CageSettings;
use bridge_adapter_process::{ProcessAdapter, ProcessConfig};

use super::of_adapter;
use crate::settings::{Fault, Limits, Process};

/// Checks a program's package. The program starts with the node, or with the first call.
pub(super) fn open(process: &Process, limits: &Limits) -> Result<Arc<dyn Adapter>, Vec<Fault>> {
    let faults = |list: Vec<bridge_adapter::Fault>| list.iter().map(of_adapter).collect::<Vec<_>>();
    let package = Package::load(&process.package).map_err(faults)?;
    let mut config = ProcessConfig::from_package(&package).map_err(faults)?;
    config
        .set_environment(&process.environment)
        .map_err(faults)?;
    config.cage = CageSettings {
        name: format!("{}-{}", config.name, process.cage.user),
        program_folder: config.folder.clone(),
        ..process.cage.clone()
    };
    if let Some(registry) = &process.registry {
        config.registry = Some(registry.clone());
    }
    let limit = config.answer_limit_bytes.unwrap_or(limits.body_bytes);
    config.answer_limit_bytes = Some(limit.min(limits.body_bytes));
    config.launcher = Some(match &process.executable {
        Some(executable) => vec![executable.into(), "cage".into()],
        None => launcher().map_err(|fault| vec![fault])?,
    });
    Ok(Arc::new(ProcessAdapter::new(config)))
}

/// What puts a program into a cage: this executable.
pub(crate) fn launcher() -> Result<Vec<OsString>, Fault> {
    let own = std::env::current_exe().map_err(|error| {
        let remedy = "start the node from a file that it can run again";
        Fault::new("adapter", error.to_string(), remedy)
    })?;
    Ok(vec![own.into(), "cage".into()])
}
