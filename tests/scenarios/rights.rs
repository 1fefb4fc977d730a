//! What a contract allows, and how its refusals explain themselves.

use bridge_core::leaf::Kind;
use bridge_tests::claims;
use bridge_tests::puppet::{Puppet, reference};
use bridge_tests::terms::{endpoint, terms};
use bridge_tests::wait::now_s;
use bridge_tests::world::{CONSUMER, PATH, PROVIDER, SERVICE, STRANGER, World, usual};
use serde_json::json;

const DENIED: &str = "server.clientproxy.access_denied";
const DENIED_THERE: &str = "server.serverproxy.access_denied";

#[tokio::test]
async fn s25_denied_without_a_contract_and_granted_by_subsystem_local_and_global_group() {
    let world = World::with().start().await;
    let answer = world.consumer.get(PATH).send().await;
    answer.refused(403, DENIED);
    claims::refused_leaf(&world.consumer, answer.request_id(), DENIED);
    assert!(
        answer.message().contains(PROVIDER),
        "it says whom to ask: {}",
        answer.message()
    );
    assert!(world.registry.seen().is_empty());

    World::usual()
        .await
        .consumer
        .get(PATH)
        .send()
        .await
        .answered(200);

    let global = usual().with("consumer", json!({ "global_group": "tax-offices" }));
    let member = World::with()
        .contract(global.clone())
        .group("tax-offices", &[STRANGER, CONSUMER])
        .start()
        .await;
    let answer = member.consumer.get(PATH).send().await;
    answer.answered(200);
    claims::both_ends_agree(&member, &answer);
    let outside = World::with()
        .contract(global)
        .group("tax-offices", &[STRANGER])
        .start()
        .await;
    outside.consumer.get(PATH).send().await.refused(403, DENIED);

    let local = usual().with("consumer", json!({ "local_group": "partners" }));
    let groups = |members: &str| format!("[local_groups]\npartners = [{members}]\n");
    let both = groups(&format!("\"{CONSUMER}\""));
    let setup = World::with()
        .contract(local.clone())
        .provider_settings(&both)
        .consumer_settings(&both);
    setup
        .start()
        .await
        .consumer
        .get(PATH)
        .send()
        .await
        .answered(200);
    // The provider's own list decides, whatever the consumer's node believes.
    let setup = World::with()
        .contract(local)
        .provider_settings(&groups(""))
        .consumer_settings(&both);
    let world = setup.start().await;
    let answer = world.consumer.get(PATH).send().await;
    answer.refused(403, "server.serverproxy.access_denied");
    claims::refused_leaf(
        &world.provider,
        answer.request_id(),
        answer.field("x-road-error").unwrap(),
    );
}

#[tokio::test]
async fn s26_methods_and_path_patterns_and_what_never_escapes_them() {
    let endpoints = json!([
        endpoint("GET", "/open/*"),
        endpoint("*", "/deep/**"),
        endpoint("POST", "/exact"),
        endpoint("GET", "")
    ]);
    let world = World::with()
        .contract(usual().with("endpoints", endpoints))
        .start()
        .await;
    for (method, rest, allowed) in [
        ("GET", "/open/1", true),
        ("GET", "/open/%C3%BC", true),
        ("POST", "/open/1", false),
        ("GET", "/open", false),
        ("GET", "/open/", false),
        ("GET", "/open/1/2", false),
        ("GET", "/open/1/", false),
        ("GET", "/deep", true),
        ("DELETE", "/deep/a/b/c", true),
        ("GET", "/deeper", false),
        ("POST", "/exact", true),
        ("POST", "/Exact", false),
        ("POST", "/%65xact", true),
        ("GET", "", true),
        ("GET", "/", false),
        ("GET", "/elsewhere", false),
    ] {
        let answer = world
            .consumer
            .ask(method, &format!("{PATH}{rest}"))
            .send()
            .await;
        if allowed {
            answer.answered(200);
        } else {
            answer.refused(403, DENIED);
            assert!(
                answer.message().contains("tax-registry"),
                "it names the contract"
            );
        }
    }
    let reached = world.registry.seen().len();
    for escape in [
        "/open/..%2fdeep",
        "/open/%2e%2e/deep/x",
        "/open/%252e%252e%252fdeep",
        "/open/..",
        "/deep/..%5cx",
        "/open/a%2f..%2fb",
    ] {
        let answer = world.consumer.get(&format!("{PATH}{escape}")).send().await;
        answer.refused(400, "server.clientproxy.bad_request");
    }
    assert_eq!(world.registry.seen().len(), reached);
    assert!(
        world
            .registry
            .seen()
            .iter()
            .any(|seen| seen.target == "/base/exact"),
        "written anew once"
    );
}

#[tokio::test]
async fn purposes_and_legal_bases_are_demanded_and_recorded() {
    let listed = usual()
        .with("purposes", json!([{ "code": "assessment", "title": "Assessing" }, { "code": "refund", "title": "Refunding" }]))
        .with("legal_basis", json!([{ "code": "tax-code-23", "title": "Tax Code, article 23" }]));
    let world = World::with().contract(listed).start().await;
    let ask = || world.consumer.get(PATH);
    let none = ask().send().await;
    none.refused(403, DENIED);
    assert!(
        none.message().contains("assessment") && none.message().contains("refund"),
        "{}",
        none.message()
    );
    ask()
        .field("bridge-purpose", "curiosity")
        .field("bridge-legal-basis", "tax-code-23")
        .send()
        .await
        .refused(403, DENIED);
    ask()
        .field("bridge-purpose", "refund")
        .send()
        .await
        .refused(403, DENIED);
    ask()
        .field("bridge-purpose", "refund")
        .field("bridge-legal-basis", "none")
        .send()
        .await
        .refused(403, DENIED);
    let good = ask()
        .field("bridge-purpose", "refund")
        .field("bridge-legal-basis", "tax-code-23")
        .send()
        .await;
    good.answered(200);
    claims::both_ends_agree(&world, &good);
    for agency in [&world.consumer, &world.provider] {
        for leaf in claims::leaves(agency, good.request_id()) {
            assert_eq!(
                (leaf.purpose.as_deref(), leaf.basis.as_deref()),
                (Some("refund"), Some("tax-code-23"))
            );
            assert!(
                leaf.rules.iter().any(|rule| rule == "purpose:refund"),
                "{:?}",
                leaf.rules
            );
        }
    }
    assert_eq!(world.registry.seen().len(), 1);
}

#[tokio::test]
async fn s75_a_used_up_quota_is_429_with_the_time_to_wait_and_ends_with_its_window() {
    let world = World::with()
        .contract(usual().with("quota", json!({ "per_hour": 2, "per_day": 3 })))
        .start()
        .await;
    // The clocks stand still at the start of an hour, whenever the test runs.
    let hour = (now_s() / 3600 + 1) * 3600;
    let set_clocks = |unix_s| {
        for agency in [&world.consumer, &world.provider] {
            agency.set_clock(unix_s);
        }
    };
    set_clocks(hour);
    for _ in 0..2 {
        world.consumer.get(PATH).send().await.answered(200);
    }
    let over = world.consumer.get(PATH).send().await;
    over.refused(429, "server.clientproxy.quota_exceeded");
    let wait: u64 = over.field("retry-after").unwrap().parse().unwrap();
    assert!((3590..=3600).contains(&wait), "{wait}");
    set_clocks(hour + wait);
    world.consumer.get(PATH).send().await.answered(200);
    // Before midnight the next hour is another day.
    if hour / 86_400 == (hour + wait) / 86_400 {
        let day = world.consumer.get(PATH).send().await;
        day.refused(429, "server.clientproxy.quota_exceeded");
        assert!(day.field("retry-after").unwrap().parse::<u64>().unwrap() <= 86_400);
    }
}

#[tokio::test]
async fn a_quota_is_held_by_the_provider_too_and_survives_its_restart() {
    let stranger = terms("stranger-registry", STRANGER, PROVIDER, SERVICE)
        .with("quota", json!({ "per_hour": 1, "per_day": 1 }));
    let mut world = World::with().provider_contract(stranger).start().await;
    let puppet = Puppet::of(&world.stranger);
    let contract = reference(&world.provider, "stranger-registry");
    let hour = (now_s() / 3600 + 1) * 3600;
    world.provider.set_clock(hour);
    let ask = async |provider: &bridge_tests::agency::Agency| {
        let mut forged = puppet.request(provider, PATH, &contract);
        forged.created(hour);
        puppet.ask(provider, forged).await
    };
    ask(&world.provider).await.answered(200);
    let over = ask(&world.provider).await;
    over.refused(429, "server.serverproxy.quota_exceeded");
    let is_signed = over.fields.contains_key("signature");
    assert!(
        is_signed,
        "a refusal to a peer that proved itself is signed"
    );
    world.provider.stop().await;
    world.provider.start().await;
    ask(&world.provider)
        .await
        .refused(429, "server.serverproxy.quota_exceeded");
}

#[tokio::test]
async fn hours_start_and_end_are_kept() {
    let today = time::OffsetDateTime::now_utc();
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let near = |days: i64| {
        usize::from(
            (today + time::Duration::days(days))
                .weekday()
                .number_days_from_monday(),
        )
    };
    let closed = [near(-1), near(0), near(1)];
    let days: Vec<&str> = (0..7)
        .filter(|day| !closed.contains(day))
        .map(|day| names[day])
        .collect();
    let hours =
        |days: &[&str]| json!({ "days": days, "from": "00:00", "to": "24:00", "offset": "+04:00" });
    for (name, value, allowed) in [
        ("hours", hours(&days), false),
        ("hours", hours(&names), true),
        ("start", json!("2065-01-01T00:00:00+04:00"), false),
        ("end", json!("2026-01-02T00:00:00+04:00"), false),
    ] {
        let world = World::with()
            .contract(usual().with(name, value))
            .start()
            .await;
        let answer = world.consumer.get(PATH).send().await;
        if allowed {
            answer.answered(200);
        } else {
            answer.refused(403, DENIED);
            assert!(
                answer.message().contains("exchange@population.example"),
                "whom to ask: {}",
                answer.message()
            );
            assert!(world.registry.seen().is_empty());
        }
    }
}

#[tokio::test]
async fn two_versions_of_a_contract_are_409_and_both_are_named() {
    let ours = usual();
    let theirs = usual().with("title", "Another wording".into());
    let world = World::with()
        .consumer_contract(ours)
        .provider_contract(theirs)
        .start()
        .await;
    let answer = world.consumer.get(PATH).send().await;
    answer.refused(409, "server.serverproxy.contract_versions_differ");
    for agency in [&world.consumer, &world.provider] {
        let digest = reference(agency, "tax-registry");
        assert!(
            answer.message().contains(&digest),
            "{digest} is not named: {}",
            answer.message()
        );
    }
    claims::refused_leaf(
        &world.provider,
        answer.request_id(),
        "server.serverproxy.contract_versions_differ",
    );
    assert_eq!(
        claims::kinds(&world.consumer, answer.request_id()),
        [Kind::RequestSent, Kind::ResponseReceived]
    );
    // The refusal of a HEAD has no body on the wire, and none is signed.
    let head = world.consumer.ask("HEAD", PATH).send().await;
    let code = head.field("x-road-error");
    assert_eq!(
        (head.status, code),
        (409, Some("server.serverproxy.contract_versions_differ"))
    );
    // A provider that holds no contract with this client at all says so.
    let none = World::with().consumer_contract(usual()).start().await;
    let answer = none.consumer.get(PATH).send().await;
    answer.refused(403, DENIED_THERE);
    assert!(none.registry.seen().is_empty());
}

#[tokio::test]
async fn both_ends_decide_a_provider_does_not_believe_a_consumer() {
    let narrow = terms("stranger-registry", STRANGER, PROVIDER, SERVICE)
        .with("endpoints", json!([endpoint("GET", "/open/*")]))
        .with("purposes", json!([{ "code": "aid", "title": "Aid" }]));
    let world = World::with()
        .provider_contract(narrow)
        .contract(usual())
        .start()
        .await;
    let puppet = Puppet::of(&world.stranger);
    let contract = reference(&world.provider, "stranger-registry");
    let open = format!("{PATH}/open/1");
    let mut good = puppet.request(&world.provider, &open, &contract);
    good.set("bridge-purpose", "aid");
    puppet.ask(&world.provider, good).await.answered(200);
    let mut closed = puppet.request(&world.provider, &format!("{PATH}/closed"), &contract);
    closed.set("bridge-purpose", "aid");
    let answer = puppet.ask(&world.provider, closed).await;
    answer.refused(403, DENIED_THERE);
    claims::refused_leaf(&world.provider, answer.request_id(), DENIED_THERE);
    let aimless = puppet.request(&world.provider, &open, &contract);
    puppet
        .ask(&world.provider, aimless)
        .await
        .refused(403, DENIED_THERE);
    // Another's contract gives nothing, and is not told apart from none.
    let others = reference(&world.provider, "tax-registry");
    let borrowed = puppet.request(&world.provider, &open, &others);
    puppet
        .ask(&world.provider, borrowed)
        .await
        .refused(409, "server.serverproxy.contract_versions_differ");
    let nobodys = puppet.request(&world.provider, &open, &others.replace("tax", "xat"));
    puppet
        .ask(&world.provider, nobodys)
        .await
        .refused(409, "server.serverproxy.contract_versions_differ");
    assert_eq!(world.registry.seen().len(), 1);
}
