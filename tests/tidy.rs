//! Holds the house rules that no compiler knows: who may depend on whom, how long files are, how standards are cited.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot read the tree has failed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bridge_node::settings::{Limits, Settings};

/// What each package of ours may depend on, besides strangers. A new package gets a line here.
const WALL: [(&str, &[&str]); 14] = [
    ("bridge-signature", &[]),
    ("bridge-core", &["bridge-signature"]),
    ("bridge-verify", &[]),
    ("bridge-journal", &["bridge-core", "bridge-signature"]),
    (
        "bridge-directory",
        &["bridge-certs", "bridge-core", "bridge-signature"],
    ),
    ("bridge-certs", &["bridge-core", "bridge-signature"]),
    ("bridge-token", &["bridge-signature"]),
    ("bridge-adapter", &["bridge-core"]),
    ("bridge-adapter-sql", &["bridge-adapter", "bridge-core"]),
    ("bridge-adapter-http", &["bridge-adapter", "bridge-core"]),
    ("bridge-adapter-file", &["bridge-adapter"]),
    ("bridge-adapter-process", &["bridge-adapter", "bridge-core"]),
    (
        "bridge-node",
        &[
            "bridge-adapter",
            "bridge-adapter-file",
            "bridge-adapter-http",
            "bridge-adapter-process",
            "bridge-adapter-sql",
            "bridge-certs",
            "bridge-core",
            "bridge-directory",
            "bridge-journal",
            "bridge-signature",
            "bridge-token",
            "bridge-verify",
        ],
    ),
    (
        "bridge-tests",
        &[
            "bridge-adapter",
            "bridge-adapter-file",
            "bridge-adapter-http",
            "bridge-adapter-process",
            "bridge-adapter-sql",
            "bridge-certs",
            "bridge-core",
            "bridge-directory",
            "bridge-journal",
            "bridge-node",
            "bridge-signature",
            "bridge-verify",
        ],
    ),
];
/// What the pure packages must not reach, by whatever way.
const IMPURE: [&str; 8] = [
    "tokio", "hyper", "rustls", "sled", "rand", "mio", "socket2", "rusqlite",
];
const BANNED: [&str; 6] = [
    "aws-lc-rs",
    "aws-lc-sys",
    "openssl",
    "openssl-sys",
    "native-tls",
    "rsa",
];
const CRATES_LIMIT: usize = 255;
const FILE_LIMIT_LINES: usize = 400;
const ARCHITECTURE_LIMIT_LINES: usize = 200;

fn root() -> PathBuf {
    fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap()
}

/// All files of the project: nothing that was built, fetched or hidden.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name == "target" || (name.starts_with('.') && name != ".ci") || name == "__pycache__"
            {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

fn sources() -> impl Iterator<Item = (String, String)> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "rs");
    files()
        .into_iter()
        .filter(is_rust)
        .map(|path| (shown(&path), fs::read_to_string(&path).unwrap()))
}

fn manifest(path: &Path) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// Folder and manifest of each member of the workspace, by package name.
fn members() -> BTreeMap<String, (String, toml::Table)> {
    let workspace = manifest(&root().join("Cargo.toml"));
    let list = workspace["workspace"]["members"]
        .as_array()
        .unwrap()
        .clone();
    list.iter()
        .map(|member| {
            let folder = member.as_str().unwrap();
            let table = manifest(&root().join(folder).join("Cargo.toml"));
            (
                table["package"]["name"].as_str().unwrap().to_owned(),
                (folder.to_owned(), table),
            )
        })
        .collect()
}

fn dependencies(table: &toml::Table, kinds: &[&str]) -> BTreeSet<String> {
    let section = |kind: &&str| {
        table
            .get(*kind)
            .and_then(toml::Value::as_table)
            .cloned()
            .unwrap_or_default()
    };
    kinds
        .iter()
        .flat_map(|kind| section(kind).into_iter().map(|(name, _)| name))
        .collect()
}

/// Names of all crates that a package is built from.
fn tree(package: &str, workspace: bool) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).args([
        "tree",
        "--locked",
        "--offline",
        "-e",
        "normal,build",
        "--prefix",
        "none",
    ]);
    if workspace {
        command.arg("--workspace");
    } else {
        command.args(["-p", package]);
    }
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn dependencies_run_one_way() {
    let members = members();
    let names: BTreeSet<&str> = members.keys().map(String::as_str).collect();
    let walled: BTreeSet<&str> = WALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names, walled,
        "the wall and the workspace name different packages"
    );
    for (name, allowed) in WALL {
        // What a package's own tests use is no part of it.
        for dependency in dependencies(&members[name].1, &["dependencies", "build-dependencies"]) {
            let is_ours = dependency.starts_with("bridge-");
            assert!(
                !is_ours || allowed.contains(&dependency.as_str()),
                "{name} depends on {dependency}"
            );
            assert!(
                dependency != "sled" || name == "bridge-journal",
                "{name} names sled"
            );
        }
    }
}

/// The control of the fault programs loses what it acknowledged. What makes it is one method of the library; the wall lets no
/// package depend on the one that calls it, and nothing that is read at run time sets the field behind it.
#[test]
fn only_the_control_lays_the_journal_on_another_disk() {
    let (mut callers, mut setters) = (BTreeSet::new(), Vec::new());
    for (path, text) in sources().filter(|(path, _)| path != "tests/tidy.rs") {
        if text.contains(".with_journal_disk(") {
            callers.insert(path.clone());
        }
        setters.extend(text.matches("journal_disk: Some").map(|_| path.clone()));
        assert!(
            !text.contains("journal_disk = "),
            "{path} sets the journal's disk"
        );
    }
    assert_eq!(
        callers,
        BTreeSet::from(["tests/faults/faulty/main.rs".to_owned()])
    );
    assert_eq!(setters, ["bridge-node/src/node/parts.rs"]);
    let parts = fs::read_to_string(root().join("bridge-node/src/node/parts.rs")).unwrap();
    let setter = parts.split("pub fn with_journal_disk(").nth(1).unwrap();
    assert!(
        setter
            .split("\n    }\n")
            .next()
            .unwrap()
            .contains("journal_disk: Some(disk)")
    );
}

#[test]
fn core_and_signature_are_pure() {
    for package in ["bridge-core", "bridge-signature"] {
        let reached = tree(package, false);
        for impure in IMPURE {
            assert!(!reached.contains(impure), "{package} reaches {impure}");
        }
    }
}

#[test]
fn one_crypto_stack_and_few_crates() {
    let lock = manifest(&root().join("Cargo.lock"));
    for package in lock["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        assert!(!BANNED.contains(&name), "{name} is in Cargo.lock");
    }
    let crates = tree("bridge-node", false);
    assert!(
        crates.len() <= CRATES_LIMIT,
        "{} crates in the default binary",
        crates.len()
    );
}

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    for (path, text) in sources() {
        if path.contains("/tests/") || path.contains("/tests.rs") || path.starts_with("tests/") {
            continue;
        }
        let own = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = own.lines().count();
        if lines > FILE_LIMIT_LINES {
            long.push(format!("{path}: {lines} lines"));
        }
        assert!(!path.ends_with("/mod.rs"), "{path}: no mod.rs");
    }
    assert!(
        long.is_empty(),
        "longer than {FILE_LIMIT_LINES} lines without tests: {long:#?}"
    );
}

#[test]
fn standards_are_cited_in_one_form() {
    let mut wrong = Vec::new();
    for (path, text) in sources().filter(|(path, _)| path != "tests/tidy.rs") {
        for (number, line) in text.lines().enumerate() {
            let Some(comment) = line.find("//").map(|at| &line[at..]) else {
                continue;
            };
            for (at, _) in comment.match_indices("tandard:") {
                if !is_citation(&comment[at.saturating_sub(1)..]) {
                    wrong.push(format!("{path}:{}: {}", number + 1, comment.trim()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "write `Standard: NAME §SECTION.`: {wrong:#?}"
    );
}

/// `Standard: RFC 9421 §2.5.`, several parted by commas; specifications without numbered sections go by their name.
fn is_citation(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("Standard: ") else {
        return false;
    };
    let Some(end) = rest.find(". ").or_else(|| rest.rfind('.')) else {
        return false;
    };
    let cited = &rest[..end];
    let mut named = false;
    cited.split(", ").all(|part| {
        let part = part.trim();
        let continues = part.starts_with('§') || part.starts_with("step ");
        let is_name = part.starts_with(|c: char| c.is_ascii_uppercase());
        let has_section = part.contains(" §") || part.starts_with("C2SP ");
        let sound = if continues {
            named
        } else {
            is_name && has_section
        };
        named = true;
        sound
    })
}

#[test]
fn citations_have_a_negative_twin() {
    for good in [
        "Standard: RFC 9421 §2.5.",
        "Standard: RFC 9421 §4.1, §4.2.",
        "Standard: C2SP signed-note. Standard: RFC 1 §2.",
    ] {
        assert!(is_citation(good), "{good}");
    }
    for bad in [
        "Standard: RFC 9421.",
        "standard: RFC 9421 §2.",
        "Standard:RFC 9421 §2.",
        "Standard: RFC 9421 §2",
    ] {
        assert!(!is_citation(bad), "{bad}");
    }
}

#[test]
fn no_private_key_lies_in_the_tree() {
    for path in files() {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for (at, mark) in text.match_indices("PRIVATE KEY-----\n") {
            let next = text[at + mark.len()..].lines().next().unwrap_or_default();
            let is_key = next.len() >= 40
                && next
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
            assert!(!is_key, "{} holds a private key", shown(&path));
        }
        let ending = path.extension().and_then(|ending| ending.to_str());
        assert!(
            !matches!(ending, Some("key" | "p12" | "pfx")),
            "{} looks like a key file",
            shown(&path)
        );
    }
}

#[test]
fn no_file_names_a_folder_of_somebodys_machine() {
    for path in files() {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for folder in ["root", "home", "work", "Users"].map(|name| format!("/{name}/")) {
            for (at, _) in text.match_indices(folder.as_str()) {
                // A part of a longer path, or of an address, is no place on a machine.
                let before = text[..at].chars().next_back().unwrap_or(' ');
                let is_absolute = before.is_whitespace() || "\"'`(=<[".contains(before);
                assert!(
                    !is_absolute,
                    "{}: {}",
                    shown(&path),
                    &text[at..].lines().next().unwrap()
                );
            }
        }
    }
}

#[test]
fn architecture_is_short_and_names_every_package_and_step() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    assert!(text.lines().count() <= ARCHITECTURE_LIMIT_LINES);
    let steps = fs::read_to_string(root().join("bridge-node/src/exchange.rs")).unwrap();
    for (name, (folder, _)) in members() {
        assert!(
            text.contains(&format!("| {name} | `{folder}` |")),
            "ARCHITECTURE.md does not name {name} in {folder}"
        );
    }
    for line in text
        .lines()
        .filter(|line| line.starts_with("| ") && line.ends_with("` |"))
    {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let number = cells[1].split(' ').next().unwrap();
        if number.parse::<u8>().is_ok() {
            assert!(
                steps.contains(cells[1]),
                "exchange.rs has no step `{}`",
                cells[1]
            );
            assert!(
                root().join(cells[3].trim_matches('`')).is_file(),
                "{} is not a file",
                cells[3]
            );
        }
    }
}

/// The example settings, in a folder where everything they name exists.
#[test]
fn every_threat_has_a_test_that_exists() {
    let text = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let sources: String = sources().map(|(_, source)| source).collect();
    let mut threats = 0;
    let mut missing = Vec::new();
    for row in text.lines().filter(|line| {
        line.trim_start_matches('|')
            .trim_start()
            .starts_with(|c: char| c.is_ascii_digit())
    }) {
        threats += 1;
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "a threat without a test: {row}");
        for name in names {
            let exists = if name.contains('/') {
                root().join(name).exists()
            } else {
                sources.contains(&format!("fn {name}("))
            };
            if !exists {
                missing.push(name);
            }
        }
    }
    assert!(threats > 20, "{threats}");
    assert!(
        missing.is_empty(),
        "SECURITY.md names tests that are not there: {missing:?}"
    );
}

fn example() -> (tempfile::TempDir, String) {
    let text = fs::read_to_string(root().join("config/node.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["keys", "contracts", "trust", "data"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    for name in ["trust/anchors.pem", "trust/root.json"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    (folder, text)
}

#[test]
fn every_example_in_config_loads() {
    let mut seen = 0;
    for path in files()
        .into_iter()
        .filter(|path| shown(path).starts_with("config/"))
    {
        let text = fs::read_to_string(&path).unwrap();
        match path.extension().and_then(|ending| ending.to_str()) {
            // Read by the tests of the metrics, and by Prometheus itself in `referees/prometheus`.
            _ if path
                .parent()
                .is_some_and(|folder| folder.ends_with("monitoring")) =>
            {
                continue;
            }
            Some("toml") => {
                let (folder, _) = example();
                let loaded = Settings::parse(&text, folder.path());
                assert!(
                    loaded.is_ok(),
                    "{}: {:?}",
                    shown(&path),
                    loaded.unwrap_err()
                );
            }
            Some("json") => {
                let loaded = bridge_core::contract::load(text.as_bytes());
                assert!(
                    loaded.is_ok(),
                    "{}: {:?}",
                    shown(&path),
                    loaded.unwrap_err()
                );
            }
            Some("md") => continue,
            other => panic!("{}: nobody loads a {other:?} file", shown(&path)),
        }
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn limits_in_the_example_are_the_defaults() {
    let (folder, text) = example();
    let (before, limits) = text.split_once("[limits]").unwrap();
    let given: String = limits
        .lines()
        .map(|line| line.trim_start_matches("# ").to_owned() + "\n")
        .collect();
    let settings = Settings::parse(&format!("{before}[limits]{given}"), folder.path()).unwrap();
    assert_eq!(
        format!("{:?}", settings.limits),
        format!("{:?}", Limits::default())
    );
    let named = given.lines().filter(|line| line.contains(" = ")).count();
    let all = format!("{:?}", Limits::default()).matches(": ").count();
    assert_eq!(named, all, "the example does not name every limit");
}
