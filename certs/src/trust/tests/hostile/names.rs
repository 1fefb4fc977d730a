//! Names: of issuers, of subjects, and the alternative ones, among which the identity is.

use super::forge::{
    ALTERNATIVE_NAMES, Chain, NAME_CONSTRAINTS, UTF8, attribute, name_of, named, sequence,
};
use super::{Row, row};
use crate::asn1::{INTEGER, SEQUENCE, SET, write, write_oid};
use crate::forge::{extension, oid};
use crate::profile::Profile;

use super::super::{MEMBER, NODE};

const PRINTABLE: u8 = 0x13;
const TELETEX: u8 = 0x14;
const IA5: u8 = 0x16;
const NUMERIC: u8 = 0x12;
const BMP: u8 = 0x1e;
const MAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
const ADDRESS: u8 = 0x87;
const OTHER: u8 = 0xa0;
const DIRECTORY: u8 = 0xa4;

const NAME: &str = "the certificate is malformed: a name";
const UNSEEN: &str = "a name with signs that nobody sees";
const NO_TEXT: &str = "a name with a part that is no text";
const ALTERNATIVE: &str = "the certificate is malformed: an alternative name";
const CHARACTERS: &str = "an alternative name with characters that do not belong there";
const NOT_CANONICAL: &str = "is not an identity in its canonical spelling";
const SEVERAL: &str = "URI names; exactly one may stand";
const CONSTRAINED: &str = "NameConstraintViolation";

fn uri(chain: &mut Chain, text: &str) {
    chain.leaf.name(&[(URI, text.as_bytes())]);
}

/// Has the issuing authority allow or exclude names of one form.
fn constrain(chain: &mut Chain, side: u8, tag: u8, base: &[u8]) {
    let subtree = write(SEQUENCE, &[&write(tag, &[base])]);
    let value = write(SEQUENCE, &[&write(side, &[&subtree])]);
    chain.issuing.set(NAME_CONSTRAINTS, true, &value);
}

/// Has another name stand beside the identity.
fn beside(chain: &mut Chain, tag: u8, name: &[u8]) {
    chain.leaf.name(&[(URI, NODE.as_bytes()), (tag, name)]);
}

/// A name of a type of somebody's own.
fn typed(value: &[u8]) -> Vec<u8> {
    [write_oid(oid("1.2.3.4")), write(0xa0, &[value])].concat()
}

const PERMITTED: u8 = 0xa0;
const EXCLUDED: u8 = 0xa1;

pub(super) const ROWS: &[Row] = &[
    row("§4.1.2.4", "no issuer", "no name of its issuer", |c| {
        c.leaf.issuer = name_of(&[]);
    }),
    row("§4.1.2.6", "no subject", "no name of its subject", |c| {
        c.leaf.subject = name_of(&[]);
    }),
    row(
        "§4.1.2.6",
        "no subject, and alternative names need not be known",
        "no name of its subject",
        |c| {
            c.leaf.name(&[(URI, NODE.as_bytes())]);
        },
    )
    .twin(|c| {
        c.leaf.subject = name_of(&[]);
        let names = sequence(&[write(URI, &[NODE.as_bytes()])]);
        c.leaf.set(ALTERNATIVE_NAMES, true, &names);
    }),
    row(
        "§4.1.2.6",
        "a root without a name",
        "no name of its subject",
        |c| {
            c.root.subject = name_of(&[]);
        },
    ),
    row("a name", "a NUL", UNSEEN, |c| {
        c.leaf.call(UTF8, b"Leaf\0.example");
    }),
    row("a name", "a line's end", UNSEEN, |c| {
        c.leaf.call(UTF8, b"Leaf\nadmin logged in");
    }),
    row("a name", "a return", UNSEEN, |c| {
        c.leaf.call(UTF8, b"Leaf\radmin");
    }),
    row("a name", "an escape", UNSEEN, |c| {
        c.leaf.call(UTF8, b"\x1b[2J");
    }),
    row("a name", "a delete", UNSEEN, |c| {
        c.leaf.call(UTF8, b"Leaf\x7f");
    }),
    row("a name", "a control of the second set", UNSEEN, |c| {
        c.leaf.call(UTF8, "\u{9b}".as_bytes());
    }),
    row("a name", "turned around", UNSEEN, |c| {
        c.leaf.call(UTF8, "\u{202e}faeL".as_bytes());
    }),
    row("a name", "an isolate", UNSEEN, |c| {
        c.leaf.call(UTF8, "Le\u{2066}af".as_bytes());
    }),
    row("a name", "a right-to-left mark", UNSEEN, |c| {
        c.leaf.call(UTF8, "Leaf\u{200f}".as_bytes());
    }),
    row("a name", "a space of no width", UNSEEN, |c| {
        c.leaf.call(UTF8, "Le\u{200b}af".as_bytes());
    }),
    row("a name", "a byte-order mark", UNSEEN, |c| {
        c.leaf.call(UTF8, "\u{feff}Leaf".as_bytes());
    }),
    row("a name", "a separator of lines", UNSEEN, |c| {
        c.leaf.call(UTF8, "a\u{2028}b".as_bytes());
    }),
    row("a name", "a word joiner", UNSEEN, |c| {
        c.leaf.call(UTF8, "a\u{2060}b".as_bytes());
    }),
    row("a name", "a NUL in ASCII", UNSEEN, |c| {
        c.leaf.call(IA5, b"Leaf\0");
    })
    .twin(|c| c.leaf.call(IA5, b"Leaf")),
    row("a name", "a control in Teletex", UNSEEN, |c| {
        c.leaf.call(TELETEX, b"Leaf\x8d");
    })
    .twin(|c| c.leaf.call(TELETEX, b"Leaf\xe9")),
    row("a name", "a NUL in two bytes", UNSEEN, |c| {
        c.leaf.call(BMP, &[0, b'L', 0, 0]);
    })
    .twin(|c| c.leaf.call(BMP, &[0, b'L', 0, b'e'])),
    row("a name", "turned around in two bytes", UNSEEN, |c| {
        c.leaf.call(BMP, &[0x20, 0x2e]);
    }),
    row("a name", "a NUL in an issuer's name", UNSEEN, |c| {
        c.leaf.issuer = name_of(&[attribute(UTF8, b"Issuing\0")]);
    })
    .twin(|c| {
        c.issuing.call(UTF8, b"Authority");
        c.leaf.issuer = named("Authority");
    }),
    row("X.690 §8.23", "not UTF-8", NO_TEXT, |c| {
        c.leaf.call(UTF8, b"\xc3\x28");
    }),
    row(
        "X.690 §8.23",
        "UTF-8 longer than it need be",
        NO_TEXT,
        |c| c.leaf.call(UTF8, b"\xc0\x80"),
    ),
    row("X.690 §8.23", "half a pair in UTF-8", NO_TEXT, |c| {
        c.leaf.call(UTF8, b"\xed\xa0\x80");
    }),
    row(
        "X.690 §8.23",
        "an underscore in printable text",
        NO_TEXT,
        |c| c.leaf.call(PRINTABLE, b"a_b"),
    )
    .twin(|c| c.leaf.call(PRINTABLE, b"a.b")),
    row("X.690 §8.23", "a NUL in printable text", NO_TEXT, |c| {
        c.leaf.call(PRINTABLE, b"a\0b");
    }),
    row("X.690 §8.23", "ASCII beyond ASCII", NO_TEXT, |c| {
        c.leaf.call(IA5, b"Le\xe9f");
    }),
    row("X.690 §8.23", "a letter among digits", NO_TEXT, |c| {
        c.leaf.call(NUMERIC, b"12a");
    })
    .twin(|c| c.leaf.call(NUMERIC, b"12 3")),
    row(
        "X.690 §8.23",
        "three bytes of two-byte text",
        NO_TEXT,
        |c| c.leaf.call(BMP, &[0, 76, 0]),
    ),
    row("X.690 §8.23", "half a pair in two bytes", NO_TEXT, |c| {
        c.leaf.call(BMP, &[0xd8, 0]);
    }),
    row("§4.1.2.4", "text of four bytes a sign", NAME, |c| {
        c.leaf.call(0x1c, &[0, 0, 0, 76]);
    }),
    row("§4.1.2.4", "general text", NO_TEXT, |c| {
        c.leaf.call(0x1b, b"Leaf");
    }),
    row("§4.1.2.4", "a number", NO_TEXT, |c| {
        c.leaf.call(INTEGER, &[5]);
    }),
    row("§4.1.2.4", "bits", NO_TEXT, |c| c.leaf.call(3, &[0, 5])),
    row("§4.1.2.4", "octets", NO_TEXT, |c| c.leaf.call(4, b"Leaf")),
    row("§4.1.2.4", "text in pieces", NAME, |c| {
        c.leaf.call(0x2c, &[UTF8, 1, b'a']);
    }),
    row("§A.1", "no text", "a name with an empty part", |c| {
        c.leaf.call(UTF8, b"");
    }),
    row(
        "a limit",
        "257 bytes",
        "a name with a longer part than is read",
        |c| {
            c.leaf.call(UTF8, &[b'a'; 257]);
        },
    )
    .twin(|c| c.leaf.call(UTF8, &[b'a'; 256])),
    row(
        "a limit",
        "33 attributes",
        "a name of more parts than are read",
        |c| {
            c.leaf.subject = name_of(&vec![attribute(UTF8, b"a"); 33]);
        },
    )
    .twin(|c| c.leaf.subject = name_of(&vec![attribute(UTF8, b"a"); 32])),
    row(
        "a limit",
        "33 attributes in one set",
        "a name of more parts than are read",
        |c| {
            let parts = vec![attribute(UTF8, b"a"); 33].concat();
            c.leaf.subject = sequence(&[write(SET, &[&parts])]);
        },
    ),
    row("§4.1.2.4", "a set of nothing", NAME, |c| {
        c.leaf.subject = sequence(&[write(SET, &[])]);
    }),
    row("§4.1.2.4", "attributes without sets", NAME, |c| {
        c.leaf.subject = sequence(&[attribute(UTF8, b"Leaf")]);
    }),
    row("§4.1.2.4", "a set for a name", NAME, |c| {
        c.leaf.subject = write(SET, &[&write(SET, &[&attribute(UTF8, b"Leaf")])]);
    }),
    row("§4.1.2.4", "an attribute of nothing", NAME, |c| {
        c.leaf.subject = name_of(&[write(SEQUENCE, &[&[6, 3, 0x55, 4, 3]])]);
    }),
    row("§4.1.2.4", "an attribute of two values", NAME, |c| {
        let two = [&[6, 3, 0x55, 4, 3, UTF8, 1, b'a'][..], &[UTF8, 1, b'b']].concat();
        c.leaf.subject = name_of(&[write(SEQUENCE, &[&two])]);
    }),
    row("§4.1.2.4", "an attribute of no type", NAME, |c| {
        c.leaf.subject = name_of(&[write(SEQUENCE, &[&[6, 0, UTF8, 1, b'a']])]);
    }),
    row("identity", "none", "carries no identity", |c| {
        c.leaf.name(&[(DNS, b"bus.example")]);
    }),
    row(
        "identity",
        "no alternative names",
        "carries no identity",
        |c| {
            c.leaf.remove(ALTERNATIVE_NAMES);
        },
    ),
    row("identity", "two", SEVERAL, |c| {
        c.leaf
            .name(&[(URI, NODE.as_bytes()), (URI, b"bridge://AZ/GOV/1001/NODE2")]);
    }),
    row("identity", "one twice", SEVERAL, |c| {
        c.leaf.name(&[(URI, NODE.as_bytes()); 2]);
    }),
    row("identity", "one and an address of the web", SEVERAL, |c| {
        c.leaf
            .name(&[(URI, b"https://a.example"), (URI, NODE.as_bytes())]);
    })
    .twin(|c| c.leaf.name(&[(DNS, b"a.example"), (URI, NODE.as_bytes())])),
    row("identity", "a hundred", SEVERAL, |c| {
        c.leaf.name(&[(URI, NODE.as_bytes()); 100]);
    }),
    row("identity", "a member's", "profile tls wants a node", |c| {
        uri(c, MEMBER);
    }),
    row(
        "identity",
        "a node's on a seal",
        "profile seal wants a member",
        |c| uri(c, NODE),
    )
    .of(Profile::Seal),
    row(
        "identity",
        "a member's on an exchange key",
        "wants a node",
        |c| uri(c, MEMBER),
    )
    .of(Profile::Exchange),
    row(
        "identity",
        "a node's on a caller",
        "profile caller wants no identity",
        |c| uri(c, NODE),
    )
    .of(Profile::Caller),
    row(
        "identity",
        "a node's on a responder",
        "profile ocsp wants no identity",
        |c| uri(c, NODE),
    )
    .of(Profile::Ocsp),
    row(
        "identity",
        "a node's on a time-stamping key",
        "wants no identity",
        |c| uri(c, NODE),
    )
    .of(Profile::TimeStamping),
    row("identity", "of another scheme", NOT_CANONICAL, |c| {
        uri(c, "spiffe://AZ/GOV/1001/NODE1");
    }),
    row("identity", "a scheme in capitals", NOT_CANONICAL, |c| {
        uri(c, "BRIDGE://AZ/GOV/1001/NODE1");
    }),
    row("identity", "a slash at its end", NOT_CANONICAL, |c| {
        uri(c, "bridge://AZ/GOV/1001/NODE1/");
    }),
    row("identity", "an escape too many", NOT_CANONICAL, |c| {
        uri(c, "bridge://AZ/GOV/1001/NODE%31");
    }),
    row("identity", "a user", NOT_CANONICAL, |c| {
        uri(c, "bridge://x@AZ/GOV/1001/NODE1");
    }),
    row("identity", "a query", NOT_CANONICAL, |c| {
        uri(c, "bridge://AZ/GOV/1001/NODE1?x=1");
    }),
    row("identity", "a fragment", NOT_CANONICAL, |c| {
        uri(c, "bridge://AZ/GOV/1001/NODE1#x");
    }),
    row("identity", "a step up", NOT_CANONICAL, |c| {
        uri(c, "bridge://AZ/GOV/1001/../NODE1");
    }),
    row("identity", "a part too few", NOT_CANONICAL, |c| {
        uri(c, "bridge://AZ/GOV");
    }),
    row("identity", "a part too many", NOT_CANONICAL, |c| {
        uri(c, "bridge://AZ/GOV/1001/NODE1/A");
    }),
    row("identity", "an empty part", NOT_CANONICAL, |c| {
        uri(c, "bridge://AZ/GOV//NODE1");
    }),
    row("identity", "an escaped NUL", NOT_CANONICAL, |c| {
        uri(c, "bridge://AZ/GOV/1001/NODE1%00");
    }),
    row("identity", "ten thousand letters", NOT_CANONICAL, |c| {
        uri(c, &format!("bridge://AZ/GOV/1001/{}", "A".repeat(10_000)));
    }),
    row("§4.2.1.6", "a NUL in the identity", CHARACTERS, |c| {
        uri(c, "bridge://AZ/GOV/1001/NODE1\0");
    }),
    row("§4.2.1.6", "a space in the identity", CHARACTERS, |c| {
        uri(c, "bridge://AZ/GOV/1001/NO DE");
    }),
    row(
        "§4.2.1.6",
        "a line's end in the identity",
        CHARACTERS,
        |c| uri(c, "bridge://AZ/GOV/1\n/N"),
    ),
    row("§4.2.1.6", "a Cyrillic letter", CHARACTERS, |c| {
        uri(c, "bridge://AZ/GOV/1001/NОDE1");
    }),
    row("§4.2.1.6", "an identity turned around", CHARACTERS, |c| {
        uri(c, "bridge://\u{202e}ZA/V/1/N");
    }),
    row("§4.2.1.6", "not UTF-8 in the identity", CHARACTERS, |c| {
        c.leaf.name(&[(URI, b"bridge://\xff")]);
    }),
    row("§4.2.1.6", "an empty address", CHARACTERS, |c| {
        c.leaf.name(&[(URI, b"")]);
    }),
    row(
        "§4.2.1.6",
        "no host",
        "needs a DNS name or an IP address",
        |c| {
            c.leaf.remove(ALTERNATIVE_NAMES);
        },
    )
    .of(Profile::Web),
    row("§4.2.1.6", "a NUL in a host", CHARACTERS, |c| {
        c.leaf.name(&[(DNS, b"a.example\0.b")]);
    })
    .of(Profile::Web),
    row("§4.2.1.6", "an empty host", CHARACTERS, |c| {
        c.leaf.name(&[(DNS, b"")]);
    })
    .of(Profile::Web),
    row("§4.2.1.6", "a space for a host", CHARACTERS, |c| {
        c.leaf.name(&[(DNS, b" ")]);
    })
    .of(Profile::Web),
    row("§4.2.1.6", "an address of five bytes", ALTERNATIVE, |c| {
        c.leaf.name(&[(ADDRESS, &[127; 5])]);
    })
    .of(Profile::Web)
    .twin(|c| c.leaf.name(&[(ADDRESS, &[127; 4])])),
    row("§4.2.1.6", "an address with a mask", ALTERNATIVE, |c| {
        c.leaf.name(&[(ADDRESS, &[127; 8])]);
    })
    .of(Profile::Web),
    row(
        "§4.2.1.6",
        "a line's end in a mail address",
        CHARACTERS,
        |c| {
            c.leaf
                .name(&[(URI, NODE.as_bytes()), (MAIL, b"a@b\n.example")]);
        },
    )
    .twin(|c| {
        c.leaf
            .name(&[(URI, NODE.as_bytes()), (MAIL, b"a@b.example")]);
    }),
    row(
        "§4.2.1.6",
        "a form of name that is none",
        ALTERNATIVE,
        |c| {
            c.leaf.name(&[(URI, NODE.as_bytes()), (0x89, b"x")]);
        },
    ),
    row(
        "§4.2.1.6",
        "a name of a type without its value",
        ALTERNATIVE,
        |c| beside(c, OTHER, &write_oid(oid("1.2.3.4"))),
    )
    .twin(|c| beside(c, OTHER, &typed(&write(UTF8, &[b"a"])))),
    row("§4.2.1.6", "a name of a type with two", ALTERNATIVE, |c| {
        beside(c, OTHER, &typed(&write(UTF8, &[b"a"]).repeat(2)));
    }),
    row("§4.2.1.6", "a name of no type", ALTERNATIVE, |c| {
        beside(c, OTHER, b"bridge://AZ/GOV/1001/NODE2");
    }),
    row("§4.2.1.6", "a directory's name cut off", NAME, |c| {
        let name = named("Leaf");
        beside(c, DIRECTORY, &name[..name.len() - 1]);
    })
    .twin(|c| beside(c, DIRECTORY, &named("Leaf"))),
    row("§4.2.1.6", "a NUL in a directory's name", UNSEEN, |c| {
        beside(c, DIRECTORY, &named("Leaf\0"));
    }),
    row("§4.2.1.6", "a directory's two names", NAME, |c| {
        beside(c, DIRECTORY, &named("Leaf").repeat(2));
    }),
    row("§4.2.1.6", "half an address of X.400", ALTERNATIVE, |c| {
        beside(c, 0xa3, &[SEQUENCE, 2, 0]);
    })
    .twin(|c| beside(c, 0xa3, &[SEQUENCE, 0])),
    row("§4.2.1.6", "half a party", ALTERNATIVE, |c| {
        beside(c, 0xa5, &[0xa1, 3, UTF8, 1]);
    })
    .twin(|c| beside(c, 0xa5, &[0xa1, 3, UTF8, 1, b'a'])),
    row("§4.2.1.6", "half a registered number", ALTERNATIVE, |c| {
        beside(c, 0x88, &[0x2a, 0x83]);
    })
    .twin(|c| beside(c, 0x88, &[0x2a, 3])),
    row("§4.2.1.6", "an identity in pieces", ALTERNATIVE, |c| {
        c.leaf.name(&[(0xa6, &[22, 1, b'a'])]);
    }),
    row("§4.2.1.6", "a name of no context", ALTERNATIVE, |c| {
        c.leaf.name(&[(IA5, b"a")]);
    }),
    row(
        "§4.2.1.6",
        "an empty list",
        "no name among the alternative names",
        |c| c.leaf.name(&[]),
    ),
    row("§4.2.1.6", "a set of names", ALTERNATIVE, |c| {
        let names = write(SET, &[&write(URI, &[NODE.as_bytes()])]);
        c.leaf.set(ALTERNATIVE_NAMES, false, &names);
    }),
    row("§4.2.1.6", "something after the names", ALTERNATIVE, |c| {
        let names = sequence(&[write(URI, &[NODE.as_bytes()])]);
        c.leaf
            .set(ALTERNATIVE_NAMES, false, &[&names[..], &[5, 0]].concat());
    }),
    row(
        "§4.2",
        "alternative names twice",
        "2.5.29.17 stands twice",
        |c| {
            let names = sequence(&[write(URI, &[b"bridge://AZ/GOV/1001/NODE2"])]);
            c.leaf.add(ALTERNATIVE_NAMES, false, &names);
        },
    ),
    row(
        "§4.2.1.10",
        "a host that is not permitted",
        CONSTRAINED,
        |c| {
            c.leaf.name(&[(DNS, b"bus.elsewhere")]);
        },
    )
    .of(Profile::Web)
    .twin(|c| constrain(c, PERMITTED, DNS, b"example")),
    row("§4.2.1.10", "a host that is excluded", CONSTRAINED, |c| {
        constrain(c, EXCLUDED, DNS, b"example");
    })
    .of(Profile::Web)
    .twin(|c| constrain(c, EXCLUDED, DNS, b"elsewhere")),
    row(
        "§4.2.1.10",
        "an address that is excluded",
        CONSTRAINED,
        |c| {
            c.leaf.name(&[(ADDRESS, &[10, 1, 2, 3])]);
        },
    )
    .of(Profile::Web)
    .twin(|c| constrain(c, EXCLUDED, ADDRESS, &[10, 0, 0, 0, 255, 0, 0, 0])),
    row(
        "§4.2.1.10",
        "identities are permitted of another host, which is not compared",
        CONSTRAINED,
        |c| {
            constrain(c, PERMITTED, URI, b"EE");
        },
    )
    .twin(|c| constrain(c, PERMITTED, DNS, b"example")),
    row(
        "§4.2.1.10",
        "identities are permitted of the right host, which is not compared",
        CONSTRAINED,
        |c| {
            constrain(c, PERMITTED, URI, b"AZ");
        },
    ),
    row(
        "§4.2.1.10",
        "identities are excluded of the right host, which is not compared",
        CONSTRAINED,
        |c| {
            constrain(c, EXCLUDED, URI, b"AZ");
        },
    ),
    row(
        "§4.2.1.10",
        "identities are excluded of another host, which is not compared",
        CONSTRAINED,
        |c| {
            constrain(c, EXCLUDED, URI, b"EE");
        },
    ),
    row(
        "§4.2.1.10",
        "constraints of what is no authority",
        "name constraints of what is no authority",
        |c| {
            let subtree = write(SEQUENCE, &[&write(DNS, &[b"example"])]);
            let value = write(SEQUENCE, &[&write(PERMITTED, &[&subtree])]);
            c.leaf
                .extensions
                .push((NAME_CONSTRAINTS, extension(NAME_CONSTRAINTS, true, &value)));
        },
    ),
];
