//! Signed contract files at the officers' door.

use std::sync::Arc;

use bridge_core::contract::{Agreement, SIGNED_LIMIT_BYTES};
use http::HeaderMap;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{Signed, reply, signed_body};
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
    let body = match signed_body(fields, body, (SIGNED_LIMIT_BYTES, "contract file")).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
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
