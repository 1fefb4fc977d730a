//! Small ways to alter a folder.

use std::fs;
use std::path::{Path, PathBuf};

/// Alters a folder and returns what one finding must say, all of it.
type Apply = Box<dyn Fn(&Path) -> Vec<String>>;

/// Alters the bytes of a file.
pub(crate) type Change = Box<dyn Fn(&mut Vec<u8>)>;

/// One way to alter a journal.
pub(crate) struct Mutation {
    pub(crate) name: String,
    pub(crate) apply: Apply,
}

/// Names a mutation.
pub(crate) fn mutation(
    name: impl Into<String>,
    apply: impl Fn(&Path) -> Vec<String> + 'static,
) -> Mutation {
    Mutation {
        name: name.into(),
        apply: Box::new(apply),
    }
}

/// A change to a file's bytes.
pub(crate) fn edit(folder: &Path, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join(file);
    let mut bytes = fs::read(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let before = bytes.clone();
    change(&mut bytes);
    assert_ne!(before, bytes, "{file}: nothing was changed");
    fs::write(path, bytes).unwrap();
}

/// A mutation that changes one file and is to be found at one place.
pub(crate) fn file_mutation(
    name: impl Into<String>,
    file: impl Into<String>,
    change: impl Fn(&mut Vec<u8>) + 'static,
    expected: &[&str],
) -> Mutation {
    let file = file.into();
    let expected: Vec<String> = expected.iter().map(|&text| text.to_owned()).collect();
    mutation(name, move |folder| {
        edit(folder, &file, &change);
        let mut expected = expected.clone();
        expected.push(file.clone());
        expected
    })
}

/// The place of a text in bytes.
pub(crate) fn find(bytes: &[u8], text: &[u8]) -> usize {
    bytes
        .windows(text.len())
        .position(|window| window == text)
        .expect("the text is there")
}

pub(crate) fn flip(at: usize) -> impl Fn(&mut Vec<u8>) {
    move |bytes| bytes[at] ^= 1
}

/// Adds to a big-endian number.
pub(crate) fn add(at: usize, width: usize, value: i64) -> impl Fn(&mut Vec<u8>) {
    move |bytes| {
        let field = &mut bytes[at..at + width];
        let number = field
            .iter()
            .fold(0_i64, |number, byte| number << 8 | i64::from(*byte))
            + value;
        field.copy_from_slice(&number.to_be_bytes()[8 - width..]);
    }
}

/// Replaces the first `from` by `to`.
pub(crate) fn replace(from: &str, to: &str) -> impl Fn(&mut Vec<u8>) + use<> {
    let (from, to) = (from.as_bytes().to_vec(), to.as_bytes().to_vec());
    move |bytes| {
        let at = find(bytes, &from);
        bytes.splice(at..at + from.len(), to.iter().copied());
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
