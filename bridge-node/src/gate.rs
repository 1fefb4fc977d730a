//! Admission: how many exchanges run at a time in one direction, and fewer while this node cannot keep up.
//!
//! Offered more than it can do, a node that takes everything makes everybody wait until nobody is answered in time. So what does
//! not find a place is refused at once, before anything is read, signed or journaled. The places shrink while writes to the
//! journal wait too long on average: such a wait, measured by those who wait, holds the queue of the journal and that for the
//! processors, and none of the registry's own time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::settings::Limits;

/// The places of one direction.
#[derive(Debug)]
pub struct Gate {
    most: usize,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Places now.
    limit: usize,
    inside: usize,
    window: Window,
}

/// What was seen since the limit was last judged.
#[derive(Debug)]
struct Window {
    since: Instant,
    waits: u32,
    waited: Duration,
    fullest: usize,
}

/// A place in a [`Gate`]; dropping gives it back.
#[derive(Debug)]
pub struct Place(Arc<Gate>);

/// The journal needs company: what waits together is made durable together.
const FEWEST: usize = 64;
/// What is judged at a time: long enough for an average, short enough to follow a load.
const WINDOW: Duration = Duration::from_millis(250);

// === impl Gate ===

impl Gate {
    /// A gate with `most` places, fewer while writes wait longer than `patience` on average.
    pub fn new(most: usize, patience: Duration) -> Self {
        let state = State {
            limit: most,
            inside: 0,
            window: Window::starting(0),
        };
        Self {
            most,
            patience,
            state: Mutex::new(state),
        }
    }

    /// A gate for each direction.
    pub fn both(limits: &Limits) -> [Arc<Self>; 2] {
        [(); 2].map(|()| Arc::new(Self::new(limits.exchanges, limits.journal_wait)))
    }

    /// Takes a place, if one is free.
    pub fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.state();
        if state.inside >= state.limit {
            return None;
        }
        state.inside += 1;
        state.window.fullest = state.window.fullest.max(state.inside);
        drop(state);
        Some(Place(Arc::clone(self)))
    }

    /// A write to the journal took so long for who waited for it.
    pub fn waited(&self, time: Duration) {
        let state = &mut *self.state();
        let window = &mut state.window;
        window.waits += 1;
        window.waited += time;
        if window.since.elapsed() < WINDOW {
            return;
        }
        let average = window.waited / window.waits;
        let limit = next_limit(state.limit, window.fullest, average, self.patience);
        state.limit = limit.clamp(FEWEST.min(self.most), self.most);
        state.window = Window::starting(state.inside);
    }

    /// Places taken, and places that there are now.
    pub fn usage(&self) -> (usize, usize) {
        let state = self.state();
        (state.inside, state.limit)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Down by a quarter when writes waited too long, up by as much when they did not and places were short.
fn next_limit(limit: usize, fullest: usize, average: Duration, patience: Duration) -> usize {
    if average > patience {
        let used = limit.min(fullest);
        return used - used / 4;
    }
    if fullest >= limit && average <= patience / 2 {
        return limit + limit / 4 + 1;
    }
    limit
}

// === impl Window ===

impl Window {
    fn starting(inside: usize) -> Self {
        Self {
            since: Instant::now(),
            waits: 0,
            waited: Duration::ZERO,
            fullest: inside,
        }
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        self.0.state().inside -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(50);

    fn fill(gate: &Arc<Gate>) -> Vec<Place> {
        std::iter::from_fn(|| gate.enter()).collect()
    }

    /// One window in which all places are taken and writes wait so long on average.
    async fn window(gate: &Arc<Gate>, wait: Duration) -> usize {
        let places = fill(gate);
        gate.waited(wait / 2);
        tokio::time::advance(WINDOW).await;
        gate.waited(wait * 3 / 2);
        drop(places);
        fill(gate).len()
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_free_again_when_it_is_dropped() {
        let gate = Arc::new(Gate::new(2, PATIENCE));
        let (one, _two) = (gate.enter().unwrap(), gate.enter().unwrap());
        assert!(gate.enter().is_none());
        drop(one);
        assert!(gate.enter().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn places_shrink_while_writes_wait_too_long_and_come_back() {
        let gate = Arc::new(Gate::new(1024, PATIENCE));
        let slow = PATIENCE * 2;
        assert_eq!(window(&gate, slow).await, 768);
        let mut shrunk = 0;
        for _ in 0..20 {
            shrunk = window(&gate, slow).await;
        }
        assert_eq!(shrunk, FEWEST, "never below what one batch needs");
        assert_eq!(window(&gate, PATIENCE * 3 / 4).await, FEWEST, "good enough");
        let mut grown = 0;
        for _ in 0..20 {
            grown = window(&gate, PATIENCE / 4).await;
        }
        assert_eq!(grown, 1024);
    }

    #[tokio::test(start_paused = true)]
    async fn a_registry_that_takes_long_takes_no_places_away() {
        let gate = Arc::new(Gate::new(100, PATIENCE));
        let held = fill(&gate);
        tokio::time::advance(Duration::from_mins(1)).await;
        gate.waited(Duration::from_millis(2));
        drop(held);
        assert_eq!(fill(&gate).len(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn one_slow_write_among_others_says_nothing() {
        let gate = Arc::new(Gate::new(100, PATIENCE));
        let held = fill(&gate);
        for _ in 0..1000 {
            gate.waited(Duration::from_millis(2));
        }
        tokio::time::advance(WINDOW).await;
        gate.waited(Duration::from_secs(9));
        assert!(gate.enter().is_none());
        drop(held);
        assert_eq!(fill(&gate).len(), 100);
    }
}
