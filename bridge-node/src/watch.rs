//! The directory in force: refreshed without a restart, refused when it has expired.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_certs::{CertificateError, Checked, Issuance, KeyAlgorithm, Profile, Trust};
use bridge_core::identity::{CertificateName, MemberId, NodeId};
use bridge_core::refusal::{NodeFault, Refusal};
use bridge_directory::catalogue::Catalogue;
use bridge_directory::own_nodes::OwnStanding;
use bridge_directory::{Client, DirectoryError, ExchangeKey, Fetch, Indexed, Trusted};
use bridge_signature::{Algorithm, Form, VerifyingKey};

use crate::batches::Batches;
use crate::peers::PeerAddress;
use crate::settings::Limits;

/// One version of the directory. A key is read when its node first speaks: of thousands, few do.
#[derive(Debug)]
pub struct View {
    trusted: Arc<Trusted>,
    keys: HashMap<String, Arc<Slot>>,
    trust: Arc<Trust>,
    adopted_s: u64,
    known_batches: usize,
    /// The nodes that take messages signed in batches.
    takers: HashSet<NodeId>,
}

/// A node's exchange key.
#[derive(Debug)]
pub struct PeerKey {
    /// Whose it is.
    pub node: NodeId,
    /// Verifies with the algorithm of its record; what a message claims is only compared.
    pub verifying: VerifyingKey,
    /// Its batches that need not be verified again.
    pub batches: Batches,
    /// Who issued its certificate: by this its status is known.
    pub chain: Vec<Issuance>,
    /// When its certificate and those above it are valid, Unix seconds.
    holds_s: RangeInclusive<u64>,
}

/// The place of an exchange key: empty until it is asked for, and then with none in it if it cannot be used.
#[derive(Debug, Default)]
struct Slot(OnceLock<Option<PeerKey>>);

/// Holds the newest view.
#[derive(Debug)]
pub struct Watch {
    client: Mutex<Client>,
    trust: Arc<Trust>,
    known_batches: usize,
    current: ArcSwapOption<View>,
    fault: Mutex<Option<String>>,
}

// === impl Watch ===

impl Watch {
    /// Starts from what the store on disk holds, if that has not expired.
    pub fn new(client: Client, trust: &Arc<Trust>, limits: &Limits, now_s: u64) -> Self {
        let stored = client.trusted(now_s);
        let watch = Self {
            client: Mutex::new(client),
            trust: Arc::clone(trust),
            known_batches: limits.known_batches,
            current: ArcSwapOption::empty(),
            fault: Mutex::default(),
        };
        match stored {
            Ok(trusted) => watch.adopt(trusted, now_s),
            Err(error) => watch.note(&error),
        }
        watch
    }

    /// Reads the directory again. Blocks: call it on a thread of its own.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`]; the view in force stays until it expires.
    pub fn refresh(&self, source: &dyn Fetch, now_s: u64) -> Result<(), DirectoryError> {
        let refreshed = self
            .client
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .refresh(source, now_s);
        match refreshed {
            Ok(trusted) => {
                self.adopt(trusted, now_s);
                Ok(())
            }
            Err(error) => {
                self.judge_own(now_s);
                self.note(&error);
                Err(error)
            }
        }
    }

    /// Takes away what members' files said once they have ended, though no newer directory is to be had.
    fn judge_own(&self, now_s: u64) {
        let newest = self.current.load_full();
        let end_s = newest.and_then(|view| view.trusted.own_until_s());
        if end_s.is_some_and(|end_s| end_s <= now_s) {
            let client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
            // A directory that has expired itself is no longer used anyway.
            if let Ok(trusted) = client.trusted(now_s) {
                self.adopt(trusted, now_s);
            }
        }
    }

    /// The view in force.
    ///
    /// # Errors
    ///
    /// [`NodeFault::DirectoryMissing`] or [`NodeFault::DirectoryExpired`].
    pub fn view(&self, now_s: u64) -> Result<Arc<View>, Refusal> {
        let Some(view) = self.current.load_full() else {
            return Err(Refusal::Node(NodeFault::DirectoryMissing));
        };
        let expired_s = view.expires_s();
        if now_s >= expired_s {
            return Err(Refusal::Node(NodeFault::DirectoryExpired { expired_s }));
        }
        Ok(view)
    }

    /// The newest view, whether or not it has expired.
    pub fn newest(&self) -> Option<Arc<View>> {
        self.current.load_full()
    }

    /// Why the newest attempt to refresh failed, for `ready`.
    pub fn fault(&self) -> Option<String> {
        self.fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn adopt(&self, trusted: Arc<Trusted>, now_s: u64) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let trust = Arc::clone(&self.trust);
        let before = self.current.load_full();
        tell_failing(&trusted, before.as_deref());
        let view = View::new(
            trusted,
            (trust, now_s),
            self.known_batches,
            before.as_deref(),
        );
        self.current.store(Some(Arc::new(view)));
    }

    fn note(&self, error: &DirectoryError) {
        let why = crate::chain(error);
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

// === impl View ===

impl View {
    /// What was read of keys, and which of their batches held, goes on from the version before where the directory says
    /// the same of them: most versions only renew the date.
    fn new(
        trusted: Arc<Trusted>,
        (trust, now_s): (Arc<Trust>, u64),
        known_batches: usize,
        before: Option<&Self>,
    ) -> Self {
        let ids = trusted.directory.exchange_key_ids();
        let keys = ids.map(|id| {
            let slot = before.and_then(|before| before.same(id, &trusted));
            (id.to_owned(), slot.unwrap_or_default())
        });
        let keys = keys.collect();
        let takers = takers(&trusted).collect();
        Self {
            trusted,
            keys,
            trust,
            adopted_s: now_s,
            known_batches,
            takers,
        }
    }

    /// The directory itself.
    pub fn directory(&self) -> &Indexed {
        &self.trusted.directory
    }

    /// The catalogue beside it.
    pub fn catalogue(&self) -> &Catalogue {
        &self.trusted.catalogue
    }

    /// Version of the targets metadata.
    pub fn version(&self) -> u64 {
        self.trusted.version
    }

    /// When it expires, Unix seconds.
    pub fn expires_s(&self) -> u64 {
        self.trusted.expires_s
    }

    /// Whose word on a member's nodes counts, if it has a role.
    pub fn own_nodes(&self, member: &MemberId) -> Option<&OwnStanding> {
        let mut own = self.trusted.own.iter();
        own.find(|state| state.member == *member)
            .map(|state| &state.standing)
    }

    /// How many members have published a file that can't be used.
    pub fn failing_members(&self) -> usize {
        failing(&self.trusted).count()
    }

    /// The exchange key with this id.
    pub fn exchange_key(&self, key_id: &str) -> Option<&PeerKey> {
        let Slot(slot) = &**self.keys.get(key_id)?;
        slot.get_or_init(|| self.read_key(key_id)).as_ref()
    }

    fn read_key(&self, key_id: &str) -> Option<PeerKey> {
        let (node, record) = self.directory().exchange_key(key_id)?;
        let at = (&*self.trust, self.adopted_s);
        let read = PeerKey::read(&node, record, at, self.known_batches);
        // One member's broken key must not cost the others their exchange, nor fill the log.
        read.inspect_err(|why| {
            tracing::warn!(%node, why, "exchange key of the directory is not used");
        })
        .ok()
    }

    /// The place of a key of which another version of the directory says the same. What cannot be used is read anew: its
    /// time may have come.
    fn same(&self, key_id: &str, other: &Trusted) -> Option<Arc<Slot>> {
        let slot = self.keys.get(key_id)?;
        let said = other.directory.exchange_key(key_id);
        let is_same = said.is_some() && said == self.directory().exchange_key(key_id);
        let is_unusable = matches!(slot.0.get(), Some(None));
        (is_same && !is_unusable).then(|| Arc::clone(slot))
    }

    /// All exchange keys that can be used. Reads those that nobody has asked for yet: no work for an exchange.
    pub fn exchange_keys(&self) -> impl Iterator<Item = &PeerKey> {
        self.keys.keys().filter_map(|id| self.exchange_key(id))
    }

    /// Whether a node takes messages of this form.
    pub fn takes(&self, node: &NodeId, form: Form) -> bool {
        form == Form::Plain || self.takers.contains(node)
    }

    /// The nodes that speak for a member, in the directory's order.
    pub fn addresses(&self, member: &MemberId) -> Vec<(PeerAddress, &bridge_directory::Node)> {
        self.directory()
            .nodes_of(member)
            .iter()
            .filter_map(|node| {
                let address = PeerAddress::of(member.node(node.code.as_str()).ok()?, node);
                Some((address, node))
            })
            .collect()
    }

    /// Whether this TLS certificate is one of the node's, by its pinned key.
    pub fn tls_belongs(&self, checked: &Checked) -> Option<NodeId> {
        let Some(CertificateName::Node(id)) = &checked.name else {
            return None;
        };
        let node = self.directory().node(id)?;
        let pinned = node
            .tls_pins
            .iter()
            .any(|pin| decode_pin(pin) == Some(checked.spki_sha256));
        pinned.then(|| id.clone())
    }
}

// === impl PeerKey ===

impl PeerKey {
    /// Whether its certificate holds now: it, or an authority above it, may expire while this view is in force.
    pub fn valid_at(&self, now_s: u64) -> bool {
        self.holds_s.contains(&now_s)
    }

    /// The last second in which it holds, Unix.
    pub fn not_after(&self) -> u64 {
        *self.holds_s.end()
    }

    fn read(
        node: &NodeId,
        record: &ExchangeKey,
        (trust, now_s): (&Trust, u64),
        known_batches: usize,
    ) -> Result<Self, String> {
        let der = STANDARD
            .decode(&record.certificate)
            .map_err(|error| error.to_string())?;
        let checked = trust
            .check(&der, &[], Profile::Exchange, now_s)
            .map_err(|error: CertificateError| error.to_string())?;
        if checked.name.as_ref() != Some(&CertificateName::Node(node.clone())) {
            return Err("its certificate names another node".to_owned());
        }
        if decode_pin(&record.pin) != Some(checked.spki_sha256) {
            return Err("its certificate has another key than the pinned one".to_owned());
        }
        let algorithm = match checked.algorithm {
            KeyAlgorithm::P256 => Algorithm::EcdsaP256Sha256,
            KeyAlgorithm::Ed25519 => Algorithm::Ed25519,
            KeyAlgorithm::P384 | KeyAlgorithm::Rsa { .. } => {
                return Err("keys of this kind do not sign exchanges".to_owned());
            }
        };
        let verifying =
            VerifyingKey::new(algorithm, &checked.public_key).map_err(|error| error.to_string())?;
        Ok(Self {
            node: node.clone(),
            verifying,
            batches: Batches::new(known_batches),
            chain: checked.chain,
            holds_s: checked.holds_s,
        })
    }
}

fn failing(trusted: &Trusted) -> impl Iterator<Item = (&MemberId, &str)> {
    let own = trusted.own.iter();
    own.filter_map(|state| Some((&state.member, state.standing.fault()?)))
}

/// One line, however many they are, whenever others fail than before.
fn tell_failing(trusted: &Trusted, before: Option<&View>) {
    let members = |trusted| -> Vec<_> { failing(trusted).map(|(member, _)| member).collect() };
    if before.is_some_and(|before| members(&before.trusted) == members(trusted)) {
        return;
    }
    let count = failing(trusted).count();
    if let Some((member, why)) = failing(trusted).next() {
        tracing::warn!(code = "member_roles_fail", count, first = %member, why, "what members say of their own nodes can't be used");
    }
}

fn takers(trusted: &Trusted) -> impl Iterator<Item = NodeId> {
    trusted.directory.members.iter().flat_map(|member| {
        let nodes = member.nodes.iter().filter(|node| {
            let mut forms = node.forms.iter();
            forms.any(|form| form == Form::Batch.as_str())
        });
        nodes.filter_map(|node| member.id.node(&node.code).ok())
    })
}

pub(crate) fn decode_pin(pin: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(pin).ok()?.try_into().ok()
}
