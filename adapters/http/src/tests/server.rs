//! A registry on loopback that behaves as its path says. Speaks bytes, so that it can misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How many bytes `/large` answers with.
pub(super) const LARGE: usize = 4 * 1024 * 1024;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

/// What a server does with a request's head and body; `None` closes the connection.
pub(super) type Script = Arc<dyn Fn(&str, &str) -> Option<Vec<u8>> + Send + Sync>;

impl Server {
    pub(super) async fn start() -> Self {
        Self::listen(None, None).await
    }

    /// A server that does what the test says.
    pub(super) async fn scripted(acceptor: Option<TlsAcceptor>, script: Script) -> Self {
        Self::listen(acceptor, Some(script)).await
    }

    pub(super) async fn start_tls(acceptor: TlsAcceptor) -> Self {
        Self::listen(Some(acceptor), None).await
    }

    /// How many connections were made so far.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/base/{{service}}", self.address)
    }

    async fn listen(acceptor: Option<TlsAcceptor>, script: Option<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(greet(stream, acceptor.clone(), script.clone()));
            }
        });
        Self {
            address,
            connections,
        }
    }
}

async fn greet(stream: TcpStream, acceptor: Option<TlsAcceptor>, script: Option<Script>) {
    let Some(acceptor) = acceptor else {
        return served(stream, script).await;
    };
    if let Ok(stream) = acceptor.accept(stream).await {
        served(stream, script).await;
    }
}

async fn served<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, script: Option<Script>) {
    let Some(script) = script else {
        return serve(stream).await;
    };
    let mut buffer = Vec::new();
    while let Some((head, body)) = read_request(&mut stream, &mut buffer).await {
        match script(&head, &String::from_utf8_lossy(&body)) {
            Some(bytes) => write(&mut stream, &bytes).await,
            None => return,
        }
    }
    let _closed = stream.shutdown().await;
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let mut buffer = Vec::new();
    while let Some((head, body)) = read_request(&mut stream, &mut buffer).await {
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let path = target.strip_prefix("/base/person").unwrap_or("/other");
        let bytes = match path.split('?').next().unwrap_or_default() {
            "/good" => ok("yaxşı".as_bytes()),
            "/echo" => ok(format!("{head}\n\n{}", String::from_utf8_lossy(&body)).as_bytes()),
            "/empty" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            "/bytes" => ok(b"\xff\xfe"),
            "/early" => [b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n".to_vec(), ok(b"late")].concat(),
            "/redirect" => b"HTTP/1.1 302 Found\r\nlocation: /base/person/good\r\ncontent-length: 0\r\n\r\n".to_vec(),
            "/hops" => b"HTTP/1.1 200 OK\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=9\r\n\
                x-end: 2\r\ntransfer-encoding: chunked\r\ntrailer: x-late\r\n\r\n2\r\nok\r\n0\r\nx-late: 3\r\n\r\n".to_vec(),
            "/upgrade" => b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_vec(),
            "/nonsense" => b"SSH-2.0-registry\r\n\r\n".to_vec(),
            "/head" => [b"HTTP/1.1 200 OK\r\nx-long: ".to_vec(), vec![b'a'; 100_000], b"\r\n\r\n".to_vec()].concat(),
            "/large" => [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
                format!("{LARGE:x}\r\n").into_bytes(), vec![b'x'; LARGE], b"\r\n0\r\n\r\n".to_vec()].concat(),
            "/declared" => format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n").into_bytes(),
            "/last" => [ok(b"last"), Vec::new()].concat(),
            "/slow" => return read_to_end(&mut stream).await,
            "/trickle" => {
                write(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegins").await;
                return read_to_end(&mut stream).await;
            }
            "/closed" => return,
            "/cut" => return write(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await,
            "/cut-chunks" => {
                let bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
                return write(&mut stream, bytes).await;
            }
            "/endless" => return write(&mut stream, b"HTTP/1.1 200 OK\r\n\r\nwhole or half?").await,
            _ => b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno".to_vec(),
        };
        write(&mut stream, &bytes).await;
        if path == "/last" {
            return;
        }
    }
}

pub(super) fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Reads a head and its body; `None` if the client went away before the end of either.
async fn read_request<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
) -> Option<(String, Vec<u8>)> {
    let head = read_until(stream, buffer, b"\r\n\r\n").await?;
    let head = String::from_utf8(head).unwrap();
    let lower = head.to_ascii_lowercase();
    let field = |name: &str| {
        lower
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    if let Some(length) = field("content-length:") {
        let length: usize = length.parse().unwrap();
        while buffer.len() < length {
            read_more(stream, buffer).await?;
        }
        return Some((head, buffer.drain(..length).collect()));
    }
    if field("transfer-encoding:").is_some() {
        let body = read_until(stream, buffer, b"0\r\n\r\n").await?;
        return Some((head, body));
    }
    Some((head, Vec::new()))
}

pub(super) async fn read_until<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    end: &[u8],
) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = buffer.windows(end.len()).position(|window| window == end) {
            let found = buffer.drain(..at).collect();
            buffer.drain(..end.len());
            return Some(found);
        }
        read_more(stream, buffer).await?;
    }
}

async fn read_more<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Option<()> {
    (stream.read_buf(buffer).await.ok()? > 0).then_some(())
}

async fn read_to_end<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut rest = Vec::new();
    // Ends when the adapter closes the connection.
    let _ended = stream.read_to_end(&mut rest).await;
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) {
    // The adapter may have gone away; that is what some cases are about.
    let _written = stream.write_all(bytes).await;
    let _flushed = stream.flush().await;
}
