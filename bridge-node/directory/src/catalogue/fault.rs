//! Why an entry of the catalogue does not count.

use bridge_core::identity::{MemberId, ServiceId};

/// An entry does not count.
#[derive(Debug, thiserror::Error)]
pub enum EntryFault {
    /// Not JSON of an entry's shape.
    #[error("this is not an entry of the catalogue")]
    Shape(#[source] serde_json::Error),
    /// More than entries may be.
    #[error("the entry has more than {limit} {what}")]
    TooLarge {
        /// Bytes or documents.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// A value that can't be what its field is for.
    #[error("`{field}` {what}")]
    Value {
        /// The field.
        field: &'static str,
        /// What is wrong.
        what: String,
    },
    /// A document that does not follow the one before.
    #[error(
        "document {number} is not the one that follows: something was changed, added or left out"
    )]
    Chain {
        /// Its place.
        number: usize,
    },
    /// Nothing that could be said now.
    #[error("`{says}` can't be said: {why}")]
    Order {
        /// What is said.
        says: &'static str,
        /// Why not.
        why: &'static str,
    },
    /// Somebody who may not say it.
    #[error("{by} may not say `{says}` of {entry}")]
    NotYours {
        /// Who.
        by: MemberId,
        /// What.
        says: &'static str,
        /// Of what.
        entry: ServiceId,
    },
    /// A seal that does not hold.
    #[error("the seal of document {number} does not hold: {why}")]
    Seal {
        /// Its place.
        number: u32,
        /// Why not.
        why: String,
    },
}

pub(super) const fn too_large(what: &'static str, limit: usize) -> EntryFault {
    EntryFault::TooLarge { what, limit }
}
