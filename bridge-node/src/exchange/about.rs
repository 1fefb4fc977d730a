//! What is known of an exchange so far: enough for the leaf of a refusal at any step.

use std::sync::Arc;
use std::time::Instant;

use bridge_core::accept::{ErrorForm, Language, error_form, language};
use bridge_core::contract::Contract;
use bridge_core::identity::{ServiceId, SubsystemId};
use bridge_core::leaf::{Kind, Leaf, Side, UnixMillis, coarse_duration_ms, coarse_size};
use bridge_core::refusal::Refusal;
use http::HeaderMap;
use uuid::Uuid;

use super::weigh::Weighed;
use crate::effects::Begun;
use crate::payload::{Allowance, Payload};
use crate::settings::Settings;

/// How whoever asks wants to be told of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reader {
    /// The language of the explanation.
    pub language: Language,
    /// The form of the body.
    pub form: ErrorForm,
}

/// Facts that a leaf may show. Filled as the steps learn them; nothing here was said by a stranger unchecked.
#[derive(Debug, Clone)]
pub struct About {
    /// Which end this node is.
    pub side: Side,
    /// How a refusal is told.
    pub reader: Reader,
    /// When the head arrived.
    pub arrived: Instant,
    /// What is left of its time.
    pub allowance: Allowance,
    /// X-Road-Request-Id.
    pub request_id: Option<Uuid>,
    /// X-Road-Id, the caller's own text: echoed, never in a leaf.
    pub message_id: Option<String>,
    /// X-Road-Client, once the caller has proved to own it.
    pub client: Option<SubsystemId>,
    /// The service asked for.
    pub service: Option<ServiceId>,
    /// The contract's pattern text.
    pub endpoint: Option<String>,
    /// Purpose code, once a contract allows it.
    pub purpose: Option<String>,
    /// Legal basis code, once a contract allows it.
    pub basis: Option<String>,
    /// `{id}@{digest}`.
    pub contract: Option<String>,
    /// The rules that decided.
    pub rules: Arc<[String]>,
    /// Body of the request, bytes.
    pub request_size: Option<u64>,
    /// Our exchange key.
    pub keyid: Option<String>,
    /// The other node's exchange key.
    pub peer_keyid: Option<String>,
    /// Mark of the request's nonce.
    pub nonce: Option<String>,
    /// Link of the request's signature.
    pub link: Option<[u8; 32]>,
    /// Whether the journal has taken the leaf that begins the exchange: from then on a leaf ends it, whatever happens.
    pub begun: bool,
    /// Receipt of the provider's own `request-received` leaf, for `Bridge-Peer-Receipt`.
    pub received: Option<String>,
    /// The Idempotency-Key under which the exchange was begun.
    pub once: Option<Arc<Begun>>,
    /// The contract whose quota was charged, and when; given back if the exchange does not begin.
    pub charged: Option<(Arc<Contract>, UnixMillis)>,
    /// What a refusal by contract rested on.
    pub weighed: Option<Box<Weighed>>,
}

/// An exchange that ended with a refusal.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// What was known by then.
    pub about: Box<About>,
    /// What the other node had proved, if anything.
    pub proof: Option<Box<Proof>>,
}

/// A message from another node whose signature held.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Its body; none while it has not been read.
    pub payload: Option<Payload>,
    /// The request as the answer has to quote it.
    pub head: super::sign::RequestHead,
}

// === impl Reader ===

impl Reader {
    /// This node itself, when it is the one who asks.
    pub(super) const OWN: Self = Self {
        language: Language::English,
        form: ErrorForm::Json,
    };

    /// What the fields of a request prefer. They need not be believed: they change no decision.
    pub fn of(settings: &Settings, fields: &HeaderMap) -> Self {
        Self {
            language: language(fields, settings.told.language),
            form: error_form(fields),
        }
    }
}

// === impl About ===

impl About {
    /// Nothing is known yet.
    pub fn new(side: Side, reader: Reader) -> Self {
        Self {
            side,
            reader,
            arrived: Instant::now(),
            allowance: Allowance::new(),
            request_id: None,
            message_id: None,
            client: None,
            service: None,
            endpoint: None,
            purpose: None,
            basis: None,
            contract: None,
            rules: Arc::default(),
            request_size: None,
            keyid: None,
            peer_keyid: None,
            nonce: None,
            link: None,
            begun: false,
            received: None,
            once: None,
            charged: None,
            weighed: None,
        }
    }

    /// A leaf of these facts.
    pub fn leaf(&self, kind: Kind, time: UnixMillis) -> Leaf {
        let mut leaf = Leaf::new(kind, time);
        leaf.request_id = self.request_id;
        leaf.side = Some(self.side);
        leaf.client.clone_from(&self.client);
        leaf.service.clone_from(&self.service);
        leaf.endpoint.clone_from(&self.endpoint);
        leaf.purpose.clone_from(&self.purpose);
        leaf.basis.clone_from(&self.basis);
        leaf.contract.clone_from(&self.contract);
        leaf.rules.clone_from(&self.rules);
        leaf.request_size = self.request_size.map(coarse_size);
        leaf.keyid.clone_from(&self.keyid);
        leaf.peer_keyid.clone_from(&self.peer_keyid);
        leaf.nonce.clone_from(&self.nonce);
        leaf.link = self.link;
        leaf
    }

    /// How long the exchange has taken, as a leaf may say it.
    pub fn duration_ms(&self) -> u64 {
        coarse_duration_ms(u64::try_from(self.arrived.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Ends the exchange here.
    pub fn refuse(&self, refusal: Refusal) -> Refused {
        Refused {
            refusal,
            about: Box::new(self.clone()),
            proof: None,
        }
    }
}

// === impl Refused ===

impl Refused {
    /// The message that is refused was proved to come from its sender.
    #[must_use]
    pub fn proved(mut self, proof: Proof) -> Self {
        self.proof = Some(Box::new(proof));
        self
    }
}
