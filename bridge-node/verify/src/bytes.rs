//! Bounded reads of big-endian fields from a slice, and the hashes and encodings of the format.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Context, SHA256};

/// A SHA-256 digest.
pub(crate) type Hash = [u8; 32];

/// What is left to read of a slice; every read is bounded by it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Reads a `length u32` and that many bytes.
    pub(crate) fn counted(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.take(length)
    }
}

/// Hashes the parts one after another, as if joined.
pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    finish(context)
}

/// Ends a running hash.
pub(crate) fn finish(context: Context) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Hashes a leaf of the tree.
///
/// Standard: RFC 6962 §2.1.
pub(crate) fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256(&[&[0], leaf])
}

/// Hashes an inner node of the tree.
///
/// Standard: RFC 6962 §2.1.
pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut joined = [1; 65];
    joined[1..33].copy_from_slice(left);
    joined[33..].copy_from_slice(right);
    sha256(&[&joined])
}

/// Writes base64url without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads exactly `N` bytes of base64url; padding and loose last bits are refused.
pub(crate) fn from_base64url<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    // A decoder over a text of the wrong length would only waste memory.
    if text.len() != (N * 4).div_ceil(3) {
        return None;
    }
    let mut room = [0; 66];
    let room = room.get_mut(..N.checked_add(2)?)?;
    let length = URL_SAFE_NO_PAD.decode_slice(text, room).ok()?;
    room.get(..length)?.try_into().ok()
}

/// Reads a decimal number as the format writes it: no sign, no leading zero, at most 2^53 - 1.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.len() > 16 || (text.len() > 1 && text.first() == Some(&b'0')) {
        return None;
    }
    let mut value = 0_u64;
    for digit in text {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(digit - b'0');
    }
    (!text.is_empty() && value <= NUMBER_LIMIT).then_some(value)
}

/// The largest integer that every JSON reader keeps exactly.
pub(crate) const NUMBER_LIMIT: u64 = (1 << 53) - 1;

#[cfg(test)]
mod tests {
    use super::{Bytes, base64url, decimal, from_base64url, leaf_hash, sha256};
    use proptest::prelude::*;

    #[test]
    fn empty_leaf_hash_is_the_known_one() {
        // RFC 6962 reference implementation: hash of an empty leaf.
        let hex: String = leaf_hash(b"")
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(
            hex,
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }

    #[test]
    fn parts_hash_as_joined() {
        assert_eq!(sha256(&[b"ab", b"", b"c"]), sha256(&[b"abc"]));
    }

    #[test]
    fn decimals_are_canonical() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"9007199254740991"), Some(9_007_199_254_740_991));
        for bad in [
            "",
            "00",
            "01",
            "-1",
            "1.0",
            "9007199254740992",
            "99999999999999999999",
            "1 ",
        ] {
            assert_eq!(decimal(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn base64url_refuses_padding_and_loose_bits() {
        let text = base64url(&[7; 32]);
        assert_eq!(from_base64url::<32>(text.as_bytes()), Some([7; 32]));
        assert_eq!(from_base64url::<32>(format!("{text}=").as_bytes()), None);
        let mut loose = text.into_bytes();
        loose[42] += 1;
        assert_eq!(from_base64url::<32>(&loose), None);
    }

    proptest! {
        #[test]
        fn reads_never_pass_the_end(input: Vec<u8>) {
            let mut bytes = Bytes(&input);
            while bytes.counted().is_some() {}
            prop_assert!(bytes.0.len() <= input.len());
        }

        #[test]
        fn base64url_round_trips(value: [u8; 16]) {
            prop_assert_eq!(from_base64url::<16>(base64url(&value).as_bytes()), Some(value));
        }

        #[test]
        fn decimals_round_trip(value in 0..=super::NUMBER_LIMIT) {
            prop_assert_eq!(decimal(value.to_string().as_bytes()), Some(value));
        }
    }
}
