//! Messages for strangers and from them. The other programs themselves run in `tests/referees/rfc9421`.

use std::path::Path;

use bridge_signature::Algorithm;

use crate::cases::Case;
use crate::{batches, made};

fn assert_judged_as_expected(cases: &[Case]) {
    for case in cases {
        let found = case.verify().map_err(|fault| fault.to_string());
        assert_eq!(
            found.is_ok(),
            case.expect == "valid",
            "{}: {found:?}",
            case.name
        );
    }
}

#[test]
fn what_we_write_for_strangers_is_what_we_read() {
    let folder = tempfile::tempdir().expect("a folder");
    for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256Sha256] {
        for case in made::cases(algorithm).expect("cases") {
            case.write(folder.path()).expect("written");
        }
    }
    let cases = Case::read_all(folder.path()).expect("cases");
    assert_eq!(cases.len(), 40);
    assert_eq!(
        cases.iter().filter(|case| case.expect == "valid").count(),
        4
    );
    assert_judged_as_expected(&cases);
}

/// Signed by `tests/referees/rfc9421/sign.py`: PyPI http-message-signatures 3.0.0, keys thrown away.
#[test]
fn what_a_python_program_signed_is_judged_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/strangers");
    let cases = Case::read_all(&folder).expect("cases");
    assert!(
        cases
            .iter()
            .any(|case| case.expect == "valid" && case.answer.is_some())
    );
    assert!(cases.iter().any(|case| case.expect == "invalid"));
    assert_judged_as_expected(&cases);
}

#[test]
fn batches_that_we_write_for_strangers_are_what_we_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("batches.json");
    batches::write(&file).expect("written");
    let judged = batches::read(&file).expect("batches");
    assert_eq!(judged.len(), 2 * (2 + 3 + 5 + 8 + 33 + 100 + 6));
    for message in judged {
        assert_eq!(
            message.is_valid, message.is_expected_valid,
            "{}",
            message.name
        );
    }
}

/// Signed by `tests/referees/rfc9421/batch.py`, keys thrown away.
#[test]
fn batches_that_a_python_program_signed_are_judged_right() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/batches.json");
    let judged = batches::read(&file).expect("batches");
    let valid = judged.iter().filter(|message| message.is_expected_valid);
    assert_eq!(valid.count(), 2 * (2 + 3 + 4 + 5 + 7 + 8 + 33));
    assert_eq!(judged.len(), 2 * (62 + 7 * 16));
    for message in judged {
        assert_eq!(
            message.is_valid, message.is_expected_valid,
            "{}",
            message.name
        );
    }
}
