//! Taking certificates that an authority gave: all are judged before the first is laid down.

use std::path::Path;

use bridge_certs::pem::read_text;
use bridge_certs::{CertificateError, Checked, certificates, public_key_of};
use ring::digest::{SHA256, digest};

use super::{Folder, Judge, OwnError, Slot, Use};

/// Where a certificate was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is in force: none was, or none that was good.
    Force,
    /// It takes over when the directory knows it.
    Next,
    /// It lay there already.
    Already(Slot),
}

/// A certificate that was taken.
#[derive(Debug)]
pub struct Placed {
    /// What it is for.
    pub usage: Use,
    /// What it says.
    pub certificate: Checked,
    /// Where it was put.
    pub place: Place,
}

/// A certificate that is for one of this node's keys, with the issuers that came along.
struct Ours {
    usage: Use,
    chain: Vec<Vec<u8>>,
    checked: Checked,
}

/// Reads certificates as authorities give them: PEM, or one in DER.
///
/// # Errors
///
/// [`OwnError::Pem`], [`OwnError::None`].
pub fn read_certificates(path: &Path) -> Result<Vec<Vec<u8>>, OwnError> {
    let content = read_text(path)?;
    if public_key_of(&content).is_ok() {
        return Ok(vec![content]);
    }
    let found = certificates(&content)?;
    if found.is_empty() {
        return Err(OwnError::None(path.display().to_string()));
    }
    Ok(found)
}

/// Finds among certificates those of this node's keys, judges them, and lays them down: in force where there is nothing
/// good, else as the next ones. Said again, it changes nothing.
///
/// # Errors
///
/// [`OwnError`]: nothing was laid down then, unless a file could not be written.
pub fn import(
    folder: &Folder,
    uses: &[Use],
    given: Vec<Vec<u8>>,
    judge: &Judge<'_>,
) -> Result<Vec<Placed>, OwnError> {
    let ours = find(folder, uses, given, judge)?;
    let placed = ours.into_iter().map(|ours| lay(folder, ours, judge));
    placed.collect()
}

fn find(
    folder: &Folder,
    uses: &[Use],
    given: Vec<Vec<u8>>,
    judge: &Judge<'_>,
) -> Result<Vec<Ours>, OwnError> {
    let mut keys = Vec::new();
    for usage in uses {
        for slot in [Slot::Current, Slot::Next] {
            if let Some(key) = folder.key(*usage, slot)? {
                keys.push((*usage, slot, key));
            }
        }
    }
    let count = given.len();
    let (mut leaves, mut issuers): (Vec<(Use, Vec<u8>)>, _) = (Vec::new(), Vec::new());
    for der in given {
        let (_, public_key) = public_key_of(&der)
            .map_err(CertificateError::from)
            .map_err(unread)?;
        match keys
            .iter()
            .find(|(_, _, key)| key.public_key() == public_key)
        {
            Some((usage, _, _)) if leaves.iter().all(|(_, leaf)| *leaf != der) => {
                leaves.push((*usage, der));
            }
            Some(_) => {}
            None if issuers.contains(&der) => {}
            None => issuers.push(der),
        }
    }
    if leaves.is_empty() {
        let files = keys
            .iter()
            .map(|(usage, slot, _)| folder.key_file(*usage, *slot).display().to_string());
        let keys = files.collect::<Vec<_>>().join(", ");
        let keys = if keys.is_empty() {
            "none is there".to_owned()
        } else {
            keys
        };
        return Err(OwnError::NotOurs { given: count, keys });
    }
    let mut ours = Vec::new();
    for (at, (usage, leaf)) in leaves.iter().enumerate() {
        if leaves.iter().skip(at + 1).any(|(other, _)| other == usage) {
            return Err(OwnError::Two(*usage));
        }
        ours.push(one(folder, *usage, (leaf, &issuers), judge)?);
    }
    Ok(ours)
}

fn one(
    folder: &Folder,
    usage: Use,
    (leaf, issuers): (&Vec<u8>, &[Vec<u8>]),
    judge: &Judge<'_>,
) -> Result<Ours, OwnError> {
    let all: Vec<Vec<u8>> = std::iter::once(leaf).chain(issuers).cloned().collect();
    let checked = judge.certificate(usage, &all)?;
    if usage == Use::Web
        && let Ok(before) = judge.slot(folder, usage, Slot::Current)
        && let Some(gone) = before
            .host_names
            .iter()
            .find(|name| !checked.host_names.contains(name))
    {
        return Err(OwnError::NameGone(gone.clone()));
    }
    Ok(Ours {
        usage,
        chain: in_order(leaf, issuers, &checked, judge),
        checked,
    })
}

/// The chain as it is shown to others: the leaf, then each issuer below the anchor that was used, then that anchor and those
/// above it but for the root. Others may trust the root only.
fn in_order(
    leaf: &[u8],
    issuers: &[Vec<u8>],
    checked: &Checked,
    judge: &Judge<'_>,
) -> Vec<Vec<u8>> {
    let spki = |der: &[u8]| bridge_certs::spki_sha256_of(der).ok();
    let used = checked.chain.iter().rev().skip(1).rev();
    let used = used.filter_map(|issuance| {
        let is_it = |der: &&Vec<u8>| spki(der) == Some(issuance.issuer_spki_sha256);
        issuers.iter().find(is_it).cloned()
    });
    let above = judge.trust.above(checked, issuers);
    let below = std::iter::once(leaf.to_vec()).chain(used);
    below.chain(above).collect()
}

fn lay(folder: &Folder, ours: Ours, judge: &Judge<'_>) -> Result<Placed, OwnError> {
    let Ours {
        usage,
        chain,
        checked,
    } = ours;
    let current = judge.slot(folder, usage, Slot::Current);
    let place = match &current {
        Ok(current) if current.sha256 == checked.sha256 => Place::Already(Slot::Current),
        Ok(_) if lies(folder, usage, &checked) => Place::Already(Slot::Next),
        Ok(_) => {
            folder.lay_next(usage, &chain)?;
            Place::Next
        }
        Err(_) => {
            folder.lay_next(usage, &chain)?;
            folder.take_over(usage)?;
            Place::Force
        }
    };
    Ok(Placed {
        usage,
        certificate: checked,
        place,
    })
}

fn lies(folder: &Folder, usage: Use, checked: &Checked) -> bool {
    let chain = folder.chain(usage, Slot::Next).unwrap_or_default();
    chain
        .first()
        .is_some_and(|leaf| digest(&SHA256, leaf).as_ref() == checked.sha256)
}

fn unread(error: CertificateError) -> OwnError {
    OwnError::Unreadable(Box::new(error))
}
