//! The documents: every command in them is run, every link leads somewhere, every default they name is the real one.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use bridge_node::command::Cli;
use clap::{CommandFactory as _, Parser as _};

use crate::catalogue;
use crate::ceremony;
use crate::guide;
use crate::join;
use crate::member_role;
use crate::shell::{repository, run, wait_for, words};
use crate::tokens;
use crate::world::{Agency, World, receipt_file};

mod example;

/// A command of a document, without its comment.
type Line = (&'static str, &'static str);

/// Commands that are not run here: why, and what runs them instead.
const RUN_ELSEWHERE: [(Line, &str, &str); 8] = [
    (
        ("README.md", "apt-get install -y build-essential"),
        "changes the machine",
        "`tests/run` installs it where it is missing",
    ),
    (
        ("README.md", "cargo run --release -p bridge-node -- demo"),
        "builds anew",
        "`demo.rs` runs the same command on the built program",
    ),
    (("README.md", "bash tests/run"), "runs this test", "itself"),
    (
        ("README.md", "cargo build --release -p bridge-node"),
        "builds anew",
        "`tests/cold-build`",
    ),
    (
        ("config/README.md", "cargo build --release -p bridge-node"),
        "builds anew",
        "`tests/cold-build`",
    ),
    (
        (
            "config/README.md",
            "bridge-node certs csr --config node.toml --out requests",
        ),
        "an authority comes in between",
        "`own.rs` has OpenSSL certify the requests",
    ),
    (
        (
            "config/README.md",
            "bridge-node certs import --config node.toml tls.pem exchange.pem issuing.pem",
        ),
        "an authority comes in between",
        "`own.rs` imports what OpenSSL certified",
    ),
    (
        (
            "config/README.md",
            "bridge-node certs enrol --config node.toml",
        ),
        "needs an ACME server",
        "`tests/referees/acme`",
    ),
];
const INSTALL: Line = (
    "config/README.md",
    "install -m 755 target/release/bridge-node /usr/local/bin/bridge-node",
);

/// Commands that are run here, in the order of their document.
const TOUR: [Line; 7] = [
    (
        "README.md",
        "target/release/bridge-node demo --once --dir demo-data",
    ),
    (
        "README.md",
        "target/release/bridge-node check-config --config demo-data/population/node.toml",
    ),
    (
        "README.md",
        "target/release/bridge-node audit verify demo-data/tax/data/journal --evidence-key demo-data/tax/keys/evidence.key",
    ),
    (
        "README.md",
        "target/release/bridge-node audit reconcile demo-data/tax/data/journal demo-data/population/data/journal",
    ),
    (
        "README.md",
        "target/release/bridge-node audit replay demo-data/tax/data/journal --contracts demo-data/tax/contracts --evidence-key demo-data/tax/keys/evidence.key",
    ),
    (
        "README.md",
        "target/release/bridge-node audit verify-dossier demo-data/dossier.asice --trust demo-data/trust/anchors.pem",
    ),
    (
        "README.md",
        "target/release/bridge-node contract show demo-data/tax/contracts/tax-person.json --trust demo-data/trust/anchors.pem",
    ),
];
const KEYS: [Line; 9] = [
    (
        "config/README.md",
        "bridge-node certs authority authority --name \"Trial authority\"",
    ),
    (
        "config/README.md",
        "bridge-node certs issue --authority authority --profile tls --id AZ/GOV/1001/NODE1 --out keys",
    ),
    (
        "config/README.md",
        "bridge-node certs issue --authority authority --profile exchange --id AZ/GOV/1001/NODE1 --out keys",
    ),
    (
        "config/README.md",
        "bridge-node certs issue --authority authority --profile seal --id AZ/GOV/1001 --out keys",
    ),
    (
        "config/README.md",
        "bridge-node certs issue --authority authority --profile web --san 127.0.0.1 --out keys",
    ),
    ("config/README.md", "bridge-node key journal keys"),
    (
        "config/README.md",
        "bridge-node key witness keys --name agency.example/AZ/GOV/1001/NODE1/witness",
    ),
    ("config/README.md", "bridge-node key officer officer.key"),
    ("config/README.md", "bridge-node key api"),
];
const ENCRYPT: [Line; 2] = [
    (
        "config/README.md",
        "bridge-node key encrypt keys/tls.key keys/exchange.key keys/journal.key keys/evidence.key keys/witness.key keys/seal.key keys/web.key --passphrase-file passphrase",
    ),
    (
        "config/README.md",
        "bridge-node key change-passphrase keys/tls.key keys/exchange.key keys/journal.key keys/evidence.key keys/witness.key keys/seal.key keys/web.key --passphrase-file passphrase --new-passphrase-file next-passphrase",
    ),
];
const RUN: Line = ("config/README.md", "bridge-node run --config node.toml");
const AUDIT: [Line; 5] = [
    (
        "config/README.md",
        "bridge-node audit search --socket data/admin.sock --officer officer-1 --officer-key officer.key --client AZ/GOV/2001/TAX",
    ),
    (
        "config/README.md",
        "bridge-node audit show REQUEST-ID --socket data/admin.sock --officer officer-1 --officer-key officer.key",
    ),
    (
        "config/README.md",
        "bridge-node audit verify data/journal --evidence-key keys/evidence.key",
    ),
    (
        "config/README.md",
        "bridge-node audit verify data/journal --directory directory.json",
    ),
    (
        "config/README.md",
        "bridge-node audit replay data/journal --contracts contracts --evidence-key keys/evidence.key",
    ),
];
const RECONCILE: [Line; 4] = [
    (
        "config/README.md",
        "bridge-node audit fetch AZ/GOV/2001/NODE1 --out theirs.leaves --socket data/admin.sock --officer officer-1 --officer-key officer.key",
    ),
    (
        "config/README.md",
        "bridge-node audit reconcile data/journal theirs.leaves",
    ),
    (
        "config/README.md",
        "bridge-node audit leaves data/journal --member AZ/GOV/2001 --out for-2001.leaves",
    ),
    (
        "config/README.md",
        "bridge-node audit reconcile --peer AZ/GOV/2001/NODE1 --config node.toml --officer officer-1 --officer-key officer.key",
    ),
];
const BACKUP: [Line; 2] = [
    (
        "config/README.md",
        "bridge-node backup backup --config node.toml",
    ),
    (
        "config/README.md",
        "bridge-node restore backup --config node.toml",
    ),
];
const FORKS: Line = (
    "config/README.md",
    "bridge-node audit forks data/witness --to proofs",
);
const CAGE: Line = ("config/README.md", "bridge-node cage --probe");
const MIRROR: [Line; 2] = [
    (
        "config/README.md",
        "bridge-node audit mirror data/journal mirror",
    ),
    (
        "config/README.md",
        "bridge-node audit verify mirror --key VKEY",
    ),
];
const DOSSIER: [Line; 2] = [
    (
        "config/README.md",
        "bridge-node audit export REQUEST-ID --out dossier.asice --socket data/admin.sock --officer officer-1 --officer-key officer.key",
    ),
    (
        "config/README.md",
        "bridge-node audit verify-dossier dossier.asice --trust trust/anchors.pem",
    ),
];
const RECEIPT: Line = (
    "config/README.md",
    "bridge-node audit receipt verify receipt.json --key VKEY",
);
const SEND: Line = (
    "config/README.md",
    "bridge-node contract send person.json --socket data/admin.sock --officer officer-1 --officer-key officer.key",
);
const CONTRACT: [Line; 5] = [
    (
        "config/README.md",
        "bridge-node contract propose person.json --member AZ/GOV/1001 --seal keys/seal.pem --seal-key keys/seal.key --trust trust/anchors.pem",
    ),
    (
        "config/README.md",
        "bridge-node contract show person.json --trust trust/anchors.pem --language az",
    ),
    (
        "config/README.md",
        "bridge-node contract accept person.json --member AZ/GOV/2001 --seal seal.pem --seal-key seal.key --trust trust/anchors.pem",
    ),
    (
        "config/README.md",
        "bridge-node contract withdraw person.json --reason \"the law has changed\" --member AZ/GOV/2001 --seal seal.pem --seal-key seal.key --trust trust/anchors.pem",
    ),
    (
        "config/README.md",
        "bridge-node contract list person.json --trust trust/anchors.pem",
    ),
];
const STOP: [Line; 5] = [
    (
        "config/README.md",
        "bridge-node stop member AZ/LEA/3001 --reason \"keys reported stolen\" --socket data/admin.sock --officer officer-1 --officer-key officer.key",
    ),
    (
        "config/README.md",
        "bridge-node stop contract population-person-tax --socket data/admin.sock --officer officer-1 --officer-key officer.key",
    ),
    (
        "config/README.md",
        "bridge-node stop service AZ/GOV/1001/POPULATION/person --socket data/admin.sock --officer officer-1 --officer-key officer.key",
    ),
    (
        "config/README.md",
        "bridge-node stop list --socket data/admin.sock --officer officer-1 --officer-key officer.key",
    ),
    (
        "config/README.md",
        "bridge-node stop lift member AZ/LEA/3001 --reason \"new keys\" --socket data/admin.sock --officer officer-1 --officer-key officer.key",
    ),
];
const MAINTENANCE: [Line; 3] = [
    (
        "config/README.md",
        "bridge-node maintenance announce --from 2026-11-28T22:00:00+04:00 --until 2026-11-29T02:00:00+04:00 --text-en \"The register moves.\" --text-az \"Reyestr köçürülür.\" --socket data/admin.sock --officer officer-1 --officer-key officer.key",
    ),
    (
        "config/README.md",
        "bridge-node maintenance list --socket data/admin.sock --officer officer-1 --officer-key officer.key",
    ),
    (
        "config/README.md",
        "bridge-node maintenance end ORDER --socket data/admin.sock --officer officer-1 --officer-key officer.key",
    ),
];
const PROBE: [Line; 2] = [
    (
        "config/README.md",
        "bridge-node probe --socket data/admin.sock --officer officer-1 --officer-key officer.key",
    ),
    (
        "config/README.md",
        "bridge-node probe AZ/GOV/2001/NODE1 --socket data/admin.sock --officer officer-1 --officer-key officer.key",
    ),
];
const ADAPTER: Line = (
    "adapters/README.md",
    "bridge-node adapter check adapters/registries/population --database population.db",
);

/// Every Markdown file of the project, by its path from the top.
fn documents() -> Vec<String> {
    fn walk(folder: &Path, top: &Path, list: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            // Built, fetched or hidden things are not the project's documents.
            if name.starts_with('.') || name == "target" || path.join("pyvenv.cfg").exists() {
                continue;
            }
            if path.is_dir() {
                walk(&path, top, list);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                list.push(path.strip_prefix(top).unwrap().display().to_string());
            }
        }
    }
    let top = repository();
    let mut list = Vec::new();
    walk(&top, &top, &mut list);
    list.sort();
    assert!(list.len() >= 9, "{list:?}");
    list
}

fn read(document: &str) -> String {
    fs::read_to_string(repository().join(document)).unwrap()
}

/// The commands of a document's `sh` blocks.
fn commands(document: &str) -> Vec<String> {
    let mut inside = false;
    let mut list = Vec::new();
    for line in read(document).lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside && line.trim() == "```sh";
        } else if inside {
            let command = line.split(" #").next().unwrap_or_default().trim();
            if !command.is_empty() && !command.starts_with('#') {
                list.push(command.to_owned());
            }
        }
    }
    list
}

#[test]
fn every_command_of_every_document_is_known_here() {
    let mut found = BTreeSet::new();
    for document in documents() {
        for command in commands(&document) {
            found.insert((document.clone(), command));
        }
    }
    let skipped = RUN_ELSEWHERE.iter().map(|(line, why, covered)| {
        assert!(!why.is_empty() && !covered.is_empty());
        *line
    });
    let known: BTreeSet<(String, String)> = skipped
        .chain([INSTALL, RUN, ADAPTER, RECEIPT, FORKS, CAGE, SEND])
        .chain(TOUR)
        .chain(KEYS)
        .chain(ENCRYPT)
        .chain(AUDIT)
        .chain(RECONCILE)
        .chain(BACKUP)
        .chain(MIRROR)
        .chain(DOSSIER)
        .chain(CONTRACT)
        .chain(STOP)
        .chain(MAINTENANCE)
        .chain(PROBE)
        .chain(ceremony::COMMANDS.map(|command| ("config/README.md", command)))
        .chain(member_role::COMMANDS.map(|command| ("config/README.md", command)))
        .chain(join::JOINING.map(|command| ("config/README.md", command)))
        .chain(join::ANSWERING.map(|command| ("config/README.md", command)))
        .chain(catalogue::COMMANDS.map(|command| ("config/README.md", command)))
        .chain(tokens::COMMANDS.map(|command| ("config/README.md", command)))
        .chain(guide::COMMANDS.map(|command| (guide::GUIDE, command)))
        .map(|(document, command)| (document.to_owned(), command.to_owned()))
        .collect();
    let unknown: Vec<_> = found.difference(&known).collect();
    assert!(
        unknown.is_empty(),
        "commands that no test runs: {unknown:#?}"
    );
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(
        gone.is_empty(),
        "commands that no document has any more: {gone:#?}"
    );
}

#[test]
fn the_operators_guide_asks_what_the_kernel_gives_a_cage() {
    let folder = tempfile::tempdir().unwrap();
    let told = type_in(folder.path(), CAGE, &[]);
    for part in [
        "user",
        "network",
        "files",
        "syscalls",
        "memory",
        "processes",
        "cpu",
    ] {
        let told = told.lines().any(|line| line.starts_with(part));
        assert!(told, "nothing of {part}");
    }
}

/// Runs a line of a document as it stands; the program under test stands for the installed one.
#[track_caller]
fn type_in(folder: &Path, (document, command): Line, replace: &[(&str, &str)]) -> String {
    let mut line = command.to_owned();
    for (placeholder, value) in replace {
        assert!(line.contains(placeholder), "{line}");
        line = line.replace(placeholder, value);
    }
    let words = words(&line);
    let program = words[0]
        .strip_prefix("target/release/")
        .unwrap_or(&words[0]);
    assert_eq!(program, "bridge-node", "{document}: {command}");
    run(folder, &words[1..]).good()
}

#[test]
fn the_five_minute_tour_works_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let told: Vec<String> = TOUR
        .iter()
        .map(|line| type_in(folder.path(), *line, &[]))
        .collect();
    assert!(told[1].contains(": good ("), "{told:#?}");
    assert!(told[2].contains(": verified: "), "{told:#?}");
    assert!(
        told[3].ends_with("1 matched, 1 explained, 0 open, 0 missing, 0 differ\n"),
        "{told:#?}"
    );
    assert!(
        told[4].contains("1 allowed decisions agree, 0 disagree\n"),
        "{told:#?}"
    );
    assert!(
        told[5].contains("demo-data/dossier.asice: holds\n")
            && told[5].contains(", as a time-stamping authority says\n"),
        "{told:#?}"
    );
    for part in [
        "Contract: population-person-tax@",
        "proposed by AZ/GOV/1001 at ",
        "accepted by AZ/GOV/2001 at ",
        "signed by both; in force\n",
    ] {
        assert!(told[6].contains(part), "{part}: {told:#?}");
    }
}

#[test]
fn the_trial_keys_of_the_operators_guide_work_in_a_node() {
    let world = World::new();
    let population = world.population();
    fs::remove_dir_all(population.folder.join("keys")).unwrap();
    fs::remove_file(population.folder.join("officer.key")).unwrap();
    // Signed under seals of another authority.
    for file in ["tax-person.json", "executive-status.json"] {
        fs::remove_file(population.folder.join("contracts").join(file)).unwrap();
    }
    let told: Vec<String> = KEYS
        .iter()
        .map(|line| type_in(&population.folder, *line, &[]))
        .collect();
    let made: BTreeSet<String> = fs::read_dir(population.folder.join("keys"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let named = [
        "evidence.key",
        "exchange.key",
        "exchange.pem",
        "journal.key",
        "seal.key",
        "seal.pem",
        "tls.key",
        "tls.pem",
        "web.key",
        "web.pem",
        "witness.key",
    ];
    assert!(made.iter().eq(named), "{made:?}");
    let old = population.setting("api_key_sha256");
    let new = told[8].lines().nth(1).unwrap().split('"').nth(1).unwrap();
    population.change(&[(&old, new), ("../trust/anchors.pem", "authority/root.pem")]);
    population.add(&format!(
        "\n[[officers]]\nname = \"officer-1\"\n{}",
        told[7]
    ));
    // The trial authority has signed the node's certificates.
    population.check().good();
    for (file, text) in [
        ("passphrase", "correct horse battery"),
        ("next-passphrase", "another horse battery"),
    ] {
        let path = population.folder.join(file);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    for line in ENCRYPT {
        let told = type_in(&population.folder, line, &[]);
        assert_eq!(told.lines().count(), 7, "{told}");
    }
    population.add("\n[keys]\npassphrase_file = \"next-passphrase\"\n");
    let told = population.check().good();
    assert!(!told.contains("not encrypted"), "{told}");
}

/// The population register's folder as the guide has it, with the officer under the guide's name.
fn guide_folder(world: &World) -> Agency {
    let population = world.population();
    population.change(&[("name = \"officer\"", "name = \"officer-1\"")]);
    population
}

#[test]
fn the_operators_guide_runs_a_node_and_reads_its_journal() {
    let world = World::new();
    let population = guide_folder(&world);
    assert_eq!(
        words(RUN.1),
        ["bridge-node", "run", "--config", "node.toml"]
    );
    let node = population.start();
    let found = type_in(&population.folder, AUDIT[0], &[]);
    assert!(found.ends_with("2 found\n"), "{found}");
    let id = found
        .lines()
        .next()
        .unwrap()
        .split_whitespace()
        .nth(3)
        .unwrap();
    let shown = type_in(&population.folder, AUDIT[1], &[("REQUEST-ID", id)]);
    assert!(shown.contains("signature_base"), "{shown}");
    type_in(&population.folder, DOSSIER[0], &[("REQUEST-ID", id)]);
    let live = type_in(&population.folder, AUDIT[2], &[]);
    assert!(live.contains(": verified: "), "{live}");
    node.stop();
    type_in(&population.folder, AUDIT[2], &[]);
    let again = type_in(&population.folder, AUDIT[4], &[]);
    assert!(
        again.contains("2 allowed decisions agree, 0 disagree\n"),
        "{again}"
    );
    let anchors = ("trust/anchors.pem", "../trust/anchors.pem");
    let judged = type_in(&population.folder, DOSSIER[1], &[anchors]);
    assert!(judged.contains("sealed by AZ/GOV/1001 at "), "{judged}");
}

#[test]
fn the_operators_guide_reconciles_two_journals_and_mirrors_one() {
    let world = World::new();
    let population = guide_folder(&world);
    let nodes = (population.start(), world.tax().start());
    let said = |line: Line| type_in(&population.folder, line, &[]);
    assert!(said(RECONCILE[0]).contains("theirs.leaves: 3 leaves of "));
    let told = said(RECONCILE[1]);
    assert!(
        told.ends_with("1 matched, 1 explained, 0 open, 0 missing, 0 differ\n"),
        "{told}"
    );
    assert_eq!(said(RECONCILE[2]), "for-2001.leaves: 2 leaves\n");
    assert_eq!(said(RECONCILE[3]).lines().last(), told.lines().last());
    said(MIRROR[0]);
    let key = vkey(&population);
    let verified = type_in(&population.folder, MIRROR[1], &[("VKEY", &key)]);
    assert!(verified.contains(": verified mirror: "), "{verified}");
    drop(nodes);
}

/// The verifier key of an agency's journal.
fn vkey(agency: &Agency) -> String {
    let origin = fs::read_to_string(agency.folder.join("data/journal/origin")).unwrap();
    origin.lines().nth(1).unwrap().to_owned()
}

#[test]
fn the_operators_guide_backs_up_restores_and_shows_forks() {
    let world = World::new();
    let population = guide_folder(&world);
    let said = |line: Line| type_in(&population.folder, line, &[]);
    let others = (world.tax().start(), world.executive().start());
    let node = population.start();
    // Each witnesses the others' journals by now.
    let [cosigned, witness] =
        ["journal/cosigned", "witness"].map(|name| population.folder.join("data").join(name));
    wait_for("the journal is cosigned, and others' are", || {
        (cosigned.exists() && witness.exists()).then_some(())
    });
    let directory = ("directory.json", "../directory/directory.json");
    let known = type_in(&population.folder, AUDIT[3], &[directory]);
    assert!(
        known.contains(" leaves cosigned by ") && !known.contains("compare it"),
        "{known}"
    );
    assert_eq!(said(FORKS), "0 forked\n");
    assert!(said(BACKUP[0]).contains(" leaves verified\n"));
    node.stop();
    drop(others);
    // The machine is lost, and with it what the witness remembered.
    fs::remove_dir_all(population.folder.join("data")).unwrap();
    fs::remove_file(population.folder.join("keys/witness.key")).unwrap();
    let restored = said(BACKUP[1]);
    assert!(restored.contains("begins epoch 2"), "{restored}");
    let node = population.start();
    node.stop();
    let verified = said(AUDIT[2]);
    assert!(
        verified.contains("AZ/GOV/1001/NODE1/1: verified: "),
        "{verified}"
    );
    assert!(verified.contains("follows "), "{verified}");
}

#[test]
fn the_operators_guide_checks_a_receipt_with_all_nodes_switched_off() {
    let world = World::new();
    let (population, tax) = (guide_folder(&world), world.tax());
    let key = receipt_file(&population, &tax);
    let told = type_in(&tax.folder, RECEIPT, &[("VKEY", &key)]);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(
        lines.iter().all(|line| line.contains(": holds: leaf ")),
        "{told}"
    );
}

#[test]
fn the_operators_guide_stops_announces_and_probes() {
    let world = World::new();
    let population = guide_folder(&world);
    let _nodes = (population.start(), world.tax().start());
    let said = |line: Line| type_in(&population.folder, line, &[]);
    for line in &STOP[..3] {
        assert!(said(*line).contains(": stopped by order "));
    }
    assert!(said(STOP[3]).ends_with("3 stopped\n"));
    assert!(said(STOP[4]).starts_with("member AZ/LEA/3001: lifted by order "));

    // The guide's dates are over one day.
    let later = [("2026-11-28", "2066-11-28"), ("2026-11-29", "2066-11-29")];
    let announced = type_in(&population.folder, MAINTENANCE[0], &later);
    let order = announced
        .lines()
        .next()
        .unwrap()
        .rsplit(' ')
        .next()
        .unwrap();
    assert_eq!(
        said(MAINTENANCE[1]),
        format!(
            "AZ/GOV/1001/NODE1  from 2066-11-28T18:00:00Z (2066-11-28T22:00:00+04:00)  \
             until 2066-11-28T22:00:00Z (2066-11-29T02:00:00+04:00)  announced  by officer-1  order {order}\n    \
             The register moves.\n    Reyestr köçürülür.\n1 announced\n"
        )
    );
    let ended = type_in(&population.folder, MAINTENANCE[2], &[("ORDER", order)]);
    assert!(ended.ends_with("0 announced\n"), "{ended}");

    assert_eq!(said(PROBE[0]).lines().count(), 3);
    let probed = said(PROBE[1]);
    assert!(
        probed.starts_with("AZ/GOV/2001/NODE1\n  ok     directory "),
        "{probed}"
    );
    assert_eq!(probed.lines().count(), 15, "{probed}");
    population.verify().good();
}

#[test]
fn the_integrators_guide_checks_its_example() {
    let folder = tempfile::tempdir().unwrap();
    symlink(
        repository().join("adapters"),
        folder.path().join("adapters"),
    )
    .unwrap();
    let made = type_in(folder.path(), ADAPTER, &[]);
    assert!(
        made.contains("made population.db from the package's sample"),
        "{made}"
    );
    let again = type_in(folder.path(), ADAPTER, &[]);
    assert!(
        !again.contains("made population.db") && again.contains(" hold, 0 fail, "),
        "{again}"
    );
    let to_file = [(
        "population.db",
        "population.db --format json --output report.json",
    )];
    assert_eq!(type_in(folder.path(), ADAPTER, &to_file), "");
    let report = fs::read(folder.path().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let count = |name: &str| report[name].as_u64().unwrap();
    assert!(count("holds") >= 100 && count("fails") == 0, "{report}");
    let all = count("holds") + count("does_not_apply");
    assert_eq!(report["checks"].as_array().unwrap().len() as u64, all);
}

#[test]
fn the_operators_guide_signs_a_contract() {
    let world = World::new();
    let (population, tax) = (guide_folder(&world), world.tax());
    let here = &population.folder;
    symlink("../trust", here.join("trust")).unwrap();
    for file in ["seal.pem", "seal.key"] {
        // The consumer's officer has them with him.
        fs::copy(tax.folder.join("keys").join(file), here.join(file)).unwrap();
    }
    let signed = fs::read_to_string(here.join("contracts/tax-person.json")).unwrap();
    let (terms, _signatures) = signed.split_once(",\"signatures\":").unwrap();
    fs::write(
        here.join("person.json"),
        format!("{terms},\"signatures\":[]}}"),
    )
    .unwrap();
    let told: Vec<String> = CONTRACT
        .iter()
        .map(|line| type_in(here, *line, &[]))
        .collect();
    for (said, part) in told.iter().zip([
        "send person.json to AZ/GOV/2001",
        "AZ/GOV/2001 tərəfindən qəbul və ya rədd edilməsini gözləyir",
        "AZ/GOV/1001 and AZ/GOV/2001 have agreed",
        "it allows nothing between AZ/GOV/1001 and AZ/GOV/2001 any more",
        "AZ/GOV/2001 withdrew from it at ",
    ]) {
        assert!(said.contains(part), "{part}: {said}");
    }
    let node = population.start();
    let sent = type_in(here, SEND, &[]);
    assert!(sent.contains(": withdrawn by AZ/GOV/2001\n"), "{sent}");
    node.kill();
    // The demonstration's own version is the same text: withdrawn in one file of the folder, it is withdrawn.
    fs::copy(
        here.join("person.json"),
        here.join("contracts/withdrawn.json"),
    )
    .unwrap();
    let checked = population.check().good();
    assert!(checked.contains(" 1 contracts, "), "{checked}");
}

#[test]
fn the_install_line_installs() {
    let folder = tempfile::tempdir().unwrap();
    let line = words(INSTALL.1);
    let target = folder.path().join("bridge-node");
    let status = std::process::Command::new(&line[0])
        .args(&line[1..3])
        .arg(env!("CARGO_BIN_EXE_bridge-node"))
        .arg(&target)
        .status()
        .unwrap();
    assert!(status.success());
    let said = std::process::Command::new(target)
        .arg("--version")
        .output()
        .unwrap();
    assert!(said.status.success());
}

#[test]
fn every_example_of_the_help_parses() {
    fn examples(command: &clap::Command, list: &mut Vec<String>) {
        let text = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        list.extend(
            text.lines()
                .map(str::trim)
                .filter(|line| line.starts_with("bridge-node "))
                .map(str::to_owned),
        );
        for inner in command.get_subcommands() {
            examples(inner, list);
        }
    }
    let mut list = Vec::new();
    examples(&Cli::command(), &mut list);
    assert!(list.len() >= 15, "{list:#?}");
    for line in list {
        if let Err(error) = Cli::try_parse_from(words(&line)) {
            panic!("{line}\n{error}");
        }
    }
}

/// Every text in backticks of a file that begins with the program's name.
fn quoted_commands(text: &str) -> Vec<&str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|quoted| quoted.starts_with("bridge-node "))
        .collect()
}

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, list: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, list);
            } else {
                list.push(path);
            }
        }
    }
    let mut list = Vec::new();
    walk(&repository().join("bridge-node/src"), &mut list);
    list
}

#[test]
fn commands_and_documents_that_texts_and_messages_name_exist() {
    let mut texts: Vec<String> = documents().iter().map(|document| read(document)).collect();
    texts.extend(
        sources()
            .iter()
            .map(|path| fs::read_to_string(path).unwrap()),
    );
    texts.push(read("config/node.toml"));
    let program = Cli::command();
    let mut seen = 0;
    for text in &texts {
        // A block's three backticks would turn the order of single ones around.
        for quoted in quoted_commands(&text.replace("```", "")) {
            let mut command = &program;
            for word in quoted.split_whitespace().skip(1) {
                if word.starts_with('-') || !command.has_subcommands() {
                    break;
                }
                command = command
                    .find_subcommand(word)
                    .unwrap_or_else(|| panic!("`{quoted}`: no command {word}"));
            }
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || "/_.-".contains(c))) {
            if Path::new(word)
                .extension()
                .is_some_and(|ending| ending == "md")
                && word.contains('/')
            {
                assert!(
                    repository().join(word).exists(),
                    "{}: {word}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn relative_links_lead_somewhere() {
    let mut seen = 0;
    for document in documents() {
        let text = read(&document);
        let folder = repository().join(&document).parent().unwrap().to_owned();
        for after in text.split("](").skip(1) {
            let link = after.split(')').next().unwrap();
            if link.contains("://") || link.starts_with('#') {
                continue;
            }
            let file = link.split('#').next().unwrap();
            assert!(folder.join(file).exists(), "{document}: {link}");
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen}");
}
