//! How other services fare beside a hostile adapter.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bridge_tests::wait::wait_until;
use bridge_tests::world::PATH;
use tokio::time::Instant;

use super::stage::{Stage, caged_user, groups_of};

/// What the log says of a program that computes unasked, and of one that has stopped.
const SLOWED: &str = "\"adapter_slowed\"";
const RESTS: &str = "the adapter rests";
/// Everything that a program can do to hold up the others.
const DEEDS: [&str; 10] = [
    "ten-gigabytes",
    "endless",
    "slow",
    "forged-fields",
    "shout",
    "memory",
    "exit-midway",
    "hang",
    "fork-bomb",
    "burn",
];

/// The time below which so many of 100 lie.
fn of_hundred(many: usize, times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() * many / 100]
}

/// One by the other, the greater one above.
fn apart(one: Duration, other: Duration) -> f64 {
    one.max(other).as_secs_f64() / one.min(other).as_secs_f64()
}

/// Times of so many exchanges of the other service, one after the other. On one connection: what is measured is the nodes' pace, not
/// that of a caller's handshakes.
async fn pace(stage: &Stage, exchanges: usize) -> Vec<Duration> {
    let mut kept = stage.world.consumer.caller().connect().await.unwrap();
    let mut times = Vec::with_capacity(exchanges);
    for _ in 0..exchanges {
        let (answer, time) = kept.get(PATH).await.unwrap();
        answer.answered(200);
        times.push(time);
    }
    times
}

/// A rule of medians, which a cage that does not hold would multiply.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figure is for people")]
async fn other_services_keep_their_pace_beside_a_hostile_adapter() {
    const MOST: f64 = 1.5;
    let (rounds, exchanges) = (8, 64);
    let stage = Stage::open("cage = { cpu_percent = 50 }").await;
    stage.serves().await;
    let beside_burning = async || {
        assert_eq!(stage.said("burn").await["begun"], true);
        let times = pace(&stage, exchanges).await;
        // The program itself goes on: the pause before another start grows with each.
        assert_eq!(stage.said("end").await["ended"], true);
        times
    };
    // Begun again whenever the program was started again.
    let beside_bombs = async || {
        let bombs = async {
            loop {
                stage.bomb().await;
            }
        };
        let times = tokio::select! {
            times = pace(&stage, exchanges) => times,
            () = bombs => unreachable!(),
        };
        stage.serves().await;
        times
    };
    pace(&stage, exchanges).await;
    let (mut quiet, mut beside) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // In turn, so that what the machine does meanwhile falls on both; each deed and each order as often.
        let is_quiet_first = round % 2 == 0;
        if is_quiet_first {
            quiet.extend(pace(&stage, exchanges).await);
        }
        beside.extend(match round / 2 % 2 {
            0 => beside_burning().await,
            _ => beside_bombs().await,
        });
        if !is_quiet_first {
            quiet.extend(pace(&stage, exchanges).await);
        }
    }
    let (quiet, beside) = (of_hundred(50, &quiet), of_hundred(50, &beside));
    let ratio = beside.as_secs_f64() / quiet.as_secs_f64();
    println!("p50 of another service: {quiet:?} quiet, {beside:?} beside, ratio {ratio:.2}");
    assert!(ratio < MOST, "{beside:?} beside, {quiet:?} quiet");
    stage.close().await;
}

/// The figure itself. What bombs and what burns is measured from when the node has dealt with it.
#[tokio::test]
#[ignore = "seven minutes of a release build without other work: tests/bench/pace"]
#[expect(clippy::print_stdout, reason = "the figure is for people")]
async fn p99_of_other_services_stays_within_a_tenth_beside_every_hostile_deed() {
    const MOST: f64 = 1.10;
    const MOST_OF_EACH: f64 = 1.5;
    // So many that what another deed does to others, and a new start after it, are in the figure.
    let exchanges = 10_000;
    let stage = Stage::open("cage = { cpu_percent = 50, unasked_seconds = 1 }").await;
    stage.serves().await;
    pace(&stage, exchanges).await;
    let (mut quiet, mut beside) = ([Vec::new(), Vec::new()], Vec::new());
    let mut each = Vec::new();
    for (number, deed) in DEEDS.iter().enumerate() {
        let (half, is_quiet_first) = (number / 2 % 2, number % 2 == 0);
        if is_quiet_first {
            quiet[half].extend(pace(&stage, exchanges).await);
        }
        stage.serves().await;
        let times = match *deed {
            "burn" => {
                let before = stage.log().matches(SLOWED).count();
                stage.said("burn").await;
                wait_until("it is slowed", async || {
                    stage.log().matches(SLOWED).count() > before
                })
                .await;
                let times = pace(&stage, exchanges).await;
                stage.said("end").await;
                times
            }
            "fork-bomb" => {
                stage.bomb().await;
                pace(&stage, exchanges).await
            }
            deed => {
                let done = async {
                    drop(stage.deed(deed).await);
                    std::future::pending::<()>().await;
                };
                // Some have no end: their caller leaves.
                tokio::select! {
                    times = pace(&stage, exchanges) => times,
                    () = done => unreachable!(),
                }
            }
        };
        let p99 = of_hundred(99, &times);
        println!("{deed}: p99 {p99:?}");
        each.push((deed, p99));
        beside.extend(times);
        if !is_quiet_first {
            quiet[half].extend(pace(&stage, exchanges).await);
        }
    }
    // The same again between two halves of the quiet rounds: what the machine does by itself.
    let [one, other] = [0, 1].map(|half: usize| of_hundred(99, &quiet[half]));
    let noise = apart(one, other);
    let (quiet, beside) = (of_hundred(99, &quiet.concat()), of_hundred(99, &beside));
    let ratio = beside.as_secs_f64() / quiet.as_secs_f64();
    println!(
        "p99 of another service: {quiet:?} quiet, {beside:?} beside, ratio {ratio:.2}; two halves of the quiet rounds: {noise:.2}"
    );
    assert!(ratio < MOST, "{beside:?} beside, {quiet:?} quiet");
    for (deed, p99) in each {
        let ratio = p99.as_secs_f64() / quiet.as_secs_f64();
        assert!(ratio < MOST_OF_EACH, "{deed}: {p99:?}, {quiet:?} quiet");
    }
    stage.close().await;
}

/// The processor time that a group of the program has used.
fn used(groups: &[PathBuf]) -> Duration {
    let read = |file: &Path| fs::read_to_string(file).ok();
    let nanos = groups
        .iter()
        .find_map(|group| read(&group.join("cpuacct.usage")))
        .map(|text| Duration::from_nanos(text.trim().parse().unwrap()));
    let micros = |text: String| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "));
        line.map(|micros| Duration::from_micros(micros.parse().unwrap()))
    };
    let mut stats = groups
        .iter()
        .filter_map(|group| read(&group.join("cpu.stat")));
    nanos.or_else(|| stats.find_map(micros)).unwrap()
}

/// What the provider's node says of itself, while it is ready.
async fn alarms(stage: &Stage) -> String {
    let ready = stage.world.provider.health("/ready").await.unwrap();
    assert_eq!(ready.status, 200, "{ready:?}");
    String::from_utf8(ready.body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_program_that_computes_unasked_is_slowed_and_has_its_share_for_whoever_asks() {
    let stage = Stage::open("cage = { cpu_percent = 50, unasked_seconds = 1 }").await;
    stage.serves().await;
    let groups = groups_of(caged_user(&stage.log()));
    assert_eq!(stage.said("burn").await["begun"], true);
    wait_until("it is slowed", async || stage.log().contains(SLOWED)).await;
    assert!(alarms(&stage).await.contains("nobody asks it"));
    // Each of its processes runs on to a tick once. Then it gets one here and there: of its half a processor it would use
    // 500 ms a second.
    pace(&stage, 256).await;
    let (begun, before) = (Instant::now(), used(&groups));
    while begun.elapsed() < Duration::from_secs(2) {
        pace(&stage, 64).await;
    }
    let share = used(&groups).abs_diff(before).as_secs_f64() / begun.elapsed().as_secs_f64();
    assert!(share < 0.05, "{share}");
    // Whoever asks it is answered in time, whatever it does besides.
    assert_eq!(stage.said("fine").await["fine"], true);
    assert_eq!(stage.said("end").await["ended"], true);
    wait_until("it rests", async || stage.log().contains(RESTS)).await;
    assert_eq!(stage.log().matches("the cage of an adapter").count(), 1);
    assert!(!alarms(&stage).await.contains("nobody asks it"));
    stage.close().await;
}

/// Its last word takes time that it would not have for minutes.
#[tokio::test]
async fn a_slowed_program_has_its_share_to_end_in_time() {
    let place = tempfile::tempdir().unwrap();
    let settings = format!(
        "data = \"{}\"\ncage = {{ cpu_percent = 50, unasked_seconds = 1, data_free_mib = 0 }}",
        place.path().display()
    );
    let stage = Stage::open(&settings).await;
    stage.serves().await;
    stage.said("burn").await;
    wait_until("it is slowed", async || stage.log().contains(SLOWED)).await;
    stage.close().await;
    assert!(place.path().join("last-word").exists());
}
