use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use super::*;
use crate::pem::PemError;

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

const PASSPHRASE: &[u8] = b"correct horse battery";

#[expect(clippy::unnecessary_wraps, reason = "who is asked may have no answer")]
fn given() -> Result<Zeroizing<Vec<u8>>, String> {
    Ok(Zeroizing::new(PASSPHRASE.to_vec()))
}

#[test]
fn an_encrypted_key_file_opens_by_its_passphrase_only_and_says_nothing_of_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tls.key");
    write_key_file_under(&path, PKCS8, Some(PASSPHRASE)).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    assert!(is_encrypted(&path).unwrap());
    assert_eq!(*open_key_file(&path, &given).unwrap(), PKCS8);
    let text = fs::read_to_string(&path).unwrap();
    let clear = STANDARD.encode(&PKCS8[..18]);
    assert!(!text.contains("PRIVATE KEY") && !text.contains(&clear));
    let error = read_key_file(&path).unwrap_err();
    assert!(
        matches!(error, KeyFileError::NoPassphrase { .. }),
        "{error}"
    );
    let other = || Ok(Zeroizing::new(b"correct horse batterY".to_vec()));
    let error = open_key_file(&path, &other).unwrap_err();
    let KeyFileError::Sealed { source, .. } = &error else {
        panic!("{error}")
    };
    assert!(matches!(source, SealedError::Passphrase), "{source}");
    for (from, to) in [
        ("\"rounds\": 600000", "\"rounds\": 1000"),
        ("\"rounds\": 600000", "\"rounds\": 4000000000"),
        ("\"key file\"", "\"other\""),
        ("\"cipher\"", "\"more\": 1, \"cipher\""),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        fs::write(&path, changed).unwrap();
        let error = open_key_file(&path, &given).unwrap_err();
        assert!(matches!(error, KeyFileError::Sealed { .. }), "{error}");
    }
    mode(&path, 0o640);
    let error = open_key_file(&path, &given).unwrap_err();
    assert!(matches!(error, KeyFileError::TooOpen { .. }), "{error}");
}

#[test]
fn a_file_in_clear_is_encrypted_in_its_place_and_its_passphrase_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence.key");
    write_secret_file(&path, &[7; 32]).unwrap();
    assert!(!is_encrypted(&path).unwrap());
    let error = change_passphrase(&path, &none, b"short").unwrap_err();
    assert!(matches!(error, KeyFileError::Sealed { .. }), "{error}");
    assert_eq!(*read_secret_file(&path).unwrap(), [7; 32], "as it was");
    // What a crash has left of an attempt before is in nobody's way.
    fs::write(folder.path().join(".evidence.key.new"), "half").unwrap();
    change_passphrase(&path, &none, PASSPHRASE).unwrap();
    assert_eq!(*open_secret_file(&path, &given).unwrap(), [7; 32]);
    let next = || Ok(Zeroizing::new(b"another horse battery".to_vec()));
    assert!(change_passphrase(&path, &next, PASSPHRASE).is_err());
    change_passphrase(&path, &given, b"another horse battery").unwrap();
    assert_eq!(*open_secret_file(&path, &next).unwrap(), [7; 32]);
    assert!(open_secret_file(&path, &given).is_err());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing lies beside it: {left:?}");
}

#[test]
fn no_key_file_is_written_that_could_not_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    for (passphrase, largest) in [(None, 12_000), (Some(PASSPHRASE), 8_800)] {
        for (bytes, fits) in [(largest, true), (largest + 300, false)] {
            let path = folder.path().join(format!("{bytes}.key"));
            let (key, limit) = (vec![0x30; bytes], KEY_FILE_LIMIT_BYTES);
            match write_key_file_under(&path, &key, passphrase) {
                Ok(()) => assert_eq!(*open_key_file(&path, &given).unwrap(), key),
                Err(KeyFileError::TooLarge { bytes, .. }) => assert!(bytes > limit, "{bytes}"),
                Err(other) => panic!("{other}"),
            }
            assert_eq!(path.exists(), fits, "{bytes}");
        }
    }
}

#[test]
fn a_file_that_would_be_too_large_under_a_passphrase_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.key");
    write_key_file(&path, &[0x30; 12_000]).unwrap();
    let error = change_passphrase(&path, &none, PASSPHRASE).unwrap_err();
    assert!(matches!(error, KeyFileError::TooLarge { .. }), "{error}");
    assert_eq!(*read_key_file(&path).unwrap(), [0x30; 12_000]);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing lies beside it: {left:?}");
}
