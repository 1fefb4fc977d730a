use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bridge_core::refusal::{LinkFault, NodeFault, RequestFault};
use prometheus_client::encoding::text::encode;
use serde_json::Value;

use super::*;

/// A file beside the operator's metrics.
fn monitoring(file: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.join("../config/monitoring").join(file)
}

fn text(metrics: &Metrics) -> String {
    let mut text = String::new();
    encode(&mut text, &metrics.registry).unwrap();
    text
}

/// One row a metric: its name as it is asked for, type, labels, what it tells.
fn table(text: &str) -> String {
    let mut rows = String::new();
    for line in text.lines() {
        let Some((name, help)) = line
            .strip_prefix("# HELP ")
            .and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        let find = |what: &str| {
            let start = format!("# {what} {name} ");
            text.lines()
                .find_map(|line| line.strip_prefix(&start))
                .map(str::to_owned)
        };
        let kind = find("TYPE").unwrap();
        let asked = match kind.as_str() {
            "counter" => format!("{name}_total"),
            "histogram" => format!("{name}_bucket"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        let labels: BTreeSet<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix(&asked)?.strip_prefix('{'))
            .flat_map(|rest| rest.split('}').next().unwrap().split("\","))
            .filter_map(|pair| pair.split('=').next())
            .collect();
        let labels = labels.into_iter().collect::<Vec<_>>().join(", ");
        let help = help.trim_end_matches('.');
        writeln!(rows, "| `{asked}` | {kind} | {labels} | {help} |").unwrap();
    }
    rows
}

#[test]
fn the_document_names_every_metric_with_its_labels_and_unit() {
    let metrics = Metrics::new();
    metrics.refused(&Refusal::Node(NodeFault::Draining), Side::Consumer);
    let rows = table(&text(&metrics));
    let document = std::fs::read_to_string(monitoring("README.md")).unwrap();
    let (head, _old) = document.split_once("| name |").unwrap();
    let new = format!("{head}| name | type | labels | what |\n|---|---|---|---|\n{rows}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(monitoring("README.md"), &new).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(monitoring("README.md")).unwrap(),
        new,
        "UPDATE_GOLDEN=1 writes the table of metrics anew"
    );
    for row in rows.lines() {
        let name = row.split('`').nth(1).unwrap();
        assert!(name.starts_with("bridge_"), "{name}");
        // What a metric tells in other units than ones has the unit in its name.
        for (words, unit) in [
            (["since 1970", "expires, since"], "_timestamp_seconds"),
            (["| Time ", "Processor time"], "_seconds"),
            (["By how much", "How old"], "_seconds"),
            (["| Bytes ", "| Bodies on disk"], "_bytes"),
            (["| Space ", "| Memory "], "_bytes"),
        ] {
            let told = words.iter().any(|word| row.contains(word));
            assert!(!told || name.contains(unit), "{row}: without {unit}");
        }
        let is_histogram = row.contains("| histogram |");
        assert!(!is_histogram || name.ends_with("_seconds_bucket"), "{row}");
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_exist_and_for_every_one() {
    let metrics = Metrics::new();
    metrics.refused(&Refusal::Node(NodeFault::Draining), Side::Consumer);
    let rows = table(&text(&metrics));
    let known: BTreeSet<&str> = rows
        .lines()
        .map(|row| row.split('`').nth(1).unwrap())
        .collect();
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(monitoring("dashboard.json")).unwrap())
            .unwrap();
    let mut asked = BTreeSet::new();
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    let mut expressions = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(!title.is_empty());
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id");
        let [h, w, x, y] = ["h", "w", "x", "y"].map(|of| panel["gridPos"][of].as_u64().unwrap());
        let mut cells = (y..y + h).flat_map(|y| (x..x + w).map(move |x| (x, y)));
        assert!(cells.all(|cell| places.insert(cell)), "{title}: its place");
        for target in panel["targets"].as_array().into_iter().flatten() {
            expressions += 1;
            let text = target["expr"].as_str().unwrap();
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            asked.extend(
                words
                    .filter(|word| word.starts_with("bridge_"))
                    .map(str::to_owned),
            );
        }
    }
    assert!(expressions >= 15, "{expressions}");
    for name in &asked {
        assert!(known.contains(name.as_str()), "{name} does not exist");
    }
    let unasked: Vec<_> = known
        .iter()
        .filter(|name| !asked.contains(**name))
        .collect();
    assert!(unasked.is_empty(), "no panel shows {unasked:?}");
}

#[test]
fn every_limit_of_the_settings_is_counted_or_said_why_not() {
    // What is no limit on others: how much is kept in memory, what excuses time, when places shrink (`bridge_places` shows it),
    // what need not be verified again, how often to look up receipts and when to wonder, how long a key counts, how long to
    // drain, how large files and pages are, what the own authority may say: a renewal that fails is counted as such.
    let no_limit = [
        "body_memory_bytes",
        "spool_memory_bytes",
        "body_bytes_per_second",
        "journal_wait_milliseconds",
        "known_batches",
        "audit_page_bytes",
        "audit_page_leaves",
        "receipt_check_seconds",
        "receipt_seconds",
        "idempotency_days",
        "drain_seconds",
        "segment_bytes",
        "acme_bytes",
        "acme_seconds",
        "acme_order_seconds",
    ];
    let example =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/node.toml"))
            .unwrap();
    let (_, limits) = example.split_once("[limits]").unwrap();
    let keys = limits
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.trim_start_matches("# ").split_once(" = "));
    let mut seen = 0;
    for (key, _) in keys.filter(|(key, _)| !no_limit.contains(key)) {
        seen += 1;
        let counted = |limit: &Limit| {
            limit.as_str() == key
                || (limit.as_str() == "spool" && key.starts_with("spool_"))
                || (*limit == Limit::Pace && key == "slowest_bytes_per_second")
                || (*limit == Limit::IdempotencyKeys && key == "idempotency_keys_of_client")
        };
        assert!(
            Limit::ALL.iter().any(counted),
            "limits.{key} is not counted"
        );
    }
    assert!(seen >= 11, "{seen}");
}

#[test]
fn a_refusal_counts_its_type_and_the_limit_that_it_tells_of() {
    let metrics = Metrics::new();
    metrics.refused(
        &Refusal::Request(RequestFault::BodyTooLarge { limit_bytes: 1 }),
        Side::Consumer,
    );
    metrics.refused(
        &Refusal::Link(LinkFault::TimedOut { after_s: 60 }),
        Side::Consumer,
    );
    metrics.refused(
        &Refusal::Request(RequestFault::HeadTooLarge { limit_bytes: 1 }),
        Side::Consumer,
    );
    metrics.refused(&Refusal::Node(NodeFault::DiskReserve), Side::Consumer);
    metrics.refused(&Refusal::Node(NodeFault::SpoolShare), Side::Consumer);
    metrics.refused(&Refusal::Node(NodeFault::Journal), Side::Provider);
    let text = text(&metrics);
    let count = |line: &str| assert!(text.contains(&format!("{line}\n")), "{line}\n{text}");
    count("bridge_limit_reached_total{limit=\"body_bytes\"} 1");
    count("bridge_limit_reached_total{limit=\"exchange_seconds\"} 1");
    for limit in ["head_bytes", "disk_reserve_bytes", "spool"] {
        count(&format!(
            "bridge_limit_reached_total{{limit=\"{limit}\"}} 1"
        ));
    }
    count("bridge_limit_reached_total{limit=\"exchanges\"} 0");
    count(
        "bridge_refusals_total{side=\"provider\",type=\"server.serverproxy.logging_failed\",fault=\"node\"} 1",
    );
}

#[test]
fn every_series_that_can_be_known_is_there_from_the_start() {
    let text = text(&Metrics::new());
    for side in [Side::Consumer, Side::Provider] {
        for step in Step::of(side) {
            let labels = format!("{{side=\"{}\",step=\"{}\"}}", side.as_str(), step.as_str());
            assert!(text.contains(&format!("bridge_step_refusals_total{labels} 0")));
            assert!(text.contains(&format!("bridge_step_seconds_count{labels} 0")));
        }
    }
    for limit in Limit::ALL {
        let line = format!(
            "bridge_limit_reached_total{{limit=\"{}\"}} 0",
            limit.as_str()
        );
        assert!(text.contains(&line), "{line}");
    }
}
