//! Index runs, written a second time.

use crate::model::{Hash, Journal, Tree, b64url, hash};

/// The index run of one segment.
pub(crate) fn index_run(journal: &Journal, number: usize) -> Vec<u8> {
    let all = journal.places();
    let places: Vec<_> = all.iter().filter(|place| place.segment == number).collect();
    let until: Vec<_> = all.iter().filter(|place| place.segment <= number).collect();
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let leaves: Vec<serde_json::Value> = places.iter().map(|place| value(&place.text)).collect();
    let tables = ["request_id", "client", "service", "outcome"];
    let rows: Vec<Vec<Vec<u8>>> = tables
        .iter()
        .map(|table| {
            let mut rows: Vec<Vec<u8>> = Vec::new();
            for (ordinal, leaf) in leaves.iter().enumerate() {
                let Some(text) = leaf[*table].as_str() else {
                    continue;
                };
                let key = if *table == "request_id" {
                    let digits = text.replace('-', "");
                    u128::from_str_radix(&digits, 16)
                        .unwrap()
                        .to_be_bytes()
                        .to_vec()
                } else {
                    hash(&[text.as_bytes()])[..16].to_vec()
                };
                rows.push([key, u32::try_from(ordinal).unwrap().to_be_bytes().to_vec()].concat());
            }
            rows.sort();
            rows
        })
        .collect();
    let mut edge: Vec<Vec<Hash>> = Vec::new();
    let mut level: Vec<Hash> = until
        .iter()
        .map(|place| hash(&[&[0], place.text.as_bytes()]))
        .collect();
    while !level.is_empty() {
        let full = level.len() / 256 * 256;
        edge.push(level[full..].to_vec());
        level = level[..full]
            .chunks(256)
            .map(|tile| {
                let mut tree = Tree::default();
                for hash in tile {
                    tree.push(*hash);
                }
                tree.root()
            })
            .collect();
    }
    let edge: Vec<Vec<String>> = edge
        .iter()
        .map(|tile| tile.iter().map(|hash| b64url(hash)).collect())
        .collect();
    let mut unfinished: Vec<(String, u64)> = Vec::new();
    for place in until {
        let leaf = value(&place.text);
        let end = format!("{}{}", leaf["request_id"], leaf["side"]);
        match leaf["kind"].as_str().unwrap() {
            "request-sent" | "request-received" => unfinished.push((end, place.index)),
            "response-received" | "response-signed" | "refused" | "interrupted" => {
                unfinished.retain(|(open, _)| *open != end);
            }
            _ => {}
        }
    }
    let unfinished: Vec<u64> = unfinished.iter().map(|(_, index)| *index).collect();
    let header = format!(
        "{{\"origin\":\"{}\",\"first\":{},\"count\":{},\"from_ms\":{},\"to_ms\":{},\"rows\":{{\"request_id\":{},\"client\":{},\"service\":{},\"outcome\":{}}},\"edge\":{},\"unfinished\":{}}}",
        journal.origin,
        journal.segments[number].first,
        places.len(),
        leaves[0]["time"],
        leaves[leaves.len() - 1]["time"],
        rows[0].len(),
        rows[1].len(),
        rows[2].len(),
        rows[3].len(),
        serde_json::json!(edge),
        serde_json::json!(unfinished),
    );
    let mut out = b"bridge-index-v1\n".to_vec();
    out.extend(u32::try_from(header.len()).unwrap().to_be_bytes());
    out.extend(header.as_bytes());
    for place in &places {
        out.extend(u32::try_from(place.offset).unwrap().to_be_bytes());
    }
    out.extend(rows.concat().concat());
    let digest = hash(&[&out]);
    out.extend(digest);
    out
}
