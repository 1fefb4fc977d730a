//! Leaves as they follow one another: a page of those that concern a member, all since a time.

use bridge_core::leaf::{Leaf, UnixMillis};

use super::Journal;
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
}
