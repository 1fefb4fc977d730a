//! When what somebody outside says again and again has not come: from when on an alert warns, and from when on it stops exchanges.

use bridge_directory::publisher::TIMESTAMP_LIFE_S;

use super::{TOLERATED_AGE_S, TOLERATED_GAP_S, WARNS_PART, usual};

/// The times of one thing, in seconds, and the metric that tells how old it is.
#[derive(Debug, Clone)]
pub struct Span {
    /// The series of the metric, as `/metrics` writes it.
    pub series: String,
    /// What the metric tells.
    pub tells: Tells,
    /// The alert that warns.
    pub alert: &'static str,
    /// What the alert's expression says of it.
    pub expression: String,
    /// The alert warns so long before the end ([`Tells::Until`]), or so long after the newest word ([`Tells::Newest`]).
    pub warns_s: u64,
    /// So long after the newest word it counts no more.
    pub stops_s: u64,
}

/// What a metric about age tells, Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// Until when the thing counts.
    Until,
    /// When the newest word came.
    Newest,
}

// === impl Span ===

impl Span {
    /// Of the directory.
    pub(super) fn directory() -> Vec<Self> {
        let series = "bridge_directory_expiry_timestamp_seconds";
        vec![Self {
            series: series.to_owned(),
            tells: Tells::Until,
            alert: "DirectoryExpiresSoon",
            expression: format!("{series} - time() < {DIRECTORY_WARNS_H} * 3600"),
            warns_s: DIRECTORY_WARNS_H * 3600,
            stops_s: TIMESTAMP_LIFE_S,
        }]
    }

    /// Of revocation lists, and of responders' answers.
    pub(super) fn status() -> Vec<Self> {
        let of = |source: &str, warns_s: u64| {
            let series = format!("bridge_status_until_timestamp_seconds{{source=\"{source}\"}}");
            Self {
                tells: Tells::Until,
                alert: "CertificateStatusLate",
                expression: format!("{series} - time() < {warns_s}"),
                warns_s,
                stops_s: usual(TOLERATED_AGE_S),
                series,
            }
        };
        vec![of("list", LIST_WARNS_S), of("answer", ANSWER_WARNS_S)]
    }

    /// Of time-stamps.
    pub(super) fn stamps() -> Vec<Self> {
        let series = "bridge_time_stamp_newest_timestamp_seconds";
        vec![Self {
            series: series.to_owned(),
            tells: Tells::Newest,
            alert: "TimeStampsLate",
            expression: format!(
                "time() - {series} > bridge_time_stamp_tolerated_seconds / {WARNS_PART}"
            ),
            warns_s: usual(TOLERATED_GAP_S) / WARNS_PART,
            stops_s: usual(TOLERATED_GAP_S),
        }]
    }

    /// The time at which the alert begins, if the metric has told this since.
    pub fn warns_from_s(&self, told_s: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "seconds of days")]
        let warns_s = self.warns_s as f64;
        match self.tells {
            Tells::Until => told_s - warns_s,
            Tells::Newest => told_s + warns_s,
        }
    }

    /// The last time at which it counts, if the metric has told this since.
    pub fn counts_until_s(&self, told_s: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "seconds of days")]
        let stops_s = self.stops_s as f64;
        match self.tells {
            Tells::Until => told_s,
            Tells::Newest => told_s + stops_s,
        }
    }
}

/// Long enough to reach an authority's officers on a working day.
pub(super) const DIRECTORY_WARNS_H: u64 = 6;
/// A list is made a day ahead.
pub(super) const LIST_WARNS_S: u64 = 1800;
/// Answers of many responders count for minutes only.
pub(super) const ANSWER_WARNS_S: u64 = 120;
