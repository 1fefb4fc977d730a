//! The hours of the week in which a contract allows exchanges.

use std::fmt;

/// Minutes in a day.
const DAY_MINUTES: u16 = 24 * 60;

/// The furthest offset from UTC in use, in minutes: +14:00.
const OFFSET_LIMIT_MINUTES: i16 = 14 * 60;

/// Names of days as contracts write them, Monday first.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Weekly hours: the same span on each of some days, at a fixed offset from UTC.
///
/// The offset is fixed, not a zone, because both ends must decide alike years later, when rules for
/// summer time may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// One bit a day, Monday lowest.
    days: u8,
    from_minute: u16,
    to_minute: u16,
    offset_minutes: i16,
}

/// Why weekly hours can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// A day is not one of [`DAYS`], or stands twice.
    #[error("`{0}` is not a day or stands twice; days are mon, tue, wed, thu, fri, sat, sun")]
    Day(String),
    /// No day is named.
    #[error("no day is named")]
    NoDay,
    /// A time of day is not `HH:MM`.
    #[error("`{0}` is not a time of day as 08:00, or 24:00 for the end of the day")]
    Time(String),
    /// The end does not lie after the start on the same day.
    #[error(
        "the end {to} does not lie after the start {from}; hours over midnight need two contracts"
    )]
    EndBeforeStart {
        /// The start as written.
        from: String,
        /// The end as written.
        to: String,
    },
    /// The offset is not `+HH:MM` or `-HH:MM`, at most 14 hours.
    #[error("`{0}` is not an offset from UTC as +04:00")]
    Offset(String),
}

impl Hours {
    /// Reads weekly hours from the texts a contract holds.
    ///
    /// # Errors
    ///
    /// One [`HoursError`] for each text that can't be understood.
    pub fn parse<S: AsRef<str>>(
        days: &[S],
        from: &str,
        to: &str,
        offset: &str,
    ) -> Result<Self, Vec<HoursError>> {
        let mut errors = Vec::new();
        let days = parse_days(days, &mut errors);
        let mut time = |text: &str| {
            let minute = minute_of_day(text);
            if minute.is_none() {
                errors.push(HoursError::Time(text.to_owned()));
            }
            minute
        };
        let (from_minute, to_minute) = (time(from), time(to));
        if from_minute.is_some() && to_minute.is_some() && from_minute >= to_minute {
            errors.push(HoursError::EndBeforeStart {
                from: from.to_owned(),
                to: to.to_owned(),
            });
        }
        let offset_minutes = parse_offset(offset);
        if offset_minutes.is_none() {
            errors.push(HoursError::Offset(offset.to_owned()));
        }
        match (from_minute, to_minute, offset_minutes) {
            (Some(from_minute), Some(to_minute), Some(offset_minutes)) if errors.is_empty() => {
                Ok(Self {
                    days,
                    from_minute,
                    to_minute,
                    offset_minutes,
                })
            }
            _ => Err(errors),
        }
    }

    /// Tells whether a moment, in milliseconds since the Unix epoch, lies within the hours.
    ///
    /// The start belongs to them, the end does not.
    pub fn contains(&self, unix_ms: u64) -> bool {
        let minutes = unix_ms / 60_000;
        // The days before 1970 exist only through the offset; a week added keeps the arithmetic unsigned.
        let week = 7 * u64::from(DAY_MINUTES);
        let local = (minutes + week).saturating_add_signed(i64::from(self.offset_minutes));
        let minute = local % u64::from(DAY_MINUTES);
        // 1 January 1970 was a Thursday, three days after a Monday.
        let day = (local / u64::from(DAY_MINUTES) + 3) % 7;
        self.days & (1 << day) != 0
            && (u64::from(self.from_minute)..u64::from(self.to_minute)).contains(&minute)
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        for (position, name) in DAYS.iter().enumerate() {
            if self.days & (1 << position) != 0 {
                write!(f, "{}{name}", if is_first { "" } else { "," })?;
                is_first = false;
            }
        }
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let offset = clock(self.offset_minutes.unsigned_abs());
        write!(
            f,
            " {}-{} {sign}{offset}",
            clock(self.from_minute),
            clock(self.to_minute)
        )
    }
}

/// Returns the days as bits, Monday lowest.
fn parse_days<S: AsRef<str>>(days: &[S], errors: &mut Vec<HoursError>) -> u8 {
    let mut bits = 0_u8;
    for day in days.iter().map(AsRef::as_ref) {
        let bit = DAYS
            .iter()
            .position(|known| *known == day)
            .map_or(0, |place| 1 << place);
        if bit == 0 || bits & bit != 0 {
            errors.push(HoursError::Day(day.to_owned()));
        }
        bits |= bit;
    }
    if days.is_empty() {
        errors.push(HoursError::NoDay);
    }
    bits
}

fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = clock(text)?;
    let minutes = hour * 60 + minute;
    (minutes <= DAY_MINUTES).then_some(minutes)
}

fn parse_offset(text: &str) -> Option<i16> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hour, minute) = clock(rest)?;
    let minutes = i16::try_from(hour * 60 + minute).ok()?;
    (minutes <= OFFSET_LIMIT_MINUTES).then_some(sign * minutes)
}

fn clock(text: &str) -> Option<(u16, u16)> {
    let two = |digits: &str| {
        let is_two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_two.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (two(hour)?, two(minute)?);
    (minute < 60).then_some((hour, minute))
}

#[cfg(test)]
mod tests;
