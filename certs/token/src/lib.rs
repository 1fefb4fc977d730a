//! Private keys on PKCS#11 tokens: found by their URI, used where they lie, and found again when a token was away.
//!
//! The nouns:
//!
//! - a [`Uri`] names a token and a key on it;
//! - a [`Module`] is the library of the token's maker, loaded and initialised once a process;
//! - a [`Token`] is logged in to, by a thread of its own that makes one call at a time;
//! - a [`TokenKey`] signs.
//!
//! A PIN that a token refuses is not tried again while the process lives, and the last try that a token grants is never
//! taken: no program of ours locks a token. Any other failure is taken for a token that is away: calls are refused at
//! once, and the thread opens the token again, after a second, then less and less often, until it is there.
//!
//! This crate is **not** for other objects of a token than P-256 and Ed25519 keys, and never sees a private key.
//!
//! ```no_run
//! use bridge_signature::Signer as _;
//! use bridge_token::{Module, Uri};
//! use zeroize::Zeroizing;
//!
//! let uri: Uri = "pkcs11:token=agency-a;object=exchange".parse()?;
//! let module = Module::load("/usr/lib/softhsm/libsofthsm2.so".as_ref())?;
//! let token = module.token(&uri, &|| Ok(Zeroizing::new("1234".to_owned())))?;
//! let signature = token.key(&uri)?.sign(b"what is signed")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Standard: PKCS #11 v2.40 §5.

mod call;
mod error;
mod health;
mod key;
mod module;
mod object;
mod session;
mod token;
mod uri;
mod worker;

pub use error::TokenError;
pub use key::TokenKey;
pub use module::{AskPin, Module, Shown};
pub use object::{KeyName, Listed};
pub use token::Token;
pub use uri::{Uri, UriError};
