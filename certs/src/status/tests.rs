use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::asn1::{INTEGER, SEQUENCE, write, write_oid};

mod forge;

use crate::forge::{algorithm, extension, general, oid, short};
use forge::{
    HOUR_S, List, NONCE, NOW_S, OTHER_SERIAL, SERIAL, Said, Single, WORLD, entry, nonce, number,
    query,
};

const DAY_S: u64 = 24 * HOUR_S;

fn words(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(words).unwrap_or_default();
    format!("{error}: {cause}")
}

fn list(bend: impl FnOnce(&mut List<'static>)) -> Result<RevocationList, StatusError> {
    let mut list = List::good();
    bend(&mut list);
    RevocationList::read(&WORLD.issuer, &list.der())
}

fn said(bend: impl FnOnce(&mut Said<'static>)) -> Result<Answer, StatusError> {
    let mut said = Said::good();
    bend(&mut said);
    Answer::read(&WORLD.issuer, &query(), &said.der(), NOW_S)
}

fn single(bend: impl FnOnce(&mut Single)) -> Result<Answer, StatusError> {
    let mut one = Single::good();
    bend(&mut one);
    said(|said| said.answers = vec![one.der()])
}

type BendList = fn(&mut List<'static>);
type BendSaid = fn(&mut Said<'static>);
type BendSingle = fn(&mut Single);

#[test]
fn a_good_list_is_taken_with_all_that_it_says() {
    let list = list(|_| {}).unwrap();
    assert_eq!(list.status(&SERIAL), Status::Good);
    let since_s = NOW_S - 2 * HOUR_S;
    assert_eq!(list.status(&OTHER_SERIAL), Status::Revoked { since_s });
    assert_eq!(list.count(), 1);
    let window = Window {
        this_update_s: NOW_S - HOUR_S,
        next_update_s: Some(NOW_S + HOUR_S),
    };
    assert_eq!(list.window(), &window);
}

#[test]
fn what_the_standard_leaves_to_the_authority_is_taken_in_a_list() {
    let taken: [(&str, BendList); 7] = [
        ("nobody is revoked", |list| list.entries.clear()),
        ("short years", |list| {
            list.this_update = short(NOW_S - HOUR_S);
            list.next_update = short(NOW_S + HOUR_S);
        }),
        ("a number of twenty bytes", |list| {
            list.extensions = vec![number(&[0x7f; 20])];
        }),
        ("a critical number", |list| {
            list.extensions = vec![extension("2.5.29.20", true, &write(INTEGER, &[&[5]]))];
        }),
        ("the authority's key, and an unknown one", |list| {
            list.extensions.push(extension("2.5.29.35", false, &[]));
            list.extensions.push(extension("1.2.3.4", false, &[1]));
        }),
        ("a scope that leaves nothing out", |list| {
            list.extensions
                .push(extension("2.5.29.28", true, &write(SEQUENCE, &[])));
        }),
        ("reasons and dates of entries", |list| {
            let reason = extension("2.5.29.21", true, &write(10, &[&[6]]));
            let since = extension("2.5.29.24", true, &general(NOW_S));
            list.entries.push(entry(&[9], &[reason, since]));
        }),
    ];
    for (what, bend) in taken {
        assert!(list(bend).is_ok(), "{what}: {:?}", list(bend));
    }
}

/// Each breaks one rule and is refused for that one; without its bend each is the good list.
const HOSTILE_LISTS: [(&str, &str, BendList); 38] = [
    ("of a stranger's key", "signature is wrong", |list| {
        list.signer = &WORLD.foreign;
    }),
    ("of a node's key", "signature is wrong", |list| {
        list.signer = &WORLD.node;
    }),
    ("of a responder's key", "signature is wrong", |list| {
        list.signer = &WORLD.responder;
    }),
    ("one bit of the signature", "signature is wrong", |list| {
        list.bend_signature = |bytes| *bytes.last_mut().unwrap() ^= 1;
    }),
    ("no signature", "signature is wrong", |list| {
        list.bend_signature = Vec::clear;
    }),
    ("a longer signature", "signature is wrong", |list| {
        list.bend_signature = |bytes| bytes.push(0);
    }),
    ("another name", "of another authority", |list| {
        list.name = WORLD.foreign.name();
    }),
    ("no name", "of another authority", |list| {
        list.name = write(SEQUENCE, &[]);
    }),
    ("version 1", "of another version", |list| {
        list.version.clear();
    }),
    ("version 3", "of another version", |list| {
        list.version = write(INTEGER, &[&[2]]);
    }),
    (
        "another digest inside",
        "algorithm inside is another",
        |list| {
            list.algorithm = algorithm("1.2.840.10045.4.3.3");
        },
    ),
    ("another digest outside", "signature is wrong", |list| {
        list.outer_algorithm = algorithm("1.2.840.10045.4.3.3");
    }),
    ("SHA-1", "not taken with a key of P-256", |list| {
        list.outer_algorithm = algorithm("1.2.840.10045.4.1");
    }),
    (
        "another key's algorithm",
        "not taken with a key of P-256",
        |list| {
            list.outer_algorithm = algorithm("1.3.101.112");
        },
    ),
    ("RSA", "not taken with a key of P-256", |list| {
        list.outer_algorithm = algorithm("1.2.840.113549.1.1.11");
    }),
    ("parameters", "malformed", |list| {
        list.outer_algorithm = write(
            SEQUENCE,
            &[
                &write_oid(oid("1.2.840.10045.4.3.2")),
                &write(INTEGER, &[&[1]]),
            ],
        );
    }),
    ("no next one", "when the next one comes", |list| {
        list.next_update.clear();
    }),
    ("the next one before", "next update is before", |list| {
        list.next_update = general(NOW_S - 2 * HOUR_S);
    }),
    ("one time only", "when the next one comes", |list| {
        list.this_update.clear();
    }),
    ("a time with a zone", "malformed", |list| {
        list.this_update = write(0x18, &[b"20270115080000+0000"]);
    }),
    ("a month that is none", "malformed", |list| {
        list.this_update = write(0x18, &[b"20271315080000Z"]);
    }),
    ("no number", "has no number", |list| list.extensions.clear()),
    (
        "a number below zero",
        "serial number is not written",
        |list| {
            list.extensions = vec![number(&[0x80])];
        },
    ),
    (
        "a long-winded number",
        "serial number is not written",
        |list| {
            list.extensions = vec![number(&[0, 5])];
        },
    ),
    (
        "a number of 21 bytes",
        "serial number is not written",
        |list| {
            list.extensions = vec![number(&[1; 21])];
        },
    ),
    ("two numbers", "2.5.29.20 stands twice", |list| {
        list.extensions.push(number(&[6]));
    }),
    ("only what changed", "only what has changed", |list| {
        list.extensions
            .push(extension("2.5.29.27", true, &write(INTEGER, &[&[4]])));
    }),
    (
        "others' certificates",
        "other authorities' certificates",
        |list| {
            let scope = write(SEQUENCE, &[&write(0x84, &[&[0xff]])]);
            list.extensions.push(extension("2.5.29.28", true, &scope));
        },
    ),
    (
        "users' certificates only",
        "a part of the authority's certificates",
        |list| {
            let scope = write(SEQUENCE, &[&write(0x81, &[&[0xff]])]);
            list.extensions.push(extension("2.5.29.28", true, &scope));
        },
    ),
    (
        "some reasons only",
        "a part of the authority's certificates",
        |list| {
            let scope = write(SEQUENCE, &[&write(0x83, &[&[1, 2]])]);
            list.extensions.push(extension("2.5.29.28", true, &scope));
        },
    ),
    (
        "an unknown critical extension",
        "critical extension 1.2.3.4 is not known",
        |list| {
            list.extensions.push(extension("1.2.3.4", true, &[]));
        },
    ),
    (
        "too many extensions",
        "more certificates or answers",
        |list| {
            list.extensions = (0..17_u8)
                .map(|i| extension(&format!("1.2.3.{i}"), false, &[]))
                .collect();
        },
    ),
    ("an entry twice", "stands twice in the list", |list| {
        list.entries.push(entry(&OTHER_SERIAL, &[]));
    }),
    (
        "an entry of another authority",
        "other authorities' certificates",
        |list| {
            list.entries
                .push(entry(&[9], &[extension("2.5.29.29", true, &[])]));
        },
    ),
    (
        "an entry that takes one back",
        "only what has changed",
        |list| {
            let reason = extension("2.5.29.21", false, &write(10, &[&[8]]));
            list.entries.push(entry(&[9], &[reason]));
        },
    ),
    (
        "an unknown critical extension of an entry",
        "critical extension 1.2.3.5",
        |list| {
            list.entries
                .push(entry(&[9], &[extension("1.2.3.5", true, &[])]));
        },
    ),
    (
        "an entry below zero",
        "serial number is not written",
        |list| {
            list.entries.push(entry(&[0xff], &[]));
        },
    ),
    ("something after it", "malformed", |list| {
        list.after = write(INTEGER, &[&[1]]);
    }),
];

#[test]
fn a_certificate_of_number_zero_in_a_list_costs_nobody_the_others_nor_is_a_first_list_refused() {
    let bend = |list: &mut List<'static>| {
        list.entries = vec![entry(&[0], &[]), entry(&[9], &[])];
        list.extensions = vec![number(&[0])];
    };
    let taken = list(bend).unwrap();
    for serial in [0, 9] {
        let status = taken.status(&[serial]);
        assert!(matches!(status, Status::Revoked { .. }), "{serial}");
    }
}

#[test]
fn a_list_that_breaks_one_rule_is_refused_for_that_one() {
    for (what, wanted, bend) in HOSTILE_LISTS {
        let said = words(&list(bend).expect_err(what));
        assert!(said.contains(wanted), "{what}: {said}");
    }
    let said =
        words(&list(|list| list.after_body = write(INTEGER, &[&[1]])).expect_err("more inside"));
    assert!(said.contains("malformed"), "{said}");
}

#[test]
fn an_authority_that_may_not_sign_lists_signs_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = folder.path().join("authority.pem");
    fs::write(&pem, params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::from_pem(&fs::read(&pem).unwrap()).unwrap();
    let said = words(&RevocationList::read(&issuer, &List::good().der()).unwrap_err());
    assert!(said.contains("lacks the signing of lists"), "{said}");
}

#[test]
fn a_list_or_an_answer_counts_from_when_it_was_right_until_it_is_due_or_too_old() {
    let window = *list(|_| {}).unwrap().window();
    let start_s = NOW_S - HOUR_S;
    let check = |tolerated_s, now_s| {
        window
            .check(tolerated_s, now_s)
            .map_err(|error| words(&error))
    };
    for now_s in [start_s - CLOCK_SKEW_S, start_s, NOW_S, NOW_S + HOUR_S] {
        check(DAY_S, now_s).unwrap();
    }
    let early = check(DAY_S, start_s - CLOCK_SKEW_S - 1).unwrap_err();
    assert!(early.contains("later than now"), "{early}");
    let late = check(DAY_S, NOW_S + HOUR_S + 1).unwrap_err();
    assert!(late.contains("a newer one was due"), "{late}");
    let later = check(DAY_S, NOW_S + HOUR_S + 60).unwrap_err();
    assert_eq!(later, late, "so that a log tells it once");
    // What is tolerated ends before the authority's own word does.
    check(HOUR_S, NOW_S).unwrap();
    let old = check(HOUR_S, NOW_S + 1).unwrap_err();
    assert!(old.contains("older than is tolerated"), "{old}");
    assert_eq!(window.until_s(HOUR_S), NOW_S);
    assert_eq!(window.until_s(DAY_S), NOW_S + HOUR_S);
}

#[test]
fn neither_number_nor_time_of_a_list_goes_back() {
    let of = |digits: &[u8], at_s| {
        let bend = |list: &mut List<'static>| {
            list.extensions = vec![number(digits)];
            list.this_update = general(at_s);
        };
        list(bend).unwrap()
    };
    let known = of(&[5], NOW_S);
    for (digits, at_s) in [
        (&[5][..], NOW_S),
        (&[6], NOW_S),
        (&[1, 0], NOW_S),
        (&[5], NOW_S + 9),
    ] {
        of(digits, at_s).follows(&known).unwrap();
    }
    for (digits, at_s) in [
        (&[4][..], NOW_S),
        (&[4], NOW_S + 9),
        (&[6], NOW_S - 1),
        (&[0], NOW_S),
    ] {
        let said = words(&of(digits, at_s).follows(&known).unwrap_err());
        assert!(said.contains("older than one"), "{said}");
    }
}

#[test]
fn a_good_answer_is_taken_of_the_authority_and_of_its_responder() {
    let answer = said(|_| {}).unwrap();
    assert_eq!(answer.status(), Status::Good);
    assert_eq!(answer.window().next_update_s, Some(NOW_S + HOUR_S));
    let taken: [(&str, BendSaid); 8] = [
        ("the authority, by name", |said| {
            said.by(&WORLD.own);
            said.certificates.clear();
        }),
        ("the authority, by key", |said| {
            said.by(&WORLD.own);
            said.responder = WORLD.own.by_key();
            said.certificates.clear();
        }),
        ("a responder, by key", |said| {
            said.responder = WORLD.responder.by_key();
        }),
        ("a certificate too many", |said| {
            said.certificates.insert(0, WORLD.own.certificate.clone());
        }),
        ("short years", |said| said.produced = short(NOW_S)),
        ("an unknown extension", |said| {
            said.extensions.push(extension("1.2.3.4", false, &[]));
        }),
        ("another certificate too", |said| {
            let mut other = Single::good();
            other.serial = write(INTEGER, &[&OTHER_SERIAL]);
            said.answers.push(other.der());
        }),
        ("no next update", |said| {
            let mut one = Single::good();
            one.next_update.clear();
            said.answers = vec![one.der()];
        }),
    ];
    for (what, bend) in taken {
        let answer = said(bend).unwrap_or_else(|error| panic!("{what}: {}", words(&error)));
        assert_eq!(answer.status(), Status::Good, "{what}");
    }
    // A responder that answers from a stock knows no question.
    let stock = Query {
        nonce: None,
        ..query()
    };
    let mut plain = Said::good();
    plain.extensions.clear();
    Answer::read(&WORLD.issuer, &stock, &plain.der(), NOW_S).unwrap();
}

#[test]
fn revoked_and_unknown_are_not_good() {
    let since_s = NOW_S - HOUR_S;
    let revoked = single(|one| one.status = write(0xa1, &[&general(NOW_S - HOUR_S)])).unwrap();
    assert_eq!(revoked.status(), Status::Revoked { since_s });
    let hold = single(|one| {
        let reason = write(0xa0, &[&write(10, &[&[6]])]);
        one.status = write(0xa1, &[&general(NOW_S - HOUR_S), &reason]);
    });
    assert_eq!(hold.unwrap().status(), Status::Revoked { since_s });
    let unknown = single(|one| one.status = write(0x82, &[])).unwrap();
    assert_eq!(unknown.status(), Status::Unknown);
}

/// Each breaks one rule and is refused for that one; without its bend each is the good answer.
const HOSTILE_ANSWERS: [(&str, &str, BendSaid); 29] = [
    (
        "malformed question",
        "calls the question malformed",
        |said| said.outer_status = write(10, &[&[1]]),
    ),
    ("internal error", "internal error", |said| {
        said.outer_status = write(10, &[&[2]]);
    }),
    ("try later", "try later", |said| {
        said.outer_status = write(10, &[&[3]]);
    }),
    ("sign it", "wants the question signed", |said| {
        said.outer_status = write(10, &[&[5]]);
    }),
    ("unauthorized", "does not know the authority", |said| {
        said.outer_status = write(10, &[&[6]]);
    }),
    ("a status that is none", "unknown reason", |said| {
        said.outer_status = write(10, &[&[4]]);
    }),
    ("a status of two bytes", "unknown reason", |said| {
        said.outer_status = write(10, &[&[0, 0]]);
    }),
    ("a status of another type", "malformed", |said| {
        said.outer_status = write(INTEGER, &[&[0]]);
    }),
    ("another type", "of type 1.2.3.4", |said| {
        said.kind = write_oid(oid("1.2.3.4"));
    }),
    ("another version", "of another version", |said| {
        said.version = write(0xa0, &[&write(INTEGER, &[&[1]])]);
    }),
    ("one bit of the signature", "signature is wrong", |said| {
        said.bend_signature = |bytes| *bytes.last_mut().unwrap() ^= 1;
    }),
    ("no signature", "signature is wrong", |said| {
        said.bend_signature = Vec::clear;
    }),
    ("another responder's key", "signature is wrong", |said| {
        said.signer = &WORLD.other_responder;
    }),
    ("a node's key", "signature is wrong", |said| {
        said.signer = &WORLD.node;
    }),
    ("SHA-1", "not taken with a key of P-256", |said| {
        said.algorithm = algorithm("1.2.840.10045.4.1");
    }),
    ("another digest", "signature is wrong", |said| {
        said.algorithm = algorithm("1.2.840.10045.4.3.3");
    }),
    (
        "a node as responder",
        "responder's certificate does not hold",
        |said| said.by(&WORLD.node),
    ),
    (
        "another authority's responder",
        "responder's certificate does not hold",
        |said| {
            said.by(&WORLD.foreign);
        },
    ),
    ("no certificate", "brought no certificate", |said| {
        said.certificates.clear();
    }),
    ("another's certificate", "brought no certificate", |said| {
        said.certificates = vec![WORLD.node.certificate.clone()];
    }),
    ("what is no certificate", "brought no certificate", |said| {
        said.certificates = vec![write(SEQUENCE, &[])];
    }),
    (
        "nine certificates",
        "more certificates or answers",
        |said| {
            said.certificates = vec![WORLD.responder.certificate.clone(); 9];
        },
    ),
    (
        "another question's number",
        "not to this question",
        |said| {
            said.extensions = vec![nonce(&[8; 16])];
        },
    ),
    ("no number", "not to this question", |said| {
        said.extensions.clear();
    }),
    ("a part of the number", "not to this question", |said| {
        said.extensions = vec![nonce(&NONCE[..15])];
    }),
    (
        "an unknown critical extension",
        "critical extension 1.2.3.4",
        |said| {
            said.extensions.push(extension("1.2.3.4", true, &[]));
        },
    ),
    ("nothing said", "not about the certificate", |said| {
        said.answers.clear();
    }),
    ("twice said", "two things of the certificate", |said| {
        said.answers = vec![Single::good().der(); 2];
    }),
    ("something after it", "malformed", |said| {
        said.after = write(INTEGER, &[&[1]]);
    }),
];

/// As above, of what is said about the certificate.
const HOSTILE_SINGLES: [(&str, &str, BendSingle); 15] = [
    ("another certificate", "not about the certificate", |one| {
        one.serial = write(INTEGER, &[&OTHER_SERIAL]);
    }),
    (
        "a number with a zero in front",
        "serial number is not written",
        |one| {
            one.serial = write(INTEGER, &[&[0, 0x12, 0x34]]);
        },
    ),
    ("no number", "serial number is not written", |one| {
        one.serial = write(INTEGER, &[]);
    }),
    (
        "another authority's name",
        "not about the certificate",
        |one| {
            one.name = sha1(&WORLD.foreign.name());
        },
    ),
    (
        "another authority's key",
        "not about the certificate",
        |one| one.key = sha1(b"key"),
    ),
    ("another digest", "not about the certificate", |one| {
        one.algorithm = algorithm("2.16.840.1.101.3.4.2.1");
    }),
    ("good, and more", "malformed", |one| {
        one.status = write(0x80, &[&[1]]);
    }),
    ("revoked, no time", "malformed", |one| {
        one.status = write(0xa1, &[]);
    }),
    ("a status that is none", "malformed", |one| {
        one.status = write(0x83, &[]);
    }),
    ("unknown, and more", "malformed", |one| {
        one.status = write(0x82, &[&[0]]);
    }),
    ("no time", "malformed", |one| one.this_update.clear()),
    ("made before it was right", "not between", |one| {
        one.this_update = general(NOW_S + 1);
    }),
    ("the next one before", "next update is before", |one| {
        one.next_update = write(0xa0, &[&general(NOW_S - 2 * HOUR_S)]);
    }),
    (
        "an unknown critical extension",
        "critical extension 1.2.3.4",
        |one| {
            one.extensions = vec![extension("1.2.3.4", true, &[])];
        },
    ),
    ("an extension twice", "1.2.3.4 stands twice", |one| {
        one.extensions = vec![extension("1.2.3.4", false, &[]); 2];
    }),
];

#[test]
fn an_answer_that_breaks_one_rule_is_refused_for_that_one() {
    for (what, wanted, bend) in HOSTILE_ANSWERS {
        let told = words(&said(bend).expect_err(what));
        assert!(told.contains(wanted), "{what}: {told}");
    }
    for (what, wanted, bend) in HOSTILE_SINGLES {
        let told = words(&single(bend).expect_err(what));
        assert!(told.contains(wanted), "{what}: {told}");
    }
}

#[test]
fn an_answer_of_the_future_or_of_an_expired_responder_is_refused() {
    let told = words(&said(|said| said.produced = general(NOW_S + CLOCK_SKEW_S + 1)).unwrap_err());
    assert!(told.contains("not between"), "{told}");
    let told = words(&said(|said| said.produced = general(NOW_S + 200 * HOUR_S)).unwrap_err());
    assert!(
        told.contains("responder's certificate does not hold: expired"),
        "{told}"
    );
}

#[test]
fn no_beginning_of_a_list_or_an_answer_is_one_and_nothing_may_follow() {
    let (list, answer) = (List::good().der(), Said::good().der());
    for length in 0..list.len() {
        let read = RevocationList::read(&WORLD.issuer, &list[..length]);
        assert!(read.is_err(), "a list of {length} bytes");
    }
    for length in 0..answer.len() {
        let read = Answer::read(&WORLD.issuer, &query(), &answer[..length], NOW_S);
        assert!(read.is_err(), "an answer of {length} bytes");
    }
    for more in [&[0][..], &vec![0; 1 << 20], &list, &answer] {
        let (list, answer) = ([&list, more].concat(), [&answer, more].concat());
        assert!(RevocationList::read(&WORLD.issuer, &list).is_err());
        assert!(Answer::read(&WORLD.issuer, &query(), &answer, NOW_S).is_err());
    }
    // A length that nobody has, and a depth that no reader should follow.
    for bytes in [
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0][..],
        &vec![0x30; 1 << 16],
    ] {
        assert!(RevocationList::read(&WORLD.issuer, bytes).is_err());
        assert!(Answer::read(&WORLD.issuer, &query(), bytes, NOW_S).is_err());
    }
}

#[test]
fn too_many_answers_are_not_looked_at() {
    let mut other = Single::good();
    other.serial = write(INTEGER, &[&OTHER_SERIAL]);
    let told = words(&said(|said| said.answers = vec![other.der(); 257]).unwrap_err());
    assert!(told.contains("more certificates or answers"), "{told}");
}

#[test]
fn the_time_of_an_answer_does_not_go_back() {
    let at = |at_s| single(|one| one.this_update = general(at_s)).unwrap();
    let known = at(NOW_S - 10);
    at(NOW_S - 10).follows(&known).unwrap();
    at(NOW_S).follows(&known).unwrap();
    assert!(at(NOW_S - 11).follows(&known).is_err());
}

#[test]
fn a_responder_that_needs_a_status_itself_is_refused() {
    // A certificate of the right purpose, without the mark, as other programs issue it.
    let issuer = rcgen::Issuer::from_ca_cert_der(
        &WORLD.own.certificate.as_slice().into(),
        WORLD.own.rcgen_key(),
    )
    .unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "unmarked");
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::OcspSigning];
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    params.not_before = time::OffsetDateTime::from_unix_timestamp(1_799_000_000).unwrap();
    params.not_after = time::OffsetDateTime::from_unix_timestamp(1_801_000_000).unwrap();
    let unmarked = forge::Signer::new(
        params.signed_by(&key, &issuer).unwrap().der().to_vec(),
        key.serialize_der(),
    );
    let mut said = Said::good();
    said.by(&unmarked);
    let told = Answer::read(&WORLD.issuer, &query(), &said.der(), NOW_S).unwrap_err();
    assert!(words(&told).contains("needs no status itself"), "{told}");
}

#[test]
fn a_question_is_written_as_openssl_writes_it() {
    let written = query().to_der(&WORLD.issuer);
    let wanted = [
        &[0x02, 0x02, 0x12, 0x34][..],
        &[0xa2, 0x23, 0x30, 0x21, 0x30, 0x1f],
    ]
    .concat();
    let found = written.windows(wanted.len()).any(|part| part == wanted);
    assert!(found, "{written:02x?}");
    assert!(
        Query {
            nonce: None,
            ..query()
        }
        .to_der(&WORLD.issuer)
        .len()
            < written.len()
    );
}

fn vector(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/status");
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn what_openssl_signs_is_taken_and_says_what_openssl_was_told() {
    for algorithm in ["p256", "p384", "ed25519", "rsa3072"] {
        let of = |what: &str| vector(&format!("{algorithm}-{what}"));
        let issuer = Issuer::from_pem(&of("authority.pem")).unwrap();
        let list = RevocationList::read(&issuer, &of("list.der")).unwrap();
        assert_eq!(list.count(), 2, "{algorithm}");
        let bytes = of("good.der");
        for (serial, name, revoked) in [(1_u8, "good", false), (2, "revoked", true)] {
            let listed = list.status(&[serial]);
            assert_eq!(
                matches!(listed, Status::Revoked { .. }),
                revoked,
                "{algorithm} {name}"
            );
            let query = Query {
                serial: vec![serial],
                nonce: None,
            };
            let answer = of(&format!("{name}.der"));
            let answer = Answer::read(&issuer, &query, &answer, u64::from(u32::MAX)).unwrap();
            assert_eq!(
                answer.status() == Status::Good,
                !revoked,
                "{algorithm} {name}"
            );
            if revoked {
                assert_eq!(answer.status(), listed, "{algorithm}: both say since when");
            }
        }
        let query = Query {
            serial: vec![99],
            nonce: None,
        };
        let answer =
            Answer::read(&issuer, &query, &of("unknown.der"), u64::from(u32::MAX)).unwrap();
        assert_eq!(answer.status(), Status::Unknown);
        let other = Query {
            serial: vec![2],
            nonce: None,
        };
        assert!(Answer::read(&issuer, &other, &bytes, u64::from(u32::MAX)).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn strangers_bytes_never_panic_and_a_bent_byte_is_never_taken_for_another_word(
        at in 0_usize..4096, bit in 0_u32..8, bytes in proptest::collection::vec(any::<u8>(), 0..200)
    ) {
        static GOOD: std::sync::LazyLock<(Vec<u8>, Vec<u8>)> =
            std::sync::LazyLock::new(|| (List::good().der(), Said::good().der()));
        prop_assert!(RevocationList::read(&WORLD.issuer, &bytes).is_err());
        prop_assert!(Answer::read(&WORLD.issuer, &query(), &bytes, NOW_S).is_err());
        let (mut list, mut said) = GOOD.clone();
        let (i, j) = (at % list.len(), at % said.len());
        list[i] ^= 1 << bit;
        said[j] ^= 1 << bit;
        if let Ok(read) = RevocationList::read(&WORLD.issuer, &list) {
            prop_assert_eq!(read, RevocationList::read(&WORLD.issuer, &GOOD.0).unwrap());
        }
        if let Ok(read) = Answer::read(&WORLD.issuer, &query(), &said, NOW_S) {
            prop_assert_eq!(read, Answer::read(&WORLD.issuer, &query(), &GOOD.1, NOW_S).unwrap());
        }
    }
}
