//! `[time]`: which authorities stamp the journal's checkpoints, and what happens while none does.

use std::path::PathBuf;
use std::time::Duration;

use bridge_certs::stamp::Policy;
use http::Uri;

use super::parts::Check;
use super::raw;

/// How the journal is stamped.
#[derive(Debug, Clone)]
pub struct Time {
    /// PEM file of the authorities that issue the certificates of time-stamping authorities.
    pub trust: PathBuf,
    /// Who is asked, in this order, until one has stamped.
    pub authorities: Vec<TimeAuthority>,
    /// How often the newest checkpoint is stamped.
    pub every: Duration,
    /// How old the newest stamp may be; above it nothing is exchanged.
    pub tolerated_gap: Duration,
    /// How far the own clock may be from a stamped time without an alarm.
    pub clock_alarm: Duration,
    /// How far it may be; above it nothing is exchanged.
    pub clock_refuse: Duration,
    /// The coarsest accuracy of a stamp that is taken.
    pub accuracy: Duration,
}

/// A time-stamping authority.
#[derive(Debug, Clone)]
pub struct TimeAuthority {
    /// Where it is asked.
    pub url: Uri,
    /// The policy that is asked for and demanded; its own choice if none is given.
    pub policy: Option<Policy>,
    /// With https: PEM file of the authorities that issue the certificate of its web server.
    pub anchors: Option<PathBuf>,
}

/// Often enough that a stamp says when, seldom enough that one serves for thousands of exchanges.
pub(super) const EVERY_S: Number = ("every_seconds", (1, 60, 86_400));
/// As elsewhere in the field: an outage of an authority is found and mended within half a day's work.
pub(super) const TOLERATED_GAP_S: Number = ("tolerated_gap_seconds", (2, 4 * 3600, 30 * 86_400));
/// A clock under a time service is right to some milliseconds.
pub(super) const CLOCK_ALARM_S: Number = ("clock_alarm_seconds", (1, 5, 3600));
/// Messages are fresh for a minute.
pub(super) const CLOCK_REFUSE_S: Number = ("clock_refuse_seconds", (2, 60, 86_400));
/// Coarser than this says too little about the own clock.
const ACCURACY_S: Number = ("accuracy_seconds", (1, 2, 3600));

/// A key and its smallest, usual and largest value.
pub(super) type Number = (&'static str, (u64, u64, u64));

// === impl Check ===

impl Check<'_> {
    /// Checks `[time]`.
    pub(super) fn time(&mut self, raw: &raw::Time) -> Time {
        let seconds = [
            (raw.every_seconds, EVERY_S),
            (raw.tolerated_gap_seconds, TOLERATED_GAP_S),
            (raw.clock_alarm_seconds, CLOCK_ALARM_S),
            (raw.clock_refuse_seconds, CLOCK_REFUSE_S),
            (raw.accuracy_seconds, ACCURACY_S),
        ];
        let [every, tolerated_gap, clock_alarm, clock_refuse, accuracy] =
            seconds.map(|(given, number)| self.seconds("time", given, number));
        if tolerated_gap <= every {
            self.fault(
                "time.tolerated_gap_seconds",
                "is not above time.every_seconds",
                "give more: else every stamp would come too late",
            );
        }
        if clock_refuse <= clock_alarm {
            self.fault(
                "time.clock_refuse_seconds",
                "is not above time.clock_alarm_seconds",
                "give more: an alarm comes first",
            );
        }
        if raw.authorities.is_empty() {
            self.fault(
                "time.authorities",
                "is empty",
                "add [[time.authorities]] with a url, or leave [time] out: then nothing is stamped",
            );
        }
        let authorities = raw.authorities.iter().enumerate();
        Time {
            trust: self.existing("time.trust", &raw.trust),
            authorities: authorities
                .filter_map(|(i, one)| self.time_authority(&format!("time.authorities[{i}]"), one))
                .collect(),
            every,
            tolerated_gap,
            clock_alarm,
            clock_refuse,
            accuracy,
        }
    }

    /// A number of seconds of a section.
    pub(super) fn seconds(
        &mut self,
        section: &str,
        given: Option<u64>,
        (key, (low, usual, high)): Number,
    ) -> Duration {
        let value = given.unwrap_or(usual);
        if !(low..=high).contains(&value) {
            self.fault(
                &format!("{section}.{key}"),
                format!("{value} is out of range"),
                &format!("give {low} to {high} (default {usual})"),
            );
        }
        Duration::from_secs(value)
    }

    fn time_authority(&mut self, place: &str, raw: &raw::TimeAuthority) -> Option<TimeAuthority> {
        let form = "write http://HOST[:PORT][/PATH] or https://…";
        let url = self.parse::<Uri>(&format!("{place}.url"), &raw.url, form)?;
        let scheme = url.scheme_str();
        if !matches!(scheme, Some("http" | "https")) || url.host().is_none_or(str::is_empty) {
            self.fault(&format!("{place}.url"), "is no address", form);
        }
        let file = format!("{place}.anchors");
        match (scheme, &raw.anchors) {
            (Some("https"), None) => self.fault(
                &file,
                "is missing",
                "name the PEM file of the authorities that issue the server's certificate",
            ),
            (Some("http"), Some(_)) => {
                self.fault(
                    &file,
                    "is not used with http",
                    "remove it, or write https://",
                );
            }
            _ => {}
        }
        let policy = raw.policy.as_ref().and_then(|text| {
            let form = "write an object identifier, as 1.2.3.4";
            self.parse::<Policy>(&format!("{place}.policy"), text, form)
        });
        Some(TimeAuthority {
            url,
            policy,
            anchors: raw.anchors.as_ref().map(|path| self.existing(&file, path)),
        })
    }
}
