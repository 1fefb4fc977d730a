//! Certificates from an authority that speaks ACME: account, order, http-01, issuance.
//!
//! The authority's web server is judged by its certificate, and nothing that it says is believed beyond that: answers are
//! bounded in bytes, time and number, each of its addresses must be https at the server that the settings name, and the
//! certificate that it gives goes the way of one that is brought by hand ([`crate::own::import`]).
//!
//! Standard: RFC 8555 §7. Standard: RFC 9773 §4.

use std::time::Duration;

use crate::way::AskError;

mod account;
mod challenge;
mod course;
pub mod messages;
mod order;
mod renewal;
mod session;

pub use account::Account;
pub use challenge::Responder;
pub use course::Plan;
pub use order::{Ordered, obtain};
pub use renewal::keep;
pub use session::Session;

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// The server cannot be reached, or answers without end.
    #[error("{what} at {server}")]
    Ask {
        /// What was asked for.
        what: &'static str,
        /// Where, without its path.
        server: String,
        /// Why there is no answer.
        #[source]
        source: AskError,
    },
    /// The server refuses, in its own words.
    #[error("the authority refuses {what}: {problem}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// Type and first words of its problem document.
        problem: String,
        /// After which time it may be asked again.
        retry_after: Option<Duration>,
    },
    /// What the server says is not what the protocol demands.
    #[error("the authority's answer to {what} cannot be used: {why}")]
    Malformed {
        /// What was asked for.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The name was not validated.
    #[error("the authority did not validate {name} over http: {problem}")]
    NotValidated {
        /// The name.
        name: String,
        /// What it says.
        problem: String,
    },
    /// It takes longer than is waited.
    #[error("nothing was issued within limits.acme_order_seconds")]
    TooSlow,
    /// The listener for validations.
    #[error("acme.listen: {address} cannot be listened on")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The account's key, or the secret that binds it.
    #[error("{0}")]
    Key(String),
}

// === impl AcmeError ===

impl AcmeError {
    /// After which time the authority wants to be asked again, at the earliest.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Ask { .. }
            | Self::Malformed { .. }
            | Self::NotValidated { .. }
            | Self::TooSlow
            | Self::Listen { .. }
            | Self::Key(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
