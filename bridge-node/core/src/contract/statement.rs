//! What a member says of one version of a contract, and signs with its seal.

use std::fmt;

use ring::digest::{SHA256, digest};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::identity::{MemberId, is_hidden};
use crate::json::{Json, write_string};

/// What the signed bytes say they are: no seal over anything else can pass for one over a statement.
pub const STATEMENT_TYPE: &str = "bridge-contract-statement-v1";

/// The longest reason, in characters.
pub const REASON_LIMIT: usize = 500;

/// The longest `{id}@{digest}`: 64 characters, `@`, and 43 of a digest.
pub const REFERENCE_LIMIT: usize = 108;

/// The longest seal, in bytes: eight certificates of a chain and what is signed take less.
pub const SEAL_LIMIT_BYTES: usize = 16 * 1024;

/// What is said of a longer one.
pub(in crate::contract) const SEAL_TOO_LONG: StatementFault = StatementFault::TooLong {
    field: "seal",
    limit: SEAL_LIMIT_BYTES,
};

const FIELDS: [&str; 6] = ["action", "contract", "member", "reason", "time", "type"];

/// What a member does with a version of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// It proposes it, and consents.
    Proposed,
    /// It consents to what the other proposed.
    Accepted,
    /// It does not, for good.
    Refused,
    /// It no longer does, for good.
    Withdrawn,
}

/// One statement. Its canonical bytes are what the seal is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What is done.
    pub action: Action,
    /// `{id}@{digest}`: this version and no other.
    pub contract: String,
    /// Who does it.
    pub member: MemberId,
    /// When, by the signer's clock, Unix seconds.
    pub time_s: u64,
    /// Why: people's words to people.
    pub reason: Option<String>,
}

/// Why a statement does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementFault {
    /// It has not the form of a statement.
    #[error("`{0}` is missing, unknown or malformed")]
    Form(&'static str),
    /// A part of it is longer than such parts may be.
    #[error("`{field}` is longer than {limit}")]
    TooLong {
        /// Which.
        field: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// It is about another contract, or another version.
    #[error("the statement is about {0}")]
    OtherContract(String),
    /// Only the two ends of a contract have a word in it.
    #[error("{0} is not a party of the contract")]
    NotParty(MemberId),
    /// Nobody but its provider offers a contract to a group.
    #[error("{0} proposes what only the provider may offer to a group")]
    NotOffered(MemberId),
    /// Nobody says the same thing twice.
    #[error("{0} has {1} it already")]
    Repeated(MemberId, Action),
    /// What nobody else proposed can be neither accepted nor refused.
    #[error("no other member has proposed it")]
    NotProposed,
    /// The seal does not hold.
    #[error("the seal does not hold: {0}")]
    Seal(String),
    /// One member speaks, another one's seal is under it.
    #[error("{named} is said to speak, and {sealed} has sealed it")]
    OtherMember {
        /// Who is said to speak.
        named: MemberId,
        /// Whose seal it is.
        sealed: MemberId,
    },
    /// The seal was made at another time than the statement says.
    #[error("the statement and its seal name different times")]
    OtherTime,
    /// It was made in the future.
    #[error("it is of a later time than now")]
    Future,
}

// === impl Action ===

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [
        Self::Proposed,
        Self::Accepted,
        Self::Refused,
        Self::Withdrawn,
    ];

    /// The word in the statement.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether it consents to the contract.
    pub fn consents(self) -> bool {
        matches!(self, Self::Proposed | Self::Accepted)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Statement ===

impl Statement {
    /// Writes the canonical bytes: the members in their order, no spaces.
    ///
    /// Standard: RFC 8785 §3.
    pub fn write(&self) -> Vec<u8> {
        let member = self.member.to_string();
        let time = time_text(self.time_s);
        let reason = self.reason.as_deref();
        let fields = [
            ("action", Some(self.action.as_str())),
            ("contract", Some(&*self.contract)),
            ("member", Some(&*member)),
            ("reason", reason),
            ("time", Some(&*time)),
            ("type", Some(STATEMENT_TYPE)),
        ];
        let mut out = Vec::new();
        for (name, text) in fields {
            let Some(text) = text else { continue };
            out.push(if out.is_empty() { b'{' } else { b',' });
            write_string(name, &mut out);
            out.push(b':');
            write_string(text, &mut out);
        }
        out.push(b'}');
        out
    }

    /// The SHA-256 of the canonical bytes.
    pub fn digest(&self) -> [u8; 32] {
        let digest = digest(&SHA256, &self.write());
        digest.as_ref().try_into().unwrap_or_default()
    }

    /// Reads a statement, its fields in any order.
    ///
    /// # Errors
    ///
    /// [`StatementFault::Form`] names the field.
    pub fn read(value: &Json<'_>) -> Result<Self, StatementFault> {
        let Json::Object(members) = value else {
            return Err(StatementFault::Form("statement"));
        };
        if members
            .iter()
            .any(|(name, _)| !FIELDS.contains(&name.as_ref()))
        {
            return Err(StatementFault::Form("statement"));
        }
        let text = |name: &'static str| {
            let text = value.member(name).and_then(Json::as_str);
            text.ok_or(StatementFault::Form(name))
        };
        if text("type")? != STATEMENT_TYPE {
            return Err(StatementFault::Form("type"));
        }
        let contract = text("contract")?;
        if contract.len() > REFERENCE_LIMIT {
            return Err(StatementFault::TooLong {
                field: "contract",
                limit: REFERENCE_LIMIT,
            });
        }
        let word = text("action")?;
        let action = Action::ALL
            .into_iter()
            .find(|action| action.as_str() == word);
        let member = text("member")?;
        let read: Option<MemberId> = member.parse().ok();
        let reason = value.member("reason").map(|_given| text("reason"));
        Ok(Self {
            action: action.ok_or(StatementFault::Form("action"))?,
            contract: contract.to_owned(),
            // One spelling: the canonical bytes are written from it again.
            member: read
                .filter(|read| read.to_string() == member)
                .ok_or(StatementFault::Form("member"))?,
            time_s: seconds(text("time")?).ok_or(StatementFault::Form("time"))?,
            reason: reason.transpose()?.map(reason_of).transpose()?,
        })
    }
}

fn reason_of(text: &str) -> Result<String, StatementFault> {
    let is_good = !text.trim().is_empty()
        && text.chars().count() <= REASON_LIMIT
        && !text.chars().any(|c| c.is_control() || is_hidden(c));
    is_good
        .then(|| text.to_owned())
        .ok_or(StatementFault::Form("reason"))
}

/// Whole seconds in UTC: the one form in which a statement's time is written.
fn time_text(time_s: u64) -> String {
    i64::try_from(time_s)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

fn seconds(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let time_s = u64::try_from(time.unix_timestamp()).ok()?;
    (time_text(time_s) == text).then_some(time_s)
}
