//! What a node keeps has its name only when its bytes are durable, and the name is durable before the node goes on: read off the
//! system calls of real programs, whoever in them makes the calls. The journal has a crash matrix besides.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bridge_tests::agency::Agency;
use bridge_tests::claims;
use bridge_tests::process::{Process, program};
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, World, usual};

/// Longer names that begin with hexadecimal digits begin with a digest.
const DIGEST: usize = 40;
const CALLS: &str =
    "trace=openat,write,pwrite64,writev,pwritev,fsync,fdatasync,rename,renameat,renameat2";
/// What a crash may take: sled's memory of the journal, spooled bodies, marks of who runs, logs.
const MAY_BE_LOST: [&str; 6] = [
    "/cache/",
    "/spool/",
    "/lock",
    "/node.log",
    "/node.out",
    " (deleted)",
];

/// A program that runs `bridge-node` with these words at its end, and writes down its system calls.
fn traced(folder: &Path, name: &str, words: &str) -> (PathBuf, PathBuf) {
    let (script, calls) = (folder.join(name), folder.join(format!("{name}.calls")));
    // The traced process is the one that was started: signals go to it.
    let text = format!(
        "#!/bin/sh\nexec strace -D -f -y -s 0 -e {CALLS} -o {} {} \"$@\" {words}\n",
        calls.display(),
        program().display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    (script, calls)
}

/// What was done to the files below a folder, in order.
#[derive(Debug, Default)]
struct Story {
    /// Written since the last sync.
    dirty: BTreeSet<String>,
    /// Made, or given a name, since the last sync of their folder.
    unnamed: BTreeSet<String>,
    /// Files that were made durable.
    synced: usize,
    faults: Vec<String>,
    /// Names that were given by renaming: folder and file, without numbers and digests at their begin.
    renamed: BTreeSet<String>,
}

impl Story {
    /// Of the files below a folder that `kept` knows.
    fn read(calls: &Path, below: &Path, kept: impl Fn(&str) -> bool) -> Self {
        let mut story = Self::default();
        let text = fs::read_to_string(calls).unwrap();
        let below = below.to_str().unwrap();
        let told = text
            .lines()
            .filter_map(|line| line.split_once(' ')?.1.split_once('('));
        for (call, rest) in told {
            let paths: Vec<&str> = rest.split('"').skip(1).step_by(2).collect();
            let open = rest
                .split_once('<')
                .and_then(|(_, rest)| rest.split_once('>'));
            let open = open.map_or("", |(path, _)| path).to_owned();
            let is_ours = |path: &str| {
                path.starts_with(below)
                    && kept(path)
                    && !MAY_BE_LOST.iter().any(|part| path.contains(part))
            };
            match (call.trim(), &paths[..]) {
                ("write" | "pwrite64" | "writev" | "pwritev", _) if is_ours(&open) => {
                    story.dirty.insert(open);
                }
                ("fsync" | "fdatasync", _) => {
                    story.synced += usize::from(story.dirty.remove(&open));
                    let parent = |name: &String| Path::new(name).parent() == Some(Path::new(&open));
                    story.unnamed.retain(|name| !parent(name));
                }
                ("openat", [path]) if rest.contains("O_CREAT") && is_ours(path) => {
                    story.unnamed.insert((*path).to_owned());
                }
                ("rename" | "renameat" | "renameat2", [from, to]) if is_ours(to) => {
                    story.rename(from, to);
                }
                _ => {}
            }
        }
        story
    }

    fn rename(&mut self, from: &str, to: &str) {
        if self.dirty.remove(from) {
            self.faults
                .push(format!("{to} is the name of bytes that are not durable"));
        }
        self.unnamed.remove(from);
        self.unnamed.insert(to.to_owned());
        let parts = to.rsplitn(3, '/').take(2).map(|part| {
            let plain =
                |c: char| c.is_ascii_digit() || part.len() > DIGEST && c.is_ascii_hexdigit();
            part.trim_start_matches(plain)
        });
        let [file, folder] = parts.collect::<Vec<_>>()[..] else {
            panic!("{to} has no folder");
        };
        self.renamed.insert(format!("{folder}/{file}"));
    }

    /// What is wrong once the program has ended.
    fn judged(mut self) -> (Vec<String>, BTreeSet<String>) {
        let dirty = self
            .dirty
            .iter()
            .map(|path| format!("{path}: never made durable"));
        let unnamed = self
            .unnamed
            .iter()
            .map(|path| format!("{path}: a name that was never made durable"));
        self.faults.extend(dirty.chain(unnamed));
        (self.faults, self.renamed)
    }
}

async fn run(agency: &Agency, name: &str, words: &str) -> (Process, PathBuf) {
    let (script, calls) = traced(&agency.folder, name, words);
    (Process::run_faulty(agency, &script, "run").await, calls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_name_is_given_to_durable_bytes_only_and_is_durable_itself() {
    let often = "[witnesses]\nevery_seconds = 1\nstart_seconds = 1\n";
    let setup = World::with().contract(usual()).witnessed(2, 1);
    let mut world = setup
        .provider_settings(often)
        .consumer_settings(often)
        .limit("receipt_check_seconds = 1")
        .make()
        .await;
    world.settle();
    world.stranger.start().await;
    world.publish(now_s());
    world.stranger.refresh().await;
    let (mut provider, serving) = run(&world.provider, "first", "").await;
    let (mut consumer, asking) = run(&world.consumer, "first", "").await;
    for _ in 0..5 {
        world.consumer.get(PATH).send().await.answered(200);
    }
    wait_until("receipts are proven and journals cosigned", async || {
        claims::metric(&world.consumer, "bridge_peer_receipts_proven_total").await > 0
            && claims::metric(&world.consumer, "bridge_journal_cosigned_leaves").await > 0
    })
    .await;
    for node in [&mut provider, &mut consumer] {
        node.terminate();
        assert_eq!(node.ended().await.code(), Some(0));
    }
    // A new evidence key, and the next epoch under a new journal key.
    let (script, keyed) = traced(&world.provider.folder, "keyed", "");
    let mut keying = Command::new(script);
    let keying = keying
        .args(["key", "evidence", "--config"])
        .arg(world.provider.config());
    let output = keying.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let (mut again, begun) = run(&world.provider, "again", "--new-journal-key").await;
    again.terminate();
    assert_eq!(again.ended().await.code(), Some(0));

    let mut renamed = BTreeSet::new();
    for (agency, calls) in [
        (&world.provider, serving),
        (&world.consumer, asking),
        (&world.provider, keyed),
        (&world.provider, begun),
    ] {
        let (faults, names) = Story::read(&calls, &agency.folder, |_| true).judged();
        assert!(faults.is_empty(), "{}: {faults:#?}", calls.display());
        renamed.extend(names);
    }
    for name in [
        "/checkpoint", // of a log that this node's witness cosigned
        "data/receipts",
        "directory/.directory.json",
        "directory/state.json",
        "epochs/", // a closed journal
        "journal/checkpoint",
        "journal/cosigned",
        "journal/home",
        "journal/origin",
        "keys/evidence.key",
        "segments/.index",
        "segments/.key",
        "segments/.secrets",
        "segments/.segment",
    ] {
        assert!(renamed.contains(name), "{name} is not in {renamed:#?}");
    }
}

/// The demonstration makes keys, publishes a directory, and runs three nodes; its other files are texts of its own. A member
/// takes its word back then: it is told so when that stays said.
#[test]
fn keys_a_published_directory_and_a_signed_contract_are_durable_before_they_have_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    let calls = done(folder.path(), "demo", &format!("--once --dir {at}/world"));
    let kept = |path: &str| {
        Path::new(path).extension().is_some_and(|end| end == "key")
            || ["/data/", "/directory/public/"]
                .iter()
                .any(|part| path.contains(part))
    };
    let story = Story::read(&calls, folder.path(), kept);
    assert!(story.synced > 30, "{story:?}");
    let (faults, renamed) = story.judged();
    assert!(faults.is_empty(), "{faults:#?}");
    for name in [
        "metadata/timestamp.json",
        "metadata/.root.json",
        "targets/.directory.json",
    ] {
        assert!(renamed.contains(name), "{name} is not in {renamed:#?}");
    }

    // With whole names, by which the calls are told.
    let words = format!(
        "withdraw {at}/world/tax/contracts/tax-person.json --member AZ/GOV/2001 --seal world/tax/keys/seal.pem \
         --seal-key world/tax/keys/seal.key --trust world/trust/anchors.pem"
    );
    let calls = done(folder.path(), "contract", &words);
    let story = Story::read(&calls, &folder.path().join("world/tax/contracts"), |_| true);
    let (faults, renamed) = story.judged();
    assert!(faults.is_empty(), "{faults:#?}");
    let file = "contracts/tax-person.json".to_owned();
    assert_eq!(renamed, BTreeSet::from([file]));
}

/// Has a command of the program done in a folder; returns where its system calls are written down.
fn done(folder: &Path, command: &str, words: &str) -> PathBuf {
    let (script, calls) = traced(folder, command, words);
    let mut program = Command::new(script);
    let output = program.arg(command).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    calls
}
