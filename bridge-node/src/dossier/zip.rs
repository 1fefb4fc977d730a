//! A zip container of stored files, written and read in one form only: nothing compressed, nothing between or behind its parts.
//!
//! Common programs open it. What is read here was written here: any other zip is refused, so that no two readers of one
//! container see two contents.

/// A file of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its path.
    pub(super) name: String,
    /// Its content.
    pub(super) bytes: Vec<u8>,
}

/// Why a container is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZipFault {
    /// Not a container of this form.
    #[error("at byte {at} it is not a container of stored files as a node writes it")]
    Form {
        /// Where.
        at: usize,
    },
    /// A file whose check sum differs.
    #[error("{name}: its check sum is wrong")]
    CheckSum {
        /// The file.
        name: String,
    },
    /// A name that is no path of a dossier, or stands twice.
    #[error("`{name}` may not stand in a dossier, or stands twice")]
    Name {
        /// The name.
        name: String,
    },
}

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// Version 2.0, names in UTF-8, stored, 1980-01-01: the time of the dossier stands in its seal.
const VERSION: u16 = 20;
const UTF_8: u16 = 1 << 11;
const STORED: u16 = 0;
const TIME: u16 = 0;
const DATE: u16 = 0x21;
/// Files in one container.
const ENTRIES: usize = 64;

/// Writes a container; `None` if it would be larger than the form can say.
pub(super) fn write(entries: &[Entry]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = u32::try_from(out.len()).ok()?;
        let head = head(entry)?;
        out.extend(LOCAL.to_le_bytes());
        out.extend(VERSION.to_le_bytes());
        out.extend(&head);
        out.extend(0_u16.to_le_bytes());
        out.extend(entry.name.as_bytes());
        out.extend(&entry.bytes);
        directory.extend(CENTRAL.to_le_bytes());
        directory.extend(VERSION.to_le_bytes());
        directory.extend(VERSION.to_le_bytes());
        directory.extend(&head);
        // No extra field, no comment, first disk, no attributes.
        directory.extend([0; 12]);
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
    }
    let offset = u32::try_from(out.len()).ok()?;
    let length = u32::try_from(directory.len()).ok()?;
    let count = u16::try_from(entries.len()).ok()?;
    out.extend(directory);
    out.extend(END.to_le_bytes());
    out.extend([0; 4]);
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out.extend([0; 2]);
    Some(out)
}

/// What the local and the central header of a file have in common, from the flags to the length of the name.
fn head(entry: &Entry) -> Option<Vec<u8>> {
    let length = u32::try_from(entry.bytes.len()).ok()?;
    let name = u16::try_from(entry.name.len()).ok()?;
    let mut head = Vec::new();
    for part in [UTF_8, STORED, TIME, DATE] {
        head.extend(part.to_le_bytes());
    }
    head.extend(crc32fast::hash(&entry.bytes).to_le_bytes());
    head.extend(length.to_le_bytes());
    head.extend(length.to_le_bytes());
    head.extend(name.to_le_bytes());
    Some(head)
}

/// Reads a container.
///
/// # Errors
///
/// [`ZipFault`] for anything but what [`write`] writes. A wrong check sum is told by its file's name.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Entry>, ZipFault> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut at = 0;
    let mut sums = Vec::new();
    while u32_at(bytes, at) == Some(LOCAL) && entries.len() < ENTRIES {
        let form = || ZipFault::Form { at };
        let sum = u32_at(bytes, at + 14).ok_or_else(form)?;
        let length = u32_at(bytes, at + 18).ok_or_else(form)? as usize;
        let name_length = usize::from(u16_at(bytes, at + 26).ok_or_else(form)?);
        let begin = at + 30;
        let name = bytes.get(begin..begin + name_length).ok_or_else(form)?;
        let name = std::str::from_utf8(name)
            .map_err(|_not_text| form())?
            .to_owned();
        let content = begin + name_length;
        let content = bytes.get(content..content + length).ok_or_else(form)?;
        if !is_path(&name) || entries.iter().any(|known| known.name == name) {
            return Err(ZipFault::Name { name });
        }
        sums.push((name.clone(), sum, content));
        entries.push(Entry {
            name,
            bytes: content.to_vec(),
        });
        at = begin + name_length + length;
    }
    for (name, sum, content) in sums {
        if crc32fast::hash(content) != sum {
            return Err(ZipFault::CheckSum { name });
        }
    }
    // What it would have been written as is what it must be, to the last byte.
    let again = write(&entries).unwrap_or_default();
    if again == bytes {
        return Ok(entries);
    }
    let differs = again
        .iter()
        .zip(bytes)
        .position(|(one, other)| one != other);
    let at = differs.unwrap_or(again.len().min(bytes.len()));
    Err(ZipFault::Form { at })
}

fn is_path(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    !name.is_empty()
        && name.len() <= 100
        && name.bytes().all(is_plain)
        && name
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(name: &str, bytes: &[u8]) -> Entry {
        Entry {
            name: name.to_owned(),
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn what_is_written_is_read_and_every_altered_byte_is_noticed() {
        let entries = [
            entry("mimetype", b"type"),
            entry("a/b.txt", b"content"),
            entry("c", b""),
        ];
        let bytes = write(&entries).unwrap();
        assert_eq!(read(&bytes).unwrap(), entries);
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(read(&altered).is_err(), "byte {at}");
        }
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
        assert!(read(&[bytes, vec![0]].concat()).is_err());
    }

    #[test]
    fn names_that_lead_elsewhere_or_stand_twice_are_refused() {
        for name in ["/a", "a//b", "../a", "a/./b", "", "a b", "ə"] {
            let bytes = write(&[entry(name, b"x")]).unwrap();
            assert!(matches!(read(&bytes), Err(ZipFault::Name { .. })), "{name}");
        }
        let twice = write(&[entry("a", b"1"), entry("a", b"2")]).unwrap();
        assert!(matches!(read(&twice), Err(ZipFault::Name { .. })));
    }

    proptest! {
        #[test]
        fn strangers_bytes_do_no_harm(bytes: Vec<u8>) {
            let bytes = [&LOCAL.to_le_bytes()[..], &bytes].concat();
            prop_assert!(read(&bytes).is_err());
        }
    }
}
