//! Dossiers: one file that proves one exchange, checked by our program and by others with all nodes switched off.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_certs::certificate_pem;
use bridge_core::envelope::link;
use bridge_core::leaf::{Kind, Leaf};
use bridge_signature::Signer as _;
use bridge_tests::agency::Agency;
use bridge_tests::claims;
use bridge_tests::container::{content, files, replace};
use bridge_tests::forger::Forger;
use bridge_tests::process::Said;
use bridge_tests::puppet;
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
pub(crate) async fn export(agency: &Agency, id: Uuid, name: &str, wanted: &str) -> PathBuf {
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

pub(crate) fn verify(world: &World, path: &Path) -> Said {
    verify_by(world, path, &[])
}

/// Verifies with the keys of these agencies' logs.
fn verify_by(world: &World, path: &Path, logs: &[&Agency]) -> Said {
    let output = Command::new(std::env::var_os("BRIDGE_NODE").unwrap())
        .args(["audit", "verify-dossier"])
        .arg(path)
        .arg("--trust")
        .arg(world.folder.path().join("anchors.pem"))
        .args(
            logs.iter()
                .flat_map(|agency| ["--key", &agency.entry.nodes[0].journal]),
        )
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
        // A stamp brings certificates along that nothing depends on; its last byte, and that of the seal that bears one, is of
        // its signature.
        let at = if name == "stamps/time.tsr" || name == SEAL {
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

/// What is said of a forged dossier, which does not hold.
fn faults(world: &World, forger: &Forger<'_>) -> String {
    let path = world.folder.path().join("forged.asice");
    fs::write(&path, forger.seal()).unwrap();
    let said = verify(world, &path);
    assert_eq!(said.code, 2, "{said:?}");
    said.err
}

/// Puts this signature, and what it is over, in the place of the answer, in the journal too.
fn put_answer(forger: &mut Forger<'_>, base: &[u8], signature: &[u8]) {
    forger.set("answer/base.txt", base);
    forger.set("answer/signature.bin", signature);
    forger.journal(|leaf: &mut Leaf| {
        leaf.answer_link = leaf.answer_link.map(|_| link(signature));
    });
}

#[tokio::test]
async fn a_member_that_seals_what_never_was_is_found_out() {
    let world = World::usual().await;
    let (id, other) = (exchange(&world).await, exchange(&world).await);
    let path = export(&world.consumer, id, "dossier.asice", "receipts/peer.json").await;
    let good = fs::read(path).unwrap();
    let path = export(&world.consumer, other, "other.asice", "receipts/peer.json").await;
    let other = Forger::of(&world.consumer, &fs::read(path).unwrap());
    let forge = || Forger::of(&world.consumer, &good);

    // A journal that says the same of the same holds: what is found out below is not the journal.
    let mut forger = forge();
    let (base, signature) = (
        forger.content("answer/base.txt"),
        forger.content("answer/signature.bin"),
    );
    put_answer(&mut forger, &base, &signature);
    let path = world.folder.path().join("same.asice");
    fs::write(&path, forger.seal()).unwrap();
    assert_eq!(verify(&world, &path).code, 0);

    // The provider's genuine answer to another request.
    let mut forger = forge();
    let foreign = ["answer/base.txt", "answer/signature.bin"].map(|name| other.content(name));
    put_answer(&mut forger, &foreign[0], &foreign[1]);
    let told = faults(&world, &forger);
    assert!(
        told.contains("answer/base.txt: it answers another request"),
        "{told}"
    );
    assert!(
        told.contains("answer/base.txt: it is of another exchange"),
        "{told}"
    );

    // An answer that the consumer signed itself.
    let mut forger = forge();
    let stem = world.consumer.folder.join("keys/exchange");
    let chain = bridge_certs::read_pem_certificates(&stem.with_extension("pem")).unwrap();
    let own = puppet::signer(&stem);
    let text = String::from_utf8(base.clone()).unwrap();
    let certificate = forger.content("certificates/answer.pem");
    let theirs = bridge_certs::pem::certificates(&certificate).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &theirs[0]);
    let text = text.replace(&URL_SAFE_NO_PAD.encode(digest), own.key_id());
    forger.set("certificates/answer.pem", certificate_pem(&chain[0]));
    put_answer(
        &mut forger,
        text.as_bytes(),
        &own.sign(text.as_bytes()).unwrap(),
    );
    let told = faults(&world, &forger);
    let words = format!(
        "certificates/answer.pem: bridge://{} does not speak for that end",
        world.consumer.node()
    );
    assert!(told.contains(&words), "{told}");

    // The request, given out as its own answer.
    let mut forger = forge();
    let request = ["request/base.txt", "request/signature.bin"].map(|name| forger.content(name));
    forger.set("certificates/answer.pem", certificate_pem(&chain[0]));
    put_answer(&mut forger, &request[0], &request[1]);
    let told = faults(&world, &forger);
    let words = "answer/base.txt: it is not the signature base of the answer";
    assert!(told.contains(words), "{told}");

    // A journal that names another service of the provider, or another client, than was signed.
    for part in ["service", "client"] {
        let mut forger = forge();
        forger.journal(|leaf: &mut Leaf| {
            let (service, client) = (leaf.service.take(), leaf.client.take());
            let other = |text: String, wanted| if part == wanted { text + "-2" } else { text };
            leaf.service = Some(
                other(service.unwrap().to_string(), "service")
                    .parse()
                    .unwrap(),
            );
            leaf.client = Some(
                other(client.unwrap().to_string(), "client")
                    .parse()
                    .unwrap(),
            );
        });
        let told = faults(&world, &forger);
        for name in ["request", "answer"] {
            let words = format!("{name}/base.txt: it is of another exchange than its leaf");
            assert!(told.contains(&words), "{part}: {told}");
        }
    }
}

#[tokio::test]
async fn a_stamp_is_of_the_messages_whose_leaves_are_proved_under_it_and_of_no_other() {
    let world = stamped_world().await;
    let id = exchange(&world).await;
    let path = export(&world.consumer, id, "dossier.asice", "stamps/time.tsr").await;
    let good = fs::read(&path).unwrap();
    let said = verify(&world, &path);
    assert!(
        said.out
            .contains("the log had the request and the answer at "),
        "{said:?}"
    );

    // A proof of the request's leaf says nothing of the answer.
    let mut forger = Forger::of(&world.consumer, &good);
    let request = forger.content("stamps/request.tlog-proof");
    forger.set("stamps/answer.tlog-proof", request);
    let told = faults(&world, &forger);
    let words = "stamps/answer.tlog-proof: it does not prove the message's leaf";
    assert!(told.contains(words), "{told}");

    // Nor does a proof under a checkpoint that was not stamped.
    let mut forger = Forger::of(&world.consumer, &good);
    exchange(&world).await;
    let receipts: Value = serde_json::from_slice(&forger.content("receipts/own.json")).unwrap();
    let index: u64 = {
        let field = receipts["receipts"][1]["receipt"].as_str().unwrap();
        let (_, place) = field.rsplit_once('#').unwrap();
        place.split(':').next().unwrap().parse().unwrap()
    };
    let stamped = String::from_utf8(forger.content("stamps/answer.tlog-proof")).unwrap();
    let mut later = String::new();
    wait_until("a later checkpoint", async || {
        let proof = world.consumer.live().node.journal.prove(index).unwrap();
        later = proof.unwrap().text;
        later.split_once("\n\n").unwrap().1 != stamped.split_once("\n\n").unwrap().1
    })
    .await;
    forger.set("stamps/answer.tlog-proof", later);
    let told = faults(&world, &forger);
    let words = "stamps/answer.tlog-proof: it is under another checkpoint";
    assert!(told.contains(words), "{told}");

    let mut forger = Forger::of(&world.consumer, &good);
    forger.leave_out("stamps/answer");
    let path = world.folder.path().join("request.asice");
    fs::write(&path, forger.seal()).unwrap();
    let said = verify(&world, &path);
    assert!(said.out.contains("the log had the request at "), "{said:?}");
}

#[tokio::test]
async fn who_gives_keys_of_logs_is_content_with_no_others() {
    let world = World::usual().await;
    let id = exchange(&world).await;
    let path = export(&world.consumer, id, "dossier.asice", "receipts/peer.json").await;
    let (own, theirs) = (&world.consumer, &world.provider);
    let both = verify_by(&world, &path, &[own, theirs]);
    assert_eq!(both.code, 0, "{both:?}");
    for (given, file, lacking) in [
        (own, "receipts/peer.json", theirs),
        (theirs, "receipts/own.json", own),
    ] {
        let said = verify_by(&world, &path, &[given]);
        assert_eq!(said.code, 2, "{said:?}");
        let origin = lacking.entry.nodes[0].journal.split('+').next().unwrap();
        let words = format!("{file}: no key given for the log {origin}");
        assert!(said.err.contains(&words), "{said:?}");
    }
}

#[tokio::test]
async fn a_chain_is_completed_by_whichever_authority_of_the_dossier_does_it() {
    let world = World::usual().await;
    let id = exchange(&world).await;
    let path = export(&world.consumer, id, "dossier.asice", "receipts/peer.json").await;
    let mut forger = Forger::of(&world.consumer, &fs::read(path).unwrap());
    let others: Vec<String> = (0..9)
        .map(|_| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a");
            let other = bridge_certs::Authority::create(&path, "Other", now_s()).unwrap();
            other.root_pem().to_owned()
        })
        .collect();
    let issuing = fs::read_to_string(world.folder.path().join("authority/issuing.pem")).unwrap();
    forger.set("certificates/authorities.pem", others.concat() + &issuing);
    let path = world.folder.path().join("many.asice");
    fs::write(&path, forger.seal()).unwrap();
    let root = world.folder.path().join("authority/root.pem");
    fs::copy(root, world.folder.path().join("anchors.pem")).unwrap();
    let said = verify(&world, &path);
    assert_eq!(said.code, 0, "{said:?}");
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
