//! The words of a review, in English and Azerbaijani. Nothing that a proposal holds reaches a terminal raw.

use bridge_core::identity::is_hidden;
use bridge_directory::ceremony::{Change, Kind, RoleDifference, Signatures, What};
use bridge_directory::metadata::Role;
use clap::ValueEnum;

/// The language of a review.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(in crate::command) enum Language {
    /// English.
    #[default]
    En,
    /// Azerbaijani.
    Az,
}

// === impl Language ===

impl Language {
    /// One of two words.
    pub(in crate::command) const fn pick(self, en: &'static str, az: &'static str) -> &'static str {
        match self {
            Self::En => en,
            Self::Az => az,
        }
    }

    /// A line for a change.
    pub(in crate::command) fn change(self, change: &Change) -> String {
        let Change { kind, name, what } = change;
        let (kind, name) = (self.kind(*kind), plain(name));
        match what {
            What::Added(word) if word.is_empty() => {
                format!("{}: {kind} {name}", self.pick("added", "əlavə olunur"))
            }
            What::Added(word) => {
                let added = self.pick("added", "əlavə olunur");
                format!("{added}: {kind} {name}: {}", plain(word))
            }
            What::Removed => format!("{}: {kind} {name}", self.pick("removed", "çıxarılır")),
            What::Changed { from, to } => {
                let changed = self.pick("changed", "dəyişdirilir");
                format!("{changed}: {kind} {name}: {} → {}", plain(from), plain(to))
            }
        }
    }

    /// A line for a role's keys.
    pub(super) fn role(self, difference: &RoleDifference) -> String {
        let RoleDifference {
            role,
            added,
            removed,
            quorum,
        } = difference;
        let ((keys_before, before), (keys, threshold)) = *quorum;
        let must = self.pick("must sign", "imza tələb olunur");
        let of = |threshold, keys| format!("{threshold}/{keys}");
        let mut line = format!("{role}: {} {must}", of(threshold, keys));
        if keys_before > 0 {
            let was = self.pick("before", "əvvəl");
            line = format!("{line} ({was} {})", of(before, keys_before));
        }
        for (word, names) in [
            (self.pick("added", "əlavə olunur"), added),
            (self.pick("removed", "çıxarılır"), removed),
        ] {
            if !names.is_empty() {
                line = format!("{line}; {word}: {}", plain(&names.join(", ")));
            }
        }
        line
    }

    /// A line for the signatures of a file.
    pub(super) fn signatures(self, signatures: &Signatures) -> String {
        let Signatures {
            role,
            by_former,
            good,
            missing,
            threshold,
            ..
        } = signatures;
        let whose = match (role, by_former) {
            (Role::Root, true) => self.pick(
                "root, by its officers until now",
                "root, indiyədək olan açarlarla",
            ),
            (Role::Root, false) => self.pick("root, by its own officers", "root, öz açarları ilə"),
            (Role::Targets | Role::Snapshot | Role::Timestamp, _) => role.as_str(),
        };
        let signed = self.pick("signed", "imzalanıb");
        let still = self.pick("still to sign", "imzalaya bilər");
        let names = |names: &[String]| {
            if names.is_empty() {
                "–".to_owned()
            } else {
                plain(&names.join(", "))
            }
        };
        format!(
            "{whose}: {signed} {}/{threshold}: {}; {still}: {}",
            good.len(),
            names(good),
            names(missing)
        )
    }

    const fn kind(self, kind: Kind) -> &'static str {
        match kind {
            Kind::Instance => self.pick("instance", "instansiya"),
            Kind::Member => self.pick("member", "üzv"),
            Kind::MemberName => self.pick("name of member", "üzvün adı"),
            Kind::Suspended => self.pick("suspension of member", "üzvün dayandırılması"),
            Kind::Subsystem => self.pick("subsystem", "altsistem"),
            Kind::SubsystemName => self.pick("name of subsystem", "altsistemin adı"),
            Kind::Node => self.pick("node", "qovşaq"),
            Kind::HostName => self.pick("name of node", "qovşağın adı"),
            Kind::Address => self.pick("address of node", "qovşağın ünvanı"),
            Kind::TlsKey => self.pick("TLS key of node", "qovşağın TLS açarı"),
            Kind::ExchangeKey => self.pick("exchange key of node", "qovşağın mübadilə açarı"),
            Kind::Certificate => self.pick(
                "certificate of exchange key",
                "mübadilə açarının sertifikatı",
            ),
            Kind::JournalKey => self.pick("journal key of node", "qovşağın jurnal açarı"),
            Kind::Wire => self.pick("wire versions of node", "qovşağın protokol versiyaları"),
            Kind::Leaf => self.pick("leaf versions of node", "qovşağın jurnal versiyaları"),
            Kind::Forms => self.pick("signature forms of node", "qovşağın imza formaları"),
            Kind::WitnessKey => self.pick("witness key of node", "qovşağın şahid açarı"),
            Kind::Witnessing => self.pick("witnesses of node", "qovşağın şahidləri"),
            Kind::Group => self.pick("group", "qrup"),
            Kind::GroupMember => self.pick("subsystem in group", "qrupda altsistem"),
            Kind::OutsideWitness => self.pick("outside witness", "kənar şahid"),
            Kind::WitnessAddress => self.pick("address of outside witness", "kənar şahidin ünvanı"),
            Kind::Order => self.pick("order within", "siyahıların sırası"),
        }
    }
}

/// Text that can't move a cursor, hide itself or turn a line around.
pub(in crate::command) fn plain(text: &str) -> String {
    let shown = |letter: char| {
        if letter.is_control() || is_hidden(letter) {
            letter.escape_unicode().collect::<String>()
        } else {
            letter.to_string()
        }
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proposal_holds_cannot_write_over_a_review() {
        let what = What::Added("Tax\u{1b}[2K\rservice \u{202e}x".to_owned());
        let change = Change {
            kind: Kind::Member,
            name: "AZ/GOV/1".to_owned(),
            what,
        };
        let line = Language::Az.change(&change);
        assert_eq!(
            line,
            "əlavə olunur: üzv AZ/GOV/1: Tax\\u{1b}[2K\\u{d}service \\u{202e}x"
        );
    }
}
