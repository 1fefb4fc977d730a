//! What goes stale, and what happens then: one row a thing, with the numbers and the words that the node works with.

use std::fmt::Write as _;

use bridge_core::accept::Language;
use bridge_core::envelope::{AHEAD_S, LIFETIME_S};
use bridge_core::refusal::{NodeFault, PeerFault, Refusal, Unknown};

use super::parts::DEFAULT_REFRESH_S;
use super::status::{EVERY_S as STATUS_EVERY_S, TOLERATED_AGE_S};
use super::time::{CLOCK_ALARM_S, CLOCK_REFUSE_S, EVERY_S, TOLERATED_GAP_S};
use super::witnesses::{RawWitnesses, Witnesses};
use super::{Limits, RawLimits};
use crate::expiry::ALARM_DAYS;

mod span;

use span::{ANSWER_WARNS_S, DIRECTORY_WARNS_H, LIST_WARNS_S};

pub use span::{Span, Tells};

/// One thing that goes stale.
#[derive(Debug)]
pub struct Row {
    /// What it is.
    pub thing: &'static str,
    /// How it is kept fresh, and how old it may be by default.
    pub usual: String,
    /// What warns before.
    pub warning: String,
    /// What happens after.
    pub after: String,
    /// What shows it, in Prometheus.
    pub metric: &'static str,
    /// From when on it warns and stops, of things that authorities outside say again and again.
    pub spans: Vec<Span>,
    /// What a caller reads first, if exchanges are refused.
    pub message: Option<Refusal>,
    /// How it ends.
    pub recovery: &'static str,
    /// The tests of this row.
    pub tests: &'static [&'static str],
}

/// Time-stamps warn after this part of the time that is tolerated without one.
const WARNS_PART: u64 = 8;
/// A moment for the messages of the page.
const EXAMPLE_S: u64 = 1_795_300_000;

/// All rows.
pub fn rows() -> Vec<Row> {
    let mut rows = authorities();
    rows.extend(others());
    rows
}

/// What somebody outside says again and again.
fn authorities() -> Vec<Row> {
    let [gap_s, every_s, status_every_s, age_s] =
        [TOLERATED_GAP_S, EVERY_S, STATUS_EVERY_S, TOLERATED_AGE_S].map(usual);
    let days = ALARM_DAYS.map(|days| days.to_string()).join(", ");
    vec![
        Row {
            thing: "directory",
            usual: format!("read every {DEFAULT_REFRESH_S} s; valid until its authority's metadata says, a day at most"),
            warning: format!("alert `DirectoryExpiresSoon` {DIRECTORY_WARNS_H} h before; the log at each failed reading"),
            after: "503 in both roles, at once".to_owned(),
            metric: "bridge_directory_expiry_timestamp_seconds",
            spans: Span::directory(),
            message: Some(Refusal::Node(NodeFault::DirectoryExpired { expired_s: EXAMPLE_S })),
            recovery: "with the first reading that succeeds",
            tests: &["s43_an_expired_directory_stops_both_roles_until_one_refresh", "s43_a_node_without_any_directory_refuses_and_recovers_by_itself", "two_days_without_the_directorys_server_are_a_day_of_exchanges_and_a_day_of_none"],
        },
        Row {
            thing: "certificate status",
            usual: format!("read every {status_every_s} s; counts until its own next update, {age_s} s at most"),
            warning: format!("alert `CertificateStatusLate` {LIST_WARNS_S} s before (answers of responders: {ANSWER_WARNS_S} s); the log when a source fails (`status_source_fails`)"),
            after: "503 for exchanges with certificates of that authority, alert `CertificateStatusUnknown`; what is revoked stays so".to_owned(),
            metric: "bridge_status_until_timestamp_seconds",
            spans: Span::status(),
            message: Some(Refusal::Node(NodeFault::CertificateStatus {
                authority: "CN=CA1".to_owned(),
                until_s: Some(EXAMPLE_S),
            })),
            recovery: "with the first list or answer that holds; a `state` leaf says how long it was",
            tests: &["s42_without_a_list_nothing_is_exchanged_after_the_tolerated_age_and_all_goes_on_by_itself", "s42_two_days_of_a_silent_authority_are_a_day_of_exchanges_and_a_day_of_none", "two_days_without_lists_and_answers_are_a_day_of_exchanges_and_a_day_of_none", "two_days_without_responders_stop_exchanges_from_the_end_of_their_last_answers", "a_silent_responder_is_told_by_ready_metrics_and_journal_as_a_silent_list_is"],
        },
        Row {
            thing: "certificates of the node",
            usual: "valid until their own end; with `[acme]` renewed when a third to a fifth of their life is left".to_owned(),
            warning: format!("in log (`certificate_expires`) and `ready` (`alarms`) {days} days before; alert `CertificateExpiresSoon`"),
            after: "peers refuse; the node does not start".to_owned(),
            metric: "bridge_certificate_expiry_timestamp_seconds",
            spans: Vec::new(),
            message: Some(Refusal::PeerRequest(PeerFault::KeyNotValid)),
            recovery: "when the node has gone over to new ones, without a restart, also after the end, or starts with them; the directory must have their keys",
            tests: &["a_running_node_goes_over_to_certificates_without_a_restart_when_the_directory_knows_them", "a_node_runs_past_the_end_of_its_certificates_and_takes_new_ones_without_a_restart", "an_alarm_is_reached_at_its_day_and_not_before", "s36_untrusted_and_expired_certificates_of_peers"],
        },
        Row {
            thing: "members' own nodes, by their roles",
            usual: "signed for a year; read with the directory".to_owned(),
            warning: format!("at the member in log (`member_role_expires`) and `ready` (`alarms`) {days} days before, alert `MemberRoleExpiresSoon`; at others in log (`member_roles_fail`), alert `MemberRolesFail`"),
            after: "that member has no nodes, the others go on; a newer file that can't be had: the one before counts a day at most".to_owned(),
            metric: "bridge_member_role_expiry_timestamp_seconds",
            spans: Vec::new(),
            message: Some(Refusal::Unknown(Unknown::Node)),
            recovery: "with the first reading after the member has published anew",
            tests: &["s43_what_a_member_says_of_its_own_nodes_ends_for_that_member_alone", "each_alarm_of_a_members_role_is_told_once_and_a_renewed_one_has_its_own", "the_file_of_before_counts_no_longer_than_a_timestamp_that_vouched_for_it"],
        },
        Row {
            thing: "time-stamps",
            usual: format!("every {every_s} s; {gap_s} s without one are tolerated"),
            warning: format!("alert `TimeStampsLate` after {} s; the log when an authority fails (`time_authority_fails`)", gap_s / WARNS_PART),
            after: "503 in both roles".to_owned(),
            metric: "bridge_time_stamp_newest_timestamp_seconds",
            spans: Span::stamps(),
            message: Some(Refusal::Node(NodeFault::TimeStamps)),
            recovery: "with the first stamp that is kept; a `state` leaf says how long it was",
            tests: &["s54_without_a_stamp_for_too_long_nothing_is_exchanged_and_it_recovers_by_itself", "a_node_that_starts_goes_by_the_newest_stamp_that_it_kept", "two_days_without_time_stamps_are_four_hours_of_exchanges_and_the_rest_of_none", "two_days_without_any_authority_end_by_themselves_when_all_are_back"],
        },
    ]
}

/// What the node, its peers and its witnesses do themselves.
#[expect(clippy::too_many_lines, reason = "a table: one row a thing")]
fn others() -> Vec<Row> {
    let [alarm_s, refuse_s] = [CLOCK_ALARM_S, CLOCK_REFUSE_S].map(usual);
    let witnesses = Witnesses::check(
        &RawWitnesses::default(),
        std::path::Path::new(""),
        &mut Vec::new(),
    );
    let (every, tolerated) = (witnesses.every.as_secs(), witnesses.tolerated.as_secs());
    let limits = Limits::check(&RawLimits::default(), &mut Vec::new());
    vec![
        Row {
            thing: "clock, against stamped time",
            usual: format!("{refuse_s} s off are tolerated"),
            warning: format!("{alarm_s} s off: the log (`clock_alarm`), alert `ClockOff`"),
            after: "503 in both roles".to_owned(),
            metric: "bridge_time_stamp_ahead_seconds",
            spans: Vec::new(),
            message: Some(Refusal::Node(NodeFault::Clock)),
            recovery: "with the first stamp that agrees",
            tests: &["a_clock_off_by_a_minute_stops_exchanges_until_it_is_right"],
        },
        Row {
            thing: "clock, against the newest leaf",
            usual: format!("{AHEAD_S} s behind are tolerated"),
            warning: "none: a clock that was set back is wrong at once".to_owned(),
            after: "503 in both roles".to_owned(),
            metric: "bridge_journal_newest_leaf_timestamp_seconds",
            spans: Vec::new(),
            message: Some(Refusal::Node(NodeFault::Clock)),
            recovery: "when the clock has caught up, or by one start with `--trust-clock`",
            tests: &["a_clock_set_back_by_a_day_stops_exchanges_until_it_is_right"],
        },
        Row {
            thing: "clocks of peers",
            usual: format!("a message counts {LIFETIME_S} s, and {AHEAD_S} s before it was made"),
            warning: "none".to_owned(),
            after: "that message is refused, and both clocks are told".to_owned(),
            metric: "bridge_refusals_total",
            spans: Vec::new(),
            message: Some(Refusal::PeerRequest(PeerFault::NotFresh {
                created_s: EXAMPLE_S,
                expires_s: EXAMPLE_S + LIFETIME_S,
                now_s: EXAMPLE_S + LIFETIME_S + 1,
            })),
            recovery: "when the clock that is wrong is right",
            tests: &["a_recorded_request_is_refused_at_every_later_time"],
        },
        Row {
            thing: "cosignatures of witnesses",
            usual: format!("asked for every {every} s; leaves may wait {tolerated} s"),
            warning:
                "alert `CosignaturesLate` after half an hour; the log when a witness is silent"
                    .to_owned(),
            after: "503 in both roles".to_owned(),
            metric: "bridge_journal_uncosigned_since_timestamp_seconds",
            spans: Vec::new(),
            message: Some(Refusal::Node(NodeFault::Unwitnessed { since_s: EXAMPLE_S })),
            recovery: "when enough witnesses cosign",
            tests: &[
                "witnesses_that_are_away_stop_nothing_within_the_tolerated_time_and_all_goes_on_when_they_are_back",
                "the_tolerated_time_goes_on_over_a_restart",
            ],
        },
        Row {
            thing: "receipts of peers",
            usual: format!(
                "looked up every {} s; under a checkpoint within {} s",
                limits.receipt_check.as_secs(),
                limits.receipt_within.as_secs()
            ),
            warning: "none".to_owned(),
            after: "an alarm in log, `ready` and journal; exchanges go on".to_owned(),
            metric: "bridge_peer_logs_in_doubt",
            spans: Vec::new(),
            message: None,
            recovery: "when that log proves a receipt again",
            tests: &["a_peer_whose_log_does_not_grow_is_told_of_once_and_forgiven_when_it_does"],
        },
        Row {
            thing: "versions of peers",
            usual: format!(
                "the directory lists what each speaks; this node speaks {}",
                crate::WIRE_VERSION
            ),
            warning: "none".to_owned(),
            after: "a node without a common version is not asked".to_owned(),
            metric: "bridge_refusals_total",
            spans: Vec::new(),
            message: Some(Refusal::Unknown(Unknown::Node)),
            recovery: "with the directory that lists a common version",
            tests: &["s34_a_node_that_speaks_no_common_version_is_not_asked"],
        },
    ]
}

/// The page of `config/STALENESS.md`.
pub fn page() -> String {
    let mut page = String::from(
        "# What goes stale\n\nWritten by the node's own code (`settings/staleness.rs`), with its defaults and its words; a test holds the two together. \
         What is too old stops what rests on it, unless its row says that exchanges go on; the last columns say how that ends and which tests show it.\n\n\
         | what | by default | warning before | after | metric | first words to a caller | it ends | tests |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows() {
        let message = row
            .message
            .map(|refusal| first_sentence(&refusal.message(Language::English)));
        let tests = row.tests.iter().map(|test| format!("`{test}`"));
        let tests: Vec<String> = tests.collect();
        // Writing to a text does not fail.
        let _written = writeln!(
            page,
            "| {} | {} | {} | {} | `{}` | {} | {} | {} |",
            row.thing,
            row.usual,
            row.warning,
            row.after,
            row.metric,
            message.unwrap_or_else(|| "none".to_owned()),
            row.recovery,
            tests.join(", ")
        );
    }
    page
}

fn first_sentence(message: &str) -> String {
    message
        .split_once(". ")
        .map_or(message, |(first, _)| first)
        .to_owned()
}

fn usual((_, (_, usual, _)): super::time::Number) -> u64 {
    usual
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn sources(folder: &Path, found: &mut String) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn the_page_on_staleness_is_what_the_code_says() {
        let path = root().join("config/STALENESS.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, page()).unwrap();
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            page(),
            "run with UPDATE_GOLDEN=1"
        );
    }

    #[test]
    fn each_row_names_a_metric_that_is_told_alerts_and_log_lines_that_are_there_and_its_tests() {
        let metrics = fs::read_to_string(root().join("config/monitoring/README.md")).unwrap();
        let alerts = fs::read_to_string(root().join("config/monitoring/alerts.yml")).unwrap();
        let mut code = String::new();
        for folder in [
            "bridge-node/src",
            "bridge-node/directory/src",
            "bridge-node/tests",
            "tests/scenarios",
        ] {
            sources(&root().join(folder), &mut code);
        }
        for row in rows() {
            assert!(
                metrics.contains(&format!("| `{}` |", row.metric)),
                "{}",
                row.metric
            );
            // Between backticks stand alerts, codes of the log, keys of `ready`, and options.
            for word in row.warning.split('`').skip(1).step_by(2) {
                let is_there = alerts.contains(&format!("alert: {word}\n"))
                    || code.contains(&format!("code = \"{word}\""))
                    || ["ready", "alarms"].contains(&word);
                assert!(is_there, "{}: {word}", row.thing);
            }
            assert!(!row.tests.is_empty(), "{}", row.thing);
            for span in &row.spans {
                assert!(span.series.starts_with(row.metric), "{}", row.thing);
                assert!(row.warning.contains(&format!("`{}`", span.alert)));
                let alert = format!("alert: {}\n", span.alert);
                let (_, after) = alerts.split_once(&alert).unwrap();
                let expression = after.lines().next().unwrap();
                assert!(expression.contains(&span.expression), "{expression}");
            }
            for test in row.tests {
                assert!(
                    code.contains(&format!("fn {test}()")),
                    "{}: {test}",
                    row.thing
                );
            }
        }
    }
}
