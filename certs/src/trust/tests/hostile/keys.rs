//! Keys: algorithms, curves, sizes, encodings.

use super::forge::{Chain, KEYS, curve, spki};
use super::{Row, row};
use crate::asn1::{BOOLEAN, INTEGER, NULL, SEQUENCE, write, write_integer, write_oid};
use crate::forge::oid;
use crate::profile::Profile;

const EC: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
const RSA: &str = "1.2.840.113549.1.1.1";
const ED25519: &str = "1.3.101.112";
const NO_PARAMETERS: &[u8] = &[];
const NULL_PARAMETERS: &[u8] = &[NULL, 0];

const POINT: &str = "an elliptic key that is not an uncompressed point";
const CURVE: &str = "an elliptic key without a named curve";
const KEY: &str = "the certificate is malformed: its key";
const ALGORITHM: &str = "the certificate is malformed: the algorithm of its key";
const PKCS1: &str = "an RSA key that is not PKCS#1";
const NUMBERS: &str = "an RSA key whose numbers are no modulus and exponent";
const RSA_PARAMETERS: &str = "an RSA key with other parameters than null";
const WRONG: &str = "the signature on the certificate or on one of its issuers is wrong";

fn ec(chain: &mut Chain, name: &'static str, key: &[u8]) {
    chain.leaf.spki = spki(EC, &curve(name), key);
}

/// An uncompressed point of so many bytes a coordinate.
fn point(bytes: usize) -> Vec<u8> {
    let mut point = vec![7; 1 + 2 * bytes];
    point[0] = 4;
    point
}

/// An odd number of so many bits, as an integer is written.
fn odd(bits: usize) -> Vec<u8> {
    let mut digits = vec![0x55; bits.div_ceil(8)];
    digits[0] = 1 << ((bits - 1) % 8);
    if digits[0] == 0x80 {
        digits.insert(0, 0);
    }
    write(INTEGER, &[&digits])
}

fn rsa(chain: &mut Chain, modulus: &[u8], exponent: &[u8]) {
    chain.leaf.spki = spki(RSA, NULL_PARAMETERS, &write(SEQUENCE, &[modulus, exponent]));
}

fn usual() -> Vec<u8> {
    write_integer(65_537)
}

fn good_rsa(chain: &mut Chain) {
    rsa(chain, &odd(3072), &usual());
}

fn good_ed25519(chain: &mut Chain) {
    chain.leaf.spki = spki(ED25519, NO_PARAMETERS, &[7; 32]);
}

pub(super) const ROWS: &[Row] = &[
    row("SEC 1 §2.3.3", "a compressed point", POINT, |c| {
        let point = [&[2][..], &KEYS.leaf.point[1..33]].concat();
        ec(c, P256, &point);
    }),
    row("SEC 1 §2.3.3", "a hybrid point", POINT, |c| {
        let point = [&[6][..], &KEYS.leaf.point[1..]].concat();
        ec(c, P256, &point);
    }),
    row("SEC 1 §2.3.3", "the point at infinity", POINT, |c| {
        ec(c, P256, &[0]);
    }),
    row("SEC 1 §2.3.3", "a point a byte too long", POINT, |c| {
        let point = [&KEYS.leaf.point[..], &[0]].concat();
        ec(c, P256, &point);
    }),
    row("SEC 1 §2.3.3", "a point a byte too short", POINT, |c| {
        ec(c, P256, &KEYS.leaf.point[..64]);
    }),
    row("SEC 1 §2.3.3", "no point", POINT, |c| ec(c, P256, &[])),
    row("SEC 1 §2.3.3", "a point of P-384 on P-256", POINT, |c| {
        ec(c, P256, &point(48));
    }),
    row("SEC 1 §2.3.3", "a point of P-256 on P-384", POINT, |c| {
        ec(c, P384, &point(32));
    })
    .twin(|c| ec(c, P384, &point(48))),
    row("the profiles", "P-192", "curve 1.2.840.10045.3.1.1;", |c| {
        ec(c, "1.2.840.10045.3.1.1", &point(24));
    }),
    row("the profiles", "P-224", "curve 1.3.132.0.33;", |c| {
        ec(c, "1.3.132.0.33", &point(28));
    }),
    row("the profiles", "P-521", "curve 1.3.132.0.35;", |c| {
        ec(c, "1.3.132.0.35", &point(66));
    }),
    row("the profiles", "secp256k1", "curve 1.3.132.0.10;", |c| {
        ec(c, "1.3.132.0.10", &point(32));
    }),
    row(
        "the profiles",
        "Brainpool",
        "curve 1.3.36.3.3.2.8.1.1.7;",
        |c| {
            ec(c, "1.3.36.3.3.2.8.1.1.7", &point(32));
        },
    ),
    row(
        "the profiles",
        "a binary curve",
        "curve 1.3.132.0.16;",
        |c| ec(c, "1.3.132.0.16", &point(36)),
    ),
    row(
        "the profiles",
        "a curve that nobody knows",
        "curve 1.2.3.4;",
        |c| ec(c, "1.2.3.4", &point(32)),
    ),
    row(
        "RFC 5480 §2.1.1",
        "a curve that is spelled out",
        CURVE,
        |c| {
            let spelled_out = write(SEQUENCE, &[&write_integer(1)]);
            c.leaf.spki = spki(EC, &spelled_out, &KEYS.leaf.point);
        },
    ),
    row("RFC 5480 §2.1.1", "the issuer's curve", CURVE, |c| {
        c.leaf.spki = spki(EC, NULL_PARAMETERS, &KEYS.leaf.point);
    }),
    row("RFC 5480 §2.1.1", "no curve", CURVE, |c| {
        c.leaf.spki = spki(EC, NO_PARAMETERS, &KEYS.leaf.point);
    }),
    row("RFC 5480 §2.1.1", "a curve by its number", CURVE, |c| {
        c.leaf.spki = spki(EC, &write_integer(23), &KEYS.leaf.point);
    }),
    row("§4.1.1.2", "two curves", ALGORITHM, |c| {
        let two = [curve(P256), curve(P384)].concat();
        c.leaf.spki = spki(EC, &two, &KEYS.leaf.point);
    }),
    row(
        "RFC 8410 §3",
        "Ed25519 of 31 bytes",
        "an Ed25519 key of another length than 32 bytes",
        |c| {
            c.leaf.spki = spki(ED25519, NO_PARAMETERS, &[7; 31]);
        },
    )
    .twin(good_ed25519),
    row(
        "RFC 8410 §3",
        "Ed25519 of 33 bytes",
        "an Ed25519 key of another length than 32 bytes",
        |c| {
            c.leaf.spki = spki(ED25519, NO_PARAMETERS, &[7; 33]);
        },
    ),
    row(
        "RFC 8410 §3",
        "Ed25519 with null",
        "an Ed25519 key with parameters",
        |c| {
            c.leaf.spki = spki(ED25519, NULL_PARAMETERS, &[7; 32]);
        },
    )
    .twin(good_ed25519),
    row(
        "RFC 8410 §3",
        "a point for Ed25519",
        "an Ed25519 key of another length than 32 bytes",
        |c| {
            c.leaf.spki = spki(ED25519, NO_PARAMETERS, &KEYS.leaf.point);
        },
    ),
    row("the profiles", "Ed448", "curve 1.3.101.113;", |c| {
        c.leaf.spki = spki("1.3.101.113", NO_PARAMETERS, &[7; 57]);
    }),
    row("the profiles", "X25519", "curve 1.3.101.110;", |c| {
        c.leaf.spki = spki("1.3.101.110", NO_PARAMETERS, &[7; 32]);
    }),
    row("the profiles", "DSA", "curve 1.2.840.10040.4.1;", |c| {
        c.leaf.spki = spki("1.2.840.10040.4.1", NO_PARAMETERS, &[7; 32]);
    }),
    row(
        "the profiles",
        "Diffie and Hellman",
        "curve 1.2.840.10046.2.1;",
        |c| {
            c.leaf.spki = spki("1.2.840.10046.2.1", NO_PARAMETERS, &[7; 32]);
        },
    ),
    row("the profiles", "GOST", "curve 1.2.643.7.1.1.1.1;", |c| {
        c.leaf.spki = spki("1.2.643.7.1.1.1.1", NO_PARAMETERS, &[7; 64]);
    }),
    row(
        "the profiles",
        "RSA for PSS only",
        "curve 1.2.840.113549.1.1.10;",
        |c| {
            let key = write(SEQUENCE, &[&odd(3072), &usual()]);
            c.leaf.spki = spki("1.2.840.113549.1.1.10", NO_PARAMETERS, &key);
        },
    ),
    row(
        "the profiles",
        "RSA of 1024 bits",
        "has 1024 bits; at least 3072",
        |c| {
            rsa(c, &odd(1024), &usual());
        },
    )
    .twin(good_rsa),
    row(
        "the profiles",
        "RSA of 2048 bits",
        "has 2048 bits; at least 3072",
        |c| {
            rsa(c, &odd(2048), &usual());
        },
    ),
    row(
        "the profiles",
        "RSA of 3071 bits",
        "has 3071 bits; at least 3072",
        |c| {
            rsa(c, &odd(3071), &usual());
        },
    ),
    row(
        "the profiles",
        "RSA of 8193 bits",
        "has 8193 bits; at most 8192",
        |c| {
            rsa(c, &odd(8193), &usual());
        },
    )
    .twin(|c| rsa(c, &odd(8192), &usual())),
    row(
        "the profiles",
        "RSA of 65536 bits",
        "has 65536 bits; at most 8192",
        |c| {
            rsa(c, &odd(65_536), &usual());
        },
    ),
    row(
        "the profiles",
        "RSA of one bit",
        "has 1 bits; at least 3072",
        |c| {
            rsa(c, &write_integer(1), &usual());
        },
    ),
    row("FIPS 186-5 §5.1", "exponent 1", NUMBERS, |c| {
        rsa(c, &odd(3072), &write_integer(1));
    })
    .twin(good_rsa),
    row("FIPS 186-5 §5.1", "exponent 3", NUMBERS, |c| {
        rsa(c, &odd(3072), &write_integer(3));
    }),
    row("FIPS 186-5 §5.1", "an even exponent", NUMBERS, |c| {
        rsa(c, &odd(3072), &write_integer(65_538));
    }),
    row(
        "FIPS 186-5 §5.1",
        "an exponent of 257 bits",
        NUMBERS,
        |c| rsa(c, &odd(3072), &odd(257)),
    )
    .twin(|c| rsa(c, &odd(3072), &odd(256))),
    row("RFC 8017 §3.1", "an even modulus", NUMBERS, |c| {
        let mut modulus = odd(3072);
        *modulus.last_mut().unwrap() ^= 1;
        rsa(c, &modulus, &usual());
    }),
    row("RFC 8017 §3.1", "exponent 0", PKCS1, |c| {
        rsa(c, &odd(3072), &write(INTEGER, &[&[0]]));
    }),
    row("RFC 8017 §3.1", "an exponent below zero", PKCS1, |c| {
        rsa(c, &odd(3072), &write(INTEGER, &[&[0x81, 0, 1]]));
    }),
    row("RFC 8017 §3.1", "a modulus below zero", PKCS1, |c| {
        rsa(c, &write(INTEGER, &[&[0x91; 384]]), &usual());
    }),
    row(
        "X.690 §8.3.2",
        "a modulus with zeros in front",
        PKCS1,
        |c| {
            rsa(c, &write(INTEGER, &[&[0, 0], &[0x91; 384]]), &usual());
        },
    ),
    row("RFC 8017 §A.1.1", "no exponent", PKCS1, |c| {
        rsa(c, &odd(3072), &[]);
    }),
    row("RFC 8017 §A.1.1", "three numbers", PKCS1, |c| {
        rsa(c, &odd(3072), &[usual(), usual()].concat());
    }),
    row("RFC 8017 §A.1.1", "a modulus of text", PKCS1, |c| {
        rsa(c, &write(4, &[&[1; 384]]), &usual());
    }),
    row(
        "RFC 8017 §A.1.1",
        "something after the numbers",
        PKCS1,
        |c| {
            let key = [write(SEQUENCE, &[&odd(3072), &usual()]), vec![NULL, 0]].concat();
            c.leaf.spki = spki(RSA, NULL_PARAMETERS, &key);
        },
    ),
    row(
        "RFC 3279 §2.3.1",
        "RSA without null",
        RSA_PARAMETERS,
        |c| {
            let key = write(SEQUENCE, &[&odd(3072), &usual()]);
            c.leaf.spki = spki(RSA, NO_PARAMETERS, &key);
        },
    )
    .twin(good_rsa),
    row(
        "RFC 3279 §2.3.1",
        "RSA with a curve",
        RSA_PARAMETERS,
        |c| {
            let key = write(SEQUENCE, &[&odd(3072), &usual()]);
            c.leaf.spki = spki(RSA, &curve(P256), &key);
        },
    ),
    row(
        "RFC 3279 §2.3.1",
        "RSA with a null of one byte",
        RSA_PARAMETERS,
        |c| {
            let key = write(SEQUENCE, &[&odd(3072), &usual()]);
            c.leaf.spki = spki(RSA, &[NULL, 1, 0], &key);
        },
    ),
    row("§4.1.2.7", "a point for RSA", PKCS1, |c| {
        c.leaf.spki = spki(RSA, NULL_PARAMETERS, &KEYS.leaf.point);
    }),
    row("X.690 §11.2", "unused bits in the key", KEY, |c| {
        let algorithm = write(SEQUENCE, &[&write_oid(oid(EC)), &curve(P256)]);
        let mut point = KEYS.leaf.point.clone();
        *point.last_mut().unwrap() &= 0xfe;
        c.leaf.spki = write(SEQUENCE, &[&algorithm, &write(3, &[&[1], &point])]);
    }),
    row("§4.1.2.7", "a key as octets", KEY, |c| {
        let algorithm = write(SEQUENCE, &[&write_oid(oid(EC)), &curve(P256)]);
        c.leaf.spki = write(SEQUENCE, &[&algorithm, &write(4, &[&KEYS.leaf.point])]);
    }),
    row("§4.1.2.7", "something after the key", KEY, |c| {
        let algorithm = write(SEQUENCE, &[&write_oid(oid(EC)), &curve(P256)]);
        let key = write(3, &[&[0], &KEYS.leaf.point]);
        c.leaf.spki = write(SEQUENCE, &[&algorithm, &key, &[NULL, 0]]);
    }),
    row("§4.1.2.7", "no key", KEY, |c| {
        let algorithm = write(SEQUENCE, &[&write_oid(oid(EC)), &curve(P256)]);
        c.leaf.spki = write(SEQUENCE, &[&algorithm]);
    }),
    row("§4.1.2.7", "an empty sequence", ALGORITHM, |c| {
        c.leaf.spki = write(SEQUENCE, &[]);
    }),
    row(
        "§4.1.2.7",
        "an algorithm that is a truth",
        ALGORITHM,
        |c| {
            let algorithm = write(SEQUENCE, &[&write(BOOLEAN, &[&[0xff]])]);
            c.leaf.spki = write(
                SEQUENCE,
                &[&algorithm, &write(3, &[&[0], &KEYS.leaf.point])],
            );
        },
    ),
    row(
        "the profiles",
        "a message key on P-384",
        "P-384 is not allowed by profile exchange",
        |c| {
            ec(c, P384, &point(48));
        },
    )
    .of(Profile::Exchange)
    .twin(good_ed25519),
    row(
        "the profiles",
        "a message key of RSA",
        "not allowed by profile exchange",
        good_rsa,
    )
    .of(Profile::Exchange),
    row(
        "SEC 1 §3.2.2",
        "an issuer's key that is not on its curve",
        WRONG,
        |c| {
            c.issuing.spki = spki(EC, &curve(P256), &point(32));
        },
    ),
    row(
        "SEC 1 §3.2.2",
        "an issuer's key beyond the field",
        WRONG,
        |c| {
            let mut beyond = vec![0xff; 65];
            beyond[0] = 4;
            c.issuing.spki = spki(EC, &curve(P256), &beyond);
        },
    ),
    row(
        "the profiles",
        "a root's weak key",
        "has 2048 bits; at least 3072",
        |c| {
            let key = write(SEQUENCE, &[&odd(2048), &usual()]);
            c.root.spki = spki(RSA, NULL_PARAMETERS, &key);
        },
    ),
    row(
        "the profiles",
        "a root on another curve",
        "curve 1.3.132.0.10;",
        |c| {
            c.root.spki = spki(EC, &curve("1.3.132.0.10"), &point(32));
        },
    ),
];
