//! Connections of one listener: strangers wait in a small lobby, whoever has proved to be somebody moves on.
//!
//! A flood of strangers, be it half-open handshakes, idle connections or slow heads, fills the lobby and nothing else. A full
//! lobby turns nobody away at the door, for a member may be next: the one who leaves is the oldest of the address that
//! holds most. But everybody has a moment to prove itself, or else a crowd of members who come back at once would push each
//! other out; until it is over the listener takes nobody in, and those at the door wait in the system's queue. What has come
//! by then is read before anybody leaves. Proved connections have places of their own, shared by party.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::shares::{Share, Shares};

/// The connections of one listener.
#[derive(Debug)]
pub struct Lobby {
    strangers: usize,
    proved: Shares,
    room: Arc<Room>,
}

/// The lobby itself.
#[derive(Debug, Default)]
struct Room {
    waiting: Mutex<Waiting>,
    /// Somebody has left it.
    left: Notify,
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
    since: Instant,
    out: CancellationToken,
}

/// One connection's place; dropping gives it back.
#[derive(Debug)]
pub struct Visitor {
    number: u64,
    out: CancellationToken,
    room: Arc<Room>,
    proved: Shares,
    share: Mutex<Option<Share>>,
}

/// How long everybody may stay in a full lobby: several ways there and back through a country, and for strangers who flood a
/// listener a limit on the connections that it takes from them in a second.
const MOMENT: Duration = Duration::from_millis(100);

// === impl Lobby ===

impl Lobby {
    /// So many strangers, and so many who have proved themselves.
    pub fn new(strangers: usize, proved: usize) -> Self {
        Self {
            strangers: strangers.max(1),
            proved: Shares::new(proved),
            room: Arc::default(),
        }
    }

    /// Lets a connection in. If the lobby is full, another one is sent out for it, once that has had its moment.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no place.
    pub async fn enter(&self, from: IpAddr) -> Visitor {
        loop {
            let over = match self.try_enter(from) {
                Ok(visitor) => return visitor,
                Err(over) => over,
            };
            // Whichever comes first. One who leaves in between is remembered.
            drop(tokio::time::timeout_at(over, self.room.left.notified()).await);
        }
    }

    /// Lets a connection in, or says when somebody can be sent out for it.
    fn try_enter(&self, from: IpAddr) -> Result<Visitor, Instant> {
        let mut waiting = self.room.waiting();
        while waiting.line.len() >= self.strangers {
            waiting.send_one_out()?;
        }
        let number = waiting.next;
        waiting.next += 1;
        let out = CancellationToken::new();
        waiting.line.push_back(Stranger {
            number,
            from,
            since: Instant::now(),
            out: out.clone(),
        });
        Ok(Visitor {
            number,
            out,
            room: Arc::clone(&self.room),
            proved: self.proved.clone(),
            share: Mutex::default(),
        })
    }
}

// === impl Room ===

impl Room {
    fn leave(&self, number: u64) {
        if self.waiting().leave(number) {
            self.left.notify_one();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Waiting ===

impl Waiting {
    /// Sends the oldest of the greediest address out, or says when its moment is over.
    fn send_one_out(&mut self) -> Result<(), Instant> {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for stranger in &self.line {
            *counts.entry(stranger.from).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or(0);
        let greediest = |stranger: &Stranger| counts.get(&stranger.from) == Some(&most);
        let oldest = self.line.iter().position(greediest).unwrap_or(0);
        let over = self
            .line
            .get(oldest)
            .map(|stranger| stranger.since + MOMENT);
        if let Some(over) = over.filter(|over| *over > Instant::now()) {
            return Err(over);
        }
        if let Some(stranger) = self.line.remove(oldest) {
            stranger.out.cancel();
        }
        Ok(())
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
    /// Ends when this connection has to go. Whoever waits for it looks at what has come first: who proves itself by that
    /// stays, because it was this node that was late.
    pub async fn sent_out(&self) {
        self.out.cancelled().await;
        if self.party().is_some() {
            std::future::pending::<()>().await;
        }
    }

    /// The connection is this party's: it leaves the lobby, and can't be sent out any more. `false` if the party holds its
    /// share of connections already.
    pub fn prove(&self, party: &str) -> bool {
        let mut share = self.share.lock().unwrap_or_else(PoisonError::into_inner);
        if share.is_some() {
            return true;
        }
        let Some(taken) = self.proved.take(party) else {
            return false;
        };
        self.room.leave(self.number);
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
        self.room.leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    /// So many come from this address, as soon as they are let in.
    async fn crowd(lobby: &Lobby, last: u8, count: usize) -> Vec<Visitor> {
        let mut visitors = Vec::new();
        for _ in 0..count {
            visitors.push(lobby.enter(ip(last)).await);
        }
        visitors
    }

    fn gone(visitors: &[Visitor]) -> Vec<bool> {
        let gone = visitors.iter().map(|visitor| visitor.out.is_cancelled());
        gone.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_of_the_greediest_address_leaves() {
        let lobby = Lobby::new(4, 10);
        let early = crowd(&lobby, 1, 1).await;
        let flood = crowd(&lobby, 2, 4).await;
        assert_eq!(gone(&early), [false], "it holds one place");
        assert_eq!(gone(&flood), [true, false, false, false]);
        drop((early, flood));
        assert!(lobby.room.waiting().line.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_has_a_moment_and_who_leaves_makes_room_at_once() {
        let lobby = Lobby::new(2, 10);
        let began = Instant::now();
        let mut crowd = crowd(&lobby, 1, 2).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        let (newcomer, ()) = tokio::join!(lobby.enter(ip(1)), async {
            tokio::time::sleep(MOMENT / 4).await;
            assert!(crowd[1].prove("member"));
        });
        assert_eq!(
            (began.elapsed(), gone(&crowd)),
            (MOMENT / 4, vec![false; 2])
        );
        crowd.push(newcomer);
        crowd.push(lobby.enter(ip(1)).await);
        assert!(began.elapsed() >= MOMENT);
        assert_eq!(gone(&crowd), [true, false, false, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_proved_itself_is_not_sent_out() {
        let lobby = Lobby::new(2, 4);
        let member = lobby.enter(ip(1)).await;
        assert!(member.prove("member") && member.prove("another"));
        assert_eq!(
            member.party().as_deref(),
            Some("member"),
            "whose it is first"
        );
        let flood = crowd(&lobby, 1, 9).await;
        assert!(!member.out.is_cancelled());
        assert_eq!(gone(&flood).iter().filter(|gone| **gone).count(), 7);
        let more = crowd(&lobby, 1, 3).await;
        for visitor in more {
            assert!(visitor.prove("member"), "each gave its place back");
        }
        drop(member);
        assert_eq!(lobby.proved.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_proves_itself_before_it_is_told_to_go_stays() {
        let lobby = Lobby::new(1, 4);
        let crowd = crowd(&lobby, 1, 3).await;
        assert_eq!(gone(&crowd), [true, true, false]);
        assert!(crowd[0].prove("member"));
        let goes = |visitor: &Visitor| {
            let mut cx = Context::from_waker(Waker::noop());
            pin!(visitor.sent_out()).poll(&mut cx).is_ready()
        };
        assert_eq!([goes(&crowd[0]), goes(&crowd[1])], [false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_party_has_its_share_of_connections() {
        let lobby = Lobby::new(100, 10);
        let visitors = crowd(&lobby, 1, 20).await;
        let proved = visitors
            .iter()
            .filter(|visitor| visitor.prove("greedy"))
            .count();
        assert_eq!(proved, 6);
        assert!(lobby.enter(ip(1)).await.prove("modest"));
    }
}
