//! Adapters that are broken on purpose: the battery must find each fault, by the check that is named, and
//! nothing else. [`reference`] is sound; every other adapter is that one with one fault.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::semicolon_if_nothing_returned,
    reason = "a test that cannot go on has failed, broken adapters may panic, and a hook is one expression"
)]

mod claims;
mod fault;
mod faults;
mod reference;
mod sound;
mod whole;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bridge_adapter::Adapter;
use bridge_adapter::kit::{self, Days, Format, Pace, Report, Verdict};

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
    /// Which part of the check's claim it breaks.
    part: &'static str,
    what: &'static str,
    /// Whether it is an adapter of its own, and not the reference with a hook.
    whole: bool,
    make: Box<dyn Fn() -> Arc<dyn Adapter>>,
}

fn twins() -> Vec<Twin> {
    let hooked = |(part, fault): (&'static str, fault::Fault)| Twin {
        check: fault.check,
        part,
        what: fault.what,
        whole: false,
        make: Box::new(move || Arc::new(fault.make())),
    };
    let first = faults::all().map(|fault| (first_part(fault.check), fault));
    let hooks = first.chain(faults::further()).map(hooked);
    let mut all: Vec<Twin> = hooks.chain(whole::all()).collect();
    all.push(sound::forgetful());
    let places: Vec<&str> = kit::checks().map(|check| check.id).collect();
    all.sort_by_key(|twin| places.iter().position(|id| *id == twin.check));
    all
}

/// What the first twin of a check breaks.
pub(crate) fn first_part(check: &str) -> &'static str {
    claims::parts(check).first().copied().unwrap_or_default()
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
                "{} {:?} ({}): {}",
                twin.check,
                twin.part,
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
fn every_part_of_every_claim_has_a_broken_twin_and_thirty_of_them_are_adapters_of_their_own() {
    let twins = twins();
    let pairs = |check: &'static str| claims::parts(check).iter().map(move |part| (check, *part));
    let demanded: BTreeSet<_> = kit::checks().flat_map(|check| pairs(check.id)).collect();
    let brought: BTreeSet<_> = twins.iter().map(|twin| (twin.check, twin.part)).collect();
    assert_eq!(brought, demanded);
    assert_eq!(brought.len(), twins.len(), "two break the same part");
    assert!(kit::checks().count() >= 100);
    assert!(twins.iter().filter(|twin| twin.whole).count() >= 30);
}

#[test]
fn a_claim_that_could_say_two_things_is_taken_apart() {
    let listed: BTreeSet<&str> = claims::listed().collect();
    let known: BTreeSet<&str> = kit::checks().map(|check| check.id).collect();
    assert!(listed.is_subset(&known), "{listed:?}");
    assert_eq!(
        listed.len(),
        claims::listed().count(),
        "one is listed twice"
    );
    for check in kit::checks().filter(|check| claims::looks_compound(check.claim)) {
        let told = "list its parts in claims.rs, and bring a twin for each";
        assert!(
            listed.contains(check.id),
            "{}: {}: {told}",
            check.id,
            check.claim
        );
    }
}

#[test]
fn the_list_of_checks_is_current() {
    let mut text = String::from(
        "# What `adapter check` checks\n\nMade from the battery itself, `src/kit`; \
        `bridge-node adapter check --list` prints the same.\n",
    );
    let mut theme = "";
    for check in kit::checks() {
        if check.theme() != theme {
            theme = check.theme();
            writeln!(
                text,
                "\n## {theme}\n\n| check | claim | why it matters |\n|---|---|---|"
            )
            .unwrap();
        }
        writeln!(
            text,
            "| `{}` | {} | {} |",
            check.id,
            cell(check.claim),
            cell(check.why)
        )
        .unwrap();
    }
    writeln!(text, "\n{} checks.", kit::checks().count()).unwrap();
    golden("CHECKS.md", &text);
}

#[test]
fn the_table_of_broken_adapters_is_current() {
    let mut text = String::from(
        "# Broken adapters\n\nEach fails the check beside it and no other: \
        `each_broken_adapter_fails_its_check_and_no_other`. Those of their own stand in `whole/`, the others are \
        the sound one of `reference.rs` with a hook of `faults/`.\n\n\
        | check | part of its claim | the adapter | |\n|---|---|---|---|\n",
    );
    let twins = twins();
    for twin in &twins {
        let form = if twin.whole { "its own" } else { "hook" };
        let (part, what) = (cell(twin.part), cell(twin.what));
        writeln!(text, "| `{}` | {part} | {what} | {form} |", twin.check).unwrap();
    }
    let whole = twins.iter().filter(|twin| twin.whole).count();
    writeln!(
        text,
        "\n{} broken adapters, {whole} of their own.",
        twins.len()
    )
    .unwrap();
    golden("kit-faults/TWINS.md", &text);
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace('*', "\\*")
}

/// Compares with the file, or writes it if `UPDATE_GOLDEN` is set.
fn golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{name} is not current: run with UPDATE_GOLDEN=1"
    );
}

#[tokio::test(start_paused = true)]
async fn a_package_without_an_occasion_is_told_and_not_passed() {
    let mut subject = subject();
    subject.days = Days::default();
    subject.scenario.steps.truncate(4);
    let adapter: Arc<dyn Adapter> = Arc::new(Reference::default());
    let report = kit::examine(&adapter, &subject, &pace()).await;
    let [held, broken, absent] = report.counts();
    assert_eq!(broken, 0, "{}", failures(&report));
    assert_eq!(held + absent, report.outcomes.len());
    let verdict = |id: &str| {
        let found = report.outcomes.iter().find(|own| own.check.id == id);
        found.map(|own| own.verdict.clone()).unwrap()
    };
    for (id, why) in [
        (
            "forms.keys-twice",
            "no step of the scenario has a JSON object as its body",
        ),
        (
            "effects.same-key",
            "no step of the scenario has an effect that is stored",
        ),
        (
            "query.repeated",
            "no reading step of the scenario has a query",
        ),
        (
            "registry.slow",
            "the registry cannot be made to misbehave so",
        ),
    ] {
        assert_eq!(verdict(id), Verdict::DoesNotApply(why.to_owned()), "{id}");
    }
    assert_eq!(verdict("identity.in-turn-by-path"), Verdict::Held);
    let text = report.write("few", Format::Text);
    assert!(
        text.contains("does not apply, because no reading step of the scenario has a query"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_report_says_the_same_as_text_json_and_junit() {
    let fault = faults::all()
        .find(|fault| fault.check == "answers.body")
        .unwrap();
    let adapter: Arc<dyn Adapter> = Arc::new(fault.make());
    let report = kit::examine(&adapter, &subject(), &pace()).await;
    let total = report.outcomes.len();
    let text = report.write("sample", Format::Text);
    assert!(text.ends_with(&format!(
        "sample: {total} checks: {} hold, 1 fail, 0 do not apply\n",
        total - 1
    )));
    let json: serde_json::Value =
        serde_json::from_str(&report.write("sample", Format::Json)).unwrap();
    assert_eq!(
        (json["holds"].as_u64(), json["fails"].as_u64()),
        (Some(total as u64 - 1), Some(1))
    );
    assert_eq!(json["checks"].as_array().unwrap().len(), total);
    let failed = json["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|own| own["verdict"] == "fails")
        .unwrap();
    assert_eq!(failed["id"], "answers.body");
    let xml = report.write("a<b", Format::Junit);
    assert!(xml.contains(&format!(
        "<testsuite name=\"a&lt;b\" tests=\"{total}\" failures=\"1\" errors=\"0\" skipped=\"0\""
    )));
    assert_eq!(xml.matches("<testcase ").count(), total);
    assert_eq!(xml.matches("<failure ").count(), 1);
    // Values of the failure's own text are escaped.
    assert!(xml.contains("got {&quot;fin&quot;"), "{xml}");
    assert!(
        !text.contains('\u{1b}'),
        "colour has no meaning in a report"
    );
}

#[test]
fn a_scenario_that_its_document_forbids_is_a_fault_of_the_package() {
    let mut subject = subject();
    assert_eq!(subject.faults(), []);
    subject.scenario.steps[0]
        .probe
        .query
        .push(("at".to_owned(), "2026-01-01".to_owned()));
    let faults = subject.faults();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].code, "request-not-in-openapi");
}
