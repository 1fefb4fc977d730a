//! Which certificates are in use: only those are asked about, and told of when they are revoked.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bridge_certs::Issuance;
use tokio::time::Instant;

/// Which certificates are in use, and what the log was told of them.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    uses: HashMap<Issuance, Use>,
    /// Those that are revoked, and whether the journal has a leaf of it.
    revoked: HashMap<Issuance, bool>,
    /// The authorities whose status is too old, and since when, Unix seconds.
    stale: HashMap<[u8; 32], u64>,
    /// The keys of authorities that issued certificates of known nodes and that the settings do not name.
    unnamed: HashSet<[u8; 32]>,
    is_full: bool,
}

/// A certificate in use that is revoked, and of which the journal has no leaf yet.
#[derive(Debug)]
pub(super) struct Revoked {
    pub(super) certificate: Issuance,
    /// Whose it is and what for.
    pub(super) whose: String,
    /// Since when it is, Unix seconds.
    pub(super) since_s: u64,
    /// Whether it was not known before.
    pub(super) is_new: bool,
}

#[derive(Debug)]
struct Use {
    /// Whose certificate it is and what for, for people.
    whose: String,
    last: Instant,
}

/// The most certificates in use that are asked about: all are of nodes that the directory lists.
pub(super) const LIMIT: usize = 65_536;
/// What nobody has used for so long is not asked about any more. Connections are opened anew every ten minutes.
const UNUSED: Duration = Duration::from_hours(24);

// === impl Wanted ===

impl Wanted {
    /// Notes that a certificate is in use; says whether that is new.
    pub(super) fn note(&mut self, certificate: &Issuance, whose: impl Fn() -> String) -> bool {
        let last = Instant::now();
        if let Some(known) = self.uses.get_mut(certificate) {
            known.last = last;
            return false;
        }
        if self.uses.len() >= LIMIT {
            if !self.is_full {
                tracing::error!(
                    code = "status_wanted_full",
                    "more certificates are in use than are asked about"
                );
            }
            self.is_full = true;
            return false;
        }
        let whose = whose();
        self.uses.insert(certificate.clone(), Use { whose, last });
        true
    }

    /// Notes an authority that the settings do not name; says whether that is new.
    pub(super) fn note_unnamed(&mut self, key: [u8; 32]) -> bool {
        self.unnamed.len() < LIMIT && self.unnamed.insert(key)
    }

    /// Forgets what was used last a day ago.
    pub(super) fn prune(&mut self) {
        self.uses.retain(|_, one| one.last.elapsed() < UNUSED);
        self.is_full &= self.uses.len() >= LIMIT;
    }

    /// The numbers of the certificates in use that an authority issued.
    pub(super) fn serials(&self, key: [u8; 32]) -> HashSet<Vec<u8>> {
        self.issued(key)
            .map(|(one, _)| one.serial.clone())
            .collect()
    }

    /// The certificates in use.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &Issuance> {
        self.uses.keys()
    }

    /// Those of an authority that are revoked now and of which the journal has no leaf yet.
    pub(super) fn untold(
        &mut self,
        key: [u8; 32],
        since: impl Fn(&Issuance) -> Option<u64>,
    ) -> Vec<Revoked> {
        let revoked = self.issued(key).filter_map(|(one, used)| {
            let since_s = since(one)?;
            Some((one.clone(), used.whose.clone(), since_s))
        });
        let revoked: Vec<_> = revoked.collect();
        let now: HashSet<_> = revoked.iter().map(|(one, ..)| one).collect();
        self.revoked
            .retain(|one, _| one.issuer_spki_sha256 != key || now.contains(one));
        let mut untold = Vec::new();
        for (certificate, whose, since_s) in revoked {
            let is_told = self.revoked.get(&certificate).copied();
            if is_told == Some(true) {
                continue;
            }
            self.revoked.insert(certificate.clone(), false);
            untold.push(Revoked {
                certificate,
                whose,
                since_s,
                is_new: is_told.is_none(),
            });
        }
        untold
    }

    /// The journal has a leaf of a revoked certificate.
    pub(super) fn note_told(&mut self, certificate: &Issuance) {
        if let Some(is_told) = self.revoked.get_mut(certificate) {
            *is_told = true;
        }
    }

    /// How many are revoked.
    pub(super) fn revoked(&self) -> usize {
        self.revoked.len()
    }

    /// Notes whether an authority's word is too old; returns since when it was.
    pub(super) fn note_stale(&mut self, key: [u8; 32], now_s: u64, is_stale: bool) -> Option<u64> {
        let was = self.stale.get(&key).copied();
        if is_stale {
            self.stale.entry(key).or_insert(now_s);
        } else {
            self.stale.remove(&key);
        }
        was
    }

    /// The journal did not take the leaf that says how long an authority's word was too old: it is told again.
    pub(super) fn note_untold_gap(&mut self, key: [u8; 32], since_s: u64) {
        self.stale.entry(key).or_insert(since_s);
    }

    fn issued(&self, key: [u8; 32]) -> impl Iterator<Item = (&Issuance, &Use)> {
        let uses = self.uses.iter();
        uses.filter(move |(one, _)| one.issuer_spki_sha256 == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(number: u32) -> Issuance {
        Issuance {
            issuer_spki_sha256: [7; 32],
            serial: number.to_be_bytes().to_vec(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_certificate_that_nobody_uses_for_a_day_is_not_asked_about_any_more() {
        let mut wanted = Wanted::default();
        let kept = |wanted: &Wanted| wanted.serials([7; 32]).len();
        assert!(wanted.note(&certificate(1), || "one".to_owned()));
        assert!(wanted.note(&certificate(2), || "two".to_owned()));
        for hour in 1..=25 {
            tokio::time::advance(Duration::from_hours(1)).await;
            assert!(!wanted.note(&certificate(1), String::new));
            wanted.prune();
            assert_eq!(kept(&wanted), if hour < 24 { 2 } else { 1 }, "{hour}");
        }
        assert!(wanted.note(&certificate(2), || "two".to_owned()));
    }

    #[test]
    fn no_more_certificates_are_asked_about_than_the_limit_until_some_are_out_of_use() {
        let mut wanted = Wanted::default();
        let most = u32::try_from(LIMIT).unwrap();
        let new = (0..most + 3).filter(|one| wanted.note(&certificate(*one), String::new));
        assert_eq!(new.count(), LIMIT);
        assert!(wanted.is_full);
        wanted.uses.remove(&certificate(0));
        wanted.prune();
        assert!(!wanted.is_full);
        assert!(wanted.note(&certificate(most), String::new));
    }

    #[test]
    fn each_revocation_is_told_once_and_anothers_authority_is_left_alone() {
        let mut wanted = Wanted::default();
        let other = Issuance {
            issuer_spki_sha256: [8; 32],
            serial: vec![1],
        };
        for one in [&certificate(1), &certificate(2), &other] {
            assert!(wanted.note(one, || "whose".to_owned()));
        }
        let told = |wanted: &mut Wanted, key, all: bool| {
            let since = |one: &Issuance| (all || one.serial == certificate(1).serial).then_some(5);
            let untold = wanted.untold(key, since);
            for one in &untold {
                wanted.note_told(&one.certificate);
            }
            untold.len()
        };
        assert_eq!(told(&mut wanted, [8; 32], true), 1);
        assert_eq!(told(&mut wanted, [7; 32], false), 1);
        assert_eq!(told(&mut wanted, [7; 32], false), 0);
        assert_eq!(told(&mut wanted, [7; 32], true), 1);
        assert_eq!(told(&mut wanted, [8; 32], true), 0);
        assert_eq!(wanted.revoked(), 3);
    }

    #[test]
    fn what_the_journal_did_not_take_is_told_again_and_is_no_news() {
        let mut wanted = Wanted::default();
        assert!(wanted.note(&certificate(1), || "whose".to_owned()));
        let news = |wanted: &mut Wanted| {
            let untold = wanted.untold([7; 32], |_| Some(5));
            untold.iter().map(|one| one.is_new).collect::<Vec<_>>()
        };
        assert_eq!(news(&mut wanted), [true]);
        assert_eq!(news(&mut wanted), [false], "its leaf is still to come");
        assert_eq!(wanted.revoked(), 1);
        wanted.note_told(&certificate(1));
        assert!(news(&mut wanted).is_empty());
        // The same of the time without a word.
        assert_eq!(wanted.note_stale([7; 32], 10, true), None);
        assert_eq!(wanted.note_stale([7; 32], 30, false), Some(10));
        wanted.note_untold_gap([7; 32], 10);
        assert_eq!(wanted.note_stale([7; 32], 40, false), Some(10));
        assert_eq!(wanted.note_stale([7; 32], 50, false), None);
    }
}
