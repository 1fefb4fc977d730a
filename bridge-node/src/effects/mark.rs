//! What leaves may show of a key and its content: enough to know them again, nothing to guess them by.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_adapter::Idempotency;
use bridge_core::leaf::Leaf;
use ring::hmac;
use zeroize::Zeroizing;

/// Makes marks under a key of this node. Without it a mark tells nothing: a caller's key may be a person's code.
pub struct Marker {
    key: hmac::Key,
    /// The key of marks that were made before the evidence key was replaced.
    before: Option<hmac::Key>,
}

/// The marks of a key and of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Of the key, in the scope of client and service.
    pub key: [u8; 16],
    /// Of the content; the same content under another key has another mark.
    pub content: [u8; 16],
}

/// The fact with the mark of the key.
const KEY: &str = "idempotency_key";
/// The fact with the mark of the content.
const CONTENT: &str = "idempotency_content";

impl std::fmt::Debug for Marker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Marker")
    }
}

// === impl Marker ===

impl Marker {
    /// Derives the key of the marks from the node's evidence key, which outlives journals and epochs.
    pub fn new(evidence: &[u8; 32]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &*derived(evidence)),
            before: None,
        }
    }

    /// Knows the marks again, too, that were made under an earlier key, as [`derived`] gives it.
    #[must_use]
    pub fn knowing(mut self, before: Option<&[u8; 32]>) -> Self {
        self.before = before.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key));
        self
    }

    /// Makes the marks of a key and its content.
    pub fn marks(&self, idempotency: &Idempotency) -> Marks {
        marks(&self.key, idempotency)
    }

    /// Those that they had before the evidence key was replaced, if it was.
    pub fn marks_before(&self, idempotency: &Idempotency) -> Option<Marks> {
        self.before.as_ref().map(|key| marks(key, idempotency))
    }
}

/// The key of the marks under an evidence key.
pub fn derived(evidence: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let parent = hmac::Key::new(hmac::HMAC_SHA256, evidence);
    let tag = hmac::sign(&parent, b"bridge-idempotency-v1");
    let mut key = Zeroizing::new([0; 32]);
    key.iter_mut()
        .zip(tag.as_ref())
        .for_each(|(to, from)| *to = *from);
    key
}

fn marks(key: &hmac::Key, idempotency: &Idempotency) -> Marks {
    let scoped = idempotency.scoped.as_bytes();
    let content = idempotency.content.as_bytes();
    Marks {
        key: mark(key, &[b"key", scoped]),
        content: mark(key, &[b"content", scoped, content]),
    }
}

/// The parts are of fixed length, but for the label, which none of the others begins with.
fn mark(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 16] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
        context.update(&[0]);
    }
    let mut mark = [0; 16];
    let tag = context.sign();
    mark.iter_mut()
        .zip(tag.as_ref())
        .for_each(|(to, from)| *to = *from);
    mark
}

// === impl Marks ===

impl Marks {
    /// Puts them into the leaf of a request.
    pub fn put(&self, leaf: &mut Leaf) {
        let text = |mark| URL_SAFE_NO_PAD.encode(mark);
        leaf.facts.insert(KEY.to_owned(), text(self.key));
        leaf.facts.insert(CONTENT.to_owned(), text(self.content));
    }

    /// Takes them from the leaf of a request.
    pub fn of(leaf: &Leaf) -> Option<Self> {
        let mark = |name| {
            let bytes = URL_SAFE_NO_PAD.decode(leaf.facts.get(name)?).ok()?;
            <[u8; 16]>::try_from(bytes).ok()
        };
        Some(Self {
            key: mark(KEY)?,
            content: mark(CONTENT)?,
        })
    }
}
