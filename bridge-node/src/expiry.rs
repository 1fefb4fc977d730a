//! Certificates of this node that end soon: an alarm thirty, fourteen, seven days and one day before.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bridge_certs::Moment;

use crate::node::OwnCertificate;

/// How many days before its end a certificate is an alarm, the first first.
pub const ALARM_DAYS: [u64; 4] = [30, 14, 7, 1];
const DAY_S: u64 = 86_400;

/// Which alarms the log has heard.
#[derive(Debug, Default)]
pub struct Expiry {
    told: Mutex<HashMap<(&'static str, u64), u64>>,
}

// === impl Expiry ===

impl Expiry {
    /// Tells the log each alarm of each certificate once.
    pub fn tell(&self, own: &[OwnCertificate], now_s: u64) {
        for (certificate, days) in self.unheard(own, now_s) {
            let usage = certificate.usage;
            let until = Moment(certificate.not_after);
            tracing::warn!(code = "certificate_expires", usage, days, %until, "a certificate of this node ends soon");
        }
    }

    /// The certificates that have reached another alarm than the log has heard, and which.
    fn unheard<'a>(&self, own: &'a [OwnCertificate], now_s: u64) -> Vec<(&'a OwnCertificate, u64)> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let new = own.iter().filter_map(|certificate| {
            let days = alarm(certificate, now_s)?;
            // A certificate that was renewed has its own alarms.
            let which = (certificate.usage, certificate.not_after);
            let is_new = told.insert(which, days) != Some(days);
            is_new.then_some((certificate, days))
        });
        new.collect()
    }
}

/// The nearest alarm that a certificate has reached, in days before its end.
pub fn alarm(certificate: &OwnCertificate, now_s: u64) -> Option<u64> {
    alarm_at(certificate.not_after, now_s)
}

/// The nearest alarm that an end has reached, in days before it.
pub fn alarm_at(end_s: u64, now_s: u64) -> Option<u64> {
    let left_s = end_s.saturating_sub(now_s);
    let reached = ALARM_DAYS.into_iter().filter(|days| left_s <= days * DAY_S);
    reached.min()
}

/// What an operator should know of certificates that end soon.
pub fn words(own: &[OwnCertificate], now_s: u64) -> Vec<String> {
    let ending = own.iter().filter_map(|certificate| {
        let days = alarm(certificate, now_s)?;
        let (usage, until) = (certificate.usage, Moment(certificate.not_after));
        Some(format!(
            "the {usage} certificate of this node ends at {until}, within {days} days: issue another and register its key"
        ))
    });
    ending.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const END_S: u64 = 1_900_000_000;

    fn own() -> [OwnCertificate; 1] {
        [OwnCertificate {
            usage: "tls",
            sha256: [0; 32],
            not_after: END_S,
            chain: Vec::new(),
        }]
    }

    #[test]
    fn an_alarm_is_reached_at_its_day_and_not_before() {
        for (days, before) in [(30, None), (14, Some(30)), (7, Some(14)), (1, Some(7))] {
            let at_s = END_S - days * DAY_S;
            assert_eq!(
                alarm(&own()[0], at_s - 1),
                before,
                "{days} days and a second"
            );
            assert_eq!(alarm(&own()[0], at_s), Some(days));
        }
        assert_eq!(
            alarm(&own()[0], END_S + 1),
            Some(1),
            "and stays when it is over"
        );
    }

    #[test]
    fn each_alarm_is_told_once() {
        let (expiry, own) = (Expiry::default(), own());
        let mut told = Vec::new();
        for hour in 0..40 * 24 {
            let now_s = END_S - 35 * DAY_S + hour * 3600;
            told.extend(
                expiry
                    .unheard(&own, now_s)
                    .into_iter()
                    .map(|(_, days)| days),
            );
        }
        assert_eq!(told, ALARM_DAYS);
    }

    #[test]
    fn its_words_name_the_certificate_its_end_and_what_to_do() {
        assert_eq!(words(&own(), END_S - 31 * DAY_S), [""; 0]);
        let words = words(&own(), END_S - 3 * DAY_S);
        assert_eq!(
            words,
            [
                "the tls certificate of this node ends at 2030-03-17T17:46:40Z, within 7 days: issue another and register its key"
            ]
        );
    }
}
