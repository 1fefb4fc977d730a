//! Time-stamps: what is asked of an authority, and whether what it answers proves when something was there.
//!
//! A token is taken only if all of it holds: what was asked for, the signature of one signer, the certificate that the
//! signer bound to it, that certificate's one purpose, and its chain to a trusted authority at the stamped time.
//!
//! Standard: RFC 3161 §2.4.

use crate::asn1::{
    BOOLEAN, INTEGER, NULL, OCTET_STRING, SEQUENCE, write, write_integer, write_oid,
};
use crate::cms::{Bearing, SHA_256, SignedData};
use crate::profile::Profile;
use crate::trust::Trust;

mod binding;
mod error;
mod info;
mod response;

pub use error::StampError;
pub use response::{Failure, token};

use info::Info;

/// The name of a stamping policy.
pub use der::asn1::ObjectIdentifier as Policy;

/// What an authority is asked to stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// SHA-256 of what is stamped.
    pub imprint: [u8; 32],
    /// A random number, never used before, that ties the answer to the question.
    pub nonce: u64,
    /// Under which policy, if not under the authority's own choice.
    pub policy: Option<Policy>,
}

/// What a token must be to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// SHA-256 of what is stamped.
    pub imprint: [u8; 32],
    /// The number of the question; `None` for a token that was kept, whose question is forgotten.
    pub nonce: Option<u64>,
    /// The policy, if one was demanded.
    pub policy: Option<Policy>,
    /// The own clock while the authority was asked; `None` for a token that was kept.
    pub clock: Option<ClockReading>,
    /// The coarsest accuracy that is taken, milliseconds.
    pub accuracy_ms: u64,
}

/// The own clock around a question, Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// When the question was sent.
    pub sent_ms: u64,
    /// When the answer had arrived.
    pub received_ms: u64,
    /// How far the stamped time may be from that.
    pub most_off_ms: u64,
}

/// What a token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When the authority stamped, Unix milliseconds.
    pub time_ms: u64,
    /// How accurate the authority says its time is, milliseconds; `None` if it does not say.
    pub accuracy_ms: Option<u64>,
    /// Under which policy.
    pub policy: Policy,
    /// By how many milliseconds the stamped time is ahead of the own clock (below zero: behind); `None` if it was not
    /// compared.
    pub ahead_ms: Option<i64>,
}

// === impl Question ===

impl Question {
    /// Writes the question; the authority is asked for its certificate too.
    ///
    /// Standard: RFC 3161 §2.4.1.
    pub fn to_der(&self) -> Vec<u8> {
        let algorithm = write(SEQUENCE, &[&write_oid(SHA_256), &write(NULL, &[])]);
        let imprint = write(
            SEQUENCE,
            &[&algorithm, &write(OCTET_STRING, &[&self.imprint])],
        );
        let policy = self.policy.map_or_else(Vec::new, write_oid);
        let parts: [&[u8]; 5] = [
            &write(INTEGER, &[&[VERSION]]),
            &imprint,
            &policy,
            &write_integer(self.nonce),
            &write(BOOLEAN, &[&[TRUE]]),
        ];
        write(SEQUENCE, &parts)
    }
}

// === impl ClockReading ===

impl ClockReading {
    /// By how much a time is ahead of the clock; nothing while it lies between question and answer.
    fn ahead_ms(&self, time_ms: u64) -> i64 {
        let (ahead, behind) = (
            time_ms.saturating_sub(self.received_ms),
            self.sent_ms.saturating_sub(time_ms),
        );
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        if ahead > 0 {
            signed(ahead)
        } else {
            signed(behind).saturating_neg()
        }
    }
}

// === impl Stamp ===

impl Stamp {
    /// The last moment at which it can have been made, Unix milliseconds: as accurate as the authority says that its time is.
    pub fn latest_ms(&self) -> u64 {
        self.time_ms
            .saturating_add(self.accuracy_ms.unwrap_or_default())
    }

    /// Checks an authority's answer whole.
    ///
    /// # Errors
    ///
    /// [`StampError`] names the first thing that does not hold. [`StampError::TimeFar`] is said last: everything else of
    /// the token holds then.
    ///
    /// Standard: RFC 3161 §2.2, §2.4.2.
    pub fn check(trust: &Trust, response: &[u8], expected: &Expected) -> Result<Self, StampError> {
        Self::check_token(trust, token(response)?, expected)
    }

    /// As [`Stamp::check`], of the token alone.
    ///
    /// # Errors
    ///
    /// As [`Stamp::check`].
    pub fn check_token(
        trust: &Trust,
        token: &[u8],
        expected: &Expected,
    ) -> Result<Self, StampError> {
        let signed = SignedData::read(token)?;
        let content = signed.content.ok_or(StampError::NoContent)?;
        if signed.content_type != info::TST_INFO {
            return Err(StampError::ContentType(signed.content_type));
        }
        let info = Info::read(content)?;
        info.fits(expected)?;
        let certificate = signed.verify(content)?;
        binding::check(&signed, certificate)?;
        let issuers: Vec<Vec<u8>> = signed
            .certificates
            .iter()
            .filter(|other| **other != certificate)
            .map(|other| other.to_vec())
            .collect();
        trust.check(
            certificate,
            &issuers,
            Profile::TimeStamping,
            info.time_ms / 1000,
        )?;
        let subject = Bearing::of(certificate).map(|bearing| bearing.subject);
        if info.authority.is_some() && info.authority != subject {
            return Err(StampError::Authority);
        }
        let ahead_ms = expected.clock.map(|clock| clock.ahead_ms(info.time_ms));
        if let (Some(clock), Some(ahead_ms)) = (expected.clock, ahead_ms)
            && ahead_ms.unsigned_abs() > clock.most_off_ms
        {
            return Err(StampError::TimeFar { ahead_ms });
        }
        Ok(Self {
            time_ms: info.time_ms,
            accuracy_ms: info.accuracy_ms,
            policy: info.policy,
            ahead_ms,
        })
    }
}

const VERSION: u8 = 1;
const TRUE: u8 = 0xff;

#[cfg(test)]
mod tests;
