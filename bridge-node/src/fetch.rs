//! Reads the directory's signed files over plain HTTP: they prove themselves, the channel need not.

use std::time::Duration;

use bridge_directory::{Fetch, FetchError};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Handle;

/// A web server that holds the files.
#[derive(Debug)]
pub struct HttpSource {
    base: String,
}

/// One file must arrive within this time: a source that trickles is as good as none.
const FILE_TIMEOUT: Duration = Duration::from_secs(20);

// === impl HttpSource ===

impl HttpSource {
    /// `base` is `http://host[:port][/path]`.
    pub fn new(base: String) -> Self {
        Self { base }
    }

    async fn read(&self, path: &str, limit: usize) -> Result<Option<Bytes>, FetchError> {
        let failed = |what: String| FetchError::Unavailable {
            path: format!("{}/{path}", self.base),
            source: what.into(),
        };
        let (host, prefix) =
            split(&self.base).ok_or_else(|| failed("not an http address".to_owned()))?;
        let stream = TcpStream::connect(&host)
            .await
            .map_err(|e| failed(e.to_string()))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| failed(e.to_string()))?;
        let driver = tokio::spawn(connection);
        let request = Request::get(format!("{prefix}/{path}"))
            .header("host", &host)
            .body(Empty::<Bytes>::new())
            .map_err(|e| failed(e.to_string()))?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|e| failed(e.to_string()))?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if status != StatusCode::OK {
            return Err(failed(format!("status {status}")));
        }
        let body = Limited::new(response.into_body(), limit).collect().await;
        driver.abort();
        body.map(|whole| Some(whole.to_bytes()))
            .map_err(|e| failed(e.to_string()))
    }
}

impl Fetch for HttpSource {
    fn fetch(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, FetchError> {
        let reading = tokio::time::timeout(FILE_TIMEOUT, self.read(path, limit));
        match Handle::current().block_on(reading) {
            Ok(read) => read.map(|bytes| bytes.map(|bytes| bytes.to_vec())),
            Err(_elapsed) => Err(FetchError::Unavailable {
                path: format!("{}/{path}", self.base),
                source: "too slow".into(),
            }),
        }
    }
}

fn split(base: &str) -> Option<(String, String)> {
    let rest = base.strip_prefix("http://")?;
    let (host, path) = rest
        .split_once('/')
        .map_or((rest, String::new()), |(h, p)| (h, format!("/{p}")));
    let host = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    Some((host, path))
}
