//! Witnesses' signatures on checkpoints: who sees a log grow says so, with the time.
//!
//! Standard: C2SP tlog-cosignature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::note::{NoteError, SignatureLine, check_name, key_id, named_key, split};

/// The key of a witness, under its name.
#[derive(Debug)]
pub struct WitnessKey {
    pair: Ed25519KeyPair,
    public: Witness,
}

/// A witness as others know it: what checks its cosignatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    name: String,
    public: [u8; 32],
    id: [u8; 4],
}

/// The type of an Ed25519 cosignature with a time, in key ids and verifier keys.
const COSIGNATURE_TYPE: u8 = 4;

// === impl WitnessKey ===

impl WitnessKey {
    /// Reads a key in PKCS#8 form and names it.
    ///
    /// # Errors
    ///
    /// [`NoteError::Key`] if it isn't an Ed25519 key, [`NoteError::Origin`] if no key can bear the name.
    pub fn new(name: &str, pkcs8: &[u8]) -> Result<Self, NoteError> {
        check_name(name)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8)
            .map_err(|_rejected| NoteError::Key)?;
        let public = pair.public_key().as_ref().try_into();
        let public = Witness::named(name, public.map_err(|_length| NoteError::Key)?);
        Ok(Self { pair, public })
    }

    /// Returns what checks this key's cosignatures.
    pub fn public(&self) -> &Witness {
        &self.public
    }

    /// Signs a checkpoint's text at a time, in Unix seconds; returns the signature line, ended by a newline.
    ///
    /// `text` is the note up to and with the newline before the empty line.
    pub fn cosign(&self, text: &str, time_s: u64) -> String {
        let mut value = self.public.id.to_vec();
        value.extend_from_slice(&time_s.to_be_bytes());
        value.extend_from_slice(self.pair.sign(signed(text, time_s).as_bytes()).as_ref());
        format!("\u{2014} {} {}\n", self.public.name, STANDARD.encode(value))
    }
}

// === impl Witness ===

impl Witness {
    /// Reads a verifier key: `name+id+base64(type and public key)`.
    ///
    /// # Errors
    ///
    /// [`NoteError::Vkey`] if it isn't one of a witness.
    pub fn parse(vkey: &str) -> Result<Self, NoteError> {
        let (name, public) = named_key(vkey, COSIGNATURE_TYPE)?;
        Ok(Self::named(name, public))
    }

    /// Returns the name in the signature lines.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes the verifier key.
    pub fn vkey(&self) -> String {
        let mut key = vec![COSIGNATURE_TYPE];
        key.extend_from_slice(&self.public);
        let id = u32::from_be_bytes(self.id);
        format!("{}+{id:08x}+{}", self.name, STANDARD.encode(key))
    }

    /// Finds this witness's cosignature among signature lines over a checkpoint's text; returns its line and its
    /// time, in Unix seconds.
    pub fn cosigned<'a>(&self, text: &str, lines: &'a str) -> Option<(&'a str, u64)> {
        lines
            .split_inclusive('\n')
            .find_map(|line| Some((line, self.time_of(text, line.strip_suffix('\n')?)?)))
    }

    /// Finds this witness's cosignature on a note; returns its time, in Unix seconds.
    pub fn has_cosigned(&self, note: &[u8]) -> Option<u64> {
        let (text, lines) = split(note).ok()?;
        self.cosigned(text, lines).map(|(_line, time_s)| time_s)
    }

    fn named(name: &str, public: [u8; 32]) -> Self {
        Self {
            name: name.to_owned(),
            public,
            id: key_id(name, COSIGNATURE_TYPE, &public),
        }
    }

    fn time_of(&self, text: &str, line: &str) -> Option<u64> {
        let line = SignatureLine::parse(line).filter(|line| line.is_by(&self.name, self.id))?;
        let (time, signature) = line.signature.split_first_chunk::<8>()?;
        let time_s = u64::from_be_bytes(*time);
        // Zero says that no time is stated, which only other kinds of cosignatures may do.
        let dated = time_s > 0 && i64::try_from(time_s).is_ok();
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        let holds = key
            .verify(signed(text, time_s).as_bytes(), signature)
            .is_ok();
        (dated && holds).then_some(time_s)
    }
}

fn signed(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

#[cfg(test)]
mod tests;
