//! Usages, purposes, who is an authority, and extensions in general.

use super::forge::{
    ALTERNATIVE_NAMES, AUTHORITY_KEY, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, KEY_USAGE, KEYS,
    NAME_CONSTRAINTS, Paper, SUBJECT_KEY, constraints, sequence,
};
use super::{Row, row};
use crate::asn1::{BOOLEAN, INTEGER, NULL, OCTET_STRING, SEQUENCE, write, write_oid};
use crate::forge::oid;
use crate::profile::Profile;

const ANY: &str = "2.5.29.37.0";
const SERVER: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT: &str = "1.3.6.1.5.5.7.3.2";
const CODE: &str = "1.3.6.1.5.5.7.3.3";
const MAIL: &str = "1.3.6.1.5.5.7.3.4";
const STAMP: &str = "1.3.6.1.5.5.7.3.8";
const OCSP: &str = "1.3.6.1.5.5.7.3.9";
const DOCUMENT: &str = "1.3.6.1.5.5.7.3.36";

const USAGE: &str = "the certificate is malformed: key usage";
const PURPOSE: &str = "the certificate is malformed: extended key usage";
const CONSTRAINTS: &str = "the certificate is malformed: basic constraints";
const EXTENSIONS: &str = "the certificate is malformed: its extensions";
const AUTHORITY_LEAF: &str = "an authority's certificate can't be used for anything but issuing";

fn usage(paper: &mut Paper, bits: &[u8]) {
    paper.set(KEY_USAGE, true, &write(3, &[bits]));
}

/// Adds an extension that is written by hand.
fn raw(paper: &mut Paper, parts: &[&[u8]]) {
    paper.extensions.push(("", write(SEQUENCE, parts)));
}

pub(super) const ROWS: &[Row] = &[
    row("§4.2.1.3", "no key usage", "DigitalSignature lacks", |c| {
        c.leaf.remove(KEY_USAGE);
    }),
    row(
        "§4.2.1.3",
        "signs certificates",
        "CertSign is too much",
        |c| usage(&mut c.leaf, &[2, 0x84]),
    )
    .twin(|c| usage(&mut c.leaf, &[3, 0x88])),
    row("§4.2.1.3", "signs lists", "CrlSign is too much", |c| {
        usage(&mut c.leaf, &[1, 0x82]);
    }),
    row(
        "§4.2.1.3",
        "commits",
        "ContentCommitment is too much",
        |c| usage(&mut c.leaf, &[6, 0xc0]),
    ),
    row(
        "§4.2.1.3",
        "encrypts data",
        "DataEncipherment is too much",
        |c| {
            usage(&mut c.leaf, &[4, 0x90]);
        },
    ),
    row(
        "§4.2.1.3",
        "does not sign",
        "DigitalSignature lacks",
        |c| usage(&mut c.leaf, &[5, 0x20]),
    ),
    row(
        "§4.2.1.3",
        "deciphers only",
        "DecipherOnly is too much",
        |c| {
            usage(&mut c.leaf, &[7, 0x80, 0x80]);
        },
    ),
    row(
        "§4.2.1.3",
        "an exchange key that agrees keys",
        "KeyAgreement is too much",
        |c| {
            usage(&mut c.leaf, &[3, 0x88]);
        },
    )
    .of(Profile::Exchange),
    row(
        "§4.2.1.3",
        "a seal that does not commit",
        "ContentCommitment lacks",
        |c| {
            usage(&mut c.leaf, &[7, 0x80]);
        },
    )
    .of(Profile::Seal)
    .twin(|c| usage(&mut c.leaf, &[6, 0xc0])),
    row(
        "§4.2.1.3",
        "a responder that signs lists",
        "CrlSign is too much",
        |c| {
            usage(&mut c.leaf, &[1, 0x82]);
        },
    )
    .of(Profile::Ocsp),
    row(
        "§4.2.1.3",
        "a time-stamping key that enciphers",
        "KeyEncipherment is too much",
        |c| {
            usage(&mut c.leaf, &[5, 0xa0]);
        },
    )
    .of(Profile::TimeStamping),
    row("§4.2.1.3", "no bit", USAGE, |c| usage(&mut c.leaf, &[0])),
    row("§4.2.1.3", "no bit set", USAGE, |c| {
        usage(&mut c.leaf, &[7, 0]);
    }),
    row("X.690 §11.2.2", "zeros at its end", USAGE, |c| {
        usage(&mut c.leaf, &[0, 0x80]);
    }),
    row("X.690 §11.2.1", "an unused bit that is set", USAGE, |c| {
        usage(&mut c.leaf, &[7, 0xc0]);
    }),
    row(
        "X.690 §8.6.2",
        "eight unused bits of one byte",
        USAGE,
        |c| usage(&mut c.leaf, &[8, 0x80]),
    ),
    row("§4.2.1.3", "a tenth bit", USAGE, |c| {
        usage(&mut c.leaf, &[6, 0x80, 0x40]);
    }),
    row("§4.2.1.3", "a hundred bits", USAGE, |c| {
        usage(&mut c.leaf, &[0, 0x80, 1, 1, 1, 1, 1]);
    }),
    row("§4.2.1.3", "usage as octets", USAGE, |c| {
        c.leaf
            .set(KEY_USAGE, true, &write(OCTET_STRING, &[&[0x80]]));
    }),
    row("§4.2.1.3", "usage of nothing", USAGE, |c| {
        c.leaf.set(KEY_USAGE, true, &[]);
    }),
    row("§4.2.1.3", "something after the usage", USAGE, |c| {
        c.leaf.set(KEY_USAGE, true, &[3, 2, 7, 0x80, 5, 0]);
    }),
    row("§4.2", "usage twice", "2.5.29.15 stands twice", |c| {
        c.leaf.add(KEY_USAGE, true, &write(3, &[&[7, 0x80]]));
    }),
    row("§4.2.1.12", "no purpose", "ServerAuth lacks", |c| {
        c.leaf.remove(EXTENDED_KEY_USAGE);
    }),
    row("§4.2.1.12", "servers only", "ClientAuth lacks", |c| {
        c.leaf.purposes(&[SERVER]);
    }),
    row("§4.2.1.12", "clients only", "ServerAuth lacks", |c| {
        c.leaf.purposes(&[CLIENT]);
    }),
    row(
        "§4.2.1.12",
        "any",
        "ServerAuth lacks, Any is too much",
        |c| c.leaf.purposes(&[ANY]),
    ),
    row("§4.2.1.12", "any, and its own", "Any is too much", |c| {
        c.leaf.purposes(&[SERVER, CLIENT, ANY]);
    })
    .twin(|c| c.leaf.purposes(&[CLIENT, SERVER])),
    row("§4.2.1.12", "code too", "CodeSigning is too much", |c| {
        c.leaf.purposes(&[SERVER, CLIENT, CODE]);
    }),
    row(
        "§4.2.1.12",
        "answers about certificates too",
        "OcspSigning is too much",
        |c| {
            c.leaf.purposes(&[SERVER, CLIENT, OCSP]);
        },
    ),
    row("§4.2.1.12", "time too", "TimeStamping is too much", |c| {
        c.leaf.purposes(&[SERVER, CLIENT, STAMP]);
    }),
    row(
        "§4.2.1.12",
        "messages too",
        "DocumentSigning is too much",
        |c| {
            c.leaf.purposes(&[SERVER, CLIENT, DOCUMENT]);
        },
    ),
    row(
        "§4.2.1.12",
        "one that nobody knows",
        "Other(\"1.2.3.4\") is too much",
        |c| {
            c.leaf.purposes(&[SERVER, CLIENT, "1.2.3.4"]);
        },
    ),
    row(
        "RFC 9336 §3.1",
        "an exchange key for servers",
        "DocumentSigning lacks",
        |c| {
            c.leaf.purposes(&[SERVER, CLIENT]);
        },
    )
    .of(Profile::Exchange),
    row(
        "RFC 9336 §3.1",
        "an exchange key for clients too",
        "ClientAuth is too much",
        |c| {
            c.leaf.purposes(&[DOCUMENT, CLIENT]);
        },
    )
    .of(Profile::Exchange),
    row(
        "§4.2.1.12",
        "a seal for servers",
        "ServerAuth is too much",
        |c| c.leaf.purposes(&[SERVER]),
    )
    .of(Profile::Seal)
    .twin(|c| c.leaf.purposes(&[DOCUMENT, MAIL])),
    row(
        "§4.2.1.12",
        "a caller that serves",
        "ServerAuth is too much",
        |c| {
            c.leaf.purposes(&[CLIENT, SERVER]);
        },
    )
    .of(Profile::Caller),
    row(
        "§4.2.1.12",
        "a web server that calls",
        "ClientAuth is too much",
        |c| {
            c.leaf.purposes(&[CLIENT, SERVER]);
        },
    )
    .of(Profile::Web),
    row(
        "RFC 6960 §4.2.2.2",
        "a responder without the purpose",
        "OcspSigning lacks",
        |c| {
            c.leaf.remove(EXTENDED_KEY_USAGE);
        },
    )
    .of(Profile::Ocsp),
    row(
        "RFC 6960 §4.2.2.2",
        "a responder for any purpose",
        "OcspSigning lacks",
        |c| {
            c.leaf.purposes(&[ANY]);
        },
    )
    .of(Profile::Ocsp),
    row(
        "RFC 3161 §2.3",
        "a time-stamping key without the purpose",
        "TimeStamping lacks",
        |c| {
            c.leaf.remove(EXTENDED_KEY_USAGE);
        },
    )
    .of(Profile::TimeStamping),
    row(
        "RFC 3161 §2.3",
        "time and code",
        "CodeSigning is too much",
        |c| {
            c.leaf.purposes(&[STAMP, CODE]);
        },
    )
    .of(Profile::TimeStamping),
    row(
        "RFC 3161 §2.3",
        "a purpose that need not be known",
        "must be marked critical",
        |c| {
            c.leaf.set(
                EXTENDED_KEY_USAGE,
                false,
                &sequence(&[write_oid(oid(STAMP))]),
            );
        },
    )
    .of(Profile::TimeStamping),
    row("§4.2.1.12", "a list of no purposes", PURPOSE, |c| {
        c.leaf.purposes(&[]);
    }),
    row("§4.2.1.12", "a purpose that is text", PURPOSE, |c| {
        c.leaf.set(
            EXTENDED_KEY_USAGE,
            false,
            &sequence(&[write(0x0c, &[b"server"])]),
        );
    }),
    row("X.690 §8.19", "a purpose without digits", PURPOSE, |c| {
        c.leaf
            .set(EXTENDED_KEY_USAGE, false, &sequence(&[vec![6, 0]]));
    }),
    row("X.690 §8.19", "a purpose that is cut off", PURPOSE, |c| {
        c.leaf.set(
            EXTENDED_KEY_USAGE,
            false,
            &sequence(&[vec![6, 2, 0x2b, 0x86]]),
        );
    }),
    row("§4.2", "purposes twice", "2.5.29.37 stands twice", |c| {
        c.leaf.add(
            EXTENDED_KEY_USAGE,
            false,
            &sequence(&[write_oid(oid(OCSP))]),
        );
    }),
    row(
        "§4.2.1.9",
        "a leaf that is an authority",
        AUTHORITY_LEAF,
        |c| {
            c.leaf
                .set(BASIC_CONSTRAINTS, true, &constraints(Some(true), None));
        },
    )
    .twin(|c| {
        c.leaf
            .set(BASIC_CONSTRAINTS, true, &constraints(None, None));
    }),
    row(
        "§4.2.1.9",
        "an authority without others below",
        AUTHORITY_LEAF,
        |c| {
            c.leaf
                .set(BASIC_CONSTRAINTS, true, &constraints(Some(true), Some(0)));
        },
    ),
    row(
        "§4.2.1.9",
        "a path length of no authority",
        "a path length of what is no authority",
        |c| {
            c.leaf
                .set(BASIC_CONSTRAINTS, true, &constraints(None, Some(0)));
        },
    ),
    row("§4.2.1.9", "a path length below zero", CONSTRAINTS, |c| {
        c.issuing.set(
            BASIC_CONSTRAINTS,
            true,
            &constraints(Some(true), Some(0xff)),
        );
    })
    .twin(|c| {
        c.issuing.set(
            BASIC_CONSTRAINTS,
            true,
            &constraints(Some(true), Some(0x7f)),
        );
    }),
    row("X.690 §11.1", "a truth of 1", CONSTRAINTS, |c| {
        c.leaf.set(
            BASIC_CONSTRAINTS,
            true,
            &sequence(&[write(BOOLEAN, &[&[1]])]),
        );
    }),
    row("X.690 §8.2", "a truth of two bytes", CONSTRAINTS, |c| {
        c.leaf.set(
            BASIC_CONSTRAINTS,
            true,
            &sequence(&[write(BOOLEAN, &[&[0xff, 0xff]])]),
        );
    }),
    row("X.690 §8.2", "a truth of nothing", CONSTRAINTS, |c| {
        c.leaf
            .set(BASIC_CONSTRAINTS, true, &sequence(&[write(BOOLEAN, &[])]));
    }),
    row(
        "§4.2.1.9",
        "something after the path length",
        CONSTRAINTS,
        |c| {
            let more = [
                write(BOOLEAN, &[&[0xff]]),
                write(INTEGER, &[&[1]]),
                write(NULL, &[]),
            ];
            c.leaf.set(BASIC_CONSTRAINTS, true, &sequence(&more));
        },
    ),
    row(
        "§4.2",
        "constraints twice",
        "2.5.29.19 stands twice",
        |c| {
            c.leaf
                .add(BASIC_CONSTRAINTS, true, &constraints(None, None));
            c.leaf
                .add(BASIC_CONSTRAINTS, true, &constraints(Some(true), None));
        },
    ),
    row(
        "§4.2",
        "critical, and nobody knows it",
        "critical extension 1.2.3.4",
        |c| {
            c.leaf.set("1.2.3.4", true, &[5, 0]);
        },
    )
    .twin(|c| c.leaf.set("1.2.3.4", false, &[5, 0])),
    row(
        "§4.2",
        "an issuer's critical one",
        "critical extension 1.2.3.4",
        |c| {
            c.issuing.set("1.2.3.4", true, &[5, 0]);
        },
    )
    .twin(|c| c.issuing.set("1.2.3.4", false, &[5, 0])),
    row(
        "§4.2",
        "a root's critical one",
        "critical extension 1.2.3.4",
        |c| {
            c.root.set("1.2.3.4", true, &[5, 0]);
        },
    )
    .twin(|c| c.root.set("1.2.3.4", false, &[5, 0])),
    row(
        "§4.2.1.4",
        "critical policies",
        "critical extension 2.5.29.32",
        |c| {
            c.leaf.set(
                "2.5.29.32",
                true,
                &sequence(&[sequence(&[write_oid(oid("1.2.3"))])]),
            );
        },
    )
    .twin(|c| {
        c.leaf.set(
            "2.5.29.32",
            false,
            &sequence(&[sequence(&[write_oid(oid("1.2.3"))])]),
        );
    }),
    row(
        "§4.2.1.11",
        "constraints of policies",
        "critical extension 2.5.29.36",
        |c| {
            c.issuing
                .set("2.5.29.36", true, &sequence(&[write(0x80, &[&[0]])]));
        },
    ),
    row(
        "§4.2.1.14",
        "no policy of any name",
        "critical extension 2.5.29.54",
        |c| {
            c.issuing.set("2.5.29.54", true, &write(INTEGER, &[&[0]]));
        },
    ),
    row(
        "§4.2.1.13",
        "critical places of lists",
        "critical extension 2.5.29.31",
        |c| {
            c.leaf.set("2.5.29.31", true, &sequence(&[]));
        },
    ),
    row(
        "§4.2.1.1",
        "a critical identifier of the issuer's key",
        "critical extension 2.5.29.35",
        |c| {
            let value = sequence(&[write(0x80, &[KEYS.issuing.identifier()])]);
            c.leaf.set(AUTHORITY_KEY, true, &value);
        },
    )
    .twin(|c| {
        let value = sequence(&[write(0x80, &[KEYS.issuing.identifier()])]);
        c.leaf.set(AUTHORITY_KEY, false, &value);
    }),
    row(
        "§4.2.1.2",
        "a critical identifier of the key",
        "critical extension 2.5.29.14",
        |c| {
            c.leaf
                .set(SUBJECT_KEY, true, &write(OCTET_STRING, &[&[1; 20]]));
        },
    ),
    row(
        "§4.2.1.1",
        "the identifier of another key",
        "not the issuer's",
        |c| {
            let value = sequence(&[write(0x80, &[KEYS.stranger.identifier()])]);
            c.leaf.set(AUTHORITY_KEY, false, &value);
        },
    )
    .twin(|c| c.leaf.remove(AUTHORITY_KEY)),
    row(
        "§4.2.1.1",
        "an issuer that names another key than the root's",
        "not the issuer's",
        |c| {
            let value = sequence(&[write(0x80, &[KEYS.stranger.identifier()])]);
            c.issuing.set(AUTHORITY_KEY, false, &value);
        },
    )
    .twin(|c| c.issuing.remove(AUTHORITY_KEY)),
    row(
        "§4.2.1.2",
        "an issuer that calls its key otherwise",
        "not the issuer's",
        |c| {
            c.issuing
                .set(SUBJECT_KEY, false, &write(OCTET_STRING, &[&[1; 20]]));
        },
    )
    .twin(|c| c.issuing.remove(SUBJECT_KEY)),
    row(
        "§4.2.1.1",
        "an identifier that is no sequence",
        "authority key identifier",
        |c| {
            c.leaf.set(AUTHORITY_KEY, false, &write(0x80, &[&[1; 20]]));
        },
    ),
    row(
        "§4.2.1.1",
        "something after the identifier",
        "authority key identifier",
        |c| {
            let value = sequence(&[write(0x80, &[KEYS.issuing.identifier()]), write(NULL, &[])]);
            c.leaf.set(AUTHORITY_KEY, false, &value);
        },
    ),
    row(
        "§4.2.1.2",
        "an identifier that is no octets",
        "subject key identifier",
        |c| {
            c.leaf.set(SUBJECT_KEY, false, &write(INTEGER, &[&[1]]));
        },
    ),
    row(
        "§4.2",
        "nothing in the list",
        "an empty list of extensions",
        |c| {
            c.leaf.instead = Some(write(0xa3, &[&sequence(&[])]));
        },
    ),
    row("§4.2", "no extensions", "DigitalSignature lacks", |c| {
        c.leaf.instead = Some(Vec::new());
    }),
    row(
        "a limit",
        "17 extensions",
        "more extensions than are read",
        |c| {
            c.leaf.add("1.2.3.0", false, &[]);
        },
    )
    .twin(|c| {
        let more = 16 - c.leaf.extensions.len();
        for name in UNKNOWN.iter().take(more) {
            c.leaf.add(name, false, &[]);
        }
    }),
    row("X.690 §11.1", "critical by a 1", EXTENSIONS, |c| {
        let name = write_oid(oid("1.2.3.4"));
        raw(
            &mut c.leaf,
            &[
                &name,
                &write(BOOLEAN, &[&[1]]),
                &write(OCTET_STRING, &[&[]]),
            ],
        );
    }),
    row("§4.1", "critical after the value", EXTENSIONS, |c| {
        let name = write_oid(oid("1.2.3.4"));
        raw(
            &mut c.leaf,
            &[
                &name,
                &write(OCTET_STRING, &[&[]]),
                &write(BOOLEAN, &[&[0xff]]),
            ],
        );
    }),
    row("§4.1", "no value", EXTENSIONS, |c| {
        raw(&mut c.leaf, &[&write_oid(oid("1.2.3.4"))]);
    }),
    row("§4.1", "a value as bits", EXTENSIONS, |c| {
        raw(
            &mut c.leaf,
            &[&write_oid(oid("1.2.3.4")), &write(3, &[&[0]])],
        );
    }),
    row("§4.1", "no name of an extension", EXTENSIONS, |c| {
        raw(&mut c.leaf, &[&write(OCTET_STRING, &[&[]])]);
    }),
    row(
        "§4.1",
        "extensions under another number",
        "something beside its parts",
        |c| {
            c.leaf.instead = Some(write(0xa4, &[&sequence(&[])]));
        },
    ),
    row(
        "§4.1",
        "extensions under a primitive tag",
        "something beside its parts",
        |c| {
            c.leaf.instead = Some(write(0x83, &[&sequence(&[])]));
        },
    ),
    row(
        "§4.1",
        "two lists of extensions",
        "something beside its parts",
        |c| {
            c.leaf.beside = write(
                0xa3,
                &[&sequence(&[crate::forge::extension("1.2", false, &[])])],
            );
        },
    ),
    row("§4.1", "a set of extensions", EXTENSIONS, |c| {
        let one = crate::forge::extension("1.2", false, &[]);
        c.leaf.instead = Some(write(0xa3, &[&write(0x31, &[&one])]));
    }),
    row("§4.1", "something after the extensions", EXTENSIONS, |c| {
        let one = crate::forge::extension("1.2", false, &[]);
        c.leaf.instead = Some(write(0xa3, &[&sequence(&[one]), &[NULL, 0]]));
    }),
    row(
        "§4.2.1.10",
        "constraints of names that are none",
        "BadDer",
        |c| {
            c.issuing
                .set(NAME_CONSTRAINTS, true, &write(INTEGER, &[&[1]]));
        },
    ),
    row(
        "§4.2.1.6",
        "alternative names of nothing",
        "an alternative name",
        |c| {
            c.leaf.set(ALTERNATIVE_NAMES, false, &[]);
        },
    ),
];

const UNKNOWN: [&str; 16] = [
    "1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.4", "1.2.3.5", "1.2.3.6", "1.2.3.7", "1.2.3.8",
    "1.2.3.9", "1.2.3.10", "1.2.3.11", "1.2.3.12", "1.2.3.13", "1.2.3.14", "1.2.3.15", "1.2.3.16",
];
