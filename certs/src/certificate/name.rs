//! The names in a certificate: of its issuer, of its subject, and the alternative ones.
//!
//! They end in logs and in the identity of who is spoken to, so that nothing stands in them that one reader shows and
//! another does not.
//!
//! Standard: RFC 5280 §4.1.2.4, §4.2.1.6.

use std::fmt;
use std::net::IpAddr;

use der::asn1::ObjectIdentifier;
use der::{Tag, Tagged as _};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use super::{Part as _, ReadError};
use crate::asn1::{Value, Values, context, only};

/// The most bytes that one attribute of a name may have.
const ATTRIBUTE_LIMIT_BYTES: usize = 256;

/// The most attributes that a name may have.
const ATTRIBUTES_LIMIT: usize = 32;

/// A name that holds to the rules, as it is written. It is printed when somebody wants to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(Vec<u8>);

/// What the alternative names of a subject say.
#[derive(Debug, Default)]
pub(crate) struct AlternativeNames {
    pub(crate) uris: Vec<String>,
    /// DNS names in lower case, and addresses.
    pub(crate) host_names: Vec<String>,
}

// === impl Name ===

impl Name {
    /// Takes a name whose every attribute is text that reads the same for everybody.
    pub(super) fn read(written: &[u8]) -> Result<Self, ReadError> {
        let mut sets = Values::of_sequence(written).part("a name")?;
        let mut count = 0;
        while !sets.is_finished() {
            let set = sets.next().part("a name")?;
            let mut attributes = Values::inside(set, Tag::Set).part("a name")?;
            loop {
                count += 1;
                if count > ATTRIBUTES_LIMIT {
                    return Err(ReadError::Malformed("a name of more parts than are read"));
                }
                let mut attribute = attributes.sequence().part("a name")?;
                let _kind: ObjectIdentifier = attribute.read().part("a name")?;
                check_text(attribute.next().part("a name")?)?;
                attribute.end().part("a name")?;
                if attributes.is_finished() {
                    break;
                }
            }
        }
        Ok(Self(written.to_vec()))
    }

    /// Whether it names nobody.
    pub(super) fn is_empty(&self) -> bool {
        // A sequence without content.
        self.0.len() <= 2
    }

    /// Its attributes: object identifier and text. One whose text is of no common form names nobody.
    pub(crate) fn attributes(&self) -> Vec<(String, String)> {
        let Ok((_, name)) = X509Name::from_der(&self.0) else {
            return Vec::new();
        };
        let attributes = name.iter_attributes().filter_map(|part| {
            let text = part.as_str().ok()?.to_owned();
            Some((part.attr_type().to_id_string(), text))
        });
        attributes.collect()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match X509Name::from_der(&self.0) {
            Ok((_, name)) => name.fmt(f),
            Err(_error) => f.write_str("a name that cannot be printed"),
        }
    }
}

// === impl AlternativeNames ===

impl AlternativeNames {
    pub(super) fn read(value: &[u8]) -> Result<Self, ReadError> {
        let mut values = Values::of_sequence(value).part("an alternative name")?;
        if values.is_finished() {
            return Err(ReadError::Malformed("no name among the alternative names"));
        }
        let mut found = Self::default();
        while !values.is_finished() {
            found.take(values.next().part("an alternative name")?)?;
        }
        Ok(found)
    }

    fn take(&mut self, name: Value<'_>) -> Result<(), ReadError> {
        let tag = name.tag();
        if tag == URI {
            self.uris.push(visible(name.value())?.to_owned());
        } else if tag == DNS_NAME {
            let name = visible(name.value())?;
            self.host_names.push(name.to_ascii_lowercase());
        } else if tag == ADDRESS
            && let Some(address) = address(name.value())
        {
            self.host_names.push(address.to_string());
        } else if tag == MAIL {
            visible(name.value())?;
        } else {
            check_other(name)?;
        }
        Ok(())
    }
}

/// Holds a name of another form to that form: none of them is an identity here, nor with whom a connection is made.
fn check_other(name: Value<'_>) -> Result<(), ReadError> {
    let tag = name.tag();
    if tag == DIRECTORY {
        return Name::read(name.value()).map(drop);
    }
    let form = if tag == REGISTERED {
        ObjectIdentifier::from_bytes(name.value())
            .map(drop)
            .map_err(|_error| Tag::ObjectIdentifier.value_error().into())
    } else if tag == OTHER {
        typed(name.value())
    } else if tag == X400 || tag == PARTY {
        values(name.value())
    } else {
        // Might be a second identity that this reader can't see and another one can.
        Err(tag.unexpected_error(None).into())
    };
    form.part("an alternative name")
}

/// A type, and one value of it.
fn typed(bytes: &[u8]) -> Result<(), der::Error> {
    let mut parts = Values::of(bytes)?;
    let _kind: ObjectIdentifier = parts.read()?;
    let value = parts.next()?;
    value.tag().assert_eq(context(0, true))?;
    only(value.value())?;
    parts.end()
}

/// Values, whatever they are.
fn values(bytes: &[u8]) -> Result<(), der::Error> {
    let mut parts = Values::of(bytes)?;
    while !parts.is_finished() {
        parts.next()?;
    }
    Ok(())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = || <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let sixteen = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    four().or_else(|_other| sixteen()).ok()
}

/// Text of an alternative name: visible ASCII, at least one character of it.
fn visible(bytes: &[u8]) -> Result<&str, ReadError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic) => Ok(text),
        _ => Err(ReadError::Malformed(
            "an alternative name with characters that do not belong there",
        )),
    }
}

/// Holds the value of an attribute to be text of its type, of a size that one reads, without signs that nobody sees.
fn check_text(value: Value<'_>) -> Result<(), ReadError> {
    let bytes = value.value();
    if bytes.is_empty() {
        return Err(ReadError::Malformed("a name with an empty part"));
    }
    if bytes.len() > ATTRIBUTE_LIMIT_BYTES {
        return Err(ReadError::Malformed(
            "a name with a longer part than is read",
        ));
    }
    let text = text(value.tag(), bytes);
    let text = text.ok_or(ReadError::Malformed("a name with a part that is no text"))?;
    if text.chars().any(is_unseen) {
        return Err(ReadError::Malformed("a name with signs that nobody sees"));
    }
    Ok(())
}

/// Standard: RFC 5280 §4.1.2.4. Standard: ITU-T X.690 §8.23.
fn text(tag: Tag, bytes: &[u8]) -> Option<String> {
    let of_ascii = |belongs: fn(&u8) -> bool| {
        let text = bytes.iter().all(belongs).then(|| bytes.to_vec())?;
        String::from_utf8(text).ok()
    };
    if tag == Tag::Utf8String {
        String::from_utf8(bytes.to_vec()).ok()
    } else if tag == Tag::PrintableString {
        // Beyond the standard's set some authorities write these three; all print them alike.
        of_ascii(|byte| byte.is_ascii_alphanumeric() || b" '()+,-./:=?*@&".contains(byte))
    } else if tag == Tag::Ia5String {
        of_ascii(u8::is_ascii)
    } else if tag == Tag::NumericString {
        of_ascii(|byte| byte.is_ascii_digit() || *byte == b' ')
    } else if tag == Tag::TeletexString {
        Some(bytes.iter().map(|byte| char::from(*byte)).collect())
    } else if tag == Tag::BmpString {
        let (units, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
        rest.is_empty().then(|| String::from_utf16(&units).ok())?
    } else {
        None
    }
}

/// Control characters, and those that turn the text around them or end its line.
fn is_unseen(sign: char) -> bool {
    let turns = matches!(
        sign,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
    );
    let spans = matches!(sign, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}');
    sign.is_control() || turns || spans
}

const MAIL: Tag = context(1, false);
const DNS_NAME: Tag = context(2, false);
const URI: Tag = context(6, false);
const ADDRESS: Tag = context(7, false);
const OTHER: Tag = context(0, true);
const X400: Tag = context(3, true);
const DIRECTORY: Tag = context(4, true);
const PARTY: Tag = context(5, true);
const REGISTERED: Tag = context(8, false);
