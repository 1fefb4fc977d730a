//! `audit leaves`: some leaves of a journal with what proves them, for another member or an auditor.

use std::io::BufWriter;
use std::path::PathBuf;

use bridge_core::identity::MemberId;
use bridge_verify::{Chosen, LeavesWriter, Options, Seen};
use clap::Args;

use super::super::{Failure, hint, say};
use super::{Progress, journal_folder, moment};
use crate::durable;

/// Write leaves of a journal, with proofs, to a file that `audit reconcile` reads.
#[derive(Debug, Args)]
pub(in crate::command) struct Leaves {
    /// The journal's folder, live or a copy. It is verified while it is read.
    folder: PathBuf,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Only exchanges in which this member is client or provider; the others' leaves are shown as hashes.
    #[arg(long)]
    member: Option<MemberId>,
    /// From this time on, RFC 3339.
    #[arg(long)]
    from: Option<String>,
    /// Until this time, RFC 3339.
    #[arg(long)]
    to: Option<String>,
    /// The journal's verifier key, as the directory gives it.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
}

// === impl Leaves ===

impl Leaves {
    pub(super) fn run(self) -> Result<(), Failure> {
        journal_folder(&self.folder)?;
        let at = |place, text: &Option<String>| {
            text.as_deref().map(|text| moment(place, text)).transpose()
        };
        let chosen = Chosen {
            member: self.member.as_ref().map(ToString::to_string),
            from_ms: at("--from", &self.from)?,
            to_ms: at("--to", &self.to)?,
        };
        let count = self.write(&chosen)?;
        say(format_args!("{}: {count} leaves", self.out.display()));
        Ok(())
    }

    fn write(&self, chosen: &Chosen) -> Result<u64, Failure> {
        let failed = |error: &std::io::Error| {
            Failure::failed(&format!("{} cannot be written", self.out.display()), error)
        };
        // Half a file proves nothing: it goes, and one that was there before is not touched.
        let half = durable::half(&self.out, durable::OWNER).map_err(|error| failed(&error))?;
        let file = half.reopen().map_err(|error| failed(&error))?;
        let mut file = Some(BufWriter::new(file));
        let mut writer = None;
        let mut see = |seen: Seen<'_>| match (&mut writer, seen) {
            (
                None,
                Seen::Log {
                    vkey,
                    published: Some(published),
                    ..
                },
            ) => {
                writer = file
                    .take()
                    .map(|file| LeavesWriter::new(file, chosen.clone(), vkey, published));
            }
            (Some(Ok(writer)), seen) => writer.see(seen),
            (Some(Err(_)) | None, _) => {}
        };
        let options = Options {
            evidence_key: None,
            vkey: self.key.clone(),
            ..Options::default()
        };
        let mut progress = Progress::new();
        let verified = bridge_verify::verify_each(
            &self.folder,
            &options,
            &mut |at| progress.leaves(at.leaves),
            &mut see,
        );
        verified.map_err(|findings| super::not_genuine(&self.folder, &findings))?;
        let writer = writer.ok_or_else(|| {
            Failure::Failed(hint(
                &format!("{}: no checkpoint was published yet", self.folder.display()),
                "a node publishes one a second after its first leaf",
            ))
        })?;
        let count = writer
            .and_then(LeavesWriter::finish)
            .map_err(|error| failed(&error))?;
        durable::put(half, &self.out).map_err(|error| failed(&error))?;
        Ok(count)
    }
}
