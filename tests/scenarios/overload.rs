//! Three times what can be done: as much is done as before, the rest is told so at once, and nothing of it stays.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bridge_tests::claims;
use bridge_tests::process::{Process, reserve_ports};
use bridge_tests::registry::Reaction;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, Setup, World, usual};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Exchanges that may run at a time, of all callers.
const EXCHANGES: usize = 8;
/// Many more than may run.
const BURST: usize = 24;
/// How long the registry works on each: with the places, that is what can be done on any machine.
const WORK: Duration = Duration::from_millis(500);
const ROUNDS: usize = 8;

/// Peak, then overload, then neither; which refusals the callers must get is the scenario's.
async fn overload(setup: Setup, (status, code): (u16, &str)) {
    let world = setup.contract(usual()).start().await;
    world.registry.always(Reaction::Works(WORK, "done".into()));
    let caller = world.consumer.caller();
    let rounds = u32::try_from(ROUNDS).unwrap();

    // How many of them one caller gets.
    let burst = caller.closed_loop(BURST, PATH, |_| false).await;
    let places = burst.count(200);
    assert!((2..=EXCHANGES).contains(&places), "{places} places");

    let began = tokio::time::Instant::now();
    let peak = caller.closed_loop(places, PATH, move |_| began.elapsed() < WORK * rounds);
    let peak = peak.await;
    let took = began.elapsed();
    assert_eq!((peak.lost, peak.count(200)), (0, peak.answers.len()));
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    let per_second = peak.count(200) as f64 / took.as_secs_f64();

    let loaded = caller.open_loop(3.0 * per_second, took, PATH).await;
    let (good, refused) = (loaded.count(200), loaded.count(status));
    assert_eq!((loaded.lost, good + refused), (0, loaded.answers.len()));
    let shown = format!(
        "{} at peak, {good} of {} under load",
        peak.count(200),
        loaded.answers.len()
    );
    assert!(good * 10 > peak.count(200) * 9, "{shown}");
    assert!(refused > good, "it was no overload: {shown}");
    for (answer, _) in loaded
        .answers
        .iter()
        .filter(|(answer, _)| answer.status == status)
    {
        answer.refused(status, code);
        assert_eq!(answer.field("retry-after"), Some("5"));
        if code == "server.clientproxy.overloaded" {
            assert_eq!(
                answer.field("x-road-id"),
                None,
                "a request beyond its share was read"
            );
        }
    }
    assert!(
        loaded.median(status) * 2 < loaded.median(200),
        "a refusal waits for nothing"
    );

    let after = caller.closed_loop(places, PATH, |_| false).await;
    assert_eq!(
        after.count(200),
        places,
        "the first after it are all served"
    );
    assert_eq!(
        world.registry.seen().len(),
        2 * places + peak.count(200) + good
    );
}

/// While all places are taken, callers come on many more connections than there are places for strangers.
#[tokio::test]
async fn a_caller_that_is_refused_for_want_of_places_is_no_stranger() {
    let setup = World::with().consumer_limit("exchanges = 1\nstrangers = 2");
    let world = setup.contract(usual()).start().await;
    let release = Arc::new(Semaphore::new(0));
    let held = Reaction::Held(Arc::clone(&release), "good".into());
    world.registry.always(held);
    let caller = world.consumer.caller();
    let mut first = caller.connect().await.unwrap();
    let first = tokio::spawn(async move { first.get(PATH).await });
    wait_until("the place is taken", async || {
        world.registry.seen().len() == 1
    })
    .await;
    let mut kept = Vec::new();
    for _ in 0..BURST {
        let mut connection = caller.connect().await.unwrap();
        let (answer, _) = connection.get(PATH).await.expect("an answer");
        answer.refused(503, "server.clientproxy.overloaded");
        kept.push(connection);
    }
    release.add_permits(1 + BURST);
    let (answer, _) = first.await.unwrap().expect("an answer");
    answer.answered(200);
    for mut connection in kept {
        let (answer, _) = connection.get(PATH).await.expect("it was kept");
        answer.answered(200);
    }
    assert_eq!(claims::reached(&world.consumer, "strangers").await, 0);
    let refused = claims::reached(&world.consumer, "exchanges").await;
    assert_eq!(refused, BURST as u64);
}

/// All who find no place are told the same, each in its own language and form, and the log tells it too.
#[tokio::test]
async fn whoever_finds_no_place_is_told_what_the_log_tells() {
    let setup = World::with().consumer_limit("exchanges = 1");
    let mut world = setup.contract(usual()).make().await;
    world.consumer.ports = reserve_ports();
    world.consumer.write_settings();
    world.publish(now_s());
    let mut node = Process::run(&world.consumer).await;
    // A body that does not come to its end holds the place.
    let (client, key) = (&world.consumer.subsystem, &world.consumer.api_key);
    let mut holder = TcpStream::connect(world.consumer.ports.plain)
        .await
        .unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: a\r\nX-Road-Client: {client}\r\nBridge-Api-Key: {key}\r\nContent-Length: 2\r\n\r\n1"
    );
    holder.write_all(head.as_bytes()).await.unwrap();
    wait_until("the place is taken", async || {
        claims::metric(
            &world.consumer,
            "bridge_exchanges_under_way{side=\"consumer\"}",
        )
        .await
            == 1
    })
    .await;
    let mut details = BTreeSet::new();
    for (language, accept, kind) in [
        ("en", "*/*", "application/json; charset=utf-8"),
        ("az", "*/*", "application/json; charset=utf-8"),
        ("en", "application/json", "application/json; charset=utf-8"),
        ("az", "text/xml", "text/xml; charset=utf-8"),
    ] {
        let ask = world.consumer.get(PATH).by_key().plain();
        let ask = ask
            .field("accept-language", language)
            .field("accept", accept);
        let answer = ask.send().await;
        answer.refused(503, "server.clientproxy.overloaded");
        assert_eq!(answer.field("content-language"), Some(language));
        assert_eq!(answer.field("content-type"), Some(kind));
        details.insert(answer.told().detail);
    }
    drop(holder);
    node.terminate();
    assert!(node.ended().await.success());
    let log = std::fs::read_to_string(&node.log).unwrap();
    let told = |detail: &String| log.lines().any(|line| line.contains(detail.as_str()));
    assert!(details.iter().all(told), "{details:?} in {log}");
    let lines = log
        .lines()
        .filter(|line| line.contains("no places for them"));
    assert_eq!(lines.count(), details.len(), "a line for each, and no more");
    assert!(details.len() < 4, "one serves many: {details:?}");
}

/// A flood that ignores `Retry-After` leaves nothing behind: from the moment it ends, everybody is served.
#[tokio::test]
async fn right_after_a_flood_all_that_find_places_are_answered() {
    /// Never fewer, however long the journal takes on a machine that is busy; one caller gets a bit more than half.
    const PLACES: usize = 64;
    const AT_ONCE: usize = 32;
    const REFUSALS: usize = 4000;
    let setup = World::with().consumer_limit(&format!("exchanges = {PLACES}"));
    let world = setup.contract(usual()).start().await;
    world.registry.always(Reaction::answer(200, &[], "good"));
    let caller = world.consumer.caller();
    for _ in 0..3 {
        let refused = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&refused);
        let flood = caller.closed_loop(4 * PLACES, PATH, move |answer| {
            let one = usize::from(answer.status == 503);
            count.fetch_add(one, Ordering::Relaxed) + one < REFUSALS
        });
        let flood = flood.await;
        assert_eq!(
            (flood.lost, flood.count(200) + flood.count(503)),
            (0, flood.answers.len())
        );
        assert!(flood.count(503) >= REFUSALS && flood.count(200) > 0);
        let after = caller.closed_loop(AT_ONCE, PATH, |_| false).await;
        assert_eq!(after.count(200), AT_ONCE);
    }
}

#[tokio::test]
async fn a_consumers_node_offered_three_times_its_capacity_serves_as_many_and_refuses_the_rest() {
    let setup = World::with().consumer_limit(&format!("exchanges = {EXCHANGES}"));
    Box::pin(overload(setup, (503, "server.clientproxy.overloaded"))).await;
}

#[tokio::test]
async fn a_providers_node_offered_three_times_its_capacity_serves_as_many_and_refuses_the_rest() {
    let setup = World::with().provider_limit(&format!("exchanges = {EXCHANGES}"));
    Box::pin(overload(setup, (502, "server.clientproxy.peer_overloaded"))).await;
}
