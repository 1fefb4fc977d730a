//! One document in the history of an entry: who says what, when, and after which document.

use bridge_core::identity::{MemberId, ServiceId};
use bridge_core::jcs;
use serde::{Deserialize, Serialize};

use super::EntryFault;
use super::filing::{Filing, TEXT_LIMIT, check_attributes, check_text};
use crate::directory::base64url;
use crate::metadata::sha256;
use crate::moment::Moment;

/// What the sealed bytes say they are: no seal over anything else can pass for one over a document.
pub const DOCUMENT_TYPE: &str = "bridge-catalogue-document-v1";

/// What is said of an entry, by whom. Its canonical bytes are what the seal is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    #[serde(rename = "type")]
    form: String,
    /// The entry that it is about.
    pub entry: ServiceId,
    /// Its place in the entry's history, from 1.
    pub number: u32,
    /// The base64url SHA-256 of the document before; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The member that speaks.
    pub by: MemberId,
    /// When, by the speaker's clock.
    pub time: Moment,
    /// What it says.
    pub says: Says,
}

/// What a document says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Says {
    /// The owner files the entry, or a new version of it.
    Filed(Box<Filing>),
    /// The ministry's opinion of what is filed.
    Opinion {
        /// For it, or against.
        supports: bool,
        /// In words.
        words: String,
    },
    /// The ministry approves what is filed.
    Approved {},
    /// The ministry refuses what is filed.
    Refused {
        /// Why.
        reason: String,
    },
    /// The ministry has assessed what is approved.
    Assessed {
        /// What it found.
        words: String,
    },
    /// The ministry gives an attribute another source.
    Transferred {
        /// The attributes.
        attributes: Vec<String>,
        /// The service that becomes their source.
        to: ServiceId,
        /// Why.
        reason: String,
    },
    /// Owner or ministry ends it.
    Retired {
        /// Why.
        reason: String,
    },
}

impl Document {
    pub(super) fn new(
        (entry, number): (ServiceId, u32),
        before: Option<String>,
        (by, time): (MemberId, Moment),
        says: Says,
    ) -> Self {
        Self {
            form: DOCUMENT_TYPE.to_owned(),
            entry,
            number,
            before,
            by,
            time,
            says,
        }
    }

    /// Writes the canonical bytes.
    ///
    /// Standard: RFC 8785 §3.
    pub fn write(&self) -> Vec<u8> {
        // Texts, booleans and one 32-bit number: all of it has a canonical form.
        let value = serde_json::to_value(self).unwrap_or_default();
        jcs::canonical(&value).unwrap_or_default()
    }

    /// Returns the base64url SHA-256 of the canonical bytes: what the next document names.
    pub fn digest(&self) -> String {
        base64url(&sha256(&self.write()))
    }

    pub(super) fn check(&self) -> Result<(), EntryFault> {
        if self.form != DOCUMENT_TYPE {
            let what = format!("is not {DOCUMENT_TYPE}");
            return Err(EntryFault::Value {
                field: "type",
                what,
            });
        }
        match &self.says {
            Says::Filed(filing) => filing.check(),
            Says::Opinion { words, .. } | Says::Assessed { words } => {
                check_text("words", words, TEXT_LIMIT)
            }
            Says::Approved {} => Ok(()),
            Says::Refused { reason } | Says::Retired { reason } => {
                check_text("reason", reason, TEXT_LIMIT)
            }
            Says::Transferred {
                attributes,
                to: _,
                reason,
            } => {
                check_attributes("attributes", attributes)?;
                check_text("reason", reason, TEXT_LIMIT)
            }
        }
    }
}

impl Says {
    /// Returns what is filed, if that is what it says.
    pub fn filing(&self) -> Option<&Filing> {
        if let Self::Filed(filing) = self {
            Some(filing)
        } else {
            None
        }
    }

    /// The word in the document.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Filed(_) => "filed",
            Self::Opinion { .. } => "opinion",
            Self::Approved {} => "approved",
            Self::Refused { .. } => "refused",
            Self::Assessed { .. } => "assessed",
            Self::Transferred { .. } => "transferred",
            Self::Retired { .. } => "retired",
        }
    }

    /// Tells who may say it of an entry of this owner: the owner, the ministry, or either.
    pub(crate) fn may_be_by(
        &self,
        by: &MemberId,
        owner: &MemberId,
        ministry: Option<&MemberId>,
    ) -> bool {
        let (is_owner, is_ministry) = (by == owner, Some(by) == ministry);
        match self {
            Self::Filed(_) => is_owner,
            Self::Retired { .. } => is_owner || is_ministry,
            Self::Opinion { .. }
            | Self::Approved {}
            | Self::Refused { .. }
            | Self::Assessed { .. }
            | Self::Transferred { .. } => is_ministry,
        }
    }
}
