//! One authority: its sources read in their order, what they give judged, their faults told once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bridge_certs::status::{Answer, Issuer, Query, RevocationList, StatusError};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Notify;

use super::cache::{Cache, read_file};
use super::known::{At, Known};
use crate::settings::{CrlSource, StatusAuthority};
use crate::way::{AskError, Patience, Question, Way};

/// An authority whose certificates are asked about.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) issuer: Arc<Issuer>,
    pub(super) known: Known,
    /// Somebody waits for the status of a certificate that nobody has asked about.
    pub(super) wake: Notify,
    lists: Vec<Place>,
    responders: Vec<Way>,
    nonce: bool,
    cache: Arc<Cache>,
    /// What was wrong with its sources when they were read last.
    fault: Mutex<Option<String>>,
}

/// Where a list is.
#[derive(Debug)]
enum Place {
    Web(Way),
    File(PathBuf),
}

/// Why a source has given nothing that holds.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// No answer that could be looked at.
    #[error("it gives nothing: {}", crate::chain(.0))]
    Unanswered(#[source] AskError),
    /// The file cannot be read.
    #[error("{0}")]
    File(String),
    /// What it gives is not taken.
    #[error("what it gives is not taken: {}", crate::chain(.0))]
    NotTaken(#[source] StatusError),
    /// No random number to ask with.
    #[error("no random number")]
    NoRandom,
}

/// What one source gave.
pub(super) type Got<T> = Result<T, Fault>;

// === impl Authority ===

impl Authority {
    pub(super) fn open(
        told: &StatusAuthority,
        issuer: Issuer,
        folder: &Path,
    ) -> Result<Self, String> {
        let lists = told.crl.iter().map(|source| match source {
            CrlSource::Http(url) => Way::open(url, None).map(Place::Web),
            CrlSource::File(path) => Ok(Place::File(path.clone())),
        });
        let responders = told.ocsp.iter().map(|url| Way::open(url, None));
        let cache = Cache::of(folder, &issuer.spki_sha256());
        Ok(Self {
            known: kept(&issuer, &cache, !told.crl.is_empty()),
            wake: Notify::new(),
            lists: lists.collect::<Result<_, _>>()?,
            responders: responders.collect::<Result<_, _>>()?,
            nonce: told.nonce,
            cache: Arc::new(cache),
            issuer: Arc::new(issuer),
            fault: Mutex::default(),
        })
    }

    /// SHA-256 of its key.
    pub(super) fn key(&self) -> [u8; 32] {
        self.issuer.spki_sha256()
    }

    /// How many places its list may be read from.
    pub(super) fn lists(&self) -> usize {
        self.lists.len()
    }

    /// How many responders it has.
    pub(super) fn responders(&self) -> usize {
        self.responders.len()
    }

    /// Reads the list from one of its places, and judges it: genuine, in force, and not older than the one before.
    pub(super) async fn list(
        &self,
        index: usize,
        known: Option<&RevocationList>,
        at: At,
        patience: Patience,
    ) -> Got<(RevocationList, Vec<u8>)> {
        let der = match self.lists.get(index) {
            Some(Place::Web(way)) => {
                let question = Question {
                    content: None,
                    answer_type: None,
                };
                way.ask(question, patience)
                    .await
                    .map_err(Fault::Unanswered)?
                    .to_vec()
            }
            Some(Place::File(path)) => {
                let (path, bytes) = (path.clone(), patience.bytes);
                let read = tokio::task::spawn_blocking(move || read_file(&path, bytes)).await;
                read.unwrap_or_else(|error| Err(error.to_string()))
                    .map_err(Fault::File)?
            }
            None => return Err(Fault::File("no source".to_owned())),
        };
        let issuer = Arc::clone(&self.issuer);
        let (list, der) =
            tokio::task::spawn_blocking(move || (RevocationList::read(&issuer, &der), der))
                .await
                .map_err(|error| Fault::File(error.to_string()))?;
        let list = list.map_err(Fault::NotTaken)?;
        if let Some(known) = known {
            list.follows(known).map_err(Fault::NotTaken)?;
        }
        let window = list.window();
        window
            .check(at.tolerated_s, at.now_s)
            .map_err(Fault::NotTaken)?;
        Ok((list, der))
    }

    /// Asks one of its responders about a certificate, and judges the answer in the same way.
    pub(super) async fn answer(
        &self,
        index: usize,
        (serial, known): (&[u8], Option<&Answer>),
        at: At,
        patience: Patience,
    ) -> Got<(Answer, Vec<u8>)> {
        let query = Query {
            serial: serial.to_vec(),
            nonce: if self.nonce { Some(nonce()?) } else { None },
        };
        let question = Question {
            content: Some((REQUEST, query.to_der(&self.issuer))),
            answer_type: Some(RESPONSE),
        };
        let Some(way) = self.responders.get(index) else {
            return Err(Fault::File("no responder".to_owned()));
        };
        let der = way
            .ask(question, patience)
            .await
            .map_err(Fault::Unanswered)?;
        let answer = Answer::read(&self.issuer, &query, &der, at.now_s).map_err(Fault::NotTaken)?;
        if let Some(known) = known {
            answer.follows(known).map_err(Fault::NotTaken)?;
        }
        let window = answer.window();
        window
            .check(at.tolerated_s, at.now_s)
            .map_err(Fault::NotTaken)?;
        Ok((answer, der.to_vec()))
    }

    /// Keeps a list on disk, beside whatever else is done.
    pub(super) async fn keep_list(&self, der: Vec<u8>) {
        let cache = Arc::clone(&self.cache);
        drop(tokio::task::spawn_blocking(move || cache.keep_list(&der)).await);
    }

    /// Keeps an answer on disk, beside whatever else is done.
    pub(super) async fn keep_answer(&self, serial: Vec<u8>, der: Vec<u8>) {
        let cache = Arc::clone(&self.cache);
        drop(tokio::task::spawn_blocking(move || cache.keep_answer(&serial, &der)).await);
    }

    /// Removes the answers about these certificates from the disk, beside whatever else is done.
    pub(super) async fn drop_answers(&self, serials: Vec<Vec<u8>>) {
        if serials.is_empty() {
            return;
        }
        let cache = Arc::clone(&self.cache);
        drop(tokio::task::spawn_blocking(move || cache.drop_answers(&serials)).await);
    }

    /// The place of a list, or the responder, for people.
    pub(super) fn list_name(&self, index: usize) -> String {
        match self.lists.get(index) {
            Some(Place::Web(way)) => way.to_string(),
            Some(Place::File(path)) => path.display().to_string(),
            None => String::new(),
        }
    }

    pub(super) fn responder_name(&self, index: usize) -> String {
        self.responders
            .get(index)
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    /// Notes how it went; tells the log when that is another thing than the last time.
    pub(super) fn note(&self, fault: Option<String>) {
        let mut noted = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if *noted == fault {
            return;
        }
        let authority = self.issuer.subject();
        match &fault {
            Some(error) => {
                tracing::warn!(code = "status_source_fails", authority, %error, "a source of certificate status fails");
            }
            None => {
                tracing::info!(
                    code = "status_source_works",
                    authority,
                    "all sources of certificate status work"
                );
            }
        }
        *noted = fault;
    }

    /// What is wrong with its sources, for people.
    pub(super) fn told(&self) -> String {
        let noted = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        noted
            .clone()
            .unwrap_or_else(|| "its sources work".to_owned())
    }
}

/// What is known of an authority from the disk. It was judged when it was kept, and is judged again.
fn kept(issuer: &Issuer, cache: &Cache, has_list: bool) -> Known {
    let list = cache.list();
    let list = list.and_then(|der| RevocationList::read(issuer, &der).ok());
    let answers = cache.answers().into_iter().filter_map(|(serial, der)| {
        let query = Query {
            serial,
            nonce: None,
        };
        // When it was made was held against the clock of then.
        let answer = Answer::read(issuer, &query, &der, u64::MAX).ok()?;
        Some((query.serial, Arc::new(answer)))
    });
    Known::new(issuer.subject(), has_list, list, answers.collect())
}

fn nonce() -> Got<[u8; 16]> {
    let mut bytes = [0; 16];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_unspecified| Fault::NoRandom)?;
    Ok(bytes)
}

/// Standard: RFC 6960 §A.1.
const REQUEST: &str = "application/ocsp-request";
const RESPONSE: &str = "application/ocsp-response";
