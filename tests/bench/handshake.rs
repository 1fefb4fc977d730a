//! Full handshakes between two nodes, and by rustls alone with the same settings, in memory: for callgrind to count.
//!
//! `bridge-handshake-bench first|again|rustls COUNT`. `first`: two nodes that never met, each time. `again`: two that did. Between nodes
//! the judgement of the other's certificate after the handshake belongs to it. What is counted is the function `handshakes`.
#![expect(clippy::print_stdout, reason = "a measurement says what it found")]

use std::error::Error;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bridge_certs::{Authority, Order, Profile, Trust, write_key_file};
use bridge_core::identity::{CertificateName, MemberId, NodeId};
use bridge_node::tls::{ALPN, PeerVerifier, TlsIdentity, peer_client, peer_of, peer_server};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

type Failure = Box<dyn Error>;

/// Two ends that can meet. A node also has what it trusts, to judge whom it met.
struct Pair {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    trust: Option<[Arc<Trust>; 2]>,
}

/// An end's certificates and key.
struct End {
    name: NodeId,
    identity: TlsIdentity,
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
    spki_sha256: [u8; 32],
}

const DAY_S: u64 = 86_400;
const HOST: &str = "node.example";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [way @ ("first" | "again" | "rustls"), count] = words.as_slice() else {
        return Err("usage: bridge-handshake-bench first|again|rustls COUNT".into());
    };
    let (count, now_s) = (count.parse::<usize>()?, now_s()?);
    let folder = tempfile::tempdir()?;
    let authority = Authority::create(&folder.path().join("authority"), "Benchmark", now_s)?;
    let ends = [
        end(&authority, "1001", folder.path(), now_s)?,
        end(&authority, "2001", folder.path(), now_s)?,
    ];
    let make = || match *way {
        "rustls" => plain(&authority, &ends),
        _ => nodes(&authority, &ends),
    };
    let pairs = if *way == "first" {
        (0..count).map(|_| make()).collect::<Result<Vec<_>, _>>()?
    } else {
        let pair = make()?;
        // They have met: not counted.
        meet(&pair, now_s)?;
        return report(way, count, || {
            handshakes(std::iter::repeat_n(&pair, count), now_s)
        });
    };
    report(way, count, || handshakes(pairs.iter(), now_s))
}

fn report(
    way: &str,
    count: usize,
    run: impl FnOnce() -> Result<usize, Failure>,
) -> Result<(), Failure> {
    let counted = std::hint::black_box(run)()?;
    if counted != count {
        return Err(format!("{counted} handshakes of {count}").into());
    }
    println!("{way}: {counted} handshakes");
    Ok(())
}

fn end(
    authority: &Authority,
    member: &str,
    folder: &std::path::Path,
    now_s: u64,
) -> Result<End, Failure> {
    let name = MemberId::new("AZ", "GOV", member)?.node("NODE1")?;
    let issued = authority.issue(&Order {
        profile: Profile::Tls,
        name: Some(CertificateName::Node(name.clone())),
        common_name: format!("Node of {member}"),
        sans: vec![HOST.to_owned()],
        not_before: now_s,
        not_after: now_s + 30 * DAY_S,
    })?;
    let keys = folder.join(member);
    std::fs::create_dir(&keys)?;
    std::fs::write(keys.join("tls.pem"), &issued.chain_pem)?;
    write_key_file(&keys.join("tls.key"), &issued.key_pkcs8)?;
    let identity = TlsIdentity::read(&keys, "tls")?;
    let trust = Trust::from_pem(authority.root_pem().as_bytes())?;
    let checked = peer_of(&trust, &identity.chain, now_s)?;
    Ok(End {
        name,
        chain: identity.chain.clone(),
        identity,
        key: issued.key_pkcs8.to_vec(),
        spki_sha256: checked.spki_sha256,
    })
}

/// Two nodes, with all that nodes check.
fn nodes(authority: &Authority, [asks, answers]: &[End; 2]) -> Result<Pair, Failure> {
    let trust = || Trust::from_pem(authority.root_pem().as_bytes()).map(Arc::new);
    let trust = [trust()?, trust()?];
    let [of_client, of_server] = [Arc::clone(&trust[0]), Arc::clone(&trust[1])];
    let pins = vec![answers.spki_sha256];
    let verifier = PeerVerifier::exactly(of_client, answers.name.clone(), pins);
    Ok(Pair {
        client: Arc::new(peer_client(&asks.identity, verifier)?),
        server: Arc::new(peer_server(&answers.identity, of_server)?),
        trust: Some(trust),
    })
}

/// rustls with its own verifiers and the settings of nodes: TLS 1.3, both sides with certificates, no resumption, no tickets.
fn plain(authority: &Authority, [asks, answers]: &[End; 2]) -> Result<Pair, Failure> {
    let provider = || Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    for root in Trust::from_pem(authority.root_pem().as_bytes())?.certificates() {
        roots.add(root.clone())?;
    }
    let roots = Arc::new(roots);
    let key = |end: &End| PrivatePkcs8KeyDer::from(end.key.clone()).into();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider());
    let mut server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(clients.build()?)
        .with_single_cert(answers.chain.clone(), key(answers))?;
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    server.alpn_protocols = vec![ALPN.to_vec()];
    let servers = WebPkiServerVerifier::builder_with_provider(roots, provider());
    let mut client = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_webpki_verifier(servers.build()?)
        .with_client_auth_cert(asks.chain.clone(), key(asks))?;
    client.resumption = Resumption::disabled();
    client.enable_sni = false;
    client.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Pair {
        client: Arc::new(client),
        server: Arc::new(server),
        trust: None,
    })
}

/// Has each pair meet; returns how many did.
#[inline(never)]
fn handshakes<'a>(pairs: impl Iterator<Item = &'a Pair>, now_s: u64) -> Result<usize, Failure> {
    let mut count = 0;
    for pair in pairs {
        meet(pair, now_s)?;
        count += 1;
    }
    Ok(count)
}

fn meet(pair: &Pair, now_s: u64) -> Result<(), Failure> {
    let name = ServerName::try_from(HOST)?;
    let mut client = ClientConnection::new(Arc::clone(&pair.client), name)?;
    let mut server = ServerConnection::new(Arc::clone(&pair.server))?;
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        client.write_tls(&mut wire)?;
        let mut sent = wire.as_slice();
        while !sent.is_empty() {
            server.read_tls(&mut sent)?;
            server.process_new_packets()?;
        }
        wire.clear();
        server.write_tls(&mut wire)?;
        let mut sent = wire.as_slice();
        while !sent.is_empty() {
            client.read_tls(&mut sent)?;
            client.process_new_packets()?;
        }
        wire.clear();
    }
    if let Some([of_client, of_server]) = &pair.trust {
        let shown = [client.peer_certificates(), server.peer_certificates()];
        for (trust, shown) in [of_client, of_server].into_iter().zip(shown) {
            peer_of(trust, shown.unwrap_or_default(), now_s)?;
        }
    }
    Ok(())
}

fn now_s() -> Result<u64, Failure> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}
