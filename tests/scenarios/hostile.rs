//! Hostile bytes over raw sockets, at both listeners: each case says what the node answers, and every case is held against
//! the same claims. Nothing reaches the registry, the connection is closed, nothing smuggled is ever read as a request, and
//! the node answers the next good one.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bridge_tests::agency::Agency;
use bridge_tests::ask::dial;
use bridge_tests::puppet::{Puppet, reference};
use bridge_tests::registry::Reaction;
use bridge_tests::terms::{Terms, terms};
use bridge_tests::wait::BOUND;
use bridge_tests::world::{PATH, PROVIDER, SERVICE, STRANGER, Setup, World, usual};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

mod early_data;
mod encodings;
mod fairness;
mod fields;
mod floods;
mod framing;
mod hello;
mod pipelining;
mod registry;
mod renegotiation;
mod slow;
mod tls;

/// A world with a stranger that is a member: it holds real keys and a contract.
pub(crate) struct Ground {
    pub(crate) world: World,
    pub(crate) puppet: Puppet,
    contract: String,
}

/// Where hostile bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// The consumer interface without TLS.
    Plain,
    /// The consumer interface.
    Consumer,
    /// The node interface.
    Node,
}

/// All doors, and those behind TLS.
pub(crate) const DOORS: [Door; 3] = [Door::Plain, Door::Consumer, Door::Node];
pub(crate) const TLS_DOORS: [Door; 2] = [Door::Consumer, Door::Node];

/// Bytes, and the status and code's last word that they come to. In the text `{line}` is a good request line, `{known}` the
/// fields of a sender who may ask, `{smuggled}` a whole good request; each character is one byte.
pub(crate) struct Case {
    name: String,
    wire: String,
    status: u16,
    word: &'static str,
}

/// An open connection that good requests go over, one after another.
struct Line {
    door: Door,
    stream: Box<dyn Stream>,
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// One answer of a node.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// The contract under which the stranger asks.
pub(crate) fn strangers_terms() -> Terms {
    terms("stranger-registry", STRANGER, PROVIDER, SERVICE)
}

pub(crate) fn case(name: &str, wire: &str, status: u16, word: &'static str) -> Case {
    Case {
        name: name.to_owned(),
        wire: wire.to_owned(),
        status,
        word,
    }
}

// === impl Door ===

impl Door {
    /// The application protocol that is spoken behind it.
    pub(crate) fn protocol(self) -> &'static [u8] {
        match self {
            Self::Plain => b"",
            Self::Consumer => b"http/1.1",
            Self::Node => b"bridge/1",
        }
    }
}

// === impl Ground ===

impl Ground {
    pub(crate) async fn new() -> Self {
        Self::with(|setup| setup).await
    }

    pub(crate) async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        Self::under(strangers_terms(), change).await
    }

    /// With these terms of the stranger's contract.
    pub(crate) async fn under(lea: Terms, change: impl FnOnce(Setup) -> Setup) -> Self {
        let id = lea.id().to_owned();
        let setup = World::with().contract(usual()).provider_contract(lea);
        let world = change(setup).start().await;
        Self {
            puppet: Puppet::of(&world.stranger),
            contract: reference(&world.provider, &id),
            world,
        }
    }

    /// `Host` and the fields of a sender who may ask, one a line, without the last CR LF.
    pub(crate) fn known(&self, door: Door, method: &str, target: &str) -> String {
        if door != Door::Node {
            let agency = &self.world.consumer;
            let (key, client) = (&agency.api_key, &agency.subsystem);
            return format!("Host: node\r\nBridge-Api-Key: {key}\r\nX-Road-Client: {client}");
        }
        let mut forged = self
            .puppet
            .request(&self.world.provider, target, &self.contract);
        method.clone_into(&mut forged.method);
        let sent = self.puppet.sign(forged);
        let mut lines = format!("Host: {}", sent.host);
        for (name, value) in &sent.fields {
            write!(lines, "\r\n{name}: {}", value.to_str().unwrap()).unwrap();
        }
        lines
    }

    /// The bytes of a case at a door.
    pub(crate) fn bytes(&self, door: Door, wire: &str) -> Vec<u8> {
        let smuggled = format!("{PATH}/smuggled");
        let whole = wire
            .replace("{line}", &format!("POST {PATH} HTTP/1.1"))
            .replace("{path}", PATH)
            .replace(
                "{smuggled}",
                &format!(
                    "GET {smuggled} HTTP/1.1\r\n{}\r\n\r\n",
                    self.known(door, "GET", &smuggled)
                ),
            )
            .replace("{known}", &self.known(door, "POST", PATH));
        latin_1(&whole)
    }

    /// The agency whose node a door belongs to.
    pub(crate) fn agency(&self, door: Door) -> &Agency {
        match door {
            Door::Plain | Door::Consumer => &self.world.consumer,
            Door::Node => &self.world.provider,
        }
    }

    /// Where a door is.
    pub(crate) fn address(&self, door: Door) -> SocketAddr {
        let ports = self.agency(door).ports;
        match door {
            Door::Plain => ports.plain,
            Door::Consumer => ports.consumer,
            Door::Node => ports.peer,
        }
    }

    /// How one who may come in by a door connects.
    pub(crate) fn client_config(&self, door: Door) -> ClientConfig {
        match door {
            Door::Plain | Door::Consumer => self.world.consumer.client_config(None),
            Door::Node => self.puppet.client_config(&[door.protocol()]),
        }
    }

    /// A connection of one who may come in by a door.
    pub(crate) async fn open(&self, door: Door) -> Box<dyn Stream> {
        if door == Door::Plain {
            Box::new(dial(self.address(door)).await.unwrap())
        } else {
            Box::new(self.tls(door, self.client_config(door)).await)
        }
    }

    /// The same with TLS as it is configured here.
    pub(crate) async fn tls(&self, door: Door, config: ClientConfig) -> TlsStream<TcpStream> {
        let tcp = dial(self.address(door)).await.unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(host(), tcp).await.unwrap()
    }

    /// Sends bytes and returns all that comes back until the node closes.
    pub(crate) async fn speak(&self, door: Door, bytes: Vec<u8>) -> Vec<u8> {
        speak_over(self.open(door).await, bytes).await
    }

    /// A connection for good requests, opened before anything hostile happens.
    async fn line(&self, door: Door) -> Line {
        let stream = self.open(door).await;
        Line { door, stream }
    }

    /// One good exchange: it must reach the registry, and nothing else may since `before`.
    async fn good(&self, line: &mut Line, before: usize) {
        let wire = self.bytes(line.door, "{line}\r\n{known}\r\n\r\n");
        let said = tokio::time::timeout(BOUND, line.ask(&wire)).await.unwrap();
        assert_eq!(
            (said.status, said.field("x-road-error")),
            (200, None),
            "{said:?}"
        );
        let seen = self.world.registry.seen();
        assert_eq!(seen.len(), before + 1, "{:?}", seen.last());
        assert!(!seen.iter().any(|seen| seen.target.contains("smuggled")));
    }

    /// Runs cases at two doors and returns their lines for the golden table.
    pub(crate) async fn battery(&self, cases: &[Case]) -> String {
        self.world
            .registry
            .always(Reaction::answer(200, &[], "good"));
        let mut table = String::new();
        let mut lines = [self.line(Door::Plain).await, self.line(Door::Node).await];
        for (index, case) in cases.iter().enumerate() {
            // A part of what information systems send comes over TLS.
            let consumer = if index % 4 == 0 {
                Door::Consumer
            } else {
                Door::Plain
            };
            for (door, line) in [consumer, Door::Node].into_iter().zip(&mut lines) {
                self.refused(door, line, case).await;
            }
            writeln!(table, "{} {} {}", case.status, case.word, case.name).unwrap();
        }
        table
    }

    async fn refused(&self, door: Door, line: &mut Line, case: &Case) {
        let before = self.world.registry.seen().len();
        let got = self.speak(door, self.bytes(door, &case.wire)).await;
        let said = answers(&got);
        let prefix = match door {
            Door::Plain | Door::Consumer => "server.clientproxy",
            Door::Node => "server.serverproxy",
        };
        let shown = String::from_utf8_lossy(&got);
        assert_eq!(said.len(), 1, "{door:?} {}: {shown}", case.name);
        let code = said[0].error();
        assert_eq!(
            (said[0].status, code.as_str()),
            (case.status, format!("{prefix}.{}", case.word).as_str()),
            "{door:?} {}: {shown}",
            case.name
        );
        assert_eq!(
            self.world.registry.seen().len(),
            before,
            "{door:?} {}",
            case.name
        );
        self.good(line, before).await;
    }
}

// === impl Line ===

impl Line {
    async fn ask(&mut self, wire: &[u8]) -> Said {
        self.stream.write_all(wire).await.unwrap();
        let mut got = Vec::new();
        loop {
            if let Some((said, [])) = first(&got) {
                return said;
            }
            assert_ne!(self.stream.read_buf(&mut got).await.unwrap(), 0, "closed");
        }
    }
}

// === impl Said ===

impl Said {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.head.split("\r\n").skip(1).filter_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then_some(value)
        });
        let value = found.next();
        assert!(found.next().is_none(), "{name} twice: {}", self.head);
        value
    }

    /// The error's type; checks that the answer has the form of every error.
    pub(crate) fn error(&self) -> String {
        let shown = format!("{} {:?}", self.head, String::from_utf8_lossy(&self.body));
        let kind = self
            .field("x-road-error")
            .unwrap_or_else(|| panic!("{shown}"));
        assert_eq!(
            self.field("content-type"),
            Some("application/json; charset=utf-8")
        );
        let body: serde_json::Value =
            serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{shown}"));
        let names: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(names, ["detail", "message", "type"], "{shown}");
        assert_eq!(body["type"], *kind, "{shown}");
        uuid::Uuid::parse_str(body["detail"].as_str().unwrap()).unwrap();
        kind.to_owned()
    }
}

/// The name that the consumer interface's certificate has; a puppet believes any.
pub(crate) fn host() -> ServerName<'static> {
    ServerName::try_from("127.0.0.1").unwrap()
}

/// One byte a character.
pub(crate) fn latin_1(text: &str) -> Vec<u8> {
    let bytes = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap());
    bytes.collect()
}

/// Reads answers by their `Content-Length`; nothing may be left over.
pub(crate) fn answers(mut bytes: &[u8]) -> Vec<Said> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let shown = String::from_utf8_lossy(bytes);
        let (said, rest) = first(bytes).unwrap_or_else(|| panic!("no whole answer: {shown}"));
        all.push(said);
        bytes = rest;
    }
    all
}

/// The first answer and what follows it, if it is whole.
fn first(bytes: &[u8]) -> Option<(Said, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    assert!(
        head.starts_with("HTTP/1.1 ") || head.starts_with("HTTP/1.0 "),
        "{head}"
    );
    let mut said = Said {
        status: head[9..12].parse().unwrap(),
        head,
        body: Vec::new(),
    };
    let length: usize = said
        .field("content-length")
        .map_or(0, |length| length.parse().unwrap());
    said.body = bytes.get(end + 4..end + 4 + length)?.to_vec();
    Some((said, &bytes[end + 4 + length..]))
}

/// Writes while it reads: a node that refuses early may not take everything.
pub(crate) async fn speak_over<S: AsyncRead + AsyncWrite>(stream: S, bytes: Vec<u8>) -> Vec<u8> {
    let (mut reading, mut writing) = tokio::io::split(stream);
    let length = bytes.len();
    let mut got = Vec::new();
    let write = async {
        // What the node did not take is its business.
        drop(writing.write_all(&bytes).await);
        drop(writing.flush().await);
    };
    let read = async {
        // A connection that is cut counts as closed.
        drop(reading.read_to_end(&mut got).await);
    };
    let both = async {
        tokio::pin!(write);
        tokio::pin!(read);
        tokio::select! {
            () = &mut write => read.await,
            () = &mut read => {}
        }
    };
    tokio::time::timeout(BOUND, both)
        .await
        .unwrap_or_else(|_late| panic!("the node does not close after {length} bytes"));
    got
}

/// Compares with `golden/hostile/NAME.txt`, or writes it with `UPDATE_GOLDEN=1`.
pub(crate) fn golden(name: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/hostile/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, table).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == table,
        "golden/hostile/{name}.txt differs; UPDATE_GOLDEN=1 writes it anew:\n{table}"
    );
}
