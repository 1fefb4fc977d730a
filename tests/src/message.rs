//! A message between nodes as its lines: altered at will, signed before or after that, and written as it stands.
//!
//! Shares no code with the node: base and signature fields are put together here from RFC 9421 alone.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::envelope::Tag;
use bridge_signature::{BatchValue, FileSigner, Params, Signer as _};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::answer::Answer;
use crate::puppet::Puppet;
use crate::puppet::server::Got;
use crate::wait::{BOUND, now_s};

/// Fields of the connection, of the signature itself, and secrets: no signature covers them.
const NEVER_COVERED: [&str; 12] = [
    "authorization",
    "bridge-user-token",
    "connection",
    "content-length",
    "cookie",
    "host",
    "keep-alive",
    "set-cookie",
    "signature",
    "signature-input",
    "te",
    "transfer-encoding",
];

/// What an answer covers of its request.
const OF_REQUEST: [&str; 9] = [
    "\"@method\";req",
    "\"@request-target\";req",
    "\"@authority\";req",
    "\"content-digest\";req",
    "\"x-road-client\";req",
    "\"x-road-request-id\";req",
    "\"bridge-contract\";req",
    "\"signature-input\";req;key=\"bridge\"",
    "\"signature\";req;key=\"bridge\"",
];

/// A first line.
#[derive(Debug, Clone)]
pub enum Start {
    /// Method and target.
    Request(String, String),
    /// Status.
    Answer(u16),
}

/// A message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its first line.
    pub start: Start,
    /// Its fields but those of the signature.
    pub lines: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// Parameters of the signature, values as they are written.
    pub params: Vec<(String, String)>,
    /// Components as they are written; those that the profile demands until something else is said.
    pub covered: Option<Vec<String>>,
    /// The signature, once there is one.
    pub signature: Option<Vec<u8>>,
    /// The request that an answer belongs to.
    pub to: Option<Arc<Message>>,
}

// === impl Message ===

impl Message {
    /// A message without fields and body, to be signed with these parameters.
    pub fn new(start: Start, params: &Params) -> Self {
        let text = |value: &Option<String>| format!("\"{}\"", value.as_deref().unwrap());
        let params = [
            ("created", params.created.unwrap().to_string()),
            ("expires", params.expires.unwrap().to_string()),
            ("nonce", text(&params.nonce)),
            ("alg", text(&params.alg)),
            ("keyid", text(&params.keyid)),
            ("tag", text(&params.tag)),
        ];
        Self {
            start,
            lines: Vec::new(),
            body: Vec::new(),
            params: params
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            covered: None,
            signature: None,
            to: None,
        }
    }

    /// A good answer, or refusal, to a request that a puppet got; not signed yet.
    pub fn answer_to(got: &Got, puppet: &Puppet, (tag, status): (Tag, u16), body: &str) -> Self {
        let params = puppet.params(tag, now_s());
        let asked = Start::Request(got.method.clone(), got.target.clone());
        let request = Self::new(asked, &params).with_fields(&got.fields);
        let draft = puppet.answer(got, status, body);
        let mut message = Self::new(Start::Answer(status), &params).with_fields(&draft.fields);
        message.to = Some(Arc::new(request));
        message.set_body(body.as_bytes());
        message.digest_of(body.as_bytes());
        message
    }

    /// Gives it all these fields.
    #[must_use]
    pub fn with_fields(mut self, fields: &HeaderMap) -> Self {
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let lines = fields
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)));
        self.lines.extend(lines);
        self
    }

    /// The first value of a field.
    pub fn line(&self, name: &str) -> Option<&str> {
        let mut own = self.lines.iter().filter(|(own, _)| is(own, name));
        own.next().map(|(_, value)| value.as_str())
    }

    /// Sets a field.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.lines.iter_mut().find(|(own, _)| is(own, name)) {
            Some((_, own)) => value.clone_into(own),
            None => self.lines.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Takes a field away.
    pub fn remove(&mut self, name: &str) {
        self.lines.retain(|(own, _)| !is(own, name));
    }

    /// Writes a field a second time.
    pub fn double(&mut self, name: &str) {
        let again = self.lines.iter().find(|(own, _)| is(own, name)).cloned();
        self.lines.extend(again);
    }

    /// Writes a field's name in capitals.
    pub fn recase(&mut self, name: &str) {
        for (own, _) in self.lines.iter_mut().filter(|(own, _)| is(own, name)) {
            own.make_ascii_uppercase();
        }
    }

    /// Gives it another body and that body's length; the digest stays.
    pub fn set_body(&mut self, body: &[u8]) {
        self.body = body.to_vec();
        self.set("content-length", &body.len().to_string());
    }

    /// Gives it the digest of a body.
    pub fn digest_of(&mut self, body: &[u8]) {
        let digest = ring::digest::digest(&ring::digest::SHA256, body);
        self.set(
            "content-digest",
            &format!("sha-256=:{}:", STANDARD.encode(digest)),
        );
    }

    /// The value of a signature parameter.
    pub fn param(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value)
    }

    /// Sets a signature parameter.
    pub fn set_param(&mut self, name: &str, value: &str) {
        match self.params.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) => value.clone_into(own),
            None => self.params.push((name.to_owned(), value.to_owned())),
        }
    }

    /// As if it had been made at this time.
    pub fn created(&mut self, unix_s: u64) {
        self.set_param("created", &unix_s.to_string());
        self.set_param("expires", &(unix_s + 60).to_string());
    }

    /// What the signature covers.
    pub fn components(&self) -> Vec<String> {
        if let Some(covered) = &self.covered {
            return covered.clone();
        }
        let derived: &[&str] = match self.start {
            Start::Request(..) => &["\"@method\"", "\"@request-target\"", "\"@authority\""],
            Start::Answer(_) => &["\"@status\""],
        };
        let mut names: Vec<String> = self
            .lines
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .filter(|name| !NEVER_COVERED.contains(&name.as_str()))
            .map(|name| format!("\"{name}\""))
            .collect();
        names.sort_unstable();
        names.dedup();
        let bound = OF_REQUEST.iter().filter(|_| self.to.is_some());
        let before = derived.iter().map(|name| (*name).to_owned());
        before
            .chain(names)
            .chain(bound.map(|name| (*name).to_owned()))
            .collect()
    }

    /// Changes what the signature covers.
    pub fn cover(&mut self, change: impl FnOnce(&mut Vec<String>)) {
        let mut covered = self.components();
        change(&mut covered);
        self.covered = Some(covered);
    }

    /// Signs it as it stands.
    pub fn sign(&mut self, signer: &FileSigner) {
        let base = self.base();
        self.signature = Some(signer.sign(base.as_bytes()).unwrap());
    }

    /// Gives it the parameters of the batch form.
    pub fn batch_params(&mut self, tag: &str) {
        self.params.retain(|(name, _)| name != "alg");
        self.set_param("tag", &format!("\"{tag}\""));
    }

    /// Signs it as it stands, as one of several messages, of which the others exist as hashes only.
    pub fn sign_in_batch(&mut self, signer: &FileSigner, (count, index): (u32, u32)) {
        let own = self.leaf();
        let leaf = |number: u32| match number {
            number if number == index => own,
            number => sha256(&[&number.to_be_bytes()]),
        };
        let leaves: Vec<[u8; 32]> = (0..count).map(leaf).collect();
        self.sign_as_leaf(signer, &leaves, index);
    }

    /// Signs messages as they stand, all with one signature.
    pub fn sign_together(messages: &mut [Self], signer: &FileSigner) {
        let leaves: Vec<[u8; 32]> = messages.iter_mut().map(Self::leaf).collect();
        for (index, message) in (0..).zip(messages) {
            message.sign_as_leaf(signer, &leaves, index);
        }
    }

    /// By what a node remembers the signature of its batch.
    pub fn mark(&self, signer: &FileSigner) -> [u8; 32] {
        let value = BatchValue::parse(self.signature.as_ref().unwrap()).unwrap();
        let text = value.text(signer.key_id(), self.clone().base().as_bytes());
        sha256(&[&text, value.signature()])
    }

    fn leaf(&mut self) -> [u8; 32] {
        sha256(&[&[0], self.base().as_bytes()])
    }

    /// Standard: RFC 6962 §2.1.
    fn sign_as_leaf(&mut self, signer: &FileSigner, leaves: &[[u8; 32]], index: u32) {
        let count = u32::try_from(leaves.len()).unwrap();
        let (root, path) = root_and_path(leaves, usize::try_from(index).unwrap());
        let (id, root) = (signer.key_id(), STANDARD.encode(root));
        let text = format!("bridge-batch-v1\n{id}\n{count}\n{root}\n");
        let signature = signer.sign(text.as_bytes()).unwrap();
        let numbers = [count.to_be_bytes(), index.to_be_bytes()].concat();
        self.signature = Some([&[1][..], &numbers, &path.concat(), &signature].concat());
    }

    /// The text that is signed; from now on it covers what it covers now.
    fn base(&mut self) -> String {
        let covered = self.components();
        let mut base = String::new();
        for component in &covered {
            writeln!(base, "{component}: {}", self.value(component)).unwrap();
        }
        write!(base, "\"@signature-params\": {}", self.input(&covered)).unwrap();
        self.covered = Some(covered);
        base
    }

    /// Turns the signature into ordinary lines, to be altered like others.
    pub fn freeze(&mut self) {
        let signature = self.signature.take().expect("it is signed");
        let input = self.input(&self.components());
        self.lines
            .push(("signature-input".to_owned(), format!("bridge={input}")));
        let value = STANDARD.encode(signature);
        self.lines
            .push(("signature".to_owned(), format!("bridge=:{value}:")));
    }

    /// What ties the leaves of both ends to its signature.
    pub fn link(&self) -> [u8; 32] {
        let value = match &self.signature {
            Some(signature) => signature.clone(),
            None => self
                .line("signature")
                .and_then(|text| text.strip_prefix("bridge=:")?.strip_suffix(':'))
                .and_then(|text| STANDARD.decode(text).ok())
                .unwrap_or_default(),
        };
        bridge_core::envelope::link(&value)
    }

    /// Its bytes.
    pub fn bytes(mut self) -> Vec<u8> {
        if self.signature.is_some() {
            self.freeze();
        }
        let mut head = match &self.start {
            Start::Request(method, target) => format!("{method} {target} HTTP/1.1\r\n"),
            Start::Answer(status) => format!("HTTP/1.1 {status} X\r\n"),
        };
        for (name, value) in &self.lines {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn input(&self, covered: &[String]) -> String {
        let mut text = format!("({})", covered.join(" "));
        for (name, value) in &self.params {
            write!(text, ";{name}={value}").unwrap();
        }
        text
    }

    /// What stands in the base for a component; nothing for what is absent.
    fn value(&self, component: &str) -> String {
        let mut parts = component.splitn(3, '"').skip(1);
        let (name, parameters) = (parts.next().unwrap(), parts.next().unwrap());
        let from = match &self.to {
            Some(request) if parameters.contains(";req") => request,
            _ => self,
        };
        match (&from.start, name) {
            (Start::Request(method, _), "@method") => return method.clone(),
            (Start::Request(_, target), "@request-target") => return target.clone(),
            (Start::Request(..), "@authority") => {
                return from.line("host").unwrap_or_default().to_ascii_lowercase();
            }
            (Start::Answer(status), "@status") => return status.to_string(),
            _ => {}
        }
        let own = from.lines.iter().filter(|(own, _)| is(own, name));
        let lines: Vec<&str> = own.map(|(_, value)| value.trim()).collect();
        let value = lines.join(", ");
        if parameters.contains(";key=") {
            return value.strip_prefix("bridge=").unwrap().to_owned();
        }
        value
    }
}

/// The root of a tree, and the path from one of its leaves.
fn root_and_path(leaves: &[[u8; 32]], index: usize) -> ([u8; 32], Vec<[u8; 32]>) {
    if let [leaf] = leaves {
        return (*leaf, Vec::new());
    }
    let half = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(half);
    let (left, left_path) = root_and_path(left, index.min(half - 1));
    let (right, right_path) = root_and_path(right, index.saturating_sub(half));
    let (mut path, sibling) = if index < half {
        (left_path, right)
    } else {
        (right_path, left)
    };
    path.push(sibling);
    (sha256(&[&[1], &left, &right]), path)
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, &parts.concat());
    digest.as_ref().try_into().unwrap()
}

fn is(name: &str, other: &str) -> bool {
    name.eq_ignore_ascii_case(other)
}

/// A connection that is kept between messages and opened anew when the node has closed it.
#[derive(Debug)]
pub struct Wire<'a> {
    puppet: &'a Puppet,
    to: SocketAddr,
    open: Option<TlsStream<TcpStream>>,
}

// === impl Wire ===

impl<'a> Wire<'a> {
    /// Not yet open.
    pub fn new(puppet: &'a Puppet, to: SocketAddr) -> Self {
        Self {
            puppet,
            to,
            open: None,
        }
    }

    /// Sends a message and reads its answer; `None` if there is none.
    pub async fn ask(&mut self, message: Message) -> Option<Answer> {
        let bytes = message.bytes();
        if let Some(mut kept) = self.open.take()
            && let Some(answer) = send(&mut kept, &bytes).await
        {
            self.keep(kept, &answer);
            return Some(answer);
        }
        let mut fresh = self.puppet.connect(self.to).await.unwrap();
        let answer = send(&mut fresh, &bytes).await?;
        self.keep(fresh, &answer);
        Some(answer)
    }

    fn keep(&mut self, stream: TlsStream<TcpStream>, answer: &Answer) {
        self.open = (answer.field("connection") != Some("close")).then_some(stream);
    }
}

/// Sends bytes and reads one answer; `None` if the other end closes before.
async fn send(stream: &mut TlsStream<TcpStream>, bytes: &[u8]) -> Option<Answer> {
    // A node that refuses may close before it has read everything.
    drop(stream.write_all(bytes).await);
    drop(stream.flush().await);
    let mut got = Vec::new();
    let read = async {
        loop {
            if let Some(answer) = parse(&got) {
                return Some(answer);
            }
            if stream.read_buf(&mut got).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    };
    let answer = tokio::time::timeout(BOUND, read);
    answer.await.expect("the node answers or closes")
}

/// One whole answer, if the bytes are that.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut fields = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name = HeaderName::try_from(name).unwrap();
        fields.append(name, HeaderValue::try_from(value).unwrap());
    }
    let body = &bytes[end + 4..];
    let length = fields.get("content-length");
    let length: usize = length.map_or(0, |value| value.to_str().unwrap().parse().unwrap());
    let whole = body.len() == length;
    whole.then(|| Answer::checked(status, fields, Bytes::copy_from_slice(body)))
}
