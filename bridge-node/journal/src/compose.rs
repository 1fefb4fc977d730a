//! Makes the frame of an entry whose message is signed: evidence sealed, leaf completed.

use bridge_core::leaf::{EvidenceMode, Leaf, UnixMillis};
use bytes::Bytes;
use ring::rand::SecureRandom;

use crate::config::EVIDENCE_BODY_BYTES;
use crate::entry::{Entry, LinkField, Signed};
use crate::error::RecordError;
use crate::evidence::{Place, Plain, RecordSecret};
use crate::frame::{FrameKind, begin_frame, end_frame};
use crate::keys::WrapKey;
use crate::tree::{Hash, leaf_hash, sha256};

/// An entry whose message is signed: what is left depends on its place.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) leaf: Leaf,
    /// The signature made here.
    pub(crate) made: Option<Signed>,
    message: Option<(Vec<u8>, Vec<u8>)>,
    body: Option<Bytes>,
    subjects: Vec<(String, String)>,
}

/// Where a frame will stand, and what it is encrypted with.
pub(crate) struct Setting<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) time_ms: u64,
    pub(crate) key: &'a WrapKey,
    pub(crate) random: &'a dyn SecureRandom,
}

impl Draft {
    /// Takes an entry, with its base and signature if it was signed here, and decides what is kept as evidence.
    pub(crate) fn new(entry: Entry, made: Option<(Vec<u8>, Signed)>) -> Result<Self, RecordError> {
        let Entry {
            mut leaf,
            sign: _,
            link_as,
            base,
            signature,
            body,
            subjects,
            mode,
        } = entry;
        let (message, made) = match (made, base, signature) {
            (Some((base, signed)), None, None) => {
                let link = Some(link(&signed.value));
                match link_as {
                    LinkField::Link => leaf.link = link,
                    LinkField::AnswerLink => leaf.answer_link = link,
                }
                (Some((base, signed.value.clone())), Some(signed))
            }
            (None, Some(base), Some(signature)) => (Some((base, signature)), None),
            (None, None, None) => (None, None),
            (Some(_), _, _) => return Err(RecordError::TwoMessages),
            (None, _, _) => return Err(RecordError::NoMessage),
        };
        let mut draft = Self {
            leaf,
            made,
            message: None,
            body: None,
            subjects,
        };
        draft.leaf.evidence = None;
        draft.leaf.subjects.clear();
        if mode == EvidenceMode::None {
            draft.leaf.mode = draft.leaf.mode.map(|_| EvidenceMode::None);
            return Ok(draft);
        }
        draft.message = Some(message.ok_or(RecordError::NoMessage)?);
        let large = body
            .as_ref()
            .is_some_and(|body| body.len() > EVIDENCE_BODY_BYTES);
        if mode == EvidenceMode::Full && !large {
            draft.body = body;
            draft.leaf.mode = Some(EvidenceMode::Full);
        } else {
            // The body's digest is in the base.
            draft.leaf.mode = Some(EvidenceMode::Digest);
        }
        Ok(draft)
    }

    /// Appends the frame to `out` and returns the leaf's hash. On an error `out` is as it was.
    pub(crate) fn write(
        &mut self,
        setting: &Setting<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Hash, RecordError> {
        let start = out.len();
        let written = self.try_write(setting, out);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn try_write(&mut self, setting: &Setting<'_>, out: &mut Vec<u8>) -> Result<Hash, RecordError> {
        let secret = self.commit(setting)?;
        self.leaf.time = UnixMillis(setting.time_ms);
        let frame = begin_frame(out, FrameKind::Leaf);
        out.extend_from_slice(&[0; 4]);
        let leaf_at = out.len();
        self.leaf.write(out).map_err(RecordError::Leaf)?;
        let leaf = out.get(leaf_at..).unwrap_or_default();
        let hash = leaf_hash(leaf);
        let length = leaf.len();
        put_u32(out, leaf_at - 4, length);
        let wrapped = match &secret {
            Some(secret) => {
                let wrapped = setting
                    .key
                    .wrap_secret(secret, setting.place, setting.random);
                Some(wrapped.map_err(RecordError::Seal)?)
            }
            None => None,
        };
        let wrapped = wrapped.as_ref().map_or(&[][..], |wrapped| &wrapped[..]);
        // A wrapped secret has 60 bytes.
        out.extend_from_slice(&u16::try_from(wrapped.len()).unwrap_or(0).to_be_bytes());
        out.extend_from_slice(wrapped);
        let evidence_at = out.len();
        out.extend_from_slice(&[0; 4]);
        if let Some((plain, secret)) = self.plain().zip(secret.as_ref()) {
            secret
                .seal(&plain, setting.place, &hash, out)
                .map_err(RecordError::Seal)?;
            let length = plain.sealed_bytes();
            put_u32(out, evidence_at, length);
        }
        end_frame(out, frame);
        Ok(hash)
    }

    /// Draws the record's secret, if it needs one, and puts the commitments into the leaf.
    fn commit(&mut self, setting: &Setting<'_>) -> Result<Option<RecordSecret>, RecordError> {
        let commitment = |result: Result<Hash, _>| result.map_err(RecordError::Seal);
        if self.message.is_none() && self.subjects.is_empty() {
            return Ok(None);
        }
        let secret = RecordSecret::draw(setting.random).map_err(RecordError::Seal)?;
        let evidence = self.plain().map(|plain| secret.evidence_commitment(&plain));
        self.leaf.evidence = evidence.map(commitment).transpose()?;
        self.leaf.subjects.clear();
        for (position, (kind, value)) in self.subjects.iter().enumerate() {
            let subject = commitment(secret.subject_commitment(position, (kind, value)))?;
            self.leaf.subjects.push(subject);
        }
        Ok(Some(secret))
    }

    fn plain(&self) -> Option<Plain<'_>> {
        let (base, signature) = self.message.as_ref()?;
        let body = self.body.as_deref().unwrap_or_default();
        Some(Plain {
            base,
            signature,
            body,
        })
    }
}

/// Returns the link of a signature: the same text in both ends' journals.
fn link(signature: &[u8]) -> Hash {
    sha256(&[b"bridge-link-v1", signature])
}

fn put_u32(out: &mut [u8], at: usize, length: usize) {
    // Leaves are below 64 KiB, evidence is below a segment.
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length);
    }
}
