//! What names a token and a key on it.
//!
//! Standard: RFC 7512 §2.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::object::KeyName;

/// The longest URI that is read, in bytes: longer than any label and id make one.
const LIMIT_BYTES: usize = 1024;
const SCHEME: &str = "pkcs11:";
/// What stands in a URI as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A token, and where the URI goes so far, a key on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uri {
    token: Wanted,
    key: KeyName,
    pin_source: Option<PathBuf>,
}

/// What a token must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wanted {
    pub(crate) label: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) model: Option<String>,
}

/// Why a text is not the URI of a key on a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Another scheme, or more than is read.
    #[error("not a URI that begins with pkcs11: and has at most {LIMIT_BYTES} bytes")]
    Form,
    /// Not `name=value`, or a value that can't be decoded.
    #[error("{0:?} is not name=value, percent-encoded")]
    Attribute(String),
    /// It would have to be obeyed, and can't.
    #[error("the attribute {0} is not taken; {1}")]
    NotTaken(String, &'static str),
    /// Said twice.
    #[error("the attribute {0} stands twice")]
    Twice(String),
    /// Any token would do.
    #[error("it names no token: write token=LABEL or serial=NUMBER")]
    NoToken,
}

// === impl Uri ===

impl Uri {
    /// A key on a token of this label.
    pub fn of(token: &str, key: KeyName) -> Self {
        Self {
            token: Wanted {
                label: Some(token.to_owned()),
                ..Wanted::default()
            },
            key,
            pin_source: None,
        }
    }

    /// The same token, another key.
    #[must_use]
    pub fn with_key(&self, key: KeyName) -> Self {
        Self {
            key,
            ..self.clone()
        }
    }

    /// The file that holds the PIN; a path that is relative is so to where the URI stands.
    pub fn pin_source(&self) -> Option<&Path> {
        self.pin_source.as_deref()
    }

    /// What it says of the key.
    pub fn key(&self) -> &KeyName {
        &self.key
    }

    pub(crate) fn wanted(&self) -> &Wanted {
        &self.token
    }

    fn take_path(&mut self, name: &str, value: &[u8]) -> Result<(), UriError> {
        let text = || String::from_utf8(value.to_vec());
        let bad = |_not_utf8| UriError::Attribute(name.to_owned());
        match name {
            "token" => set(&mut self.token.label, name, text().map_err(bad)?),
            "serial" => set(&mut self.token.serial, name, text().map_err(bad)?),
            "manufacturer" => set(&mut self.token.manufacturer, name, text().map_err(bad)?),
            "model" => set(&mut self.token.model, name, text().map_err(bad)?),
            "object" => set(&mut self.key.label, name, text().map_err(bad)?),
            "id" => set(&mut self.key.id, name, value.to_vec()),
            "type" if value == b"private" => Ok(()),
            "type" => Err(not_taken(name, "only private keys are used")),
            _ => Err(not_taken(
                name,
                "write token, serial, manufacturer, model, object, id",
            )),
        }
    }

    fn take_query(&mut self, name: &str, value: &[u8]) -> Result<(), UriError> {
        match name {
            "pin-source" if value.starts_with(b"|") => {
                Err(not_taken(name, "a PIN comes from a file or the terminal"))
            }
            "pin-source" => {
                let value = value.strip_prefix(b"file:").unwrap_or(value);
                // file://HOST/PATH: of no other host than this one.
                let value = match value.strip_prefix(b"//") {
                    Some(rest) if rest.starts_with(b"/") => rest,
                    Some(_) => return Err(not_taken(name, "write file:PATH")),
                    None => value,
                };
                let path = String::from_utf8(value.to_vec());
                let path = path.map_err(|_not_utf8| UriError::Attribute(name.to_owned()))?;
                if path.is_empty() {
                    return Err(UriError::Attribute(name.to_owned()));
                }
                set(&mut self.pin_source, name, PathBuf::from(path))
            }
            "pin-value" => Err(not_taken(
                name,
                "a PIN in a URI is read by who reads the URI: write pin-source=file:PATH",
            )),
            "module-path" | "module-name" => Err(not_taken(
                name,
                "what code is loaded, the settings say (token.module)",
            )),
            _ => Err(not_taken(name, "write pin-source")),
        }
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let rest = text.strip_prefix(SCHEME).ok_or(UriError::Form)?;
        if text.len() > LIMIT_BYTES || text.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err(UriError::Form);
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self::default();
        for (name, value) in attributes(path, ';') {
            let value = decode(name, value?)?;
            uri.take_path(name, &value)?;
        }
        for (name, value) in attributes(query, '&') {
            let value = decode(name, value?)?;
            uri.take_query(name, &value)?;
        }
        if uri.token.label.is_none() && uri.token.serial.is_none() {
            return Err(UriError::NoToken);
        }
        Ok(uri)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.token)?;
        if !self.key.is_empty() {
            write!(f, ";{}", self.key)?;
        }
        match &self.pin_source {
            Some(path) => write!(f, "?pin-source=file:{}", path.display()),
            None => Ok(()),
        }
    }
}

// === impl Wanted ===

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            ("token", &self.label),
            ("serial", &self.serial),
            ("manufacturer", &self.manufacturer),
            ("model", &self.model),
        ];
        let mut separator = "";
        for (name, value) in named {
            if let Some(value) = value {
                write!(f, "{separator}{name}={}", utf8_percent_encode(value, KEPT))?;
                separator = ";";
            }
        }
        Ok(())
    }
}

// === impl KeyName ===

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(label) = &self.label {
            write!(f, "object={}", utf8_percent_encode(label, KEPT))?;
            separator = ";";
        }
        if let Some(id) = &self.id {
            write!(f, "{separator}id=")?;
            for byte in id {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

type Attribute<'a> = (&'a str, Result<&'a str, UriError>);

fn attributes(part: &str, separator: char) -> impl Iterator<Item = Attribute<'_>> {
    let parts = part.split(separator).filter(|one| !one.is_empty());
    parts.map(|one| match one.split_once('=') {
        Some((name, value)) => (name, Ok(value)),
        None => (one, Err(UriError::Attribute(one.to_owned()))),
    })
}

fn decode(name: &str, value: &str) -> Result<Vec<u8>, UriError> {
    let whole = value.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !whole || value.is_empty() {
        return Err(UriError::Attribute(name.to_owned()));
    }
    Ok(percent_decode_str(value).collect())
}

fn set<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), UriError> {
    if place.replace(value).is_some() {
        return Err(UriError::Twice(name.to_owned()));
    }
    Ok(())
}

fn not_taken(name: &str, why: &'static str) -> UriError {
    UriError::NotTaken(name.to_owned(), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_written_as_it_is_read() {
        for text in [
            "pkcs11:token=agency-a;object=exchange",
            "pkcs11:token=Agency%20%C4%B0;serial=3c4e;object=seal;id=%01%FF",
            "pkcs11:serial=3c4e;id=%01?pin-source=file:/etc/bridge/agency-a.pin",
            "pkcs11:token=a;manufacturer=m;model=x;object=o?pin-source=file:a.pin",
            "pkcs11:token=a",
        ] {
            let uri: Uri = text.parse().unwrap();
            assert_eq!(uri.to_string(), text);
        }
        let uri: Uri = "pkcs11:type=private;object=o;token=a?pin-source=file:///etc/pin"
            .parse()
            .unwrap();
        assert_eq!(uri.pin_source(), Some(Path::new("/etc/pin")));
    }

    #[test]
    fn what_can_not_be_obeyed_is_refused_by_name() {
        let refused = |text: &str| text.parse::<Uri>().unwrap_err().to_string();
        for (text, named) in [
            ("pkcs11:object=o", "names no token"),
            ("pkcs11:", "names no token"),
            ("file:token=a", "begins with pkcs11:"),
            ("pkcs11:token=a b", "begins with pkcs11:"),
            ("pkcs11:token", "\"token\" is not name=value"),
            ("pkcs11:token=", "\"token\" is not name=value"),
            ("pkcs11:token=%4", "\"token\" is not name=value"),
            ("pkcs11:token=%FF", "\"token\" is not name=value"),
            ("pkcs11:token=%zz", "\"token\" is not name=value"),
            ("pkcs11:token=a;token=b", "token stands twice"),
            ("pkcs11:token=a;type=public", "only private keys"),
            ("pkcs11:token=a;slot-id=1", "slot-id is not taken"),
            ("pkcs11:token=a;x-vendor=1", "x-vendor is not taken"),
            ("pkcs11:token=a?pin-value=1234", "pin-source=file:PATH"),
            ("pkcs11:token=a?pin-source=|sh", "file or the terminal"),
            ("pkcs11:token=a?pin-source=file://h/p", "write file:PATH"),
            ("pkcs11:token=a?pin-source=file:", "is not name=value"),
            ("pkcs11:token=a?module-path=/x.so", "token.module"),
        ] {
            let why = refused(text);
            assert!(why.contains(named), "{text}: {why}");
            assert!(!why.contains("1234"), "{why}");
        }
        assert_eq!(
            refused(&format!("pkcs11:token={}", "a".repeat(LIMIT_BYTES))),
            UriError::Form.to_string()
        );
    }
}
