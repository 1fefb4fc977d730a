//! `config/node.toml`: it loads, and the defaults in its comments are the real ones.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bridge_node::settings::{Limits, Settings, Source};

use super::read;
use crate::shell::{run, words};

/// The example settings in a folder where what they name exists.
fn example_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "keys",
        "trust",
        "contracts",
        "callers",
        "registries/population",
        "registries/referrals",
        "referrals-data",
        "registries/budget",
        "files/budget",
        "registries/payments",
    ] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    for name in [
        "trust/anchors.pem",
        "trust/foreign.toml",
        "trust/issuing.pem",
        "trust/root.json",
        "trust/time.pem",
        "trust/documents.pem",
        "registries/documents.json",
        "population.db",
        "trust/acme.pem",
        "keys/passphrase",
        "keys/acme-binding.secret",
    ] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    for name in ["keys/reader.password", "keys/writer.password"] {
        let path = folder.path().join(name);
        fs::write(&path, "word\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    run(folder.path(), &["certs", "authority", "authority"]).good();
    let authority = folder.path().join("authority/root.pem");
    fs::copy(authority, folder.path().join("trust/database.pem")).unwrap();
    run(
        folder.path(),
        &words(
            "certs issue --authority authority --profile caller --name case-system --out callers",
        ),
    )
    .good();
    folder
}

fn load(folder: &Path, text: &str) -> Settings {
    fs::write(folder.join("node.toml"), text).unwrap();
    Settings::load(&folder.join("node.toml")).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

/// The example with every commented key put in force.
fn uncommented() -> String {
    let mut text = String::new();
    for line in read("config/node.toml").lines() {
        let key = line
            .strip_prefix("# ")
            .filter(|rest| rest.starts_with('[') || rest.split(' ').nth(1) == Some("="));
        text.push_str(key.unwrap_or(line));
        text.push('\n');
    }
    // A public key is of 32 bytes.
    text.replace(
        "public_key = \"…\"",
        "public_key = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",
    )
}

#[test]
fn the_example_settings_load_and_their_comments_are_the_defaults() {
    let folder = example_folder();
    let bare = load(folder.path(), &read("config/node.toml"));
    let full = load(folder.path(), &uncommented());
    assert_eq!(
        format!("{:?}", full.limits),
        format!("{:?}", Limits::default())
    );
    assert_eq!(
        format!("{:?}", bare.limits),
        format!("{:?}", Limits::default())
    );
    assert_eq!(bare.foreign, None);
    assert_eq!(full.foreign, Some(folder.path().join("trust/foreign.toml")));
    assert_eq!(full.directory_refresh, bare.directory_refresh);
    assert_eq!(full.admin_socket, bare.admin_socket);
    assert_eq!(
        (
            full.callers.len(),
            full.officers.len(),
            full.local_groups.len()
        ),
        (1, 1, 1)
    );

    // The services and the authorities again, without the keys that have a default.
    let defaulted = [
        "published =",
        "check =",
        "timeout_seconds =",
        "cage =",
        "every_seconds =",
        "tolerated_gap_seconds =",
        "clock_",
        "accuracy_seconds =",
    ];
    let short: Vec<String> = uncommented()
        .lines()
        .filter(|line| !defaulted.iter().any(|key| line.starts_with(key)))
        .map(str::to_owned)
        .collect();
    let short = load(folder.path(), &short.join("\n"));
    assert_eq!(
        format!("{:?}", full.services),
        format!("{:?}", short.services)
    );
    assert!(bare.time.is_none() && full.time.is_some());
    assert_eq!(format!("{:?}", full.time), format!("{:?}", short.time));
    assert!(matches!(full.services[0].source, Source::Sql { .. }));
    assert!(matches!(full.services[1].source, Source::Http { .. }));
    assert!(matches!(full.services[2].source, Source::Process(_)));
    assert!(matches!(full.services[3].source, Source::File { .. }));
    assert!(matches!(full.services[4].source, Source::Sql { .. }));
}

#[test]
fn every_limit_is_in_the_example() {
    let shown = read("config/node.toml");
    let section = shown.split("[limits]").nth(1).unwrap();
    let shown = section.lines().filter(|line| line.contains(" = ")).count();
    let real = format!("{:?}", Limits::default()).matches(": ").count();
    assert_eq!(shown, real);
}
