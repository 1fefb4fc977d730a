//! One authority: its sources read in their order, what they give judged, their faults told once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bridge_certs::status::{Answer, Issuer, Query, RevocationList, StatusError, Window};
use bridge_directory::metadata::sha256;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Notify;

use super::cache::{Cache, FileFault, read_file};
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
    /// SHA-256 of the list that was taken last, as it was written.
    written: Mutex<Option<[u8; 32]>>,
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
    /// The file is not read.
    #[error("{0}")]
    File(#[from] FileFault),
    /// What was to be done is not there, or ended by a fault of its own.
    #[error("{0}")]
    Undone(String),
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
            written: Mutex::default(),
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

    /// Reads the list from one of its places, and judges it: genuine, in force, and not older than the one before; nothing if
    /// it is that one.
    pub(super) async fn list(
        &self,
        index: usize,
        known: Option<&RevocationList>,
        at: At,
        patience: Patience,
    ) -> Got<Option<(RevocationList, Vec<u8>)>> {
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
                blocking(move || read_file(&path, bytes)).await??
            }
            None => return Err(Fault::Undone("no source".to_owned())),
        };
        let (written, der) = blocking(move || (sha256(&der), der)).await?;
        if let Some(known) = known
            && *self.written() == Some(written)
        {
            // The very bytes that were read before: a large list is not verified and taken apart each time.
            check_window(known.window(), at)?;
            return Ok(None);
        }
        let issuer = Arc::clone(&self.issuer);
        let (list, der) = blocking(move || (RevocationList::read(&issuer, &der), der)).await?;
        let list = list.map_err(Fault::NotTaken)?;
        if let Some(known) = known {
            list.follows(known).map_err(Fault::NotTaken)?;
        }
        check_window(list.window(), at)?;
        *self.written() = Some(written);
        Ok(Some((list, der)))
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
            return Err(Fault::Undone("no responder".to_owned()));
        };
        let der = way
            .ask(question, patience)
            .await
            .map_err(Fault::Unanswered)?;
        let answer = Answer::read(&self.issuer, &query, &der, at.now_s).map_err(Fault::NotTaken)?;
        if let Some(known) = known {
            answer.follows(known).map_err(Fault::NotTaken)?;
        }
        check_window(answer.window(), at)?;
        Ok((answer, der.to_vec()))
    }

    fn written(&self) -> MutexGuard<'_, Option<[u8; 32]>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Does what takes long where it keeps nobody waiting.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Got<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Fault::Undone(error.to_string()))
}

fn check_window(window: &Window, at: At) -> Got<()> {
    let checked = window.check(at.tolerated_s, at.now_s);
    checked.map_err(Fault::NotTaken)
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    const AT: At = At {
        tolerated_s: u64::MAX,
        // A month after the vectors were made.
        now_s: 1_798_000_000,
    };

    /// An authority whose list lies in a file of its own.
    struct World {
        authority: Authority,
        file: PathBuf,
        _folder: tempfile::TempDir,
    }

    impl World {
        fn of(kind: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("list.crl");
            let told = StatusAuthority {
                certificate: PathBuf::new(),
                crl: vec![CrlSource::File(file.clone())],
                ocsp: Vec::new(),
                nonce: false,
                unchecked: false,
            };
            let issuer = Issuer::from_pem(&vector(&format!("{kind}-authority.pem"))).unwrap();
            Self {
                authority: Authority::open(&told, issuer, folder.path()).unwrap(),
                file,
                _folder: folder,
            }
        }

        async fn list(
            &self,
            known: Option<&RevocationList>,
            at: At,
        ) -> Got<Option<(RevocationList, Vec<u8>)>> {
            let patience = Patience {
                bytes: 1 << 20,
                time: Duration::from_mins(1),
                limits: ["status_bytes", "status_seconds"],
            };
            self.authority.list(0, known, at, patience).await
        }
    }

    fn vector(name: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../certs/testdata/status");
        fs::read(folder.join(name)).unwrap()
    }

    #[tokio::test]
    async fn a_list_is_taken_apart_once_and_as_often_as_it_changes_and_grows_old_all_the_same() {
        let world = World::of("p256");
        fs::write(&world.file, vector("p256-list.der")).unwrap();
        let (list, der) = world.list(None, AT).await.unwrap().unwrap();
        assert_eq!(der, vector("p256-list.der"));
        for _ in 0..3 {
            let again = world.list(Some(&list), AT).await.unwrap();
            assert!(again.is_none(), "the same bytes");
        }
        let late = At {
            now_s: list.window().until_s(u64::MAX) + 1,
            ..AT
        };
        let told = world.list(Some(&list), late).await.unwrap_err();
        assert!(
            matches!(told, Fault::NotTaken(StatusError::Late { .. })),
            "{told}"
        );
        // Bytes that were not taken are not those that were read before.
        let mut bent = der.clone();
        *bent.last_mut().unwrap() ^= 1;
        for _ in 0..2 {
            fs::write(&world.file, &bent).unwrap();
            let told = world.list(Some(&list), AT).await.unwrap_err();
            assert!(matches!(told, Fault::NotTaken(_)), "{told}");
        }
        fs::write(&world.file, &der).unwrap();
        assert!(world.list(Some(&list), AT).await.unwrap().is_none());
        // Who knows none has it taken apart, whatever was read before.
        assert!(world.list(None, AT).await.unwrap().is_some());
    }
}
