//! Checkpoints are stamped by an authority outside, OpenSSL, and what happens while none stamps.

use std::path::{Path, PathBuf};
use std::process::Command;

use bridge_core::leaf::UnixMillis;
use bridge_node::stamping::{Stamping, stamp};
use bridge_tests::agency::Agency;
use bridge_tests::claims::{self, told};
use bridge_tests::time_authority::{Does, POLICY, REPLY, TimeAuthority};
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, World, usual};
use bytes::Bytes;

/// A round only when the scenario wants one, after that of the start.
const BY_HAND: &str = "every_seconds = 86400\ntolerated_gap_seconds = 86401\n";
/// A round a second, and exchanges for two seconds without a stamp.
const QUICK: &str = "every_seconds = 1\ntolerated_gap_seconds = 2\n";
const NO_TIME: &str = "server.clientproxy.timestamping_failed";

/// A world whose consumer is stamped by OpenSSL.
async fn world(lines: &str) -> (World, TimeAuthority) {
    let mut world = World::with().contract(usual()).make().await;
    let authority = authority(&world, "time").await;
    world.consumer.add_settings(&time(lines, &[&authority]));
    (world.run().await, authority)
}

async fn authority(world: &World, name: &str) -> TimeAuthority {
    let folder = world.folder.path().join(name);
    TimeAuthority::start(&folder, &world.authority, now_s()).await
}

fn time(lines: &str, authorities: &[&TimeAuthority]) -> String {
    let entries: Vec<String> = authorities.iter().map(|one| one.entry()).collect();
    format!(
        "\n[time]\ntrust = \"../anchors.pem\"\n{lines}\n{}",
        entries.join("\n")
    )
}

fn stamping(agency: &Agency) -> &Stamping {
    agency.live().node.stamping.as_deref().unwrap()
}

fn kept(agency: &Agency) -> u64 {
    let tally = stamping(agency).tally();
    tally.kept.load(std::sync::atomic::Ordering::Relaxed)
}

/// The round that every start begins with.
async fn first_round(agency: &Agency) {
    wait_until("the first stamp is kept", async || kept(agency) > 0).await;
}

/// Stamps until every leaf is covered: the newest checkpoint may be a second old.
async fn stamp_all(agency: &Agency) {
    let node = &agency.live().node;
    wait_until("every leaf is under a checkpoint", async || {
        node.journal.tally().checkpoint_leaves == node.journal.head().size
    })
    .await;
    stamp(node).await;
    assert_eq!(stamping(agency).leaves(), node.journal.head().size);
}

async fn ready(agency: &Agency) -> (u16, String, String) {
    let ready = agency.health("/ready").await.unwrap();
    let json = ready.json();
    (
        ready.status,
        json["reasons"].to_string(),
        json["time_stamps"].to_string(),
    )
}

async fn metric(agency: &Agency, name: &str) -> f64 {
    told(agency, name).await.parse().unwrap()
}

/// The seconds that a fact of `state` leaves tells.
fn seconds(agency: &Agency, fact: &str) -> Vec<u64> {
    let facts = claims::facts(agency, fact);
    facts.iter().map(|text| text.parse().unwrap()).collect()
}

fn stamps(agency: &Agency) -> Vec<PathBuf> {
    let folder = agency.journal().join("stamps");
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "tsr"))
        .collect();
    found.sort();
    found
}

/// OpenSSL's word on a kept pair: the token is over the text of the checkpoint, by an authority under the anchors.
fn openssl_verifies(world: &World, response: &Path) {
    let note = std::fs::read_to_string(response.with_extension("checkpoint")).unwrap();
    let (text, _signatures) = note.split_once("\n\n").unwrap();
    let data = world.folder.path().join("stamped.txt");
    std::fs::write(&data, format!("{text}\n")).unwrap();
    let verified = Command::new("openssl")
        .args(["ts", "-verify", "-data"])
        .arg(&data)
        .arg("-in")
        .arg(response)
        .arg("-CAfile")
        .arg(world.folder.path().join("anchors.pem"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stdout).into_owned()
        + &String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && said.contains("OK"), "{said}");
}

#[tokio::test]
async fn s51_a_checkpoint_is_stamped_and_openssl_verifies_what_is_kept() {
    let (world, authority) = world(BY_HAND).await;
    world.consumer.get(PATH).send().await.answered(200);
    first_round(&world.consumer).await;
    stamp_all(&world.consumer).await;
    let kept = stamps(&world.consumer);
    assert!(!kept.is_empty() && kept.len() <= authority.asked().len());
    for response in &kept {
        openssl_verifies(&world, response);
    }
    let journal = &world.consumer.live().node.journal;
    let first = journal.stamp_over(0).unwrap().unwrap();
    let anchors = std::fs::read(world.folder.path().join("anchors.pem")).unwrap();
    let trust = bridge_certs::Trust::from_pem(&anchors).unwrap();
    let stamp = bridge_node::stamping::check_kept(&trust, &first).unwrap();
    assert_eq!(stamp.policy.to_string(), POLICY);
    assert!(stamp.time_ms / 1000 <= now_s() && stamp.time_ms / 1000 + 60 > now_s());
    let (status, reasons, words) = ready(&world.consumer).await;
    assert_eq!((status, reasons.as_str()), (200, "[]"));
    assert!(words.contains("leaves are stamped, the newest"), "{words}");
    let leaves = metric(&world.consumer, "bridge_time_stamp_leaves").await;
    assert_eq!(leaves.to_string(), journal.head().size.to_string());
    let name = "bridge_time_stamps_total{outcome=\"kept\"}";
    assert!(metric(&world.consumer, name).await >= 2.0);
    assert!(
        metric(
            &world.consumer,
            "bridge_time_stamp_newest_timestamp_seconds"
        )
        .await
            > 0.0
    );
    let ahead = metric(&world.consumer, "bridge_time_stamp_ahead_seconds").await;
    assert!(ahead.abs() < 5.0, "{ahead}");
    claims::verifies(&world.consumer);
}

#[tokio::test]
async fn a_node_without_authorities_works_as_before_and_says_that_nothing_is_stamped() {
    let world = World::usual().await;
    world.consumer.get(PATH).send().await.answered(200);
    let (status, _, words) = ready(&world.consumer).await;
    assert_eq!(status, 200);
    assert!(words.contains("the settings name no authority"), "{words}");
    assert!(!world.consumer.journal().join("stamps").exists());
    let tolerated = metric(&world.consumer, "bridge_time_stamp_tolerated_seconds").await;
    assert_eq!(tolerated.to_string(), "0");
}

#[tokio::test]
async fn s51_s52_one_time_stamp_serves_for_two_thousand_exchanges() {
    let (world, authority) = world(BY_HAND).await;
    first_round(&world.consumer).await;
    let journal = &world.consumer.live().node.journal;
    let (asked, before) = (authority.asked().len(), journal.head().size);
    let exchanges = async || {
        for _ in 0..125 {
            world.consumer.get(PATH).send().await.answered(200);
        }
    };
    let all: [_; 16] = std::array::from_fn(|_| exchanges());
    let mut all = all.map(Box::pin);
    join(&mut all).await;
    stamp_all(&world.consumer).await;
    assert_eq!(authority.asked().len(), asked + 1);
    let after = journal.head().size;
    assert!(after >= before + 4000, "{before} {after}");
    let first = journal.stamp_over(before).unwrap().unwrap();
    let last = journal.stamp_over(after - 1).unwrap().unwrap();
    assert_eq!(first, last, "one stamp over all of them");
    openssl_verifies(&world, stamps(&world.consumer).last().unwrap());
}

/// Drives futures together to their end.
async fn join(all: &mut [std::pin::Pin<Box<impl Future<Output = ()>>>]) {
    let mut done = vec![false; all.len()];
    std::future::poll_fn(|cx| {
        for (one, done) in all.iter_mut().zip(&mut done) {
            *done = *done || one.as_mut().poll(cx).is_ready();
        }
        if done.iter().all(|done| *done) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

#[tokio::test]
async fn s55_authorities_are_asked_in_order_until_one_has_stamped() {
    let mut world = World::with().contract(usual()).make().await;
    let [first, second, third] = [
        authority(&world, "first").await,
        authority(&world, "second").await,
        authority(&world, "third").await,
    ];
    first.does(Does::Answers(500, REPLY, Bytes::new()));
    let all = time(BY_HAND, &[&first, &second, &third]);
    world.consumer.add_settings(&all);
    let world = world.run().await;
    first_round(&world.consumer).await;
    let counts = || [&first, &second, &third].map(|one| one.asked().len());
    assert_eq!(counts(), [1, 1, 0]);
    second.does(Does::Nothing);
    first.does(Does::Stamps);
    stamp(&world.consumer.live().node).await;
    assert_eq!(counts(), [2, 1, 0]);
}

#[tokio::test]
async fn s54_without_a_stamp_for_too_long_nothing_is_exchanged_and_it_recovers_by_itself() {
    let (world, authority) = world(QUICK).await;
    first_round(&world.consumer).await;
    world.consumer.get(PATH).send().await.answered(200);
    authority.does(Does::Answers(503, REPLY, Bytes::new()));
    wait_until("the newest stamp is too old", async || {
        world.consumer.get(PATH).send().await.status == 503
    })
    .await;
    let answer = world.consumer.get(PATH).send().await;
    answer.refused(503, NO_TIME);
    assert!(answer.field("retry-after").is_some());
    let answer = world
        .consumer
        .get(PATH)
        .field("accept-language", "az")
        .send()
        .await;
    let words = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(words.contains("vaxt möhürü"), "{words}");
    let (status, reasons, _) = ready(&world.consumer).await;
    assert_eq!(status, 503);
    assert!(
        reasons.contains("at most 2 s are tolerated") && reasons.contains("status 503"),
        "{reasons}"
    );
    let leaves = world.consumer.live().node.journal.head().size;
    authority.does(Does::Stamps);
    wait_until("it recovers", async || {
        world.consumer.get(PATH).send().await.status == 200
    })
    .await;
    // Nothing new had been logged: the newest checkpoint was stamped again.
    let gaps = seconds(&world.consumer, "without_time_stamp_seconds");
    assert!(matches!(gaps[..], [gap, ..] if gap >= 2), "{gaps:?}");
    assert!(world.consumer.live().node.journal.head().size > leaves);
    assert_eq!(ready(&world.consumer).await.1, "[]");
    claims::verifies(&world.consumer);
}

#[tokio::test]
async fn a_provider_without_time_serves_nobody() {
    let mut world = World::with().contract(usual()).make().await;
    let authority = authority(&world, "time").await;
    authority.does(Does::Answers(200, "text/html", Bytes::new()));
    world.provider.add_settings(&time(QUICK, &[&authority]));
    let world = world.run().await;
    let begun = world.registry.seen().len();
    wait_until("the provider's node refuses", async || {
        ready(&world.provider).await.0 == 503
    })
    .await;
    let served = world.registry.seen().len();
    assert_eq!(begun, served);
    let answer = world.consumer.get(PATH).send().await;
    answer.refused(502, "server.clientproxy.service_failed");
    assert_eq!(world.registry.seen().len(), served);
    authority.does(Does::Stamps);
    wait_until("it recovers", async || {
        world.consumer.get(PATH).send().await.status == 200
    })
    .await;
}

#[tokio::test]
async fn a_node_that_starts_goes_by_the_newest_stamp_that_it_kept() {
    let (mut world, authority) = world(BY_HAND).await;
    first_round(&world.consumer).await;
    stamp_all(&world.consumer).await;
    // Nothing new: stamped again, and only that is the newest.
    wait_until("a second has passed", async || {
        let before = stamping(&world.consumer).newest_ms();
        stamp(&world.consumer.live().node).await;
        stamping(&world.consumer).newest_ms() > before
    })
    .await;
    let newest = stamping(&world.consumer).newest_ms();
    world.consumer.stop().await;
    authority.does(Does::Nothing);
    world.consumer.start().await;
    world.publish(now_s());
    world.refresh().await;
    assert_eq!(stamping(&world.consumer).newest_ms(), newest);
    world.consumer.get(PATH).send().await.answered(200);
    // A day and an hour later it would be too old.
    let later = UnixMillis((now_s() + 90_000) * 1000);
    assert!(stamping(&world.consumer).check(later).is_err());
    assert!(
        stamping(&world.consumer)
            .check(UnixMillis(now_s() * 1000))
            .is_ok()
    );
}

#[tokio::test]
async fn a_clock_off_by_a_minute_stops_exchanges_until_it_is_right() {
    let (world, _authority) = world(BY_HAND).await;
    let consumer = &world.consumer;
    first_round(consumer).await;
    // An alarm is no stop.
    consumer.set_clock(now_s() + 10);
    stamp(&consumer.live().node).await;
    let ahead = metric(consumer, "bridge_time_stamp_ahead_seconds").await;
    assert!((-12.0..-8.0).contains(&ahead), "{ahead}");
    assert_eq!(ready(consumer).await.0, 200);
    consumer.set_clock(now_s() + 120);
    let kept_before = kept(consumer);
    stamp(&consumer.live().node).await;
    assert_eq!(
        kept(consumer),
        kept_before,
        "no stamp is taken by a wrong clock"
    );
    let answer = consumer.get(PATH).send().await;
    answer.refused(503, "server.clientproxy.clock_not_trusted");
    let (status, reasons, _) = ready(consumer).await;
    assert!(
        status == 503 && reasons.contains("s off the time"),
        "{reasons}"
    );
    consumer.set_clock(0);
    stamp(&consumer.live().node).await;
    consumer.get(PATH).send().await.answered(200);
    let off = seconds(consumer, "clock_off_seconds");
    assert!(
        matches!(off[..], [off] if (110..=125).contains(&off)),
        "{off:?}"
    );
    assert_eq!(ready(consumer).await.1, "[]");
}

#[tokio::test]
async fn exchanges_do_not_wait_for_an_authority() {
    let (world, authority) = world(BY_HAND).await;
    first_round(&world.consumer).await;
    authority.does(Does::Nothing);
    let asked = authority.asked().len();
    let node = &world.consumer.live().node;
    let round = stamp(node);
    let exchanges = async {
        wait_until("the authority was asked", async || {
            authority.asked().len() > asked
        })
        .await;
        for _ in 0..20 {
            world.consumer.get(PATH).send().await.answered(200);
        }
    };
    tokio::select! {
        () = round => panic!("the authority does not answer"),
        () = exchanges => {}
    }
}

#[tokio::test]
async fn an_authority_is_reached_over_https_by_its_name_and_anchors_only() {
    let mut world = World::with().contract(usual()).make().await;
    let folder = world.folder.path();
    let good = TimeAuthority::start_secure(&folder.join("good"), &world.authority, now_s()).await;
    let other =
        bridge_certs::Authority::create(&folder.join("other-ca"), "Other", now_s() - 864_000);
    let other = TimeAuthority::start_secure(&folder.join("other"), &other.unwrap(), now_s()).await;
    let all = time(BY_HAND, &[&other, &good]);
    world.consumer.add_settings(&all);
    let world = world.run().await;
    first_round(&world.consumer).await;
    assert_eq!((other.asked().len(), good.asked().len()), (0, 1));
    let told = stamping(&world.consumer).authorities();
    assert!(told[0].contains("UnknownIssuer"), "{told:?}");
    assert_eq!(told[1], "https://localhost");
}

#[tokio::test]
async fn hostile_answers_are_refused_by_their_reason_and_nothing_of_them_is_kept() {
    let lines = format!("{BY_HAND}clock_refuse_seconds = 60\n");
    let mut world = World::with()
        .contract(usual())
        .consumer_limit("stamp_seconds = 1")
        .make()
        .await;
    let authority = authority(&world, "time").await;
    world.consumer.add_settings(&time(&lines, &[&authority]));
    let world = world.run().await;
    first_round(&world.consumer).await;
    let before = stamps(&world.consumer);
    let questions = authority.asked();
    let replayed = authority.stamp(&questions[0]);
    // The nonce is a question's own: the imprint is the same while nothing is logged.
    let other = TimeAuthority::start(
        &world.folder.path().join("stranger"),
        &bridge_certs::Authority::create(
            &world.folder.path().join("ca"),
            "Stranger",
            now_s() - 864_000,
        )
        .unwrap(),
        now_s(),
    )
    .await;
    let answers =
        |status, kind, body: &[u8]| Does::Answers(status, kind, Bytes::copy_from_slice(body));
    let rejected = [0x30, 0x09, 0x30, 0x07, 2, 1, 2, 3, 2, 5, 0x20];
    let cases = [
        (answers(500, REPLY, &replayed), "status 500"),
        (answers(200, "text/html", &replayed), "another type"),
        (
            answers(200, "application/octet-stream", &replayed),
            "another type",
        ),
        (
            Does::Redirects("http://127.0.0.1:1/".to_owned()),
            "status 302",
        ),
        (
            answers(200, REPLY, &vec![0; 1 << 20]),
            "longer than limits.stamp_bytes",
        ),
        (Does::Endless, "longer than limits.stamp_bytes"),
        (Does::Nothing, "nothing whole within limits.stamp_seconds"),
        (answers(200, REPLY, b""), "malformed"),
        (answers(200, REPLY, b"stamped"), "malformed"),
        (
            answers(200, REPLY, &replayed[..replayed.len() - 1]),
            "malformed",
        ),
        (answers(200, REPLY, &rejected), "status 2, badRequest"),
        (answers(200, REPLY, &replayed), "nonce is not"),
        (
            answers(200, REPLY, &other.stamp(&questions[0])),
            "nonce is not",
        ),
    ];
    let node = &world.consumer.live().node;
    let total = cases.len();
    for (does, reason) in cases {
        authority.does(does.clone());
        stamp(node).await;
        let told = stamping(&world.consumer).authorities();
        assert!(told[0].contains(reason), "{does:?}: {told:?}");
        assert_eq!(stamps(&world.consumer), before, "{reason}");
    }
    let tally = stamping(&world.consumer).tally();
    let count =
        |count: &std::sync::atomic::AtomicU64| count.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(
        count(&tally.refused) + count(&tally.unanswered),
        total as u64
    );
    assert_eq!(claims::reached(&world.consumer, "stamp_bytes").await, 2);
    assert_eq!(claims::reached(&world.consumer, "stamp_seconds").await, 1);
    // All that time exchanges went on.
    world.consumer.get(PATH).send().await.answered(200);
    authority.does(Does::Stamps);
    stamp(node).await;
    assert_eq!(kept(&world.consumer), 2);
}

#[tokio::test]
async fn officers_see_the_stamped_time_of_an_exchange_and_auditors_check_every_stamp() {
    let (mut world, authority) = world(BY_HAND).await;
    first_round(&world.consumer).await;
    let answer = world.consumer.get(PATH).send().await;
    let id = answer.request_id().to_string();
    let records = async |world: &World| {
        let shown = world.consumer.officer(&["audit", "show", &id]).await.good();
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        shown["records"].as_array().unwrap().clone()
    };
    for record in records(&world).await {
        assert!(record["stamped"].is_null(), "{record}");
    }
    stamp_all(&world.consumer).await;
    let newest = stamping(&world.consumer).newest_ms().unwrap() / 1000;
    let newest = bridge_certs::Moment(newest).to_string();
    let shown = records(&world).await;
    assert!(shown.len() >= 2);
    for record in shown
        .iter()
        .filter(|record| record["leaf"]["kind"] != "audit-read")
    {
        assert_eq!(record["stamped"]["time"], newest, "{record}");
        let file = record["stamped"]["file"].as_str().unwrap();
        assert!(world.consumer.journal().join(file).exists());
    }
    world.consumer.stop().await;
    drop(authority);
    let verify = |trust: &Path| {
        let output = Command::new(bridge_tests::process::program())
            .args(["audit", "verify"])
            .arg(world.consumer.journal())
            .arg("--time-trust")
            .arg(trust)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code().unwrap(),
            String::from_utf8(said).unwrap(),
        )
    };
    let anchors = world.folder.path().join("anchors.pem");
    let (code, said) = verify(&anchors);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("time-stamps by trusted authorities, from"),
        "{said}"
    );
    // Another authority's anchors: the imprints hold, the authority is not trusted.
    let other = world.folder.path().join("strangers");
    let other = bridge_certs::Authority::create(&other, "Stranger", now_s()).unwrap();
    let strangers = world.folder.path().join("strangers.pem");
    std::fs::write(&strangers, other.root_pem()).unwrap();
    let (code, said) = verify(&strangers);
    assert!(
        code == 2 && said.contains("unknown authority"),
        "{code}: {said}"
    );
    // A token that stamps something else.
    let kept = stamps(&world.consumer);
    std::fs::copy(kept.last().unwrap(), &kept[0]).unwrap();
    let (code, said) = verify(&anchors);
    assert!(
        code == 2 && said.contains("stamped something else"),
        "{code}: {said}"
    );
}

#[tokio::test]
async fn the_stamps_are_in_a_backup_and_in_what_is_restored_from_it() {
    let (mut world, _authority) = world(BY_HAND).await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    first_round(&world.consumer).await;
    stamp_all(&world.consumer).await;
    let kept = stamps(&world.consumer);
    let backup = world.folder.path().join("backup");
    let config = world.consumer.config();
    let run = |word: &str| {
        let mut command = Command::new(bridge_tests::process::program());
        let command = command.arg(word).arg(&backup).arg("--config").arg(&config);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    run("backup");
    world.consumer.stop().await;
    std::fs::remove_dir_all(world.consumer.folder.join("data")).unwrap();
    std::fs::remove_file(world.consumer.folder.join("keys/witness.key")).unwrap();
    run("restore");
    assert!(!kept.is_empty());
    for path in &kept {
        let name = Path::new("stamps").join(path.file_name().unwrap());
        let restored = world.consumer.folder.join("data/epochs/1").join(&name);
        let copied = std::fs::read(backup.join("journal").join(&name)).unwrap();
        assert_eq!(std::fs::read(&restored).unwrap(), copied);
        assert!(restored.with_extension("checkpoint").is_file());
    }
}
