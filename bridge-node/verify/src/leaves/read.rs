//! Reads a leaves file and derives the tree again.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::{END, HEIGHT_LIMIT, LEAF, LeavesFault, MAGIC, Row, SUBTREE};
use crate::Seen;
use crate::bytes::{Hash, leaf_hash};
use crate::leaf::Leaf;
use crate::note::{self, LogKey, NOTE_LIMIT_BYTES, VKEY_LIMIT_BYTES};

/// What a leaves file was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeavesLog {
    /// The log's name.
    pub origin: String,
    /// The key by which it was checked.
    pub vkey: String,
    /// The member whose exchanges it has; all members' if none.
    pub member: Option<String>,
    /// Leaves in the file.
    pub leaves: u64,
    /// Leaves under its checkpoint.
    pub size: u64,
    /// The time from which its writer says that it is complete, Unix milliseconds.
    pub from_ms: u64,
    /// The time up to which its writer says so.
    pub to_ms: u64,
}

/// Reads a leaves file and shows each leaf. Whether they stand under the checkpoint is known at the end.
///
/// `vkey` is the verifier key as the directory lists it; without it that of the file is believed.
///
/// # Errors
///
/// [`LeavesFault`]; some leaves were shown then.
pub fn read_leaves(
    path: &Path,
    vkey: Option<&str>,
    each: &mut dyn FnMut(Seen<'_>),
) -> Result<LeavesLog, LeavesFault> {
    let seen = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !seen.is_file() {
        return Err(LeavesFault::Unreadable("not a regular file".to_owned()));
    }
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut file = Fields(BufReader::with_capacity(BUFFER_BYTES, file));
    if file.bytes(MAGIC.len())? != MAGIC {
        return Err(LeavesFault::Form("`bridge-leaves-v1`"));
    }
    let own = file.line(VKEY_LIMIT_BYTES, "a line with the verifier key")?;
    let member = file.line(MEMBER_LIMIT_BYTES, "a line with a member or `*`")?;
    if vkey.is_some_and(|vkey| vkey != own) {
        return Err(LeavesFault::OtherKey);
    }
    let key = LogKey::parse(&own)?;
    let length = usize::try_from(u32::from_be_bytes(file.array()?)).unwrap_or(usize::MAX);
    if length > NOTE_LIMIT_BYTES {
        return Err(LeavesFault::Form("a checkpoint of at most 8192 bytes"));
    }
    let note = file.bytes(length)?;
    let checkpoint = note::open(&note, &key)?;
    each(Seen::Log {
        origin: key.origin(),
        vkey: &own,
        published: Some((&note, checkpoint.size)),
    });
    let (row, leaves) = items(&mut file, each)?;
    let [from_ms, to_ms] = [file.array()?, file.array()?].map(u64::from_be_bytes);
    if !file.is_at_end()? {
        return Err(LeavesFault::Form("the end of the file"));
    }
    if (row.size(), row.root()) != (checkpoint.size, checkpoint.root) {
        return Err(LeavesFault::Root);
    }
    Ok(LeavesLog {
        origin: key.origin().to_owned(),
        vkey: key.vkey().to_owned(),
        member: Some(member).filter(|member| member != "*"),
        leaves,
        size: checkpoint.size,
        from_ms,
        to_ms,
    })
}

/// Reads leaves and subtrees up to the end.
fn items(
    file: &mut Fields<impl Read>,
    each: &mut dyn FnMut(Seen<'_>),
) -> Result<(Row, u64), LeavesFault> {
    let (mut row, mut leaves) = (Row::default(), 0_u64);
    let mut bytes = Vec::new();
    loop {
        let [kind] = file.array()?;
        match kind {
            END => return Ok((row, leaves)),
            LEAF => {
                let length = usize::from(u16::from_be_bytes(file.array()?));
                bytes.resize(length, 0);
                file.fill(&mut bytes)?;
                let index = row.size();
                Leaf::parse(&bytes).map_err(|fault| LeavesFault::Leaf { index, fault })?;
                let hash = leaf_hash(&bytes);
                push(&mut row, 0, hash)?;
                leaves = leaves.saturating_add(1);
                each(Seen::Leaf {
                    index,
                    bytes: &bytes,
                    hash: &hash,
                    evidence: None,
                });
            }
            SUBTREE => {
                let [height] = file.array()?;
                push(&mut row, height, file.array()?)?;
            }
            _ => return Err(LeavesFault::Form("a leaf, a subtree or the end")),
        }
    }
}

fn push(row: &mut Row, height: u8, hash: Hash) -> Result<(), LeavesFault> {
    let at = row.size();
    if height <= HEIGHT_LIMIT && row.push(height, hash) {
        Ok(())
    } else {
        Err(LeavesFault::Place { height, at })
    }
}

/// Reads fields of known length.
struct Fields<R>(BufReader<R>);

impl<R: Read> Fields<R> {
    fn fill(&mut self, room: &mut [u8]) -> Result<(), LeavesFault> {
        self.0.read_exact(room).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                return LeavesFault::Form("more of it: it was cut off");
            }
            unreadable(&error)
        })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LeavesFault> {
        let mut room = [0; N];
        self.fill(&mut room)?;
        Ok(room)
    }

    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, LeavesFault> {
        let mut room = vec![0; count];
        self.fill(&mut room)?;
        Ok(room)
    }

    fn line(&mut self, limit: usize, expected: &'static str) -> Result<String, LeavesFault> {
        let mut line = Vec::new();
        loop {
            match self.array()? {
                [b'\n'] => break,
                [byte] if line.len() < limit => line.push(byte),
                _ => return Err(LeavesFault::Form(expected)),
            }
        }
        String::from_utf8(line).map_err(|_not_text| LeavesFault::Form(expected))
    }

    fn is_at_end(&mut self) -> Result<bool, LeavesFault> {
        let mut room = [0];
        let read = self.0.read(&mut room).map_err(|error| unreadable(&error))?;
        Ok(read == 0)
    }
}

fn unreadable(error: &io::Error) -> LeavesFault {
    LeavesFault::Unreadable(error.to_string())
}

const BUFFER_BYTES: usize = 1 << 20;

const MEMBER_LIMIT_BYTES: usize = 1024;
