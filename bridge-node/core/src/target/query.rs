//! The query.

use super::{QueryFault, TargetError, TargetLimits};
use crate::identity::unescape;

/// Holds a query twice: as parameters, decoded once, for the decision and the adapter; and verbatim,
/// because the message protocol never alters a query.
///
/// A `+` decodes to a space, as HTML forms and the registries' own frameworks have it. A raw `;` is
/// refused: some servers take it for a separator, and a name could hide behind it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct CleanQuery {
    pairs: Vec<(String, String)>,
    raw: Option<String>,
}

impl CleanQuery {
    /// Reads what follows `?`; `None` where there is no `?`.
    ///
    /// # Errors
    ///
    /// [`TargetError::NotVisible`]; [`TargetError::TooManyParameters`]; [`TargetError::Query`] with the
    /// [`QueryFault`].
    pub fn parse(raw: Option<&str>, limits: &TargetLimits) -> Result<Self, TargetError> {
        let Some(raw) = raw else {
            return Ok(Self::default());
        };
        if !raw
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
        {
            return Err(TargetError::NotVisible);
        }
        let mut pairs = Vec::new();
        for parameter in raw.split('&').filter(|parameter| !parameter.is_empty()) {
            if pairs.len() >= limits.parameters {
                return Err(TargetError::TooManyParameters {
                    limit: limits.parameters,
                });
            }
            let pair = decode_parameter(parameter).map_err(|fault| TargetError::Query {
                parameter: pairs.len() + 1,
                fault,
            })?;
            pairs.push(pair);
        }
        Ok(Self {
            pairs,
            raw: Some(raw.to_owned()),
        })
    }

    /// Returns the parameters in order, decoded; a name may occur more than once.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// Returns the names in order, decoded.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }

    /// Returns the query as it came, without `?`; `None` where there was no `?`.
    pub fn raw(&self) -> Option<&str> {
        self.raw.as_deref()
    }
}

fn decode_parameter(parameter: &str) -> Result<(String, String), QueryFault> {
    if parameter.contains(';') {
        return Err(QueryFault::Semicolon);
    }
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let (name, value) = (decode(name)?, decode(value)?);
    // A value may be a text of several lines; nothing honest holds NUL, and C code ends there.
    if name.chars().any(char::is_control) || value.contains('\0') {
        return Err(QueryFault::Control);
    }
    Ok((name, value))
}

fn decode(text: &str) -> Result<String, QueryFault> {
    let decoded = unescape(&text.replace('+', " ")).ok_or(QueryFault::Escape)?;
    // The error's offset would say nothing to the sender that the variant does not.
    String::from_utf8(decoded).map_err(|_invalid| QueryFault::NotUtf8)
}
