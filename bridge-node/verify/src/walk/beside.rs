//! What lies beside a segment: its keys, secrets and index run.

use crate::bytes::{Hash, sha256};
use crate::finding::Finding;
use crate::folder::{self, FolderFault, beside_name};
use crate::frame::as_u64;
use crate::index::IndexFault;
use crate::leaf::LeafFault;
use crate::secrets::{SecretsFault, Slots, Source, segment_key};
use crate::walk::batch::Current;
use crate::walk::{SETTLED_AFTER, Walk};

/// The index run of a sealed segment.
#[derive(Debug)]
pub(super) struct Indexed {
    /// The digest at the end of the file, if there is one.
    digest: Option<Hash>,
    /// Whether a leaf has named it.
    named: bool,
    /// How many segments follow its own.
    following: usize,
}

impl Walk<'_> {
    /// Opens what holds the secrets of a segment.
    pub(super) fn source(&mut self, first: u64) -> Source {
        let origin = self.key.origin();
        let evidence_key = self.evidence_key.as_ref();
        let slots = || Slots::open(self.folder, origin, first, evidence_key).map(Source::Sealed);
        let (name, source) = if self.layout.secrets.contains(&first) {
            ("secrets", slots())
        } else if self.layout.keys.contains(&first) {
            let key = evidence_key.map(|key| segment_key(self.folder, origin, first, key));
            match key.transpose() {
                // The node has sealed the segment since the folder was listed.
                Err(SecretsFault::Missing) => ("secrets", slots()),
                key => ("key", key.map(Source::Open)),
            }
        } else {
            return Source::None;
        };
        source.unwrap_or_else(|fault| {
            self.secrets_finding(first, name, fault);
            Source::None
        })
    }

    fn secrets_finding(&mut self, first: u64, extension: &str, fault: SecretsFault) {
        self.findings.push(Finding::Secrets {
            file: beside_name(first, extension),
            offset: 0,
            fault,
        });
    }

    /// Judges the files beside a segment that was read to its end.
    pub(super) fn beside(&mut self, current: &mut Current, sealed: bool) {
        let (first, following) = (current.first, current.following);
        let has_key = self.layout.keys.contains(&first);
        let has_secrets = self.layout.secrets.contains(&first);
        if !sealed {
            if has_secrets && following == 0 {
                self.secrets_finding(first, "secrets", SecretsFault::Early);
            }
            if current.has_secrets && !has_key && !has_secrets {
                self.secrets_finding(first, "key", SecretsFault::Missing);
            }
            return;
        }
        // A crash between the seal and the end of its work leaves this to the node's next start.
        let settled = following >= SETTLED_AFTER;
        if has_key && has_secrets && settled {
            let file = beside_name(first, "key");
            self.findings.push(Finding::Folder {
                file,
                fault: FolderFault::KeyLeft,
            });
        }
        let has_index = self.layout.indexes.contains(&first);
        let wanted = has_index || (current.has_secrets && (settled || !has_key));
        if wanted && !has_secrets {
            self.secrets_finding(first, "secrets", SecretsFault::Missing);
        }
        if let Source::Sealed(slots) = &current.source
            && let Err(fault) = slots.check_count(as_u64(current.run.count()))
            && current.run_known
        {
            self.secrets_finding(first, "secrets", fault);
        }
        let digest = if self.layout.indexes.contains(&first) {
            self.index(current)
        } else {
            None
        };
        self.indexes.insert(
            first,
            Indexed {
                digest,
                named: false,
                following,
            },
        );
    }

    /// Derives the index run again and compares it with the file; gives the digest at its end.
    fn index(&mut self, current: &mut Current) -> Option<Hash> {
        let file = beside_name(current.first, "index");
        let unfinished = self.exchanges.unfinished();
        let known = current.run_known && self.tree_known;
        let expected = unfinished.filter(|_| known).map(|unfinished| {
            current
                .run
                .write(self.key.origin(), self.tree.edge(), &unfinished)
        });
        let limit = expected
            .as_ref()
            .map_or(INDEX_LIMIT_BYTES, |bytes| as_u64(bytes.len()) * 2);
        let found = match folder::read(self.folder, &file, limit) {
            Ok(found) => found,
            Err(fault) => {
                self.findings.push(Finding::Folder { file, fault });
                return None;
            }
        };
        let digest = found.split_last_chunk::<32>();
        let difference = match (&expected, digest) {
            (Some(expected), _) => current.run.compare(&found, expected),
            (None, Some((before, digest))) if sha256(&[before]) == *digest => None,
            (None, _) => Some((found.len().saturating_sub(32), IndexFault::Digest)),
        };
        if let Some((offset, fault)) = difference {
            self.findings.push(Finding::Index {
                file,
                offset: as_u64(offset),
                fault,
            });
        } else if expected.is_some() {
            self.report.index_runs = self.report.index_runs.saturating_add(1);
        }
        digest.map(|(_, digest)| *digest)
    }

    /// Holds a leaf that names an index run against the file.
    pub(super) fn named_index(
        &mut self,
        current: u64,
        first: Option<u64>,
        named: &str,
        digest: Option<Hash>,
    ) -> Option<LeafFault> {
        let found = first.filter(|first| *first < current).and_then(|first| {
            let indexed = self.indexes.get_mut(&first)?;
            indexed.named = true;
            Some((first, indexed.digest))
        });
        match found {
            None => Some(LeafFault::IndexUnknown {
                named: named.to_owned(),
            }),
            Some((first, held)) if held.is_some() && held != digest => {
                Some(LeafFault::IndexDigest { first })
            }
            Some(_) => None,
        }
    }

    fn is_there(&self, first: u64, extension: &str) -> bool {
        self.folder.join(beside_name(first, extension)).is_file()
    }

    /// Judges the index runs when all leaves were read.
    pub(super) fn finish_indexes(&mut self) {
        for (first, indexed) in std::mem::take(&mut self.indexes) {
            let settled = indexed.following >= SETTLED_AFTER;
            let fault = match (indexed.digest, indexed.named) {
                // It may have come since the folder was listed.
                (None, named) if (named || settled) && !self.is_there(first, "index") => {
                    IndexFault::Missing
                }
                (Some(_), false) if settled && self.tree_known => IndexFault::Unnamed,
                (None | Some(_), _) => continue,
            };
            let file = beside_name(first, "index");
            self.findings.push(Finding::Index {
                file,
                offset: 0,
                fault,
            });
        }
    }
}

/// The most that is read of an index run that can't be derived.
const INDEX_LIMIT_BYTES: u64 = 64 << 20;
