//! One agency: its keys and settings on disk, its entry of the directory, its node when it runs.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_certs::{Authority, NewKey, Order, Profile, Trust, write_key_file, write_secret_file};
use bridge_core::identity::{CertificateName, MemberId, NodeId, SubsystemId};
use bridge_directory::{ExchangeKey, Member, Node, Subsystem};
use bridge_journal::WitnessKey;
use bridge_node::clock::Clock;
use bridge_node::node::{Parts, Vouched};
use bridge_node::running::Running;
use bridge_node::settings::Settings;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::terms::Terms;
use crate::token::Token;
use crate::wait::{now_ms, now_s};
use crate::world::PROVIDER;

/// What a scenario changes of an agency's settings.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// More TOML: `[[services]]`, `[local_groups]`, `[[callers]]`.
    pub more: String,
    /// Lines of `[node]`.
    pub node: String,
    /// Lines of `[consumer]`.
    pub consumer: String,
    /// Lines of `[limits]`.
    pub limits: String,
    /// Contract files of this agency alone.
    pub contracts: Vec<Terms>,
    /// `directory.source`, if it is not the folder.
    pub source: Option<String>,
    /// `directory.refresh_seconds`; a day if it is not given, so that scenarios refresh when they want.
    pub refresh_s: Option<u64>,
}

/// Listeners of a node.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// Information systems, TLS.
    pub consumer: SocketAddr,
    /// Information systems, plain.
    pub plain: SocketAddr,
    /// Other nodes.
    pub peer: SocketAddr,
    /// `live` and `ready`.
    pub health: SocketAddr,
}

/// An agency.
#[derive(Debug)]
pub struct Agency {
    /// Its folder.
    pub folder: PathBuf,
    /// Its name.
    pub member: MemberId,
    /// Its only subsystem.
    pub subsystem: SubsystemId,
    /// The key that its information system may call with.
    pub api_key: String,
    /// Its entry of the directory.
    pub entry: Member,
    /// Its node, while it runs in this process.
    pub running: Option<Running>,
    /// Where its node listens: port 0 until it runs.
    pub ports: Ports,
    /// What its operator vouches for at the next start.
    pub vouched: Vouched,
    /// Where its exchange key lies, if not in a file: from the next start on.
    pub token: Option<Arc<Token>>,
    set_ms: Arc<AtomicU64>,
    /// Boxed, as futures hold agencies by the dozen.
    plan: Box<Plan>,
}

const HOUR_S: u64 = 3600;
/// Small enough to be preallocated for every scenario.
const SEGMENT_BYTES: u64 = 4 * 1024 * 1024;

// === impl Ports ===

impl Default for Ports {
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            consumer: any,
            plain: any,
            peer: any,
            health: any,
        }
    }
}

// === impl Agency ===

impl Agency {
    /// Makes folder, keys, certificates and the entry for the directory.
    pub fn create(world: &Path, authority: &Authority, subsystem: &str, now_s: u64) -> Self {
        let subsystem: SubsystemId = subsystem.parse().unwrap();
        let member = subsystem.member().clone();
        let folder = world.join(member.code());
        fs::create_dir_all(folder.join("contracts")).unwrap();
        let name = CertificateName::Node(member.node("NODE1").unwrap());
        let keys = folder.join("keys");
        issue(
            authority,
            Profile::Tls,
            Some(name.clone()),
            &keys.join("tls"),
            now_s,
        );
        issue(
            authority,
            Profile::Exchange,
            Some(name),
            &keys.join("exchange"),
            now_s,
        );
        issue(authority, Profile::Web, None, &keys.join("web"), now_s);
        let seal = Some(CertificateName::Member(member.clone()));
        issue(authority, Profile::Seal, seal, &keys.join("seal"), now_s);
        issue(
            authority,
            Profile::Caller,
            None,
            &folder.join("callers/system"),
            now_s,
        );
        let journal = ed25519(&keys.join("journal.key"));
        let witness = WitnessKey::new(&witness_name(&member), &ed25519(&keys.join("witness.key")));
        ed25519(&folder.join("officer.key"));
        write_secret_file(&keys.join("evidence.key"), &random()).unwrap();
        let origin = format!("journal.example/{member}/NODE1/1");
        let mut agency = Self {
            entry: Member {
                id: member.clone(),
                name: format!("Agency {}", member.code()),
                subsystems: vec![Subsystem {
                    code: subsystem.code().to_owned(),
                    name: format!("Subsystem {}", subsystem.code()),
                }],
                nodes: Vec::new(),
                suspended: false,
            },
            api_key: URL_SAFE_NO_PAD.encode(random()),
            running: None,
            ports: Ports::default(),
            vouched: Vouched::default(),
            token: None,
            set_ms: Arc::default(),
            plan: Box::default(),
            folder,
            member,
            subsystem,
        };
        agency.entry.nodes.push(agency.node_entry(
            authority,
            &bridge_journal::vkey(&origin, &journal).unwrap(),
            now_s,
        ));
        agency.entry.nodes[0].witness = Some(witness.unwrap().public().vkey());
        agency
    }

    fn node_entry(&self, authority: &Authority, vkey: &str, now_s: u64) -> Node {
        let anchors = format!("{}{}", authority.root_pem(), authority.issuing_pem());
        let trust = Trust::from_pem(anchors.as_bytes()).unwrap();
        let tls = self.certificate("keys/tls.pem");
        let exchange = self.certificate("keys/exchange.pem");
        let pin = |der: &[u8], profile| {
            URL_SAFE_NO_PAD.encode(trust.check(der, &[], profile, now_s).unwrap().spki_sha256)
        };
        Node {
            code: "NODE1".to_owned(),
            name: format!("node1.{}.az", self.member.code()),
            // Nobody listens there until the node does.
            address: "127.0.0.1:1".to_owned(),
            tls_pins: vec![pin(&tls, Profile::Tls)],
            exchange: vec![ExchangeKey {
                pin: pin(&exchange, Profile::Exchange),
                certificate: STANDARD.encode(&exchange),
            }],
            journal: vkey.to_owned(),
            wire: vec![bridge_node::WIRE_VERSION],
            leaf: vec![1],
            forms: ["plain", "batch"].map(str::to_owned).into(),
            witness: None,
            witnessing: None,
        }
    }

    /// The first certificate of a PEM file of this agency.
    pub fn certificate(&self, file: &str) -> Vec<u8> {
        bridge_certs::read_pem_certificates(&self.folder.join(file))
            .unwrap()
            .swap_remove(0)
    }

    /// Its node's identity.
    pub fn node(&self) -> NodeId {
        self.member.node("NODE1").unwrap()
    }

    /// Its node's name in the directory: what requests to it are addressed to.
    pub fn authority(&self) -> &str {
        &self.entry.nodes[0].name
    }

    /// The settings file.
    pub fn config(&self) -> PathBuf {
        self.folder.join("node.toml")
    }

    /// The running node.
    pub fn live(&self) -> &Running {
        self.running.as_ref().expect("the node runs")
    }

    /// Takes over a plan; the settings are written when the node starts.
    pub fn plan(&mut self, plan: Plan) {
        *self.plan = plan;
        for terms in &self.plan.contracts {
            self.write_contract(terms);
        }
    }

    /// Adds TOML to the settings of its next start.
    pub fn add_settings(&mut self, toml: &str) {
        self.plan.more.push_str(toml);
    }

    /// Writes a contract file.
    pub fn write_contract(&self, terms: &Terms) {
        let path = self
            .folder
            .join("contracts")
            .join(format!("{}.json", terms.id()));
        fs::write(path, terms.file()).unwrap();
    }

    /// Writes the settings file.
    pub fn write_settings(&self) {
        let Ports {
            consumer,
            plain,
            peer,
            health,
        } = self.ports;
        let digest =
            hex(ring::digest::digest(&ring::digest::SHA256, self.api_key.as_bytes()).as_ref());
        fs::write(
            self.folder.join("callers/leaf.pem"),
            self.first_pem("callers/system.pem"),
        )
        .unwrap();
        let text = format!(
            "[node]\nid = \"{member}/NODE1\"\nlog_domain = \"journal.example\"\ndata_folder = \"data\"\nkeys_folder = \"keys\"\n{node}\n\
             [trust]\nanchors = \"../anchors.pem\"\n\
             [directory]\nroot = \"../root.json\"\nsource = \"{source}\"\nrefresh_seconds = {refresh}\n\
             [consumer]\nlisten = \"{consumer}\"\nplain_listen = \"{plain}\"\n{interface}\n[peer]\nlisten = \"{peer}\"\n\
             [admin]\nhealth_listen = \"{health}\"\n[contracts]\nfolder = \"contracts\"\nsignatures = \"optional\"\n\
             [limits]\nsegment_bytes = {SEGMENT_BYTES}\n{limits}\n\
             [[callers]]\nname = \"by certificate\"\nsubsystems = [\"{client}\"]\ncertificate = \"callers/leaf.pem\"\n\
             [[callers]]\nname = \"by key\"\nsubsystems = [\"{client}\"]\napi_key_sha256 = \"{digest}\"\n\
             [[officers]]\nname = \"officer-1\"\npublic_key = \"{officer}\"\n{more}\n",
            member = self.member,
            source = self.plan.source.as_deref().unwrap_or("../directory"),
            refresh = self.plan.refresh_s.unwrap_or(86_400),
            node = self.plan.node,
            interface = self.plan.consumer,
            limits = self.plan.limits,
            client = self.subsystem,
            officer = STANDARD.encode(self.officers_public_key()),
            more = self.plan.more,
        );
        fs::write(self.config(), text).unwrap();
    }

    fn officers_public_key(&self) -> Vec<u8> {
        let pkcs8 = bridge_certs::read_key_file(&self.folder.join("officer.key")).unwrap();
        Ed25519KeyPair::from_pkcs8(&pkcs8)
            .unwrap()
            .public_key()
            .as_ref()
            .to_vec()
    }

    fn first_pem(&self, file: &str) -> String {
        let text = fs::read_to_string(self.folder.join(file)).unwrap();
        let end = "-----END CERTIFICATE-----\n";
        text.split_inclusive(end).next().unwrap().to_owned()
    }

    /// Starts the node in this process. The directory learns its address from [`crate::world::World::publish`].
    pub async fn start(&mut self) {
        let started = Box::pin(self.try_start()).await;
        started.unwrap_or_else(|why| panic!("{why}"));
    }

    /// As [`Agency::start`], of a node that may not start.
    ///
    /// # Errors
    ///
    /// What it says.
    pub async fn try_start(&mut self) -> Result<(), String> {
        self.write_settings();
        let settings = Settings::load(&self.config()).unwrap_or_else(|faults| panic!("{faults:?}"));
        let mut parts = Parts::read(&settings, now_s()).unwrap_or_else(|error| panic!("{error}"));
        let set_ms = Arc::clone(&self.set_ms);
        parts.clock = Clock::over(Arc::new(move || match set_ms.load(Ordering::Relaxed) {
            0 => now_ms(),
            set => set,
        }));
        parts.vouched = self.vouched;
        if let Some(token) = &self.token {
            parts.signer = token.around(parts.signer);
        }
        let running = Running::open(settings, parts).await;
        let running = running.map_err(|failure| failure.lines().join("\n"))?;
        let bound = running.addresses;
        self.ports = Ports {
            consumer: bound.consumer.unwrap(),
            plain: bound.plain.unwrap(),
            peer: bound.peer,
            health: bound.health.unwrap(),
        };
        self.entry.nodes[0].address = bound.peer.to_string();
        self.running = Some(running);
        Ok(())
    }

    /// Drains the node.
    pub async fn stop(&mut self) {
        let running = self.running.take().expect("the node runs");
        running
            .drain()
            .await
            .unwrap_or_else(|failure| panic!("{}", failure.lines().join("\n")));
    }

    /// Sets the clock of the node's machine, where it stands still; 0 lets it go right again.
    pub fn set_clock(&self, unix_s: u64) {
        self.set_ms.store(unix_s * 1000, Ordering::Relaxed);
    }

    /// Makes the node read the directory again.
    pub async fn refresh(&self) {
        bridge_node::running::refresh_directory(&self.live().node).await;
    }

    /// The journal's folder.
    pub fn journal(&self) -> PathBuf {
        self.folder.join("data/journal")
    }
}

/// The name of the witness key of a member's node.
pub fn witness_name(member: &MemberId) -> String {
    format!("journal.example/{member}/NODE1/witness")
}

/// The verifier key of a log under a key that nobody has.
pub fn vkey_of_new_key(origin: &str) -> String {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    bridge_journal::vkey(origin, pkcs8.as_ref()).unwrap()
}

/// A node's entry for an exchange certificate that was valid at a time.
pub fn exchange_key(authority: &Authority, der: &[u8], at_s: u64) -> ExchangeKey {
    let anchors = format!("{}{}", authority.root_pem(), authority.issuing_pem());
    let trust = Trust::from_pem(anchors.as_bytes()).unwrap();
    let checked = trust.check(der, &[], Profile::Exchange, at_s).unwrap();
    ExchangeKey {
        pin: URL_SAFE_NO_PAD.encode(checked.spki_sha256),
        certificate: STANDARD.encode(der),
    }
}

/// Issues a certificate, valid since an hour, as `{stem}.pem` and `{stem}.key`.
pub fn issue(
    authority: &Authority,
    profile: Profile,
    name: Option<CertificateName>,
    stem: &Path,
    now_s: u64,
) {
    let dates = (now_s - HOUR_S, now_s + 300 * 24 * HOUR_S);
    issue_for(authority, profile, name, stem, dates);
}

/// Issues a certificate for a span of time.
pub fn issue_for(
    authority: &Authority,
    profile: Profile,
    name: Option<CertificateName>,
    stem: &Path,
    (not_before, not_after): (u64, u64),
) {
    let sans = if profile == Profile::Web {
        vec!["127.0.0.1".to_owned(), "localhost".to_owned()]
    } else {
        Vec::new()
    };
    let common_name = profile.as_str().to_owned();
    let order = Order {
        profile,
        name,
        common_name,
        sans,
        not_before,
        not_after,
    };
    let member = order.name.as_ref().map(|name| name.member().to_string());
    let is_provider = member.is_some_and(|member| PROVIDER.starts_with(&format!("{member}/")));
    let issued = if profile == Profile::Exchange && is_provider {
        // The provider signs with the other algorithm of the wire, so every scenario speaks both.
        authority.issue_with(&order, NewKey::P256).unwrap()
    } else {
        authority.issue(&order).unwrap()
    };
    fs::create_dir_all(stem.parent().unwrap()).unwrap();
    for ending in ["key", "pem"] {
        // Certificates are replaced in some scenarios; key files are never overwritten by the library.
        drop(fs::remove_file(stem.with_extension(ending)));
    }
    write_key_file(&stem.with_extension("key"), &issued.key_pkcs8).unwrap();
    fs::write(stem.with_extension("pem"), &issued.chain_pem).unwrap();
}

fn ed25519(path: &Path) -> Vec<u8> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    write_key_file(path, pkcs8.as_ref()).unwrap();
    pkcs8.as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// 32 random bytes.
pub fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).unwrap();
    bytes
}
