use std::error::Error;

use der::asn1::ObjectIdentifier;
use proptest::prelude::*;
use rcgen::KeyUsagePurpose;
use ring::digest::{SHA256, digest};

use super::*;
use crate::asn1::SET;
use crate::cms::{CONTENT_TYPE, MESSAGE_DIGEST};

mod forge;

use super::binding::{SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2};
use forge::{
    Forge, NOW_MS, POLICY, Says, Signed, TIME_STAMPING, WORLD, World, bound, bound_v1, bound_v2,
    expected, oid,
};

fn check(answer: &[u8]) -> Result<Stamp, String> {
    Stamp::check(&WORLD.trust, answer, &expected()).map_err(|error| words(&error))
}

fn words(error: &dyn Error) -> String {
    let mut causes = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    causes.join(": ")
}

/// Holds an answer that was bent in one place to be refused for that.
fn refused<'a>(what: &str, wanted: &str, bend: impl FnOnce(&mut Forge<'a>)) {
    let mut forge = Forge::of(&WORLD.good);
    bend(&mut forge);
    refused_answer(what, wanted, &forge.answer());
}

fn refused_answer(what: &str, wanted: &str, answer: &[u8]) {
    let said = check(answer).expect_err(what);
    assert!(said.contains(wanted), "{what}: {said}");
}

/// Holds an authority whose certificate says this to be refused.
fn refused_certificate(what: &str, wanted: &str, says: &Says) {
    let signed = WORLD.issue(says);
    refused_answer(what, wanted, &Forge::of(&signed).answer());
}

#[test]
fn a_good_answer_is_taken_with_all_that_it_says() {
    let stamp = check(&Forge::of(&WORLD.good).answer()).unwrap();
    let wanted = Stamp {
        time_ms: NOW_MS,
        accuracy_ms: Some(1000),
        policy: POLICY,
        ahead_ms: Some(0),
    };
    assert_eq!(stamp, wanted);
}

#[test]
fn what_standards_leave_to_the_authority_is_taken() {
    let takes = |what: &str, bend: &dyn Fn(&mut Forge<'_>)| {
        let mut forge = Forge::of(&WORLD.good);
        bend(&mut forge);
        check(&forge.answer()).unwrap_or_else(|said| panic!("{what}: {said}"))
    };
    let text = write(SEQUENCE, &[&write(0x0c, &[b"stamped"])]);
    takes("granted with changes, and words", &|forge| {
        forge.status = write(SEQUENCE, &[&write_integer(1), &text]);
    });
    let stamp = takes("no accuracy", &|forge| forge.accuracy.clear());
    assert_eq!(stamp.accuracy_ms, None);
    let stamp = takes("accuracy in parts", &|forge| {
        let parts: [&[u8]; 2] = [&write(0x80, &[&[1, 0xf4]]), &write(0x81, &[&[1]])];
        forge.accuracy = write(SEQUENCE, &parts);
    });
    assert_eq!(stamp.accuracy_ms, Some(501));
    let stamp = takes("a fraction of a second", &|forge| {
        forge.time = "20261122045959.5Z";
    });
    assert_eq!((stamp.time_ms, stamp.ahead_ms), (NOW_MS - 500, Some(-400)));
    takes("an ordering", &|forge| {
        forge.accuracy.extend(write(BOOLEAN, &[&[TRUE]]));
    });
    takes("the name of the certificate's subject", &|forge| {
        let subject = Bearing::of(&WORLD.good.der).unwrap().subject;
        forge.authority = write(0xa0, &[&write(0xa4, &[subject])]);
    });
    takes("an extension that need not be known", &|forge| {
        let value = write(OCTET_STRING, &[&[]]);
        let extension = write(SEQUENCE, &[&write_oid(oid("1.2.3")), &value]);
        forge.extensions = write(0xa1, &[&extension]);
    });
    takes("a certificate bound by SHA-1 only", &|forge| {
        forge.attributes = vec![bound_v1(&WORLD.good.der)];
    });
    takes("a certificate bound in both ways", &|forge| {
        forge.attributes.push(bound_v1(&WORLD.good.der));
    });
    takes("a certificate bound by issuer and number too", &|forge| {
        let bearing = Bearing::of(&WORLD.good.der).unwrap();
        let names = write(SEQUENCE, &[&write(0xa4, &[bearing.issuer])]);
        let rest = write(SEQUENCE, &[&names, &write(INTEGER, &[bearing.serial])]);
        let sha256 = digest(&SHA256, &WORLD.good.der);
        forge.attributes = vec![bound(SIGNING_CERTIFICATE_V2, sha256.as_ref(), &rest)];
    });
    takes("another certificate beside the signer's", &|forge| {
        let other = World::new("Other").good.der;
        forge.certificates.insert(0, other);
    });
}

/// The answers of a real authority, OpenSSL (`testdata/stamps`), with keys and digests of each kind.
#[test]
fn answers_of_openssl_are_taken_and_its_refusal_is_told() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/stamps");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let trust = Trust::from_pem(&read("root.pem")).unwrap();
    let mut imprint = [0; 32];
    imprint.copy_from_slice(digest(&SHA256, &read("stamped.txt")).as_ref());
    let kept = Expected {
        imprint,
        nonce: None,
        policy: None,
        clock: None,
        accuracy_ms: 1501,
    };
    for name in ["p256.tsr", "p256-sha1.tsr", "p384.tsr", "rsa3072.tsr"] {
        let stamp = Stamp::check(&trust, &read(name), &kept);
        let stamp = stamp.unwrap_or_else(|error| panic!("{name}: {}", words(&error)));
        assert_eq!(stamp.policy, POLICY, "{name}");
        assert_eq!(stamp.accuracy_ms, Some(1501), "{name}");
        assert!(stamp.time_ms > 1_795_000_000_000, "{name}");
        let other = Expected {
            imprint: [0; 32],
            ..kept.clone()
        };
        let refused = Stamp::check(&trust, &read(name), &other);
        assert!(matches!(refused, Err(StampError::Imprint)), "{name}");
    }
    let rejected = Stamp::check(&trust, &read("rejected.tsr"), &kept).unwrap_err();
    assert_eq!(
        words(&rejected),
        "the authority refused: status 2, unacceptedPolicy"
    );
}

#[test]
fn answers_to_something_else_are_refused() {
    refused("another imprint", "imprint is not of", |forge| {
        forge.imprint[0] ^= 1;
    });
    refused("a shorter imprint", "imprint is not of", |forge| {
        forge.imprint.pop();
    });
    refused(
        "a SHA-1 imprint",
        "imprint is made with 1.3.14.3.2.26",
        |forge| {
            forge.imprint_algorithm = "1.3.14.3.2.26";
            forge.imprint.truncate(20);
        },
    );
    refused("a SHA-512 imprint", "imprint is made with", |forge| {
        forge.imprint_algorithm = "2.16.840.1.101.3.4.2.3";
    });
    refused("another nonce", "nonce is not", |forge| {
        forge.nonce = write_integer(1);
    });
    refused("no nonce", "nonce is not", |forge| {
        forge.nonce.clear();
    });
    refused("a nonce with more digits", "nonce is not", |forge| {
        let long = [&[1][..], &forge::NONCE.to_be_bytes()].concat();
        forge.nonce = write(INTEGER, &[&long]);
    });
    let mut answer = expected();
    answer.policy = Some(oid("1.2.3.4.2"));
    let other = Stamp::check(&WORLD.trust, &Forge::of(&WORLD.good).answer(), &answer).unwrap_err();
    assert!(words(&other).contains("policy 1.2.3.4.1, which was not"));
}

#[test]
fn refusals_of_an_authority_are_told_by_their_reason() {
    let status = |status: u64, rest: &[u8]| write(SEQUENCE, &[&write_integer(status), rest]);
    let failure = write(3, &[&[1, 0x00, 0x02]]);
    refused("rejected", "status 2, timeNotAvailable", |forge| {
        forge.status = status(2, &failure);
    });
    for (number, what) in [
        (2, "rejected"),
        (3, "waiting"),
        (4, "warned"),
        (5, "revoked"),
    ] {
        refused(what, "the authority refused: status", |forge| {
            forge.status = status(number, &[]);
        });
    }
    refused("an unknown reason", "unknown reason", |forge| {
        forge.status = status(2, &write(3, &[&[0, 0x01]]));
    });
    refused("a negative status", "malformed", |forge| {
        forge.status = write(SEQUENCE, &[&[2, 1, 0xff]]);
    });
    let good = Forge::of(&WORLD.good);
    refused_answer(
        "granted, no token",
        "holds no token",
        &write(SEQUENCE, &[&good.status]),
    );
    let rejected = write(SEQUENCE, &[&status(2, &[])]);
    refused_answer("no token, and says so", "refused: status 2", &rejected);
}

#[test]
fn other_things_than_time_stamps_are_refused() {
    refused("enveloped data", "not signed data", |forge| {
        forge.signed_data = oid("1.2.840.113549.1.7.3");
    });
    refused("signed data of another type", "not a time-stamp", |forge| {
        forge.content_type = oid("1.2.840.113549.1.7.1");
    });
    refused("detached", "without what was stamped", |forge| {
        forge.content = false;
    });
    refused("version 2", "of version 2", |forge| forge.version = 2);
    refused(
        "a critical extension",
        "critical extension 1.2.3",
        |forge| {
            let parts: [&[u8]; 3] = [
                &write_oid(oid("1.2.3")),
                &write(BOOLEAN, &[&[TRUE]]),
                &write(OCTET_STRING, &[&[]]),
            ];
            forge.extensions = write(0xa1, &[&write(SEQUENCE, &parts)]);
        },
    );
    refused(
        "another authority's name",
        "names another authority",
        |forge| {
            let other = World::new("Somebody else").good.der;
            let subject = Bearing::of(&other).unwrap().issuer;
            forge.authority = write(0xa0, &[&write(0xa4, &[subject])]);
        },
    );
}

#[test]
fn times_that_are_of_no_use_are_refused() {
    refused("a day later", "86399900 ms ahead", |forge| {
        forge.time = "20261123050000Z";
        // Within the certificate's dates.
    });
    refused("a minute and a second behind", "-60900 ms ahead", |forge| {
        forge.time = "20261122045859Z";
    });
    refused("with an offset", "time is malformed", |forge| {
        forge.time = "20261122090000+0400";
    });
    refused(
        "a fraction that ends in zero",
        "time is malformed",
        |forge| {
            forge.time = "20261122050000.10Z";
        },
    );
    refused("no such day", "time is malformed", |forge| {
        forge.time = "20260231050000Z";
    });
    refused("to three seconds", "accurate to 3000 ms only", |forge| {
        forge.accuracy = write(SEQUENCE, &[&write_integer(3)]);
    });
    refused("negative accuracy", "malformed", |forge| {
        forge.accuracy = write(SEQUENCE, &[&[2, 1, 0xff]]);
    });
    refused("accuracy in bad parts", "malformed", |forge| {
        forge.accuracy = write(SEQUENCE, &[&write(0x80, &[&[0xff]])]);
    });
}

#[test]
fn signatures_that_do_not_hold_are_refused() {
    refused("a flipped signature", "signature is wrong", |forge| {
        forge.signature_flip = true;
    });
    let stranger = World::new("Root").good;
    refused("another key", "signature is wrong", |forge| {
        forge.key = &stranger.key;
    });
    refused(
        "another digest of the message",
        "not that of the content",
        |forge| {
            forge.message_digest = Some(vec![0; 32]);
        },
    );
    refused("no signed attributes", "no signed attributes", |forge| {
        forge.no_attributes = true;
    });
    refused("unsigned attributes", "unsigned attributes", |forge| {
        let value = write(SET, &[&write_integer(1)]);
        let attribute = write(SEQUENCE, &[&write_oid(oid("1.2.3")), &value]);
        forge.unsigned = write(0xa1, &[&attribute]);
    });
    refused("two signers", "2 signers", |forge| forge.signers = 2);
    refused("no signer", "0 signers", |forge| forge.signers = 0);
    refused(
        "digested with SHA-1",
        "digest algorithm 1.3.14.3.2.26",
        |forge| {
            forge.digest = "1.3.14.3.2.26";
        },
    );
    refused(
        "signed with SHA-1",
        "signature algorithm 1.2.840.10045.4.1",
        |forge| {
            forge.algorithm = "1.2.840.10045.4.1";
        },
    );
    refused("another kind of key", "does not fit the key", |forge| {
        forge.algorithm = "1.2.840.113549.1.1.11";
    });
}

#[test]
fn signed_attributes_are_there_once_and_in_order() {
    refused(
        "no digest of the message",
        "1.2.840.113549.1.9.4 lacks",
        |forge| {
            forge.attributes.push((MESSAGE_DIGEST, Vec::new()));
        },
    );
    refused(
        "no type of the content",
        "1.2.840.113549.1.9.3 lacks",
        |forge| {
            forge.attributes.push((CONTENT_TYPE, Vec::new()));
        },
    );
    refused(
        "another type of the content",
        "signed type of the content",
        |forge| {
            let data = write_oid(oid("1.2.840.113549.1.7.1"));
            forge.attributes.push((CONTENT_TYPE, data));
        },
    );
    refused("an attribute twice", "stands twice", |forge| {
        let again = bound(SIGNING_CERTIFICATE_V2, &[0; 32], &[]);
        forge.attributes.push(again);
    });
    refused(
        "an attribute with two values",
        "has not one value",
        |forge| {
            let two = [write_integer(1), write_integer(2)].concat();
            forge.attributes.push((oid("1.2.3"), two));
        },
    );
    refused("attributes out of order", "not in order", |forge| {
        forge.sorted = false;
    });
    refused("too many attributes", "too many", |forge| {
        for number in 0..20_u32 {
            let kind = ObjectIdentifier::from_arcs([1, 2, 3, number]).unwrap();
            forge.attributes.push((kind, write_integer(1)));
        }
    });
}

#[test]
fn certificates_that_are_not_the_signers_are_refused() {
    refused("no certificate", "did not come along", |forge| {
        forge.certificates.clear();
    });
    let other = WORLD.issue(&Says::default());
    refused("another certificate", "did not come along", |forge| {
        forge.certificates = vec![other.der.clone()];
    });
    refused("nothing bound", "not bound", |forge| {
        forge.attributes.clear();
    });
    refused("another one bound", "another certificate than", |forge| {
        forge.attributes = vec![bound_v2(&other.der)];
    });
    refused(
        "another one bound by SHA-1",
        "another certificate than",
        |forge| {
            forge.attributes.push(bound_v1(&other.der));
        },
    );
    refused(
        "bound by an unknown digest",
        "another certificate than",
        |forge| {
            let id = [
                &forge::algorithm("1.3.14.3.2.26")[..],
                &write(OCTET_STRING, &[&[0; 20]]),
            ];
            let list = write(SEQUENCE, &[&write(SEQUENCE, &id)]);
            forge.attributes = vec![(SIGNING_CERTIFICATE_V2, write(SEQUENCE, &[&list]))];
        },
    );
    refused(
        "bound to another number",
        "another certificate than",
        |forge| {
            let bearing = Bearing::of(&WORLD.good.der).unwrap();
            let names = write(SEQUENCE, &[&write(0xa4, &[bearing.issuer])]);
            let rest = write(SEQUENCE, &[&names, &write_integer(1)]);
            let sha256 = digest(&SHA256, &WORLD.good.der);
            forge.attributes = vec![bound(SIGNING_CERTIFICATE_V2, sha256.as_ref(), &rest)];
        },
    );
    refused("an empty binding", "malformed", |forge| {
        forge.attributes = vec![(SIGNING_CERTIFICATE, write(SEQUENCE, &[]))];
    });
    refused("too many certificates", "too many certificates", |forge| {
        forge.certificates = vec![WORLD.good.der.clone(); 9];
    });
    refused(
        "another kind of certificate",
        "no certificate stands among",
        |forge| {
            forge.certificates.push(write(0xa1, &[&write_integer(1)]));
        },
    );
}

#[test]
fn certificates_that_are_no_authoritys_are_refused() {
    let says = |purposes: &[&'static str]| Says {
        purposes: purposes.to_vec(),
        ..Says::default()
    };
    refused_certificate("no purpose", "TimeStamping lacks", &says(&[]));
    let server = says(&["1.3.6.1.5.5.7.3.1"]);
    refused_certificate("another purpose", "TimeStamping lacks", &server);
    let both = says(&[TIME_STAMPING, "1.3.6.1.5.5.7.3.1"]);
    refused_certificate("a second purpose", "ServerAuth is too much", &both);
    let any = says(&[TIME_STAMPING, "2.5.29.37.0"]);
    refused_certificate("any purpose", "Any is too much", &any);
    let uncritical = Says {
        critical: false,
        ..Says::default()
    };
    refused_certificate("not critical", "must be marked critical", &uncritical);
    let usages = vec![KeyUsagePurpose::KeyEncipherment];
    let usage = Says {
        usages,
        ..Says::default()
    };
    refused_certificate("another usage", "key usage does not fit", &usage);
    let expired = Says {
        days: (-9, -1),
        ..Says::default()
    };
    refused_certificate("expired", "expired", &expired);
    let later = Says {
        days: (1, 2),
        ..Says::default()
    };
    refused_certificate("not yet valid", "not yet valid", &later);
    let stranger = World::new("Another root").good;
    refused_answer(
        "another root",
        "unknown authority",
        &Forge::of(&stranger).answer(),
    );
    let namesake = World::new("Root").good;
    refused_answer(
        "a root of the same name",
        "signature on the certificate",
        &Forge::of(&namesake).answer(),
    );
}

#[test]
fn other_encodings_and_sizes_are_refused() {
    let good = Forge::of(&WORLD.good).answer();
    assert!(check(&good).is_ok());
    for length in 0..good.len() {
        assert!(check(&good[..length]).is_err(), "cut at {length}");
    }
    let more = [&good[..], &[0]].concat();
    refused_answer("a byte more", "malformed", &more);
    refused_answer("twice", "malformed", &[&good[..], &good[..]].concat());
    refused_answer("nothing", "malformed", &[]);
    refused_answer("a page", "malformed", b"<html><body>busy</body></html>");
    let endless = [&[0x30, 0x80][..], &good[4..], &[0, 0]].concat();
    refused_answer("of indefinite length", "malformed", &endless);
    let mut longer = vec![0x30, 0x83, 0];
    longer.extend_from_slice(&good[2..]);
    refused_answer("a length with a zero", "malformed", &longer);
    refused_answer("a mebibyte of zeros", "malformed", &vec![0; 1 << 20]);
    refused_answer("deeply nested", "malformed", &vec![0x30; 1 << 16]);
}

#[test]
fn a_kept_token_is_judged_at_its_own_time_without_question_and_clock() {
    let kept = Expected {
        nonce: None,
        clock: None,
        ..expected()
    };
    let answer = Forge::of(&WORLD.good).answer();
    let stamp = Stamp::check(&WORLD.trust, &answer, &kept).unwrap();
    assert_eq!((stamp.time_ms, stamp.ahead_ms), (NOW_MS, None));
    let other = Expected {
        imprint: [8; 32],
        ..kept
    };
    let refused = Stamp::check(&WORLD.trust, &answer, &other);
    assert!(matches!(refused, Err(StampError::Imprint)));
}

/// Known bytes: tags, lengths, the algorithm with its null, the number, the wish for a certificate.
#[test]
fn a_question_is_written_as_the_standard_has_it() {
    let question = Question {
        imprint: [0xaa; 32],
        nonce: 0x1234,
        policy: Some(POLICY),
    };
    let mut wanted = vec![0x30, 0x43, 2, 1, 1, 0x30, 0x31, 0x30, 0x0d, 6, 9];
    wanted.extend_from_slice(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20]);
    wanted.extend_from_slice(&[0xaa; 32]);
    wanted.extend_from_slice(&[6, 4, 0x2a, 3, 4, 1, 2, 2, 0x12, 0x34, 1, 1, 0xff]);
    assert_eq!(question.to_der(), wanted);
}

/// Whatever byte is changed, the answer is refused, or says the very same.
#[test]
fn no_changed_byte_changes_what_is_proved() {
    let signer: &Signed = &WORLD.good;
    let good = Forge::of(signer).answer();
    let proved = check(&good).unwrap();
    for place in 0..good.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bent = good.clone();
            bent[place] ^= change;
            if let Ok(stamp) = check(&bent) {
                assert_eq!(stamp, proved, "byte {place}");
            }
        }
    }
}

proptest! {
    #[test]
    fn strangers_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(check(&bytes).is_err());
    }
}
