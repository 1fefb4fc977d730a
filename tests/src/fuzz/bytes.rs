//! Bytes on a connection, in a certificate, in the journal's files.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_certs::stamp::Expected;
use bridge_certs::{Profile, Stamp, Trust};
use bridge_core::head::{HeadRules, judge_head};
use bridge_core::leaf::Leaf;
use bridge_node::framing::Guarded;
use bridge_node::pace::Slowest;
use bridge_signature::BatchValue;
use bridge_verify::{Options, verify};
use ring::digest::{SHA256, digest};
use tokio::io::{AsyncRead, ReadBuf};

/// Gives its bytes in pieces of one size.
struct Pieces<'a> {
    left: &'a [u8],
    size: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let size = self.size.min(self.left.len()).min(buf.remaining());
        let (now, left) = self.left.split_at(size);
        buf.put_slice(now);
        self.left = left;
        Poll::Ready(Ok(()))
    }
}

const RULES: HeadRules = HeadRules {
    bytes: 4096,
    fields: 32,
    http_10: true,
};

/// What the gate made of a connection's bytes.
#[derive(Debug, PartialEq, Eq)]
struct Judged {
    passed: Vec<u8>,
    /// For each of the first heads that was passed on, whether it is refused.
    refused: Vec<bool>,
    broken: bool,
}

/// A value of the batch form has one spelling, and leads to the root that the tree's definition gives.
pub(super) fn batch(data: &[u8]) -> bool {
    let Ok(value) = BatchValue::parse(data) else {
        return false;
    };
    let number = |at: usize| u32::from_be_bytes(data[at..at + 4].try_into().unwrap());
    let (count, index) = (number(1), number(5));
    let (path, signature) = data[9..].split_at(data.len() - 9 - 64);
    let path: Vec<&[u8]> = path.chunks(32).collect();
    let root = root_above(sha256(&[&[0], b"base"]), (index, count), &path);
    let root = STANDARD.encode(root);
    let text = format!("bridge-batch-v1\nkey\n{count}\n{root}\n");
    assert_eq!(value.text("key", b"base"), text.into_bytes());
    assert_eq!(value.signature(), signature);
    true
}

/// Standard: RFC 6962 §2.1.
fn root_above(leaf: [u8; 32], (index, count): (u32, u32), path: &[&[u8]]) -> [u8; 32] {
    let Some((sibling, path)) = path.split_last() else {
        assert_eq!(count, 1, "the path is too short");
        return leaf;
    };
    assert!(count > 1, "the path is too long");
    let half = count.next_power_of_two() / 2;
    if index < half {
        sha256(&[&[1], &root_above(leaf, (index, half), path), sibling])
    } else {
        let right = root_above(leaf, (index - half, count - half), path);
        sha256(&[&[1], sibling, &right])
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let digest = digest(&SHA256, &parts.concat());
    digest.as_ref().try_into().unwrap()
}

/// Bytes are judged the same however they arrive; what is in order is passed on unchanged.
pub(super) fn framing(data: &[u8]) -> bool {
    let whole = judged(data, data.len().max(1));
    for size in [1, 2, 7] {
        assert_eq!(judged(data, size), whole, "in pieces of {size}");
    }
    let in_order = !whole.broken && !whole.refused.contains(&true);
    if in_order {
        assert!(data.starts_with(&whole.passed));
    }
    in_order && !whole.passed.is_empty()
}

fn judged(data: &[u8], size: usize) -> Judged {
    let pieces = Pieces { left: data, size };
    let slowest = Slowest {
        stall: Duration::from_secs(1),
        bytes_per_second: 1,
    };
    let (mut guarded, doubts) = Guarded::new(pieces, RULES, slowest);
    let mut cx = Context::from_waker(Waker::noop());
    let mut judged = Judged {
        passed: Vec::new(),
        refused: Vec::new(),
        broken: false,
    };
    let mut space = [0; 4096];
    loop {
        let mut buf = ReadBuf::new(&mut space);
        match Pin::new(&mut guarded).poll_read(&mut cx, &mut buf) {
            Poll::Ready(Ok(())) if buf.filled().is_empty() => break,
            Poll::Ready(Ok(())) => judged.passed.extend_from_slice(buf.filled()),
            Poll::Ready(Err(_malformed)) => {
                judged.broken = true;
                break;
            }
            // After a refused head nothing is read any more.
            Poll::Pending => break,
        }
    }
    judged.refused = (0..64).map(|_| doubts.next().is_some()).collect();
    judged
}

/// A head that passes is one that the HTTP library reads, whole, and with the same fields.
pub(super) fn head(data: &[u8]) -> bool {
    if judge_head(data, &RULES).is_err() {
        return false;
    }
    let mut space = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut space);
    let read = request.parse(data).expect("the library reads what passes");
    assert_eq!(read, httparse::Status::Complete(data.len()));
    let lines = data.split(|byte| *byte == b'\n').count();
    // The request line, the empty line, and what follows the last line feed, which is nothing.
    assert_eq!(request.headers.len() + 3, lines);
    true
}

/// No crash, and what is believed is what the anchor signed, byte for byte.
pub(super) fn certificate(data: &[u8]) -> bool {
    static TRUST: OnceLock<Trust> = OnceLock::new();
    let trust = TRUST.get_or_init(|| Trust::from_pem(ROOT).unwrap());
    for profile in [Profile::Tls, Profile::Exchange, Profile::Seal] {
        if trust.check(data, &[], profile, 1_800_000_000).is_ok() {
            assert!(
                signed().iter().any(|der| der == data),
                "not what was signed"
            );
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        drop(Trust::from_pem(ROOT).unwrap().with_foreign(text));
    }
    Trust::from_pem(data).is_ok()
}

const ROOT: &[u8] = include_bytes!("../../../certs/testdata/root.pem");

/// What the anchor signed.
fn signed() -> &'static [Vec<u8>] {
    static SIGNED: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../certs/testdata");
        let files = std::fs::read_dir(folder).unwrap();
        let paths = files.map(|entry| entry.unwrap().path());
        let pem = paths.filter(|path| path.extension().is_some_and(|ending| ending == "pem"));
        pem.flat_map(|path| bridge_certs::read_pem_certificates(&path).unwrap())
            .collect()
    })
}

/// What is believed of a time-stamp is what an authority signed.
pub(super) fn stamp(data: &[u8]) -> bool {
    static SIGNED: OnceLock<(Trust, Vec<Stamp>)> = OnceLock::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../certs/testdata/stamps");
    let mut imprint = [0; 32];
    imprint.copy_from_slice(digest(&SHA256, b"stamped\n").as_ref());
    let expected = Expected {
        imprint,
        nonce: None,
        policy: None,
        clock: None,
        accuracy_ms: 5000,
    };
    let (trust, signed) = SIGNED.get_or_init(|| {
        let trust = Trust::from_pem(&std::fs::read(folder.join("root.pem")).unwrap()).unwrap();
        let files = std::fs::read_dir(&folder).unwrap();
        let answers = files.map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        let stamps = answers.filter_map(|answer| Stamp::check(&trust, &answer, &expected).ok());
        let stamps: Vec<Stamp> = stamps.collect();
        assert_eq!(stamps.len(), 4);
        (trust, stamps)
    });
    let Ok(stamp) = Stamp::check(trust, data, &expected) else {
        return false;
    };
    assert!(signed.contains(&stamp), "not what was signed: {stamp:?}");
    true
}

/// A leaf has one spelling.
pub(super) fn leaf(data: &[u8]) -> bool {
    let Ok(leaf) = Leaf::parse(data) else {
        return false;
    };
    let mut again = Vec::new();
    leaf.write(&mut again)
        .expect("what was read can be written");
    assert_eq!(again, data, "two spellings of one leaf");
    true
}

/// No crash on any file of a journal: the first byte chooses which one the rest replaces.
pub(super) fn journal(data: &[u8]) -> bool {
    let Some((choice, bytes)) = data.split_first() else {
        return false;
    };
    let (folder, files) = journal_files();
    let (path, whole) = &files[usize::from(*choice) % files.len()];
    std::fs::write(path, bytes).unwrap();
    let judged = verify(folder, &Options::default(), &mut |_progress| {});
    std::fs::write(path, whole).unwrap();
    let findings = judged.err().unwrap_or_default();
    findings.is_empty()
}

/// Paths and what they hold.
type Files = Vec<(PathBuf, Vec<u8>)>;

/// A small journal on a file system in memory, and what its files hold.
fn journal_files() -> &'static (PathBuf, Files) {
    static FILES: OnceLock<(PathBuf, Files)> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap().keep();
        super::small::write(&folder);
        let mut files = Vec::new();
        read_below(&folder, &mut files);
        files.sort();
        (folder, files)
    })
}

/// All files below a folder.
pub(super) fn read_below(folder: &Path, files: &mut Files) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // The cache is derived; nothing reads it here.
            if !path.ends_with("cache") {
                read_below(&path, files);
            }
        } else {
            let bytes = std::fs::read(&path).unwrap();
            files.push((path, bytes));
        }
    }
}
