use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

/// Any bytes do: the file is not judged as a key here.
const PKCS8: &[u8] = &[0x30; 138];

fn written() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tls.key");
    write_key_file(&path, PKCS8).unwrap();
    (folder, path)
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_key_is_read_as_written() {
    let (_folder, path) = written();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    assert_eq!(*read_key_file(&path).unwrap(), PKCS8);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().all(|line| line.len() <= 64));
}

#[test]
fn stricter_than_0600_is_good_and_looser_is_refused() {
    let (_folder, path) = written();
    mode(&path, 0o400);
    assert!(read_key_file(&path).is_ok());
    for loose in [
        0o640, 0o604, 0o620, 0o602, 0o700, 0o610, 0o644, 0o4600, 0o1600,
    ] {
        mode(&path, loose);
        match read_key_file(&path).unwrap_err() {
            KeyFileError::TooOpen { mode, .. } => assert_eq!(mode, loose),
            other => panic!("{loose:o}: {other}"),
        }
    }
}

#[test]
fn another_owner_is_refused() {
    let (_folder, path) = written();
    let metadata = fs::metadata(&path).unwrap();
    assert!(check(&path, &metadata, metadata.uid()).is_ok());
    let error = check(&path, &metadata, metadata.uid() + 1).unwrap_err();
    assert!(matches!(error, KeyFileError::OtherOwner { .. }), "{error}");
}

#[test]
fn a_link_is_followed_and_its_target_judged() {
    let (folder, path) = written();
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(read_key_file(&link).is_ok());
    mode(&path, 0o644);
    assert!(matches!(
        read_key_file(&link),
        Err(KeyFileError::TooOpen { .. })
    ));
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        read_key_file(folder.path()),
        Err(KeyFileError::NotAFile { .. })
    ));
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::Mode::from_raw_mode(0o600),
    )
    .unwrap();
    assert!(matches!(
        read_key_file(&pipe),
        Err(KeyFileError::NotAFile { .. })
    ));
    let absent = folder.path().join("absent");
    assert!(matches!(
        read_key_file(&absent),
        Err(KeyFileError::Io {
            attempt: "opened",
            ..
        })
    ));
}

#[test]
fn a_key_is_never_overwritten() {
    let (_folder, path) = written();
    let error = write_key_file(&path, &[1, 2, 3]).unwrap_err();
    assert!(
        matches!(
            error,
            KeyFileError::Io {
                attempt: "made",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(*read_key_file(&path).unwrap(), PKCS8);
}

fn content(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    write(&path, text.as_bytes()).unwrap();
    read_key_file(&path)
}

#[test]
fn other_contents_than_one_pkcs8_key_are_refused() {
    let good = pem::section("PRIVATE KEY", PKCS8);
    assert!(content(&good).is_ok());
    let not_pkcs8 = ["EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"];
    for label in not_pkcs8 {
        match content(&pem::section(label, PKCS8)) {
            Err(KeyFileError::NotAKey {
                source: PemError::NotPkcs8,
                ..
            }) => {}
            other => panic!("{label}: {other:?}"),
        }
    }
    let certificate = pem::section("CERTIFICATE", PKCS8);
    for two in [
        format!("{}{}", *good, *good),
        format!("{}{}", *good, *certificate),
    ] {
        match content(&two) {
            Err(KeyFileError::NotAKey {
                source: PemError::NotOnlyOneKey,
                ..
            }) => {}
            other => panic!("{other:?}"),
        }
    }
    let empty = content("").unwrap_err();
    assert!(
        matches!(
            empty,
            KeyFileError::NotAKey {
                source: PemError::NoKey,
                ..
            }
        ),
        "{empty}"
    );
    let long = content(&"x".repeat(20_000)).unwrap_err();
    assert!(
        matches!(long, KeyFileError::TooLarge { bytes: 20_000, .. }),
        "{long}"
    );
}

#[test]
fn a_secret_is_32_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence");
    write_secret_file(&path, &[7; 32]).unwrap();
    assert_eq!(*read_secret_file(&path).unwrap(), [7; 32]);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    for (name, text) in [
        ("short", STANDARD.encode([7; 31])),
        ("long", STANDARD.encode([7; 33])),
        ("hex", "07".repeat(32)),
        ("empty", String::new()),
    ] {
        let path = folder.path().join(name);
        write(&path, text.as_bytes()).unwrap();
        let error = read_secret_file(&path).unwrap_err();
        assert!(
            matches!(error, KeyFileError::NotASecret { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn errors_name_the_path_and_the_cure() {
    let (_folder, path) = written();
    mode(&path, 0o644);
    let text = read_key_file(&path).unwrap_err().to_string();
    assert!(
        text.contains("tls.key") && text.contains("0644") && text.contains("chmod 600"),
        "{text}"
    );
}

#[test]
fn a_password_is_one_line_of_a_file_that_only_its_owner_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    for (text, password) in [
        ("gizli söz\n", Some("gizli söz")),
        ("gizli", Some("gizli")),
        ("", None),
        ("\n", None),
        ("two\nlines\n", None),
    ] {
        fs::write(&path, text).unwrap();
        mode(&path, 0o600);
        let read = read_password_file(&path);
        assert_eq!(
            read.as_ref().ok().map(|read| read.as_slice()),
            password.map(str::as_bytes)
        );
        assert!(password.is_some() || matches!(read, Err(KeyFileError::NotAPassword { .. })));
    }
    mode(&path, 0o640);
    assert!(matches!(
        read_password_file(&path),
        Err(KeyFileError::TooOpen { .. })
    ));
}
