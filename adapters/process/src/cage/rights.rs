//! Giving up rights: user, groups, capabilities, and ever getting more; limits of a single process.

use rustix::io;
use rustix::process::{Gid, Resource, Rlimit, Uid, setpriority_process, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::{CageError, CageSettings, Part, Report};

/// A program yields to everything else where no control group weighs it.
const NICE: i32 = 19;

/// Bounds each single process, and tells which parts that gives where no control group does.
pub(super) fn limit(settings: &CageSettings, report: &mut Report) -> Result<(), CageError> {
    let both = |most| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    let set = |resource, most| {
        setrlimit(resource, both(most))
            .map_err(|error| CageError::new(format!("limit {resource:?}"), error))
    };
    set(Resource::Nofile, settings.open_files)?;
    set(Resource::Fsize, settings.file_bytes)?;
    // A core would hold what was asked and answered. With 0 a system that pipes cores to a program still would; with 1 there is none.
    // See core(5).
    set(Resource::Core, 1)?;
    set(Resource::Memlock, 0)?;
    set(Resource::Msgqueue, 0)?;
    // Where a group counts what it refuses, this limit would come before it, and nothing would be counted.
    if report.refused_processes.is_none() {
        set(Resource::Nproc, settings.processes)?;
    }
    if !report.given.contains_key(&Part::Processes) {
        let how = format!("{} of its user, by a process limit", settings.processes);
        report.give(Part::Processes, how);
    }
    if !report.given.contains_key(&Part::Memory) {
        report.memory_of_process = true;
        let mib = settings.memory_bytes / (1024 * 1024);
        report.give(
            Part::Memory,
            format!("{mib} MiB a process, by a process limit"),
        );
    }
    if !report.given.contains_key(&Part::Cpu) {
        set(Resource::Cpu, settings.cpu_seconds)?;
        setpriority_process(None, NICE).map_err(|error| CageError::new("priority", error))?;
        let seconds = settings.cpu_seconds;
        report.give(
            Part::Cpu,
            format!("lowest priority and {seconds} s a process, by a process limit"),
        );
    }
    Ok(())
}

/// Becomes a user that owns nothing, without a way back.
pub(super) fn become_user(user: u32) -> Result<(), CageError> {
    let step = |what: &'static str| move |error: io::Errno| CageError::new(what, error);
    bound_capabilities();
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    set_thread_groups(&[]).map_err(step("groups cannot be given up"))?;
    set_thread_res_gid(gid, gid, gid).map_err(step("the group cannot be set"))?;
    set_thread_res_uid(uid, uid, uid).map_err(step("the user cannot be set"))?;
    if set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_ok() {
        return Err(CageError::said("the former user can be had back"));
    }
    has_no_capability()
}

/// Gives up what is allowed in a user namespace of its own, whose only user it stays.
pub(super) fn give_up_capabilities() -> Result<(), CageError> {
    bound_capabilities();
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).map_err(|error| CageError::new("capabilities", error))?;
    has_no_capability()
}

fn has_no_capability() -> Result<(), CageError> {
    let sets = capabilities(None).map_err(|error| CageError::new("capabilities", error))?;
    if sets.permitted.is_empty() && sets.effective.is_empty() {
        return Ok(());
    }
    Err(CageError::said("a capability is left"))
}

/// Nothing that is run may bring rights along.
pub(super) fn no_new_rights() -> Result<(), CageError> {
    set_no_new_privs(true).map_err(|error| CageError::new("no_new_privs", error))
}

/// No program, whoever owns it, gives these back. The kernel knows fewer than there is room for.
fn bound_capabilities() {
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        let _unknown = remove_capability_from_bounding_set(capability);
    }
}
