//! Signed contract files at the officers' door.

use std::sync::Arc;

use bridge_core::contract::{Agreement, SIGNED_LIMIT_BYTES};
use bridge_signature::{content_digest_of, parse_content_digest};
use http::HeaderMap;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{Signed, reply};
use crate::contracts::{Bringer, TakeError, take};
use crate::exchange::Reply;
use crate::node::Node;

/// Takes a contract file that members have signed.
pub(super) async fn give(
    node: &Arc<Node>,
    signed: Signed<'_>,
    fields: &HeaderMap,
    body: Incoming,
) -> Reply {
    let Ok(body) = Limited::new(body, SIGNED_LIMIT_BYTES).collect().await else {
        return reply(413, &json!({ "error": "the contract file is too long" }));
    };
    let body = body.to_bytes();
    if parse_content_digest(fields).ok() != Some(content_digest_of(&body)) {
        let error = "the body is not the one that was signed";
        return reply(400, &json!({ "error": error }));
    }
    let read = Agreement::read(&body, node.trust.as_ref(), node.clock.now_s());
    let agreement = match read {
        Ok(agreement) => agreement,
        Err(faults) => {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            return reply(400, &json!({ "error": faults.join("\n") }));
        }
    };
    let reference = agreement.contract().reference().to_owned();
    let bringer = Bringer::Officer(signed.officer.name.clone());
    match take(node, agreement, bringer).await {
        Ok(new) => {
            let new: Vec<Value> = new
                .iter()
                .map(|one| json!({ "action": one.statement.action.as_str(), "member": one.statement.member.to_string() }))
                .collect();
            reply(200, &json!({ "contract": reference, "new": new }))
        }
        Err(error) => {
            let status = match &error {
                TakeError::Unsigned | TakeError::NotParty(_) => 400,
                TakeError::TooMany(_) => 429,
                TakeError::Record(_) | TakeError::Keep(_) | TakeError::Internal => 503,
            };
            reply(status, &json!({ "error": crate::chain(&error) }))
        }
    }
}
