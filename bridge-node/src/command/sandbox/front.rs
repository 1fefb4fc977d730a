//! Stands in front of the agencies' nodes: passes each request on to its agency's node, and shows it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::show::Show;
use crate::command::trial::client::{Answer, exchange};
use crate::command::trial::world::{Agency, World};
use crate::command::{Failure, say};

/// The most bytes of a request.
const REQUEST_LIMIT: usize = 16 * 1024 * 1024;

/// Where the sandbox is asked.
#[derive(Debug)]
pub(super) struct Front {
    listener: TcpListener,
    address: SocketAddr,
    ways: Arc<Ways>,
}

/// To which node a request goes: by the member in `X-Road-Client`.
#[derive(Debug)]
struct Ways {
    nodes: Vec<Way>,
    show: Show,
}

/// One agency: how its subsystems' names begin, its key, its node.
#[derive(Debug)]
struct Way {
    prefix: String,
    api_key: String,
    node: SocketAddr,
}

// === impl Front ===

impl Front {
    pub(super) async fn listen(world: &World, show: Show) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::failed("loopback port", &error);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let way = |agency: &Agency| Way {
            prefix: format!("{}/", agency.member),
            api_key: agency.api_key.clone(),
            node: agency.ports.plain,
        };
        let ways = Ways {
            nodes: world.agencies.iter().map(way).collect(),
            show,
        };
        Ok(Self {
            listener,
            address,
            ways: Arc::new(ways),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Passes one request on and shows it.
    pub(super) async fn pass(&self, request: Request<Bytes>) -> Result<Answer, Failure> {
        self.ways.pass(request, true).await
    }

    /// Passes on whatever comes.
    pub(super) async fn serve(&self) -> Result<(), Failure> {
        loop {
            let (stream, _) = self
                .listener
                .accept()
                .await
                .map_err(|error| Failure::failed("loopback port", &error))?;
            let ways = Arc::clone(&self.ways);
            tokio::spawn(attend(stream, ways));
        }
    }
}

/// Answers the requests of one connection.
async fn attend(stream: TcpStream, ways: Arc<Ways>) {
    let handle = service_fn(move |request| {
        let ways = Arc::clone(&ways);
        async move { Ok::<_, Infallible>(ways.respond(request).await) }
    });
    let http = hyper::server::conn::http1::Builder::new();
    // A caller who goes away takes its answer with it; nothing is to be done.
    drop(http.serve_connection(TokioIo::new(stream), handle).await);
}

// === impl Ways ===

impl Ways {
    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let answered = match Limited::new(body, REQUEST_LIMIT).collect().await {
            Ok(body) => {
                self.pass(Request::from_parts(parts, body.to_bytes()), false)
                    .await
            }
            Err(error) => Err(Failure::Failed(format!("request body: {error}"))),
        };
        match answered {
            Ok(answer) => {
                let mut response = Response::new(Full::new(answer.body));
                *response.status_mut() =
                    StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
                *response.headers_mut() = whole(answer.fields);
                response
            }
            Err(failure) => {
                let text = failure.lines().join("\n");
                say(&text);
                let mut response = Response::new(Full::new(Bytes::from(text + "\n")));
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                response
            }
        }
    }

    /// `own`: the request is the sandbox's and has no key yet.
    async fn pass(&self, request: Request<Bytes>, own: bool) -> Result<Answer, Failure> {
        let (mut parts, body) = request.into_parts();
        let client = parts.headers.get("x-road-client");
        let client = client.and_then(|value| value.to_str().ok()).unwrap_or("");
        let way = self
            .nodes
            .iter()
            .find(|way| client.starts_with(&way.prefix))
            .ok_or_else(|| {
                Failure::Failed(
                    "X-Road-Client names no agency of this sandbox; take one of the printed commands"
                        .to_owned(),
                )
            })?;
        if own {
            let key = HeaderValue::from_str(&way.api_key)
                .map_err(|error| Failure::failed("API key", &error))?;
            parts.headers.insert("bridge-api-key", key);
        }
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let stream = TcpStream::connect(way.node)
            .await
            .map_err(|error| Failure::failed("node", &error))?;
        let began = Instant::now();
        let request = Request::from_parts(parts, Full::new(body.clone()));
        let answer = exchange(stream, request).await?;
        self.show
            .exchange((&method, &path, &body), &answer, began.elapsed());
        Ok(answer)
    }
}

/// The fields of an answer that is passed on whole.
fn whole(mut fields: HeaderMap) -> HeaderMap {
    fields.remove(http::header::TRANSFER_ENCODING);
    fields.remove(http::header::CONTENT_LENGTH);
    fields.remove(http::header::CONNECTION);
    fields
}
