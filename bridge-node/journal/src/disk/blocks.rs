//! Writes of whole blocks, past the system's memory.

use std::io;

use super::SegmentFile;

/// What disks and file systems write as a whole, bytes: a write of whole blocks has nothing to read first.
pub(crate) const BLOCK: usize = 4096;

/// Memory that begins and ends at whole blocks, as writes past the system's memory demand.
pub(crate) struct Blocks {
    memory: Vec<u8>,
    begin: usize,
}

impl Blocks {
    /// Makes so many bytes of zeros.
    pub(crate) fn zeros(length: usize) -> Self {
        // It is never grown, so it stays where it is.
        let memory = vec![0; length + BLOCK];
        let begin = memory.as_ptr().align_offset(BLOCK).min(BLOCK);
        Self { memory, begin }
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        let length = self.memory.len() - BLOCK;
        self.memory
            .get_mut(self.begin..self.begin + length)
            .unwrap_or_default()
    }
}

/// Writes bytes past the system's memory if they are whole blocks of such memory and the disk takes them so, else like any; says
/// which. They are durable after a sync.
pub(crate) fn write_blocks(file: &dyn SegmentFile, bytes: &[u8], offset: u64) -> io::Result<bool> {
    if bytes.len().is_multiple_of(BLOCK) && file.past_memory(true) {
        let written = file.write_at(bytes, offset);
        file.past_memory(false);
        match written {
            // The disk's own blocks are larger.
            Err(refused) if refused.kind() == io::ErrorKind::InvalidInput => {}
            written => return written.map(|()| true),
        }
    }
    file.write_at(bytes, offset).map(|()| false)
}
