//! Judges the time-stamp of a dossier: which messages' leaves were there when an authority stamped the log.

use bridge_certs::Moment;
use bridge_certs::stamp::{Expected, Stamp};
use bridge_journal::imprint;
use bridge_verify::{LogKey, Proof, open_cosigned, root_of_inclusion};

use super::super::{MESSAGES, STAMP};
use super::{Case, Logged, find, logged};

/// A stamp whose authority knows its time less well proves no time, milliseconds.
pub(super) const STAMP_ACCURACY_MS: u64 = 60_000;

/// When an authority had stamped the leaves of messages.
pub(super) struct Stamped {
    /// The messages by name.
    names: Vec<&'static str>,
    latest_ms: u64,
}

// === impl Stamped ===

impl Stamped {
    /// When the leaf of a message was there at the latest, Unix milliseconds.
    pub(super) fn of(&self, name: &str) -> Option<u64> {
        self.names.contains(&name).then_some(self.latest_ms)
    }
}

// === impl Case ===

impl Case<'_> {
    /// The stamp is over one checkpoint of the log, and the leaf of each message that is named is under that; returns what that
    /// proves.
    pub(super) fn stamp(&mut self, key: Option<&LogKey>, leaves: &[Logged]) -> Option<Stamped> {
        let entries = self.entries;
        // Without a key the receipts were faulted already.
        let (Some(response), Some(key)) = (find(entries, STAMP), key) else {
            return None;
        };
        let mut over = None;
        let mut proved = Vec::new();
        for name in MESSAGES {
            let file = format!("stamps/{name}.tlog-proof");
            let Some(text) = find(entries, &file) else {
                continue;
            };
            match under(&String::from_utf8_lossy(text), key, logged(name, leaves)) {
                Ok(imprint) if *over.get_or_insert(imprint) == imprint => proved.push(name),
                Ok(_) => self.fault(&file, "it is under another checkpoint"),
                Err(why) => self.fault(&file, why),
            }
        }
        let Some(imprint) = over else {
            self.fault(STAMP, "no proof says what was stamped");
            return None;
        };
        let expected = Expected {
            imprint,
            nonce: None,
            policy: None,
            clock: None,
            accuracy_ms: STAMP_ACCURACY_MS,
        };
        match Stamp::check(self.trust, response, &expected) {
            Ok(stamp) => {
                self.holds.push(format!(
                    "the log had the {} at {}, as a time-stamping authority says",
                    proved.join(" and the "),
                    Moment(stamp.time_ms / 1000)
                ));
                Some(Stamped {
                    names: proved,
                    latest_ms: stamp.latest_ms(),
                })
            }
            Err(error) => {
                self.fault(STAMP, crate::chain(&error));
                None
            }
        }
    }
}

/// The imprint of the checkpoint that a proof is under, if the proof is of this leaf.
fn under(text: &str, key: &LogKey, logged: Option<&Logged>) -> Result<[u8; 32], String> {
    let proof = Proof::parse(text).map_err(|fault| fault.to_string())?;
    let checkpoint =
        open_cosigned(proof.note.as_bytes(), key).map_err(|fault| fault.to_string())?;
    let is_under = logged.is_some_and(|one| {
        let root = root_of_inclusion(one.index, checkpoint.size, &one.leaf_hash, &proof.hashes);
        one.index == proof.index && root == Some(checkpoint.root)
    });
    if !is_under {
        return Err("it does not prove the message's leaf".to_owned());
    }
    imprint(proof.note.as_bytes()).ok_or_else(|| "it has no checkpoint".to_owned())
}
