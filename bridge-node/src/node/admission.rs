//! Who may begin an exchange now: what the node needs is there, and there is a place.

use std::sync::Arc;

use bridge_core::leaf::Side;
use bridge_core::refusal::{NodeFault, Refusal};

use super::Node;
use crate::gate::{Gate, Place};
use crate::shares::Share;

impl Node {
    /// Lets an exchange begin, or says why none may now: asked before anything of the request is read.
    ///
    /// # Errors
    ///
    /// [`NodeFault::Draining`], [`NodeFault::Clock`], [`NodeFault::TimeStamps`], [`NodeFault::Unwitnessed`],
    /// [`NodeFault::Journal`], [`NodeFault::DiskReserve`], [`NodeFault::Overloaded`].
    pub fn admit(&self, side: Side) -> Result<Place, Refusal> {
        if self.house.draining.is_cancelled() {
            return Err(Refusal::Node(NodeFault::Draining));
        }
        self.clock.check()?;
        if let Some(stamping) = &self.stamping {
            stamping.check(self.clock.now())?;
        }
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
