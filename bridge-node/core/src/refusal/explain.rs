//! The form of an explanation.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Explains a refusal to the caller.
pub(super) enum Explanation {
    /// One sentence and nothing more, where more would help an intruder.
    Short(&'static str),
    /// All four things a caller wants to know.
    Full {
        /// What was refused, a sentence.
        what: String,
        /// The rule, without a full stop.
        rule: &'static str,
        /// Who can change it, without a full stop.
        who: String,
        /// What would help, without a full stop.
        help: String,
    },
}

impl Explanation {
    pub(super) fn new(
        what: impl Into<String>,
        rule: &'static str,
        who: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self::Full {
            what: what.into(),
            rule,
            who: who.into(),
            help: help.into(),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(sentence) => f.write_str(sentence),
            Self::Full {
                what,
                rule,
                who,
                help,
            } => write!(
                f,
                "{what} Rule: {rule}. Who can change this: {who}. What would help: {help}."
            ),
        }
    }
}

/// Writes a Unix time as people read it, `2026-11-21T22:00:00Z`.
pub(super) fn clock(unix_s: u64) -> String {
    i64::try_from(unix_s)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{unix_s} s after 1970"))
}
