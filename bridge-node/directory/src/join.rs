//! A node's request to join: what it would be listed as, under a signature of each key that it names.
//!
//! The nouns:
//!
//! - what is [`Asked`] for: member, node and keys, for one directory, at one time;
//! - a [`Request`] is the file that travels: the same with a proof by each key;
//! - a [`Refusal`] is an officer's signed no, published where the node that asked finds it.
//!
//! Nothing in a request is believed but what its keys prove: that whoever made it holds them. Whose they are, certificates say,
//! which this crate does not look into, and officers decide.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge_signature::{Algorithm, Signer};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::directory::{Directory, Member, Node, key_name, log_of};
use crate::metadata::{hex, sha256};
use crate::moment::Moment;

mod asked;
mod error;
mod key;
mod refusal;

use asked::FORM;
pub use asked::{Asked, Wanted};
pub use error::JoinError;
pub use key::Purpose;
pub use refusal::{Refusal, Refused};

/// The largest request that is read, in bytes.
pub const REQUEST_LIMIT_BYTES: usize = 64 * 1024;

/// How long officers may take to answer a request.
pub const REQUEST_LIFE_S: u64 = 30 * 24 * 60 * 60;

/// How far the clock of a node that asks may be ahead.
const AHEAD_S: u64 = 5 * 60;

/// A request as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What is asked for.
    pub asked: Asked,
    /// A signature by each key that it names, base64.
    proofs: BTreeMap<Purpose, String>,
    /// The member's seal over the canonical form of what is asked, base64, if it gives one. Certificates are not looked into here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seal: Option<String>,
}

// === impl Request ===

impl Request {
    /// Proves a request by its keys: one signer for each purpose that it names.
    ///
    /// # Errors
    ///
    /// [`JoinError::Sign`], and as [`Request::check`].
    pub fn prove(asked: Asked, signers: &[(Purpose, &dyn Signer)]) -> Result<Self, JoinError> {
        let now_s = asked.made.0;
        let mut proofs = BTreeMap::new();
        for (purpose, signer) in signers {
            let signature = signer.sign(&asked.text(*purpose));
            let signature = signature.map_err(|source| JoinError::Sign {
                purpose: *purpose,
                source,
            })?;
            proofs.insert(*purpose, STANDARD.encode(signature));
        }
        let request = Self {
            asked,
            proofs,
            seal: None,
        };
        request.check(now_s)?;
        Ok(request)
    }

    /// Adds the member's seal, over [`Asked::to_bytes`].
    #[must_use]
    pub fn sealed(self, seal: &[u8]) -> Self {
        Self {
            seal: Some(STANDARD.encode(seal)),
            ..self
        }
    }

    /// Returns the seal, as it was given.
    pub fn seal(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.seal.as_ref()?).ok()
    }

    /// Tells whether it claims to be sealed.
    pub fn has_seal(&self) -> bool {
        self.seal.is_some()
    }

    /// Reads a request. Nothing in it is believed yet.
    ///
    /// # Errors
    ///
    /// [`JoinError::TooLarge`], [`JoinError::Form`], [`JoinError::OtherForm`].
    pub fn parse(bytes: &[u8]) -> Result<Self, JoinError> {
        if bytes.len() > REQUEST_LIMIT_BYTES {
            return Err(JoinError::TooLarge);
        }
        let request: Self = serde_json::from_slice(bytes).map_err(JoinError::Form)?;
        if request.asked.form != FORM {
            let found = request.asked.form;
            return Err(JoinError::OtherForm { found });
        }
        Ok(request)
    }

    /// Writes the file that travels.
    ///
    /// # Errors
    ///
    /// [`JoinError::TooLarge`]: nobody would read it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, JoinError> {
        let bytes = format!("{:#}\n", json!(self)).into_bytes();
        if bytes.len() > REQUEST_LIMIT_BYTES {
            return Err(JoinError::TooLarge);
        }
        Ok(bytes)
    }

    /// Checks date and proofs: exactly one good signature by each key that is named, and no key for two purposes.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: the first thing that is wrong.
    pub fn check(&self, now_s: u64) -> Result<(), JoinError> {
        let (made, now) = (self.asked.made, Moment(now_s));
        if made.0 > now_s.saturating_add(AHEAD_S) {
            return Err(JoinError::Early { made, now });
        }
        if made.0.saturating_add(REQUEST_LIFE_S) < now_s {
            return Err(JoinError::Stale { made, now });
        }
        self.asked.node_id()?;
        let keys = self.asked.keys()?;
        for (at, (purpose, key)) in keys.iter().enumerate() {
            let mut others = keys.iter().take(at);
            if let Some((other, _)) = others.find(|(_, other)| other.raw() == key.raw()) {
                let (one, other) = (*other, *purpose);
                return Err(JoinError::OneKey { one, other });
            }
            let missing = JoinError::Missing { purpose: *purpose };
            let proof = self.proofs.get(purpose).ok_or(missing)?;
            let proof = STANDARD.decode(proof).unwrap_or_default();
            let good = key.verify(&self.asked.text(*purpose), &proof);
            good.map_err(|_error| JoinError::Proof { purpose: *purpose })?;
        }
        match self
            .proofs
            .keys()
            .find(|of| !keys.iter().any(|(is, _)| is == *of))
        {
            Some(purpose) => Err(JoinError::NoKey { purpose: *purpose }),
            None => Ok(()),
        }
    }

    /// Lists what is asked for in a directory. `is_of` says whether a root of a digest began or continues that directory;
    /// `certificate` is that of the exchange key, DER, where the request has none of its own.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: what is there already, or can't be.
    pub fn put(
        &self,
        directory: &mut Directory,
        is_of: impl Fn(&str) -> bool,
        certificate: Option<&[u8]>,
    ) -> Result<(), JoinError> {
        let asked = &self.asked;
        if !is_of(&asked.directory) || asked.member.instance() != directory.instance {
            return Err(JoinError::OtherDirectory);
        }
        let certificate = match (&asked.node.certificate, certificate) {
            (Some(own), None) => own.clone(),
            (None, Some(issued)) => STANDARD.encode(issued),
            (Some(_), Some(_)) => return Err(JoinError::TwoCertificates),
            (None, None) => return Err(JoinError::NoCertificate),
        };
        let node = asked.listed(&certificate);
        let taken = check_free(directory, &node);
        let member = directory
            .members
            .iter_mut()
            .find(|one| one.id == asked.member);
        match (member, &asked.name) {
            (Some(_), Some(_)) => return Err(JoinError::MemberThere(asked.member.clone())),
            (None, None) => return Err(JoinError::MemberUnknown(asked.member.clone())),
            (Some(member), None) => {
                if !asked.subsystems.is_empty() {
                    return Err(JoinError::MemberThere(asked.member.clone()));
                }
                if member.nodes.iter().any(|one| one.code == node.code) {
                    return Err(JoinError::NodeThere(asked.node_id()?));
                }
                taken?;
                member.nodes.push(node);
            }
            (None, Some(name)) => {
                taken?;
                directory.members.push(Member {
                    id: asked.member.clone(),
                    name: name.clone(),
                    subsystems: asked.subsystems.clone(),
                    nodes: vec![node],
                    suspended: false,
                });
            }
        }
        directory.check().map_err(JoinError::Directory)
    }
}

/// Refuses a name, key or journal that another node has.
fn check_free(directory: &Directory, node: &Node) -> Result<(), JoinError> {
    for (member, other) in directory.nodes() {
        let by = || format!("{}/{}", member.id, other.code);
        if other.name == node.name {
            let (name, by) = (node.name.clone(), by());
            return Err(JoinError::NameTaken { name, by });
        }
        let pins = |of: &Node| {
            let exchange = of.exchange.iter().map(|key| key.pin.clone());
            of.tls_pins
                .iter()
                .cloned()
                .chain(exchange)
                .collect::<Vec<_>>()
        };
        let theirs = pins(other);
        if pins(node).iter().any(|pin| theirs.contains(pin)) {
            return Err(JoinError::KeyTaken { by: by() });
        }
        let verifiers = |of: &Node| {
            let both = [Some(&of.journal), of.witness.as_ref()];
            both.map(|vkey| key::raw_of_verifier(vkey?))
        };
        let theirs = verifiers(other);
        if verifiers(node)
            .iter()
            .flatten()
            .any(|key| theirs.iter().flatten().any(|their| their == key))
        {
            return Err(JoinError::KeyTaken { by: by() });
        }
        // Leaves and receipts name a journal by its origin alone, and who has one epoch of it says how it goes on.
        if log_of(&other.journal) == log_of(&node.journal) {
            let name = key_name(&node.journal).unwrap_or_default().to_owned();
            return Err(JoinError::NameTaken { name, by: by() });
        }
    }
    Ok(())
}

/// What a root is known by, whoever of its officers have signed which copy: hexadecimal SHA-256 of what they sign.
pub fn root_digest(root: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(root).ok()?;
    Some(hex(&sha256(&crate::ceremony::signed_bytes(text)?)))
}

/// The public key of a signer as a request writes it: its SPKI, base64.
pub fn spki_of(algorithm: Algorithm, raw: &[u8]) -> String {
    key::spki(algorithm, raw)
}

#[cfg(test)]
mod tests;
