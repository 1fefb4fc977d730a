//! The name in a certificate.

use std::fmt;
use std::str::FromStr;

use super::{IdentityError, MemberId, NodeId};

/// How every certificate name begins.
pub(super) const SCHEME: &str = "bridge://";

/// Names whom a certificate speaks for: its only URI subject alternative name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificateName {
    /// A node: TLS and exchange certificates, `bridge://AZ/GOV/1001/NODE1`.
    Node(NodeId),
    /// A member: seal certificates, `bridge://AZ/GOV/1001`.
    Member(MemberId),
}

impl CertificateName {
    /// Returns the member named, or the member whose node is named.
    pub fn member(&self) -> &MemberId {
        match self {
            Self::Node(node) => node.member(),
            Self::Member(member) => member,
        }
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => write!(f, "{SCHEME}{node}"),
            Self::Member(member) => write!(f, "{SCHEME}{member}"),
        }
    }
}

impl FromStr for CertificateName {
    type Err = IdentityError;

    /// Reads the name of a certificate. Certificates are made by programs, so only the canonical
    /// spelling is accepted: a name that could be written in two ways could be pinned in one of them.
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let parts = text.strip_prefix(SCHEME).ok_or(IdentityError::Scheme)?;
        let name = match parts.split('/').take(5).count() {
            3 => Self::Member(parts.parse()?),
            _ => Self::Node(parts.parse()?),
        };
        if name.to_string() == text {
            Ok(name)
        } else {
            Err(IdentityError::NotCanonical)
        }
    }
}
