//! Before a journal is opened: do its witnesses hold the head that is here?
//!
//! Nothing was written yet, so nothing was signed that could be a second head.

use std::sync::Arc;
use std::time::Duration;

use bridge_directory::Client;
use bridge_journal::{Checkpoint, Past};
use bytes::Bytes;
use tokio::task::JoinSet;

use super::{journal_folder, own_statement};
use crate::cosigning::{AskError, Asked, Asker, Log, ask};
use crate::node::Parts;
use crate::peers::Peers;
use crate::running::read_directory;
use crate::settings::Settings;
use crate::tls::TlsIdentity;
use crate::watch::{View, Watch};

/// Why a log is not gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// More witnesses than may lie hold another head.
    Contradicted,
    /// The machine was started anew, and too few witnesses said in time that they hold this head.
    Unconfirmed,
    /// The operator says that the folder was moved, and witnesses make a new log possible.
    Moved,
    /// A later log of this node is witnessed already: its folder is elsewhere.
    Closed,
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
            Self::Closed => "closed",
        }
    }
}

/// Asks the witnesses of the journal that is here; `None` if it may be gone on with, or is witnessed by nobody.
pub async fn examine(settings: &Settings, parts: &Parts) -> Option<Doubt> {
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
    let opening = tokio::task::spawn_blocking(move || Past::open(&folder, evidence));
    // A journal that is new, damaged or of another log is judged when it is opened.
    let past = Arc::new(opening.await.ok()?.ok()?);
    let (checkpoint, note) = past.signed()?;
    let Some((witnessing, view)) = witnessed else {
        return unasked(&past, parts.vouched.moved);
    };
    if parts.vouched.moved {
        return Some(Doubt::Moved);
    }
    let tls = TlsIdentity::read(&settings.keys_folder, "tls").ok()?;
    let asker = Asker {
        peers: Arc::new(Peers::new(tls, parts.trust(), &settings.limits)),
        web: settings.witnesses.tls.clone(),
        view,
        epoch: own_statement(|filter| past.search(filter)).map(|statement| statement.write()),
        log: Arc::clone(&past),
    };
    let within = settings.witnesses.answer;
    let mut asking = ask_all(&Arc::new(asker), &witnessing.by, (checkpoint, note), within);
    let (mut agreed, mut contradicting, mut closed) = (0_u32, 0_u32, false);
    let counting = async {
        while let Some(ended) = asking.join_next().await {
            match ended.unwrap_or(Err(AskError::TimedOut)) {
                Ok(_) => agreed = agreed.saturating_add(1),
                Err(AskError::Closed) => closed = true,
                Err(error) if error.contradicts() => {
                    contradicting = contradicting.saturating_add(1);
                }
                Err(_silent) => {}
            }
            if agreed >= witnessing.needed {
                return;
            }
        }
    };
    drop(tokio::time::timeout(settings.witnesses.start, counting).await);
    if contradicting > witnessing.faulty {
        Some(Doubt::Contradicted)
    } else if agreed >= witnessing.needed {
        None
    } else if closed {
        Some(Doubt::Closed)
    } else {
        past.is_rebooted().then_some(Doubt::Unconfirmed)
    }
}

/// Asks them all at once; who doesn't confirm is told of.
fn ask_all(
    asker: &Arc<Asker<Arc<Past>>>,
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
    let store = settings.data_folder.join("directory");
    let client = Client::open(&store, parts.directory_root()).ok()?;
    let watch = Arc::new(Watch::new(client, &parts.trust(), &settings.limits, now_s));
    read_directory(&watch, &settings.directory_source, now_s).await;
    watch.view(now_s).ok()
}

impl Log for Arc<Past> {
    fn consistency(
        &self,
        old: u64,
        new: u64,
    ) -> Result<Option<Vec<[u8; 32]>>, bridge_journal::ReadError> {
        Past::consistency(self, old, new)
    }
}
