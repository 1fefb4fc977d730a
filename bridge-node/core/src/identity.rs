//! Who is who: members, subsystems, services and nodes.
//!
//! An identity is a list of parts. In text each part is percent-encoded on its own and the parts are
//! joined by `/`, so `%2F` inside a part is data. Many spellings may be read, one is written: only
//! unreserved characters (RFC 3986 §2.3) stay as they are. Two identities are equal when their
//! decoded parts are; letters are never folded or normalised.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

mod name;
mod part;

pub use name::CertificateName;
pub use part::{IdentityError, MAX_PART_BYTES, PartFault, PartRole, is_hidden};
pub(crate) use part::{check_part, decode_part, hex_value, unescape, write_part};

/// Names a member: an agency, `instance/class/code`. Clones share one text, like those of all identities.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(Arc<Member>);

/// Names a subsystem of a member: `instance/class/member/code`. Rights are given to subsystems.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubsystemId(Arc<Below<MemberId>>);

/// Names a service of a subsystem: `instance/class/member/subsystem/code`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId(Arc<Below<SubsystemId>>);

/// Names a node of a member: `instance/class/member/code`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Arc<Below<MemberId>>);

#[derive(Debug, PartialOrd, Ord)]
struct Member {
    instance: String,
    class: String,
    code: String,
    /// All of it in canonical form.
    text: String,
}

/// Something that another identity holds.
#[derive(Debug, PartialOrd, Ord)]
struct Below<P> {
    above: P,
    code: String,
    /// All of it in canonical form.
    text: String,
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
        let instance = check_part(instance.into(), PartRole::Instance)?;
        let class = check_part(class.into(), PartRole::MemberClass)?;
        let code = check_part(code.into(), PartRole::MemberCode)?;
        Ok(Self(Arc::new(Member {
            text: text_of([&instance, &class, &code]),
            instance,
            class,
            code,
        })))
    }

    /// Returns the instance, decoded.
    pub fn instance(&self) -> &str {
        &self.0.instance
    }

    /// Returns the member class, decoded.
    pub fn class(&self) -> &str {
        &self.0.class
    }

    /// Returns the member code, decoded.
    pub fn code(&self) -> &str {
        &self.0.code
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
        Ok(SubsystemId(Below::new((self, self.as_str()), code)))
    }

    /// Names a node of this member.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Part`] if `code` (decoded) is not a valid part.
    pub fn node(&self, code: impl Into<String>) -> Result<NodeId, IdentityError> {
        let code = check_part(code.into(), PartRole::NodeCode)?;
        Ok(NodeId(Below::new((self, self.as_str()), code)))
    }
}

impl SubsystemId {
    /// Returns the member the subsystem belongs to.
    pub fn member(&self) -> &MemberId {
        &self.0.above
    }

    /// Returns the subsystem code, decoded.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Names a service of this subsystem.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Part`] if `code` (decoded) is not a valid part.
    pub fn service(&self, code: impl Into<String>) -> Result<ServiceId, IdentityError> {
        let code = check_part(code.into(), PartRole::ServiceCode)?;
        Ok(ServiceId(Below::new((self, self.as_str()), code)))
    }
}

impl ServiceId {
    /// Returns the subsystem that provides the service.
    pub fn subsystem(&self) -> &SubsystemId {
        &self.0.above
    }

    /// Returns the member that provides the service.
    pub fn member(&self) -> &MemberId {
        self.0.above.member()
    }

    /// Returns the service code, decoded.
    pub fn code(&self) -> &str {
        &self.0.code
    }
}

impl NodeId {
    /// Returns the member that runs the node.
    pub fn member(&self) -> &MemberId {
        &self.0.above
    }

    /// Returns the node code, decoded.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Returns the name as it stands in TLS and exchange certificates: `bridge://AZ/GOV/1001/NODE1`.
    pub fn uri(&self) -> String {
        format!("{}{self}", name::SCHEME)
    }
}

impl<P: Clone> Below<P> {
    fn new((above, above_text): (&P, &str), code: String) -> Arc<Self> {
        let mut text = String::with_capacity(above_text.len() + 1 + code.len());
        text.push_str(above_text);
        text.push('/');
        // Writing to a String can't fail.
        let _infallible = write_part(&mut text, &code);
        Arc::new(Self {
            above: above.clone(),
            code,
            text,
        })
    }
}

/// Writes parts in canonical form.
fn text_of(parts: [&str; 3]) -> String {
    let mut text = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts {
        if !text.is_empty() {
            text.push('/');
        }
        // Writing to a String can't fail.
        let _infallible = write_part(&mut text, part);
    }
    text
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

/// Compares and hashes by the canonical text, which no other identity has.
macro_rules! same_by_text {
    ($([$($generic:tt)*] $parts:ty),+) => {$(
        impl<$($generic)*> PartialEq for $parts {
            fn eq(&self, other: &Self) -> bool {
                self.text == other.text
            }
        }

        impl<$($generic)*> Eq for $parts {}

        impl<$($generic)*> Hash for $parts {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.text.hash(state);
            }
        }
    )+};
}

same_by_text!([] Member, [P] Below<P>);

/// Implements display and serde for an identity as its canonical text.
macro_rules! as_text {
    ($($identity:ty),+) => {$(
        impl $identity {
            /// Returns the canonical text.
            pub fn as_str(&self) -> &str {
                &self.0.text
            }
        }

        impl fmt::Display for $identity {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.text)
            }
        }

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
