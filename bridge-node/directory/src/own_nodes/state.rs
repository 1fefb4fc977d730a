//! What became of a member's own nodes at a reader.

use bridge_core::identity::MemberId;

/// A member that has a role, and what counts of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnState {
    /// Whose.
    pub member: MemberId,
    /// The version that is announced; 0 if none is.
    pub version: u64,
    /// What counts.
    pub standing: OwnStanding,
}

/// Whose word on a member's nodes counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnStanding {
    /// The officers': the member has not used its role, or not since they gave it other keys.
    Unused,
    /// The member's.
    InForce {
        /// Not to be used from this second on.
        expires_s: u64,
    },
    /// The officers': they have changed the entry since the member signed.
    SetAside {
        /// When the member's file ends.
        expires_s: u64,
    },
    /// The member's of before: the newer one can't be had.
    Former {
        /// Not to be used from this second on.
        until_s: u64,
        /// Why the newer one can't.
        why: String,
    },
    /// Nobody's: the member has no nodes until its file can be used. The officers' entry may hold keys that the member took back.
    Nothing {
        /// Why not.
        why: String,
    },
}

impl OwnStanding {
    /// Returns the second from which it must be judged anew, if time alone changes it.
    pub const fn until_s(&self) -> Option<u64> {
        match self {
            Self::InForce { expires_s } => Some(*expires_s),
            Self::Former { until_s, .. } => Some(*until_s),
            Self::Unused | Self::SetAside { .. } | Self::Nothing { .. } => None,
        }
    }

    /// Returns why the announced file is not used, where it can't be.
    pub fn fault(&self) -> Option<&str> {
        match self {
            Self::Former { why, .. } | Self::Nothing { why } => Some(why),
            Self::Unused | Self::InForce { .. } | Self::SetAside { .. } => None,
        }
    }
}
