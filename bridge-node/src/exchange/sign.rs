//! What is signed, and how it stands on the wire: heads, signature bases, the fields that every message carries.

use std::sync::Arc;

use bridge_core::envelope::{
    LABEL, Tag, answer_components, batch_params, params, request_components,
};
use bridge_core::fields::{request_hash, secrets_field};
use bridge_core::refusal::{NodeFault, Refusal};
use bridge_journal::{Signed, Unsigned};
use bridge_signature::{
    AnswerView, BaseError, Component, Message, Params, RequestView, Signer, content_digest_field,
    signature_base, signature_fields_of,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::about::About;
use super::names;
use crate::node::Node;
use crate::payload::Payload;

/// The head of a request as both ends see it: what signatures of request and answer are made of.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The provider node's name.
    pub authority: String,
    /// All fields, with `Signature` and `Signature-Input`.
    pub fields: HeaderMap,
}

// === impl RequestHead ===

impl RequestHead {
    /// The head as the signature package reads it.
    pub fn view(&self) -> RequestView<'_> {
        RequestView {
            method: self.method.as_str(),
            target: &self.target,
            authority: &self.authority,
            scheme: "https",
            fields: &self.fields,
        }
    }
}

/// The signature base of a request, over all its fields; also in the batch form if it may have that.
pub(super) fn request_base(
    node: &Node,
    head: &RequestHead,
    (signer, nonce): (&Arc<dyn Signer>, &[u8; 16]),
    may_batch: bool,
) -> Result<Unsigned, Refusal> {
    let covered = request_components(&head.fields);
    let params = params(
        Tag::Request,
        signer.key_id(),
        signer.algorithm(),
        node.clock.now_s(),
        nonce,
    );
    let message = Message::Request(head.view());
    unsigned(
        &message,
        &covered,
        (Tag::Request, &params),
        (signer, may_batch),
    )
    .map_err(|e| cannot_sign(&e))
}

/// The signature base of an answer or refusal, over all its fields and the request that it belongs to.
pub(super) fn answer_base(
    node: &Node,
    (signer, tag): (&Arc<dyn Signer>, Tag),
    (status, fields): (u16, &HeaderMap),
    request: &RequestHead,
    may_batch: bool,
) -> Result<Unsigned, Refusal> {
    let params = params(
        tag,
        signer.key_id(),
        signer.algorithm(),
        node.clock.now_s(),
        &fresh_nonce()?,
    );
    let covered = answer_components(fields);
    let view = AnswerView {
        status,
        fields,
        request: request.view(),
    };
    let message = Message::Answer(view);
    unsigned(&message, &covered, (tag, &params), (signer, may_batch)).map_err(|e| cannot_sign(&e))
}

/// The base in each form: which of them is signed, the station knows when it sees what else waits for the key.
fn unsigned(
    message: &Message<'_>,
    covered: &[Component<'_>],
    (tag, params): (Tag, &Params),
    (signer, may_batch): (&Arc<dyn Signer>, bool),
) -> Result<Unsigned, BaseError> {
    let plain = signature_base(message, covered, params)?;
    let params = batch_params(tag, params).filter(|_| may_batch);
    let batch = params
        .map(|params| plain.with_params(&params))
        .transpose()?;
    Ok(Unsigned {
        plain,
        batch,
        signer: Some(Arc::clone(signer)),
    })
}

/// Fields of a request that its answer and its refusal repeat.
static ECHOED: [&HeaderName; 3] = [
    &names::X_ROAD_CLIENT,
    &names::X_ROAD_ID,
    &names::X_ROAD_REQUEST_ID,
];

/// What may be sent with this status in answer to this method: what HTTP would drop on the way must not be digested.
///
/// Standard: RFC 9110 §6.4.1.
pub(super) fn content(method: &Method, status: u16, payload: Payload) -> Payload {
    if *method == Method::HEAD || matches!(status, 204 | 304) {
        return Payload::from_bytes(Bytes::new());
    }
    payload
}

/// The fields by which an answer or refusal says what it belongs to; those of a request whose body was not read
/// don't have its hash.
pub(super) fn answer_fields(
    about: &About,
    (head, body): (&RequestHead, Option<&Payload>),
    payload: &Payload,
    fields: &mut HeaderMap,
) {
    for name in ECHOED {
        if let Some(value) = head.fields.get(name) {
            fields.insert(name, value.clone());
        }
    }
    set_service(fields, about);
    set(fields, &names::VERSION, crate::WIRE_VERSION_TEXT);
    if let Some(body) = body {
        let sha512 = body.sha512();
        let hash = request_hash(
            head.method.as_str(),
            &head.target,
            &head.fields,
            sha512.as_ref(),
        );
        set(fields, &names::X_ROAD_REQUEST_HASH, &hash);
    }
    if let Some(receipt) = &about.received {
        set(fields, &names::PEER_RECEIPT, receipt);
    }
    protect(fields, payload);
}

/// Client and ids of the exchange, as far as they are known.
pub(super) fn set_identity(fields: &mut HeaderMap, about: &About) {
    if let Some(client) = &about.client {
        set(fields, &names::X_ROAD_CLIENT, client.as_str());
    }
    if let Some(id) = &about.message_id {
        set(fields, &names::X_ROAD_ID, id);
    }
    if let Some(id) = about.request_id {
        set(fields, &names::X_ROAD_REQUEST_ID, &id.to_string());
    }
}

/// The service that was asked for: answers name it, requests have it in their target.
pub(super) fn set_service(fields: &mut HeaderMap, about: &About) {
    if let Some(service) = &about.service {
        set(fields, &names::X_ROAD_SERVICE, service.as_str());
    }
}

/// Digests of the body and of the secret fields: what the signature covers in their place.
pub(super) fn protect(fields: &mut HeaderMap, payload: &Payload) {
    fields.insert(
        &names::CONTENT_DIGEST,
        content_digest_field(payload.digest()),
    );
    if let Some(secrets) = secrets_field(fields) {
        fields.insert(&names::SECRETS, secrets);
    }
}

fn cannot_sign(error: &BaseError) -> Refusal {
    tracing::error!(%error, "a message cannot be signed");
    Refusal::Node(NodeFault::Signing)
}

pub(super) fn fresh_nonce() -> Result<[u8; 16], Refusal> {
    let mut nonce = [0; 16];
    SystemRandom::new()
        .fill(&mut nonce)
        .map_err(|_unspecified| Refusal::Node(NodeFault::Internal))?;
    Ok(nonce)
}

/// Puts the signature on the message.
pub(super) fn add_signature(fields: &mut HeaderMap, signed: &Signed) {
    let (input, value) = signature_fields_of(LABEL, &signed.input, &signed.value);
    fields.insert(&names::SIGNATURE_INPUT, input);
    fields.insert(&names::SIGNATURE, value);
}

/// Sets a field of our own making; text that is no field value (a message id with a control, say) was refused before.
pub(super) fn set(fields: &mut HeaderMap, name: &HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        fields.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_the_version_as_it_is_numbered() {
        assert_eq!(crate::WIRE_VERSION_TEXT, crate::WIRE_VERSION.to_string());
    }

    #[test]
    fn what_http_drops_is_not_digested() {
        let body = || Payload::from_bytes(Bytes::from_static(b"{}"));
        assert_eq!(content(&Method::GET, 200, body()).length(), 2);
        assert_eq!(content(&Method::GET, 404, body()).length(), 2);
        for (method, status) in [
            (Method::HEAD, 200),
            (Method::HEAD, 403),
            (Method::GET, 204),
            (Method::GET, 304),
        ] {
            let sent = content(&method, status, body());
            assert_eq!(sent.digest(), &bridge_signature::content_digest_of(b""));
        }
    }
}
