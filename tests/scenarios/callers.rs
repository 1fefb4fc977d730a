//! Who may ask, and how an information system proves itself.

use std::time::{Duration, Instant};

use bridge_certs::Profile;
use bridge_core::leaf::Kind;
use bridge_tests::agency::{issue, issue_for};
use bridge_tests::claims;
use bridge_tests::wait::now_s;
use bridge_tests::world::{CONSUMER, PATH, World, usual};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const NOT_AUTHENTICATED: &str = "server.clientproxy.ssl_authentication_failed";

#[tokio::test]
async fn s17_missing_or_malformed_client_and_too_short_paths() {
    let world = World::usual().await;
    let ask = |target: &'static str| world.consumer.get(target);
    let missing = ask(PATH).without("x-road-client").send().await;
    missing.refused(400, "server.clientproxy.missing_header_field");
    for client in [
        "AZ",
        "AZ/GOV/2001",
        "AZ/GOV/2001/TAX/more",
        "AZ//2001/TAX",
        "AZ/GOV/2001/T%zz",
        "AZ/GOV/../TAX",
        "AZ/GOV/2001/%00",
    ] {
        let answer = ask(PATH).field("x-road-client", client).send().await;
        answer.refused(400, "server.clientproxy.invalid_client_identifier");
    }
    for target in [
        "/",
        "/r1",
        "/r1/",
        "/r1/AZ",
        "/r1/AZ/GOV/1001/POPULATION",
        "/r1/AZ/GOV/1001//registry",
        "/r2/AZ/GOV/1001/POPULATION/x",
        "/other",
    ] {
        ask(target)
            .send()
            .await
            .refused(400, "server.clientproxy.bad_request");
    }
    assert!(world.registry.seen().is_empty());
}

#[tokio::test]
async fn s18_a_client_that_the_caller_does_not_own_or_nobody_knows() {
    let more = "[[callers]]\nname = \"two\"\nsubsystems = [\"AZ/GOV/2001/GONE\", \"AZ/GOV/1001/POPULATION\"]\ncertificate = \"../leaf.pem\"\n".to_owned();
    let mut world = World::with().contract(usual()).make().await;
    issue(
        &world.authority,
        Profile::Caller,
        None,
        &world.consumer.folder.join("callers/two"),
        now_s(),
    );
    let pem = std::fs::read_to_string(world.consumer.folder.join("callers/two.pem")).unwrap();
    let end = "-----END CERTIFICATE-----\n";
    std::fs::write(
        world.folder.path().join("leaf.pem"),
        pem.split_inclusive(end).next().unwrap(),
    )
    .unwrap();
    world.consumer.plan(bridge_tests::agency::Plan {
        more,
        contracts: vec![usual()],
        ..Default::default()
    });
    let world = world.run().await;
    for client in [
        "AZ/GOV/2001/OTHER",
        "AZ/GOV/9999/TAX",
        "AZ/GOV/1001/POPULATION",
    ] {
        let answer = world
            .consumer
            .get(PATH)
            .field("x-road-client", client)
            .send()
            .await;
        answer.refused(403, NOT_AUTHENTICATED);
        assert!(
            answer.field("x-road-request-id").is_none(),
            "nothing is journaled for whom nobody vouches"
        );
    }
    let two = |client: &str| {
        world
            .consumer
            .get(PATH)
            .certificate(Some("callers/two"))
            .field("x-road-client", client)
    };
    // Owned by its credentials, but not registered in the directory.
    two("AZ/GOV/2001/GONE")
        .send()
        .await
        .refused(404, "server.clientproxy.unknown_member");
    // Owned by its credentials, but a subsystem of another member: this node does not speak for it.
    two("AZ/GOV/1001/POPULATION")
        .send()
        .await
        .refused(403, NOT_AUTHENTICATED);
    assert!(world.registry.seen().is_empty());
}

#[tokio::test]
async fn s19_unknown_member_subsystem_and_service() {
    let gone = usual()
        .with("id", "tax-gone".into())
        .with("service", "gone".into());
    let world = World::with().contract(usual()).contract(gone).start().await;
    for (target, status, code) in [
        (
            "/r1/AZ/GOV/9999/POPULATION/registry",
            404,
            "server.clientproxy.unknown_member",
        ),
        (
            "/r1/EE/GOV/1001/POPULATION/registry",
            404,
            "server.clientproxy.unknown_member",
        ),
        (
            "/r1/AZ/GOV/1001/OTHER/registry",
            404,
            "server.clientproxy.unknown_member",
        ),
        // Under a contract, but the provider has no such service: the provider's node says so, signed.
        (
            "/r1/AZ/GOV/1001/POPULATION/gone",
            404,
            "server.serverproxy.unknown_service",
        ),
        // Without a contract a consumer's node cannot know which services exist.
        (
            "/r1/AZ/GOV/1001/POPULATION/never",
            403,
            "server.clientproxy.access_denied",
        ),
    ] {
        let answer = world.consumer.get(target).send().await;
        answer.refused(status, code);
        if code.starts_with("server.clientproxy") {
            claims::refused_leaf(&world.consumer, answer.request_id(), code);
        } else {
            claims::refused_leaf(&world.provider, answer.request_id(), code);
            assert_eq!(
                claims::kinds(&world.consumer, answer.request_id()),
                [Kind::RequestSent, Kind::ResponseReceived]
            );
        }
    }
}

#[tokio::test]
async fn s37_right_wrong_missing_and_expired_certificates_of_information_systems() {
    let mut world = World::with().contract(usual()).make().await;
    let consumer = &mut world.consumer;
    let day = 86_400;
    let past = (now_s() - 3 * day, now_s() - day);
    issue_for(
        &world.authority,
        Profile::Caller,
        None,
        &consumer.folder.join("callers/expired"),
        past,
    );
    issue(
        &world.authority,
        Profile::Caller,
        None,
        &consumer.folder.join("callers/other"),
        now_s(),
    );
    let pem = std::fs::read_to_string(consumer.folder.join("callers/expired.pem")).unwrap();
    let end = "-----END CERTIFICATE-----\n";
    std::fs::write(
        consumer.folder.join("callers/pinned.pem"),
        pem.split_inclusive(end).next().unwrap(),
    )
    .unwrap();
    let more = format!(
        "[[callers]]\nname = \"late\"\nsubsystems = [\"{CONSUMER}\"]\ncertificate = \"callers/pinned.pem\"\n"
    );
    consumer.plan(bridge_tests::agency::Plan {
        more,
        contracts: vec![usual()],
        ..Default::default()
    });
    let world = world.run().await;
    world.consumer.get(PATH).send().await.answered(200);
    let mut bodies = Vec::new();
    for wrong in [
        None,
        Some("callers/other"),
        Some("callers/expired"),
        Some("keys/tls"),
        Some("keys/web"),
    ] {
        let answer = world.consumer.get(PATH).certificate(wrong).send().await;
        answer.refused(401, NOT_AUTHENTICATED);
        bodies.push(answer.message());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "401 says nothing more");
    assert_eq!(world.registry.seen().len(), 1);
}

#[tokio::test]
async fn s38_plain_http_is_turned_away_where_tls_is_required() {
    let world = World::usual().await;
    // The TLS listener does not speak plain HTTP.
    let mut agency = world.consumer.ports;
    agency.plain = agency.consumer;
    let stream = TcpStream::connect(agency.consumer).await.unwrap();
    let got = over_plain(stream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(!got.contains("HTTP/1.1 2"), "{got}");
    // The loopback listener without TLS wants a key.
    world
        .consumer
        .get(PATH)
        .plain()
        .send()
        .await
        .refused(401, NOT_AUTHENTICATED);
    world
        .consumer
        .get(PATH)
        .by_key()
        .plain()
        .send()
        .await
        .answered(200);
    // And a settings file cannot open it to the network.
    let text = std::fs::read_to_string(world.consumer.config()).unwrap();
    let open = text.replace("plain_listen = \"127.0.0.1", "plain_listen = \"0.0.0.0");
    let faults = bridge_node::settings::Settings::parse(&open, &world.consumer.folder).unwrap_err();
    assert_eq!(
        faults
            .iter()
            .map(|fault| fault.place.as_str())
            .collect::<Vec<_>>(),
        ["consumer.plain_listen"]
    );
}

async fn over_plain(mut stream: TcpStream, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    drop(stream.read_to_end(&mut got).await);
    String::from_utf8_lossy(&got).into_owned()
}

#[tokio::test]
async fn s69_api_keys_prove_a_caller_and_are_consumed() {
    let world = World::usual().await;
    let answer = world.consumer.get(PATH).by_key().send().await;
    answer.answered(200);
    assert!(!world.registry.last().fields.contains_key("bridge-api-key"));
    claims::both_ends_agree(&world, &answer);
    for wrong in [
        "",
        "wrong",
        &world.consumer.api_key[1..],
        &world.provider.api_key,
    ] {
        // A wrong key is not made good by a right certificate.
        let answer = world
            .consumer
            .get(PATH)
            .field("bridge-api-key", wrong)
            .send()
            .await;
        answer.refused(401, NOT_AUTHENTICATED);
    }
    let other = world
        .consumer
        .get(PATH)
        .by_key()
        .field("x-road-client", "AZ/GOV/1001/POPULATION")
        .send()
        .await;
    other.refused(403, NOT_AUTHENTICATED);
}

#[tokio::test]
async fn a_caller_whose_system_gathers_small_packets_waits_for_no_acknowledgement() {
    let world = World::usual().await;
    let consumer = &world.consumer;
    let request = format!(
        "GET {PATH} HTTP/1.1\r\nHost: node.local\r\nX-Road-Client: {CONSUMER}\r\nBridge-Api-Key: {}\r\nConnection: close\r\n\r\n",
        consumer.api_key
    );
    let mut times = Vec::new();
    for _ in 0..24 {
        // As the system makes it, without TCP_NODELAY.
        let tcp = TcpStream::connect(consumer.ports.consumer).await.unwrap();
        let mut tls = consumer.tls_over(tcp, None).await.unwrap();
        let begun = Instant::now();
        tls.write_all(request.as_bytes()).await.unwrap();
        let mut got = Vec::new();
        tls.read_to_end(&mut got).await.unwrap();
        times.push(begun.elapsed());
        assert!(got.starts_with(b"HTTP/1.1 200 "));
    }
    times.sort();
    // The kernel's own acknowledgement takes 40 ms each time; other work of the machine makes some late.
    assert!(
        times[times.len() / 4] < Duration::from_millis(35),
        "{times:?}"
    );
}
