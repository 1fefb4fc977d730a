//! Two agencies' journals against each other, from the running peer, from files and from mirrors, as officers do it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::shell::{Said, run, wait_for};
use crate::world::{Agency, World};

const NODE: &str = "AZ/GOV/1001/NODE1";

fn vkey(agency: &Agency) -> String {
    let origin = fs::read_to_string(agency.folder.join("data/journal/origin")).unwrap();
    origin.lines().nth(1).unwrap().to_owned()
}

fn reconcile(agency: &Agency, arguments: &[&str]) -> Said {
    let all: Vec<&str> = ["audit", "reconcile", "data/journal"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    run(&agency.folder, &all)
}

fn last(text: &str) -> &str {
    text.lines().last().unwrap()
}

#[test]
fn leaves_fetched_from_a_running_peer_reconcile_and_show_nobody_else() {
    let world = World::new();
    let (tax, population) = (world.tax(), world.population());
    population.add("\n[limits]\naudit_page_leaves = 256\n");
    let _nodes = (population.start(), tax.start());
    let fetched = tax
        .officer(&["fetch", NODE, "--out", "theirs.leaves"])
        .good();
    let origin = vkey(&population);
    let origin = origin.split('+').next().unwrap();
    assert!(
        fetched.contains("theirs.leaves: ") && fetched.contains(origin),
        "{fetched}"
    );

    let whole = reconcile(&tax, &["theirs.leaves", "--explained"]).good();
    assert!(
        last(&whole).ends_with("0 open, 0 missing, 0 differ"),
        "{whole}"
    );
    assert!(
        last(&whole).starts_with("1 matched, 1 explained"),
        "{whole}"
    );
    assert!(whole.contains("consumer: server.clientproxy.access_denied; not sent"));
    assert!(whole.contains("compare them with the directory"));
    let (ours, theirs) = (vkey(&tax), vkey(&population));
    // Two keys, and none of the other's log.
    let twice = ["theirs.leaves", "--key", &ours, "--key", &ours];
    assert!(
        reconcile(&tax, &twice)
            .good()
            .contains("compare them with the directory")
    );
    let both = ["theirs.leaves", "--key", &theirs, "--key", &ours];
    assert!(!reconcile(&tax, &both).good().contains("compare them"));
    let keys = ["theirs.leaves", "--key", &ours, "--key", &theirs, "--json"];
    let json = reconcile(&tax, &keys).good();
    let summary: Value = serde_json::from_str(last(&json)).unwrap();
    assert_eq!(
        (&summary["matched"], &summary["missing"]),
        (&1.into(), &0.into())
    );

    // Only exchanges of the tax service are in the file, though others asked the register too.
    let file = fs::read(tax.folder.join("theirs.leaves")).unwrap();
    let text = String::from_utf8_lossy(&file);
    assert_eq!(text.matches("\"kind\"").count(), 2, "{text}");
    assert!(!text.contains("AZ/LEA/3001") && text.contains("AZ/GOV/2001/TAX"));

    // Who was asked says so in its journal, and so does who asked.
    let reads = |agency: &Agency| {
        let found = agency.officer(&["search", "--json"]).good();
        let leaves = found.lines().map(|line| {
            let hit: Value = serde_json::from_str(line).unwrap();
            hit["leaf"]["facts"].clone()
        });
        leaves
            .filter(|facts| facts["action"] == "leaves")
            .collect::<Vec<Value>>()
    };
    let (asked, asks) = (reads(&population), reads(&tax));
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["peer"], "AZ/GOV/2001/NODE1", "{asked:?}");
    assert_eq!(asked[0]["from"], "0");
    assert_eq!((asks.len(), &asks[0]["officer"]), (1, &"officer".into()));
}

#[test]
fn one_command_fetches_from_a_running_peer_and_reconciles() {
    let world = World::new();
    let (tax, population) = (world.tax(), world.population());
    let _nodes = (population.start(), tax.start());
    let config = tax.config();
    let ask = |peer: &str, more: &[&str]| {
        let access = ["--officer", "officer", "--officer-key", "officer.key"];
        let from = ["audit", "reconcile", "--peer", peer, "--config"];
        let config = [config.to_str().unwrap()];
        let parts = [&from[..], &config, &access, more];
        run(&tax.folder, &parts.concat())
    };
    let said = ask(NODE, &["--work", "."]).good();
    assert!(
        last(&said).starts_with("1 matched, 1 explained, 0 open, 0 missing"),
        "{said}"
    );
    // Its key is that of the directory, and what was fetched does not stay.
    assert!(
        said.contains("AZ/GOV/1001/NODE1/1: 2 leaves") && !said.contains("compare them"),
        "{said}"
    );
    let left = fs::read_dir(&tax.folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert!(
        left.filter(|name| name.to_string_lossy().starts_with(".tmp"))
            .count()
            == 0
    );
    let json = ask(NODE, &["--json"]).good();
    let summary: Value = serde_json::from_str(last(&json)).unwrap();
    assert_eq!(
        (&summary["matched"], &summary["missing"]),
        (&1.into(), &0.into())
    );

    ask("AZ/GOV/9999/NODE1", &[]).bad(1, &["AZ/GOV/9999/NODE1: the directory has no such node"]);
    run(&tax.folder, &["audit", "reconcile", "--peer", NODE]).bad(64, &["--config"]);
    reconcile(&tax, &[]).bad(64, &["--peer with the other member's node"]);
    // A name that is wrong is told with what would be right.
    for wrong in ["nowhere", "."] {
        reconcile(&tax, &[wrong]).bad(
            1,
            &[
                &format!("audit reconcile: {wrong}: "),
                "hint: give a journal's folder",
            ],
        );
    }
}

#[test]
fn a_member_gets_its_pages_of_a_minute_and_a_node_without_leave_none() {
    let world = World::new();
    let (tax, population) = (world.tax(), world.population());
    population.add("\n[limits]\naudit_pages_per_minute = 1\n");
    let _nodes = (population.start(), tax.start());
    let fetch = |out: &str| tax.officer(&["fetch", NODE, "--out", out]);
    // A minute may end between the first two.
    let said: Vec<Said> = ["a", "b", "c"].iter().map(|out| fetch(out)).collect();
    let refused: Vec<&Said> = said.iter().filter(|said| said.code != 0).collect();
    assert!((1..=2).contains(&refused.len()), "{said:?}");
    for said in refused {
        assert!(
            said.err.contains("AZ/GOV/1001/NODE1: it answers 503"),
            "{said:?}"
        );
        assert!(said.err.contains("ask again in a minute"), "{said:?}");
    }
    tax.officer(&["fetch", "AZ/GOV/9999/NODE1", "--out", "d"])
        .bad(1, &["AZ/GOV/9999/NODE1: the directory has no such node"]);
    let left = fs::read_dir(&tax.folder).unwrap();
    let names: Vec<PathBuf> = left.map(|entry| entry.unwrap().path()).collect();
    assert!(names.iter().all(|name| !name.ends_with("d")), "{names:?}");
}

#[test]
fn files_made_of_journals_reconcile_and_a_dropped_exchange_is_named() {
    let world = World::new();
    let (tax, population, executive) = (world.tax(), world.population(), world.executive());
    let leaves = |agency: &Agency, arguments: &[&str]| {
        let all: Vec<&str> = ["audit", "leaves", "data/journal"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        run(&agency.folder, &all)
    };
    let said = leaves(
        &population,
        &["--member", "AZ/GOV/2001", "--out", "../for-tax"],
    )
    .good();
    assert_eq!(said, "../for-tax: 2 leaves\n");
    let whole = reconcile(&tax, &["../for-tax"]).good();
    assert!(
        last(&whole).starts_with("1 matched, 1 explained"),
        "{whole}"
    );
    let folders = reconcile(&tax, &["../population/data/journal"]).good();
    assert_eq!(last(&folders), last(&whole));

    // The file for the executive authority has nothing of the tax service's exchange.
    leaves(
        &population,
        &["--member", "AZ/LEA/3001", "--out", "../for-executive"],
    )
    .good();
    let missing = ["../for-executive", "--edge-seconds", "0"];
    let said = reconcile(&tax, &missing);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.err.contains("1 exchanges do not reconcile"),
        "{said:?}"
    );
    assert!(said.out.contains("missing at provider"), "{said:?}");
    assert!(
        said.out
            .contains("the consumer has a signed answer, the provider has nothing")
    );
    // With the edge that clocks and late answers need, so short a journal decides nothing.
    let open = reconcile(&tax, &["../for-executive"]).good();
    assert!(last(&open).contains("1 open, 0 missing"), "{open}");

    fs::write(world.path().join("spoilt"), {
        let mut bytes = fs::read(world.path().join("for-tax")).unwrap();
        let at = bytes.len() - 40;
        bytes[at] ^= 1;
        bytes
    })
    .unwrap();
    let said = reconcile(&tax, &["../spoilt"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("../spoilt: "), "{said:?}");
    assert!(said.out.contains("DOES NOT VERIFY"), "{said:?}");

    reconcile(&tax, &["../tax/data/journal"]).bad(1, &["is given twice"]);
    reconcile(
        &executive,
        &["../tax/data/journal", "../population/data/journal"],
    )
    .bad(1, &["journals of two members are needed"]);
    reconcile(&tax, &["../for-tax", "--from", "yesterday"]).bad(64, &["`yesterday` is not a time"]);
}

/// Serves the files of a folder, one connection after another, until the test ends; with TLS, as the certificate in a
/// folder has it, or without.
fn serve(folder: PathBuf, tls: Option<Arc<ServerConfig>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let scheme = if tls.is_some() { "https" } else { "http" };
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            match &tls {
                Some(config) => {
                    let session = ServerConnection::new(config.clone()).unwrap();
                    answer(StreamOwned::new(session, stream), &folder);
                }
                None => answer(stream, &folder),
            }
        }
    });
    format!("{scheme}://127.0.0.1:{port}/log/")
}

/// Answers questions until the other side leaves, or does not trust the certificate.
fn answer(mut stream: impl Read + Write, folder: &Path) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap().trim_start_matches("/log/");
        let (status, body) = match fs::read(folder.join(path)) {
            Ok(body) => ("200 OK", body),
            Err(_absent) => ("404 Not Found", Vec::new()),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n");
        stream
            .write_all(&[head.as_bytes(), &body].concat())
            .unwrap();
        stream.flush().unwrap();
    }
}

/// A web server's certificate for an address, of an authority that is made for it in a folder.
fn web(folder: &Path, authority: &str, address: &str) -> Arc<ServerConfig> {
    let out = format!("{authority}/web");
    run(folder, &["certs", "authority", authority]).good();
    let issue = [
        "certs",
        "issue",
        "--authority",
        authority,
        "--profile",
        "web",
    ];
    run(
        folder,
        &[&issue[..], &["--san", address, "--out", &out]].concat(),
    )
    .good();
    let file = |ending: &str| folder.join(&out).join(format!("web.{ending}"));
    let chain = bridge_certs::read_pem_certificates(&file("pem")).unwrap();
    let key = bridge_certs::read_key_file(&file("key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            chain.into_iter().map(CertificateDer::from).collect(),
            PrivateKeyDer::Pkcs8(key.to_vec().into()),
        );
    Arc::new(config.unwrap())
}

#[test]
fn a_mirror_behind_https_is_read_by_its_name_and_the_given_authorities_only() {
    let world = World::new();
    let tax = world.tax();
    run(&tax.folder, &["audit", "mirror", "data/journal", "mirror"]).good();
    let (key, mirror) = (vkey(&tax), tax.folder.join("mirror"));
    let [right, wrong] =
        [("ca", "127.0.0.1"), ("other", "127.0.0.2")].map(|(authority, address)| {
            serve(mirror.clone(), Some(web(&tax.folder, authority, address)))
        });
    let verify = |place: &str, ca: &str| {
        run(
            &tax.folder,
            &["audit", "verify", place, "--key", &key, "--ca", ca],
        )
    };
    let good = verify(&right, "ca/root.pem").good();
    assert!(good.contains(": verified mirror: "), "{good}");
    verify(&right, "other/root.pem").bad(2, &["checkpoint: invalid peer certificate"]);
    // The authority is the given one, and the certificate is another server's.
    verify(&wrong, "other/root.pem").bad(2, &["checkpoint: ", "not valid for name"]);
    verify(&right, "keys/tls.key").bad(1, &["--ca"]);
}

#[test]
fn a_mirror_is_written_served_and_verified_by_the_directorys_key_only() {
    let world = World::new();
    let tax = world.tax();
    let said = run(&tax.folder, &["audit", "mirror", "data/journal", "mirror"]).good();
    let leaves = said.trim().strip_prefix("mirror: ").unwrap().to_owned();
    let key = vkey(&tax);
    let verify = |place: &str, key: &[&str]| {
        let all: Vec<&str> = ["audit", "verify", place]
            .iter()
            .chain(key)
            .copied()
            .collect();
        run(&tax.folder, &all)
    };
    let good = verify("mirror", &["--key", &key]).good();
    assert!(
        good.contains(&format!(": verified mirror: {leaves}, ")),
        "{good}"
    );
    let address = serve(tax.folder.join("mirror"), None);
    assert_eq!(verify(&address, &["--key", &key]).good(), good);
    // The mirror of a node that went on grows.
    let node = tax.start();
    tax.search(&[]);
    wait_for("the mirror has grown with the running node", || {
        run(&tax.folder, &["audit", "mirror", "data/journal", "mirror"]).good();
        (verify(&address, &["--key", &key]).good() != good).then_some(())
    });
    drop(node);

    for flag in ["--evidence-key", "--time-trust"] {
        verify("mirror", &["--key", &key, flag, "keys/evidence.key"])
            .bad(64, &["a mirror has neither evidence nor time-stamps"]);
    }
    verify("mirror", &[]).bad(64, &["a mirror is checked by the log's verifier key"]);
    verify("https://127.0.0.1:1/", &["--key", &key]).bad(64, &["https needs --ca"]);
    verify("http://127.0.0.1:1/", &["--key", &key]).bad(2, &["checkpoint: "]);
    let other = vkey(&world.population());
    verify(&address, &["--key", &other]).bad(2, &["not of this one"]);
    spoil(&tax.folder.join("mirror/tile/entries"));
    verify(&address, &["--key", &key]).bad(2, &["is not the root of the entries"]);
}

/// Changes a letter in the first bundle.
fn spoil(folder: &Path) {
    let partial = fs::read_dir(folder.join("000.p")).unwrap();
    let width = |path: &PathBuf| -> u64 {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.parse().unwrap()
    };
    let partial = partial.map(|entry| entry.unwrap().path());
    let partial = partial.max_by_key(width).unwrap();
    let mut bytes = fs::read(&partial).unwrap();
    let at = bytes.windows(6).position(|part| part == b"GET /*").unwrap();
    bytes[at] = b'P';
    fs::write(partial, bytes).unwrap();
}
