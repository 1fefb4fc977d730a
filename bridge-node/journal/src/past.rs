//! A journal that is read and never written: one that is closed for ever, or not yet opened.

use std::path::Path;
use std::sync::Arc;

use bridge_core::leaf::{Leaf, Side, UnixMillis};
use bridge_core::quota::Begun;
use bytes::Bytes;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::begins::each_begun_since;
use crate::catalogue::NoStore;
use crate::config::SMALLEST_SEGMENT_BYTES;
use crate::disk::overlay::Overlay;
use crate::disk::read_whole;
use crate::entry::{Filter, Head, Hit, Shown};
use crate::error::{Damage, Fault, OpenError, ReadError};
use crate::home;
use crate::journal::{show, unfinished};
use crate::note::{Checkpoint, Verifier};
use crate::proof::consistency;
use crate::recovery::{Ground, recover};
use crate::search::{each_hit, each_since, search};
use crate::shared::Shared;

/// A journal as its folder was when it was opened.
pub struct Past {
    shared: Arc<Shared>,
    /// Whether the machine was started anew since the journal was written last, as far as it says.
    rebooted: bool,
    /// The leaves that began what has not ended.
    begun: Vec<u64>,
}

// === impl Past ===

impl Past {
    /// Reads a journal's folder and changes nothing in it, wherever it lies and whoever writes it. What no commit
    /// covers is left out.
    ///
    /// # Errors
    ///
    /// [`OpenError::Damaged`] if the files aren't what a journal has written, [`OpenError::Read`] if they can't be read.
    pub fn open(folder: &Path, evidence: Zeroizing<[u8; 32]>) -> Result<Self, OpenError> {
        let disk = Arc::new(Overlay::new(folder));
        let text = read_whole(&*disk, "origin").map_err(OpenError::read("origin"))?;
        let text = text.ok_or_else(|| Damage::new("origin", Fault::Missing))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let vkey = text.lines().nth(1).unwrap_or_default();
        let rebooted = home::rebooted(&*disk);
        let recovered = recover(Ground {
            disk,
            store: &|| Box::new(NoStore),
            verifier: Verifier::parse(vkey).map_err(OpenError::Key)?,
            evidence,
            segment_bytes: SMALLEST_SEGMENT_BYTES,
            moved: true,
            now: UnixMillis(0),
        })?;
        let begun = recovered.progress.unfinished.indexes();
        let shared = recovered.shared;
        Ok(Self {
            shared,
            rebooted,
            begun,
        })
    }

    /// Returns the log's name.
    pub fn origin(&self) -> &str {
        self.shared.verifier.origin()
    }

    /// Returns the key that checks its checkpoints.
    pub fn verifier(&self) -> &Verifier {
        &self.shared.verifier
    }

    /// Returns the state of the tree.
    pub fn head(&self) -> Head {
        self.shared.state().head
    }

    /// Returns whether the machine was started anew, or is another, since the journal was opened last.
    pub fn is_rebooted(&self) -> bool {
        self.rebooted
    }

    /// Returns its newest checkpoint with its note.
    pub fn signed(&self) -> Option<(Checkpoint, Bytes)> {
        self.shared.state().checkpoint.clone()
    }

    /// Returns its newest checkpoint that enough witnesses have cosigned.
    pub fn cosigned(&self) -> Option<(Checkpoint, Bytes)> {
        self.shared.state().cosigned.clone()
    }

    /// Returns the exchanges that have begun in this log and not ended, each with the leaf that began it, oldest first.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    pub fn unfinished(&self) -> Result<Vec<(Uuid, Side, Leaf)>, ReadError> {
        unfinished(&self.shared, &self.begun)
    }

    /// As [`crate::Journal::consistency`].
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<[u8; 32]>>, ReadError> {
        consistency(&self.shared, old, new)
    }

    /// As [`crate::Journal::search`].
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    pub fn search(&self, filter: &Filter) -> Result<Vec<Hit>, ReadError> {
        search(&self.shared, &self.shared.snapshot(), filter)
    }

    /// As [`crate::Journal::each_hit`].
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    pub fn each_hit(&self, filter: &Filter, see: &mut dyn FnMut(Hit)) -> Result<(), ReadError> {
        each_hit(&self.shared, &self.shared.snapshot(), filter, see)
    }

    /// As [`crate::Journal::show`].
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    pub fn show(&self, request_id: Uuid) -> Result<Vec<Shown>, ReadError> {
        show(&self.shared, request_id)
    }

    /// As [`crate::Journal::each_begun_since`].
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written; some were told then.
    pub fn each_begun_since(
        &self,
        since: UnixMillis,
        tell: &mut dyn FnMut(&Begun<'_>, UnixMillis, u64),
    ) -> Result<u64, ReadError> {
        each_begun_since(&self.shared, &self.shared.snapshot(), since, tell)
    }

    /// As [`crate::Journal::each_leaf_since`].
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written; some leaves were shown then.
    pub fn each_leaf_since(
        &self,
        since: UnixMillis,
        see: &mut dyn FnMut(u64, &Leaf),
    ) -> Result<(), ReadError> {
        each_since(&self.shared, &self.shared.snapshot(), since, see)
    }
}

impl std::fmt::Debug for Past {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = self.origin();
        let mut shown = formatter.debug_struct("Past");
        shown.field("origin", &origin).finish_non_exhaustive()
    }
}
