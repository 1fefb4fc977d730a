//! Judges a message of a dossier: who signed it, and that it is of this exchange and no other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_certs::pem::certificates;
use bridge_certs::trust::INTERMEDIATES_LIMIT;
use bridge_certs::{CertificateError, Checked, KeyAlgorithm, Moment, Profile};
use bridge_core::envelope::link;
use bridge_core::identity::{CertificateName, MemberId};
use bridge_core::leaf::Leaf;
use bridge_core::target::{Target, TargetLimits, parse_target};
use bridge_signature::{Algorithm, BatchValue, Form, VerifyingKey};
use ring::digest::{SHA256, digest};
use uuid::Uuid;

use super::super::evidence::{self, Signed};
use super::super::{AUTHORITIES, REQUEST};
use super::{Case, Logged};

/// Names the files of one message.
struct Files {
    base: String,
    signature: String,
    body: String,
    certificate: String,
}

// === impl Case ===

impl Case<'_> {
    /// Judges a message: its certificate, its signature, its body, and that the log has the very signature, since when a
    /// time-stamp says, if there is one.
    pub(super) fn message(&mut self, name: &str, logged: Option<&Logged>, stamped_ms: Option<u64>) {
        let files = Files {
            base: format!("{name}/base.txt"),
            signature: format!("{name}/signature.bin"),
            body: format!("{name}/body.bin"),
            certificate: format!("certificates/{name}.pem"),
        };
        let is_told = self
            .description
            .pointer(&format!("/messages/{name}"))
            .is_some();
        let entries = self.entries;
        let bytes = |file: &str| super::find(entries, file);
        let (Some(base), Some(signature)) = (bytes(&files.base), bytes(&files.signature)) else {
            if is_told || bytes(&files.base).is_some() || bytes(&files.signature).is_some() {
                self.fault(&files.base, "the message or its signature is missing");
            }
            return;
        };
        let Some(signed) = evidence::read(name, base) else {
            let what = format_args!("it is not the signature base of the {name}");
            return self.fault(&files.base, what);
        };
        let leaf = logged.map(|one| &one.leaf);
        let said = leaf.and_then(|leaf| match name {
            REQUEST => leaf.link,
            _ => leaf.answer_link,
        });
        if said != Some(link(signature)) {
            let what = "no leaf of the receipts names this signature";
            self.fault(&files.signature, what);
        }
        if let Some(leaf) = leaf {
            self.exchange(name, &files, &signed, leaf);
        }
        if let Some(checked) = self.certificate(&files.certificate, &signed) {
            let by = checked.name.as_ref();
            let member = by.map(CertificateName::member);
            let by = by.map(ToString::to_string).unwrap_or_default();
            if member.is_none() || member != leaf.and_then(|leaf| speaks(name, leaf)) {
                let what = format_args!("{by} does not speak for that end of the exchange");
                self.fault(&files.certificate, what);
            }
            self.revocation((&files.certificate, name), &checked.chain, stamped_ms);
            if genuine(&checked, &signed, base, signature) {
                let at = Moment(signed.created_s);
                let what = format!("the {name} is signed by {by} at {at}");
                self.holds.push(what);
            } else {
                let what = "it is not the signature of this key over this base";
                self.fault(&files.signature, what);
            }
        }
        let digested = bytes(&files.body).map(|body| digest(&SHA256, body));
        if let Some(found) = digested
            && signed.body_digest.as_ref().map(<[u8; 32]>::as_slice) != Some(found.as_ref())
        {
            self.fault(&files.body, "its digest is not the one that was signed");
        }
    }

    /// What was signed is of the exchange that the leaf is of; an answer is the answer to that very request.
    fn exchange(&mut self, name: &str, files: &Files, signed: &Signed<'_>, leaf: &Leaf) {
        let id = signed.says("x-road-request-id").map(str::parse::<Uuid>);
        let client = signed.says("x-road-client").map(str::parse);
        // A refusal may come before the client is known.
        let is_client = match &leaf.client {
            Some(own) => client == Some(Ok(own.clone())),
            None => name != REQUEST,
        };
        if id != leaf.request_id.map(Ok) || !is_client || !is_asked(signed, leaf) {
            self.fault(&files.base, "it is of another exchange than its leaf");
        }
        if name == REQUEST {
            return;
        }
        let request = super::find(self.entries, &format!("{REQUEST}/signature.bin"));
        let answered = signed.answered.as_deref();
        let differs = request.is_some_and(|request| answered != Some(request))
            || leaf
                .link
                .is_some_and(|said| answered.map(link) != Some(said));
        if answered.is_none() || differs {
            self.fault(&files.base, "it answers another request");
        }
    }

    /// The certificate of a message's key, good for exchanges at the time that the message says.
    fn certificate(&mut self, file: &str, signed: &Signed<'_>) -> Option<Checked> {
        let read = |file: &str| self.bytes(file).and_then(|pem| certificates(pem).ok());
        let (own, issuers) = (read(file), read(AUTHORITIES).unwrap_or_default());
        let Some(own) = own.and_then(|list| list.into_iter().next()) else {
            self.fault(file, "the certificate of the message's key is missing");
            return None;
        };
        if URL_SAFE_NO_PAD.encode(digest(&SHA256, &own)) != signed.key_id {
            self.fault(file, "the message names another key");
            return None;
        }
        // Roots among them add nothing: only what is trusted ends a chain. A key's own chain stands together.
        let check = |some: &[Vec<u8>]| -> Result<Checked, CertificateError> {
            let at = signed.created_s;
            self.trust.check(&own, some, Profile::Exchange, at)
        };
        let mut checked = check(&[]);
        for some in issuers.chunks(INTERMEDIATES_LIMIT) {
            checked = checked.or_else(|_untrusted| check(some));
        }
        match checked {
            Ok(checked) => Some(checked),
            Err(error) => {
                self.fault(file, crate::chain(&error));
                None
            }
        }
    }
}

/// The member that sends this message in the exchange of a leaf.
fn speaks<'a>(name: &str, leaf: &'a Leaf) -> Option<&'a MemberId> {
    match name {
        REQUEST => Some(leaf.client.as_ref()?.member()),
        _ => Some(leaf.service.as_ref()?.subsystem().member()),
    }
}

/// Whether what is asked for is the service of a leaf, or what its provider tells of its services.
fn is_asked(signed: &Signed<'_>, leaf: &Leaf) -> bool {
    // What a node took was within its own limits.
    let limits = TargetLimits {
        target_bytes: usize::MAX,
        segments: usize::MAX,
        parameters: usize::MAX,
    };
    let target = signed.says("@request-target");
    match target.map(|target| parse_target(target, &limits)) {
        Some(Ok(Target::Service(target))) => leaf.service == Some(target.service),
        Some(Ok(Target::Metadata { provider, .. })) => {
            let service = leaf.service.as_ref();
            service.is_some_and(|service| *service.subsystem() == provider)
        }
        _ => false,
    }
}

fn genuine(checked: &Checked, signed: &Signed<'_>, base: &[u8], signature: &[u8]) -> bool {
    let algorithm = match checked.algorithm {
        KeyAlgorithm::P256 => Algorithm::EcdsaP256Sha256,
        KeyAlgorithm::Ed25519 => Algorithm::Ed25519,
        KeyAlgorithm::P384 | KeyAlgorithm::Rsa { .. } => return false,
    };
    let Ok(key) = VerifyingKey::new(algorithm, &checked.public_key) else {
        return false;
    };
    match signed.form {
        Form::Plain => key.verify(base, signature).is_ok(),
        Form::Batch => BatchValue::parse(signature)
            .is_ok_and(|value| value.verify(&key, (signed.key_id, base), None).is_ok()),
    }
}
