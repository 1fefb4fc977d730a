//! Reads the terms of a contract: purposes, fields, quota, hours, evidence, period.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::contract::document::{LIST_LIMIT, TEXT_LIMIT};
use crate::contract::fault::Fault;
use crate::contract::form::{CODE_FORM, Faults, Form};
use crate::contract::hours::Hours;
use crate::contract::locator::Pointer;
use crate::contract::mask::FieldMask;
use crate::contract::{Ground, Grounds, Quota};
use crate::leaf::{EvidenceMode, UnixMillis};

const GROUNDS_FORM: &str = "write [{\"code\": …, \"title\": …}], or \"any\" to ask for none";
const FIELDS_FORM: &str = "write pointers as [\"/fin\", \"/name/*\"], or \"all\"";
const QUOTA_FORM: &str =
    "write {\"per_hour\": N, \"per_day\": N}, each a whole number from 1 to 2^40";
const HOURS_FORM: &str = "write \"any\", or {\"days\": [\"mon\"], \"from\": \"08:00\", \"to\": \
     \"18:00\", \"offset\": \"+04:00\"}";
const EVIDENCE_FORM: &str = "write \"full\", \"digest\" or \"none\"";
const TIME_FORM: &str = "write a time as 2026-01-01T00:00:00+04:00";

pub(super) fn read_grounds(
    form: &Form<'_, '_>,
    name: &str,
    faults: &mut Faults,
) -> Option<Grounds> {
    let spot = form.required(name, GROUNDS_FORM, faults)?;
    if spot.is("any") {
        return Some(Grounds::Any);
    }
    let mut grounds: Vec<Ground> = Vec::new();
    let mut is_sound = true;
    for spot in spot.list(LIST_LIMIT, GROUNDS_FORM, faults)? {
        let place = spot.place.clone();
        let Some(ground) = read_ground(spot, faults) else {
            is_sound = false;
            continue;
        };
        if grounds.iter().any(|known| known.code == ground.code) {
            faults.add(
                &place,
                Fault::Repeated(ground.code.clone()),
                "write each code once",
            );
        }
        grounds.push(ground);
    }
    is_sound.then_some(Grounds::Listed(grounds))
}

fn read_ground(spot: crate::contract::form::Spot<'_, '_>, faults: &mut Faults) -> Option<Ground> {
    let form = spot.form(&["code", "title"], GROUNDS_FORM, faults)?;
    let code = form
        .required("code", CODE_FORM, faults)
        .and_then(|spot| spot.code(CODE_FORM, faults));
    let title = form
        .required("title", "write what the code means", faults)
        .and_then(|spot| spot.text(TEXT_LIMIT, "write what the code means", faults));
    Some(Ground {
        code: code?,
        title: title?.to_owned(),
    })
}

/// Reads the field mask: `None` is a fault, `Some(None)` is `"all"`.
#[expect(
    clippy::option_option,
    reason = "the outer one says whether it could be read, as everywhere here"
)]
pub(super) fn read_fields(form: &Form<'_, '_>, faults: &mut Faults) -> Option<Option<FieldMask>> {
    let spot = form.required("fields", FIELDS_FORM, faults)?;
    if spot.is("all") {
        return Some(None);
    }
    let mut pointers = Vec::new();
    let mut is_sound = true;
    for spot in spot.list(LIST_LIMIT, FIELDS_FORM, faults)? {
        let read = spot.string(FIELDS_FORM, faults).and_then(|text| {
            faults.keep(
                Pointer::parse(text).map_err(Fault::Pointer),
                &spot.place,
                FIELDS_FORM,
            )
        });
        match read {
            Some(pointer) if pointers.contains(&pointer) => {
                faults.add(
                    &spot.place,
                    Fault::Repeated(pointer.to_string()),
                    "write it once",
                );
            }
            Some(pointer) => pointers.push(pointer),
            None => is_sound = false,
        }
    }
    is_sound.then(|| Some(FieldMask::new(pointers)))
}

pub(super) fn read_quota(form: &Form<'_, '_>, faults: &mut Faults) -> Option<Quota> {
    let spot = form.required("quota", QUOTA_FORM, faults)?;
    let form = spot.form(&["per_hour", "per_day"], QUOTA_FORM, faults)?;
    let mut read = |name| {
        let spot = form.required(name, QUOTA_FORM, faults)?;
        spot.count(1, QUOTA_FORM, faults)
    };
    let (per_hour, per_day) = (read("per_hour"), read("per_day"));
    Some(Quota {
        per_hour: per_hour?,
        per_day: per_day?,
    })
}

/// Reads the hours: `None` is a fault, `Some(None)` is `"any"`.
#[expect(
    clippy::option_option,
    reason = "the outer one says whether it could be read, as everywhere here"
)]
pub(super) fn read_hours(form: &Form<'_, '_>, faults: &mut Faults) -> Option<Option<Hours>> {
    let spot = form.required("hours", HOURS_FORM, faults)?;
    if spot.is("any") {
        return Some(None);
    }
    let place = spot.place.clone();
    let form = spot.form(&["days", "from", "to", "offset"], HOURS_FORM, faults)?;
    let days = form
        .required("days", HOURS_FORM, faults)
        .and_then(|spot| spot.list(LIST_LIMIT, HOURS_FORM, faults));
    let days: Option<Vec<Option<&str>>> = days.map(|spots| {
        let strings = spots.iter().map(|spot| spot.string(HOURS_FORM, faults));
        strings.collect()
    });
    let mut read = |name| {
        let spot = form.required(name, HOURS_FORM, faults)?;
        spot.string(HOURS_FORM, faults)
    };
    let (from, to, offset) = (read("from"), read("to"), read("offset"));
    let days: Vec<&str> = days?.into_iter().collect::<Option<_>>()?;
    match Hours::parse(&days, from?, to?, offset?) {
        Ok(hours) => Some(Some(hours)),
        Err(errors) => {
            for error in errors {
                faults.add(&place, Fault::Hours(error), HOURS_FORM);
            }
            None
        }
    }
}

pub(super) fn read_evidence(form: &Form<'_, '_>, faults: &mut Faults) -> Option<EvidenceMode> {
    let spot = form.required("evidence", EVIDENCE_FORM, faults)?;
    let read = match spot.string(EVIDENCE_FORM, faults)? {
        "full" => Ok(EvidenceMode::Full),
        "digest" => Ok(EvidenceMode::Digest),
        "none" => Ok(EvidenceMode::None),
        _ => Err(Fault::NotEnforceable),
    };
    faults.keep(read, &spot.place, EVIDENCE_FORM)
}

pub(super) fn read_period(
    form: &Form<'_, '_>,
    faults: &mut Faults,
) -> (Option<UnixMillis>, Option<UnixMillis>) {
    let mut read = |name| {
        let spot = form.required(name, TIME_FORM, faults)?;
        let text = spot.string(TIME_FORM, faults)?;
        let time = unix_millis(text).ok_or_else(|| Fault::Time(text.to_owned()));
        faults.keep(time, &spot.place, TIME_FORM)
    };
    let (start, end) = (read("start"), read("end"));
    if let (Some(start), Some(end)) = (start, end)
        && start.0 >= end.0
    {
        faults.add(
            &form.place_of("end"),
            Fault::EndBeforeStart,
            "write a time after the start",
        );
    }
    (start, end)
}

/// Reads a time as whole milliseconds since the Unix epoch.
///
/// Standard: RFC 3339 §5.6.
fn unix_millis(text: &str) -> Option<UnixMillis> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000)
        .ok()
        .map(UnixMillis)
}
