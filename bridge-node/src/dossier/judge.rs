//! Judges a dossier without any node: each part against its seal, its signature, its certificate, its proof. What fails is named.

use bridge_certs::cms::{CmsError, SealError, check_stamped_seal};
use bridge_certs::{Moment, Trust};
use bridge_core::identity::CertificateName;
use bridge_core::leaf::Leaf;
use bridge_verify::{Field, LogKey, Receipt, Signers, judge as judge_receipt};
use serde_json::Value;

use super::zip::{self, Entry};
use super::{DESCRIPTION, MESSAGES, OWN_RECEIPTS, PEER_RECEIPTS, leaf_of, manifest};

mod message;
mod revoked;
mod stamped;

use revoked::Listed;
use stamped::STAMP_ACCURACY_MS;

/// What is being judged.
struct Case<'a> {
    entries: &'a [Entry],
    trust: &'a Trust,
    description: Value,
    /// Keys that the reader has from the directory; without them those in the dossier are used.
    keys: &'a [String],
    /// Revocation lists that the reader has.
    lists: Vec<Listed>,
    /// What was found to hold, one line each.
    holds: Vec<String>,
    /// What was not, each by the name of its file.
    faults: Vec<String>,
}

/// A leaf of the exchange, with its place in the log of whoever made the dossier.
struct Logged {
    leaf: Leaf,
    index: u64,
    leaf_hash: [u8; 32],
}

/// Judges a dossier by trusted authorities and, if given, the verifier keys of logs and the revocation lists (DER) of authorities.
///
/// # Errors
///
/// Everything that does not hold, one line each, the file's name first.
pub fn judge(
    bytes: &[u8],
    trust: &Trust,
    keys: &[String],
    lists: &[Vec<u8>],
) -> Result<Vec<String>, Vec<String>> {
    let entries = zip::read(bytes).map_err(|fault| vec![fault.to_string()])?;
    let description = find(&entries, DESCRIPTION)
        .and_then(|bytes| serde_json::from_slice(bytes).ok())
        .unwrap_or(Value::Null);
    let mut case = Case {
        entries: &entries,
        trust,
        description,
        keys,
        lists: Vec::new(),
        holds: Vec::new(),
        faults: Vec::new(),
    };
    case.container();
    case.read_lists(lists);
    case.seal();
    let key = case.log_key(OWN_RECEIPTS, "own");
    let leaves = case.receipts(OWN_RECEIPTS, key.clone());
    if find(&entries, PEER_RECEIPTS).is_some() {
        let key = case.log_key(PEER_RECEIPTS, "peer");
        case.receipts(PEER_RECEIPTS, key);
    }
    let stamped = case.stamp(key.as_ref(), &leaves);
    for name in MESSAGES {
        let stamped_ms = stamped.as_ref().and_then(|stamped| stamped.of(name));
        case.message(name, logged(name, &leaves), stamped_ms);
    }
    if case.faults.is_empty() {
        Ok(case.holds)
    } else {
        Err(case.faults)
    }
}

// === impl Case ===

impl Case<'_> {
    fn bytes(&self, name: &str) -> Option<&[u8]> {
        find(self.entries, name)
    }

    fn fault(&mut self, name: &str, what: impl std::fmt::Display) {
        self.faults.push(format!("{name}: {what}"));
    }

    fn said(&self, path: &str) -> Option<&str> {
        self.description.pointer(path)?.as_str()
    }

    /// First the media type, last list and seal, between them what is listed: all of it and nothing else.
    fn container(&mut self) {
        let first = self.entries.first();
        if first
            .is_none_or(|one| one.name != "mimetype" || one.bytes != manifest::MIMETYPE.as_bytes())
        {
            self.fault("mimetype", "it is not the first file, or of another type");
        }
        let is_part = |one: &&Entry| one.name != "mimetype" && !one.name.starts_with("META-INF/");
        let parts: Vec<Entry> = self.entries.iter().filter(is_part).cloned().collect();
        let listed = self.bytes(manifest::MANIFEST).map(<[u8]>::to_vec);
        match listed.as_deref().map(std::str::from_utf8) {
            Some(Ok(list)) => self.faults.extend(manifest::compare(list, &parts)),
            _ => self.fault(manifest::MANIFEST, "it is missing or no text"),
        }
        let count = self.entries.len();
        if count != parts.len() + 3 || self.bytes(manifest::SEAL).is_none() {
            self.fault(
                manifest::SEAL,
                "META-INF has not exactly a manifest and a seal",
            );
        }
        if self.description.get("v").and_then(Value::as_u64) != Some(1) {
            self.fault(DESCRIPTION, "it is missing, or of another version");
        }
    }

    fn seal(&mut self) {
        let (Some(list), Some(seal)) = (self.bytes(manifest::MANIFEST), self.bytes(manifest::SEAL))
        else {
            return;
        };
        match check_stamped_seal(self.trust, seal, list, STAMP_ACCURACY_MS) {
            Ok((sealed, stamp)) => {
                let member = match &sealed.name {
                    Some(CertificateName::Member(member)) => member.to_string(),
                    _ => String::new(),
                };
                if self.said("/member") == Some(&*member) {
                    let stamped = stamp.as_ref().map_or_else(String::new, |stamp| {
                        format!(", stamped at {}", Moment(stamp.time_ms / 1000))
                    });
                    let time = &sealed.time;
                    self.holds
                        .push(format!("sealed by {member} at {time}{stamped}"));
                } else {
                    self.fault(
                        manifest::SEAL,
                        "another member's seal than the dossier names",
                    );
                }
                let stamped_ms = stamp.map(|stamp| stamp.latest_ms());
                self.revocation((manifest::SEAL, "seal"), &sealed.chain, stamped_ms);
            }
            Err(SealError::Cms(CmsError::MessageDigest)) => {
                self.fault(manifest::MANIFEST, "it is not what was sealed");
            }
            Err(error) => self.fault(manifest::SEAL, crate::chain(&error)),
        }
    }

    /// The key of a log: what the reader has of it. Only who gave no keys at all is content with what the dossier says.
    fn log_key(&mut self, file: &str, which: &str) -> Option<LogKey> {
        let said = self.said(&format!("/logs/{which}"))?.to_owned();
        let origin = said.split('+').next().unwrap_or_default().to_owned();
        let keys = self.keys;
        let given = keys
            .iter()
            .find(|key| key.split('+').next() == Some(&*origin));
        if given.is_none() && !keys.is_empty() {
            self.fault(file, format_args!("no key given for the log {origin}"));
            return None;
        }
        match LogKey::parse(given.unwrap_or(&said)) {
            Ok(key) => Some(key),
            Err(error) => {
                self.fault(file, error);
                None
            }
        }
    }

    /// Judges a receipt file; returns the leaves in it.
    fn receipts(&mut self, file: &str, log: Option<LogKey>) -> Vec<Logged> {
        let read: Option<Value> = self
            .bytes(file)
            .and_then(|bytes| serde_json::from_slice(bytes).ok());
        let list = read.as_ref().and_then(|read| read["receipts"].as_array());
        let Some(list) = list.filter(|list| !list.is_empty()) else {
            self.fault(file, "it is missing, or has no receipts");
            return Vec::new();
        };
        let signers = Signers {
            log,
            ..Signers::default()
        };
        let id = self.said("/request_id").unwrap_or_default().to_owned();
        let mut leaves = Vec::new();
        for one in list {
            let text = |name: &str| one[name].as_str().unwrap_or_default();
            let receipt = Receipt {
                field: text("receipt"),
                leaf: text("leaf").as_bytes(),
                proof: text("proof"),
            };
            match judge_receipt(&receipt, &signers) {
                Ok(shown) => self.holds.push(format!(
                    "leaf {} of {} is under a signed checkpoint",
                    shown.index,
                    signers.log.as_ref().map_or("", LogKey::origin)
                )),
                Err(found) => {
                    for fault in found {
                        self.fault(file, fault);
                    }
                }
            }
            match (Leaf::parse(receipt.leaf), Field::parse(receipt.field)) {
                (Ok(leaf), Some(field))
                    if leaf.request_id.is_some_and(|own| own.to_string() == id) =>
                {
                    leaves.push(Logged {
                        leaf,
                        index: field.index,
                        leaf_hash: field.leaf_hash,
                    });
                }
                _ => self.fault(file, "a leaf is of another exchange"),
            }
        }
        leaves
    }
}

/// The leaf of a message.
fn logged<'a>(name: &str, leaves: &'a [Logged]) -> Option<&'a Logged> {
    let own: Vec<&Leaf> = leaves.iter().map(|one| &one.leaf).collect();
    leaves.get(leaf_of(name, &own)?)
}

fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a [u8]> {
    let found = entries.iter().find(|entry| entry.name == name);
    found.map(|entry| entry.bytes.as_slice())
}
