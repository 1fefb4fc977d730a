//! demo
mod world;
#[derive(Debug, clap::Args)]
pub struct Options {}
pub(super) fn run(_options: &Options) -> Result<(), super::Failure> { Ok(()) }
