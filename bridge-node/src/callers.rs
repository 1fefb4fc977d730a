//! Who is calling: information systems prove themselves by a pinned TLS client certificate or by an API key.

use std::collections::HashMap;
use std::sync::Arc;

use bridge_core::identity::SubsystemId;
use bridge_core::refusal::{CallerFault, Refusal};
use bridge_directory::metadata::hex;
use http::HeaderMap;
use ring::digest::{SHA256, digest};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::log_share::LogShare;
use crate::server::Connection;
use crate::settings::{Caller, Credential};

/// The field that carries an API key. It is consumed here: never forwarded, signed, logged or kept.
pub const API_KEY: &str = "bridge-api-key";

/// All callers of the settings, by the digest of their credential.
#[derive(Debug)]
pub struct Callers {
    by_certificate: HashMap<Vec<u8>, Arc<Caller>>,
    by_key: HashMap<[u8; 32], Arc<Caller>>,
    lines: Arc<LogShare>,
}

// === impl Callers ===

impl Callers {
    /// Indexes the callers of the settings; who is none of them gets a share of the log.
    pub fn new(callers: &[Caller], lines: Arc<LogShare>) -> Self {
        let mut index = Self {
            by_certificate: HashMap::new(),
            by_key: HashMap::new(),
            lines,
        };
        for caller in callers {
            let shared = Arc::new(caller.clone());
            match &caller.credential {
                Credential::Certificate(der) => {
                    index.by_certificate.insert(der.clone(), shared);
                }
                // The key is looked up by its digest, so the comparison leaks nothing of the key.
                Credential::ApiKey(hash) => {
                    index.by_key.insert(*hash, shared);
                }
            }
        }
        index
    }

    /// Finds the caller. A key that was sent must be right, whatever certificate comes with it.
    ///
    /// # Errors
    ///
    /// [`CallerFault::NotAuthenticated`], which says nothing more.
    pub fn authenticate(
        &self,
        connection: &Connection,
        fields: &HeaderMap,
        now_s: u64,
    ) -> Result<Arc<Caller>, Refusal> {
        let found = self.find(connection, fields, now_s);
        found.cloned().map_err(|why| {
            // The caller is told nothing that helps to guess; the operator is.
            if self.lines.admit() {
                tracing::info!(why, "a caller was not authenticated");
            }
            Refusal::Caller(CallerFault::NotAuthenticated)
        })
    }

    /// As [`Callers::authenticate`], for whoever refuses nobody by it.
    ///
    /// # Errors
    ///
    /// What the operator is told.
    pub fn find(
        &self,
        connection: &Connection,
        fields: &HeaderMap,
        now_s: u64,
    ) -> Result<&Arc<Caller>, &'static str> {
        match fields.get(API_KEY) {
            Some(key) => self
                .by_key
                .get(digest(&SHA256, key.as_bytes()).as_ref())
                .ok_or("no entry of [[callers]] has this API key"),
            None => self.of_certificate(connection, now_s),
        }
    }

    /// The caller whose certificate the connection has shown, or why there is none.
    ///
    /// # Errors
    ///
    /// What the operator is told.
    pub fn of_certificate(
        &self,
        connection: &Connection,
        now_s: u64,
    ) -> Result<&Arc<Caller>, &'static str> {
        let certificate = connection
            .certificates
            .first()
            .ok_or("neither an API key nor a client certificate was sent")?;
        let caller = self
            .by_certificate
            .get(certificate.as_ref())
            .ok_or("no entry of [[callers]] has this certificate")?;
        if is_valid_at(certificate, now_s) {
            Ok(caller)
        } else {
            Err("the caller's certificate has expired or is not valid yet")
        }
    }
}

/// A caller may only speak for subsystems that its credential owns.
///
/// # Errors
///
/// [`CallerFault::NotOwner`].
pub fn owns(caller: &Caller, client: &SubsystemId) -> Result<(), Refusal> {
    if caller.subsystems.contains(client) {
        return Ok(());
    }
    Err(Refusal::Caller(CallerFault::NotOwner))
}

/// What the settings keep of an API key: its SHA-256 in hexadecimal.
pub fn api_key_digest(key: &str) -> String {
    hex(digest(&SHA256, key.as_bytes()).as_ref())
}

fn is_valid_at(certificate: &[u8], now_s: u64) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    let now = i64::try_from(now_s).unwrap_or(i64::MAX);
    parsed.validity().not_before.timestamp() <= now
        && now <= parsed.validity().not_after.timestamp()
}
