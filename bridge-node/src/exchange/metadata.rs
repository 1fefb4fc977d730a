//! What a node tells of itself: `listClients` from the directory, and the signed calls about its services.
//!
//! The signed calls need no contract between two agencies, so they run under fixed terms that every node holds: their text is
//! below, its digest stands in `Bridge-Contract`. `listMethods` shows what is published to the caller or under contract.
//!
//! Departs: X-Road PR-MREST §4, because there every member sees every service.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_core::identity::{ServiceId, SubsystemId};
use bridge_core::refusal::{Refusal, Unknown};
use bridge_core::target::MetadataCall;
use bridge_directory::Directory;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::reply::Reply;
use super::serve::Served;
use super::verify::VerifiedRequest;
use crate::contracts::{KnownGroups, is_party};
use crate::node::Node;
use crate::payload::Payload;
use crate::registries::Registry;

/// The terms under which nodes answer about their services.
const TERMS: &str = "bridge-metadata-v1: a member of the directory may ask which services are published to it, \
                     which it may use, and how they are described; no personal data is exchanged";

/// The field of an `allowedMethods` answer that names the contracts held with the caller, each `{id}@{digest}`.
pub const CONTRACTS: &str = "bridge-contracts";
/// A longer list is not told: about a hundred contracts of one subsystem with another.
const CONTRACTS_BYTES: usize = 8 * 1024;

/// What stands in `Bridge-Contract` of a metadata call.
pub(super) fn terms_reference() -> &'static str {
    static REFERENCE: LazyLock<String> = LazyLock::new(|| {
        let digest = digest(&SHA256, TERMS.as_bytes());
        format!("metadata@{}", URL_SAFE_NO_PAD.encode(digest))
    });
    &REFERENCE
}

#[derive(Serialize)]
struct ClientList {
    member: Vec<ClientEntry>,
}

#[derive(Serialize)]
struct ClientEntry {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subsystem_name: Option<String>,
    id: ClientId,
}

#[derive(Serialize)]
struct ClientId {
    object_type: &'static str,
    xroad_instance: String,
    member_class: String,
    member_code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subsystem_code: Option<String>,
}

#[derive(Serialize)]
struct MethodList {
    service: Vec<Method>,
}

#[derive(Serialize)]
struct Method {
    object_type: &'static str,
    service_type: &'static str,
    xroad_instance: String,
    member_class: String,
    member_code: String,
    subsystem_code: String,
    service_code: String,
    endpoint_list: Vec<Endpoint>,
}

#[derive(Serialize)]
struct Endpoint {
    method: String,
    path: String,
    /// What a repetition does. Departs: X-Road PR-MREST §4.2, because a caller must know before it repeats.
    effect: &'static str,
}

/// Answers `/listClients` from the directory: members and subsystems. Standard: X-Road PR-MREST §4.1.
pub(super) fn list_clients(directory: &Directory, instance: Option<&str>) -> Reply {
    let mut list = ClientList { member: Vec::new() };
    let known = instance.is_none_or(|instance| instance == directory.instance);
    for member in directory.members.iter().filter(|_| known) {
        let id = |subsystem: Option<String>| ClientId {
            object_type: if subsystem.is_some() {
                "SUBSYSTEM"
            } else {
                "MEMBER"
            },
            xroad_instance: member.id.instance().to_owned(),
            member_class: member.id.class().to_owned(),
            member_code: member.id.code().to_owned(),
            subsystem_code: subsystem,
        };
        list.member.push(ClientEntry {
            name: member.name.clone(),
            subsystem_name: None,
            id: id(None),
        });
        for subsystem in &member.subsystems {
            list.member.push(ClientEntry {
                name: member.name.clone(),
                subsystem_name: Some(subsystem.name.clone()),
                id: id(Some(subsystem.code.clone())),
            });
        }
    }
    let (fields, payload) = json(&list);
    Reply {
        status: 200,
        fields,
        payload,
    }
}

/// Answers a signed metadata call.
pub(super) fn answer(
    node: &Node,
    verified: &VerifiedRequest,
    provider: &SubsystemId,
    call: &MetadataCall,
) -> Result<Served, Refusal> {
    if verified.view.directory().subsystem(provider).is_none() {
        return Err(Refusal::Unknown(Unknown::Subsystem));
    }
    let services = node.registries.of(provider);
    let (fields, payload) =
        match call {
            MetadataCall::ListMethods => json(&methods(services.filter(|(id, registry)| {
                registry.published || under_contract(node, verified, id)
            }))),
            MetadataCall::AllowedMethods => {
                let (mut fields, payload) = json(&methods(
                    services.filter(|(id, _)| under_contract(node, verified, id)),
                ));
                if let Some(held) = contracts_held(node, verified, provider) {
                    fields.insert(CONTRACTS, held);
                }
                (fields, payload)
            }
            MetadataCall::GetOpenApi { service_code } => {
                let found = services
                    .into_iter()
                    .find(|(id, _)| id.code() == service_code);
                let (id, registry) = found.ok_or(Refusal::Unknown(Unknown::Hidden))?;
                if !registry.published && !under_contract(node, verified, id) {
                    return Err(Refusal::Unknown(Unknown::Hidden));
                }
                let text = registry
                    .openapi
                    .as_deref()
                    .ok_or(Refusal::Unknown(Unknown::Description))?;
                json(&neutral(text.clone()))
            }
        };
    Ok(Served {
        status: 200,
        fields,
        payload,
    })
}

/// The versions of the contracts under which the caller may ask this provider, so that both ends can be compared before
/// an exchange fails. Its parties know them anyway: a query under another version is refused with ours.
///
/// Standard: RFC 9651 §3.1.
fn contracts_held(
    node: &Node,
    verified: &VerifiedRequest,
    provider: &SubsystemId,
) -> Option<HeaderValue> {
    let groups = KnownGroups {
        directory: verified.view.directory(),
        settings: &node.settings,
    };
    let (contracts, now) = (node.contracts.load(), node.clock.now());
    let mut held: Vec<String> = contracts
        .all()
        .filter(|one| one.provider() == provider && is_party(one, &verified.client, &groups))
        .filter(|one| contracts.counts(one, verified.client.member(), now))
        .map(|one| format!("\"{}\"", one.reference()))
        .collect();
    held.sort();
    let text = held.join(", ");
    // Half a list would hide contracts that are held; an empty list is no field.
    (1..=CONTRACTS_BYTES)
        .contains(&text.len())
        .then(|| HeaderValue::from_str(&text).ok())
        .flatten()
}

fn methods<'a>(services: impl Iterator<Item = (&'a ServiceId, &'a Registry)>) -> MethodList {
    let service = services
        .map(|(id, registry)| {
            let member = id.subsystem().member();
            Method {
                object_type: "SERVICE",
                service_type: if registry.openapi.is_some() {
                    "OPENAPI"
                } else {
                    "REST"
                },
                xroad_instance: member.instance().to_owned(),
                member_class: member.class().to_owned(),
                member_code: member.code().to_owned(),
                subsystem_code: id.subsystem().code().to_owned(),
                service_code: id.code().to_owned(),
                endpoint_list: registry
                    .endpoints
                    .iter()
                    .map(|own| Endpoint {
                        method: own.method.to_string(),
                        path: own.path.as_str().to_owned(),
                        effect: registry.or_own(own.effect).as_str(),
                    })
                    .collect(),
            }
        })
        .collect();
    MethodList { service }
}

fn under_contract(node: &Node, verified: &VerifiedRequest, service: &ServiceId) -> bool {
    let groups = KnownGroups {
        directory: verified.view.directory(),
        settings: &node.settings,
    };
    node.contracts
        .load()
        .about(service, verified.client.member(), node.clock.now())
        .iter()
        .any(|contract| is_party(contract, &verified.client, &groups))
}

/// Where the registry really stands is nobody's business outside. Standard: X-Road PR-MREST §4.4.
pub(crate) fn neutral(mut openapi: serde_json::Value) -> serde_json::Value {
    if let Some(object) = openapi.as_object_mut() {
        object.insert(
            "servers".to_owned(),
            serde_json::json!([{ "url": "https://example.org/" }]),
        );
    }
    openapi
}

pub(super) fn json(value: &impl Serialize) -> (HeaderMap, Payload) {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    let mut fields = HeaderMap::new();
    fields.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    (fields, Payload::from_bytes(Bytes::from(bytes)))
}
