//! Leaves as they follow one another: a page of those that concern a member, all since a time, what began since then.

use bridge_core::leaf::{Leaf, UnixMillis};
use bridge_core::quota::Begun;

use super::Journal;
use crate::begins::each_begun_since;
use crate::concerned::{Page, PageQuery, page};
use crate::error::ReadError;

impl Journal {
    /// Reads one page of the leaves that concern a member, with the hashes that prove them under a checkpoint.
    ///
    /// `None` if there is no checkpoint yet, or the page lies beyond it. It reads files: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    pub fn concerned(&self, query: &PageQuery<'_>) -> Result<Option<Page>, ReadError> {
        page(&self.inner.shared, query)
    }

    /// Returns the leaves not older than `since` with their indexes, oldest first.
    ///
    /// It reads files: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    pub fn leaves_since(&self, since: UnixMillis) -> Result<Vec<(u64, Leaf)>, ReadError> {
        let mut leaves = Vec::new();
        self.each_leaf_since(since, &mut |index, leaf| leaves.push((index, leaf.clone())))?;
        Ok(leaves)
    }

    /// Tells of the allowed exchanges that began since the full hour of a time: what began, in which hour, how often.
    /// Returns how many leaves had to be read for it: those of segments whose counts are lost.
    ///
    /// It reads files: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written; some were told then.
    pub fn each_begun_since(
        &self,
        since: UnixMillis,
        tell: &mut dyn FnMut(&Begun<'_>, UnixMillis, u64),
    ) -> Result<u64, ReadError> {
        let shared = &*self.inner.shared;
        each_begun_since(shared, &shared.snapshot(), since, tell)
    }
}
