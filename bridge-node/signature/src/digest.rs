//! Digests of a message's content.

use std::convert::Infallible;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use ring::digest::{Context, SHA256, digest};
use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored};
use sfv::{Dictionary, KeyRef, ListEntry, Parser};
use thiserror::Error;

use crate::limits::MAX_DIGEST_FIELD_BYTES;
use crate::plain;
use crate::structured::{LineError, only_line, printable};

const CONTENT_DIGEST: &str = "content-digest";
const SHA_256: &str = "sha-256";

/// Digests a body while it passes.
#[derive(Clone)]
pub struct BodyDigest(Context);

/// Why the field `Content-Digest` is refused.
#[derive(Debug, Error)]
pub enum DigestError {
    /// The field is missing.
    #[error("the field content-digest is missing")]
    Missing,
    /// The field stands on several lines.
    #[error("the field content-digest occurs more than once")]
    Repeated,
    /// The field is longer than [`MAX_DIGEST_FIELD_BYTES`].
    #[error("the field content-digest is longer than {MAX_DIGEST_FIELD_BYTES} bytes")]
    TooLong,
    /// The field holds other bytes than visible ASCII, spaces and tabs.
    #[error("the field content-digest is not printable ASCII")]
    NotText,
    /// The field is not a dictionary.
    #[error("the field content-digest is not a dictionary")]
    NotDictionary(#[source] sfv::Error),
    /// One algorithm is named twice: which value counts would depend on the reader.
    #[error("the field content-digest names an algorithm twice")]
    Duplicate,
    /// The field has no sha-256.
    #[error("the field content-digest has no sha-256")]
    NoSha256,
    /// The sha-256 is not a byte sequence of 32 bytes.
    #[error("the sha-256 of the field content-digest is not a digest of 32 bytes")]
    NotDigest,
}

impl BodyDigest {
    /// Starts a digest.
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Adds the next bytes of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Ends the digest.
    pub fn finish(self) -> [u8; 32] {
        array(self.0.finish())
    }
}

impl Default for BodyDigest {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BodyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyDigest").finish_non_exhaustive()
    }
}

/// Digests a whole body.
pub fn content_digest_of(body: &[u8]) -> [u8; 32] {
    array(digest(&SHA256, body))
}

/// Writes the value of `Content-Digest`.
///
/// Standard: RFC 9530 §2.
pub fn content_digest_field(digest: &[u8; 32]) -> HeaderValue {
    printable([SHA_256, "=:", &STANDARD.encode(digest), ":"].concat())
}

/// Reads the sha-256 of `Content-Digest`; other algorithms beside it are ignored.
///
/// # Errors
/// A [`DigestError`] when the field is missing, doubled, malformed, names an algorithm twice, or has no sha-256.
///
/// Standard: RFC 9530 §2.
pub fn parse_content_digest(fields: &HeaderMap) -> Result<[u8; 32], DigestError> {
    let text =
        only_line(fields, CONTENT_DIGEST, MAX_DIGEST_FIELD_BYTES).map_err(|error| match error {
            LineError::Missing => DigestError::Missing,
            LineError::Repeated => DigestError::Repeated,
            LineError::TooLong => DigestError::TooLong,
            LineError::NotText => DigestError::NotText,
        })?;
    if let Some(digest) = plain::value(text, SHA_256).and_then(plain::bytes) {
        return digest.try_into().or(Err(DigestError::NotDigest));
    }
    let members: Dictionary = Parser::new(text)
        .parse()
        .map_err(DigestError::NotDictionary)?;
    let written = Parser::new(text)
        .parse_dictionary_with_visitor(Members(0))
        .map_err(DigestError::NotDictionary)?;
    if written != members.len() {
        return Err(DigestError::Duplicate);
    }
    match members.get(SHA_256) {
        None => Err(DigestError::NoSha256),
        Some(ListEntry::Item(item)) => item
            .bare_item
            .as_byte_sequence()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(DigestError::NotDigest),
        Some(ListEntry::InnerList(_)) => Err(DigestError::NotDigest),
    }
}

/// Counts the members of a dictionary as written; the parsed one keeps only the last of doubled ones.
struct Members(usize);

impl<'de> DictionaryVisitor<'de> for Members {
    type Out = usize;
    type Error = Infallible;

    fn entry(&mut self, _key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        self.0 += 1;
        Ok(Ignored)
    }

    fn finish(self) -> Result<usize, Infallible> {
        Ok(self.0)
    }
}

/// Copies a SHA-256 out of ring's longer buffer.
fn array(digest: ring::digest::Digest) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    bytes
}

#[cfg(test)]
mod tests;
