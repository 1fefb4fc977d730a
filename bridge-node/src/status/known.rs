//! What is known of one authority's certificates: its list, and its answers about single ones.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::ArcSwapOption;
use bridge_certs::status::{Answer, RevocationList, Status, Window};

use super::Unusable;

/// What one authority has said. Each word takes the place of the one before, alone; a look waits for no source.
#[derive(Debug)]
pub(super) struct Known {
    /// The authority, for people.
    name: Arc<str>,
    /// Whether it has a list; if not, only certificates that were asked about have a status.
    has_list: bool,
    list: ArcSwapOption<RevocationList>,
    /// By the certificate's number.
    answers: RwLock<HashMap<Vec<u8>, Arc<Answer>>>,
    /// Numbers of certificates that nobody has answered about yet when asked: no exchange waits for the first word about them.
    in_vain: Mutex<HashSet<Vec<u8>>>,
    /// Numbers of certificates that somebody asks about at this moment.
    underway: Mutex<HashSet<Vec<u8>>>,
}

/// A question about a certificate: who comes while it lasts waits for its answer.
#[derive(Debug)]
pub(super) struct Underway<'a> {
    known: &'a Known,
    serial: Vec<u8>,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.known.underway().remove(&self.serial);
    }
}

/// How old a word may be, and the time of the check: seconds, and Unix seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) tolerated_s: u64,
    pub(super) now_s: u64,
}

// === impl Known ===

impl Known {
    pub(super) fn new(
        name: &str,
        has_list: bool,
        list: Option<RevocationList>,
        answers: HashMap<Vec<u8>, Arc<Answer>>,
    ) -> Self {
        Self {
            name: name.into(),
            has_list,
            list: ArcSwapOption::from(list.map(Arc::new)),
            answers: RwLock::new(answers),
            in_vain: Mutex::default(),
            underway: Mutex::default(),
        }
    }

    pub(super) fn list(&self) -> Option<Arc<RevocationList>> {
        self.list.load_full()
    }

    pub(super) fn answer(&self, serial: &[u8]) -> Option<Arc<Answer>> {
        self.read().get(serial).cloned()
    }

    pub(super) fn take_list(&self, list: RevocationList) {
        self.list.store(Some(Arc::new(list)));
    }

    pub(super) fn take_answer(&self, serial: Vec<u8>, answer: Answer) {
        self.in_vain().remove(&serial);
        self.write().insert(serial, Arc::new(answer));
    }

    /// Whether somebody asks about a certificate at this moment.
    pub(super) fn is_underway(&self, serial: &[u8]) -> bool {
        self.underway().contains(serial)
    }

    /// Begins to ask about a certificate; `None` if somebody does already.
    pub(super) fn begin_asking(&self, serial: &[u8]) -> Option<Underway<'_>> {
        let is_first = self.underway().insert(serial.to_vec());
        is_first.then(|| Underway {
            known: self,
            serial: serial.to_vec(),
        })
    }

    /// Notes that no responder has answered about a certificate. Says whether an exchange may have waited for that.
    pub(super) fn note_in_vain(&self, serial: &[u8]) -> bool {
        self.waits_for(serial) && self.in_vain().insert(serial.to_vec())
    }

    /// Forgets answers about certificates out of use that do not count any more; returns whose they were. What is revoked
    /// stays.
    pub(super) fn forget_but(&self, in_use: &HashSet<Vec<u8>>, at: At) -> Vec<Vec<u8>> {
        self.in_vain().retain(|serial| in_use.contains(serial));
        let mut forgotten = Vec::new();
        self.write().retain(|serial, answer| {
            let stays = in_use.contains(serial)
                || matches!(answer.status(), Status::Revoked { .. })
                || answer.window().check(at.tolerated_s, at.now_s).is_ok();
            if !stays {
                forgotten.push(serial.clone());
            }
            stays
        });
        forgotten
    }

    /// Since when a certificate is revoked, Unix seconds.
    pub(super) fn revoked(&self, serial: &[u8]) -> Option<u64> {
        let listed = self.list.load().as_ref().map(|list| list.status(serial));
        let answered = self.read().get(serial).map(|answer| answer.status());
        revoked_since([listed, answered])
    }

    /// Good by a list or an answer that counts, whichever it is, unless one of them says that it is revoked, however old, or an
    /// answer that counts that the authority does not know it.
    pub(super) fn check(&self, serial: &[u8], at: At) -> Result<(), Unusable> {
        let (list, answer) = (self.list.load(), self.answer(serial));
        let listed = list.as_ref().map(|list| list.status(serial));
        let answered = answer.as_ref().map(|answer| answer.status());
        if let Some(since_s) = revoked_since([listed, answered]) {
            return Err(Unusable::Revoked { since_s });
        }
        let counts = |window: &Window| window.check(at.tolerated_s, at.now_s).is_ok();
        let (unknown, good): (Option<_>, Option<_>) = match answer.map(|answer| *answer.window()) {
            Some(window) if answered == Some(Status::Unknown) => (Some(window), None),
            good => (None, good),
        };
        if unknown.as_ref().is_some_and(counts) {
            return Err(self.not_known(None));
        }
        let windows = [list.as_ref().map(|list| *list.window()), good];
        let mut until_s = None;
        for window in windows.into_iter().flatten() {
            if counts(&window) {
                return Ok(());
            }
            until_s = until_s.max(Some(window.until_s(at.tolerated_s)));
        }
        Err(self.not_known(until_s))
    }

    /// Whether the first word about a certificate is still to come.
    pub(super) fn waits_for(&self, serial: &[u8]) -> bool {
        !self.has_list && !self.read().contains_key(serial) && !self.in_vain().contains(serial)
    }

    /// Why nothing that it has said of these certificates counts: neither its list nor an answer about one of them.
    pub(super) fn fault(&self, in_use: &HashSet<Vec<u8>>, at: At) -> Option<Unusable> {
        if !self.has_list && in_use.is_empty() {
            return None;
        }
        let list = self.list.load();
        let answers: Vec<_> = in_use.iter().filter_map(|one| self.answer(one)).collect();
        let windows = answers.iter().map(|answer| answer.window());
        let mut until_s = None;
        for window in windows.chain(list.as_ref().map(|list| list.window())) {
            if window.check(at.tolerated_s, at.now_s).is_ok() {
                return None;
            }
            until_s = until_s.max(Some(window.until_s(at.tolerated_s)));
        }
        Some(self.not_known(until_s))
    }

    /// Until when the list counts, Unix seconds: 0 if none is read. `None` if it has none.
    pub(super) fn list_until_s(&self, tolerated_s: u64) -> Option<u64> {
        let list = self.list.load();
        let until_s = list.as_ref().map(|list| list.window().until_s(tolerated_s));
        self.has_list.then(|| until_s.unwrap_or(0))
    }

    /// Until when the first of the answers about these certificates counts that says of one that it is good.
    pub(super) fn answers_until_s(
        &self,
        in_use: &HashSet<Vec<u8>>,
        tolerated_s: u64,
    ) -> Option<u64> {
        let answers = in_use.iter().filter_map(|serial| self.answer(serial));
        let good = answers.filter(|answer| answer.status() == Status::Good);
        good.map(|answer| answer.window().until_s(tolerated_s))
            .min()
    }

    fn not_known(&self, until_s: Option<u64>) -> Unusable {
        Unusable::NotKnown {
            authority: Arc::clone(&self.name),
            until_s,
        }
    }

    fn in_vain(&self) -> MutexGuard<'_, HashSet<Vec<u8>>> {
        self.in_vain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn underway(&self) -> MutexGuard<'_, HashSet<Vec<u8>>> {
        self.underway.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Vec<u8>, Arc<Answer>>> {
        self.answers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Vec<u8>, Arc<Answer>>> {
        self.answers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn revoked_since(said: [Option<Status>; 2]) -> Option<u64> {
    said.into_iter().flatten().find_map(|status| match status {
        Status::Revoked { since_s } => Some(since_s),
        Status::Good | Status::Unknown => None,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use bridge_certs::status::{Issuer, Query};

    use super::*;

    fn vector(name: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../certs/testdata/status");
        fs::read(folder.join(name)).unwrap()
    }

    /// A list that was made two seconds after an answer, which says that the responder does not know a certificate.
    #[test]
    fn that_a_responder_does_not_know_a_certificate_counts_as_long_as_the_answer_does() {
        let issuer =
            |kind: &str| Issuer::from_pem(&vector(&format!("{kind}-authority.pem"))).unwrap();
        let list = RevocationList::read(&issuer("rsa3072"), &vector("rsa3072-list.der")).unwrap();
        let query = Query {
            serial: vec![99],
            nonce: None,
        };
        let answer = Answer::read(
            &issuer("p256"),
            &query,
            &vector("p256-unknown.der"),
            u64::MAX,
        );
        let answer = answer.unwrap();
        let (listed_s, answered_s) = (list.window().this_update_s, answer.window().this_update_s);
        assert_eq!(listed_s - answered_s, 2);
        let answers = HashMap::from([(query.serial.clone(), Arc::new(answer))]);
        let known = Known::new("CN=CA", true, Some(list), answers);
        let check = |now_s| {
            let tolerated_s = 60;
            known.check(&query.serial, At { tolerated_s, now_s })
        };
        assert!(matches!(
            check(answered_s + 60),
            Err(Unusable::NotKnown { until_s: None, .. })
        ));
        assert_eq!(check(answered_s + 61), Ok(()), "the list alone counts");
        // Once the list is too old too, it was what counted last.
        assert!(matches!(
            check(listed_s + 61),
            Err(Unusable::NotKnown { until_s: Some(until_s), .. }) if until_s == listed_s + 60
        ));
    }
}
