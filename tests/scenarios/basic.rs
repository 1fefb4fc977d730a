//! What a query and its answer carry, unchanged.

use bridge_tests::claims;
use bridge_tests::registry::{Reaction, fields_of};
use bridge_tests::world::{PATH, PROVIDER, World, service, usual};
use bytes::Bytes;
use uuid::Uuid;

#[tokio::test]
async fn s01_get_post_put_patch_delete_head_pass_unchanged() {
    let world = World::usual().await;
    for method in [
        "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE",
    ] {
        let body = if matches!(method, "POST" | "PUT" | "PATCH") {
            "{\"a\": 1}"
        } else {
            ""
        };
        world.registry.always(Reaction::answer(
            200,
            &[("x-own", "1"), ("etag", "\"v\"")],
            "answer",
        ));
        let target = format!("{PATH}/a/b%20c?q=1&r=%C3%BC&q=2");
        let ask = world
            .consumer
            .ask(method, &target)
            .field("content-type", "application/json");
        let answer = ask.field("x-custom", "kept").body(body).send().await;
        answer.answered(200);
        let seen = world.registry.last();
        assert_eq!(seen.method, method);
        assert_eq!(seen.target, "/base/a/b%20c?q=1&r=%C3%BC&q=2");
        assert_eq!(seen.body, body);
        assert_eq!(seen.fields["x-custom"], "kept");
        assert_eq!(seen.fields["content-type"], "application/json");
        assert_eq!(answer.body, if method == "HEAD" { "" } else { "answer" });
        assert_eq!(
            (answer.field("x-own"), answer.field("etag")),
            (Some("1"), Some("\"v\""))
        );
        claims::both_ends_agree(&world, &answer);
    }
    claims::verifies(&world.consumer);
    claims::verifies(&world.provider);
}

#[tokio::test]
async fn s02_message_id_is_kept_and_made_when_absent() {
    let world = World::usual().await;
    let kept = world
        .consumer
        .get(PATH)
        .field("x-road-id", "case 7/")
        .send()
        .await;
    assert_eq!(kept.field("x-road-id"), Some("case 7/"));
    assert_eq!(world.registry.last().fields["x-road-id"], "case 7/");
    let made = world.consumer.get(PATH).send().await;
    let id = made.field("x-road-id").unwrap().to_owned();
    Uuid::parse_str(id.strip_prefix("AZ-").expect("instance and UUID")).unwrap();
    assert_ne!(made.request_id(), kept.request_id());
    let repeated = world
        .consumer
        .get(PATH)
        .field("x-road-id", "case 7/")
        .send()
        .await;
    repeated.answered(200);
    for leaf in claims::leaves(&world.consumer, kept.request_id()) {
        let mut text = Vec::new();
        leaf.write(&mut text).unwrap();
        assert!(
            !String::from_utf8(text).unwrap().contains("case 7"),
            "the caller's own id is in no leaf"
        );
    }
}

#[tokio::test]
async fn s03_percent_encoded_id_parts_find_the_right_service() {
    let code = "şəxs kodu/1";
    let encoded = "%C5%9F%C9%99xs%20kodu%2F1";
    let setup = World::with().contract(usual().with("service", code.into()));
    let mut world = setup.make().await;
    let more = service(code, &world.registry, true);
    let mut plan = bridge_tests::agency::Plan {
        more,
        ..Default::default()
    };
    plan.contracts.push(usual().with("service", code.into()));
    world.provider.plan(plan);
    let world = world.run().await;
    let target = format!("/r1/AZ/GOV/1001/POPULATION/{encoded}/x");
    let answer = world.consumer.get(&target).send().await;
    answer.answered(200);
    assert_eq!(
        answer.field("x-road-service"),
        Some(format!("{PROVIDER}/{encoded}").as_str())
    );
    assert_eq!(world.registry.last().target, "/base/x");
    let lower = world
        .consumer
        .get(&target.replace("%2F", "%2f"))
        .send()
        .await;
    lower.answered(200);
    assert_eq!(
        lower.field("x-road-service"),
        answer.field("x-road-service"),
        "written anew in one form"
    );
    let other = world
        .consumer
        .get("/r1/AZ/GOV/1001/POPULATION/%C5%9F%C9%99xs%20kodu/1/x")
        .send()
        .await;
    other.refused(403, "server.clientproxy.access_denied"); // a raw slash ends the part: that is another service
}

#[tokio::test]
async fn s04_empty_relative_path_and_trailing_slash() {
    let world = World::usual().await;
    for (rest, seen) in [
        ("", "/base"),
        ("/", "/base/"),
        ("/a/", "/base/a/"),
        ("?q=1", "/base?q=1"),
        ("/?q=1", "/base/?q=1"),
    ] {
        world
            .consumer
            .get(&format!("{PATH}{rest}"))
            .send()
            .await
            .answered(200);
        assert_eq!(world.registry.last().target, seen, "{rest}");
    }
}

#[tokio::test]
async fn s05_tens_of_megabytes_pass_byte_identical_both_ways() {
    let world = World::usual().await;
    let body: Vec<u8> = (0..20_000_003_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let body = Bytes::from(body);
    let kind = "application/octet-stream";
    let answer = world
        .consumer
        .ask("POST", PATH)
        .field("content-type", kind)
        .body(body.clone())
        .send()
        .await;
    answer.answered(200);
    assert!(answer.body == body, "the answer differs");
    assert!(world.registry.last().body == body, "the request differs");
    assert_eq!(answer.field("content-length"), Some("20000003"));
    claims::both_ends_agree(&world, &answer);
    for agency in [&world.consumer, &world.provider] {
        for leaf in claims::leaves(agency, answer.request_id()) {
            assert_eq!(
                leaf.mode,
                Some(bridge_core::leaf::EvidenceMode::Digest),
                "above the limit the leaf says so"
            );
        }
        assert_eq!(agency.live().node.room.used(), 0, "nothing stays spooled");
        claims::verifies(agency);
    }
}

#[tokio::test]
async fn s06_chunked_and_counted_bodies_have_the_right_length() {
    let world = World::usual().await;
    for size in [0_usize, 1, 65_536, 1_048_576, 1_048_577, 3_000_000] {
        let body = Bytes::from(vec![b'x'; size]);
        let pieces = body.chunks(100_000).map(Bytes::copy_from_slice).collect();
        let chunked = world.consumer.ask("POST", PATH).chunks(pieces).send().await;
        chunked.answered(200);
        assert_eq!(chunked.body.len(), size);
        assert_eq!(
            chunked.field("content-length"),
            Some(size.to_string().as_str())
        );
        let counted = world
            .consumer
            .ask("POST", PATH)
            .body(body.clone())
            .send()
            .await;
        assert!(counted.body == body);
        assert_eq!(world.registry.last().body.len(), size);
    }
}

#[tokio::test]
async fn s07_one_date_no_hop_by_hop_fields_secrets_kept() {
    let world = World::usual().await;
    world.registry.always(Reaction::Answer(
        200,
        fields_of(&[
            ("date", "Sat, 21 Nov 2026 10:00:00 GMT"),
            ("server", "registry/1"),
            ("keep-alive", "timeout=5"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("cache-control", "no-store"),
        ]),
        Bytes::from_static(b"x"),
    ));
    let ask = world
        .consumer
        .get(PATH)
        .field("authorization", "Bearer t")
        .field("cookie", "c=3");
    let ask = ask
        .field("connection", "keep-alive")
        .field("te", "trailers")
        .field("user-agent", "curl");
    let ask = ask
        .field("proxy-authorization", "Basic x")
        .field("accept-encoding", "gzip")
        .field("range", "bytes=0-1");
    let answer = ask.field("expect", "100-continue").send().await;
    answer.answered(200);
    let seen = world.registry.last().fields;
    assert_eq!(
        (&seen["authorization"], &seen["cookie"]),
        (&"Bearer t".parse().unwrap(), &"c=3".parse().unwrap())
    );
    for gone in [
        "te",
        "user-agent",
        "proxy-authorization",
        "accept-encoding",
        "range",
        "expect",
        "bridge-secrets",
        "signature",
    ] {
        assert!(!seen.contains_key(gone), "{gone} reached the registry");
    }
    assert_eq!(answer.field("date"), Some("Sat, 21 Nov 2026 10:00:00 GMT"));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert_eq!(answer.fields.get_all("set-cookie").iter().count(), 2);
    for gone in [
        "server",
        "keep-alive",
        "signature",
        "signature-input",
        "bridge-secrets",
        "content-digest",
    ] {
        assert!(
            !answer.fields.contains_key(gone),
            "{gone} reached the caller"
        );
    }
    for shown in claims::shown(&world.provider, answer.request_id()) {
        let base = String::from_utf8(shown.evidence.unwrap().base).unwrap();
        assert!(
            !base.contains("Bearer t") && !base.contains("c=3") && !base.contains("a=1"),
            "a secret was kept: {base}"
        );
        assert!(
            base.contains("\"bridge-secrets\": "),
            "their digests are covered"
        );
    }
}

#[tokio::test]
async fn s08_the_providers_own_statuses_pass_without_an_error_field() {
    let world = World::usual().await;
    for status in [
        201, 204, 302, 304, 400, 401, 403, 404, 409, 418, 429, 500, 502, 503,
    ] {
        let body = if matches!(status, 204 | 304) {
            ""
        } else {
            "{\"own\":true}"
        };
        let fields = [
            ("location", "/elsewhere"),
            ("content-type", "application/json"),
            ("retry-after", "7"),
        ];
        world
            .registry
            .always(Reaction::answer(status, &fields, body));
        let answer = world.consumer.get(PATH).send().await;
        answer.answered(status);
        assert_eq!(answer.body, body);
        assert_eq!(
            (answer.field("location"), answer.field("retry-after")),
            (Some("/elsewhere"), Some("7"))
        );
        claims::both_ends_agree(&world, &answer);
    }
}

#[tokio::test]
async fn s09_request_hash_is_returned_and_x_road_fields_of_a_registry_are_overwritten() {
    let world = World::usual().await;
    let forged = [
        ("x-road-client", "AZ/GOV/9999/EVIL"),
        ("x-road-service", "AZ/GOV/9999/EVIL/x"),
        ("x-road-id", "other"),
        ("x-road-request-id", "other"),
        ("x-road-request-hash", "other"),
        ("x-road-error", "server.serverproxy.access_denied"),
        ("bridge-receipt", "forged"),
        ("bridge-peer-receipt", "forged"),
        ("signature", "bridge=:AA==:"),
    ];
    world.registry.always(Reaction::answer(200, &forged, "own"));
    let ask = world
        .consumer
        .ask("POST", PATH)
        .field("x-road-request-hash", "callers")
        .field("x-road-request-id", "callers");
    let answer = ask
        .field("x-road-id", "mine")
        .field("x-road-userid", "AZ1")
        .field("x-road-issue", "case")
        .body("b")
        .send()
        .await;
    answer.answered(200);
    assert_eq!(
        answer.field("x-road-client"),
        Some(world.consumer.subsystem.to_string().as_str())
    );
    assert_eq!(
        answer.field("x-road-service"),
        Some("AZ/GOV/1001/POPULATION/registry")
    );
    assert_eq!(answer.field("x-road-id"), Some("mine"));
    Uuid::parse_str(&answer.request_id().to_string()).unwrap();
    let hash = answer.field("x-road-request-hash").unwrap();
    assert_eq!(hash.len(), 88, "base64 of SHA-512");
    let seen = world.registry.last().fields;
    assert_eq!(
        seen["x-road-request-id"],
        answer.request_id().to_string().as_str()
    );
    assert_eq!(
        (&seen["x-road-userid"], &seen["x-road-issue"]),
        (&"AZ1".parse().unwrap(), &"case".parse().unwrap())
    );
    assert!(!seen.contains_key("x-road-request-hash"));
    claims::both_ends_agree(&world, &answer);
}
