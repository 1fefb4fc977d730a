//! One session with one token: opened, logged in, and asked for signatures.

use std::collections::BTreeMap;

use bridge_signature::{Algorithm, VerifyingKey};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::TokenInfo;
use cryptoki::types::AuthPin;
use ring::digest::{SHA256, digest};

use crate::error::TokenError;
use crate::module::{Library, find};
use crate::object::{self, KeyName, Public, Read, Sought};
use crate::uri::Wanted;

/// What is signed to see whether a key is the one that it should be.
const TRIAL: &[u8] = b"bridge node: does this key sign?";

/// A session that is logged in.
pub(crate) struct Open {
    session: Session,
    generation: u64,
    keys: BTreeMap<KeyName, ObjectHandle>,
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The token, the session or the object is gone, as far as can be known.
    Lost(String),
    /// It is there, and this is what it says.
    Told(String),
    /// A fault of ours to tell.
    Fault(TokenError),
}

// === impl Failed ===

impl Failed {
    /// As a caller hears it.
    pub(crate) fn error(self, token: &str) -> TokenError {
        let token = token.to_owned();
        match self {
            Self::Lost(why) => TokenError::Away { token, why },
            Self::Told(why) => TokenError::Refused { token, why },
            Self::Fault(error) => error,
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        // Whatever is not surely about the call itself may be cured by another session.
        let about_the_call = matches!(
            &error,
            Error::Pkcs11(
                RvError::MechanismInvalid
                    | RvError::MechanismParamInvalid
                    | RvError::KeyFunctionNotPermitted
                    | RvError::KeyTypeInconsistent
                    | RvError::KeySizeRange
                    | RvError::CurveNotSupported
                    | RvError::DataInvalid
                    | RvError::DataLenRange
                    | RvError::FunctionNotSupported
                    | RvError::AttributeTypeInvalid
                    | RvError::AttributeValueInvalid
                    | RvError::TemplateIncomplete
                    | RvError::TemplateInconsistent
                    | RvError::ActionProhibited
                    | RvError::SessionReadOnly
                    | RvError::TokenWriteProtected,
                _
            ) | Error::NotSupported
                | Error::NullFunctionPointer
        );
        let why = error.to_string();
        if about_the_call {
            Self::Told(why)
        } else {
            Self::Lost(why)
        }
    }
}

// === impl Open ===

impl Open {
    /// Opens a session with the token and logs in: the PIN is given to the token once.
    pub(crate) fn new(
        library: &Library,
        (wanted, label): (&Wanted, &str),
        pin: &AuthPin,
    ) -> Result<Self, Failed> {
        let (slot, info) = find(library, wanted)?;
        let session = library.functions.open_rw_session_no_drop(slot)?;
        let open = Self {
            session,
            generation: library.generation,
            keys: BTreeMap::new(),
        };
        match open.log_in(&info, label, pin) {
            Ok(()) => Ok(open),
            Err(failed) => {
                open.close(library);
                Err(failed)
            }
        }
    }

    fn log_in(&self, info: &TokenInfo, label: &str, pin: &AuthPin) -> Result<(), Failed> {
        let token = || label.to_owned();
        if !info.login_required() {
            return Ok(());
        }
        if !info.user_pin_initialized() {
            return Err(Failed::Fault(TokenError::PinNotSet { token: token() }));
        }
        if info.user_pin_locked() {
            return Err(Failed::Fault(TokenError::PinLocked { token: token() }));
        }
        if info.user_pin_final_try() {
            return Err(Failed::Fault(TokenError::LastTry { token: token() }));
        }
        match self.session.login(UserType::User, Some(pin)) {
            // All sessions of a process with one token share the login.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Error::Pkcs11(
                RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
                _,
            )) => Err(Failed::Fault(TokenError::PinRefused { token: token() })),
            Err(Error::Pkcs11(RvError::PinLocked, _)) => {
                Err(Failed::Fault(TokenError::PinLocked { token: token() }))
            }
            Err(Error::Pkcs11(RvError::PinExpired, _)) => {
                Err(Failed::Fault(TokenError::PinExpired { token: token() }))
            }
            Err(Error::Pkcs11(RvError::UserPinNotInitialized, _)) => {
                Err(Failed::Fault(TokenError::PinNotSet { token: token() }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the library still knows this session.
    pub(crate) fn is_of(&self, library: &Library) -> bool {
        self.generation == library.generation
    }

    /// Gives the session back, if the library is the one that gave it: another's session may have its number by now.
    pub(crate) fn close(self, library: &Library) {
        if self.is_of(library)
            && let Err(error) = self.session.close()
        {
            tracing::debug!(%error, "a session with a token can't be closed");
        }
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Finds a key and has it sign, so that what it is called is known to be what it is.
    pub(crate) fn find(&mut self, name: &KeyName, token: &str) -> Result<Public, Failed> {
        let fault = |error: fn(String, String) -> TokenError| {
            Failed::Fault(error(token.to_owned(), name.to_string()))
        };
        let handle = match object::find(&self.session, name)? {
            Sought::One(handle) => handle,
            Sought::None => return Err(fault(|token, key| TokenError::NoKey { token, key })),
            Sought::Several => {
                return Err(fault(|token, key| TokenError::SeveralKeys { token, key }));
            }
        };
        let public = match object::public(&self.session, handle)? {
            Read::Public(public) => public,
            Read::Unusable(why) => {
                return Err(Failed::Fault(TokenError::KeyKind {
                    token: token.to_owned(),
                    key: name.to_string(),
                    why,
                }));
            }
        };
        let signature = self.sign_by(handle, public.algorithm, TRIAL)?;
        let key = VerifyingKey::new(public.algorithm, &public.key);
        let holds = key.is_ok_and(|key| key.verify(TRIAL, &signature).is_ok());
        if !holds {
            return Err(Failed::Fault(TokenError::KeyKind {
                token: token.to_owned(),
                key: name.to_string(),
                why: "its signatures do not hold under the public key beside it",
            }));
        }
        self.keys.insert(name.clone(), handle);
        Ok(public)
    }

    /// Signs with a key that was found; ECDSA signatures are r and s.
    pub(crate) fn sign(
        &self,
        name: &KeyName,
        algorithm: Algorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, Failed> {
        let handle = self.keys.get(name);
        let handle = handle.ok_or_else(|| Failed::Lost("the key was not found yet".to_owned()))?;
        self.sign_by(*handle, algorithm, message)
    }

    fn sign_by(
        &self,
        handle: ObjectHandle,
        algorithm: Algorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, Failed> {
        let signature = match algorithm {
            Algorithm::Ed25519 => {
                let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
                self.session.sign(&mechanism, handle, message)?
            }
            Algorithm::EcdsaP256Sha256 => {
                let hash = digest(&SHA256, message);
                let mechanism = Mechanism::Ecdsa;
                self.session.sign(&mechanism, handle, hash.as_ref())?
            }
        };
        Ok(signature)
    }
}
