//! Signed notes and the checkpoints in them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::bytes::{Hash, decimal, sha256};

/// What is wrong with a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// The bytes are not the text of a checkpoint.
    #[error("{0}: the note is not a checkpoint as the format writes it")]
    Form(&'static str),
    /// The first line names another log.
    #[error("the checkpoint is of the log `{found}`, not of this one: it was taken from elsewhere")]
    Origin {
        /// The origin the checkpoint names.
        found: String,
    },
    /// The signature line is by another key.
    #[error("the signature names the key `{found}`, not this log's: somebody else signed it")]
    Signer {
        /// Name and key id of the signature line.
        found: String,
    },
    /// The signature does not hold for the text.
    #[error("the signature does not hold: text or signature was altered after signing")]
    Signature,
    /// The checkpoint states another size than the journal has at its place.
    #[error(
        "the checkpoint is of {signed} leaves where the journal has {held}: leaves were added or removed \
         after signing, or the checkpoint stands at another place"
    )]
    Size {
        /// Leaves that the checkpoint states.
        signed: u64,
        /// Leaves before the checkpoint.
        held: u64,
    },
    /// The checkpoint states another root than the leaves have.
    #[error(
        "the signed root of {size} leaves is not the root of the leaves held: at least one of these leaves \
         is not the one that was signed for"
    )]
    Root {
        /// Leaves under the root.
        size: u64,
    },
    /// The file shows a checkpoint that no segment holds.
    #[error(
        "no segment holds this checkpoint of {size} leaves (the journal has {held}): the end of the journal was cut off, or the file was replaced"
    )]
    NotHeld {
        /// Leaves that the checkpoint states.
        size: u64,
        /// Leaves in the journal.
        held: u64,
    },
    /// Too few of the known witnesses signed.
    #[error("{found} of the known witnesses cosigned the checkpoint, {wanted} are needed")]
    Cosignatures {
        /// Whose cosignatures hold.
        found: usize,
        /// How many should.
        wanted: usize,
    },
    /// The file shows a checkpoint that newer ones have replaced long ago.
    #[error(
        "this checkpoint of {size} leaves is not the newest, which is of {newest}: an old file was put back"
    )]
    Old {
        /// Leaves that the checkpoint states.
        size: u64,
        /// Leaves under the newest checkpoint in the segments.
        newest: u64,
    },
}

/// Why a verifier key can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The text is not `name+id+key`.
    #[error("the verifier key is not of the form `origin+8 hex digits+base64`")]
    Form,
    /// The key is not of the algorithm of the format.
    #[error("the verifier key is not an Ed25519 key of 32 bytes")]
    Algorithm,
    /// The key id does not follow from name and key.
    #[error(
        "the id in the verifier key is not that of its name and key: one of the three was altered"
    )]
    Id,
    /// The name is not an origin.
    #[error("`{0}` is not an origin: five parts and an epoch from 1 were expected")]
    Origin(String),
}

/// The key by which a log's checkpoints are checked.
#[derive(Debug, Clone)]
pub struct LogKey {
    vkey: String,
    origin: String,
    id: [u8; 4],
    public: [u8; 32],
}

/// The key by which a witness's cosignatures are checked.
#[derive(Debug, Clone)]
pub struct Cosigner {
    name: String,
    id: [u8; 4],
    public: [u8; 32],
}

/// Size and root that were signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Leaves of the tree.
    pub size: u64,
    /// Its root.
    pub root: [u8; 32],
}

impl LogKey {
    /// Reads a `vkey`.
    ///
    /// # Errors
    ///
    /// [`KeyFault`] if it is not one of a log of this kind.
    ///
    /// Standard: C2SP signed-note.
    pub fn parse(vkey: &str) -> Result<Self, KeyFault> {
        let (origin, id, public) = parse_vkey(vkey, ED25519_ALGORITHM)?;
        check_origin(origin)?;
        Ok(Self {
            vkey: vkey.to_owned(),
            origin: origin.to_owned(),
            id,
            public,
        })
    }

    /// The text that was read.
    pub(crate) fn vkey(&self) -> &str {
        &self.vkey
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl Cosigner {
    /// Reads the `vkey` of a witness.
    ///
    /// # Errors
    ///
    /// [`KeyFault`] if it is none.
    ///
    /// Standard: C2SP tlog-cosignature.
    pub fn parse(vkey: &str) -> Result<Self, KeyFault> {
        let (name, id, public) = parse_vkey(vkey, COSIGNATURE_ALGORITHM)?;
        Ok(Self {
            name: name.to_owned(),
            id,
            public,
        })
    }

    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When this witness cosigned a checkpoint, Unix seconds; `None` if it did not, or its signature does not hold.
    pub fn time_on(&self, note: &str) -> Option<u64> {
        let (text, lines) = note.rsplit_once("\n\n")?;
        lines.lines().find_map(|line| {
            let (name, id, value) = signature_line(line)?;
            let (time, signature) = value.split_first_chunk::<8>()?;
            let time_s = u64::from_be_bytes(*time);
            let signed = format!("cosignature/v1\ntime {time_s}\n{text}\n");
            let key = UnparsedPublicKey::new(&ED25519, self.public);
            let holds = name == self.name
                && id == self.id
                && key.verify(signed.as_bytes(), signature).is_ok();
            (holds && time_s > 0).then_some(time_s)
        })
    }
}

/// Reads name, id and public key of a `vkey` of one algorithm.
fn parse_vkey(vkey: &str, wanted: u8) -> Result<(&str, [u8; 4], [u8; 32]), KeyFault> {
    let mut parts = vkey.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyFault::Form);
    };
    if vkey.len() > VKEY_LIMIT_BYTES || name.is_empty() || id.len() != 8 || key.len() != 44 {
        return Err(KeyFault::Form);
    }
    let Ok(key) = STANDARD.decode(key) else {
        return Err(KeyFault::Form);
    };
    let Some((&algorithm, public)) = key.split_first() else {
        return Err(KeyFault::Form);
    };
    let Ok(public) = <[u8; 32]>::try_from(public) else {
        return Err(KeyFault::Algorithm);
    };
    if algorithm != wanted {
        return Err(KeyFault::Algorithm);
    }
    let digest = sha256(&[name.as_bytes(), b"\n", &[algorithm], &public]);
    let [a, b, c, d, ..] = digest;
    if id != format!("{a:02x}{b:02x}{c:02x}{d:02x}") {
        return Err(KeyFault::Id);
    }
    Ok((name, [a, b, c, d], public))
}

/// Takes a signature line apart: name, key id, what follows.
fn signature_line(line: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, value) = line.strip_prefix("— ")?.split_once(' ')?;
    let value = STANDARD.decode(value).ok()?;
    let (id, rest) = value.split_first_chunk::<4>()?;
    Some((name, *id, rest.to_vec()))
}

/// Reads a checkpoint and checks its one signature.
///
/// Standard: C2SP tlog-checkpoint.
pub(crate) fn open(note: &[u8], key: &LogKey) -> Result<Checkpoint, NoteFault> {
    if note.len() > NOTE_LIMIT_BYTES {
        return Err(NoteFault::Form("it is longer than 8192 bytes"));
    }
    let Ok(text) = str::from_utf8(note) else {
        return Err(NoteFault::Form("it is not UTF-8"));
    };
    let lines: Vec<&str> = text.split('\n').collect();
    let [_, _, _, "", line, ""] = lines.as_slice() else {
        return Err(NoteFault::Form(
            "it has not exactly three lines, an empty one and one signature",
        ));
    };
    open_line(text, line, key)
}

/// Reads a checkpoint that witnesses may have signed too, and checks the log's own signature.
///
/// # Errors
///
/// [`NoteFault`] if it is not a checkpoint of this log, or its signature does not hold.
///
/// Standard: C2SP tlog-checkpoint. Standard: C2SP tlog-cosignature.
pub fn open_cosigned(note: &[u8], key: &LogKey) -> Result<Checkpoint, NoteFault> {
    open_own(note, key).map(|(checkpoint, _)| checkpoint)
}

/// As [`open_cosigned`]; with the note as the log alone signed it, without what others may have added.
///
/// # Errors
///
/// As [`open_cosigned`].
pub fn open_own(note: &[u8], key: &LogKey) -> Result<(Checkpoint, String), NoteFault> {
    if note.len() > COSIGNED_LIMIT_BYTES {
        return Err(NoteFault::Form("it is longer than 65536 bytes"));
    }
    let Ok(text) = str::from_utf8(note) else {
        return Err(NoteFault::Form("it is not UTF-8"));
    };
    let lines: Vec<&str> = text.split('\n').collect();
    let [_, _, _, "", signatures @ .., ""] = lines.as_slice() else {
        return Err(NoteFault::Form(
            "it has not three lines, an empty one and signatures",
        ));
    };
    let is_own = |line: &&&str| signature(line, key).is_ok();
    let own = signatures.iter().find(is_own).or(signatures.first());
    let own = own.ok_or(NoteFault::Form("it has no signature"))?;
    let checkpoint = open_line(text, own, key)?;
    let (signed, _lines) = text.split_once("\n\n").unwrap_or_default();
    Ok((checkpoint, format!("{signed}\n\n{own}\n")))
}

/// Checks the text of a checkpoint against one of its signature lines.
fn open_line(text: &str, line: &str, key: &LogKey) -> Result<Checkpoint, NoteFault> {
    let mut lines = text.split('\n');
    let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(NoteFault::Form("it has not three lines"));
    };
    if origin != key.origin {
        return Err(NoteFault::Origin {
            found: origin.to_owned(),
        });
    }
    let size = decimal(size.as_bytes()).ok_or(NoteFault::Form("its size is not a number"))?;
    let root = STANDARD
        .decode(root)
        .ok()
        .and_then(|root| Hash::try_from(root).ok())
        .ok_or(NoteFault::Form("its root is not 32 bytes of base64"))?;
    let signature = signature(line, key)?;
    let (signed, _lines) = text.split_once("\n\n").unwrap_or_default();
    if UnparsedPublicKey::new(&ED25519, key.public)
        .verify(format!("{signed}\n").as_bytes(), &signature)
        .is_err()
    {
        return Err(NoteFault::Signature);
    }
    Ok(Checkpoint { size, root })
}

/// Takes the signature out of its line and checks that it claims to be by `key`.
fn signature(line: &str, key: &LogKey) -> Result<[u8; 64], NoteFault> {
    let form = NoteFault::Form("its signature line is not `— name base64`");
    let Some((name, id, signature)) = signature_line(line) else {
        return Err(form);
    };
    if name != key.origin || id != key.id {
        let [a, b, c, d] = id;
        return Err(NoteFault::Signer {
            found: format!("{name}+{a:02x}{b:02x}{c:02x}{d:02x}"),
        });
    }
    signature.try_into().or(Err(form))
}

/// Checks that a text is `{domain}/{instance}/{class}/{member}/{node}/{epoch}`.
fn check_origin(origin: &str) -> Result<(), KeyFault> {
    let parts: Vec<&str> = origin.split('/').collect();
    let holds = match parts.as_slice() {
        [names @ .., epoch] if names.len() == 5 => {
            let visible =
                |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic());
            names.iter().all(visible) && decimal(epoch.as_bytes()).is_some_and(|epoch| epoch > 0)
        }
        _ => false,
    };
    if holds {
        Ok(())
    } else {
        Err(KeyFault::Origin(origin.chars().take(200).collect()))
    }
}

/// The longest note that is read: an origin has at most 2048 bytes, and stands in it twice.
pub(crate) const NOTE_LIMIT_BYTES: usize = 8192;

/// The longest note with cosignatures that is read.
pub(crate) const COSIGNED_LIMIT_BYTES: usize = 64 * 1024;

/// The longest verifier key that is read.
pub(crate) const VKEY_LIMIT_BYTES: usize = 2048 + 64;

/// The algorithm byte of Ed25519 keys in signed notes.
const ED25519_ALGORITHM: u8 = 1;

/// The algorithm byte of Ed25519 cosignatures with a time.
const COSIGNATURE_ALGORITHM: u8 = 4;

#[cfg(test)]
mod tests;
