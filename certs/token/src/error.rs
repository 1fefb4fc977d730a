//! Why a token did not do what it was asked.

use std::path::PathBuf;

/// A token, its module or a key on it can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The module is not there, or is none.
    #[error("the PKCS#11 module {} can't be loaded: {why}", .path.display())]
    Module {
        /// The library.
        path: PathBuf,
        /// What the system, or the library, says.
        why: String,
    },
    /// No token there is the one that is named.
    #[error("no token {wanted}; there are: {found}")]
    NotThere {
        /// How the URI names it.
        wanted: String,
        /// The labels of those there are.
        found: String,
    },
    /// Several are.
    #[error("more than one token is {wanted}")]
    SeveralTokens {
        /// How the URI names it.
        wanted: String,
    },
    /// There is no PIN.
    #[error("token {token}: no PIN: {why}")]
    NoPin {
        /// The token's label.
        token: String,
        /// Why not.
        why: String,
    },
    /// The token has no PIN yet.
    #[error("token {token}: no user PIN was set on it")]
    PinNotSet {
        /// The token's label.
        token: String,
    },
    /// The token refused the PIN, once; it is not tried again.
    #[error("token {token}: refuses the PIN; it was tried once and is not tried again")]
    PinRefused {
        /// The token's label.
        token: String,
    },
    /// The token grants one more try: it is left to a person.
    #[error("token {token}: grants one more try of its PIN before it locks; none was made")]
    LastTry {
        /// The token's label.
        token: String,
    },
    /// Too many wrong PINs were tried.
    #[error("token {token}: its PIN is locked")]
    PinLocked {
        /// The token's label.
        token: String,
    },
    /// The PIN has to be changed first.
    #[error("token {token}: its PIN has expired")]
    PinExpired {
        /// The token's label.
        token: String,
    },
    /// No key of that name.
    #[error("token {token}: no private key {key}")]
    NoKey {
        /// The token's label.
        token: String,
        /// How the URI names the key.
        key: String,
    },
    /// The URI names no key.
    #[error("token {token}: no key on it is named: write object=LABEL or id=%NN")]
    KeyNotNamed {
        /// The token's label.
        token: String,
    },
    /// Several keys of that name.
    #[error("token {token}: more than one private key is {key}")]
    SeveralKeys {
        /// The token's label.
        token: String,
        /// How the URI names the key.
        key: String,
    },
    /// A key that exchanges don't use, or without the public half by which its signatures are known.
    #[error("token {token}: the key {key} can't be used: {why}")]
    KeyKind {
        /// The token's label.
        token: String,
        /// How the URI names the key.
        key: String,
        /// What it is, or what it lacks.
        why: &'static str,
    },
    /// A signature is not one of the key that was found at the start.
    #[error("token {token}: what signs as {key} is another key than before")]
    OtherKey {
        /// The token's label.
        token: String,
        /// How the URI names the key.
        key: String,
    },
    /// A key of that name is there already.
    #[error("token {token}: a key {key} is there already")]
    KeyExists {
        /// The token's label.
        token: String,
        /// How the URI names the key.
        key: String,
    },
    /// The token is away, or a call to it failed.
    #[error("token {token}: does not work now: {why}")]
    Away {
        /// The token's label.
        token: String,
        /// What the module says.
        why: String,
    },
    /// The token, which is there, refuses the call.
    #[error("token {token}: refuses: {why}")]
    Refused {
        /// The token's label.
        token: String,
        /// What the module says.
        why: String,
    },
    /// A call did not end in time.
    #[error("token {token}: has not answered for {seconds} s")]
    Slow {
        /// The token's label.
        token: String,
        /// How long was waited.
        seconds: u64,
    },
    /// More calls wait than may.
    #[error("token {token}: {waiting} calls wait for it already")]
    Busy {
        /// The token's label.
        token: String,
        /// How many may wait.
        waiting: usize,
    },
}

// === impl TokenError ===

impl TokenError {
    /// What would mend it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Module { .. } => {
                "name the library of the token's maker as token.module, such as /usr/lib/softhsm/libsofthsm2.so, and see that the node's user may read it and its settings"
            }
            Self::NotThere { .. } => {
                "connect the token, or write the label or serial number that `bridge-node key list` shows"
            }
            Self::SeveralTokens { .. } => "add serial=NUMBER to the URI",
            Self::NoPin { .. } => {
                "add ?pin-source=file:PATH to the URI, a file of mode 0600 that holds the PIN, or start from a terminal, which asks"
            }
            Self::PinNotSet { .. } => "have the token's security officer set the user PIN",
            Self::PinRefused { .. } => {
                "write the right PIN into the file of pin-source, then start again: every start with a wrong one costs the token a try"
            }
            Self::LastTry { .. } => {
                "log in once by hand with the right PIN and the tool of the token's maker, which gives the tries back; correct the file of pin-source; start again"
            }
            Self::PinLocked { .. } => {
                "have the token's security officer unlock it by setting a new user PIN, write that into the file of pin-source, then start again"
            }
            Self::PinExpired { .. } => {
                "change the PIN with the tool of the token's maker, write the new one into the file of pin-source, then start again"
            }
            Self::NoKey { .. } | Self::KeyNotNamed { .. } => {
                "write the object or id that `bridge-node key list` shows, or make the key with `bridge-node key token`"
            }
            Self::SeveralKeys { .. } => "add id=%NN to the URI",
            Self::KeyKind { .. } => {
                "use a P-256 or Ed25519 key whose public half lies beside it under the same id or label"
            }
            Self::OtherKey { .. } => {
                "a key of the same name took its place: put the former back, or start again with the certificate of the new one"
            }
            Self::KeyExists { .. } => "give another object, or leave --make away to use that key",
            Self::Away { .. } => {
                "see that the token is connected and works; the node goes on by itself when it does"
            }
            Self::Refused { .. } => {
                "see what the token may do with this key: signing with CKM_ECDSA (P-256) or CKM_EDDSA (Ed25519)"
            }
            Self::Slow { .. } | Self::Busy { .. } => {
                "see what holds the token up; the node goes on by itself when it answers"
            }
        }
    }

    /// Whether the same PIN, tried again, would cost the token a try or lead nowhere.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::PinRefused { .. }
                | Self::LastTry { .. }
                | Self::PinLocked { .. }
                | Self::PinExpired { .. }
                | Self::PinNotSet { .. }
        )
    }
}
