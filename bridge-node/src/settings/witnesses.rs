//! `[witnesses]`: how this node has its checkpoints cosigned. Who cosigns them, the directory says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use serde::Deserialize;

use super::Fault;

/// How witnesses are asked.
#[derive(Debug, Clone)]
pub struct Witnesses {
    /// How often, while anything is new.
    pub every: Duration,
    /// How long one of them may take to answer.
    pub answer: Duration,
    /// How long they may take before a journal is opened.
    pub start: Duration,
    /// How long leaves may wait for cosignatures before exchanges are refused.
    pub tolerated: Duration,
    /// TLS towards witnesses at `https://` addresses.
    pub tls: Option<Arc<ClientConfig>>,
}

/// `[witnesses]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawWitnesses {
    every_seconds: Option<u64>,
    answer_seconds: Option<u64>,
    start_seconds: Option<u64>,
    tolerated_seconds: Option<u64>,
    anchors: Option<String>,
}

// === impl Witnesses ===

impl Witnesses {
    pub(super) fn check(raw: &RawWitnesses, folder: &Path, faults: &mut Vec<Fault>) -> Self {
        let mut seconds = |key: &str, given: Option<u64>, (default, high): (u64, u64)| {
            let value = given.unwrap_or(default);
            if !(1..=high).contains(&value) {
                faults.push(Fault::new(
                    format!("witnesses.{key}"),
                    format!("{value} is out of range"),
                    format!("give 1 to {high} (default {default})"),
                ));
            }
            Duration::from_secs(value)
        };
        let new = Self {
            // A receipt can be proved to a stranger that soon.
            every: seconds("every_seconds", raw.every_seconds, (5, 3600)),
            answer: seconds("answer_seconds", raw.answer_seconds, (10, 120)),
            // A start that nobody confirms is not much longer than others.
            start: seconds("start_seconds", raw.start_seconds, (15, 600)),
            // A working morning without the network of the witnesses.
            tolerated: seconds(
                "tolerated_seconds",
                raw.tolerated_seconds,
                (14_400, 604_800),
            ),
            tls: None,
        };
        let tls = raw.anchors.as_ref().and_then(|path| {
            crate::tls::web_client(&folder.join(path))
                .map_err(|error| {
                    faults.push(Fault::new(
                        "witnesses.anchors",
                        crate::chain(&error),
                        "give a PEM file of the authorities that witnesses' web certificates are from",
                    ));
                })
                .ok()
        });
        Self { tls, ..new }
    }
}
