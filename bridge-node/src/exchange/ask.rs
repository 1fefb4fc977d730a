//! A question of this node itself to one other node: signed, authorised by the metadata terms and journaled like any other.

use std::sync::Arc;

use bridge_core::fields::CallerFields;
use bridge_core::identity::{NodeId, SubsystemId};
use bridge_core::leaf::Side;
use bridge_core::refusal::Refusal;
use bridge_core::target::{TargetLimits, parse_target};
use bytes::Bytes;
use http::{HeaderMap, Method};
use uuid::Uuid;

use super::about::{About, Reader, Refused};
use super::enter::{Asked, Entered};
use super::{authorise, late, record, refuse_caller};
use crate::node::Node;
use crate::payload::Payload;

/// A genuine answer, or signed refusal, of the other node.
#[derive(Debug)]
pub struct Told {
    /// Fields.
    pub fields: HeaderMap,
    /// Body; empty if it was too large for memory.
    pub body: Bytes,
    /// When it was signed, by the other node's clock, Unix seconds.
    pub created_s: u64,
    /// Whether the other node refused.
    pub is_refusal: bool,
    /// X-Road-Request-Id.
    pub request_id: Uuid,
}

/// Asks a node which services of a provider a client may use.
///
/// # Errors
///
/// [`Refusal`], which is journaled as that of any caller.
///
/// # Cancel safety
///
/// None: run it as a task of its own.
pub async fn ask_allowed_methods(
    node: &Arc<Node>,
    peer: &NodeId,
    client: &SubsystemId,
    provider: &SubsystemId,
) -> Result<Told, Refusal> {
    match ask(node, peer, client, provider).await {
        Ok(told) => Ok(told),
        Err(refused) => {
            let refusal = refused.refusal.clone();
            refuse_caller(node, refused).await;
            Err(refusal)
        }
    }
}

async fn ask(
    node: &Arc<Node>,
    peer: &NodeId,
    client: &SubsystemId,
    provider: &SubsystemId,
) -> Result<Told, Refused> {
    let _place = node
        .admit(Side::Consumer)
        .map_err(|refusal| About::new(Side::Consumer, Reader::OWN).refuse(refusal))?;
    let entered = question(peer, client, provider)?;
    let request_id = entered.about.request_id.unwrap_or_default();
    let authorised = authorise::outbound(node, entered).await?;
    let underway = record::request(node, authorised).await?;
    let genuine = late::in_time(node, &underway.value).await?;
    let (_sent, kept) = record::their_answer(node, underway, genuine).await?;
    let (kept, _receipt) = kept.into_parts();
    Ok(Told {
        is_refusal: kept.is_refusal(),
        body: kept.payload.memory().cloned().unwrap_or_default(),
        fields: kept.fields,
        created_s: kept.envelope.created,
        request_id,
    })
}

/// The question as a caller of this node would ask it; nobody but this node is its caller.
fn question(
    peer: &NodeId,
    client: &SubsystemId,
    provider: &SubsystemId,
) -> Result<Entered, Refused> {
    let mut about = About::new(Side::Consumer, Reader::OWN);
    let text = format!("/r1/{provider}/allowedMethods");
    let asked = parse_target(&text, &TargetLimits::default())
        .map_err(Refusal::Malformed)
        .and_then(Asked::from_target)
        .map_err(|refusal| about.refuse(refusal))?;
    let service = asked.service().map_err(|refusal| about.refuse(refusal))?;
    let request_id = Uuid::new_v4();
    about.client = Some(client.clone());
    about.service = Some(service);
    about.request_id = Some(request_id);
    about.message_id = Some(format!("probe-{request_id}"));
    let payload = Payload::from_bytes(Bytes::new());
    about.request_size = Some(payload.length());
    Ok(Entered {
        method: Method::GET,
        asked,
        caller: CallerFields {
            client: client.clone(),
            id: about.message_id.clone(),
            user_id: None,
            issue: None,
            security_server: Some(peer.clone()),
            represented_party: None,
            purpose: None,
            legal_basis: None,
            consent: None,
            user_token: false,
            idempotency_key: None,
            content_digest: None,
        },
        fields: HeaderMap::new(),
        payload,
        about,
    })
}
