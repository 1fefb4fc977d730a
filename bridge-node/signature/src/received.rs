//! A signature as it came, before any key has judged it.

use http::HeaderMap;
use sfv::{Dictionary, FieldType as _, ListEntry, Parser};
use thiserror::Error;

use crate::base::{Base, BaseError, base_with_input};
use crate::component::Component;
use crate::limits::{MAX_COMPONENTS, MAX_INPUT_BYTES, MAX_SIGNATURE_FIELD_BYTES};
use crate::message::Message;
use crate::params::Params;
use crate::plain;
use crate::structured::{LineError, only_line};

const SIGNATURE_INPUT: &str = "signature-input";
const SIGNATURE: &str = "signature";

/// Holds a received signature: what it says to cover, its parameters and its bytes. Proves nothing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// The covered components, in the order received.
    pub covered: Vec<Component<'a>>,
    /// The parameters.
    pub params: Params,
    /// The signature's bytes.
    pub signature: Vec<u8>,
    input: &'a str,
}

/// Why the fields `Signature-Input` and `Signature` are refused.
#[derive(Debug, Error)]
pub enum ParseError {
    /// A field is missing.
    #[error("the field {0} is missing")]
    Missing(&'static str),
    /// A field stands on several lines.
    #[error("the field {0} occurs more than once")]
    Repeated(&'static str),
    /// A field is longer than its limit.
    #[error("the field {field} is longer than {limit} bytes")]
    TooLong {
        /// Which field.
        field: &'static str,
        /// How long it may be.
        limit: usize,
    },
    /// A field holds other bytes than visible ASCII, spaces and tabs.
    #[error("the field {0} is not printable ASCII")]
    NotText(&'static str),
    /// A field is not a dictionary.
    #[error("the field {field} is not a dictionary")]
    NotDictionary {
        /// Which field.
        field: &'static str,
        /// What the reader of structured fields says.
        #[source]
        source: sfv::Error,
    },
    /// A field has other members than the one expected.
    #[error("the field {field} must have the member {label:?} and no other")]
    Label {
        /// Which field.
        field: &'static str,
        /// The label that is expected.
        label: String,
    },
    /// The member of `Signature-Input` is not an inner list, or that of `Signature` is not a plain byte sequence.
    #[error("the member of the field {0} has the wrong type")]
    MemberType(&'static str),
    /// A field is not in the one spelling that its value has; doubled members and parameters end here too.
    #[error("the field {0} is not written in the strict serialisation")]
    NotStrict(&'static str),
    /// A covered component is not a text.
    #[error("a covered component is not a text")]
    ComponentNotText,
    /// A covered component has a parameter that is unknown here or has the wrong type.
    #[error("the component {component:?} has the parameter {parameter:?}, which is not understood")]
    ComponentParameter {
        /// The component's name.
        component: String,
        /// The parameter's name.
        parameter: String,
    },
    /// `@signature-params` is covered by name, which it must never be.
    #[error("@signature-params must not be covered by name")]
    CoversItself,
    /// More components than the limit.
    #[error("{count} components are covered, at most {MAX_COMPONENTS} may be")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A signature parameter that is not known here.
    #[error("the signature parameter {0:?} is not known")]
    UnknownParameter(String),
    /// A signature parameter of the wrong type, or a negative time.
    #[error("the signature parameter {0} has a value of the wrong type")]
    ParameterType(&'static str),
}

/// Reads the one signature of a message, which must have this label.
///
/// Strict: each field on one line and with one member, in the strict serialisation of RFC 9651 §4, so that a signature
/// has one spelling only; unknown parameters are refused. Whether a component is covered twice is judged with the base.
///
/// # Errors
/// A [`ParseError`] for each rule above and for each limit of [`crate::limits`].
///
/// Standard: RFC 9421 §4.
pub fn parse_signature<'a>(fields: &'a HeaderMap, label: &str) -> Result<Received<'a>, ParseError> {
    let field = (SIGNATURE_INPUT, MAX_INPUT_BYTES);
    let (input, (covered, params)) = member(fields, field, label, plain::input, input)?;
    if covered
        .iter()
        .any(|component| component.name() == "@signature-params")
    {
        return Err(ParseError::CoversItself);
    }
    let field = (SIGNATURE, MAX_SIGNATURE_FIELD_BYTES);
    let (_, signature) = member(fields, field, label, plain::bytes, signature)?;
    Ok(Received {
        covered,
        params,
        signature,
        input,
    })
}

impl Received<'_> {
    /// Makes the base that the signature must have been made over, with the parameters as they were received.
    ///
    /// # Errors
    /// As [`signature_base`](crate::signature_base).
    ///
    /// Standard: RFC 9421 §3.2.
    pub fn base(&self, message: &Message<'_>) -> Result<Base, BaseError> {
        base_with_input(message, &self.covered, self.input.to_owned())
    }

    /// Returns the member of `Signature-Input` as it came, without its label.
    pub fn input(&self) -> &str {
        self.input
    }
}

/// Reads a field with exactly one member; gives its value's text and what it says.
///
/// Nearly every value is in the plain spelling; any other takes the general reader.
fn member<'a, T>(
    fields: &'a HeaderMap,
    (field, limit): (&'static str, usize),
    label: &str,
    plain: impl FnOnce(&'a str) -> Option<T>,
    general: impl FnOnce(ListEntry) -> Result<T, ParseError>,
) -> Result<(&'a str, T), ParseError> {
    let text = only_line(fields, field, limit).map_err(|error| match error {
        LineError::Missing => ParseError::Missing(field),
        LineError::Repeated => ParseError::Repeated(field),
        LineError::TooLong => ParseError::TooLong { field, limit },
        LineError::NotText => ParseError::NotText(field),
    })?;
    let value = plain::value(text, label);
    if let Some(value) = value
        && let Some(read) = plain(value)
    {
        return Ok((value, read));
    }
    let dictionary: Dictionary = Parser::new(text)
        .parse()
        .map_err(|source| ParseError::NotDictionary { field, source })?;
    if dictionary.serialize().as_deref() != Some(text) {
        return Err(ParseError::NotStrict(field));
    }
    let wrong_label = || ParseError::Label {
        field,
        label: label.to_owned(),
    };
    if dictionary.len() != 1 {
        return Err(wrong_label());
    }
    let value = value.ok_or_else(wrong_label)?;
    let (_, entry) = dictionary.into_iter().next().ok_or_else(wrong_label)?;
    Ok((value, general(entry)?))
}

/// Reads the member of `Signature-Input`: what is covered, and the parameters.
fn input<'a>(entry: ListEntry) -> Result<(Vec<Component<'a>>, Params), ParseError> {
    let ListEntry::InnerList(list) = entry else {
        return Err(ParseError::MemberType(SIGNATURE_INPUT));
    };
    let count = list.items.len();
    if count > MAX_COMPONENTS {
        return Err(ParseError::TooMany { count });
    }
    let covered = list.items.iter().map(Component::from_item);
    let covered = covered.collect::<Result<_, _>>()?;
    Ok((covered, Params::read(&list.params)?))
}

/// Reads the member of `Signature`: its bytes.
fn signature(entry: ListEntry) -> Result<Vec<u8>, ParseError> {
    match entry {
        ListEntry::Item(item) if item.params.is_empty() => {
            item.bare_item.as_byte_sequence().map(<[u8]>::to_vec)
        }
        ListEntry::Item(_) | ListEntry::InnerList(_) => None,
    }
    .ok_or(ParseError::MemberType(SIGNATURE))
}

#[cfg(test)]
mod tests;
