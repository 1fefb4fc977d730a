//! Which certificates are revoked: fetched ahead, kept on disk, asked for by every exchange without waiting.
//!
//! Of each authority that the settings name, a task of its own reads the revocation list and asks the responders. What holds takes
//! the place of what was known before, if it is newer. An exchange looks its certificates up there. What is revoked
//! stays out whatever its list's age; what is good counts only as long as the list or the answer does.
//!
//! Standard: RFC 5280 §5. Standard: RFC 6960 §4.

use std::fs;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_certs::status::Issuer;
use bridge_certs::{Issuance, Moment};
use bridge_core::refusal::{LinkFault, NodeFault, PeerFault, Refusal};
use bridge_directory::metadata::hex;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::settings::{Settings, Status as Settled, StatusAuthority};

mod authority;
mod cache;
mod known;
mod round;
mod wanted;

use authority::Authority;
use known::At;
use wanted::Wanted;

pub use round::{keep, read_all};

/// What a node knows of revocations.
#[derive(Debug)]
pub struct Statuses {
    told: Box<Settled>,
    authorities: Vec<Arc<Authority>>,
    /// The keys of authorities whose certificates the settings let pass without a status.
    unchecked: Vec<[u8; 32]>,
    /// Counts the news, for those who wait for some.
    changed: watch::Sender<u64>,
    wanted: Mutex<Wanted>,
    tally: Tally,
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

/// How long an exchange waits for the first word about a certificate that was never asked about before.
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
        let (mut authorities, mut unchecked) = (Vec::<Arc<Authority>>::new(), Vec::new());
        for one in &told.authorities {
            let path = &one.certificate;
            let issuer = read_issuer(one)?;
            let key = issuer.spki_sha256();
            if unchecked.contains(&key) || authorities.iter().any(|known| known.key() == key) {
                let what = "an authority that another [[status.authorities]] names already";
                return Err(OpenError(format!("{}: {what}", path.display())));
            }
            if one.unchecked {
                unchecked.push(key);
            } else {
                let authority = Authority::open(one, issuer, &folder).map_err(OpenError)?;
                authorities.push(Arc::new(authority));
            }
        }
        Ok(Some(Arc::new(Self {
            authorities,
            unchecked,
            told,
            changed: watch::Sender::default(),
            wanted: Mutex::default(),
            tally: Tally::default(),
        })))
    }

    /// Whether a certificate and its issuers may be used now. Of authorities that the settings do not name nothing is known.
    ///
    /// # Errors
    ///
    /// [`Unusable`]: revocation of any of them before anything else.
    pub fn check(&self, chain: &[Issuance], now_s: u64) -> Result<(), Unusable> {
        let at = self.at(now_s);
        let mut checked = Ok(());
        for one in chain {
            let found = match self.authority(&one.issuer_spki_sha256) {
                Some(authority) => authority.known.check(&one.serial, at),
                None if self.unchecked.contains(&one.issuer_spki_sha256) => Ok(()),
                None => Err(Unusable::NotKnown {
                    authority: unnamed(&one.issuer_spki_sha256).into(),
                    until_s: None,
                }),
            };
            if matches!(found, Err(Unusable::Revoked { .. })) {
                return found;
            }
            checked = checked.and(found);
        }
        checked
    }

    /// Since when a certificate or one of its issuers is revoked, Unix seconds.
    pub fn revoked(&self, chain: &[Issuance]) -> Option<u64> {
        chain.iter().find_map(|one| {
            let authority = self.authority(&one.issuer_spki_sha256)?;
            authority.known.revoked(&one.serial)
        })
    }

    /// Has certificates of a known node asked about from now on; `whose` says for people what they are.
    pub fn want(&self, chain: &[Issuance], whose: impl Fn() -> String) {
        let mut wanted = self.wanted();
        for one in chain {
            let key = one.issuer_spki_sha256;
            match self.authority(&key) {
                Some(authority) => {
                    if wanted.note(one, &whose) && authority.known.waits_for(&one.serial) {
                        authority.wake.notify_one();
                    }
                }
                None if self.unchecked.contains(&key) => {}
                None => {
                    if wanted.note_unnamed(key) {
                        let (authority, whose) = (unnamed(&key), whose());
                        tracing::error!(
                            code = "status_authority_not_named",
                            authority,
                            whose,
                            "no [[status.authorities]] is for the issuer of this certificate: it is not used"
                        );
                    }
                }
            }
        }
    }

    /// As [`Statuses::check`]; a certificate that was never asked about before is asked about first, for some seconds at most.
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
                // Asked first: a word that comes in between is found below.
                let waits = self.waits_for(chain);
                let checked = self.check(chain, clock.now_s());
                if !waits || !matches!(checked, Err(Unusable::NotKnown { until_s: None, .. })) {
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
        chain.iter().any(|one| {
            let authority = self.authority(&one.issuer_spki_sha256);
            authority.is_some_and(|authority| authority.known.waits_for(&one.serial))
        })
    }

    /// Why the node should get no new work, for people.
    pub fn reasons(&self, now_s: u64) -> Vec<String> {
        let reasons = self.authorities.iter().filter_map(|authority| {
            let why = self.fault_of(authority, now_s)?;
            Some(format!("{why} ({})", authority.told()))
        });
        reasons.collect()
    }

    /// Why no word of an authority counts, be it a list or an answer about a certificate in use.
    fn fault_of(&self, authority: &Authority, now_s: u64) -> Option<Unusable> {
        let in_use = self.wanted().serials(authority.key());
        authority.known.fault(&in_use, self.at(now_s))
    }

    /// Until when the lists of all authorities count, and the answers about certificates in use: the first that ends. 0 if
    /// there is none, or a list lacks.
    pub fn until_s(&self) -> [u64; 2] {
        let tolerated_s = self.told.tolerated_age.as_secs();
        let authorities = self.authorities.iter();
        let lists = authorities.clone();
        let lists = lists.filter_map(|one| one.known.list_until_s(tolerated_s));
        let answers = authorities.filter_map(|one| {
            let in_use = self.wanted().serials(one.key());
            one.known.answers_until_s(&in_use, tolerated_s)
        });
        [lists.min(), answers.min()].map(|until_s| until_s.unwrap_or(0))
    }

    /// How many certificates stand in the lists.
    pub fn listed(&self) -> usize {
        let lists = self.authorities.iter().filter_map(|one| one.known.list());
        lists.map(|list| list.count()).sum()
    }

    /// How many certificates in use are revoked.
    pub fn revoked_in_use(&self) -> usize {
        self.wanted().revoked()
    }

    /// Of how many certificates in use the status is not known now.
    pub fn unknown_in_use(&self, now_s: u64) -> usize {
        let is_unknown = |one: &&Issuance| {
            let checked = self.check(std::slice::from_ref(*one), now_s);
            matches!(checked, Err(Unusable::NotKnown { .. }))
        };
        self.wanted().certificates().filter(is_unknown).count()
    }

    /// How reading sources has ended since the start.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whatever waits for news looks again: each connection does.
    fn tell_news(&self) {
        self.changed
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn authority(&self, key: &[u8; 32]) -> Option<&Authority> {
        let mut authorities = self.authorities.iter();
        let found = authorities.find(|authority| authority.key() == *key);
        found.map(Arc::as_ref)
    }

    fn at(&self, now_s: u64) -> At {
        At {
            tolerated_s: self.told.tolerated_age.as_secs(),
            now_s,
        }
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
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

fn read_issuer(told: &StatusAuthority) -> Result<Issuer, OpenError> {
    let path = &told.certificate;
    let failed = |why: String| OpenError(format!("{}: {why}", path.display()));
    let pem = fs::read(path).map_err(|error| failed(error.to_string()))?;
    Issuer::from_pem(&pem).map_err(|error| failed(crate::chain(&error)))
}

/// What an authority is called of which nothing but the key is known.
fn unnamed(key: &[u8; 32]) -> String {
    format!("SHA-256 {}", hex(key))
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
