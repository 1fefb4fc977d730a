//! What the authority says, as far as it is read, and what of it can be used.
//!
//! Standard: RFC 8555 §7.1.

use http::Uri;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Where things are done.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Places {
    /// Where a nonce is given.
    pub new_nonce: String,
    /// Where an account is made or found.
    pub new_account: String,
    /// Where a certificate is ordered.
    pub new_order: String,
    /// Below which the authority says when a certificate is to be renewed, if it does.
    pub renewal_info: Option<String>,
    /// What is said of the authority.
    #[serde(default)]
    pub meta: Meta,
}

/// What is said of the authority.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Whether an account must be bound to a customer.
    #[serde(default)]
    pub external_account_required: bool,
}

/// How far something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Something is to be proved yet.
    Pending,
    /// All is proved.
    Ready,
    /// The authority works on it.
    Processing,
    /// It is done.
    Valid,
    /// It has failed.
    Invalid,
    /// Any other word.
    #[serde(other)]
    Other,
}

/// An account.
#[derive(Debug, Deserialize)]
pub struct AccountSaid {
    /// Some servers leave it out of an account that was there before.
    pub status: Option<Status>,
}

/// An order.
#[derive(Debug, Deserialize)]
pub struct OrderSaid {
    /// How far it is.
    pub status: Status,
    /// Where each name is proved.
    #[serde(default)]
    pub authorizations: Vec<String>,
    /// Where the request is handed in.
    pub finalize: String,
    /// Where the certificate is, once it is issued.
    pub certificate: Option<String>,
    /// Why it has failed.
    pub error: Option<Problem>,
}

/// What has to be proved for a name.
#[derive(Debug, Deserialize)]
pub struct Authorization {
    /// How far it is.
    pub status: Status,
    /// The ways to prove it; one is enough.
    #[serde(default)]
    pub challenges: Vec<Challenge>,
}

/// A way to prove it.
#[derive(Debug, Deserialize)]
pub struct Challenge {
    /// Which way.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where the authority is told that it may look.
    pub url: String,
    /// Under which name it looks.
    #[serde(default)]
    pub token: String,
    /// Why it has failed.
    pub error: Option<Problem>,
}

/// When a certificate should be renewed. Standard: RFC 9773 §4.2.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenewalInfo {
    /// Within which span.
    pub suggested_window: Window,
}

/// A span of time, as written.
#[derive(Debug, Deserialize)]
pub struct Window {
    /// Its first moment, RFC 3339.
    pub start: String,
    /// Its end, RFC 3339.
    pub end: String,
}

/// Why something was refused. Standard: RFC 9457 §3.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// Its type, a URN.
    #[serde(rename = "type")]
    pub kind: String,
    /// In words.
    pub detail: String,
}

/// How much of somebody else's words goes into a message.
const DETAIL_CHARACTERS: usize = 300;
/// How long a token is. A short one could be guessed. Standard: RFC 8555 §8.3.
const TOKEN_CHARACTERS: std::ops::RangeInclusive<usize> = 22..=256;

/// An address that the server gave: it leads to the same server, or nowhere.
pub fn at_origin(origin: &Uri, url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let is_same = uri.scheme() == origin.scheme() && uri.authority() == origin.authority();
    is_same.then_some(uri)
}

// === impl Authorization ===

impl Authorization {
    /// The challenge that this node can meet. Its token goes into a path: it has no character that means anything there.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub fn http_01(&self) -> Result<&Challenge, &'static str> {
        let challenge = self.challenges.iter().find(|one| one.kind == "http-01");
        let challenge = challenge.ok_or("it offers no http-01")?;
        let clean = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let token = &challenge.token;
        if !TOKEN_CHARACTERS.contains(&token.len()) || !token.bytes().all(clean) {
            return Err("its token is none");
        }
        Ok(challenge)
    }
}

// === impl RenewalInfo ===

impl RenewalInfo {
    /// From when until when, Unix seconds; `None` if that is no span.
    pub fn window_s(&self) -> Option<(u64, u64)> {
        let seconds = |text: &str| {
            let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
            u64::try_from(moment.unix_timestamp()).ok()
        };
        let Window { start, end } = &self.suggested_window;
        let window = seconds(start).zip(seconds(end));
        window.filter(|(start, end)| start < end)
    }
}

// === impl Problem ===

impl Problem {
    /// The last part of its type, as `badNonce`.
    pub fn short(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }

    /// Type and first words, without anything that a terminal would act upon or a reader not see.
    pub fn words(&self) -> String {
        let all = format!("{}: {}", self.short(), self.detail);
        crate::plain_words(&all, DETAIL_CHARACTERS)
    }
}
