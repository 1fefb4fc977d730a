//! A member that floods takes its own share of places, never those of the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bridge_tests::claims;
use bridge_tests::registry::Reaction;
use bridge_tests::wait::{BOUND, wait_until};
use bridge_tests::world::{PATH, STRANGER};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Ground;

#[tokio::test]
async fn a_member_that_floods_leaves_places_for_exchanges_of_others() {
    let ground = Ground::with(|setup| setup.limit("exchanges = 8")).await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    ground.world.registry.does(move |seen| {
        if seen.fields["x-road-client"] == STRANGER {
            Reaction::Held(Arc::clone(&held), "late".into())
        } else {
            Reaction::answer(200, &[], "soon")
        }
    });
    let world = &ground.world;
    let ask = || {
        let forged = ground
            .puppet
            .request(&world.provider, PATH, &ground.contract);
        ground.puppet.ask(&world.provider, forged)
    };
    let flood = async { tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask()) };
    let meanwhile = async {
        wait_until("the flood has its share", async || {
            world.registry.seen().len() == 5
        })
        .await;
        for _ in 0..5 {
            world.consumer.get(PATH).send().await.answered(200);
        }
        // Its three others were refused by now or are about to be: nobody waits for a place.
        gate.add_permits(5);
    };
    let (flood, ()) = tokio::join!(flood, meanwhile);
    let flood = [
        flood.0, flood.1, flood.2, flood.3, flood.4, flood.5, flood.6, flood.7,
    ];
    let count = |status| {
        flood
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert!(count(200) >= 5 && count(200) + count(503) == 8, "{flood:?}");
    for refused in flood.iter().filter(|answer| answer.status == 503) {
        refused.refused(503, "server.serverproxy.overloaded");
    }
    let reached = claims::reached(&world.provider, "exchanges").await;
    assert_eq!(reached, count(503) as u64);
}

#[tokio::test]
async fn a_member_that_floods_leaves_connections_for_others() {
    let ground = Ground::with(|setup| setup.limit("connections = 8")).await;
    let address = ground.world.provider.ports.peer;
    // A connection beyond the share is closed at once; one within it waits for a request.
    let closed = Arc::new(AtomicUsize::new(0));
    let mut waiting = JoinSet::new();
    for _ in 0..20 {
        let mut stream = ground.puppet.connect(address).await.unwrap();
        let closed = Arc::clone(&closed);
        waiting.spawn(async move {
            drop(stream.read_u8().await);
            closed.fetch_add(1, Ordering::SeqCst);
        });
    }
    wait_until("the others are closed", async || {
        closed.load(Ordering::SeqCst) >= 15
    })
    .await;
    ground.world.consumer.get(PATH).send().await.answered(200);
    assert_eq!(closed.load(Ordering::SeqCst), 15, "its share is five");
    let reached = claims::reached(&ground.world.provider, "connections").await;
    assert_eq!(reached, 15);
    // And its places come back.
    waiting.shutdown().await;
    let again = async {
        loop {
            let forged = ground
                .puppet
                .request(&ground.world.provider, PATH, &ground.contract);
            if ground
                .puppet
                .try_send(&ground.world.provider, ground.puppet.sign(forged))
                .await
                .is_ok()
            {
                return;
            }
        }
    };
    tokio::time::timeout(BOUND, again).await.unwrap();
}
