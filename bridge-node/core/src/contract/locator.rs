//! Where in an exchange something stands: JSON pointers with wildcards, and the places of subjects.

use std::fmt;

use crate::json::Json;

/// The most names in one pointer.
pub const POINTER_NAME_LIMIT: usize = 32;

/// The longest pointer, in bytes.
pub const POINTER_LIMIT_BYTES: usize = 512;

/// A JSON pointer in which `*` stands for every child of an array or object.
///
/// Elements of arrays are reached by `*` only: a fixed index would name another element as soon as the
/// registry sorts differently. A member that is itself called `*` is reached by the wildcard.
///
/// Standard: RFC 6901 §3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    text: String,
    tokens: Vec<Token>,
}

/// One step of a [`Pointer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// The member of that name.
    Name(String),
    /// `*`: every member and every element.
    Every,
}

/// Why a text is not a pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It is empty and so names the whole text.
    #[error("an empty pointer names everything")]
    Empty,
    /// It does not begin with `/`.
    #[error("a pointer begins with /")]
    NoSlash,
    /// `~` is followed by neither 0 nor 1.
    #[error("in a pointer ~ is written ~0 and / within a name ~1")]
    Escape,
    /// It is longer than [`POINTER_LIMIT_BYTES`] or has more names than [`POINTER_NAME_LIMIT`].
    #[error("a pointer has at most {POINTER_LIMIT_BYTES} bytes and {POINTER_NAME_LIMIT} names")]
    TooLong,
}

/// Where an endpoint's exchanges name a subject, and of which type the name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locator {
    /// The type of the name, as `fin` or `voen`.
    pub kind: String,
    /// Where the name stands.
    pub place: Place,
}

/// A place in an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The decoded segment of the path behind the service, counted from 0.
    Path(usize),
    /// The values of this query name.
    Query(String),
    /// The values in the request's JSON body.
    Request(Pointer),
    /// The values in the answer's JSON body.
    Answer(Pointer),
}

impl Pointer {
    /// Reads a pointer.
    ///
    /// # Errors
    ///
    /// [`PointerError::Empty`], [`PointerError::NoSlash`], [`PointerError::Escape`] or
    /// [`PointerError::TooLong`].
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        if text.is_empty() {
            return Err(PointerError::Empty);
        }
        let rest = text.strip_prefix('/').ok_or(PointerError::NoSlash)?;
        if text.len() > POINTER_LIMIT_BYTES || rest.split('/').count() > POINTER_NAME_LIMIT {
            return Err(PointerError::TooLong);
        }
        let tokens = rest.split('/').map(parse_token).collect::<Result<_, _>>()?;
        Ok(Self {
            text: text.to_owned(),
            tokens,
        })
    }

    /// Returns the steps from the root.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Finds all values the pointer names, in the order they are written.
    pub fn find<'v, 'j>(&self, root: &'v Json<'j>) -> Vec<&'v Json<'j>> {
        let mut found = vec![root];
        for token in &self.tokens {
            found = found
                .into_iter()
                .flat_map(|value| children(value, token))
                .collect();
        }
        found
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn children<'v, 'j>(value: &'v Json<'j>, token: &Token) -> Vec<&'v Json<'j>> {
    match (value, token) {
        (Json::Array(items), Token::Every) => items.iter().collect(),
        (Json::Object(members), Token::Every) => members.iter().map(|(_, value)| value).collect(),
        (Json::Object(_), Token::Name(name)) => value.member(name).into_iter().collect(),
        (Json::Array(_), Token::Name(_))
        | (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_), _) => Vec::new(),
    }
}

fn parse_token(text: &str) -> Result<Token, PointerError> {
    if text == "*" {
        return Ok(Token::Every);
    }
    let mut name = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        name.push(match character {
            '~' => match characters.next() {
                Some('0') => '~',
                Some('1') => '/',
                Some(_) | None => return Err(PointerError::Escape),
            },
            other => other,
        });
    }
    Ok(Token::Name(name))
}

#[cfg(test)]
mod tests;
