//! What the authority says, as far as it is read.
//!
//! Standard: RFC 8555 §7.1.

use serde::Deserialize;

/// Where things are done.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Places {
    pub(super) new_nonce: String,
    pub(super) new_account: String,
    pub(super) new_order: String,
    pub(super) renewal_info: Option<String>,
    #[serde(default)]
    pub(super) meta: Meta,
}

/// What is said of the authority.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) external_account_required: bool,
}

/// How far something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Pending,
    Ready,
    Processing,
    Valid,
    Invalid,
    #[serde(other)]
    Other,
}

/// An account.
#[derive(Debug, Deserialize)]
pub(super) struct AccountSaid {
    /// Some servers leave it out of an account that was there before.
    pub(super) status: Option<Status>,
}

/// An order.
#[derive(Debug, Deserialize)]
pub(super) struct OrderSaid {
    pub(super) status: Status,
    #[serde(default)]
    pub(super) authorizations: Vec<String>,
    pub(super) finalize: String,
    pub(super) certificate: Option<String>,
    pub(super) error: Option<Problem>,
}

/// What has to be proved for a name.
#[derive(Debug, Deserialize)]
pub(super) struct Authorization {
    pub(super) status: Status,
    #[serde(default)]
    pub(super) challenges: Vec<Challenge>,
}

/// A way to prove it.
#[derive(Debug, Deserialize)]
pub(super) struct Challenge {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) url: String,
    #[serde(default)]
    pub(super) token: String,
    pub(super) error: Option<Problem>,
}

/// When a certificate should be renewed. Standard: RFC 9773 §4.2.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RenewalInfo {
    pub(super) suggested_window: Window,
}

/// A span of time, as written.
#[derive(Debug, Deserialize)]
pub(super) struct Window {
    pub(super) start: String,
    pub(super) end: String,
}

/// Why something was refused. Standard: RFC 9457 §3.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) detail: String,
}

/// How much of somebody else's words goes into a message.
const DETAIL_CHARACTERS: usize = 300;

// === impl Problem ===

impl Problem {
    /// The last part of its type, as `badNonce`.
    pub(super) fn short(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }

    /// Type and first words, without anything that a terminal would act upon.
    pub(super) fn words(&self) -> String {
        let all = format!("{}: {}", self.short(), self.detail);
        let clean = all.chars().map(|c| if c.is_control() { ' ' } else { c });
        clean.take(DETAIL_CHARACTERS).collect()
    }
}
