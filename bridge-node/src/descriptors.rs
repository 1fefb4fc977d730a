//! How many files and connections the system lets this process have open.
//!
//! Systems grant a small number at first and more to whoever asks. A node that runs out takes no connection, reads no
//! directory and begins no segment, so it asks for all that it may have, and says when that is less than its settings promise.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::settings::Limits;

/// Listeners whose connections are counted by the settings: callers, by TLS and on loopback, and other nodes.
const LISTENERS: u64 = 3;
/// Segments, tiles of a segment that is sealed, spooled bodies, sockets of commands, the log.
const BESIDE: u64 = 384;

/// Asks for as many open files as the system allows, and warns if the settings promise more.
pub(crate) fn ask_for_all(limits: &Limits) {
    let granted = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: granted.maximum,
        maximum: granted.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::warn!(%error, "the system does not grant more open files");
    }
    let (have, need) = (getrlimit(Resource::Nofile).current, needed(limits));
    if let Some(have) = have.filter(|have| *have < need) {
        tracing::warn!(
            have,
            need,
            "the system allows fewer open files than limits.connections, strangers and exchanges may take: raise its \
             limit (LimitNOFILE= of the unit, ulimit -Hn) or lower them"
        );
    }
}

/// Each exchange has a connection to the other end, and perhaps a spooled body each way.
fn needed(limits: &Limits) -> u64 {
    let many = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let connections = many(limits.strangers).saturating_add(many(limits.connections));
    connections
        .saturating_mul(LISTENERS)
        .saturating_add(many(limits.exchanges).saturating_mul(2 * 3))
        .saturating_add(BESIDE)
}
