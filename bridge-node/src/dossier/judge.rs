//! Judges a dossier without any node: each part against its seal, its signature, its certificate, its proof. What fails is named.

use bridge_certs::cms::{CmsError, SealError, check_seal};
use bridge_certs::pem::certificates;
use bridge_certs::stamp::{Expected, Stamp};
use bridge_certs::{Checked, KeyAlgorithm, Moment, Profile, Trust};
use bridge_core::envelope::link;
use bridge_core::identity::CertificateName;
use bridge_core::leaf::Leaf;
use bridge_journal::imprint;
use bridge_signature::{Algorithm, VerifyingKey};
use bridge_verify::{
    LogKey, Proof, Receipt, Signers, judge as judge_receipt, open_cosigned, root_of_inclusion,
};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::zip::{self, Entry};
use super::{
    AUTHORITIES, DESCRIPTION, MESSAGES, OWN_RECEIPTS, PEER_RECEIPTS, STAMP, evidence, manifest,
};

/// A stamp whose authority knows its time less well proves no time, milliseconds.
const STAMP_ACCURACY_MS: u64 = 60_000;

/// What is being judged.
struct Case<'a> {
    entries: &'a [Entry],
    trust: &'a Trust,
    description: Value,
    /// Keys that the reader has from the directory; without them those in the dossier are used.
    keys: &'a [String],
    /// What was found to hold, one line each.
    holds: Vec<String>,
    /// What was not, each by the name of its file.
    faults: Vec<String>,
}

/// Judges a dossier by trusted authorities and, if given, the verifier keys of logs.
///
/// # Errors
///
/// Everything that does not hold, one line each, the file's name first.
pub fn judge(bytes: &[u8], trust: &Trust, keys: &[String]) -> Result<Vec<String>, Vec<String>> {
    let entries = zip::read(bytes).map_err(|fault| vec![fault.to_string()])?;
    let description = find(&entries, DESCRIPTION)
        .and_then(|bytes| serde_json::from_slice(bytes).ok())
        .unwrap_or(Value::Null);
    let mut case = Case {
        entries: &entries,
        trust,
        description,
        keys,
        holds: Vec::new(),
        faults: Vec::new(),
    };
    case.container();
    case.seal();
    let leaves = case.receipts(OWN_RECEIPTS, "own");
    if find(&entries, PEER_RECEIPTS).is_some() {
        case.receipts(PEER_RECEIPTS, "peer");
    }
    for name in MESSAGES {
        case.message(name, &leaves);
    }
    case.stamp();
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
        match check_seal(self.trust, seal, list) {
            Ok(sealed) => {
                let member = match &sealed.name {
                    Some(CertificateName::Member(member)) => member.to_string(),
                    _ => String::new(),
                };
                if self.said("/member") == Some(&*member) {
                    self.holds
                        .push(format!("sealed by {member} at {}", sealed.time));
                } else {
                    self.fault(
                        manifest::SEAL,
                        "another member's seal than the dossier names",
                    );
                }
            }
            Err(SealError::Cms(CmsError::MessageDigest)) => {
                self.fault(manifest::MANIFEST, "it is not what was sealed");
            }
            Err(error) => self.fault(manifest::SEAL, crate::chain(&error)),
        }
    }

    /// The key of a log: what the reader has of it, else what the dossier says.
    fn log_key(&mut self, file: &str, which: &str) -> Option<LogKey> {
        let said = self.said(&format!("/logs/{which}"))?.to_owned();
        let origin = said.split('+').next().unwrap_or_default().to_owned();
        let given = self
            .keys
            .iter()
            .find(|key| key.split('+').next() == Some(&*origin));
        let key = given.unwrap_or(&said);
        match LogKey::parse(key) {
            Ok(key) => Some(key),
            Err(error) => {
                self.fault(file, error);
                None
            }
        }
    }

    /// Judges a receipt file; returns the leaves in it.
    fn receipts(&mut self, file: &str, which: &str) -> Vec<Leaf> {
        let read: Option<Value> = self
            .bytes(file)
            .and_then(|bytes| serde_json::from_slice(bytes).ok());
        let list = read.as_ref().and_then(|read| read["receipts"].as_array());
        let Some(list) = list.filter(|list| !list.is_empty()) else {
            self.fault(file, "it is missing, or has no receipts");
            return Vec::new();
        };
        let signers = Signers {
            log: self.log_key(file, which),
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
            match Leaf::parse(receipt.leaf) {
                Ok(leaf) if leaf.request_id.is_some_and(|own| own.to_string() == id) => {
                    leaves.push(leaf);
                }
                _ => self.fault(file, "a leaf is of another exchange"),
            }
        }
        leaves
    }

    /// Judges a message: its certificate, its signature, its body, and that the log has the very signature.
    fn message(&mut self, name: &str, leaves: &[Leaf]) {
        let [base_file, signature_file, body_file] =
            ["base.txt", "signature.bin", "body.bin"].map(|part| format!("{name}/{part}"));
        let is_told = self
            .description
            .pointer(&format!("/messages/{name}"))
            .is_some();
        let (base, signature) = (self.bytes(&base_file), self.bytes(&signature_file));
        let (Some(base), Some(signature)) =
            (base.map(<[u8]>::to_vec), signature.map(<[u8]>::to_vec))
        else {
            if is_told || base.is_some() || signature.is_some() {
                self.fault(&base_file, "the message or its signature is missing");
            }
            return;
        };
        let Some(signed) = evidence::read(&base) else {
            return self.fault(&base_file, "it is not a signature base");
        };
        let made = link(&signature);
        let is_logged = |leaf: &Leaf| match name {
            "request" => leaf.link == Some(made),
            _ => leaf.answer_link == Some(made),
        };
        if !leaves.iter().any(is_logged) {
            self.fault(
                &signature_file,
                "no leaf of the receipts names this signature",
            );
        }
        if let Some(checked) = self.certificate(name, &signed) {
            let holds =
                verifying_key(&checked).is_some_and(|key| key.verify(&base, &signature).is_ok());
            if holds {
                let by = checked
                    .name
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let at = Moment(signed.created_s);
                self.holds
                    .push(format!("the {name} is signed by {by} at {at}"));
            } else {
                self.fault(
                    &signature_file,
                    "it is not the signature of this key over this base",
                );
            }
        }
        let body = self.bytes(&body_file).map(|body| digest(&SHA256, body));
        if let Some(body) = body
            && signed.body_digest.map(|said| said.to_vec()) != Some(body.as_ref().to_vec())
        {
            self.fault(&body_file, "its digest is not the one that was signed");
        }
    }

    /// The certificate of a message's key, good for exchanges at the time that the message says.
    fn certificate(&mut self, name: &str, signed: &evidence::Signed<'_>) -> Option<Checked> {
        let file = format!("certificates/{name}.pem");
        let issuers = self
            .bytes(AUTHORITIES)
            .and_then(|pem| certificates(pem).ok());
        let own = self.bytes(&file).and_then(|pem| certificates(pem).ok());
        let Some(own) = own.and_then(|list| list.into_iter().next()) else {
            self.fault(&file, "the certificate of the message's key is missing");
            return None;
        };
        if base64url(digest(&SHA256, &own).as_ref()) != signed.key_id {
            self.fault(&file, "the message names another key");
            return None;
        }
        // Roots among them add nothing: only what is trusted ends a chain.
        let mut issuers: Vec<Vec<u8>> = issuers.unwrap_or_default();
        issuers.truncate(bridge_certs::trust::INTERMEDIATES_LIMIT);
        let checked = self
            .trust
            .check(&own, &issuers, Profile::Exchange, signed.created_s);
        match checked {
            Ok(checked) => Some(checked),
            Err(error) => {
                self.fault(&file, crate::chain(&error));
                None
            }
        }
    }

    /// The stamp is over a checkpoint of the log, and the leaves of both messages are under that.
    fn stamp(&mut self) {
        let Some(response) = self.bytes(STAMP).map(<[u8]>::to_vec) else {
            return;
        };
        let Some(key) = self.log_key(OWN_RECEIPTS, "own") else {
            return;
        };
        let mut over = None;
        for name in MESSAGES {
            let file = format!("stamps/{name}.tlog-proof");
            let Some(text) = self
                .bytes(&file)
                .map(|text| String::from_utf8_lossy(text).into_owned())
            else {
                continue;
            };
            match stamped(&text, &key, self.entries) {
                Ok(imprint) => over = Some(imprint),
                Err(why) => self.fault(&file, why),
            }
        }
        let Some(imprint) = over else {
            return self.fault(STAMP, "no proof says what was stamped");
        };
        let expected = Expected {
            imprint,
            nonce: None,
            policy: None,
            clock: None,
            accuracy_ms: STAMP_ACCURACY_MS,
        };
        match Stamp::check(self.trust, &response, &expected) {
            Ok(stamp) => self.holds.push(format!(
                "the leaves were there at {}, as a time-stamping authority says",
                Moment(stamp.time_ms / 1000)
            )),
            Err(error) => self.fault(STAMP, crate::chain(&error)),
        }
    }
}

/// The imprint of the checkpoint that a proof is under, if the proof is of a leaf of the receipts.
fn stamped(text: &str, key: &LogKey, entries: &[Entry]) -> Result<[u8; 32], String> {
    let proof = Proof::parse(text).map_err(|fault| fault.to_string())?;
    let checkpoint =
        open_cosigned(proof.note.as_bytes(), key).map_err(|fault| fault.to_string())?;
    let receipts: Option<Value> =
        find(entries, OWN_RECEIPTS).and_then(|bytes| serde_json::from_slice(bytes).ok());
    let fields = receipts
        .as_ref()
        .and_then(|read| read["receipts"].as_array());
    let mut fields = fields
        .into_iter()
        .flatten()
        .filter_map(|one| one["receipt"].as_str());
    let is_under = fields.any(|field| {
        bridge_verify::Field::parse(field).is_some_and(|field| {
            field.index == proof.index
                && root_of_inclusion(
                    field.index,
                    checkpoint.size,
                    &field.leaf_hash,
                    &proof.hashes,
                ) == Some(checkpoint.root)
        })
    });
    if !is_under {
        return Err("no leaf of the receipts is proved under the stamped checkpoint".to_owned());
    }
    imprint(proof.note.as_bytes()).ok_or_else(|| "it has no checkpoint".to_owned())
}

fn verifying_key(checked: &Checked) -> Option<VerifyingKey> {
    let algorithm = match checked.algorithm {
        KeyAlgorithm::P256 => Algorithm::EcdsaP256Sha256,
        KeyAlgorithm::Ed25519 => Algorithm::Ed25519,
        KeyAlgorithm::P384 | KeyAlgorithm::Rsa { .. } => return None,
    };
    VerifyingKey::new(algorithm, &checked.public_key).ok()
}

fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a [u8]> {
    let found = entries.iter().find(|entry| entry.name == name);
    found.map(|entry| entry.bytes.as_slice())
}

fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
