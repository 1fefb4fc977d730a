//! Keys as objects on a token: found, read, made.

use bridge_signature::Algorithm;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use ring::digest::{SHA256, digest};

use crate::session::Failed;

/// How a key is named on its token; what is not said may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName {
    /// `CKA_LABEL`.
    pub label: Option<String>,
    /// `CKA_ID`.
    pub id: Option<Vec<u8>>,
}

/// A private key on a token, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its label and id.
    pub name: KeyName,
    /// None for a key that is not used here.
    pub algorithm: Option<Algorithm>,
}

/// The public half, by which signatures are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Public {
    pub(crate) algorithm: Algorithm,
    /// As certificates carry it.
    pub(crate) key: Vec<u8>,
}

/// What was looked for and is not there once.
#[derive(Debug)]
pub(crate) enum Sought {
    None,
    One(ObjectHandle),
    Several,
}

/// A key whose public half is not there, or is of no use.
#[derive(Debug)]
pub(crate) enum Read {
    Public(Public),
    Unusable(&'static str),
}

/// Standard: RFC 5480 §2.1.1.1.
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// Standard: RFC 8410 §3.
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
/// The same curve by its name. Standard: PKCS #11 v3.0 §6.3.5.
const EDWARDS25519: &[u8] = b"\x13\x0cedwards25519";
const OCTET_STRING: u8 = 0x04;
/// More keys than a listing shows are none of this program's.
const LISTED: usize = 256;

// === impl KeyName ===

impl KeyName {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.label.is_none() && self.id.is_none()
    }

    fn template(&self, class: ObjectClass) -> Vec<Attribute> {
        let label = self.label.as_ref();
        let label = label.map(|label| Attribute::Label(label.clone().into_bytes()));
        let id = self.id.clone().map(Attribute::Id);
        [Attribute::Class(class)]
            .into_iter()
            .chain(label)
            .chain(id)
            .collect()
    }
}

pub(crate) fn find(session: &Session, name: &KeyName) -> Result<Sought, Failed> {
    let found = session.find_objects(&name.template(ObjectClass::PRIVATE_KEY))?;
    Ok(match found.as_slice() {
        [] => Sought::None,
        [one] => Sought::One(*one),
        [_, _, ..] => Sought::Several,
    })
}

/// The private keys there are.
pub(crate) fn list(session: &Session) -> Result<Vec<Listed>, Failed> {
    let all = KeyName::default().template(ObjectClass::PRIVATE_KEY);
    let found = session.find_objects(&all)?;
    let mut listed = Vec::new();
    for handle in found.into_iter().take(LISTED) {
        let about = About::read(session, handle)?;
        let algorithm = about.algorithm();
        let name = about.name();
        listed.push(Listed { name, algorithm });
    }
    Ok(listed)
}

/// The public half of a private key: the public key of the same id, or of the same label.
pub(crate) fn public(session: &Session, private: ObjectHandle) -> Result<Read, Failed> {
    let about = About::read(session, private)?;
    let Some(algorithm) = about.algorithm() else {
        return Ok(Read::Unusable("it is neither of P-256 nor of Ed25519"));
    };
    if about.asks_each_time {
        return Ok(Read::Unusable("it asks for the PIN at every signature"));
    }
    let KeyName { label, id } = about.name();
    let by_id = KeyName { label: None, id };
    let by_label = KeyName { label, id: None };
    for name in [by_id, by_label] {
        if name.is_empty() {
            continue;
        }
        let found = session.find_objects(&name.template(ObjectClass::PUBLIC_KEY))?;
        if let [one] = found.as_slice() {
            let point = session.get_attributes(*one, &[AttributeType::EcPoint])?;
            let point = point.into_iter().find_map(|attribute| {
                if let Attribute::EcPoint(point) = attribute {
                    return Some(point);
                }
                None
            });
            let key = point.and_then(|point| unwrapped(algorithm, &point));
            return Ok(match key {
                Some(key) => Read::Public(Public { algorithm, key }),
                None => Read::Unusable("its public half is no point of its curve"),
            });
        }
    }
    Ok(Read::Unusable("no one public key has its id or its label"))
}

/// Makes a pair that never leaves the token.
pub(crate) fn make(session: &Session, label: &str, algorithm: Algorithm) -> Result<(), Failed> {
    let (mechanism, curve) = match algorithm {
        Algorithm::EcdsaP256Sha256 => (Mechanism::EccKeyPairGen, P256),
        Algorithm::Ed25519 => (Mechanism::EccEdwardsKeyPairGen, ED25519),
    };
    let id = digest(&SHA256, label.as_bytes());
    let id: Vec<u8> = id.as_ref().iter().copied().take(8).collect();
    let both = [
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(id),
    ];
    let mut public = both.to_vec();
    public.extend([Attribute::Verify(true), Attribute::EcParams(curve.to_vec())]);
    let mut private = both.to_vec();
    private.extend([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ]);
    session.generate_key_pair(&mechanism, &public, &private)?;
    Ok(())
}

/// What a private key says of itself.
#[derive(Default)]
struct About {
    label: Vec<u8>,
    id: Vec<u8>,
    kind: Option<KeyType>,
    curve: Vec<u8>,
    asks_each_time: bool,
}

impl About {
    fn read(session: &Session, handle: ObjectHandle) -> Result<Self, Failed> {
        let wanted = [
            AttributeType::Label,
            AttributeType::Id,
            AttributeType::KeyType,
            AttributeType::EcParams,
            AttributeType::AlwaysAuthenticate,
        ];
        let mut about = Self::default();
        for attribute in session.get_attributes(handle, &wanted)? {
            if let Attribute::Label(label) = attribute {
                about.label = label;
            } else if let Attribute::Id(id) = attribute {
                about.id = id;
            } else if let Attribute::KeyType(kind) = attribute {
                about.kind = Some(kind);
            } else if let Attribute::EcParams(curve) = attribute {
                about.curve = curve;
            } else if let Attribute::AlwaysAuthenticate(asks) = attribute {
                about.asks_each_time = asks;
            }
        }
        Ok(about)
    }

    fn algorithm(&self) -> Option<Algorithm> {
        let curve = self.curve.as_slice();
        if self.kind == Some(KeyType::EC) && curve == P256 {
            return Some(Algorithm::EcdsaP256Sha256);
        }
        let is_ed25519 = curve == ED25519 || curve == EDWARDS25519;
        (self.kind == Some(KeyType::EC_EDWARDS) && is_ed25519).then_some(Algorithm::Ed25519)
    }

    fn name(&self) -> KeyName {
        let label = String::from_utf8(self.label.clone()).ok();
        KeyName {
            label: label.filter(|label| !label.is_empty()),
            id: Some(self.id.clone()).filter(|id| !id.is_empty()),
        }
    }
}

/// A point as certificates carry it: tokens wrap it into an octet string, and some do not.
///
/// Standard: PKCS #11 v2.40 §2.3.3.
fn unwrapped(algorithm: Algorithm, point: &[u8]) -> Option<Vec<u8>> {
    let length = match algorithm {
        Algorithm::EcdsaP256Sha256 => 65,
        Algorithm::Ed25519 => 32,
    };
    let bare = match point {
        [OCTET_STRING, told, bare @ ..] if usize::from(*told) == bare.len() => bare,
        bare => bare,
    };
    (bare.len() == length).then(|| bare.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_wrapped_and_bare() {
        // A bare point of P-256 begins with the very byte of an octet string.
        let p256: Vec<u8> = [4].into_iter().chain([7; 64]).collect();
        let wrapped: Vec<u8> = [4, 65].into_iter().chain(p256.iter().copied()).collect();
        for point in [&p256, &wrapped] {
            let read = unwrapped(Algorithm::EcdsaP256Sha256, point);
            assert_eq!(read.as_ref(), Some(&p256));
        }
        let ed25519 = vec![9; 32];
        let wrapped: Vec<u8> = [4, 32].into_iter().chain([9; 32]).collect();
        for point in [&ed25519, &wrapped] {
            let read = unwrapped(Algorithm::Ed25519, point);
            assert_eq!(read.as_ref(), Some(&ed25519));
        }
        for point in [&p256[..64], &[4, 200], &[]] {
            assert_eq!(unwrapped(Algorithm::EcdsaP256Sha256, point), None);
        }
    }
}
