use std::sync::Arc;
use std::time::Duration;

use bridge_adapter::kit::{self, Days, Pace, Verdict};
use bridge_adapter::probe::{Probe, ProbeBody};
use bridge_adapter::{
    Adapter, AdapterError, Answer, BodyError, Fault, Health, Limit, Package, body,
};
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::BodyExt as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;

use super::*;
use server::{LARGE, Server};

mod authority;
mod circuits;
mod oauth;
mod retries;
mod server;
mod tls;
mod wire;

fn probe(path: &str) -> Probe {
    let service = "AZ/GOV/1001/POPULATION/person".parse().unwrap();
    Probe::get(service, "AZ/GOV/2001/TAX".parse().unwrap(), path)
}

/// The same, as another client asks it.
fn other(probe: &Probe) -> Probe {
    Probe {
        client: "AZ/COM/3001/BANK".parse().unwrap(),
        ..probe.clone()
    }
}

fn adapter(server: &Server) -> HttpAdapter {
    HttpAdapter::new(HttpConfig::new(server.url())).unwrap()
}

async fn call(adapter: &HttpAdapter, probe: &Probe) -> Result<Answer, AdapterError> {
    adapter.call(probe.call(CancellationToken::new())).await
}

async fn text(adapter: &HttpAdapter, probe: &Probe) -> String {
    let answer = call(adapter, probe).await.unwrap();
    String::from_utf8(
        body::collect(answer.body, 100_000_000)
            .await
            .unwrap()
            .to_vec(),
    )
    .unwrap()
}

#[tokio::test]
async fn path_and_query_are_appended_verbatim() {
    let server = Server::start().await;
    let probe = probe("/echo");
    let mut made = probe.call(CancellationToken::new());
    made.raw_query = Some("at=2026-11-21&q=%C5%9E%20a+b".to_owned());
    let answer = adapter(&server).call(made).await.unwrap();
    let seen = body::collect(answer.body, 10_000).await.unwrap();
    let seen = String::from_utf8(seen.to_vec()).unwrap();
    assert!(
        seen.starts_with("GET /base/person/echo?at=2026-11-21&q=%C5%9E%20a+b HTTP/1.1\r\n"),
        "{seen}"
    );
}

#[tokio::test]
async fn the_request_carries_the_established_facts_and_no_hop_by_hop_fields() {
    let server = Server::start().await;
    let mut made = probe("/echo").keyed("once").call(CancellationToken::new());
    let scoped = made.idempotency.as_ref().unwrap().scoped.clone();
    for (name, value) in [
        ("x-road-client", "AZ/GOV/6666/FORGED"),
        ("connection", "x-internal"),
        ("x-internal", "1"),
        ("te", "trailers"),
        ("host", "elsewhere"),
        ("accept-language", "az"),
    ] {
        made.fields.insert(name, HeaderValue::from_static(value));
    }
    let id = made.facts.request_id;
    let answer = adapter(&server).call(made).await.unwrap();
    let seen = body::collect(answer.body, 10_000).await.unwrap();
    let seen = String::from_utf8(seen.to_vec()).unwrap();
    for line in [
        format!("host: {}", server.address),
        "x-road-client: AZ/GOV/2001/TAX".to_owned(),
        format!("x-road-request-id: {id}"),
        format!("idempotency-key: \"{scoped}\""),
        "accept-language: az".to_owned(),
    ] {
        assert!(seen.lines().any(|own| own == line), "{line}: {seen}");
    }
    for gone in [
        "FORGED",
        "x-internal",
        "te:",
        "elsewhere",
        "content-length",
        "transfer-encoding",
    ] {
        assert!(!seen.contains(gone), "{gone}: {seen}");
    }
}

#[tokio::test]
async fn bodies_go_with_their_length_or_in_chunks() {
    let server = Server::start().await;
    let adapter = adapter(&server);
    let post = probe("/echo").posting(ProbeBody::Whole("{\"ad\":\"Şəbnəm\"}".into()));
    let seen = text(&adapter, &post).await;
    assert!(
        seen.starts_with("POST ")
            && seen.contains("content-length: 18")
            && seen.ends_with("{\"ad\":\"Şəbnəm\"}"),
        "{seen}"
    );
    let mut unknown = post.call(CancellationToken::new());
    unknown.body_length = None;
    let answer = adapter.call(unknown).await.unwrap();
    let seen = body::collect(answer.body, 10_000).await.unwrap();
    assert!(String::from_utf8_lossy(&seen).contains("Şəbnəm"));
}

#[tokio::test]
async fn an_answer_of_any_status_passes_through() {
    let server = Server::start().await;
    let adapter = adapter(&server);
    for (path, status) in [
        ("/good", 200),
        ("/empty", 204),
        ("/redirect", 302),
        ("/nowhere", 404),
        ("/early", 200),
    ] {
        assert_eq!(
            call(&adapter, &probe(path)).await.unwrap().status,
            status,
            "{path}"
        );
    }
    assert_eq!(text(&adapter, &probe("/early")).await, "late");
    let head = Probe {
        method: Method::HEAD,
        ..probe("/empty")
    };
    assert_eq!(call(&adapter, &head).await.unwrap().status, 204);
}

#[tokio::test]
async fn fields_of_the_registrys_connection_are_dropped() {
    let server = Server::start().await;
    let answer = call(&adapter(&server), &probe("/hops")).await.unwrap();
    let names: Vec<&str> = answer.fields.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(names, ["x-end"]);
    assert_eq!(body::collect(answer.body, 10).await.unwrap(), "ok");
}

#[tokio::test]
async fn a_connection_is_kept_until_it_is_too_old() {
    let server = Server::start().await;
    let kept = adapter(&server);
    for _ in 0..3 {
        text(&kept, &probe("/good")).await;
        call(&kept, &probe("/empty")).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    let mut config = HttpConfig::new(server.url());
    config.pool.age = Duration::ZERO;
    let aged = HttpAdapter::new(config).unwrap();
    for _ in 0..3 {
        text(&aged, &probe("/good")).await;
    }
    assert_eq!(server.connections(), 4);
}

#[tokio::test]
async fn a_connection_that_the_registry_closed_is_replaced() {
    let server = Server::start().await;
    let adapter = adapter(&server);
    for _ in 0..20 {
        assert_eq!(text(&adapter, &probe("/last")).await, "last");
    }
    assert_eq!(server.connections(), 20);
}

#[tokio::test]
async fn a_post_is_not_made_twice() {
    let server = Server::start().await;
    let adapter = adapter(&server);
    text(&adapter, &probe("/good")).await;
    let post = probe("/closed").posting(ProbeBody::Whole("{}".into()));
    let error = call(&adapter, &post).await.unwrap_err();
    assert!(matches!(error, AdapterError::Cut { .. }), "{error}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn no_more_connections_than_allowed_are_open() {
    let server = Server::start().await;
    let mut config = HttpConfig::new(server.url());
    config.pool.connections = 1;
    let adapter = HttpAdapter::new(config).unwrap();
    let first = call(&adapter, &probe("/trickle")).await.unwrap();
    let waiting = probe("/good").within(Duration::from_millis(50));
    let error = call(&adapter, &waiting).await.unwrap_err();
    assert!(matches!(error, AdapterError::TimedOut), "{error}");
    drop(first);
    assert_eq!(text(&adapter, &probe("/good")).await, "yaxşı");
}

#[tokio::test]
async fn who_waits_too_long_for_a_connection_is_told_that_the_registry_is_busy() {
    let server = Server::start().await;
    let mut config = HttpConfig::new(server.url());
    (config.pool.connections, config.pool.wait) = (1, Duration::from_millis(20));
    let adapter = HttpAdapter::new(config).unwrap();
    let first = call(&adapter, &probe("/trickle")).await.unwrap();
    let error = call(&adapter, &probe("/good")).await.unwrap_err();
    assert!(matches!(error, AdapterError::Busy), "{error}");
    drop(first);
    assert_eq!(text(&adapter, &probe("/good")).await, "yaxşı");
}

#[tokio::test]
async fn what_is_no_answer_is_named() {
    let server = Server::start().await;
    let adapter = adapter(&server);
    for path in ["/upgrade", "/nonsense", "/head", "/endless"] {
        let error = call(&adapter, &probe(path)).await.unwrap_err();
        assert!(
            matches!(error, AdapterError::NotUnderstood { .. }),
            "{path}: {error:?}"
        );
    }
    let error = call(&adapter, &probe("/closed")).await.unwrap_err();
    assert!(matches!(error, AdapterError::Cut { .. }), "{error:?}");
    for path in ["/cut", "/cut-chunks"] {
        let answer = call(&adapter, &probe(path)).await.unwrap();
        let error = body::collect(answer.body, 1000).await.unwrap_err();
        assert!(matches!(error, BodyError::Cut { .. }), "{path}: {error:?}");
    }
}

#[tokio::test]
async fn a_stalled_answer_ends_at_the_deadline_or_when_cancelled() {
    let server = Server::start().await;
    let adapter = adapter(&server);
    let short = probe("/trickle").within(Duration::from_millis(50));
    let answer = call(&adapter, &short).await.unwrap();
    let error = body::collect(answer.body, 1000).await.unwrap_err();
    assert!(matches!(error, BodyError::TimedOut), "{error:?}");
    let cancel = CancellationToken::new();
    let answer = adapter
        .call(probe("/trickle").call(cancel.clone()))
        .await
        .unwrap();
    cancel.cancel();
    let error = body::collect(answer.body, 1000).await.unwrap_err();
    assert!(matches!(error, BodyError::Cancelled), "{error:?}");
}

#[tokio::test]
async fn the_answer_must_begin_in_time_though_the_deadline_is_far() {
    let server = Server::start().await;
    let config = HttpConfig {
        timeout: Duration::from_millis(50),
        ..HttpConfig::new(server.url())
    };
    let error = call(&HttpAdapter::new(config).unwrap(), &probe("/slow"))
        .await
        .unwrap_err();
    assert!(matches!(error, AdapterError::TimedOut), "{error:?}");
}

#[tokio::test]
async fn a_registry_has_its_time_from_the_end_of_the_request_on() {
    let server = Server::start().await;
    let config = HttpConfig {
        timeout: Duration::from_secs(1),
        ..HttpConfig::new(server.url())
    };
    let adapter = HttpAdapter::new(config.clone()).unwrap();
    let (pieces, body) = tokio::sync::mpsc::channel(1);
    let mut slow = probe("/echo").call(CancellationToken::new());
    (slow.method, slow.body_length) = (Method::POST, None);
    slow.body = Piecemeal(body).boxed_unsync();
    let sending = async {
        let began = tokio::time::Instant::now();
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        while began.elapsed() < config.timeout + Duration::from_millis(300) {
            tick.tick().await;
            pieces.send("piece ").await.unwrap();
        }
        drop(pieces);
    };
    let (answer, ()) = tokio::join!(adapter.call(slow), sending);
    assert_eq!(answer.unwrap().status, 200);
}

/// A body whose pieces come when the test sends them.
struct Piecemeal(tokio::sync::mpsc::Receiver<&'static str>);

impl http_body::Body for Piecemeal {
    type Data = bytes::Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, BodyError>>> {
        let polled = self.0.poll_recv(cx);
        polled.map(|piece| piece.map(|piece| Ok(http_body::Frame::data(piece.into()))))
    }
}

#[tokio::test]
async fn a_large_answer_streams_and_a_limited_one_ends() {
    let server = Server::start().await;
    assert_eq!(text(&adapter(&server), &probe("/large")).await.len(), LARGE);
    let config = HttpConfig {
        answer_limit_bytes: Some(1000),
        ..HttpConfig::new(server.url())
    };
    let limited = HttpAdapter::new(config).unwrap();
    let error = call(&limited, &probe("/declared")).await.unwrap_err();
    assert!(
        matches!(
            error,
            AdapterError::TooLarge {
                limit: Limit::AnswerBytes(1000)
            }
        ),
        "{error:?}"
    );
    let answer = call(&limited, &probe("/large")).await.unwrap();
    let error = body::collect(answer.body, u64::MAX).await.unwrap_err();
    assert!(
        matches!(error, BodyError::TooLarge { limit_bytes: 1000 }),
        "{error:?}"
    );
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let adapter = HttpAdapter::new(HttpConfig::new(format!("http://{address}"))).unwrap();
    let error = call(&adapter, &probe("/good")).await.unwrap_err();
    assert!(
        matches!(error, AdapterError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(matches!(adapter.health().await, Health::NotReady { .. }));
}

#[tokio::test]
async fn bad_days_of_the_registry_are_told_and_over_with_their_call() {
    let server = Server::start().await;
    let config = HttpConfig {
        answer_limit_bytes: Some(1000),
        ..HttpConfig::new(server.url())
    };
    let adapter: Arc<dyn Adapter> = Arc::new(HttpAdapter::new(config).unwrap());
    let days = Days {
        slow: Some(probe("/slow")),
        cut: Some(probe("/cut")),
        large: Some(probe("/large")),
        not_utf8: Some((probe("/bytes"), bytes::Bytes::from_static(b"\xff\xfe"))),
    };
    let report = kit::examine_days(&adapter, probe("/good"), days, &Pace::default()).await;
    assert_eq!(report.outcomes.len(), 5);
    for outcome in report.outcomes {
        assert_eq!(outcome.verdict, Verdict::Held, "{}", outcome.check.id);
    }
}

fn pinned_to(der: &CertificateDer<'_>) -> TlsConfig {
    TlsConfig {
        pinned_certificate: Some(der.to_vec()),
        ..TlsConfig::default()
    }
}

fn identity() -> (CertificateDer<'static>, tokio_rustls::TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(vec!["registry.internal".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    (certificate, Arc::new(config).into())
}

#[tokio::test]
async fn tls_takes_the_pinned_certificate_and_no_other() {
    let (certificate, acceptor) = identity();
    let server = Server::start_tls(acceptor).await;
    let url = server.url().replace("http://", "https://");
    let pinned = |der: &CertificateDer<'_>| HttpConfig {
        tls: pinned_to(der),
        ..HttpConfig::new(url.clone())
    };
    let right = HttpAdapter::new(pinned(&certificate)).unwrap();
    assert_eq!(text(&right, &probe("/good")).await, "yaxşı");
    // Without a close_notify: a cut, also where the bytes would have been enough.
    let answer = call(&right, &probe("/cut")).await.unwrap();
    assert!(matches!(
        body::collect(answer.body, 1000).await,
        Err(BodyError::Cut { .. })
    ));
    let (other, _) = identity();
    let wrong = HttpAdapter::new(pinned(&other)).unwrap();
    let error = call(&wrong, &probe("/good")).await.unwrap_err();
    assert!(
        matches!(error, AdapterError::Unreachable { .. }),
        "{error:?}"
    );
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let code = |config: HttpConfig| HttpAdapter::new(config).unwrap_err()[0].code;
    for url in [
        "",
        "registry",
        "ftp://registry/",
        "http://",
        "http://a/b?c=d",
        "http://u:p@a/",
        "http://{service}.a/",
    ] {
        assert_eq!(code(HttpConfig::new(url)), "base-url", "{url}");
    }
    assert_eq!(
        code(HttpConfig::new("https://registry.internal/")),
        "no-pin"
    );
    let (certificate, _) = identity();
    assert_eq!(
        code(HttpConfig {
            tls: pinned_to(&certificate),
            ..HttpConfig::new("http://a/")
        }),
        "pin-without-tls"
    );
}

#[test]
fn a_target_keeps_every_byte_of_path_and_query() {
    let target = |url: &str, path: &str, query: Option<&str>| {
        let mut call = probe(path).call(CancellationToken::new());
        call.raw_query = query.map(str::to_owned);
        call.fields = HeaderMap::new();
        base::Base::parse(url)
            .unwrap()
            .target(&call)
            .map(|uri| uri.to_string())
    };
    assert_eq!(target("http://a", "", None).unwrap(), "/");
    assert_eq!(target("http://a/", "/x%2Fy", Some("")).unwrap(), "/x%2Fy?");
    assert_eq!(
        target("http://[::1]:8080/v1/", "/x/", None).unwrap(),
        "/v1/x/"
    );
    assert_eq!(
        target("http://a/{service}/v2", "", Some("a=%26")).unwrap(),
        "/person/v2?a=%26"
    );
    assert_eq!(target("http://a", "//evil/x", None).unwrap(), "//evil/x");
    assert!(target("http://a", "/x", Some("a b")).is_err());
}

#[test]
fn a_package_gives_the_settings_or_all_faults() {
    let folder = tempfile::tempdir().unwrap();
    let openapi = serde_json::json!({ "openapi": "3.1.0", "info": { "title": "t", "version": "1" },
        "paths": { "/person": { "get": { "responses": { "200": { "description": "ok" } } } } } });
    std::fs::write(folder.path().join("openapi.json"), openapi.to_string()).unwrap();
    let manifest = "version = 1\nname = \"p\"\ntitle = \"P\"\nadapter = \"http\"\n\
        [[service]]\ncode = \"person\"\ntitle = \"Şəxs\"\n[http]\n";
    let config = |http: &str| {
        std::fs::write(
            folder.path().join("manifest.toml"),
            format!("{manifest}{http}"),
        )
        .unwrap();
        HttpConfig::from_package(&Package::load(folder.path()).unwrap(), None)
    };
    let sound =
        config("base_url = \"http://127.0.0.1:1/\"\ntimeout_ms = 500\nconnections = 2\n").unwrap();
    assert_eq!(sound.timeout, Duration::from_millis(500));
    assert_eq!((sound.pool.connections, sound.services.len()), (2, 1));
    let faults: Vec<Fault> =
        config("timeout_ms = 0\npinned_certificate = \"none.pem\"\nretries = 3\n").unwrap_err();
    let codes: Vec<&str> = faults.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["wrong-value", "file", "unknown-key", "missing-key"]);
    let lines: Vec<Option<u64>> = faults.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [Some(9), None, Some(11), Some(8)]);
    for key in ["pinned_certificate", "ca_certificates"] {
        let faults = config(&format!(
            "base_url = \"http://127.0.0.1:1/\"\n{key} = \"\"\n"
        ));
        let [fault] = &faults.unwrap_err()[..] else {
            panic!("one fault for {key}");
        };
        assert_eq!(fault.at(), format!("manifest.toml:10 http.{key}"));
    }
}

#[test]
fn what_belongs_to_a_site_is_refused_in_a_package_and_taken_from_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let openapi = serde_json::json!({ "openapi": "3.1.0", "info": { "title": "t", "version": "1" },
        "paths": { "/person": { "get": { "responses": { "200": { "description": "ok" } } } } } });
    std::fs::write(path("openapi.json"), openapi.to_string()).unwrap();
    let head = "version = 1\nname = \"p\"\ntitle = \"P\"\nadapter = \"http\"\n\
        [[service]]\ncode = \"person\"\ntitle = \"Şəxs\"\n[http]\ntimeout_ms = 100\nattempts = 2\n";
    let package = |more: &str| {
        std::fs::write(path("manifest.toml"), format!("{head}{more}")).unwrap();
        Package::load(folder.path()).unwrap()
    };
    let secrets = "client_certificate = \"a\"\nclient_key = \"b\"\n[http.oauth]\ntoken_url = \"https://a/\"\n\
        client_id = \"c\"\nclient_secret_file = \"d\"\n";
    let faults = HttpConfig::from_package(&package(secrets), None).unwrap_err();
    let refused: Vec<Option<u64>> = faults
        .iter()
        .filter(|fault| fault.code == "own-file-in-package")
        .map(|fault| fault.line)
        .collect();
    assert_eq!(refused, [Some(11), Some(12), Some(16)]);
    let table = "base_url = \"https://registry.internal/\"\nca_certificates = \"ca.pem\"\ntimeout_ms = 900\n\
        client_certificate = \"a.pem\"\nclient_key = \"a.key\"\n[oauth]\ntoken_url = \"https://login.internal/t\"\n\
        client_id = \"c\"\nauthentication = \"tls\"\n"
        .parse()
        .unwrap();
    std::fs::write(path("ca.pem"), authority::Authority::new().pem()).unwrap();
    let site = Site {
        table: &table,
        folder: folder.path(),
    };
    let config = HttpConfig::from_package(&package(""), Some(&site)).unwrap();
    assert_eq!(config.timeout, Duration::from_millis(900), "the site wins");
    assert_eq!(config.retry.attempts, 2, "the package's own stays");
    let client = config.tls.client.clone().unwrap();
    assert_eq!(client.key, path("a.key"));
    let oauth = config.oauth.unwrap();
    assert_eq!(oauth.tls, config.tls, "trusted as the registry is");
    assert_eq!(oauth.authentication, config::ClientAuthentication::Tls);
    let table = "client_key = \"a.key\"\n[oauth]\ntoken_url = \"https://a/\"\nclient_id = \"c\"\n"
        .parse()
        .unwrap();
    let site = Site {
        table: &table,
        folder: folder.path(),
    };
    let faults = HttpConfig::new("http://a/").with_site(&site).unwrap_err();
    let codes: Vec<&str> = faults.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["half-a-certificate", "authentication"]);
}
