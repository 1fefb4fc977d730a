//! The client: 64 kept connections that ask without pause, and keep every answer that came.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use uuid::Uuid;

use crate::Failure;
use crate::world::World;

/// Keeps asking until it is dropped.
#[derive(Debug)]
pub(crate) struct Client {
    kept: Arc<Kept>,
    go: watch::Sender<bool>,
}

/// An answer of the registry, whole, and what the nodes say of it.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) request_id: Uuid,
    /// Of the consumer's node.
    pub(crate) receipt: Receipt,
    /// Of the provider's node.
    pub(crate) peer_receipt: Receipt,
}

/// Which leaf a node says it has written.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    pub(crate) origin: String,
    pub(crate) index: u64,
    pub(crate) leaf_hash: [u8; 32],
}

/// What came since it was taken last.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) answers: Vec<Answer>,
    /// Receipts of the consumer's node for queries that were refused, because a node was down.
    pub(crate) refusals: Vec<Receipt>,
    /// An answer as none may be.
    pub(crate) wrong: Option<String>,
}

#[derive(Debug)]
struct Kept {
    taken: Mutex<Taken>,
    answers: AtomicU64,
}

type Connection = SendRequest<Empty<Bytes>>;

const CONNECTIONS: usize = 64;
/// Before the next try at a node that is down.
const PAUSE: Duration = Duration::from_millis(20);
/// A node that leaves a query without any answer for so long has failed.
const ANSWER_BOUND: Duration = Duration::from_mins(1);

// === impl Client ===

impl Client {
    /// Makes the connections' tasks; they wait for [`Client::resume`].
    pub(crate) fn new(world: &World, method: &Method) -> Self {
        let kept = Arc::new(Kept {
            taken: Mutex::default(),
            answers: AtomicU64::new(0),
        });
        let (go, gate) = watch::channel(false);
        let mut fields = world.fields.clone();
        let host = HeaderValue::from_str(&world.plain.to_string());
        fields.extend(host.ok().map(|host| (HOST, host)));
        for _ in 0..CONNECTIONS {
            let asking = Asking {
                address: world.plain,
                method: method.clone(),
                target: world.target.clone(),
                fields: fields.clone(),
                kept: Arc::clone(&kept),
                gate: gate.clone(),
            };
            tokio::spawn(asking.run());
        }
        Self { kept, go }
    }

    pub(crate) fn resume(&self) {
        self.go.send_replace(true);
    }

    /// Lets each connection finish what it has asked, and ask no more.
    pub(crate) fn pause(&self) {
        self.go.send_replace(false);
    }

    /// How many answers came so far.
    pub(crate) fn answers(&self) -> u64 {
        self.kept.answers.load(Ordering::Relaxed)
    }

    /// Takes what came so far out.
    pub(crate) fn take(&self) -> Taken {
        std::mem::take(&mut self.kept.taken())
    }
}

impl Kept {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Taken ===

impl Taken {
    /// Adds what came later.
    pub(crate) fn append(&mut self, mut later: Self) {
        self.answers.append(&mut later.answers);
        self.refusals.append(&mut later.refusals);
        self.wrong = self.wrong.take().or(later.wrong);
    }
}

/// One connection's work.
struct Asking {
    address: SocketAddr,
    method: Method,
    target: String,
    fields: HeaderMap,
    kept: Arc<Kept>,
    gate: watch::Receiver<bool>,
}

impl Asking {
    /// Ends when the client is dropped.
    async fn run(mut self) {
        let mut connection = None;
        while self.gate.wait_for(|go| *go).await.is_ok() {
            let answered = tokio::time::timeout(ANSWER_BOUND, self.ask(&mut connection)).await;
            let failed = match answered {
                Ok(Ok(is_answer)) => !is_answer,
                Ok(Err(_broken)) => {
                    connection = None;
                    true
                }
                Err(_late) => {
                    self.kept.taken().wrong = Some("a query without an answer".to_owned());
                    true
                }
            };
            if failed {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Asks once; says whether the registry's answer came.
    async fn ask(&self, connection: &mut Option<Connection>) -> Result<bool, Failure> {
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(connect(self.address).await?),
        };
        let mut request = Request::new(Empty::new());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.parse()?;
        request.headers_mut().clone_from(&self.fields);
        connection.ready().await?;
        let (head, body) = connection.send_request(request).await?.into_parts();
        // An answer cut off is none.
        let body = body.collect().await?.to_bytes();
        self.keep(head.status, &head.headers, &body);
        Ok(head.status == StatusCode::OK)
    }

    fn keep(&self, status: StatusCode, fields: &HeaderMap, body: &Bytes) {
        let mut taken = self.kept.taken();
        let receipt = receipt(fields, "bridge-receipt");
        if status != StatusCode::OK {
            taken.refusals.extend(receipt);
            return;
        }
        let request_id = text(fields, "x-road-request-id").and_then(|id| id.parse().ok());
        let peer_receipt = self::receipt(fields, "bridge-peer-receipt");
        if let (Some(request_id), Some(receipt), Some(peer_receipt), false) =
            (request_id, receipt, peer_receipt, body.is_empty())
        {
            self.kept.answers.fetch_add(1, Ordering::Relaxed);
            taken.answers.push(Answer {
                request_id,
                receipt,
                peer_receipt,
            });
        } else {
            taken.wrong = Some(format!(
                "an answer without body, id or receipts: {fields:?}"
            ));
        }
    }
}

fn receipt(fields: &HeaderMap, name: &str) -> Option<Receipt> {
    let (origin, place) = text(fields, name)?.split_once('#')?;
    let (index, leaf_hash) = place.split_once(':')?;
    Some(Receipt {
        origin: origin.to_owned(),
        index: index.parse().ok()?,
        leaf_hash: URL_SAFE_NO_PAD.decode(leaf_hash).ok()?.try_into().ok()?,
    })
}

fn text<'a>(fields: &'a HeaderMap, name: &str) -> Option<&'a str> {
    fields.get(name)?.to_str().ok()
}

/// Whether a health listener answers `/ready` with 200.
pub(crate) async fn is_ready(health: SocketAddr) -> bool {
    let ask = async {
        let mut connection = connect(health).await?;
        let request = Request::get("/ready")
            .header(HOST, health.to_string())
            .body(Empty::new())?;
        let status = connection.send_request(request).await?.status();
        Ok::<_, Failure>(status == StatusCode::OK)
    };
    ask.await.unwrap_or(false)
}

async fn connect(address: SocketAddr) -> Result<Connection, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (client, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its end shows in the request that waits for it.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::receipt;

    #[test]
    fn a_receipt_names_log_place_and_leaf() {
        let with = |text: &'static str| {
            let mut fields = HeaderMap::new();
            fields.insert("bridge-receipt", HeaderValue::from_static(text));
            receipt(&fields, "bridge-receipt")
        };
        let hash = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        let whole = format!("log.example/1#17:{hash}").leak();
        let read = with(whole).expect("a receipt");
        assert_eq!((read.origin.as_str(), read.index), ("log.example/1", 17));
        assert_eq!(read.leaf_hash[31], 31);
        assert!(with("log.example/1#17").is_none());
        assert!(with("log.example/1#17:AAEC").is_none());
    }
}
