//! `stop`: what an officer stops is stopped at once at either end, on open connections, without the directory, and for good.

use std::fs;

use bridge_core::leaf::{EvidenceMode, Kind, Leaf};
use bridge_journal::{Entry, Filter};
use bridge_node::admin;
use bridge_node::orders::{Change, Order, Proof, Target};
use bridge_node::running::Running;
use bridge_node::settings::Settings;
use bridge_signature::{
    Algorithm, FileSigner, Message, RequestView, Signer as _, content_digest_field,
    content_digest_of, signature_base, signature_fields,
};
use bridge_tests::agency::{Agency, Plan};
use bridge_tests::answer::Answer;
use bridge_tests::claims::{self, kinds, refused_leaf};
use bridge_tests::process::Process;
use bridge_tests::puppet::Puppet;
use bridge_tests::terms::terms;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{CONSUMER, PATH, PROVIDER, SERVICE, World, service, usual};
use http::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use uuid::Uuid;

use super::held;

const DISABLED_HERE: &str = "server.clientproxy.service_disabled";
const DISABLED_THERE: &str = "server.serverproxy.service_disabled";
const SERVICE_ID: &str = "AZ/GOV/1001/POPULATION/registry";
const REASON: &str = "keys of Zərifə Quliyeva's desk were stolen";

/// The leaves of an agency's orders, oldest first.
fn orders(agency: &Agency) -> Vec<Leaf> {
    let filter = Filter {
        outcome: Some("ordered".to_owned()),
        ..Filter::default()
    };
    let hits = agency.live().node.journal.search(&filter).unwrap();
    hits.into_iter().rev().map(|hit| hit.leaf).collect()
}

fn fact<'a>(leaf: &'a Leaf, name: &str) -> &'a str {
    leaf.facts.get(name).map_or("", String::as_str)
}

#[tokio::test]
async fn s27_a_stopped_service_is_refused_with_its_notice_at_either_end_until_it_is_lifted() {
    let world = World::usual().await;
    let ask = || world.consumer.get(PATH).send();
    ask().await.answered(200);

    let told = world
        .provider
        .officer(&["stop", "service", SERVICE_ID])
        .await;
    assert!(
        told.good()
            .starts_with(&format!("service {SERVICE_ID}: stopped by order "))
    );
    let refused = ask().await;
    refused.refused(503, DISABLED_THERE);
    let message = refused.message();
    assert!(
        message.starts_with(&format!(
            "Calls of the service {SERVICE_ID}: stopped since 20"
        )) && message.contains("the security officer of AZ/GOV/1001/NODE1"),
        "{message}"
    );
    assert!(refused.field("retry-after").is_some());
    // The provider's officer decided, so its node says so with a signature: evidence at both ends.
    refused_leaf(&world.provider, refused.request_id(), DISABLED_THERE);
    assert_eq!(
        kinds(&world.consumer, refused.request_id()),
        [Kind::RequestSent, Kind::ResponseReceived]
    );
    world
        .provider
        .officer(&["stop", "lift", "service", SERVICE_ID])
        .await
        .good();
    ask().await.answered(200);

    world
        .consumer
        .officer(&["stop", "service", SERVICE_ID])
        .await
        .good();
    let refused = ask().await;
    refused.refused(503, DISABLED_HERE);
    assert!(
        refused
            .message()
            .contains("the security officer of AZ/GOV/2001/NODE1")
    );
    assert_eq!(
        kinds(&world.consumer, refused.request_id()),
        [Kind::Refused]
    );
    assert_eq!(kinds(&world.provider, refused.request_id()), []);
    assert_eq!(
        world.registry.seen().len(),
        2,
        "only the two that were answered"
    );
}

#[tokio::test]
async fn a_stopped_member_neither_asks_nor_is_asked_metadata_included() {
    let world = World::usual().await;
    let metadata = format!("/r1/{PROVIDER}/listMethods");
    for (agency, code) in [
        (&world.provider, DISABLED_THERE),
        (&world.consumer, DISABLED_HERE),
    ] {
        for member in ["AZ/GOV/1001", "AZ/GOV/2001"] {
            agency.officer(&["stop", "member", member]).await.good();
            for target in [PATH, &metadata] {
                let refused = world.consumer.get(target).send().await;
                refused.refused(503, code);
                let start = format!("Exchange with the member {member}: stopped since ");
                assert!(refused.message().starts_with(&start));
            }
            let ready = agency.health("/ready").await.unwrap();
            assert_eq!(
                (ready.status, &ready.json()["stopped"][0]),
                (200, &format!("member {member}").into())
            );
            agency
                .officer(&["stop", "lift", "member", member])
                .await
                .good();
        }
        world.consumer.get(PATH).send().await.answered(200);
    }
    assert_eq!(world.registry.seen().len(), 2);
}

#[tokio::test]
async fn a_stopped_contract_allows_nothing_and_another_one_still_does() {
    let world = World::usual().await;
    for (agency, code) in [
        (&world.provider, DISABLED_THERE),
        (&world.consumer, DISABLED_HERE),
    ] {
        agency
            .officer(&["stop", "contract", "tax-registry"])
            .await
            .good();
        let refused = world.consumer.get(PATH).send().await;
        refused.refused(503, code);
        assert!(
            refused
                .message()
                .starts_with("Exchange under the contract tax-registry: stopped since ")
        );
        agency
            .officer(&["stop", "lift", "contract", "tax-registry"])
            .await
            .good();
        world.consumer.get(PATH).send().await.answered(200);
    }
    // Without a contract of its own a caller is told just that, whatever is stopped.
    let other = World::with().provider_contract(usual()).start().await;
    other
        .provider
        .officer(&["stop", "contract", "tax-registry"])
        .await
        .good();
    other
        .consumer
        .get(PATH)
        .send()
        .await
        .refused(403, "server.clientproxy.access_denied");

    let second = terms("tax-second", CONSUMER, PROVIDER, SERVICE);
    let both = World::with()
        .contract(usual())
        .contract(second)
        .start()
        .await;
    both.consumer
        .officer(&["stop", "contract", "tax-registry"])
        .await
        .good();
    let answer = both.consumer.get(PATH).send().await;
    answer.answered(200);
    let sent = &claims::leaves(&both.consumer, answer.request_id())[0];
    assert!(sent.contract.as_ref().unwrap().starts_with("tax-second@"));
}

#[tokio::test]
async fn a_hidden_service_that_is_stopped_looks_like_one_that_does_not_exist() {
    let mut world = World::with().make().await;
    let hidden = service(SERVICE, &world.registry, false);
    world.provider.plan(Plan {
        more: hidden,
        ..Plan::default()
    });
    let world = world.run().await;
    let puppet = Puppet::of(&world.consumer);
    let ask = async || {
        let request = puppet.request(&world.provider, PATH, "tax-registry@none");
        let answer = puppet.send(&world.provider, puppet.sign(request)).await;
        (answer.status, answer.message())
    };
    let before = ask().await;
    assert_eq!(before.0, 404);
    world
        .provider
        .officer(&["stop", "service", SERVICE_ID])
        .await
        .good();
    assert_eq!(ask().await, before);
}

#[tokio::test]
async fn a_stop_is_in_force_while_the_directory_is_expired_and_after_a_restart_without_the_cache() {
    let mut world = World::with().contract(usual()).make().await;
    world.publish(now_s() - 2 * 86_400);
    world.consumer.start().await;
    let unknown = world.consumer.get(PATH).send().await;
    unknown.refused(503, "server.clientproxy.global_conf_outdated");
    world
        .consumer
        .officer(&["stop", "member", "AZ/GOV/1001"])
        .await
        .good();
    world
        .consumer
        .get(PATH)
        .send()
        .await
        .refused(503, DISABLED_HERE);

    let mut world = World::usual().await;
    world
        .provider
        .officer(&["stop", "member", "AZ/GOV/2001"])
        .await
        .good();
    world
        .provider
        .officer(&["stop", "contract", "tax-registry"])
        .await
        .good();
    world
        .provider
        .officer(&["stop", "lift", "contract", "tax-registry"])
        .await
        .good();
    world.provider.stop().await;
    fs::remove_dir_all(world.provider.journal().join("cache")).unwrap();
    world.provider.start().await;
    world.publish(now_s());
    world.refresh().await;
    world
        .consumer
        .get(PATH)
        .send()
        .await
        .refused(503, DISABLED_THERE);
    let listed = world.provider.officer(&["stop", "list"]).await.good();
    assert!(
        listed.starts_with("member AZ/GOV/2001  since 20") && listed.ends_with("1 stopped\n"),
        "{listed}"
    );
    world
        .provider
        .officer(&["stop", "lift", "member", "AZ/GOV/2001"])
        .await
        .good();
    world.consumer.get(PATH).send().await.answered(200);
    assert_eq!(
        orders(&world.provider)
            .iter()
            .map(|leaf| fact(leaf, "order").to_owned())
            .collect::<Vec<_>>(),
        ["1", "2", "3", "4"]
    );
}

#[tokio::test]
async fn an_order_is_a_leaf_without_free_text_and_its_evidence_is_the_officers_signed_command() {
    let world = World::usual().await;
    let stop = ["stop", "member", "AZ/GOV/2001", "--reason", REASON];
    let said = world.provider.officer(&stop).await.good();
    let id = said.trim_end().rsplit(' ').next().unwrap().to_owned();
    let leaves = orders(&world.provider);
    assert_eq!(leaves.len(), 1);
    let leaf = &leaves[0];
    assert_eq!(
        (leaf.kind, leaf.mode, leaf.request_id.unwrap().to_string()),
        (Kind::Administration, Some(EvidenceMode::Full), id.clone())
    );
    let facts: Vec<(&str, &str)> = leaf
        .facts
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        facts,
        [
            ("action", "stop"),
            ("officer", "officer-1"),
            ("order", "1"),
            ("target", "member AZ/GOV/2001")
        ]
    );
    let shown = world.provider.officer(&["audit", "show", &id]).await.good();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let evidence = &shown["records"][0]["evidence"];
    assert!(evidence["body"]["text"].as_str().unwrap().contains(REASON));
    assert!(
        evidence["signature_base"]
            .as_str()
            .unwrap()
            .contains("\"content-digest\"")
    );

    // Said again, and lifted twice: one leaf each.
    let again = world.provider.officer(&stop).await.good();
    assert_eq!(again, "member AZ/GOV/2001: is stopped already\n");
    let lift = ["stop", "lift", "member", "AZ/GOV/2001"];
    assert!(
        world
            .provider
            .officer(&lift)
            .await
            .good()
            .contains(": lifted by order ")
    );
    let again = world.provider.officer(&lift).await.good();
    assert_eq!(again, "member AZ/GOV/2001: was not stopped\n");
    assert_eq!(orders(&world.provider).len(), 2);

    let slip = world
        .provider
        .officer(&["stop", "member", "AZ/GOV/2010"])
        .await
        .good();
    assert!(
        slip.contains("warning: this node knows no member AZ/GOV/2010"),
        "{slip}"
    );
    claims::verifies(&world.provider);
}

/// A command as the program sends it: signed over one body, sent with another.
async fn heard(agency: &Agency, order: &Order, sent: &[u8]) -> String {
    let pkcs8 = bridge_certs::read_key_file(&agency.folder.join("officer.key")).unwrap();
    let signer =
        FileSigner::from_pkcs8(Algorithm::Ed25519, &pkcs8, "officer-1".to_owned()).unwrap();
    let mut fields = HeaderMap::new();
    let digest = content_digest_of(&order.to_json());
    fields.insert("content-digest", content_digest_field(&digest));
    let view = RequestView {
        method: "POST",
        target: "/orders",
        authority: admin::AUTHORITY,
        scheme: "http",
        fields: &fields,
    };
    let params = admin::params("officer-1", now_s(), &[7; 16]);
    let base = signature_base(&Message::Request(view), &admin::components(true), &params).unwrap();
    let signature = signer.sign(base.bytes()).unwrap();
    let (input, value) = signature_fields(admin::LABEL, &base, &signature);
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    let mut request = format!(
        "POST /orders HTTP/1.1\r\nhost: admin\r\ncontent-length: {}\r\ncontent-digest: {}\r\n\
         signature-input: {}\r\nsignature: {}\r\n\r\n",
        sent.len(),
        text(&fields["content-digest"]),
        text(&input),
        text(&value)
    )
    .into_bytes();
    request.extend_from_slice(sent);
    let mut socket = UnixStream::connect(agency.folder.join("data/admin.sock"))
        .await
        .unwrap();
    socket.write_all(&request).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn an_order_that_was_heard_or_changed_on_its_way_is_not_carried_out() {
    let world = World::usual().await;
    let lift = |id| Order {
        id: Uuid::from_u128(id),
        change: Change::Lift(Target::Member("AZ/GOV/2001".parse().unwrap())),
        reason: None,
    };
    let stop = ["stop", "member", "AZ/GOV/2001"];
    world.provider.officer(&stop).await.good();
    let changed = heard(&world.provider, &lift(1), &lift(2).to_json()).await;
    assert!(
        changed.starts_with("HTTP/1.1 400") && changed.contains("not the one that was signed"),
        "{changed}"
    );
    let first = heard(&world.provider, &lift(1), &lift(1).to_json()).await;
    assert!(
        first.starts_with("HTTP/1.1 200") && first.contains("\"changed\":true"),
        "{first}"
    );
    world.provider.officer(&stop).await.good();
    let again = heard(&world.provider, &lift(1), &lift(1).to_json()).await;
    assert!(again.starts_with("HTTP/1.1 409"), "{again}");
    world
        .consumer
        .get(PATH)
        .send()
        .await
        .refused(503, DISABLED_THERE);
    assert_eq!(orders(&world.provider).len(), 3);
}

#[tokio::test]
async fn a_node_whose_orders_are_not_a_whole_series_does_not_start() {
    let mut world = World::usual().await;
    let node = &world.provider.live().node;
    let mut leaf = Leaf::new(Kind::Administration, node.clock.now());
    leaf.request_id = Some(Uuid::from_u128(1));
    leaf.outcome = Some("ordered".to_owned());
    for (name, value) in [
        ("action", "lift-stop"),
        ("officer", "officer-1"),
        ("order", "2"),
        ("target", "member AZ/GOV/2001"),
    ] {
        leaf.facts.insert(name.to_owned(), value.to_owned());
    }
    node.journal.record(Entry::of(leaf)).await.unwrap();
    world.provider.stop().await;
    let settings = Settings::load(&world.provider.config()).unwrap();
    let failure = Running::start(settings).await.err().unwrap();
    let lines = failure.lines().join("\n");
    assert!(
        lines.contains("order 1 of this node's officers is not in the journal's index")
            && lines.contains("audit verify"),
        "{lines}"
    );
}

#[tokio::test]
async fn an_exchange_that_was_allowed_and_is_not_yet_sent_is_stopped_and_ended_by_its_leaf() {
    let mut world = World::usual().await;
    let (there, gate) = (
        world.provider.ports.peer,
        TcpListener::bind(("127.0.0.1", 0)).await.unwrap(),
    );
    world.provider.entry.nodes[0].address = gate.local_addr().unwrap().to_string();
    world.publish(now_s());
    world.refresh().await;
    let node = &world.consumer.live().node;
    let stopping = async {
        // A connection is opened for what a contract has allowed.
        let (mut from, _) = gate.accept().await.unwrap();
        let order = Order {
            id: Uuid::from_u128(1),
            change: Change::Stop(Target::Contract("tax-registry".to_owned())),
            reason: None,
        };
        let proof = Proof {
            base: Vec::new(),
            signature: Vec::new(),
            body: order.to_json().into(),
        };
        let journal = (&node.history, &node.clock);
        let given = node.orders.give(journal, "officer-1", &order, proof).await;
        assert!(given.unwrap().is_some());
        let mut to = TcpStream::connect(there).await.unwrap();
        drop(tokio::io::copy_bidirectional(&mut from, &mut to).await);
    };
    let (refused, ()) = tokio::join!(world.consumer.get(PATH).send(), stopping);
    refused.refused(503, DISABLED_HERE);
    assert_eq!(
        kinds(&world.consumer, refused.request_id()),
        [Kind::RequestSent, Kind::Refused]
    );
    assert_eq!(kinds(&world.provider, refused.request_id()), []);
    assert_eq!(world.registry.seen().len(), 0);
}

/// Queries that the provider's node has allowed.
const ALLOWED: &str = "bridge_step_seconds_count{side=\"provider\",step=\"authorised\"}";

/// Asks while the leaf of an order is held at the provider's node; once the query is allowed, lets that go and holds the query's own.
async fn asked_meanwhile(world: &World, allowed_before: u64) -> Answer {
    let there = &world.provider;
    wait_until("the order's leaf is durable", async || held::is_held(there)).await;
    let allowing = async {
        wait_until("the query is allowed", async || {
            claims::metric(there, ALLOWED).await > allowed_before
        })
        .await;
        held::hold(there, "request-received durable");
        held::let_go(there);
    };
    tokio::join!(world.consumer.get(PATH).send(), allowing).0
}

/// The order's leaf is held, so that a query is allowed before the order is in force; then the query's own leaf is, until the officer
/// was told that it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_query_that_was_allowed_and_is_not_yet_served_is_stopped_at_the_providers_node() {
    let setup = World::with().contract(usual());
    // A journal that stands still is what is looked at, not what is refused.
    let patient = setup.limit("journal_wait_milliseconds = 10000");
    let mut world = patient.make().await;
    world.settle();
    let (there, mut refused_ids) = (&world.provider, Vec::new());
    let nodes = [
        held::start(there).await,
        Process::run_quietly(&world.consumer).await,
    ];
    let ask = || world.consumer.get(PATH).send();
    ask().await.answered(200);
    for (number, target) in [
        ["contract", "tax-registry"],
        ["service", SERVICE_ID],
        ["member", "AZ/GOV/2001"],
    ]
    .into_iter()
    .enumerate()
    {
        let before = claims::metric(there, ALLOWED).await;
        held::hold(there, "administration durable");
        let [what, name] = target;
        let stop = ["stop", what, name];
        let stopping = async {
            let told = there.officer(&stop).await.good();
            assert!(told.contains(": stopped by order "), "{told}");
            wait_until("the query's leaf is durable", async || held::is_held(there)).await;
            held::let_go(there);
        };
        let (refused, ()) = tokio::join!(asked_meanwhile(&world, before), stopping);
        refused.refused(503, DISABLED_THERE);
        assert!(refused.message().contains(name), "{}", refused.message());
        refused_ids.push(refused.request_id());
        assert_eq!(world.registry.seen().len(), number + 1, "{name}");
        let lift = ["stop", "lift", what, name];
        there.officer(&lift).await.good();
        ask().await.answered(200);
    }
    for mut node in nodes {
        node.terminate();
        assert_eq!(node.ended().await.code(), Some(0));
    }
    for (agency, ends) in [
        (&mut world.provider, [Kind::RequestReceived, Kind::Refused]),
        (
            &mut world.consumer,
            [Kind::RequestSent, Kind::ResponseReceived],
        ),
    ] {
        agency.start().await;
        for id in &refused_ids {
            assert_eq!(kinds(agency, *id), ends);
        }
        agency.stop().await;
        claims::verifies(agency);
    }
}

#[tokio::test]
async fn a_member_stopped_at_a_provider_whose_directory_is_expired_is_served_neither_before_nor_after_a_new_one()
 {
    let mut world = World::with().contract(usual()).make().await;
    world.publish(now_s() - 2 * 86_400);
    world.provider.start().await;
    world.publish(now_s());
    world.consumer.start().await;
    world.publish(now_s());
    world.consumer.refresh().await;
    let ask = || world.consumer.get(PATH).send();
    let stop = ["stop", "member", "AZ/GOV/2001"];
    let unknown = ask().await;
    unknown.refused(502, "server.clientproxy.service_failed");
    let told = world.provider.officer(&stop).await.good();
    assert!(told.contains(": stopped by order "), "{told}");
    // Its node knows nobody now, so it serves nobody, whatever is stopped.
    let unknown = ask().await;
    unknown.refused(502, "server.clientproxy.service_failed");
    world.provider.refresh().await;
    ask().await.refused(503, DISABLED_THERE);
    assert_eq!(world.registry.seen().len(), 0);
    let lift = ["stop", "lift", "member", "AZ/GOV/2001"];
    world.provider.officer(&lift).await.good();
    ask().await.answered(200);
}
