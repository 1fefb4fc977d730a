//! The disk's reserve: nothing new begins below it, what has begun ends, and the node comes back by itself.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bridge_core::leaf::Kind;
use bridge_journal::Filter;
use bridge_tests::agency::Ports;
use bridge_tests::claims;
use bridge_tests::large::{Noise, piecemeal};
use bridge_tests::process::Process;
use bridge_tests::registry::Reaction;
use bridge_tests::wait::{now_ms, wait_until};
use bridge_tests::world::{PATH, World, usual};
use http::Method;
use tokio::sync::Semaphore;

const MIB: u64 = 1024 * 1024;
const PIECE: usize = 1024 * 1024;
const DISK: u64 = 96 * MIB;
const RESERVE: u64 = 24 * MIB;

/// A small disk under a folder.
struct Disk(PathBuf);

impl Disk {
    /// Mounts it. Tests run as root.
    fn under(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).unwrap();
        let size = format!("size={DISK}");
        let options = ["-t", "tmpfs", "-o", &size, "bridge-scenario"];
        let status = Command::new("mount").args(options).arg(&folder).status();
        assert!(status.unwrap().success(), "scenarios of disks need root");
        Self(folder)
    }

    fn free(&self) -> u64 {
        let output = Command::new("df")
            .args(["--output=avail", "-B1"])
            .arg(&self.0)
            .output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        text.lines().last().unwrap().trim().parse().unwrap()
    }

    /// Leaves so many bytes free.
    fn fill_up_to(&self, free: u64) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.filling())
            .unwrap();
        let zeros = vec![0; PIECE];
        while self.free() > free {
            let piece = (self.free() - free).min(MIB);
            file.write_all(&zeros[..usize::try_from(piece).unwrap()])
                .unwrap();
        }
    }

    fn clear(&self) {
        fs::remove_file(self.filling()).unwrap();
    }

    fn filling(&self) -> PathBuf {
        Path::new(&self.0).join("filling")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "{} stays mounted",
            self.0.display()
        );
    }
}

#[tokio::test]
async fn below_the_watermark_nothing_begins_and_what_has_begun_ends() {
    let setup = World::with().contract(usual());
    let setup = setup.limit(&format!("disk_reserve_bytes = {RESERVE}"));
    let mut world = setup.make().await;
    let disks =
        [&world.consumer, &world.provider].map(|agency| Disk::under(agency.folder.join("data")));
    let [asking, serving] = &disks;
    world.settle();
    let mut nodes = [
        Process::run_quietly(&world.provider).await,
        Process::run_quietly(&world.consumer).await,
    ];
    let get = || world.consumer.get(PATH).send();
    get().await.answered(200);

    // What has begun ends, though the disk of either node is down to its reserve by then.
    let gate = Arc::new(Semaphore::new(0));
    let held = Reaction::Held(Arc::clone(&gate), "begun before".into());
    world.registry.always(held);
    let filling = async {
        wait_until("the registry was asked", async || {
            world.registry.seen().len() == 2
        })
        .await;
        asking.fill_up_to(RESERVE - MIB);
        serving.fill_up_to(RESERVE - MIB);
        let refusal = "server.clientproxy.logging_failed";
        wait_until("the consumer's node refuses", async || {
            let ready = world.consumer.health("/ready").await.unwrap();
            ready.status == 503 && ready.json().to_string().contains("disk is too full")
        })
        .await;
        for _ in 0..5 {
            let refused = get().await;
            refused.refused(503, refusal);
            assert_eq!(refused.field("retry-after"), Some("300"));
        }
        gate.add_permits(1);
    };
    let (begun, ()) = tokio::join!(get(), filling);
    begun.answered(200);
    assert_eq!(begun.body, "begun before");

    // The consumer's disk has room again, the provider's has not: its refusal is passed on in words.
    world.registry.always(Reaction::answer(200, &[], "again"));
    asking.clear();
    wait_until("the consumer's node takes exchanges again", async || {
        world.consumer.health("/ready").await.unwrap().status == 200
    })
    .await;
    let refused = get().await;
    refused.refused(502, "server.clientproxy.service_failed");
    assert!(refused.message().contains("503"), "{refused:?}");
    serving.clear();
    wait_until("the provider's node takes exchanges again", async || {
        world.provider.health("/ready").await.unwrap().status == 200
    })
    .await;
    get().await.answered(200);
    // Told to stop while their disks are below the reserve, both still write how many they refused, and close their journals.
    for disk in &disks {
        disk.fill_up_to(RESERVE / 2);
    }
    let full_since = now_ms();
    for node in &mut nodes {
        node.terminate();
        assert_eq!(node.ended().await.code(), Some(0));
    }
    let ends = [(&mut world.consumer, "5"), (&mut world.provider, "1")];
    for ((agency, refusals), disk) in ends.into_iter().zip(&disks) {
        agency.ports = Ports::default();
        agency.start().await;
        let filter = Filter {
            kind: Some(Kind::State),
            ..Filter::default()
        };
        let hits = agency.live().node.journal.search(&filter).unwrap();
        let told = hits.iter().filter_map(|hit| {
            let refused = hit.leaf.facts.get("refused_without_leaf")?;
            Some((refused.as_str(), hit.leaf.time.0 >= full_since))
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [(refusals, true)],
            "one leaf counts the refusals, written on the full disk"
        );
        claims::verifies(agency);
        agency.stop().await;
        assert!(disk.free() < RESERVE, "it never had room again");
    }
}

#[tokio::test]
async fn a_spooled_body_leaves_the_reserve_alone() {
    let setup = World::with().contract(usual());
    let setup = setup.limit(&format!("disk_reserve_bytes = {RESERVE}"));
    let mut world = setup.make().await;
    let disk = Disk::under(world.consumer.folder.join("data"));
    world = world.run().await;
    disk.fill_up_to(RESERVE + 4 * MIB);
    let (body, pieces) = piecemeal(None);
    let sending = async {
        let mut noise = Noise::new(1, DISK);
        while let Some(piece) = noise.piece() {
            if pieces.send(piece).await.is_err() {
                return;
            }
            assert!(disk.free() >= RESERVE - MIB / 4, "the reserve is used");
        }
        panic!("all of it was taken");
    };
    let asking = world.consumer.begin(Method::POST, PATH, Some(body));
    let (answer, ()) = tokio::join!(asking, sending);
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(
        answer.headers()["x-road-error"],
        "server.clientproxy.logging_failed"
    );
    wait_until("the room is given back", async || {
        disk.free() >= RESERVE + 3 * MIB
    })
    .await;
    world.consumer.get(PATH).send().await.answered(200);
    world.consumer.stop().await;
    claims::verifies(&world.consumer);
    drop(disk);
}
