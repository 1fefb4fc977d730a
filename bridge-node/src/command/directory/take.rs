//! `directory take`: a member's own nodes go out, by the online keys alone.

use std::path::PathBuf;

use bridge_directory::Publisher;
use clap::Args;

use super::super::member_role::{joined, refused, show};
use super::{Failure, Language, failed, read_base, say};

#[derive(Debug, Args)]
pub(in crate::command) struct Options {
    /// Copies of one file of a member.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Folder that a web server may serve.
    #[arg(long)]
    public: PathBuf,
    /// Folder of the online keys.
    #[arg(long)]
    keys: PathBuf,
}

pub(super) fn take(options: &Options, now_s: u64) -> Result<(), Failure> {
    let Options {
        files,
        public,
        keys,
    } = options;
    let file = joined(files)?;
    let base = read_base(public, None)?;
    let reviewed = file.review(&base, now_s).map_err(|error| refused(&error))?;
    show(&reviewed, Language::En);
    let publisher = Publisher::open(keys, public).map_err(|error| failed(&error))?;
    let version = publisher.take(&file, now_s);
    let version = version.map_err(|error| refused(&error))?;
    let member = &reviewed.member;
    say(format_args!(
        "published the own nodes of {member}, version {version}"
    ));
    Ok(())
}
