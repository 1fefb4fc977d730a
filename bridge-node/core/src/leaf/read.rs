//! The strict reader. Order, spaces and escapes are judged by writing the leaf again.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

use super::{EvidenceMode, Kind, LEAF_VERSION, Leaf, LeafError, Side, UnixMillis};
use crate::identity::{ServiceId, SubsystemId};

/// Reads the fields of a leaf; the caller compares the bytes.
pub(super) fn read(bytes: &[u8]) -> Result<Leaf, LeafError> {
    let found = version(bytes).ok_or(LeafError::NotCanonical)?;
    // Judged first: a later version may have fields that would only look malformed here.
    if found != u64::from(LEAF_VERSION) {
        return Err(LeafError::UnknownVersion { found });
    }
    let raw: Raw = serde_json::from_slice(bytes).map_err(|error| LeafError::Malformed {
        reason: error.to_string(),
    })?;
    Ok(raw.into())
}

/// Reads the version, which every leaf begins with.
fn version(bytes: &[u8]) -> Option<u64> {
    let rest = bytes.strip_prefix(b"{\"v\":")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "v")]
    _version: u64,
    #[serde(deserialize_with = "kind")]
    kind: Kind,
    time: UnixMillis,
    request_id: Option<Text<Uuid>>,
    #[serde(default, deserialize_with = "side")]
    side: Option<Side>,
    client: Option<SubsystemId>,
    service: Option<ServiceId>,
    endpoint: Option<String>,
    purpose: Option<String>,
    basis: Option<String>,
    contract: Option<String>,
    #[serde(default, deserialize_with = "decision")]
    decision: Option<bool>,
    #[serde(default)]
    rules: Vec<String>,
    outcome: Option<String>,
    status: Option<u16>,
    request_size: Option<u64>,
    answer_size: Option<u64>,
    duration_ms: Option<u64>,
    keyid: Option<String>,
    peer_keyid: Option<String>,
    nonce: Option<String>,
    link: Option<Hash>,
    answer_link: Option<Hash>,
    #[serde(default, deserialize_with = "mode")]
    mode: Option<EvidenceMode>,
    evidence: Option<Hash>,
    #[serde(default)]
    subjects: Vec<Hash>,
    #[serde(default)]
    facts: BTreeMap<String, String>,
}

impl From<Raw> for Leaf {
    fn from(raw: Raw) -> Self {
        Self {
            kind: raw.kind,
            time: raw.time,
            request_id: raw.request_id.map(|text| text.0),
            side: raw.side,
            client: raw.client,
            service: raw.service,
            endpoint: raw.endpoint,
            purpose: raw.purpose,
            basis: raw.basis,
            contract: raw.contract,
            decision: raw.decision,
            rules: raw.rules.into(),
            outcome: raw.outcome,
            status: raw.status,
            request_size: raw.request_size,
            answer_size: raw.answer_size,
            duration_ms: raw.duration_ms,
            keyid: raw.keyid,
            peer_keyid: raw.peer_keyid,
            nonce: raw.nonce,
            link: raw.link.map(|hash| hash.0),
            answer_link: raw.answer_link.map(|hash| hash.0),
            mode: raw.mode,
            evidence: raw.evidence.map(|hash| hash.0),
            subjects: raw.subjects.into_iter().map(|hash| hash.0).collect(),
            facts: raw.facts,
        }
    }
}

/// A value read from a JSON string by its `FromStr`.
struct Text<T>(T);

impl<'de> Deserialize<'de> for Text<Uuid> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map(Self)
            .map_err(de::Error::custom)
    }
}

struct Hash([u8; 32]);

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(de::Error::custom)?;
        let hash = <[u8; 32]>::try_from(bytes)
            .map_err(|bytes| de::Error::invalid_length(bytes.len(), &"32 bytes"))?;
        Ok(Self(hash))
    }
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
    word(deserializer, Kind::from_word)
}

fn side<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Side>, D::Error> {
    word(deserializer, Side::from_word).map(Some)
}

fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EvidenceMode>, D::Error> {
    word(deserializer, EvidenceMode::from_word).map(Some)
}

fn decision<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let known = |word: &str| match word {
        "allow" => Some(true),
        "refuse" => Some(false),
        _ => None,
    };
    word(deserializer, known).map(Some)
}

fn word<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    known: impl Fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    let word = String::deserialize(deserializer)?;
    known(&word).ok_or_else(|| de::Error::custom("a word this version does not know"))
}
