//! Metadata whose signatures were checked.

use crate::metadata::{Envelope, MetadataError, Part, Role, Root};
use crate::moment::Moment;

/// The signed part of a role after its signatures were checked. Its dates and order are not.
#[derive(Clone, Debug)]
pub(crate) struct Verified<T> {
    pub(crate) part: T,
    pub(crate) version: u64,
    pub(crate) expires: Moment,
}

impl<T: Part> Verified<T> {
    /// Reads metadata and checks its signatures against a root.
    pub(crate) fn read(text: &str, root: &Root) -> Result<Self, MetadataError> {
        let envelope = Envelope::read(T::ROLE, text.as_bytes())?;
        envelope.verify(root)?;
        let (version, expires) = (envelope.common.version, envelope.common.expires);
        Ok(Self {
            part: envelope.part()?,
            version,
            expires,
        })
    }
}

/// Reads a root that is believed because it was handed over; it must at least be signed by itself.
pub(crate) fn first_root(text: &str) -> Result<Verified<Root>, MetadataError> {
    let root: Root = Envelope::read(Role::Root, text.as_bytes())?.part()?;
    Verified::read(text, &root)
}

/// Reads the successor of a root: signed by a threshold of the old keys and by a threshold of its own.
///
/// Standard: TUF 1.0 §5.3.4.
pub(crate) fn next_root(old: &Root, text: &str) -> Result<Verified<Root>, MetadataError> {
    let new = Verified::<Root>::read(text, old)?;
    Envelope::read(Role::Root, text.as_bytes())?.verify(&new.part)?;
    Ok(new)
}
