//! Idempotency-Keys: an effect happens once, or the caller is told that nobody knows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bridge_core::leaf::Kind;
use bridge_tests::agency::Agency;
use bridge_tests::answer::Answer;
use bridge_tests::ask::Ask;
use bridge_tests::claims;
use bridge_tests::puppet::{Puppet, reference};
use bridge_tests::registry::{Reaction, Registry, Seen};
use bridge_tests::terms::terms;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{CONSUMER, PATH, PROVIDER, SERVICE, STRANGER, Setup, World, usual};
use serde_json::json;
use tokio::sync::Semaphore;

const IN_FLIGHT: &str = "server.serverproxy.idempotency_key_in_flight";
const REUSED: &str = "server.serverproxy.idempotency_key_reused";
const UNKNOWN: &str = "server.serverproxy.outcome_unknown";
const NOT_KEPT: &str = "server.serverproxy.answer_not_kept";
const DAY_S: u64 = 86_400;
/// The path of a service whose registry keeps keys.
const STORED_PATH: &str = "/r1/AZ/GOV/1001/POPULATION/payments";

/// Places for exchanges do not shrink on a slow disk.
const PATIENT: &str = "journal_wait_milliseconds = 10000";

/// A payment under a key.
fn pay<'a>(agency: &'a Agency, key: &str, body: &'static str) -> Ask<'a> {
    pay_at(agency, PATH, key, body)
}

fn pay_at<'a>(agency: &'a Agency, path: &str, key: &str, body: &'static str) -> Ask<'a> {
    agency
        .ask("POST", path)
        .field("idempotency-key", key)
        .field("content-type", "application/json")
        .body(body)
}

/// Settings of a service whose registry keeps keys and answers.
fn stored(setup: Setup, registry: &Registry) -> Setup {
    let service = format!(
        "[[services]]\nadapter = \"http\"\nsubsystem = \"{PROVIDER}\"\ncode = \"payments\"\neffect = \"stored\"\n\
         base_url = \"http://{}/payments\"\n",
        registry.address
    );
    setup
        .contract(
            usual()
                .with("id", "payments".into())
                .with("service", "payments".into()),
        )
        .provider_settings(&service)
}

/// A registry that books a payment once for each key, and gives the same answer again.
fn book(registry: &Registry) -> Arc<Mutex<HashMap<String, usize>>> {
    let booked: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let own = Arc::clone(&booked);
    registry.does(move |seen| {
        let key = seen.fields["idempotency-key"].to_str().unwrap().to_owned();
        let mut booked = own.lock().unwrap();
        let next = booked.len() + 1;
        let number = *booked.entry(key).or_insert(next);
        Reaction::json(201, &json!({ "receipt": number }))
    });
    booked
}

fn number_of(registry: &Registry) -> usize {
    registry.seen().len()
}

/// Counts what it does and says the number.
fn counted(registry: &Registry) {
    let count = Arc::new(Mutex::new(0));
    registry.does(move |_seen: &Seen| {
        let mut count = count.lock().unwrap();
        *count += 1;
        Reaction::answer(
            201,
            &[("content-type", "application/json"), ("location", "/7")],
            json!({ "receipt": *count }).to_string(),
        )
    });
}

/// The provider's node stops and starts again.
async fn restart(world: &mut World) {
    world.provider.stop().await;
    world.provider.start().await;
    world.publish(now_s());
    world.refresh().await;
}

#[track_caller]
fn repeats(world: &World, first: &Answer, again: &Answer) {
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    for name in ["content-type", "location"] {
        assert_eq!(again.field(name), first.field(name));
    }
    assert_ne!(again.request_id(), first.request_id());
    claims::both_ends_agree(world, again);
    let leaves = claims::leaves(&world.provider, again.request_id());
    let of = leaves[0].facts.get("repeats");
    assert_eq!(of, Some(&first.request_id().to_string()));
}

#[tokio::test]
async fn a_request_repeated_under_its_key_is_answered_again_and_reaches_the_registry_once() {
    let mut world = World::usual().await;
    counted(&world.registry);
    let first = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    first.answered(201);
    let again = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    repeats(&world, &first, &again);
    assert_eq!(number_of(&world.registry), 1);
    // Without a key each request is one of its own, and a key on a question means nothing.
    for _ in 0..2 {
        let ask = world.consumer.ask("POST", PATH).body("{\"sum\":5}");
        ask.send().await.answered(201);
        let ask = world.consumer.get(PATH).field("idempotency-key", "k1");
        ask.send().await.answered(201);
    }
    assert_eq!(number_of(&world.registry), 5);
    // What was begun is in the leaves: it outlives the process and the cache.
    world.provider.stop().await;
    std::fs::remove_dir_all(world.provider.journal().join("cache")).unwrap();
    world.provider.start().await;
    world.publish(now_s());
    world.refresh().await;
    let again = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    repeats(&world, &first, &again);
    assert_eq!(number_of(&world.registry), 5);
    claims::verifies(&world.provider);
    claims::verifies(&world.consumer);
}

#[tokio::test]
async fn parallel_requests_under_one_key_are_carried_out_once() {
    let world = World::with().contract(usual()).limit(PATIENT).start().await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Reaction::Held(Arc::clone(&gate), "booked".into());
    world.registry.always(held);
    let asks = (0..64).map(|_| pay(&world.consumer, "k1", "{\"sum\":5}").send());
    let all = at_once(asks);
    let opening = async {
        wait_until("the registry was asked", async || {
            number_of(&world.registry) == 1
        })
        .await;
        // All others are told to wait while the first is under way.
        let other = pay(&world.consumer, "k1", "{\"sum\":6}").send().await;
        other.refused(422, REUSED);
        let busy = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
        busy.refused(409, IN_FLIGHT);
        assert!(busy.field("retry-after").is_some());
        gate.add_permits(1);
    };
    let (answers, ()) = tokio::join!(all, opening);
    for answer in &answers {
        match answer.status {
            200 => assert_eq!(answer.body, "booked"),
            _ => drop(answer.refused(409, IN_FLIGHT)),
        }
    }
    assert!(answers.iter().any(|answer| answer.status == 200));
    let after = at_once((0..64).map(|_| pay(&world.consumer, "k1", "{\"sum\":5}").send())).await;
    for answer in after {
        assert_eq!(answer.answered(200).body, "booked");
    }
    assert_eq!(number_of(&world.registry), 1);
}

/// Waits for all of them at once.
pub(super) async fn at_once<T>(asks: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut asks: Vec<_> = asks.map(|ask| (Box::pin(ask), None)).collect();
    std::future::poll_fn(|cx| {
        for (ask, done) in asks.iter_mut().filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(answer) = ask.as_mut().poll(cx) {
                *done = Some(answer);
            }
        }
        if asks.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    asks.into_iter().filter_map(|(_, done)| done).collect()
}

#[tokio::test]
async fn a_key_with_another_content_is_422() {
    let mut world = World::usual().await;
    counted(&world.registry);
    pay(&world.consumer, "k1", "{\"sum\":5}")
        .send()
        .await
        .answered(201);
    for _ in 0..2 {
        let other = pay(&world.consumer, "k1", "{\"sum\":6}").send().await;
        other.refused(422, REUSED);
        let elsewhere = format!("{PATH}/other");
        let other = pay_at(&world.consumer, &elsewhere, "k1", "{\"sum\":5}");
        other.send().await.refused(422, REUSED);
        let other = world.consumer.ask("PUT", PATH).body("{\"sum\":5}");
        let other = other.field("idempotency-key", "k1").send().await;
        other.refused(422, REUSED);
        assert_eq!(
            claims::kinds(&world.provider, other.request_id()),
            [Kind::Refused],
            "nothing was begun"
        );
        restart(&mut world).await;
    }
    assert_eq!(number_of(&world.registry), 1);
}

#[tokio::test]
async fn a_key_whose_outcome_is_unknown_is_never_called_again() {
    let mut world = World::usual().await;
    world.registry.always(Reaction::Close);
    let first = pay(&world.consumer, "cut", "{\"sum\":5}").send().await;
    first.refused(502, "server.serverproxy.service_failed.io_error");
    let said = first.message();
    assert!(
        said.contains("whether the request had its effect is not known")
            && said.contains("under the same key nothing is done twice"),
        "{said}"
    );
    let asked = number_of(&world.registry);
    counted(&world.registry);
    for _ in 0..2 {
        let again = pay(&world.consumer, "cut", "{\"sum\":5}").send().await;
        again.refused(409, UNKNOWN);
        let other = pay(&world.consumer, "cut", "{\"sum\":6}").send().await;
        other.refused(422, REUSED);
        restart(&mut world).await;
    }
    // What cannot be said any more: the answer was thrown away because it could not be cut.
    assert_eq!(number_of(&world.registry), asked);
    pay(&world.consumer, "new", "{\"sum\":5}")
        .send()
        .await
        .answered(201);
}

#[tokio::test]
async fn a_key_is_another_one_for_another_client() {
    let contract = terms("stranger-registry", STRANGER, PROVIDER, SERVICE);
    let mut world = World::with()
        .contract(usual())
        .provider_contract(contract.clone())
        .make()
        .await;
    world.stranger.plan(bridge_tests::agency::Plan {
        contracts: vec![contract],
        ..Default::default()
    });
    world.publish(now_s());
    world.stranger.start().await;
    let world = world.run().await;
    world.stranger.refresh().await;
    counted(&world.registry);
    for agency in [&world.consumer, &world.stranger] {
        let answer = pay(agency, "k1", "{\"sum\":5}").send().await;
        answer.answered(201);
        assert_eq!(
            answer.json()["receipt"],
            number_of(&world.registry),
            "its own answer"
        );
        // Their contents are not compared either.
        pay(agency, "k2", "{}").send().await.answered(201);
    }
    assert_eq!(number_of(&world.registry), 4);
    let keys: Vec<_> = world.registry.seen();
    let keys: std::collections::BTreeSet<_> = keys
        .iter()
        .map(|seen| seen.fields["idempotency-key"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 4, "the registry sees four keys: {keys:?}");
}

#[tokio::test]
async fn an_answer_is_found_by_its_key_though_another_member_takes_the_same_request_id() {
    let contract = terms("stranger-registry", STRANGER, PROVIDER, SERVICE);
    let mut world = World::with()
        .contract(usual())
        .provider_contract(contract)
        .start()
        .await;
    world.registry.does(|seen: &Seen| {
        let client = seen.fields["x-road-client"].to_str().unwrap();
        Reaction::json(201, &json!({ "receipt": client }))
    });
    let taxes = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    taxes.answered(201);
    // Ids stand in leaves, which others may read. After its life and a minute no memory of replays holds one any more.
    for agency in [&world.provider, &world.consumer] {
        agency.set_clock(now_s() + 200);
    }
    let puppet = Puppet::of(&world.stranger);
    let reference = reference(&world.provider, "stranger-registry");
    let forge = |later: u64, key: &str, id: Option<&str>| {
        let mut forged = puppet.request(&world.provider, PATH, &reference);
        forged.method = "POST".to_owned();
        forged.body = "{}".into();
        forged.created(now_s() + later);
        forged.set("idempotency-key", key);
        forged.set("content-type", "application/json");
        if let Some(id) = id {
            forged.set("x-road-request-id", id);
        }
        puppet.sign(forged)
    };
    let id = taxes.request_id().to_string();
    let sent = forge(200, "s1", Some(&id));
    let own = puppet.send(&world.provider, sent).await;
    assert_eq!(own.answered(201).json()["receipt"], STRANGER);
    let again = puppet.send(&world.provider, forge(200, "s1", None)).await;
    assert_eq!(again.answered(201).json()["receipt"], STRANGER, "its own");
    assert_eq!(number_of(&world.registry), 2);
    // So does the other one find its own again, and an earlier run's end.
    let mine = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    assert_eq!(mine.answered(201).json()["receipt"], CONSUMER);
    restart(&mut world).await;
    let mine = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    assert_eq!(mine.answered(201).json()["receipt"], CONSUMER);
    assert_eq!(number_of(&world.registry), 2);
}

#[tokio::test]
async fn a_key_that_was_used_for_one_person_is_no_answer_for_another() {
    let world = World::usual().await;
    counted(&world.registry);
    let party = |party: &'static str| {
        let ask = pay(&world.consumer, "k1", "{\"sum\":5}");
        ask.field("x-road-represented-party", party).send()
    };
    let first = party("NGO/1400000001").await;
    first.answered(201);
    repeats(&world, &first, &party("NGO/1400000001").await);
    party("NGO/1400000002").await.refused(422, REUSED);
    let nobodys = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    nobodys.refused(422, REUSED);
    let other_type = world.consumer.ask("POST", PATH).body("{\"sum\":5}");
    let other_type = other_type
        .field("idempotency-key", "k1")
        .field("x-road-represented-party", "NGO/1400000001")
        .field("content-type", "text/plain");
    other_type.send().await.refused(422, REUSED);
    assert_eq!(number_of(&world.registry), 1);
}

#[tokio::test]
async fn what_is_refused_before_the_registry_was_asked_leaves_the_key_free() {
    let gone = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let away = format!(
        "[[services]]\nadapter = \"http\"\nsubsystem = \"{PROVIDER}\"\ncode = \"away\"\nbase_url = \"http://{address}/x\"\n"
    );
    let mut world = World::with()
        .contract(
            usual()
                .with("id", "away".into())
                .with("service", "away".into()),
        )
        .provider_settings(&away)
        .start()
        .await;
    counted(&world.registry);
    // No contract; then there is one.
    let refused = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    refused.refused(403, "server.clientproxy.access_denied");
    let path = PATH.replace(SERVICE, "away");
    let ask = |key: &'static str| pay_at(&world.consumer, &path, key, "{\"sum\":5}").send();
    // Nobody listens: the registry cannot have done anything, however often it is tried.
    for _ in 0..2 {
        let answer = ask("k1").await;
        answer.refused(504, "server.serverproxy.service_failed.network_error");
        let leaves = claims::leaves(&world.provider, answer.request_id());
        assert_eq!(leaves[1].facts.get("effect"), Some(&"none".to_owned()));
    }
    for agency in [&world.provider, &world.consumer] {
        agency.write_contract(&usual());
    }
    restart(&mut world).await;
    world.consumer.stop().await;
    world.consumer.start().await;
    world.refresh().await;
    let registry = Registry::start_at(address).await;
    counted(&registry);
    let path = PATH.replace(SERVICE, "away");
    let answer = pay_at(&world.consumer, &path, "k1", "{\"sum\":6}")
        .send()
        .await;
    assert_eq!(
        answer.answered(201).json()["receipt"],
        1,
        "the key is free, for any content"
    );
    pay(&world.consumer, "k1", "{\"sum\":7}")
        .send()
        .await
        .answered(201);
    assert_eq!((number_of(&registry), number_of(&world.registry)), (1, 1));
}

#[tokio::test]
async fn a_key_counts_for_thirty_days() {
    let world = World::usual().await;
    counted(&world.registry);
    let at = |days: u64| {
        let now = now_s() + days * DAY_S;
        world.provider.set_clock(now);
        world.consumer.set_clock(now);
        world.publish(now);
    };
    pay(&world.consumer, "k1", "{\"sum\":5}")
        .send()
        .await
        .answered(201);
    at(29);
    world.refresh().await;
    let again = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    assert_eq!(again.answered(201).json()["receipt"], 1);
    at(31);
    world.refresh().await;
    let new = pay(&world.consumer, "k1", "{\"sum\":6}").send().await;
    assert_eq!(new.answered(201).json()["receipt"], 2);
    assert_eq!(number_of(&world.registry), 2);
}

#[tokio::test]
async fn a_known_answer_that_is_not_kept_is_told_as_known() {
    let world = World::with()
        .contract(usual().with("evidence", "digest".into()))
        .start()
        .await;
    counted(&world.registry);
    let first = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    first.answered(201);
    let again = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    again.refused(409, NOT_KEPT);
    let said = again.message();
    let id = first.request_id().to_string();
    assert!(said.contains(&id) && said.contains("201"), "{said}");
    assert_eq!(number_of(&world.registry), 1);
    assert_eq!(
        claims::kinds(&world.provider, again.request_id()),
        [Kind::RequestReceived, Kind::Refused]
    );
}

#[tokio::test]
async fn an_answer_given_again_is_cut_to_what_the_contract_lets_out_now() {
    let mut world = World::usual().await;
    let whole = json!({ "receipt": 1, "payer": "Zzyzxova" });
    world.registry.always(Reaction::json(201, &whole));
    let first = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    assert_eq!(first.answered(201).json(), whole);
    let narrow = usual().with("fields", json!(["/receipt"]));
    for agency in [&world.provider, &world.consumer] {
        agency.write_contract(&narrow);
    }
    restart(&mut world).await;
    world.consumer.stop().await;
    world.consumer.start().await;
    world.refresh().await;
    let again = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    assert_eq!(again.answered(201).json(), json!({ "receipt": 1 }));
    assert_eq!(number_of(&world.registry), 1);
}

#[tokio::test]
async fn a_registry_that_keeps_keys_is_asked_again_and_books_once() {
    let registry = Registry::start().await;
    let mut world = stored(World::with(), &registry)
        .limit(PATIENT)
        .start()
        .await;
    let booked = book(&registry);
    let ask = |key: &'static str| pay_at(&world.consumer, STORED_PATH, key, "{\"sum\":5}").send();
    let answers = at_once((0..64).map(|_| ask("k1"))).await;
    for answer in &answers {
        match answer.status {
            201 => assert_eq!(answer.json()["receipt"], 1),
            _ => drop(answer.refused(409, IN_FLIGHT)),
        }
    }
    assert!(answers.iter().any(|answer| answer.status == 201));
    // Booked, and the answer lost: who asks again gets it.
    registry.does({
        let booked = Arc::clone(&booked);
        move |seen| {
            let key = seen.fields["idempotency-key"].to_str().unwrap().to_owned();
            let mut booked = booked.lock().unwrap();
            let next = booked.len() + 1;
            booked.entry(key).or_insert(next);
            Reaction::Cut("{".into())
        }
    });
    let lost = ask("k2").await;
    assert!(lost.status >= 500, "{lost:?}");
    registry.does({
        let booked = Arc::clone(&booked);
        move |seen| {
            let key = seen.fields["idempotency-key"].to_str().unwrap();
            let booked = booked.lock().unwrap();
            Reaction::json(201, &json!({ "receipt": booked[key] }))
        }
    });
    assert_eq!(ask("k2").await.answered(201).json()["receipt"], 2);
    let asked = number_of(&registry);
    restart(&mut world).await;
    let again = pay_at(&world.consumer, STORED_PATH, "k2", "{\"sum\":5}")
        .send()
        .await;
    assert_eq!(again.answered(201).json()["receipt"], 2);
    assert_eq!(number_of(&registry), asked + 1, "it was asked again");
    assert_eq!(booked.lock().unwrap().len(), 2);
    assert!(world.provider.live().node.effects.is_empty());
}

#[tokio::test]
async fn keys_outlive_the_log_in_which_they_stand() {
    let mut world = World::usual().await;
    counted(&world.registry);
    let first = pay(&world.consumer, "done", "{\"sum\":5}").send().await;
    first.answered(201);
    world.registry.always(Reaction::Close);
    let lost = pay(&world.consumer, "lost", "{\"sum\":5}").send().await;
    assert_eq!(lost.status, 502);
    world.provider.stop().await;
    let settings = bridge_node::settings::Settings::load(&world.provider.config()).unwrap();
    bridge_node::epochs::close(&settings).unwrap();
    world.provider.start().await;
    world.publish(now_s());
    world.refresh().await;
    let asked = number_of(&world.registry);
    let again = pay(&world.consumer, "done", "{\"sum\":5}").send().await;
    assert_eq!(again.answered(201).json()["receipt"], 1);
    let again = pay(&world.consumer, "lost", "{\"sum\":5}").send().await;
    again.refused(409, UNKNOWN);
    assert_eq!(number_of(&world.registry), asked);
}

#[tokio::test]
async fn keys_beyond_a_clients_share_are_refused_and_nothing_is_forgotten() {
    let world = World::with()
        .contract(usual())
        .provider_limit("idempotency_keys = 16\nidempotency_keys_of_client = 2")
        .start()
        .await;
    counted(&world.registry);
    for key in ["k1", "k2"] {
        pay(&world.consumer, key, "{}").send().await.answered(201);
    }
    let full = pay(&world.consumer, "k3", "{}").send().await;
    full.refused(502, "server.clientproxy.peer_overloaded");
    // The provider says 300, without a signature: no more than a minute is believed.
    assert_eq!(full.field("retry-after"), Some("60"));
    assert_eq!(number_of(&world.registry), 2);
    let again = pay(&world.consumer, "k1", "{}").send().await;
    assert_eq!(again.answered(201).json()["receipt"], 1);
    // Without a key it goes, as ever.
    let ask = world.consumer.ask("POST", PATH).body("{}");
    ask.send().await.answered(201);
}

#[tokio::test]
async fn a_new_evidence_key_opens_what_was_kept_and_no_payment_is_made_twice() {
    let mut world = World::usual().await;
    counted(&world.registry);
    let first = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    first.answered(201);
    // So much evidence that a segment is full: its secrets lie in a file of their own.
    for _ in 0..6 {
        let ask = world.consumer.ask("POST", PATH);
        let ask = ask.field("content-type", "application/json");
        let body = format!("\"{}\"", "7".repeat(900_000));
        ask.body(body).send().await.answered(201);
    }
    let provider = &mut world.provider;
    let segments = provider.journal().join("segments");
    let has_secrets = || {
        let mut names = std::fs::read_dir(&segments)
            .unwrap()
            .map(|one| one.unwrap());
        names.any(|one| one.path().extension().is_some_and(|end| end == "secrets"))
    };
    wait_until("a segment is sealed", async || has_secrets()).await;
    let keys = provider.folder.join("keys");
    let config = provider.config();
    let replace = || {
        let mut command = std::process::Command::new(bridge_tests::process::program());
        let command = command.args(["key", "evidence", "--config"]).arg(&config);
        let output = command.output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said)
    };
    let secret = || bridge_certs::read_secret_file(&keys.join("evidence.key")).unwrap();
    let old = secret();
    let (code, said) = replace();
    assert!(code == Some(1) && said.contains("stop the node"), "{said}");
    assert_eq!(*secret(), *old);
    provider.stop().await;
    // Whoever stopped it half-way is told to go on, and goes on.
    let next = keys.join("evidence.next.key");
    bridge_certs::write_secret_file(&next, &[9; 32]).unwrap();
    let faults = bridge_node::node::Parts::load(&config, now_s()).unwrap_err();
    let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
    let words = "run `bridge-node key evidence` again";
    assert!(told.iter().any(|one| one.contains(words)), "{told:?}");
    let (code, said) = replace();
    assert!(code == Some(0) && said.contains("is new; "), "{said}");
    assert!(said.contains("remove it in 30 days"), "{said}");
    assert_eq!((*secret(), next.exists()), ([9; 32], false));
    provider.start().await;
    world.publish(now_s());
    world.refresh().await;

    // What was begun and kept under the key of before is known, opened and verified.
    let again = pay(&world.consumer, "k1", "{\"sum\":5}").send().await;
    repeats(&world, &first, &again);
    let reused = pay(&world.consumer, "k1", "{\"sum\":6}").send().await;
    reused.refused(422, REUSED);
    assert_eq!(number_of(&world.registry), 7, "it was paid once");
    pay(&world.consumer, "k2", "{}").send().await.answered(201);
    let shown = claims::shown(&world.provider, first.request_id());
    assert!(shown.iter().all(|one| one.evidence.is_some()));
    world.provider.stop().await;
    claims::verifies(&world.provider);
    let options = bridge_verify::Options {
        evidence_key: Some(*old),
        ..bridge_verify::Options::default()
    };
    let journal = world.provider.journal();
    let findings = bridge_verify::verify(&journal, &options, &mut |_| {}).unwrap_err();
    let told: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert!(told[0].contains("with the evidence key"), "{told:?}");
    // Another replacement waits until what was begun before the last one counts no more.
    let (code, said) = replace();
    assert!(code == Some(1), "{said}");
    assert!(said.contains("marks-before.key is there"), "{said}");
}
