//! Three times what can be done: as much is done as before, the rest is told so at once, and nothing of it stays.

use std::time::Duration;

use bridge_tests::registry::Reaction;
use bridge_tests::world::{PATH, Setup, World, usual};

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
        if status == 503 {
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

#[tokio::test]
async fn a_consumers_node_offered_three_times_its_capacity_serves_as_many_and_refuses_the_rest() {
    let setup = World::with().consumer_limit(&format!("exchanges = {EXCHANGES}"));
    Box::pin(overload(setup, (503, "server.clientproxy.overloaded"))).await;
}

#[tokio::test]
async fn a_providers_node_offered_three_times_its_capacity_serves_as_many_and_refuses_the_rest() {
    let setup = World::with().provider_limit(&format!("exchanges = {EXCHANGES}"));
    Box::pin(overload(setup, (502, "server.clientproxy.service_failed"))).await;
}
