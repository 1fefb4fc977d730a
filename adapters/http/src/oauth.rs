//! Access tokens of the node: fetched once for all callers, before the one in use ends.
//!
//! Standard: RFC 6749 §4.4.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_adapter::{AdapterError, Fault, Until};
use http::HeaderValue;
use tokio::time::Instant;

use crate::config::OauthConfig;

mod ask;

use ask::{Ask, TokenError};

/// A token that ends sooner is no longer shown: the request has to arrive first.
const LEAST_LIFE: Duration = Duration::from_secs(5);
/// A token with less of its life left is replaced while it still holds: one part in so many.
const AHEAD_PART: u32 = 4;
/// For so long a failure stands for all who ask, and so does a token fetched because one was refused.
const PAUSE: Duration = Duration::from_secs(1);

/// The access tokens for one registry.
#[derive(Debug, Clone)]
pub(crate) struct Tokens(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ask: Ask,
    state: Mutex<State>,
    /// Held by the one who fetches.
    fetching: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    failure: Option<(Instant, TokenError)>,
    /// When a refused token was replaced last.
    renewed: Option<Instant>,
}

/// A token as it is shown to the registry.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// The `Authorization` field; marked so that nothing prints it.
    pub(crate) credentials: HeaderValue,
    fetched: Instant,
    ends: Instant,
}

impl Tokens {
    /// Checks the settings. Connects to nothing. `place` is where they stand.
    pub(crate) fn new(config: OauthConfig, place: &str) -> Result<Self, Fault> {
        Ok(Self(Arc::new(Shared {
            ask: Ask::new(config, place)?,
            state: Mutex::default(),
            fetching: Arc::default(),
        })))
    }

    /// The token in force. Fetches one if there is none, and ahead of the end of the one in use.
    pub(crate) async fn current(&self, until: &Until) -> Result<Token, AdapterError> {
        if let Some(token) = self.held() {
            if token.is_ageing() {
                self.fetch_ahead();
            }
            return Ok(token);
        }
        let _turn = until.bound(self.0.fetching.lock()).await?;
        // Whoever had the turn before may have fetched one.
        match self.held() {
            Some(token) => Ok(token),
            None => self.fetched(until).await,
        }
    }

    /// Another token than one that the registry refused; `None` if a fresh one was refused too.
    pub(crate) async fn instead_of(
        &self,
        refused: &Token,
        until: &Until,
    ) -> Result<Option<Token>, AdapterError> {
        let other = |tokens: &Self| {
            let held = tokens.held();
            held.filter(|token| token.credentials != refused.credentials)
        };
        let _turn = until.bound(self.0.fetching.lock()).await?;
        if let Some(token) = other(self) {
            return Ok(Some(token));
        }
        let recent = |at: Instant| at.elapsed() < PAUSE;
        if self.state().renewed.is_some_and(recent) {
            return Ok(None);
        }
        let token = self.fetched(until).await?;
        self.state().renewed = Some(Instant::now());
        Ok(Some(token))
    }

    /// Fetches a token. The caller holds the turn.
    async fn fetched(&self, until: &Until) -> Result<Token, AdapterError> {
        if let Some(failure) = self.failure() {
            return Err(failure.into());
        }
        let fetched = until.bound(self.0.ask.token()).await?;
        self.keep(fetched).map_err(AdapterError::from)
    }

    /// Fetches a token beside the calls, which go on with the one in use.
    fn fetch_ahead(&self) {
        let Ok(turn) = Arc::clone(&self.0.fetching).try_lock_owned() else {
            return;
        };
        if self.failure().is_some() || self.held().is_none_or(|token| !token.is_ageing()) {
            return;
        }
        let tokens = self.clone();
        tokio::spawn(async move {
            let fetched = tokens.0.ask.token().await;
            // Who needs a token and has none learns of a failure.
            drop(tokens.keep(fetched));
            drop(turn);
        });
    }

    fn keep(&self, fetched: Result<Token, TokenError>) -> Result<Token, TokenError> {
        let mut state = self.state();
        match fetched {
            Ok(token) => {
                if state.failure.take().is_some() {
                    tracing::info!(code = "oauth_token", "the token service gives tokens again");
                }
                state.token = Some(token.clone());
                Ok(token)
            }
            Err(error) => {
                if state.failure.is_none() {
                    tracing::warn!(code = "oauth_token", %error, "no access token for a registry");
                }
                state.failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// The token that may still be shown.
    fn held(&self) -> Option<Token> {
        let token = self.state().token.clone();
        token.filter(|token| token.life() > LEAST_LIFE.min(token.whole_life() / 2))
    }

    /// What went wrong a moment ago: not tried again at once by everybody.
    fn failure(&self) -> Option<TokenError> {
        let state = self.state();
        let recent = state
            .failure
            .as_ref()
            .filter(|(at, _)| at.elapsed() < PAUSE);
        recent.map(|(_, error)| error.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    fn life(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    fn whole_life(&self) -> Duration {
        self.ends.saturating_duration_since(self.fetched)
    }

    fn is_ageing(&self) -> bool {
        self.life() < self.whole_life() / AHEAD_PART
    }
}
