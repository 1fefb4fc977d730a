//! Step 8, both ways: what leaves the node, once its leaf is durable.

use bridge_core::fields::forwardable_answer;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::ordered::maintenance_told;
use super::record::{Journaled, SignedAnswer, SignedRequest};
use super::verify::GenuineAnswer;
use super::{error, names};
use crate::node::Node;
use crate::payload::{Outgoing, Payload};

/// A status, fields and a body that are ready to be sent.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Fields.
    pub fields: HeaderMap,
    /// Body.
    pub payload: Payload,
}

/// Fields of the answer that its caller reads, besides those of the registry.
static TOLD: [&HeaderName; 8] = [
    &names::X_ROAD_ID,
    &names::X_ROAD_REQUEST_ID,
    &names::X_ROAD_REQUEST_HASH,
    &names::X_ROAD_CLIENT,
    &names::X_ROAD_SERVICE,
    &names::X_ROAD_ERROR,
    &names::PEER_RECEIPT,
    &names::MAINTENANCE,
];

// === impl Reply ===

impl Reply {
    /// The response for hyper.
    pub fn into_response(self) -> Response<Outgoing> {
        let mut response = Response::new(self.payload.outgoing());
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = self.fields;
        response
    }
}

/// Step 8 at the consumer's node.
pub(super) fn to_caller(
    node: &Node,
    sent: &SignedRequest,
    kept: Journaled<GenuineAnswer>,
) -> Reply {
    let (genuine, receipt) = kept.into_parts();
    let mut fields = forwardable_answer(&genuine.fields);
    for name in TOLD {
        if *name == names::X_ROAD_ERROR && !genuine.is_refusal() {
            // What the provider's system answers is no error of the bridge, whatever its node writes beside it.
            continue;
        }
        if *name == names::X_ROAD_REQUEST_HASH && !node.settings.told.request_hash {
            continue;
        }
        if let Some(value) = genuine.fields.get(name) {
            fields.insert(name, value.clone());
        }
    }
    fields.remove(&names::CONTENT_DIGEST);
    if let Ok(receipt) = HeaderValue::try_from(receipt.text()) {
        fields.insert(&names::RECEIPT, receipt);
    }
    let about = &sent.about;
    if let Some(own) = maintenance_told(node, about) {
        add_maintenance(&mut fields, own);
    }
    let is_refusal = genuine.is_refusal();
    let reply = Reply {
        status: genuine.status,
        fields,
        payload: genuine.payload,
    };
    if is_refusal {
        return error::tell(node.settings.told, about.reader.form, reply);
    }
    reply
}

/// Puts this node's announcements after the provider's: one list, one line.
fn add_maintenance(fields: &mut HeaderMap, own: String) {
    let theirs = fields
        .get(&names::MAINTENANCE)
        .and_then(|told| told.to_str().ok());
    let told = match theirs {
        // A node that asks itself.
        Some(theirs) if theirs == own => return,
        Some(theirs) => format!("{theirs}, {own}"),
        None => own,
    };
    if let Ok(told) = HeaderValue::from_str(&told) {
        fields.insert(&names::MAINTENANCE, told);
    }
}

/// Step 8 at the provider's node.
pub(super) fn to_peer(answer: Journaled<SignedAnswer>) -> Reply {
    let (answer, _receipt) = answer.into_parts();
    let SignedAnswer {
        status,
        fields,
        payload,
    } = answer;
    Reply {
        status,
        fields,
        payload,
    }
}
