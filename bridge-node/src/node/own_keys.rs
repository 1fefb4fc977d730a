//! The node's own keys, each with the certificate that goes with it, as they are read before a start.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_certs::{Checked, KeyAlgorithm, KeyFileError, Profile, Trust, read_pem_certificates};
use bridge_core::identity::CertificateName;
use bridge_journal::WitnessKey;
use bridge_signature::{Algorithm, Signer};
use zeroize::Zeroizing;

use super::parts::OwnCertificate;
use crate::chain;
use crate::epochs;
use crate::own::OwnFiles;
use crate::settings::Settings;
use crate::tls::{TlsError, TlsIdentity, peer_of, peer_server};

/// Why a file can't be used.
pub(super) type Unusable = Box<dyn std::error::Error + Send + Sync>;

/// The key of the log that is here, or of the one that begins.
pub(super) fn journal_key(settings: &Settings) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    let epoch = epochs::current(settings)?;
    Ok(settings.keys.private(&epochs::key_file(epoch))?)
}

/// The file may be absent: such a node witnesses nothing.
pub(super) fn witness_key(settings: &Settings) -> Result<Option<WitnessKey>, Unusable> {
    if !settings.keys.path("witness.key").exists() {
        return Ok(None);
    }
    let pkcs8 = settings.keys.private("witness.key")?;
    let key = WitnessKey::new(&settings.witness_name(), &pkcs8)?;
    Ok(Some(key))
}

pub(crate) fn exchange_signer(
    settings: &Settings,
    trust: &Trust,
    files: &OwnFiles,
    now_s: u64,
) -> Result<(Arc<dyn Signer>, OwnCertificate), Unusable> {
    let (file, key_file) = (&files.certificates, &files.key);
    let certificates = read_pem_certificates(&settings.keys.path(file))?;
    let (leaf, rest) = certificates
        .split_first()
        .ok_or_else(|| format!("{file}: no certificate"))?;
    let checked = trust
        .check(leaf, rest, Profile::Exchange, now_s)
        .map_err(|e| format!("{file}: {}", chain(&e)))?;
    own_name(settings, &checked).map_err(|what| format!("{file}: {what}"))?;
    let algorithm = match checked.algorithm {
        KeyAlgorithm::P256 => Algorithm::EcdsaP256Sha256,
        KeyAlgorithm::Ed25519 => Algorithm::Ed25519,
        KeyAlgorithm::P384 | KeyAlgorithm::Rsa { .. } => {
            return Err(format!("{file}: keys of this kind do not sign exchanges").into());
        }
    };
    let key = settings.keys.key(key_file)?;
    let key_id = URL_SAFE_NO_PAD.encode(checked.sha256);
    let (signer, public_key) = key
        .signer(key_id)
        .map_err(|e| format!("{key_file}: {}", chain(&e)))?;
    if signer.algorithm() != algorithm || public_key != checked.public_key {
        return Err(format!("{key_file} is not the key of {file}").into());
    }
    Ok((signer, OwnCertificate::new("exchange", checked)))
}

pub(crate) fn own_tls(
    settings: &Settings,
    trust: &Arc<Trust>,
    (tls, files): (&TlsIdentity, &OwnFiles),
    now_s: u64,
) -> Result<OwnCertificate, String> {
    let file = &files.certificates;
    let of_file = |error: &dyn std::error::Error| format!("{file}: {}", chain(error));
    let checked = peer_of(trust, &tls.chain, now_s).map_err(|error| of_file(&error))?;
    own_name(settings, &checked).map_err(|what| format!("{file}: {what}"))?;
    peer_server(tls, Arc::clone(trust)).map_err(|error| of_file(&error))?;
    Ok(OwnCertificate::new("tls", Arc::unwrap_or_clone(checked)))
}

fn own_name(settings: &Settings, checked: &Checked) -> Result<(), String> {
    if checked.name == Some(CertificateName::Node(settings.node.clone())) {
        return Ok(());
    }
    Err(format!("the certificate does not name {}", settings.node))
}

/// What would mend a file that can't be used, if that is not to put another in its place.
pub(super) fn remedy(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    match error.downcast_ref() {
        Some(TlsError::Key(error)) => error.remedy(),
        _ => error.downcast_ref().and_then(KeyFileError::remedy),
    }
}
