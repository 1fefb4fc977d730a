//! Reading the journal at the officers' door: every look is a leaf first.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_core::identity::{ServiceId, SubsystemId};
use bridge_core::leaf::{Kind, Leaf, UnixMillis};
use bridge_journal::{Entry, Filter, Shown};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{no_such_command, reply};
use crate::exchange::Reply;
use crate::node::Node;
use crate::settings::Officer;

/// Hits that one search may return.
const MOST_HITS: usize = 10_000;
const DEFAULT_HITS: usize = 100;

/// Answers an officer who reads.
pub(super) async fn read(node: &Arc<Node>, officer: &Officer, target: &str) -> Reply {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = pairs(query);
    if let Some(id) = path.strip_prefix("/show/") {
        let Ok(id) = Uuid::parse_str(id) else {
            return reply(
                400,
                &json!({ "error": "not a request id", "hint": "give the X-Road-Request-Id, a UUID" }),
            );
        };
        return show(node, officer, id).await;
    }
    match (path, filter(&pairs)) {
        ("/peers", _) => super::probing::peers(node),
        ("/probe", _) => match pairs.as_slice() {
            [(name, peer)] if name == "peer" => super::probing::look(node, peer).await,
            _ => no_such_command(),
        },
        ("/orders", _) => super::orders::standing(node),
        ("/search", Ok(filter)) => search(node, officer, query, filter).await,
        ("/search", Err(error)) => reply(400, &json!({ "error": error })),
        _ => no_such_command(),
    }
}

async fn search(node: &Arc<Node>, officer: &Officer, query: &str, filter: Filter) -> Reply {
    let mark = URL_SAFE_NO_PAD.encode(digest(&SHA256, query.as_bytes()));
    if let Err(reply) = journal_read(node, officer, "search", Some(mark), None).await {
        return reply;
    }
    let history = node.history.clone();
    match tokio::task::spawn_blocking(move || history.search(&filter)).await {
        Ok(Ok(hits)) => {
            let hits: Vec<Value> = hits
                .into_iter()
                .map(|(origin, hit)| {
                    json!({ "origin": origin, "index": hit.index, "leaf": leaf_json(&hit.leaf) })
                })
                .collect();
            reply(200, &json!({ "hits": hits }))
        }
        Ok(Err(error)) => reply(500, &json!({ "error": crate::chain(&error) })),
        Err(_panicked) => reply(500, &json!({ "error": "the search failed" })),
    }
}

async fn show(node: &Arc<Node>, officer: &Officer, id: Uuid) -> Reply {
    if let Err(reply) = journal_read(node, officer, "show", None, Some(id)).await {
        return reply;
    }
    let history = node.history.clone();
    match tokio::task::spawn_blocking(move || history.show(id)).await {
        Ok(Ok(shown)) => {
            let records: Vec<Value> = shown
                .iter()
                .map(|(origin, record)| shown_json(origin, record))
                .collect();
            reply(200, &json!({ "records": records }))
        }
        Ok(Err(error)) => reply(500, &json!({ "error": crate::chain(&error) })),
        Err(_panicked) => reply(500, &json!({ "error": "the record cannot be read" })),
    }
}

/// Whoever reads is read about: the leaf comes first.
async fn journal_read(
    node: &Node,
    officer: &Officer,
    action: &str,
    mark: Option<String>,
    id: Option<Uuid>,
) -> Result<(), Reply> {
    let mut leaf = Leaf::new(Kind::AuditRead, node.clock.now());
    leaf.request_id = id;
    leaf.facts.insert("action".to_owned(), action.to_owned());
    leaf.facts
        .insert("officer".to_owned(), officer.name.clone());
    if let Some(mark) = mark {
        leaf.facts.insert("query".to_owned(), mark);
    }
    match node.journal.record(Entry::of(leaf)).await {
        Ok(receipt) => {
            node.clock.not_before(receipt.time);
            Ok(())
        }
        Err(error) => Err(reply(503, &json!({ "error": crate::chain(&error) }))),
    }
}

fn filter(pairs: &[(String, String)]) -> Result<Filter, String> {
    let mut filter = Filter {
        limit: Some(DEFAULT_HITS),
        ..Filter::default()
    };
    for (name, value) in pairs {
        let wrong = |what: &str| format!("{name}: `{value}` is not {what}");
        match name.as_str() {
            "from" => {
                filter.from = Some(UnixMillis(
                    value.parse().map_err(|_e| wrong("Unix milliseconds"))?,
                ));
            }
            "to" => {
                filter.to = Some(UnixMillis(
                    value.parse().map_err(|_e| wrong("Unix milliseconds"))?,
                ));
            }
            "client" => {
                filter.client = Some(
                    value
                        .parse::<SubsystemId>()
                        .map_err(|_e| wrong("a subsystem"))?,
                );
            }
            "service" => {
                filter.service = Some(
                    value
                        .parse::<ServiceId>()
                        .map_err(|_e| wrong("a service"))?,
                );
            }
            "outcome" => filter.outcome = Some(value.clone()),
            "id" => filter.request_id = Some(value.parse().map_err(|_e| wrong("a UUID"))?),
            "limit" => {
                let limit: usize = value.parse().map_err(|_e| wrong("a number"))?;
                filter.limit = Some(limit.clamp(1, MOST_HITS));
            }
            _ => return Err(format!("{name} is not a filter")),
        }
    }
    Ok(filter)
}

fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| {
            let decode = |text: &str| {
                percent_encoding::percent_decode_str(text)
                    .decode_utf8_lossy()
                    .into_owned()
            };
            (decode(name), decode(value))
        })
        .collect()
}

fn leaf_json(leaf: &Leaf) -> Value {
    let mut bytes = Vec::new();
    match leaf.write(&mut bytes) {
        Ok(()) => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        Err(_unwritable) => Value::Null,
    }
}

fn shown_json(origin: &str, record: &Shown) -> Value {
    let evidence = record.evidence.as_ref().map(|evidence| {
        let body = match std::str::from_utf8(&evidence.body) {
            Ok(text) => json!({ "text": text }),
            Err(_binary) => json!({ "base64": STANDARD.encode(&evidence.body) }),
        };
        json!({
            "signature_base": String::from_utf8_lossy(&evidence.base),
            "signature": STANDARD.encode(&evidence.signature),
            "body": body,
        })
    });
    json!({
        "index": record.index,
        "leaf": serde_json::from_slice::<Value>(&record.leaf_bytes).unwrap_or(Value::Null),
        "receipt": format!("{origin}#{}:{}", record.index, URL_SAFE_NO_PAD.encode(record.leaf_hash)),
        "evidence": evidence,
    })
}
