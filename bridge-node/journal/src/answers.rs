//! Receipts of answers received a moment ago, kept in memory for who has to look at each of them: no file is read for them.

use std::collections::VecDeque;

use bridge_core::leaf::{Kind, Leaf, UnixMillis};
use uuid::Uuid;

/// The fact of a leaf that holds the receipt which the answering node gave.
pub const PEER_RECEIPT: &str = "peer_receipt";

/// An answer that was received with a receipt, as its leaf tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The leaf's number in the log.
    pub index: u64,
    /// The leaf's time.
    pub time: UnixMillis,
    /// The exchange.
    pub request_id: Uuid,
    /// The receipt which the answering node gave: the leaf's fact [`PEER_RECEIPT`].
    pub receipt: String,
}

/// The newest answers: all from some leaf on.
#[derive(Debug)]
pub(crate) struct Answers {
    from: u64,
    kept: VecDeque<Answer>,
}

/// No more are kept: whoever comes for them too late reads the segments.
const KEPT: usize = 16_384;

impl Answer {
    /// The answer that a leaf tells of, if it has a receipt. Its number is known when it is durable.
    pub fn of(leaf: &Leaf) -> Option<Self> {
        if leaf.kind != Kind::ResponseReceived {
            return None;
        }
        Some(Self {
            index: 0,
            time: leaf.time,
            request_id: leaf.request_id?,
            receipt: leaf.facts.get(PEER_RECEIPT)?.clone(),
        })
    }
}

impl Answers {
    /// Keeps those from a leaf on.
    pub(crate) fn from(from: u64) -> Self {
        Self {
            from,
            kept: VecDeque::new(),
        }
    }

    /// Keeps one more.
    pub(crate) fn push(&mut self, index: u64, answer: Answer) {
        if self.kept.len() == KEPT {
            self.kept.clear();
            self.from = index;
        }
        self.kept.push_back(Answer { index, ..answer });
    }

    /// Gives at most so many from a leaf on, and the leaf to go on from; nothing if not all of them were kept. `size` is how
    /// many leaves there are.
    pub(crate) fn take(&mut self, next: u64, most: usize, size: u64) -> Option<(Vec<Answer>, u64)> {
        if next < self.from {
            return None;
        }
        while self.kept.front().is_some_and(|first| first.index < next) {
            self.kept.pop_front();
        }
        let taken = self.kept.drain(..most.min(self.kept.len())).collect();
        self.from = self.kept.front().map_or(size, |first| first.index);
        Some((taken, self.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(indexes: impl IntoIterator<Item = u64>) -> Answers {
        let mut answers = Answers::from(0);
        for index in indexes {
            let answer = Answer {
                index: 0,
                time: UnixMillis(1),
                request_id: Uuid::nil(),
                receipt: String::new(),
            };
            answers.push(index, answer);
        }
        answers
    }

    fn taken(answers: &mut Answers, next: u64, most: usize, size: u64) -> Option<(Vec<u64>, u64)> {
        let (taken, next) = answers.take(next, most, size)?;
        Some((taken.iter().map(|answer| answer.index).collect(), next))
    }

    #[test]
    fn each_is_given_once_in_order_and_from_where_it_was_asked() {
        let mut answers = answers([1, 3, 5, 7]);
        assert_eq!(taken(&mut answers, 2, 2, 9), Some((vec![3, 5], 7)));
        assert_eq!(taken(&mut answers, 7, 2, 9), Some((vec![7], 9)));
        assert_eq!(taken(&mut answers, 9, 2, 12), Some((vec![], 12)));
        assert_eq!(taken(&mut answers, 9, 2, 12), None, "those are gone");
    }

    #[test]
    fn what_is_not_kept_is_never_passed_over() {
        let kept = KEPT as u64;
        let mut answers = answers(0..=kept);
        assert_eq!(taken(&mut answers, 0, 9, kept + 1), None);
        let newest = Some((vec![kept], kept + 1));
        assert_eq!(taken(&mut answers, kept, 9, kept + 1), newest);
    }
}
