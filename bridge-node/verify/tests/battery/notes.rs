//! Checkpoints, seals, named index runs, and the files that show a log to the outside.

use std::fs;

use crate::edits::{Mutation, edit, file_mutation, flip, mutation};
use crate::forger::{forge, leaf_at};
use crate::model::{Body, Journal, Segment, hash};

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

/// The files `checkpoint` and `origin`.
pub(crate) fn published(journal: &Journal) -> Vec<Mutation> {
    let notes = note_places(journal);
    let old = notes[notes.len() / 2].2.clone();
    let file = "checkpoint";
    let line = |bytes: &[u8], number: usize| {
        let mut starts = bytes.split(|byte| *byte == b'\n').map(<[u8]>::len);
        (0..number)
            .map(|_| starts.next().unwrap() + 1)
            .sum::<usize>()
    };
    let mut list = vec![
        file_mutation(
            "origin in the file checkpoint",
            file,
            flip(1),
            &["the checkpoint is of the log"],
        ),
        file_mutation(
            "size in the file checkpoint",
            file,
            move |bytes| {
                let at = line(bytes, 1);
                bytes[at] ^= 1;
            },
            &["the signature does not hold"],
        ),
        file_mutation(
            "root in the file checkpoint",
            file,
            move |bytes| {
                let at = line(bytes, 2);
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            },
            &["the signature does not hold"],
        ),
        file_mutation(
            "signature in the file checkpoint",
            file,
            |bytes| {
                let at = bytes.len() - 20;
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            },
            &["the signature does not hold"],
        ),
        file_mutation(
            "the file checkpoint cut",
            file,
            |bytes| bytes.truncate(bytes.len() - 1),
            &["the note is not a checkpoint"],
        ),
        file_mutation(
            "the file checkpoint extended",
            file,
            |bytes| bytes.extend(b"x\n"),
            &["the note is not a checkpoint"],
        ),
        file_mutation(
            "the file checkpoint too large",
            file,
            |bytes| bytes.resize(9000, 0),
            &["larger than 8192 bytes"],
        ),
        file_mutation(
            "an old checkpoint put back",
            file,
            move |bytes| bytes.clone_from(&old),
            &["an old file was put back"],
        ),
        file_mutation(
            "name in the file origin",
            "origin",
            flip(2),
            &["its first line is not the name"],
        ),
        file_mutation(
            "key in the file origin",
            "origin",
            |bytes| {
                let at = bytes.len() - 9;
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            },
            &["it shows another verifier key"],
        ),
        file_mutation(
            "a third line in the file origin",
            "origin",
            |bytes| bytes.extend(b"x\n"),
            &["it is not two lines"],
        ),
    ];
    for file in ["checkpoint", "origin"] {
        list.push(mutation(
            format!("the file {file} removed"),
            move |folder| {
                fs::remove_file(folder.join(file)).unwrap();
                vec![format!("{file}: it is missing")]
            },
        ));
    }
    list
}
