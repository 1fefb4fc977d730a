//! The parameters of a signature.

use sfv::{BareItem, Parameters};

use crate::base::BaseError;
use crate::received::ParseError;
use crate::structured::{is_string, write_string};

/// The largest integer that a structured field can hold. Standard: RFC 9651 §3.3.1.
const MAX_INTEGER: u64 = 999_999_999_999_999;

/// Says when, with what and for what a signature was made.
///
/// For signing, the present ones are written in the order of the fields here; a received signature keeps its own order.
///
/// Standard: RFC 9421 §2.3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params {
    /// When the signature was made, Unix seconds.
    pub created: Option<u64>,
    /// After which moment it counts no longer, Unix seconds.
    pub expires: Option<u64>,
    /// A text that occurs once.
    pub nonce: Option<String>,
    /// The registered name of the algorithm. Never the authority on it: the key's record is.
    pub alg: Option<String>,
    /// The name of the key.
    pub keyid: Option<String>,
    /// What the signature is for.
    pub tag: Option<String>,
}

impl Params {
    /// Writes the parameters after an inner list.
    pub(crate) fn write(&self, out: &mut String) -> Result<(), BaseError> {
        for (name, value) in [("created", self.created), ("expires", self.expires)] {
            let Some(value) = value else { continue };
            if value > MAX_INTEGER {
                return Err(BaseError::Parameter(name));
            }
            out.push(';');
            out.push_str(name);
            out.push('=');
            out.push_str(&value.to_string());
        }
        for (name, value) in [
            ("nonce", &self.nonce),
            ("alg", &self.alg),
            ("keyid", &self.keyid),
            ("tag", &self.tag),
        ] {
            let Some(value) = value else { continue };
            if !is_string(value) {
                return Err(BaseError::Parameter(name));
            }
            out.push(';');
            out.push_str(name);
            out.push('=');
            write_string(value, out);
        }
        Ok(())
    }

    /// Reads the parameters of a received inner list; unknown ones are refused.
    pub(crate) fn read(received: &Parameters) -> Result<Self, ParseError> {
        let mut params = Self::default();
        for (name, value) in received {
            match name.as_str() {
                "created" => params.created = Some(seconds("created", value)?),
                "expires" => params.expires = Some(seconds("expires", value)?),
                "nonce" => params.nonce = Some(text("nonce", value)?),
                "alg" => params.alg = Some(text("alg", value)?),
                "keyid" => params.keyid = Some(text("keyid", value)?),
                "tag" => params.tag = Some(text("tag", value)?),
                other => return Err(ParseError::UnknownParameter(other.to_owned())),
            }
        }
        Ok(params)
    }
}

fn seconds(name: &'static str, value: &BareItem) -> Result<u64, ParseError> {
    value
        .as_integer()
        .and_then(|integer| u64::try_from(i64::from(integer)).ok())
        .ok_or(ParseError::ParameterType(name))
}

fn text(name: &'static str, value: &BareItem) -> Result<String, ParseError> {
    value
        .as_string()
        .map(|text| text.as_str().to_owned())
        .ok_or(ParseError::ParameterType(name))
}
