//! Evidence: opened, held against the leaf's commitment, and against itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, Nonce};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

use crate::bytes::{Bytes, Hash, sha256};
use crate::leaf::{Leaf, Mode};
use crate::secrets::aead_key;

/// What is wrong with the evidence of a leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceFault {
    /// The record secret beside the leaf can't be opened.
    #[error(
        "the record secret beside the leaf can't be opened: it was altered or taken from another leaf, and the leaf's evidence is lost"
    )]
    Secret,
    /// The evidence can't be decrypted.
    #[error(
        "the evidence can't be decrypted for this leaf: ciphertext, secret, leaf or position was altered, and the evidence is lost"
    )]
    Sealed,
    /// The plaintext is not evidence.
    #[error(
        "the decrypted bytes are not evidence in the format's form: they were not written by a node"
    )]
    Form,
    /// The leaf commits to other evidence.
    #[error("the leaf commits to other evidence than lies beside it: the evidence was exchanged")]
    Commitment,
    /// The link in the leaf is not that of the signature.
    #[error(
        "the leaf's `{field}` is not that of the signature in the evidence: the evidence is of another message"
    )]
    Link {
        /// The field of the leaf.
        field: &'static str,
    },
    /// There is a signature, but the leaf links to none.
    #[error(
        "the evidence has a signature, but the leaf has no link to it: the two ends' leaves can't be matched"
    )]
    NoLink,
    /// The signature does not have the form that its base names.
    #[error(
        "the signature does not have the form that the tag in its base names: no key can have made it"
    )]
    Value,
    /// The signature base does not cover the body's digest.
    #[error(
        "the signature base has no `content-digest` by sha-256: the signature does not speak for the body"
    )]
    NoDigest,
    /// The body is not the one the signature speaks for.
    #[error("the body is not the one whose digest was signed: it was exchanged before it was kept")]
    Body,
    /// There is a body where the mode has none.
    #[error("the mode is `digest`, but a body was kept: more is stored than the contract allows")]
    BodyKept,
}

/// Evidence that was opened and held against its leaf.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// The signature base.
    pub base: Vec<u8>,
    /// The signature over it.
    pub signature: Vec<u8>,
    /// What was kept where there is no signature base; else the body of a message is not shown.
    pub unsigned: Vec<u8>,
}

impl Opened {
    pub(crate) fn bytes(&self) -> usize {
        [&self.base, &self.signature, &self.unsigned]
            .iter()
            .fold(0, |sum, part| sum.saturating_add(part.len()))
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Opened")
            .field("base_bytes", &self.base.len())
            .field("unsigned_bytes", &self.unsigned.len())
            .finish_non_exhaustive()
    }
}

/// The most bytes of one record's evidence that are shown to a reader.
const SHOWN_BYTES: usize = 128 * 1024;

/// The parts of opened evidence.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plain<'a> {
    base: &'a [u8],
    signature: &'a [u8],
    body: &'a [u8],
}

/// Opens the evidence in `sealed` (which is decrypted in place) and checks all that it can be held against.
pub(crate) fn check<'a>(
    leaf: &Leaf<'_>,
    (origin, index, leaf_hash): (&str, u64, &Hash),
    secret: &[u8; 32],
    sealed: &'a mut [u8],
) -> Result<Plain<'a>, EvidenceFault> {
    let key = derive(secret, b"bridge-evidence-key-v1")
        .as_ref()
        .and_then(aead_key);
    let key = key.ok_or(EvidenceFault::Sealed)?;
    let aad: [&[u8]; 4] = [origin.as_bytes(), b"\n", &index.to_be_bytes(), leaf_hash];
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let Ok(plain) = key.open_in_place(nonce, Aad::from(aad.concat()), sealed) else {
        return Err(EvidenceFault::Sealed);
    };
    let salt = derive(secret, b"bridge-evidence-salt-v1").ok_or(EvidenceFault::Sealed)?;
    if leaf.evidence != Some(sha256(&[b"bridge-evidence-v1\0", &salt, plain])) {
        return Err(EvidenceFault::Commitment);
    }
    let plain = Plain::parse(plain).ok_or(EvidenceFault::Form)?;
    plain.check_link(leaf)?;
    plain.check_value()?;
    plain.check_body(leaf.mode)?;
    Ok(plain)
}

impl<'a> Plain<'a> {
    /// What a reader is shown; `None` if it is more than any node writes.
    pub(crate) fn opened(&self) -> Option<Opened> {
        let unsigned = if self.base.is_empty() { self.body } else { b"" };
        let shown = Opened {
            base: self.base.to_vec(),
            signature: self.signature.to_vec(),
            unsigned: unsigned.to_vec(),
        };
        (shown.bytes() <= SHOWN_BYTES).then_some(shown)
    }

    fn parse(plain: &'a [u8]) -> Option<Self> {
        let mut bytes = Bytes(plain.strip_prefix(b"bridge-evidence-v1\n")?);
        let plain = Self {
            base: bytes.counted()?,
            signature: bytes.counted()?,
            body: bytes.counted()?,
        };
        bytes.0.is_empty().then_some(plain)
    }

    /// Leaves of answers link to the request by `link` and to the answer by `answer_link`.
    fn check_link(&self, leaf: &Leaf<'_>) -> Result<(), EvidenceFault> {
        if self.signature.is_empty() {
            return Ok(());
        }
        let (field, link) = match (leaf.answer_link, leaf.link) {
            (Some(link), _) => ("answer_link", link),
            (None, Some(link)) => ("link", link),
            (None, None) => return Err(EvidenceFault::NoLink),
        };
        if link == sha256(&[b"bridge-link-v1", self.signature]) {
            return Ok(());
        }
        Err(EvidenceFault::Link { field })
    }

    /// A tag of the protocol says what the signature is: 64 bytes, or a value of the batch form.
    fn check_value(&self) -> Result<(), EvidenceFault> {
        let is_right = match tag(self.base) {
            Some("bridge-request-v1" | "bridge-answer-v1" | "bridge-refusal-v1") => {
                self.signature.len() == SIGNATURE_BYTES
            }
            Some("bridge-request-batch-v1" | "bridge-answer-batch-v1") => {
                is_batch_value(self.signature).is_some()
            }
            Some(_) | None => true,
        };
        is_right.then_some(()).ok_or(EvidenceFault::Value)
    }

    fn check_body(&self, mode: Option<Mode>) -> Result<(), EvidenceFault> {
        if mode == Some(Mode::Digest) && !self.body.is_empty() {
            return Err(EvidenceFault::BodyKept);
        }
        if self.base.is_empty() {
            return Ok(());
        }
        let digest = content_digest(self.base).ok_or(EvidenceFault::NoDigest)?;
        if mode == Some(Mode::Full) && digest != sha256(&[self.body]) {
            return Err(EvidenceFault::Body);
        }
        Ok(())
    }
}

/// Takes the digest of the message's own content out of its signature base.
///
/// Standard: RFC 9421 §2.5. Standard: RFC 9530 §2.
fn content_digest(base: &[u8]) -> Option<Hash> {
    let line = base
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"\"content-digest\": "))?;
    let line = str::from_utf8(line).ok()?;
    let value = line
        .split(',')
        .find_map(|member| member.trim().strip_prefix("sha-256=:"))?;
    let value = value.strip_suffix(':')?;
    STANDARD.decode(value).ok()?.try_into().ok()
}

/// Takes the tag out of the last line of a signature base. Standard: RFC 9421 §2.5.
fn tag(base: &[u8]) -> Option<&str> {
    let line = base.rsplit(|byte| *byte == b'\n').next()?;
    let line = str::from_utf8(line.strip_prefix(b"\"@signature-params\": ")?).ok()?;
    let (_, tag) = line.rsplit_once(";tag=\"")?;
    tag.split('"').next()
}

/// Length in bytes of a signature, by either algorithm.
const SIGNATURE_BYTES: usize = 64;

/// Reads 0x01 ‖ n u32 ‖ i u32 ‖ the path of leaf i in a tree of n ‖ a signature. Standard: RFC 6962 §2.1.1.
fn is_batch_value(value: &[u8]) -> Option<()> {
    let (numbers, rest) = value.strip_prefix(&[1])?.split_first_chunk::<8>()?;
    let (count, index) = numbers.split_first_chunk::<4>()?;
    let count = u32::from_be_bytes(*count);
    let index = u32::from_be_bytes(*index.first_chunk()?);
    if !(2..=4096).contains(&count) || index >= count {
        return None;
    }
    let hashes = path_length(index, count);
    (rest.len() == 32 * hashes + SIGNATURE_BYTES).then_some(())
}

/// Halves the tree as its definition does.
fn path_length(mut index: u32, mut count: u32) -> usize {
    let mut length = 0;
    while count > 1 {
        let left = count.next_power_of_two() / 2;
        if index < left {
            count = left;
        } else {
            index -= left;
            count -= left;
        }
        length += 1;
    }
    length
}

/// Derives 32 bytes from a record secret.
///
/// Standard: RFC 5869 §2.
fn derive(secret: &[u8; 32], info: &[u8]) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let key = Salt::new(HKDF_SHA256, &[]).extract(secret);
    key.expand(&[info], Bytes32)
        .and_then(|output| output.fill(&mut out))
        .ok()?;
    Some(out)
}

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

#[cfg(test)]
mod tests {
    use super::{EvidenceFault, Plain, content_digest, derive};
    use crate::leaf::Mode;
    use proptest::prelude::*;

    const BASE: &[u8] = b"\"@method\": GET\n\"content-digest\": sha-512=:AA==:, sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\n\"content-digest\";req: sha-256=:AAAA:\n\"@signature-params\": ()";

    #[test]
    fn the_digest_of_the_message_itself_is_taken() {
        assert_eq!(content_digest(BASE), Some(crate::bytes::sha256(&[])));
        assert_eq!(
            content_digest(b"\"content-digest\";req: sha-256=:AAAA:"),
            None
        );
        assert_eq!(content_digest(b"\"content-digest\": sha-256=:AAAA:"), None);
    }

    #[test]
    fn bodies_are_held_against_the_base() {
        let plain = |base, body| Plain {
            base,
            signature: b"",
            body,
        };
        assert_eq!(plain(BASE, b"").check_body(Some(Mode::Full)), Ok(()));
        assert_eq!(
            plain(BASE, b"x").check_body(Some(Mode::Full)),
            Err(EvidenceFault::Body)
        );
        assert_eq!(
            plain(BASE, b"x").check_body(Some(Mode::Digest)),
            Err(EvidenceFault::BodyKept)
        );
        assert_eq!(
            plain(b"x", b"").check_body(Some(Mode::Digest)),
            Err(EvidenceFault::NoDigest)
        );
        assert_eq!(plain(b"", b"x").check_body(Some(Mode::Full)), Ok(()));
    }

    #[test]
    fn a_signature_has_the_form_that_its_tag_names() {
        let judge = |tag: &str, signature: &[u8]| {
            let base = format!("\"@method\": GET\n\"@signature-params\": ();tag=\"{tag}\"");
            let base = base.as_bytes();
            let body = b"";
            let plain = Plain {
                base,
                signature,
                body,
            };
            plain.check_value().is_ok()
        };
        let batch = |count: u32, index: u32, rest: usize| {
            let mut value = [&[1][..], &count.to_be_bytes(), &index.to_be_bytes()].concat();
            value.resize(9 + rest, 7);
            value
        };
        for (tag, is_batch) in [
            ("bridge-request-v1", false),
            ("bridge-answer-v1", false),
            ("bridge-refusal-v1", false),
            ("bridge-request-batch-v1", true),
            ("bridge-answer-batch-v1", true),
        ] {
            assert_eq!(judge(tag, &[7; 64]), !is_batch, "{tag}");
            for (value, is_value) in [
                (batch(2, 0, 96), true),
                (batch(7, 6, 128), true),
                (batch(7, 5, 160), true),
                (batch(4096, 0, 448), true),
                (batch(7, 6, 160), false),
                (batch(7, 6, 129), false),
                (batch(7, 7, 160), false),
                (batch(1, 0, 64), false),
                (batch(4097, 0, 480), false),
                (vec![1; 9], false),
                (Vec::new(), false),
            ] {
                assert_eq!(judge(tag, &value), is_batch && is_value, "{tag} {value:?}");
            }
        }
        assert!(judge("of-something-else", b""));
    }

    #[test]
    fn labels_give_distinct_outputs() {
        let one = derive(&[1; 32], b"bridge-evidence-key-v1");
        assert!(one.is_some());
        assert_ne!(one, derive(&[1; 32], b"bridge-evidence-salt-v1"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(input: Vec<u8>) {
            let _digest = content_digest(&input);
            let bytes = [b"bridge-evidence-v1\n", input.as_slice()].concat();
            if let Some(plain) = Plain::parse(&bytes) {
                let length = plain.base.len() + plain.signature.len() + plain.body.len();
                prop_assert_eq!(length + 12, input.len());
            }
        }
    }
}
