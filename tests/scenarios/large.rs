//! Large bodies: whole, both ways, in bounded memory and room, and given up when somebody goes away.

use std::fs;
use std::time::Duration;

use bridge_core::leaf::EvidenceMode;
use bridge_tests::agency::{Agency, Ports};
use bridge_tests::claims;
use bridge_tests::large::{ANSWER_SEED, LargeRegistry, Noise, piecemeal};
use bridge_tests::process::Process;
use bridge_tests::registry::Reaction;
use bridge_tests::terms::terms;
use bridge_tests::wait::wait_until;
use bridge_tests::world::{CONSUMER, PATH, PROVIDER, Setup, World, usual};
use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt as _;
use tokio::time::Instant;

const MIB: u64 = 1024 * 1024;
/// What a large body may add to the memory of either node.
const ADDED_KIB: u64 = 32 * 1024;
/// A service of the provider that a [`LargeRegistry`] answers.
const LARGE_PATH: &str = "/r1/AZ/GOV/1001/POPULATION/large";

/// A gibibyte in `tests/large`, a sixteenth of it everywhere else.
fn size() -> u64 {
    let given = std::env::var("BRIDGE_LARGE_BYTES");
    given.map_or(64 * MIB, |bytes| bytes.parse().unwrap())
}

/// The usual world and a service for large bodies.
fn world(registry: &LargeRegistry) -> Setup {
    let service = format!(
        "[[services]]\nadapter = \"http\"\nsubsystem = \"{PROVIDER}\"\ncode = \"large\"\nbase_url = \"http://{}\"\n",
        registry.address
    );
    let large = terms("tax-large", CONSUMER, PROVIDER, "large");
    let setup = World::with().contract(usual()).contract(large);
    setup.provider_settings(&service)
}

/// Provider and consumer as processes that log little.
async fn processes(world: &mut World) -> [Process; 2] {
    world.settle();
    [
        Process::run_quietly(&world.provider).await,
        Process::run_quietly(&world.consumer).await,
    ]
}

#[tokio::test]
async fn a_large_body_passes_both_ways_and_adds_little_memory() {
    let registry = LargeRegistry::start().await;
    let mut world = world(&registry).make().await;
    let mut nodes = processes(&mut world).await;
    world
        .consumer
        .get(LARGE_PATH)
        .by_key()
        .send()
        .await
        .answered(200);
    let before = nodes.each_ref().map(Process::peak_memory_kib);

    let noise = Noise::new(1, size());
    let began = Instant::now();
    let up = world
        .consumer
        .large(Method::POST, LARGE_PATH, Some(noise.clone().body()))
        .await
        .unwrap();
    let up_took = began.elapsed();
    let sent = noise.seen();
    assert_eq!(up.status, 200, "{:?}", up.beginning);
    let got = format!("{} {}", sent.bytes, sent.sha256);
    assert_eq!(up.beginning, got, "the registry got other bytes");

    let began = Instant::now();
    let target = format!("{LARGE_PATH}?q={}", size());
    let down = world
        .consumer
        .large(Method::GET, &target, None)
        .await
        .unwrap();
    let down_took = began.elapsed();
    assert_eq!(down.status, 200, "{:?}", down.beginning);
    assert_eq!(down.body, Noise::new(ANSWER_SEED, size()).seen());

    let added = [0, 1].map(|end| nodes[end].peak_memory_kib() - before[end]);
    for (node, added) in nodes.iter().zip(added) {
        assert!(added < ADDED_KIB, "{added} KiB were added to {before:?}");
        assert!(spooled(node).is_empty(), "a spooled body stays");
    }
    told(&format!(
        "{} MiB: up in {up_took:?}, down in {down_took:?}, {added:?} KiB added at provider and consumer",
        size() / MIB
    ));
    for node in &mut nodes {
        node.terminate();
        assert_eq!(node.ended().await.code(), Some(0));
    }
    for agency in [&mut world.provider, &mut world.consumer] {
        agency.ports = Ports::default();
        agency.start().await;
        for (answer, large) in [(&up, 0), (&down, 1)] {
            let id = answer.field("x-road-request-id").parse().unwrap();
            let leaves = claims::leaves(agency, id);
            let modes: Vec<_> = leaves.iter().map(|leaf| leaf.mode.unwrap()).collect();
            let mut expected = [EvidenceMode::Full; 2];
            expected[large] = EvidenceMode::Digest;
            assert_eq!(modes, expected, "above the limit a leaf says `digest`");
        }
        claims::verifies(agency);
    }
}

#[expect(
    clippy::print_stderr,
    reason = "for who runs it by hand: no figure of a machine is asserted"
)]
fn told(figures: &str) {
    eprintln!("{figures}");
}

/// The files without names in the spool folder of a node.
fn spooled(node: &Process) -> Vec<(std::path::PathBuf, String)> {
    let mut files = node.open_files();
    files.retain(|(_, name)| name.contains("/data/spool/"));
    files
}

#[tokio::test]
async fn a_spooled_body_has_no_name_and_is_not_readable_on_disk() {
    const PATTERN: &[u8] = b"FIN 5XKQ7ZW of somebody, again and again. ";
    let setup = World::with().contract(usual());
    let mut world = setup.limit("spool_memory_bytes = 0").make().await;
    let [_provider, consumer] = processes(&mut world).await;
    let (body, pieces) = piecemeal(Some(8 * MIB));
    let asking = world.consumer.begin(Method::POST, PATH, Some(body));
    let looking = async {
        let piece = Bytes::from(PATTERN.repeat(50_000));
        for _ in 0..2 {
            pieces.send(piece.clone()).await.unwrap();
        }
        wait_until("a body is spooled", async || {
            let files = spooled(&consumer);
            files.len() == 1 && fs::read(&files[0].0).unwrap().len() as u64 > 3 * MIB
        })
        .await;
        let (file, name) = spooled(&consumer).swap_remove(0);
        assert!(name.ends_with("(deleted)"), "it has a name: {name}");
        let folder = world.consumer.folder.join("data/spool");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
        let kept = fs::read(file).unwrap();
        let readable = kept.windows(16).any(|bytes| bytes == &PATTERN[..16]);
        assert!(!readable, "the body is readable on disk");
    };
    // The caller goes away in the middle.
    tokio::select! {
        answer = asking => panic!("{answer:?}"),
        () = looking => {}
    }
    drop(pieces);
    wait_until("the spooled body is gone", async || {
        spooled(&consumer).is_empty()
    })
    .await;
}

/// No spooled body is left at either node.
async fn room_is_given_back(world: &World) {
    wait_until("all room is given back", async || {
        let used = |agency: &Agency| agency.live().node.room.used();
        used(&world.consumer) + used(&world.provider) == 0
    })
    .await;
}

#[tokio::test]
async fn bodies_beyond_the_room_are_413_if_they_never_fit_and_503_if_not_now() {
    let setup = World::with().contract(usual());
    let setup = setup.limit("spool_peer_bytes = 3145728\nspool_node_bytes = 4194304");
    let world = setup.start().await;
    let post = |bytes| {
        let body = Noise::new(1, bytes).body();
        world.consumer.large(Method::POST, PATH, Some(body))
    };
    let never = post(3 * MIB + 1).await.unwrap();
    never.refused(413, "server.clientproxy.invalid_body");

    // The registry sends it back: it fits twice into the node's room, and its larger part and another not into one share.
    let size = 15 * MIB / 8;
    let (body, pieces) = piecemeal(Some(size));
    let first = world.consumer.large(Method::POST, PATH, Some(body));
    let meanwhile = async {
        let mut noise = Noise::new(2, size);
        let all: Vec<_> = std::iter::from_fn(|| noise.piece()).collect();
        for piece in all.iter().take(all.len() / 4 * 3) {
            pieces.send(piece.clone()).await.unwrap();
        }
        wait_until("the first is spooled", async || {
            world.consumer.live().node.room.used() > MIB
        })
        .await;
        let second = post(size).await.unwrap();
        second.refused(503, "server.clientproxy.overloaded");
        assert_eq!(second.field("retry-after"), "30");
        for piece in all.iter().skip(all.len() / 4 * 3) {
            pieces.send(piece.clone()).await.unwrap();
        }
        drop(pieces);
    };
    let (first, ()) = tokio::join!(first, meanwhile);
    let first = first.unwrap();
    assert_eq!(first.status, 200, "{:?}", first.beginning);
    room_is_given_back(&world).await;
    // Request and answer together are more than the provider's node has room for.
    let both = post(5 * MIB / 2).await.unwrap();
    both.refused(502, "server.clientproxy.peer_overloaded");
    assert_eq!(both.field("retry-after"), "30", "what the provider says");
    let id = both.field("x-road-request-id").parse().unwrap();
    claims::refused_leaf(&world.provider, id, "server.serverproxy.overloaded");
    room_is_given_back(&world).await;
    assert_eq!(post(MIB).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_body_may_take_its_time_but_not_stand_still() {
    let setup = World::with().contract(usual());
    let world = setup
        .limit("exchange_seconds = 3\nbody_bytes_per_second = 1")
        .start()
        .await;
    let limit = world.consumer.live().node.settings.limits.exchange_timeout;
    let (body, pieces) = piecemeal(None);
    let slow = world.consumer.large(Method::POST, PATH, Some(body));
    let sending = async {
        let began = Instant::now();
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let mut noise = Noise::new(3, 1024 * MIB);
        while began.elapsed() < limit + Duration::from_secs(1) {
            tick.tick().await;
            pieces.send(noise.piece().unwrap()).await.unwrap();
        }
        drop(pieces);
    };
    let (slow, ()) = tokio::join!(slow, sending);
    let slow = slow.unwrap();
    assert_eq!(slow.status, 200, "{:?}", slow.beginning);

    let (body, pieces) = piecemeal(None);
    let stands = world.consumer.large(Method::POST, PATH, Some(body));
    let sending = async {
        for _ in 0..40 {
            let piece = Noise::new(4, 65_536).piece().unwrap();
            pieces.send(piece).await.unwrap();
        }
    };
    let (stands, ()) = tokio::join!(stands, sending);
    stands
        .unwrap()
        .refused(400, "server.clientproxy.invalid_body");
    drop(pieces);
    room_is_given_back(&world).await;
}

#[tokio::test]
async fn room_comes_back_when_a_caller_leaves_or_stops_reading_and_when_a_registry_cuts() {
    let registry = LargeRegistry::start().await;
    let world = world(&registry).limit("exchange_seconds = 8").start().await;
    // More than the system's own buffers take.
    let size = 32 * MIB;
    let target = format!("{LARGE_PATH}?q={size}");
    let begin = async || {
        let answer = world
            .consumer
            .begin(Method::GET, &target, None)
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let used = world.consumer.live().node.room.used();
        assert!(used > size, "the answer waits for its reader");
        answer
    };
    drop(begin().await);
    room_is_given_back(&world).await;
    let _does_not_read = begin().await;
    room_is_given_back(&world).await;
    let cut = Noise::new(5, 3 * MIB);
    let cut: Vec<u8> = cut.collect().await.unwrap().to_bytes().into();
    world.registry.always(Reaction::Cut(cut.into()));
    let answer = world.consumer.get(PATH).send().await;
    answer.refused(502, "server.serverproxy.service_failed.io_error");
    room_is_given_back(&world).await;
}
