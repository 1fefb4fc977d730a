use proptest::prelude::*;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{DAYS, Hours, HoursError};

fn at(text: &str) -> u64 {
    let time = OffsetDateTime::parse(text, &Rfc3339).expect(text);
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).expect("after 1970")
}

fn office() -> Hours {
    Hours::parse(&DAYS[..5], "08:00", "18:00", "+04:00").expect("hours")
}

#[test]
fn the_start_belongs_to_the_hours_and_the_end_does_not() {
    let cases = [
        ("2026-11-20T07:59:59.999+04:00", false),
        ("2026-11-20T08:00:00+04:00", true),
        ("2026-11-20T04:00:00Z", true),
        ("2026-11-20T17:59:59.999+04:00", true),
        ("2026-11-20T18:00:00+04:00", false),
        // Saturday and Sunday.
        ("2026-11-21T12:00:00+04:00", false),
        ("2026-11-22T12:00:00+04:00", false),
        ("2026-11-23T12:00:00+04:00", true),
        ("1970-01-01T12:00:00+04:00", true),
    ];
    for (time, expected) in cases {
        assert_eq!(office().contains(at(time)), expected, "{time}");
    }
}

#[test]
fn the_day_is_the_local_one() {
    let sunday = Hours::parse(&["sun"], "00:00", "24:00", "-11:00").expect("hours");
    assert!(!sunday.contains(at("2026-11-22T10:59:59Z")));
    assert!(sunday.contains(at("2026-11-22T11:00:00Z")));
    assert!(sunday.contains(at("2026-11-23T10:59:59Z")));
    assert!(!sunday.contains(at("2026-11-23T11:00:00Z")));
    // Before 1970 there.
    let wednesday = Hours::parse(&["wed"], "00:00", "24:00", "-01:00").expect("hours");
    assert!(wednesday.contains(0));
    assert!(!wednesday.contains(3_600_000));
}

#[test]
fn hours_are_written_as_text() {
    assert_eq!(
        office().to_string(),
        "mon,tue,wed,thu,fri 08:00-18:00 +04:00"
    );
    let other = Hours::parse(&["sun", "mon"], "00:00", "24:00", "-03:30").expect("hours");
    assert_eq!(other.to_string(), "mon,sun 00:00-24:00 -03:30");
}

#[test]
fn all_errors_are_told_at_once() {
    let errors = Hours::parse(&["x", "y"], "8", "9", "").unwrap_err();
    assert_eq!(errors.len(), 5, "{errors:?}");
}

#[test]
fn what_is_no_hours_is_refused() {
    let text = |text: &str| text.to_owned();
    let read = |days: &[&str], from, to, offset| {
        let mut errors = Hours::parse(days, from, to, offset).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.remove(0)
    };
    assert_eq!(read(&[], "08:00", "18:00", "+04:00"), HoursError::NoDay);
    assert_eq!(
        read(&["Mon"], "08:00", "18:00", "+04:00"),
        HoursError::Day(text("Mon"))
    );
    assert_eq!(
        read(&["mon", "mon"], "08:00", "18:00", "+04:00"),
        HoursError::Day(text("mon"))
    );
    for time in [
        "8:00", "08:60", "25:00", "24:01", "0800", "08:00:00", "+8:00", "",
    ] {
        assert_eq!(
            read(&["mon"], time, "18:00", "+04:00"),
            HoursError::Time(text(time))
        );
        assert_eq!(
            read(&["mon"], "00:00", time, "+04:00"),
            HoursError::Time(text(time))
        );
    }
    for (from, to) in [("18:00", "08:00"), ("08:00", "08:00"), ("24:00", "24:00")] {
        let error = HoursError::EndBeforeStart {
            from: text(from),
            to: text(to),
        };
        assert_eq!(read(&["mon"], from, to, "+04:00"), error);
    }
    for offset in ["04:00", "+4:00", "+14:01", "Z", "", "+04:60", "±04:00"] {
        assert_eq!(
            read(&["mon"], "08:00", "18:00", offset),
            HoursError::Offset(text(offset))
        );
    }
}

proptest! {
    #[test]
    fn agrees_with_a_calendar(unix_ms in 0_u64..4_102_444_800_000, offset in -14_i64..=14) {
        let sign = if offset < 0 { '-' } else { '+' };
        let text = format!("{sign}{:02}:00", offset.abs());
        let local = OffsetDateTime::from_unix_timestamp(
            i64::try_from(unix_ms / 1_000).expect("seconds") + offset * 3_600,
        ).expect("time");
        let day = DAYS[usize::from(local.weekday().number_days_from_monday())];
        let expected = (6..20).contains(&local.hour());
        let hours = Hours::parse(&[day], "06:00", "20:00", &text).expect("hours");
        prop_assert_eq!(hours.contains(unix_ms), expected);
        let others: Vec<&str> = DAYS.into_iter().filter(|other| *other != day).collect();
        let others = Hours::parse(&others, "00:00", "24:00", &text).expect("hours");
        prop_assert!(!others.contains(unix_ms));
    }
}
