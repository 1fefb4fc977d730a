//! Where messages begin and end.

use bridge_core::head::{Framing, HeadRules, chunk_size, judge_head, too_large};
use bridge_core::refusal::Refusal;
use bridge_core::{fields::FieldError, target::TargetError};
use memchr::memchr2;

/// Follows the bytes of one direction.
#[derive(Debug)]
pub(super) struct Scanner {
    rules: HeadRules,
    state: State,
    /// How far the line or head under way was looked at.
    seen: usize,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Not enough to say.
    Nothing,
    /// A whole head of so many bytes, in order.
    Head(usize),
    /// So many bytes of a body, its chunks in order.
    Body(usize),
    /// A head that is not in order.
    Refused(Refusal),
    /// A body that is not in order.
    Malformed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Data {
        left: u64,
        chunked: bool,
    },
    ChunkSize,
    /// CR LF behind the data of a chunk, or behind the last chunk: no trailers are let in, no digest covers them.
    ChunkEnd {
        last: bool,
    },
}

/// More is no size of a chunk with its CR LF.
const SIZE_LINE_BYTES: usize = 20;

// === impl Scanner ===

impl Scanner {
    pub(super) fn new(rules: HeadRules) -> Self {
        Self {
            rules,
            state: State::Head,
            seen: 0,
        }
    }

    /// Whether a body is under way.
    pub(super) fn in_body(&self) -> bool {
        self.state != State::Head
    }

    /// Whether a message is under way.
    pub(super) fn in_message(&self) -> bool {
        self.in_body() || self.seen > 0
    }

    /// Looks at what has come and did not go through yet. What is found goes through, or nothing does ever after.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Found {
        if bytes.is_empty() {
            return Found::Nothing;
        }
        match self.state {
            State::Head => self.head(bytes),
            State::Data { left, chunked } => {
                let here = u64::try_from(bytes.len()).unwrap_or(u64::MAX).min(left);
                let left = left - here;
                self.state = match (left, chunked) {
                    (0, false) => State::Head,
                    (0, true) => State::ChunkEnd { last: false },
                    (left, chunked) => State::Data { left, chunked },
                };
                Found::Body(usize::try_from(here).unwrap_or(bytes.len()))
            }
            State::ChunkSize => self.size(bytes),
            State::ChunkEnd { last } => match bytes {
                [b'\r'] => Found::Nothing,
                [b'\r', b'\n', ..] => {
                    self.state = if last { State::Head } else { State::ChunkSize };
                    Found::Body(2)
                }
                _ => Found::Malformed,
            },
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Found {
        if bytes == b"\r" {
            return Found::Nothing;
        }
        // One empty line before a request line is allowed. Standard: RFC 9112 §2.2.
        let blank = usize::from(bytes.starts_with(b"\r\n")) * 2;
        let limit = self.rules.bytes.saturating_add(blank);
        let within = bytes.get(..limit).unwrap_or(bytes);
        let mut at = self.seen.max(blank);
        while let Some(found) = memchr2(b'\r', b'\n', within.get(at..).unwrap_or_default()) {
            let end = at + found;
            let before = bytes.get(blank..end).unwrap_or_default();
            match within.get(end..).unwrap_or_default() {
                // Its LF is still to come.
                [b'\r'] if !before.is_empty() => {
                    self.seen = end;
                    return self.unfinished(bytes, limit);
                }
                [b'\r', b'\n', ..] if !before.is_empty() => at = end + 2,
                _ => return Found::Refused(alone(before)),
            }
            let head = bytes.get(blank..at).unwrap_or_default();
            if head.ends_with(b"\r\n\r\n") {
                self.seen = 0;
                return self.judged(head, at);
            }
        }
        self.seen = within.len();
        self.unfinished(bytes, limit)
    }

    /// A head whose end has not come yet, unless it is too long already.
    fn unfinished(&self, bytes: &[u8], limit: usize) -> Found {
        if bytes.len() > limit {
            return Found::Refused(too_large(&self.rules));
        }
        Found::Nothing
    }

    fn judged(&mut self, head: &[u8], length: usize) -> Found {
        self.state = match judge_head(head, &self.rules) {
            Ok(Framing::Length(0)) => State::Head,
            Ok(Framing::Length(left)) => State::Data {
                left,
                chunked: false,
            },
            Ok(Framing::Chunked) => State::ChunkSize,
            Err(refusal) => return Found::Refused(refusal),
        };
        Found::Head(length)
    }

    fn size(&mut self, bytes: &[u8]) -> Found {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            return if bytes.len() < SIZE_LINE_BYTES {
                Found::Nothing
            } else {
                Found::Malformed
            };
        };
        let line = bytes.get(..end).unwrap_or_default();
        let Some(size) = line.strip_suffix(b"\r").and_then(chunk_size) else {
            return Found::Malformed;
        };
        self.state = if size == 0 {
            State::ChunkEnd { last: true }
        } else {
            State::Data {
                left: size,
                chunked: true,
            }
        };
        Found::Body(end + 1)
    }
}

/// A CR or LF that stands alone, in the request line or below it; or a second empty line where a request should begin.
fn alone(before: &[u8]) -> Refusal {
    if before.contains(&b'\n') {
        Refusal::Field(FieldError::Line)
    } else {
        Refusal::Malformed(TargetError::Line)
    }
}
