//! Judges whether a signature is older than the revocation of its key: what signed it says of the time is worth nothing then.
//!
//! Whoever steals a key may sign with any earlier time. What was there before the revocation is what a time-stamping authority has
//! stamped before it: the checkpoint over a message's leaf, or the seal.

use bridge_certs::pem::certificates;
use bridge_certs::status::{Issuer, RevocationList, Status};
use bridge_certs::{Issuance, Moment, certificate_pem};

use super::super::AUTHORITIES;
use super::{Case, find};

/// A list that the reader brings, read by the authority that signed it.
pub(super) struct Listed {
    key: [u8; 32],
    authority: String,
    list: RevocationList,
}

// === impl Case ===

impl Case<'_> {
    /// Reads the revocation lists that the reader brings. Each is of an authority that is trusted or came along: which of these count
    /// is for the certificates' chains to say.
    pub(super) fn read_lists(&mut self, lists: &[Vec<u8>]) {
        if lists.is_empty() {
            return;
        }
        let enclosed = find(self.entries, AUTHORITIES).and_then(|pem| certificates(pem).ok());
        let trusted = self.trust.certificates().map(|der| der.to_vec());
        let mut issuers: Vec<Issuer> = Vec::new();
        for der in trusted.chain(enclosed.unwrap_or_default()) {
            if let Ok(issuer) = Issuer::from_pem(certificate_pem(&der).as_bytes())
                && !issuers
                    .iter()
                    .any(|known| known.spki_sha256() == issuer.spki_sha256())
            {
                issuers.push(issuer);
            }
        }
        for (number, der) in lists.iter().enumerate() {
            let read = issuers
                .iter()
                .find_map(|issuer| Some((issuer, RevocationList::read(issuer, der).ok()?)));
            match read {
                Some((issuer, list)) => self.lists.push(Listed {
                    key: issuer.spki_sha256(),
                    authority: issuer.subject().to_owned(),
                    list,
                }),
                None => self.fault(
                    &format!("revocation list {}", number + 1),
                    "no authority that is trusted, or in the dossier, has signed it",
                ),
            }
        }
    }

    /// Holds a signature to the lists: its certificate, and those above it, are not revoked, or a time-stamp of before shows it.
    /// Who brought no lists at all is content without.
    pub(super) fn revocation(
        &mut self,
        (file, what): (&str, &str),
        chain: &[Issuance],
        stamped_ms: Option<u64>,
    ) {
        if self.lists.is_empty() {
            return;
        }
        for one in chain {
            let mut of_issuer = self
                .lists
                .iter()
                .filter(|listed| listed.key == one.issuer_spki_sha256)
                .peekable();
            if of_issuer.peek().is_none() {
                let key = bridge_directory::metadata::hex(&one.issuer_spki_sha256);
                self.fault(
                    file,
                    format_args!("no revocation list is given of its issuer, SHA-256 {key}"),
                );
                continue;
            }
            let mut found = None;
            let mut known = String::new();
            for listed in of_issuer {
                let (authority, made) = (&listed.authority, listed.list.window().this_update_s);
                known = format!("{authority}, {}", Moment(made));
                // Of several lists the earliest date counts.
                if let Status::Revoked { since_s } = listed.list.status(&one.serial) {
                    found = Some(found.map_or(since_s, |known: u64| known.min(since_s)));
                }
            }
            match (found, stamped_ms) {
                (None, _) => self
                    .holds
                    .push(format!("{what}: its certificate is not revoked ({known})")),
                (Some(since_s), Some(stamped_ms)) if stamped_ms < since_s.saturating_mul(1000) => {
                    let (since, stamped) = (Moment(since_s), Moment(stamped_ms / 1000));
                    self.holds.push(format!(
                        "{what}: its certificate is revoked since {since}, and it was there at {stamped}"
                    ));
                }
                (Some(since_s), stamped_ms) => {
                    let since = Moment(since_s);
                    let stamped = stamped_ms.map_or_else(
                        || "no time-stamp is over it".to_owned(),
                        |ms| format!("the time-stamp over it is of {}", Moment(ms / 1000)),
                    );
                    self.fault(
                        file,
                        format_args!("its certificate is revoked since {since}, and nothing shows that the {what} is older: {stamped}"),
                    );
                }
            }
        }
    }
}
