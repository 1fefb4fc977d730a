//! Whether a token works, as who asks for it learns without asking it.

use std::sync::{Mutex, PoisonError};

use crate::error::TokenError;

/// What stands in the way of a token's use.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Option<TokenError>>);

// === impl Health ===

impl Health {
    pub(crate) fn trouble(&self) -> Option<TokenError> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes what is the matter, or that nothing is. Returns what was before.
    pub(crate) fn note(&self, trouble: Option<TokenError>) -> Option<TokenError> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *noted, trouble)
    }
}
