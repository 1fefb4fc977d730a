//! Writes a leaves file, leaf after leaf.

use std::io::{self, Write};

use super::{END, LEAF, MAGIC, Row, SUBTREE};
use crate::Seen;
use crate::bytes::Hash;
use crate::leaf::Leaf;

/// Which leaves a file has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Only exchanges in which this member is client or provider: `AZ/GOV/2001`.
    pub member: Option<String>,
    /// Only leaves from this time on, Unix milliseconds.
    pub from_ms: Option<u64>,
    /// Only leaves up to this time, Unix milliseconds.
    pub to_ms: Option<u64>,
}

/// Writes the chosen leaves of a log with all that proves them.
#[derive(Debug)]
pub struct LeavesWriter<W: Write> {
    out: W,
    chosen: Chosen,
    /// Leaves under the checkpoint; those behind can't be proved.
    size: u64,
    /// What lies between the last chosen leaf and the next.
    between: Row,
    /// Times of the first and the newest leaf.
    times_ms: Option<(u64, u64)>,
    written: u64,
    failed: Option<io::Error>,
}

// === impl Chosen ===

impl Chosen {
    /// Whether a leaf is chosen; its time too.
    fn has(&self, leaf: &Leaf<'_>) -> bool {
        let in_time = self.from_ms.is_none_or(|from| from <= leaf.time)
            && self.to_ms.is_none_or(|to| leaf.time <= to);
        let is_of = |text: Option<crate::json::Text<'_>>, member: &str| {
            text.and_then(|text| text.plain())
                .and_then(|text| text.strip_prefix(member.as_bytes()))
                .is_some_and(|rest| rest.starts_with(b"/"))
        };
        let concerned = |member: &String| is_of(leaf.client, member) || is_of(leaf.service, member);
        in_time && leaf.side.is_some() && self.member.as_ref().is_none_or(concerned)
    }
}

// === impl LeavesWriter ===

impl<W: Write> LeavesWriter<W> {
    /// Writes the head. `published` is the signed note and how many leaves it covers.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn new(
        mut out: W,
        chosen: Chosen,
        vkey: &str,
        (note, size): (&[u8], u64),
    ) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        let member = chosen.member.as_deref().unwrap_or("*");
        writeln!(out, "{vkey}\n{member}")?;
        let length = u32::try_from(note.len()).map_err(io::Error::other)?;
        out.write_all(&length.to_be_bytes())?;
        out.write_all(note)?;
        Ok(Self {
            out,
            chosen,
            size,
            between: Row::default(),
            times_ms: None,
            written: 0,
            failed: None,
        })
    }

    /// Takes what [`crate::verify_each`] shows. An error is kept for [`Self::finish`].
    pub fn see(&mut self, seen: Seen<'_>) {
        let Seen::Leaf {
            index, bytes, hash, ..
        } = seen
        else {
            return;
        };
        if index < self.size && self.failed.is_none() {
            self.failed = self.leaf(bytes, hash).err();
        }
    }

    fn leaf(&mut self, bytes: &[u8], hash: &Hash) -> io::Result<()> {
        let leaf = Leaf::parse(bytes).map_err(io::Error::other)?;
        let (first, _) = self.times_ms.unwrap_or((leaf.time, leaf.time));
        self.times_ms = Some((first, leaf.time));
        if !self.chosen.has(&leaf) {
            self.between.push(0, *hash);
            return Ok(());
        }
        self.between()?;
        let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
        self.out.write_all(&[LEAF])?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(bytes)?;
        self.between = Row::at(self.between.size().saturating_add(1));
        self.written = self.written.saturating_add(1);
        Ok(())
    }

    /// Writes what lies between two chosen leaves.
    fn between(&mut self) -> io::Result<()> {
        for (height, hash) in self.between.take() {
            self.out.write_all(&[SUBTREE, height])?;
            self.out.write_all(&hash)?;
        }
        Ok(())
    }

    /// Writes the end; returns how many leaves were written.
    ///
    /// # Errors
    ///
    /// Those of writing, also of an earlier leaf.
    pub fn finish(mut self) -> io::Result<u64> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.between()?;
        let (first, newest) = self.times_ms.unwrap_or_default();
        let from = self.chosen.from_ms.map_or(first, |from| from.max(first));
        let to = self.chosen.to_ms.map_or(newest, |to| to.min(newest));
        self.out.write_all(&[END])?;
        self.out.write_all(&from.to_be_bytes())?;
        self.out.write_all(&to.to_be_bytes())?;
        self.out.flush()?;
        Ok(self.written)
    }
}
