//! The keys of a node that joins: each proves itself by a signature.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_certs::{public_key_of, read_pem_certificates};
use bridge_directory::join::spki_of;
use bridge_signature::Signer;

use crate::command::{Failure, hint};

/// A key that proves itself by a signature, and its public half.
pub(super) struct Own {
    pub(super) signer: Arc<dyn Signer>,
    pub(super) public_key: Vec<u8>,
}

// === impl Own ===

impl Own {
    pub(super) fn spki(&self) -> String {
        spki_of(self.signer.algorithm(), &self.public_key)
    }
}

pub(super) fn signer(keys: &crate::keys::Keys, name: &str) -> Result<Own, Failure> {
    let key = keys.key(name).map_err(|error| no_key(&error))?;
    key.signer(String::new())
        .map(|(signer, public_key)| Own { signer, public_key })
        .map_err(|_neither| {
            let what = format!("{}: neither a P-256 nor an Ed25519 key", keys.path(name).display());
            let remedy = "other keys can't be asked for here: have the officers list the node by `directory propose … node add`";
            Failure::Failed(hint(&what, remedy))
        })
}

/// The certificate of a key, if it was issued already.
pub(super) fn certificate(path: &Path, key: &Own) -> Result<Option<String>, Failure> {
    if !path.exists() {
        return Ok(None);
    }
    let wrong = |why: &str| Failure::Failed(format!("{}: {why}", path.display()));
    let read = read_pem_certificates(path).map_err(|error| wrong(&crate::chain(&error)))?;
    let own = read
        .into_iter()
        .next()
        .ok_or_else(|| wrong("no certificate"))?;
    match public_key_of(&own) {
        Ok((_, raw)) if raw == key.public_key => Ok(Some(STANDARD.encode(own))),
        _ => Err(wrong("not the certificate of exchange.key")),
    }
}

pub(super) fn no_key(error: &bridge_certs::KeyFileError) -> Failure {
    let what = format!("key: {}", crate::chain(error));
    let remedy = "a node that joins has tls.key, exchange.key and journal.key in its keys folder: config/README.md";
    Failure::Failed(hint(&what, remedy))
}
