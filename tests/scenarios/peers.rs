//! Requests that another node should not have sent, and nodes that are not who they say.

use bridge_certs::{Authority, Profile};
use bridge_core::envelope::Tag;
use bridge_core::identity::CertificateName;
use bridge_core::leaf::Kind;
use bridge_journal::Filter;
use bridge_tests::agency::{issue, issue_for};
use bridge_tests::claims;
use bridge_tests::puppet::{Forged, Puppet, Sent, reference, signer};
use bridge_tests::terms::terms;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{
    CONSUMER, PATH, PROVIDER, SERVICE, STRANGER, STRANGER_PATH, World, usual, with_stranger,
};
use bytes::Bytes;
use uuid::Uuid;

async fn world() -> (World, Puppet, String) {
    let stranger = terms("stranger-registry", STRANGER, PROVIDER, SERVICE);
    let world = World::with()
        .contract(usual())
        .provider_contract(stranger)
        .start()
        .await;
    let puppet = Puppet::of(&world.stranger);
    let contract = reference(&world.provider, "stranger-registry");
    (world, puppet, contract)
}

fn size(world: &World) -> u64 {
    world.provider.live().node.journal.head().size
}

#[tokio::test]
async fn a_well_made_request_of_a_peer_is_answered_and_its_answer_is_signed() {
    let (world, puppet, contract) = world().await;
    let mut forged = puppet.request(&world.provider, &format!("{PATH}/x?q=1"), &contract);
    forged.method = "POST".to_owned();
    forged.body = Bytes::from_static(b"body");
    let answer = puppet.ask(&world.provider, forged).await;
    answer.answered(200);
    assert_eq!(answer.body, "body");
    for field in [
        "signature",
        "signature-input",
        "content-digest",
        "bridge-version",
        "bridge-peer-receipt",
    ] {
        assert!(answer.fields.contains_key(field), "{field}");
    }
    assert!(
        answer
            .field("signature-input")
            .unwrap()
            .contains("\"signature\";req;key=\"bridge\"")
    );
}

type Change = (&'static str, u16, &'static str, fn(&mut Sent));

/// Changes after signing. None may reach the registry or the journal.
const CHANGED: [Change; 12] = [
    ("no signature", 400, "missing_signature", |sent| {
        sent.fields.remove("signature");
        sent.fields.remove("signature-input");
    }),
    ("half a signature", 400, "missing_signature", |sent| {
        sent.fields.remove("signature-input");
    }),
    ("another method", 403, "invalid_signature_value", |sent| {
        "DELETE".clone_into(&mut sent.method);
    }),
    ("another path", 403, "invalid_signature_value", |sent| {
        sent.target.push_str("/other");
    }),
    ("another query", 403, "invalid_signature_value", |sent| {
        sent.target.push_str("?q=2");
    }),
    (
        "another digest and body",
        403,
        "invalid_signature_value",
        |sent| {
            sent.body = Bytes::new();
            let digest =
                bridge_signature::content_digest_field(&bridge_signature::content_digest_of(b""));
            sent.fields.insert("content-digest", digest);
        },
    ),
    ("another client", 403, "invalid_signature_value", |sent| {
        sent.fields
            .insert("x-road-client", CONSUMER.parse().unwrap());
    }),
    ("another contract", 403, "invalid_signature_value", |sent| {
        sent.fields
            .insert("bridge-contract", "other@AAAA".parse().unwrap());
    }),
    (
        "another request id",
        403,
        "invalid_signature_value",
        |sent| {
            sent.fields.insert(
                "x-road-request-id",
                Uuid::new_v4().to_string().parse().unwrap(),
            );
        },
    ),
    (
        "another field's value",
        403,
        "invalid_signature_value",
        |sent| {
            sent.fields
                .insert("x-road-id", "message-2".parse().unwrap());
        },
    ),
    ("a field more", 400, "malformed_signature", |sent| {
        sent.fields.insert("x-more", "1".parse().unwrap());
    }),
    ("a field less", 400, "malformed_signature", |sent| {
        sent.fields.remove("x-road-id");
    }),
];

#[tokio::test]
async fn s28_unsigned_messages_and_signatures_over_other_bytes() {
    let (world, puppet, contract) = world().await;
    let before = size(&world);
    for (what, status, word, change) in CHANGED {
        let mut forged = puppet.request(&world.provider, PATH, &contract);
        forged.method = "POST".to_owned();
        forged.body = Bytes::from_static(b"body");
        let mut sent = puppet.sign(forged);
        change(&mut sent);
        let answer = puppet.send(&world.provider, sent).await;
        let code = answer
            .field("x-road-error")
            .unwrap_or_else(|| panic!("{what} was taken: {answer:?}"));
        assert!(
            code.starts_with(&format!("server.serverproxy.{word}")),
            "{what}: {code}"
        );
        assert_eq!(answer.status, status, "{what}: {code}");
        assert!(
            !answer.fields.contains_key("signature"),
            "{what}: what was not proved is no evidence"
        );
    }
    assert!(world.registry.seen().is_empty());
    assert_eq!(
        size(&world),
        before,
        "strangers' bytes leave nothing in the journal"
    );
}

type Forge = (
    &'static str,
    u16,
    &'static str,
    fn(&World, &Puppet, &mut Forged),
);

/// Well signed, and still not to be taken.
const FORGED: [Forge; 14] = [
    (
        "an uncovered field",
        400,
        "malformed_signature",
        |_, _, forged| forged.uncovered = vec!["x-road-id"],
    ),
    (
        "an uncovered target",
        400,
        "malformed_signature",
        |_, _, forged| forged.uncovered = vec!["@request-target"],
    ),
    (
        "an uncovered digest",
        400,
        "malformed_signature",
        |_, _, forged| forged.uncovered = vec!["content-digest"],
    ),
    ("no expiry", 400, "malformed_signature", |_, _, forged| {
        forged.params.expires = None;
    }),
    ("a long life", 400, "malformed_signature", |_, _, forged| {
        forged.params.expires = forged.params.created.map(|at| at + 3600);
    }),
    ("no nonce", 400, "malformed_signature", |_, _, forged| {
        forged.params.nonce = None;
    }),
    (
        "the tag of an answer",
        400,
        "malformed_signature",
        |_, _, forged| {
            forged.params.tag = Some(Tag::Answer.as_str().to_owned());
        },
    ),
    (
        "another algorithm's name",
        400,
        "unsupported_algorithm",
        |_, _, forged| {
            forged.params.alg = Some("ecdsa-p256-sha256".to_owned());
        },
    ),
    (
        "an unknown algorithm",
        400,
        "unsupported_algorithm",
        |_, _, forged| {
            forged.params.alg = Some("hmac-sha256".to_owned());
        },
    ),
    (
        "a key that nobody lists",
        403,
        "signature_verification",
        |_, _, forged| {
            forged.params.keyid = Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned());
        },
    ),
    (
        "another node's name",
        400,
        "unknown_host",
        |world, _, forged| {
            world.consumer.authority().clone_into(&mut forged.authority);
        },
    ),
    (
        "an unknown version",
        400,
        "invalid_protocol_version",
        |_, _, forged| forged.set("bridge-version", "9"),
    ),
    ("too old", 400, "not_fresh", |_, _, forged| {
        forged.created(now_s() - 120);
    }),
    ("from the future", 400, "not_fresh", |_, _, forged| {
        forged.created(now_s() + 120);
    }),
];

#[tokio::test]
async fn s28_a_body_that_was_not_signed_is_refused_by_its_genuine_head() {
    let (world, puppet, contract) = world().await;
    let before = size(&world);
    let mut forged = puppet.request(&world.provider, PATH, &contract);
    forged.method = "POST".to_owned();
    forged.body = Bytes::from_static(b"body");
    let mut sent = puppet.sign(forged);
    sent.body = Bytes::from_static(b"other");
    let answer = puppet.send(&world.provider, sent).await;
    let code = "server.serverproxy.invalid_signature_value";
    answer.refused(400, code);
    assert!(answer.fields.contains_key("signature"));
    claims::refused_leaf(&world.provider, answer.request_id(), code);
    assert!(world.registry.seen().is_empty());
    assert_eq!(size(&world), before + 1);
}

#[tokio::test]
async fn s28_signatures_of_another_shape_signer_or_time() {
    let (world, puppet, contract) = world().await;
    let before = size(&world);
    for (what, status, word, forge) in FORGED {
        let mut forged = puppet.request(&world.provider, PATH, &contract);
        forge(&world, &puppet, &mut forged);
        let answer = puppet.ask(&world.provider, forged).await;
        let code = answer
            .field("x-road-error")
            .unwrap_or_else(|| panic!("{what} was taken: {answer:?}"));
        assert_eq!(
            (answer.status, code),
            (status, format!("server.serverproxy.{word}").as_str()),
            "{what}"
        );
        let proved = ["not_fresh", "unknown_host"].contains(&word);
        assert_eq!(
            answer.fields.contains_key("signature"),
            proved,
            "{what}: refusals of genuine heads are signed"
        );
        if word == "not_fresh" {
            assert!(
                answer.message().matches("202").count() >= 2,
                "{what}: both clocks are said: {}",
                answer.message()
            );
        }
    }
    // The right key id over another key's signature.
    let forged = puppet.request(&world.provider, PATH, &contract);
    let liar = Puppet {
        signer: signer(&world.consumer.folder.join("keys/exchange")),
        ..Puppet::of(&world.stranger)
    };
    let mut named = forged;
    let own = bridge_signature::Signer::key_id(&puppet.signer).to_owned();
    named.params.keyid = Some(own);
    liar.ask(&world.provider, named)
        .await
        .refused(403, "server.serverproxy.invalid_signature_value");
    assert!(world.registry.seen().is_empty());
    assert_eq!(
        size(&world),
        before + 3,
        "only the refusals of genuine heads are journaled"
    );
}

#[tokio::test]
async fn s28_an_old_and_a_young_signature_within_the_limits_are_taken() {
    let (world, puppet, contract) = world().await;
    for created in [now_s() - 50, now_s() + 20] {
        let mut forged = puppet.request(&world.provider, PATH, &contract);
        forged.created(created);
        puppet.ask(&world.provider, forged).await.answered(200);
    }
}

#[tokio::test]
async fn s35_tls_signature_and_client_of_different_members() {
    let (world, puppet, contract) = world().await;
    let refused = "server.serverproxy.ssl_authentication_failed";
    // The stranger's TLS key, the consumer's exchange key.
    let mixed = Puppet {
        tls: puppet.tls.clone(),
        ..Puppet::of(&world.consumer)
    };
    let taxes = reference(&world.provider, "tax-registry");
    let answer = mixed
        .ask(
            &world.provider,
            mixed.request(&world.provider, PATH, &taxes),
        )
        .await;
    answer.refused(403, refused);
    // Its own keys, another member's client.
    let mut forged = puppet.request(&world.provider, PATH, &contract);
    forged.set("x-road-client", CONSUMER);
    puppet
        .ask(&world.provider, forged)
        .await
        .refused(403, refused);
    // A good certificate of the node's own name with a key that the directory does not pin.
    let name = CertificateName::Node(world.stranger.node());
    let stem = world.stranger.folder.join("keys/unlisted");
    issue(&world.authority, Profile::Tls, Some(name), &stem, now_s());
    let unlisted = Puppet {
        tls: stem,
        ..Puppet::of(&world.stranger)
    };
    let answer = unlisted
        .ask(
            &world.provider,
            unlisted.request(&world.provider, PATH, &contract),
        )
        .await;
    answer.refused(403, "server.serverproxy.signature_verification");
    assert!(world.registry.seen().is_empty());
}

#[tokio::test]
async fn s35_a_listener_with_another_members_certificate_is_not_asked() {
    let mut world = World::with().contract(with_stranger()).start().await;
    // The stranger's address leads to a node that holds the provider's TLS key.
    let imposter = Puppet {
        tls: world.provider.folder.join("keys/tls"),
        ..Puppet::of(&world.stranger)
    };
    let listening = imposter
        .listen(bridge_tests::puppet::server::Behaviour::CloseAtOnce)
        .await;
    world.stranger.entry.nodes[0].address = listening.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    let answer = world.consumer.get(STRANGER_PATH).send().await;
    answer.refused(502, "server.clientproxy.ssl_authentication_failed");
    let kinds = claims::kinds(&world.consumer, answer.request_id());
    assert_eq!(kinds, [Kind::Refused], "nothing was signed for an imposter");
}

#[tokio::test]
async fn s36_untrusted_and_expired_certificates_of_peers() {
    let (world, puppet, contract) = world().await;
    let name = || Some(CertificateName::Node(world.stranger.node()));
    let other = Authority::create(
        &world.folder.path().join("other"),
        "Other",
        now_s() - 10 * 86_400,
    )
    .unwrap();
    let untrusted = world.stranger.folder.join("keys/untrusted");
    issue(&other, Profile::Tls, name(), &untrusted, now_s());
    let expired = world.stranger.folder.join("keys/expired");
    issue_for(
        &world.authority,
        Profile::Tls,
        name(),
        &expired,
        (now_s() - 3 * 86_400, now_s() - 86_400),
    );
    let nameless = world.stranger.folder.join("keys/nameless");
    issue(&world.authority, Profile::Caller, None, &nameless, now_s());
    for stem in [
        untrusted,
        expired,
        nameless,
        world.stranger.folder.join("keys/exchange"),
    ] {
        let shown = stem.display().to_string();
        let wrong = Puppet {
            tls: stem,
            ..Puppet::of(&world.stranger)
        };
        let sent = wrong.sign(wrong.request(&world.provider, PATH, &contract));
        assert!(
            wrong.try_send(&world.provider, sent).await.is_err(),
            "{shown} passed the handshake"
        );
    }
    puppet
        .ask(
            &world.provider,
            puppet.request(&world.provider, PATH, &contract),
        )
        .await
        .answered(200);
    assert_eq!(world.registry.seen().len(), 1);
}

#[tokio::test]
async fn s36_nodes_with_untrusted_or_expired_certificates_are_not_asked() {
    let mut world = World::with().contract(with_stranger()).start().await;
    let name = || Some(CertificateName::Node(world.stranger.node()));
    let other = Authority::create(
        &world.folder.path().join("other"),
        "Other",
        now_s() - 10 * 86_400,
    )
    .unwrap();
    let untrusted = world.stranger.folder.join("keys/untrusted");
    issue(&other, Profile::Tls, name(), &untrusted, now_s());
    let expired = world.stranger.folder.join("keys/expired");
    issue_for(
        &world.authority,
        Profile::Tls,
        name(),
        &expired,
        (now_s() - 3 * 86_400, now_s() - 86_400),
    );
    for stem in [untrusted, expired] {
        let imposter = Puppet {
            tls: stem,
            ..Puppet::of(&world.stranger)
        };
        let listening = imposter
            .listen(bridge_tests::puppet::server::Behaviour::CloseAtOnce)
            .await;
        world.stranger.entry.nodes[0].address = listening.address.to_string();
        world.publish(now_s());
        world.refresh().await;
        let answer = world.consumer.get(STRANGER_PATH).send().await;
        answer.refused(502, "server.clientproxy.ssl_authentication_failed");
        assert_eq!(listening.connections(), 0);
    }
}

#[tokio::test]
async fn a_recorded_request_is_refused_a_second_time_and_after_a_restart() {
    let (mut world, puppet, contract) = world().await;
    let sent = puppet.sign(puppet.request(&world.provider, PATH, &contract));
    puppet
        .send(&world.provider, sent.clone())
        .await
        .answered(200);
    puppet
        .send(&world.provider, sent.clone())
        .await
        .refused(400, "server.serverproxy.replayed");
    // A new id with the old nonce, and a new nonce with the old id, are replays too.
    let nonce = bridge_tests::agency::random()[..16].try_into().unwrap();
    let mut first = puppet.request(&world.provider, PATH, &contract);
    first.nonce(nonce);
    let id = first.fields["x-road-request-id"].clone();
    puppet.ask(&world.provider, first).await.answered(200);
    let mut same_nonce = puppet.request(&world.provider, PATH, &contract);
    same_nonce.nonce(nonce);
    puppet
        .ask(&world.provider, same_nonce)
        .await
        .refused(400, "server.serverproxy.replayed");
    let mut same_id = puppet.request(&world.provider, PATH, &contract);
    same_id.fields.insert("x-road-request-id", id);
    puppet
        .ask(&world.provider, same_id)
        .await
        .refused(400, "server.serverproxy.replayed");
    world.provider.stop().await;
    world.provider.start().await;
    puppet
        .send(&world.provider, sent)
        .await
        .refused(400, "server.serverproxy.replayed");
    assert_eq!(world.registry.seen().len(), 2);
    claims::verifies(&world.provider);
}

#[tokio::test]
async fn a_restart_changes_nothing_and_can_be_repeated() {
    let mut world = World::usual().await;
    let answer = world.consumer.get(PATH).send().await;
    let before = claims::leaves(&world.provider, answer.request_id());
    let head = world.provider.live().node.journal.head();
    for _ in 0..3 {
        world.provider.stop().await;
        world.provider.start().await;
    }
    assert_eq!(claims::leaves(&world.provider, answer.request_id()), before);
    let all = || {
        world
            .provider
            .live()
            .node
            .journal
            .search(&Filter {
                limit: Some(1000),
                ..Filter::default()
            })
            .unwrap()
    };
    let added: Vec<_> = all()
        .into_iter()
        .filter(|hit| hit.index >= head.size)
        .collect();
    assert!(
        added.iter().all(|hit| hit.leaf.kind == Kind::State),
        "a restart adds no exchange: {added:?}"
    );
    world.publish(now_s());
    world.refresh().await;
    let again = world.consumer.get(PATH).send().await;
    again.answered(200);
    claims::both_ends_agree(&world, &again);
    let exchanges = |hit: &bridge_journal::Hit| hit.leaf.request_id.is_some();
    let all = world
        .provider
        .live()
        .node
        .journal
        .search(&Filter::default())
        .unwrap();
    assert_eq!(all.into_iter().filter(exchanges).count(), 4);
    claims::verifies(&world.provider);
}

#[tokio::test]
async fn a_connection_that_does_not_name_the_protocol_or_has_no_certificate_is_closed() {
    let (world, puppet, contract) = world().await;
    let sent = puppet.sign(puppet.request(&world.provider, PATH, &contract));
    for protocols in [&[][..], &[b"http/1.1".as_slice()]] {
        let stream = puppet
            .connect_as(world.provider.ports.peer, protocols)
            .await;
        let answered = match stream {
            Ok(stream) => bridge_tests::puppet::over(stream, sent.clone())
                .await
                .is_ok(),
            Err(_refused) => false,
        };
        assert!(!answered, "{protocols:?} was served");
    }
    assert!(world.registry.seen().is_empty());
    puppet.send(&world.provider, sent).await.answered(200);
}

#[tokio::test]
async fn the_public_files_of_a_journal_are_served_to_nodes_of_the_directory_only() {
    let (mut world, puppet, contract) = world().await;
    puppet
        .ask(
            &world.provider,
            puppet.request(&world.provider, PATH, &contract),
        )
        .await
        .answered(200);
    let file = |path: &str| {
        let (host, fields) = (
            world.provider.authority().to_owned(),
            http::HeaderMap::new(),
        );
        Sent {
            method: "GET".to_owned(),
            target: path.to_owned(),
            host,
            fields,
            body: Bytes::new(),
        }
    };
    let journal = world.provider.live().node.journal.clone();
    wait_until("a checkpoint is signed", async || {
        journal.checkpoint().is_some()
    })
    .await;
    let checkpoint = puppet.send(&world.provider, file("/log/checkpoint")).await;
    assert_eq!(checkpoint.status, 200);
    let text = String::from_utf8(checkpoint.body.to_vec()).unwrap();
    assert_eq!(text.lines().next(), Some(journal.origin()));
    let size: u64 = text.lines().nth(1).unwrap().parse().unwrap();
    let tile = puppet
        .send(&world.provider, file(&format!("/log/tile/0/000.p/{size}")))
        .await;
    assert_eq!((tile.status, tile.body.len() as u64), (200, size * 32));
    for wrong in [
        "/log/",
        "/log/../data",
        "/log/%2e%2e/segments",
        "/log/checkpoint?x=1",
        "/log/origin",
        "/log/segments",
        "/log/tile/0/999",
    ] {
        let answer = puppet.send(&world.provider, file(wrong)).await;
        assert!(matches!(answer.status, 400 | 404), "{wrong}: {answer:?}");
    }
    let gone = file("/log/checkpoint");
    world.stranger.entry.nodes[0].tls_pins = world.consumer.entry.nodes[0].tls_pins.clone();
    world.publish(now_s());
    world.refresh().await;
    assert_eq!(puppet.send(&world.provider, gone).await.status, 403);
}

#[tokio::test]
async fn s36_a_certificate_that_expires_while_the_directory_still_lists_it() {
    let (world, puppet, contract) = world().await;
    let later = now_s() + 301 * 86_400;
    world.provider.set_clock(later);
    world.publish(later);
    world.provider.refresh().await;
    let mut forged = puppet.request(&world.provider, PATH, &contract);
    forged.created(later);
    puppet
        .ask(&world.provider, forged)
        .await
        .refused(403, "server.serverproxy.cert_validation");
    assert!(world.registry.seen().is_empty());
}

#[tokio::test]
async fn excess_refusals_are_unsigned_and_summed_for_their_member() {
    let world = World::with()
        .contract(usual())
        .limit("refusals_per_minute = 2")
        .start()
        .await;
    let puppet = Puppet::of(&world.stranger);
    let mut signed = 0;
    for _ in 0..5 {
        let unknown = puppet.request(&world.provider, PATH, "nobodys@AAAA");
        let answer = puppet.ask(&world.provider, unknown).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        signed += u32::from(answer.fields.contains_key("signature"));
        world
            .consumer
            .get("/r1/AZ/GOV/9999/NONE/none")
            .send()
            .await
            .refused(404, "server.clientproxy.unknown_member");
    }
    for agency in [&world.provider, &world.consumer] {
        let node = &agency.live().node;
        node.sum_refusals().await;
        let all = node
            .journal
            .leaves_since(bridge_core::leaf::UnixMillis(0))
            .unwrap();
        let own = all
            .iter()
            .filter(|(_, leaf)| leaf.kind == Kind::Refused)
            .count();
        let excess: u64 = all
            .iter()
            .flat_map(|(_, leaf)| &leaf.facts)
            .filter(|(name, _)| name.starts_with("refused_in_excess:"))
            .map(|(_, count)| count.parse::<u64>().unwrap())
            .sum();
        // A minute may end while the five are refused: then there are two shares.
        assert_eq!(own as u64 + excess, 5);
        let reached = claims::reached(agency, "refusals_per_minute").await;
        assert_eq!(reached, excess);
        assert!((2..=4).contains(&own), "{own}");
    }
    assert!((2..=4).contains(&signed), "{signed}");
}
