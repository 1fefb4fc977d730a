//! The battery: at least a hundred ways to alter a good journal, each to be found at its place.

use std::fs;
use std::path::Path;

use bridge_verify::{Options, verify};

use crate::edits::{Mutation, add, copy, edit, file_mutation, find, flip, mutation, replace};
use crate::fields::{self, at_batch};
use crate::forger;
use crate::model::{Batch, Body, HEADER, Journal, Place};
use crate::writer::{self, EVIDENCE_KEY};

/// Runs the whole battery over a good journal of at least three segments and 300 leaves.
pub(crate) fn battery(good: &Path, options: &Options) {
    let clean = verify(good, options, &mut |_| {});
    assert!(clean.is_ok(), "the clean copy has findings: {clean:#?}");
    let journal = Journal::read(good);
    let mut list = fields::mutations(&journal);
    list.extend(forger::order(&journal));
    list.extend(forger::evidence(&journal));
    list.extend(forger::notes(&journal));
    list.extend(forger::named_runs(&journal));
    list.extend(frames(&journal));
    list.extend(commits(&journal));
    list.extend(headers(&journal));
    list.extend(segments(&journal));
    list.extend(tiles());
    list.extend(indexes(&journal));
    list.extend(secrets(&journal));
    list.extend(published(&journal));
    assert!(list.len() >= 100, "only {} mutations", list.len());
    let mut missed = Vec::new();
    for mutation in &list {
        let copied = tempfile::tempdir().unwrap();
        copy(good, copied.path());
        let expected = (mutation.apply)(copied.path());
        match verify(copied.path(), options, &mut |_| {}) {
            Ok(_) => missed.push(format!("{}: nothing was found", mutation.name)),
            Err(findings) => {
                let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
                if !said
                    .iter()
                    .any(|said| expected.iter().all(|part| said.contains(part)))
                {
                    missed.push(format!("{}: {expected:?} not in {said:#?}", mutation.name));
                }
            }
        }
    }
    assert!(
        missed.is_empty(),
        "{} of {}: {}",
        missed.len(),
        list.len(),
        missed.join("\n")
    );
}

#[test]
fn hundred_mutations_of_the_second_writers_journal_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let vkey = writer::good(folder.path());
    let options = Options {
        evidence_key: Some(EVIDENCE_KEY),
        vkey: Some(vkey),
    };
    battery(folder.path(), &options);
}

/// A leaf with evidence, away from both ends of its segment.
fn some_leaf(journal: &Journal, segment: usize) -> Place {
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
fn frames(journal: &Journal) -> Vec<Mutation> {
    let mut list = Vec::new();
    for segment in [0, journal.segments.len() - 1] {
        let place = some_leaf(journal, segment);
        let file = journal.segments[segment].file();
        let (at, leaf) = (place.offset, place.text.len());
        let here = format!("{file}, byte {at}: ");
        let secret = at + 9 + leaf;
        let evidence = secret + 2 + 60;
        let whole = "does not hold together";
        let mut on = |name: &str, change: Box<dyn Fn(&mut Vec<u8>)>, says: &str| {
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
fn commits(journal: &Journal) -> Vec<Mutation> {
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
            let change: Box<dyn Fn(&mut Vec<u8>)> = if name == "type" {
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
fn headers(journal: &Journal) -> Vec<Mutation> {
    let file = journal.segments[1].file();
    let here = format!("{file}, byte 0: ");
    let first = journal.segments[1].first;
    let on = |name: &str, change: Box<dyn Fn(&mut Vec<u8>)>, says: &str| {
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

/// Segments cut, swapped, removed and extended; batches moved on the disk.
fn segments(journal: &Journal) -> Vec<Mutation> {
    let held = &journal.segments;
    let last = &held[held.len() - 1];
    let (file, end) = (held[0].file(), held[0].end);
    let place = some_leaf(journal, 0);
    let batch = held[0].batches[place.batch].clone();
    let (start, commit) = (batch.frames[0].offset, batch.commit);
    let next = held[0].batches[place.batch + 1].commit;
    let here = |at: usize| format!("{file}, byte {at}: ");
    let mut list = vec![
        file_mutation(
            "bytes after the seal",
            file.as_str(),
            move |bytes| {
                bytes.resize(bytes.len().max(end + 8), 0);
                bytes[end + 3] = 1;
            },
            &[&here(end + 3), "bytes follow the seal"],
        ),
        file_mutation(
            "segment cut after a commit",
            file.as_str(),
            move |bytes| bytes.truncate(start),
            &[&here(start), "without a seal"],
        ),
        file_mutation(
            "segment cut in a frame",
            file.as_str(),
            move |bytes| bytes.truncate(start + 9),
            &[&here(start), "the file has"],
        ),
        file_mutation(
            "segment cut in a commit",
            file.as_str(),
            move |bytes| bytes.truncate(commit + 50),
            &[&here(commit), "the file has"],
        ),
        file_mutation(
            "segment cut in its header",
            file.as_str(),
            |bytes| bytes.truncate(100),
            &[&here(0), "the file has"],
        ),
        file_mutation(
            "segment emptied",
            file.as_str(),
            Vec::clear,
            &[&here(0), "the file has"],
        ),
        file_mutation(
            "a batch zeroed",
            file.as_str(),
            move |bytes| bytes[start..commit + 117].fill(0),
            &[&here(start), "can't be read"],
        ),
        file_mutation(
            "a batch cut out",
            file.as_str(),
            move |bytes| drop(bytes.drain(start..commit + 117)),
            &[
                &here(next - (commit + 117 - start)),
                "does not name the hash",
            ],
        ),
    ];
    let whole = place.text.len();
    if batch.frames.len() > 1 {
        let expected = at_batch(journal, &place);
        let expected: Vec<&str> = expected[1..].iter().map(String::as_str).collect();
        let second = batch.frames[1].offset;
        list.push(file_mutation(
            "a leaf cut out on the disk",
            file.as_str(),
            move |bytes| drop(bytes.drain(start..second)),
            &expected[..1],
        ));
        assert!(whole < second);
        let third = batch.frames.get(2).map_or(commit, |frame| frame.offset);
        let expected = at_batch(journal, &place);
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        list.push(file_mutation(
            "two leaves change places on the disk",
            file.as_str(),
            move |bytes| bytes[start..third].rotate_left(second - start),
            &expected,
        ));
    }
    let (one, two) = (held[0].file(), held[1].file());
    let expected = vec![
        format!("{one}, byte 0: "),
        "the header says that the first leaf is".to_owned(),
    ];
    list.push(mutation("two segments swapped", move |folder| {
        let (one, two) = (folder.join(&one), folder.join(&two));
        let kept = fs::read(&one).unwrap();
        fs::copy(&two, &one).unwrap();
        fs::write(&two, kept).unwrap();
        expected.clone()
    }));
    for (number, says) in [
        (0, "the segment starts at leaf"),
        (1, "the segment starts at leaf"),
    ] {
        let (gone, next) = (held[number].file(), held[number + 1].file());
        list.push(mutation(
            format!("segment {number} removed"),
            move |folder| {
                fs::remove_file(folder.join(&gone)).unwrap();
                vec![format!("{next}, byte 0: "), says.to_owned()]
            },
        ));
    }
    let gone = last.file();
    list.push(mutation("the last segment removed", move |folder| {
        fs::remove_file(folder.join(&gone)).unwrap();
        vec![
            "checkpoint, byte 0: ".to_owned(),
            "no segment holds this checkpoint".to_owned(),
        ]
    }));
    let (gone, cut) = (last.file(), last.batches[1].commit + 117);
    list.push(mutation(
        "the end of the last segment zeroed",
        move |folder| {
            edit(folder, &gone, |bytes| bytes[cut..].fill(0));
            vec![
                "checkpoint, byte 0: ".to_owned(),
                "no segment holds this checkpoint".to_owned(),
            ]
        },
    ));
    let (gone, from, until) = (
        last.file(),
        last.batches[1].frames[0].offset,
        last.batches[1].commit + 117,
    );
    let expected = vec![
        format!("{gone}, byte {from}: "),
        format!("a commit follows at byte {}", last.batches[2].commit),
    ];
    list.push(mutation(
        "a batch of the last segment zeroed",
        move |folder| {
            edit(folder, &gone, |bytes| bytes[from..until].fill(0));
            expected.clone()
        },
    ));
    let from = held[1].file();
    list.push(mutation("a segment once more at the end", move |folder| {
        let name = "segments/00000000000000099999.segment";
        fs::copy(folder.join(&from), folder.join(name)).unwrap();
        vec![
            format!("{name}, byte 0: "),
            "the header says that the first leaf is".to_owned(),
        ]
    }));
    let from = held[1].file();
    list.push(mutation("a segment renamed out of form", move |folder| {
        fs::rename(folder.join(&from), folder.join("segments/7.segment")).unwrap();
        vec![
            "segments/7.segment: ".to_owned(),
            "no file of this name".to_owned(),
        ]
    }));
    let from = held[1].file();
    list.push(mutation("a folder in place of a segment", move |folder| {
        fs::remove_file(folder.join(&from)).unwrap();
        fs::create_dir(folder.join(&from)).unwrap();
        vec![format!("{from}: "), "not a regular file".to_owned()]
    }));
    list
}

fn tiles() -> Vec<Mutation> {
    let tile = "tile/0/000";
    let mut list = vec![
        file_mutation(
            "a hash in a tile",
            tile,
            flip(32 * 77),
            &["of the leaves from 77 to 77", "1 of 256 differ"],
        ),
        file_mutation(
            "the last hash in a tile",
            tile,
            flip(8191),
            &["of the leaves from 255 to 255"],
        ),
        file_mutation(
            "two hashes in a tile swapped",
            tile,
            |bytes| bytes[..64].rotate_left(32),
            &["of the leaves from 0 to 0", "2 of 256"],
        ),
        file_mutation(
            "a tile cut",
            tile,
            |bytes| bytes.truncate(8160),
            &["it has 8160 bytes"],
        ),
        file_mutation(
            "a tile extended",
            tile,
            |bytes| bytes.extend([0; 32]),
            &["larger than 8192 bytes"],
        ),
    ];
    list.push(mutation("a tile removed", |folder| {
        fs::remove_file(folder.join("tile/0/000")).unwrap();
        vec!["tile/0/000: ".to_owned(), "it is missing".to_owned()]
    }));
    for (name, path, says) in [
        ("a tile too many", "tile/0/x001/234", "has only"),
        ("a level too many", "tile/3/000", "has only"),
        (
            "a strange name among tiles",
            "tile/0/00a",
            "no file of this name",
        ),
    ] {
        list.push(mutation(name, move |folder| {
            let target = folder.join(path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(folder.join("tile/0/000"), target).unwrap();
            vec![format!("{path}: "), says.to_owned()]
        }));
    }
    list
}

/// Each part of an index run.
fn indexes(journal: &Journal) -> Vec<Mutation> {
    let segment = &journal.segments[1];
    let file = segment.beside("index");
    let leaves = journal
        .places()
        .iter()
        .filter(|place| place.segment == 1)
        .count();
    let mut list = Vec::new();
    let mut on = |name: &str, change: Box<dyn Fn(&mut Vec<u8>)>, says: &str| {
        list.push(file_mutation(
            format!("{name} of an index run"),
            file.as_str(),
            change,
            &[says],
        ));
    };
    let offsets = |bytes: &[u8]| 20 + usize::from(bytes[18]) * 256 + usize::from(bytes[19]);
    on("magic", Box::new(flip(3)), "byte 3: it does not start with");
    on("header length", Box::new(flip(19)), "byte 19: the header");
    for field in [
        "origin",
        "first",
        "count",
        "from_ms",
        "to_ms",
        "request_id",
        "client",
        "service",
        "outcome",
        "edge",
        "unfinished",
    ] {
        on(
            field,
            Box::new(move |bytes| {
                let at = find(bytes, format!("\"{field}\":").as_bytes());
                bytes[at + field.len() + 4] ^= 1;
            }),
            "the header is not what the segment gives",
        );
    }
    let first = segment.first;
    on(
        "an offset",
        Box::new(move |bytes| flip(offsets(bytes) + 4 * 9 + 3)(bytes)),
        &format!("the offset of leaf {} is not", first + 9),
    );
    for (row, table) in [(5, "request_id"), (leaves + 5, "client")] {
        on(
            "a row's key",
            Box::new(move |bytes| flip(offsets(bytes) + 4 * leaves + 20 * row + 2)(bytes)),
            if row == 5 {
                "row 5 of the table `request_id`"
            } else {
                "of the table `client`"
            },
        );
        on(
            "a row's ordinal",
            Box::new(move |bytes| flip(offsets(bytes) + 4 * leaves + 20 * row + 19)(bytes)),
            &format!("of the table `{table}`"),
        );
    }
    on(
        "the order of rows",
        Box::new(move |bytes| {
            let at = offsets(bytes) + 4 * leaves;
            bytes[at..at + 40].rotate_left(20);
        }),
        "row 0 of the table `request_id`",
    );
    on(
        "the digest",
        Box::new(|bytes| *bytes.last_mut().unwrap() ^= 1),
        "the digest at the end",
    );
    on(
        "the end",
        Box::new(|bytes| bytes.truncate(bytes.len() - 20)),
        "bytes",
    );
    on(
        "what follows",
        Box::new(|bytes| bytes.push(0)),
        "bytes, the segment gives",
    );
    let name = file.clone();
    list.push(mutation("an index run removed", move |folder| {
        fs::remove_file(folder.join(&name)).unwrap();
        vec![format!("{name}, byte 0: it is missing")]
    }));
    let other = journal.segments[0].beside("index");
    list.push(mutation("an index run of another segment", move |folder| {
        fs::copy(folder.join(&other), folder.join(&file)).unwrap();
        vec![format!("{file}, byte "), "the header".to_owned()]
    }));
    list
}

/// Secrets files and segment keys.
fn secrets(journal: &Journal) -> Vec<Mutation> {
    let segment = &journal.segments[1];
    let file = segment.beside("secrets");
    let place = some_leaf(journal, 1);
    let slot = 94 + usize::try_from(place.index - segment.first).unwrap() * 60;
    let here = format!("byte {slot}: ");
    let index = format!("leaf {}", place.index);
    let mut list = Vec::new();
    let mut on = |name: &str, change: Box<dyn Fn(&mut Vec<u8>)>, says: &[&str]| {
        list.push(file_mutation(
            format!("{name} of a secrets file"),
            file.as_str(),
            change,
            says,
        ));
    };
    on(
        "magic",
        Box::new(flip(2)),
        &["byte 0: it is not a secrets file"],
    );
    on(
        "first",
        Box::new(flip(25)),
        &["it names the segment that starts at"],
    );
    on("count", Box::new(flip(33)), &["it is not a secrets file"]);
    on(
        "nonce",
        Box::new(flip(34)),
        &["the key in it can't be opened"],
    );
    on(
        "key",
        Box::new(flip(50)),
        &["the key in it can't be opened"],
    );
    on(
        "a slot's nonce",
        Box::new(flip(slot)),
        &[&here, &index, "can't be opened"],
    );
    on(
        "a slot's secret",
        Box::new(flip(slot + 30)),
        &[&here, &index, "can't be opened"],
    );
    on(
        "a slot erased",
        Box::new(move |bytes| bytes[slot..slot + 60].fill(0)),
        &[&here, &index, "no `administration` leaf says"],
    );
    on(
        "a slot of another leaf",
        Box::new(move |bytes| {
            let at = if bytes[slot + 60] == 0 {
                slot + 120
            } else {
                slot + 60
            };
            bytes.copy_within(at..at + 60, slot);
        }),
        &[&here, &index, "can't be opened"],
    );
    on(
        "the last slot cut",
        Box::new(|bytes| bytes.truncate(bytes.len() - 60)),
        &["it is not a secrets file"],
    );
    on(
        "a last slot more",
        Box::new(|bytes| {
            bytes.extend([1; 60]);
            add(26, 8, 1)(bytes);
        }),
        &["it has slots for"],
    );
    let bare = journal.places().into_iter().find(|place| {
        let frame = &journal.segments[1].batches.get(place.batch).and_then(|batch| batch.frames.get(place.frame));
        place.segment == 1 && matches!(frame.map(|frame| &frame.body), Some(Body::Leaf { secret, .. }) if secret.is_empty())
    });
    if let Some(bare) = bare {
        let slot = 94 + usize::try_from(bare.index - segment.first).unwrap() * 60;
        on(
            "an empty slot filled",
            Box::new(move |bytes| bytes[slot] = 1),
            &[&format!(
                "byte {slot}: the slot of leaf {} is not empty",
                bare.index
            )],
        );
    }
    let name = file.clone();
    list.push(mutation("a secrets file removed", move |folder| {
        fs::remove_file(folder.join(&name)).unwrap();
        vec![format!("{name}, byte 0: it is missing")]
    }));
    let (other, name) = (journal.segments[0].beside("secrets"), file);
    list.push(mutation(
        "a secrets file of another segment",
        move |folder| {
            fs::copy(folder.join(&other), folder.join(&name)).unwrap();
            vec![format!(
                "{name}, byte 0: it names the segment that starts at 0"
            )]
        },
    ));
    let left = journal.segments[0].beside("key");
    list.push(mutation("a segment key put back", move |folder| {
        fs::write(folder.join(&left), [0; 82]).unwrap();
        vec![format!("{left}: it should be gone")]
    }));
    if let Some(open) = journal.segments.iter().find(|segment| !segment.is_sealed()) {
        let key = open.beside("key");
        list.push(file_mutation(
            "a segment key altered",
            key.as_str(),
            flip(60),
            &["the key in it can't be opened"],
        ));
        list.push(file_mutation(
            "a segment key cut",
            key.as_str(),
            |bytes| bytes.truncate(80),
            &["it is not a segment key file"],
        ));
        list.push(mutation("a segment key removed", move |folder| {
            fs::remove_file(folder.join(&key)).unwrap();
            vec![format!("{key}, byte 0: it is missing")]
        }));
    }
    list
}

/// The files `checkpoint` and `origin`.
fn published(journal: &Journal) -> Vec<Mutation> {
    let notes = forger::note_places(journal);
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
            |bytes| bytes.resize(5000, 0),
            &["larger than 4096 bytes"],
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
