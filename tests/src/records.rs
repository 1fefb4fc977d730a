//! The records of an open TLS 1.3 connection in the scenario's hands: it puts into them what no TLS library would.
//!
//! Standard: RFC 8446 §5.2.

use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use rustls::ConnectionTrafficSecrets;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::wait::BOUND;

/// An open connection whose TLS library was taken away.
#[derive(Debug)]
pub struct Records {
    tcp: TcpStream,
    sends: Direction,
    takes: Direction,
}

#[derive(Debug)]
struct Direction {
    key: LessSafeKey,
    iv: Vec<u8>,
    sequence: u64,
}

/// The content types of records. Standard: RFC 8446 §5.1.
pub mod kind {
    /// `change_cipher_spec`
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    /// `alert`
    pub const ALERT: u8 = 21;
    /// `handshake`
    pub const HANDSHAKE: u8 = 22;
    /// `application_data`
    pub const APPLICATION_DATA: u8 = 23;
}

const HEAD_BYTES: usize = 5;

/// A record without encryption, of any length that its head can tell.
pub fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let mut bytes = vec![kind, 3, 3];
    bytes.extend(length.to_be_bytes());
    bytes.extend(content);
    bytes
}

// === impl Records ===

impl Records {
    /// Takes over a connection whose configuration has `enable_secret_extraction`, and on which nothing waits to be read.
    pub fn of(stream: TlsStream<TcpStream>) -> Self {
        let (tcp, connection) = stream.into_inner();
        let secrets = connection.dangerous_extract_secrets().unwrap();
        Self {
            tcp,
            sends: Direction::new(secrets.tx),
            takes: Direction::new(secrets.rx),
        }
    }

    /// The next record that is sent: a content of this type, encrypted as the connection's.
    pub fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut inner = content.to_vec();
        inner.push(kind);
        let length = inner.len() + self.sends.key.algorithm().tag_len();
        let head = head(length);
        let nonce = self.sends.next_nonce();
        let key = &self.sends.key;
        key.seal_in_place_append_tag(nonce, Aad::from(head), &mut inner)
            .unwrap();
        record(kind::APPLICATION_DATA, &inner)
    }

    /// Sends bytes as they are, and returns type and content of each record that comes back until the node closes.
    pub async fn speak(mut self, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        // What the node did not take is its business, and a connection that is cut counts as closed.
        drop(self.tcp.write_all(bytes).await);
        let mut got = Vec::new();
        let closed = tokio::time::timeout(BOUND, self.tcp.read_to_end(&mut got)).await;
        drop(closed.expect("the node closes"));
        let mut contents = Vec::new();
        while !got.is_empty() {
            let behind = got.split_off(HEAD_BYTES);
            let head = <[u8; HEAD_BYTES]>::try_from(got).unwrap();
            let mut sealed = behind;
            got = sealed.split_off(usize::from(u16::from_be_bytes([head[3], head[4]])));
            contents.push(self.takes.open(head, &mut sealed));
        }
        contents
    }
}

// === impl Direction ===

impl Direction {
    fn new((sequence, secrets): (u64, ConnectionTrafficSecrets)) -> Self {
        let (algorithm, key, iv) = match &secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            _ => panic!("a suite of TLS 1.3 that is not known here"),
        };
        Self {
            key: LessSafeKey::new(UnboundKey::new(algorithm, key.as_ref()).unwrap()),
            iv: iv.as_ref().to_vec(),
            sequence,
        }
    }

    /// The sequence number over the end of the vector. Standard: RFC 8446 §5.3.
    fn next_nonce(&mut self) -> Nonce {
        let mut nonce = self.iv.clone();
        let number = self.sequence.to_be_bytes();
        for (byte, of_number) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *byte ^= of_number;
        }
        self.sequence += 1;
        Nonce::try_assume_unique_for_key(&nonce).unwrap()
    }

    /// Type and content of a record.
    fn open(&mut self, head: [u8; HEAD_BYTES], sealed: &mut [u8]) -> (u8, Vec<u8>) {
        let nonce = self.next_nonce();
        let inner = self.key.open_in_place(nonce, Aad::from(head), sealed);
        let inner = inner.expect("the node encrypts as it did");
        let (kind, content) = inner.split_last().unwrap();
        (*kind, content.to_vec())
    }
}

fn head(length: usize) -> [u8; HEAD_BYTES] {
    let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
    [kind::APPLICATION_DATA, 3, 3, high, low]
}
