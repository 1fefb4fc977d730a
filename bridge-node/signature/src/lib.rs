//! HTTP message signatures (RFC 9421) and content digests (RFC 9530), over values and not over sockets.
//!
//! **What it is**: signature bases, the fields `Signature-Input`, `Signature` and `Content-Digest`, and the two algorithms
//! `ecdsa-p256-sha256` and `ed25519`. Pure: no clock, no files, no network; randomness only inside ECDSA signing.
//!
//! **What it is not**: a policy. It does not say what must be covered, how old a signature may be or whose key it is; it
//! never reads a body (the caller digests it); it knows no trailers, no RSA and no shared secrets.
//!
//! The nouns: a [`Message`] is a request or an answer with its request; a [`Component`] names one covered part of it; the
//! [`Base`] is the exact text that is signed; [`Received`] is a signature as it came, before any key has judged it.
//!
//! Beside the standard there is the batch form, one signature for many messages ([`sign_batch`], [`BatchValue`]).
//!
//! Stricter than the standard on purpose: one signature a message, one spelling of its fields (the strict serialisation
//! of RFC 9651 §4), no unknown parameter, limits on everything a stranger can send ([`limits`]).
//!
//! ```
//! use bridge_signature::{
//!     Algorithm, Component, FileSigner, Message, Params, RequestView, Signer, VerifyingKey, parse_signature,
//!     signature_base, signature_fields,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let rng = ring::rand::SystemRandom::new();
//! # let pkcs8 = ring::signature::Ed25519KeyPair::generate_pkcs8(&rng).map_err(|_| "no key")?;
//! let signer = FileSigner::from_pkcs8(Algorithm::Ed25519, pkcs8.as_ref(), "key-1".to_owned())?;
//! let mut fields = http::HeaderMap::new();
//! fields.insert("date", "Tue, 20 Apr 2021 02:07:55 GMT".parse()?);
//!
//! let view = RequestView { method: "GET", target: "/a?b=1", authority: "example.com", scheme: "https", fields: &fields };
//! let covered = [Component::new("@method"), Component::new("@request-target"), Component::new("date")];
//! let params = Params { created: Some(1_618_884_473), keyid: Some("key-1".to_owned()), ..Params::default() };
//! let base = signature_base(&Message::Request(view), &covered, &params)?;
//! let (input, signature) = signature_fields("sig", &base, &signer.sign(base.bytes())?);
//!
//! let mut sent = fields.clone();
//! sent.insert("signature-input", input);
//! sent.insert("signature", signature);
//! let received = parse_signature(&sent, "sig")?;
//! let again = received.base(&Message::Request(RequestView { fields: &sent, ..view }))?;
//! VerifyingKey::new(Algorithm::Ed25519, signer.public_key())?.verify(again.bytes(), &received.signature)?;
//! # Ok(())
//! # }
//! ```

mod algorithm;
mod base;
mod batch;
mod component;
mod digest;
mod key;
pub mod limits;
mod message;
mod params;
mod plain;
mod query;
mod received;
mod structured;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use base::{Base, BaseError, signature_base, signature_fields, signature_fields_of};
pub use batch::{BatchError, BatchValue, Form, KnownBatches, sign_batch};
pub use component::Component;
pub use digest::{
    BodyDigest, DigestError, content_digest_field, content_digest_of, parse_content_digest,
};
pub use key::{FileSigner, KeyError, SignError, Signer, VerifyError, VerifyingKey};
pub use message::{AnswerView, Message, RequestView};
pub use params::Params;
pub use received::{ParseError, Received, parse_signature};
