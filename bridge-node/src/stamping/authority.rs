//! One authority: asked, its answer checked, its faults told once.

use std::sync::{Mutex, PoisonError};

use bridge_certs::stamp::{ClockReading, Expected, Policy, Question};
use bridge_certs::{Stamp, StampError, Trust};
use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::{AskError, OpenError, Patience};
use crate::clock::Clock;
use crate::settings::{Time, TimeAuthority};
use crate::way::{self, Way};

/// A time-stamping authority.
#[derive(Debug)]
pub(super) struct Authority {
    way: Way,
    policy: Option<Policy>,
    /// What was wrong when it was asked last.
    fault: Mutex<Option<String>>,
}

/// Why an authority has not stamped.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unstamped {
    /// No answer that could be looked at.
    #[error("it does not answer")]
    Unanswered(#[from] AskError),
    /// An answer that is not taken.
    #[error("its answer is not taken")]
    NotTaken(#[from] StampError),
    /// No random number to ask with.
    #[error("no random number")]
    NoRandom,
}

// === impl Authority ===

impl Authority {
    pub(super) fn open(told: &TimeAuthority) -> Result<Self, OpenError> {
        Ok(Self {
            way: Way::open(&told.url, told.anchors.as_deref()).map_err(OpenError)?,
            policy: told.policy,
            fault: Mutex::default(),
        })
    }

    /// Has an imprint stamped; returns the answer and what it proves.
    pub(super) async fn stamp(
        &self,
        imprint: [u8; 32],
        (told, trust): (&Time, &Trust),
        clock: &Clock,
        patience: Patience,
    ) -> Result<(Bytes, Stamp), Unstamped> {
        let question = Question {
            imprint,
            nonce: nonce().ok_or(Unstamped::NoRandom)?,
            policy: self.policy,
        };
        let sent_ms = clock.wall_ms();
        let asked = way::Question {
            content: Some((QUERY, question.to_der())),
            answer_type: Some(REPLY),
        };
        let answer = self.way.ask(asked, patience).await?;
        let reading = ClockReading {
            sent_ms,
            received_ms: clock.wall_ms(),
            most_off_ms: millis(told.clock_refuse),
        };
        let expected = Expected {
            imprint,
            nonce: Some(question.nonce),
            policy: self.policy,
            clock: Some(reading),
            accuracy_ms: millis(told.accuracy),
        };
        let stamp = Stamp::check(trust, &answer, &expected)?;
        Ok((answer, stamp))
    }

    /// Notes how it went; tells the log when that is another thing than the last time.
    pub(super) fn note(&self, fault: Option<String>) {
        let mut noted = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if *noted == fault {
            return;
        }
        let authority = &self.way;
        match &fault {
            Some(error) => {
                tracing::warn!(code = "time_authority_fails", %authority, %error, "a time-stamping authority does not stamp");
            }
            None => {
                tracing::info!(code = "time_authority_works", %authority, "a time-stamping authority stamps again");
            }
        }
        *noted = fault;
    }

    /// Its name and what is wrong with it.
    pub(super) fn told(&self) -> String {
        let noted = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match &*noted {
            Some(fault) => format!("{}: {fault}", self.way),
            None => self.way.to_string(),
        }
    }
}

pub(super) fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A number that nobody can foresee, so that no answer was made before the question.
fn nonce() -> Option<u64> {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).ok()?;
    // Some authorities take a number with the first bit set for a negative one.
    Some(u64::from_be_bytes(bytes) >> 1)
}

/// Standard: RFC 3161 §3.4.
const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";
