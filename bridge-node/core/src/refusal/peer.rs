//! Refusals of a message that another node signed, or should have.

use super::code::Code;
use super::explain::{Explanation, clock};

/// Says why a peer's request or answer is not taken for what it claims to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerFault {
    /// No signature.
    SignatureMissing,
    /// The signature fields are not of our profile.
    SignatureMalformed,
    /// The signature has a form that this node does not take.
    Form,
    /// The signature covers less, or more, than it must.
    Coverage,
    /// An algorithm that is not known, or not the key's.
    Algorithm,
    /// The directory has no exchange key of this id.
    KeyUnknown,
    /// The key's certificate is expired, revoked, or not of its profile.
    KeyNotValid,
    /// The signature is not the key's over this message.
    SignatureInvalid,
    /// The body is not the one that was signed.
    BodyDigest,
    /// Created too early or too late for this node's clock.
    NotFresh {
        /// When the peer created the message, Unix seconds.
        created_s: u64,
        /// When it expires, Unix seconds.
        expires_s: u64,
        /// This node's clock, Unix seconds.
        now_s: u64,
    },
    /// A request id or nonce that this node has seen.
    Replayed,
    /// A version of the wire that this node does not speak.
    Version {
        /// The versions it speaks.
        spoken: Vec<u32>,
    },
    /// The message is for another node.
    Authority,
    /// The node of the connection and the node of the key are not of one member.
    TieOfConnection,
    /// The member of the key and the member of `X-Road-Client` are not the same.
    TieOfClient,
    /// The member of the key and the member that provides the service are not the same.
    TieOfProvider,
}

impl PeerFault {
    /// Returns the status of a refused request; a refused answer is always 502.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::SignatureMissing
            | Self::SignatureMalformed
            | Self::Form
            | Self::Coverage
            | Self::Algorithm
            | Self::BodyDigest
            | Self::NotFresh { .. }
            | Self::Replayed
            | Self::Version { .. }
            | Self::Authority => 400,
            Self::KeyUnknown
            | Self::KeyNotValid
            | Self::SignatureInvalid
            | Self::TieOfConnection
            | Self::TieOfClient
            | Self::TieOfProvider => 403,
        }
    }

    pub(super) fn code(&self) -> Code {
        match self {
            Self::SignatureMissing => Code::MissingSignature,
            Self::SignatureMalformed | Self::Coverage => Code::MalformedSignature,
            Self::Form => Code::UnsupportedSignatureForm,
            Self::Algorithm => Code::UnsupportedAlgorithm,
            Self::KeyUnknown => Code::SignatureVerification,
            Self::KeyNotValid => Code::CertValidation,
            Self::SignatureInvalid | Self::BodyDigest => Code::InvalidSignatureValue,
            Self::NotFresh { .. } => Code::NotFresh,
            Self::Replayed => Code::Replayed,
            Self::Version { .. } => Code::InvalidProtocolVersion,
            Self::Authority => Code::UnknownHost,
            Self::TieOfConnection | Self::TieOfClient | Self::TieOfProvider => {
                Code::SslAuthenticationFailed
            }
        }
    }

    /// Explains the fault; `message` is `request` or `answer`.
    pub(super) fn explain(&self, message: &str) -> Explanation {
        let (rule, help) = self.rule_and_help();
        Explanation::new(
            format!("The other node's {message} is refused: {}.", self.what()),
            rule,
            "the operators of the two nodes",
            help,
        )
    }

    fn what(&self) -> String {
        match self {
            Self::SignatureMissing => "it is not signed",
            Self::SignatureMalformed => "its signature fields are malformed",
            Self::Form => "its signature has the batch form, which this node does not take",
            Self::Coverage => "its signature does not cover exactly what it must",
            Self::Algorithm => "its algorithm is not the one recorded for the key",
            Self::KeyUnknown => "the directory does not list the key that signed it",
            Self::KeyNotValid => {
                "the certificate of its key is expired, revoked or not of its profile"
            }
            Self::SignatureInvalid => "the signature does not verify",
            Self::BodyDigest => "the body is not the one that was signed",
            Self::NotFresh {
                created_s,
                expires_s,
                now_s,
            } => {
                return format!(
                    "it was created at {} and expires at {} by the sender's clock, and it is {} by \
                     the receiver's",
                    clock(*created_s),
                    clock(*expires_s),
                    clock(*now_s)
                );
            }
            Self::Replayed => "its request id or nonce was seen before",
            Self::Version { spoken } => {
                let spoken: Vec<String> = spoken.iter().map(u32::to_string).collect();
                return format!("its Bridge-Version is none of: {}", spoken.join(", "));
            }
            Self::Authority => "it is addressed to another node",
            Self::TieOfConnection => "the connection and the signature belong to different members",
            Self::TieOfClient => {
                "it is signed by another member than the one named in X-Road-Client"
            }
            Self::TieOfProvider => {
                "it is signed by another member than the one that provides the service"
            }
        }
        .to_owned()
    }

    fn rule_and_help(&self) -> (&'static str, &'static str) {
        match self {
            Self::SignatureMissing => ("every message is signed", "a node that signs"),
            Self::SignatureMalformed => ("the signature profile", "a node of the current version"),
            Self::Form => ("forms of signatures in the directory", "the plain form"),
            Self::Coverage => (
                "nothing unsigned, nothing absent",
                "nothing on the way that adds or removes fields",
            ),
            Self::Algorithm => ("algorithms", "a correct record in the directory"),
            Self::KeyUnknown => (
                "exchange keys of the directory",
                "publishing the key, or waiting until the new directory has arrived",
            ),
            Self::KeyNotValid => ("certificates", "a new certificate"),
            Self::SignatureInvalid | Self::BodyDigest => (
                "signatures",
                "finding out what changed the message on its way",
            ),
            Self::NotFresh { .. } => ("freshness", "setting the clock that is wrong"),
            Self::Replayed => ("one message, one exchange", "sending it anew with a new id"),
            Self::Version { .. } => ("versions of the wire", "the same version at both ends"),
            Self::Authority => (
                "a message is for one node",
                "the node's name as the directory has it",
            ),
            Self::TieOfConnection => ("tie of identities", "certificates of one member for both"),
            Self::TieOfClient => ("tie of identities", "a client of the member that signs"),
            Self::TieOfProvider => ("tie of identities", "a key of the provider"),
        }
    }
}
