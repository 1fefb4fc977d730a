//! Before a journal is opened: do its witnesses hold the head that is here?
//!
//! Nothing was written yet, so nothing was signed that could be a second head. Where there is no head, witnesses are
//! asked whether they hold one. Without a directory nobody can be asked: then only what is cosigned on disk tells that
//! there are witnesses, and a journal that is lost together with the directory's store begins anew.

use std::sync::Arc;
use std::time::Duration;

use bridge_journal::{Checkpoint, Past};
use bytes::Bytes;
use tokio::task::JoinSet;

use super::{journal_folder, own_statement};
use crate::cosigning::{AskError, Asked, Asker, Log, ask};
use crate::node::{Parts, open_watch};
use crate::peers::Peers;
use crate::running::read_directory;
use crate::settings::Settings;
use crate::watch::View;

/// Why a log is not gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// More witnesses than may lie hold another head.
    Contradicted,
    /// The machine was started anew, and too few witnesses said in time that they hold this head.
    Unconfirmed,
    /// The operator says that the folder was moved, and witnesses make a new log possible.
    Moved,
    /// The operator wants another key.
    Renewed,
    /// A later log of this node is witnessed already: its folder is elsewhere.
    Closed,
    /// There is no head here, and more witnesses than may lie hold one.
    Lost {
        /// The most leaves that one of them has cosigned.
        witnessed: u64,
    },
}

/// What witnesses have cosigned, beside the journal's segments.
const COSIGNED: &str = "cosigned";

// === impl Doubt ===

impl Doubt {
    /// A word for the leaf.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contradicted => "contradicted",
            Self::Unconfirmed => "unconfirmed",
            Self::Moved => "moved",
            Self::Renewed => "renewed",
            Self::Closed => "closed",
            Self::Lost { .. } => "lost",
        }
    }
}

/// What the witnesses said of one head.
#[derive(Default)]
struct Said {
    agreed: u32,
    contradicting: u32,
    /// They watch a later log of this node.
    closed: u32,
    /// The most leaves that one of them has cosigned, if that is more than there are here.
    most: Option<u64>,
}

/// Asks the witnesses of the journal that is here; `None` if it may be gone on with, or is witnessed by nobody.
pub async fn examine(settings: &Settings, parts: &Parts) -> Option<Doubt> {
    let doubt = doubt(settings, parts).await;
    if doubt.is_some() || !parts.vouched.new_journal_key {
        return doubt;
    }
    // A log that has signed nothing yet has nothing that another could follow.
    let (folder, evidence) = (journal_folder(settings), parts.evidence_key());
    let opening = tokio::task::spawn_blocking(move || Past::open(&folder, evidence));
    let past = opening.await.ok()?.ok()?;
    past.signed().map(|_head| Doubt::Renewed)
}

async fn doubt(settings: &Settings, parts: &Parts) -> Option<Doubt> {
    let view = directory(settings, parts).await;
    let folder = journal_folder(settings);
    let witnessed = match view {
        Some(view) => Some((
            view.directory().node(&settings.node)?.witnessing.clone()?,
            view,
        )),
        None if folder.join(COSIGNED).is_file() => None,
        None => return None,
    };
    let evidence = parts.evidence_key();
    let is_absent = !folder.join("origin").exists();
    let opening = tokio::task::spawn_blocking(move || Past::open(&folder, evidence));
    let past = match opening.await.ok()? {
        Ok(past) => Some(Arc::new(past)),
        Err(_) if is_absent => None,
        // A journal that is damaged or of another log is judged when it is opened.
        Err(_) => return None,
    };
    let Some((witnessing, view)) = witnessed else {
        return unasked(&*past?, parts.vouched.moved);
    };
    let head = past.as_ref().and_then(|past| past.signed());
    if parts.vouched.moved && head.is_some() {
        return Some(Doubt::Moved);
    }
    let is_empty = head.is_none();
    let head = head.or_else(|| parts.empty_checkpoint(settings))?;
    let tls = parts.tls_identity();
    let own = |past: &Arc<Past>| own_statement(|filter| past.search(filter));
    let asker = Asker {
        peers: Arc::new(Peers::new(tls, parts.judges(), &settings.limits)),
        web: settings.witnesses.tls.clone(),
        view,
        epoch: past.as_ref().and_then(own).map(|own| own.write()),
        log: past.clone(),
    };
    let within = settings.witnesses.answer;
    let mut asking = ask_all(&Arc::new(asker), &witnessing.by, head, within);
    let mut said = Said::default();
    let counting = said.count(&mut asking, witnessing.needed);
    drop(tokio::time::timeout(settings.witnesses.start, counting).await);
    if is_empty {
        // A new log, or what was of it is lost: its key must not sign it from the beginning again.
        let not_new = said.contradicting.saturating_add(said.closed) > witnessing.faulty;
        let lost = |witnessed| Doubt::Lost { witnessed };
        return not_new.then(|| said.most.map_or(Doubt::Closed, lost));
    }
    if said.contradicting > witnessing.faulty {
        Some(Doubt::Contradicted)
    } else if said.agreed >= witnessing.needed {
        None
    } else if said.closed > 0 {
        Some(Doubt::Closed)
    } else {
        past?.is_rebooted().then_some(Doubt::Unconfirmed)
    }
}

// === impl Said ===

impl Said {
    /// Counts answers until enough agree.
    async fn count(&mut self, asking: &mut JoinSet<Result<Asked, AskError>>, needed: u32) {
        while let Some(ended) = asking.join_next().await {
            match ended.unwrap_or(Err(AskError::TimedOut)) {
                Ok(_) => self.agreed = self.agreed.saturating_add(1),
                Err(AskError::Closed) => self.closed = self.closed.saturating_add(1),
                Err(error) => {
                    if let AskError::Ahead { witnessed, .. } = error {
                        self.most = self.most.max(Some(witnessed));
                    }
                    let contradicts = u32::from(error.contradicts());
                    self.contradicting = self.contradicting.saturating_add(contradicts);
                }
            }
            if self.agreed >= needed {
                return;
            }
        }
    }
}

/// Asks them all at once; who doesn't confirm is told of.
fn ask_all(
    asker: &Arc<Asker<Option<Arc<Past>>>>,
    witnesses: &[String],
    (checkpoint, note): (Checkpoint, Bytes),
    within: Duration,
) -> JoinSet<Result<Asked, AskError>> {
    let mut asking = JoinSet::new();
    for name in witnesses {
        let (asker, name, note) = (Arc::clone(asker), name.clone(), note.clone());
        asking.spawn(async move {
            let answer = ask(&asker, &name, (checkpoint, &note), 0);
            let answered = tokio::time::timeout(within, answer).await;
            let answered = answered.unwrap_or(Err(AskError::TimedOut));
            if let Err(error) = &answered {
                let error = crate::chain(error);
                tracing::warn!(
                    witness = name,
                    error,
                    "a witness does not confirm the journal"
                );
            }
            answered
        });
    }
    asking
}

/// Nobody can be asked without a directory; what is cosigned on disk says that this log has witnesses.
fn unasked(past: &Past, moved: bool) -> Option<Doubt> {
    past.cosigned()?;
    if moved {
        return Some(Doubt::Moved);
    }
    past.is_rebooted().then_some(Doubt::Unconfirmed)
}

/// The directory, before there is a node.
async fn directory(settings: &Settings, parts: &Parts) -> Option<Arc<View>> {
    let now_s = parts.clock.now_s();
    let watch = open_watch(settings, parts.directory_root(), &parts.trust(), now_s).ok()?;
    read_directory(&watch, &settings.directory_source, now_s).await;
    watch.view(now_s).ok()
}

/// A log without leaves has nothing to prove.
impl Log for Option<Arc<Past>> {
    fn consistency(
        &self,
        old: u64,
        new: u64,
    ) -> Result<Option<Vec<[u8; 32]>>, bridge_journal::ReadError> {
        let past = self.as_ref();
        past.map_or(Ok(None), |past| past.consistency(old, new))
    }
}
