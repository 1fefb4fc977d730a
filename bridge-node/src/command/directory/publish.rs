//! `directory publish`: what enough officers have signed goes out, and into the authority's journal before.

use std::path::PathBuf;

use bridge_directory::ceremony::Publication;
use clap::Args;

use super::super::officer::Access;
use super::{Failure, joined, refused, say};

#[derive(Debug, Args)]
pub(in crate::command) struct Options {
    /// Copies of one proposal.
    #[arg(required = true)]
    proposals: Vec<PathBuf>,
    /// Folder that a web server may serve.
    #[arg(long)]
    public: PathBuf,
    /// Folder of the online keys.
    #[arg(long)]
    keys: PathBuf,
    /// The admin socket of the authority's node, which journals the publication first.
    #[arg(long, value_name = "FILE", requires_all = ["officer", "officer_key"])]
    socket: Option<PathBuf>,
    /// The officer's name in that node's settings.
    #[arg(long, requires = "socket")]
    officer: Option<String>,
    /// That officer's key file.
    #[arg(long, value_name = "FILE", requires = "socket")]
    officer_key: Option<PathBuf>,
}

pub(super) fn publish(options: &Options, now_s: u64) -> Result<(), Failure> {
    let proposal = joined(&options.proposals)?;
    let ready = Publication::prepare(&proposal, &options.public, &options.keys, now_s);
    let ready = ready.map_err(|error| refused(&error))?;
    if let Some(node) = options.node() {
        let told = node.publication(ready.standing())?;
        let leaf = told.get("leaf").unwrap_or_default();
        // Crash here: the journal tells of a publication that can still be made, from the same proposal.
        say(format_args!("journaled as leaf {leaf}"));
    }
    let standing = ready.write().map_err(|error| refused(&error))?;
    say(format_args!("published {standing}"));
    Ok(())
}

impl Options {
    /// The authority's node, where there is one to tell.
    fn node(&self) -> Option<Access> {
        let (socket, officer) = (self.socket.clone()?, self.officer.clone()?);
        Some(Access::new(socket, officer, self.officer_key.clone()?))
    }
}
