//! Chains that held: verifying one again, within its dates and by the same authorities, ends as the first time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest::{Context, SHA256};

use super::Checked;
use crate::profile::Profile;

/// So many certificates are remembered at most, each with the chain it was last shown with: more than a node has peers at a time.
/// Each has a trusted authority's word. Whoever saw one can show it with anything beside it, key or no key, and has no more than its
/// own place for that.
pub(super) const LIMIT: usize = 1024;

/// Chains that held, each in the place of its certificate and use.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<Places>);

type Places = HashMap<[u8; 32], (Shown, Arc<Checked>)>;

/// What was shown and what for, by SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Of the use and the certificate.
    place: [u8; 32],
    /// Of what was sent along too.
    whole: [u8; 32],
}

// === impl Shown ===

impl Shown {
    pub(super) fn of(leaf: &[u8], intermediates: &[Vec<u8>], profile: Profile) -> Self {
        let mut digest = Context::new(&SHA256);
        let mut add = |part: &[u8]| {
            digest.update(&part.len().to_be_bytes());
            digest.update(part);
            value(digest.clone())
        };
        add(profile.as_str().as_bytes());
        let place = add(leaf);
        let along = intermediates.iter().map(|der| add(der));
        Self {
            place,
            whole: along.last().unwrap_or(place),
        }
    }
}

fn value(digest: Context) -> [u8; 32] {
    let mut value = [0; 32];
    value.copy_from_slice(digest.finish().as_ref());
    value
}

// === impl Remembered ===

impl Remembered {
    /// What was found of the very same.
    pub(super) fn get(&self, shown: &Shown) -> Option<Arc<Checked>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (other, checked) = known.get(&shown.place)?;
        (other == shown).then(|| Arc::clone(checked))
    }

    /// Keeps one in its certificate's place; when there are too many certificates, all others are verified anew.
    pub(super) fn keep(&self, shown: Shown, checked: &Arc<Checked>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= LIMIT && !known.contains_key(&shown.place) {
            known.clear();
        }
        known.insert(shown.place, (shown, Arc::clone(checked)));
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.len()
    }
}
