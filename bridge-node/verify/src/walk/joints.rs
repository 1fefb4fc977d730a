//! What others hold of the log: the checkpoint that witnesses have cosigned, and the joints to the logs before and after.

use crate::epoch::{Follows, JointFault};
use crate::finding::{Finding, Findings};
use crate::folder::{self, FolderFault};
use crate::frame::as_u64;
use crate::leaf::{Leaf, LeafFault};
use crate::note::{COSIGNED_LIMIT_BYTES, Checkpoint, LogKey, NoteFault, open_own};
use crate::walk::Walk;
use crate::{Options, Report};

/// The checkpoint that the folder showed as cosigned when the reading began.
pub(super) struct Cosigned {
    /// As the log alone signed it.
    own: String,
    size: u64,
    seen: bool,
}

/// What is asked of the logs beside this one.
pub(super) struct Joints<'a> {
    options: &'a Options,
    /// Whether the log holds the checkpoint that the next one says it ended with.
    holds_end: bool,
    cosigned: Option<Cosigned>,
}

impl<'a> Joints<'a> {
    /// Reads the file `cosigned`; who signed it is judged at once.
    pub(super) fn read(
        folder: &std::path::Path,
        key: &LogKey,
        options: &'a Options,
        (report, findings): (&mut Report, &mut Findings),
    ) -> Self {
        let mut joints = Self {
            options,
            holds_end: options
                .followed_by
                .as_ref()
                .is_none_or(|next| next.last.size == 0),
            cosigned: None,
        };
        let note = match folder::read(folder, COSIGNED, as_u64(COSIGNED_LIMIT_BYTES)) {
            Ok(note) => note,
            Err(FolderFault::Missing(_)) => return joints,
            Err(fault) => {
                let file = COSIGNED.to_owned();
                findings.push(Finding::Folder { file, fault });
                return joints;
            }
        };
        let (checkpoint, own) = match open_own(&note, key) {
            Ok(opened) => opened,
            Err(fault) => {
                findings.push(finding(fault));
                return joints;
            }
        };
        let text = String::from_utf8_lossy(&note);
        let witnesses = options.witnesses.iter();
        report.cosigned = witnesses
            .filter_map(|witness| Some((witness.name().to_owned(), witness.time_on(&text)?)))
            .collect();
        report.cosigned_leaves = checkpoint.size;
        let (found, wanted) = (report.cosigned.len(), options.quorum);
        if found < wanted {
            findings.push(finding(NoteFault::Cosignatures { found, wanted }));
        }
        joints.cosigned = Some(Cosigned {
            own,
            size: checkpoint.size,
            seen: false,
        });
        joints
    }

    /// Takes a checkpoint that stands among the frames.
    pub(super) fn see(&mut self, note: &[u8], checkpoint: Checkpoint) {
        if let Some(cosigned) = &mut self.cosigned {
            cosigned.seen |= cosigned.own.as_bytes() == note;
        }
        let next = self.options.followed_by.as_ref();
        self.holds_end |= next.is_some_and(|next| next.last == checkpoint);
    }
}

impl Walk<'_> {
    /// Judges a leaf as the beginning of a log; returns what it says of the log before.
    pub(super) fn beginning(
        &self,
        index: u64,
        leaf: &Leaf<'_>,
    ) -> Result<Option<Follows>, LeafFault> {
        match Follows::of(leaf, &self.key) {
            Some(_) if index > 0 => Err(LeafFault::EpochPlace),
            said => said.transpose(),
        }
    }

    /// Judges the joints when all leaves were read.
    pub(super) fn finish_joints(&mut self) {
        let (options, held) = (self.joints.options, self.next);
        let mut faults = Vec::new();
        match &self.report.follows {
            Some(follows) => {
                let keys = &options.exchange_keys;
                if !keys.is_empty() && !follows.is_signed_by(keys) {
                    let key_id = follows.key_id.clone();
                    faults.push(JointFault::Signer { key_id });
                }
            }
            None if options.is_later && held > 0 => faults.push(JointFault::Unsaid),
            None => {}
        }
        if let Some(next) = options
            .followed_by
            .as_ref()
            .filter(|_| !self.joints.holds_end)
        {
            let size = next.last.size;
            faults.push(JointFault::NotHeld { size, held });
        }
        for fault in faults {
            self.findings.push(Finding::Joint(fault));
        }
        match &self.joints.cosigned {
            Some(cosigned) if !cosigned.seen && self.tree_known => {
                let size = cosigned.size;
                self.findings
                    .push(finding(NoteFault::NotHeld { size, held }));
            }
            None if options.quorum > 0 && self.report.checkpoints > 0 => {
                let fault = FolderFault::Missing("witnesses are named, and none has cosigned");
                let file = COSIGNED.to_owned();
                self.findings.push(Finding::Folder { file, fault });
            }
            Some(_) | None => {}
        }
    }
}

fn finding(fault: NoteFault) -> Finding {
    let file = COSIGNED.to_owned();
    Finding::Checkpoint {
        file,
        offset: 0,
        fault,
    }
}

const COSIGNED: &str = "cosigned";
