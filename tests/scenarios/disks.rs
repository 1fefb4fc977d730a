//! Disks that fill up, turn read-only or fail, as the kernel reports it. Needs root: loop devices and mounts.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bridge_core::leaf::Kind;
use bridge_tests::claims;
use bridge_tests::process::{Process, reserve_ports};
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, World, usual};
use uuid::Uuid;

/// What a caller hears when the journal can't be written.
const REFUSED: &str = "server.clientproxy.logging_failed";
/// So large that eight of them fill a segment.
const BODY_BYTES: usize = 500_000;
/// Hang guard: what a disk has room for is far less.
const MOST: usize = 60;
/// The least that the settings allow: three segments.
const RESERVE: &str = "disk_reserve_bytes = 12582912";

/// An ext4 file system of its own under a node's data folder.
struct Disk {
    folder: PathBuf,
    device: String,
}

impl Disk {
    fn under(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let image = folder.with_extension("image");
        File::create(&image).unwrap().set_len(48 << 20).unwrap();
        let image = image.to_str().unwrap();
        run(
            "mkfs.ext4",
            &["-q", "-F", "-m", "0", "-e", "remount-ro", image],
        );
        let device = run("losetup", &["--find", "--show", image]);
        let disk = Self {
            folder: folder.to_owned(),
            device: device.trim().to_owned(),
        };
        disk.mount();
        disk
    }

    fn mount(&self) {
        run("mount", &[&self.device, self.folder.to_str().unwrap()]);
    }

    /// Takes the file system off, checks it, and mounts it again, as an operator does.
    fn heal(&self) {
        run("umount", &[self.folder.to_str().unwrap()]);
        // Exit code 1 says that faults were corrected.
        let checked = Command::new("e2fsck")
            .args(["-fy", &self.device])
            .output()
            .unwrap();
        assert!(matches!(checked.status.code(), Some(0 | 1)), "{checked:?}");
        self.mount();
    }

    /// An error that the kernel answers, as told, by making the file system read-only.
    fn turn_read_only(&self) {
        let name = self.device.rsplit('/').next().unwrap();
        fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "1").unwrap();
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let line = mounts
            .lines()
            .find(|line| line.starts_with(&self.device))
            .unwrap();
        assert!(
            line.contains("ro,") || line.contains("emergency_ro"),
            "{line}"
        );
    }

    /// From now on everything fails with an I/O error, and what was not synced is gone.
    fn fail(&self) {
        const SHUTDOWN: &str = "import fcntl,os,struct,sys; \
            fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";
        run("python3", &["-c", SHUTDOWN, self.folder.to_str().unwrap()]);
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }

    /// Leaves no block free.
    fn fill(&self) {
        let mut filler = File::create(self.filler()).unwrap();
        for size in [1 << 20, 4096] {
            let zeros = vec![0; size];
            while filler
                .write_all(&zeros)
                .and_then(|()| filler.sync_data())
                .is_ok()
            {}
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A test that failed may have left it in any state.
        for (program, target) in [
            ("umount", self.folder.to_str().unwrap()),
            ("losetup", &*self.device),
        ] {
            let flag = if program == "umount" { "-l" } else { "-d" };
            drop(
                Command::new(program)
                    .args([flag, target])
                    .stderr(Stdio::null())
                    .status(),
            );
        }
    }
}

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What becomes of a node whose disk fails in some way while it works.
struct Story {
    world: World,
    disk: Disk,
    node: Process,
    /// Exchanges that were answered: none of them may be lost.
    answered: Vec<Uuid>,
}

impl Story {
    /// A provider in this process, and a consumer as a process with a disk of its own.
    async fn begin(env: &[(&str, &Path)]) -> Self {
        let mut world = World::with().contract(usual()).limit(RESERVE).make().await;
        let disk = Disk::under(&world.consumer.folder.join("data"));
        world.consumer.ports = reserve_ports();
        world.consumer.entry.nodes[0].address = world.consumer.ports.peer.to_string();
        world.consumer.write_settings();
        world.publish(now_s());
        world.provider.start().await;
        world.publish(now_s());
        world.provider.refresh().await;
        let node = Process::run_with(&world.consumer, &[], env).await;
        let mut story = Self {
            world,
            disk,
            node,
            answered: Vec::new(),
        };
        for _ in 0..3 {
            assert!(story.ask().await);
        }
        story
    }

    /// Asks; says whether it was answered. A refusal must be the one of the table.
    async fn ask(&mut self) -> bool {
        let ask = self.world.consumer.ask("POST", PATH).by_key();
        let answer = ask.body("x".repeat(BODY_BYTES)).send().await;
        if answer.status == 200 {
            self.answered.push(answer.request_id());
            return true;
        }
        answer.refused(503, REFUSED);
        assert!(answer.field("retry-after").is_some());
        false
    }

    /// Asks until the journal can't go on; then the node must end and say why.
    async fn until_the_end(&mut self, why: &str) {
        let before = self.answered.len();
        let mut left = MOST;
        while self.ask().await {
            left -= 1;
            assert!(left > 0, "the disk never failed");
        }
        assert_eq!(self.node.ended().await.code(), Some(1));
        // A query may have gone out whose answer could not be journaled; none went out without its leaf.
        let seen = self.world.registry.seen().len();
        assert!((before..=self.answered.len() + 1).contains(&seen), "{seen}");
        let log = fs::read_to_string(&self.node.log).unwrap();
        let told = |line: &&str| line.contains("the journal is lost") && line.contains(why);
        assert!(
            log.lines().any(|line| told(&line)),
            "the log does not say why: {why}"
        );
    }

    /// Starts it again after the cure: nothing that was answered is lost, and it goes on.
    async fn goes_on(mut self) {
        self.node = Process::run(&self.world.consumer).await;
        assert!(self.ask().await);
        self.node.terminate();
        assert_eq!(self.node.ended().await.code(), Some(0));
        claims::verifies(&self.world.consumer);
        self.world.consumer.start().await;
        for id in &self.answered {
            let kinds = claims::kinds(&self.world.consumer, *id);
            assert_eq!(kinds, [Kind::RequestSent, Kind::ResponseReceived]);
        }
        self.world.consumer.stop().await;
        claims::verifies(&self.world.provider);
    }
}

#[tokio::test]
async fn s56_a_disk_without_room_refuses_before_a_write_fails_and_goes_on_with_room() {
    let mut story = Story::begin(&[]).await;
    story.disk.fill();
    // The disk is looked at now and then, not before each exchange.
    wait_until("exchanges are refused", async || !story.ask().await).await;
    let seen = story.world.registry.seen().len();
    assert!(!story.ask().await);
    assert_eq!(story.world.registry.seen().len(), seen);
    fs::remove_file(story.disk.filler()).unwrap();
    wait_until("exchanges are answered again", async || story.ask().await).await;
    story.node.terminate();
    assert_eq!(story.node.ended().await.code(), Some(0));
    story.goes_on().await;
}

#[tokio::test]
async fn s56_a_disk_that_turns_read_only_refuses_ends_the_node_and_goes_on_when_mended() {
    let mut story = Story::begin(&[]).await;
    story.disk.turn_read_only();
    story.until_the_end("Read-only file system").await;
    story.disk.heal();
    story.goes_on().await;
}

#[tokio::test]
async fn s56_a_disk_whose_writes_fail_refuses_ends_the_node_and_goes_on_when_mended() {
    let mut story = Story::begin(&[]).await;
    story.disk.fail();
    story.until_the_end("Input/output error").await;
    story.disk.heal();
    story.goes_on().await;
}

#[tokio::test]
async fn s56_a_disk_whose_syncs_fail_refuses_ends_the_node_and_goes_on_when_mended() {
    let folder = tempfile::tempdir().unwrap();
    let (library, mark) = (
        folder.path().join("failing_sync.so"),
        folder.path().join("failing"),
    );
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/failing_sync.c");
    run(
        "cc",
        &[
            "-shared",
            "-fPIC",
            "-o",
            library.to_str().unwrap(),
            source,
            "-ldl",
        ],
    );
    let env = [("LD_PRELOAD", &*library), ("FAIL_SYNC", &*mark)];
    let mut story = Story::begin(&env).await;
    File::create(&mark).unwrap();
    story.until_the_end("Input/output error").await;
    story.goes_on().await;
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
    for _ in 0..2 {
        world.consumer.get(PATH).send().await.refused(503, REFUSED);
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
