//! Which certificates are revoked: fetched ahead, kept on disk, asked for by every exchange without waiting.
//!
//! One task reads the revocation lists and asks the responders of the authorities that the settings name. What holds goes
//! into a snapshot; it may only be followed by something newer. An exchange looks its certificates up there. What is revoked
//! stays out whatever its list's age; what is good counts only as long as the list or the answer does.
//!
//! Standard: RFC 5280 §5. Standard: RFC 6960 §4.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bridge_certs::status::{Answer, Issuer, RevocationList, Status as Told};
use bridge_certs::{Issuance, Moment};
use bridge_core::refusal::{LinkFault, NodeFault, PeerFault, Refusal};
use tokio::sync::{Notify, watch};

use crate::clock::Clock;
use crate::settings::{Settings, Status as Settled};

mod authority;
mod cache;
mod round;

use authority::Authority;

pub use round::{keep, read_all};

/// What a node knows of revocations.
#[derive(Debug)]
pub struct Statuses {
    told: Box<Settled>,
    authorities: Vec<Authority>,
    /// By the key of the authority.
    snapshot: ArcSwap<HashMap<[u8; 32], Known>>,
    /// Counts the snapshots, for those who wait for one.
    changed: watch::Sender<u64>,
    wanted: Mutex<Wanted>,
    /// Somebody waits for the status of a certificate that nobody has asked about.
    wake: Notify,
    tally: Tally,
}

/// What is known of one authority's certificates.
#[derive(Debug, Clone)]
struct Known {
    name: Arc<str>,
    /// Whether it has a list; if not, only certificates that were asked about have a status.
    has_list: bool,
    list: Option<Arc<RevocationList>>,
    /// By the certificate's number.
    answers: HashMap<Vec<u8>, Arc<Answer>>,
}

/// Which certificates are in use, and what the log was told of them.
#[derive(Debug, Default)]
struct Wanted {
    /// Whose they are and what for, for people.
    uses: HashMap<Issuance, String>,
    /// Those that are revoked.
    revoked: HashSet<Issuance>,
    /// The authorities whose status is too old, and since when, Unix seconds.
    stale: HashMap<[u8; 32], u64>,
}

/// How reading sources has ended since the start.
#[derive(Debug, Default)]
pub struct Tally {
    /// Lists and answers that hold.
    pub taken: AtomicU64,
    /// Lists and answers that were refused.
    pub refused: AtomicU64,
    /// Sources that gave nothing.
    pub unanswered: AtomicU64,
}

/// Why a certificate is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It or one of its issuers is revoked.
    #[error("revoked since {}", Moment(*since_s))]
    Revoked {
        /// Since when, Unix seconds.
        since_s: u64,
    },
    /// What its authority has said of it is too old, or it has said nothing.
    #[error("{}", not_known(authority, *until_s))]
    NotKnown {
        /// Whose word lacks.
        authority: Arc<str>,
        /// Until when its last word counted, Unix seconds; none if there was none.
        until_s: Option<u64>,
    },
}

/// Why a node cannot know what is revoked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

/// The most certificates in use that are asked about: some hundred agencies have some hundred.
const WANTED_LIMIT: usize = 16_384;
/// How long an exchange waits for the first word about a certificate that was never seen before.
const FIRST_WORD: Duration = Duration::from_secs(5);

// === impl Statuses ===

impl Statuses {
    /// Reads the authorities that the settings name, and what was kept of them; `None` if they name none.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the file.
    pub fn open(settings: &Settings) -> Result<Option<Arc<Self>>, OpenError> {
        let Some(told) = settings.status.clone() else {
            return Ok(None);
        };
        let folder = settings.data_folder.join("status");
        let mut authorities = Vec::new();
        for one in &told.authorities {
            let path = &one.certificate;
            let failed = |why: String| OpenError(format!("{}: {why}", path.display()));
            let pem = fs::read(path).map_err(|error| failed(error.to_string()))?;
            let issuer = Issuer::from_pem(&pem).map_err(|error| failed(crate::chain(&error)))?;
            authorities.push(Authority::open(one, issuer, &folder).map_err(OpenError)?);
        }
        let snapshot = authorities.iter().map(|one| (one.key(), one.kept()));
        Ok(Some(Arc::new(Self {
            snapshot: ArcSwap::from_pointee(snapshot.collect()),
            authorities,
            told,
            changed: watch::Sender::default(),
            wanted: Mutex::default(),
            wake: Notify::new(),
            tally: Tally::default(),
        })))
    }

    /// Whether a certificate and its issuers may be used now. Authorities that the settings do not name have no status.
    ///
    /// # Errors
    ///
    /// [`Unusable`]: revocation of any of them before anything else.
    pub fn check(&self, chain: &[Issuance], now_s: u64) -> Result<(), Unusable> {
        if let Some(since_s) = self.revoked(chain) {
            return Err(Unusable::Revoked { since_s });
        }
        let snapshot = self.snapshot.load();
        let tolerated_s = self.told.tolerated_age.as_secs();
        chain.iter().try_for_each(|one| {
            let known = snapshot.get(&one.issuer_spki_sha256);
            known.map_or(Ok(()), |known| known.check(&one.serial, tolerated_s, now_s))
        })
    }

    /// Since when a certificate or one of its issuers is revoked, Unix seconds.
    pub fn revoked(&self, chain: &[Issuance]) -> Option<u64> {
        let snapshot = self.snapshot.load();
        chain.iter().find_map(|one| {
            let known = snapshot.get(&one.issuer_spki_sha256)?;
            known.revoked(&one.serial)
        })
    }

    /// Has certificates asked about from now on; `whose` says for people what they are.
    pub fn want(&self, chain: &[Issuance], whose: impl Fn() -> String) {
        let snapshot = self.snapshot.load();
        let mut wanted = self.wanted();
        for one in chain {
            let Some(known) = snapshot.get(&one.issuer_spki_sha256) else {
                continue;
            };
            if wanted.uses.len() < WANTED_LIMIT && !wanted.uses.contains_key(one) {
                wanted.uses.insert(one.clone(), whose());
                if !known.has_list && !known.answers.contains_key(&one.serial) {
                    self.wake.notify_one();
                }
            }
        }
    }

    /// As [`Statuses::check`]; a certificate that was never seen before is asked about first, for some seconds at most.
    ///
    /// # Errors
    ///
    /// As [`Statuses::check`].
    pub async fn settle(
        &self,
        chain: &[Issuance],
        clock: &Clock,
        whose: impl Fn() -> String,
    ) -> Result<(), Unusable> {
        let checked = self.check(chain, clock.now_s());
        if !matches!(checked, Err(Unusable::NotKnown { until_s: None, .. })) {
            return checked;
        }
        let mut changed = self.changed.subscribe();
        self.want(chain, whose);
        let told = async {
            loop {
                let checked = self.check(chain, clock.now_s());
                if !matches!(checked, Err(Unusable::NotKnown { until_s: None, .. }))
                    || !self.waits_for(chain)
                {
                    return checked;
                }
                // The sender is this very thing.
                drop(changed.changed().await);
            }
        };
        let settled = tokio::time::timeout(FIRST_WORD, told).await;
        settled.unwrap_or_else(|_elapsed| self.check(chain, clock.now_s()))
    }

    /// Ends when a certificate or one of its issuers is revoked.
    pub async fn until_revoked(&self, chain: &[Issuance]) {
        let mut changed = self.changed.subscribe();
        while self.revoked(chain).is_none() {
            if changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whether the first word about one of these is still to come.
    fn waits_for(&self, chain: &[Issuance]) -> bool {
        let snapshot = self.snapshot.load();
        chain.iter().any(|one| {
            snapshot
                .get(&one.issuer_spki_sha256)
                .is_some_and(|known| !known.has_list && !known.answers.contains_key(&one.serial))
        })
    }

    /// Why the node should get no new work, for people.
    pub fn reasons(&self, now_s: u64) -> Vec<String> {
        let snapshot = self.snapshot.load();
        let reasons = self.authorities.iter().filter_map(|authority| {
            let known = snapshot.get(&authority.key())?;
            let why = known.list_fault(self.told.tolerated_age.as_secs(), now_s)?;
            Some(format!("{why} ({})", authority.told()))
        });
        reasons.collect()
    }

    /// Each authority's name, until when its list counts (0 without one), and how many certificates stand in it.
    pub fn lists(&self) -> Vec<(Arc<str>, u64, u64)> {
        let snapshot = self.snapshot.load();
        let tolerated_s = self.told.tolerated_age.as_secs();
        let lists = self.authorities.iter().filter_map(|authority| {
            let known = snapshot.get(&authority.key())?;
            let list = known.list.as_ref();
            let until_s = list.map_or(0, |list| list.window().until_s(tolerated_s));
            let count = list.map_or(0, |list| list.count() as u64);
            Some((Arc::clone(&known.name), until_s, count))
        });
        lists.collect()
    }

    /// How many certificates in use are revoked.
    pub fn revoked_in_use(&self) -> usize {
        self.wanted().revoked.len()
    }

    /// How reading sources has ended since the start.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Changes what is known of one authority. If that is news, whatever waits for it looks again: each connection does.
    fn learn(&self, authority: &Authority, is_news: bool, change: impl Fn(&mut Known)) {
        self.snapshot.rcu(|old| {
            let mut new = HashMap::clone(old);
            if let Some(known) = new.get_mut(&authority.key()) {
                change(known);
            }
            new
        });
        if is_news {
            self.changed
                .send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Known ===

impl Known {
    fn revoked(&self, serial: &[u8]) -> Option<u64> {
        let listed = self.list.as_ref().map(|list| list.status(serial));
        let answered = self.answers.get(serial).map(|answer| answer.status());
        [listed, answered]
            .into_iter()
            .flatten()
            .find_map(|status| match status {
                Told::Revoked { since_s } => Some(since_s),
                Told::Good | Told::Unknown => None,
            })
    }

    /// Good by a list or an answer that counts, whichever it is, unless the authority says that it does not know it.
    fn check(&self, serial: &[u8], tolerated_s: u64, now_s: u64) -> Result<(), Unusable> {
        let not_told = || self.not_known(None);
        let answer = self.answers.get(serial);
        if answer.is_some_and(|answer| answer.status() == Told::Unknown) {
            return Err(not_told());
        }
        let list = self.list.as_ref().map(|list| list.window());
        let windows = [list, answer.map(|answer| answer.window())];
        let mut windows = windows.into_iter().flatten().peekable();
        if windows.peek().is_none() {
            return Err(not_told());
        }
        let mut until_s = 0;
        for window in windows {
            if window.check(tolerated_s, now_s).is_ok() {
                return Ok(());
            }
            until_s = until_s.max(window.until_s(tolerated_s));
        }
        Err(self.not_known(Some(until_s)))
    }

    fn not_known(&self, until_s: Option<u64>) -> Unusable {
        Unusable::NotKnown {
            authority: Arc::clone(&self.name),
            until_s,
        }
    }

    /// What is wrong with the list, if the settings name where it is and nothing has taken its place.
    fn list_fault(&self, tolerated_s: u64, now_s: u64) -> Option<Unusable> {
        if !self.has_list {
            return None;
        }
        let Some(list) = &self.list else {
            return Some(self.not_known(None));
        };
        let window = list.window();
        let fault = window.check(tolerated_s, now_s).err()?;
        tracing::debug!(error = %fault, "a revocation list does not count any more");
        Some(self.not_known(Some(window.until_s(tolerated_s))))
    }
}

// === impl Unusable ===

impl Unusable {
    /// What a caller hears of a peer's key that is not used, or of why that is not known; `fault` says which message it is.
    pub fn refusal(self, fault: fn(PeerFault) -> Refusal) -> Refusal {
        self.refusal_or(|since_s| fault(PeerFault::KeyRevoked { since_s }))
    }

    /// What a caller hears of a connection that is not used.
    pub fn of_connection(self) -> Refusal {
        self.refusal_or(|since_s| Refusal::Link(LinkFault::Revoked { since_s }))
    }

    /// What a caller hears of a certificate of this node itself.
    pub fn of_own(self, revoked: NodeFault) -> Refusal {
        self.refusal_or(|_since_s| Refusal::Node(revoked))
    }

    fn refusal_or(self, revoked: impl FnOnce(u64) -> Refusal) -> Refusal {
        match self {
            Self::Revoked { since_s } => revoked(since_s),
            Self::NotKnown { authority, until_s } => Refusal::Node(NodeFault::CertificateStatus {
                authority: authority.to_string(),
                until_s,
            }),
        }
    }
}

fn not_known(authority: &str, until_s: Option<u64>) -> String {
    match until_s {
        Some(until_s) => {
            let until = Moment(until_s);
            format!("what {authority} says of revocations counted until {until}")
        }
        None => format!("{authority} has not said whether it is revoked"),
    }
}
