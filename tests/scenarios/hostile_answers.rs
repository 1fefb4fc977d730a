//! Every field of a peer's valid answer and of its valid refusal altered in turn: what the consumer's node tells its caller.

use std::sync::{Arc, Mutex};

use bridge_core::envelope::Tag;
use bridge_tests::answer::Answer;
use bridge_tests::claims;
use bridge_tests::golden;
use bridge_tests::hostile::{
    Case, Expected, Field, GARBLED, Op, PRESENT, Said, Signed, batch_cases, components, fields,
    row, signature_lines,
};
use bridge_tests::message::{Message, Start};
use bridge_tests::puppet::Puppet;
use bridge_tests::puppet::server::{Behaviour, Got};
use bridge_tests::wait::now_s;
use bridge_tests::world::{STRANGER_PATH, World, with_stranger};
use bytes::Bytes;
use serde_json::json;

const DIGEST_OF_OTHER: &str = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
const DENIED: &str = "server.serverproxy.access_denied";

/// Fields of every answer, and another good value of each.
const FIELDS: [Field; 12] = [
    field("x-road-client", "AZ/GOV/2001/OTHER"),
    field("x-road-service", "AZ/LEA/3001/SERVICES/other"),
    field("x-road-id", "message-2"),
    field("x-road-request-id", "0a1b2c3d-0000-4000-8000-000000000001"),
    field("x-road-request-hash", "b3RoZXI="),
    field("bridge-version", "2"),
    field("bridge-peer-receipt", "journal.example/other#1:AAAA"),
    field("bridge-secrets", "set-cookie=:AAAA:"),
    field("content-digest", DIGEST_OF_OTHER),
    field("content-type", "application/json; charset=ascii"),
    field("x-ordinary", "2"),
    field("set-cookie", "session=2"),
];

const ABSENT: [Field; 5] = [
    field("x-more", "1"),
    field("x-road-more", "1"),
    field("bridge-more", "1"),
    field("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    field("cookie", "a=1"),
];

/// Fields that differ from exchange to exchange anyway, or never.
const KEPT: [&str; 4] = [
    "bridge-version",
    "x-road-id",
    "x-road-request-hash",
    "x-road-request-id",
];

const fn field(name: &'static str, other: &'static str) -> Field {
    Field { name, other }
}

/// Refused with 502; the exchange had begun, so its journal says how it ended.
fn refused(word: &'static str) -> Expected {
    Expected::Refused(502, word, Said::Proved)
}

fn malformed() -> Expected {
    refused("malformed_signature")
}

fn invalid() -> Expected {
    refused("invalid_signature_value")
}

/// What must come of an altered field, station by station.
fn field_rule(name: &'static str, op: Op, signed: Signed) -> Option<Expected> {
    let ours = name.starts_with("x-road-") || name.starts_with("bridge-");
    let secret = name == "set-cookie";
    let needless =
        (secret && op == Op::Uncovered) || (name == "bridge-version" && op == Op::Swapped);
    Some(match (op, signed) {
        _ if needless => return None,
        (Op::Recased, _) => Expected::Taken,
        (Op::Removed | Op::Changed | Op::Garbled | Op::Emptied, _) if name == "bridge-version" => {
            refused("invalid_protocol_version")
        }
        (Op::Doubled, _) if ours || name == "content-digest" => malformed(),
        (Op::Uncovered, _) => malformed(),
        // The digest of a secret is covered, the secret is not: what it holds is not what was signed.
        (_, Signed::Before) if secret => malformed(),
        (Op::Removed, Signed::Before) => malformed(),
        (_, Signed::Before) => invalid(),
        (_, Signed::Anew) if secret || name == "bridge-secrets" => malformed(),
        (_, Signed::Anew) => meaning_rule(name, op),
    })
}

/// What a well-signed alteration means.
fn meaning_rule(name: &'static str, op: Op) -> Expected {
    match (name, op) {
        // A node may keep the hash to itself.
        ("x-road-request-hash", Op::Removed) => Expected::Taken,
        (
            "x-road-client"
            | "x-road-service"
            | "x-road-id"
            | "x-road-request-id"
            | "x-road-request-hash"
            // The receipt is of the answering node's own log.
            | "bridge-peer-receipt",
            _,
        ) => refused("inconsistent_response"),
        ("content-digest", Op::Removed) => malformed(),
        ("content-digest", _) => invalid(),
        // A refusal names its type, in the way of a provider's node, the same in head and body.
        ("x-road-error", _) => refused("invalid_response"),
        _ => Expected::Taken,
    }
}

fn absent_rule(name: &'static str, op: Op, signed: Signed) -> Expected {
    match (op, signed) {
        (Op::Added, Signed::Anew) if name != "cookie" => Expected::Taken,
        _ => malformed(),
    }
}

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

/// Statuses, bodies, framing.
fn frame_cases() -> Vec<Case> {
    let status = |to: u16, anew| {
        both(&format!("status {to}"), (invalid(), anew), move |m| {
            m.start = Start::Answer(to);
        })
    };
    let body =
        |name: &str, to: &'static [u8]| both(name, (invalid(), invalid()), move |m| m.set_body(to));
    let form = || refused("invalid_response");
    [
        status(201, Expected::Taken),
        status(101, form()),
        status(600, form()),
        status(999, form()),
        // These have no body, and the digest says that there is one.
        status(204, invalid()),
        status(304, invalid()),
        body("body changed", b"{\"own\":2}"),
        body("body longer", b"{\"own\":1} "),
        body("body shorter", b"{\"own\":1"),
        body("body emptied", b""),
        both("body in chunks", (Expected::Taken, Expected::Taken), |m| {
            chunked(m, "");
        }),
        both("body with a trailer", (form(), form()), |m| {
            chunked(m, "x-more: 1\r\n");
        }),
        both(
            "lines in another order",
            (Expected::Taken, Expected::Taken),
            |m| {
                m.lines.reverse();
            },
        ),
        both(
            "components in another order",
            (invalid(), Expected::Taken),
            |m| {
                m.cover(|list| list.reverse());
            },
        ),
    ]
    .concat()
}

fn chunked(message: &mut Message, trailers: &str) {
    let body = String::from_utf8(message.body.clone()).unwrap();
    message.remove("content-length");
    message.set("transfer-encoding", "chunked");
    message.body = format!("{:x}\r\n{body}\r\n0\r\n{trailers}\r\n", body.len()).into_bytes();
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
    let key_of = |agency: &bridge_tests::agency::Agency| {
        let signer = bridge_tests::puppet::signer(&agency.folder.join("keys/exchange"));
        format!("\"{}\"", bridge_signature::Signer::key_id(&signer))
    };
    let unknown = || refused("signature_verification");
    let algorithm = || refused("unsupported_algorithm");
    let form = || refused("unsupported_signature_form");
    let mut cases = Vec::new();
    for name in ["created", "expires", "nonce", "alg", "keyid", "tag"] {
        cases.extend(both(
            &format!("{name} removed"),
            (malformed(), malformed()),
            move |m| m.params.retain(|(own, _)| own != name),
        ));
    }
    cases.extend(
        [
            shape("created", "as a text", "\"1\""),
            shape("expires", "an hour later", &(now_s() + 3600).to_string()),
            shape("nonce", "a byte short", "\"AAAAAAAAAAAAAAAAAAAA\""),
            shape("keyid", "garbled", &format!("\"{GARBLED}\"")),
            shape("tag", "of a request", "\"bridge-request-v1\""),
            shape("tag", "of another version", "\"bridge-answer-v2\""),
            shape("unknown", "added", "1"),
            moved("made a second ago", -1, Expected::Taken),
            moved("expired", -120, refused("not_fresh")),
            moved("from the future", 120, refused("not_fresh")),
            set(
                "another",
                "nonce",
                "\"AAAAAAAAAAAAAAAAAAAAAA\"",
                invalid(),
                Expected::Taken,
            ),
            set(
                "of another kind of key",
                "alg",
                "\"ecdsa-p256-sha256\"",
                algorithm(),
                algorithm(),
            ),
            set("none", "alg", "\"none\"", algorithm(), algorithm()),
            set(
                "of nobody",
                "keyid",
                &format!("\"{}\"", "A".repeat(43)),
                unknown(),
                unknown(),
            ),
            set(
                "of another member",
                "keyid",
                // Which has a key of another kind.
                &key_of(&world.provider),
                algorithm(),
                algorithm(),
            ),
            set(
                "of the asker",
                "keyid",
                &key_of(&world.consumer),
                invalid(),
                invalid(),
            ),
            set(
                "of a batch",
                "tag",
                "\"bridge-answer-batch-v1\"",
                form(),
                form(),
            ),
            set(
                "of a batch of requests",
                "tag",
                "\"bridge-request-batch-v1\"",
                form(),
                form(),
            ),
        ]
        .concat(),
    );
    cases
}

/// What makes an answer: another one's, all of it or in part.
fn replay_cases() -> Vec<Case> {
    let whole = |message: &mut Message, other: &Message| {
        let to = message.to.clone();
        *message = Message {
            to,
            ..other.clone()
        };
    };
    let bound = |message: &mut Message, other: &Message| message.to.clone_from(&other.to);
    vec![
        Case::new(
            "answer of another request",
            Signed::Before,
            invalid(),
            whole,
        ),
        Case::new("bound to another request", Signed::Anew, invalid(), bound),
    ]
}

/// A valid message with every field that one may have.
fn answer_to(got: &Got, puppet: &Puppet, what: (Tag, u16), body: &str) -> Message {
    let mut message = Message::answer_to(got, puppet, what, body);
    message.set("x-ordinary", "1");
    let receipt =
        "journal.example/AZ/LEA/3001/NODE1/1#7:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    message.set("bridge-peer-receipt", receipt);
    message
}

type Base = fn(&Got, &Puppet) -> Message;

fn answer(got: &Got, puppet: &Puppet) -> Message {
    let mut message = answer_to(got, puppet, (Tag::Answer, 200), "{\"own\":1}");
    message.set("set-cookie", "session=1");
    message.set("bridge-secrets", SECRET);
    message
}

/// SHA-256 of `session=1`.
const SECRET: &str = "set-cookie=:8VwRpvcx5nyJVSm0s5vWGoLscDOn3R12GG9Ryt737Fw=:";

fn refusal(got: &Got, puppet: &Puppet) -> Message {
    let body = json!({ "type": DENIED, "message": "own", "detail": "0a1b2c3d-0000-4000-8000-000000000001" });
    let mut message = answer_to(got, puppet, (Tag::Refusal, 403), &body.to_string());
    message.set("x-road-error", DENIED);
    message
}

/// Runs every case as one exchange of its own and returns what came of each.
async fn run(world: &mut World, base: Base, cases: Vec<Case>) -> Vec<(Case, Answer)> {
    let puppet = Puppet::of(&world.stranger);
    let first = Mutex::new(None::<Message>);
    let shared = Arc::new(cases);
    let cases = Arc::clone(&shared);
    let writing = move |got: &Got| {
        let valid = base(got, &puppet);
        let number = got.fields["x-road-id"]
            .to_str()
            .unwrap()
            .strip_prefix("case-")
            .unwrap();
        let number: usize = number.parse().unwrap();
        let mut first = first.lock().unwrap();
        let exchange = first.get_or_insert_with(|| {
            // Signed as well as any, for another client and service.
            let mut exchange = valid.clone();
            for field in FIELDS.iter().filter(|field| !KEPT.contains(&field.name)) {
                exchange.set(field.name, field.other);
            }
            exchange.sign(&puppet.signer);
            exchange
        });
        cases[number].make(valid, exchange, &puppet.signer).bytes()
    };
    let puppet = Puppet::of(&world.stranger);
    let listening = puppet.listen(Behaviour::Written(Arc::new(writing))).await;
    world.stranger.entry.nodes[0].address = listening.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    let mut came = Vec::new();
    for (number, case) in shared.iter().enumerate() {
        let ask = world.consumer.get(STRANGER_PATH).plain().by_key();
        let answer = ask
            .field("x-road-id", &format!("case-{number}"))
            .send()
            .await;
        came.push((case.clone(), answer));
    }
    came
}

async fn world() -> World {
    World::with()
        .contract(with_stranger())
        .limit("refusals_per_minute = 1000000")
        .start()
        .await
}

fn kept(world: &World, answer: &Answer) -> String {
    let leaves = claims::leaves(&world.consumer, answer.request_id());
    let shown = leaves.iter().map(|leaf| {
        let outcome = leaf.outcome.as_deref().unwrap_or("-");
        format!("{} {outcome}", leaf.kind.as_str())
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Compares what came with what must, and with the golden table.
fn judge(world: &World, name: &str, taken: &str, came: &[(Case, Answer)]) {
    let (mut table, mut wrong) = (String::new(), String::new());
    for (case, answer) in came {
        let code = answer.field("x-road-error").unwrap_or("no error");
        let status = match answer.status {
            // A taken answer may have another status; its case says so.
            status if code == "no error" && (200..300).contains(&status) => 200,
            status => status,
        };
        let result = format!("{status} {code}; {}", kept(world, answer));
        let must = match &case.expected {
            Expected::Taken => taken.to_owned(),
            Expected::Refused(status, last, _) => {
                let code = format!("server.clientproxy.{last}");
                format!("{status} {code}; request-sent -, refused {code}")
            }
        };
        table.push_str(&row(case, &result));
        if result != must {
            wrong.push_str(&row(case, &format!("{result}\n  {must}")));
        }
        if case.expected != Expected::Taken {
            let body = String::from_utf8_lossy(&answer.body);
            assert!(
                !body.contains("own"),
                "{case:?}: its body reached the caller"
            );
            for name in ["x-ordinary", "set-cookie", "bridge-peer-receipt"] {
                assert!(
                    !answer.fields.contains_key(name),
                    "{case:?}: {name} reached the caller"
                );
            }
        }
    }
    assert!(wrong.is_empty(), "what came, and what must come:\n{wrong}");
    claims::verifies(&world.consumer);
    golden::compare(name, &table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s29_every_field_of_a_valid_answer_altered_in_turn() {
    let mut world = world().await;
    let mut cases = vec![Case::new(
        "nothing",
        Signed::Anew,
        Expected::Taken,
        |_, _| (),
    )];
    cases.extend(fields(&FIELDS, &PRESENT, field_rule));
    cases.extend(fields(
        &ABSENT,
        &[Op::Added, Op::Covered],
        |name, op, signed| Some(absent_rule(name, op, signed)),
    ));
    cases.extend(signature_lines(
        &malformed(),
        &refused("missing_signature"),
        &invalid(),
    ));
    cases.extend(frame_cases());
    cases.extend(parameter_cases(&world));
    cases.extend(replay_cases());
    cases.extend(batch_cases(
        "bridge-answer-batch-v1",
        &refused("unsupported_signature_form"),
    ));
    let form = both(
        "tag of a refusal",
        (invalid(), refused("invalid_response")),
        |m| m.set_param("tag", "\"bridge-refusal-v1\""),
    );
    cases.extend(form);
    // What an answer says to be an error of the bridge is none, and is not told.
    let error = field("x-road-error", DENIED);
    cases.extend(fields(&[error], &[Op::Added], |_, _, signed| {
        Some(if signed == Signed::Anew {
            Expected::Taken
        } else {
            malformed()
        })
    }));
    let got = Got {
        method: "GET".to_owned(),
        target: STRANGER_PATH.to_owned(),
        fields: http::HeaderMap::new(),
        body: Bytes::new(),
    };
    let valid = answer(&got, &Puppet::of(&world.stranger));
    cases.extend(components(&valid, &malformed()));
    assert!(cases.len() > 150, "{}", cases.len());
    let came = run(&mut world, answer, cases).await;
    judge(
        &world,
        "hostile-answers.txt",
        "200 no error; request-sent -, response-received ok",
        &came,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s31_every_field_of_a_valid_refusal_altered_in_turn() {
    let mut world = world().await;
    let mut cases = vec![Case::new(
        "nothing",
        Signed::Anew,
        Expected::Taken,
        |_, _| (),
    )];
    let has = |field: &Field| !["set-cookie", "bridge-secrets"].contains(&field.name);
    let mut own: Vec<Field> = FIELDS.into_iter().filter(has).collect();
    own.push(field("x-road-error", "server.serverproxy.internal_error"));
    cases.extend(fields(&own, &PRESENT, |name, op, signed| {
        let same = name == "x-road-error" && op == Op::Swapped;
        // What is refused before it is journaled has no receipt.
        if (name, op, signed) == ("bridge-peer-receipt", Op::Removed, Signed::Anew) {
            return Some(Expected::Taken);
        }
        field_rule(name, op, signed).filter(|_| !same)
    }));
    let form = || refused("invalid_response");
    let status = |to: u16| {
        both(&format!("status {to}"), (invalid(), form()), move |m| {
            m.start = Start::Answer(to);
        })
    };
    let body = |name: &str, to: &'static str| {
        both(name, (invalid(), form()), move |m| {
            m.set_body(to.as_bytes());
            m.digest_of(to.as_bytes());
        })
    };
    cases.extend(
        [
            status(200),
            status(302),
            status(399),
            status(600),
            body(
                "body of another type",
                "{\"type\":\"server.serverproxy.internal_error\",\"message\":\"own\"}",
            ),
            body("body that is no error", "{\"own\":1}"),
            body("body that is no JSON", "own"),
            both(
                "x-road-error of a consumer's node",
                (invalid(), form()),
                |m| m.set("x-road-error", "server.clientproxy.access_denied"),
            ),
        ]
        .concat(),
    );
    // Without any signature it is a refusal that proves nothing.
    let unsigned = |name: &str, half: bool| {
        Case::new(
            name,
            Signed::Before,
            refused("service_failed"),
            move |m, _| {
                m.freeze();
                m.remove("signature");
                if !half {
                    m.remove("signature-input");
                }
            },
        )
    };
    cases.push(unsigned("signature removed", true));
    cases.push(unsigned("both signature fields removed", false));
    cases.extend(parameter_cases(&world));
    cases.extend(replay_cases());
    cases.extend(batch_cases(
        "bridge-answer-batch-v1",
        &refused("unsupported_signature_form"),
    ));
    let taken = format!("403 {DENIED}; request-sent -, response-received {DENIED}");
    let came = run(&mut world, refusal, cases).await;
    judge(&world, "hostile-refusals.txt", &taken, &came);
}
