//! Signature fields in the plain spelling in which all software writes them, read in one pass without a parser's tree.
//!
//! What is not read here may be right all the same: the general reader judges it. What is read here, it reads alike
//! and finds strictly spelled; a property test holds the two against each other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::component::Component;
use crate::limits::MAX_COMPONENTS;
use crate::params::Params;

/// Returns the value of a dictionary of one member, by its key.
pub(crate) fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.strip_prefix(key)?.strip_prefix('=')
}

/// Returns the value of a dictionary of one member that is a signature or what it covers, checked for its spelling.
pub(crate) fn member<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let value = value(text, key)?;
    (bytes(value).is_some() || input(value).is_some()).then_some(value)
}

/// Reads a byte sequence. Standard: RFC 9651 §3.3.5.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    let encoded = text.strip_prefix(':')?.strip_suffix(':')?;
    STANDARD.decode(encoded).ok()
}

/// Reads the covered components and the parameters of a signature. Standard: RFC 9421 §4.1.
pub(crate) fn input(text: &str) -> Option<(Vec<Component<'_>>, Params)> {
    let mut rest = Rest(text.strip_prefix('(')?);
    let mut covered = Vec::with_capacity(32);
    while !rest.skip(")") {
        let is_separated = covered.is_empty() || rest.skip(" ");
        if !is_separated || covered.len() == MAX_COMPONENTS {
            return None;
        }
        covered.push(rest.component()?);
    }
    let mut params = Params::default();
    while !rest.0.is_empty() {
        rest.parameter(&mut params)?;
    }
    Some((covered, params))
}

/// What is still to be read.
struct Rest<'a>(&'a str);

// === impl Rest ===

impl<'a> Rest<'a> {
    /// Skips a text that stands next, and says whether it did.
    fn skip(&mut self, text: &str) -> bool {
        match self.0.strip_prefix(text) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn component(&mut self) -> Option<Component<'a>> {
        let mut component = Component::new(self.string()?);
        while self.skip(";") {
            // A parameter that is given again is a matter for the general reader.
            component = if !component.is_of_request() && self.skip("req") {
                component.of_request()
            } else if component.key().is_none() && self.skip("key=") {
                component.with_key(self.string()?)
            } else {
                return None;
            };
        }
        Some(component)
    }

    fn parameter(&mut self, params: &mut Params) -> Option<()> {
        if !self.skip(";") {
            return None;
        }
        let key = self.until(|byte| byte == b'=')?;
        self.skip("=");
        match key {
            "created" => put(&mut params.created, self.integer()?),
            "expires" => put(&mut params.expires, self.integer()?),
            "nonce" => put(&mut params.nonce, self.string()?.to_owned()),
            "alg" => put(&mut params.alg, self.string()?.to_owned()),
            "keyid" => put(&mut params.keyid, self.string()?.to_owned()),
            "tag" => put(&mut params.tag, self.string()?.to_owned()),
            _ => None,
        }
    }

    /// Reads a string without escapes. Standard: RFC 9651 §3.3.3.
    fn string(&mut self) -> Option<&'a str> {
        if !self.skip("\"") {
            return None;
        }
        let string =
            self.until(|byte| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\'))?;
        self.skip("\"").then_some(string)
    }

    /// Takes what stands before the first byte that ends it, an ASCII one if it is to be skipped next.
    fn until(&mut self, is_end: impl Fn(u8) -> bool) -> Option<&'a str> {
        let end = self.0.bytes().position(is_end)?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        Some(text)
    }

    /// Reads an integer that is not negative. Standard: RFC 9651 §3.3.1.
    fn integer(&mut self) -> Option<u64> {
        let end = self.0.bytes().position(|byte| !byte.is_ascii_digit());
        let (digits, rest) = self.0.split_at_checked(end.unwrap_or(self.0.len()))?;
        self.0 = rest;
        let is_strict = digits.len() <= 15 && (digits == "0" || !digits.starts_with('0'));
        is_strict.then(|| digits.parse().ok()).flatten()
    }
}

/// Fills a parameter that was not given before.
fn put<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

#[cfg(test)]
mod tests;
