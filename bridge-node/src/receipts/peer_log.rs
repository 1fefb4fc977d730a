//! Another node's log, read over mutual TLS: its checkpoint, its tiles, and whether the two fit what was seen before.
//!
//! Standard: C2SP tlog-tiles.

use std::collections::HashMap;

use bridge_journal::{LogTile, Proof, ProofPlan};
use bridge_verify::{
    Checkpoint, Field, LogKey, Receipt, Signers, is_consistent, judge, open_own, root_of_inclusion,
};
use http::Request;
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};

use crate::node::Node;
use crate::payload;
use crate::peers::PeerAddress;
use crate::watch::View;

/// The log of a node of the directory.
pub(crate) struct PeerLog<'a> {
    node: &'a Node,
    address: PeerAddress,
    authority: String,
    key: LogKey,
    vkey: String,
    /// Tiles got so far; the checkpoint says which there are, and they never change.
    tiles: HashMap<LogTile, Vec<u8>>,
    fetched: usize,
}

/// Why a log cannot be judged now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// It is in no directory entry.
    #[error("the directory lists no node with this log")]
    NotListed,
    /// No connection or no answer.
    #[error("{0}")]
    NotReached(String),
    /// Not what was asked for.
    #[error("it does not give {0}")]
    NotGiven(String),
    /// Its checkpoint is not signed by its key.
    #[error("its checkpoint does not hold: {0}")]
    NotSigned(#[from] bridge_verify::NoteFault),
    /// It has not covered the leaf yet.
    #[error("no checkpoint of it covers the leaf yet")]
    NotYet,
    /// Enough for one look.
    #[error("more tiles are needed than are read at a time")]
    TooMany,
}

/// A longer checkpoint is none, bytes.
const NOTE_BYTES: usize = 64 * 1024;
/// A full tile, bytes.
const TILE_BYTES: usize = 256 * 32;
/// The leaves below a tile, bytes: each has at most 65,535 and its length in two.
const BUNDLE_BYTES: usize = 256 * 65_537;
/// Tiles that are read of one log in one look: half a million receipts' worth.
const TILES: usize = 2048;

// === impl PeerLog ===

impl<'a> PeerLog<'a> {
    /// Finds the node whose log this is.
    pub(crate) fn find(node: &'a Node, view: &View, origin: &str) -> Result<Self, Unread> {
        let listed = view.directory().node_of_log(origin);
        let (id, entry) = listed.ok_or(Unread::NotListed)?;
        let key = LogKey::parse(&entry.journal).map_err(|_none| Unread::NotListed)?;
        Ok(Self {
            node,
            address: PeerAddress::of(id, entry),
            authority: entry.name.clone(),
            key,
            vkey: entry.journal.clone(),
            tiles: HashMap::new(),
            fetched: 0,
        })
    }

    /// Its verifier key, as the directory has it.
    pub(crate) fn vkey(&self) -> &str {
        &self.vkey
    }

    /// Its checkpoint of this moment: a signed note.
    pub(super) async fn checkpoint(&self) -> Result<String, Unread> {
        let note = self.get("checkpoint", NOTE_BYTES).await?;
        String::from_utf8(note).map_err(|_not_text| Unread::NotGiven("a checkpoint".to_owned()))
    }

    /// Opens a checkpoint; with the note as this log signed it. What else stands in it is anybody's text, and not kept.
    pub(super) fn open(&self, note: &str) -> Result<(Checkpoint, String), Unread> {
        Ok(open_own(note.as_bytes(), &self.key)?)
    }

    /// Whether the smaller of two trees is the beginning of the larger, as this log's own tiles show it.
    pub(super) async fn agree(
        &mut self,
        one: Checkpoint,
        other: Checkpoint,
    ) -> Result<bool, Unread> {
        let (old, new) = if one.size <= other.size {
            (one, other)
        } else {
            (other, one)
        };
        let Some(plan) = ProofPlan::consistency(old.size, new.size) else {
            // An empty tree is the beginning of any.
            return Ok(true);
        };
        let Some(proof) = self.proof(&plan).await? else {
            return Ok(false);
        };
        Ok(is_consistent(
            (old.size, &old.root),
            (new.size, &new.root),
            &proof,
        ))
    }

    /// The hashes of the leaves in one tile, once they are shown to be under a checkpoint; `None` if they are not.
    ///
    /// The proof of one leaf is made of all the other hashes of its tile: it holds for all of them or for none.
    pub(super) async fn leaves_beside(
        &mut self,
        index: u64,
        under: Checkpoint,
    ) -> Result<Option<Vec<u8>>, Unread> {
        let tile = LogTile::of_leaf(index, under.size);
        let hashes = self.tile(tile).await?;
        let Some(plan) = ProofPlan::inclusion(index, under.size) else {
            return Ok(None);
        };
        let proof = self.proof(&plan).await?;
        self.tiles.remove(&tile);
        let root = LogTile::leaf_hash(&hashes, index)
            .zip(proof)
            .and_then(|(leaf, proof)| root_of_inclusion(index, under.size, &leaf, &proof));
        Ok((root == Some(under.root)).then_some(hashes))
    }

    /// A leaf that this log gave a receipt of, with its proof under the checkpoint of this moment: what a receipt file holds of
    /// one leaf. `None` if another leaf is there.
    pub(crate) async fn receipt(&mut self, text: &str) -> Result<Option<Value>, Unread> {
        let Some(field) = Field::parse(text) else {
            return Ok(None);
        };
        let note = self.checkpoint().await?;
        let (checkpoint, _) = self.open(&note)?;
        let plan = ProofPlan::inclusion(field.index, checkpoint.size).ok_or(Unread::NotYet)?;
        let tile = LogTile::of_leaf(field.index, checkpoint.size);
        let path = tile.path().replacen("tile/0/", "tile/entries/", 1);
        let bundle = self.get(&path, BUNDLE_BYTES).await?;
        let leaf = nth_entry(&bundle, field.index % 256).ok_or(Unread::NotGiven(path))?;
        let proof = self.proof(&plan).await?.unwrap_or_default();
        let proof = Proof::write(field.index, &proof, &note);
        let receipt = Receipt {
            field: text,
            leaf,
            proof: &proof,
        };
        let signers = Signers {
            log: Some(self.key.clone()),
            ..Signers::default()
        };
        let file =
            json!({ "receipt": text, "leaf": String::from_utf8_lossy(leaf), "proof": proof });
        Ok(judge(&receipt, &signers).is_ok().then_some(file))
    }

    async fn proof(&mut self, plan: &ProofPlan) -> Result<Option<Vec<[u8; 32]>>, Unread> {
        for tile in plan.tiles() {
            self.tile(tile).await?;
        }
        plan.hashes(|tile| Ok(self.tiles.get(tile).cloned()))
    }

    async fn tile(&mut self, tile: LogTile) -> Result<Vec<u8>, Unread> {
        if let Some(hashes) = self.tiles.get(&tile) {
            return Ok(hashes.clone());
        }
        if self.fetched >= TILES {
            return Err(Unread::TooMany);
        }
        self.fetched += 1;
        let hashes = self.get(&tile.path(), TILE_BYTES).await?;
        if hashes.len() != tile.width() * 32 {
            return Err(Unread::NotGiven(tile.path()));
        }
        self.tiles.insert(tile, hashes.clone());
        Ok(hashes)
    }

    async fn get(&self, path: &str, most: usize) -> Result<Vec<u8>, Unread> {
        let within = self.node.settings.limits.exchange_timeout;
        tokio::time::timeout(within, self.ask(path, most))
            .await
            .unwrap_or_else(|_elapsed| Err(Unread::NotReached("no answer in time".to_owned())))
    }

    async fn ask(&self, path: &str, most: usize) -> Result<Vec<u8>, Unread> {
        let peers = &self.node.peers;
        let failed = |error: &dyn std::error::Error| Unread::NotReached(crate::chain(error));
        let mut line = peers.line(&self.address).await.map_err(|e| failed(&e))?;
        let request = Request::get(format!("/log/{path}"))
            .header("host", &self.authority)
            .body(payload::empty())
            .map_err(|error| failed(&error))?;
        let response = line.send(request).await.map_err(|e| failed(&e))?;
        let given = response.status() == 200;
        let body = Limited::new(response.into_body(), most).collect().await;
        let body = body.map_err(|error| Unread::NotReached(error.to_string()))?;
        peers.keep(line);
        if !given {
            return Err(Unread::NotGiven(path.to_owned()));
        }
        Ok(body.to_bytes().to_vec())
    }
}

/// A leaf of an entry bundle: each stands behind its length in two bytes.
fn nth_entry(bundle: &[u8], number: u64) -> Option<&[u8]> {
    let mut rest = bundle;
    for _ in 0..number {
        rest = entry(rest)?.1;
    }
    Some(entry(rest)?.0)
}

fn entry(bundle: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bundle.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
