//! Counts exchanges against the quotas of contracts, by calendar hour and day in UTC.

use std::collections::HashMap;

use crate::contract::Contract;
use crate::identity::{MemberId, SubsystemId};
use crate::leaf::{Kind, Leaf, Side, UnixMillis};

/// A calendar window in UTC in which exchanges are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
}

/// Whose exchanges are counted together: those of one client under the versions of one contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account<'a> {
    /// The providing member: others may use the same id for their own contracts.
    pub provider: &'a MemberId,
    /// The contract, without its digest.
    pub contract_id: &'a str,
    /// Who asks.
    pub client: &'a SubsystemId,
}

impl<'a> Account<'a> {
    /// Where exchanges of a client under a contract are counted.
    pub fn of(contract: &'a Contract, client: &'a SubsystemId) -> Self {
        Self {
            provider: contract.provider().member(),
            contract_id: contract.id(),
            client,
        }
    }
}

/// Knows how much of a quota is used.
pub trait Usage {
    /// Returns how many exchanges there were in the window that holds `now`.
    fn used(&self, account: &Account<'_>, window: Window, now: UnixMillis) -> u64;
}

/// Counts allowed exchanges of one side of a node, by provider, contract and consuming subsystem.
///
/// A decision and its [`count`](Self::count) belong under one lock, or requests that arrive together pass
/// a quota together. The counts are rebuilt at start from the journal's leaves of the last day.
///
/// ```
/// use bridge_core::leaf::{Side, UnixMillis};
/// use bridge_core::quota::{Account, Counters, Usage, Window};
///
/// let account = Account {
///     provider: &"AZ/GOV/1001".parse()?,
///     contract_id: "population-1",
///     client: &"AZ/GOV/1002/PENSION".parse()?,
/// };
/// let mut counters = Counters::new(Side::Provider);
/// counters.count(&account, UnixMillis(0));
/// assert_eq!(counters.used(&account, Window::Hour, UnixMillis(3_599_999)), 1);
/// assert_eq!(counters.used(&account, Window::Hour, UnixMillis(3_600_000)), 0);
/// # Ok::<(), bridge_core::identity::IdentityError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Counters {
    side: Side,
    /// By provider, contract and client.
    tallies: HashMap<MemberId, HashMap<String, HashMap<SubsystemId, Tally>>>,
}

/// An allowed exchange that a leaf begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun<'a> {
    /// The end whose leaf it is.
    pub side: Side,
    /// Where it is counted.
    pub account: Account<'a>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    hour: Count,
    day: Count,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// Number of the window since the Unix epoch.
    window: u64,
    used: u64,
}

impl Window {
    /// Returns the window's word in rules and refusals: `hour` or `day`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Returns the seconds from `now` to the start of the next window, at least 1.
    pub fn retry_after_s(self, now: UnixMillis) -> u32 {
        let left_ms = self.length_ms() - now.0 % self.length_ms();
        u32::try_from(left_ms.div_ceil(1_000)).unwrap_or(u32::MAX)
    }

    const fn length_ms(self) -> u64 {
        match self {
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    fn number(self, at: UnixMillis) -> u64 {
        at.0 / self.length_ms()
    }
}

impl<'a> Begun<'a> {
    /// What a leaf says, if it begins an allowed exchange.
    pub fn of(leaf: &'a Leaf) -> Option<Self> {
        let side = match leaf.kind {
            Kind::RequestSent => Side::Consumer,
            Kind::RequestReceived => Side::Provider,
            Kind::ResponseSigned
            | Kind::ResponseReceived
            | Kind::Refused
            | Kind::Interrupted
            | Kind::Delivery
            | Kind::State
            | Kind::AuditRead
            | Kind::Administration => return None,
        };
        let (contract_id, _) = leaf.contract.as_deref()?.split_once('@')?;
        let account = Account {
            provider: leaf.service.as_ref()?.subsystem().member(),
            contract_id,
            client: leaf.client.as_ref()?,
        };
        let begun = Self { side, account };
        (leaf.decision == Some(true)).then_some(begun)
    }
}

impl Counters {
    /// Makes counters for the exchanges in which this node is on that side.
    pub fn new(side: Side) -> Self {
        Self {
            side,
            tallies: HashMap::new(),
        }
    }

    /// Counts one allowed exchange.
    ///
    /// A time before the newest counted one counts in the newest window: a clock set back frees no quota.
    pub fn count(&mut self, account: &Account<'_>, at: UnixMillis) {
        self.add(account, at, 1);
    }

    fn add(&mut self, account: &Account<'_>, at: UnixMillis, many: u64) {
        let contracts = self.tallies.entry(account.provider.clone()).or_default();
        let clients = contracts.entry(account.contract_id.to_owned()).or_default();
        let tally = clients.entry(account.client.clone()).or_default();
        tally.hour.add(Window::Hour.number(at), many);
        tally.day.add(Window::Day.number(at), many);
    }

    /// Takes back one [`count`](Self::count) of an exchange that did not begin after all.
    ///
    /// A window that has ended since is left alone.
    pub fn give_back(&mut self, account: &Account<'_>, at: UnixMillis) {
        let tally = self
            .tallies
            .get_mut(account.provider)
            .and_then(|contracts| contracts.get_mut(account.contract_id))
            .and_then(|clients| clients.get_mut(account.client));
        if let Some(tally) = tally {
            tally.hour.take(Window::Hour.number(at));
            tally.day.take(Window::Day.number(at));
        }
    }

    /// Counts so many exchanges of one hour that the journal tells of, if they are of this side.
    pub fn count_begun(&mut self, begun: &Begun<'_>, at: UnixMillis, many: u64) {
        if begun.side == self.side {
            self.add(&begun.account, at, many);
        }
    }
}

impl Usage for Counters {
    fn used(&self, account: &Account<'_>, window: Window, now: UnixMillis) -> u64 {
        let tally = self
            .tallies
            .get(account.provider)
            .and_then(|contracts| contracts.get(account.contract_id))
            .and_then(|clients| clients.get(account.client));
        let Some(tally) = tally else { return 0 };
        let count = match window {
            Window::Hour => tally.hour,
            Window::Day => tally.day,
        };
        if window.number(now) > count.window {
            0
        } else {
            count.used
        }
    }
}

impl Count {
    fn add(&mut self, window: u64, many: u64) {
        if window > self.window {
            *self = Self { window, used: 0 };
        }
        self.used = self.used.saturating_add(many);
    }

    fn take(&mut self, window: u64) {
        // A count of an earlier time may stand in a newer window; which one is not known, so the quota stays charged.
        if window == self.window {
            self.used = self.used.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
