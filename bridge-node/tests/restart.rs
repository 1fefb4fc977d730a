//! Nodes that die: the next start goes on, the journal is whole, and what was left open is closed at both ends.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use serde_json::{Value, json};

use crate::nodes::Node;
use crate::shell::{run, wait_for, words};
use crate::world::{Agency, Answer, World, get};

const PURPOSE: (&str, &str) = ("tax-assessment", "tax-code-23");
const PERSON: &str = "/r1/AZ/GOV/1001/POPULATION/person/MBXEHTV";
const DOCUMENTS: &str = "/r1/AZ/GOV/1001/POPULATION/documents/17";
const SERVICE: &str = "AZ/GOV/1001/POPULATION/documents";

#[test]
fn a_node_killed_at_rest_starts_again_and_its_journal_is_whole() {
    let world = World::new();
    let (population, tax) = (world.population(), world.tax());
    let key = tax.new_api_key();
    let provider = population.start();
    let consumer = tax.start();
    assert_eq!(tax.ask(&key, PERSON, PURPOSE).status, 200);
    let before = tax.search(&[]).len();
    provider.kill();
    consumer.kill();
    population.verify().good();
    tax.verify().good();
    let (_provider, _consumer) = (population.start(), tax.start());
    let after = tax.search(&[]);
    assert!(after.len() >= before, "{after:#?}");
    assert!(
        after.iter().all(|leaf| leaf["kind"] != "interrupted"),
        "{after:#?}"
    );
    assert_eq!(tax.ask(&key, PERSON, PURPOSE).status, 200);
    population.verify().good();
    tax.verify().good();
}

/// A registry that can be reached, takes a request and never answers. Closes the request's connection when dropped.
struct Registry {
    _reachable: TcpListener,
    asked: TcpStream,
}

/// Returns the registry's address, and the registry once it was asked.
fn silent_registry() -> (String, thread::JoinHandle<Registry>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
            // Whoever only tries the connection sends nothing.
            if head
                .next()
                .is_some_and(|line| line.is_ok_and(|line| line.contains("/17")))
            {
                return Registry {
                    _reachable: listener.try_clone().unwrap(),
                    asked: stream,
                };
            }
        }
        panic!("a listener has no end")
    });
    (address, asked)
}

/// Serves `documents` from the registry and gives both ends the contract for it.
fn add_documents(population: &Agency, tax: &Agency, registry: &str) {
    population.add(&format!(
        "\n[[services]]\nadapter = \"http\"\nsubsystem = \"AZ/GOV/1001/POPULATION\"\ncode = \"documents\"\nbase_url = \"http://{registry}\"\n"
    ));
    let text = fs::read(population.folder.join("contracts/tax-person.json")).unwrap();
    let mut contract: Value = serde_json::from_slice(&text).unwrap();
    contract["contract"]["id"] = json!("population-documents-tax");
    contract["contract"]["service"] = json!("documents");
    contract["contract"]["endpoints"][0]["subjects"] = json!("none");
    contract["signatures"] = json!([]);
    let file = population.folder.join("contracts/documents.json");
    fs::write(&file, contract.to_string()).unwrap();
    for (agency, word, member) in [
        (population, "propose", "AZ/GOV/1001"),
        (tax, "accept", "AZ/GOV/2001"),
    ] {
        let seal = "--seal keys/seal.pem --seal-key keys/seal.key --trust ../trust/anchors.pem";
        let line = format!(
            "contract {word} {} --member {member} {seal}",
            file.display()
        );
        run(&agency.folder, &words(&line)).good();
    }
    fs::copy(&file, tax.folder.join("contracts/documents.json")).unwrap();
}

/// An exchange that has come as far as the registry.
struct Open {
    provider: Node,
    consumer: Node,
    registry: Registry,
    asking: thread::JoinHandle<std::io::Result<Answer>>,
}

/// Brings an exchange to the registry and returns with it under way, its leaves durable at both ends.
fn open_exchange(population: &Agency, tax: &Agency) -> Open {
    let (registry, asked) = silent_registry();
    add_documents(population, tax, &registry);
    let key = tax.new_api_key();
    let (provider, consumer) = (population.start(), tax.start());
    let address = tax.setting("plain_listen");
    let asking = thread::spawn(move || {
        let fields = format!(
            "Bridge-Api-Key: {key}\r\nX-Road-Client: AZ/GOV/2001/TAX\r\nBridge-Purpose: {}\r\nBridge-Legal-Basis: {}\r\n",
            PURPOSE.0, PURPOSE.1
        );
        get(&address, DOCUMENTS, &fields)
    });
    let registry = asked.join().unwrap();
    // A query that only reads may reach the registry while its leaf is being written; a look is a leaf behind it.
    for agency in [population, tax] {
        assert_eq!(agency.search(&["--service", SERVICE]).len(), 1);
    }
    Open {
        provider,
        consumer,
        registry,
        asking,
    }
}

#[test]
fn an_exchange_left_open_is_closed_as_interrupted_at_both_ends() {
    let world = World::new();
    let (population, tax) = (world.population(), world.tax());
    let open = open_exchange(&population, &tax);
    open.consumer.kill();
    open.provider.kill();
    assert!(
        open.asking.join().unwrap().is_err(),
        "the caller's connection is cut"
    );
    for agency in [&population, &tax] {
        agency.verify().good();
    }

    let (provider, consumer) = (population.start(), tax.start());
    let ends = [
        (&population, "request-received", "provider"),
        (&tax, "request-sent", "consumer"),
    ];
    let mut ids = Vec::new();
    for (agency, began, side) in ends {
        let found = agency.search(&["--outcome", "interrupted"]);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(
            (&found[0]["kind"], &found[0]["side"]),
            (&json!("interrupted"), &json!(side))
        );
        let id = found[0]["request_id"].as_str().unwrap().to_owned();
        let mut exchange = agency.search(&["--id", &id]);
        exchange.sort_by_key(|leaf| leaf["time"].as_u64());
        let kinds: Vec<&Value> = exchange.iter().map(|leaf| &leaf["kind"]).collect();
        assert_eq!(kinds, [began, "interrupted"]);
        assert_eq!(exchange[0]["link"], exchange[1]["link"]);
        ids.push(id);
    }
    assert_eq!(ids[0], ids[1], "both ends speak of the same exchange");

    // Closed once: a further start adds nothing.
    provider.stop();
    consumer.stop();
    let _nodes = (population.start(), tax.start());
    for agency in [&population, &tax] {
        assert_eq!(agency.search(&["--outcome", "interrupted"]).len(), 1);
        agency.verify().good();
    }
}

#[test]
fn a_consumer_whose_provider_dies_tells_its_caller_and_the_provider_closes_the_exchange() {
    let world = World::new();
    let (population, tax) = (world.population(), world.tax());
    let open = open_exchange(&population, &tax);
    open.provider.kill();
    let answer = open.asking.join().unwrap().unwrap();
    assert!(answer.status >= 500, "{answer:?}");
    assert!(answer.head.contains("\r\nx-road-error: "), "{answer:?}");
    let code: Value = serde_json::from_str(&answer.body).unwrap();
    let refused = tax.search(&["--outcome", code["type"].as_str().unwrap()]);
    assert_eq!(refused.len(), 1, "{refused:#?}");
    let id = refused[0]["request_id"].as_str().unwrap();
    let _provider = population.start();
    let closed = population.search(&["--id", id, "--outcome", "interrupted"]);
    assert_eq!(closed.len(), 1, "{closed:#?}");
    population.verify().good();
    tax.verify().good();
}

#[test]
fn a_node_told_to_stop_finishes_what_is_under_way() {
    let world = World::new();
    let (population, tax) = (world.population(), world.tax());
    let mut open = open_exchange(&population, &tax);
    open.provider.terminate();
    let health = population.setting("health_listen");
    wait_for("the provider drains", || {
        // It takes no new connections; the exchange under way is not touched.
        get(&health, "/live", "").is_err().then_some(())
    });
    assert!(open.provider.lives(), "{}", open.provider.log());
    let body = "{\"fin\":\"MBXEHTV\",\"secret\":1}";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    write!(
        open.registry.asked,
        "{head}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let answer = open.asking.join().unwrap().unwrap();
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "{\"fin\":\"MBXEHTV\"}"),
        "{answer:?}"
    );
    open.provider.stopped();
    open.consumer.stop();
    for agency in [&population, &tax] {
        let told = agency.verify().good();
        assert!(told.contains(": verified: "), "{told}");
    }
}

#[test]
fn a_node_that_waited_long_enough_closes_the_exchange_and_stops() {
    let world = World::new();
    let (population, tax) = (world.population(), world.tax());
    population.add("\n[limits]\ndrain_seconds = 1\n");
    let mut open = open_exchange(&population, &tax);
    open.provider.terminate();
    open.provider.stopped();
    assert!(
        open.provider
            .log()
            .contains("what has not ended is interrupted"),
        "{}",
        open.provider.log()
    );
    population.verify().good();
    let _provider = population.start();
    assert_eq!(population.search(&["--outcome", "interrupted"]).len(), 1);
}

#[test]
fn what_an_earlier_run_left_behind_is_no_hindrance() {
    let world = World::new();
    let tax = world.tax();
    tax.start().kill();
    let socket = tax.folder.join("data/admin.sock");
    assert!(socket.exists(), "a killed node leaves its socket");
    tax.officer(&["search"])
        .bad(1, &["Connection refused", "hint: is the node running"]);
    tax.start().stop();
    assert!(!socket.exists(), "a stopped node takes it away");
    fs::remove_dir_all(tax.folder.join("data/journal/cache")).unwrap();
    tax.start().stop();
    tax.verify().good();
    let spooled = fs::read_dir(tax.folder.join("data/spool")).unwrap().count();
    assert_eq!(spooled, 0, "{}", Path::new("data/spool").display());
}

#[test]
fn what_is_no_backup_is_named_and_nothing_is_made_of_it() {
    let world = World::new();
    let tax = world.tax();
    let (data, before) = (tax.folder.join("data"), tax.folder.join("before"));
    fs::rename(data.join("journal"), &before).unwrap();
    // With it, another fault would be told first.
    fs::remove_file(tax.folder.join("keys/witness.key")).unwrap();
    let restore = words("restore backups/typo --config node.toml");
    run(&tax.folder, &restore).bad(
        1,
        &[
            "backups/typo/journal/origin: No such file or directory",
            "hint: give a folder that `bridge-node backup` made",
        ],
    );
    for name in ["journal", "epochs", "restoring"] {
        assert!(!data.join(name).exists(), "{name}");
    }
    fs::rename(before, data.join("journal")).unwrap();
    // A backup whose closed logs are no folder: what was read is named, not where it was to go.
    run(&tax.folder, &words("backup copy --config node.toml")).good();
    fs::rename(data.join("journal"), tax.folder.join("before")).unwrap();
    fs::create_dir_all(tax.folder.join("copy/epochs/1")).unwrap();
    fs::write(tax.folder.join("copy/epochs/1/segments"), "no folder").unwrap();
    let copied = run(&tax.folder, &words("restore copy --config node.toml"));
    copied.bad(1, &["copying copy/epochs/1 to ", "Not a directory"]);
}
