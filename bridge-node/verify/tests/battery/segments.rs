//! Whole segments and batches: cut, swapped, moved, removed.

use std::fs;

use crate::edits::{Mutation, edit, file_mutation, mutation};
use crate::fields::at_batch;
use crate::frames::some_leaf;
use crate::model::Journal;

/// Segments cut, swapped, removed and extended; batches moved on the disk.
pub(crate) fn segments(journal: &Journal) -> Vec<Mutation> {
    let held = &journal.segments;
    let newest = &held[held.len() - 1];
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
    let gone = newest.file();
    list.push(mutation("the last segment removed", move |folder| {
        fs::remove_file(folder.join(&gone)).unwrap();
        vec![
            "checkpoint, byte 0: ".to_owned(),
            "no segment holds this checkpoint".to_owned(),
        ]
    }));
    let (gone, cut) = (newest.file(), newest.batches[1].commit + 117);
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
        newest.file(),
        newest.batches[1].frames[0].offset,
        newest.batches[1].commit + 117,
    );
    let expected = vec![
        format!("{gone}, byte {from}: "),
        format!("a commit follows at byte {}", newest.batches[2].commit),
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
