//! Revocation lists: whole ones of one authority, signed by that authority itself.
//!
//! Lists of changes, lists about other authorities' certificates and lists about a part of the authority's own are refused:
//! a certificate that does not stand in one of those may be revoked all the same.
//!
//! Standard: RFC 5280 §5.

use std::collections::HashMap;

use der::Tag;
use der::asn1::ObjectIdentifier;

use super::signed::{Signed, serial, time};
use super::{Issuer, Status, StatusError, Window};
use crate::asn1::{Value, Values, context, only};
use crate::extensions::Extensions;

/// A revocation list that its authority signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    /// Its number, without zeros in front, most significant byte first.
    number: Vec<u8>,
    window: Window,
    /// Serial numbers as they are written, and since when.
    revoked: HashMap<Box<[u8]>, u64>,
}

// === impl RevocationList ===

impl RevocationList {
    /// Reads a list, and verifies that the authority signed it. Whether it counts now is [`Window::check`]'s to say.
    ///
    /// # Errors
    ///
    /// [`StatusError`] names the rule that it breaks.
    ///
    /// Standard: RFC 5280 §5.1, §5.2, §6.3.3.
    pub fn read(issuer: &Issuer, der: &[u8]) -> Result<Self, StatusError> {
        let mut outer = Values::of_sequence(der)?;
        let signed = Signed::read(&mut outer)?;
        outer.end()?;
        // Before anything else of it is looked at: what nobody signed deserves no work.
        if !issuer.signs_lists() {
            return Err(StatusError::MayNotSignLists);
        }
        signed.verify(issuer.key())?;

        let mut parts = Values::of_sequence(signed.body)?;
        if parts.next_if(Tag::Integer)?.map(der::AnyRef::value) != Some(&VERSION_2) {
            return Err(StatusError::Version);
        }
        if parts.next_bytes()? != signed.algorithm {
            return Err(StatusError::AlgorithmDiffers);
        }
        if parts.next_bytes()? != issuer.name {
            return Err(StatusError::OtherIssuer);
        }
        let this_update_s = time(parts.next()?)?;
        let next_update_s = next_time(&mut parts)?.ok_or(StatusError::NoNextUpdate)?;
        let revoked = match parts.next_if(Tag::Sequence)? {
            Some(entries) => revoked(entries)?,
            None => HashMap::new(),
        };
        let extensions = match parts.next_if(context(0, true))? {
            Some(explicit) => Some(only(explicit.value())?),
            None => None,
        };
        parts.end()?;
        Ok(Self {
            number: whole(&Extensions::read(extensions)?)?,
            window: Window::new(this_update_s, Some(next_update_s))?,
            revoked,
        })
    }

    /// When it was right, and when there will be another.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// How many certificates stand in it.
    pub fn count(&self) -> usize {
        self.revoked.len()
    }

    /// Whether it may take the place of one that was taken before: neither its number nor its time goes back.
    ///
    /// # Errors
    ///
    /// [`StatusError::GoesBack`].
    pub fn follows(&self, known: &Self) -> Result<(), StatusError> {
        let size_and_digits = |number: &Vec<u8>| (number.len(), number.clone());
        if size_and_digits(&self.number) < size_and_digits(&known.number)
            || self.window.this_update_s < known.window.this_update_s
        {
            return Err(StatusError::GoesBack);
        }
        Ok(())
    }

    /// What it says of the certificate with this number.
    pub fn status(&self, serial: &[u8]) -> Status {
        match self.revoked.get(serial) {
            Some(since_s) => Status::Revoked { since_s: *since_s },
            None => Status::Good,
        }
    }
}

fn next_time(parts: &mut Values<'_>) -> Result<Option<u64>, StatusError> {
    for tag in [Tag::UtcTime, Tag::GeneralizedTime] {
        if let Some(value) = parts.next_if(tag)? {
            return time(value).map(Some);
        }
    }
    Ok(None)
}

fn revoked(entries: Value<'_>) -> Result<HashMap<Box<[u8]>, u64>, StatusError> {
    let mut values = Values::inside(entries, Tag::Sequence)?;
    let mut found = HashMap::new();
    while !values.is_finished() {
        let mut parts = values.sequence()?;
        let serial = serial(&mut parts)?;
        let since_s = time(parts.next()?)?;
        let extensions = Extensions::read(parts.next_if(Tag::Sequence)?)?;
        parts.end()?;
        if extensions.value(CERTIFICATE_ISSUER).is_some() {
            return Err(StatusError::Indirect);
        }
        if extensions.value(REASON) == Some(&REMOVED) {
            return Err(StatusError::Delta);
        }
        extensions.check_critical(&[REASON, INVALIDITY_DATE])?;
        if found.insert(Box::from(serial), since_s).is_some() {
            return Err(StatusError::TwiceListed);
        }
    }
    Ok(found)
}

/// The number of a list that is about all of its authority's certificates.
fn whole(extensions: &Extensions<'_>) -> Result<Vec<u8>, StatusError> {
    if extensions.value(DELTA).is_some() {
        return Err(StatusError::Delta);
    }
    if let Some(scope) = extensions.value(SCOPE) {
        let mut parts = Values::of_sequence(scope)?;
        while !parts.is_finished() {
            if der::Tagged::tag(&parts.next()?) == context(INDIRECT, false) {
                return Err(StatusError::Indirect);
            }
            if parts.is_finished() {
                return Err(StatusError::Partial);
            }
        }
    }
    extensions.check_critical(&[NUMBER, SCOPE, AUTHORITY_KEY])?;
    let number = extensions.value(NUMBER).ok_or(StatusError::NoNumber)?;
    let mut values = Values::of(number)?;
    let number = serial(&mut values)?;
    values.end()?;
    Ok(number
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect())
}

const VERSION_2: [u8; 1] = [1];
/// Standard: RFC 5280 §5.2.3.
const NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
/// Standard: RFC 5280 §5.2.4.
const DELTA: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.27");
/// Standard: RFC 5280 §5.2.5.
const SCOPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
/// The field of the scope that says so.
const INDIRECT: u32 = 4;
/// Standard: RFC 5280 §5.2.1.
const AUTHORITY_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
/// Standard: RFC 5280 §5.3.1.
const REASON: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
/// The reason of an entry that takes another one back, as it is written.
const REMOVED: [u8; 3] = [10, 1, 8];
/// Standard: RFC 5280 §5.3.2.
const INVALIDITY_DATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.24");
/// Standard: RFC 5280 §5.3.3.
const CERTIFICATE_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.29");
