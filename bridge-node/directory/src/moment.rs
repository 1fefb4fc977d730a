//! Points in time as metadata writes them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// A time in whole seconds since the Unix epoch, written `YYYY-MM-DDTHH:MM:SSZ` and in no other way.
///
/// Standard: TUF 1.0 §4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// Reads the one spelling.
    fn parse(text: &str) -> Option<Self> {
        let time = PrimitiveDateTime::parse(text, FORMAT).ok()?.assume_utc();
        let moment = Self(u64::try_from(time.unix_timestamp()).ok()?);
        (moment.to_string() == text).then_some(moment)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = i64::try_from(self.0)
            .ok()
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .and_then(|time| time.format(FORMAT).ok());
        match text {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} s after 1970", self.0),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("{text:?} is not a time like 2026-11-21T10:00:00Z"))
        })
    }
}

const FORMAT: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_spelling_is_read() {
        assert_eq!(
            Moment::parse("2023-11-14T22:13:20Z"),
            Some(Moment(1_700_000_000))
        );
        for other in [
            "2023-11-14T22:13:20+00:00",
            "2023-11-14T22:13:20.0Z",
            "2023-11-14t22:13:20Z",
            "2023-11-14 22:13:20Z",
            "2023-11-14T22:13:20Z ",
            "2023-11-14T24:00:00Z",
            "2023-02-30T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "+2023-11-14T22:13:20Z",
            "",
        ] {
            assert_eq!(Moment::parse(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in 0_u64..253_402_300_800) {
            prop_assert_eq!(Moment::parse(&Moment(seconds).to_string()), Some(Moment(seconds)));
        }
    }
}
