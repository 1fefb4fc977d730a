//! Who is who: members, subsystems, services and nodes.
//!
//! An identity is a list of parts. In text each part is percent-encoded on its own and the parts are
//! joined by `/`, so `%2F` inside a part is data. Many spellings may be read, one is written: only
//! unreserved characters (RFC 3986 §2.3) stay as they are. Two identities are equal when their
//! decoded parts are; letters are never folded or normalised.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

mod name;
mod part;

pub use name::CertificateName;
pub use part::{IdentityError, MAX_PART_BYTES, PartFault, PartRole, is_hidden};
pub(crate) use part::{check_part, decode_part, hex_value, unescape, write_part};

/// Names a member: an agency, `instance/class/code`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId {
    instance: String,
    class: String,
    code: String,
}

/// Names a subsystem of a member: `instance/class/member/code`. Rights are given to subsystems.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubsystemId {
    member: MemberId,
    code: String,
}

/// Names a service of a subsystem: `instance/class/member/subsystem/code`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId {
    subsystem: SubsystemId,
    code: String,
}

/// Names a node of a member: `instance/class/member/code`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId {
    member: MemberId,
    code: String,
}

impl MemberId {
    /// Makes a member's name from decoded parts.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Part`] if a part is empty, longer than [`MAX_PART_BYTES`], a dot segment, or
    /// holds a control or invisible character.
    pub fn new(
        instance: impl Into<String>,
        class: impl Into<String>,
        code: impl Into<String>,
    ) -> Result<Self, IdentityError> {
        Ok(Self {
            instance: check_part(instance.into(), PartRole::Instance)?,
            class: check_part(class.into(), PartRole::MemberClass)?,
            code: check_part(code.into(), PartRole::MemberCode)?,
        })
    }

    /// Returns the instance, decoded.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Returns the member class, decoded.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// Returns the member code, decoded.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the name as it stands in a seal certificate: `bridge://AZ/GOV/1001`.
    pub fn uri(&self) -> String {
        format!("{}{self}", name::SCHEME)
    }

    /// Names a subsystem of this member.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Part`] if `code` (decoded) is not a valid part.
    pub fn subsystem(&self, code: impl Into<String>) -> Result<SubsystemId, IdentityError> {
        let code = check_part(code.into(), PartRole::SubsystemCode)?;
        Ok(SubsystemId {
            member: self.clone(),
            code,
        })
    }

    /// Names a node of this member.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Part`] if `code` (decoded) is not a valid part.
    pub fn node(&self, code: impl Into<String>) -> Result<NodeId, IdentityError> {
        let code = check_part(code.into(), PartRole::NodeCode)?;
        Ok(NodeId {
            member: self.clone(),
            code,
        })
    }
}

impl SubsystemId {
    /// Returns the member the subsystem belongs to.
    pub fn member(&self) -> &MemberId {
        &self.member
    }

    /// Returns the subsystem code, decoded.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Names a service of this subsystem.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Part`] if `code` (decoded) is not a valid part.
    pub fn service(&self, code: impl Into<String>) -> Result<ServiceId, IdentityError> {
        let code = check_part(code.into(), PartRole::ServiceCode)?;
        Ok(ServiceId {
            subsystem: self.clone(),
            code,
        })
    }
}

impl ServiceId {
    /// Returns the subsystem that provides the service.
    pub fn subsystem(&self) -> &SubsystemId {
        &self.subsystem
    }

    /// Returns the member that provides the service.
    pub fn member(&self) -> &MemberId {
        &self.subsystem.member
    }

    /// Returns the service code, decoded.
    pub fn code(&self) -> &str {
        &self.code
    }
}

impl NodeId {
    /// Returns the member that runs the node.
    pub fn member(&self) -> &MemberId {
        &self.member
    }

    /// Returns the node code, decoded.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the name as it stands in TLS and exchange certificates: `bridge://AZ/GOV/1001/NODE1`.
    pub fn uri(&self) -> String {
        format!("{}{self}", name::SCHEME)
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_part(f, &self.instance)?;
        f.write_str("/")?;
        write_part(f, &self.class)?;
        f.write_str("/")?;
        write_part(f, &self.code)
    }
}

impl fmt::Display for SubsystemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.member)?;
        write_part(f, &self.code)
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.subsystem)?;
        write_part(f, &self.code)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.member)?;
        write_part(f, &self.code)
    }
}

impl FromStr for MemberId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let [instance, class, code] = split(text)?;
        member_of([instance, class, code])
    }
}

impl FromStr for SubsystemId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let [instance, class, member, code] = split(text)?;
        member_of([instance, class, member])?.subsystem(decode_part(code, PartRole::SubsystemCode)?)
    }
}

impl FromStr for ServiceId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let [instance, class, member, subsystem, code] = split(text)?;
        member_of([instance, class, member])?
            .subsystem(decode_part(subsystem, PartRole::SubsystemCode)?)?
            .service(decode_part(code, PartRole::ServiceCode)?)
    }
}

impl FromStr for NodeId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let [instance, class, member, code] = split(text)?;
        member_of([instance, class, member])?.node(decode_part(code, PartRole::NodeCode)?)
    }
}

/// Splits encoded text into exactly `N` parts.
fn split<const N: usize>(text: &str) -> Result<[&str; N], IdentityError> {
    let mut parts = [""; N];
    let mut found = 0;
    for part in text.split('/') {
        // Counted on, but no more than one too many, so that a long text costs no memory.
        if let Some(slot) = parts.get_mut(found) {
            *slot = part;
        }
        found += 1;
        if found > N {
            break;
        }
    }
    if found == N {
        Ok(parts)
    } else {
        Err(IdentityError::Parts { expected: N })
    }
}

fn member_of([instance, class, code]: [&str; 3]) -> Result<MemberId, IdentityError> {
    MemberId::new(
        decode_part(instance, PartRole::Instance)?,
        decode_part(class, PartRole::MemberClass)?,
        decode_part(code, PartRole::MemberCode)?,
    )
}

/// Implements serde for an identity as its canonical text.
macro_rules! as_text {
    ($($identity:ty),+) => {$(
        impl Serialize for $identity {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $identity {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

as_text!(MemberId, SubsystemId, ServiceId, NodeId);

#[cfg(test)]
mod tests;
