//! The talk with the other node: does it let this one in, does a signed question come back answered, do the clocks agree?

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bridge_certs::Moment;
use bridge_core::accept::Language;
use bridge_core::identity::SubsystemId;
use bridge_core::refusal::{PeerFault, Refusal};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Limited};

use super::{Report, contracts};
use crate::exchange::{MAINTENANCE, Told, ask_allowed_methods};
use crate::node::Node;
use crate::orders::read_told;
use crate::payload;
use crate::peers::PeerAddress;
use crate::watch::View;

/// Pairs of subsystems that are asked about: a member with more sees the first ones compared.
const MOST_PAIRS: usize = 16;
/// Clocks may differ by so much before it is a fault, seconds.
const CLOCKS_S: u64 = 5;
/// A refusal's body is not longer, bytes.
const REFUSAL_BYTES: usize = 64 * 1024;

/// Talks to a node whose identity holds.
pub(super) async fn talk(node: &Arc<Node>, view: &View, to: &PeerAddress, report: &mut Report) {
    if !admitted(node, view, to, report).await {
        return;
    }
    let held = contracts::held(node, view, to.node.member());
    let mut pairs: BTreeSet<(SubsystemId, SubsystemId)> =
        held.iter().map(contracts::Held::pair).collect();
    if pairs.is_empty() {
        pairs.extend(any_pair(node, view, to));
    }
    if pairs.is_empty() {
        let said = "not tried: one of the two members has no subsystem in the directory";
        for name in ["round trip", "clock", "maintenance", "contracts"] {
            report.not_tried(name, said.to_owned());
        }
        return;
    }
    let mut answers = Vec::new();
    for (client, provider) in pairs.into_iter().take(MOST_PAIRS) {
        let begun = Instant::now();
        let asked = ask_allowed_methods(node, &to.node, &client, &provider).await;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        match asked {
            Ok(told) if !told.is_refusal => {
                report.round_trip_ms.get_or_insert(took_ms);
                answers.push((client, provider, told));
            }
            Ok(refused) => return refused_signed(node, &refused, report),
            Err(refusal) => return refused_here(&refusal, report),
        }
    }
    let Some((_, _, first)) = answers.first() else {
        return;
    };
    let took_ms = report.round_trip_ms.unwrap_or_default();
    report.works_with(
        "round trip",
        format!(
            "signed and answered in {took_ms} ms, journaled as {}",
            first.request_id
        ),
    );
    clock(node.clock.now_s(), first.created_s, report);
    maintenance(node, &first.fields, to, report);
    contracts::compare(node, &held, &answers, report);
}

/// Whether its TLS side knows this node: its public log is shown to nodes of the directory only.
async fn admitted(node: &Node, view: &View, to: &PeerAddress, report: &mut Report) -> bool {
    let authority = view
        .directory()
        .node(&to.node)
        .map_or("", |record| &record.name);
    let said = match ask_log(node, to, authority).await {
        Ok(None) => {
            report.works_with("admission", "it knows this node's TLS key".to_owned());
            return true;
        }
        Ok(Some(why)) => format!("it does not let this node in: {why}"),
        Err(why) => format!("it ended the connection: {why}"),
    };
    report.fails(
        "admission",
        said,
        "its operator compares its directory's version and trust.anchors with this node's certificate",
    );
    false
}

async fn ask_log(node: &Node, to: &PeerAddress, authority: &str) -> Result<Option<String>, String> {
    let mut line = node
        .peers
        .fresh(to)
        .await
        .map_err(|error| crate::chain(&error))?;
    let request = Request::get("/log/checkpoint")
        .header("host", authority)
        .body(payload::empty())
        .map_err(|error| error.to_string())?;
    let waiting = tokio::time::timeout(node.settings.limits.exchange_timeout, line.send(request));
    let response = waiting
        .await
        .map_err(|_elapsed| "no answer in time".to_owned())?
        .map_err(|error| crate::chain(&error))?;
    if !response.headers().contains_key("x-road-error") {
        return Ok(None);
    }
    let body = Limited::new(response.into_body(), REFUSAL_BYTES);
    let body = body.collect().await.map_err(|error| error.to_string())?;
    Ok(Some(message(&body.to_bytes())))
}

fn message(body: &Bytes) -> String {
    serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|value| Some(value.get("message")?.as_str()?.to_owned()))
        .unwrap_or_else(|| "it gives no reason".to_owned())
}

/// The first subsystem of each end: enough for a question under the metadata terms.
fn any_pair(node: &Node, view: &View, to: &PeerAddress) -> Option<(SubsystemId, SubsystemId)> {
    let first = |member: &bridge_core::identity::MemberId| {
        let listed = view.directory().member(member)?.subsystems.first()?;
        member.subsystem(&listed.code).ok()
    };
    Some((
        first(node.settings.node.member())?,
        first(to.node.member())?,
    ))
}

fn refused_signed(node: &Node, refused: &Told, report: &mut Report) {
    let said = format!("it refused, signed: {}", message(&refused.body));
    report.fails(
        "round trip",
        said,
        "do what its words say, or ask its operator",
    );
    clock(node.clock.now_s(), refused.created_s, report);
}

fn refused_here(refusal: &Refusal, report: &mut Report) {
    report.fails(
        "round trip",
        refusal.message(Language::English),
        "if its words do not help, look at both nodes' logs at this time",
    );
    if let Refusal::PeerAnswer(PeerFault::NotFresh {
        created_s, now_s, ..
    }) = refusal
    {
        clock(*now_s, *created_s, report);
    }
}

fn clock(here_s: u64, there_s: u64, report: &mut Report) {
    let differ_s = here_s.abs_diff(there_s);
    let said = format!(
        "differs by {differ_s} s: {} here, {} there",
        Moment(here_s),
        Moment(there_s)
    );
    if differ_s <= CLOCKS_S {
        report.works_with("clock", said);
    } else {
        report.fails("clock", said, "set the clock that is wrong, by NTP");
    }
}

fn maintenance(node: &Node, fields: &HeaderMap, to: &PeerAddress, report: &mut Report) {
    let text = fields
        .get(&MAINTENANCE)
        .and_then(|told| told.to_str().ok())
        .unwrap_or_default();
    let told = read_told(text);
    let now_s = node.clock.now_s();
    let words: Vec<String> = told
        .iter()
        .map(|(name, from_s, until_s)| {
            format!("{name} from {} until {}", Moment(*from_s), Moment(*until_s))
        })
        .collect();
    let own = to.node.to_string();
    let is_met = |(name, from_s, until_s): &(String, u64, u64)| {
        *name == own && (*from_s..*until_s).contains(&now_s)
    };
    if told.iter().any(is_met) {
        let said = format!("it is in maintenance: {}", words.join("; "));
        report.fails("maintenance", said, "ask again when it is over");
    } else if words.is_empty() {
        report.works_with("maintenance", "none announced".to_owned());
    } else {
        report.works_with("maintenance", format!("announced: {}", words.join("; ")));
    }
}
