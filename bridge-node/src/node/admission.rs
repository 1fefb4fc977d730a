//! Who may begin an exchange now: what the node needs is there, and there is a place.

use std::sync::Arc;

use bridge_core::identity::NodeId;
use bridge_core::leaf::Side;
use bridge_core::refusal::{NodeFault, Refusal};

use super::Node;
use crate::gate::{Gate, Place};
use crate::own::Use;
use crate::server::Connection;
use crate::shares::Share;
use crate::watch::View;

impl Node {
    /// Lets an exchange begin, or says why none may now: asked before anything of the request is read.
    ///
    /// # Errors
    ///
    /// [`NodeFault::Draining`], [`NodeFault::Clock`], [`NodeFault::TimeStamps`], [`NodeFault::Signing`], those of
    /// [`Node::check_own_status`], [`NodeFault::Unwitnessed`], [`NodeFault::Journal`], [`NodeFault::DiskReserve`], [`NodeFault::Overloaded`].
    pub fn admit(&self, side: Side) -> Result<Place, Refusal> {
        if self.house.draining.is_cancelled() {
            return Err(Refusal::Node(NodeFault::Draining));
        }
        self.clock.check()?;
        if let Some(stamping) = &self.stamping {
            stamping.check(self.clock.now())?;
        }
        self.check_key()?;
        self.check_own_status()?;
        self.cosigning.check(self.clock.now())?;
        if self.doubted.is_cancelled() {
            return Err(Refusal::Node(NodeFault::Journal));
        }
        if !self.disk.grants(0) {
            return Err(Refusal::Node(NodeFault::DiskReserve));
        }
        let place = self.gate(side).enter();
        place.ok_or(Refusal::Node(NodeFault::Overloaded))
    }

    /// Whether the exchange key can be used now, as far as is known: what could not be answered does not begin.
    ///
    /// # Errors
    ///
    /// [`NodeFault::Signing`]
    pub fn check_key(&self) -> Result<(), Refusal> {
        match self.key_trouble(Use::Exchange) {
            Some(_trouble) => Err(Refusal::Node(NodeFault::Signing)),
            None => Ok(()),
        }
    }

    /// What stands in the way of a key of this node where it lies, and what would mend it, as far as is known without trying.
    pub fn key_trouble(&self, usage: Use) -> Option<String> {
        match usage {
            Use::Tls => self.peers.identity().trouble(),
            Use::Exchange => self.own.signer().trouble(),
            Use::Web => self.own.web_trouble(),
        }
    }

    /// The same of all of them, each by its name.
    pub fn key_troubles(&self) -> impl Iterator<Item = String> {
        Use::ALL.into_iter().filter_map(|usage| {
            let trouble = self.key_trouble(usage)?;
            Some(format!("the {usage} key of this node: {trouble}"))
        })
    }

    /// Whether this node's own certificates may be used now, as far as their authority says.
    ///
    /// # Errors
    ///
    /// [`NodeFault::TlsIdentity`] or [`NodeFault::ExchangeKey`] if one is revoked, [`NodeFault::CertificateStatus`] if that is
    /// not known.
    pub fn check_own_status(&self) -> Result<(), Refusal> {
        let Some(status) = &self.status else {
            return Ok(());
        };
        let now_s = self.clock.now_s();
        for own in self.own.certificates().iter() {
            let revoked = match own.usage {
                "tls" => NodeFault::TlsIdentity,
                _ => NodeFault::ExchangeKey,
            };
            let usable = status.check(&own.chain, now_s);
            usable.map_err(|unusable| unusable.of_own(revoked))?;
        }
        Ok(())
    }

    /// The node of the directory at the other end of a connection: whose it is. Its certificate is asked about from now on;
    /// what is known of it is judged with each request, but one that is revoked makes nobody its owner.
    pub fn known_peer(&self, connection: &Connection, view: &View) -> Option<NodeId> {
        let (node, peer) = self.pinned(connection, view).ok()?;
        if let Some(status) = &self.status {
            status.want(&peer.chain, || format!("tls of {node}"));
            if status.revoked(&peer.chain).is_some() {
                return None;
            }
        }
        Some(node)
    }

    /// Waits for the first word about the certificate of a connection, if it is of a node of the directory: strangers do not
    /// say what is asked about.
    pub async fn settle_peer(&self, connection: &Connection) {
        let Ok(view) = self.watch.view(self.clock.now_s()) else {
            return;
        };
        if let (Some(status), Ok((node, peer))) = (&self.status, self.pinned(connection, &view)) {
            let whose = || format!("tls of {node}");
            // Whatever comes of it is judged with the request.
            drop(status.settle(&peer.chain, &self.clock, whose).await);
        }
    }

    /// Ends when the certificate of a connection becomes revoked. One that was revoked before is told so by an answer.
    pub async fn until_revoked(&self, connection: &Connection) {
        // Judged here if nobody has yet: there may be no directory when the connection is opened.
        match (&self.status, self.judged(connection)) {
            (Some(status), Some(peer)) if status.revoked(&peer.chain).is_none() => {
                status.until_revoked(&peer.chain).await;
            }
            _ => std::future::pending().await,
        }
    }

    /// A party's share of the places that there are now: known only when it is known who asks.
    ///
    /// # Errors
    ///
    /// [`NodeFault::Overloaded`] if the party holds more than are free.
    pub fn share(&self, side: Side, party: &str) -> Result<Share, Refusal> {
        let [outbound, inbound] = &self.shares;
        let shares = match side {
            Side::Consumer => outbound,
            Side::Provider => inbound,
        };
        let (_taken, places) = self.gate(side).usage();
        let share = shares.take_of(party, places);
        share.ok_or(Refusal::Node(NodeFault::Overloaded))
    }

    /// The gate of one direction.
    pub fn gate(&self, side: Side) -> &Arc<Gate> {
        let [outbound, inbound] = &self.gates;
        match side {
            Side::Consumer => outbound,
            Side::Provider => inbound,
        }
    }
}
