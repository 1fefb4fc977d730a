//! Upstreams that are dead, slow, cut, endless, rubbish or late: a registry behind a provider's node, a node behind a consumer's.

use std::fmt::Write as _;
use std::sync::Arc;

use bridge_core::envelope::Tag;
use bridge_core::leaf::Kind;
use bridge_tests::act::{Step, act, read_head, say};
use bridge_tests::answer::Answer;
use bridge_tests::claims;
use bridge_tests::message::Message;
use bridge_tests::puppet::Puppet;
use bridge_tests::puppet::server::{Behaviour, Got};
use bridge_tests::wait::now_s;
use bridge_tests::world::{PROVIDER, STRANGER_PATH, World, usual, with_stranger};
use tokio::net::TcpListener;

/// What an upstream does, and what its caller is told.
struct Case {
    name: &'static str,
    steps: Vec<Step>,
    told: Told,
}

#[derive(Clone, Copy)]
enum Told {
    /// The answer, with this body.
    Body(&'static str),
    /// A refusal.
    Refused(u16, &'static str),
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";

fn case(name: &'static str, told: Told, steps: impl IntoIterator<Item = Step>) -> Case {
    let steps = steps.into_iter().collect();
    Case { name, steps, told }
}

fn whole(body: &str) -> Step {
    say(format!("{OK}Content-Length: {}\r\n\r\n{body}", body.len()))
}

fn fields(count: usize) -> String {
    let lines = (0..count).map(|number| format!("x-field-{number}: 1\r\n"));
    lines.collect::<Vec<_>>().concat()
}

/// What goes wrong on any connection that should carry an answer, and the kind of refusal that it must become.
fn failures(silent: Told, cut: Told, nonsense: Told, interim: Told) -> Vec<Case> {
    let endless = |bytes: &str| Step::Forever(bytes.repeat(100).into_bytes());
    vec![
        case("accepts and is silent", silent, [Step::Hold]),
        case(
            "head byte by byte for ever",
            silent,
            [say(format!("{OK}x-slow: ")), Step::Trickle(b"a".to_vec())],
        ),
        case(
            "interim answers for ever",
            interim,
            [Step::Trickle(b"HTTP/1.1 102 Processing\r\n\r\n".to_vec())],
        ),
        case("closes at once", cut, []),
        case("closes within the first line", cut, [say("HTTP/1.1 200")]),
        case(
            "closes within the head",
            cut,
            [say(format!("{OK}Content-Le"))],
        ),
        case(
            "closes after an interim answer",
            cut,
            [say("HTTP/1.1 100 Continue\r\n\r\n")],
        ),
        case(
            "a greeting of another protocol",
            nonsense,
            [say("SSH-2.0-OpenSSH_9.6\r\n\r\n"), Step::Hold],
        ),
        case(
            "the first bytes of TLS",
            nonsense,
            [say(vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), Step::Hold],
        ),
        case(
            "HTTP/2",
            nonsense,
            [say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Step::Hold],
        ),
        case("zeros", nonsense, [Step::Forever(vec![0; 4096])]),
        case(
            "another first line below the first",
            nonsense,
            [say(format!("HTTP/1.1 200 OK\r\n{OK}\r\n")), Step::Hold],
        ),
        case(
            "a status of letters",
            nonsense,
            [
                say("HTTP/1.1 two OK\r\nContent-Length: 0\r\n\r\n"),
                Step::Hold,
            ],
        ),
        case(
            "two lengths",
            nonsense,
            [
                say(format!(
                    "{OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"
                )),
                Step::Hold,
            ],
        ),
        case(
            "a negative length",
            nonsense,
            [say(format!("{OK}Content-Length: -1\r\n\r\n")), Step::Hold],
        ),
        case(
            "a field without a name",
            nonsense,
            [
                say(format!("{OK}: 1\r\nContent-Length: 0\r\n\r\n")),
                Step::Hold,
            ],
        ),
        case(
            "a field with a NUL",
            nonsense,
            [
                say(format!("{OK}x-nul: a\0b\r\nContent-Length: 0\r\n\r\n")),
                Step::Hold,
            ],
        ),
        case(
            "a folded field",
            nonsense,
            [
                say(format!("{OK}x-fold: a\r\n b\r\nContent-Length: 0\r\n\r\n")),
                Step::Hold,
            ],
        ),
        case(
            "a field without end",
            nonsense,
            [say(format!("{OK}x-long: ")), endless("a")],
        ),
        case(
            "fields without end",
            nonsense,
            [say(OK), endless("x-more: 1\r\n")],
        ),
        case(
            "a field of 100 kB",
            nonsense,
            [
                say(format!(
                    "{OK}x-long: {}\r\nContent-Length: 0\r\n\r\n",
                    "a".repeat(100_000)
                )),
                Step::Hold,
            ],
        ),
        case(
            "a thousand fields",
            nonsense,
            [
                say(format!("{OK}{}Content-Length: 0\r\n\r\n", fields(1000))),
                Step::Hold,
            ],
        ),
    ]
}

/// What only an unsigned answer of a registry can be.
fn registry_cases() -> Vec<Case> {
    let silent = Told::Refused(504, "service_failed.io_error");
    let cut = Told::Refused(502, "service_failed.io_error");
    let nonsense = Told::Refused(502, "service_failed.http_error");
    let large = Told::Refused(502, "service_failed.invalid_response");
    let chunked = || say(format!("{OK}Transfer-Encoding: chunked\r\n\r\n"));
    // A registry may send a few; a peer, until the time of the exchange is over.
    let mut cases = failures(silent, cut, nonsense, nonsense);
    cases.extend([
        case("a whole answer", Told::Body("whole"), [whole("whole")]),
        case("a whole answer in chunks", Told::Body("whole"), [chunked(), say("5\r\nwhole\r\n0\r\n\r\n")]),
        case("interim answers before it", Told::Body("whole"), [
            say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"),
            whole("whole"),
        ]),
        case("another protocol", nonsense, [say("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"), Step::Hold]),
        case("no length and no chunks", nonsense, [say(format!("{OK}\r\nwithout end"))]),
        case("body byte by byte for ever", silent, [chunked(), Step::Trickle(b"1\r\na\r\n".to_vec())]),
        case("body that stops", silent, [say(format!("{OK}Content-Length: 9\r\n\r\nhalf")), Step::Hold]),
        case("closes within a counted body", cut, [say(format!("{OK}Content-Length: 9\r\n\r\nhalf"))]),
        case("closes before a counted body", cut, [say(format!("{OK}Content-Length: 9\r\n\r\n"))]),
        case("closes within a chunk", cut, [chunked(), say("ff\r\nhalf")]),
        case("closes between chunks", cut, [chunked(), say("4\r\nhalf\r\n")]),
        case("closes before the last line of chunks", cut, [chunked(), say("4\r\nhalf\r\n0\r\n")]),
        case("a chunk of no size", cut, [chunked(), say("xyz\r\nhalf\r\n0\r\n\r\n")]),
        case("a chunk longer than it says", cut, [chunked(), say("4\r\nhalves\r\n0\r\n\r\n")]),
        case("chunks without end", large, [chunked(), Step::Forever(format!("1000\r\n{}\r\n", "a".repeat(4096)).into_bytes())]),
        case("a length above the limit", large, [say(format!("{OK}Content-Length: 100001\r\n\r\n")), Step::Forever(vec![b'a'; 4096])]),
        case(
            "eighty fields",
            Told::Body(""),
            [say(format!("{OK}{}Content-Length: 0\r\n\r\n", fields(80)))],
        ),
        case(
            "ninety fields",
            nonsense,
            [say(format!("{OK}{}Content-Length: 0\r\n\r\n", fields(90)))],
        ),
        case("a hundred and ten fields", nonsense, [say(format!("{OK}{}Content-Length: 0\r\n\r\n", fields(110)))]),
        case("a field that is not ASCII", nonsense, [say([format!("{OK}x-name: ").as_bytes(), &[0xc9, 0x99], b"\r\nContent-Length: 0\r\n\r\n"].concat())]),
    ]);
    cases
}

/// Listens and does for each request the steps of the case that its query names.
async fn listen(cases: &[Case]) -> std::net::SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let steps: Arc<Vec<Vec<Step>>> =
        Arc::new(cases.iter().map(|case| case.steps.clone()).collect());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let steps = Arc::clone(&steps);
            tokio::spawn(async move {
                if let Some(head) = read_head(&mut stream).await {
                    act(&mut stream, &steps[number_of(&head)]).await;
                }
            });
        }
    });
    address
}

/// The number of the case that a request is for.
fn number_of(head: &str) -> usize {
    let (_, query) = head.split_once("?q=").unwrap();
    query.split(' ').next().unwrap().parse().unwrap()
}

/// Asks once for each case, all at once.
async fn ask_all(world: &Arc<World>, path: &'static str, count: usize) -> Vec<Answer> {
    let asks = (0..count).map(|number| {
        let world = Arc::clone(world);
        tokio::spawn(async move {
            let ask = world.consumer.get(&format!("{path}?q={number}"));
            ask.plain().by_key().send().await
        })
    });
    let asks: Vec<_> = asks.collect();
    let mut answers = Vec::new();
    for ask in asks {
        answers.push(ask.await.unwrap());
    }
    answers
}

fn judge(case: &Case, answer: &Answer, prefix: &str) -> Option<String> {
    let told = (
        answer.status,
        answer.field("x-road-error").map(str::to_owned),
    );
    let must = match case.told {
        Told::Body(body) => {
            assert_eq!(answer.body, body, "{}", case.name);
            (200, None)
        }
        Told::Refused(status, word) => (status, Some(format!("{prefix}{word}"))),
    };
    (told != must).then(|| format!("{}: {told:?}, must be {must:?}\n", case.name))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s31_s32_every_way_in_which_a_registry_can_fail() {
    let cases = registry_cases();
    let address = listen(&cases).await;
    let service = format!(
        "[[services]]\nadapter = \"http\"\nsubsystem = \"{PROVIDER}\"\ncode = \"raw\"\nbase_url = \"http://{address}/x\"\n"
    );
    let terms = usual()
        .with("id", "raw".into())
        .with("service", "raw".into());
    let world = World::with()
        .contract(terms)
        .provider_settings(&service)
        .limit("exchange_seconds = 4")
        .limit("body_bytes = 100000")
        .start()
        .await;
    let world = Arc::new(world);
    let answers = ask_all(&world, "/r1/AZ/GOV/1001/POPULATION/raw", cases.len()).await;
    let mut wrong = String::new();
    for (case, answer) in cases.iter().zip(&answers) {
        wrong.extend(judge(case, answer, "server.serverproxy."));
        let id = answer.request_id();
        let ends = [&world.consumer, &world.provider].map(|agency| claims::kinds(agency, id));
        // A refusal that is signed is an answer like others to the node that asked.
        let asked = vec![Kind::RequestSent, Kind::ResponseReceived];
        let served = match case.told {
            Told::Body(_) => vec![Kind::RequestReceived, Kind::ResponseSigned],
            Told::Refused(..) => vec![Kind::RequestReceived, Kind::Refused],
        };
        if ends != [asked, served] {
            writeln!(wrong, "{}: {ends:?}", case.name).unwrap();
        }
        if let Told::Refused(_, word) = case.told {
            let code = format!("server.serverproxy.{word}");
            let leaf = claims::leaves(&world.provider, id).pop().unwrap();
            if leaf.outcome.as_deref() != Some(&code) {
                writeln!(wrong, "{}: {:?}", case.name, leaf.outcome).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    for agency in [&world.consumer, &world.provider] {
        assert_eq!(
            agency.live().node.room.used(),
            0,
            "spooled bytes are given back"
        );
        claims::verifies(agency);
    }
}

/// What a genuine head may be followed by.
type After = fn(Message) -> Vec<Step>;

/// What only a peer's signed answer can be.
fn peer_cases() -> [(&'static str, Told, After); 11] {
    let cut = Told::Refused(502, "io_error");
    let silent = Told::Refused(504, "io_error");
    let malformed = Told::Refused(502, "invalid_response");
    [
        ("a whole answer", Told::Body(OWN), |m| vec![say(m.bytes())]),
        ("interim answers before it", Told::Body(OWN), |m| {
            vec![
                say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"),
                say(m.bytes()),
            ]
        }),
        ("another answer behind it", Told::Body(OWN), |m| {
            vec![
                say([
                    m.bytes(),
                    b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond".to_vec(),
                ]
                .concat()),
                Step::Hold,
            ]
        }),
        ("closes within a counted body", cut, |m| {
            let bytes = m.bytes();
            vec![say(&bytes[..bytes.len() - 4])]
        }),
        ("body that stops", silent, |m| {
            let bytes = m.bytes();
            vec![say(&bytes[..bytes.len() - 4]), Step::Hold]
        }),
        ("body byte by byte for ever", silent, |m| {
            vec![chunked(m), Step::Trickle(b"1\r\na\r\n".to_vec())]
        }),
        ("closes within a chunk", cut, |m| {
            vec![chunked(m), say("ff\r\nhalf")]
        }),
        ("closes before the last line of chunks", cut, |m| {
            vec![chunked(m), say("9\r\n{\"own\":1}\r\n0\r\n")]
        }),
        ("a chunk of no size", cut, |m| {
            vec![
                chunked(m),
                say("xyz\r\n{\"own\":1}\r\n0\r\n\r\n"),
                Step::Hold,
            ]
        }),
        ("chunks without end", malformed, |m| {
            vec![
                chunked(m),
                Step::Forever(format!("1000\r\n{}\r\n", "a".repeat(4096)).into_bytes()),
            ]
        }),
        ("a length above the limit", malformed, |mut m| {
            m.body.clear();
            m.set("content-length", "100001");
            vec![say(m.bytes()), Step::Forever(vec![b'a'; 4096])]
        }),
    ]
}

const OWN: &str = "{\"own\":1}";

/// The head of a message, its body to come in chunks.
fn chunked(mut message: Message) -> Step {
    message.remove("content-length");
    message.set("transfer-encoding", "chunked");
    message.body.clear();
    say(message.bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s30_every_way_in_which_a_peers_answer_can_fail() {
    let silent = Told::Refused(504, "io_error");
    let mut cases = failures(
        silent,
        Told::Refused(502, "io_error"),
        Told::Refused(502, "invalid_response"),
        silent,
    );
    let first_signed = cases.len();
    cases.extend(peer_cases().map(|(name, told, _)| case(name, told, [])));
    let mut world = World::with()
        .contract(with_stranger())
        .limit("exchange_seconds = 2")
        .limit("body_bytes = 100000")
        .start()
        .await;
    let puppet = Puppet::of(&world.stranger);
    let steps: Vec<Vec<Step>> = cases.iter().map(|case| case.steps.clone()).collect();
    let acting = move |got: &Got| {
        let number = number_of(&format!("{} ", got.target));
        let Some(signed) = number.checked_sub(first_signed) else {
            return steps[number].clone();
        };
        let mut answer = Message::answer_to(got, &puppet, (Tag::Answer, 200), OWN);
        answer.sign(&puppet.signer);
        let (_, _, after) = peer_cases()[signed];
        after(answer)
    };
    let puppet = Puppet::of(&world.stranger);
    let listening = puppet.listen(Behaviour::Acts(Arc::new(acting))).await;
    world.stranger.entry.nodes[0].address = listening.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    let world = Arc::new(world);
    let answers = ask_all(&world, STRANGER_PATH, cases.len()).await;
    let mut wrong = String::new();
    for (case, answer) in cases.iter().zip(&answers) {
        wrong.extend(judge(case, answer, "server.clientproxy."));
        let last = match case.told {
            Told::Body(_) => Kind::ResponseReceived,
            Told::Refused(..) => Kind::Refused,
        };
        let kinds = claims::kinds(&world.consumer, answer.request_id());
        if kinds != [Kind::RequestSent, last] {
            writeln!(wrong, "{}: {kinds:?}", case.name).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(
        listening.connections(),
        cases.len(),
        "nothing is sent twice"
    );
    // What stood behind an answer is not taken for the answer to another request.
    let again = world
        .consumer
        .get(&format!("{STRANGER_PATH}?q={first_signed}"));
    assert_eq!(again.send().await.answered(200).body, OWN);
    assert_eq!(
        world.consumer.live().node.room.used(),
        0,
        "spooled bytes are given back"
    );
    claims::verifies(&world.consumer);
}
