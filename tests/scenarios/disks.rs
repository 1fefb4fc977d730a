//! Disks that fill up, turn read-only or fail, as the kernel reports it, at either end. Needs root: loop devices and mounts.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bridge_core::leaf::Kind;
use bridge_tests::agency::Agency;
use bridge_tests::answer::Answer;
use bridge_tests::claims;
use bridge_tests::process::{Process, reserve_ports};
use bridge_tests::registry::Reaction;
use bridge_tests::wait::{all_at_once, now_s, wait_until};
use bridge_tests::world::{PATH, World, usual};
use tokio::sync::Semaphore;
use uuid::Uuid;

mod device;

use device::{Disk, run};

/// What a caller hears when the journal can't be written: of its own node, and of the provider's, which can prove nothing now.
const REFUSED: (u16, &str) = (503, "server.clientproxy.logging_failed");
const REFUSED_THERE: (u16, &str) = (502, "server.clientproxy.service_failed");
/// So large that eight of them fill a segment.
const BODY_BYTES: usize = 500_000;
/// Hang guard: what a disk has room for is far less.
const MOST: usize = 60;
/// As all scenarios have it.
const SEGMENT_BYTES: u64 = 4 << 20;
/// The least that the settings allow: three segments.
const RESERVE: &str = "disk_reserve_bytes = 12582912";
/// Less than a segment, and enough for a checkpoint.
const LITTLE: u64 = 1 << 20;
/// So many large answers fill the open segment, the one that is ready, and more.
const UNDER_WAY: usize = 24;

/// Whose disk it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Consumer,
    Provider,
}

/// What becomes of a node whose disk fails in some way while it works.
struct Story {
    world: World,
    end: End,
    disk: Disk,
    node: Process,
    /// Of each request.
    body_bytes: usize,
    /// Exchanges that were answered: none of them may be lost.
    answered: Vec<Uuid>,
    /// Exchanges that were under way when the journal ended: their callers were refused.
    cut_off: Vec<Uuid>,
}

// === impl End ===

impl End {
    const BOTH: [Self; 2] = [Self::Consumer, Self::Provider];

    /// This end's agency and the other's.
    fn agencies(self, world: &mut World) -> [&mut Agency; 2] {
        let [consumer, provider] = [&mut world.consumer, &mut world.provider];
        match self {
            Self::Consumer => [consumer, provider],
            Self::Provider => [provider, consumer],
        }
    }

    fn agency(self, world: &World) -> &Agency {
        match self {
            Self::Consumer => &world.consumer,
            Self::Provider => &world.provider,
        }
    }
}

// === impl Story ===

impl Story {
    /// This end's node as a process with a disk of its own, the other's in this process.
    async fn begin(end: End, env: &[(&str, &Path)]) -> Self {
        let mut world = World::with().contract(usual()).limit(RESERVE).make().await;
        let [own, _other] = end.agencies(&mut world);
        let disk = Disk::under(&own.folder.join("data"));
        own.ports = reserve_ports();
        own.entry.nodes[0].address = own.ports.peer.to_string();
        own.write_settings();
        world.publish(now_s());
        let [_own, other] = end.agencies(&mut world);
        other.start().await;
        world.publish(now_s());
        let [own, other] = end.agencies(&mut world);
        other.refresh().await;
        let node = Process::run_with(own, &[], env).await;
        let mut story = Self {
            world,
            end,
            disk,
            node,
            body_bytes: BODY_BYTES,
            answered: Vec::new(),
            cut_off: Vec::new(),
        };
        for _ in 0..3 {
            assert!(story.ask().await);
        }
        // Else it is what meets the fault.
        let spare = story.end.agency(&story.world).journal();
        let spare = spare.join("segments/spare");
        wait_until("the next segment is ready", async || {
            fs::metadata(&spare).is_ok_and(|spare| spare.len() == SEGMENT_BYTES)
        })
        .await;
        story
    }

    /// Asks; says whether it was answered. A refusal must be the one of the table.
    async fn ask(&mut self) -> bool {
        let ask = self.world.consumer.ask("POST", PATH).by_key();
        let answer = ask.body("x".repeat(self.body_bytes)).send().await;
        if answer.status == 200 {
            self.answered.push(answer.request_id());
            return true;
        }
        self.refused(&answer);
        false
    }

    fn refused(&self, answer: &Answer) {
        let (status, code) = match self.end {
            End::Consumer => REFUSED,
            End::Provider => REFUSED_THERE,
        };
        answer.refused(status, code);
        assert!(answer.field("retry-after").is_some());
    }

    /// Asks until the journal can't go on; then the node must end and say why.
    async fn until_the_end(&mut self, why: &str) {
        let before = self.answered.len();
        let mut left = MOST;
        while self.ask().await {
            left -= 1;
            assert!(left > 0, "the disk never failed");
        }
        // A query may have gone out whose answer could not be journaled; none went out without its leaf.
        let seen = self.world.registry.seen().len();
        assert!((before..=self.answered.len() + 1).contains(&seen), "{seen}");
        self.ends(&[why]).await;
    }

    /// While the registry works on so many queries, the disk changes; then it answers all of them.
    async fn under_way(&mut self, many: usize, change: impl FnOnce(&Disk)) {
        let gate = Arc::new(Semaphore::new(0));
        let held = Reaction::Held(Arc::clone(&gate), vec![b'x'; BODY_BYTES].into());
        self.world.registry.always(held);
        let asked = self.world.registry.seen().len() + many;
        let changing = async {
            wait_until("the registry is asked by all", async || {
                self.world.registry.seen().len() == asked
            })
            .await;
            change(&self.disk);
            gate.add_permits(many);
        };
        let asking = (0..many).map(|_| self.world.consumer.get(PATH).by_key().send());
        let (answers, ()) = tokio::join!(all_at_once(asking), changing);
        for answer in answers {
            if answer.status == 200 {
                self.answered.push(answer.request_id());
            } else {
                self.refused(&answer);
                self.cut_off.push(answer.request_id());
            }
        }
        let after = Reaction::answer(200, &[], "after that");
        self.world.registry.always(after);
    }

    /// The node ends, and says why and what to do.
    async fn ends(&mut self, why: &[&str]) {
        assert_eq!(self.node.ended().await.code(), Some(1));
        let log = fs::read_to_string(&self.node.log).unwrap();
        let mut told = vec!["the journal is lost"];
        told.extend(why);
        for told in [told, vec!["mend the disk"]] {
            let is_said = |line: &str| told.iter().all(|part| line.contains(part));
            assert!(log.lines().any(is_said), "the log does not say: {told:?}");
        }
    }

    /// Starts it again after the cure: nothing that was answered is lost, and it goes on.
    async fn goes_on(mut self) {
        self.node = Process::run(self.end.agency(&self.world)).await;
        assert!(self.ask().await);
        self.node.terminate();
        assert_eq!(self.node.ended().await.code(), Some(0));
        let [own, _other] = self.end.agencies(&mut self.world);
        claims::verifies(own);
        own.start().await;
        let World {
            consumer, provider, ..
        } = &self.world;
        for id in &self.answered {
            let asked = [Kind::RequestSent, Kind::ResponseReceived];
            assert_eq!(claims::kinds(consumer, *id), asked);
            let served = [Kind::RequestReceived, Kind::ResponseSigned];
            assert_eq!(claims::kinds(provider, *id), served);
        }
        for id in &self.cut_off {
            // The end is either the leaf whose writing was not confirmed, or says that there was none.
            for agency in [consumer, provider] {
                assert_eq!(claims::kinds(agency, *id).len(), 2, "begun and ended");
            }
        }
        for agency in self.end.agencies(&mut self.world) {
            agency.stop().await;
            claims::verifies(agency);
        }
    }
}

#[tokio::test]
async fn s56_a_disk_without_room_refuses_before_a_write_fails_and_goes_on_with_room() {
    for end in End::BOTH {
        let mut story = Story::begin(end, &[]).await;
        // What is left is for the next checkpoint, and no segment is filled before the disk is looked at.
        story.body_bytes = 1;
        story.disk.fill_up_to(LITTLE);
        // The disk is looked at now and then, not before each exchange.
        wait_until("exchanges are refused", async || !story.ask().await).await;
        let seen = story.world.registry.seen().len();
        assert!(!story.ask().await);
        assert_eq!(story.world.registry.seen().len(), seen);
        story.disk.make_room();
        wait_until("exchanges are answered again", async || story.ask().await).await;
        story.node.terminate();
        assert_eq!(story.node.ended().await.code(), Some(0));
        story.goes_on().await;
    }
}

/// What is under way when another program takes the reserve: the next segment cannot be made.
#[tokio::test]
async fn s56_a_disk_full_in_the_midst_of_exchanges_ends_the_node_and_loses_no_answer() {
    for end in End::BOTH {
        let mut story = Story::begin(end, &[]).await;
        let filling = |disk: &Disk| disk.fill_up_to(LITTLE);
        story.under_way(UNDER_WAY, filling).await;
        assert!(!story.cut_off.is_empty(), "there was room for all");
        let full = "No space left on device";
        // The half-made segment has taken what there was: a seal or a checkpoint may meet it first.
        story.ends(&[full]).await;
        // As long as there is no room it does not start, and says so too.
        let own = end.agency(&story.world);
        let said = own.refused_start();
        for told in ["data/journal", full, "mend the disk"] {
            assert!(said.contains(told), "{told}: {said}");
        }
        story.disk.make_room();
        story.goes_on().await;
    }
}

/// The last byte is gone while an exchange is under way: its leaves have their room, the checkpoint over them has none.
#[tokio::test]
async fn s56_a_disk_full_to_the_last_byte_ends_the_node_and_loses_no_answer() {
    for end in End::BOTH {
        let mut story = Story::begin(end, &[]).await;
        story.under_way(1, Disk::fill).await;
        story.ends(&["No space left on device"]).await;
        story.disk.make_room();
        story.goes_on().await;
    }
}

#[tokio::test]
async fn s56_a_disk_that_turns_read_only_refuses_ends_the_node_and_goes_on_when_mended() {
    for end in End::BOTH {
        let mut story = Story::begin(end, &[]).await;
        story.disk.turn_read_only();
        story.until_the_end("Read-only file system").await;
        story.disk.heal();
        story.goes_on().await;
    }
}

#[tokio::test]
async fn s56_a_disk_whose_writes_fail_refuses_ends_the_node_and_goes_on_when_mended() {
    for end in End::BOTH {
        let mut story = Story::begin(end, &[]).await;
        story.disk.fail();
        story.until_the_end("Input/output error").await;
        story.disk.heal();
        story.goes_on().await;
    }
}

/// A library that makes syncs fail as long as a file is there, and that file.
fn failing_sync(folder: &Path) -> [PathBuf; 2] {
    let [library, mark] = ["failing_sync.so", "failing"].map(|name| folder.join(name));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/failing_sync.c");
    let out = library.to_str().unwrap();
    run("cc", &["-shared", "-fPIC", "-o", out, source, "-ldl"]);
    [library, mark]
}

#[tokio::test]
async fn s56_a_disk_whose_syncs_fail_refuses_ends_the_node_and_goes_on_when_mended() {
    for end in End::BOTH {
        let folder = tempfile::tempdir().unwrap();
        let [library, mark] = failing_sync(folder.path());
        let env = [("LD_PRELOAD", &*library), ("FAIL_SYNC", &*mark)];
        let mut story = Story::begin(end, &env).await;
        File::create(&mark).unwrap();
        story.until_the_end("Input/output error").await;
        story.goes_on().await;
    }
}

#[tokio::test]
async fn s56_an_answer_that_the_registry_gives_after_the_disk_failed_reaches_no_caller() {
    for end in End::BOTH {
        let mut story = Story::begin(end, &[]).await;
        story.under_way(1, Disk::fail).await;
        assert_eq!(story.cut_off.len(), 1);
        story.ends(&["Input/output error"]).await;
        story.disk.heal();
        story.goes_on().await;

        let folder = tempfile::tempdir().unwrap();
        let [library, mark] = failing_sync(folder.path());
        let env = [("LD_PRELOAD", &*library), ("FAIL_SYNC", &*mark)];
        let mut story = Story::begin(end, &env).await;
        let fail = |_disk: &Disk| drop(File::create(&mark).unwrap());
        story.under_way(1, fail).await;
        assert_eq!(story.cut_off.len(), 1);
        story.ends(&["Input/output error"]).await;
        story.goes_on().await;
    }
}

/// The same, seen from a node that does not end: what its operator is told.
#[tokio::test]
async fn s56_a_node_whose_disk_fails_is_not_ready_and_says_why() {
    let mut world = World::with().contract(usual()).limit(RESERVE).make().await;
    let disk = Disk::under(&world.consumer.folder.join("data"));
    world = world.run().await;
    let first = world.consumer.get(PATH).send().await;
    first.answered(200);
    disk.fail();
    let (status, code) = REFUSED;
    for _ in 0..2 {
        world.consumer.get(PATH).send().await.refused(status, code);
    }
    let ready = world.consumer.health("/ready").await.unwrap();
    assert_eq!(ready.status, 503);
    let reasons = ready.json()["reasons"].to_string();
    assert!(
        reasons.contains("the journal cannot be written") && reasons.contains("Input/output error"),
        "{reasons}"
    );
    assert_eq!(world.consumer.health("/live").await.unwrap().status, 200);
    assert_eq!(world.registry.seen().len(), 1);
    drop(world.consumer.running.take());
}

#[tokio::test]
async fn s56_a_start_on_a_disk_that_is_read_only_is_refused_with_place_and_remedy() {
    let mut world = World::with().contract(usual()).make().await;
    world.settle();
    let disk = Disk::under(&world.consumer.folder.join("data"));
    // Nothing of the node is there yet.
    disk.remount("ro");
    let said = world.consumer.refused_start();
    for told in [
        "node.data_folder",
        "data/spool",
        "Read-only file system",
        "may write to",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    disk.remount("rw");
    let mut node = Process::run(&world.consumer).await;
    node.terminate();
    assert_eq!(node.ended().await.code(), Some(0));
    // Its journal is.
    disk.remount("ro");
    let said = world.consumer.refused_start();
    for told in [
        "data/journal",
        "Read-only file system",
        "mend the disk (space, mount, permissions)",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    disk.remount("rw");
    let mut node = Process::run(&world.consumer).await;
    node.terminate();
    assert_eq!(node.ended().await.code(), Some(0));
    claims::verifies(&world.consumer);
}
