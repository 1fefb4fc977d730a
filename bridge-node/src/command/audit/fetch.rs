//! `audit fetch`: another node's leaves that concern this member, with proofs, page by page, into a leaves file.

use std::io::Write as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::identity::NodeId;
use clap::Args;
use serde_json::Value;

use super::super::officer::Access;
use super::super::{Failure, hint, say};
use super::{Progress, moment};
use crate::concerned::Asked;

/// Fetch another node's leaves that concern this node's member, with proofs, to a file that `audit reconcile` reads.
#[derive(Debug, Args)]
pub(in crate::command) struct Fetch {
    /// The other node: INSTANCE/CLASS/MEMBER/NODE. Its journal will say that it was asked.
    peer: NodeId,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// From this time on, RFC 3339.
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
    pub(super) fn run(self) -> Result<(), Failure> {
        let since = self.from.as_deref().map(|text| moment("--from", text));
        let since_ms = since.transpose()?.unwrap_or(0);
        let mut asked = Asked {
            from: 0,
            size: None,
            since_ms,
        };
        let failed = |error: std::io::Error| {
            Failure::failed(&format!("{} cannot be written", self.out.display()), &error)
        };
        let folder = self
            .out
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        // Half a file proves nothing: it has no name until it is whole.
        let mut file =
            tempfile::NamedTempFile::new_in(folder.unwrap_or(".".as_ref())).map_err(failed)?;
        let mut progress = Progress::new();
        let times_ms = loop {
            let target = format!("/leaves?peer={}&{}", self.peer, asked.query());
            let answer = self.access.ask(&target)?;
            let (member, bytes) = read(&answer).ok_or_else(|| self.unreadable())?;
            let page = Page::parse(&bytes).ok_or_else(|| self.unreadable())?;
            if asked.size.is_none() {
                let length = u32::try_from(page.note.len()).unwrap_or(u32::MAX);
                let head = format!("bridge-leaves-v1\n{}\n{member}\n", page.vkey);
                for part in [head.as_bytes(), &length.to_be_bytes(), page.note] {
                    file.write_all(part).map_err(failed)?;
                }
            }
            file.write_all(page.items).map_err(failed)?;
            if asked.size.is_some_and(|size| size != page.size) || page.next <= asked.from {
                return Err(self.unreadable());
            }
            (asked.from, asked.size) = (page.next, Some(page.size));
            progress.leaves(page.next);
            if page.next >= page.size {
                break page.times_ms;
            }
        };
        file.write_all(&[0]).map_err(failed)?;
        for time in [times_ms.0.max(since_ms), times_ms.1] {
            file.write_all(&time.to_be_bytes()).map_err(failed)?;
        }
        file.flush().map_err(failed)?;
        let read = bridge_verify::read_leaves(file.path(), None, &mut |_| {});
        let log =
            read.map_err(|fault| Failure::NotGenuine(vec![format!("{}: {fault}", self.peer)]))?;
        file.persist(&self.out)
            .map_err(|error| failed(error.error))?;
        say(format_args!(
            "{}: {} leaves of {}",
            self.out.display(),
            log.leaves,
            log.origin
        ));
        Ok(())
    }

    fn unreadable(&self) -> Failure {
        Failure::Failed(hint(
            &format!("{}: what it answers is no page of leaves", self.peer),
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
