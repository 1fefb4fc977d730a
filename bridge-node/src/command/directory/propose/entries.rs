//! Changes of the catalogue.

use std::path::PathBuf;

use bridge_core::identity::MemberId;
use bridge_directory::catalogue::{Catalogue, Services};
use bridge_directory::ceremony::{Base, CeremonyError, Proposal};
use clap::{Args, ValueEnum};

use super::super::super::resource::{read_entry, read_trust};
use super::super::{Failure, refused};

/// Entries to publish.
#[derive(Debug, Args)]
pub(super) struct Entries {
    /// Files of entries, as `bridge-node resource` wrote them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// PEM file of the authorities whose seals count.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
}

/// The rules for services.
#[derive(Debug, Args)]
pub(super) struct Rules {
    /// Which services are routed from now on.
    #[arg(long, value_enum)]
    services: Option<Routed>,
    /// The member whose opinions and decisions count from now on.
    #[arg(long, value_name = "MEMBER")]
    ministry: Option<MemberId>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Routed {
    /// Any that its provider serves.
    Any,
    /// Those that the ministry has approved.
    ApprovedOnly,
}

pub(super) fn entries(base: &Base, options: &Entries, now_s: u64) -> Result<Proposal, Failure> {
    let trust = read_trust(&options.trust)?;
    let mut entries = Vec::new();
    for path in &options.files {
        entries.push(read_entry(path, &trust)?);
    }
    let catalogue = base.catalogue.with(entries);
    let catalogue = catalogue.map_err(|fault| refused(&CeremonyError::Catalogue(fault)))?;
    propose(base, &catalogue, now_s)
}

pub(super) fn rules(base: &Base, options: &Rules, now_s: u64) -> Result<Proposal, Failure> {
    let services = match options.services {
        None => base.catalogue.services(),
        Some(Routed::Any) => Services::Any,
        Some(Routed::ApprovedOnly) => Services::ApprovedOnly,
    };
    let ministry = options.ministry.as_ref().or(base.catalogue.ministry());
    let catalogue = base.catalogue.with_rules(services, ministry.cloned());
    propose(base, &catalogue, now_s)
}

fn propose(base: &Base, catalogue: &Catalogue, now_s: u64) -> Result<Proposal, Failure> {
    Proposal::catalogue(base, catalogue, now_s).map_err(|error| refused(&error))
}
