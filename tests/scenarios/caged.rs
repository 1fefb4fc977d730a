//! An adapter that means harm, in its cage, behind a real node: the node keeps its files, its network, its machine and its word.

use std::fs;
use std::io::{BufRead as _, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bridge_tests::process::program;
use bridge_tests::wait::wait_until;
use bridge_tests::world::PATH;
use serde_json::{Value, json};

mod pace;
mod stage;

use stage::{Stage, caged_user, groups_of, open_to_all, processes_of};

const PERSON: &str = "/r1/AZ/GOV/1001/POPULATION/person";
/// What a caller is told of an answer that cannot be used.
const NOT_UNDERSTOOD: &str = "server.serverproxy.service_failed.http_error";
const TOO_LARGE: &str = "server.serverproxy.service_failed.invalid_response";
/// What the log says of a program that was ended for its processes.
const BOMB: &str = "it goes on asking for more than";
const CUT: &str = "server.serverproxy.service_failed.io_error";

/// Everything in an object that was done, although it must not be.
fn done(said: &Value) -> Vec<&str> {
    let all = said.as_object().unwrap().iter();
    all.filter(|(_, what)| {
        what.as_str()
            .is_some_and(|text| text == "done" || text.starts_with("read"))
    })
    .map(|(name, _)| name.as_str())
    .collect()
}

#[tokio::test]
async fn a_caged_program_reaches_no_file_no_network_and_no_right() {
    let stage = Stage::open("").await;
    let fine = stage.said("fine").await;
    let names: Vec<&str> = fine["environment"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_str().unwrap())
        .collect();
    let given = [
        "BRIDGE_ADAPTER_NAME",
        "BRIDGE_ADAPTER_PROTOCOL",
        "BRIDGE_ADAPTER_SOCKET",
        "BRIDGE_REGISTRY_SOCKET",
        "HOME",
        "LANG",
        "LC_CTYPE",
        "PATH",
        "TARGET_ABSTRACT",
        "TARGET_FILES",
        "TARGET_PID",
        "TARGET_PORT",
        "TARGET_SOCKET",
        "TMPDIR",
    ];
    assert!(names.iter().all(|name| given.contains(name)), "{names:?}");

    let files = stage.said("files").await;
    assert_eq!(done(&files), ["own"], "{files}");
    let network = stage.said("network").await;
    assert_eq!(done(&network), Vec::<&str>::new(), "{network}");
    let calls = stage.said("calls").await;
    assert_eq!(done(&calls), Vec::<&str>::new(), "{calls}");
    let user = caged_user(&stage.log());
    assert_eq!(
        (&calls["user"], &calls["groups"]),
        (&json!(user), &json!([]))
    );
    // Left out of the list, not only without effect.
    for name in [
        "unshare",
        "ptrace",
        "bpf",
        "io_uring_setup",
        "clone_newuser",
        "process_vm_readv",
    ] {
        assert_eq!(calls[name], "ENOSYS", "{calls}");
    }
    let stand_in = stage.said("stand-in").await;
    assert_eq!(done(&stand_in), Vec::<&str>::new(), "{stand_in}");
    let registry = stage.said("registry").await;
    assert_eq!(registry["said"], "the registry heard: who is there?");
    stage.close().await;
}

/// What a cage's program says on its standard error, started by hand with files open that are nobody's business.
fn caged(open: &str, settings: &Value, runs: &str) -> String {
    let script = format!(
        "{open} exec {} cage --settings \"$1\" -- /bin/sh -c \"$2\"",
        program().display()
    );
    let output = Command::new("/bin/sh")
        .args(["-c", &script, "sh", &settings.to_string(), runs])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stderr).unwrap()
}

/// A cage as the node starts it: it ends when its standard input does.
fn begun(settings: &Value, runs: &str) -> Child {
    Command::new(program())
        .args(["cage", "--settings", &settings.to_string(), "--"])
        .args(["/bin/sh", "-c", runs])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn nothing_that_was_open_when_the_node_began_is_open_in_a_cage() {
    let place = tempfile::tempdir().unwrap();
    let secret = place.path().join("secret");
    fs::write(&secret, "nobody's business").unwrap();
    let tree = place.path().join("tree");
    fs::create_dir(&tree).unwrap();
    let settings = json!({ "name": "inherits", "folder": tree });
    let open = format!("exec 7<{0} 9<{0} 5</;", secret.display());
    let said = caged(
        &open,
        &settings,
        "ls /proc/self/fd; cat <&7; cat <&9; ls /proc/self/fd/5/; grep core /proc/self/limits",
    );
    assert!(!said.contains("business"), "{said}");
    // The standard three, and the folder that `ls` lists.
    let numbers: Vec<&str> = said.lines().take(4).collect();
    assert_eq!(numbers, ["0", "1", "2", "3"], "{said}");
    // Not 0: the system would then still hand a core to a program that keeps it.
    let core = said
        .lines()
        .find(|line| line.contains("Max core file size"));
    let limits: Vec<&str> = core.unwrap().split_whitespace().skip(4).collect();
    assert_eq!(limits, ["1", "1", "bytes"], "{said}");
}

#[test]
fn a_program_that_will_not_end_ends_with_its_node_and_leaves_nothing() {
    const USER: u32 = 61_998;
    let place = tempfile::tempdir().unwrap();
    let settings = json!({
        "name": format!("hostile-{USER}"), "user": USER, "folder": place.path(), "drain_ms": 100,
    });
    // Deaf to SIGTERM, and with children that belong to nobody.
    let deaf =
        "trap '' TERM; (setsid sleep 1000 &); (setsid sleep 1000 &); echo begun >&2; sleep 1000";
    let mut cage = begun(&settings, deaf);
    let mut said = std::io::BufReader::new(cage.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "begun\n");
    assert!(processes_of(USER).len() >= 3 && !groups_of(USER).is_empty());
    // What the kernel does for a node that is killed.
    drop(cage.stdin.take());
    assert_eq!(cage.wait().unwrap().code(), Some(137));
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert_eq!(processes_of(USER), Vec::<u32>::new());
    assert_eq!(groups_of(USER), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_program_whose_cage_is_killed_ends_with_it_and_the_next_start_takes_its_groups() {
    const USER: u32 = 61_997;
    let place = tempfile::tempdir().unwrap();
    let settings = json!({
        "name": format!("hostile-{USER}"), "user": USER, "folder": place.path(), "drain_ms": 100,
    });
    let mut cage = begun(
        &settings,
        "(setsid sleep 1000 &); echo begun >&2; sleep 1000",
    );
    let mut said = std::io::BufReader::new(cage.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "begun\n");
    cage.kill().unwrap();
    cage.wait().unwrap();
    // Everybody who holds standard error has ended; the system buries them.
    said.read_to_string(&mut line).unwrap();
    wait_until("no process is left", async || processes_of(USER).is_empty()).await;
    let left = groups_of(USER);
    assert!(!left.is_empty());
    let mut again = begun(&settings, "exit 5");
    // Its end is the node's, which ends the program.
    let _node = again.stdin.take();
    let again = again.wait_with_output().unwrap();
    assert_eq!(again.status.code(), Some(5), "{again:?}");
    assert_eq!(groups_of(USER), Vec::<PathBuf>::new(), "{left:?} were left");
}

#[test]
fn a_probe_of_the_cage_says_each_part_and_leaves_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    let probe = Command::new(program())
        .args(["cage", "--probe"])
        .env("TMPDIR", place.path())
        .stdin(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8(probe.stdout).unwrap();
    let parts = [
        "user",
        "network",
        "files",
        "syscalls",
        "memory",
        "processes",
        "cpu",
    ];
    let told: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(told, parts, "{said}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_cage_that_cannot_be_made_says_why_and_runs_nothing() {
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    fs::create_dir(&tree).unwrap();
    let runs = "echo began >&2";
    for (settings, why) in [
        (json!({ "folder": 7 }), "settings of the cage"),
        (json!({ "fodler": tree }), "settings of the cage"),
        (json!({ "folder": place.path().join("none") }), ""),
        (
            json!({ "folder": tree, "registry": place.path().join("none") }),
            "",
        ),
        (
            json!({ "folder": tree, "program_folder": place.path().join("none") }),
            "the program cannot be started",
        ),
        (
            json!({ "folder": tree, "open_files": u64::MAX - 1 }),
            "limit Nofile",
        ),
    ] {
        let said = caged("", &settings, runs);
        assert!(!said.contains("began"), "{settings}: {said}");
        assert!(said.contains(why), "{settings}: {said}");
    }
}

#[test]
fn a_folder_that_stays_is_the_programs_alone_and_never_what_a_link_leads_to() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    for name in ["tree", "data", "others"] {
        fs::create_dir(path(name)).unwrap();
        open_to_all(&path(name), 0o755);
    }
    let settings = |data: &str| json!({ "name": "keeps", "folder": path("tree"), "data": path(data), "user": 61_999 });
    let said = caged(
        "",
        &settings("data"),
        "echo kept > /run/data/file; chmod 6755 /run/data/file",
    );
    let kept = fs::metadata(path("data")).unwrap();
    assert_eq!((kept.uid(), kept.gid()), (61_999, 61_999), "{said}");
    assert_eq!(kept.permissions().mode() & 0o7777, 0o700, "{said}");
    assert_eq!(fs::read_to_string(path("data/file")).unwrap(), "kept\n");
    symlink(path("others"), path("link")).unwrap();
    let said = caged("", &settings("link"), "echo began >&2");
    assert!(!said.contains("began"), "{said}");
    let others = fs::metadata(path("others")).unwrap();
    assert_eq!(
        (others.uid(), others.permissions().mode() & 0o7777),
        (0, 0o755)
    );
}

#[tokio::test]
async fn a_caged_programs_answers_are_bounded_filtered_and_never_taken_for_whole() {
    let stage = Stage::open("").await;
    for (deed, code) in [
        ("ten-gigabytes", TOO_LARGE),
        ("endless", TOO_LARGE),
        ("split", NOT_UNDERSTOOD),
        ("two-lengths", NOT_UNDERSTOOD),
        ("no-end", NOT_UNDERSTOOD),
        ("large-head", NOT_UNDERSTOOD),
        ("exit-midway", CUT),
    ] {
        let answer = stage.deed(deed).await;
        let told = (answer.status, answer.field("x-road-error"));
        assert_eq!(told, (502, Some(code)), "{deed}");
    }
    stage.serves().await;
    let forged = stage.deed("forged-fields").await;
    forged.answered(200);
    assert_eq!(forged.field("etag"), Some("\"kept\""));
    for name in [
        "x-road-request-id",
        "bridge-receipt",
        "bridge-peer-receipt",
        "signature",
        "x-gone",
        "transfer_encoding",
    ] {
        assert!(
            !forged
                .field(name)
                .is_some_and(|value| value.contains("forged")),
            "{name}: {forged:?}"
        );
    }
    assert_eq!(
        (forged.field("x-gone"), forged.field("transfer_encoding")),
        (None, None)
    );
    // What follows an answer on its connection is nobody's answer.
    assert_eq!(stage.said("two-answers").await, json!({}));
    for _ in 0..20 {
        assert_eq!(stage.said("fine").await["fine"], true);
    }
    stage.close().await;
}

#[tokio::test]
async fn an_answer_about_another_person_is_not_understood() {
    let stage = Stage::open("").await;
    let own = stage.ask(&format!("{PERSON}/MBXEHTV")).await;
    assert_eq!(own.answered(200).json()["fin"], "MBXEHTV");
    let other = stage.ask(&format!("{PERSON}/5XKQ7ZW")).await;
    assert!(
        other.status >= 500 && other.field("x-road-error").is_some(),
        "{other:?}"
    );
    assert!(
        stage
            .log()
            .contains("it does not name at /fin whom it was asked about")
    );
    stage.close().await;
}

#[tokio::test]
async fn a_caged_program_takes_no_more_than_its_share_and_leaves_nothing_behind() {
    let stage = Stage::open("cage = { memory_mib = 128, private_mib = 8, processes = 32 }").await;
    let disk = stage.said("disk").await;
    assert_eq!(
        (&disk["bytes"], &disk["files"]),
        (&json!("ENOSPC"), &json!("ENOSPC")),
        "{disk}"
    );
    assert!(disk["size"].as_u64().unwrap() <= 8 << 20, "{disk}");
    let before = stage.log().len();
    stage.said("shout").await;
    let log = stage.log();
    assert!(
        log.len() - before < 512 * 1024,
        "{} bytes of log",
        log.len() - before
    );
    assert!(log.contains("shouting") && !log.contains('\u{1b}') && !log.contains("\\u001b"));
    let memory = stage.deed("memory").await;
    assert!(
        memory.status >= 500 || memory.json()["held"].as_u64().unwrap() < 16,
        "{memory:?}"
    );
    stage.serves().await;
    let user = caged_user(&log);
    drop(stage.deed("fork-bomb").await);
    let mut most = 0;
    wait_until("the bomb is found", async || {
        most = most.max(processes_of(user).len());
        stage.log().contains(BOMB)
    })
    .await;
    assert!(most <= 40, "{most} processes");
    // The node is as well as ever, and the program begins anew.
    stage.ask(PATH).await.answered(200);
    stage.serves().await;
    stage.close().await;
}

#[tokio::test]
async fn a_program_that_hangs_or_ends_is_started_again() {
    let stage = Stage::open("").await;
    stage.serves().await;
    assert!(stage.deed("exit-midway").await.status >= 500);
    stage.serves().await;
    let hung = stage.deed("hang").await;
    assert!(hung.status >= 500, "{hung:?}");
    stage.ask(PATH).await.answered(200);
    stage.serves().await;
    let log = stage.log();
    assert!(log.contains("it ended: exit code 7"), "{log}");
    assert!(
        log.contains("it does not say whether it is well any more"),
        "{log}"
    );
    assert_eq!(log.matches("the cage of an adapter").count(), 3);
    stage.close().await;
}

#[tokio::test]
async fn a_program_that_keeps_more_than_it_may_is_killed_at_once_and_away_until_there_is_room() {
    let place = tempfile::tempdir().unwrap();
    let settings = format!(
        "data = \"{}\"\ncage = {{ data_mib = 8, data_free_mib = 0 }}",
        place.path().display()
    );
    let stage = Stage::open(&settings).await;
    stage.serves().await;
    // Whether it is answered before the program is ended is open.
    stage.deed("hoard").await;
    let excess = "its data folder holds more than 8 MiB";
    wait_until("the program is ended", async || {
        stage.log().contains(excess)
    })
    .await;
    let answer = stage.deed("fine").await;
    assert!(answer.status >= 500, "{answer:?}");
    let ready = stage.world.provider.health("/ready").await.unwrap();
    let told = String::from_utf8_lossy(&ready.body);
    assert!(ready.status == 503 && told.contains(excess), "{told}");
    stage.ask(PATH).await.answered(200);
    let last_word = place.path().join("last-word");
    assert!(!last_word.exists(), "it was told to finish");
    fs::remove_file(place.path().join("hoard")).unwrap();
    stage.serves().await;
    stage.close().await;
    assert!(last_word.exists(), "as it is otherwise");
}

#[tokio::test]
async fn a_program_whose_cage_lacks_what_is_demanded_is_not_started() {
    // A cage made without the right to choose a user: all but a user of its own can be had.
    let place = tempfile::tempdir().unwrap();
    open_to_all(place.path(), 0o755);
    let weak = place.path().join("weak");
    let script = format!(
        "#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups {} \"$@\"\n",
        program().display()
    );
    fs::write(&weak, script).unwrap();
    open_to_all(&weak, 0o755);
    let cage = format!("cage = {{ executable = \"{}\" }}", weak.display());
    let stage = Stage::open(&cage).await;
    let answer = stage.deed("fine").await;
    assert!(answer.status >= 500, "{answer:?}");
    let demand = "the kernel does not give what is demanded of the cage: user";
    let log = stage.log();
    assert!(log.contains(demand), "{log}");
    assert!(!log.contains("the adapter serves"), "{log}");
    let ready = stage.world.provider.health("/ready").await.unwrap();
    assert_eq!(ready.status, 503);
    assert!(
        String::from_utf8_lossy(&ready.body).contains(demand),
        "{ready:?}"
    );
    // Others are served.
    stage.ask(PATH).await.answered(200);
    let [mut provider, mut consumer] = stage.nodes.unwrap();
    for node in [&mut provider, &mut consumer] {
        node.terminate();
        assert_eq!(node.ended().await.code(), Some(0));
    }
}
