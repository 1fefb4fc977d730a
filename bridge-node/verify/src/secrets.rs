//! Where record secrets stand: beside the leaves under the segment key, or in the secrets file.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::bytes::Bytes;
use crate::folder::{self, FolderFault, beside_name};
use crate::frame::as_u64;

/// What is wrong with a segment key file or a secrets file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretsFault {
    /// The file does not have the form of the format.
    #[error("it is not {0}: it was cut, extended or altered")]
    Form(&'static str),
    /// The file is of another segment.
    #[error("it names the segment that starts at {found}: it was moved here from there")]
    First {
        /// The first leaf that the file names.
        found: u64,
    },
    /// The file has a slot for another number of leaves.
    #[error(
        "it has slots for {found} leaves, the segment has {leaves}: the file or the segment was cut or replaced"
    )]
    Count {
        /// Slots by the file.
        found: u64,
        /// Leaves in the segment.
        leaves: u64,
    },
    /// The key in the file can't be opened.
    #[error(
        "the key in it can't be opened with the evidence key: it was altered, or the evidence key is not this log's"
    )]
    Key,
    /// A slot has a secret, but its leaf never had one.
    #[error(
        "the slot of leaf {index} is not empty, though the leaf has no secret: it was put there"
    )]
    Extra {
        /// Index of the leaf in the log.
        index: u64,
    },
    /// A slot can't be opened.
    #[error(
        "the secret of leaf {index} can't be opened: it was altered, or taken from another leaf, and the leaf's evidence is lost"
    )]
    Slot {
        /// Index of the leaf in the log.
        index: u64,
    },
    /// A slot is empty, and no leaf says that it was erased.
    #[error(
        "the slot of leaf {index} is empty, but no `administration` leaf says that it was erased: evidence was destroyed"
    )]
    Erased {
        /// Index of the leaf in the log.
        index: u64,
    },
    /// The file is not there.
    #[error(
        "it is missing, though the segment's leaves have commitments: their evidence can't be opened"
    )]
    Missing,
    /// There is a secrets file for a segment that is still open.
    #[error(
        "the segment is not sealed, so it can't have a secrets file yet: the file was put here"
    )]
    Early,
}

/// Where the secrets of one segment are read from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Nothing: neither file is there or can be used.
    None,
    /// The wrapped secrets beside the leaves; without a key they are only counted.
    Open(Option<LessSafeKey>),
    /// The slots of the secrets file, in order.
    Sealed(Slots),
}

/// The slots of a secrets file.
#[derive(Debug)]
pub(crate) struct Slots {
    file: BufReader<File>,
    key: Option<LessSafeKey>,
    count: u64,
    read: u64,
}

/// What a slot or a wrapped secret gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing is there.
    Empty,
    /// Something is there, and there is no key for it.
    Closed,
    /// The secret.
    Secret([u8; 32]),
    /// Something is there that the key does not open.
    Broken,
    /// The file that should say it can't be used; that was reported.
    Unknown,
}

/// Opens a key of AES-256-GCM.
pub(crate) fn aead_key(bytes: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, bytes)
        .ok()
        .map(LessSafeKey::new)
}

/// Opens `nonce 12 ‖ ciphertext` of 32 bytes.
fn unwrap(key: &LessSafeKey, wrapped: &[u8], aad: &[&[u8]]) -> Option<[u8; 32]> {
    let mut bytes = Bytes(wrapped);
    let nonce = Nonce::assume_unique_for_key(bytes.array()?);
    let mut sealed: [u8; 48] = bytes.0.try_into().ok()?;
    let plain = key
        .open_in_place(nonce, Aad::from(aad.concat()), &mut sealed)
        .ok()?;
    plain.try_into().ok()
}

/// Opens a wrapped secret or says why not.
fn secret(key: Option<&LessSafeKey>, wrapped: &[u8], origin: &str, index: u64) -> Found {
    if wrapped.iter().all(|byte| *byte == 0) {
        return Found::Empty;
    }
    let Some(key) = key else { return Found::Closed };
    let aad: [&[u8]; 4] = [
        b"bridge-secret-v1",
        origin.as_bytes(),
        b"\n",
        &index.to_be_bytes(),
    ];
    unwrap(key, wrapped, &aad).map_or(Found::Broken, Found::Secret)
}

/// Reads the segment key.
pub(crate) fn segment_key(
    folder: &Path,
    origin: &str,
    first: u64,
    evidence_key: &LessSafeKey,
) -> Result<LessSafeKey, SecretsFault> {
    let form = SecretsFault::Form("a segment key file");
    let name = beside_name(first, "key");
    let bytes = match folder::read(folder, &name, KEY_LIMIT_BYTES) {
        Ok(bytes) => bytes,
        Err(FolderFault::Missing(_)) => return Err(SecretsFault::Missing),
        Err(_) => return Err(form),
    };
    let label = b"bridge-segment-key-v1";
    let Some(wrapped) = bytes
        .strip_prefix(label)
        .and_then(|rest| rest.strip_prefix(b"\n"))
    else {
        return Err(form);
    };
    if wrapped.len() != WRAPPED_BYTES {
        return Err(form);
    }
    let aad: [&[u8]; 4] = [label, origin.as_bytes(), b"\n", &first.to_be_bytes()];
    let key = unwrap(evidence_key, wrapped, &aad)
        .as_ref()
        .and_then(aead_key);
    key.ok_or(SecretsFault::Key)
}

impl Slots {
    /// Opens a secrets file; the slots are then read in the order of the leaves.
    pub(crate) fn open(
        folder: &Path,
        origin: &str,
        first: u64,
        evidence_key: Option<&LessSafeKey>,
    ) -> Result<Self, SecretsFault> {
        let form = SecretsFault::Form("a secrets file");
        let (file, length) = match folder::open(folder, &beside_name(first, "secrets")) {
            Ok(opened) => opened,
            Err(FolderFault::Missing(_)) => return Err(SecretsFault::Missing),
            Err(_) => return Err(form),
        };
        let mut file = BufReader::new(file);
        let mut head = [0; SECRETS_HEAD_BYTES];
        if file.read_exact(&mut head).is_err() {
            return Err(form);
        }
        let mut bytes = Bytes(&head);
        let label = b"bridge-secrets-v1";
        let magic = bytes
            .take(label.len() + 1)
            .and_then(|magic| magic.strip_suffix(b"\n"));
        let (Some(magic), Some(found), Some(count)) = (magic, bytes.u64(), bytes.u64()) else {
            return Err(form);
        };
        let expected = count.checked_mul(as_u64(WRAPPED_BYTES));
        let expected = expected.and_then(|slots| slots.checked_add(as_u64(SECRETS_HEAD_BYTES)));
        if magic != label || expected != Some(length) {
            return Err(form);
        }
        if found != first {
            return Err(SecretsFault::First { found });
        }
        let aad: [&[u8]; 4] = [label, origin.as_bytes(), b"\n", &first.to_be_bytes()];
        let key = match evidence_key {
            Some(evidence_key) => {
                let key = unwrap(evidence_key, bytes.0, &aad)
                    .as_ref()
                    .and_then(aead_key);
                Some(key.ok_or(SecretsFault::Key)?)
            }
            None => None,
        };
        Ok(Self {
            file,
            key,
            count,
            read: 0,
        })
    }

    /// Checks that the file has a slot for each leaf.
    pub(crate) fn check_count(&self, leaves: u64) -> Result<(), SecretsFault> {
        if self.count == leaves {
            return Ok(());
        }
        Err(SecretsFault::Count {
            found: self.count,
            leaves,
        })
    }

    fn next(&mut self, origin: &str, index: u64) -> Found {
        let mut slot = [0; WRAPPED_BYTES];
        if self.read >= self.count || self.file.read_exact(&mut slot).is_err() {
            // The number of slots is judged when the segment has ended.
            return Found::Unknown;
        }
        self.read = self.read.saturating_add(1);
        secret(self.key.as_ref(), &slot, origin, index)
    }
}

impl Source {
    /// Gives the secret of the next leaf of the segment.
    pub(crate) fn next(&mut self, wrapped: &[u8], origin: &str, index: u64) -> Found {
        match self {
            Self::None => Found::Unknown,
            Self::Open(key) => secret(key.as_ref(), wrapped, origin, index),
            Self::Sealed(slots) => slots.next(origin, index),
        }
    }
}

/// Where the slot of a leaf starts in the secrets file.
pub(crate) fn slot_offset(ordinal: u64) -> u64 {
    ordinal
        .saturating_mul(as_u64(WRAPPED_BYTES))
        .saturating_add(as_u64(SECRETS_HEAD_BYTES))
}

/// Nonce, 32 bytes and tag.
const WRAPPED_BYTES: usize = 60;

/// Label, first, count, nonce and wrapped file key.
const SECRETS_HEAD_BYTES: usize = 18 + 8 + 8 + WRAPPED_BYTES;

/// The most that is read of a segment key file.
const KEY_LIMIT_BYTES: u64 = 256;

#[cfg(test)]
mod tests {
    use super::{Found, SecretsFault, Slots, Source, aead_key, segment_key};
    use crate::folder::beside_name;
    use proptest::prelude::*;

    /// A folder with one file beside a segment.
    fn beside(extension: &str, bytes: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("segments")).unwrap();
        std::fs::write(folder.path().join(beside_name(7, extension)), bytes).unwrap();
        folder
    }

    fn head(first: u64, count: u64) -> Vec<u8> {
        let parts: [&[u8]; 4] = [
            b"bridge-secrets-v1\n",
            &first.to_be_bytes(),
            &count.to_be_bytes(),
            &[1; 60],
        ];
        parts.concat()
    }

    #[test]
    fn counts_are_believed_only_as_far_as_the_file_goes() {
        let open = |bytes: &[u8]| Slots::open(beside("secrets", bytes).path(), "o", 7, None);
        assert!(open(&head(7, 0)).is_ok());
        assert!(matches!(
            open(&head(7, u64::MAX)),
            Err(SecretsFault::Form(_))
        ));
        assert!(matches!(open(&head(7, 1)), Err(SecretsFault::Form(_))));
        assert!(matches!(
            open(&head(8, 0)),
            Err(SecretsFault::First { found: 8 })
        ));
        let mut slots = Source::Sealed(open(&[head(7, 1), vec![0; 60]].concat()).unwrap());
        assert_eq!(slots.next(b"", "o", 7), Found::Empty);
        assert_eq!(slots.next(b"", "o", 8), Found::Unknown);
    }

    proptest! {
        #[test]
        fn no_bytes_open(input: Vec<u8>, labelled: bool) {
            let key = aead_key(&[1; 32]).unwrap();
            let with = |label: &[u8]| [if labelled { label } else { b"" }, &input].concat();
            let folder = beside("secrets", &with(b"bridge-secrets-v1\n"));
            prop_assert!(Slots::open(folder.path(), "o", 7, Some(&key)).is_err());
            let folder = beside("key", &with(b"bridge-segment-key-v1\n"));
            prop_assert!(segment_key(folder.path(), "o", 7, &key).is_err());
        }
    }
}
