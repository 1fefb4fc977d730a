//! Questions about one certificate, and the answers of its authority or of a responder of that authority.
//!
//! Standard: RFC 6960 §4.

use der::Tag;
use der::asn1::{ObjectIdentifier, OctetStringRef};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::signed::{Signed, serial, time};
use super::{CLOCK_SKEW_S, Issuer, Status, StatusError, Window, sha1};
use crate::asn1::{
    INTEGER, NULL, OCTET_STRING, SEQUENCE, Value, Values, context, only, write, write_oid,
};
use crate::certificate::KeyAlgorithm;
use crate::extensions::Extensions;
use crate::moment::Moment;
use crate::profile::Profile;

/// What a responder is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The certificate's number, as it is written.
    pub serial: Vec<u8>,
    /// Random bytes that the answer must repeat; `None` for a responder that answers from a stock.
    pub nonce: Option<[u8; 16]>,
}

/// What a responder says of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    status: Status,
    window: Window,
}

// === impl Query ===

impl Query {
    /// Writes the question.
    ///
    /// Standard: RFC 6960 §4.1.1.
    pub fn to_der(&self, issuer: &Issuer) -> Vec<u8> {
        let algorithm = write(SEQUENCE, &[&write_oid(SHA_1), &write(NULL, &[])]);
        let parts: [&[u8]; 4] = [
            &algorithm,
            &write(OCTET_STRING, &[&sha1(&issuer.name)]),
            &write(OCTET_STRING, &[&sha1(issuer.key().1)]),
            &write(INTEGER, &[&self.serial]),
        ];
        let certificate = write(SEQUENCE, &parts);
        let list = write(SEQUENCE, &[&write(SEQUENCE, &[&certificate])]);
        let extensions = self.nonce.map_or_else(Vec::new, |nonce| {
            let value = write(OCTET_STRING, &[&write(OCTET_STRING, &[&nonce])]);
            let extension = write(SEQUENCE, &[&write_oid(NONCE), &value]);
            write(EXTENSIONS, &[&write(SEQUENCE, &[&extension])])
        });
        write(SEQUENCE, &[&write(SEQUENCE, &[&list, &extensions])])
    }
}

// === impl Answer ===

impl Answer {
    /// Reads an answer, and verifies that the authority of the certificate, or a responder of it, gave it to this question.
    /// Whether it counts now is [`Window::check`]'s to say.
    ///
    /// # Errors
    ///
    /// [`StatusError`] names the rule that it breaks.
    ///
    /// Standard: RFC 6960 §3.2, §4.2.
    pub fn read(
        issuer: &Issuer,
        query: &Query,
        der: &[u8],
        now_s: u64,
    ) -> Result<Self, StatusError> {
        let mut outer = Values::of_sequence(basic(der)?)?;
        let signed = Signed::read(&mut outer)?;
        let certificates = match outer.next_if(context(0, true))? {
            Some(explicit) => certificates(explicit)?,
            None => Vec::new(),
        };
        outer.end()?;
        let data = Data::read(signed.body)?;
        let (kind, key) = signer(issuer, &data, &certificates)?;
        signed.verify((kind, &key))?;

        let extensions = Extensions::read(data.extensions)?;
        extensions.check_critical(&[NONCE])?;
        if let Some(nonce) = &query.nonce {
            let told = extensions.value(NONCE).ok_or(StatusError::Nonce)?;
            if told != write(OCTET_STRING, &[nonce]) {
                return Err(StatusError::Nonce);
            }
        }
        let answer = about(issuer, &query.serial, data.answers)?;
        let latest_s = now_s.saturating_add(CLOCK_SKEW_S);
        if !(answer.window.this_update_s..=latest_s).contains(&data.produced_s) {
            let produced = Moment(data.produced_s);
            return Err(StatusError::Produced { produced });
        }
        Ok(answer)
    }

    /// What it says.
    pub fn status(&self) -> Status {
        self.status
    }

    /// When it was right, and when there will be another.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Whether it may take the place of one that was taken before.
    ///
    /// # Errors
    ///
    /// [`StatusError::GoesBack`].
    pub fn follows(&self, known: &Self) -> Result<(), StatusError> {
        if self.window.this_update_s < known.window.this_update_s {
            return Err(StatusError::GoesBack);
        }
        Ok(())
    }
}

/// What is signed of an answer.
struct Data<'a> {
    responder: Value<'a>,
    produced_s: u64,
    answers: Values<'a>,
    extensions: Option<Value<'a>>,
}

// === impl Data ===

impl<'a> Data<'a> {
    fn read(body: &'a [u8]) -> Result<Self, StatusError> {
        let mut parts = Values::of_sequence(body)?;
        // The only version is the one that is left out.
        if parts.next_if(context(0, true))?.is_some() {
            return Err(StatusError::Version);
        }
        let responder = parts.next()?;
        let produced_s = time(parts.next()?)?;
        let answers = parts.sequence()?;
        let extensions = match parts.next_if(context(1, true))? {
            Some(explicit) => Some(only(explicit.value())?),
            None => None,
        };
        parts.end()?;
        Ok(Self {
            responder,
            produced_s,
            answers,
            extensions,
        })
    }

    /// Whether this is the name, or the digest of the key, by which the responder calls itself.
    fn is_by(&self, name: &[u8], public_key: &[u8]) -> bool {
        let tag = der::Tagged::tag(&self.responder);
        let told = self.responder.value();
        (tag == context(1, true) && told == name)
            || (tag == context(2, true) && told == write(OCTET_STRING, &[&sha1(public_key)]))
    }
}

/// The answer inside what the responder says of itself.
fn basic(der: &[u8]) -> Result<&[u8], StatusError> {
    let mut outer = Values::of_sequence(der)?;
    let status = outer.next()?;
    der::Tagged::tag(&status).assert_eq(Tag::Enumerated)?;
    if let Some(why) = no_answer(status.value()) {
        return Err(StatusError::NoAnswer(why));
    }
    let explicit = Values::inside(outer.next()?, context(0, true));
    outer.end()?;
    let mut explicit = explicit?;
    let mut parts = explicit.sequence()?;
    explicit.end()?;
    let kind: ObjectIdentifier = parts.read()?;
    if kind != BASIC {
        return Err(StatusError::AnswerType(kind));
    }
    let answer: &OctetStringRef = parts.read()?;
    parts.end()?;
    Ok(answer.as_bytes())
}

/// Standard: RFC 6960 §4.2.1.
fn no_answer(status: &[u8]) -> Option<&'static str> {
    match status {
        [0] => None,
        [1] => Some("it calls the question malformed"),
        [2] => Some("it has an internal error"),
        [3] => Some("it asks to try later"),
        [5] => Some("it wants the question signed"),
        [6] => Some("it does not know the authority, or whoever asks"),
        _ => Some("it gives an unknown reason"),
    }
}

fn certificates(explicit: Value<'_>) -> Result<Vec<&[u8]>, StatusError> {
    let mut values = Values::inside(only(explicit.value())?, Tag::Sequence)?;
    let mut found = Vec::new();
    while !values.is_finished() {
        if found.len() >= CERTIFICATES_LIMIT {
            return Err(StatusError::TooMany);
        }
        found.push(values.next_bytes()?);
    }
    Ok(found)
}

/// The key that must have signed: the authority's own, or that of a responder whose certificate this very authority
/// issued for nothing else.
///
/// Standard: RFC 6960 §4.2.2.2.
fn signer(
    issuer: &Issuer,
    data: &Data<'_>,
    certificates: &[&[u8]],
) -> Result<(KeyAlgorithm, Vec<u8>), StatusError> {
    let (algorithm, public_key) = issuer.key();
    if data.is_by(&issuer.name, public_key) {
        return Ok((algorithm, public_key.to_vec()));
    }
    for der in certificates {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            continue;
        };
        let key = &certificate.public_key().subject_public_key.data;
        if !data.is_by(certificate.subject().as_raw(), key) {
            continue;
        }
        let checked = issuer
            .trust
            .check(der, &[], Profile::Ocsp, data.produced_s)
            .map_err(|error| StatusError::Responder(Box::new(error)))?;
        let extensions = certificate.extensions();
        if !extensions
            .iter()
            .any(|one| one.oid.to_id_string() == NO_CHECK)
        {
            return Err(StatusError::ResponderUnchecked);
        }
        return Ok((checked.algorithm, checked.public_key));
    }
    Err(StatusError::NoResponder)
}

/// The one answer that is about this certificate.
fn about(issuer: &Issuer, wanted: &[u8], mut answers: Values<'_>) -> Result<Answer, StatusError> {
    let mut found = None;
    let mut count = 0;
    while !answers.is_finished() {
        count += 1;
        if count > ANSWERS_LIMIT {
            return Err(StatusError::TooMany);
        }
        let mut parts = answers.sequence()?;
        let is_wanted = names(issuer, wanted, parts.sequence()?)?;
        let answer = one(parts)?;
        if is_wanted && found.replace(answer).is_some() {
            return Err(StatusError::Ambiguous);
        }
    }
    found.ok_or(StatusError::OtherCertificate)
}

fn names(issuer: &Issuer, wanted: &[u8], mut parts: Values<'_>) -> Result<bool, StatusError> {
    let algorithm = parts.algorithm()?;
    let name: &OctetStringRef = parts.read()?;
    let key: &OctetStringRef = parts.read()?;
    let serial = serial(&mut parts)?;
    parts.end()?;
    Ok(algorithm == SHA_1
        && name.as_bytes() == sha1(&issuer.name)
        && key.as_bytes() == sha1(issuer.key().1)
        && serial == wanted)
}

fn one(mut parts: Values<'_>) -> Result<Answer, StatusError> {
    let status = status(parts.next()?)?;
    let this_update_s = time(parts.next()?)?;
    let next_update_s = match parts.next_if(context(0, true))? {
        Some(explicit) => Some(time(only(explicit.value())?)?),
        None => None,
    };
    let extensions = match parts.next_if(context(1, true))? {
        Some(explicit) => Some(only(explicit.value())?),
        None => None,
    };
    parts.end()?;
    Extensions::read(extensions)?.check_critical(&[])?;
    Ok(Answer {
        status,
        window: Window::new(this_update_s, next_update_s)?,
    })
}

fn status(value: Value<'_>) -> Result<Status, StatusError> {
    let tag = der::Tagged::tag(&value);
    if tag == context(1, true) {
        let mut parts = Values::of(value.value())?;
        let since_s = time(parts.next()?)?;
        parts.next_if(context(0, true))?;
        parts.end()?;
        return Ok(Status::Revoked { since_s });
    }
    if !value.value().is_empty() {
        return Err(der::Error::from(tag.value_error()).into());
    }
    if tag == context(0, false) {
        Ok(Status::Good)
    } else {
        tag.assert_eq(context(2, false))?;
        Ok(Status::Unknown)
    }
}

/// Tag of the extensions of a question.
const EXTENSIONS: u8 = 0xa2;
/// The most certificates that an answer may bring along.
const CERTIFICATES_LIMIT: usize = 8;
/// The most answers that one may hold: responders that answer from a stock tell several at a time.
const ANSWERS_LIMIT: usize = 256;
const SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
/// Standard: RFC 6960 §4.2.1.
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
/// Standard: RFC 6960 §4.4.1.
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
/// Standard: RFC 6960 §4.2.2.2.1.
pub(crate) const NO_CHECK: &str = "1.3.6.1.5.5.7.48.1.5";
