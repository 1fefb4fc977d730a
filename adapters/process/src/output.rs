//! What a program writes to standard output and error: lines of the node's log, marked as the adapter's, cut and limited.
//!
//! Nothing that a program writes may fill the node's disk or hide what the node has to say. Whether it holds personal
//! data cannot be seen here: that is the adapter's promise.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::Instant;

use crate::limits::{LINE_LIMIT_BYTES, LINES_A_MINUTE};

/// How long a minute is.
const MINUTE: Duration = Duration::from_mins(1);

/// Reads until the end. A program is never held up by its log: what is too much is read and dropped.
pub(crate) async fn log(name: String, mut from: impl AsyncRead + Unpin) {
    let mut lines = Lines::default();
    let mut share = Share::new(Instant::now());
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let read = buffer.get(..length).unwrap_or_default();
        lines.take(read, |line| {
            let (admitted, left_out) = share.admit(Instant::now());
            if left_out > 0 {
                tracing::warn!(adapter = %name, left_out, "lines of the adapter were left out");
            }
            if admitted {
                tracing::info!(adapter = %name, said = %line, "the adapter says");
            }
        });
    }
    let left_out = share.left_out();
    if left_out > 0 {
        tracing::warn!(adapter = %name, left_out, "lines of the adapter were left out");
    }
}

/// Lines out of pieces, none longer than the limit.
#[derive(Debug, Default)]
struct Lines {
    line: Vec<u8>,
}

impl Lines {
    fn take(&mut self, read: &[u8], mut each: impl FnMut(String)) {
        for byte in read {
            match byte {
                b'\n' => {
                    let text = shown(&std::mem::take(&mut self.line));
                    if !text.is_empty() {
                        each(text);
                    }
                }
                _ if self.line.len() < LINE_LIMIT_BYTES => self.line.push(*byte),
                _ => {}
            }
        }
    }
}

/// Without characters that a terminal or a reader of logs would obey.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.trim_end().chars().map(shown).collect()
}

/// How many lines there may be yet.
#[derive(Debug)]
struct Share {
    since: Instant,
    asked: u64,
}

impl Share {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            asked: 0,
        }
    }

    /// Whether one more line may be written, and how many of the last minute were not.
    fn admit(&mut self, now: Instant) -> (bool, u64) {
        let mut left_out = 0;
        if now.duration_since(self.since) >= MINUTE {
            left_out = self.left_out();
            *self = Self::new(now);
        }
        self.asked = self.asked.saturating_add(1);
        (self.asked <= LINES_A_MINUTE, left_out)
    }

    fn left_out(&self) -> u64 {
        self.asked.saturating_sub(LINES_A_MINUTE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_and_control_characters_are_not_obeyed() {
        let mut lines = Lines::default();
        let mut said = Vec::new();
        lines.take(b"one\r\ntwo\x1b[2J", |line| said.push(line));
        lines.take(&[b'x'; 5000], |line| said.push(line));
        lines.take(b"\n\n\xff\n", |line| said.push(line));
        assert_eq!(said.len(), 3);
        assert_eq!(said[0], "one");
        assert_eq!(said[1].len(), LINE_LIMIT_BYTES);
        assert!(said[1].starts_with("two [2Jxxx"));
        assert_eq!(said[2], "\u{fffd}");
    }

    #[tokio::test(start_paused = true)]
    async fn lines_beyond_the_limit_are_counted_and_told_in_the_next_minute() {
        let mut share = Share::new(Instant::now());
        let admitted = (0..LINES_A_MINUTE + 7).filter(|_| share.admit(Instant::now()).0);
        assert_eq!(admitted.count() as u64, LINES_A_MINUTE);
        tokio::time::advance(MINUTE).await;
        assert_eq!(share.admit(Instant::now()), (true, 7));
        assert_eq!(share.admit(Instant::now()), (true, 0));
    }
}
