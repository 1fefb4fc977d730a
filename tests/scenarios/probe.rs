//! `probe`: each thing that is broken has its sentence and its remedy, and what works is told too.

use bridge_certs::{Authority, Profile};
use bridge_core::identity::CertificateName;
use bridge_core::leaf::Kind;
use bridge_tests::agency::{Agency, exchange_key, issue, issue_for};
use bridge_tests::claims::kinds;
use bridge_tests::puppet::Puppet;
use bridge_tests::puppet::server::Behaviour;
use bridge_tests::wait::now_s;
use bridge_tests::world::{World, usual};
use serde_json::{Value, json};
use uuid::Uuid;

const PEER: &str = "AZ/GOV/1001/NODE1";
const DAY_S: u64 = 86_400;

/// What the consumer's probe says of a node that works.
const GOOD: &str = "\
AZ/GOV/1001/NODE1
  ok     directory     version N, valid until TIME, lists it at ADDRESS
  ok     orders        no officer of this node stopped it
  ok     exchange key  valid until TIME, N days more
  ok     versions      both speak wire version N
  ok     address       ADDRESS is 127.0.0.1
  ok     connection    ADDRESS takes connections
  ok     TLS           version 1.3, bridge/1
  ok     certificate   names bridge://AZ/GOV/1001/NODE1, N in the chain, valid until TIME, N days more
  ok     identity      its key is one that the directory pins
  ok     admission     it knows this node's TLS key
  ok     round trip    signed and answered in N ms, journaled as ID
  ok     clock         differs by N s: TIME here, TIME there
  ok     maintenance   none announced
  ok     contracts     tax-registry for AZ/GOV/2001/TAX: both hold the same version
";

/// Takes out what differs from run to run.
fn steady(text: &str, address: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_end_matches(',');
        let comma = &word[bare.len()..];
        let is_number = bare.bytes().all(|byte| byte.is_ascii_digit()) && !bare.is_empty();
        let kind = if bare == address {
            "ADDRESS"
        } else if bare.len() == 20 && bare.starts_with("20") && bare.ends_with('Z') {
            "TIME"
        } else if is_number {
            "N"
        } else if Uuid::parse_str(bare).is_ok() {
            "ID"
        } else {
            bare
        };
        format!("{kind}{comma}")
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ") + "\n";
    text.lines().map(line).collect()
}

async fn probed(agency: &Agency, peer: &str) -> (i32, Value) {
    let said = agency.officer(&["probe", peer, "--json"]).await;
    let reports = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    (said.code, reports)
}

fn step<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut steps = report["steps"].as_array().unwrap().iter();
    steps.find(|step| step["step"] == name).unwrap()
}

/// Checks that exactly these steps fail, each with its words and a remedy.
async fn fails(agency: &Agency, peer: &str, expected: &[(&str, &str)]) {
    let (code, reports) = probed(agency, peer).await;
    let report = &reports[0];
    assert_eq!((code, &report["works"]), (1, &json!(false)), "{report:#}");
    let failing = report["steps"].as_array().unwrap().iter();
    let failing: Vec<&Value> = failing.filter(|step| step["state"] == "FAILS").collect();
    let names: Vec<&str> = failing
        .iter()
        .map(|s| s["step"].as_str().unwrap())
        .collect();
    let wanted: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, wanted, "{report:#}");
    for (found, (_, words)) in failing.iter().zip(expected) {
        assert!(
            found["said"].as_str().unwrap().contains(words),
            "{words}: {found:#}"
        );
        assert!(
            found["remedy"]
                .as_str()
                .is_some_and(|remedy| remedy.len() > 10),
            "{found:#}"
        );
    }
}

/// The consumer's node takes over the directory as the scenario changed it.
async fn told_to_consumer(world: &World) {
    world.publish(now_s());
    world.consumer.refresh().await;
}

#[tokio::test]
async fn s81_a_node_that_works_is_told_step_by_step_and_the_question_is_journaled_at_both_ends() {
    let world = World::usual().await;
    let said = world.consumer.officer(&["probe", PEER]).await.good();
    let address = world.provider.ports.peer.to_string();
    assert_eq!(steady(&said, &address), GOOD);
    let id = said
        .split_whitespace()
        .find_map(|word| Uuid::parse_str(word).ok());
    assert_eq!(
        kinds(&world.consumer, id.unwrap()),
        [Kind::RequestSent, Kind::ResponseReceived]
    );
    assert_eq!(
        kinds(&world.provider, id.unwrap()),
        [Kind::RequestReceived, Kind::ResponseSigned]
    );
    assert_eq!(world.registry.seen().len(), 0, "a probe calls no service");

    // A member stands for its nodes; the node that serves may look back; all known are listed.
    let (code, reports) = probed(&world.consumer, "AZ/GOV/1001").await;
    assert_eq!((code, &reports[0]["peer"]), (0, &json!(PEER)));
    assert!(reports[0]["round_trip_ms"].is_u64());
    let (code, back) = probed(&world.provider, "AZ/GOV/2001/NODE1").await;
    assert_eq!(code, 0, "{back:#}");
    assert_eq!(
        step(&back[0], "contracts")["said"],
        "none lets this node ask it"
    );
    let listed = world.consumer.officer(&["probe"]).await.good();
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(
        listed.contains(&format!("{PEER}  {address}  Agency 1001\n")),
        "{listed}"
    );
}

#[tokio::test]
async fn who_is_not_in_the_directory_or_has_no_valid_one() {
    let world = World::usual().await;
    for (peer, words) in [
        ("AZ/GOV/9999/NODE1", "does not list AZ/GOV/9999/NODE1"),
        ("AZ/GOV/1001/NODE9", "does not list AZ/GOV/1001/NODE9"),
        ("AZ/GOV/9999", "lists no node of AZ/GOV/9999"),
    ] {
        fails(&world.consumer, peer, &[("directory", words)]).await;
    }
    let wrong = world.consumer.officer(&["probe", "population"]).await;
    assert_eq!(wrong.code, 1);
    assert!(
        wrong
            .err
            .starts_with("`population` is not a node\nhint: give "),
        "{wrong:?}"
    );

    let mut expired = World::with().contract(usual()).make().await;
    expired.publish(now_s() - 2 * DAY_S);
    expired.consumer.start().await;
    fails(&expired.consumer, PEER, &[("directory", "directory")]).await;
}

#[tokio::test]
async fn addresses_where_nobody_or_something_else_answers() {
    let mut world = World::usual().await;
    let own = world.consumer.ports;
    let cases = [
        (
            "nowhere.invalid:5500".to_owned(),
            "address",
            "nowhere.invalid:5500 does not resolve",
        ),
        (
            "127.0.0.1:1".to_owned(),
            "connection",
            "nobody listens at 127.0.0.1:1",
        ),
        (own.plain.to_string(), "TLS", "does not speak TLS"),
        (own.consumer.to_string(), "TLS", "not bridge/1"),
        (
            own.peer.to_string(),
            "identity",
            "the certificate is not that of AZ/GOV/1001/NODE1",
        ),
    ];
    for (address, step, words) in cases {
        world.provider.entry.nodes[0].address = address;
        told_to_consumer(&world).await;
        fails(&world.consumer, PEER, &[(step, words)]).await;
    }
}

#[tokio::test]
async fn certificates_of_a_stranger_expired_ones_and_keys_that_are_not_pinned() {
    let mut world = World::usual().await;
    let name = || Some(CertificateName::Node(world.provider.node()));
    let folder = world.folder.path().join("other");
    let other = Authority::create(&folder, "Other", now_s() - 10 * DAY_S).unwrap();
    let keys = world.provider.folder.join("keys");
    let (strange, expired, new) = (keys.join("strange"), keys.join("expired"), keys.join("new"));
    issue(&other, Profile::Tls, name(), &strange, now_s());
    let past = (now_s() - 3 * DAY_S, now_s() - DAY_S);
    issue_for(&world.authority, Profile::Tls, name(), &expired, past);
    issue(&world.authority, Profile::Tls, name(), &new, now_s());
    for (tls, step, words) in [
        (strange, "certificate", "unknown authority"),
        (
            expired,
            "certificate",
            "expired: the certificate or its issuer was valid until",
        ),
        (
            new,
            "identity",
            "its key is not one that the directory pins",
        ),
    ] {
        let imposter = Puppet {
            tls,
            ..Puppet::of(&world.provider)
        };
        let listening = imposter.listen(Behaviour::CloseAtOnce).await;
        world.provider.entry.nodes[0].address = listening.address.to_string();
        told_to_consumer(&world).await;
        fails(&world.consumer, PEER, &[(step, words)]).await;
    }
}

#[tokio::test]
async fn a_node_that_lets_this_one_not_in_speaks_another_version_or_has_no_valid_key() {
    let mut world = World::usual().await;
    let good = world.consumer.entry.clone();
    world.consumer.entry.nodes[0].tls_pins = world.stranger.entry.nodes[0].tls_pins.clone();
    world.publish(now_s());
    world.provider.refresh().await;
    fails(
        &world.consumer,
        PEER,
        &[("admission", "it does not let this node in: ")],
    )
    .await;
    world.consumer.entry = good;
    world.publish(now_s());
    world.refresh().await;

    let good = world.provider.entry.clone();
    world.provider.entry.nodes[0].wire = vec![2, 3];
    told_to_consumer(&world).await;
    let words = "it speaks wire version 2, 3, this node 1";
    fails(&world.consumer, PEER, &[("versions", words)]).await;

    world.provider.entry = good;
    let stem = world.provider.folder.join("keys/old");
    let name = Some(CertificateName::Node(world.provider.node()));
    let past = (now_s() - 3 * DAY_S, now_s() - DAY_S);
    issue_for(&world.authority, Profile::Exchange, name, &stem, past);
    let der = world.provider.certificate("keys/old.pem");
    let old = exchange_key(&world.authority, &der, now_s() - 2 * DAY_S);
    world.provider.entry.nodes[0].exchange = vec![old];
    told_to_consumer(&world).await;
    let words = "none of its 1 exchange keys in the directory is valid now";
    fails(&world.consumer, PEER, &[("exchange key", words)]).await;
}

#[tokio::test]
async fn clocks_that_differ_are_told_whether_or_not_exchanges_still_pass() {
    let world = World::usual().await;
    world.provider.set_clock(now_s() + 15);
    fails(&world.consumer, PEER, &[("clock", " here, ")]).await;
    world.provider.set_clock(now_s() + 50);
    let both = [("round trip", "clock"), ("clock", "differs by ")];
    fails(&world.consumer, PEER, &both).await;

    // The other way round the peer refuses, signed, and its own clock is read from the refusal.
    let world = World::usual().await;
    world.consumer.set_clock(now_s() + 45);
    let both = [
        ("round trip", "it refused, signed: "),
        ("clock", "differs by "),
    ];
    fails(&world.consumer, PEER, &both).await;
}

#[tokio::test]
async fn contracts_that_differ_or_are_held_at_one_end_only() {
    let other = usual().with("title", json!("Another version"));
    let world = World::with()
        .provider_contract(other)
        .consumer_contract(usual())
        .start()
        .await;
    fails(
        &world.consumer,
        PEER,
        &[("contracts", "the versions differ: tax-registry@")],
    )
    .await;

    let world = World::with().consumer_contract(usual()).start().await;
    let words = " is held here and not there";
    fails(&world.consumer, PEER, &[("contracts", words)]).await;
    let world = World::with().provider_contract(usual()).start().await;
    let words = " is held there and not here";
    fails(&world.consumer, PEER, &[("contracts", words)]).await;
}

#[tokio::test]
async fn stops_and_maintenance_of_either_end() {
    let world = World::usual().await;
    let (own, there) = (&world.consumer, &world.provider);
    own.officer(&["stop", "member", "AZ/GOV/1001"]).await.good();
    let words = "exchange with AZ/GOV/1001 is stopped by this node's officers";
    fails(own, PEER, &[("orders", words)]).await;
    own.officer(&["stop", "lift", "member", "AZ/GOV/1001"])
        .await
        .good();

    own.officer(&["stop", "contract", "tax-registry"])
        .await
        .good();
    let words = "tax-registry is stopped by this node's officers";
    fails(own, PEER, &[("contracts", words)]).await;
    own.officer(&["stop", "lift", "contract", "tax-registry"])
        .await
        .good();

    there
        .officer(&["stop", "member", "AZ/GOV/2001"])
        .await
        .good();
    let words = "it refused, signed: Exchange with the member AZ/GOV/2001: stopped since ";
    fails(own, PEER, &[("round trip", words)]).await;
    there
        .officer(&["stop", "lift", "member", "AZ/GOV/2001"])
        .await
        .good();

    let announce = [
        "maintenance",
        "announce",
        "--until",
        "2066-01-01T00:00:00+04:00",
        "--from",
    ];
    let later = [&announce[..], &["2065-01-01T00:00:00+04:00"]].concat();
    there.officer(&later).await.good();
    let (code, reports) = probed(own, PEER).await;
    let told = step(&reports[0], "maintenance")["said"].as_str().unwrap();
    assert_eq!(
        (code, told),
        (
            0,
            "announced: AZ/GOV/1001/NODE1 from 2064-12-31T20:00:00Z until 2065-12-31T20:00:00Z"
        )
    );
    let now = [&announce[..], &["2026-01-01T00:00:00+04:00"]].concat();
    there.officer(&now).await.good();
    fails(
        own,
        PEER,
        &[(
            "maintenance",
            "it is in maintenance: AZ/GOV/1001/NODE1 from 2025",
        )],
    )
    .await;
    own.officer(&now).await.good();
    fails(
        own,
        PEER,
        &[("orders", "this node is in maintenance: AZ/GOV/2001/NODE1")],
    )
    .await;
}
