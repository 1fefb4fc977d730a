//! A directory that passed every check, with what its user needs to know about it.

use std::collections::BTreeMap;

use bridge_core::identity::NodeId;

use crate::directory::{Directory, ExchangeKey};

/// A verified directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The directory.
    pub directory: Directory,
    /// Not to be used from this second on, since the Unix epoch: the earliest end among its metadata.
    pub expires_s: u64,
    /// Version of the targets metadata that names it.
    pub version: u64,
    /// SHA-256 of the directory file.
    pub digest: [u8; 32],
    exchange: BTreeMap<String, (usize, usize, usize)>,
}

impl Trusted {
    /// Puts a directory together with what is known about it. The caller vouches for all of it.
    pub fn new(directory: Directory, version: u64, expires_s: u64, digest: [u8; 32]) -> Self {
        let mut exchange = BTreeMap::new();
        for (member_at, member) in directory.members.iter().enumerate() {
            for (node_at, node) in member.nodes.iter().enumerate() {
                for (key_at, key) in node.exchange.iter().enumerate() {
                    exchange.extend(key.key_id().map(|id| (id, (member_at, node_at, key_at))));
                }
            }
        }
        Self {
            directory,
            expires_s,
            version,
            digest,
            exchange,
        }
    }

    /// Returns the exchange key of a key id, and whose it is.
    pub fn exchange_key(&self, key_id: &str) -> Option<(NodeId, &ExchangeKey)> {
        let (member_at, node_at, key_at) = self.exchange.get(key_id)?;
        let member = self.directory.members.get(*member_at)?;
        let node = member.nodes.get(*node_at)?;
        Some((
            member.id.node(node.code.as_str()).ok()?,
            node.exchange.get(*key_at)?,
        ))
    }

    /// Tells whether the directory may still be used at a time, in seconds since the Unix epoch.
    pub const fn is_current(&self, now_s: u64) -> bool {
        now_s < self.expires_s
    }
}
