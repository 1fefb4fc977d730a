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
pub(crate) struct Key {
    vkey: String,
    origin: String,
    id: [u8; 4],
    public: [u8; 32],
}

/// Size and root that were signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) size: u64,
    pub(crate) root: Hash,
}

impl Key {
    /// Reads a `vkey`.
    ///
    /// Standard: C2SP signed-note.
    pub(crate) fn parse(vkey: &str) -> Result<Self, KeyFault> {
        let mut parts = vkey.splitn(3, '+');
        let (Some(origin), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyFault::Form);
        };
        if vkey.len() > VKEY_LIMIT_BYTES || id.len() != 8 || key.len() != 44 {
            return Err(KeyFault::Form);
        }
        check_origin(origin)?;
        let Ok(key) = STANDARD.decode(key) else {
            return Err(KeyFault::Form);
        };
        let Some((&algorithm, public)) = key.split_first() else {
            return Err(KeyFault::Form);
        };
        let Ok(public) = <[u8; 32]>::try_from(public) else {
            return Err(KeyFault::Algorithm);
        };
        if algorithm != ED25519_ALGORITHM {
            return Err(KeyFault::Algorithm);
        }
        let digest = sha256(&[origin.as_bytes(), b"\n", &[algorithm], &public]);
        let [a, b, c, d, ..] = digest;
        if id != format!("{a:02x}{b:02x}{c:02x}{d:02x}") {
            return Err(KeyFault::Id);
        }
        Ok(Self {
            vkey: vkey.to_owned(),
            origin: origin.to_owned(),
            id: [a, b, c, d],
            public,
        })
    }

    /// The text that was read.
    pub(crate) fn vkey(&self) -> &str {
        &self.vkey
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}

/// Reads a checkpoint and checks its one signature.
///
/// Standard: C2SP tlog-checkpoint.
pub(crate) fn open(note: &[u8], key: &Key) -> Result<Checkpoint, NoteFault> {
    if note.len() > NOTE_LIMIT_BYTES {
        return Err(NoteFault::Form("it is longer than 8192 bytes"));
    }
    let Ok(text) = str::from_utf8(note) else {
        return Err(NoteFault::Form("it is not UTF-8"));
    };
    let lines: Vec<&str> = text.split('\n').collect();
    let [origin, size, root, "", line, ""] = lines.as_slice() else {
        return Err(NoteFault::Form(
            "it has not exactly three lines, an empty one and one signature",
        ));
    };
    if *origin != key.origin {
        return Err(NoteFault::Origin {
            found: (*origin).to_owned(),
        });
    }
    let size = decimal(size.as_bytes()).ok_or(NoteFault::Form("its size is not a number"))?;
    let root = STANDARD
        .decode(root)
        .ok()
        .and_then(|root| Hash::try_from(root).ok())
        .ok_or(NoteFault::Form("its root is not 32 bytes of base64"))?;
    let signature = signature(line, key)?;
    let signed = text.len().saturating_sub(line.len()).saturating_sub(2);
    let signed = note.get(..signed).unwrap_or_default();
    if UnparsedPublicKey::new(&ED25519, key.public)
        .verify(signed, &signature)
        .is_err()
    {
        return Err(NoteFault::Signature);
    }
    Ok(Checkpoint { size, root })
}

/// Takes the signature out of its line and checks that it claims to be by `key`.
fn signature(line: &str, key: &Key) -> Result<[u8; 64], NoteFault> {
    let form = NoteFault::Form("its signature line is not `— name base64`");
    let Some((name, value)) = line
        .strip_prefix("— ")
        .and_then(|rest| rest.split_once(' '))
    else {
        return Err(form);
    };
    let Ok(value) = STANDARD.decode(value) else {
        return Err(form);
    };
    let Some((id, signature)) = value.split_first_chunk::<4>() else {
        return Err(form);
    };
    if name != key.origin || *id != key.id {
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

/// The longest verifier key that is read.
pub(crate) const VKEY_LIMIT_BYTES: usize = 2048 + 64;

/// The algorithm byte of Ed25519 keys in signed notes.
const ED25519_ALGORITHM: u8 = 1;

#[cfg(test)]
mod tests;
