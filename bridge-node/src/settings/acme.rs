//! `[acme]`: the authority that issues and renews this node's certificates by itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use http::Uri;

use super::parts::Check;
use super::raw;
use crate::own::Use;

/// The authority and what is asked of it.
#[derive(Debug, Clone)]
pub struct Acme {
    /// Its directory, https.
    pub directory: Uri,
    /// PEM file of the authorities that issue the certificate of its web server.
    pub anchors: PathBuf,
    /// The DNS name of this node that it validates.
    pub name: String,
    /// Where its validations are answered.
    pub listen: SocketAddr,
    /// Addresses at which it reaches a person, as `mailto:…`.
    pub contact: Vec<String>,
    /// What is renewed.
    pub uses: Vec<Use>,
    /// What binds the account to a customer.
    pub binding: Option<AcmeBinding>,
}

/// External account binding.
#[derive(Debug, Clone)]
pub struct AcmeBinding {
    /// The number that the authority gave.
    pub key_id: String,
    /// File of the secret that it gave with it, base64url.
    pub key_file: PathBuf,
}

const FORM: &str =
    "write https://HOST[:PORT]/PATH: the directory's address, as the authority gives it";
const NAME_FORM: &str = "write a DNS name in lower case that leads to acme.listen at port 80";
const MAX_NAME_BYTES: usize = 253;

// === impl Check ===

impl Check<'_> {
    /// Checks `[acme]`.
    pub(super) fn acme(&mut self, raw: &raw::Acme, has_web: bool) -> Option<Acme> {
        let directory = self.parse::<Uri>("acme.directory", &raw.directory, FORM);
        let directory = directory.filter(|url| {
            let good =
                url.scheme_str() == Some("https") && url.host().is_some_and(|h| !h.is_empty());
            if !good {
                let what = format!("`{}` is no https address", raw.directory);
                self.fault("acme.directory", what, FORM);
            }
            good
        });
        let label = |label: &str| {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            !label.is_empty() && label.len() <= 63 && label.bytes().all(fits)
        };
        if raw.name.len() > MAX_NAME_BYTES || !raw.name.split('.').all(label) {
            self.fault(
                "acme.name",
                format!("`{}` is no DNS name", raw.name),
                NAME_FORM,
            );
        }
        for address in raw.contact.iter().flatten() {
            if !address.starts_with("mailto:") {
                self.fault(
                    "acme.contact",
                    format!("`{address}` is none"),
                    "write mailto:PERSON@DOMAIN",
                );
            }
        }
        let binding = match (&raw.external_account_id, &raw.external_account_key) {
            (Some(id), Some(file)) => Some(AcmeBinding {
                key_id: id.clone(),
                key_file: self.existing("acme.external_account_key", file),
            }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                self.fault(
                    "acme.external_account_id",
                    "stands without acme.external_account_key, or the other way round",
                    "give both, as the authority gave them, or neither",
                );
                None
            }
        };
        let uses = self.uses(raw.uses.as_deref(), has_web);
        let listen = self.address("acme.listen", Some(&raw.listen));
        Some(Acme {
            directory: directory?,
            anchors: self.existing("acme.anchors", &raw.anchors),
            name: raw.name.clone(),
            listen: listen?,
            contact: raw.contact.clone().unwrap_or_default(),
            uses,
            binding,
        })
    }

    fn uses(&mut self, given: Option<&[String]>, has_web: bool) -> Vec<Use> {
        let Some(given) = given else {
            return vec![Use::Tls, Use::Exchange];
        };
        let mut uses = Vec::new();
        for text in given {
            let found = Use::ALL.into_iter().find(|usage| usage.as_str() == text);
            match found {
                Some(Use::Web) if !has_web => self.fault(
                    "acme.uses",
                    "names web, and there is no consumer.listen",
                    "remove it, or add consumer.listen",
                ),
                Some(usage) if !uses.contains(&usage) => uses.push(usage),
                Some(_) => self.fault("acme.uses", format!("names {text} twice"), "name it once"),
                None => self.fault(
                    "acme.uses",
                    format!("`{text}` is none"),
                    "write of tls, exchange, web",
                ),
            }
        }
        uses
    }
}
