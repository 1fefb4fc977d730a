//! The way through a folder: every file once, in the order of the log.

use std::collections::BTreeMap;
use std::path::Path;

use ring::aead::LessSafeKey;

use crate::bytes::Hash;
use crate::finding::{Finding, Findings};
use crate::folder::{self, FolderFault, Layout, beside_name};
use crate::frame::as_u64;
use crate::note::{self, LogKey, NOTE_LIMIT_BYTES, NoteFault, VKEY_LIMIT_BYTES};
use crate::secrets::{SecretsFault, aead_key, slot_offset};
use crate::segment::{SEGMENT_LIMIT_BYTES, SegmentFault};
use crate::tree::Tree;
use crate::{Options, Progress, Report, Seen};

mod batch;
mod beside;
mod exchanges;
mod joints;
mod segment;
mod stage;
mod stamps;

use beside::Indexed;
use exchanges::Exchanges;
use joints::Joints;

/// What is known of the log up to the last commit that was read.
pub(crate) struct Walk<'a> {
    folder: &'a Path,
    key: LogKey,
    evidence_key: Option<LessSafeKey>,
    layout: Layout,
    findings: Findings,
    report: Report,
    tree: Tree,
    /// False after damage that hides leaves: sizes, roots and tiles can't be known from there on.
    tree_known: bool,
    /// Index of the next leaf.
    next: u64,
    last_commit: Option<Hash>,
    /// Time of the newest leaf; none before the first, and after a leaf that can't be read.
    newest_ms: Option<u64>,
    /// Leaves by the last commit, less leaves held; a difference is reported where it changes.
    size_drift: u64,
    told: Told,
    published: Option<Published>,
    joints: Joints<'a>,
    /// Whether the last segment may end in the pieces of a write.
    open_ended: bool,
    newest_note_size: u64,
    /// How many checkpoints had to be published before the last segment began.
    settled_notes: u64,
    exchanges: Exchanges,
    indexes: BTreeMap<u64, Indexed>,
    /// Records with an empty slot that no leaf has explained yet, and the segment of each.
    erased: BTreeMap<u64, u64>,
    /// Who is shown the leaves, if anybody.
    each: Option<Each<'a>>,
}

/// Is shown the leaves.
pub(crate) type Each<'a> = &'a mut dyn FnMut(Seen<'_>);

/// Faults that were reported and that all later places would repeat.
#[derive(Debug, Default)]
struct Told {
    root: bool,
    note_root: bool,
}

/// The checkpoint that the folder showed when the reading began.
struct Published {
    note: Vec<u8>,
    size: u64,
    /// Which of the checkpoints in the segments it is, counted from 1.
    seen: Option<u64>,
}

/// Checks a whole folder.
pub(crate) fn run<'a>(
    folder: &'a Path,
    options: &'a Options,
    progress: &mut dyn FnMut(Progress),
    mut each: Option<Each<'a>>,
) -> Result<Report, Vec<Finding>> {
    let mut findings = Findings::default();
    let Some(key) = read_key(folder, options, &mut findings) else {
        return Err(findings.finish());
    };
    // The published checkpoint first, then the lists, then the segments: a node that writes meanwhile
    // writes in the other order, so that nothing seen early can lack what it rests on.
    let published = read_published(folder, &key, &mut findings);
    let mut report = Report {
        origin: key.origin().to_owned(),
        vkey: key.vkey().to_owned(),
        ..Report::default()
    };
    let joints = Joints::read(folder, &key, options, (&mut report, &mut findings));
    if let Some(each) = &mut each {
        each(Seen::Log {
            origin: key.origin(),
            vkey: key.vkey(),
            published: published
                .as_ref()
                .map(|one| (one.note.as_slice(), one.size)),
        });
    }
    let layout = Layout::read(folder, &mut findings);
    let mut walk = Walk {
        folder,
        evidence_key: options.evidence_key.as_ref().and_then(aead_key),
        layout,
        findings,
        report,
        key,
        tree: Tree::default(),
        tree_known: true,
        next: 0,
        last_commit: Some([0; 32]),
        newest_ms: None,
        size_drift: 0,
        told: Told::default(),
        published,
        joints,
        open_ended: false,
        newest_note_size: 0,
        settled_notes: 0,
        exchanges: Exchanges::default(),
        indexes: BTreeMap::new(),
        erased: BTreeMap::new(),
        each,
    };
    walk.segments(progress);
    walk.finish()
}

impl Walk<'_> {
    fn segments(&mut self, progress: &mut dyn FnMut(Progress)) {
        let firsts: Vec<u64> = self.layout.segments.iter().copied().collect();
        if firsts.is_empty() {
            let fault = FolderFault::Missing("a journal has at least one segment");
            self.findings.push(Finding::Folder {
                file: "segments".to_owned(),
                fault,
            });
        }
        let length = |first: &u64| {
            let path = self.folder.join(beside_name(*first, "segment"));
            std::fs::metadata(path).map_or(0, |seen| seen.len())
        };
        let bytes_total = firsts.iter().map(length).fold(0, u64::saturating_add);
        let mut bytes = 0_u64;
        for (position, first) in firsts.iter().enumerate() {
            let following = firsts.len() - position - 1;
            // While this segment is judged, the next one comes from the disk.
            let ahead = firsts.get(position + 1).and_then(|next| {
                let path = self.folder.join(beside_name(*next, "segment"));
                let warm = move || folder::warm(&path, SEGMENT_LIMIT_BYTES);
                std::thread::Builder::new().spawn(warm).ok()
            });
            let read = self.segment(*first, following, &mut |leaves, read| {
                progress(Progress {
                    leaves,
                    bytes: bytes.saturating_add(read),
                    bytes_total,
                });
            });
            // It only hastens what is read and judged anyway.
            drop(ahead.map(std::thread::JoinHandle::join));
            bytes = bytes.saturating_add(read);
            progress(Progress {
                leaves: self.next,
                bytes,
                bytes_total,
            });
        }
    }

    /// What can only be judged when all leaves were seen.
    fn finish(mut self) -> Result<Report, Vec<Finding>> {
        self.finish_indexes();
        for (index, first) in std::mem::take(&mut self.erased) {
            self.erased_finding(index, first);
        }
        self.finish_published();
        self.finish_joints();
        self.finish_stamps();
        if self.tree_known {
            self.layout
                .check_tiles(self.tree.size(), &mut self.findings);
        }
        let findings = self.findings.finish();
        if findings.is_empty() {
            self.report.leaves = self.tree.size();
            self.report.root = self.tree.root();
            self.report.newest_ms = self.newest_ms.unwrap_or(0);
            self.report.signed_leaves = self.newest_note_size;
            Ok(self.report)
        } else {
            Err(findings)
        }
    }

    fn finish_published(&mut self) {
        // The file follows the frames from afar while a node works or after it was killed, but no segment begins, and none is closed,
        // before the newest checkpoint until then is in the file.
        let due = if self.open_ended {
            self.settled_notes
        } else {
            self.report.checkpoints
        };
        let now = folder::read(self.folder, PUBLISHED, as_u64(NOTE_LIMIT_BYTES)).ok();
        let fault = match &self.published {
            Some(Published {
                size, seen: None, ..
            }) => self.tree_known.then_some(NoteFault::NotHeld {
                size: *size,
                held: self.next,
            }),
            Some(Published {
                size,
                seen: Some(seen),
                note,
            }) => {
                // A node that writes meanwhile has exchanged it since.
                let stands = now.as_ref() == Some(note);
                let newest = self.newest_note_size;
                (self.tree_known && stands && due > *seen).then_some(NoteFault::Old {
                    size: *size,
                    newest,
                })
            }
            None => {
                if due > 0 && now.is_none() {
                    let fault = "the segments hold checkpoints, so one was published";
                    let fault = FolderFault::Missing(fault);
                    self.findings.push(Finding::Folder {
                        file: PUBLISHED.to_owned(),
                        fault,
                    });
                }
                None
            }
        };
        if let Some(fault) = fault {
            let file = PUBLISHED.to_owned();
            self.findings.push(Finding::Checkpoint {
                file,
                offset: 0,
                fault,
            });
        }
    }

    /// Reports damage that hides what follows, and gives up what can't be known any more.
    fn lose(&mut self, file: &str, offset: u64, fault: SegmentFault) {
        self.segment_finding(file, offset, fault);
        self.tree_known = false;
        self.last_commit = None;
        self.newest_ms = None;
    }

    /// Reports an empty slot that no leaf explains.
    fn erased_finding(&mut self, index: u64, first: u64) {
        let file = beside_name(first, "secrets");
        let offset = slot_offset(index.saturating_sub(first));
        let fault = SecretsFault::Erased { index };
        self.findings.push(Finding::Secrets {
            file,
            offset,
            fault,
        });
    }

    fn segment_finding(&mut self, file: &str, offset: u64, fault: SegmentFault) {
        self.findings.push(Finding::Segment {
            file: file.to_owned(),
            offset,
            fault,
        });
    }
}

/// Finds the key to check by, and that the folder agrees with it.
fn read_key(folder: &Path, options: &Options, findings: &mut Findings) -> Option<LogKey> {
    let folder_fault = |fault| Finding::Folder {
        file: ORIGIN.to_owned(),
        fault,
    };
    let given = match options.vkey.as_deref().map(LogKey::parse).transpose() {
        Ok(given) => given,
        Err(fault) => {
            findings.push(Finding::Key {
                file: "the given key".to_owned(),
                fault,
            });
            return None;
        }
    };
    let limit = u64::try_from(2 * VKEY_LIMIT_BYTES).unwrap_or(u64::MAX);
    let text = match folder::read(folder, ORIGIN, limit).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            findings.push(folder_fault(FolderFault::OriginForm));
            return given;
        }
        Err(fault) => {
            findings.push(folder_fault(fault));
            return given;
        }
    };
    let lines: Vec<&str> = text.split('\n').collect();
    let [origin, vkey, ""] = lines.as_slice() else {
        findings.push(folder_fault(FolderFault::OriginForm));
        return given;
    };
    if options.vkey.as_deref().is_some_and(|given| given != *vkey) {
        findings.push(folder_fault(FolderFault::OriginKey));
    }
    let key = match LogKey::parse(vkey) {
        Ok(key) => key,
        Err(fault) => {
            findings.push(Finding::Key {
                file: ORIGIN.to_owned(),
                fault,
            });
            return given;
        }
    };
    if key.origin() != *origin {
        findings.push(folder_fault(FolderFault::OriginName));
    }
    Some(given.unwrap_or(key))
}

/// Reads the file `checkpoint`; an absent one is judged when it is known whether there should be one.
fn read_published(folder: &Path, key: &LogKey, findings: &mut Findings) -> Option<Published> {
    let note = match folder::read(folder, PUBLISHED, as_u64(NOTE_LIMIT_BYTES)) {
        Ok(note) => note,
        Err(FolderFault::Missing(_)) => return None,
        Err(fault) => {
            findings.push(Finding::Folder {
                file: PUBLISHED.to_owned(),
                fault,
            });
            return None;
        }
    };
    match note::open(&note, key) {
        Ok(checkpoint) => Some(Published {
            note,
            size: checkpoint.size,
            seen: None,
        }),
        Err(fault) => {
            findings.push(Finding::Checkpoint {
                file: PUBLISHED.to_owned(),
                offset: 0,
                fault,
            });
            None
        }
    }
}

/// How many segments follow one whose work behind the leaves must be finished.
const SETTLED_AFTER: usize = 2;

const ORIGIN: &str = "origin";

const PUBLISHED: &str = "checkpoint";
