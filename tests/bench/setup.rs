//! The world of both pairs on disk: authority, directory, two nodes, the proxies' certificates, addresses.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_certs::{
    Authority, Order, Profile, Trust, read_pem_certificates, write_key_file, write_secret_file,
};
use bridge_core::contract::{Action, Agreement, Statement, load};
use bridge_core::identity::{CertificateName, MemberId, NodeId};
use bridge_directory::{
    Directory, ExchangeKey, Group, Member, Node, Publisher, Subsystem, Witnessing,
};
use bridge_journal::WitnessKey;
use bridge_node::contracts::sealer;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::Ed25519KeyPair;

use crate::Failure;

pub(crate) mod texts;

use texts::{NODE_CODE, Party};

/// What a world is made with beside the usual: one provider, one contract, all as shipped.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of the command line, and any of them go together"
)]
pub(crate) struct Shape {
    /// The contract demands a signature of its own for each message.
    pub(crate) plain: bool,
    /// The contract does not say that it is read-only: each step waits for its leaf.
    pub(crate) awaited: bool,
    /// The contract lets whole answers through, also those too large to be cut; else it names their fields, all of them.
    pub(crate) whole: bool,
    /// What the contract has both ends keep: `full`, `digest` or `none`.
    pub(crate) evidence: String,
    /// Contracts of the consumer with the first provider.
    pub(crate) contracts: usize,
    /// Providers, each with a node of its own.
    pub(crate) peers: usize,
    /// Consumer and first provider cosign each other's journals.
    pub(crate) witnessed: bool,
    /// The provider's node and proxy are found at a relay.
    pub(crate) relayed: bool,
}

/// Free loopback addresses, one for each listener of the run.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub(crate) upstream: SocketAddr,
    /// Of each pair of proxies that a node is held against: consumer's end, provider's end.
    pub(crate) proxies: Vec<(&'static str, [SocketAddr; 2])>,
    /// Where a relay listens that leads to the provider's end of a pair.
    pub(crate) relays: Vec<(&'static str, SocketAddr)>,
    pub(crate) consumer: NodeAddresses,
    pub(crate) providers: Vec<NodeAddresses>,
}

/// The listeners of one node.
#[derive(Debug)]
pub(crate) struct NodeAddresses {
    /// Plain HTTP for information systems; the consumer's node alone has it.
    pub(crate) plain: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) health: SocketAddr,
    /// Where other nodes find it.
    pub(crate) listed: SocketAddr,
}

/// What a pair of nodes is held against.
const PROXIES: [&str; 3] = ["nginx", "haproxy", "caddy"];
const DAY_S: u64 = 86_400;

/// Makes everything in a folder.
pub(crate) fn create(folder: &Path, shape: &Shape) -> Result<(), Failure> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let addresses = Addresses::find(shape)?;
    let issuer = Issuer {
        authority: Authority::create(&folder.join("authority"), "Benchmark authority", now_s)?,
        now_s,
    };
    let anchors = format!(
        "{}{}",
        issuer.authority.root_pem(),
        issuer.authority.issuing_pem()
    );
    write(&folder.join("trust/anchors.pem"), &anchors)?;
    let proxies = folder.join("proxies");
    issuer.issue(Profile::Web, None, &["localhost"], &proxies, "web")?;
    issuer.issue(Profile::Caller, None, &[], &proxies, "caller")?;

    let trust = Trust::from_pem(anchors.as_bytes())?;
    let mut directory = Directory {
        instance: "AZ".to_owned(),
        members: Vec::new(),
        groups: Vec::new(),
        witnesses: Vec::new(),
    };
    let mut verifier_keys = Vec::new();
    let consumer = Party::consumer();
    let providers: Vec<Party> = (0..shape.peers).map(Party::provider).collect();
    let parties = providers.iter().zip(&addresses.providers);
    for (party, addresses) in std::iter::once((&consumer, &addresses.consumer)).chain(parties) {
        let keys = folder.join(&party.folder).join("keys");
        let journal = make_keys(party, &issuer, &keys)?;
        verifier_keys.push((party.folder.clone(), journal.clone()));
        let mut node = listed_node(party, addresses.listed, &keys, &trust, journal, now_s)?;
        if shape.witnessed {
            node.witness = Some(make_witness(party, &keys)?);
            let other = if party.folder == consumer.folder {
                Party::provider(0)
            } else {
                Party::consumer()
            };
            node.witnessing = Some(Witnessing {
                by: vec![other.witness_name()?],
                needed: 1,
                faulty: 0,
            });
        }
        directory.members.push(party.member(node)?);
    }
    for (number, party) in providers.iter().enumerate() {
        let contracts = if number == 0 { shape.contracts } else { 1 };
        sign_contracts(shape, [party, &consumer], contracts, folder, &trust, now_s)?;
    }
    let (keys, public) = (folder.join("directory-keys"), folder.join("directory"));
    let publisher = Publisher::create(&keys, &public, now_s)?;
    publisher.publish(&directory, now_s)?;
    let again = with_a_group(directory, &consumer)?;
    write(&folder.join("directory.json"), &again)?;
    fs::write(folder.join("trust/root.json"), publisher.root()?)?;

    let api_key = URL_SAFE_NO_PAD.encode(random()?);
    write(
        &folder.join("consumer/node.toml"),
        &texts::consumer(&addresses.consumer, &api_key),
    )?;
    for (party, own) in providers.iter().zip(&addresses.providers) {
        let text = texts::provider(party, own, addresses.upstream);
        write(&folder.join(&party.folder).join("node.toml"), &text)?;
    }
    write(
        &folder.join("bench.env"),
        &texts::environment(&addresses, &api_key, &verifier_keys),
    )
}

// === impl Shape ===

impl Default for Shape {
    fn default() -> Self {
        Self {
            plain: false,
            awaited: false,
            whole: false,
            evidence: "full".to_owned(),
            contracts: 1,
            peers: 1,
            witnessed: false,
            relayed: false,
        }
    }
}

/// The system gives them to no connection that may have any port, so a node that was killed finds its own again.
const PORTS: Range<u16> = 10_000..20_000;

// === impl Addresses ===

impl Addresses {
    /// All are held until all are found, so that none is found twice.
    fn find(shape: &Shape) -> Result<Self, Failure> {
        let mut held = Vec::new();
        let [high, low, ..] = random()?;
        let begun = usize::from(u16::from_be_bytes([high, low])) % PORTS.len();
        let mut ports = PORTS.chain(PORTS).skip(begun).take(PORTS.len());
        let mut free = || -> Result<SocketAddr, Failure> {
            let found = ports.find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
            let listener = found.ok_or("no port is free")?;
            let address = listener.local_addr()?;
            held.push(listener);
            Ok(address)
        };
        let relays = [("NGINX", free()?), ("NODES", free()?)];
        let [_, (_, relay)] = relays;
        let mut node = |relay: Option<SocketAddr>| -> Result<NodeAddresses, Failure> {
            let peer = free()?;
            Ok(NodeAddresses {
                plain: free()?,
                peer,
                health: free()?,
                listed: relay.unwrap_or(peer),
            })
        };
        let consumer = node(None)?;
        let providers = (0..shape.peers)
            .map(|_| node(shape.relayed.then_some(relay)))
            .collect::<Result<_, Failure>>()?;
        Ok(Self {
            upstream: free()?,
            proxies: PROXIES
                .into_iter()
                .map(|name| Ok((name, [free()?, free()?])))
                .collect::<Result<_, Failure>>()?,
            relays: relays.into(),
            consumer,
            providers,
        })
    }
}

// === Keys and certificates ===

struct Issuer {
    authority: Authority,
    now_s: u64,
}

impl Issuer {
    fn issue(
        &self,
        profile: Profile,
        name: Option<CertificateName>,
        sans: &[&str],
        folder: &Path,
        stem: &str,
    ) -> Result<(), Failure> {
        let issued = self.authority.issue(&Order {
            profile,
            name,
            common_name: format!("benchmark {stem}"),
            sans: sans.iter().map(|&san| san.to_owned()).collect(),
            not_before: self.now_s,
            not_after: self.now_s.saturating_add(DAY_S),
        })?;
        write(&folder.join(format!("{stem}.pem")), &issued.chain_pem)?;
        Ok(write_key_file(
            &folder.join(format!("{stem}.key")),
            &issued.key_pkcs8,
        )?)
    }
}

/// Makes the keys of a node; returns the verifier key of its journal.
fn make_keys(party: &Party, issuer: &Issuer, folder: &Path) -> Result<String, Failure> {
    let name = || party.node().map(|node| Some(CertificateName::Node(node)));
    issuer.issue(Profile::Tls, name()?, &[], folder, "tls")?;
    issuer.issue(Profile::Exchange, name()?, &[], folder, "exchange")?;
    let member = CertificateName::Member(party.member_id()?);
    issuer.issue(Profile::Seal, Some(member), &[], folder, "seal")?;
    write_secret_file(&folder.join("evidence.key"), &random()?)?;
    let origin = format!("{}/{}/1", texts::LOG_DOMAIN, party.node()?);
    let pkcs8 = make_key(&folder.join("journal.key"))?;
    Ok(bridge_journal::vkey(&origin, &pkcs8)?)
}

/// Makes the key by which a node cosigns; returns its verifier key.
fn make_witness(party: &Party, folder: &Path) -> Result<String, Failure> {
    let pkcs8 = make_key(&folder.join("witness.key"))?;
    let key = WitnessKey::new(&party.witness_name()?, &pkcs8)?;
    Ok(key.public().vkey())
}

fn make_key(file: &Path) -> Result<Vec<u8>, Failure> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_unspecified| "no random numbers")?;
    write_key_file(file, pkcs8.as_ref())?;
    Ok(pkcs8.as_ref().to_vec())
}

fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_unspecified| "no random numbers")?;
    Ok(bytes)
}

/// For who publishes the directory once more, changed: a member has gone into a group.
fn with_a_group(mut directory: Directory, member: &Party) -> Result<String, Failure> {
    directory.groups.push(Group {
        code: "asking".to_owned(),
        members: vec![member.path().parse()?],
    });
    Ok(serde_json::to_string(&directory)?)
}

/// Has both members sign their contracts, provider first, and gives each its copies.
fn sign_contracts(
    shape: &Shape,
    parties: [&Party; 2],
    contracts: usize,
    folder: &Path,
    trust: &Trust,
    now_s: u64,
) -> Result<(), Failure> {
    let mut sealers = Vec::new();
    for (action, party) in [Action::Proposed, Action::Accepted]
        .into_iter()
        .zip(parties)
    {
        let keys = folder.join(&party.folder).join("keys");
        let seal = sealer(&keys.join("seal.pem"), &keys.join("seal.key"))?;
        sealers.push((action, party, seal));
    }
    for number in 0..contracts {
        let text = texts::contract(shape, parties[0], number);
        let contract = load(text.as_bytes()).map_err(|faults| format!("{faults:?}"))?;
        let mut agreement = Agreement::new(contract);
        for (action, party, seal) in &sealers {
            let signed = seal.sign(Statement {
                action: *action,
                contract: agreement.contract().reference().to_owned(),
                member: party.member_id()?,
                time_s: now_s,
                reason: None,
            })?;
            let added = agreement.add(signed, trust, now_s);
            added.map_err(|fault| fault.to_string())?;
        }
        let signed = String::from_utf8(agreement.write())?;
        // Each provider has one contract at its own name; the consumer has all of all.
        let name = format!("contracts/{}-{number}.json", parties[0].folder);
        for party in parties {
            write(&folder.join(&party.folder).join(&name), &signed)?;
        }
    }
    Ok(())
}

// === Directory ===

impl Party {
    fn node(&self) -> Result<NodeId, Failure> {
        Ok(self.member_id()?.node(NODE_CODE)?)
    }

    fn member_id(&self) -> Result<MemberId, Failure> {
        Ok(self.member.parse()?)
    }

    fn witness_name(&self) -> Result<String, Failure> {
        Ok(format!("{}/{}/witness", texts::LOG_DOMAIN, self.node()?))
    }

    fn member(&self, node: Node) -> Result<Member, Failure> {
        let subsystem = Subsystem {
            code: self.subsystem.to_owned(),
            name: self.subsystem.to_owned(),
        };
        Ok(Member {
            id: self.member_id()?,
            name: self.folder.clone(),
            subsystems: vec![subsystem],
            nodes: vec![node],
            suspended: false,
        })
    }
}

fn listed_node(
    party: &Party,
    address: SocketAddr,
    keys: &Path,
    trust: &Trust,
    journal: String,
    now_s: u64,
) -> Result<Node, Failure> {
    let certificate = |stem: &str, profile| -> Result<(Vec<u8>, String), Failure> {
        let chain = read_pem_certificates(&keys.join(format!("{stem}.pem")))?;
        let (leaf, issuers) = chain.split_first().ok_or("a file without a certificate")?;
        let checked = trust.check(leaf, issuers, profile, now_s)?;
        Ok((leaf.clone(), URL_SAFE_NO_PAD.encode(checked.spki_sha256)))
    };
    let (exchange, pin) = certificate("exchange", Profile::Exchange)?;
    Ok(Node {
        code: NODE_CODE.to_owned(),
        name: format!("node1.{}.example", party.folder),
        address: address.to_string(),
        tls_pins: vec![certificate("tls", Profile::Tls)?.1],
        exchange: vec![ExchangeKey {
            certificate: STANDARD.encode(exchange),
            pin,
        }],
        journal,
        wire: vec![bridge_node::WIRE_VERSION],
        leaf: vec![1],
        forms: ["plain", "batch"].map(str::to_owned).into(),
        witness: None,
        witnessing: None,
    })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?)
}
