//! The signature base: the exact text that is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use thiserror::Error;

use crate::component::Component;
use crate::limits::{MAX_BASE_BYTES, MAX_COMPONENTS};
use crate::message::{Message, Reading};
use crate::params::Params;
use crate::structured::{all_bytes, printable};

/// Holds a signature base and the value that goes into `Signature-Input`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    bytes: Vec<u8>,
    input: String,
    /// Where the parameters begin in `input`, behind the list of what is covered.
    params_at: usize,
}

/// Why no signature base can be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BaseError {
    /// A component is covered, but the message doesn't have it.
    #[error("{0} is covered but absent")]
    Absent(String),
    /// A component is covered twice.
    #[error("{0} is covered twice")]
    Twice(String),
    /// A component of requests in an answer, of answers in a request, or `req` in a request.
    #[error("{0} does not exist in this kind of message")]
    NotHere(String),
    /// A name that is no derived component and no lowercase field name.
    #[error("{0:?} names no component")]
    Name(String),
    /// Parameters of a component that exclude each other or don't belong to it.
    #[error("the parameters of {0} do not fit it")]
    Incompatible(String),
    /// A field that would have to be a structured one, of one reading only, and is not.
    #[error("{0} is not a structured field that can be read in one way only")]
    NotStructured(String),
    /// A field whose lines can't be joined without changing their meaning.
    #[error("the lines of {0} can not be joined")]
    NotJoinable(String),
    /// A value with other bytes than printable ASCII, space and inner tabs.
    #[error("the value of {0} is not printable ASCII")]
    NotText(String),
    /// A query parameter that is covered but absent.
    #[error("the query has no parameter {0:?}")]
    QueryParameterAbsent(String),
    /// A query parameter that occurs more than once: which one is covered can't be said.
    #[error("the query parameter {0:?} occurs more than once")]
    QueryParameterTwice(String),
    /// A path or query is covered, but the target is not in origin form.
    #[error("the request target is not in origin form")]
    NotOriginForm,
    /// A signature parameter that a structured field can't hold.
    #[error("the signature parameter {0} has a value that can not be written")]
    Parameter(&'static str),
    /// More components than the limit.
    #[error("{count} components are covered, at most {MAX_COMPONENTS} may be")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A base above the limit.
    #[error("the signature base is larger than {MAX_BASE_BYTES} bytes")]
    TooLarge,
}

/// Makes the base for a signature over these components, in this order.
///
/// # Errors
/// Each [`BaseError`] but none for an uncovered part: what must be covered is the caller's rule.
///
/// Standard: RFC 9421 §2.5.
pub fn signature_base(
    message: &Message<'_>,
    covered: &[Component<'_>],
    params: &Params,
) -> Result<Base, BaseError> {
    let mut written = String::with_capacity(256);
    params.write(&mut written)?;
    let (bytes, mut input) = lines(message, covered)?;
    let params_at = input.len();
    input.push_str(&written);
    with_params(bytes, input, params_at)
}

/// Makes the base with a signature-params value that is already written.
pub(crate) fn base_with_input(
    message: &Message<'_>,
    covered: &[Component<'_>],
    input: String,
) -> Result<Base, BaseError> {
    let (bytes, list) = lines(message, covered)?;
    with_params(bytes, input, list.len())
}

/// Writes the line of each component, and the list of their identifiers.
fn lines(message: &Message<'_>, covered: &[Component<'_>]) -> Result<(Vec<u8>, String), BaseError> {
    if covered.len() > MAX_COMPONENTS {
        return Err(BaseError::TooMany {
            count: covered.len(),
        });
    }
    let message = Reading::new(message);
    let mut bytes = Vec::with_capacity(2048);
    let mut list = String::with_capacity(1024);
    let mut marks = 0u128;
    list.push('(');
    for (position, component) in covered.iter().enumerate() {
        let mark = mark(component.name());
        let mut earlier = covered.iter().take(position);
        if marks & mark != 0 && earlier.any(|one| one == component) {
            return Err(BaseError::Twice(component.to_string()));
        }
        marks |= mark;
        if position > 0 {
            list.push(' ');
        }
        let start = list.len();
        if !component.write_present(&mut list) {
            return Err(BaseError::Name(component.name().to_owned()));
        }
        let identifier = list.get(start..).unwrap_or_default();
        bytes.extend_from_slice(identifier.as_bytes());
        bytes.extend_from_slice(b": ");
        let start = bytes.len();
        message.write(component, &mut bytes)?;
        if !is_value(bytes.get(start..).unwrap_or_default(), component) {
            return Err(BaseError::NotText(identifier.to_owned()));
        }
        bytes.push(b'\n');
        if bytes.len() > MAX_BASE_BYTES {
            return Err(BaseError::TooLarge);
        }
    }
    list.push(')');
    Ok((bytes, list))
}

/// A bit that equal names have in common, so that a name is compared with few others.
fn mark(name: &str) -> u128 {
    let last = name.as_bytes().last().copied().unwrap_or(0);
    1 << ((name.len() * 31 + usize::from(last)) % 128)
}

fn with_params(mut bytes: Vec<u8>, input: String, params_at: usize) -> Result<Base, BaseError> {
    bytes.extend_from_slice(PARAMS_LINE);
    bytes.extend_from_slice(input.as_bytes());
    if bytes.len() > MAX_BASE_BYTES {
        return Err(BaseError::TooLarge);
    }
    Ok(Base {
        bytes,
        input,
        params_at,
    })
}

/// How the last line of a base begins.
const PARAMS_LINE: &[u8] = b"\"@signature-params\": ";

/// Writes the two fields that carry a signature: `Signature-Input` and `Signature`.
///
/// # Panics
/// Never for a `label` that is a structured-field key (lowercase letters, digits, `-`, `_`, `.`, `*`). A label is a
/// constant of the program, not a stranger's text.
///
/// Standard: RFC 9421 §4.1, §4.2.
pub fn signature_fields(label: &str, base: &Base, signature: &[u8]) -> (HeaderValue, HeaderValue) {
    signature_fields_of(label, &base.input, signature)
}

/// Writes the two fields of what [`Base::input`] has given.
///
/// # Panics
/// As [`signature_fields`].
#[expect(clippy::expect_used, reason = "a label is a constant of the program")]
pub fn signature_fields_of(
    label: &str,
    input: &str,
    signature: &[u8],
) -> (HeaderValue, HeaderValue) {
    let key = sfv::KeyRef::from_str(label)
        .expect("a label is a key")
        .as_str();
    let encoded = STANDARD.encode(signature);
    (
        // Joined at once, in as much memory as they need: a text that grows becomes a field by one copy more.
        printable([key, "=", input].concat()),
        printable([key, "=:", &encoded, ":"].concat()),
    )
}

impl Base {
    /// Returns the bytes that are signed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the bytes that are signed.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Gives the bytes that are signed, and what [`Self::input`] returns.
    pub fn into_parts(self) -> (Vec<u8>, String) {
        (self.bytes, self.input)
    }

    /// Makes the base of the same message with other parameters.
    ///
    /// # Errors
    /// [`BaseError::Parameter`] and [`BaseError::TooLarge`].
    pub fn with_params(&self, params: &Params) -> Result<Self, BaseError> {
        let (list, old) = self
            .input
            .split_at_checked(self.params_at)
            .unwrap_or_default();
        let mut input = String::with_capacity(self.input.len());
        input.push_str(list);
        params.write(&mut input)?;
        let tail = PARAMS_LINE.len() + list.len() + old.len();
        let lines = self.bytes.len().saturating_sub(tail);
        let mut bytes = Vec::with_capacity(self.bytes.len());
        bytes.extend_from_slice(self.bytes.get(..lines).unwrap_or_default());
        with_params(bytes, input, self.params_at)
    }

    /// Returns the covered components and parameters: the member's value in `Signature-Input`.
    pub fn input(&self) -> &str {
        &self.input
    }
}

/// Says whether a value may stand in a base: printable, nothing around it. Tabs occur in fields only.
fn is_value(value: &[u8], component: &Component<'_>) -> bool {
    let tabs = !component.name().starts_with('@');
    let is_bare = |end: Option<&u8>| end.is_none_or(|byte| !byte.is_ascii_whitespace());
    is_bare(value.first())
        && is_bare(value.last())
        && all_bytes(value, |byte| {
            matches!(byte, 0x20..=0x7e) || (tabs && byte == b'\t')
        })
}

#[cfg(test)]
mod tests;
