//! The fields of a leaf as text, to be compared with those of another.

use crate::json::Cursor;
use crate::leaf::Leaf;

/// A leaf and the text of its fields.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pub(super) leaf: Leaf<'a>,
    /// Names and values as they stand in the leaf, strings without their quotes.
    list: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Fields<'a> {
    /// Reads a leaf; the strict reader judges it first, so that what follows it need not.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let leaf = Leaf::parse(bytes).ok()?;
        let mut list = Vec::with_capacity(27);
        let mut cursor = Cursor::new(bytes);
        cursor.skip(b"{");
        loop {
            let name = cursor.string().ok()?.plain()?;
            cursor.skip(b":");
            let value = match cursor.peek()? {
                b'"' => cursor.string().ok()?.raw(),
                b'[' | b'{' => cursor.nested().ok()?,
                _ => cursor.digits(),
            };
            list.push((name, value));
            if !cursor.skip(b",") {
                return Some(Self { leaf, list });
            }
        }
    }

    /// The value of a field; empty if the leaf does not have it.
    pub(super) fn get(&self, name: &str) -> &'a [u8] {
        let found = self
            .list
            .iter()
            .find(|(field, _)| *field == name.as_bytes());
        found.map_or(&[], |(_, value)| *value)
    }

    pub(super) fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.get(name)).into_owned()
    }
}
