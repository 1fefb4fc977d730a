//! Dossiers: one file that proves one exchange, checked by our program and by others with all nodes switched off.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::leaf::Kind;
use bridge_tests::agency::Agency;
use bridge_tests::claims;
use bridge_tests::container::{content, files, replace};
use bridge_tests::process::Said;
use bridge_tests::registry::Reaction;
use bridge_tests::time_authority::TimeAuthority;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, World, usual};
use serde_json::Value;
use uuid::Uuid;

const MANIFEST: &str = "META-INF/ASiCManifest001.xml";
const SEAL: &str = "META-INF/signature001.p7s";
const ANSWER: &str = "{\"fin\":\"5XKQ7ZW\",\"name\":\"Aynur <Quliyeva>\"}";

/// What a dossier with everything holds.
const WHOLE: [&str; 19] = [
    "mimetype",
    "request/base.txt",
    "request/signature.bin",
    "request/body.bin",
    "certificates/request.pem",
    "answer/base.txt",
    "answer/signature.bin",
    "answer/body.bin",
    "certificates/answer.pem",
    "certificates/authorities.pem",
    "receipts/own.json",
    "receipts/peer.json",
    "stamps/request.tlog-proof",
    "stamps/answer.tlog-proof",
    "stamps/time.tsr",
    "dossier.json",
    "summary.html",
    MANIFEST,
    SEAL,
];

/// A world whose consumer has its checkpoints stamped by OpenSSL.
async fn stamped_world() -> World {
    let mut world = World::with().contract(usual()).make().await;
    let folder = world.folder.path().join("time");
    let authority = TimeAuthority::start(&folder, &world.authority, now_s()).await;
    let settings = format!(
        "\n[time]\ntrust = \"../anchors.pem\"\nevery_seconds = 1\ntolerated_gap_seconds = 86401\n{}",
        authority.entry()
    );
    world.consumer.add_settings(&settings);
    world.run().await
}

/// Exports until nothing is lacking that only time brings.
async fn export(agency: &Agency, id: Uuid, name: &str, wanted: &str) -> PathBuf {
    let path = agency.folder.join(name);
    wait_until("the dossier is whole", async || {
        drop(fs::remove_file(&path));
        let said = agency
            .officer(&["audit", "export", &id.to_string(), "--out", name])
            .await;
        if said.code != 0 {
            assert!(said.err.contains("ask again in a second"), "{said:?}");
            return false;
        }
        files(&fs::read(&path).unwrap())
            .iter()
            .any(|(name, _)| name == wanted)
    })
    .await;
    path
}

fn verify(world: &World, path: &Path) -> Said {
    let output = Command::new(std::env::var_os("BRIDGE_NODE").unwrap())
        .args(["audit", "verify-dossier"])
        .arg(path)
        .arg("--trust")
        .arg(world.folder.path().join("anchors.pem"))
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn exchange(world: &World) -> Uuid {
    world.registry.always(Reaction::answer(
        200,
        &[("content-type", "application/json")],
        ANSWER,
    ));
    let ask = world
        .consumer
        .ask("POST", PATH)
        .field("content-type", "application/json");
    let answer = ask.body("{\"fin\":\"5XKQ7ZW\"}").send().await;
    answer.answered(200);
    answer.request_id()
}

/// OpenSSL's word on the seal: it is over the manifest, by a certificate under the root.
fn openssl_verifies(world: &World, zip: &[u8]) -> bool {
    let folder = world.folder.path();
    for (name, file) in [(MANIFEST, "manifest.xml"), (SEAL, "seal.p7s")] {
        fs::write(folder.join(file), content(zip, name)).unwrap();
    }
    let verified = Command::new("openssl")
        .args([
            "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", "seal.p7s",
        ])
        .args(["-content", "manifest.xml", "-CAfile", "authority/root.pem"])
        .args(["-purpose", "any", "-out", "/dev/null"])
        .current_dir(folder)
        .output()
        .unwrap();
    verified.status.success()
}

#[tokio::test]
async fn s59_a_dossier_proves_an_exchange_with_all_nodes_switched_off() {
    let mut world = stamped_world().await;
    let id = exchange(&world).await;
    let path = export(&world.consumer, id, "dossier.asice", "stamps/time.tsr").await;
    let again = world
        .consumer
        .officer(&["audit", "export", &id.to_string(), "--out", "dossier.asice"])
        .await;
    assert_eq!(
        again.code, 1,
        "an existing file is not written over: {again:?}"
    );
    world.consumer.stop().await;
    world.provider.stop().await;

    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let zip = fs::read(&path).unwrap();
    let names: Vec<String> = files(&zip).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, WHOLE);
    assert_eq!(&zip[30..38], b"mimetype");
    assert_eq!(
        content(&zip, "mimetype"),
        b"application/vnd.etsi.asic-e+zip"
    );
    assert_eq!(content(&zip, "answer/body.bin"), ANSWER.as_bytes());
    let said = verify(&world, &path);
    assert_eq!(said.code, 0, "{said:?}");
    let (own, theirs) = (
        world.consumer.node().to_string(),
        world.provider.node().to_string(),
    );
    for words in [
        "sealed by AZ/GOV/2001 at ".to_owned(),
        format!("the request is signed by bridge://{own} at "),
        format!("the answer is signed by bridge://{theirs} at "),
        format!("of journal.example/{own}/1 is under a signed checkpoint"),
        format!("of journal.example/{theirs}/1 is under a signed checkpoint"),
        "as a time-stamping authority says".to_owned(),
        "dossier.asice: holds".to_owned(),
    ] {
        assert!(said.out.contains(&words), "{words}: {}", said.out);
    }
    assert!(openssl_verifies(&world, &zip));
    let description: Value = serde_json::from_slice(content(&zip, "dossier.json")).unwrap();
    assert_eq!(description["absent"], Value::Array(Vec::new()));
    assert_eq!(description["exchange"]["client"], "AZ/GOV/2001/TAX");
    let page = std::str::from_utf8(content(&zip, "summary.html")).unwrap();
    for words in ["Sorğu göndərən", "Asked by", "Aynur &lt;Quliyeva&gt;"] {
        assert!(page.contains(words), "{words}");
    }
    claims::verifies(&world.consumer);
}

#[tokio::test]
async fn s59_each_part_of_a_dossier_that_is_altered_is_named() {
    let world = stamped_world().await;
    let id = exchange(&world).await;
    let path = export(&world.consumer, id, "dossier.asice", "stamps/time.tsr").await;
    let good = fs::read(&path).unwrap();
    let altered_path = world.folder.path().join("altered.asice");
    let told = |zip: &[u8]| {
        fs::write(&altered_path, zip).unwrap();
        let said = verify(&world, &altered_path);
        assert_eq!(said.code, 2, "{said:?}");
        said.err
    };
    // What each part proves by itself is found out also where a forger lists the altered part anew.
    let by_itself = |name: &str| {
        match name {
            "request/base.txt" | "request/signature.bin" => Some("request/signature.bin"),
            "answer/base.txt" | "answer/signature.bin" => Some("answer/signature.bin"),
            "dossier.json" | "summary.html" | "certificates/authorities.pem" => None,
            _ => Some(name),
        }
        .map(str::to_owned)
    };
    let list = std::str::from_utf8(content(&good, MANIFEST))
        .unwrap()
        .to_owned();
    for (name, place) in files(&good) {
        let old = good[place].to_vec();
        let mut new = old.clone();
        // Within a text, so that it stays one; a page or a base of another length is told too.
        // A stamp brings certificates along that nothing depends on; its last byte is of its signature.
        let at = if name == "stamps/time.tsr" {
            new.len() - 1
        } else {
            new.len() / 2
        };
        new[at] = if new[at] == b'A' { b'B' } else { b'A' };
        let mut zip = good.clone();
        replace(&mut zip, &name, &new);
        let faults = told(&zip);
        assert!(faults.contains(&format!("{name}: ")), "{name}: {faults}");
        if name == "mimetype" || name.starts_with("META-INF/") {
            continue;
        }
        let digest =
            |bytes: &[u8]| STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, bytes));
        let forged = list.replace(&digest(&old), &digest(&new));
        assert_ne!(forged, list);
        replace(&mut zip, MANIFEST, forged.as_bytes());
        let faults = told(&zip);
        assert!(
            faults.contains(&format!("{MANIFEST}: it is not what was sealed")),
            "{name}: {faults}"
        );
        if let Some(part) = by_itself(&name) {
            assert!(faults.contains(&format!("{part}: ")), "{name}: {faults}");
        }
    }
    let mut cut = good.clone();
    cut.truncate(good.len() - 1);
    told(&cut);
    // Other authorities than those trusted vouch for nothing.
    let other = tempfile::tempdir().unwrap();
    let stranger =
        bridge_certs::Authority::create(&other.path().join("a"), "Other", now_s()).unwrap();
    fs::write(world.folder.path().join("anchors.pem"), stranger.root_pem()).unwrap();
    let faults = told(&good);
    for part in [
        SEAL,
        "certificates/request.pem",
        "certificates/answer.pem",
        "stamps/time.tsr",
    ] {
        assert!(faults.contains(&format!("{part}: ")), "{part}: {faults}");
    }
}

#[tokio::test]
async fn a_provider_has_a_dossier_too_and_what_it_cannot_have_it_says() {
    let world = World::usual().await;
    let id = exchange(&world).await;
    let path = export(&world.provider, id, "dossier.asice", "answer/base.txt").await;
    let said = verify(&world, &path);
    assert_eq!(said.code, 0, "{said:?}");
    let zip = fs::read(&path).unwrap();
    let description: Value = serde_json::from_slice(content(&zip, "dossier.json")).unwrap();
    let absent: Vec<&str> = description["absent"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    assert_eq!(
        absent,
        [
            "receipts/peer.json: the other node gave none to this one",
            "stamps/time.tsr: no time-stamp covers the exchange yet",
        ]
    );
    assert_eq!(description["exchange"]["side"], "provider");
    // Whoever reads is read about.
    let leaves = claims::leaves(&world.provider, id);
    let reads = leaves.iter().filter(|leaf| leaf.kind == Kind::AuditRead);
    assert!(
        reads
            .into_iter()
            .all(|leaf| leaf.facts["action"] == "export" && leaf.facts["officer"] == "officer-1")
    );
    assert!(leaves.iter().any(|leaf| leaf.kind == Kind::AuditRead));
}

#[tokio::test]
async fn a_peer_that_is_away_and_evidence_that_was_not_kept_are_told_and_the_rest_holds() {
    let setup = World::with().contract(usual().with("evidence", Value::from("none")));
    let mut world = setup.start().await;
    let id = exchange(&world).await;
    world.provider.stop().await;
    let path = export(&world.consumer, id, "dossier.asice", "receipts/own.json").await;
    let said = verify(&world, &path);
    assert_eq!(said.code, 0, "{said:?}");
    let zip = fs::read(&path).unwrap();
    let description: Value = serde_json::from_slice(content(&zip, "dossier.json")).unwrap();
    let absent = description["absent"].to_string();
    for words in [
        "request: the contract keeps no evidence",
        "answer: the contract",
        "receipts/peer.json: the other node's log cannot be read",
    ] {
        assert!(absent.contains(words), "{words}: {absent}");
    }
}

#[tokio::test]
async fn a_dossier_needs_an_exchange_a_seal_and_an_officer() {
    let world = World::usual().await;
    let unknown = world
        .consumer
        .officer(&["audit", "export", &Uuid::new_v4().to_string()])
        .await;
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.err.contains("no exchange with this id"),
        "{unknown:?}"
    );
    let id = exchange(&world).await;
    fs::remove_file(world.consumer.folder.join("keys/seal.key")).unwrap();
    let unsealed = world
        .consumer
        .officer(&["audit", "export", &id.to_string()])
        .await;
    assert_eq!(unsealed.code, 1);
    assert!(
        unsealed.err.contains("seal.pem and seal.key"),
        "{unsealed:?}"
    );
    let mode = fs::metadata(world.consumer.folder.join(format!("{id}.asice")));
    assert!(mode.is_err(), "nothing was written");
}
