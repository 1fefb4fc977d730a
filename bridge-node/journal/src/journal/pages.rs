//! Leaves as they follow one another: a page of those that concern a member, all since a time or that fit, what began.

use bridge_core::leaf::{Leaf, UnixMillis};
use bridge_core::quota::Begun;

use super::Journal;
use crate::answers::{Answer, Answers};
use crate::begins::each_begun_since;
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

    /// Takes the answers received from a leaf on, at most so many and oldest first, and the leaf to go on from. It reads no file.
    ///
    /// Nothing if not all of them are in memory: they are kept from the first call on, for one taker who comes soon enough. Then
    /// [`Journal::each_leaf_from`] has them.
    pub fn take_answers(&self, next: u64, most: usize) -> Option<(Vec<Answer>, u64)> {
        let mut state = self.inner.shared.state();
        let size = state.head.size;
        let answers = state.answers.get_or_insert_with(|| Answers::from(size));
        answers.take(next, most, size)
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
