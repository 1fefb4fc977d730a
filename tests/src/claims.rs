//! What must hold of an exchange in the journals of both ends.

use bridge_core::leaf::{Kind, Leaf, Side, UnixMillis};
use bridge_journal::{Filter, Shown};
use bridge_node::cosigning::round;
use uuid::Uuid;

use crate::agency::Agency;
use crate::answer::Answer;
use crate::wait::wait_until;
use crate::world::World;

/// All leaves of one exchange in an agency's journal, in order.
pub fn leaves(agency: &Agency, request_id: Uuid) -> Vec<Leaf> {
    let filter = Filter {
        request_id: Some(request_id),
        ..Filter::default()
    };
    let mut hits = agency.live().node.journal.search(&filter).unwrap();
    hits.sort_by_key(|hit| hit.index);
    hits.into_iter().map(|hit| hit.leaf).collect()
}

/// Their kinds.
pub fn kinds(agency: &Agency, request_id: Uuid) -> Vec<Kind> {
    leaves(agency, request_id)
        .into_iter()
        .map(|leaf| leaf.kind)
        .collect()
}

/// Everything that the journal keeps of one exchange.
pub fn shown(agency: &Agency, request_id: Uuid) -> Vec<Shown> {
    agency.live().node.journal.show(request_id).unwrap()
}

/// Checks an answered exchange at both ends: four leaves, one link, one answer link, receipts that name the leaves.
#[track_caller]
pub fn both_ends_agree(world: &World, answer: &Answer) {
    ends_agree(&world.consumer, &world.provider, answer);
}

/// As [`both_ends_agree`], of any two agencies.
#[track_caller]
pub fn ends_agree(consumer: &Agency, provider: &Agency, answer: &Answer) {
    let id = answer.request_id();
    let asked = leaves(consumer, id);
    let served = leaves(provider, id);
    let kinds = |leaves: &[Leaf]| leaves.iter().map(|leaf| leaf.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&asked), [Kind::RequestSent, Kind::ResponseReceived]);
    assert_eq!(
        kinds(&served),
        [Kind::RequestReceived, Kind::ResponseSigned]
    );
    let (sent, got, received, signed) = (&asked[0], &asked[1], &served[0], &served[1]);
    assert!(sent.link.is_some());
    for leaf in [got, received, signed] {
        assert_eq!(leaf.link, sent.link, "links differ: {:?}", leaf.kind);
        assert_eq!(
            (&leaf.client, &leaf.service, &leaf.contract),
            (&sent.client, &sent.service, &sent.contract)
        );
    }
    assert!(signed.answer_link.is_some());
    assert_eq!(signed.answer_link, got.answer_link);
    assert_eq!(got.status, Some(answer.status));
    assert_eq!(
        (sent.side, received.side),
        (Some(Side::Consumer), Some(Side::Provider))
    );
    receipt(
        consumer,
        answer.field("bridge-receipt").unwrap(),
        Kind::ResponseReceived,
    );
    receipt(
        provider,
        answer.field("bridge-peer-receipt").unwrap(),
        Kind::RequestReceived,
    );
}

/// Checks that a receipt names a leaf of that kind in the agency's journal.
#[track_caller]
pub fn receipt(agency: &Agency, text: &str, kind: Kind) {
    let (origin, rest) = text.split_once('#').expect("origin#index:hash");
    assert_eq!(origin, agency.live().node.journal.origin());
    let (index, _hash) = rest.split_once(':').expect("index:hash");
    let index: u64 = index.parse().unwrap();
    let hits = agency
        .live()
        .node
        .journal
        .search(&Filter {
            limit: Some(10_000),
            ..Filter::default()
        })
        .unwrap();
    let hit = hits
        .iter()
        .find(|hit| hit.index == index)
        .expect("the leaf of the receipt");
    assert_eq!(hit.leaf.kind, kind);
}

/// Checks that a refusal stands in the agency's journal: one `refused` leaf with this outcome.
#[track_caller]
pub fn refused_leaf(agency: &Agency, request_id: Uuid, code: &str) {
    let leaves = leaves(agency, request_id);
    let last = leaves.last().expect("a leaf");
    assert_eq!(
        (last.kind, last.outcome.as_deref()),
        (Kind::Refused, Some(code))
    );
}

/// Re-derives a journal's folder with the verifier that shares nothing with the node.
#[track_caller]
pub fn verifies(agency: &Agency) {
    verifies_folder(agency, "data/journal", &agency.entry.nodes[0].journal);
}

/// As [`verifies`], of the log in another folder of the agency, under another key.
#[track_caller]
pub fn verifies_folder(agency: &Agency, folder: &str, vkey: &str) {
    let evidence_key =
        *bridge_certs::read_secret_file(&agency.folder.join("keys/evidence.key")).unwrap();
    let options = bridge_verify::Options {
        evidence_key: Some(evidence_key),
        vkey: Some(vkey.to_owned()),
        ..bridge_verify::Options::default()
    };
    let folder = agency.folder.join(folder);
    let report = bridge_verify::verify(&folder, &options, &mut |_progress| {});
    report.unwrap_or_else(|findings| {
        panic!(
            "{}",
            findings
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        )
    });
}

/// What `/metrics` tells of a series, its labels as they are written.
///
/// # Panics
///
/// If it tells nothing.
pub async fn told(agency: &Agency, series: &str) -> String {
    let answer = agency.health("/metrics").await.unwrap();
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value
        .unwrap_or_else(|| panic!("{series} is not told"))
        .to_owned()
}

/// As [`told`], a whole number.
pub async fn metric(agency: &Agency, series: &str) -> u64 {
    told(agency, series).await.parse().unwrap()
}

/// How often a node says that it reached this limit of its settings.
pub async fn reached(agency: &Agency, limit: &str) -> u64 {
    let series = format!("bridge_limit_reached_total{{limit=\"{limit}\"}}");
    metric(agency, &series).await
}

/// The values of a fact in the `state` leaves of a node.
pub fn facts(agency: &Agency, name: &str) -> Vec<String> {
    let journal = &agency.live().node.journal;
    let leaves = journal.leaves_since(UnixMillis(0)).unwrap();
    leaves
        .iter()
        .filter(|(_, leaf)| leaf.kind == Kind::State)
        .filter_map(|(_, leaf)| leaf.facts.get(name).cloned())
        .collect()
}

/// Waits until all that the node has journaled is under a checkpoint, and has it cosigned.
///
/// # Panics
///
/// If its witnesses do not cosign all.
pub async fn cosign(agency: &Agency) {
    let node = &agency.live().node;
    let signed = || node.journal.signed().map(|(checkpoint, _)| checkpoint.size);
    wait_until("all is signed", async || {
        signed() == Some(node.journal.head().size)
    })
    .await;
    round(node).await;
}
