//! Orders at the officers' door: given, and listed.

use std::sync::Arc;

use bridge_core::leaf::UnixMillis;
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::Incoming;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Signed, reply, signed_body};
use crate::exchange::Reply;
use crate::node::Node;
use crate::orders::{Change, Order, OrderError, Proof, Target, both_clocks};

/// An order is a few hundred bytes; the longest texts allowed fit.
const ORDER_BYTES: usize = 16 * 1024;

/// Carries an order out.
pub(super) async fn give(
    node: &Arc<Node>,
    signed: Signed<'_>,
    fields: &HeaderMap,
    body: Incoming,
) -> Reply {
    let body = match signed_body(fields, body, (ORDER_BYTES, "order")).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let order = match Order::parse(&body) {
        Ok(order) => order,
        Err(fault) => return reply(400, &json!({ "error": fault.to_string() })),
    };
    if let Change::Announce(window) = &order.change
        && let Some(service) = &window.service
        && !node.serves(service)
    {
        let error = format!("{service} is not a service of this node");
        return reply(
            400,
            &json!({ "error": error, "hint": "whoever serves it announces its maintenance" }),
        );
    }
    carry_out(node, signed, order, body).await
}

/// Runs as a task of its own: what is durable is to be in force even if the officer has hung up.
async fn carry_out(node: &Arc<Node>, signed: Signed<'_>, order: Order, body: Bytes) -> Reply {
    let Signed {
        officer,
        base,
        signature,
    } = signed;
    let proof = Proof {
        base,
        signature,
        body,
    };
    let (given, shared, officer) = (order.clone(), Arc::clone(node), officer.name.clone());
    let task = node.house.tasks.spawn(async move {
        let journal = (&shared.history, &shared.clock);
        let outcome = shared.orders.give(journal, &officer, &given, proof).await;
        if let Ok(Some(done)) = &outcome {
            let action = done.change.action();
            tracing::warn!(officer, action, order = %done.id, "an officer's order is in force");
        }
        outcome
    });
    match task.await.unwrap_or(Err(OrderError::Internal)) {
        Ok(outcome) => reply(
            200,
            &json!({
                "id": order.id.to_string(),
                "changed": outcome.is_some(),
                "warning": unknown(node, &order.change),
                "standing": listed(node),
            }),
        ),
        Err(error) => {
            let status = match &error {
                OrderError::Fault(_) => 400,
                OrderError::Unknown => 404,
                OrderError::Repeated | OrderError::TooMany(_) => 409,
                OrderError::Read(_) | OrderError::Record(_) | OrderError::Internal => 503,
            };
            reply(status, &json!({ "error": crate::chain(&error) }))
        }
    }
}

/// A stop of what this node does not know stands all the same; it may also be a slip of the pen.
fn unknown(node: &Node, change: &Change) -> Option<String> {
    let Change::Stop(target) = change else {
        return None;
    };
    let is_known = match target {
        Target::Contract(id) => node.contracts.load().has(id),
        Target::Service(service) if node.serves(service) => {
            node.registries.service(service).is_some()
        }
        Target::Service(service) => is_listed(node, service.member()),
        Target::Member(member) => is_listed(node, member),
    };
    (!is_known).then(|| format!("this node knows no {target}; the stop stands all the same"))
}

/// Without a directory nobody can say who is not in it.
fn is_listed(node: &Node, member: &bridge_core::identity::MemberId) -> bool {
    node.watch
        .view(node.clock.now_s())
        .map_or(true, |view| view.directory().member(member).is_some())
}

/// All that stands ordered.
pub(super) fn standing(node: &Node) -> Reply {
    reply(200, &listed(node))
}

fn listed(node: &Node) -> Value {
    let standing = node.orders.standing();
    let now = node.clock.now();
    let stops: Vec<Value> = standing
        .stops()
        .map(|(target, stopped)| {
            json!({
                "target": target.to_string(),
                "since": moment(stopped.since),
                "officer": stopped.officer,
                "id": stopped.id.to_string(),
            })
        })
        .collect();
    let maintenance: Vec<Value> = standing
        .announced(now)
        .map(|one| {
            let window = &one.window;
            json!({
                "target": window.service.as_ref().map_or_else(
                    || node.settings.node.to_string(), ToString::to_string),
                "from": both_clocks(window.from),
                "until": both_clocks(window.until),
                "now": window.from_ms() <= now,
                "text_en": window.notice.en,
                "text_az": window.notice.az,
                "officer": one.officer,
                "id": one.id.to_string(),
            })
        })
        .collect();
    json!({ "stops": stops, "maintenance": maintenance })
}

fn moment(time: UnixMillis) -> String {
    let seconds = i64::try_from(time.seconds()).unwrap_or_default();
    OffsetDateTime::from_unix_timestamp(seconds).map_or_else(|_| time.to_string(), both_clocks)
}
