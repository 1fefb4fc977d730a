//! Connections of one listener: strangers wait in a small lobby, whoever has proved to be somebody moves on.
//!
//! A flood of strangers, be it half-open handshakes, idle connections or slow heads, fills the lobby and nothing else. A full
//! lobby turns nobody away at the door, for a member may be next: the one who leaves is the oldest of the address that
//! holds most, and a member has long proved itself by then. Proved connections have places of their own, shared by party.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::shares::{Share, Shares};

/// The connections of one listener.
#[derive(Debug)]
pub struct Lobby {
    strangers: usize,
    proved: Shares,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    line: VecDeque<Stranger>,
}

#[derive(Debug)]
struct Stranger {
    number: u64,
    from: IpAddr,
    out: CancellationToken,
}

/// One connection's place; dropping gives it back.
#[derive(Debug)]
pub struct Visitor {
    number: u64,
    out: CancellationToken,
    waiting: Arc<Mutex<Waiting>>,
    proved: Shares,
    share: Mutex<Option<Share>>,
}

// === impl Lobby ===

impl Lobby {
    /// So many strangers, and so many who have proved themselves.
    pub fn new(strangers: usize, proved: usize) -> Self {
        Self {
            strangers: strangers.max(1),
            proved: Shares::new(proved),
            waiting: Arc::default(),
        }
    }

    /// Lets a connection in; if the lobby is full, another one is sent out for it.
    pub fn enter(&self, from: IpAddr) -> Visitor {
        let mut waiting = lock(&self.waiting);
        while waiting.line.len() >= self.strangers {
            waiting.send_one_out();
        }
        let number = waiting.next;
        waiting.next += 1;
        let out = CancellationToken::new();
        waiting.line.push_back(Stranger {
            number,
            from,
            out: out.clone(),
        });
        Visitor {
            number,
            out,
            waiting: Arc::clone(&self.waiting),
            proved: self.proved.clone(),
            share: Mutex::default(),
        }
    }
}

// === impl Waiting ===

impl Waiting {
    fn send_one_out(&mut self) {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for stranger in &self.line {
            *counts.entry(stranger.from).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or(0);
        let greediest = |stranger: &Stranger| counts.get(&stranger.from) == Some(&most);
        if let Some(stranger) = self
            .line
            .iter()
            .position(greediest)
            .and_then(|oldest| self.line.remove(oldest))
        {
            stranger.out.cancel();
        }
    }

    fn leave(&mut self, number: u64) -> bool {
        let found = self
            .line
            .binary_search_by_key(&number, |stranger| stranger.number);
        found.is_ok_and(|at| self.line.remove(at).is_some())
    }
}

// === impl Visitor ===

impl Visitor {
    /// Ends when this connection has to go.
    pub async fn sent_out(&self) {
        self.out.cancelled().await;
    }

    /// The connection is this party's: it leaves the lobby, and can't be sent out any more. `false` if the party holds its
    /// share of connections already, or this one was sent out just before.
    pub fn prove(&self, party: &str) -> bool {
        let mut share = self.share.lock().unwrap_or_else(PoisonError::into_inner);
        if share.is_some() {
            return true;
        }
        let Some(taken) = self.proved.take(party) else {
            return false;
        };
        if !lock(&self.waiting).leave(self.number) {
            return false;
        }
        *share = Some(taken);
        true
    }

    /// Whose connection it is, once that is proved.
    pub fn party(&self) -> Option<Arc<str>> {
        let share = self.share.lock().unwrap_or_else(PoisonError::into_inner);
        share.as_ref().map(|share| Arc::clone(share.party()))
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        lock(&self.waiting).leave(self.number);
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn the_oldest_of_the_greediest_address_leaves() {
        let lobby = Lobby::new(4, 10);
        let early = lobby.enter(ip(1));
        let flood: Vec<Visitor> = (0..4).map(|_| lobby.enter(ip(2))).collect();
        let gone = |visitor: &Visitor| visitor.out.is_cancelled();
        assert!(!gone(&early), "it holds one place");
        assert_eq!(
            flood.iter().map(gone).collect::<Vec<_>>(),
            [true, false, false, false]
        );
        drop(early);
        drop(flood);
        assert!(lock(&lobby.waiting).line.is_empty());
    }

    #[test]
    fn who_has_proved_itself_is_not_sent_out() {
        let lobby = Lobby::new(2, 4);
        let member = lobby.enter(ip(1));
        assert!(member.prove("member") && member.prove("another"));
        assert_eq!(
            member.party().as_deref(),
            Some("member"),
            "whose it is first"
        );
        let flood: Vec<Visitor> = (0..9).map(|_| lobby.enter(ip(1))).collect();
        assert!(!member.out.is_cancelled());
        assert_eq!(flood.iter().filter(|v| v.out.is_cancelled()).count(), 7);
        assert!(!flood[0].prove("late"), "it was sent out before");
        let more: Vec<bool> = (0..3)
            .map(|_| lobby.enter(ip(1)))
            .map(|v| v.prove("member"))
            .collect();
        assert_eq!(more, [true; 3], "each gave its place back");
        drop(member);
        assert_eq!(lobby.proved.taken(), 0);
    }

    #[test]
    fn a_party_has_its_share_of_connections() {
        let lobby = Lobby::new(100, 10);
        let visitors: Vec<Visitor> = (0..20).map(|_| lobby.enter(ip(1))).collect();
        let proved = visitors
            .iter()
            .filter(|visitor| visitor.prove("greedy"))
            .count();
        assert_eq!(proved, 6);
        assert!(lobby.enter(ip(1)).prove("modest"));
    }
}
