//! Another node's log, read over mutual TLS: its checkpoint, its tiles, and whether the two fit what was seen before.
//!
//! Standard: C2SP tlog-tiles.

use std::collections::HashMap;

use bridge_journal::{LogTile, ProofPlan};
use bridge_verify::{Checkpoint, LogKey, is_consistent, open_cosigned, root_of_inclusion};
use http::Request;
use http_body_util::{BodyExt as _, Limited};

use crate::node::Node;
use crate::payload;
use crate::peers::PeerAddress;
use crate::watch::View;

/// The log of a node of the directory.
pub(super) struct PeerLog<'a> {
    node: &'a Node,
    address: PeerAddress,
    authority: String,
    key: LogKey,
    /// Tiles got so far; the checkpoint says which there are, and they never change.
    tiles: HashMap<LogTile, Vec<u8>>,
    fetched: usize,
}

/// Why a log cannot be judged now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
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
    /// Enough for one look.
    #[error("more tiles are needed than are read at a time")]
    TooMany,
}

/// A longer checkpoint is none, bytes.
const NOTE_BYTES: usize = 64 * 1024;
/// A full tile, bytes.
const TILE_BYTES: usize = 256 * 32;
/// Tiles that are read of one log in one look: half a million receipts' worth.
const TILES: usize = 2048;

// === impl PeerLog ===

impl<'a> PeerLog<'a> {
    /// Finds the node whose log this is.
    pub(super) fn find(node: &'a Node, view: &View, origin: &str) -> Result<Self, Unread> {
        let members = view.directory().members.iter();
        let listed = members.flat_map(|member| view.addresses(&member.id));
        for (address, entry) in listed {
            if let Ok(key) = LogKey::parse(&entry.journal)
                && key.origin() == origin
            {
                return Ok(Self {
                    node,
                    address,
                    authority: entry.name.clone(),
                    key,
                    tiles: HashMap::new(),
                    fetched: 0,
                });
            }
        }
        Err(Unread::NotListed)
    }

    /// Its checkpoint of this moment, with the note.
    pub(super) async fn checkpoint(&self) -> Result<(Checkpoint, String), Unread> {
        let note = self.get("checkpoint", NOTE_BYTES).await?;
        let checkpoint = open_cosigned(&note, &self.key)?;
        Ok((checkpoint, String::from_utf8_lossy(&note).into_owned()))
    }

    /// Opens a checkpoint that was seen before.
    pub(super) fn open(&self, note: &str) -> Result<Checkpoint, Unread> {
        Ok(open_cosigned(note.as_bytes(), &self.key)?)
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
