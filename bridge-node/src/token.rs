//! Keys on PKCS#11 tokens, as key files name them: the module, the PIN, and what is told when one is of no use.

use std::path::Path;
use std::sync::Arc;

use bridge_certs::{KeyFileError, RemoteKey, read_password_file};
use bridge_token::{KeyName, Module, Token, TokenError, TokenKey, Uri, UriError};
use zeroize::Zeroizing;

use crate::terminal;

const URI_REMEDY: &str = "write pkcs11:token=LABEL;object=LABEL, and behind it ?pin-source=file:PATH if a file holds the PIN";
const MODULE_REMEDY: &str = "name the library of the token's maker as token.module, such as /usr/lib/softhsm/libsofthsm2.so";

/// Nothing says by which library tokens are reached.
#[derive(Debug, thiserror::Error)]
#[error("it names a token, and no PKCS#11 module is named")]
struct NoModule;

/// Opens the key that a key file names.
pub(crate) fn open(
    path: &Path,
    text: &str,
    module: Option<&Path>,
) -> Result<TokenKey, KeyFileError> {
    let fault = |source: Box<dyn std::error::Error + Send + Sync>, remedy| KeyFileError::Token {
        path: path.to_owned(),
        source,
        remedy,
    };
    let told = |error: TokenError| {
        let remedy = error.remedy();
        fault(Box::new(error), remedy)
    };
    let uri: Uri = text
        .parse()
        .map_err(|error: UriError| fault(Box::new(error), URI_REMEDY))?;
    let module = module.ok_or_else(|| fault(Box::new(NoModule), MODULE_REMEDY))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let token = log_in(module, &uri, folder).map_err(told)?;
    token.key(&uri).map_err(told)
}

/// The token of a URI; its PIN comes from the file that the URI names, or from the terminal.
pub(crate) fn log_in(module: &Path, uri: &Uri, folder: &Path) -> Result<Token, TokenError> {
    let ask = || {
        if let Some(path) = uri.pin_source() {
            let pin = read_password_file(&folder.join(path));
            return text(&pin.map_err(|error| crate::chain(&error))?);
        }
        let question = format!("PIN of {}: ", uri.with_key(KeyName::default()));
        let typed = terminal::ask(&question, true).map_err(|error| {
            format!("its URI has no pin-source, and no terminal can be asked: {error}")
        })?;
        text(&typed)
    };
    Module::load(module)?.token(uri, &ask)
}

/// A URI without what leads to its PIN.
pub(crate) fn shown(uri: &str) -> String {
    uri.split('?').next().unwrap_or_default().to_owned()
}

/// A key on a token, as certificates know it.
pub(crate) fn remote(key: TokenKey) -> RemoteKey {
    let public = key.public_key().to_vec();
    RemoteKey::new(Arc::new(key), public)
}

fn text(pin: &[u8]) -> Result<Zeroizing<String>, String> {
    let text = std::str::from_utf8(pin).map_err(|_bytes| "it is not UTF-8".to_owned())?;
    Ok(Zeroizing::new(text.to_owned()))
}
