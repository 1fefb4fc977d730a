//! The signature that every message between two nodes carries: what it must cover, and how it is read.
//!
//! A profile of RFC 9421: one label, one list of what is covered, no choice anywhere. [`open`] checks that the list is
//! exactly the one that the message demands, so whatever a reader takes from a message was signed. It proves nothing by
//! itself: [`Envelope::verify`] does, with the key that the directory names for [`Envelope::key_id`].
//!
//! A message is signed on its own ([`Form::Plain`]) or with others ([`Form::Batch`]): the tag says which, so the one never
//! passes for the other.
//!
//! A sender sets **all** fields first, `Date` too: a field that a server adds afterwards is not covered and refused.
//!
//! ```
//! use bridge_core::envelope::{LABEL, Tag, open, params, request_components};
//! use bridge_signature::{
//!     Algorithm, FileSigner, Message, RequestView, Signer, VerifyingKey, content_digest_field, content_digest_of,
//!     signature_base, signature_fields,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let rng = ring::rand::SystemRandom::new();
//! # let pkcs8 = ring::signature::Ed25519KeyPair::generate_pkcs8(&rng).map_err(|_| "no key")?;
//! # let key_id = "A".repeat(43);
//! let signer = FileSigner::from_pkcs8(Algorithm::Ed25519, pkcs8.as_ref(), key_id)?;
//! let mut fields = http::HeaderMap::new();
//! fields.insert("bridge-version", "1".parse()?);
//! fields.insert("bridge-contract", "c-1@digest".parse()?);
//! fields.insert("x-road-client", "AZ/GOV/1001/PENSIONS".parse()?);
//! fields.insert("x-road-request-id", "c0a1b2c3-0000-4000-8000-000000000001".parse()?);
//! fields.insert("content-digest", content_digest_field(&content_digest_of(b"")));
//!
//! let view = RequestView { method: "GET", target: "/r1/AZ/GOV/1002/POP/person/7", authority: "node1.pop", scheme: "https", fields: &fields };
//! let params = params(Tag::Request, signer.key_id(), signer.algorithm(), 1_700_000_000, &[7; 16]);
//! let base = signature_base(&Message::Request(view), &request_components(&fields), &params)?;
//! let (input, signature) = signature_fields(LABEL, &base, &signer.sign(base.bytes())?);
//!
//! let mut sent = fields.clone();
//! sent.insert("signature-input", input);
//! sent.insert("signature", signature);
//! let envelope = open(&Message::Request(RequestView { fields: &sent, ..view }))?;
//! envelope.verify(&VerifyingKey::new(Algorithm::Ed25519, signer.public_key())?)?;
//! # Ok(())
//! # }
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_signature::{
    Algorithm, BatchValue, Form, KnownBatches, Message, Params, VerifyingKey, parse_signature,
};
use ring::digest::{Context, SHA256};

mod covered;
mod error;

pub use covered::{
    ANSWER_FIELDS, REQUEST_FIELDS, SECRET_FIELDS, TRANSPORT_FIELDS, answer_components,
    request_components,
};
pub use error::EnvelopeError;

use covered::{check_covered, check_single_lines};

/// The label of the one signature that a message carries.
pub const LABEL: &str = "bridge";

/// How long a signature counts on the wire, seconds. Evidence is judged by the journal's time, not by this.
pub const LIFETIME_S: u64 = 60;

/// How far ahead of this node's clock a peer's may be, seconds.
pub const AHEAD_S: u64 = 30;

/// Says what a signature is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    /// A request of a consumer's node.
    Request,
    /// An answer of a provider's node, made under a contract.
    Answer,
    /// A refusal of a provider's node.
    Refusal,
}

/// Holds what a message's signature says, checked for form and coverage. Whether the signature is genuine is not yet known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The name of the exchange key: base64url SHA-256 of its certificate.
    pub key_id: String,
    /// Whether it was signed on its own or in a batch.
    pub form: Form,
    /// The algorithm that the message claims; [`Envelope::verify`] compares it with the key's record. The batch form claims none.
    pub algorithm: Option<Algorithm>,
    /// When it was signed, Unix seconds by the peer's clock.
    pub created: u64,
    /// Until when it counts on the wire, Unix seconds.
    pub expires: u64,
    /// The secret random bytes that make it unique.
    pub nonce: [u8; 16],
    /// What it is for.
    pub tag: Tag,
    /// The signature base, evidence together with the signature.
    pub base: Vec<u8>,
    /// The signature's bytes.
    pub signature: Vec<u8>,
}

impl Tag {
    /// Returns the text of the parameter `tag`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "bridge-request-v1",
            Self::Answer => "bridge-answer-v1",
            Self::Refusal => "bridge-refusal-v1",
        }
    }

    /// Returns the text of the parameter `tag` in the batch form; refusals have none.
    pub const fn batch_str(self) -> Option<&'static str> {
        match self {
            Self::Request => Some("bridge-request-batch-v1"),
            Self::Answer => Some("bridge-answer-batch-v1"),
            Self::Refusal => None,
        }
    }

    fn read(text: &str) -> Result<(Self, Form), EnvelopeError> {
        for tag in [Self::Request, Self::Answer, Self::Refusal] {
            if tag.as_str() == text {
                return Ok((tag, Form::Plain));
            }
            if tag.batch_str() == Some(text) {
                return Ok((tag, Form::Batch));
            }
        }
        Err(EnvelopeError::UnknownTag(text.to_owned()))
    }

    fn fits(self, message: &Message<'_>) -> bool {
        match message {
            Message::Request(_) => self == Self::Request,
            Message::Answer(_) => matches!(self, Self::Answer | Self::Refusal),
        }
    }
}

/// Makes the parameters of a signature; it counts for [`LIFETIME_S`] from `created_s` (Unix seconds).
pub fn params(
    tag: Tag,
    key_id: &str,
    algorithm: Algorithm,
    created_s: u64,
    nonce: &[u8; 16],
) -> Params {
    Params {
        created: Some(created_s),
        expires: Some(created_s.saturating_add(LIFETIME_S)),
        nonce: Some(URL_SAFE_NO_PAD.encode(nonce)),
        alg: Some(algorithm.as_str().to_owned()),
        keyid: Some(key_id.to_owned()),
        tag: Some(tag.as_str().to_owned()),
    }
}

/// Makes the parameters of the same signature in the batch form; nothing for a tag that has none.
pub fn batch_params(tag: Tag, plain: &Params) -> Option<Params> {
    Some(Params {
        alg: None,
        tag: Some(tag.batch_str()?.to_owned()),
        ..plain.clone()
    })
}

/// Reads the signature of a message and checks everything about it that needs no key and no clock.
///
/// # Errors
/// [`EnvelopeError`] when the signature is missing or malformed, is not of this profile, covers too little or too much,
/// or when a field that only one line may have stands on several.
///
/// Standard: RFC 9421 §3.2.
pub fn open(message: &Message<'_>) -> Result<Envelope, EnvelopeError> {
    let received = parse_signature(message.fields(), LABEL)?;
    let (tag, form) = Tag::read(text("tag", received.params.tag.as_deref())?)?;
    if !tag.fits(message) {
        return Err(EnvelopeError::TagOfOtherMessage(tag));
    }
    let algorithm = match (form, received.params.alg.as_deref()) {
        (Form::Plain, claimed) => Some(text("alg", claimed)?.parse()?),
        (Form::Batch, None) => None,
        (Form::Batch, Some(_)) => return Err(EnvelopeError::BatchAlgorithm),
    };
    let created = received
        .params
        .created
        .ok_or(EnvelopeError::MissingParameter("created"))?;
    let expires = received
        .params
        .expires
        .ok_or(EnvelopeError::MissingParameter("expires"))?;
    if created.checked_add(LIFETIME_S) != Some(expires) {
        return Err(EnvelopeError::Lifetime { created, expires });
    }
    let key_id = text("keyid", received.params.keyid.as_deref())?.to_owned();
    decode::<32>("keyid", &key_id)?;
    let nonce = decode("nonce", text("nonce", received.params.nonce.as_deref())?)?;

    check_single_lines(message.fields())?;
    check_covered(message, &received)?;
    let base = received.base(message)?.into_bytes();
    let signature = received.signature;
    if form == Form::Batch {
        BatchValue::parse(&signature)?;
    }
    Ok(Envelope {
        key_id,
        form,
        algorithm,
        created,
        expires,
        nonce,
        tag,
        base,
        signature,
    })
}

impl Envelope {
    /// Verifies the signature with the key that the directory holds under [`Envelope::key_id`].
    ///
    /// # Errors
    /// [`EnvelopeError::AlgorithmOfOtherKey`] and [`EnvelopeError::NotGenuine`].
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), EnvelopeError> {
        self.verify_among(key, None)
    }

    /// Verifies as [`Envelope::verify`] does, but the signature of a batch that is known not again.
    ///
    /// # Errors
    /// As [`Envelope::verify`].
    pub fn verify_among(
        &self,
        key: &VerifyingKey,
        known: Option<&dyn KnownBatches>,
    ) -> Result<(), EnvelopeError> {
        if let Some(claimed) = self.algorithm
            && claimed != key.algorithm()
        {
            let recorded = key.algorithm();
            return Err(EnvelopeError::AlgorithmOfOtherKey { claimed, recorded });
        }
        match self.form {
            Form::Plain => key.verify(&self.base, &self.signature),
            Form::Batch => {
                let value = BatchValue::parse(&self.signature)?;
                value.verify(key, (&self.key_id, &self.base), known)
            }
        }
        .map_err(EnvelopeError::NotGenuine)
    }
}

/// Checks that a signature counts at this moment: `created` − [`AHEAD_S`] ≤ `now_s` ≤ `expires`, Unix seconds.
///
/// # Errors
/// [`EnvelopeError::Early`] and [`EnvelopeError::Late`], which say both clocks.
pub fn check_fresh(created: u64, expires: u64, now_s: u64) -> Result<(), EnvelopeError> {
    if now_s.saturating_add(AHEAD_S) < created {
        return Err(EnvelopeError::Early { created, now_s });
    }
    if now_s > expires {
        return Err(EnvelopeError::Late {
            created,
            expires,
            now_s,
        });
    }
    Ok(())
}

/// Computes what ties the two ends' leaves of one message: SHA-256("bridge-link-v1" ‖ the signature's bytes).
pub fn link(signature: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(b"bridge-link-v1");
    context.update(signature);
    let mut link = [0; 32];
    for (to, from) in link.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    link
}

fn text<'a>(name: &'static str, value: Option<&'a str>) -> Result<&'a str, EnvelopeError> {
    value.ok_or(EnvelopeError::MissingParameter(name))
}

/// Reads a parameter that is base64url of exactly `N` bytes, in its one spelling.
fn decode<const N: usize>(name: &'static str, value: &str) -> Result<[u8; N], EnvelopeError> {
    URL_SAFE_NO_PAD
        .decode(value)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(EnvelopeError::ParameterForm { name, bytes: N })
}

#[cfg(test)]
mod tests;
