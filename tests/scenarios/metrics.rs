//! What a node tells Prometheus of its exchanges, and what it does not tell.

use bridge_tests::answer::Answer;
use bridge_tests::wait::wait_until;
use bridge_tests::world::{PATH, World};

/// The value of one series; 0 if it is not there.
fn value(text: &str, series: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.map_or(0, |rest| rest.trim().parse().unwrap())
}

async fn metrics(agency: &bridge_tests::agency::Agency) -> Answer {
    agency.health("/metrics").await.unwrap()
}

#[tokio::test]
async fn metrics_count_every_step_refusal_and_ending_at_both_ends_and_name_nobody() {
    let world = World::usual().await;
    for _ in 0..3 {
        world.consumer.get(PATH).send().await.answered(200);
    }
    let secret = "5XKQ7ZW";
    world
        .consumer
        .get(&format!("/r1/AZ/GOV/1001/POPULATION/{secret}"))
        .send()
        .await
        .refused(403, "server.clientproxy.access_denied");
    let head = "bridge_exchanges_total{side=";
    let ours = metrics(&world.consumer).await;
    let media = ours.field("content-type").unwrap();
    assert!(media.starts_with("application/openmetrics-text"), "{media}");
    let text = String::from_utf8(ours.body.to_vec()).unwrap();
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(
        value(&text, &format!("{head}\"consumer\",outcome=\"answered\"}}")),
        3
    );
    assert_eq!(
        value(&text, &format!("{head}\"consumer\",outcome=\"refused\"}}")),
        1
    );
    for step in [
        "entered",
        "authorised",
        "request_kept",
        "answer_verified",
        "answer_kept",
    ] {
        let series = format!("bridge_step_seconds_count{{side=\"consumer\",step=\"{step}\"}}");
        let passed = if step == "entered" { 4 } else { 3 };
        assert_eq!(value(&text, &series), passed, "{step}");
    }
    let refused = "bridge_step_refusals_total{side=\"consumer\",step=\"authorised\"}";
    assert_eq!(value(&text, refused), 1);
    assert_eq!(
        value(&text, "bridge_exchanges_under_way{side=\"consumer\"}"),
        0
    );
    assert_eq!(value(&text, "bridge_ready"), 1);
    // Two leaves an exchange, one for the refusal, all durable before they are shown.
    assert_eq!(value(&text, "bridge_journal_leaves"), 7);
    assert!(value(&text, "bridge_directory_expiry_timestamp_seconds") > 0);
    for name in ["AZ", "POPULATION", "TAX", secret] {
        assert!(!text.contains(name), "{name} is in the metrics");
    }
    // The provider counts an answer after it was handed over for sending: a moment later than the caller has it.
    wait_until("the provider's node has counted", async || {
        let theirs = metrics(&world.provider).await;
        let text = String::from_utf8(theirs.body.to_vec()).unwrap();
        value(&text, &format!("{head}\"provider\",outcome=\"answered\"}}")) == 3
            && value(
                &text,
                "bridge_step_seconds_count{side=\"provider\",step=\"served\"}",
            ) == 3
    })
    .await;
}
