//! An officer's no to a request, with reasons: signed, and published where the node that asked finds it.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge_core::jcs;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::JoinError;
use crate::ceremony::{Base, Officer};
use crate::directory::TEXT_LIMIT_BYTES;
use crate::metadata::{Role, Root, hex};
use crate::moment::Moment;
use crate::publisher::PublishError;
use crate::publisher::repository::Repository;

/// The form of refusals; what officers sign says it, and no metadata does.
const FORM: &str = "bridge-join-refusal-v1";

/// Where refusals stand in the published folder.
const FOLDER: &str = "joins";

/// What an officer says of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    form: String,
    /// SHA-256 of the request, in hexadecimal digits.
    request: String,
    /// When.
    pub decided: Moment,
    /// Why, for people.
    pub reason: String,
}

/// A refusal that an officer has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was said.
    pub refusal: Refusal,
    /// The officer's key, by its name and the first digits of its id.
    pub officer: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    refusal: Refusal,
    keyid: String,
    signature: String,
}

impl Refusal {
    /// The largest file, in bytes.
    pub const LIMIT_BYTES: usize = 16 * 1024;

    /// Refuses a request of a digest.
    ///
    /// # Errors
    ///
    /// [`JoinError::Reason`]
    pub fn new(request: &[u8; 32], reason: &str, now_s: u64) -> Result<Self, JoinError> {
        let is_fit = (1..=TEXT_LIMIT_BYTES).contains(&reason.len());
        if !is_fit || reason.chars().any(char::is_control) {
            return Err(JoinError::Reason);
        }
        Ok(Self {
            form: FORM.to_owned(),
            request: hex(request),
            decided: Moment(now_s),
            reason: reason.to_owned(),
        })
    }

    /// Where the refusal of a request stands in the published folder.
    pub fn path(request: &[u8; 32]) -> String {
        format!("{FOLDER}/{}.json", hex(request))
    }

    /// Signs it as an officer of what is published: one is enough to change nothing.
    ///
    /// # Errors
    ///
    /// [`JoinError::NotAnOfficer`]
    pub fn sign(self, officer: &Officer, base: &Base) -> Result<Vec<u8>, JoinError> {
        let keyid = officer.key().id().unwrap_or_default();
        if !base.root().keys_of(Role::Targets).key_ids.contains(&keyid) {
            let name = officer.key().name();
            return Err(JoinError::NotAnOfficer { name });
        }
        let signature = STANDARD.encode(officer.sign_bytes(&self.to_bytes()));
        let file = File {
            refusal: self,
            keyid,
            signature,
        };
        Ok(format!("{:#}\n", json!(file)).into_bytes())
    }

    /// Puts a signed refusal of a request into a published folder, whole. Returns its place there.
    ///
    /// # Errors
    ///
    /// [`PublishError`] about the folder.
    pub fn publish(request: &[u8; 32], file: &[u8], folder: &Path) -> Result<String, PublishError> {
        let path = Self::path(request);
        Repository::make_folder(&folder.join(FOLDER))?;
        Repository::open(folder).write(&path, file)?;
        Ok(path)
    }

    /// Reads the refusal of a request, signed by an officer of a root.
    pub(crate) fn read(
        bytes: &[u8],
        request: &[u8; 32],
        root: &Root,
    ) -> Result<Refused, JoinError> {
        let file = serde_json::from_slice(bytes).map_err(|_error| JoinError::NotARefusal)?;
        let File {
            refusal,
            keyid,
            signature,
        } = file;
        // Its reason is shown to people, whoever wrote it.
        let as_made = Self::new(request, &refusal.reason, refusal.decided.0)?;
        if refusal != as_made {
            return Err(JoinError::NotARefusal);
        }
        let is_officers = root.keys_of(Role::Targets).key_ids.contains(&keyid);
        let key = root.key(&keyid).filter(|_| is_officers);
        let verify = |key: &crate::metadata::Key| {
            let signature = STANDARD.decode(&signature).ok()?;
            let key = UnparsedPublicKey::new(&ED25519, key.ed25519()?);
            key.verify(&refusal.to_bytes(), &signature).ok()
        };
        let key = key.filter(|key| verify(key).is_some());
        let officer = key.ok_or(JoinError::NotByAnOfficer)?.shown();
        Ok(Refused { refusal, officer })
    }

    fn to_bytes(&self) -> Vec<u8> {
        // Text and lists of it always have a canonical form.
        jcs::canonical(&json!(self)).unwrap_or_default()
    }
}
