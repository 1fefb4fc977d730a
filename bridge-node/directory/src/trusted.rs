//! A directory that passed every check, with what its user needs to know about it.

use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::indexed::Indexed;
use crate::own_nodes::OwnState;

/// A verified directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The directory, with members' own nodes in it. Shared by all that were read while its file stayed the same.
    pub directory: Arc<Indexed>,
    /// Not to be used from this second on, since the Unix epoch: the earliest end among its metadata.
    pub expires_s: u64,
    /// Version of the targets metadata that names it.
    pub version: u64,
    /// SHA-256 of the directory file.
    pub digest: [u8; 32],
    /// The catalogue, likewise shared; an empty one where none is published.
    pub catalogue: Arc<Catalogue>,
    /// SHA-256 of the catalogue file.
    pub catalogue_digest: Option<[u8; 32]>,
    /// Members with a role of their own, in the order of its name, and whose word on their nodes is in the directory.
    pub own: Vec<OwnState>,
}

impl Trusted {
    /// Tells whether the directory may still be used at a time, in seconds since the Unix epoch.
    pub const fn is_current(&self, now_s: u64) -> bool {
        now_s < self.expires_s
    }

    /// Returns the second from which a member's file counts no more, though the directory does: it is to be judged anew.
    pub fn own_until_s(&self) -> Option<u64> {
        let ends = self.own.iter().filter_map(|state| state.standing.until_s());
        ends.min()
    }
}
