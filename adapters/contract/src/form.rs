//! The forms that values of registries have in requests, packages and files.

/// The most bytes of a short text. Codes, dates and names are far shorter.
const TEXT_LIMIT_BYTES: usize = 256;

/// The form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any short text.
    Text,
    /// A personal code: 7 characters of 0-9A-Z without I and O.
    Fin,
    /// A tax number: 10 digits.
    Voen,
    /// `2026-11-21`.
    Date,
    /// `2026-11-21T10:00:00+04:00`.
    DateTime,
}

impl Form {
    /// What a caller has to write, for the text of a refusal.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text of 1 to 256 bytes without control characters",
            Self::Fin => "a FİN: 7 characters of 0-9 and A-Z without I and O",
            Self::Voen => "a VÖEN: 10 digits",
            Self::Date => "a date such as 2026-11-21",
            Self::DateTime => "a time with an offset such as 2026-11-21T10:00:00+04:00",
        }
    }

    /// Whether a text has it.
    pub fn fits(self, text: &str) -> bool {
        match self {
            Self::Text => {
                (1..=TEXT_LIMIT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
            }
            Self::Fin => {
                let fits = |b: u8| {
                    b.is_ascii_digit() || (b.is_ascii_uppercase() && b != b'I' && b != b'O')
                };
                text.len() == 7 && text.bytes().all(fits)
            }
            Self::Voen => text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit()),
            Self::Date => is_date(text),
            Self::DateTime => is_date_time(text),
        }
    }
}

/// `2026-11-21`, a day that exists. Standard: ISO 8601 §5.2.2.
fn is_date(text: &str) -> bool {
    let mut parts = text.split('-').map(|part| (part.len(), digits(part)));
    let (Some((4, Some(year))), Some((2, Some(month))), Some((2, Some(day))), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// `2026-11-21T10:00:00.5+04:00`. Standard: RFC 3339 §5.6.
fn is_date_time(text: &str) -> bool {
    let Some((date, rest)) = text.split_once('T') else {
        return false;
    };
    let (time, offset_fits) = match rest.strip_suffix('Z') {
        Some(time) => (time, true),
        None => match rest.rsplit_once(['+', '-']) {
            Some((time, offset)) => (time, is_clock(offset, 2)),
            None => return false,
        },
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let fraction_fits = (1..=9).contains(&fraction.len()) && digits(fraction).is_some();
    is_date(date) && is_clock(clock, 3) && fraction_fits && offset_fits
}

/// `10:00:00` or `04:00`, by the number of parts.
fn is_clock(text: &str, parts: usize) -> bool {
    let limits = [23, 59, 59];
    let fits =
        |(part, limit): (&str, u32)| part.len() == 2 && digits(part).is_some_and(|n| n <= limit);
    text.split(':').count() == parts && text.split(':').zip(limits).all(fits)
}

fn digits(text: &str) -> Option<u32> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_are_kept_and_what_is_beside_them_is_not() {
        for (form, text, fits) in [
            (Form::Fin, "1AB2C3D", true),
            (Form::Fin, "1ab2c3d", false),
            (Form::Fin, "IAB2C3D", false),
            (Form::Fin, "1ƏB2C3", false),
            (Form::Voen, "1234567890", true),
            (Form::Voen, "123456789", false),
            (Form::Voen, "123456789A", false),
            (Form::Date, "2024-02-29", true),
            (Form::Date, "1900-02-29", false),
            (Form::Date, "2026-11-21-", false),
            (Form::DateTime, "2026-11-21T23:59:59.25Z", true),
            (Form::DateTime, "2026-11-21T24:00:00Z", false),
            (Form::DateTime, "2026-11-21T10:00:00+4:00", false),
            (Form::Text, "Şəki", true),
            (Form::Text, "", false),
            (Form::Text, "a\nb", false),
        ] {
            assert_eq!(form.fits(text), fits, "{form:?} {text}");
        }
        assert!(Form::Text.fits(&"a".repeat(TEXT_LIMIT_BYTES)));
        assert!(!Form::Text.fits(&"a".repeat(TEXT_LIMIT_BYTES + 1)));
    }

    proptest! {
        #[test]
        fn every_day_that_exists_is_a_date(year in 0u32..10_000, month in 1u32..13, day in 1u32..29) {
            let date = format!("{year:04}-{month:02}-{day:02}");
            prop_assert!(Form::Date.fits(&date));
            let time = format!("{date}T00:00:00Z");
            prop_assert!(Form::DateTime.fits(&time));
        }
    }
}
