//! The form: encoding, version, number, algorithms, signature.

use super::forge::{KEYS, Paper, sequence};
use super::{Row, row};
use crate::asn1::{INTEGER, NULL, SEQUENCE, write, write_oid};
use crate::certificate::CERTIFICATE_LIMIT_BYTES;
use crate::forge::{algorithm, oid};

const NOT_DER: &str = "not a DER certificate";
const VERSION: &str = "of another version than 3";
const NOT_POSITIVE: &str = "its serial number is not positive and as short as can be";
const NOT_TAKEN: &str = "signed with an algorithm that is not taken";
const WRONG: &str = "the signature on the certificate or on one of its issuers is wrong";
const SIGNATURE: &str = "the certificate is malformed: its signature";
const TOO_LONG: &str = "its serial number has more than 20 bytes";
const OTHER_INSIDE: &str = "the algorithm inside is another than the one beside the signature";

fn number(paper: &mut Paper, digits: &[u8]) {
    paper.serial = write(INTEGER, &[digits]);
}

pub(super) const ROWS: &[Row] = &[
    row("X.690 §10.1", "indefinite length", NOT_DER, |c| {
        c.leaf.bend = |der| *der = [&[0x30, 0x80], &der[4..], &[0, 0]].concat();
    }),
    row(
        "X.690 §10.1",
        "a length with a zero in front",
        NOT_DER,
        |c| {
            c.leaf.bend = |der| *der = [&[0x30, 0x83, 0], &der[2..]].concat();
        },
    ),
    row("X.690 §10.1", "a length of five bytes", NOT_DER, |c| {
        c.leaf.bend = |der| *der = [&[0x30, 0x85, 0, 0, 0], &der[2..]].concat();
    }),
    row(
        "X.690 §10.1",
        "a long length where a short one does",
        "its serial number",
        |c| {
            c.leaf.serial = vec![INTEGER, 0x81, 1, 5];
        },
    ),
    row(
        "X.690 §8.1.3",
        "a length of four gibibytes",
        NOT_DER,
        |c| {
            c.leaf.bend = |der| *der = [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &der[4..]].concat();
        },
    ),
    row("X.690 §8.1.3", "a length past its end", NOT_DER, |c| {
        c.leaf.bend = |der| der[3] = der[3].wrapping_add(1);
    }),
    row(
        "X.690 §8.1.3",
        "a length short of its end",
        "bytes after its end",
        |c| {
            c.leaf.bend = |der| {
                der.truncate(4);
                der.extend([0x30, 0, 0, 0]);
                *der = [&[0x30, 0x02, 0x05, 0x00], &der[..]].concat();
            };
        },
    ),
    row("X.690 §8.1.2", "a tag of several bytes", NOT_DER, |c| {
        c.leaf.bend = |der| *der = [&[0x3f, 0x10], &der[1..]].concat();
    }),
    row(
        "X.690 §8.1.2",
        "a set in place of a sequence",
        NOT_DER,
        |c| {
            c.leaf.bend = |der| der[0] = 0x31;
        },
    ),
    row("X.690 §10.2", "a signature in pieces", SIGNATURE, |c| {
        c.leaf.bend_signature = |bits| *bits = write(0x23, &[bits]);
    }),
    row("§4.1", "a byte after it", "bytes after its end", |c| {
        c.leaf.bend = |der| der.push(0);
    }),
    row("§4.1", "itself after it", "bytes after its end", |c| {
        c.leaf.bend = |der| *der = der.repeat(2);
    }),
    row(
        "§4.1",
        "something after the signature",
        "something after its signature",
        |c| {
            c.leaf.bend_signature = |bits| bits.extend([NULL, 0]);
        },
    ),
    row("§4.1", "nothing", NOT_DER, |c| c.leaf.bend = Vec::clear),
    row("§4.1", "an empty sequence", NOT_DER, |c| {
        c.leaf.bend = |der| *der = vec![SEQUENCE, 0];
    }),
    row("§4.1", "zeros", NOT_DER, |c| {
        c.leaf.bend = |der| *der = vec![0; 1000];
    }),
    row("§4.1", "text", NOT_DER, |c| {
        c.leaf.bend = |der| *der = b"-----BEGIN CERTIFICATE-----".to_vec();
    }),
    row("§4.1", "nested as deep as it is long", SIGNATURE, |c| {
        c.leaf.bend = |der| {
            *der = (0..4000).fold(Vec::new(), |inner, _| write(SEQUENCE, &[&inner]));
        };
    }),
    row(
        "a limit",
        "larger than is read",
        "at most 16384 are read",
        |c| {
            c.leaf
                .add("1.2.3.4", false, &vec![0; CERTIFICATE_LIMIT_BYTES]);
        },
    )
    .twin(|c| {
        c.leaf
            .add("1.2.3.5", false, &vec![0; CERTIFICATE_LIMIT_BYTES - 1000]);
    }),
    row("a limit", "a mebibyte", "at most 16384 are read", |c| {
        c.leaf.bend = |der| der.resize(1 << 20, 0);
    }),
    row("§4.1", "no body", SIGNATURE, |c| {
        c.leaf.bend = |der| *der = sequence(&[algorithm("1.2.840.10045.4.3.2"), vec![3, 1, 0]]);
    }),
    row("§4.1.2.1", "version 1, left out", VERSION, |c| {
        c.leaf.version.clear();
    }),
    row("§4.1.2.1", "version 1, written out", VERSION, |c| {
        c.leaf.version = write(0xa0, &[&write(INTEGER, &[&[0]])]);
    }),
    row("§4.1.2.1", "version 2", VERSION, |c| {
        c.leaf.version = write(0xa0, &[&write(INTEGER, &[&[1]])]);
    }),
    row("§4.1.2.1", "version 4", VERSION, |c| {
        c.leaf.version = write(0xa0, &[&write(INTEGER, &[&[3]])]);
    }),
    row("§4.1.2.1", "version 3 in two bytes", VERSION, |c| {
        c.leaf.version = write(0xa0, &[&write(INTEGER, &[&[0, 2]])]);
    }),
    row("§4.1.2.1", "version -254", VERSION, |c| {
        c.leaf.version = write(0xa0, &[&write(INTEGER, &[&[0xff, 2]])]);
    }),
    row("§4.1.2.1", "version 3 without its tag", VERSION, |c| {
        c.leaf.version = write(INTEGER, &[&[2]]);
    }),
    row("§4.1.2.1", "an issuer of version 1", VERSION, |c| {
        c.issuing.version.clear();
    }),
    row("§4.1.2.1", "a root of version 1", VERSION, |c| {
        c.root.version.clear();
    }),
    row("§4.1.2.2", "number zero", NOT_POSITIVE, |c| {
        number(&mut c.leaf, &[0]);
    }),
    row("§4.1.2.2", "number -1", NOT_POSITIVE, |c| {
        number(&mut c.leaf, &[0xff]);
    }),
    row("§4.1.2.2", "number -128", NOT_POSITIVE, |c| {
        number(&mut c.leaf, &[0x80]);
    }),
    row("§4.1.2.2", "no digits", NOT_POSITIVE, |c| {
        number(&mut c.leaf, &[]);
    }),
    row("§4.1.2.2", "a zero in front", NOT_POSITIVE, |c| {
        number(&mut c.leaf, &[0, 5]);
    }),
    row("§4.1.2.2", "21 bytes", TOO_LONG, |c| {
        number(&mut c.leaf, &[1; 21]);
    })
    .twin(|c| number(&mut c.leaf, &[1; 20])),
    row("§4.1.2.2", "21 bytes and a sign", TOO_LONG, |c| {
        number(&mut c.leaf, &[&[0][..], &[0xff; 21]].concat());
    })
    .twin(|c| number(&mut c.leaf, &[&[0][..], &[0xff; 20]].concat())),
    row("§4.1.2.2", "a kilobyte", TOO_LONG, |c| {
        number(&mut c.leaf, &[1; 1000]);
    }),
    row("§4.1.2.2", "not an integer", "its serial number", |c| {
        c.leaf.serial = write(10, &[&[5]]);
    }),
    row("§4.1.2.2", "a root's number zero", NOT_POSITIVE, |c| {
        number(&mut c.root, &[0]);
    }),
    row("§4.1.2.2", "an issuer's number zero", NOT_POSITIVE, |c| {
        number(&mut c.issuing, &[0]);
    }),
    row("§4.1.1.2", "another algorithm inside", OTHER_INSIDE, |c| {
        c.leaf.algorithm = algorithm("1.2.840.10045.4.3.3");
    }),
    row(
        "§4.1.1.2",
        "another algorithm outside",
        OTHER_INSIDE,
        |c| {
            c.leaf.outer_algorithm = algorithm("1.2.840.10045.4.3.3");
        },
    ),
    row("§4.1.1.2", "parameters inside only", OTHER_INSIDE, |c| {
        c.leaf.algorithm = with_null("1.2.840.10045.4.3.2");
    }),
    row(
        "§4.1.1.2",
        "an issuer's other algorithm",
        OTHER_INSIDE,
        |c| {
            c.issuing.algorithm = algorithm("1.2.840.10045.4.3.3");
        },
    ),
    row(
        "RFC 5758 §3.2",
        "null as parameters of ECDSA",
        NOT_TAKEN,
        |c| {
            c.leaf.both_algorithms(with_null("1.2.840.10045.4.3.2"));
        },
    ),
    row("SHA-1", "ECDSA with SHA-1", NOT_TAKEN, |c| {
        c.leaf.both_algorithms(algorithm("1.2.840.10045.4.1"));
    }),
    row("SHA-1", "RSA with SHA-1", NOT_TAKEN, |c| {
        c.leaf.both_algorithms(with_null("1.2.840.113549.1.1.5"));
    }),
    row("MD5", "RSA with MD5", NOT_TAKEN, |c| {
        c.leaf.both_algorithms(with_null("1.2.840.113549.1.1.4"));
    }),
    row("MD5", "RSA with MD2", NOT_TAKEN, |c| {
        c.leaf.both_algorithms(with_null("1.2.840.113549.1.1.2"));
    }),
    row("SHA-224", "ECDSA with SHA-224", NOT_TAKEN, |c| {
        c.leaf.both_algorithms(algorithm("1.2.840.10045.4.3.1"));
    }),
    row("DSA", "DSA with SHA-256", NOT_TAKEN, |c| {
        c.leaf.both_algorithms(algorithm("2.16.840.1.101.3.4.3.2"));
    }),
    row("Ed448", "Ed448", NOT_TAKEN, |c| {
        c.leaf.both_algorithms(algorithm("1.3.101.113"));
    }),
    row("an algorithm", "one that nobody knows", NOT_TAKEN, |c| {
        c.leaf.both_algorithms(algorithm("1.2.3.4"));
    }),
    row("an algorithm", "a digest for a signature", NOT_TAKEN, |c| {
        c.leaf.both_algorithms(algorithm("2.16.840.1.101.3.4.2.1"));
    }),
    row(
        "RFC 4055 §3.1",
        "RSA-PSS without parameters",
        NOT_TAKEN,
        |c| {
            c.leaf.both_algorithms(algorithm("1.2.840.113549.1.1.10"));
        },
    ),
    row(
        "an algorithm",
        "an issuer signed with SHA-1",
        NOT_TAKEN,
        |c| {
            c.issuing.both_algorithms(algorithm("1.2.840.10045.4.1"));
        },
    ),
    row(
        "an algorithm",
        "RSA, and the issuer's key is on P-256",
        NOT_TAKEN,
        |c| {
            c.leaf.both_algorithms(with_null("1.2.840.113549.1.1.11"));
        },
    ),
    row(
        "an algorithm",
        "Ed25519, and the issuer's key is on P-256",
        NOT_TAKEN,
        |c| {
            c.leaf.both_algorithms(algorithm("1.3.101.112"));
        },
    ),
    row("§4.1.1.3", "another digest than was signed", WRONG, |c| {
        c.leaf.both_algorithms(algorithm("1.2.840.10045.4.3.3"));
    }),
    row("§4.1.1.3", "a bit of the signature", WRONG, |c| {
        c.leaf.bend_signature = |bits| *bits.last_mut().unwrap() ^= 1;
    }),
    row("§4.1.1.3", "a bit of what is signed", WRONG, |c| {
        c.leaf.bend = |der| {
            let at = der.windows(4).position(|part| part == b"Leaf").unwrap();
            der[at] ^= 1;
        };
    }),
    row("§4.1.1.3", "no signature", WRONG, |c| {
        c.leaf.bend_signature = |bits| *bits = vec![3, 1, 0];
    }),
    row("§4.1.1.3", "not even a count of bits", SIGNATURE, |c| {
        c.leaf.bend_signature = |bits| *bits = vec![3, 0];
    }),
    row("§4.1.1.3", "a signature of zeros", WRONG, |c| {
        c.leaf.bend_signature = |bits| *bits = vec![3, 9, 0, 0x30, 6, 2, 1, 0, 2, 1, 0];
    }),
    row(
        "§4.1.1.3",
        "a signature of the order of the curve",
        WRONG,
        |c| {
            c.leaf.bend_signature = |bits| {
                let half = [&[2, 33, 0][..], &ORDER].concat();
                *bits = write(3, &[&[0], &write(SEQUENCE, &[&half, &half])]);
            };
        },
    ),
    row(
        "X.690 §11.2",
        "unused bits in the signature",
        SIGNATURE,
        |c| {
            c.leaf.bend_signature = |bits| bits[2] = 1;
        },
    ),
    row("X.690 §8.6.2", "nine unused bits", SIGNATURE, |c| {
        c.leaf.bend_signature = |bits| bits[2] = 9;
    }),
    row("§4.1.1.3", "a signature as octets", SIGNATURE, |c| {
        c.leaf.bend_signature = |bits| bits[0] = 4;
    }),
    row("§4.1.1.3", "the signature of a stranger", WRONG, |c| {
        c.leaf.signer = &KEYS.stranger;
    }),
    row("§4.1.1.3", "its own signature", WRONG, |c| {
        c.leaf.signer = &KEYS.leaf;
    }),
    row("§4.1.1.3", "the root's signature", WRONG, |c| {
        c.leaf.signer = &KEYS.root;
    }),
    row("§4.1.1.3", "an issuer's wrong signature", WRONG, |c| {
        c.issuing.signer = &KEYS.stranger;
    }),
    row(
        "§4.1.2.8",
        "an identifier of the issuer",
        "something beside its parts",
        |c| {
            c.leaf.beside = write(0x81, &[&[0, 1]]);
        },
    ),
    row(
        "§4.1.2.8",
        "an identifier of the subject",
        "something beside its parts",
        |c| {
            c.leaf.beside = write(0x82, &[&[0, 1]]);
        },
    ),
    row(
        "§4.1",
        "a part that is none",
        "something beside its parts",
        |c| {
            c.leaf.beside = write(INTEGER, &[&[1]]);
        },
    ),
];

fn with_null(name: &str) -> Vec<u8> {
    write(SEQUENCE, &[&write_oid(oid(name)), &write(NULL, &[])])
}

/// The order of P-256. Standard: FIPS 186-4 §D.1.2.3.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
