//! Files that are whole or not there, whenever the power goes.
//!
//! A file is written beside its place under a name of its own, which ends so that no reader of the folder takes it, and has
//! its name only when its bytes are durable. What is returned from here survives: the names are durable, too.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

/// Who may read and write a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// As the umask of the process leaves them.
    Usual,
    /// These, whatever the umask is. From the start nobody but the owner has any.
    Exactly(u32),
}

/// The owner's alone.
pub(crate) const OWNER: Rights = Rights::Exactly(0o600);

/// What an umask takes from.
const ALL: u32 = 0o666;

/// Puts a whole file in place of one that may be there.
///
/// # Errors
///
/// Whatever the system says; then either may be there.
pub(crate) fn replace(path: &Path, bytes: &[u8], rights: Rights) -> io::Result<()> {
    let mut half = half(path, rights)?;
    half.write_all(bytes)?;
    put(half, path)
}

/// Begins a file that [`put`] gives its name; until then it goes when it is dropped.
///
/// # Errors
///
/// Whatever the system says.
pub(crate) fn half(path: &Path, rights: Rights) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".half");
    if rights == Rights::Usual {
        builder.permissions(Permissions::from_mode(ALL));
    }
    let half = builder.tempfile_in(folder_of(path))?;
    if let Rights::Exactly(mode) = rights {
        half.as_file()
            .set_permissions(Permissions::from_mode(mode))?;
    }
    Ok(half)
}

/// Puts a file that [`half`] began, and that is whole now, in place of one that may be there.
///
/// # Errors
///
/// Whatever the system says; then either may be there.
pub(crate) fn put(half: NamedTempFile, path: &Path) -> io::Result<()> {
    // crash here: a half file under a name that nothing reads.
    half.as_file().sync_all()?;
    half.persist(path).map_err(|error| error.error)?;
    // crash here: the file before or this one; nobody was told of this one.
    sync_folder(folder_of(path))
}

/// Makes a folder, and those above it that are missing, if it is not there.
///
/// # Errors
///
/// Whatever the system says.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let above = folder_of(folder);
    if !above.is_dir() {
        make_folder(above)?;
    }
    fs::create_dir_all(folder)?;
    // Also if it was there: whoever made it may have been stopped here.
    sync_folder(above)
}

/// Makes the names in a folder durable.
///
/// # Errors
///
/// Whatever the system says.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The folder that a file lies in, or is to lie in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    let folder = path.parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_the_rights_that_are_meant_and_leaves_nothing_beside_it() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("a/b");
        for _again in 0..2 {
            make_folder(&folder).unwrap();
        }
        let path = folder.join("note");
        for (bytes, rights) in [
            ("first", OWNER),
            ("second, longer", Rights::Exactly(0o644)),
            ("third", Rights::Usual),
        ] {
            replace(&path, bytes.as_bytes(), rights).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), bytes);
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            match rights {
                Rights::Exactly(meant) => assert_eq!(mode, meant),
                Rights::Usual => assert_eq!(mode & 0o600, 0o600),
            }
        }
        drop(half(&path, OWNER).unwrap());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        // What is a folder is not replaced, and no half file stays.
        assert!(replace(&folder, b"file", OWNER).is_err());
        assert_eq!(fs::read_dir(scratch.path().join("a")).unwrap().count(), 1);
    }

    #[test]
    fn a_name_without_a_folder_lies_in_this_one() {
        for (path, folder) in [("note", "."), ("./note", "."), ("a/note", "a"), ("/", ".")] {
            assert_eq!(folder_of(Path::new(path)), Path::new(folder), "{path}");
        }
    }
}
