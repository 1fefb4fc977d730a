//! Frames, commits and headers, altered byte by byte on the disk.

use crate::edits::{Change, Mutation, add, file_mutation, find, flip, replace};
use crate::fields::at_batch;
use crate::model::{Batch, Body, HEADER, Journal, Place};

/// A leaf with evidence, away from both ends of its segment.
pub(crate) fn some_leaf(journal: &Journal, segment: usize) -> Place {
    let places = journal.places();
    let mut inner = places.iter().filter(|place| {
        let batches = &journal.segments[segment].batches;
        let body = |place: &Place| &batches[place.batch].frames[place.frame].body;
        place.segment == segment
            && place.batch > 2
            && place.batch + 3 < batches.len()
            && matches!(body(place), Body::Leaf { evidence, .. } if !evidence.is_empty())
    });
    inner.next().expect("a leaf with evidence").clone()
}

/// Lengths, types and parts of frames, in a sealed segment and in the last.
pub(crate) fn frames(journal: &Journal) -> Vec<Mutation> {
    let mut list = Vec::new();
    for segment in [0, journal.segments.len() - 1] {
        let place = some_leaf(journal, segment);
        let file = journal.segments[segment].file();
        let (at, leaf) = (place.offset, place.text.len());
        let here = format!("{file}, byte {at}: ");
        let secret = at + 9 + leaf;
        let evidence = secret + 2 + 60;
        let whole = "does not hold together";
        let mut on = |name: &str, change: Change, says: &str| {
            let name = format!("{name} of leaf {} in segment {segment}", place.index);
            list.push(file_mutation(name, file.as_str(), change, &[&here, says]));
        };
        on(
            "type 9",
            Box::new(move |bytes| bytes[at] = 9),
            "no frame of type 9",
        );
        on(
            "type 0",
            Box::new(move |bytes| bytes[at] = 0),
            "nothing was written here yet",
        );
        on(
            "type 4",
            Box::new(move |bytes| bytes[at] = 4),
            "the sealed frame has",
        );
        on("type 3", Box::new(move |bytes| bytes[at] = 3), "byte");
        on("frame one longer", Box::new(add(at + 1, 4, 1)), whole);
        on("frame one shorter", Box::new(add(at + 1, 4, -1)), whole);
        on(
            "frame beyond the file",
            Box::new(move |bytes| bytes[at + 1] = 0x7f),
            "bytes should follow",
        );
        on("leaf one longer", Box::new(add(at + 5, 4, 1)), whole);
        on("leaf one shorter", Box::new(add(at + 5, 4, -1)), whole);
        on("secret one longer", Box::new(add(secret, 2, 1)), whole);
        on(
            "secret gone by its length",
            Box::new(add(secret, 2, -60)),
            whole,
        );
        on("evidence one longer", Box::new(add(evidence, 4, 1)), whole);
        on(
            "evidence one shorter",
            Box::new(add(evidence, 4, -1)),
            whole,
        );
        let expected = at_batch(journal, &place);
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        for (name, at) in [("wrapped secret", secret + 20), ("evidence", evidence + 4)] {
            let name = format!("{name} of leaf {} on the disk", place.index);
            list.push(file_mutation(name, file.as_str(), flip(at), &expected));
        }
    }
    list
}

/// Each field of a commit.
pub(crate) fn commits(journal: &Journal) -> Vec<Mutation> {
    let mut list = Vec::new();
    for segment in [1, journal.segments.len() - 1] {
        let held = &journal.segments[segment];
        let leaves = |batch: &&Batch| matches!(batch.frames[0].body, Body::Leaf { .. });
        let number = held
            .batches
            .iter()
            .skip(2)
            .position(|batch| leaves(&batch))
            .unwrap()
            + 2;
        let (commit, next) = (held.batches[number].commit, held.batches[number + 1].commit);
        for (name, at, place, says) in [
            ("type", commit, commit, "no frame of type 3"),
            (
                "length",
                commit + 4,
                commit,
                "the commit's length is not 112",
            ),
            (
                "size",
                commit + 12,
                commit,
                "this commit says that the log has",
            ),
            ("root", commit + 13, commit, "the root in this commit"),
            (
                "previous",
                commit + 45,
                commit,
                "does not name the hash of the commit before",
            ),
            ("batch", commit + 77, commit, "the digest in this commit"),
            ("time", commit + 116, commit, "the commit's time"),
            (
                "chain",
                commit + 50,
                next,
                "does not name the hash of the commit before",
            ),
        ] {
            let here = format!("{}, byte {place}: ", held.file());
            let change: Change = if name == "type" {
                Box::new(move |bytes| bytes[at] = 9)
            } else {
                Box::new(flip(at))
            };
            let says = if name == "type" {
                "no frame of type 9"
            } else {
                says
            };
            let name = format!("{name} of a commit in segment {segment}");
            list.push(file_mutation(name, held.file(), change, &[&here, says]));
        }
    }
    list
}

/// Each field of a header. `created` is only information: nothing depends on it.
pub(crate) fn headers(journal: &Journal) -> Vec<Mutation> {
    let file = journal.segments[1].file();
    let here = format!("{file}, byte 0: ");
    let first = journal.segments[1].first;
    let on = |name: &str, change: Change, says: &str| {
        file_mutation(
            format!("{name} of a header"),
            file.as_str(),
            change,
            &[&here, says],
        )
    };
    vec![
        on("magic", Box::new(flip(0)), "this is not a segment"),
        on(
            "origin",
            Box::new(replace("/NODE1/", "/NODE2/")),
            "the header names the log",
        ),
        on(
            "first",
            Box::new(replace(
                &format!("\"first\":{first}"),
                &format!("\"first\":{}", first + 1),
            )),
            "the header says that the first leaf is",
        ),
        on(
            "previous_commit",
            Box::new(move |bytes| {
                let at = find(bytes, b"previous_commit\":\"") + 20;
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            }),
            "previous commit is not the last one",
        ),
        on(
            "spelling",
            Box::new(|bytes| {
                let at = find(bytes, b",\"created\"");
                bytes.insert(at, b' ');
                bytes.remove(HEADER);
            }),
            "the header was altered",
        ),
        on(
            "padding",
            Box::new(flip(HEADER - 1)),
            "bytes other than zero after its line",
        ),
    ]
}
