//! What a forger can do who repairs every commit, root and header, but can't sign.

use crate::edits::{Mutation, mutation};
use crate::fields::checkpoint_after;
use crate::model::{Body, Journal, Place};

/// A mutation of the frames; everything unsigned is made to fit again.
pub(crate) fn forge(
    journal: &Journal,
    name: &str,
    change: impl Fn(&mut Journal) + 'static,
    expected: impl Fn(&Journal) -> Vec<String> + 'static,
) -> Mutation {
    let journal = journal.clone();
    mutation(format!("{name}, by a forger"), move |folder| {
        let mut forged = journal.clone();
        change(&mut forged);
        forged.write_segments(folder);
        forged.write_tiles(folder);
        expected(&Journal::read(folder))
    })
}

fn body<'a>(journal: &'a mut Journal, place: &Place) -> &'a mut Body {
    &mut journal.segments[place.segment].batches[place.batch].frames[place.frame].body
}

pub(crate) fn leaf_at(journal: &Journal, place: &Place, says: &str) -> Vec<String> {
    let place = &journal.places()[usize::try_from(place.index).unwrap()];
    let file = journal.segments[place.segment].file();
    vec![
        format!("{file}, byte {}, leaf {}: ", place.offset, place.index),
        says.to_owned(),
    ]
}

fn checkpoint_says(place: &Place, says: &str) -> impl Fn(&Journal) -> Vec<String> + 'static {
    let (place, says) = (place.clone(), says.to_owned());
    move |journal| {
        let (file, offset) = checkpoint_after(journal, &place);
        vec![format!("{file}, byte {offset}: "), says.clone()]
    }
}

/// Leaves taken out, put in, and moved.
pub(crate) fn order(journal: &Journal) -> Vec<Mutation> {
    let places = journal.places();
    let pair = places
        .windows(2)
        .skip(30)
        .find(|pair| pair[0].batch == pair[1].batch && pair[0].segment == pair[1].segment)
        .expect("two leaves in one batch");
    let (one, two) = (pair[0].clone(), pair[1].clone());
    let size = "leaves where the journal has";
    let mut list = Vec::new();
    let (a, b) = (one.clone(), two.clone());
    list.push(forge(
        journal,
        "two leaves change places",
        move |journal| {
            journal.segments[a.segment].batches[a.batch]
                .frames
                .swap(a.frame, b.frame);
        },
        checkpoint_says(&one, "the signed root of"),
    ));
    let a = one.clone();
    list.push(forge(
        journal,
        "a leaf is dropped",
        move |journal| {
            journal.segments[a.segment].batches[a.batch]
                .frames
                .remove(a.frame);
            journal.segments[a.segment + 1..]
                .iter_mut()
                .for_each(|segment| segment.first -= 1);
        },
        checkpoint_says(&one, size),
    ));
    let a = one.clone();
    list.push(forge(
        journal,
        "a leaf is doubled",
        move |journal| {
            let frames = &mut journal.segments[a.segment].batches[a.batch].frames;
            frames.insert(a.frame, frames[a.frame].clone());
            journal.segments[a.segment + 1..]
                .iter_mut()
                .for_each(|segment| segment.first += 1);
        },
        checkpoint_says(&one, size),
    ));
    let a = one.clone();
    list.push(forge(
        journal,
        "a batch is dropped",
        move |journal| {
            let gone = journal.segments[a.segment]
                .batches
                .remove(a.batch)
                .frames
                .len() as u64;
            journal.segments[a.segment + 1..]
                .iter_mut()
                .for_each(|segment| segment.first -= gone);
        },
        checkpoint_says(
            &Place {
                batch: one.batch - 1,
                ..one.clone()
            },
            size,
        ),
    ));
    let a = one.clone();
    list.push(forge(
        journal,
        "a leaf is invented",
        move |journal| {
            let frames = &mut journal.segments[a.segment].batches[a.batch].frames;
            let mut frame = frames[a.frame].clone();
            let time = frames.iter().find_map(|frame| match &frame.body {
                Body::Leaf { leaf, .. } => Some(
                    serde_json::from_slice::<serde_json::Value>(leaf).unwrap()["time"].to_string(),
                ),
                Body::Note(_) | Body::Seal => None,
            });
            let leaf =
                format!("{{\"v\":1,\"kind\":\"state\",\"time\":{}}}", time.unwrap()).into_bytes();
            frame.body = Body::Leaf {
                leaf,
                secret: Vec::new(),
                evidence: Vec::new(),
            };
            frames.insert(a.frame, frame);
            journal.segments[a.segment + 1..]
                .iter_mut()
                .for_each(|segment| segment.first += 1);
        },
        checkpoint_says(&one, size),
    ));
    list
}

/// Evidence and secrets beside the leaves.
pub(crate) fn evidence(journal: &Journal) -> Vec<Mutation> {
    let places = journal.places();
    let with = |kept: bool| {
        let journal = journal.clone();
        move |place: &&Place| match &journal.clone().segments[place.segment].batches[place.batch]
            .frames[place.frame]
            .body
        {
            Body::Leaf { evidence, .. } => evidence.is_empty() != kept,
            Body::Note(_) | Body::Seal => false,
        }
    };
    let mut kept = places.iter().skip(40).filter(with(true));
    let (one, two) = (kept.next().unwrap().clone(), kept.next().unwrap().clone());
    let bare = places.iter().skip(3).find(with(false)).unwrap().clone();
    let mut list = Vec::new();
    let mut on =
        |name: &str, place: &Place, says: &'static str, change: fn(&mut Vec<u8>, &mut Vec<u8>)| {
            let (a, b) = (place.clone(), place.clone());
            list.push(forge(
                journal,
                name,
                move |journal| {
                    let Body::Leaf {
                        secret, evidence, ..
                    } = body(journal, &a)
                    else {
                        panic!("a leaf")
                    };
                    change(secret, evidence);
                },
                move |journal| leaf_at(journal, &b, says),
            ));
        };
    let sealed = "the evidence can't be decrypted for this leaf";
    on(
        "evidence altered at its start",
        &one,
        sealed,
        |_, evidence| evidence[0] ^= 1,
    );
    on(
        "evidence altered at its end",
        &one,
        sealed,
        |_, evidence| *evidence.last_mut().unwrap() ^= 1,
    );
    on("evidence cut", &one, sealed, |_, evidence| {
        evidence.truncate(evidence.len() - 1);
    });
    on("evidence extended", &one, sealed, |_, evidence| {
        evidence.push(0);
    });
    on(
        "evidence removed",
        &one,
        "it was taken away",
        |_, evidence| evidence.clear(),
    );
    on(
        "evidence put beside a leaf without",
        &bare,
        "it was put there later",
        |_, evidence| evidence.extend([7; 40]),
    );
    on(
        "the wrapped secret removed",
        &one,
        "no record secret lies beside it",
        |secret, _| secret.clear(),
    );
    if let Some(open) = journal
        .segments
        .iter()
        .position(|segment| !segment.is_sealed())
    {
        let place = places
            .iter()
            .filter(with(true))
            .find(|place| place.segment == open)
            .unwrap();
        on(
            "the wrapped secret altered",
            place,
            "the record secret beside the leaf can't be opened",
            |secret, _| secret[30] ^= 1,
        );
    }
    let (a, b, c) = (one.clone(), two.clone(), one.clone());
    list.push(forge(
        journal,
        "evidence of two leaves exchanged",
        move |journal| {
            let Body::Leaf {
                evidence: first, ..
            } = body(journal, &a).clone()
            else {
                panic!("a leaf")
            };
            let Body::Leaf {
                evidence: second, ..
            } = std::mem::replace(body(journal, &b), Body::Seal)
            else {
                panic!("a leaf")
            };
            let text = b.text.clone().into_bytes();
            let secret = vec![1; 60];
            *body(journal, &b) = Body::Leaf {
                leaf: text,
                secret,
                evidence: first,
            };
            let Body::Leaf { evidence, .. } = body(journal, &a) else {
                panic!("a leaf")
            };
            *evidence = second;
        },
        move |journal| leaf_at(journal, &c, sealed),
    ));
    list
}
