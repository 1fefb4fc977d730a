//! One row a leaf: where its frame is and the keys it is found by.

use std::sync::Arc;

use bridge_core::leaf::Leaf;

use crate::tree::sha256;

/// What a leaf is found by: a UUID, or the front of a text's hash.
pub(crate) type Key = [u8; 16];

/// The tables of an index, in the order in which they stand in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    RequestId,
    Client,
    Service,
    Outcome,
}

/// All tables.
pub(crate) const TABLES: [Table; 4] = [
    Table::RequestId,
    Table::Client,
    Table::Service,
    Table::Outcome,
];

/// What is known of a leaf without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Where the leaf's frame begins in its segment.
    pub(crate) offset: u32,
    request_id: Option<Key>,
    client: Option<Key>,
    service: Option<Key>,
    outcome: Option<Key>,
}

impl Row {
    /// Takes the keys out of a leaf.
    pub(crate) fn new(leaf: &Leaf, offset: u32) -> Self {
        Self {
            offset,
            request_id: leaf.request_id.map(uuid::Uuid::into_bytes),
            client: leaf.client.as_ref().map(|client| text_key(client.as_str())),
            service: leaf
                .service
                .as_ref()
                .map(|service| text_key(service.as_str())),
            outcome: leaf.outcome.as_deref().map(text_key),
        }
    }

    /// Returns the leaf's key in a table.
    pub(crate) fn key(&self, table: Table) -> Option<Key> {
        match table {
            Table::RequestId => self.request_id,
            Table::Client => self.client,
            Table::Service => self.service,
            Table::Outcome => self.outcome,
        }
    }
}

/// Returns the key of a text: the first 16 bytes of its hash.
pub(crate) fn text_key(text: &str) -> Key {
    let hash = sha256(&[text.as_bytes()]);
    let mut key = [0; 16];
    for (to, from) in key.iter_mut().zip(hash) {
        *to = from;
    }
    key
}

/// The rows of a segment, growing at the end. A copy shares all but the newest few.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    full: Vec<Arc<[Row]>>,
    newest: Vec<Row>,
}

impl Rows {
    /// Adds the row of the next leaf.
    pub(crate) fn push(&mut self, row: Row) {
        self.newest.push(row);
        if self.newest.len() == SHARED_ROWS {
            self.full.push(std::mem::take(&mut self.newest).into());
        }
    }

    /// Returns the row of the leaf with this number in the segment.
    pub(crate) fn at(&self, ordinal: usize) -> Option<&Row> {
        match self.full.get(ordinal / SHARED_ROWS) {
            Some(rows) => rows.get(ordinal % SHARED_ROWS),
            None => self
                .newest
                .get(ordinal.checked_sub(self.full.len() * SHARED_ROWS)?),
        }
    }

    /// Returns how many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.full.len() * SHARED_ROWS + self.newest.len()
    }

    /// Goes through the rows in order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Row> {
        self.full
            .iter()
            .flat_map(|rows| rows.iter())
            .chain(&self.newest)
    }
}

/// Rows in a shared piece: a copy costs as many pointers, and less than this many rows.
const SHARED_ROWS: usize = 512;
