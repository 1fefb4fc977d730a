//! Words on members' roles, in English and Azerbaijani.

use bridge_directory::Moment;
use bridge_directory::ceremony::MemberRoleDifference;
use bridge_directory::own_nodes::{OwnStanding, OwnState};

use super::words::{Language, plain};

impl Language {
    /// A line for a member's role in a proposal.
    pub(super) fn member_role(self, difference: &MemberRoleDifference) -> String {
        let MemberRoleDifference {
            member,
            added,
            removed,
            quorum,
            begins_anew,
        } = difference;
        let ((keys_before, before), (keys, threshold)) = *quorum;
        let mut line = if keys == 0 {
            format!(
                "{member}: {}",
                self.pick("no role any more", "rol ləğv olunur")
            )
        } else {
            let must = self.pick(
                "must sign for its own nodes",
                "öz qovşaqları üçün imza tələb olunur",
            );
            format!("{member}: {threshold}/{keys} {must}")
        };
        if keys_before > 0 {
            let was = self.pick("before", "əvvəl");
            line = format!("{line} ({was} {before}/{keys_before})");
        }
        for (word, names) in [
            (self.pick("added", "əlavə olunur"), added),
            (self.pick("removed", "çıxarılır"), removed),
        ] {
            if !names.is_empty() {
                line = format!("{line}; {word}: {}", plain(&names.join(", ")));
            }
        }
        if *begins_anew {
            let words = self.pick(
                "what it signed until now counts no more: the directory's own entry does",
                "indiyədək imzaladıqları qüvvədən düşür: kataloqdakı qeyd qüvvədədir",
            );
            line = format!("{line}; {words}");
        }
        line
    }

    /// A line for what counts of a member's role.
    pub(in crate::command) fn own_state(self, state: &OwnState) -> String {
        let OwnState {
            member,
            version,
            standing,
        } = state;
        let until = |second: u64| Moment(second);
        let what = match standing {
            OwnStanding::Unused => self
                .pick("not used yet", "hələ istifadə olunmayıb")
                .to_owned(),
            OwnStanding::InForce { expires_s } => {
                let good = self.pick(
                    "its own nodes count until",
                    "öz qovşaqları qüvvədədir, son tarix",
                );
                format!("{good} {}", until(*expires_s))
            }
            OwnStanding::SetAside { .. } => self
                .pick(
                    "set aside: officers have changed its entry since",
                    "nəzərə alınmır: kataloqdakı qeyd sonradan dəyişdirilib",
                )
                .to_owned(),
            OwnStanding::Former { until_s, why } => {
                let former = self.pick(
                    "its file of before counts until",
                    "əvvəlki fayl qüvvədədir, son tarix",
                );
                format!("{former} {}: {}", until(*until_s), plain(why))
            }
            OwnStanding::Nothing { why } => {
                let nothing = self.pick("has no nodes", "qovşağı yoxdur");
                format!("{nothing}: {}", plain(why))
            }
        };
        format!(
            "{} {member} {version}: {what}",
            self.pick("role of", "rol:")
        )
    }
}
