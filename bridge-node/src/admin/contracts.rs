//! Signed contract files at the officers' door.

use std::sync::Arc;

use bridge_core::contract::SIGNED_LIMIT_BYTES;
use http::HeaderMap;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{Signed, reply, signed_body};
use crate::contracts::{Bringer, TakeError, read_brought, take};
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
    let refused =
        |error: TakeError| reply(error.status(), &json!({ "error": crate::chain(&error) }));
    let agreement = match read_brought(node, body).await {
        Ok(agreement) => agreement,
        Err(error) => return refused(error),
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
        Err(error) => refused(error),
    }
}
