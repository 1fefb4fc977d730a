//! How an error is put to a caller: `Accept` chooses the form, the settings choose names and statuses.
//!
//! Between nodes and in journals an error has one shape: JSON, dotted types, fitting statuses. It is put anew only here, at the
//! end of the consumer's node's work, so that a refusal of this node and one that a peer signed look alike to a caller; what
//! the peer signed stays as evidence. The words are those of whoever refused, in the language that the caller prefers.

use bridge_core::accept::ErrorForm;
use bridge_core::refusal::{ErrorBody, camel_case, x_road_status};
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::reply::Reply;
use crate::payload::Payload;
use crate::settings::{ErrorStatus, ErrorTypes, Told};

/// Puts an error as this caller wants it; what is no error, or no error of the bridge's shape, keeps its body.
pub(super) fn tell(told: Told, form: ErrorForm, mut reply: Reply) -> Reply {
    let code = reply.fields.get("x-road-error");
    let Some(code) = code.and_then(|code| code.to_str().ok().map(str::to_owned)) else {
        return reply;
    };
    if told.status == ErrorStatus::XRoad {
        reply.status = x_road_status(&code);
    }
    if told.error_types == ErrorTypes::Dotted && form == ErrorForm::Json {
        // The bytes pass as they were signed; what they are is said by this node.
        let kind = HeaderValue::from_static(form.content_type());
        reply.fields.insert(CONTENT_TYPE, kind);
        return reply;
    }
    let name = match told.error_types {
        ErrorTypes::Dotted => code,
        ErrorTypes::CamelCase => camel_case(&code),
    };
    if let Ok(name) = HeaderValue::from_str(&name) {
        reply.fields.insert("x-road-error", name);
    }
    let bytes = reply.payload.memory().cloned().unwrap_or_default();
    if let Some(mut body) = ErrorBody::from_json(&bytes) {
        body.r#type = name;
        reply.payload = Payload::from_bytes(Bytes::from(body.to_bytes(form)));
    } else if reply.payload.length() > 0 {
        return reply;
    }
    // Also where HEAD was asked and there is no body.
    let kind = HeaderValue::from_static(form.content_type());
    reply.fields.insert(CONTENT_TYPE, kind);
    reply
}
