//! How a refusal is told: form and language as the caller prefers, names and statuses as the settings say; never on the wire.

use std::sync::Arc;

use bridge_core::envelope::Tag;
use bridge_core::leaf::Kind;
use bridge_tests::answer::{Answer, Told};
use bridge_tests::claims;
use bridge_tests::puppet::server::{Behaviour, Got};
use bridge_tests::puppet::{Puppet, reference};
use bridge_tests::wait::now_s;
use bridge_tests::world::{PATH, STRANGER_PATH, Setup, World, usual, with_stranger};

const NO_SERVICE: &str = "/r1/AZ/GOV/1001/POPULATION/nothing";
const NO_CONTRACT: &str = "server.clientproxy.access_denied";
const VERSIONS: &str = "server.serverproxy.contract_versions_differ";

/// The ends hold different versions of the contract, so that the provider's node refuses, with a signature.
fn versions_differ() -> Setup {
    World::with()
        .consumer_contract(usual())
        .provider_contract(usual().with("title", "Another wording".into()))
}

/// What the peer signed, as the consumer's journal keeps it.
fn signed_body(world: &World, answer: &Answer) -> Told {
    let shown = claims::shown(&world.consumer, answer.request_id());
    let received = shown
        .into_iter()
        .find(|shown| shown.leaf.kind == Kind::ResponseReceived);
    let body = received.unwrap().evidence.unwrap().body;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    Told {
        kind: text("type"),
        message: text("message"),
        detail: text("detail"),
    }
}

#[tokio::test]
async fn s24_errors_are_xml_where_accept_prefers_it_and_what_the_peer_signed_stays_evidence() {
    let world = versions_differ().start().await;
    let ask = |path, accept: &str| world.consumer.get(path).field("accept", accept);
    for (accept, kind) in [
        ("text/xml", "text/xml; charset=utf-8"),
        (
            "application/json;q=0.1, application/xml",
            "application/xml; charset=utf-8",
        ),
        ("text/*, */*;q=0.9", "text/xml; charset=utf-8"),
        (
            "text/xml, application/json",
            "application/json; charset=utf-8",
        ),
        ("*/*", "application/json; charset=utf-8"),
        ("text/xml;q=2, ;;;\"", "application/json; charset=utf-8"),
    ] {
        let own = ask(NO_SERVICE, accept).send().await;
        own.refused(403, NO_CONTRACT);
        assert_eq!(own.field("content-type"), Some(kind), "{accept}");
        let peers = ask(PATH, accept).send().await;
        peers.refused(409, VERSIONS);
        assert_eq!(peers.field("content-type"), Some(kind), "{accept}");
        assert_eq!(peers.told(), signed_body(&world, &peers), "{accept}");
        assert_ne!(own.told().detail, peers.told().detail);
    }
    let head = world.consumer.ask("HEAD", PATH).field("accept", "text/xml");
    let head = head.send().await;
    head.refused(409, VERSIONS);
    assert_eq!(head.field("content-type"), Some("text/xml; charset=utf-8"));
    claims::verifies(&world.consumer);
    claims::verifies(&world.provider);
}

#[tokio::test]
async fn every_refusal_of_the_edge_is_told_in_the_callers_form_too() {
    let world = World::usual().await;
    let asked = world.consumer.get(PATH).field("accept", "text/xml");
    let unknown = asked.certificate(None).send().await;
    unknown.refused(401, "server.clientproxy.ssl_authentication_failed");
    assert_eq!(
        unknown.field("content-type"),
        Some("text/xml; charset=utf-8")
    );
    let listing = world.consumer.get("/listClients");
    let listing = listing
        .certificate(None)
        .field("accept", "text/xml")
        .send()
        .await;
    listing.refused(401, "server.clientproxy.ssl_authentication_failed");
    assert_eq!(
        listing.field("content-type"),
        Some("text/xml; charset=utf-8")
    );
}

#[tokio::test]
async fn explanations_are_told_in_the_callers_language_by_both_nodes() {
    let world = versions_differ().start().await;
    for (wanted, language, words) in [
        (
            None,
            "en",
            ["No contract lets", "The request names contract"],
        ),
        (
            Some("en"),
            "en",
            ["No contract lets", "The request names contract"],
        ),
        (
            Some("ru, az-AZ;q=0.8, en;q=0.5"),
            "az",
            ["icazə verən müqavilə yoxdur", "müqaviləsi göstərilib"],
        ),
        (
            Some("ru;q=x, *"),
            "en",
            ["No contract lets", "The request names contract"],
        ),
    ] {
        let ask = |path| {
            let ask = world.consumer.get(path);
            match wanted {
                Some(wanted) => ask.field("accept-language", wanted),
                None => ask,
            }
        };
        let [own, peers] = [ask(NO_SERVICE).send().await, ask(PATH).send().await];
        own.refused(403, NO_CONTRACT);
        peers.refused(409, VERSIONS);
        for (answer, words) in [(&own, words[0]), (&peers, words[1])] {
            assert_eq!(answer.field("content-language"), Some(language));
            assert!(answer.message().contains(words), "{}", answer.message());
        }
        assert_eq!(
            peers.told(),
            signed_body(&world, &peers),
            "as it was signed"
        );
    }
    claims::verifies(&world.consumer);
}

#[tokio::test]
async fn the_settings_choose_the_language_of_those_who_prefer_none() {
    let world = versions_differ().node("language = \"az\"").start().await;
    for path in [NO_SERVICE, PATH] {
        let answer = world.consumer.get(path).send().await;
        assert_eq!(answer.field("content-language"), Some("az"));
        assert!(
            answer.message().contains("Nə etmək olar: "),
            "{}",
            answer.message()
        );
        let english = world.consumer.get(path).field("accept-language", "en");
        let english = english.send().await;
        assert_eq!(english.field("content-language"), Some("en"));
        assert_eq!(english.field("x-road-error"), answer.field("x-road-error"));
    }
}

#[tokio::test]
async fn older_names_and_x_road_statuses_are_told_to_callers_and_stay_off_the_wire_and_out_of_leaves()
 {
    let world = versions_differ()
        .interface("error_types = \"camel-case\"\nstatus = \"x-road\"")
        .start()
        .await;
    for accept in ["*/*", "text/xml"] {
        let own = world
            .consumer
            .get(NO_SERVICE)
            .field("accept", accept)
            .send()
            .await;
        own.refused(500, "Server.ClientProxy.AccessDenied");
        claims::refused_leaf(&world.consumer, own.request_id(), NO_CONTRACT);
        let leaves = claims::leaves(&world.consumer, own.request_id());
        assert_eq!(leaves.last().unwrap().status, Some(403));

        let peers = world
            .consumer
            .get(PATH)
            .field("accept", accept)
            .send()
            .await;
        peers.refused(500, "Server.ServerProxy.ContractVersionsDiffer");
        claims::refused_leaf(&world.provider, peers.request_id(), VERSIONS);
        let leaves = claims::leaves(&world.consumer, peers.request_id());
        let last = leaves.last().unwrap();
        assert_eq!(
            (last.outcome.as_deref(), last.status),
            (Some(VERSIONS), Some(409))
        );
        let signed = signed_body(&world, &peers);
        assert_eq!(signed.kind, VERSIONS);
        assert_eq!(
            (signed.message, signed.detail),
            (peers.message(), peers.told().detail)
        );
    }
    // Another node gets the shape of the wire, whatever it prefers.
    let puppet = Puppet::of(&world.stranger);
    let mut forged = puppet.request(
        &world.provider,
        PATH,
        &reference(&world.provider, "tax-registry"),
    );
    forged.set("accept", "text/xml");
    let answer = puppet.ask(&world.provider, forged).await;
    answer.refused(403, "server.serverproxy.access_denied");
    assert_eq!(
        answer.field("content-type"),
        Some("application/json; charset=utf-8")
    );
    claims::verifies(&world.consumer);
    claims::verifies(&world.provider);
}

#[tokio::test]
async fn a_registrys_own_error_keeps_its_status_form_and_body() {
    use bridge_tests::registry::Reaction;
    let world = World::with()
        .contract(usual())
        .interface("error_types = \"camel-case\"\nstatus = \"x-road\"")
        .start()
        .await;
    let body = "{\"type\":\"server.serverproxy.access_denied\",\"message\":\"m\",\"detail\":\"d\"}";
    world.registry.always(Reaction::answer(
        404,
        &[("content-type", "application/json")],
        body,
    ));
    let answer = world
        .consumer
        .get(PATH)
        .field("accept", "text/xml")
        .send()
        .await;
    answer.answered(404);
    assert_eq!(answer.body, body);
}

#[tokio::test]
async fn a_peers_refusal_cannot_break_out_of_the_callers_form() {
    let mut world = World::with().contract(with_stranger()).start().await;
    for (body, wellformed) in [
        (
            "{\"type\":\"server.serverproxy.access_denied\",\"message\":\"</message><type>&\\u0000]]>\",\"detail\":\"7f8f4c1e-1b7e-4a53-9c2e-0a4b9d1c2e3f\"}",
            true,
        ),
        ("no error at all", false),
        ("", false),
    ] {
        let puppet = Puppet::of(&world.stranger);
        let refusing = Behaviour::Answer(Arc::new(move |got: &Got| {
            let mut draft = puppet.answer(got, 403, body);
            draft.params = puppet.params(Tag::Refusal, now_s());
            draft.set("x-road-error", "server.serverproxy.access_denied");
            puppet.sign_answer(draft)
        }));
        let listening = Puppet::of(&world.stranger).listen(refusing).await;
        world.stranger.entry.nodes[0].address = listening.address.to_string();
        world.publish(now_s());
        world.refresh().await;
        let text = format!(
            "GET {STRANGER_PATH} HTTP/1.1\r\nHost: a\r\n{{key}}\r\nAccept: text/xml\r\nConnection: close\r\n\r\n"
        );
        let raw = world.consumer.raw(&text).await;
        let (head, got) = raw.split_once("\r\n\r\n").unwrap();
        // What is no refusal is refused here, in the same form.
        let (status, code) = if wellformed || body.is_empty() {
            (403, "server.serverproxy.access_denied")
        } else {
            (502, "server.clientproxy.invalid_response")
        };
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{raw}");
        assert!(head.contains(&format!("x-road-error: {code}")), "{raw}");
        if wellformed {
            let document = roxmltree::Document::parse(got).unwrap();
            let children: Vec<_> = document.root_element().children().collect();
            let texts: Vec<_> = children.iter().map(|child| child.text().unwrap()).collect();
            assert_eq!(
                texts[..2],
                [
                    "server.serverproxy.access_denied",
                    "</message><type>&\u{FFFD}]]>"
                ]
            );
            assert_eq!(children.len(), 3);
        } else {
            assert_eq!(got.is_empty(), body.is_empty(), "{got}");
            assert!(body.is_empty() || !got.contains(body), "{got}");
        }
    }
}

#[tokio::test]
async fn the_request_hash_may_be_switched_off_for_callers() {
    for (line, told) in [("", true), ("request_hash = false", false)] {
        let world = World::with()
            .contract(usual())
            .interface(line)
            .start()
            .await;
        let answer = world.consumer.get(PATH).send().await;
        answer.answered(200);
        assert_eq!(answer.field("x-road-request-hash").is_some(), told);
        claims::both_ends_agree(&world, &answer);
    }
}
