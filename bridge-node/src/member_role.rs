//! The role of this node's member in the directory: what counts of it, and when its file ends.

use std::sync::{Mutex, PoisonError};

use bridge_core::identity::MemberId;
use bridge_directory::Moment;
use bridge_directory::own_nodes::OwnStanding;

use crate::expiry::alarm_at;
use crate::watch::View;

/// Which alarms the log has heard: the end, and the days before it.
#[derive(Debug, Default)]
pub struct Alarms {
    told: Mutex<Option<(u64, u64)>>,
}

// === impl Alarms ===

impl Alarms {
    /// Tells the log each alarm once.
    pub fn tell(&self, view: &View, member: &MemberId, now_s: u64) {
        if let Some((end_s, days)) = self.unheard(end_s(view, member), now_s) {
            let until = Moment(end_s);
            tracing::warn!(code = "member_role_expires", days, %until, "what this member says of its own nodes ends soon");
        }
    }

    fn unheard(&self, end_s: Option<u64>, now_s: u64) -> Option<(u64, u64)> {
        let reached = end_s.and_then(|end_s| Some((end_s, alarm_at(end_s, now_s)?)));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *told != reached;
        *told = reached;
        reached.filter(|_| is_new)
    }
}

/// When what the member says of its own nodes ends, if it counts.
pub fn end_s(view: &View, member: &MemberId) -> Option<u64> {
    view.own_nodes(member)?.until_s()
}

/// What an operator should know of the member's own nodes.
pub fn words(view: &View, member: &MemberId, now_s: u64) -> Option<String> {
    let standing = view.own_nodes(member)?;
    match standing {
        OwnStanding::Unused => None,
        OwnStanding::InForce { expires_s } => {
            let days = alarm_at(*expires_s, now_s)?;
            let until = Moment(*expires_s);
            Some(format!(
                "what {member} says of its own nodes ends at {until}, within {days} days: renew it with `member-role propose … renew`"
            ))
        }
        OwnStanding::SetAside { .. } => Some(format!(
            "the officers of the directory have changed the entry of {member} since it signed: theirs counts until it signs anew"
        )),
        OwnStanding::Former { until_s, why } => {
            let until = Moment(*until_s);
            Some(format!(
                "what {member} says of its own nodes can't be had; what it said before counts until {until}: {why}"
            ))
        }
        OwnStanding::Nothing { why } => Some(format!(
            "what {member} says of its own nodes can't be used, and it has none: {why}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: u64 = 86_400;
    const END_S: u64 = 1_900_000_000;

    #[test]
    fn each_alarm_of_a_members_role_is_told_once_and_a_renewed_one_has_its_own() {
        let alarms = Alarms::default();
        let mut told = Vec::new();
        for hour in 0..36 * 24 {
            let now_s = END_S - 35 * DAY_S + hour * 3600;
            told.extend(alarms.unheard(Some(END_S), now_s));
        }
        assert_eq!(told, [30, 14, 7, 1].map(|days| (END_S, days)));
        let renewed_s = END_S + 365 * DAY_S;
        assert_eq!(alarms.unheard(Some(renewed_s), END_S), None);
        assert_eq!(alarms.unheard(None, END_S), None, "no role, no alarm");
        let at_s = renewed_s - 30 * DAY_S;
        assert_eq!(alarms.unheard(Some(renewed_s), at_s), Some((renewed_s, 30)));
    }
}
