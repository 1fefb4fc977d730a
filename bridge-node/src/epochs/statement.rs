//! The statement that one log follows another, signed by the node's exchange key, which the directory lists.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::identity::NodeId;
use bridge_journal::{Checkpoint, Verifier};
use bytes::Bytes;

use crate::watch::View;

/// A log of the next epoch and the one it follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The verifier key of the new log.
    pub key: String,
    /// The verifier key of the log before.
    pub previous: String,
    /// Its last checkpoint that was cosigned, or signed if none was; size 0 if there is none.
    pub last: Checkpoint,
    /// The id of the exchange key that signed this.
    pub key_id: String,
    /// The signature over [`Statement::text`].
    pub signature: Vec<u8>,
}

/// Why a statement doesn't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatementFault {
    /// It is not written as one.
    #[error("it is not a statement of an epoch")]
    Form,
    /// The two logs are not of one node, or the new one is not later.
    #[error("its logs do not follow one another")]
    Order,
    /// The directory lists no such key for the node whose log it is.
    #[error("it is not signed by an exchange key of the node")]
    Signer,
    /// The signature doesn't hold.
    #[error("its signature does not hold")]
    Signature,
}

const LABEL: &str = "bridge-epoch-v1";

/// The epoch at the end of an origin.
pub fn number_of(origin: &str) -> Option<u64> {
    crate::witness::decimal(origin.rsplit_once('/')?.1).filter(|number| *number > 0)
}

/// An origin without its epoch.
pub fn prefix_of(origin: &str) -> &str {
    origin.rsplit_once('/').map_or(origin, |(prefix, _)| prefix)
}

// === impl Statement ===

impl Statement {
    /// What is signed.
    pub fn text(&self) -> String {
        let root = STANDARD.encode(self.last.root);
        let (key, previous, size) = (&self.key, &self.previous, self.last.size);
        format!("{LABEL}\n{key}\n{previous}\n{size}\n{root}\n")
    }

    /// Writes text and signature.
    pub fn write(&self) -> Bytes {
        let signature = STANDARD.encode(&self.signature);
        Bytes::from(format!("{}\n{} {signature}\n", self.text(), self.key_id))
    }

    /// Reads text and signature.
    ///
    /// # Errors
    ///
    /// [`StatementFault::Form`]
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementFault> {
        let read = || {
            let text = std::str::from_utf8(bytes).ok()?;
            let lines: Vec<&str> = text.split('\n').collect();
            let [LABEL, key, previous, size, root, "", signed, ""] = lines.as_slice() else {
                return None;
            };
            let (key_id, signature) = signed.split_once(' ')?;
            let new = Self {
                key: (*key).to_owned(),
                previous: (*previous).to_owned(),
                last: Checkpoint {
                    size: crate::witness::decimal(size)?,
                    root: STANDARD.decode(root).ok()?.try_into().ok()?,
                },
                key_id: key_id.to_owned(),
                signature: STANDARD.decode(signature).ok()?,
            };
            (new.write() == bytes).then_some(new)
        };
        read().ok_or(StatementFault::Form)
    }

    /// Holds the statement against the directory; returns the node and the key of its new log.
    ///
    /// # Errors
    ///
    /// [`StatementFault`]
    pub fn check(&self, view: &View, now_s: u64) -> Result<(NodeId, Verifier), StatementFault> {
        let log = |vkey: &str| Verifier::parse(vkey).map_err(|_not_one| StatementFault::Form);
        let (new, old) = (log(&self.key)?, log(&self.previous)?);
        let (number, before) = (number_of(new.origin()), number_of(old.origin()));
        if prefix_of(new.origin()) != prefix_of(old.origin()) || number <= before {
            return Err(StatementFault::Order);
        }
        let key = view
            .exchange_key(&self.key_id)
            .ok_or(StatementFault::Signer)?;
        let record = view
            .directory()
            .node(&key.node)
            .ok_or(StatementFault::Signer)?;
        let listed = log(&record.journal)?;
        if prefix_of(listed.origin()) != prefix_of(new.origin()) || !key.valid_at(now_s) {
            return Err(StatementFault::Signer);
        }
        key.verifying
            .verify(self.text().as_bytes(), &self.signature)
            .map_err(|_false| StatementFault::Signature)?;
        Ok((key.node.clone(), new))
    }
}
