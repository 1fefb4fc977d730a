//! This node's own certificates: what each must be, where it lies, and how another one takes its place.
//!
//! For each [`Use`] the keys folder holds `NAME.pem` and `NAME.key`, which are in force. A certificate that comes while they
//! are good is laid beside them as `NAME.next.pem` (with `NAME.next.key` if it is for a new key) and takes over when the
//! directory knows it: peers would refuse it before.

use std::fmt;
use std::sync::Arc;

use bridge_certs::{
    CertificateError, Checked, KeyAlgorithm, KeyFileError, PemError, Profile, RequestError, Trust,
};
use bridge_core::identity::{CertificateName, NodeId};

use crate::settings::Settings;

mod folder;
mod import;
mod request;
mod standing;
mod takeover;

pub use folder::{Folder, OwnFiles, Slot};
pub use import::{Place, Placed, import, read_certificates};
pub use request::request;
pub use standing::{Shown, Standing};
pub use takeover::keep;

/// What a certificate of this node is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Connections with other nodes.
    Tls,
    /// Signatures on messages.
    Exchange,
    /// The consumer interface.
    Web,
}

/// Everything that a certificate of this node is held against.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// The node that it must name.
    pub node: &'a NodeId,
    /// The authorities that may have issued it.
    pub trust: &'a Trust,
    /// The time.
    pub now_s: u64,
}

/// Why a certificate is not used, or a key not found.
#[derive(Debug, thiserror::Error)]
pub enum OwnError {
    /// A file of certificates cannot be read.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A key file cannot be read or made.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A key cannot be used.
    #[error("{file}")]
    Key {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: RequestError,
    },
    /// No certificate where one is wanted.
    #[error("{0} holds no certificate")]
    None(String),
    /// A certificate cannot be read.
    #[error("a certificate that was given cannot be read")]
    Unreadable(#[source] Box<CertificateError>),
    /// The certificate does not hold.
    #[error("the {usage} certificate is refused")]
    Refused {
        /// What it is for, by its key.
        usage: Use,
        /// Why.
        #[source]
        source: Box<CertificateError>,
    },
    /// It names another node, or another agency's.
    #[error("the {usage} certificate names {found}, and this node is {node}")]
    OtherName {
        /// What it is for, by its key.
        usage: Use,
        /// Whom it names.
        found: String,
        /// Whom it must name.
        node: NodeId,
    },
    /// It is for another key.
    #[error("the {usage} certificate is for another key than {file}")]
    OtherKey {
        /// What it is for.
        usage: Use,
        /// The key file.
        file: String,
    },
    /// A key that does not sign messages.
    #[error("a key of {0} does not sign exchanges")]
    KeyKind(KeyAlgorithm),
    /// A name is gone by which callers know the consumer interface.
    #[error("the web certificate lacks the name {0}, which the one in force has")]
    NameGone(String),
    /// None of the certificates given is for a key of this node.
    #[error("none of the certificates given ({given}) is for a key of this node ({keys})")]
    NotOurs {
        /// How many were given.
        given: usize,
        /// The key files that there are.
        keys: String,
    },
    /// Two certificates for one key.
    #[error("two certificates for the {0} key are given")]
    Two(Use),
    /// A file cannot be written.
    #[error("{path}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

// === impl Use ===

impl Use {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tls, Self::Exchange, Self::Web];

    /// The name of its files without ending, also in settings, metrics and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Exchange => "exchange",
            Self::Web => "web",
        }
    }

    /// The profile that its certificates have.
    pub const fn profile(self) -> Profile {
        match self {
            Self::Tls => Profile::Tls,
            Self::Exchange => Profile::Exchange,
            Self::Web => Profile::Web,
        }
    }

    /// The uses that a node has: the consumer interface is not everybody's.
    pub fn of(settings: &Settings) -> impl Iterator<Item = Self> {
        let has_web = settings.consumer_listen.is_some();
        let all = Self::ALL.into_iter();
        all.filter(move |usage| *usage != Self::Web || has_web)
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Judge ===

impl Judge<'_> {
    /// Judges a chain, leaf first, for a use, as this node's own: issuer, dates, profile, identity and kind of key. Whose key
    /// it is was looked at before.
    ///
    /// # Errors
    ///
    /// [`OwnError::Refused`], [`OwnError::OtherName`], [`OwnError::KeyKind`].
    pub fn certificate(&self, usage: Use, chain: &[Vec<u8>]) -> Result<Checked, OwnError> {
        let (leaf, issuers) = chain
            .split_first()
            .ok_or_else(|| OwnError::None(format!("the chain for {usage}")))?;
        let checked = self
            .trust
            .check_once(leaf, issuers, usage.profile(), self.now_s)
            .map(Arc::unwrap_or_clone)
            .map_err(|error| OwnError::Refused {
                usage,
                source: Box::new(error),
            })?;
        let named = match usage {
            Use::Tls | Use::Exchange => Some(CertificateName::Node(self.node.clone())),
            Use::Web => None,
        };
        if checked.name != named {
            let found = checked
                .name
                .map_or_else(String::new, |name| name.to_string());
            let node = self.node.clone();
            return Err(OwnError::OtherName { usage, found, node });
        }
        let signs = matches!(
            checked.algorithm,
            KeyAlgorithm::P256 | KeyAlgorithm::Ed25519
        );
        if usage == Use::Exchange && !signs {
            return Err(OwnError::KeyKind(checked.algorithm));
        }
        Ok(checked)
    }

    /// What a slot of the keys folder holds, if certificate and key are good and belong together.
    ///
    /// # Errors
    ///
    /// [`OwnError`] says what is not.
    pub fn slot(&self, folder: &Folder, usage: Use, slot: Slot) -> Result<Checked, OwnError> {
        let chain = folder.chain(usage, slot)?;
        let checked = self.certificate(usage, &chain)?;
        let (key, file) = folder.key_of(usage, slot)?;
        if key.public_key() == checked.public_key {
            return Ok(checked);
        }
        Err(OwnError::OtherKey { usage, file })
    }
}

/// What a start works with: the next certificate where there is nothing good in force, as it has ended meanwhile or a crash
/// came between key and certificate. Nothing is written: the running node lets it take over. What is not good is told by who
/// reads it then.
pub fn usable(folder: &Folder, usage: Use, judge: &Judge<'_>) -> OwnFiles {
    if folder.certificates_file(usage, Slot::Next).exists()
        && judge.slot(folder, usage, Slot::Current).is_err()
        && judge.slot(folder, usage, Slot::Next).is_ok()
        && let Ok(files) = folder.next_files(usage)
    {
        return files;
    }
    OwnFiles::in_force(usage)
}

#[cfg(test)]
mod tests;
