//! What Linux says of this process. A value that cannot be read is 0: metrics are no reason to fail.

use std::fs::{read_dir, read_to_string};

/// Memory in use, bytes.
pub(super) fn resident_bytes() -> u64 {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

/// Files and sockets held open.
pub(super) fn open_files() -> u64 {
    read_dir("/proc/self/fd").map_or(0, |list| list.count() as u64)
}

/// Processor time used, seconds.
pub(super) fn cpu_seconds() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let whole = u64::try_from(used.tv_sec).unwrap_or(0);
    let parts = u32::try_from(used.tv_nsec).unwrap_or(0);
    std::time::Duration::new(whole, parts).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_files_and_time() {
        assert!(resident_bytes() > 1024 * 1024);
        assert!(open_files() >= 3);
        let before = cpu_seconds();
        let sum: u64 = (0..2_000_000_u64).map(std::hint::black_box).sum();
        assert!(sum > 0 && cpu_seconds() > before);
    }
}
