//! An order as an officer writes and signs it.

use std::fmt;
use std::str::FromStr;

use bridge_core::identity::{MemberId, ServiceId};
use bridge_core::leaf::UnixMillis;
use bridge_core::refusal::Notice;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// What can be stopped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A member neither asks nor is asked.
    Member(MemberId),
    /// A contract, by its id, allows nothing.
    Contract(String),
    /// A service is neither served nor called.
    Service(ServiceId),
}

/// What an order changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Stops a target, at once and until it is lifted.
    Stop(Target),
    /// Lifts a stop.
    Lift(Target),
    /// Announces maintenance.
    Announce(Window),
    /// Ends announced maintenance, or calls it off.
    End(Uuid),
}

/// A span of maintenance of this node, or of one of its services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The service; the whole node if there is none.
    pub service: Option<ServiceId>,
    /// Its first moment, with the offset that the officer wrote.
    pub from: OffsetDateTime,
    /// The first moment after it.
    pub until: OffsetDateTime,
    /// What callers are told.
    pub notice: Notice,
}

/// An officer's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Made by whoever gives it, never used twice.
    pub id: Uuid,
    /// What is ordered.
    pub change: Change,
    /// Why: evidence, never in a leaf.
    pub reason: Option<String>,
}

/// Why a text is no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderFault {
    /// Not the JSON of an order.
    #[error("not an order: {0}")]
    Form(String),
    /// The name of a target is none.
    #[error("`{0}` is not the name of a member, contract or service")]
    Target(String),
    /// Not a time.
    #[error("`{0}` is not a time: write RFC 3339 with an offset, as 2026-11-21T09:30:00+04:00")]
    Time(String),
    /// The window ends before it begins, or is over.
    #[error("maintenance ends after it begins, and not in the past")]
    Window,
    /// A text is too long or holds controls.
    #[error("a text may have at most {MOST_CHARACTERS} characters and no control among them")]
    Text,
}

/// The order as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    id: String,
    action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<ServiceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text_en: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text_az: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Every reason and notice is shorter.
pub(super) const MOST_CHARACTERS: usize = 500;
/// As long as the id of a contract may be.
const MOST_CONTRACT_ID_BYTES: usize = 64;

// === impl Target ===

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(id) => write!(f, "member {id}"),
            Self::Contract(id) => write!(f, "contract {id}"),
            Self::Service(id) => write!(f, "service {id}"),
        }
    }
}

impl FromStr for Target {
    type Err = OrderFault;

    fn from_str(text: &str) -> Result<Self, OrderFault> {
        let wrong = || OrderFault::Target(text.to_owned());
        match text.split_once(' ').ok_or_else(wrong)? {
            ("member", id) => id.parse().map(Self::Member).map_err(|_malformed| wrong()),
            ("service", id) => id.parse().map(Self::Service).map_err(|_malformed| wrong()),
            ("contract", id) if is_contract_id(id) => Ok(Self::Contract(id.to_owned())),
            _ => Err(wrong()),
        }
    }
}

fn is_contract_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MOST_CONTRACT_ID_BYTES).contains(&id.len()) && id.bytes().all(allowed)
}

// === impl Window ===

impl Window {
    /// Its first moment.
    pub fn from_ms(&self) -> UnixMillis {
        millis(self.from)
    }

    /// The first moment after it.
    pub fn until_ms(&self) -> UnixMillis {
        millis(self.until)
    }

    /// Whether it touches a service; only maintenance of the whole node touches what is none.
    pub fn concerns(&self, service: Option<&ServiceId>) -> bool {
        self.service.is_none() || self.service.as_ref() == service
    }
}

/// A moment in universal time and, where it was written with another offset, as it was written.
pub fn both_clocks(moment: OffsetDateTime) -> String {
    let utc = text(moment.to_offset(time::UtcOffset::UTC));
    if moment.offset().is_utc() {
        utc
    } else {
        format!("{utc} ({})", text(moment))
    }
}

pub(super) fn text(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_default()
}

/// Reads a time with its offset.
///
/// # Errors
///
/// [`OrderFault::Time`].
pub fn parse_moment(text: &str) -> Result<OffsetDateTime, OrderFault> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_not_a_time| OrderFault::Time(text.to_owned()))
}

fn millis(moment: OffsetDateTime) -> UnixMillis {
    UnixMillis(u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).unwrap_or(0))
}

// === impl Order ===

impl Order {
    /// Reads an order.
    ///
    /// # Errors
    ///
    /// [`OrderFault`].
    pub fn parse(bytes: &[u8]) -> Result<Self, OrderFault> {
        let form: Form =
            serde_json::from_slice(bytes).map_err(|error| OrderFault::Form(error.to_string()))?;
        let uuid = |text: &str| {
            Uuid::parse_str(text).map_err(|_no_uuid| OrderFault::Form(format!("{text}: no UUID")))
        };
        let target = || form.target.as_deref().unwrap_or_default();
        let change = match form.action.as_str() {
            STOP => Change::Stop(target().parse()?),
            LIFT => Change::Lift(target().parse()?),
            ANNOUNCE => Change::Announce(Window {
                service: form.service,
                from: parse_moment(form.from.as_deref().unwrap_or_default())?,
                until: parse_moment(form.until.as_deref().unwrap_or_default())?,
                notice: Notice {
                    en: form.text_en,
                    az: form.text_az,
                },
            }),
            END => Change::End(uuid(target())?),
            other => return Err(OrderFault::Form(format!("{other}: no such action"))),
        };
        Ok(Self {
            id: uuid(&form.id)?,
            change,
            reason: form.reason,
        })
    }

    /// Writes it for [`Order::parse`].
    pub fn to_json(&self) -> Vec<u8> {
        let mut form = Form {
            id: self.id.to_string(),
            action: self.change.action().to_owned(),
            target: None,
            service: None,
            from: None,
            until: None,
            text_en: String::new(),
            text_az: String::new(),
            reason: self.reason.clone(),
        };
        match &self.change {
            Change::Stop(target) | Change::Lift(target) => form.target = Some(target.to_string()),
            Change::Announce(window) => {
                form.service.clone_from(&window.service);
                form.from = Some(text(window.from));
                form.until = Some(text(window.until));
                form.text_en.clone_from(&window.notice.en);
                form.text_az.clone_from(&window.notice.az);
            }
            Change::End(id) => form.target = Some(id.to_string()),
        }
        serde_json::to_vec(&form).unwrap_or_default()
    }

    /// Whether it can be carried out at this time.
    ///
    /// # Errors
    ///
    /// [`OrderFault::Text`], [`OrderFault::Window`].
    pub fn check(&self, now: UnixMillis) -> Result<(), OrderFault> {
        let is_plain = |text: &str| {
            text.chars().count() <= MOST_CHARACTERS && !text.contains(char::is_control)
        };
        let mut texts = vec![self.reason.as_deref().unwrap_or_default()];
        if let Change::Announce(window) = &self.change {
            if window.until <= window.from || window.until_ms() <= now {
                return Err(OrderFault::Window);
            }
            texts.extend([window.notice.en.as_str(), &window.notice.az]);
        }
        if texts.into_iter().all(is_plain) {
            Ok(())
        } else {
            Err(OrderFault::Text)
        }
    }
}

// === impl Change ===

pub(super) const STOP: &str = "stop";
pub(super) const LIFT: &str = "lift-stop";
pub(super) const ANNOUNCE: &str = "announce-maintenance";
pub(super) const END: &str = "end-maintenance";

impl Change {
    /// Its name in orders and leaves.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Stop(_) => STOP,
            Self::Lift(_) => LIFT,
            Self::Announce(_) => ANNOUNCE,
            Self::End(_) => END,
        }
    }
}
