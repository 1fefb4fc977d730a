//! The time-stamps beside the log, held against the checkpoints among the frames.

use crate::bytes::sha256;
use crate::finding::Finding;
use crate::folder;
use crate::stamp::{StampFault, imprint};
use crate::walk::Walk;

impl Walk<'_> {
    /// Judges the stamps over a checkpoint that stands among the frames.
    pub(super) fn stamps_over(&mut self, note: &[u8], size: u64) {
        if !self.layout.stamps.remove(&size) {
            return;
        }
        let end = note.windows(2).position(|pair| pair == b"\n\n");
        let text = end.and_then(|end| note.get(..=end)).unwrap_or_default();
        if let Some(beside) = self.stamp_file(size, "checkpoint")
            && !(beside.starts_with(text) && beside.get(text.len()) == Some(&b'\n'))
        {
            self.stamp_finding(size, "checkpoint", StampFault::OtherCheckpoint);
        }
        let endings = if self.layout.stamped_again.contains(&size) {
            &["tsr", "again"][..]
        } else {
            &["tsr"]
        };
        let digest = sha256(&[text]);
        for ending in endings {
            let Some(response) = self.stamp_file(size, ending) else {
                continue;
            };
            match imprint(&response) {
                Some(stamped) if stamped == digest => {
                    self.report.stamps = self.report.stamps.saturating_add(1);
                    self.report.stamped_leaves = self.report.stamped_leaves.max(size);
                }
                Some(_) => self.stamp_finding(size, ending, StampFault::Imprint),
                None => self.stamp_finding(size, ending, StampFault::Form),
            }
        }
    }

    /// Judges the stamps over checkpoints that were not met.
    pub(super) fn finish_stamps(&mut self) {
        let held = self.next;
        for size in std::mem::take(&mut self.layout.stamps) {
            if self.tree_known {
                self.stamp_finding(size, "tsr", StampFault::NotHeld { size, held });
            }
        }
    }

    fn stamp_file(&mut self, size: u64, ending: &str) -> Option<Vec<u8>> {
        let file = name(size, ending);
        match folder::read(self.folder, &file, STAMP_LIMIT_BYTES) {
            Ok(bytes) => Some(bytes),
            // A node that writes meanwhile has stamped a newer checkpoint.
            Err(folder::FolderFault::Missing(_)) if ending == "again" => None,
            Err(fault) => {
                self.findings.push(Finding::Folder { file, fault });
                None
            }
        }
    }

    fn stamp_finding(&mut self, size: u64, ending: &str, fault: StampFault) {
        self.findings.push(Finding::Stamp {
            file: name(size, ending),
            fault,
        });
    }
}

fn name(size: u64, ending: &str) -> String {
    format!("stamps/{size:020}.{ending}")
}

/// The most that a node takes of an answer; a note is shorter.
const STAMP_LIMIT_BYTES: u64 = 1 << 20;
