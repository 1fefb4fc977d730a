//! `audit fetch`: another node's leaves that concern this member, with proofs, page by page, into a leaves file.

use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::identity::NodeId;
use bridge_verify::LeavesLog;
use clap::Args;
use serde_json::Value;

use super::super::officer::Access;
use super::super::{Failure, hint, say};
use super::{Progress, moment};
use crate::concerned::{Asked, LEAST_PAGE_BYTES, LEAST_PAGE_LEAVES};
use crate::durable;

/// Fetch another node's leaves that concern this node's member, with proofs, to a file that `audit reconcile` reads.
#[derive(Debug, Args)]
pub(in crate::command) struct Fetch {
    /// The other node: INSTANCE/CLASS/MEMBER/NODE. Its journal will say that it was asked.
    peer: NodeId,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// From this time on, RFC 3339; some leaves of before may be in the file too.
    #[arg(long)]
    from: Option<String>,
    #[command(flatten)]
    access: Access,
}

/// One page as it travelled.
struct Page<'a> {
    vkey: &'a str,
    size: u64,
    next: u64,
    times_ms: (u64, u64),
    note: &'a [u8],
    items: &'a [u8],
}

// === impl Fetch ===

impl Fetch {
    /// A fetch of all leaves into a file.
    pub(super) const fn new(peer: NodeId, out: PathBuf, access: Access) -> Self {
        Self {
            peer,
            out,
            from: None,
            access,
        }
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        let since = self.from.as_deref().map(|text| moment("--from", text));
        let log = self.fetch(since.transpose()?.unwrap_or(0))?;
        say(format_args!(
            "{}: {} leaves of {}",
            self.out.display(),
            log.leaves,
            log.origin
        ));
        Ok(())
    }

    /// Fetches the leaves since a time into the file, checked under the log's checkpoint; its key is that of the directory.
    pub(super) fn fetch(&self, since_ms: u64) -> Result<LeavesLog, Failure> {
        let failed = |error: std::io::Error| self.unwritable(&error);
        // Half a file proves nothing: it has a name of its own, and goes, until it is whole.
        let mut file = durable::half(&self.out, durable::OWNER).map_err(failed)?;
        let mut ask = |asked: Asked| {
            let target = format!("/leaves?peer={}&{}", self.peer, asked.query());
            self.access.ask(&target)
        };
        let mut wait = || {
            if std::io::stderr().is_terminal() {
                // Progress is a courtesy: a closed terminal is no reason to stop.
                drop(write!(std::io::stderr().lock(), " waiting for more pages"));
            }
            std::thread::sleep(WAIT);
        };
        self.pages(since_ms, &mut ask, &mut wait, &mut file)?;
        file.flush().map_err(failed)?;
        let read = bridge_verify::read_leaves(file.path(), None, &mut |_| {});
        let log =
            read.map_err(|fault| Failure::NotGenuine(vec![format!("{}: {fault}", self.peer)]))?;
        durable::put(file, &self.out).map_err(failed)?;
        Ok(log)
    }

    /// Asks for all pages and writes them as one leaves file. After the first one, a node that gives no more for now is asked
    /// for the same page again.
    fn pages(
        &self,
        since_ms: u64,
        ask: &mut dyn FnMut(Asked) -> Result<Value, Failure>,
        wait: &mut dyn FnMut(),
        file: &mut dyn Write,
    ) -> Result<(), Failure> {
        let failed = |error: std::io::Error| self.unwritable(&error);
        let mut asked = Asked {
            from: 0,
            size: None,
            since_ms,
        };
        let mut progress = Progress::new();
        let mut waited = 0;
        let times_ms = loop {
            let answer = match ask(asked) {
                Err(Failure::Busy(_)) if asked.size.is_some() && waited < WAITS => {
                    waited += 1;
                    wait();
                    continue;
                }
                answer => answer?,
            };
            waited = 0;
            let (member, bytes) = read(&answer).ok_or_else(|| self.unreadable())?;
            let page = Page::parse(&bytes).ok_or_else(|| self.unreadable())?;
            if asked.size.is_some_and(|size| size != page.size) || !page.goes_on(asked.from) {
                return Err(self.unreadable());
            }
            if asked.size.is_none() {
                let length = u32::try_from(page.note.len()).unwrap_or(u32::MAX);
                let head = format!("bridge-leaves-v1\n{}\n{member}\n", page.vkey);
                for part in [head.as_bytes(), &length.to_be_bytes(), page.note] {
                    file.write_all(part).map_err(failed)?;
                }
            }
            file.write_all(page.items).map_err(failed)?;
            (asked.from, asked.size) = (page.next, Some(page.size));
            progress.leaves(page.next);
            if page.next == page.size {
                break page.times_ms;
            }
        };
        file.write_all(&[0]).map_err(failed)?;
        for time in [times_ms.0.max(since_ms), times_ms.1] {
            file.write_all(&time.to_be_bytes()).map_err(failed)?;
        }
        Ok(())
    }

    fn unwritable(&self, error: &std::io::Error) -> Failure {
        Failure::failed(&format!("{} cannot be written", self.out.display()), error)
    }

    fn unreadable(&self) -> Failure {
        Failure::Failed(hint(
            &format!(
                "{}: what it answers is no page of leaves, or a smaller one than any node gives",
                self.peer
            ),
            "is it of a version that knows `audit fetch`?",
        ))
    }
}

fn read(answer: &Value) -> Option<(&str, Vec<u8>)> {
    let text = |name: &str| answer.get(name)?.as_str();
    Some((text("member")?, STANDARD.decode(text("page")?).ok()?))
}

// === impl Page ===

impl<'a> Page<'a> {
    /// Whether it brings the end nearer: it has the least that a page may have or is the last one, and no more bytes than
    /// its leaves can have. So no node can hold a fetch for ever with a small log, or fill the disk with it.
    fn goes_on(&self, from: u64) -> bool {
        let leaves = self.next.saturating_sub(from);
        let bytes = u64::try_from(self.items.len()).unwrap_or(u64::MAX);
        let is_enough = leaves >= LEAST_PAGE_LEAVES || bytes >= LEAST_PAGE_BYTES;
        leaves > 0
            && self.next <= self.size
            && (is_enough || self.next == self.size)
            && bytes <= leaves.saturating_mul(LEAF_BYTES).saturating_add(EDGE_BYTES)
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
        let vkey = std::str::from_utf8(lines.next()?).ok()?;
        let numbers = std::str::from_utf8(lines.next()?).ok()?;
        let numbers: Result<Vec<u64>, _> = numbers.split(' ').map(str::parse).collect();
        let [size, next, first_ms, newest_ms, length] = <[u64; 5]>::try_from(numbers.ok()?).ok()?;
        let (note, items) = lines
            .next()?
            .split_at_checked(usize::try_from(length).ok()?)?;
        Some(Self {
            vkey,
            size,
            next,
            times_ms: (first_ms, newest_ms),
            note,
            items,
        })
    }
}

/// A leaf of the greatest length with its mark, and hashes of what lies before it.
const LEAF_BYTES: u64 = 3 + 65_535 + 34;

/// The hashes of a right edge.
const EDGE_BYTES: u64 = 2 * 64 * 34;

/// How long a node that gives no page is left alone, and how often: its minute is over then.
const WAIT: Duration = Duration::from_secs(10);
const WAITS: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        fetch: Fetch,
    }

    fn fetch() -> Fetch {
        let line = "fetch AZ/GOV/1001/NODE1 --out o --socket s --officer o --officer-key k";
        Line::try_parse_from(line.split(' ')).unwrap().fetch
    }

    fn page(size: u64, next: u64, items: &[u8]) -> Value {
        let head = format!("vkey\n{size} {next} 1 2 4\nnote");
        let page = STANDARD.encode([head.as_bytes(), items].concat());
        serde_json::json!({ "member": "AZ/GOV/2001", "page": page })
    }

    /// Answers in turn, the last one again and again; what was asked for and how often it was waited.
    fn run(answers: &[Option<Value>]) -> (Result<Vec<u8>, Failure>, Vec<u64>, u32) {
        let (mut asked, mut waits, mut out) = (Vec::new(), 0, Vec::new());
        let mut ask = |page: Asked| {
            asked.push(page.from);
            let answer = &answers[(asked.len() - 1).min(answers.len() - 1)];
            answer
                .clone()
                .ok_or_else(|| Failure::Busy("503".to_owned()))
        };
        let fetched = fetch().pages(0, &mut ask, &mut || waits += 1, &mut out);
        (fetched.map(|()| out), asked, waits)
    }

    #[test]
    fn a_page_that_a_busy_node_refuses_is_asked_for_again_and_nothing_is_lost() {
        let (first, last) = (page(300, 256, b"one"), page(300, 300, b"two"));
        let busy = [Some(first.clone()), None, None, Some(last.clone())];
        let (file, asked, waits) = run(&busy);
        assert_eq!((asked, waits), (vec![0, 256, 256, 256], 2));
        let (at_once, ..) = run(&[Some(first.clone()), Some(last)]);
        let file = file.unwrap();
        assert_eq!(file, at_once.unwrap());
        assert!(file.windows(6).any(|part| part == b"onetwo"));
        // Not for ever, and not before anything came.
        let (failed, _, waits) = run(&[Some(first), None]);
        assert!(matches!(failed, Err(Failure::Busy(_))) && waits == WAITS);
        let (failed, _, waits) = run(&[None]);
        assert!(matches!(failed, Err(Failure::Busy(_))) && waits == 0);
    }

    #[test]
    fn a_node_cannot_hold_a_fetch_with_pages_of_a_leaf_or_of_what_no_leaf_can_be() {
        let large = vec![0; 66_000];
        for (answer, taken) in [
            (page(300, 256, b""), true),
            (page(300, 255, b""), false),
            (page(300, 1, &large), true),
            (page(300, 1, &[large.as_slice(), &large].concat()), false),
            (page(300, 0, &large), false),
            (page(300, 301, b""), false),
        ] {
            // What follows is of another size: a page that was taken is followed by a question.
            let (failed, asked, _) = run(&[Some(answer), Some(page(1, 1, b""))]);
            assert!(matches!(failed, Err(Failure::Failed(_))));
            assert_eq!(asked.len() == 2, taken, "{asked:?}");
        }
    }
}
