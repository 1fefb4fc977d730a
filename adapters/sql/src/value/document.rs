//! Values of documents: texts of many lines, and files that come in JSON as base64.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_adapter::Fault;
use bridge_adapter::section::Section;
use ring::digest::{SHA256, digest};

/// The most bytes of a `long-text` parameter: a letter of many pages.
pub(crate) const LONG_TEXT_LIMIT_BYTES: usize = 65_536;
/// The most that an operation may take in its body: it is held in memory, with what it is decoded to.
const REQUEST_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// Whether a text may be long: lines and tabs, no other control characters. It may be empty, so that the registry can refuse
/// that in its own words.
pub(crate) fn is_long_text(text: &str) -> bool {
    let fits = |c: char| matches!(c, '\n' | '\r' | '\t') || !c.is_control();
    text.len() <= LONG_TEXT_LIMIT_BYTES && text.chars().all(fits)
}

/// Reads base64 in its one form: padded, nothing around it, at least one byte. Standard: RFC 4648 §4.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty())
}

/// The SHA-256 of the bytes that a base64 text stands for, in hexadecimal.
pub(crate) fn sha256(text: &str) -> Option<String> {
    let digest = digest(&SHA256, &bytes(text)?);
    let mut hex = String::with_capacity(64);
    for byte in digest.as_ref() {
        write!(hex, "{byte:02x}").ok()?;
    }
    Some(hex)
}

/// Writes bytes as [`bytes`] reads them.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads `request_limit_bytes` of an operation that takes documents.
pub(crate) fn request_limit(section: &mut Section<'_>, faults: &mut Vec<Fault>) -> Option<u64> {
    let limit = section.optional_count("request_limit_bytes", faults)?;
    if (1..=REQUEST_LIMIT_BYTES).contains(&limit) {
        return Some(limit);
    }
    let place = section.place_of("request_limit_bytes");
    let problem = "is no number of bytes that an operation may take";
    let remedy = format!("write 1 to {REQUEST_LIMIT_BYTES}");
    faults.push(Fault::new("wrong-value", place, problem, remedy));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_has_lines_and_an_end() {
        for text in ["", "Birinci sətir\r\n\tikinci", &"ə".repeat(32_768)] {
            assert!(is_long_text(text), "{}", text.len());
        }
        for text in ["a\0b", "a\u{7f}", "\u{85}", &"ə".repeat(32_769)] {
            assert!(!is_long_text(text), "{text:?}");
        }
    }

    #[test]
    fn bytes_have_one_base64_and_one_digest() {
        assert_eq!(bytes("w4c="), Some("Ç".as_bytes().to_vec()));
        assert_eq!(base64("Ç".as_bytes()), "w4c=");
        for text in ["", "w4c", "w4d=", "w4c=\n", " w4c=", "w4-_"] {
            assert_eq!((bytes(text), sha256(text)), (None, None), "{text:?}");
        }
        // Of "abc": FIPS 180-4, example 1.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256("YWJj").as_deref(), Some(known));
    }
}
