//! Another evidence key: the keys of open segments and of secrets files are wrapped anew under it, and nothing else changes.

use std::path::Path;

use ring::rand::SystemRandom;
use zeroize::Zeroizing;

use crate::disk::{Disk, FolderDisk, read_whole, replace_file};
use crate::error::RewrapError;
use crate::evidence::{Place, SealError};
use crate::keys::{SECRETS_HEAD_BYTES, WrapKey};
use crate::segment::{FOLDER, Part};

/// Puts a log that nobody writes under another evidence key; returns how many files that took. Done again, it goes on where it was
/// left: what is under the new key already stays.
///
/// # Errors
///
/// [`RewrapError`] names the file; those before it are under the new key.
pub fn rewrap(folder: &Path, old: &[u8; 32], new: &[u8; 32]) -> Result<u64, RewrapError> {
    let failed = |file: &str| {
        let file = folder.join(file).display().to_string();
        move |source| RewrapError::Disk { file, source }
    };
    let disk = FolderDisk::new(folder).map_err(failed(""))?;
    let lock = disk.lock().map_err(failed(""))?;
    let _lock = lock.ok_or(RewrapError::Locked)?;
    let origin = read_whole(&disk, "origin").map_err(failed("origin"))?;
    let origin = String::from_utf8_lossy(origin.as_deref().unwrap_or_default()).into_owned();
    let origin = origin.lines().next().unwrap_or_default();
    let wrapping = |bytes: &[u8; 32]| WrapKey::new(Zeroizing::new(*bytes));
    let (old, new) = wrapping(old)
        .and_then(|old| Ok((old, wrapping(new)?)))
        .map_err(|_fault| RewrapError::Key)?;
    let mut count = 0;
    for name in disk.list(FOLDER).map_err(failed(FOLDER))? {
        let (key, secrets) = (Part::Key.first(&name), Part::Secrets.first(&name));
        let Some(index) = key.or(secrets) else {
            continue;
        };
        let path = format!("{FOLDER}/{name}");
        let file = read_whole(&disk, &path).map_err(failed(&path))?;
        let place = Place { origin, index };
        let file = file.unwrap_or_default();
        let wrapped = if key.is_some() {
            anew_key(&file, place, (&old, &new))
        } else {
            anew_secrets(file, place, (&old, &new))
        };
        let wrapped = wrapped.map_err(|_fault| RewrapError::NotOpened {
            file: folder.join(&path).display().to_string(),
        })?;
        if let Some(bytes) = wrapped {
            // crash here: it is as it was; it is done again.
            replace_file(&disk, FOLDER, &name, &bytes).map_err(failed(&path))?;
            count += 1;
        }
    }
    Ok(count)
}

/// The key file of an open segment under the new key; `None` if it is that already.
fn anew_key(
    file: &[u8],
    place: Place<'_>,
    (old, new): (&WrapKey, &WrapKey),
) -> Result<Option<Vec<u8>>, SealError> {
    if new.open_segment_key(file, place).is_ok() {
        return Ok(None);
    }
    let key = old.open_segment_key(file, place)?;
    new.segment_key_file(&key, place, &SystemRandom::new())
        .map(Some)
}

/// A secrets file with its head under the new key; `None` if it is that already. Its slots are under its own key.
fn anew_secrets(
    mut file: Vec<u8>,
    place: Place<'_>,
    (old, new): (&WrapKey, &WrapKey),
) -> Result<Option<Vec<u8>>, SealError> {
    let head = file.get_mut(..SECRETS_HEAD_BYTES).ok_or(SealError::Form)?;
    if new.open_secrets_head(head, place).is_ok() {
        return Ok(None);
    }
    let (key, count) = old.open_secrets_head(head, place)?;
    head.copy_from_slice(&new.secrets_head(&key, place, count, &SystemRandom::new())?);
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a node leaves that was killed; one that was stopped has sealed its last segment.
    #[test]
    fn the_key_of_an_open_segment_goes_under_the_new_key_once() {
        let random = SystemRandom::new();
        let place = Place {
            origin: "exchange.example/AZ/GOV/1001/node-1/1",
            index: 7,
        };
        let key = |byte| WrapKey::new(Zeroizing::new([byte; 32])).unwrap();
        let (old, new, segment) = (key(7), key(8), key(9));
        let file = old.segment_key_file(&segment, place, &random).unwrap();
        let wrapped = anew_key(&file, place, (&old, &new)).unwrap().unwrap();
        assert!(old.open_segment_key(&wrapped, place).is_err());
        let record = crate::evidence::RecordSecret::draw(&random).unwrap();
        let secret = segment.wrap_secret(&record, place, &random).unwrap();
        let opened = new.open_segment_key(&wrapped, place).unwrap();
        let again = opened.open_secret(&secret, place).unwrap();
        assert_eq!(again.bytes(), record.bytes());
        assert_eq!(anew_key(&wrapped, place, (&old, &new)).unwrap(), None);
        assert!(anew_key(&file, place, (&new, &new)).is_err());
    }
}
