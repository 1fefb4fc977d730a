//! What a forger can do who repairs every commit, root and header, but can't sign.

use crate::edits::{Mutation, edit, mutation};
use crate::fields::checkpoint_after;
use crate::model::{Body, Journal, Place, Segment, hash};

/// A mutation of the frames; everything unsigned is made to fit again.
fn forge(
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

fn leaf_at(journal: &Journal, place: &Place, says: &str) -> Vec<String> {
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
        evidence.truncate(evidence.len() - 1)
    });
    on("evidence extended", &one, sealed, |_, evidence| {
        evidence.push(0)
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

/// Checkpoints and seals.
pub(crate) fn notes(journal: &Journal) -> Vec<Mutation> {
    let notes: Vec<(usize, usize, Vec<u8>)> = note_places(journal);
    let (early, late) = (notes[1].clone(), notes[notes.len() / 2].clone());
    let at = |place: &(usize, usize, Vec<u8>), says: &'static str| {
        let (segment, batch) = (place.0, place.1);
        move |journal: &Journal| {
            let held = &journal.segments[segment];
            vec![
                format!(
                    "{}, byte {}: ",
                    held.file(),
                    held.batches[batch].frames[0].offset
                ),
                says.to_owned(),
            ]
        }
    };
    let exchange = |place: &(usize, usize, Vec<u8>), note: Vec<u8>| {
        let (segment, batch) = (place.0, place.1);
        move |journal: &mut Journal| {
            journal.segments[segment].batches[batch].frames[0].body = Body::Note(note.clone());
        }
    };
    let text = String::from_utf8(late.2.clone()).unwrap();
    let lines: Vec<&str> = text.split('\n').collect();
    let other = |number: usize, line: &str| {
        let mut lines = lines.clone();
        lines[number] = line;
        lines.join("\n").into_bytes()
    };
    let root = base64_like(lines[2]);
    let signature = base64_like(lines[4]);
    let cases: [(&str, Vec<u8>, &str); 8] = [
        (
            "a checkpoint's origin",
            other(0, "log.example.az/AZ/GOV/1001/NODE9/1"),
            "the checkpoint is of the log",
        ),
        (
            "a checkpoint's size",
            other(1, "12"),
            "the signature does not hold",
        ),
        (
            "a checkpoint's size with a zero before",
            other(1, &format!("0{}", lines[1])),
            "the note is not a checkpoint",
        ),
        (
            "a checkpoint's root",
            other(2, &root),
            "the signature does not hold",
        ),
        (
            "a checkpoint's signature",
            other(4, &signature),
            "the signature does not hold",
        ),
        (
            "a checkpoint's signer",
            other(4, &lines[4].replacen("NODE", "MODE", 1)),
            "the signature names the key",
        ),
        (
            "a line more in a checkpoint",
            [late.2.as_slice(), b"x\n"].concat(),
            "the note is not a checkpoint",
        ),
        (
            "an earlier checkpoint in place of a later",
            early.2.clone(),
            "leaves where the journal has",
        ),
    ];
    let mut list: Vec<Mutation> = cases
        .into_iter()
        .map(|(name, note, says)| forge(journal, name, exchange(&late, note), at(&late, says)))
        .collect();
    list.push(forge(
        journal,
        "all checkpoints after the first removed",
        move |journal| {
            let mut first = true;
            for segment in &mut journal.segments {
                segment.batches.retain(|batch| {
                    !matches!(batch.frames[0].body, Body::Note(_))
                        || std::mem::replace(&mut first, false)
                });
            }
        },
        |_| {
            vec![
                "checkpoint, byte 0: ".to_owned(),
                "no segment holds this checkpoint".to_owned(),
            ]
        },
    ));
    list.push(forge(
        journal,
        "the seal of a segment removed",
        |journal| {
            drop(journal.segments[0].batches.pop());
        },
        |journal| {
            let segment = &journal.segments[0];
            vec![
                format!("{}, byte {}: ", segment.file(), segment.end),
                "ends here without a seal".to_owned(),
            ]
        },
    ));
    list.push(forge(
        journal,
        "checkpoint and leaves in one batch",
        |journal| {
            let batch = journal.segments[0]
                .batches
                .iter()
                .position(|batch| matches!(batch.frames[0].body, Body::Note(_)))
                .unwrap();
            let frames = journal.segments[0].batches.remove(batch).frames;
            journal.segments[0].batches[batch]
                .frames
                .splice(0..0, frames);
        },
        |journal| {
            let segment = &journal.segments[0];
            let mixed = segment
                .batches
                .iter()
                .find(|batch| {
                    batch.frames.len() > 1 && matches!(batch.frames[0].body, Body::Note(_))
                })
                .unwrap();
            vec![
                format!("{}, byte {}: ", segment.file(), mixed.commit),
                "mixes kinds of frames".to_owned(),
            ]
        },
    ));
    list
}

/// Every checkpoint: segment, batch, text.
pub(crate) fn note_places(journal: &Journal) -> Vec<(usize, usize, Vec<u8>)> {
    let mut notes = Vec::new();
    for (number, segment) in journal.segments.iter().enumerate() {
        for (position, batch) in segment.batches.iter().enumerate() {
            if let Body::Note(note) = &batch.frames[0].body {
                notes.push((number, position, note.clone()));
            }
        }
    }
    notes
}

/// The same text with one letter of base64 exchanged.
fn base64_like(text: &str) -> String {
    let at = text.len() - 10;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

/// The leaf that names an index run, and the run itself with a digest that fits.
pub(crate) fn named_runs(journal: &Journal) -> Vec<Mutation> {
    let places = journal.places();
    let place = places
        .iter()
        .find(|place| place.text.contains("\"index\":\""))
        .expect("a named run")
        .clone();
    let segment: Segment = journal.segments[0].clone();
    let mut list = Vec::new();
    for (name, from, to, says) in [
        (
            "the digest in the leaf of a run",
            "\"digest\":\"",
            "\"digest\":\"A",
            "the leaf has another digest of",
        ),
        (
            "the name in the leaf of a run",
            "\"index\":\"0",
            "\"index\":\"9",
            "the leaf names the index run of",
        ),
    ] {
        let (a, b) = (place.clone(), place.clone());
        list.push(forge(
            journal,
            name,
            move |journal| {
                let text = a.text.replacen(from, to, 1);
                journal.leaf_mut(&a).clone_from(&text.into_bytes());
            },
            move |journal| leaf_at(journal, &b, says),
        ));
    }
    let (file, run) = (segment.beside("index"), segment);
    let expected = leaf_at(journal, &place, "the leaf has another digest of");
    list.push(mutation(
        "a row of a run, its digest made to fit",
        move |folder| {
            edit(folder, &run.beside("index"), |bytes| {
                let end = bytes.len() - 32;
                bytes[end - 1] ^= 1;
                let digest = hash(&[&bytes[..end]]);
                bytes[end..].copy_from_slice(&digest);
            });
            expected.clone()
        },
    ));
    list.push(mutation(
        "a row of a run, digest fitting, by its row",
        move |folder| {
            edit(folder, &file, |bytes| {
                let end = bytes.len() - 32;
                bytes[end - 1] ^= 1;
                let digest = hash(&[&bytes[..end]]);
                bytes[end..].copy_from_slice(&digest);
            });
            vec![
                format!("{file}, byte "),
                "of the table `outcome`".to_owned(),
            ]
        },
    ));
    list
}
