//! The battery: at least a hundred ways to alter a good journal, each to be found at its place.

use std::path::Path;

use bridge_verify::{Options, verify};

use crate::beside;
use crate::edits::copy;
use crate::fields;
use crate::forger;
use crate::frames;
use crate::model::Journal;
use crate::notes;
use crate::segments;
use crate::writer::{self, EVIDENCE_KEY};

/// Runs the whole battery over a good journal of at least three segments and 300 leaves.
pub(crate) fn battery(good: &Path, options: &Options) {
    let clean = verify(good, options, &mut |_| {});
    assert!(clean.is_ok(), "the clean copy has findings: {clean:#?}");
    let journal = Journal::read(good);
    let mut list = fields::mutations(&journal);
    list.extend(forger::order(&journal));
    list.extend(forger::evidence(&journal));
    list.extend(notes::notes(&journal));
    list.extend(notes::named_runs(&journal));
    list.extend(frames::frames(&journal));
    list.extend(frames::commits(&journal));
    list.extend(frames::headers(&journal));
    list.extend(segments::segments(&journal));
    list.extend(beside::tiles());
    list.extend(beside::indexes(&journal));
    list.extend(beside::secrets(&journal));
    list.extend(notes::published(&journal));
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
        ..Options::default()
    };
    battery(folder.path(), &options);
}
