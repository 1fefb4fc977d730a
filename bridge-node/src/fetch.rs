//! Reads the directory's signed files over plain HTTP: they prove themselves, the channel need not.

use std::time::Duration;

use bridge_directory::{Fetch, FetchError};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
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
        match body {
            Ok(whole) => Ok(Some(whole.to_bytes())),
            // The file is wrong, and the source is there: the next file may be had of it.
            Err(error) if error.is::<LengthLimitError>() => Err(FetchError::TooLarge {
                path: format!("{}/{path}", self.base),
                limit,
            }),
            Err(error) => Err(failed(error.to_string())),
        }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request with a whole answer, and closes.
    async fn served(answer: &'static str) -> HttpSource {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/mirror", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _read = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        HttpSource::new(base)
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_told_from_a_source_that_fails() {
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n1234\r\n0\r\n\r\n";
        let known = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n1234";
        for answer in [chunked, known] {
            let read = served(answer).await.read("file", 4).await;
            assert_eq!(read.unwrap().unwrap(), "1234");
            let read = served(answer).await.read("file", 3).await;
            let is_too_large = matches!(&read, Err(FetchError::TooLarge { limit: 3, .. }));
            assert!(is_too_large, "{read:?}");
        }
        for answer in [
            "HTTP/1.1 500 Broken\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n12",
        ] {
            let read = served(answer).await.read("file", 4).await;
            assert!(
                matches!(&read, Err(FetchError::Unavailable { .. })),
                "{read:?}"
            );
        }
        let absent = served("HTTP/1.1 404 Not Found\r\n\r\n").await;
        assert!(absent.read("file", 4).await.unwrap().is_none());
    }
}
