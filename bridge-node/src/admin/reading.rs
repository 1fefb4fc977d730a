//! Reading the journal at the officers' door: every look is a leaf first.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_core::identity::{ServiceId, SubsystemId};
use bridge_core::leaf::{Kind, Leaf, UnixMillis};
use bridge_journal::{Entry, Filter, ReadError, Shown};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{no_such_command, reply};
use crate::concerned::{self, Asked};
use crate::dossier::{self, DossierError};
use crate::exchange::Reply;
use crate::node::Node;
use crate::settings::Officer;
use crate::stamping;

/// Hits that one search may return.
const MOST_HITS: usize = 10_000;
const DEFAULT_HITS: usize = 100;

/// Answers an officer who reads.
pub(super) async fn read(node: &Arc<Node>, officer: &Officer, target: &str) -> Reply {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = pairs(query);
    if let Some(id) = path.strip_prefix("/show/") {
        let Ok(id) = Uuid::parse_str(id) else {
            return not_an_id();
        };
        return show(node, officer, id).await;
    }
    if let Some(id) = path.strip_prefix("/export/") {
        return match Uuid::parse_str(id) {
            Ok(id) => export(node, officer, id).await,
            Err(_not_id) => not_an_id(),
        };
    }
    match (path, filter(&pairs)) {
        ("/peers", _) => super::probing::peers(node),
        ("/probe", _) => match pairs.as_slice() {
            [(name, peer)] if name == "peer" => super::probing::look(node, peer).await,
            _ => no_such_command(),
        },
        ("/leaves", _) => leaves(node, officer, query).await,
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
        Ok(Err(error)) => unreadable(&error),
        Err(_panicked) => reply(500, &json!({ "error": "the search failed" })),
    }
}

/// Asks another node for a page of the leaves that concern this member.
async fn leaves(node: &Arc<Node>, officer: &Officer, query: &str) -> Reply {
    let parsed = query.strip_prefix("peer=").and_then(|rest| {
        let (peer, rest) = rest.split_once('&')?;
        Some((peer.parse().ok()?, Asked::parse(rest)?))
    });
    let Some((peer, asked)) = parsed else {
        return no_such_command();
    };
    let mark = URL_SAFE_NO_PAD.encode(digest(&SHA256, query.as_bytes()));
    if let Err(reply) = journal_read(node, officer, "leaves", Some(mark), None).await {
        return reply;
    }
    let member = node.settings.node.member().to_string();
    match concerned::ask(node, &peer, asked).await {
        Ok(page) => reply(
            200,
            &json!({ "member": member, "page": STANDARD.encode(page) }),
        ),
        Err(refused) => {
            let error = format!("{peer}: {}", refused.why);
            let (status, hint) = if refused.is_busy {
                (
                    503,
                    "ask again in a minute: it gives each member so many pages",
                )
            } else {
                (502, "bridge-node probe tells what works towards it")
            };
            reply(status, &json!({ "error": error, "hint": hint }))
        }
    }
}

async fn show(node: &Arc<Node>, officer: &Officer, id: Uuid) -> Reply {
    if let Err(reply) = journal_read(node, officer, "show", None, Some(id)).await {
        return reply;
    }
    let reading = Arc::clone(node);
    let read = move || {
        let shown = reading.history.show(id)?.into_iter();
        let records = shown.map(|(origin, record)| {
            // The stamps of a closed log stand in its folder; `audit verify --time-trust` reads them.
            let own = origin == reading.journal.origin();
            let stamp = own.then(|| stamped(&reading, record.index)).transpose()?;
            Ok(shown_json(&origin, &record, &stamp.unwrap_or_default()))
        });
        records.collect::<Result<Vec<Value>, ReadError>>()
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(records)) => reply(200, &json!({ "records": records })),
        Ok(Err(error)) => unreadable(&error),
        Err(_panicked) => reply(500, &json!({ "error": "the record cannot be read" })),
    }
}

async fn export(node: &Arc<Node>, officer: &Officer, id: Uuid) -> Reply {
    if let Err(reply) = journal_read(node, officer, "export", None, Some(id)).await {
        return reply;
    }
    match dossier::make(node, id).await {
        Ok(bytes) => reply(200, &json!({ "dossier": STANDARD.encode(bytes) })),
        Err(error) => {
            let (status, hint) = match &error {
                DossierError::Unknown => (404, "search for it first"),
                DossierError::TooNew => (503, "ask again in a second"),
                DossierError::SealFiles(_) | DossierError::Seal(_) => (
                    409,
                    "put the member's seal.pem and seal.key (P-256) into the keys folder",
                ),
                DossierError::Journal(_) | DossierError::Reader => {
                    (500, "run `bridge-node audit verify`")
                }
                DossierError::TooLarge => (500, "read the records with `bridge-node audit show`"),
            };
            reply(
                status,
                &json!({ "error": crate::chain(&error), "hint": hint }),
            )
        }
    }
}

/// What the journal's files do not give back.
fn unreadable(error: &ReadError) -> Reply {
    let hint = "run `bridge-node audit verify` on the journal's folder, which names every such place; what to restore is in config/README.md, \"The journal does not open\"";
    reply(500, &json!({ "error": crate::chain(error), "hint": hint }))
}

fn not_an_id() -> Reply {
    reply(
        400,
        &json!({ "error": "not a request id", "hint": "give the X-Road-Request-Id, a UUID" }),
    )
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

/// The stamped time of a leaf: that of the first stamp over it. Null until there is one.
fn stamped(node: &Node, index: u64) -> Result<Value, ReadError> {
    let Some(kept) = node.journal.stamp_over(index)? else {
        return Ok(Value::Null);
    };
    let file = format!("stamps/{:020}.tsr", kept.size);
    Ok(match stamping::time_of(node, &kept) {
        Ok(time) => json!({ "time": time, "file": file }),
        Err(error) => json!({ "error": error, "file": file }),
    })
}

fn shown_json(origin: &str, record: &Shown, stamp: &Value) -> Value {
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
        "stamped": stamp,
        "evidence": evidence,
    })
}
