//! `certs`, `key`, `directory`: nothing is overwritten, and what they make is what a node takes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::shell::{Said, run, words};
use crate::world::World;

fn say(folder: &Path, line: &str) -> Said {
    run(folder, &words(line))
}

fn issue(folder: &Path, rest: &str) -> Said {
    say(
        folder,
        &format!("certs issue --authority authority --out keys {rest}"),
    )
}

#[test]
fn what_exists_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (line, told) in [
        (
            "certs authority authority --name \"Trial authority\"",
            "authority: an authority is kept there already",
        ),
        (
            "certs issue --authority authority --out keys --profile tls --id AZ/GOV/1001/NODE1",
            "keys/tls.key: can't be made: File exists",
        ),
        (
            "key journal keys",
            "keys/journal.key: can't be made: File exists",
        ),
        (
            "key witness keys --name a.example/w",
            "keys/witness.key: can't be made: File exists",
        ),
        (
            "key officer officer.key",
            "officer.key: can't be made: File exists",
        ),
        (
            "directory dev create --keys directory/keys --public directory/public",
            "directory/public holds a repository already",
        ),
    ] {
        say(here, line).good();
        let before = contents(here);
        say(here, line).bad(1, &[told, "\nhint: "]);
        assert_eq!(contents(here), before, "{line}");
    }
}

fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut list = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            list.extend(contents(&path));
        } else {
            list.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    list.sort();
    list
}

#[test]
fn every_secret_that_is_made_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    say(here, "certs authority authority").good();
    issue(here, "--profile tls --id AZ/GOV/1001/NODE1").good();
    say(here, "key journal new/folder").good();
    say(here, "key officer officer.key").good();
    say(
        here,
        "directory dev create --keys directory/keys --public directory/public",
    )
    .good();
    let mut keys = 0;
    for (path, bytes) in contents(here) {
        if Path::new(&path)
            .extension()
            .is_some_and(|ending| ending == "key")
            || String::from_utf8_lossy(&bytes).contains("PRIVATE KEY")
        {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{path}");
            keys += 1;
        }
    }
    // Root and targets of the directory are signed by two of three officers.
    let directory = 3 + 3 + 1 + 1;
    assert_eq!(
        keys,
        2 + 1 + 2 + 1 + directory,
        "authority, tls, journal, officer"
    );
}

#[test]
fn a_node_takes_keys_and_certificates_that_the_commands_make() {
    let world = World::new();
    let population = world.population();
    fs::rename(
        population.folder.join("keys"),
        population.folder.join("old-keys"),
    )
    .unwrap();
    let out = population.folder.join("keys");
    for rest in [
        "tls --id AZ/GOV/1001/NODE1",
        "exchange --id AZ/GOV/1001/NODE1",
        "web --san 127.0.0.1 --san localhost --days 398",
    ] {
        let line = format!(
            "certs issue --authority authority --out {} --profile {rest}",
            out.display()
        );
        say(world.path(), &line).good();
    }
    say(&population.folder, "key journal keys").good();
    population.check().good();
    say(
        world.path(),
        "certs issue --authority authority --profile caller --name case-system --out callers",
    )
    .good();
    say(
        world.path(),
        "certs issue --authority authority --profile seal --id AZ/GOV/1001 --out seal",
    )
    .good();
    let made = say(&population.folder, "key officer second.key").good();
    population.add(&format!("\n[[officers]]\nname = \"second\"\n{made}"));
    let made = say(&population.folder, "key api").good();
    let digest = made.lines().nth(1).unwrap();
    population.add(&format!(
        "\n[[callers]]\nname = \"second\"\nsubsystems = [\"AZ/GOV/1001/POPULATION\"]\n{digest}\n"
    ));
    population.add("\n[[callers]]\nname = \"third\"\nsubsystems = []\ncertificate = \"../callers/case-system.pem\"\n");
    population.check().good();
}

#[test]
fn another_nodes_or_another_kinds_certificate_is_told_by_name() {
    let world = World::new();
    let population = world.population();
    let keys = population.folder.join("keys");
    for name in ["tls.pem", "tls.key", "exchange.pem", "exchange.key"] {
        fs::copy(world.tax().folder.join("keys").join(name), keys.join(name)).unwrap();
    }
    fs::copy(
        world.tax().folder.join("keys/web.key"),
        keys.join("web.key"),
    )
    .unwrap();
    population.check().bad(
        64,
        &[
            "keys: tls: tls.pem: the certificate does not name AZ/GOV/1001/NODE1",
            "keys: exchange: exchange.pem: the certificate does not name AZ/GOV/1001/NODE1",
            "keys: web: certificate and key do not make a TLS identity",
        ],
    );
    fs::copy(keys.join("exchange.pem"), keys.join("tls.pem")).unwrap();
    population.check().bad(64, &["keys: tls: tls.pem: "]);
}

#[test]
fn wrong_orders_are_told_with_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    issue(here, "--profile web --san localhost").bad(
        1,
        &[
            "authority/root.pem",
            "hint: give a folder that `bridge-node certs authority` made",
        ],
    );
    say(here, "certs authority authority").good();
    for (rest, code, told) in [
        ("--profile tls --id AZ/GOV/1001", 64, "exactly 4 parts"),
        ("--profile tls", 64, "--id is missing"),
        (
            "--profile web --id AZ/GOV/1001",
            64,
            "--id does not belong to this profile",
        ),
        (
            "--profile root",
            64,
            "possible values: tls, exchange, seal, web, caller",
        ),
        ("--profile web", 1, "needs a DNS name or an IP address"),
        (
            "--profile web --san localhost --days 399",
            1,
            "399 days are more than the 398 of profile web",
        ),
    ] {
        issue(here, rest).bad(code, &[told]);
    }
    issue(here, "--profile web --san localhost --days 398").good();
    say(here, "directory refresh --keys nowhere --public nowhere").bad(
        1,
        &[
            "directory: ",
            "hint: --public is the folder of what is published",
        ],
    );
    fs::write(here.join("wrong.json"), "{").unwrap();
    say(here, "directory dev create --keys d/keys --public d/public").good();
    say(
        here,
        "directory dev publish --keys d/keys --public d/public wrong.json",
    )
    .bad(1, &["wrong.json: ", "EOF", "hint: "]);
    say(here, "contract check wrong.json nowhere.json").bad(
        64,
        &[
            "wrong.json: the JSON text ends too early (remedy: ",
            "nowhere.json: No such file",
        ],
    );
}
