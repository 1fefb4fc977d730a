//! `key list`, `key token`: keys on PKCS#11 tokens.

use std::path::{Path, PathBuf};

use bridge_certs::{OwnKey, Profile, Request, request_pem, write_key_elsewhere};
use bridge_core::identity::{CertificateName, MemberId};
use bridge_signature::{Algorithm, Signer as _};
use bridge_token::{KeyName, Listed, Module, TokenError, TokenKey, Uri};
use clap::{Args, ValueEnum};

use super::keys::not_made;
use super::{Failure, hint, say};
use crate::token;

/// Which tokens are listed.
#[derive(Debug, Args)]
pub(super) struct List {
    /// The PKCS#11 module: the library of the token's maker.
    #[arg(long, value_name = "FILE")]
    token_module: PathBuf,
    /// A token whose private keys are listed too, such as pkcs11:token=agency-a?pin-source=file:agency-a.pin.
    #[arg(value_name = "URI")]
    token: Option<Uri>,
}

/// Which key a file shall name.
#[derive(Debug, Args)]
pub(super) struct Name {
    /// The key file to make: tls.key, exchange.key, web.key or seal.key of a keys folder.
    file: PathBuf,
    /// The key, and where its token's PIN lies; a PIN file is looked for beside the key file.
    #[arg(value_name = "URI")]
    key: Uri,
    /// The PKCS#11 module: the library of the token's maker.
    #[arg(long, value_name = "FILE")]
    token_module: PathBuf,
    /// Make the key on the token first, under the URI's object.
    #[arg(long, value_name = "KIND")]
    make: Option<Kind>,
    /// Also write a request for the certificate of a member's seal, INSTANCE/CLASS/MEMBER, by this key.
    #[arg(long, value_name = "MEMBER", requires = "csr")]
    seal_of: Option<MemberId>,
    /// Where that request is written, PKCS#10.
    #[arg(long, value_name = "FILE", requires = "seal_of")]
    csr: Option<PathBuf>,
}

/// Kinds of keys.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// ECDSA on P-256: every use.
    P256,
    /// Ed25519: exchange keys.
    Ed25519,
}

/// Shows the tokens of a module, and the keys of one.
pub(super) fn list(asked: &List) -> Result<(), Failure> {
    let module = Module::load(&asked.token_module).map_err(|error| failed(&error))?;
    for token in module.tokens().map_err(|error| failed(&error))? {
        let uri = Uri::of(&token.label, KeyName::default());
        say(format_args!(
            "{uri};serial={}  {}  {}",
            token.serial, token.model, token.pin
        ));
    }
    let Some(uri) = &asked.token else {
        return Ok(());
    };
    let opened = token::log_in(&asked.token_module, uri, Path::new(""));
    let opened = opened.map_err(|error| failed(&error))?;
    let keys = opened.keys().map_err(|error| failed(&error))?;
    for Listed { name, algorithm } in keys {
        let kind = algorithm.map_or("not used here", kind);
        let key = Uri::of(opened.label(), name);
        say(format_args!("{key}  {kind}"));
    }
    Ok(())
}

/// Writes a key file that names a key on a token, once the key has signed.
pub(super) fn name(asked: &Name) -> Result<(), Failure> {
    if asked.file.exists() {
        return Err(Failure::Failed(hint(
            &format!("{}: is there already", asked.file.display()),
            "a key is never overwritten: move the file away, or write to another folder",
        )));
    }
    let wanted = asked
        .make
        .map(|kind| new_key(&asked.key, kind))
        .transpose()?;
    let folder = asked.file.parent().unwrap_or(Path::new(""));
    let opened = token::log_in(&asked.token_module, &asked.key, folder);
    let opened = opened.map_err(|error| failed(&error))?;
    if let Some((label, algorithm)) = wanted {
        let made = opened.make_key(label, algorithm);
        made.map_err(|error| failed(&error))?;
    }
    let key = opened.key(&asked.key).map_err(|error| failed(&error))?;
    write_key_elsewhere(&asked.file, &asked.key.to_string()).map_err(|error| not_made(&error))?;
    say(format_args!(
        "made {}: it names {key} ({}), which signs",
        asked.file.display(),
        kind(key.algorithm())
    ));
    match (&asked.seal_of, &asked.csr) {
        (Some(member), Some(to)) => ask_for_seal(key, member, to),
        (None, _) | (_, None) => Ok(()),
    }
}

/// The label and the algorithm of a key that is to be made.
fn new_key(uri: &Uri, kind: Kind) -> Result<(&str, Algorithm), Failure> {
    let KeyName {
        label: Some(label),
        id: None,
    } = uri.key()
    else {
        return Err(Failure::Usage(hint(
            "--make needs the label of the key and gives its id",
            "write object=LABEL into the URI, and no id",
        )));
    };
    let algorithm = match kind {
        Kind::P256 => Algorithm::EcdsaP256Sha256,
        Kind::Ed25519 => Algorithm::Ed25519,
    };
    Ok((label, algorithm))
}

/// Writes a request for the certificate of a member's seal: a node's own are asked for by `certs csr`.
fn ask_for_seal(key: TokenKey, member: &MemberId, to: &Path) -> Result<(), Failure> {
    let request = OwnKey::remote(token::remote(key)).request(&Request {
        profile: Profile::Seal,
        name: Some(CertificateName::Member(member.clone())),
        common_name: member.to_string(),
        sans: Vec::new(),
    });
    let request = request.map_err(|error| Failure::failed("request", &error))?;
    std::fs::write(to, request_pem(&request))
        .map_err(|error| Failure::failed(&to.display().to_string(), &error))?;
    say(format_args!(
        "{}: asks for a certificate of profile {} for {member}",
        to.display(),
        Profile::Seal
    ));
    Ok(())
}

fn kind(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::EcdsaP256Sha256 => "P-256",
        Algorithm::Ed25519 => "Ed25519",
    }
}

fn failed(error: &TokenError) -> Failure {
    Failure::Failed(hint(&crate::chain(error), error.remedy()))
}
