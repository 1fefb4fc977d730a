//! Every field of a leaf, altered twice: on the disk alone, and by a forger who repairs all but the signature.

use crate::edits::{Mutation, edit, find, mutation};
use crate::model::{Body, Journal, Place, b64url};

/// Gives another value for a field.
type Other = fn(&str) -> String;

/// The fields of version 1 and another value for each.
const FIELDS: [(&str, Other); 27] = [
    ("v", |_| "2".into()),
    ("kind", |_| "\"delivery\"".into()),
    ("time", |_| "1".into()),
    ("request_id", longer_or_other),
    ("side", |old| {
        if old.contains("cons") {
            "\"provider\"".into()
        } else {
            "\"consumer\"".into()
        }
    }),
    ("client", longer),
    ("service", longer),
    ("endpoint", longer),
    ("purpose", longer),
    ("basis", longer),
    ("contract", |old| old.replacen('"', "\"x", 1)),
    ("decision", |old| {
        if old.contains("allow") {
            "\"refuse\"".into()
        } else {
            "\"allow\"".into()
        }
    }),
    ("rules", |_| "[\"another\"]".into()),
    ("outcome", longer),
    ("status", |old| {
        if old == "200" {
            "403".into()
        } else {
            "200".into()
        }
    }),
    ("request_size", twice),
    ("answer_size", twice),
    ("duration_ms", |old| format!("{old}0")),
    ("keyid", longer),
    ("peer_keyid", longer),
    ("nonce", |_| format!("\"{}\"", b64url(&[9; 16]))),
    ("link", |_| format!("\"{}\"", b64url(&[9; 32]))),
    ("answer_link", |_| format!("\"{}\"", b64url(&[9; 32]))),
    ("mode", |old| {
        if old.contains("full") {
            "\"digest\"".into()
        } else {
            "\"full\"".into()
        }
    }),
    ("evidence", |_| format!("\"{}\"", b64url(&[9; 32]))),
    ("subjects", |_| format!("[\"{}\"]", b64url(&[9; 32]))),
    ("facts", |_| "{\"zz\":\"9\"}".into()),
];

fn longer(old: &str) -> String {
    format!("{}X\"", old.strip_suffix('"').unwrap())
}

fn longer_or_other(old: &str) -> String {
    let last = if old.ends_with("0\"") { "1\"" } else { "0\"" };
    format!("{}{last}", &old[..old.len() - 2])
}

fn twice(old: &str) -> String {
    (old.parse::<u64>().unwrap() * 2).to_string()
}

/// Where the value of a field stands in a leaf.
fn value(text: &str, field: &str) -> Option<std::ops::Range<usize>> {
    let start = text.find(&format!("\"{field}\":"))? + field.len() + 3;
    let mut values =
        serde_json::Deserializer::from_str(&text[start..]).into_iter::<serde_json::Value>();
    values.next()?.ok()?;
    Some(start..start + values.byte_offset())
}

/// The first checkpoint at or after a leaf: its file and offset.
pub(crate) fn checkpoint_after(journal: &Journal, place: &Place) -> (String, usize) {
    for (number, segment) in journal.segments.iter().enumerate().skip(place.segment) {
        for (position, batch) in segment.batches.iter().enumerate() {
            let before = number == place.segment && position <= place.batch;
            if let [frame] = batch.frames.as_slice()
                && matches!(frame.body, Body::Note(_))
                && !before
            {
                return (segment.file(), frame.offset);
            }
        }
    }
    panic!("a checkpoint after leaf {}", place.index)
}

/// What a finding says of a batch whose bytes are not the committed ones.
pub(crate) fn at_batch(journal: &Journal, place: &Place) -> Vec<String> {
    let segment = &journal.segments[place.segment];
    let batch = &segment.batches[place.batch];
    let leaves = batch.frames.len() as u64;
    vec![
        format!("{}, byte {}: ", segment.file(), batch.commit),
        "the digest in this commit is not that of the batch".to_owned(),
        format!("(leaves {} to {}", batch.first, batch.first + leaves),
    ]
}

pub(crate) fn mutations(journal: &Journal) -> Vec<Mutation> {
    let places = journal.places();
    let mut list = Vec::new();
    for (field, other) in FIELDS {
        let place = places
            .iter()
            .skip(20)
            .find(|place| value(&place.text, field).is_some())
            .unwrap_or_else(|| panic!("a leaf with `{field}`"));
        let range = value(&place.text, field).unwrap();
        list.push(on_disk(journal, place, field, range.clone()));
        let text = format!(
            "{}{}{}",
            &place.text[..range.start],
            other(&place.text[range.clone()]),
            &place.text[range.end..]
        );
        list.push(by_a_forger(journal, place, field, text.clone(), true));
        if place.index < 256 {
            list.push(by_a_forger(journal, place, field, text, false));
        }
    }
    list
}

/// One byte of the value is altered; nothing else.
fn on_disk(
    journal: &Journal,
    place: &Place,
    field: &str,
    range: std::ops::Range<usize>,
) -> Mutation {
    let file = journal.segments[place.segment].file();
    let expected = at_batch(journal, place);
    let (offset, text) = (place.offset, place.text.clone());
    mutation(
        format!("`{field}` of leaf {} on the disk", place.index),
        move |folder| {
            edit(folder, &file, |bytes| {
                let leaf = offset + find(&bytes[offset..], text.as_bytes());
                bytes[leaf + range.end - 2.min(range.len())] ^= 1;
            });
            expected.clone()
        },
    )
}

/// The leaf is exchanged, and every commit and root fits again; the tiles too if `tiles`.
fn by_a_forger(
    journal: &Journal,
    place: &Place,
    field: &str,
    text: String,
    tiles: bool,
) -> Mutation {
    let (journal, place) = (journal.clone(), place.clone());
    let name = format!(
        "`{field}` of leaf {} by a forger, tiles {tiles}",
        place.index
    );
    mutation(name, move |folder| {
        let mut forged = journal.clone();
        forged
            .leaf_mut(&place)
            .clone_from(&text.clone().into_bytes());
        forged.write_segments(folder);
        if !tiles {
            return vec![
                "tile/0/000: ".to_owned(),
                format!("(of the leaves from {0} to {0})", place.index),
                "1 of 256 differ".to_owned(),
            ];
        }
        forged.write_tiles(folder);
        let (file, offset) = checkpoint_after(&Journal::read(folder), &place);
        vec![
            format!("{file}, byte {offset}: "),
            "the signed root of".to_owned(),
        ]
    })
}
