//! Every field of a peer's valid request altered in turn: what the provider's node says, journals and lets through.

use std::collections::HashMap;
use std::sync::Arc;

use bridge_core::envelope::Tag;
use bridge_core::leaf::{Kind, Leaf, UnixMillis};
use bridge_signature::Signer as _;
use bridge_tests::answer::Answer;
use bridge_tests::claims;
use bridge_tests::golden;
use bridge_tests::hostile::{
    Case, Expected, Field, GARBLED, Op, PRESENT, Said, Signed, batch_cases, components, fields,
    good_batches, row, signature_lines,
};
use bridge_tests::message::{Message, Start, Wire};
use bridge_tests::puppet::{Puppet, reference};
use bridge_tests::terms::terms;
use bridge_tests::wait::now_s;
use bridge_tests::world::{CONSUMER, PATH, PROVIDER, SERVICE, STRANGER, World, usual};
use uuid::Uuid;

const DIGEST_OF_OTHER: &str = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";

/// Every field of the valid request but those of the connection, and another good value of it.
const FIELDS: [Field; 19] = [
    field("x-road-client", "AZ/LEA/3001/OTHER"),
    field("x-road-id", "message-2"),
    field("x-road-request-id", "0a1b2c3d-0000-4000-8000-000000000001"),
    field("x-road-userid", "AZ0000002"),
    field("x-road-issue", "case-2"),
    field("x-road-represented-party", "COM/7002"),
    field("x-road-security-server", "AZ/GOV/1001/NODE2"),
    field("bridge-purpose", "other"),
    field("bridge-legal-basis", "other-code"),
    field("bridge-consent", "consent-2"),
    field("bridge-contract", "stranger-registry@other"),
    field("bridge-version", "2"),
    field("bridge-secrets", "authorization=:AAAA:"),
    field("idempotency-key", "key-2"),
    field("content-digest", DIGEST_OF_OTHER),
    field("content-type", "text/plain"),
    field("accept-language", "en"),
    field("x-ordinary", "2"),
    field("authorization", "Bearer other"),
];

/// Fields that the valid request does not have.
const ABSENT: [Field; 6] = [
    field("x-more", "1"),
    field("x-road-more", "1"),
    field("bridge-more", "1"),
    field("x-road-error", "server.serverproxy.replayed"),
    field("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    field("cookie", "a=1"),
];

const fn field(name: &'static str, other: &'static str) -> Field {
    Field { name, other }
}

fn proved(status: u16, word: &'static str) -> Expected {
    Expected::Refused(status, word, Said::Proved)
}

fn counted(status: u16, word: &'static str) -> Expected {
    Expected::Refused(status, word, Said::Counted)
}

fn malformed() -> Expected {
    counted(400, "malformed_signature")
}

fn invalid() -> Expected {
    counted(403, "invalid_signature_value")
}

/// What must come of an altered field, station by station.
fn field_rule(name: &'static str, op: Op, signed: Signed) -> Option<Expected> {
    let ours = name.starts_with("x-road-") || name.starts_with("bridge-");
    let single = ours || ["content-digest", "content-type", "idempotency-key"].contains(&name);
    let secret = name == "authorization";
    let spoken_for = secret || name == "bridge-secrets";
    let needless =
        (secret && op == Op::Uncovered) || (name == "bridge-version" && op == Op::Swapped);
    Some(match (op, signed) {
        _ if needless => return None,
        (Op::Recased, _) => Expected::Taken,
        // The edge is first.
        (Op::Doubled, _) if single => counted(400, "duplicate_header_field"),
        // The version says how to read the rest.
        (Op::Removed | Op::Changed | Op::Garbled | Op::Emptied, _) if name == "bridge-version" => {
            counted(400, "invalid_protocol_version")
        }
        (Op::Uncovered, _) => malformed(),
        // The digest of a secret is covered, the secret is not: the signature holds and the digest does not.
        (_, Signed::Before) if secret => proved(400, "bad_request"),
        (Op::Removed, Signed::Before) => malformed(),
        (_, Signed::Before) => invalid(),
        (_, Signed::Anew) if spoken_for => proved(400, "bad_request"),
        (_, Signed::Anew) => meaning_rule(name, op),
    })
}

/// What a well-signed alteration means.
fn meaning_rule(name: &'static str, op: Op) -> Expected {
    let mandatory = [
        "bridge-contract",
        "content-digest",
        "x-road-client",
        "x-road-request-id",
    ];
    match (name, op) {
        (name, Op::Removed) if mandatory.contains(&name) => malformed(),
        ("x-road-client", Op::Changed) => proved(404, "unknown_member"),
        ("x-road-client", Op::Swapped) => proved(403, "ssl_authentication_failed"),
        ("x-road-client", _) => proved(400, "invalid_client_identifier"),
        ("x-road-request-id", Op::Swapped) => counted(400, "replayed"),
        ("x-road-request-id", Op::Garbled | Op::Emptied) => proved(400, "missing_header_field"),
        ("bridge-contract", _) => proved(409, "contract_versions_differ"),
        ("content-digest", Op::Changed | Op::Swapped) => proved(400, "invalid_signature_value"),
        ("content-digest", _) | ("x-road-represented-party", Op::Garbled) => {
            proved(400, "bad_request")
        }
        ("x-road-security-server", Op::Garbled) => proved(400, "invalid_security_server"),
        // The other fields are the sender's to say.
        _ => Expected::Taken,
    }
}

fn absent_rule(name: &'static str, op: Op, signed: Signed) -> Expected {
    match (op, signed) {
        (Op::Added, _) if name == "cookie" => proved(400, "bad_request"),
        (Op::Added, Signed::Anew) => Expected::Taken,
        _ => malformed(),
    }
}

/// A case and its twin: `before` and `anew` say what comes of it when it is signed before and when it is signed anew.
fn both(
    name: &str,
    (before, anew): (Expected, Expected),
    alter: impl Fn(&mut Message) + Send + Sync + Clone + 'static,
) -> [Case; 2] {
    let again = alter.clone();
    [
        Case::new(name, Signed::Before, before, move |m, _| alter(m)),
        Case::new(name, Signed::Anew, anew, move |m, _| again(m)),
    ]
}

fn start_cases() -> Vec<Case> {
    let method = |to: &'static str, anew| {
        both(&format!("method {to}"), (invalid(), anew), move |m| {
            if let Start::Request(method, _) = &mut m.start {
                to.clone_into(method);
            }
        })
    };
    let target = |to: &'static str, before, anew| {
        let to = to.replace("{path}", PATH);
        both(&format!("target {to}"), (before, anew), move |m| {
            if let Start::Request(_, target) = &mut m.start {
                to.clone_into(target);
            }
        })
    };
    let edge = || counted(400, "bad_request");
    let host =
        |name: &str, before, anew, alter: fn(&mut Message)| both(name, (before, anew), alter);
    let to_other_node = || proved(400, "unknown_host");
    [
        method("PUT", Expected::Taken),
        method("post", proved(403, "access_denied")),
        method("BREW", proved(403, "access_denied")),
        target("{path}/other?q=1", invalid(), Expected::Taken),
        target("{path}/x?q=2", invalid(), Expected::Taken),
        target("{path}/x?q=1&q=1", invalid(), Expected::Taken),
        target("{path}/x?other=1", invalid(), proved(403, "access_denied")),
        target("{path}other/x", invalid(), proved(404, "unknown_service")),
        target(
            "/r1/AZ/GOV/1001/OTHER/registry",
            invalid(),
            proved(404, "unknown_service"),
        ),
        target(
            "/r1/AZ/GOV/2001/TAX/registry",
            invalid(),
            proved(404, "unknown_member"),
        ),
        target("{path}/../x", edge(), edge()),
        target("{path}/%2e%2e/x", edge(), edge()),
        target("{path}/a%2fb", edge(), edge()),
        target("{path}/a%252fb", edge(), edge()),
        target("{path}/a%00b", edge(), edge()),
        target("/r2/AZ/GOV/1001/POPULATION/registry", edge(), edge()),
        target("http://other.az{path}/x?q=1", edge(), edge()),
        // A path has one spelling; this is another.
        target("{path}/%c9%99", invalid(), invalid()),
        host("host of another node", invalid(), to_other_node(), |m| {
            m.set("host", "node1.2001.az");
        }),
        host("host emptied", invalid(), to_other_node(), |m| {
            m.set("host", "");
        }),
        host(
            "host removed",
            counted(400, "missing_header_field"),
            counted(400, "missing_header_field"),
            |m| {
                m.remove("host");
            },
        ),
        host(
            "host doubled",
            counted(400, "duplicate_header_field"),
            counted(400, "duplicate_header_field"),
            |m| m.double("host"),
        ),
        host("host in capitals", Expected::Taken, Expected::Taken, |m| {
            let capitals = m.line("host").unwrap().to_ascii_uppercase();
            m.set("host", &capitals);
        }),
    ]
    .concat()
}

fn body_cases() -> Vec<Case> {
    let not_the_signed = || proved(400, "invalid_signature_value");
    [
        both("body changed", (not_the_signed(), not_the_signed()), |m| {
            m.set_body(b"{\"own\":2}");
        }),
        both("body longer", (not_the_signed(), not_the_signed()), |m| {
            m.set_body(b"{\"own\":1} ");
        }),
        both("body shorter", (not_the_signed(), not_the_signed()), |m| {
            m.set_body(b"{\"own\":1");
        }),
        both("body emptied", (not_the_signed(), not_the_signed()), |m| {
            m.set_body(b"");
        }),
        both(
            "body and digest changed",
            (invalid(), Expected::Taken),
            |m| {
                m.set_body(b"{\"own\":2}");
                m.digest_of(b"{\"own\":2}");
            },
        ),
        both("body in chunks", (Expected::Taken, Expected::Taken), |m| {
            chunked(m, "");
        }),
        both(
            "body with a trailer",
            (proved(400, "bad_request"), proved(400, "bad_request")),
            |m| chunked(m, "x-more: 1\r\n"),
        ),
        both(
            "body framed in two ways",
            (counted(400, "bad_request"), counted(400, "bad_request")),
            |m| {
                chunked(m, "");
                m.set("content-length", "9");
            },
        ),
    ]
    .concat()
}

/// Writes the body in chunks, with these trailers.
fn chunked(message: &mut Message, trailers: &str) {
    let body = String::from_utf8(message.body.clone()).unwrap();
    message.remove("content-length");
    message.set("transfer-encoding", "chunked");
    message.body = format!("{:x}\r\n{body}\r\n0\r\n{trailers}\r\n", body.len()).into_bytes();
}

fn connection_cases() -> Vec<Case> {
    let added = |name: &'static str, value: &'static str, expected: Expected| {
        both(
            &format!("{name}: {value} added"),
            (expected.clone(), expected),
            move |m| {
                m.cover(|_| ());
                m.lines.push((name.to_owned(), value.to_owned()));
            },
        )
    };
    let edge = || counted(400, "bad_request");
    let mut cases = [
        added("te", "trailers", Expected::Taken),
        added("keep-alive", "timeout=5", Expected::Taken),
        added("connection", "x-ordinary", edge()),
        added("upgrade", "h2c", edge()),
        added("x_road_client", "AZ/GOV/2001/TAX", edge()),
        added("x-more", "1", malformed()),
        added("x-latin", "\u{e9}", edge()),
    ]
    .concat();
    let never = [
        "\"host\"",
        "\"content-length\"",
        "\"authorization\"",
        "\"signature\"",
        "\"@path\"",
        "\"@query\"",
        "\"@scheme\"",
        "\"@target-uri\"",
        "\"@status\"",
        "\"@query-param\";name=\"q\"",
        "\"@signature-params\"",
        "\"@unknown\"",
    ];
    for component in never {
        let name = format!("{component} covered");
        cases.extend(both(&name, (malformed(), malformed()), move |m| {
            m.cover(|list| list.push(component.to_owned()));
        }));
    }
    cases.extend(both(
        "lines in another order",
        (Expected::Taken, Expected::Taken),
        |m| {
            m.lines.reverse();
        },
    ));
    cases.extend(both(
        "components in another order",
        (invalid(), Expected::Taken),
        |m| {
            m.cover(|list| list.reverse());
        },
    ));
    cases
}

fn parameter_cases(world: &World) -> Vec<Case> {
    let set = |what: &str, name: &'static str, value: &str, before, anew| {
        let value = value.to_owned();
        both(&format!("{name} {what}"), (before, anew), move |m| {
            m.set_param(name, &value);
        })
    };
    let shape = |name: &'static str, what: &str, value: &str| {
        set(what, name, value, malformed(), malformed())
    };
    let moved = |name: &str, by: i64, anew| {
        both(name, (invalid(), anew), move |m| {
            m.created(now_s().saturating_add_signed(by));
        })
    };
    let mut cases = Vec::new();
    for name in ["created", "expires", "nonce", "alg", "keyid", "tag"] {
        cases.extend(both(
            &format!("{name} removed"),
            (malformed(), malformed()),
            move |m| {
                m.params.retain(|(own, _)| own != name);
            },
        ));
        cases.extend(both(
            &format!("{name} doubled"),
            (malformed(), malformed()),
            move |m| {
                let again = m.params.iter().find(|(own, _)| own == name).cloned();
                m.params.extend(again);
            },
        ));
        // A parameter of the wrong type.
        let other = if ["created", "expires"].contains(&name) {
            "\"1\""
        } else {
            "1"
        };
        cases.extend(shape(name, "of another type", other));
    }
    let key_of = |agency: &bridge_tests::agency::Agency, stem: &str| {
        let signer = bridge_tests::puppet::signer(&agency.folder.join(stem));
        format!("\"{}\"", signer.key_id())
    };
    let unknown_key = || counted(403, "signature_verification");
    let algorithm = || counted(400, "unsupported_algorithm");
    let stale = || proved(400, "not_fresh");
    cases.extend(
        [
            shape("created", "negative", "-1"),
            shape("created", "a fraction", "1.5"),
            shape("created", "of the year 1970", "1"),
            shape("expires", "of the year 1970", "1"),
            shape("expires", "an hour later", &(now_s() + 3600).to_string()),
            moved("made a second ago", -1, Expected::Taken),
            moved("made 50 s ago", -50, Expected::Taken),
            moved("made 20 s from now", 20, Expected::Taken),
            moved("expired", -120, stale()),
            moved("expired long ago", -86_400, stale()),
            moved("from the future", 120, stale()),
            set(
                "another",
                "nonce",
                "\"AAAAAAAAAAAAAAAAAAAAAA\"",
                invalid(),
                Expected::Taken,
            ),
            shape("nonce", "emptied", "\"\""),
            shape("nonce", "a byte short", "\"AAAAAAAAAAAAAAAAAAAA\""),
            shape("nonce", "a byte long", "\"AAAAAAAAAAAAAAAAAAAAAAA\""),
            shape("nonce", "padded", "\"AAAAAAAAAAAAAAAAAAAAAA==\""),
            shape(
                "nonce",
                "in the other alphabet",
                "\"++++++++++++++++++++++\"",
            ),
            set(
                "of another kind of key",
                "alg",
                "\"ecdsa-p256-sha256\"",
                algorithm(),
                algorithm(),
            ),
            set(
                "symmetric",
                "alg",
                "\"hmac-sha256\"",
                algorithm(),
                algorithm(),
            ),
            set(
                "in capitals",
                "alg",
                "\"ECDSA-P256-SHA256\"",
                algorithm(),
                algorithm(),
            ),
            set("emptied", "alg", "\"\"", algorithm(), algorithm()),
            set("none", "alg", "\"none\"", algorithm(), algorithm()),
            shape("keyid", "garbled", &format!("\"{GARBLED}\"")),
            shape("keyid", "emptied", "\"\""),
            set(
                "of nobody",
                "keyid",
                &format!("\"{}\"", "A".repeat(43)),
                unknown_key(),
                unknown_key(),
            ),
            set(
                "of its TLS key",
                "keyid",
                &key_of(&world.stranger, "keys/tls"),
                unknown_key(),
                unknown_key(),
            ),
            set(
                "of another member",
                "keyid",
                &key_of(&world.consumer, "keys/exchange"),
                invalid(),
                invalid(),
            ),
            set(
                "of this very node",
                "keyid",
                // Which is of another kind.
                &key_of(&world.provider, "keys/exchange"),
                algorithm(),
                algorithm(),
            ),
            shape("tag", "emptied", "\"\""),
            shape("tag", "of another protocol", "\"web-bot-auth\""),
            shape("tag", "of another version", "\"bridge-request-v2\""),
            shape("tag", "in capitals", "\"BRIDGE-REQUEST-V1\""),
            shape("tag", "of an answer", "\"bridge-answer-v1\""),
            shape("tag", "of a refusal", "\"bridge-refusal-v1\""),
            set(
                "of a batch",
                "tag",
                "\"bridge-request-batch-v1\"",
                malformed(),
                malformed(),
            ),
            set(
                "of a batch of answers",
                "tag",
                "\"bridge-answer-batch-v1\"",
                malformed(),
                malformed(),
            ),
            shape("unknown", "added", "1"),
            both(
                "parameters in another order",
                (invalid(), Expected::Taken),
                |m| m.params.reverse(),
            ),
        ]
        .concat(),
    );
    let plain = |name, signed, expected| {
        Case::new(
            name,
            signed,
            expected,
            |m: &mut Message, other: &Message| {
                let nonce = other.param("nonce").to_owned();
                m.set_param("nonce", &nonce);
            },
        )
    };
    cases.push(plain(
        "nonce of another exchange",
        Signed::Before,
        invalid(),
    ));
    cases.push(plain(
        "nonce of another exchange",
        Signed::Anew,
        counted(400, "replayed"),
    ));
    cases
}

/// A valid request with every field that one may have.
fn valid(world: &World, puppet: &Puppet, contract: &str) -> Message {
    let start = Start::Request("POST".to_owned(), format!("{PATH}/x?q=1"));
    let params = puppet.params(Tag::Request, now_s());
    let mut message = Message::new(start, &params);
    for (name, value) in [
        ("host", world.provider.authority()),
        ("x-road-client", STRANGER),
        ("x-road-id", "message-1"),
        ("x-road-request-id", &Uuid::new_v4().to_string()),
        ("x-road-userid", "AZ0000001"),
        ("x-road-issue", "case-1"),
        ("x-road-represented-party", "COM/7001"),
        ("x-road-security-server", "AZ/GOV/1001/NODE1"),
        ("bridge-purpose", "inspection"),
        ("bridge-legal-basis", "code-1"),
        ("bridge-consent", "consent-1"),
        ("bridge-contract", contract),
        ("bridge-version", "1"),
        ("idempotency-key", &Uuid::new_v4().to_string()),
        ("content-type", "application/json"),
        ("accept-language", "az"),
        ("x-ordinary", "1"),
        ("authorization", "Bearer secret"),
        ("bridge-secrets", SECRET),
    ] {
        message.set(name, value);
    }
    message.set_body(b"{\"own\":1}");
    message.digest_of(b"{\"own\":1}");
    message
}

/// SHA-256 of `Bearer secret`.
const SECRET: &str = "authorization=:v/3iBBM0e3oA4TY94/l8pp5BncCupV9KSnUBj6s6Do4=:";

fn leaves_of(world: &World) -> HashMap<[u8; 32], Vec<Leaf>> {
    let all = world
        .provider
        .live()
        .node
        .journal
        .leaves_since(UnixMillis(0));
    let mut of = HashMap::<_, Vec<Leaf>>::new();
    for (_, leaf) in all.unwrap() {
        if let Some(link) = leaf.link {
            of.entry(link).or_default().push(leaf);
        }
    }
    of
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s28_every_field_of_a_valid_request_altered_in_turn() {
    let world = World::with()
        .contract(usual())
        .provider_contract(terms("stranger-registry", STRANGER, PROVIDER, SERVICE))
        .limit("refusals_per_minute = 1000000")
        .start()
        .await;
    let puppet = Puppet::of(&world.stranger);
    let contract = reference(&world.provider, "stranger-registry");
    let fresh = || valid(&world, &puppet, &contract);
    // Another exchange of the same two nodes, and what a third one's would have said in its place.
    let mut exchange = fresh();
    exchange.sign(&puppet.signer);
    let mut wire = Wire::new(&puppet, world.provider.ports.peer);
    wire.ask(exchange.clone()).await.unwrap().answered(200);
    for (name, value) in [
        ("x-road-client", CONSUMER),
        (
            "bridge-contract",
            &reference(&world.provider, "tax-registry"),
        ),
        ("content-digest", DIGEST_OF_OTHER),
        ("authorization", "Bearer theirs"),
        ("bridge-secrets", "authorization=:AAAA:"),
    ] {
        exchange.set(name, value);
    }
    for field in FIELDS {
        if exchange.line(field.name) == fresh().line(field.name) && field.name != "bridge-version" {
            exchange.set(field.name, field.other);
        }
    }
    let mut cases = vec![
        Case::new("nothing", Signed::Anew, Expected::Taken, |_, _| ()),
        Case::new("nothing", Signed::Before, Expected::Taken, |_, _| ()),
    ];
    cases.extend(fields(&FIELDS, &PRESENT, field_rule));
    cases.extend(fields(
        &ABSENT,
        &[Op::Added, Op::Covered],
        |name, op, signed| Some(absent_rule(name, op, signed)),
    ));
    cases.extend(components(&fresh(), &malformed()));
    cases.extend(signature_lines(
        &malformed(),
        &counted(400, "missing_signature"),
        &invalid(),
    ));
    cases.extend(start_cases());
    cases.extend(body_cases());
    cases.extend(connection_cases());
    cases.extend(parameter_cases(&world));
    let signer = Arc::new(Puppet::of(&world.stranger).signer);
    let batch = "bridge-request-batch-v1";
    cases.extend(good_batches(batch, &signer));
    cases.extend(batch_cases(batch, &signer, (&malformed(), &invalid())));

    let mut made = Vec::new();
    for case in &cases {
        let message = case.make(fresh(), &exchange, &puppet.signer);
        let link = message.link();
        let answer = wire.ask(message).await;
        made.push((case, link, said(answer.as_ref())));
    }
    let leaves = leaves_of(&world);
    let (mut table, mut wrong) = (String::new(), String::new());
    for (case, link, said) in made {
        // A signature of another exchange has that one's leaves.
        let own = leaves.get(&link).filter(|_| link != exchange.link());
        let came = format!("{said}; {}", kept(own.map_or(&[], Vec::as_slice)));
        table.push_str(&row(case, &came));
        if came != must(&case.expected) {
            wrong.push_str(&row(case, &format!("{came}\n  {}", must(&case.expected))));
        }
    }
    assert!(wrong.is_empty(), "what came, and what must come:\n{wrong}");
    let taken = cases
        .iter()
        .filter(|case| case.expected == Expected::Taken)
        .count();
    // Some come under the Idempotency-Key of another one, and are answered as that one was.
    let repeating: Vec<&Leaf> = leaves
        .values()
        .flatten()
        .filter(|leaf| leaf.facts.contains_key("repeats"))
        .collect();
    for leaf in &repeating {
        let own = leaf.request_id.unwrap().to_string();
        assert_ne!(leaf.facts["repeats"], own, "it repeats another one");
    }
    assert_eq!(
        world.registry.seen().len(),
        taken + 1 - repeating.len(),
        "what was refused never reaches the registry"
    );
    let unproved = cases
        .iter()
        .filter(|case| matches!(case.expected, Expected::Refused(_, _, Said::Counted)))
        .count();
    world.provider.live().node.sum_refusals().await;
    assert_eq!(
        sum_of_counted(&world),
        unproved as u64,
        "each unsigned refusal is counted once"
    );
    assert!(cases.len() - taken >= 150, "{} cases", cases.len() - taken);
    claims::verifies(&world.provider);
    golden::compare("hostile-requests.txt", &table);
}

fn said(answer: Option<&Answer>) -> String {
    let Some(answer) = answer else {
        return "no answer".to_owned();
    };
    let code = answer.field("x-road-error").unwrap_or("no error");
    let is_signed = answer.fields.contains_key("signature");
    let signed = if is_signed { "signed" } else { "unsigned" };
    format!("{} {code}; {signed}", answer.status)
}

fn kept(leaves: &[Leaf]) -> String {
    let shown = leaves.iter().map(|leaf| {
        // That of a request says only that its Idempotency-Key is remembered.
        let outcome = leaf.outcome.as_deref();
        let outcome = outcome.filter(|_| leaf.kind != Kind::RequestReceived);
        let outcome = outcome.unwrap_or("-");
        format!("{} {outcome}", leaf.kind.as_str())
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() {
        "no leaf".to_owned()
    } else {
        shown.join(", ")
    }
}

/// What is said and kept when all is as it must be.
fn must(expected: &Expected) -> String {
    let code = |word| format!("server.serverproxy.{word}");
    match expected {
        Expected::Taken => {
            "200 no error; signed; request-received -, response-signed ok".to_owned()
        }
        Expected::Refused(status, word, Said::Proved) => {
            format!("{status} {0}; signed; refused {0}", code(*word))
        }
        Expected::Refused(status, word, Said::Counted) => {
            format!("{status} {}; unsigned; no leaf", code(*word))
        }
    }
}

/// What the journal says of refusals without leaves of their own.
fn sum_of_counted(world: &World) -> u64 {
    let all = world
        .provider
        .live()
        .node
        .journal
        .leaves_since(UnixMillis(0));
    let counts = all.unwrap().into_iter().filter_map(|(_, leaf)| {
        leaf.facts
            .get("refused_without_leaf")
            .map(|count| count.parse::<u64>().unwrap())
    });
    counts.sum()
}
