//! The form of an explanation, and the rule that none is said in one language only.

use std::borrow::Cow;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::accept::Language;

/// One text in every language that refusals are told in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) en: Cow<'static, str>,
    pub(super) az: Cow<'static, str>,
}

/// Says the same in English and in Azerbaijani, side by side; values in braces are taken from the place of use.
///
/// An inserted value never gets a suffix: a noun that does stands before or behind it.
macro_rules! words {
    ($en:literal, $az:literal $(,)?) => {
        $crate::refusal::explain::Words {
            en: std::fmt::format(format_args!($en)).into(),
            az: std::fmt::format(format_args!($az)).into(),
        }
    };
}
pub(super) use words;

/// Explains a refusal to the caller.
#[derive(Debug)]
pub(super) enum Explanation {
    /// One sentence and nothing more, where more would help an intruder.
    Short(Words),
    /// All four things a caller wants to know.
    Full {
        /// What was refused, a sentence.
        what: Words,
        /// The rule, without a full stop.
        rule: Words,
        /// Who can change it, without a full stop.
        who: Words,
        /// What would help, without a full stop.
        help: Words,
    },
}

// === impl Words ===

impl Words {
    pub(super) fn told(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Azerbaijani => &self.az,
        }
    }
}

// === impl Explanation ===

impl Explanation {
    pub(super) fn new(what: Words, rule: Words, who: Words, help: Words) -> Self {
        Self::Full {
            what,
            rule,
            who,
            help,
        }
    }

    pub(super) fn told(&self, language: Language) -> String {
        let (what, rule, who, help) = match self {
            Self::Short(sentence) => return sentence.told(language).to_owned(),
            Self::Full {
                what,
                rule,
                who,
                help,
            } => (
                what.told(language),
                rule.told(language),
                who.told(language),
                help.told(language),
            ),
        };
        words!(
            "{what} Rule: {rule}. Who can change this: {who}. What would help: {help}.",
            "{what} Qayda: {rule}. Bunu kim dəyişə bilər: {who}. Nə etmək olar: {help}.",
        )
        .told(language)
        .to_owned()
    }
}

/// What helps when nobody knows whether a request had its effect.
pub(super) fn again_safely() -> Words {
    words!(
        "asking again if the request only reads or carries an Idempotency-Key: under the same key nothing is done \
         twice; else asking the provider",
        "sorğu yalnız oxumaq üçündürsə və ya onda Idempotency-Key sahəsi varsa, onu eyni açarla təkrar \
         göndərmək: eyni açarla heç nə iki dəfə icra olunmur; əks halda təchizatçıdan soruşmaq",
    )
}

/// Writes a Unix time as people read it, `2026-11-21T22:00:00Z`.
pub(super) fn clock(unix_s: u64) -> String {
    i64::try_from(unix_s)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("1970-01-01T00:00:00Z + {unix_s} s"))
}
