//! When a certificate is renewed: by its own life, by the authority's word, and after failures.
//!
//! Standard: RFC 9773 §4.2.

use std::time::Duration;

use bridge_certs::Checked;
use ring::digest::{SHA256, digest};

/// The authority's word on when is asked for this often.
const ASK_EVERY_S: u64 = 6 * 3600;
/// If it did not answer, this often.
const ASK_AGAIN_S: u64 = 600;
/// After a failure: this long, doubled with each, up to the second.
const BACK_OFF_S: [u64; 2] = [60, 6 * 3600];
/// When a certificate is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Not before this second, Unix.
    pub from_s: u64,
}

/// What the authority said of when a certificate is to be renewed.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// SHA-256 of the certificate.
    of: [u8; 32],
    /// From when until when, if it has a word on it.
    said: Option<(u64, u64)>,
    /// When it is asked for again.
    again_s: u64,
}

/// The next certificate, by its SHA-256, and whether its key is there.
pub(super) type Waiting = Option<([u8; 32], bool)>;

/// What is known of one use's renewal.
#[derive(Debug, Default)]
pub(super) struct Course {
    window: Option<Window>,
    pub(super) failures: u32,
    pub(super) not_before_s: u64,
    /// What was looked at last.
    pub(super) next: Waiting,
}

// === impl Plan ===

impl Plan {
    /// By the certificate's own life: when between a third and a fifth of it is left. Where between, its digest says: nodes that
    /// were enrolled together do not renew together, and a restart changes nothing.
    pub fn of(certificate: &Checked) -> Self {
        let life_s = certificate.not_after.saturating_sub(certificate.not_before);
        let (third, fifth) = (life_s / 3, life_s / 5);
        let left_s = fifth + spread(certificate.sha256, third.saturating_sub(fifth));
        Self {
            from_s: certificate.not_after.saturating_sub(left_s),
        }
    }

    /// Within the authority's window; never after what the certificate's own life demands.
    #[must_use]
    pub fn within(self, certificate: &Checked, (start_s, end_s): (u64, u64)) -> Self {
        let within = start_s + spread(certificate.sha256, end_s.saturating_sub(start_s));
        let fifth_left = certificate.not_after
            - certificate.not_after.saturating_sub(certificate.not_before) / 5;
        Self {
            from_s: within.min(fifth_left),
        }
    }
}

/// A number below a bound that is the certificate's own.
fn spread(sha256: [u8; 32], bound: u64) -> u64 {
    let text = [b"bridge-renewal-v1\n".as_slice(), &sha256].concat();
    let digest = digest(&SHA256, &text);
    let first = digest.as_ref().iter().take(8);
    let number = first.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    number.checked_rem(bound).unwrap_or(0)
}

// === impl Course ===

impl Course {
    /// Nothing is tried before this second.
    pub(super) fn resting(until_s: u64) -> Self {
        Self {
            not_before_s: until_s,
            ..Self::default()
        }
    }

    /// Another failure: how long nothing is tried.
    pub(super) fn failed(&mut self, now_s: u64, asked: Option<Duration>, sha256: [u8; 32]) {
        let [first, most] = BACK_OFF_S;
        let doubled = first.saturating_mul(1_u64.checked_shl(self.failures).unwrap_or(u64::MAX));
        let pause = doubled.min(most);
        // Up to a half more, so that nodes that failed together do not come back together.
        let pause = pause + spread(sha256, pause / 2);
        let asked = asked.map_or(0, |asked| asked.as_secs());
        self.failures = self.failures.saturating_add(1);
        self.not_before_s = now_s.saturating_add(pause.max(asked));
    }

    /// What the authority said of a certificate, if it was asked.
    fn window(&self, current: &Checked) -> Option<Window> {
        self.window.filter(|known| known.of == current.sha256)
    }

    /// When the authority is asked for its word on a certificate.
    pub(super) fn asks_at(&self, current: &Checked) -> u64 {
        self.window(current).map_or(0, |known| known.again_s)
    }

    /// Keeps what the authority answered; without an answer what is known goes on to count.
    pub(super) fn answered<E>(
        &mut self,
        current: &Checked,
        now_s: u64,
        answer: &Result<Option<(u64, u64)>, E>,
    ) {
        let known = self.window(current).and_then(|known| known.said);
        let (said, pause_s) = match answer {
            Ok(said) => (*said, ASK_EVERY_S),
            Err(_) => (known, ASK_AGAIN_S),
        };
        self.window = Some(Window {
            of: current.sha256,
            said,
            again_s: now_s.saturating_add(pause_s),
        });
    }

    /// When a certificate is renewed by all that is known.
    pub(super) fn plan(&self, current: &Checked) -> Plan {
        let plan = Plan::of(current);
        match self.window(current).and_then(|known| known.said) {
            Some(window) => plan.within(current, window),
            None => plan,
        }
    }
}
