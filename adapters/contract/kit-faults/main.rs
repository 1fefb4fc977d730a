//! Adapters that are broken on purpose: the battery must find each fault, by the check that is named, and
//! nothing else. [`reference`] is sound; every other adapter is that one with one fault.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed; broken adapters may panic"
)]

mod fault;
mod faults;
mod reference;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use bridge_adapter::Adapter;
use bridge_adapter::kit::{self, Format, Pace, Report};

use reference::{Reference, subject};

/// How often calls are abandoned in these tests.
pub(crate) const ABANDONED: usize = 60;

/// Time is paused: waiting costs nothing.
fn pace() -> Pace {
    Pace {
        short: Duration::from_millis(50),
        grace: Duration::from_millis(300),
        patience: Duration::from_secs(5),
        together: 64,
        abandoned: ABANDONED,
    }
}

#[tokio::test(start_paused = true)]
async fn the_reference_holds_every_check_and_every_check_applies() {
    let adapter: Arc<dyn Adapter> = Arc::new(Reference::default());
    let report = kit::examine(&adapter, &subject(), &pace()).await;
    let [held, broken, absent] = report.counts();
    assert_eq!(
        (broken, absent),
        (0, 0),
        "{}",
        report.write("reference", Format::Text)
    );
    assert!(held >= 100, "{held}");
}

/// One broken adapter: the check that must find it, what is wrong with it, how to make it.
pub(crate) struct Twin {
    check: &'static str,
    what: &'static str,
    /// Whether it is an adapter of its own, and not the reference with a hook.
    whole: bool,
    make: Box<dyn Fn() -> Arc<dyn Adapter>>,
}

fn twins() -> Vec<Twin> {
    let hooked = faults::all().map(|fault| Twin {
        check: fault.check,
        what: fault.what,
        whole: false,
        make: Box::new(move || Arc::new(fault.make())),
    });
    let mut all: Vec<Twin> = hooked.chain(whole::all()).collect();
    let places: Vec<&str> = kit::checks().map(|check| check.id).collect();
    all.sort_by_key(|twin| places.iter().position(|id| *id == twin.check));
    all
}

#[tokio::test(start_paused = true)]
async fn each_broken_adapter_fails_its_check_and_no_other() {
    // What a panicking adapter says of itself is the claim here, and no news.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut wrong = Vec::new();
    for twin in twins() {
        let report = kit::examine(&(twin.make)(), &subject(), &pace()).await;
        if report.broken() != [twin.check] {
            wrong.push(format!(
                "{} ({}): {}",
                twin.check,
                twin.what,
                failures(&report)
            ));
        }
    }
    std::panic::set_hook(hook);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn failures(report: &Report) -> String {
    let text = report.write("it", Format::Text);
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("ok ") && !line.contains("why: "));
    lines.collect::<Vec<_>>().join("\n    ")
}

#[test]
fn every_check_has_a_broken_twin_and_thirty_of_them_are_adapters_of_their_own() {
    let twins = twins();
    let caught: Vec<&str> = twins.iter().map(|twin| twin.check).collect();
    let checks: Vec<&str> = kit::checks().map(|check| check.id).collect();
    assert_eq!(caught, checks);
    assert!(checks.len() >= 100, "{}", checks.len());
    assert!(twins.iter().filter(|twin| twin.whole).count() >= 30);
}
