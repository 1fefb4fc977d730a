//! The joint of two logs: what the first leaf of a log says of the one before it.
//!
//! A log that may not be gone on with is closed, and another with a new name and key follows. The new one's first
//! leaf names the old one's key and last checkpoint, signed by the node's exchange key. So of the logs of a node
//! none can be exchanged, cut or left out behind the back of whoever knows the key of the last.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};

use crate::bytes::{Hash, decimal};
use crate::leaf::{Kind, Leaf, LeafFault};
use crate::note::{Checkpoint, LogKey};

/// What a log's first leaf says of the log before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follows {
    /// The verifier key of the log that begins.
    pub key: String,
    /// The verifier key of the log before.
    pub previous: String,
    /// The last checkpoint of that log that was cosigned, or signed if none was; size 0 if there is none.
    pub last: Checkpoint,
    /// The id of the exchange key that signed this.
    pub key_id: String,
    /// Its signature.
    pub signature: Vec<u8>,
}

/// An exchange key of a node, as the directory lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeKey {
    /// Ed25519: 32 bytes.
    Ed25519(Vec<u8>),
    /// ECDSA on the curve P-256: the uncompressed point.
    P256(Vec<u8>),
}

/// What is wrong between a log and the one that follows it, or the one before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JointFault {
    /// A log of which others lie beside it does not say which one it follows.
    #[error("its first leaf does not say which log it follows, and there is one before it")]
    Unsaid,
    /// The log does not hold what its follower said that it ended with.
    #[error(
        "the next log says that this one had signed a checkpoint of {size} leaves with another root, or none of that size is here (the journal has {held} leaves): \
         its end was cut off or written anew, or it is another log"
    )]
    NotHeld {
        /// Leaves that the checkpoint states.
        size: u64,
        /// Leaves in the journal.
        held: u64,
    },
    /// None of the given keys signed the statement.
    #[error(
        "none of the given exchange keys signed what the first leaf says of the log before: the key `{key_id}` is named"
    )]
    Signer {
        /// The key that is named.
        key_id: String,
    },
}

impl Follows {
    /// Reads what a leaf says; `None` if it is not the beginning of a log that follows another.
    pub(crate) fn of(leaf: &Leaf<'_>, own: &LogKey) -> Option<Result<Self, LeafFault>> {
        let is_one = matches!(leaf.kind, Kind::State)
            && leaf
                .outcome
                .as_ref()
                .is_some_and(|text| text.decoded().as_ref() == b"epoch");
        is_one.then(|| {
            let follows = Self::read(leaf).ok_or(LeafFault::EpochForm)?;
            let previous =
                LogKey::parse(&follows.previous).map_err(|_fault| LeafFault::EpochForm)?;
            if follows.key != own.vkey() {
                return Err(LeafFault::EpochKey);
            }
            let (before, now) = (parts(previous.origin()), parts(own.origin()));
            if before.0 != now.0 || before.1 >= now.1 {
                return Err(LeafFault::EpochOrder);
            }
            Ok(follows)
        })
    }

    fn read(leaf: &Leaf<'_>) -> Option<Self> {
        let fact = |name: &str| {
            let named = |(key, _): &&(_, _)| text(key).is_some_and(|key| key == name);
            leaf.facts
                .iter()
                .find(named)
                .and_then(|(_, value)| text(value))
        };
        let base64 = |name: &str| STANDARD.decode(fact(name)?).ok();
        Some(Self {
            key: fact("epoch_key")?,
            previous: fact("epoch_previous")?,
            last: Checkpoint {
                size: decimal(fact("epoch_previous_size")?.as_bytes())?,
                root: Hash::try_from(base64("epoch_previous_root")?).ok()?,
            },
            key_id: leaf.keyid.as_ref().and_then(text)?,
            signature: base64("epoch_signature")?,
        })
    }

    /// Whether one of these keys signed this.
    pub(crate) fn is_signed_by(&self, keys: &[ExchangeKey]) -> bool {
        let (key, previous, size) = (&self.key, &self.previous, self.last.size);
        let root = STANDARD.encode(self.last.root);
        let signed = format!("bridge-epoch-v1\n{key}\n{previous}\n{size}\n{root}\n");
        let verify = |key: &ExchangeKey| match key {
            ExchangeKey::Ed25519(public) => {
                UnparsedPublicKey::new(&ED25519, public).verify(signed.as_bytes(), &self.signature)
            }
            ExchangeKey::P256(public) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
                .verify(signed.as_bytes(), &self.signature),
        };
        keys.iter().any(|key| verify(key).is_ok())
    }
}

fn text(text: &crate::json::Text<'_>) -> Option<String> {
    String::from_utf8(text.decoded().into_owned()).ok()
}

/// An origin without its epoch, and the epoch.
fn parts(origin: &str) -> (&str, Option<u64>) {
    origin
        .rsplit_once('/')
        .map_or((origin, None), |(prefix, number)| {
            (prefix, decimal(number.as_bytes()))
        })
}
