//! `audit mirror` writes a log as strangers read it; `audit verify` reads such a mirror from a folder or a web server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bridge_verify::{Fetch, MirrorWriter, Options};
use bytes::Bytes;
use clap::Args;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::super::{Failure, hint, say};
use super::{Progress, journal_folder, not_genuine};

/// Write a journal as a static mirror: checkpoint, tiles and entry bundles, for any web server. A mirror that is there grows.
#[derive(Debug, Args)]
pub(in crate::command) struct Mirror {
    /// The journal's folder, live or a copy. It is verified while it is read.
    folder: PathBuf,
    /// The mirror's folder.
    out: PathBuf,
    /// The journal's verifier key, as the directory gives it.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
}

// === impl Mirror ===

impl Mirror {
    pub(super) fn run(self) -> Result<(), Failure> {
        journal_folder(&self.folder)?;
        let mut writer = MirrorWriter::new(&self.out);
        let options = Options {
            evidence_key: None,
            vkey: self.key,
            ..Options::default()
        };
        let mut progress = Progress::new();
        let verified = bridge_verify::verify_each(
            &self.folder,
            &options,
            &mut |at| progress.leaves(at.leaves),
            &mut |seen| writer.see(seen),
        );
        verified.map_err(|findings| not_genuine(&self.folder, &findings))?;
        let size = writer
            .finish()
            .map_err(|error| Failure::failed(&self.out.display().to_string(), &error))?;
        say(format_args!("{}: {size} leaves", self.out.display()));
        Ok(())
    }
}

/// Whether `audit verify` is asked about a mirror and not about a journal folder.
pub(super) fn is_mirror(place: &Path) -> bool {
    is_address(place) || (place.join("tile/entries").is_dir() && !place.join("segments").exists())
}

fn is_address(place: &Path) -> bool {
    let text = place.to_str().unwrap_or_default();
    text.starts_with("http://") || text.starts_with("https://")
}

/// Verifies a mirror and says what it found.
pub(super) fn verify(place: &Path, key: Option<&str>, ca: Option<&Path>) -> Result<(), Failure> {
    let key = key.ok_or_else(|| {
        Failure::Usage(hint(
            "a mirror is checked by the log's verifier key",
            "give --key, as the directory has it; whoever keeps a mirror could exchange one that lies there",
        ))
    })?;
    let mut source: Box<dyn Fetch> = if is_address(place) {
        Box::new(Site::open(place.to_str().unwrap_or_default(), ca)?)
    } else {
        Box::new(Folder(place.to_owned()))
    };
    let mut progress = Progress::new();
    let report =
        bridge_verify::verify_mirror(&mut *source, key, &mut |leaves, _| progress.leaves(leaves));
    let report = report.map_err(|faults| {
        let mut lines = vec![format!("{}: does not verify", place.display())];
        lines.extend(faults.iter().map(ToString::to_string));
        Failure::NotGenuine(lines)
    })?;
    say(format_args!(
        "{}: verified mirror: {} leaves, {} tiles",
        report.origin, report.leaves, report.tiles
    ));
    Ok(())
}

/// A mirror in a folder.
struct Folder(PathBuf);

impl Fetch for Folder {
    fn fetch(&mut self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, String> {
        let path = self.0.join(path);
        let seen = match std::fs::metadata(&path) {
            Ok(seen) => seen,
            // A full tile stands where the folder of its partial ones would be.
            Err(_absent) => return Ok(None),
        };
        if !seen.is_file() || seen.len() > u64::try_from(limit).unwrap_or(u64::MAX) {
            return Err(format!("not a file of at most {limit} bytes"));
        }
        std::fs::read(&path).map(Some).map_err(|e| e.to_string())
    }
}

/// A mirror on a web server; one connection is kept.
struct Site {
    runtime: Runtime,
    tls: Option<tokio_rustls::TlsConnector>,
    host: String,
    address: String,
    prefix: String,
    connection: Option<SendRequest<Empty<Bytes>>>,
}

/// One file must arrive within this time.
const FILE_TIMEOUT: Duration = Duration::from_secs(30);

// === impl Site ===

impl Site {
    fn open(base: &str, ca: Option<&Path>) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::failed("the runtime cannot start", &error))?;
        let (scheme, rest) = base.split_once("://").unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let tls = match (scheme, ca) {
            ("https", Some(ca)) => {
                let config =
                    crate::tls::web_client(ca).map_err(|error| Failure::failed("--ca", &error))?;
                Some(config.into())
            }
            ("https", None) => {
                return Err(Failure::Usage(hint(
                    "https needs --ca",
                    "give a PEM file of the authorities that vouch for the web server",
                )));
            }
            _ => None,
        };
        let port = if tls.is_some() { 443 } else { 80 };
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let (name, address) = if has_port {
            let name = authority
                .rsplit_once(':')
                .map_or(authority, |(name, _)| name);
            (name, authority.to_owned())
        } else {
            (authority, format!("{authority}:{port}"))
        };
        let prefix = path.trim_end_matches('/');
        Ok(Self {
            runtime,
            tls,
            host: name.trim_matches(['[', ']']).to_owned(),
            address,
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("/{prefix}")
            },
            connection: None,
        })
    }
}

impl Fetch for Site {
    fn fetch(&mut self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, String> {
        let kept = self.connection.take();
        let (address, host) = (&self.address, &self.host);
        let target = format!("{}/{path}", self.prefix);
        let reading = async {
            // A connection that has ended meanwhile is opened anew.
            let mut sender = None;
            if let Some(mut kept) = kept
                && kept.ready().await.is_ok()
            {
                sender = Some(kept);
            }
            let mut sender = match sender {
                Some(sender) => sender,
                None => connect(address, host, self.tls.as_ref()).await?,
            };
            let request = Request::get(target)
                .header("host", address)
                .body(Empty::new())
                .map_err(|e| e.to_string())?;
            let response = sender.send_request(request).await;
            let response = response.map_err(|error| told(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), limit).collect().await;
            let body = body.map_err(|e| e.to_string())?.to_bytes();
            match status {
                StatusCode::OK => Ok((sender, Some(body.to_vec()))),
                StatusCode::NOT_FOUND => Ok((sender, None)),
                status => Err(format!("status {status}")),
            }
        };
        let read = self
            .runtime
            .block_on(async { tokio::time::timeout(FILE_TIMEOUT, reading).await });
        let (sender, bytes) = read.map_err(|_elapsed| "too slow".to_owned())??;
        self.connection = Some(sender);
        Ok(bytes)
    }
}

async fn connect(
    address: &str,
    host: &str,
    tls: Option<&tokio_rustls::TlsConnector>,
) -> Result<SendRequest<Empty<Bytes>>, String> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|e| e.to_string())?;
    let Some(tls) = tls else {
        return speak(stream).await;
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|e| e.to_string())?;
    let stream = tls.connect(name, stream).await.map_err(|e| e.to_string())?;
    speak(stream).await
}

async fn speak<S>(stream: S) -> Result<SendRequest<Empty<Bytes>>, String>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| told(&error))?;
    // Its end shows in the sender.
    tokio::spawn(connection);
    Ok(sender)
}

fn told(error: &hyper::Error) -> String {
    crate::chain(error)
}
