//! `[status]`: which authorities are asked what they have revoked, and what happens while none answers.

use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

use super::parts::Check;
use super::raw;
use super::time::Number;

/// How revoked certificates are known.
#[derive(Debug, Clone)]
pub struct Status {
    /// Whose certificates have a status.
    pub authorities: Vec<StatusAuthority>,
    /// How often sources are read.
    pub every: Duration,
    /// How long a list or an answer counts after it was right; above it nothing is exchanged with what it is about.
    pub tolerated_age: Duration,
}

/// An authority whose certificates are asked about.
#[derive(Debug, Clone)]
pub struct StatusAuthority {
    /// PEM file of its certificate.
    pub certificate: PathBuf,
    /// Where its revocation list is, in the order in which it is looked for.
    pub crl: Vec<CrlSource>,
    /// Its OCSP responders, in the order in which they are asked.
    pub ocsp: Vec<Uri>,
    /// Whether an answer must repeat a number of the question.
    pub nonce: bool,
    /// Whether its certificates are used although nobody says which are revoked.
    pub unchecked: bool,
}

/// Where a revocation list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrlSource {
    /// An `http://` address.
    Http(Uri),
    /// A file that somebody else replaces.
    File(PathBuf),
}

/// A revocation is in force within a minute of its publication, whatever this is set to.
pub(super) const EVERY_S: Number = ("every_seconds", (1, 20, 50));
/// A day: no list counts longer, whatever it says of itself.
pub(super) const TOLERATED_AGE_S: Number = ("tolerated_age_seconds", (1, 86_400, 86_400));
const FORM: &str =
    "write http://HOST[:PORT][/PATH]: what is read is signed, so https would add nothing";

// === impl Check ===

impl Check<'_> {
    /// Checks `[status]`.
    pub(super) fn status(&mut self, raw: &raw::Status) -> Status {
        let seconds = [
            (raw.every_seconds, EVERY_S),
            (raw.tolerated_age_seconds, TOLERATED_AGE_S),
        ];
        let [every, tolerated_age] =
            seconds.map(|(given, number)| self.seconds("status", given, number));
        if raw.authorities.is_empty() {
            self.fault(
                "status.authorities",
                "is empty",
                "add [[status.authorities]], or leave [status] out: then nobody's revocations are known",
            );
        }
        if tolerated_age <= every {
            self.fault(
                "status.tolerated_age_seconds",
                "is not above status.every_seconds",
                "give more: else every word would be too old before the next",
            );
        }
        let authorities = raw.authorities.iter().enumerate();
        Status {
            authorities: authorities
                .map(|(i, one)| self.status_authority(&format!("status.authorities[{i}]"), one))
                .collect(),
            every,
            tolerated_age,
        }
    }

    fn status_authority(&mut self, place: &str, raw: &raw::StatusAuthority) -> StatusAuthority {
        let crl = raw.crl.as_deref().unwrap_or_default();
        let ocsp = raw.ocsp.as_deref().unwrap_or_default();
        let unchecked = raw.unchecked.unwrap_or_default();
        match (unchecked, crl.is_empty() && ocsp.is_empty()) {
            (false, true) => self.fault(
                place,
                "names neither crl nor ocsp",
                "give at least one address of either, or `unchecked = true` if nobody says which of its certificates are revoked",
            ),
            (true, false) => self.fault(
                place,
                "is unchecked and names crl or ocsp",
                "leave out one or the other",
            ),
            (false, false) | (true, true) => {}
        }
        StatusAuthority {
            certificate: self.existing(&format!("{place}.certificate"), &raw.certificate),
            crl: crl
                .iter()
                .filter_map(|text| self.source(&format!("{place}.crl"), text))
                .collect(),
            ocsp: ocsp
                .iter()
                .filter_map(|text| self.web(&format!("{place}.ocsp"), text))
                .collect(),
            nonce: raw.nonce.unwrap_or(true),
            unchecked,
        }
    }

    /// A file need not be there yet: whoever writes it may come later.
    fn source(&mut self, place: &str, text: &str) -> Option<CrlSource> {
        if text.contains("://") {
            return self.web(place, text).map(CrlSource::Http);
        }
        Some(CrlSource::File(self.folder.join(text)))
    }

    fn web(&mut self, place: &str, text: &str) -> Option<Uri> {
        let url = self.parse::<Uri>(place, text, FORM)?;
        if url.scheme_str() != Some("http") || url.host().is_none_or(str::is_empty) {
            self.fault(place, format!("`{text}` is no address"), FORM);
            return None;
        }
        Some(url)
    }
}
