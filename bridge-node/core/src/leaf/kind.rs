//! The words a leaf may use.

/// Says what a leaf records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The consumer's node signed a request and may send it.
    RequestSent,
    /// The provider's node accepted a request.
    RequestReceived,
    /// The provider's node signed an answer and may send it.
    ResponseSigned,
    /// The consumer's node received a genuine answer.
    ResponseReceived,
    /// The node said no.
    Refused,
    /// The node stopped between the begin and the end of an exchange.
    Interrupted,
    /// An answer was handed over, or handed over late.
    Delivery,
    /// State that must not go back.
    State,
    /// An officer read evidence.
    AuditRead,
    /// An operator changed something.
    Administration,
}

/// Says which end of an exchange a journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The node of the member that asks.
    Consumer,
    /// The node of the member that answers.
    Provider,
}

/// Says how much evidence of an exchange is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EvidenceMode {
    /// Signature base, signature and body.
    Full,
    /// Signature base and signature; the base holds the body's digest.
    Digest,
    /// Nothing but the leaf.
    None,
}

/// Gives an enum its words, both ways, so that writer and reader can't disagree.
macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every value, in order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the word that stands in a leaf.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Finds the value of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }
    };
}

words!(Kind {
    RequestSent => "request-sent",
    RequestReceived => "request-received",
    ResponseSigned => "response-signed",
    ResponseReceived => "response-received",
    Refused => "refused",
    Interrupted => "interrupted",
    Delivery => "delivery",
    State => "state",
    AuditRead => "audit-read",
    Administration => "administration",
});

words!(Side {
    Consumer => "consumer",
    Provider => "provider",
});

words!(EvidenceMode {
    Full => "full",
    Digest => "digest",
    None => "none",
});
