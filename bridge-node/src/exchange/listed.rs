//! The catalogue held against one exchange, and what a node tells of it.
//!
//! What is asked here is published to everybody: a refusal tells nothing that the catalogue does not, and comes before a
//! contract or the provider's own services are looked at.

use bridge_core::identity::ServiceId;
use bridge_core::refusal::Refusal;
use bridge_core::target::{Target, TargetError};
use bridge_directory::catalogue::{Catalogue, NotRouted};
use serde_json::json;

use super::metadata;
use super::reply::Reply;
use crate::watch::View;

/// Where the directory demands it, only approved services are asked and served.
pub(super) fn approved(view: &View, service: &ServiceId) -> Result<(), Refusal> {
    let catalogue = view.catalogue();
    catalogue
        .check_routed(service)
        .map_err(|why| Refusal::NotApproved {
            is_retired: why == NotRouted::Retired,
            ministry: catalogue.ministry().cloned(),
        })
}

/// Answers what a node tells its callers from the published files, without an exchange: `/listClients`, `/whoHolds`.
///
/// # Errors
///
/// [`Refusal::Malformed`] for everything else.
pub fn answer_published(view: &View, target: &Target) -> Result<Reply, Refusal> {
    match target {
        Target::ListClients { instance } => Ok(metadata::list_clients(
            view.directory(),
            instance.as_deref(),
        )),
        Target::WhoHolds { attribute } => Ok(who_holds(view.catalogue(), attribute)),
        Target::Service(_) | Target::Metadata { .. } => {
            Err(Refusal::Malformed(TargetError::UnknownPath))
        }
    }
}

/// The one service to be asked for an attribute, or `null`.
fn who_holds(catalogue: &Catalogue, attribute: &str) -> Reply {
    let source = catalogue.source(attribute);
    let filing = source.and_then(|entry| entry.state().approved);
    let (fields, payload) = metadata::json(&json!({
        "attribute": attribute,
        "service": source.map(|entry| &entry.id),
        "title": filing.map(|filing| &filing.title),
        "contact": filing.map(|filing| &filing.contact),
        "terms": filing.and_then(|filing| filing.terms.as_ref()),
        "openapi": filing.and_then(|filing| filing.openapi.as_ref()),
    }));
    Reply {
        status: 200,
        fields,
        payload,
    }
}
