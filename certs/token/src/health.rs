//! Whether a token works, as who asks for it learns without asking it; the log is told when that changes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::TokenError;

/// What stands in the way of a token's use.
#[derive(Debug)]
pub(crate) struct Health {
    label: String,
    trouble: Mutex<Option<TokenError>>,
}

// === impl Health ===

impl Health {
    pub(crate) fn new(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            trouble: Mutex::default(),
        }
    }

    pub(crate) fn trouble(&self) -> Option<TokenError> {
        self.noted().clone()
    }

    /// The first opening failed: who asked for it tells that.
    pub(crate) fn never_opened(&self, error: TokenError) {
        *self.noted() = Some(error);
    }

    /// The token's thread has found it so. What it finds while it looks again is no news, unless a person has to act.
    pub(crate) fn away(&self, error: TokenError) {
        let mut noted = self.noted();
        let is_news = noted
            .as_ref()
            .is_none_or(|before| error.is_final() && *before != error);
        if is_news {
            self.tell(&error);
        }
        *noted = Some(error);
    }

    /// Somebody has waited in vain. What the thread has found out says more, and a PIN that was refused must stay known.
    pub(crate) fn slow(&self, error: TokenError) {
        let mut noted = self.noted();
        if noted.is_none() {
            self.tell(&error);
            *noted = Some(error);
        }
    }

    /// The token works again.
    pub(crate) fn back(&self) {
        *self.noted() = None;
        tracing::info!(
            code = "token_back",
            token = self.label,
            "a token of this node works again"
        );
    }

    fn tell(&self, error: &TokenError) {
        tracing::error!(
            code = "token_away", token = self.label, %error, remedy = error.remedy(),
            "a token of this node does not work: what needs its keys is refused"
        );
    }

    fn noted(&self) -> MutexGuard<'_, Option<TokenError>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waited_in_vain_hides_no_pin_that_was_refused() {
        let health = Health::new("agency-a");
        let token = || "agency-a".to_owned();
        let slow = || TokenError::Slow {
            token: token(),
            seconds: 5,
        };
        let refused = || TokenError::PinRefused { token: token() };
        health.slow(slow());
        assert_eq!(health.trouble(), Some(slow()));
        health.away(refused());
        // A caller's wait ended when the thread had its answer.
        health.slow(slow());
        assert_eq!(health.trouble(), Some(refused()));
        health.back();
        assert_eq!(health.trouble(), None);
    }
}
