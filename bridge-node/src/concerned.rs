//! Leaves of one node's journal for the member whom they concern: asked by its officers, answered page by page, and
//! journaled at the node that answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bridge_core::identity::{MemberId, NodeId};
use bridge_core::leaf::{Kind, Leaf, UnixMillis};
use bridge_core::refusal::{NodeFault, Refusal};
use bridge_journal::{Entry, Page, PageQuery};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Limited};

use crate::node::Node;
use crate::payload;

/// The path under the node listener, and of the file that the pages make.
pub const LEAVES: &str = "/log/leaves";

/// Pages that members may ask for in a minute.
#[derive(Debug)]
pub struct PageShares {
    limit: u64,
    /// The minute, and what each member took of it. Bounded by the members of the directory.
    taken: Mutex<(u64, HashMap<MemberId, u64>)>,
}

/// What one page is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The first leaf to look at.
    pub from: u64,
    /// Leaves of the tree that the pages prove; unknown for the first page.
    pub size: Option<u64>,
    /// Segments that ended before it are not looked into, Unix milliseconds; a leaf of before may be shown.
    pub since_ms: u64,
}

/// Why another node gave no page.
#[derive(Debug)]
pub struct NoPage {
    /// It has no room now; the same may be asked again.
    pub is_busy: bool,
    /// Why, in words.
    pub why: String,
}

/// The least that a node's settings let it look at for a page which is not the last: so many leaves, or bytes of items.
pub const LEAST_PAGE_LEAVES: u64 = 256;
/// See [`LEAST_PAGE_LEAVES`].
pub const LEAST_PAGE_BYTES: u64 = 64 << 10;

/// A page may be larger than what this node would give by its own settings: the largest that any may.
const PAGE_LIMIT: usize = 66 << 20;
const MINUTE_MS: u64 = 60_000;

// === impl PageShares ===

impl PageShares {
    /// Nothing was taken yet; `limit` pages of one member in a minute.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            taken: Mutex::default(),
        }
    }

    fn admit(&self, member: &MemberId, now: UnixMillis) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.0 / MINUTE_MS;
        if taken.0 != minute {
            *taken = (minute, HashMap::new());
        }
        let count = taken.1.entry(member.clone()).or_default();
        *count += 1;
        *count <= self.limit
    }
}

// === impl NoPage ===

impl NoPage {
    fn of(why: impl Into<String>) -> Self {
        Self {
            is_busy: false,
            why: why.into(),
        }
    }
}

// === impl Asked ===

impl Asked {
    /// Reads `from=N&since=MS&size=N`, in any order; `size` may be absent, nothing else.
    pub fn parse(query: &str) -> Option<Self> {
        let mut values: [Option<u64>; 3] = [None; 3];
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=')?;
            let place = ["from", "size", "since"].iter().position(|n| *n == name)?;
            let room = values.get_mut(place)?;
            if room.replace(value.parse().ok()?).is_some() {
                return None;
            }
        }
        let [from, size, since] = values;
        Some(Self {
            from: from?,
            size,
            since_ms: since?,
        })
    }

    /// The query of a request for it.
    pub fn query(&self) -> String {
        let size = self.size.map(|size| format!("&size={size}"));
        let size = size.unwrap_or_default();
        format!("from={}&since={}{size}", self.from, self.since_ms)
    }
}

/// Answers another node; `None` if there is no such page. The look is a leaf before anything is shown.
///
/// # Errors
///
/// [`Refusal`] if the member took its share of the minute, or the journal can't be written or read.
pub async fn answer(node: &Node, peer: &NodeId, query: &str) -> Result<Option<Bytes>, Refusal> {
    let Some(asked) = Asked::parse(query) else {
        return Ok(None);
    };
    if !node.page_shares.admit(peer.member(), node.clock.now()) {
        node.house
            .metrics
            .reached(crate::metrics::Limit::AuditPagesPerMinute);
        return Err(Refusal::Node(NodeFault::Overloaded));
    }
    let failed = |what: &dyn std::error::Error| {
        tracing::error!(error = %crate::chain(what), "leaves cannot be told to a peer");
        Refusal::Node(NodeFault::Journal)
    };
    let mut leaf = Leaf::new(Kind::AuditRead, node.clock.now());
    for (name, value) in [
        ("action", "leaves".to_owned()),
        ("from", asked.from.to_string()),
        ("peer", peer.to_string()),
    ] {
        leaf.facts.insert(name.to_owned(), value);
    }
    let receipt = node.journal.record(Entry::of(leaf)).await;
    let receipt = receipt.map_err(|error| failed(&error))?;
    node.clock.not_before(receipt.time);
    let (journal, member) = (node.journal.clone(), peer.member().clone());
    let (leaves, bytes) = (
        node.settings.limits.audit_page_leaves,
        node.settings.limits.audit_page_bytes,
    );
    let reading = tokio::task::spawn_blocking(move || {
        let page = journal.concerned(&PageQuery {
            member: &member,
            from: asked.from,
            size: asked.size,
            since_ms: asked.since_ms,
            leaves,
            bytes,
        });
        page.map(|page| page.map(|page| write(journal.vkey(), &page)))
    });
    match reading.await {
        Ok(Ok(page)) => Ok(page),
        Ok(Err(error)) => Err(failed(&error)),
        Err(panicked) => Err(failed(&panicked)),
    }
}

/// A page as it travels: a line with the verifier key, one with the numbers, the checkpoint with its length, items.
fn write(vkey: &str, page: &Page) -> Bytes {
    let head = format!(
        "{vkey}\n{} {} {} {} {}\n",
        page.size,
        page.next,
        page.times_ms.0,
        page.times_ms.1,
        page.checkpoint.len()
    );
    [head.as_bytes(), &page.checkpoint, &page.items]
        .concat()
        .into()
}

/// Asks another node for a page, and returns it as it travelled.
///
/// # Errors
///
/// [`NoPage`].
pub async fn ask(node: &Arc<Node>, peer: &NodeId, asked: Asked) -> Result<Bytes, NoPage> {
    let words = |error: &dyn std::error::Error| NoPage::of(crate::chain(error));
    let view = node.watch.view(node.clock.now_s());
    let view = view.map_err(|refusal| NoPage::of(refusal.to_string()))?;
    let known = view.addresses(peer.member()).into_iter();
    let mut known = known.map(|(address, record)| (address, record.name.clone(), &record.journal));
    let (to, authority, vkey) = known
        .find(|(address, _, _)| address.node == *peer)
        .ok_or_else(|| NoPage::of("the directory has no such node"))?;
    let mut line = node.peers.line(&to).await.map_err(|error| words(&error))?;
    let request = Request::get(format!("{LEAVES}?{}", asked.query()))
        .header("host", authority)
        .body(payload::empty())
        .map_err(|error| words(&error))?;
    let reading = async {
        let response = line.send(request).await.map_err(|error| words(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), PAGE_LIMIT).collect();
        let body = body.await.map_err(|error| NoPage::of(error.to_string()))?;
        Ok((status, body.to_bytes()))
    };
    let read = tokio::time::timeout(node.settings.limits.exchange_timeout, reading).await;
    let (status, body) = read.map_err(|_elapsed| NoPage::of("no answer in time"))??;
    if status != http::StatusCode::OK {
        return Err(NoPage {
            is_busy: status == http::StatusCode::SERVICE_UNAVAILABLE,
            why: format!("it answers {status}: {}", said(&body)),
        });
    }
    node.peers.keep(line);
    if !body.starts_with(format!("{vkey}\n").as_bytes()) {
        let why = "it shows another verifier key than the directory lists";
        return Err(NoPage::of(why));
    }
    Ok(body)
}

/// The words of a refusal.
fn said(body: &Bytes) -> String {
    let value = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
    let message = value.get("message").and_then(serde_json::Value::as_str);
    message.unwrap_or("it gives no reason").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_one_meaning_or_none() {
        let asked = Asked {
            from: 5,
            size: Some(9),
            since_ms: 7,
        };
        assert_eq!(Asked::parse(&asked.query()), Some(asked));
        for bad in [
            "",
            "from=1",
            "from=1&since=",
            "from=1&from=1&since=1",
            "from=1&since=1&x=1",
            "from=-1&since=1",
        ] {
            assert_eq!(Asked::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn each_member_has_its_share_of_a_minute() {
        let shares = PageShares::new(2);
        let [one, other] = ["AZ/GOV/1001", "AZ/GOV/1002"].map(|id| id.parse::<MemberId>().unwrap());
        let at = UnixMillis;
        let admitted = (0..5).filter(|ms| shares.admit(&one, at(*ms))).count();
        assert_eq!(admitted, 2);
        assert!(shares.admit(&other, at(5)) && shares.admit(&one, at(60_000)));
    }
}
