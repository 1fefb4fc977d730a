//! What is sent to `add-checkpoint`: an old size, a proof, a checkpoint.
//!
//! Standard: C2SP tlog-witness.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// A checkpoint with the proof that it continues an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Size of the earlier one; 0 if there is none.
    pub old: u64,
    /// RFC 6962 consistency proof.
    pub proof: Vec<[u8; 32]>,
    /// The checkpoint, a signed note.
    pub note: Bytes,
}

/// No proof of a tree with at most 2^63 leaves is longer.
const PROOF_LIMIT: usize = 63;

// === impl Submission ===

impl Submission {
    /// Reads a body; `None` unless it is written as the specification says.
    pub fn parse(body: &Bytes) -> Option<Self> {
        let end = body.windows(2).position(|pair| pair == b"\n\n")?;
        let (head, note) = (body.get(..end)?, body.slice(end.checked_add(2)?..));
        let mut lines = std::str::from_utf8(head).ok()?.split('\n');
        let old = decimal(lines.next()?.strip_prefix("old ")?)?;
        let proof: Vec<[u8; 32]> = lines
            .map(|line| STANDARD.decode(line).ok()?.try_into().ok())
            .collect::<Option<_>>()?;
        (proof.len() <= PROOF_LIMIT).then_some(Self { old, proof, note })
    }

    /// Writes the body.
    pub fn write(&self) -> Bytes {
        let mut body = format!("old {}\n", self.old);
        for hash in &self.proof {
            body.push_str(&STANDARD.encode(hash));
            body.push('\n');
        }
        body.push('\n');
        [body.as_bytes(), &self.note].concat().into()
    }
}

/// Reads a size without sign or leading zeros.
pub fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let led = text.len() > 1 && text.starts_with('0');
    (plain && !led).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
                           jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\n\
                           example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
                           — example.com/behind-the-sofa Az3grlgtzPICa5OS\n";

    #[test]
    fn the_example_of_the_specification_is_read_and_written() {
        let body = Bytes::from(EXAMPLE);
        let read = Submission::parse(&body).unwrap();
        assert_eq!((read.old, read.proof.len()), (20_852_014, 2));
        assert!(
            read.note
                .starts_with(b"example.com/behind-the-sofa\n20852163\n")
        );
        assert_eq!(read.write(), body);
    }

    #[test]
    fn any_other_spelling_is_refused() {
        for (from, to) in [
            ("old 2", "old 02"),
            ("old 2", "old +2"),
            ("old 2", "old  2"),
            ("old 2", "Old 2"),
            ("old 20852014", "old "),
            ("old 20852014", "old 99999999999999999999"),
            ("old 20852014\n", ""),
            ("old 20852014\n", "old 20852014\r\n"),
            ("pkaw=", "pkaw"),
            ("PlRN", "Pl"),
            ("\n\n", "\n"),
        ] {
            let body = Bytes::from(EXAMPLE.replace(from, to));
            assert_eq!(Submission::parse(&body), None, "{to:?}");
        }
        let hash = format!("{}\n", STANDARD.encode([7; 32]));
        let with = |count| Bytes::from(format!("old 1\n{}\nnote", hash.repeat(count)));
        assert_eq!(Submission::parse(&with(63)).unwrap().proof.len(), 63);
        assert_eq!(Submission::parse(&with(64)), None);
    }
}
