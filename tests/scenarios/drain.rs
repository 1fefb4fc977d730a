//! A node that is told to stop: nothing under way is lost, nothing new begins, and both journals say the same of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bridge_core::leaf::{Kind, Leaf};
use bridge_journal::{Filter, Journal};
use bridge_tests::agency::{Agency, Ports};
use bridge_tests::claims;
use bridge_tests::kept::Tally;
use bridge_tests::process::Process;
use bridge_tests::registry::Reaction;
use bridge_tests::wait::wait_until;
use bridge_tests::world::{PATH, World, usual};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// A machine that is busy with other tests must not take places away meanwhile.
const PATIENT: &str = "journal_wait_milliseconds = 10000";
const CONNECTIONS: usize = 64;
/// Answers before the node is told to stop.
const WARM: usize = 200;

/// Provider and consumer as processes.
async fn processes(world: &mut World) -> [Process; 2] {
    world.settle();
    [
        Process::run_quietly(&world.provider).await,
        Process::run_quietly(&world.consumer).await,
    ]
}

/// All leaves of a journal by exchange, oldest first.
fn by_exchange(journal: &Journal) -> BTreeMap<Uuid, Vec<Leaf>> {
    let filter = Filter {
        limit: Some(usize::MAX),
        ..Filter::default()
    };
    let mut exchanges: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for hit in journal.search(&filter).unwrap().into_iter().rev() {
        if let Some(id) = hit.leaf.request_id {
            exchanges.entry(id).or_default().push(hit.leaf);
        }
    }
    exchanges
}

/// Kinds of an exchange's leaves.
fn kinds(leaves: &[Leaf]) -> Vec<Kind> {
    leaves.iter().map(|leaf| leaf.kind).collect()
}

/// Both journals, read after their nodes have ended: exchanges that were answered, by the one and by the other.
async fn answered(world: &mut World) -> [BTreeSet<Uuid>; 2] {
    let mut sets = [BTreeSet::new(), BTreeSet::new()];
    let ends = [Kind::ResponseSigned, Kind::ResponseReceived];
    for ((agency, end), set) in [&mut world.provider, &mut world.consumer]
        .into_iter()
        .zip(ends)
        .zip(&mut sets)
    {
        agency.ports = Ports::default();
        agency.start().await;
        for (id, leaves) in by_exchange(&agency.live().node.journal) {
            let ends_well = leaves.iter().any(|leaf| leaf.kind == end);
            // One that was refused before it began has the refusal alone.
            let began = usize::from(leaves[0].kind != Kind::Refused);
            assert_eq!(
                leaves.len(),
                began + 1,
                "a beginning and an end: {leaves:?}"
            );
            assert_ne!(
                leaves[began].kind,
                Kind::Interrupted,
                "nothing was interrupted"
            );
            if ends_well {
                set.insert(id);
            }
        }
        claims::verifies(agency);
    }
    sets
}

/// Ids of the answers that the registry gave.
fn served(tally: &Tally) -> BTreeSet<Uuid> {
    let answers = tally
        .answers
        .iter()
        .filter(|(answer, _)| answer.status == 200);
    answers.map(|(answer, _)| answer.request_id()).collect()
}

#[tokio::test]
async fn sigterm_under_load_loses_no_exchange_and_tells_every_connection() {
    let setup = World::with().contract(usual());
    let mut world = setup.limit(PATIENT).make().await;
    world.registry.always(Reaction::answer(200, &[], "good"));
    let [mut provider, mut consumer] = processes(&mut world).await;
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    let caller = world.consumer.caller();
    let load = caller.closed_loop(CONNECTIONS, PATH, move |_answer| {
        counting.fetch_add(1, Ordering::Relaxed);
        true
    });
    let stopping = async {
        wait_until("the load is there", async || {
            count.load(Ordering::Relaxed) >= WARM
        })
        .await;
        consumer.terminate();
        consumer.ended().await.code()
    };
    let (tally, code) = tokio::join!(load, stopping);
    assert_eq!(code, Some(0));
    assert_eq!(tally.lost, 0, "a request without an answer");
    let [good, refused] = [200, 503].map(|status| tally.count(status));
    assert_eq!(good + refused, tally.answers.len(), "another status");
    for (answer, _) in tally
        .answers
        .iter()
        .filter(|(answer, _)| answer.status == 503)
    {
        answer.refused(503, "server.clientproxy.maintenance_mode");
        assert_eq!(answer.field("retry-after"), Some("5"));
    }
    let closed = |(answer, _): &&(_, _)| {
        bridge_tests::answer::Answer::field(answer, "connection") == Some("close")
    };
    assert_eq!(tally.answers.iter().filter(closed).count(), CONNECTIONS);
    provider.terminate();
    assert_eq!(provider.ended().await.code(), Some(0));
    let told = served(&tally);
    assert_eq!(told.len(), good);
    assert_eq!(answered(&mut world).await, [told.clone(), told]);
}

#[tokio::test]
async fn a_provider_that_stops_under_load_loses_no_exchange() {
    let setup = World::with().contract(usual());
    let mut world = setup.limit(PATIENT).make().await;
    world.registry.always(Reaction::answer(200, &[], "good"));
    let [mut provider, mut consumer] = processes(&mut world).await;
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    let caller = world.consumer.caller();
    let load = caller.closed_loop(CONNECTIONS, PATH, move |answer| {
        counting.fetch_add(1, Ordering::Relaxed);
        answer.status == 200
    });
    let stopping = async {
        wait_until("the load is there", async || {
            count.load(Ordering::Relaxed) >= WARM
        })
        .await;
        provider.terminate();
        provider.ended().await.code()
    };
    let (tally, code) = tokio::join!(load, stopping);
    assert_eq!((code, tally.lost), (Some(0), 0));
    for (answer, _) in tally
        .answers
        .iter()
        .filter(|(answer, _)| answer.status != 200)
    {
        // Refused in words, or not sent; never an unknown outcome.
        let code = answer.field("x-road-error").unwrap();
        let known = [
            (502, "server.clientproxy.service_failed"),
            (504, "server.clientproxy.network_error"),
        ];
        assert!(known.contains(&(answer.status, code)), "{answer:?}");
        assert_eq!(answer.field("retry-after"), Some("5"));
    }
    consumer.terminate();
    assert_eq!(consumer.ended().await.code(), Some(0));
    let told = served(&tally);
    assert_eq!(answered(&mut world).await, [told.clone(), told]);
}

#[tokio::test]
async fn what_draining_cannot_finish_is_interrupted_and_both_ends_are_told() {
    let setup = World::with().contract(usual());
    let mut world = setup.limit("drain_seconds = 1").start().await;
    let never = Arc::new(Semaphore::new(0));
    let held = Reaction::Held(Arc::clone(&never), "never".into());
    world.registry.always(held);
    let asking = [(); 3].map(|()| world.consumer.caller());
    let asking: Vec<_> = asking
        .into_iter()
        .map(|caller| tokio::spawn(async move { caller.closed_loop(1, PATH, |_| false).await }))
        .collect();
    wait_until("the registry was asked", async || {
        world.registry.seen().len() == 3
    })
    .await;
    let node = Arc::clone(&world.provider.live().node);
    world.provider.stop().await;
    let served = by_exchange(&node.journal);
    let asked = &world.consumer;
    let mut interrupted = 0;
    for asking in asking {
        let tally = asking.await.unwrap();
        let (answer, _) = &tally.answers[0];
        answer.refused(502, "server.clientproxy.service_failed");
        let id = answer.request_id();
        let began = [Kind::RequestReceived, Kind::Interrupted];
        assert_eq!(kinds(&served[&id]), began, "written before the node ended");
        assert_eq!(served[&id][0].link, served[&id][1].link);
        assert_eq!(claims::kinds(asked, id), [Kind::RequestSent, Kind::Refused]);
        interrupted += 1;
    }
    assert_eq!((interrupted, served.len()), (3, 3));
    claims::verifies(&world.provider);
    // The next start has nothing to make up for.
    world.provider.start().await;
    assert_eq!(by_exchange(&world.provider.live().node.journal), served);
}

#[tokio::test]
async fn a_caller_of_a_node_that_cannot_wait_is_told_that_the_outcome_is_unknown() {
    let setup = World::with().contract(usual());
    let mut world = setup.limit("drain_seconds = 0").start().await;
    let gate = Arc::new(Semaphore::new(0));
    world
        .registry
        .always(Reaction::Held(Arc::clone(&gate), "late".into()));
    let caller = world.consumer.caller();
    let asking = tokio::spawn(async move { caller.closed_loop(1, PATH, |_| false).await });
    wait_until("the registry was asked", async || {
        world.registry.seen().len() == 1
    })
    .await;
    let node = Arc::clone(&world.consumer.live().node);
    world.consumer.stop().await;
    let tally = asking.await.unwrap();
    let (answer, _) = &tally.answers[0];
    answer.refused(503, "server.clientproxy.io_error");
    assert!(answer.message().contains("not known"), "{answer:?}");
    let asked = by_exchange(&node.journal);
    let (id, leaves) = asked.first_key_value().unwrap();
    assert_eq!(kinds(leaves), [Kind::RequestSent, Kind::Interrupted]);
    // The provider's end ends as it would have.
    gate.add_permits(1);
    let provider: &Agency = &world.provider;
    wait_until("the provider has answered", async || {
        claims::kinds(provider, *id) == [Kind::RequestReceived, Kind::ResponseSigned]
    })
    .await;
}

#[tokio::test]
async fn a_second_sigterm_hastens_the_end() {
    let setup = World::with().contract(usual());
    let mut world = setup.limit("drain_seconds = 3600").make().await;
    let never = Arc::new(Semaphore::new(0));
    world.registry.always(Reaction::Held(never, "never".into()));
    let [mut provider, _consumer] = processes(&mut world).await;
    let caller = world.consumer.caller();
    let asking = tokio::spawn(async move { caller.closed_loop(1, PATH, |_| false).await });
    wait_until("the registry was asked", async || {
        world.registry.seen().len() == 1
    })
    .await;
    provider.terminate();
    wait_until("the provider takes nothing new", async || {
        tokio::net::TcpStream::connect(world.provider.ports.peer)
            .await
            .is_err()
    })
    .await;
    provider.terminate();
    assert_eq!(provider.ended().await.code(), Some(0));
    let tally = asking.await.unwrap();
    tally.answers[0]
        .0
        .refused(502, "server.clientproxy.service_failed");
}
