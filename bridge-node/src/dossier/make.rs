//! Puts a dossier together from the journal, the directory in force, the peer's log, and the member's seal.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_certs::cms::{SealError, Sealer, seal_imprint, with_stamp};
use bridge_certs::stamp::token;
use bridge_certs::{certificate_pem, read_pem_certificates};
use bridge_core::leaf::{Kind, Leaf, Side};
use bridge_journal::{KeptStamp, ReadError, Shown};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use uuid::Uuid;

use super::zip::Entry;
use super::{
    AUTHORITIES, DESCRIPTION, MESSAGES, OWN_RECEIPTS, PEER_RECEIPTS, STAMP, SUMMARY, evidence,
    leaf_of, manifest, summary, zip,
};
use crate::node::Node;
use crate::receipts::{PEER_RECEIPT, PeerLog};
use crate::stamping::stamp_imprint;
use crate::watch::View;

/// Why a dossier can't be made.
#[derive(Debug, thiserror::Error)]
pub enum DossierError {
    /// No such exchange.
    #[error("the journal has no exchange with this id")]
    Unknown,
    /// Its leaves are too new.
    #[error("no checkpoint covers the exchange yet: ask again in a second")]
    TooNew,
    /// The journal can't be read.
    #[error("the journal cannot be read")]
    Journal(#[from] ReadError),
    /// The seal's files can't be used.
    #[error("{0}")]
    SealFiles(String),
    /// The seal can't be made.
    #[error("the seal cannot be made")]
    Seal(#[from] SealError),
    /// The file would be too large.
    #[error("the dossier would be larger than a container can be")]
    TooLarge,
    /// A task failed.
    #[error("the journal's reader failed")]
    Reader,
}

/// What the journal has of an exchange.
struct Kept {
    /// Of one end of the exchange, oldest first.
    records: Vec<Shown>,
    receipts: Vec<Value>,
    /// With a proof for each message, by name.
    stamp: Option<(KeptStamp, Vec<(&'static str, String)>)>,
}

/// The files gathered so far, and what is not among them.
#[derive(Default)]
struct Parts {
    entries: Vec<Entry>,
    absent: Vec<String>,
}

// === impl Parts ===

impl Parts {
    fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.entries.push(Entry {
            name: name.into(),
            bytes: bytes.into(),
        });
    }

    fn lack(&mut self, name: &str, why: &str) {
        self.absent.push(format!("{name}: {why}"));
    }
}

/// Makes the dossier of an exchange.
///
/// # Errors
///
/// [`DossierError`]. What another node or an authority does not give is not in it, and it says so.
pub async fn make(node: &Arc<Node>, id: Uuid) -> Result<Vec<u8>, DossierError> {
    // Its key may lie under a passphrase, or on a token.
    let shared = Arc::clone(node);
    let sealer = tokio::task::spawn_blocking(move || sealer(&shared));
    let sealer = sealer.await.map_err(|_panicked| DossierError::Reader)??;
    let shared = Arc::clone(node);
    let kept = tokio::task::spawn_blocking(move || kept(&shared, id));
    let kept = kept.await.map_err(|_panicked| DossierError::Reader)??;
    let view = node.watch.newest();
    let mut parts = Parts::default();
    let messages = messages(node, view.as_deref(), &kept.records, &mut parts);
    parts.add(AUTHORITIES, authorities(node));
    let own = json!({
        "request_id": id.to_string(), "key": node.journal.vkey(), "receipts": kept.receipts,
    });
    parts.add(OWN_RECEIPTS, pretty(&own));
    let peer_key = peer_receipt(node, view.as_deref(), (id, &kept.records), &mut parts).await;
    match kept.stamp {
        Some((stamp, proofs)) => {
            for (name, proof) in proofs {
                parts.add(format!("stamps/{name}.tlog-proof"), proof);
            }
            parts.add(STAMP, stamp.response);
        }
        None => parts.lack(STAMP, "no time-stamp covers the exchange yet"),
    }
    let now_s = node.clock.now_s();
    let description = json!({
        "v": 1,
        "request_id": id.to_string(),
        "node": node.settings.node.to_string(),
        "member": node.settings.node.member().to_string(),
        "made": bridge_certs::Moment(now_s).to_string(),
        "exchange": exchange(&kept.records),
        "messages": messages,
        "logs": { "own": node.journal.vkey(), "peer": peer_key },
        "absent": parts.absent,
    });
    let page = summary::page(&description, &parts.entries);
    parts.add(DESCRIPTION, pretty(&description));
    parts.add(SUMMARY, page);
    let manifest = manifest::write(&parts.entries);
    // A seal's key may lie on a token, which is waited for.
    let content = manifest.clone();
    let made = tokio::task::spawn_blocking(move || sealer.seal(content.as_bytes(), now_s));
    let seal = made.await.map_err(|_panicked| DossierError::Reader)??;
    let seal = stamped(node, seal).await?;
    container(parts.entries, manifest, seal)
}

/// The seal with a time-stamp over it, if an authority gives one now: it shows that the seal is older than a revocation of its key.
async fn stamped(node: &Arc<Node>, seal: Vec<u8>) -> Result<Vec<u8>, DossierError> {
    let Some(response) = stamp_imprint(node, seal_imprint(&seal)?).await else {
        return Ok(seal);
    };
    match token(&response) {
        Ok(token) => Ok(with_stamp(&seal, token)?),
        // What was taken has one.
        Err(_) => Ok(seal),
    }
}

fn container(parts: Vec<Entry>, manifest: String, seal: Vec<u8>) -> Result<Vec<u8>, DossierError> {
    let entry = |name: &str, bytes: Vec<u8>| Entry {
        name: name.to_owned(),
        bytes,
    };
    let mut entries = vec![entry("mimetype", manifest::MIMETYPE.into())];
    entries.extend(parts);
    entries.push(entry(manifest::MANIFEST, manifest.into_bytes()));
    entries.push(entry(manifest::SEAL, seal));
    zip::write(&entries).ok_or(DossierError::TooLarge)
}

/// The member's seal: read when it is needed, so that a node that makes no dossiers needs none.
fn sealer(node: &Node) -> Result<Sealer, DossierError> {
    let keys = &node.settings.keys;
    let unusable = |error: &dyn std::error::Error| {
        DossierError::SealFiles(format!("keys: seal: {}", crate::chain(error)))
    };
    let chain = read_pem_certificates(&keys.path("seal.pem")).map_err(|e| unusable(&e))?;
    let key = keys.key("seal.key").map_err(|e| unusable(&e))?;
    Ok(key.sealer(chain)?)
}

/// It reads files: call it where blocking is allowed.
fn kept(node: &Node, id: Uuid) -> Result<Kept, DossierError> {
    let journal = &node.journal;
    let mut records = journal.show(id)?;
    // A node that asks itself has both ends: what its caller asked is the exchange.
    let is_consumer = |one: &Shown| one.leaf.side == Some(Side::Consumer);
    if records.iter().any(is_consumer) {
        records.retain(|one| one.leaf.side != Some(Side::Provider));
    }
    records.retain(|one| one.leaf.side.is_some() || one.leaf.kind == Kind::State);
    if !records.iter().any(|one| one.leaf.side.is_some()) {
        return Err(DossierError::Unknown);
    }
    let mut receipts = Vec::new();
    for one in &records {
        let mut proof = journal.prove(one.index)?;
        if proof.is_none() {
            // Witnesses may be silent for long: this node's own word is better than none.
            let newest = journal.checkpoint().unwrap_or_default();
            proof = journal.prove_under(one.index, &newest)?;
        }
        let proof = proof.ok_or(DossierError::TooNew)?;
        receipts.push(json!({
            "receipt": journal.receipt_text(one.index, &one.leaf_bytes),
            "leaf": String::from_utf8_lossy(&one.leaf_bytes),
            "proof": proof.text,
        }));
    }
    let found = MESSAGES.map(|name| (name, message(&records, name)));
    let found: Vec<(&str, u64)> = found
        .into_iter()
        .filter_map(|(name, record)| Some((name, record?.index)))
        .collect();
    let last = found.iter().map(|(_, index)| *index).max();
    let mut stamp = None;
    if let Some(last) = last
        && let Some(kept) = journal.stamp_over(last)?
    {
        let mut proofs = Vec::new();
        for (name, index) in found {
            let proof = journal.prove_under(index, &kept.checkpoint)?;
            proofs.extend(proof.map(|proof| (name, proof.text)));
        }
        stamp = Some((kept, proofs));
    }
    Ok(Kept {
        records,
        receipts,
        stamp,
    })
}

/// The record of a message.
fn message<'a>(records: &'a [Shown], name: &str) -> Option<&'a Shown> {
    let leaves: Vec<&Leaf> = records.iter().map(|one| &one.leaf).collect();
    records.get(leaf_of(name, &leaves)?)
}

/// Adds the messages with their signatures and certificates; returns what there is to say of each.
fn messages(
    node: &Node,
    view: Option<&View>,
    records: &[Shown],
    parts: &mut Parts,
) -> serde_json::Map<String, Value> {
    let mut told = serde_json::Map::new();
    for name in MESSAGES {
        let Some(record) = message(records, name) else {
            parts.lack(name, "the journal has none");
            continue;
        };
        let Some(kept) = &record.evidence else {
            parts.lack(
                name,
                "the contract keeps no evidence, there was no message, or it was erased",
            );
            continue;
        };
        let Some(signed) = evidence::read(name, &kept.base) else {
            parts.lack(name, "its evidence is not that message");
            continue;
        };
        parts.add(format!("{name}/base.txt"), kept.base.clone());
        parts.add(format!("{name}/signature.bin"), kept.signature.clone());
        let empty: [u8; 32] = digest(&SHA256, b"").as_ref().try_into().unwrap_or_default();
        if kept.body.is_empty() && signed.body_digest != Some(empty) {
            parts.lack(&format!("{name}/body.bin"), "only its digest was kept");
        } else {
            parts.add(format!("{name}/body.bin"), kept.body.clone());
        }
        let file = format!("certificates/{name}.pem");
        match certificate(node, view, signed.key_id) {
            Some(der) => parts.add(&*file, certificate_pem(&der)),
            None => parts.lack(&file, "the directory in force has no key with this id"),
        }
        told.insert(
            name.to_owned(),
            json!({
                "key_id": signed.key_id,
                "created": bridge_certs::Moment(signed.created_s).to_string(),
                "leaf": record.index,
            }),
        );
    }
    told
}

/// A certificate of an exchange key, by its digest: this node's own, or one of the directory.
fn certificate(node: &Node, view: Option<&View>, key_id: &str) -> Option<Vec<u8>> {
    let is_it = |der: &Vec<u8>| URL_SAFE_NO_PAD.encode(digest(&SHA256, der)) == key_id;
    let path = node.settings.keys.path("exchange.pem");
    let own = read_pem_certificates(&path).unwrap_or_default();
    own.into_iter().find(is_it).or_else(|| {
        let (_, key) = view?.directory().exchange_key(key_id)?;
        key.certificate_der()
    })
}

fn authorities(node: &Node) -> String {
    node.trust
        .certificates()
        .map(|der| certificate_pem(der))
        .collect()
}

/// Adds the receipt that the other node gave, with its proof from that node's log; returns the key of that log.
async fn peer_receipt(
    node: &Node,
    view: Option<&View>,
    (id, records): (Uuid, &[Shown]),
    parts: &mut Parts,
) -> Option<String> {
    let receipt = records
        .iter()
        .find_map(|one| one.leaf.facts.get(PEER_RECEIPT));
    let Some(receipt) = receipt else {
        parts.lack(PEER_RECEIPTS, "the other node gave none to this one");
        return None;
    };
    let Some(view) = view else {
        parts.lack(PEER_RECEIPTS, "there is no directory");
        return None;
    };
    let (origin, _) = receipt.rsplit_once('#')?;
    let found = async {
        let mut log = PeerLog::find(node, view, origin)?;
        Ok::<_, crate::receipts::Unread>((log.receipt(receipt).await?, log.vkey().to_owned()))
    };
    match found.await {
        Ok((Some(one), key)) if !is_of(&one, id) => {
            parts.lack(
                PEER_RECEIPTS,
                "the other node's receipt is of another exchange",
            );
            Some(key)
        }
        Ok((Some(one), key)) => {
            let file = json!({ "request_id": id.to_string(), "key": key, "receipts": [one] });
            parts.add(PEER_RECEIPTS, pretty(&file));
            Some(key)
        }
        Ok((None, key)) => {
            parts.lack(
                PEER_RECEIPTS,
                "the other node's log does not bear out its receipt",
            );
            Some(key)
        }
        Err(why) => {
            parts.lack(
                PEER_RECEIPTS,
                &format!("the other node's log cannot be read: {why}"),
            );
            None
        }
    }
}

/// Whether the leaf of a receipt is of this exchange.
fn is_of(receipt: &Value, id: Uuid) -> bool {
    let leaf = receipt["leaf"].as_str().unwrap_or_default();
    Leaf::parse(leaf.as_bytes()).is_ok_and(|leaf| leaf.request_id == Some(id))
}

/// What the leaves say of the exchange.
fn exchange(records: &[Shown]) -> Value {
    let leaves: Vec<&Leaf> = records
        .iter()
        .map(|one| &one.leaf)
        .filter(|leaf| leaf.side.is_some())
        .collect();
    let (Some(first), Some(last)) = (leaves.first(), leaves.last()) else {
        return Value::Null;
    };
    let time = |leaf: &Leaf| bridge_certs::Moment(leaf.time.0 / 1000).to_string();
    json!({
        "side": first.side.map(Side::as_str),
        "client": first.client.as_ref().map(ToString::to_string),
        "service": first.service.as_ref().map(ToString::to_string),
        "purpose": first.purpose,
        "legal_basis": first.basis,
        "contract": first.contract,
        "begun": time(first),
        "ended": time(last),
        // That of a request is no end: it says that its key is remembered.
        "outcome": last.outcome.as_ref().filter(|_| last.kind != Kind::RequestReceived),
        "status": last.status,
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
