//! The conditions of a contract that do not depend on the path, one function each.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::contract::{Contract, Ground, Grounds};
use crate::leaf::UnixMillis;
use crate::quota::Window;
use crate::refusal::{ContractName, Denial, Refusal};

pub(super) fn check_period(contract: &Contract, now: UnixMillis) -> Result<(), Denial> {
    if now < contract.start() {
        Err(Denial::NotStarted {
            start: moment(contract.start()),
        })
    } else if now >= contract.end() {
        Err(Denial::Ended {
            end: moment(contract.end()),
        })
    } else {
        Ok(())
    }
}

pub(super) fn check_purpose<'c>(
    contract: &'c Contract,
    named: Option<&str>,
) -> Result<Option<&'c Ground>, Denial> {
    check_grounds(contract.purposes(), named).map_err(|(is_missing, allowed)| {
        if is_missing {
            Denial::PurposeMissing { allowed }
        } else {
            Denial::PurposeNotAllowed { allowed }
        }
    })
}

pub(super) fn check_basis<'c>(
    contract: &'c Contract,
    named: Option<&str>,
) -> Result<Option<&'c Ground>, Denial> {
    check_grounds(contract.legal_basis(), named).map_err(|(is_missing, allowed)| {
        if is_missing {
            Denial::LegalBasisMissing { allowed }
        } else {
            Denial::LegalBasisNotAllowed { allowed }
        }
    })
}

/// Returns the listed ground that is named; on failure whether none was named, and the codes that are listed.
fn check_grounds<'c>(
    grounds: &'c Grounds,
    named: Option<&str>,
) -> Result<Option<&'c Ground>, (bool, Vec<String>)> {
    match grounds {
        Grounds::Any => Ok(None),
        Grounds::Listed(listed) => named
            .and_then(|code| grounds.find(code))
            .map(Some)
            .ok_or_else(|| {
                let allowed = listed.iter().map(|ground| ground.code.clone()).collect();
                (named.is_none(), allowed)
            }),
    }
}

pub(super) fn check_hours(contract: &Contract, now: UnixMillis) -> Result<(), Denial> {
    match contract.hours() {
        Some(hours) if !hours.contains(now.0) => Err(Denial::OutsideHours {
            hours: hours.to_string(),
        }),
        Some(_) | None => Ok(()),
    }
}

/// Checks that one exchange more fits both windows; the longer wait is told first.
pub(super) fn check_quota(
    contract: &Contract,
    in_hour: u64,
    in_day: u64,
    now: UnixMillis,
) -> Result<(), Refusal> {
    let quota = contract.quota();
    let windows = [
        (Window::Day, in_day, quota.per_day),
        (Window::Hour, in_hour, quota.per_hour),
    ];
    for (window, used, limit) in windows {
        if used >= limit {
            return Err(Refusal::Quota {
                contract: ContractName::of(contract),
                per: window,
                limit,
                retry_after_s: window.retry_after_s(now),
            });
        }
    }
    Ok(())
}

fn moment(time: UnixMillis) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.0) * 1_000_000)
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{} ms after 1970", time.0))
}
