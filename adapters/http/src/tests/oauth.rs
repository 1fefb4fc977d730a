use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bridge_adapter::probe::ProbeBody;
use bridge_adapter::{Adapter as _, AdapterError, Health};

use super::authority::{Authority, replace};
use super::server::{Server, ok};
use super::{call, probe, text};
use crate::config::{ClientAuthentication, OauthConfig};
use crate::{HttpAdapter, HttpConfig, TlsConfig};

/// A token service and a registry that takes its tokens, both over TLS with client certificates.
struct World {
    folder: tempfile::TempDir,
    authority: Authority,
    registry: Server,
    service: Server,
    state: Arc<State>,
}

struct State {
    given: AtomicUsize,
    served: AtomicUsize,
    /// Whether no token is good enough.
    refuses: AtomicBool,
    good: Mutex<BTreeSet<String>>,
    /// The rest of the token service's answer.
    rest: Mutex<String>,
    asked: Mutex<Vec<String>>,
}

const UNAUTHORIZED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";

impl World {
    async fn start() -> Self {
        let authority = Authority::new();
        let state = Arc::new(State {
            given: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
            refuses: AtomicBool::new(false),
            good: Mutex::default(),
            rest: Mutex::new(",\"expires_in\":3600".to_owned()),
            asked: Mutex::default(),
        });
        let tls = || Some(authority.acceptor("localhost", true));
        let own = Arc::clone(&state);
        let registry = move |head: &str, body: &str| Some(own.serve(head, body));
        let registry = Server::scripted(tls(), Arc::new(registry)).await;
        let own = Arc::clone(&state);
        let service = move |head: &str, body: &str| Some(own.give(head, body));
        let service = Server::scripted(tls(), Arc::new(service)).await;
        let folder = tempfile::tempdir().unwrap();
        let world = Self {
            folder,
            authority,
            registry,
            service,
            state,
        };
        replace(&world.secret(), "s3cret/ü\n");
        world
    }

    fn secret(&self) -> PathBuf {
        self.folder.path().join("secret")
    }

    fn config(&self, authentication: ClientAuthentication) -> HttpConfig {
        let tls = TlsConfig {
            ca_certificates: vec![self.authority.der.to_vec()],
            client: Some(self.authority.issue("node").write(self.folder.path())),
            ..TlsConfig::default()
        };
        let url = |server: &Server| format!("https://localhost:{}", server.address.port());
        HttpConfig {
            tls: tls.clone(),
            oauth: Some(OauthConfig {
                token_url: format!("{}/token", url(&self.service)),
                client_id: "node one".to_owned(),
                authentication,
                scope: Some("diplomas read".to_owned()),
                tls,
            }),
            ..HttpConfig::new(url(&self.registry))
        }
    }

    fn adapter(&self) -> HttpAdapter {
        HttpAdapter::new(self.config(ClientAuthentication::Basic {
            secret_file: self.secret(),
        }))
        .unwrap()
    }

    fn given(&self) -> usize {
        self.state.given.load(Ordering::SeqCst)
    }

    fn revoke(&self) {
        self.state.good.lock().unwrap().clear();
    }
}

impl State {
    fn give(&self, head: &str, body: &str) -> Vec<u8> {
        let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        self.asked.lock().unwrap().push(format!("{head}\n\n{body}"));
        let token = format!("token-{number}");
        self.good.lock().unwrap().insert(token.clone());
        let rest = self.rest.lock().unwrap().clone();
        ok(format!("{{\"access_token\":\"{token}\",\"token_type\":\"bearer\"{rest}}}").as_bytes())
    }

    fn serve(&self, head: &str, body: &str) -> Vec<u8> {
        self.served.fetch_add(1, Ordering::SeqCst);
        let token = head
            .lines()
            .find_map(|line| line.strip_prefix("authorization: Bearer "));
        let known = token.is_some_and(|own| self.good.lock().unwrap().contains(own));
        if known && !self.refuses.load(Ordering::SeqCst) {
            ok(format!("welcome {body}").as_bytes())
        } else {
            UNAUTHORIZED.to_vec()
        }
    }
}

#[tokio::test]
async fn one_token_serves_all_callers_and_the_secret_goes_to_the_token_service_alone() {
    let world = World::start().await;
    let adapter = Arc::new(world.adapter());
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let adapter = Arc::clone(&adapter);
        calls.spawn(async move { text(&adapter, &probe("/x")).await });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(|answer| answer == "welcome "));
    assert_eq!((answers.len(), world.given()), (32, 1));
    let asked = world.state.asked.lock().unwrap()[0].clone();
    // `node%20one:s3cret%2F%C3%BC`, encoded before it was put together.
    for part in [
        "POST /token HTTP/1.1",
        "authorization: Basic bm9kZSUyMG9uZTpzM2NyZXQlMkYlQzMlQkM=",
        "content-type: application/x-www-form-urlencoded",
        "grant_type=client_credentials&scope=diplomas%20read",
    ] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    assert_eq!(adapter.health().await, Health::Ready);
    let shown = format!("{adapter:?}");
    assert!(
        !shown.contains("token-1") && !shown.contains("s3cret"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_client_certificate_can_stand_for_the_secret() {
    let world = World::start().await;
    let adapter = HttpAdapter::new(world.config(ClientAuthentication::Tls)).unwrap();
    assert_eq!(text(&adapter, &probe("/x")).await, "welcome ");
    let asked = world.state.asked.lock().unwrap()[0].clone();
    assert!(asked.ends_with("&client_id=node%20one"), "{asked}");
    assert!(!asked.contains("authorization"), "{asked}");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_for_all_and_the_body_sent_again() {
    let world = World::start().await;
    let adapter = Arc::new(world.adapter());
    assert_eq!(text(&adapter, &probe("/x")).await, "welcome ");
    world.revoke();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..16 {
        let adapter = Arc::clone(&adapter);
        let body = format!("body {number}");
        let post = probe("/x").posting(ProbeBody::Whole(body.clone().into()));
        calls.spawn(async move { text(&adapter, &post).await == format!("welcome {body}") });
    }
    assert!(calls.join_all().await.into_iter().all(|good| good));
    assert_eq!(world.given(), 2);
}

#[tokio::test]
async fn a_registry_that_refuses_every_token_is_not_hammered() {
    let world = World::start().await;
    world.state.refuses.store(true, Ordering::SeqCst);
    let adapter = world.adapter();
    let began = tokio::time::Instant::now();
    for _ in 0..5 {
        let error = call(&adapter, &probe("/x")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the registry failed: it refuses this node's access token"
        );
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    let served = world.state.served.load(Ordering::SeqCst);
    assert!(world.given() <= 2 + seconds, "one more a second at most");
    assert!(served <= 6 + seconds, "{served}");
}

#[tokio::test]
async fn a_token_is_replaced_before_it_ends_while_calls_go_on() {
    let world = World::start().await;
    // A life so short that it is in its last quarter soon.
    *world.state.rest.lock().unwrap() = ",\"expires_in\":2".to_owned();
    let adapter = world.adapter();
    assert_eq!(text(&adapter, &probe("/x")).await, "welcome ");
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while world.given() < 3 {
        // No call meets a token that has ended: the registry forgets none, the node must.
        assert_eq!(text(&adapter, &probe("/x")).await, "welcome ");
        assert!(tokio::time::Instant::now() < deadline);
    }
    let served = world.state.served.load(Ordering::SeqCst);
    assert!(served > 3 * world.given(), "one token for many calls");
}

#[tokio::test]
async fn what_is_no_token_is_named_and_not_asked_for_by_everybody() {
    let world = World::start().await;
    let adapter = world.adapter();
    *world.state.rest.lock().unwrap() = ",\"expires_in\":\"soon\"".to_owned();
    for _ in 0..10 {
        let error = call(&adapter, &probe("/x")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the registry failed: the token service gives no token: its expires_in is not a number of seconds"
        );
    }
    assert!(world.given() < 10, "{}", world.given());
    assert_eq!(world.state.served.load(Ordering::SeqCst), 0);
    assert!(matches!(adapter.health().await, Health::NotReady { .. }));
}

#[tokio::test]
async fn a_token_service_that_is_away_makes_the_registry_unreachable() {
    let world = World::start().await;
    let mut config = world.config(ClientAuthentication::Tls);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    config.oauth.as_mut().unwrap().token_url = format!("https://localhost:{port}/token");
    let adapter = HttpAdapter::new(config).unwrap();
    let error = call(&adapter, &probe("/x")).await.unwrap_err();
    assert!(
        matches!(error, AdapterError::Unreachable { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_secret_must_be_ours_alone_and_travel_encrypted() {
    let world = World::start().await;
    let basic = ClientAuthentication::Basic {
        secret_file: world.secret(),
    };
    let fault = |config: HttpConfig| HttpAdapter::new(config).unwrap_err().remove(0);
    let mut clear = world.config(basic.clone());
    clear.oauth.as_mut().unwrap().token_url = "http://tokens.example/token".to_owned();
    assert_eq!(fault(clear).code, "token-url");
    let rights = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(world.secret(), rights(0o644)).unwrap();
    let open = fault(world.config(basic.clone()));
    assert_eq!(
        (open.code, open.place.as_str()),
        ("client-secret", "oauth.client_secret_file")
    );
    assert!(open.problem.contains("can be read by others"), "{open}");
    replace(&world.secret(), "\n");
    assert!(fault(world.config(basic)).problem.contains("one line"));
}
