//! Chains: who issued, what issuers may do, how many there are, and what is sent along.

use super::forge::{
    AUTHORITY_KEY, BASIC_CONSTRAINTS, CERT_SIGN, Chain, EXTENDED_KEY_USAGE, KEY_USAGE, KEYS, Paper,
    SUBJECT_KEY, constraints, name_of, named,
};
use super::{Row, row};
use crate::asn1::write;
use crate::profile::Profile;

const UNKNOWN: &str = "issued by an unknown authority";
const WRONG: &str = "the signature on the certificate or on one of its issuers is wrong";
const NO_AUTHORITY: &str = "is no authority: it lacks CA in basic constraints or cert sign";
const LEAF_AS_AUTHORITY: &str = "issued with a key that is no authority's";
const MAY_NOT_SIGN: &str = "the issuer CN=Issuing lacks cert sign in its key usage";
const TOO_LONG: &str = "the chain is longer than one of its authorities allows";
const TOO_MANY: &str = "issuers sent along; at most 4 are looked at";
const SERVER: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT: &str = "1.3.6.1.5.5.7.3.2";
const MAIL: &str = "1.3.6.1.5.5.7.3.4";
const ANY: &str = "2.5.29.37.0";

fn length(paper: &mut Paper, most: u8) {
    paper.set(
        BASIC_CONSTRAINTS,
        true,
        &constraints(Some(true), Some(most)),
    );
}

/// As many authorities of one name as are looked at, each with a key of its own and issued by the next; none signed the leaf.
fn doubles() -> Vec<Vec<u8>> {
    let keys = [&KEYS.stranger, &KEYS.sub, &KEYS.leaf, &KEYS.root];
    let signers = keys.iter().cycle().skip(1);
    let doubles = keys.iter().zip(signers).map(|(key, signer)| {
        let mut double = Chain::good(Profile::Tls).issuing;
        double.issuer = named("Issuing");
        double.spki = key.spki();
        double.signer = signer;
        double.remove(SUBJECT_KEY);
        double.remove(AUTHORITY_KEY);
        double.der()
    });
    doubles.collect()
}

pub(super) const ROWS: &[Row] = &[
    row("§6.1", "the issuer is not sent along", UNKNOWN, |c| {
        c.sent = Vec::clear;
    }),
    row("§6.1", "another issuer is sent along", UNKNOWN, |c| {
        c.sent = |sent| *sent = vec![Chain::good(Profile::Tls).leaf.der()];
    })
    .twin(|c| c.sent = |sent| sent.insert(0, Chain::good(Profile::Tls).leaf.der())),
    row("§6.1", "an issuer of another name", UNKNOWN, |c| {
        c.leaf.issuer = named("Other");
    }),
    row("§6.1", "an issuer's name in small letters", UNKNOWN, |c| {
        c.leaf.issuer = named("issuing");
    }),
    row(
        "§7.1",
        "the issuer's name in another type of text",
        UNKNOWN,
        |c| {
            c.leaf.issuer = name_of(&[super::forge::attribute(0x13, b"Issuing")]);
        },
    ),
    row("§6.1", "a root of the same name", WRONG, |c| {
        c.issuing.signer = &KEYS.stranger;
        c.issuing.remove("2.5.29.35");
    }),
    row(
        "§6.1",
        "a root of another name and the same key",
        UNKNOWN,
        |c| c.root.subject = named("Toor"),
    ),
    row("§6.1", "a root that nobody trusts", UNKNOWN, |c| {
        c.issuing.issuer = named("Toor");
        c.sent = |sent| {
            let mut root = Chain::good(Profile::Tls).root;
            root.subject = named("Toor");
            root.issuer = named("Toor");
            sent.push(root.der());
        };
    }),
    row("§6.1", "a leaf that signed itself", UNKNOWN, |c| {
        c.leaf.issuer = named("Leaf");
        c.leaf.signer = &KEYS.leaf;
    }),
    row(
        "§6.1",
        "a leaf that signed itself, sent along too",
        UNKNOWN,
        |c| {
            c.leaf.issuer = named("Leaf");
            c.leaf.signer = &KEYS.leaf;
            c.sent = |sent| {
                let mut leaf = Chain::good(Profile::Tls).leaf;
                leaf.issuer = named("Leaf");
                leaf.signer = &KEYS.leaf;
                *sent = vec![leaf.der()];
            };
        },
    ),
    row(
        "§6.1",
        "two authorities that issued each other",
        UNKNOWN,
        |c| {
            c.issuing.issuer = named("Sub");
            c.issuing.signer = &KEYS.sub;
        },
    )
    .twin(Chain::with_sub),
    row("§6.1", "an authority that issued itself", UNKNOWN, |c| {
        c.issuing.issuer = named("Issuing");
        c.issuing.signer = &KEYS.issuing;
    }),
    row(
        "§6.1",
        "four authorities of one name that issued each other",
        UNKNOWN,
        |c| c.sent = |sent| *sent = doubles(),
    )
    .twin(|c| {
        c.sent = |sent| {
            sent.splice(0..0, doubles().into_iter().skip(1));
        };
    }),
    row(
        "§6.1",
        "what is sent along is no certificate",
        "not a DER certificate",
        |c| {
            c.sent = |sent| *sent = vec![b"no certificate".to_vec()];
        },
    ),
    row(
        "§6.1",
        "what is sent along is empty",
        "not a DER certificate",
        |c| {
            c.sent = |sent| *sent = vec![Vec::new()];
        },
    ),
    row("a limit", "five issuers sent along", TOO_MANY, |c| {
        c.sent = |sent| *sent = vec![sent[0].clone(); 5];
    })
    .twin(|c| c.sent = |sent| *sent = vec![sent[0].clone(); 4]),
    row("a limit", "a thousand issuers sent along", TOO_MANY, |c| {
        c.sent = |sent| *sent = vec![sent[0].clone(); 1000];
    }),
    row(
        "a limit",
        "an issuer larger than is read",
        "at most 16384 are read",
        |c| {
            c.issuing.set("1.2.3.4", false, &vec![0; 17_000]);
        },
    )
    .twin(|c| c.issuing.set("1.2.3.4", false, &vec![0; 15_000])),
    row(
        "a limit",
        "an issuer of a mebibyte that issued nothing here",
        "at most 16384 are read",
        |c| {
            c.sent = |sent| sent.push(vec![0x30; 1 << 20]);
        },
    ),
    row("§4.2.1.9", "a leaf that issued", LEAF_AS_AUTHORITY, |c| {
        c.issuing
            .set(BASIC_CONSTRAINTS, true, &constraints(None, None));
    })
    .twin(|c| {
        c.issuing
            .set(BASIC_CONSTRAINTS, true, &constraints(Some(true), None));
    }),
    row(
        "§4.2.1.9",
        "an issuer without constraints",
        LEAF_AS_AUTHORITY,
        |c| {
            c.issuing.remove(BASIC_CONSTRAINTS);
        },
    ),
    row(
        "§4.2.1.9",
        "an issuer that says that it is none",
        LEAF_AS_AUTHORITY,
        |c| {
            c.issuing
                .set(BASIC_CONSTRAINTS, true, &constraints(Some(false), None));
        },
    ),
    row(
        "§4.2.1.9",
        "an issuer whose constraints need not be known",
        "not marked critical",
        |c| {
            c.issuing
                .set(BASIC_CONSTRAINTS, false, &constraints(Some(true), None));
        },
    ),
    row(
        "§4.2.1.3",
        "an issuer that may not sign",
        MAY_NOT_SIGN,
        |c| {
            c.issuing.set(KEY_USAGE, true, &write(3, &[&[7, 0x80]]));
        },
    ),
    row(
        "§4.2.1.3",
        "an issuer that may sign lists only",
        MAY_NOT_SIGN,
        |c| {
            c.issuing.set(KEY_USAGE, true, &write(3, &[&[1, 0x02]]));
        },
    ),
    row("§4.2.1.3", "an issuer without usages", MAY_NOT_SIGN, |c| {
        c.issuing.remove(KEY_USAGE);
    }),
    row("§4.2.1.9", "a root that is none", NO_AUTHORITY, |c| {
        c.root
            .set(BASIC_CONSTRAINTS, true, &constraints(None, None));
    }),
    row(
        "§4.2.1.9",
        "a root without constraints",
        NO_AUTHORITY,
        |c| c.root.remove(BASIC_CONSTRAINTS),
    ),
    row("§4.2.1.3", "a root that may not sign", NO_AUTHORITY, |c| {
        c.root.set(KEY_USAGE, true, &write(3, &[&[7, 0x80]]));
    })
    .twin(|c| c.root.set(KEY_USAGE, true, &write(3, &[&CERT_SIGN]))),
    row("§4.2.1.3", "a root without usages", NO_AUTHORITY, |c| {
        c.root.remove(KEY_USAGE);
    }),
    row(
        "§4.2.1.12",
        "an issuer for mail",
        "may not sign for ServerAuth",
        |c| {
            c.issuing.purposes(&[MAIL]);
        },
    )
    .twin(|c| c.issuing.purposes(&[SERVER, CLIENT, MAIL])),
    row(
        "§4.2.1.12",
        "an issuer for clients",
        "may not sign for ServerAuth",
        |c| {
            c.issuing.purposes(&[CLIENT]);
        },
    )
    .twin(|c| c.issuing.purposes(&[ANY])),
    row(
        "§4.2.1.12",
        "an issuer of message keys for servers",
        "may not sign for DocumentSigning",
        |c| {
            c.issuing.purposes(&[SERVER, CLIENT]);
        },
    )
    .of(Profile::Exchange),
    row(
        "§4.2.1.12",
        "an issuer of responders for servers",
        "may not sign for OcspSigning",
        |c| {
            c.issuing.purposes(&[SERVER]);
        },
    )
    .of(Profile::Ocsp),
    row(
        "§4.2.1.12",
        "an issuer of time-stamping keys for mail",
        "may not sign for TimeStamping",
        |c| {
            c.issuing.purposes(&[MAIL]);
        },
    )
    .of(Profile::TimeStamping)
    .twin(|c| c.issuing.remove(EXTENDED_KEY_USAGE)),
    row(
        "§4.2.1.12",
        "an issuer for servers of a seal that names no purpose",
        "may not sign for Any",
        |c| {
            c.issuing.purposes(&[SERVER]);
        },
    )
    .of(Profile::Seal)
    .twin(|c| c.issuing.purposes(&[ANY])),
    row(
        "§4.2.1.12",
        "an issuer above for mail",
        "may not sign for ServerAuth",
        |c| {
            c.issuing.purposes(&[MAIL]);
        },
    )
    .twin(|c| {
        c.with_sub();
        c.issuing.purposes(&[SERVER, CLIENT]);
    }),
    row(
        "§4.2.1.9",
        "an authority below one that allows none",
        TOO_LONG,
        |c| length(&mut c.issuing, 0),
    )
    .twin(|c| {
        c.with_sub();
        length(&mut c.issuing, 1);
        length(c.sub(), 0);
    }),
    row(
        "§4.2.1.9",
        "an authority below a root that allows none",
        TOO_LONG,
        |c| length(&mut c.root, 0),
    )
    .twin(|c| length(&mut c.root, 1)),
    row(
        "§4.2.1.9",
        "two authorities below a root that allows one",
        TOO_LONG,
        |c| {
            length(&mut c.root, 1);
        },
    )
    .twin(|c| {
        c.with_sub();
        length(&mut c.root, 2);
        c.sent = |sent| sent.reverse();
    }),
    row("§6.1", "the one between is not sent along", UNKNOWN, |c| {
        c.sent = |sent| {
            sent.remove(0);
        };
    })
    .twin(Chain::with_sub),
    row(
        "§4.2.1.9",
        "the one between is no authority",
        LEAF_AS_AUTHORITY,
        |c| {
            c.sub()
                .set(BASIC_CONSTRAINTS, true, &constraints(None, None));
        },
    )
    .twin(Chain::with_sub),
    row(
        "§4.2.1.9",
        "an authority in place of a leaf",
        "an authority's certificate can't be used",
        |c| {
            c.leaf = Chain::good(Profile::Tls).issuing;
        },
    ),
    row(
        "§4.2.1.9",
        "the root in place of a leaf",
        "an authority's certificate can't be used",
        |c| {
            c.leaf = Chain::good(Profile::Tls).root;
        },
    ),
];
