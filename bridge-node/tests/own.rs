//! `certs csr`, `certs import`: OpenSSL verifies the requests and is the authority; a running node goes over to what it gives.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::shell::{Said, run, wait_for, words};
use crate::world::{Agency, World, get};

fn say(folder: &Path, line: &str) -> Said {
    run(folder, &words(line))
}

#[track_caller]
fn openssl(folder: &Path, line: &str) -> String {
    let output = Command::new("openssl")
        .args(words(line))
        .current_dir(folder)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "openssl {line}: {told}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &told
}

/// Certifies a request as an authority that keeps what the request asks for.
fn certify(world: &World, agency: &Agency, usage: &str, days: u32) {
    let authority = world.path().join("authority");
    let line = format!(
        "x509 -req -in {usage}.csr -CA {0}/issuing.pem -CAkey {0}/issuing.key -copy_extensions copyall -days {days} -sha256 -out given.pem",
        authority.display()
    );
    openssl(&agency.folder, &line);
    let chain = fs::read_to_string(agency.folder.join("given.pem")).unwrap()
        + &fs::read_to_string(authority.join("issuing.pem")).unwrap();
    fs::write(agency.folder.join("given.pem"), chain).unwrap();
}

#[test]
fn s49_openssl_reads_and_verifies_the_requests_and_what_it_certifies_is_taken() {
    let world = World::new();
    let tax = world.tax();
    let told = say(&tax.folder, "certs csr --config node.toml").good();
    assert_eq!(told.lines().count(), 3, "{told}");
    for (usage, parts) in [
        (
            "tls",
            [
                "URI:bridge://AZ/GOV/2001/NODE1",
                "TLS Web Server Authentication, TLS Web Client Authentication",
            ],
        ),
        (
            "exchange",
            ["URI:bridge://AZ/GOV/2001/NODE1", "1.3.6.1.5.5.7.3.36"],
        ),
        (
            "web",
            ["IP Address:127.0.0.1", "TLS Web Server Authentication"],
        ),
    ] {
        let line = format!("req -in {usage}.csr -noout -text -verify");
        let text = openssl(&tax.folder, &line);
        assert!(text.contains("verify OK"), "{text}");
        assert!(text.contains("Digital Signature"), "{text}");
        for part in parts {
            assert!(text.contains(part), "{usage} lacks {part}: {text}");
        }
        certify(&world, &tax, usage, 60);
        let told = say(&tax.folder, "certs import --config node.toml given.pem").good();
        assert!(
            told.contains(&format!("{usage}.next.pem: valid until")),
            "{told}"
        );
        let again = say(&tax.folder, "certs import --config node.toml given.pem").good();
        assert!(again.contains("is there already"), "{again}");
    }
    let told = say(
        &tax.folder,
        "certs import --config node.toml ../authority/issuing.pem",
    );
    told.bad(1, &["is for a key of this node", "\nhint: "]);
    let told = say(&tax.folder, "certs import --config node.toml keys/tls.key");
    told.bad(
        1,
        &[
            "keys/tls.key: a private key lies among the certificates",
            "\nhint: ",
        ],
    );
    let told = say(&tax.folder, "certs import --config node.toml nope.pem");
    let told = told.bad(1, &["\nhint: name a file that is there"]);
    assert_eq!(told.matches("nope.pem").count(), 1, "{told}");
}

#[test]
fn a_running_node_goes_over_to_certificates_without_a_restart_when_the_directory_knows_them() {
    let world = World::new();
    let (population, tax) = (world.population(), world.tax());
    let key = tax.new_api_key();
    for agency in [&population, &tax] {
        agency.change(&[("refresh_seconds = 30", "refresh_seconds = 1")]);
    }
    let nodes = (population.start(), tax.start());
    let ask = || {
        let path = "/r1/AZ/GOV/1001/POPULATION/person/MBXEHTV";
        let answer = tax.ask(&key, path, ("tax-assessment", "tax-code-23"));
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    ask();
    // The key of connections stays: the directory knows it. The exchange key is a new one.
    say(&tax.folder, "certs csr --config node.toml --use tls").good();
    certify(&world, &tax, "tls", 61);
    say(&tax.folder, "certs import --config node.toml given.pem").good();
    wait_for("the TLS certificate took over", || {
        (!tax.folder.join("keys/tls.next.pem").exists()).then_some(())
    });
    ask();
    say(
        &tax.folder,
        "certs csr --config node.toml --use exchange --new-key",
    )
    .good();
    certify(&world, &tax, "exchange", 62);
    let told = say(&tax.folder, "certs import --config node.toml given.pem").good();
    let waits = wait_for("the node says what it waits for", || {
        let ready = get(&tax.setting("health_listen"), "/ready", "").unwrap();
        ready
            .body
            .contains("next exchange certificate")
            .then_some(ready.body)
    });
    assert!(
        waits.contains("the directory does not list it yet"),
        "{waits}"
    );
    ask();
    // Officers list what the import printed, beside the key in force.
    let (_, entry) = told.split_once("under exchange: ").unwrap();
    let entry: serde_json::Value = serde_json::from_str(entry.trim()).unwrap();
    list_beside(&world, &entry);
    wait_for("the node leaves the others time to read it", || {
        let ready = get(&tax.setting("health_listen"), "/ready", "").unwrap();
        let words = "the directory lists it; the other nodes get to know it";
        ready.body.contains(words).then_some(())
    });
    wait_for("the exchange certificate took over", || {
        (!tax.folder.join("keys/exchange.next.key").exists()).then_some(())
    });
    wait_for("messages are signed with the new key", || {
        ask();
        let id = key_id(entry["certificate"].as_str().unwrap());
        let leaves = tax.search(&[]);
        leaves
            .iter()
            .any(|leaf| leaf["keyid"] == id.as_str())
            .then_some(())
    });
    let metrics = get(&tax.setting("health_listen"), "/metrics", "").unwrap();
    assert!(
        metrics
            .body
            .contains("bridge_certificate_expiry_timestamp_seconds")
    );
    nodes.1.stop();
    tax.check().good();
    nodes.0.stop();
    tax.verify().good();
}

/// Has the directory list another exchange key of the asking node.
fn list_beside(world: &World, entry: &serde_json::Value) {
    let path = world.path().join("directory/directory.json");
    let mut directory: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let members = directory["members"].as_array_mut().unwrap();
    let member = members
        .iter_mut()
        .find(|member| member["id"] == "AZ/GOV/2001")
        .unwrap();
    let listed = member["nodes"][0]["exchange"].as_array_mut().unwrap();
    listed.push(entry.clone());
    fs::write(&path, directory.to_string()).unwrap();
    let publish = "directory dev publish --keys directory/keys --public directory/public directory/directory.json";
    say(world.path(), publish).good();
}

fn key_id(certificate: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let der = STANDARD.decode(certificate).unwrap();
    URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, &der))
}
