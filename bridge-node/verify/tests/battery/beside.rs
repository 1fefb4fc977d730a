//! What lies beside the segments: tiles, index runs, secrets, the published checkpoint.

use std::fs;

use crate::edits::{Change, Mutation, add, file_mutation, find, flip, mutation};
use crate::frames::some_leaf;
use crate::model::{Body, Journal};

pub(crate) fn tiles() -> Vec<Mutation> {
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
pub(crate) fn indexes(journal: &Journal) -> Vec<Mutation> {
    let segment = &journal.segments[1];
    let file = segment.beside("index");
    let leaves = journal
        .places()
        .iter()
        .filter(|place| place.segment == 1)
        .count();
    let mut list = Vec::new();
    let mut on = |name: &str, change: Change, says: &str| {
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
pub(crate) fn secrets(journal: &Journal) -> Vec<Mutation> {
    let segment = &journal.segments[1];
    let file = segment.beside("secrets");
    let place = some_leaf(journal, 1);
    let slot = 94 + usize::try_from(place.index - segment.first).unwrap() * 60;
    let here = format!("byte {slot}: ");
    let index = format!("leaf {}", place.index);
    let mut list = Vec::new();
    let mut on = |name: &str, change: Change, says: &[&str]| {
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
