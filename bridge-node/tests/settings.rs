//! Settings as an operator gets them wrong: all faults at once, the same at `check-config` and at `run`.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::nodes::Node;
use crate::shell::run;
use crate::world::{Agency, World, get};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn good_settings_are_told_so() {
    let world = World::new();
    let told = world.population().check().good();
    assert!(
        told.ends_with("node.toml: good (AZ/GOV/1001/NODE1, 2 contracts, 4 services)\n"),
        "{told}"
    );
}

/// Breaks one thing of each kind and returns what has to be told.
fn break_everything(agency: &Agency) -> [&'static str; 8] {
    set_mode(&agency.folder.join("keys/exchange.key"), 0o644);
    set_mode(&agency.folder.join("keys/evidence.key"), 0o640);
    fs::remove_file(agency.folder.join("keys/web.pem")).unwrap();
    fs::remove_file(agency.folder.join("population.db")).unwrap();
    fs::write(
        agency.folder.join("contracts/wrong.json"),
        "{\"contract\":{},\"signatures\":[]}",
    )
    .unwrap();
    agency.change(&[("published = true", "published = true\ncolour = \"red\"")]);
    agency.add("\n[limits]\nfields = 1\n\n[[callers]]\nname = \"x\"\nsubsystems = [\"AZ/GOV\"]\napi_key_sha256 = \"abc\"\n");
    [
        "keys: exchange: ",
        "keys: evidence.key: ",
        "keys: web: ",
        "services[0].database: ",
        "services[0].colour: no such key",
        "limits.fields: 1 is out of range",
        "callers[2].api_key_sha256: is not a SHA-256 in hexadecimal",
        "contracts/wrong.json: ",
    ]
}

#[test]
fn all_faults_are_told_at_once_and_run_tells_the_same() {
    let world = World::new();
    let population = world.population();
    let expected = break_everything(&population);
    let told = population.check().bad(64, &expected);
    assert!(
        told.contains("exchange.key: mode 0644 lets others in; set it to 0600"),
        "{told}"
    );
    assert!(
        told.contains("evidence.key: mode 0640 lets others in; set it to 0600"),
        "{told}"
    );
    assert!(
        told.contains("web.pem can't be read: No such file or directory"),
        "{told}"
    );
    assert!(
        told.lines().all(|line| line.contains(" (remedy: ")),
        "{told}"
    );
    assert_eq!(
        told.matches("population.db").count(),
        1,
        "a missing file is told once: {told}"
    );
    let started = Node::fails(&population).bad(64, &[]);
    assert_eq!(started, told);
}

#[test]
fn a_key_that_others_can_read_is_refused_at_start() {
    let world = World::new();
    let tax = world.tax();
    for name in [
        "tls.key",
        "exchange.key",
        "web.key",
        "journal.key",
        "evidence.key",
    ] {
        let path = tax.folder.join("keys").join(name);
        set_mode(&path, 0o604);
        Node::fails(&tax).bad(
            64,
            &[&format!(
                "keys/{name}: mode 0604 lets others in; set it to 0600 (chmod 600)"
            )],
        );
        set_mode(&path, 0o600);
    }
    tax.start().stop();
}

#[test]
fn files_that_are_missing_or_not_what_they_should_be_are_named() {
    let world = World::new();
    let tax = world.tax();
    let cases = [
        ("../trust/anchors.pem", "trust.anchors: "),
        ("../trust/root.json", "directory.root: "),
        ("callers/system.pem", "callers[0].certificate: "),
    ];
    for (file, place) in cases {
        let path = tax.folder.join(file);
        let good = fs::read(&path).unwrap();
        fs::write(&path, "nonsense").unwrap();
        tax.check().bad(64, &[place, "(remedy: "]);
        fs::remove_file(&path).unwrap();
        tax.check().bad(64, &[place, "(remedy: "]);
        Node::fails(&tax).bad(64, &[place]);
        fs::write(&path, good).unwrap();
    }
    fs::rename(tax.folder.join("keys"), tax.folder.join("away")).unwrap();
    let told = tax
        .check()
        .bad(64, &["node.keys_folder: ", "does not exist"]);
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_settings_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str| run(folder.path(), &["check-config", "--config", name]);
    check("nowhere.toml").bad(
        64,
        &[
            "nowhere.toml: cannot be read: No such file",
            "(remedy: give the path",
        ],
    );
    check(".").bad(64, &[".: cannot be read: Is a directory"]);
    fs::write(folder.path().join("a.toml"), "[node\n").unwrap();
    check("a.toml").bad(64, &["line 1", "write valid TOML"]);
    fs::write(folder.path().join("a.toml"), "").unwrap();
    check("a.toml").bad(
        64,
        &[
            "node: section is missing",
            "peer: section is missing",
            "contracts: section is missing",
        ],
    );
}

#[test]
fn unknown_commands_and_missing_arguments_are_usage_errors() {
    let here = Path::new(".");
    for arguments in [
        &["frobnicate"][..],
        &[],
        &["run"],
        &["audit"],
        &["audit", "show"],
        &["key", "nothing"],
        &["check-config", "--colour"],
    ] {
        let said = run(here, arguments);
        assert_eq!(said.code, 64, "{said:?}");
        assert!(said.err.contains("Usage: bridge-node"), "{said:?}");
    }
    assert!(run(here, &["--version"]).good().starts_with("bridge-node "));
    assert!(run(here, &["--help"]).good().contains("check-config"));
}

#[test]
fn a_port_that_is_taken_is_told_with_its_key() {
    let world = World::new();
    let tax = world.tax();
    let whole = fs::read_to_string(tax.config()).unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    for (section, key) in [
        ("consumer", "listen"),
        ("consumer", "plain_listen"),
        ("peer", "listen"),
        ("admin", "health_listen"),
    ] {
        let at = whole.find(&format!("[{section}]")).unwrap();
        let at = at + whole[at..].find(&format!("\n{key} = \"")).unwrap() + 1;
        let end = at + whole[at..].find('\n').unwrap();
        let changed = format!("{}{key} = \"{taken}\"{}", &whole[..at], &whole[end..]);
        fs::write(tax.config(), changed).unwrap();
        Node::fails(&tax).bad(
            1,
            &[
                &format!("{section}.{key}: {taken} cannot be listened on: Address already in use"),
                "hint: free the port",
            ],
        );
    }
}

#[test]
fn two_nodes_do_not_share_a_data_folder() {
    let world = World::new();
    let tax = world.tax();
    let _node = tax.start();
    let mut second = tax.clone();
    second.folder = world.path().join("second");
    fs::create_dir(&second.folder).unwrap();
    fs::copy(tax.config(), second.config()).unwrap();
    second.change(&[
        ("\"data\"", "\"../tax/data\""),
        ("\"keys\"", "\"../tax/keys\""),
        ("\"contracts\"", "\"../tax/contracts\""),
        ("\"callers/", "\"../tax/callers/"),
    ]);
    Node::fails(&second).bad(
        1,
        &[
            "data/journal: the journal is in use by process",
            "stop the other node",
        ],
    );
}

#[test]
fn what_only_a_start_would_meet_is_told_before() {
    let world = World::new();
    let tax = world.tax();
    tax.change(&[("\"journal.example\"", "\"journal example\"")]);
    tax.change(&[(
        "[admin]\n",
        &format!("[admin]\nsocket = \"{}\"\n", "x".repeat(108)),
    )]);
    let told = tax.check().bad(
        64,
        &[
            "node.log_domain: `journal example` is not a domain name",
            "admin.socket: ",
            " bytes long",
        ],
    );
    assert_eq!(Node::fails(&tax).bad(64, &[]), told);
}

#[test]
fn a_journal_of_another_log_is_left_alone_with_a_way_out() {
    let world = World::new();
    let tax = world.tax();
    tax.change(&[("\"journal.example\"", "\"other.example\"")]);
    Node::fails(&tax).bad(
        1,
        &[
            "data/journal: the folder is the journal \"journal.example/",
            "not \"other.example/",
            "node.log_domain and journal.key",
        ],
    );
    tax.verify().good();
    fs::write(world.path().join("file"), "").unwrap();
    tax.change(&[
        ("\"other.example\"", "\"journal.example\""),
        ("\"data\"", "\"../file\""),
    ]);
    Node::fails(&tax).bad(
        1,
        &[
            "node.data_folder: ",
            "file/spool: Not a directory",
            "give a folder",
        ],
    );
}

#[test]
fn why_a_caller_is_unknown_stands_in_the_log_alone() {
    let world = World::new();
    let tax = world.tax();
    let node = tax.start();
    let path = "/r1/AZ/GOV/1001/POPULATION/person/MBXEHTV";
    let plain = tax.setting("plain_listen");
    for (field, why) in [
        ("", "neither an API key nor a client certificate was sent"),
        (
            "Bridge-Api-Key: wrong\r\n",
            "no entry of [[callers]] has this API key",
        ),
    ] {
        let answer = get(&plain, path, field).unwrap();
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["message"], "The caller is not authenticated.");
        assert!(node.log().contains(why), "{}", node.log());
        assert!(
            node.log().contains(body["detail"].as_str().unwrap()),
            "{}",
            node.log()
        );
        assert!(!node.log().contains("wrong"), "{}", node.log());
    }
}
