//! Key files under a passphrase: made, opened at start from a file or at the terminal, and what is said when they do not open.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::nodes::Node;
use crate::shell::{Said, run, words};
use crate::world::{Agency, World};

const PASSPHRASE: &str = "correct horse battery";

fn say(folder: &Path, line: &str) -> Said {
    run(folder, &words(line))
}

fn passphrase(agency: &Agency, file: &str, text: &str) {
    let path = agency.folder.join(file);
    fs::write(&path, format!("{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// All key files of an agency, in the words of a command line.
fn key_files(agency: &Agency) -> String {
    let entries = fs::read_dir(agency.folder.join("keys")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let keys: Vec<String> = names
        .filter(|name| Path::new(name).extension() == Some("key".as_ref()))
        .map(|name| format!("keys/{name}"))
        .collect();
    assert_eq!(keys.len(), 7, "{keys:?}");
    keys.join(" ")
}

/// An agency of a world whose keys are all encrypted.
fn encrypted(world: &World) -> Agency {
    let agency = world.population();
    passphrase(&agency, "passphrase", PASSPHRASE);
    let files = key_files(&agency);
    say(
        &agency.folder,
        &format!("key encrypt {files} --passphrase-file passphrase"),
    )
    .good();
    agency
}

fn with_passphrase(agency: &Agency) {
    agency.add("\n[keys]\npassphrase_file = \"passphrase\"\n");
}

#[test]
fn a_node_runs_on_encrypted_keys_and_the_key_of_its_next_epoch_is_encrypted() {
    let world = World::new();
    let plain = world.tax().check().good();
    assert!(plain.contains("exchange.key not encrypted"), "{plain}");
    let agency = encrypted(&world);
    with_passphrase(&agency);
    let told = agency.check().good();
    for name in [
        "tls", "exchange", "journal", "evidence", "witness", "seal", "web",
    ] {
        assert!(told.contains(&format!("{name}.key encrypted")), "{told}");
        let text = fs::read_to_string(agency.folder.join(format!("keys/{name}.key"))).unwrap();
        assert!(!text.contains("PRIVATE KEY"), "{name}");
    }
    agency.start().stop();
    let verify = "audit verify data/journal --evidence-key keys/evidence.key";
    say(
        &agency.folder,
        &format!("{verify} --passphrase-file passphrase"),
    )
    .good();
    say(&agency.folder, "backup copy --config node.toml").good();
    for name in ["journal", "epochs", "witness"] {
        let path = agency.folder.join("data").join(name);
        if path.exists() {
            fs::rename(&path, agency.folder.join(format!("lost-{name}"))).unwrap();
        }
    }
    fs::rename(
        agency.folder.join("keys/witness.key"),
        agency.folder.join("old-witness.key"),
    )
    .unwrap();
    say(&agency.folder, "restore copy --config node.toml").good();
    let told = agency.check().good();
    assert!(told.contains("journal-2.key encrypted"), "{told}");
}

#[test]
fn an_encrypted_key_that_does_not_open_is_named_with_what_helps() {
    let world = World::new();
    let agency = encrypted(&world);
    let expected = [
        "keys: tls: ",
        "keys/exchange.key: is encrypted, and there is no passphrase: keys.passphrase_file is not set, and no terminal",
        "remedy: name a file of mode 0600 that holds the passphrase as keys.passphrase_file, or start from a terminal, which asks",
    ];
    let told = without_terminal(&agency, "check-config --config node.toml").bad(64, &expected);
    assert_eq!(told.lines().count(), 6, "each file once: {told}");
    with_passphrase(&agency);
    let another = "another horse battery";
    passphrase(&agency, "passphrase", another);
    let told = Node::fails(&agency).bad(
        64,
        &[
            "keys/journal.key: the passphrase does not open this key (remedy: give the passphrase under which this file lies",
        ],
    );
    assert!(!told.contains(another), "{told}");
    let file = agency.folder.join("passphrase");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    agency
        .check()
        .bad(64, &["passphrase: mode 0640 lets others in"]);
}

/// `check-config` in a session of its own, which has no terminal.
fn without_terminal(agency: &Agency, line: &str) -> Said {
    let output = Command::new("setsid")
        .args(["--wait", env!("CARGO_BIN_EXE_bridge-node")])
        .args(words(line))
        .current_dir(&agency.folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn the_terminal_is_asked_once_for_all_keys_and_shows_nothing() {
    let world = World::new();
    let agency = encrypted(&world);
    let program = env!("CARGO_BIN_EXE_bridge-node");
    let question = "Passphrase of the node's keys: ";
    let mut script = Command::new("timeout")
        .args([
            "60",
            "script",
            "--quiet",
            "--return",
            "--echo",
            "never",
            "--command",
        ])
        .arg(format!("{program} check-config --config node.toml"))
        .arg("/dev/null")
        .current_dir(&agency.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut typed, mut told) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
    // What is typed before the question is thrown away.
    let mut asked = vec![0; question.len()];
    told.read_exact(&mut asked).unwrap();
    typed
        .write_all(format!("{PASSPHRASE}\n").as_bytes())
        .unwrap();
    let mut shown = String::new();
    told.read_to_string(&mut shown).unwrap();
    assert!(script.wait().unwrap().success(), "{shown}");
    assert_eq!(asked, question.as_bytes());
    assert!(!shown.contains(question), "asked once: {shown}");
    assert!(shown.contains("node.toml: good"), "{shown}");
    assert!(!shown.contains(PASSPHRASE), "{shown}");
}

#[test]
fn a_passphrase_is_changed_and_the_old_one_opens_nothing() {
    let world = World::new();
    let agency = encrypted(&world);
    passphrase(&agency, "next", "another horse battery");
    passphrase(&agency, "short", "short");
    let files = key_files(&agency);
    let change = format!("key change-passphrase {files} --passphrase-file passphrase");
    say(
        &agency.folder,
        &format!("{change} --new-passphrase-file short"),
    )
    .bad(1, &["the passphrase is shorter than 12 bytes", "hint: "]);
    let said = say(
        &agency.folder,
        &format!("{change} --new-passphrase-file next"),
    )
    .good();
    assert_eq!(said.lines().count(), 7, "{said}");
    with_passphrase(&agency);
    agency.check().bad(64, &["does not open this key"]);
    fs::rename(agency.folder.join("next"), agency.folder.join("passphrase")).unwrap();
    agency.check().good();
    say(
        &agency.folder,
        "key encrypt keys/tls.key --passphrase-file passphrase",
    )
    .bad(1, &["keys/tls.key: is encrypted already", "hint: "]);
}

#[test]
fn keys_are_made_encrypted_so_that_no_clear_text_comes_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("passphrase"), PASSPHRASE).unwrap();
    fs::set_permissions(here.join("passphrase"), fs::Permissions::from_mode(0o600)).unwrap();
    say(here, "certs authority authority").good();
    for line in [
        "certs issue --authority authority --profile tls --id AZ/GOV/1001/NODE1 --out keys",
        "key journal keys",
        "key witness keys --name a.example/w",
    ] {
        say(
            here,
            &format!("{line} --encrypt --passphrase-file passphrase"),
        )
        .good();
    }
    let mut made = 0;
    for entry in fs::read_dir(here.join("keys")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "key") {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains("\"pbkdf2-hmac-sha256\""), "{path:?}");
            made += 1;
        }
    }
    assert_eq!(made, 4, "tls, journal, evidence, witness");
}

#[test]
fn a_new_key_is_never_in_clear_beside_encrypted_ones() {
    let world = World::new();
    let agency = encrypted(&world);
    let line = "certs csr --config node.toml --use tls --new-key";
    without_terminal(&agency, line).bad(1, &["keys/tls.next.key", "no terminal can be asked"]);
    assert!(!agency.folder.join("keys/tls.next.key").exists());
    with_passphrase(&agency);
    say(&agency.folder, line).good();
    let told = agency.check().good();
    assert!(told.contains("tls.next.key encrypted"), "{told}");
}
