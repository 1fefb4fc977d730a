//! What a process of its own adds to a call: the same answer of 2 KiB from this process, from a program without a cage, and from one in
//! its cage, one call at a time, in alternating rounds. Times are printed; only their order and ratio are judged.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on has failed, and says what it found"
)]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bridge_adapter::probe::Probe;
use bridge_adapter::{Adapter, AdapterError, Answer, Call, Description, Health, Package, body};
use bridge_adapter_process::{ProcessAdapter, ProcessConfig};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

/// Calls in a round, and rounds of each way.
const CALLS: usize = 500;
const ROUNDS: usize = 9;
/// What a program's answer repeats.
const REQUEST_ID: &str = "bridge-call-request-id";
const ANSWER: [u8; 2048] = [b'a'; 2048];
const DESCRIPTION: &str = r#"{"protocol":1,"name":"bench","services":[{"code":"echo","endpoints":[{"method":"GET","path":"/{what}"}]}]}"#;
const OPENAPI: &str = r#"{"openapi":"3.1.0","info":{"title":"Bench","version":"1"},"paths":{"/echo/{what}":{"get":{"parameters":[{"name":"what","in":"path","required":true,"schema":{"type":"string"}}],"responses":{"200":{"description":"2 KiB"}}}}}}"#;

/// Answers at once, in this process.
struct InProcess;

#[async_trait]
impl Adapter for InProcess {
    fn describe(&self) -> Description {
        Description::default()
    }

    async fn health(&self) -> Health {
        Health::Ready
    }

    async fn call(&self, _: Call) -> Result<Answer, AdapterError> {
        Ok(Answer {
            status: StatusCode::OK,
            fields: HeaderMap::new(),
            body: body::full(&ANSWER[..]),
        })
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    match std::env::var_os("BRIDGE_ADAPTER_SOCKET") {
        Some(socket) => serve(Path::new(&socket)).await,
        None => measure().await,
    }
}

/// The program.
async fn serve(socket: &Path) -> ExitCode {
    let listener = UnixListener::bind(socket).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let served = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service_fn(answer));
        tokio::spawn(served);
    }
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let mut response = Response::new(Full::new(match request.uri().path() {
        "/describe" => Bytes::from_static(DESCRIPTION.as_bytes()),
        "/health" => Bytes::new(),
        _ => Bytes::from_static(&ANSWER),
    }));
    if let Some(id) = request.headers().get(REQUEST_ID) {
        response.headers_mut().insert(REQUEST_ID, id.clone());
    }
    Ok(response)
}

async fn measure() -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let own = std::env::current_exe().unwrap();
    let manifest = format!(
        "version = 1\nname = \"bench\"\ntitle = \"Bench\"\nadapter = \"process\"\n[[service]]\ncode = \"echo\"\ntitle = \"Echo\"\n[process]\nprogram = [\"{}\"]\n",
        own.display()
    );
    std::fs::write(folder.path().join("manifest.toml"), manifest).unwrap();
    std::fs::write(folder.path().join("openapi.json"), OPENAPI).unwrap();
    let package = Package::load(folder.path()).unwrap();
    let bare = ProcessConfig::from_package(&package).unwrap();
    let mut caged = bare.clone();
    caged.launcher = Some(vec![bridge_tests::process::program().into(), "cage".into()]);
    caged.cage.reads.push(own);
    let bare = ProcessAdapter::new(bare);
    let caged = ProcessAdapter::new(caged);
    for adapter in [&bare, &caged] {
        round(adapter).await;
    }
    let ways: [&dyn Adapter; 3] = [&InProcess, &bare, &caged];
    let mut times: [Vec<Duration>; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (way, times) in ways.iter().zip(&mut times) {
            times.extend(round(*way).await);
        }
    }
    let [inside, bare_p50, caged_p50] = times.map(|mut times| {
        times.sort();
        times.get(times.len() / 2).copied().unwrap()
    });
    println!("in process   {inside:>12.1?} p50");
    println!("own process  {bare_p50:>12.1?} p50, without a cage");
    println!("own process  {caged_p50:>12.1?} p50, in its cage");
    println!(
        "a process of its own adds {:.1?}",
        caged_p50.saturating_sub(inside)
    );
    for adapter in [&bare, &caged] {
        adapter.drain().await;
    }
    // The cage is there at the start and costs a call nothing but the filter of its system calls.
    if inside < bare_p50 && caged_p50 < bare_p50 * 2 {
        return ExitCode::SUCCESS;
    }
    println!("void: the order is not what it must be");
    ExitCode::FAILURE
}

async fn round(adapter: &dyn Adapter) -> Vec<Duration> {
    let service = "AZ/GOV/1001/REG/echo".parse().unwrap();
    let probe = Probe::get(service, "AZ/GOV/2001/TAX".parse().unwrap(), "/what");
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let call = probe.call(CancellationToken::new());
        let begun = Instant::now();
        let answer = adapter.call(call).await.unwrap();
        assert_eq!(
            body::collect(answer.body, 4096).await.unwrap().len(),
            ANSWER.len()
        );
        times.push(begun.elapsed());
    }
    times
}
