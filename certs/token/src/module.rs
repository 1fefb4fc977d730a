//! The library of the token's maker: loaded once a process, because it is initialised once a process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::slot::{Slot, TokenInfo};
use zeroize::Zeroizing;

use crate::error::TokenError;
use crate::session::Failed;
use crate::token::Token;
use crate::uri::{Uri, Wanted};

/// Gives the PIN of a token, or says why there is none.
pub type AskPin<'a> = &'a dyn Fn() -> Result<Zeroizing<String>, String>;

/// A module that is loaded.
#[derive(Clone, Debug)]
pub struct Module(Arc<Loaded>);

/// A token as it shows itself to everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its label.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    /// Its maker and model.
    pub model: String,
    /// What it says of its PIN, in words.
    pub pin: &'static str,
}

#[derive(Debug)]
pub(crate) struct Loaded {
    library: RwLock<Library>,
    /// By what a URI says of them.
    tokens: Mutex<BTreeMap<Wanted, Token>>,
}

/// The functions of a module, since it was initialised last.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) functions: Pkcs11,
    /// Grows with each initialisation: handles of before mean nothing.
    pub(crate) generation: u64,
}

/// Every module of the process.
static MODULES: Mutex<BTreeMap<PathBuf, Module>> = Mutex::new(BTreeMap::new());

/// For how long calls of other tokens are waited for before the module begins anew: a call that hangs keeps it.
const CLEAR_TRIES: u32 = 200;
const CLEAR_EVERY: Duration = Duration::from_millis(5);

// === impl Module ===

impl Module {
    /// Loads a library, or returns the one that is loaded.
    ///
    /// # Errors
    ///
    /// [`TokenError::Module`].
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let failed = |why: String| TokenError::Module {
            path: path.to_owned(),
            why,
        };
        let whole = path.canonicalize();
        let whole = whole.map_err(|error| failed(error.to_string()))?;
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(&whole) {
            return Ok(module.clone());
        }
        let functions = Pkcs11::new(&whole).map_err(|error| failed(error.to_string()))?;
        initialise(&functions).map_err(|error| failed(error.to_string()))?;
        let module = Self(Arc::new(Loaded {
            library: RwLock::new(Library {
                functions,
                generation: 0,
            }),
            tokens: Mutex::default(),
        }));
        modules.insert(whole, module.clone());
        Ok(module)
    }

    /// The tokens that are there.
    ///
    /// # Errors
    ///
    /// [`TokenError::Away`] if the module does not say.
    pub fn tokens(&self) -> Result<Vec<Shown>, TokenError> {
        let present = present(&self.0.library());
        let present = present.map_err(|failed| failed.error("of any label"))?;
        let shown = |(_, info): (Slot, TokenInfo)| Shown {
            label: info.label().to_owned(),
            serial: info.serial_number().to_owned(),
            model: format!("{} {}", info.manufacturer_id(), info.model()),
            pin: pin_state(&info),
        };
        Ok(present.into_iter().map(shown).collect())
    }

    /// The token that a URI names, logged in to. Who asks for it again gets the same: its PIN is asked for and tried once.
    ///
    /// # Errors
    ///
    /// [`TokenError`]: which token, and what is wrong with it or with its PIN.
    pub fn token(&self, uri: &Uri, ask: AskPin<'_>) -> Result<Token, TokenError> {
        let wanted = uri.wanted();
        let mut tokens = self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = tokens.get(wanted) {
            return token.clone().usable();
        }
        let found = find(&self.0.library(), wanted);
        let (_, info) = found.map_err(|failed| failed.error(&wanted.to_string()))?;
        let own = Wanted {
            label: Some(info.label().to_owned()),
            serial: Some(info.serial_number().to_owned()),
            manufacturer: Some(info.manufacturer_id().to_owned()),
            model: Some(info.model().to_owned()),
        };
        // Another URI may have named it by other attributes.
        if let Some(token) = tokens.get(&own).cloned() {
            tokens.insert(wanted.clone(), token.clone());
            return token.usable();
        }
        let label = info.label().to_owned();
        let pin = ask().map_err(|why| TokenError::NoPin {
            token: label.clone(),
            why,
        })?;
        let (token, opened) = Token::start(&self.0, (own.clone(), label), pin)?;
        // A PIN that was refused is remembered, and one whose answer is not there yet: nobody in this process tries it again.
        let is_remembered =
            |error: &TokenError| error.is_final() || matches!(error, TokenError::Slow { .. });
        if opened.as_ref().err().is_none_or(is_remembered) {
            tokens.insert(own, token.clone());
            tokens.insert(wanted.clone(), token.clone());
        }
        opened.map(|()| token)
    }
}

// === impl Loaded ===

impl Loaded {
    /// The library, for a call: it is not initialised anew meanwhile.
    pub(crate) fn library(&self) -> RwLockReadGuard<'_, Library> {
        self.library.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Initialises the module anew, since some find a token that was away only then: calls under way end first, and every
    /// other token's session is opened again by who needs it. Nothing happens if it was done since, or if a call hangs.
    pub(crate) fn begin_anew(&self, seen: u64) {
        for _ in 0..CLEAR_TRIES {
            let Ok(mut library) = self.library.try_write() else {
                std::thread::sleep(CLEAR_EVERY);
                continue;
            };
            if library.generation == seen {
                library.generation = library.generation.saturating_add(1);
                if let Err(error) = library.functions.clone().finalize() {
                    tracing::debug!(%error, "the PKCS#11 module can't be finalised");
                }
                if let Err(error) = initialise(&library.functions) {
                    tracing::debug!(%error, "the PKCS#11 module can't be initialised");
                }
            }
            return;
        }
    }
}

fn initialise(functions: &Pkcs11) -> Result<(), Error> {
    match functions.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        done => done,
    }
}

/// The tokens that are there and in use; one that can't be asked is not there.
fn present(library: &Library) -> Result<Vec<(Slot, TokenInfo)>, Failed> {
    let slots = library.functions.get_slots_with_token()?;
    let info = |slot| Some((slot, library.functions.get_token_info(slot).ok()?));
    let present = slots.into_iter().filter_map(info);
    Ok(present
        .filter(|(_, info)| info.token_initialized())
        .collect())
}

pub(crate) fn find(library: &Library, wanted: &Wanted) -> Result<(Slot, TokenInfo), Failed> {
    let mut present = present(library)?;
    let labels = present.iter().map(|(_, info)| info.label().to_owned());
    let mut labels: Vec<String> = labels.collect();
    labels.sort();
    present.retain(|(_, info)| {
        let is = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|one| one == is);
        is(&wanted.label, info.label())
            && is(&wanted.serial, info.serial_number())
            && is(&wanted.manufacturer, info.manufacturer_id())
            && is(&wanted.model, info.model())
    });
    let wanted = wanted.to_string();
    match (present.pop(), present.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(Failed::Fault(TokenError::SeveralTokens { wanted })),
        (None, _) => {
            let found = if labels.is_empty() {
                "none".to_owned()
            } else {
                labels.join(", ")
            };
            Err(Failed::Fault(TokenError::NotThere { wanted, found }))
        }
    }
}

fn pin_state(info: &TokenInfo) -> &'static str {
    if !info.user_pin_initialized() {
        "no PIN set"
    } else if info.user_pin_locked() {
        "PIN locked"
    } else if info.user_pin_final_try() {
        "one try of the PIN left"
    } else if info.user_pin_count_low() {
        "a wrong PIN was tried"
    } else {
        "PIN good"
    }
}
