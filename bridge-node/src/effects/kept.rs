//! What the journal knows of keys: which were begun, how it ended, and what was answered.

use std::sync::Arc;

use bridge_core::identity::SubsystemId;
use bridge_core::leaf::{EvidenceMode, Kind, Leaf, Side, UnixMillis};
use bridge_journal::{Filter, Hit, ReadError, Shown};
use bytes::Bytes;
use http::header::DATE;
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use super::{Bounds, Effects, Ended, Marker, Marks};
use crate::epochs::History;

/// The outcome in the leaf of a request whose key this node has to remember: by it the index finds them all.
const KEYED: &str = "keyed";
/// The fact of a `refused` leaf that says what the request left behind.
const EFFECT: &str = "effect";
/// Its value where it is sure that the registry did nothing.
const NONE: &str = "none";
/// The fact of a request that is answered with what an earlier one was answered with: that exchange's id.
const REPEATS: &str = "repeats";

/// An answer as it was given once.
#[derive(Debug)]
pub struct KeptAnswer {
    /// The status.
    pub status: u16,
    /// The fields that were signed, but those that the bus itself had added.
    pub fields: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The answer of an earlier exchange.
#[derive(Debug)]
pub enum Again {
    /// It is here.
    Kept(KeptAnswer),
    /// Only that it was given, and its status.
    NotKept {
        /// The status.
        status: u16,
    },
}

// === impl Marks ===

impl Marks {
    /// Notes a request in its leaf before the registry is asked. `stored` ones need not be found again.
    pub fn note(&self, leaf: &mut Leaf, stored: bool) {
        self.put(leaf);
        if !stored {
            leaf.outcome = Some(KEYED.to_owned());
        }
    }
}

/// Notes in the leaf of a request that it asks for the answer of another one.
pub fn note_repetition(leaf: &mut Leaf, of: Uuid) {
    leaf.facts.insert(REPEATS.to_owned(), of.to_string());
}

/// Notes in the leaf that ends a request that the registry did nothing.
pub fn note_without_effect(leaf: &mut Leaf) {
    leaf.facts.insert(EFFECT.to_owned(), NONE.to_owned());
}

// === impl Effects ===

impl Effects {
    /// Reads back which keys count now.
    ///
    /// A journal that cannot be read leaves a memory that begins nothing, but where the registry keeps the keys.
    pub fn read(
        history: &History,
        marker: Marker,
        bounds: Bounds,
        now: UnixMillis,
    ) -> (Arc<Self>, Option<ReadError>) {
        let effects = Self::new(marker, bounds, false);
        let filter = Filter {
            outcome: Some(KEYED.to_owned()),
            kind: Some(Kind::RequestReceived),
            from: Some(effects.oldest(now)),
            ..Filter::default()
        };
        let mut remember = |hit: Hit| {
            if let Some((marks, whose)) = whose(&hit.leaf) {
                // A leaf of a clock that ran ahead was not begun later than now.
                effects.remember(marks, whose, hit.leaf.time.min(now));
            }
        };
        let error = history.each_hit(&filter, &mut remember).err();
        let forgotten = error.is_some();
        let effects = Self {
            forgotten,
            ..effects
        };
        (Arc::new(effects), error)
    }
}

fn whose(leaf: &Leaf) -> Option<(Marks, (Uuid, SubsystemId))> {
    Some((Marks::of(leaf)?, (leaf.request_id?, leaf.client.clone()?)))
}

/// How an exchange of an earlier run has ended. Reads the disk.
///
/// The id alone does not say which exchange: a peer chooses it, and may choose another member's once no memory of replays
/// holds that one any more. The marks are of the client and its key, and the link of the request's signature leads on.
///
/// # Errors
///
/// Those of the journal.
pub fn ended(
    history: &History,
    (exchange, marks): (Uuid, Marks),
    since: UnixMillis,
) -> Result<Ended, ReadError> {
    let filter = Filter {
        request_id: Some(exchange),
        from: Some(since),
        ..Filter::default()
    };
    let hits = history.search(&filter)?;
    let leaves = || hits.iter().map(|(_, hit)| &hit.leaf);
    let Some(link) = leaves().find_map(|leaf| link_of(leaf, marks)) else {
        return Ok(Ended::Unknown);
    };
    let end = leaves().find(|leaf| ends(leaf, link));
    Ok(match end {
        Some(leaf) if leaf.kind == Kind::ResponseSigned => Ended::Answered,
        Some(leaf) if leaf.facts.get(EFFECT).is_some_and(|effect| effect == NONE) => {
            Ended::WithoutEffect
        }
        // Interrupted, refused after the registry was asked, or cut off without an end.
        Some(_) | None => Ended::Unknown,
    })
}

/// What an exchange was answered with, found as in [`ended`]. Reads the disk.
///
/// # Errors
///
/// Those of the journal.
pub fn again(
    history: &History,
    (exchange, marks): (Uuid, Marks),
) -> Result<Option<Again>, ReadError> {
    let records = history.show(exchange)?;
    let newest = || records.iter().rev().map(|(_, record)| record);
    let link = newest().find_map(|record| link_of(&record.leaf, marks));
    let answer = link.and_then(|link| {
        newest().find(|record| record.leaf.kind == Kind::ResponseSigned && ends(&record.leaf, link))
    });
    Ok(answer.and_then(|record| {
        let status = record.leaf.status?;
        let kept = kept(record, status);
        Some(kept.map_or(Again::NotKept { status }, Again::Kept))
    }))
}

/// The link of the request that was begun under this key, whatever its content was, if this is its leaf.
fn link_of(leaf: &Leaf, marks: Marks) -> Option<[u8; 32]> {
    let begun = leaf.kind == Kind::RequestReceived && leaf.side == Some(Side::Provider);
    let own = Marks::of(leaf).is_some_and(|own| own.key == marks.key);
    leaf.link.filter(|_| begun && own)
}

/// Whether the leaf ends the exchange whose request has this link.
fn ends(leaf: &Leaf, link: [u8; 32]) -> bool {
    let own = leaf.side == Some(Side::Provider) && leaf.kind != Kind::RequestReceived;
    own && leaf.link == Some(link)
}

/// The answer, if all of it was kept and not erased: a body that is not there must not become an empty one.
fn kept(record: &Shown, status: u16) -> Option<KeptAnswer> {
    let evidence = record.evidence.as_ref()?;
    if record.leaf.mode != Some(EvidenceMode::Full) {
        return None;
    }
    Some(KeptAnswer {
        status,
        fields: fields(&evidence.base)?,
        body: Bytes::from(evidence.body.clone()),
    })
}

/// Fields of the answer itself, from its signature base: what travels is covered. Standard: RFC 9421 §2.5.
fn fields(base: &[u8]) -> Option<HeaderMap> {
    let text = std::str::from_utf8(base).ok()?;
    let mut fields = HeaderMap::new();
    for line in text.lines() {
        let (name, rest) = line.strip_prefix('"')?.split_once('"')?;
        // Derived components, and those of the request, are no fields of the answer.
        let Some(value) = rest.strip_prefix(": ").filter(|_| !name.starts_with('@')) else {
            continue;
        };
        let name = HeaderName::try_from(name).ok()?;
        fields.insert(name, HeaderValue::from_str(value).ok()?);
    }
    // It is given now.
    fields.remove(DATE);
    Some(fields)
}
