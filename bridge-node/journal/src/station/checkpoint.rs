//! Checkpoints: the tree as it is, signed.

use bytes::Bytes;

use super::Station;
use crate::error::JournalError;
use crate::frame::{FRAME_HEAD_BYTES, FrameKind, push_frame};
use crate::keeper::Order;
use crate::note::Checkpoint;

impl Station {
    /// Signs the tree as it is, durably, and then shows it.
    pub(super) fn checkpoint(&mut self) -> Result<(), JournalError> {
        self.due = None;
        if self.tree.size() == self.signed_size {
            return Ok(());
        }
        let checkpoint = Checkpoint {
            size: self.tree.size(),
            root: self.tree.root(),
        };
        let note = self.note_key.sign(&checkpoint);
        if FRAME_HEAD_BYTES + note.len() > self.room() {
            self.roll()?;
            // The leaf with an index's digest may have come into the tree.
            return self.checkpoint();
        }
        push_frame(
            &mut self.batch.bytes,
            FrameKind::Checkpoint,
            note.as_bytes(),
        );
        // crash here: the note was shown to nobody; another may be signed of the same or a larger tree.
        self.flush()?;
        self.signed_size = checkpoint.size;
        let note = Bytes::from(note);
        self.shared.state().checkpoint = Some((checkpoint, note.clone()));
        self.showing += 1;
        self.keeper.order(Order::Show(note))
    }
}
