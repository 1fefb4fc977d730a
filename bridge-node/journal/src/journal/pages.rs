//! Leaves as they follow one another: a page of those that concern a member, all since a time, all that fit.

use bridge_core::leaf::{Leaf, UnixMillis};

use super::Journal;
use crate::concerned::{Page, PageQuery, page};
use crate::entry::{Filter, Hit};
use crate::error::ReadError;
use crate::search::each_hit;

impl Journal {
    /// As [`Journal::search`], one leaf after the other, so that memory does not grow with their number.
    ///
    /// # Errors
    ///
    /// As [`Journal::search`].
    pub fn each_hit(&self, filter: &Filter, see: &mut dyn FnMut(Hit)) -> Result<(), ReadError> {
        let shared = &self.inner.shared;
        each_hit(shared, &shared.snapshot(), filter, see)
    }

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
