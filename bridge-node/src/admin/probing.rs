//! Probes at the officers' door.

use std::sync::Arc;

use bridge_core::identity::{MemberId, NodeId};
use serde_json::{Value, json};

use super::reply;
use crate::exchange::Reply;
use crate::node::Node;
use crate::probe::{known, nodes_of, probe};

/// Looks at a node, or at all nodes of a member.
pub(super) async fn look(node: &Arc<Node>, peer: &str) -> Reply {
    let nodes = match (peer.parse::<NodeId>(), peer.parse::<MemberId>()) {
        (Ok(one), _) => vec![one],
        (_, Ok(member)) => match nodes_of(node, &member) {
            Ok(nodes) => nodes,
            Err(report) => return reply(200, &json!([report.to_json()])),
        },
        _ => {
            let hint =
                "give INSTANCE/CLASS/MEMBER/NODE, or INSTANCE/CLASS/MEMBER for all its nodes";
            return reply(
                400,
                &json!({ "error": format!("`{peer}` is not a node"), "hint": hint }),
            );
        }
    };
    // A task of its own: what was signed and journaled is to end as every exchange does.
    let shared = Arc::clone(node);
    let task = node.house.tasks.spawn(async move {
        let mut reports = Vec::new();
        for one in &nodes {
            reports.push(probe(&shared, one).await.to_json());
        }
        reports
    });
    match task.await {
        Ok(reports) => reply(200, &Value::Array(reports)),
        Err(_panicked) => reply(500, &json!({ "error": "the probe failed" })),
    }
}

/// The nodes that can be probed.
pub(super) fn peers(node: &Node) -> Reply {
    reply(200, &known(node))
}
