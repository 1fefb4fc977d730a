//! The world of both pairs on disk: authority, directory, two nodes, the proxies' certificates, addresses.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_certs::{
    Authority, Order, Profile, Trust, read_pem_certificates, write_key_file, write_secret_file,
};
use bridge_core::contract::{Action, Agreement, Statement, load};
use bridge_core::identity::{CertificateName, MemberId, NodeId};
use bridge_directory::{Directory, ExchangeKey, Member, Node, Publisher, Subsystem};
use bridge_node::contracts::sealer;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::Ed25519KeyPair;

use crate::Failure;

pub(crate) mod texts;

use texts::{CONSUMER, NODE_CODE, PROVIDER, Party};

/// Free loopback addresses, one for each listener of the run.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub(crate) upstream: SocketAddr,
    /// Of each pair of proxies that a node is held against: consumer's end, provider's end.
    pub(crate) proxies: Vec<(&'static str, [SocketAddr; 2])>,
    pub(crate) consumer: NodeAddresses,
    pub(crate) provider: NodeAddresses,
}

/// The listeners of one node.
#[derive(Debug)]
pub(crate) struct NodeAddresses {
    /// Plain HTTP for information systems; the consumer's node alone has it.
    pub(crate) plain: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) health: SocketAddr,
}

/// What a pair of nodes is held against.
const PROXIES: [&str; 3] = ["nginx", "haproxy", "caddy"];
const DAY_S: u64 = 86_400;

/// Makes everything in a folder.
pub(crate) fn create(folder: &Path, plain: bool) -> Result<(), Failure> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let addresses = Addresses::find()?;
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
    for (party, addresses) in [
        (&CONSUMER, &addresses.consumer),
        (&PROVIDER, &addresses.provider),
    ] {
        let keys = folder.join(party.folder).join("keys");
        let journal = make_keys(party, &issuer, &keys)?;
        verifier_keys.push((party.folder, journal.clone()));
        let node = listed_node(party, addresses.peer, &keys, &trust, journal, now_s)?;
        directory.members.push(party.member(node)?);
    }
    let contract = signed_contract(&texts::contract(plain), folder, &trust, now_s)?;
    for party in [CONSUMER, PROVIDER] {
        let place = folder.join(party.folder).join("contracts/benchmark.json");
        write(&place, &contract)?;
    }
    let (keys, public) = (folder.join("directory-keys"), folder.join("directory"));
    let publisher = Publisher::create(&keys, &public, now_s)?;
    publisher.publish(&directory, now_s)?;
    fs::write(folder.join("trust/root.json"), publisher.root()?)?;

    let api_key = URL_SAFE_NO_PAD.encode(random()?);
    write(
        &folder.join("consumer/node.toml"),
        &texts::consumer(&addresses.consumer, &api_key),
    )?;
    let provider = texts::provider(&addresses.provider, addresses.upstream);
    write(&folder.join("provider/node.toml"), &provider)?;
    write(
        &folder.join("bench.env"),
        &texts::environment(&addresses, &api_key, &verifier_keys),
    )
}

// === impl Addresses ===

impl Addresses {
    /// All are held until all are found, so that none is found twice.
    fn find() -> Result<Self, Failure> {
        let mut held = Vec::new();
        let mut free = || -> Result<SocketAddr, Failure> {
            let listener = TcpListener::bind(("127.0.0.1", 0))?;
            let address = listener.local_addr()?;
            held.push(listener);
            Ok(address)
        };
        Ok(Self {
            upstream: free()?,
            proxies: PROXIES
                .into_iter()
                .map(|name| Ok((name, [free()?, free()?])))
                .collect::<Result<_, Failure>>()?,
            consumer: NodeAddresses {
                plain: free()?,
                peer: free()?,
                health: free()?,
            },
            provider: NodeAddresses {
                plain: free()?,
                peer: free()?,
                health: free()?,
            },
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
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_unspecified| "no random numbers")?;
    write_key_file(&folder.join("journal.key"), pkcs8.as_ref())?;
    let origin = format!("{}/{}/1", texts::LOG_DOMAIN, party.node()?);
    Ok(bridge_journal::vkey(&origin, pkcs8.as_ref())?)
}

fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_unspecified| "no random numbers")?;
    Ok(bytes)
}

/// Has both members sign the contract.
fn signed_contract(
    text: &str,
    folder: &Path,
    trust: &Trust,
    now_s: u64,
) -> Result<String, Failure> {
    let contract = load(text.as_bytes()).map_err(|faults| format!("{faults:?}"))?;
    let mut agreement = Agreement::new(contract);
    for (action, party) in [(Action::Proposed, PROVIDER), (Action::Accepted, CONSUMER)] {
        let keys = folder.join(party.folder).join("keys");
        let signed = sealer(&keys.join("seal.pem"), &keys.join("seal.key"))?.sign(Statement {
            action,
            contract: agreement.contract().reference().to_owned(),
            member: party.member_id()?,
            time_s: now_s,
            reason: None,
        })?;
        let added = agreement.add(signed, trust, now_s);
        added.map_err(|fault| fault.to_string())?;
    }
    Ok(String::from_utf8(agreement.write())?)
}

// === Directory ===

impl Party {
    fn node(&self) -> Result<NodeId, Failure> {
        Ok(self.member_id()?.node(NODE_CODE)?)
    }

    fn member_id(&self) -> Result<MemberId, Failure> {
        Ok(self.member.parse()?)
    }

    fn member(&self, node: Node) -> Result<Member, Failure> {
        let subsystem = Subsystem {
            code: self.subsystem.to_owned(),
            name: self.subsystem.to_owned(),
        };
        Ok(Member {
            id: self.member_id()?,
            name: self.folder.to_owned(),
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
