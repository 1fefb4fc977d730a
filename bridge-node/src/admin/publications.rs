//! Publications of the directory at the officers' door of the authority's node: journaled before they go out.

use std::sync::Arc;

use bridge_core::envelope::link;
use bridge_core::leaf::{EvidenceMode, Kind, Leaf};
use bridge_directory::ceremony::Standing;
use bridge_journal::{Entry, RecordError};
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::Incoming;
use serde_json::json;
use uuid::Uuid;

use super::{Signed, reply, signed_body};
use crate::exchange::Reply;
use crate::node::Node;

/// Two versions and a digest: a hundred bytes or so.
const PUBLICATION_BYTES: usize = 4 * 1024;
/// The outcome in the leaf of every publication: by it the index finds them all.
const PUBLISHED: &str = "directory-published";

/// Journals what is about to be published. What is answered with 200 is durable.
pub(super) async fn give(
    node: &Arc<Node>,
    signed: Signed<'_>,
    fields: &HeaderMap,
    body: Incoming,
) -> Reply {
    let body = match signed_body(fields, body, (PUBLICATION_BYTES, "publication")).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let standing = match serde_json::from_slice::<Standing>(&body) {
        Ok(standing) if is_digest(&standing.directory) => standing,
        _ => return reply(400, &json!({ "error": "this is not a publication" })),
    };
    match record(node, signed, &standing, body).await {
        Ok(index) => reply(200, &json!({ "leaf": index })),
        Err(error) => reply(503, &json!({ "error": crate::chain(&error) })),
    }
}

async fn record(
    node: &Node,
    signed: Signed<'_>,
    standing: &Standing,
    body: Bytes,
) -> Result<u64, RecordError> {
    let mut leaf = Leaf::new(Kind::Administration, node.clock.now());
    leaf.request_id = Some(Uuid::new_v4());
    leaf.outcome = Some(PUBLISHED.to_owned());
    leaf.link = Some(link(&signed.signature));
    for (name, value) in [
        ("officer", signed.officer.name.clone()),
        ("root", standing.root.to_string()),
        ("targets", standing.targets.to_string()),
        ("directory", standing.directory.clone()),
    ] {
        leaf.facts.insert(name.to_owned(), value);
    }
    if is_digest(&standing.catalogue) {
        let digest = standing.catalogue.clone();
        leaf.facts.insert("catalogue".to_owned(), digest);
    }
    let entry = Entry {
        base: Some(signed.base),
        signature: Some(signed.signature),
        body: Some(body),
        mode: EvidenceMode::Full,
        ..Entry::of(leaf)
    };
    let receipt = node.journal.record(entry).await?;
    node.clock.not_before(receipt.time);
    tracing::warn!(%standing, "the directory is about to be published");
    Ok(receipt.index)
}

fn is_digest(text: &str) -> bool {
    let is_digit = |letter| matches!(letter, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 64 && text.bytes().all(is_digit)
}
