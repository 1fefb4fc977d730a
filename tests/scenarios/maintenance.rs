//! `maintenance`: told beforehand on answers, refused with its end and its words while it lasts; metadata and health go on.

use bridge_core::leaf::Kind;
use bridge_journal::Filter;
use bridge_tests::agency::Agency;
use bridge_tests::claims::{self, both_ends_agree};
use bridge_tests::wait::now_s;
use bridge_tests::world::{PATH, PROVIDER, World};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

const THERE: &str = "server.serverproxy.maintenance_mode";
const HERE: &str = "server.clientproxy.maintenance_mode";
const SERVICE_ID: &str = "AZ/GOV/1001/POPULATION/registry";
const HOUR_S: u64 = 3600;

/// A time as people in Baku write it.
fn baku(unix_s: u64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(i64::try_from(unix_s).unwrap()).unwrap();
    let offset = UtcOffset::from_hms(4, 0, 0).unwrap();
    moment.to_offset(offset).format(&Rfc3339).unwrap()
}

async fn announce(agency: &Agency, (from, until): (u64, u64), more: &[&str]) -> String {
    let (from, until) = (baku(from), baku(until));
    let mut arguments = vec![
        "maintenance",
        "announce",
        "--from",
        &from,
        "--until",
        &until,
    ];
    arguments.extend(more);
    let said = agency.officer(&arguments).await.good();
    let id = said.lines().next().unwrap().rsplit(' ').next().unwrap();
    id.to_owned()
}

#[tokio::test]
async fn s33_s64_s78_a_peer_in_maintenance_tells_it_beforehand_and_refuses_until_its_end() {
    let world = World::usual().await;
    let now = now_s();
    let (from, until) = (now + HOUR_S, now + 2 * HOUR_S);
    let words = [
        "--text-en",
        "The register moves.",
        "--text-az",
        "Reyestr köçürülür.",
    ];
    announce(&world.provider, (from, until), &words).await;

    let before = world.consumer.get(PATH).send().await;
    before.answered(200);
    both_ends_agree(&world, &before);
    let told = format!("\"AZ/GOV/1001/NODE1\";from=@{from};until=@{until}");
    assert_eq!(before.field("bridge-maintenance"), Some(told.as_str()));
    let ready = world.provider.health("/ready").await.unwrap();
    assert_eq!(ready.status, 200);
    let line = ready.json()["maintenance"][0].as_str().unwrap().to_owned();
    assert!(
        line.contains(&baku(from)) && line.contains("Z ("),
        "both clocks: {line}"
    );

    let (later, latest) = (until + HOUR_S, until + 2 * HOUR_S);
    announce(&world.consumer, (later, latest), &[]).await;
    let own = format!("\"AZ/GOV/2001/NODE1\";from=@{later};until=@{latest}");
    let both = world.consumer.get(PATH).send().await;
    assert_eq!(
        both.answered(200).field("bridge-maintenance"),
        Some(format!("{told}, {own}").as_str()),
        "the node that asks adds its own"
    );

    for agency in [&world.provider, &world.consumer] {
        agency.set_clock(from + HOUR_S / 2);
    }
    let refused = world.consumer.get(PATH).send().await;
    refused.refused(503, THERE);
    assert_eq!(refused.field("retry-after"), Some("1800"));
    assert!(
        refused.message().contains("The register moves."),
        "{refused:?}"
    );
    let metadata = world
        .consumer
        .get(&format!("/r1/{PROVIDER}/listMethods"))
        .send()
        .await;
    metadata.answered(200);
    let told = metadata.field("bridge-maintenance").unwrap();
    assert!(told.starts_with("\"AZ/GOV/1001/NODE1\";from=@"), "{told}");
    assert_eq!(world.provider.health("/live").await.unwrap().status, 200);
    let ready = world.provider.health("/ready").await.unwrap();
    let reason = ready.json()["reasons"][0].as_str().unwrap().to_owned();
    assert!(
        ready.status == 503 && reason.starts_with("the node is in maintenance until 20"),
        "{reason}"
    );

    for agency in [&world.provider, &world.consumer] {
        agency.set_clock(until);
    }
    let after = world.consumer.get(PATH).send().await;
    after.answered(200);
    assert_eq!(after.field("bridge-maintenance"), Some(own.as_str()));
    assert_eq!(world.registry.seen().len(), 3);
}

#[tokio::test]
async fn maintenance_of_one_service_of_the_own_node_and_its_early_end_survive_a_restart() {
    let mut world = World::usual().await;
    let span = (now_s() - 60, now_s() + HOUR_S);
    let words = ["--service", SERVICE_ID, "--text-az", "Reyestr köçürülür."];
    let id = announce(&world.provider, span, &words).await;
    let again = world
        .provider
        .officer(&["maintenance", "list"])
        .await
        .good();
    assert!(
        again.contains(&format!(
            "  now  by officer-1  order {id}\n    Reyestr köçürülür.\n1 announced\n"
        )),
        "{again}"
    );

    world.provider.stop().await;
    world.provider.start().await;
    world.publish(now_s());
    world.refresh().await;
    let refused = world.consumer.get(PATH).send().await;
    refused.refused(503, THERE);
    assert!(
        refused.message().contains("Reyestr köçürülür."),
        "the words are back from the evidence"
    );
    // One service in maintenance does not make a node unready.
    assert_eq!(world.provider.health("/ready").await.unwrap().status, 200);

    world
        .provider
        .officer(&["maintenance", "end", &id])
        .await
        .good();
    world.consumer.get(PATH).send().await.answered(200);
    let gone = world.provider.officer(&["maintenance", "end", &id]).await;
    assert_eq!(
        (gone.code, gone.err.as_str()),
        (1, "no announced maintenance has this id\n")
    );

    // The node that asks may be in maintenance too.
    let own = announce(&world.consumer, span, &[]).await;
    world.consumer.get(PATH).send().await.refused(503, HERE);
    world
        .consumer
        .officer(&["maintenance", "end", &own])
        .await
        .good();
    world.consumer.get(PATH).send().await.answered(200);

    let filter = Filter {
        outcome: Some("ordered".to_owned()),
        ..Filter::default()
    };
    let hits = world.provider.live().node.journal.search(&filter).unwrap();
    assert_eq!(hits.len(), 2);
    for hit in hits {
        assert_eq!(hit.leaf.kind, Kind::Administration);
        assert!(
            !hit.leaf
                .facts
                .values()
                .any(|value| value.contains("Reyestr"))
        );
    }
    claims::verifies(&world.provider);
}

#[tokio::test]
async fn what_cannot_be_announced() {
    let world = World::usual().await;
    let now = now_s();
    for (from, until, more, code, words) in [
        (
            "today",
            "2030-01-01T00:00:00Z",
            &[][..],
            64,
            "--from: `today` is not a time",
        ),
        (
            "2020-01-01T00:00:00Z",
            "2020-01-02T00:00:00Z",
            &[],
            1,
            "not in the past",
        ),
        (
            &baku(now + 9),
            &baku(now + 8),
            &[],
            1,
            "ends after it begins",
        ),
        (
            &baku(now),
            &baku(now + 60),
            &["--service", "AZ/GOV/2001/TAX/registry"],
            1,
            "AZ/GOV/2001/TAX/registry is not a service of this node",
        ),
    ] {
        let mut arguments = vec!["maintenance", "announce", "--from", from, "--until", until];
        arguments.extend(more);
        let said = world.provider.officer(&arguments).await;
        assert_eq!(said.code, code, "{said:?}");
        assert!(said.err.contains(words), "{said:?}");
    }
    assert!(
        world
            .provider
            .officer(&["maintenance", "list"])
            .await
            .good()
            .starts_with("0 ")
    );
}
