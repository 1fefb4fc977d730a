use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bridge_certs::{Authority, Checked, Order, OwnKey, Profile, Trust, write_key_file};
use bridge_core::identity::{CertificateName, NodeId};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::challenge::Responder;
use super::course::Course;
use super::renewal::{certificate_id, in_force, named, take, waiting};
use super::*;
use crate::keys::Keys;
use crate::own::{Folder, Judge, Slot, Use};
use crate::settings::{Acme, Limits};
use crate::tls::{TlsIdentity, consumer_server};

/// A server that answers by path, over TLS, and counts what it was asked.
struct Fake {
    folder: TempDir,
    settings: Acme,
    asked: Arc<AtomicUsize>,
}

/// What stands for the server's own address in answers.
const HERE: &str = "HERE";
const DIRECTORY: &str =
    r#"{"newNonce":"HERE/nonce","newAccount":"HERE/account","newOrder":"HERE/order"}"#;
const JSON: &str = "content-type: application/json\r\nreplay-nonce: bm9uY2U\r\n";

fn answer(status: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// What a good server says, up to an order that is not proved yet.
fn good(path: &str) -> String {
    match path {
        "/directory" => answer("200 OK", JSON, DIRECTORY),
        "/nonce" => answer("200 OK", JSON, ""),
        "/account" => answer(
            "201 Created",
            &format!("{JSON}location: HERE/account/1\r\n"),
            r#"{"status":"valid"}"#,
        ),
        "/order" => answer(
            "201 Created",
            &format!("{JSON}location: HERE/order/1\r\n"),
            ORDER,
        ),
        "/order/1" => answer("200 OK", JSON, ORDER),
        "/proof" => answer(
            "200 OK",
            JSON,
            r#"{"status":"pending","challenges":[{"type":"http-01","url":"HERE/challenge","token":"abcdefghijklmnopqrstuvwxyz"}]}"#,
        ),
        _ => answer("200 OK", JSON, "{}"),
    }
}

const ORDER: &str =
    r#"{"status":"pending","authorizations":["HERE/proof"],"finalize":"HERE/finalize"}"#;

impl Fake {
    async fn start(say: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now_s = crate::clock::Clock::default().now_s();
        let authority = Authority::create(&folder.path().join("ca"), "Web", now_s - 60).unwrap();
        let order = Order {
            profile: Profile::Web,
            name: None,
            common_name: "server".to_owned(),
            sans: vec!["127.0.0.1".to_owned()],
            not_before: now_s - 60,
            not_after: now_s + 3600,
        };
        let issued = authority.issue(&order).unwrap();
        std::fs::write(folder.path().join("web.pem"), &issued.chain_pem).unwrap();
        write_key_file(&folder.path().join("web.key"), &issued.key_pkcs8).unwrap();
        let identity = TlsIdentity::read(folder.path(), "web").unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(consumer_server(&identity).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("https://{}", listener.local_addr().unwrap());
        let settings = Acme {
            directory: format!("{here}/directory").parse().unwrap(),
            anchors: folder.path().join("ca/root.pem"),
            name: "node.example".to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            contact: Vec::new(),
            uses: Vec::new(),
            binding: None,
        };
        let asked = Arc::new(AtomicUsize::new(0));
        let (count, say) = (Arc::clone(&asked), Arc::new(say));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, count, say) =
                    (acceptor.clone(), Arc::clone(&count), Arc::clone(&say));
                let here = here.clone();
                tokio::spawn(async move {
                    let stream = acceptor.accept(stream).await.unwrap();
                    respond(stream, &here, &count, &*say).await;
                });
            }
        });
        Self {
            folder,
            settings,
            asked,
        }
    }

    /// Why nothing is issued.
    async fn refusal(&self, limits: &Limits) -> String {
        let account = Account::open(&Keys::new(self.folder.path().to_owned(), None), None).unwrap();
        let ordered = Ordered {
            csr: b"a request",
            replaces: None,
        };
        let obtained = obtain(&self.settings, limits, &account, &ordered).await;
        crate::chain(&obtained.unwrap_err())
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Answers one request.
async fn respond(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    here: &str,
    count: &AtomicUsize,
    say: &(impl Fn(&str) -> String + ?Sized),
) {
    let path = request_path(&mut stream).await;
    count.fetch_add(1, Ordering::SeqCst);
    let said = say(&path);
    // An answer grows when the address is put in.
    let said = match said.split_once("\r\n\r\n") {
        Some((head, body)) if said.contains(HERE) => {
            let body = body.replace(HERE, here);
            let head: Vec<&str> = head
                .lines()
                .filter(|line| !line.starts_with("content-length"))
                .collect();
            let head = head.join("\r\n").replace(HERE, here);
            format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        }
        _ => said,
    };
    drop(stream.write_all(said.as_bytes()).await);
    drop(stream.shutdown().await);
}

async fn request_path(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            break;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    head.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn limits() -> Limits {
    Limits {
        acme_bytes: 4096,
        acme_timeout: Duration::from_secs(30),
        acme_order_timeout: Duration::from_mins(1),
        ..Limits::default()
    }
}

/// What a hostile server says, where, and the words of the refusal.
type Case = (&'static str, &'static str, String, &'static str);

/// Answers that no authority gives.
fn no_answers() -> Vec<Case> {
    let long = "x".repeat(5000);
    vec![
        (
            "an endless answer",
            "/directory",
            answer("200 OK", JSON, &long),
            "longer than limits.acme_bytes",
        ),
        (
            "a redirect",
            "/directory",
            answer("302 Found", "location: https://elsewhere.example/\r\n", ""),
            "status 302",
        ),
        (
            "another type",
            "/directory",
            answer("200 OK", "content-type: text/html\r\n", DIRECTORY),
            "it is no JSON by its own words",
        ),
        (
            "no JSON",
            "/directory",
            answer("200 OK", JSON, "{"),
            "error of JSON",
        ),
        (
            "no https",
            "/directory",
            answer(
                "200 OK",
                JSON,
                r#"{"newNonce":"http://127.0.0.1/nonce","newAccount":"HERE/account","newOrder":"HERE/order"}"#,
            ),
            "an address that is not at https://127.0.0.1",
        ),
    ]
}

/// Accounts, orders and proofs that no authority has.
fn no_orders() -> Vec<Case> {
    vec![
        (
            "another server",
            "/order",
            answer(
                "201 Created",
                &format!("{JSON}location: https://elsewhere.example/order\r\n"),
                ORDER,
            ),
            "is not at",
        ),
        (
            "a dead account",
            "/account",
            answer(
                "200 OK",
                &format!("{JSON}location: HERE/account/1\r\n"),
                r#"{"status":"deactivated"}"#,
            ),
            "the account is deactivated or revoked",
        ),
        (
            "a limit of its own",
            "/order",
            answer(
                "429 Too Many Requests",
                &format!("{JSON}retry-after: 99999999999\r\n"),
                r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"slow\u001b[2J down"}"#,
            ),
            "refuses an order: rateLimited: slow [2J down",
        ),
        (
            "many names",
            "/order/1",
            answer(
                "200 OK",
                JSON,
                r#"{"status":"pending","authorizations":["HERE/a","HERE/b","HERE/c","HERE/d","HERE/e"],"finalize":"HERE/f"}"#,
            ),
            "more names are to be validated",
        ),
        (
            "a path as token",
            "/proof",
            answer(
                "200 OK",
                JSON,
                r#"{"status":"pending","challenges":[{"type":"http-01","url":"HERE/challenge","token":"../../../../etc/ssl/private/key"}]}"#,
            ),
            "its token is none",
        ),
        (
            "no way to prove",
            "/proof",
            answer(
                "200 OK",
                JSON,
                r#"{"status":"pending","challenges":[{"type":"dns-01","url":"HERE/challenge","token":"abcdefghijklmnopqrstuvwxyz"}]}"#,
            ),
            "it offers no http-01",
        ),
    ]
}

#[tokio::test]
async fn a_hostile_server_is_refused_in_words_and_within_bounds() {
    let cases = [no_answers(), no_orders()].concat();
    assert_eq!(cases.len(), 11);
    for (what, path, said, words) in cases {
        let fake = Fake::start(move |asked| {
            if asked == path {
                said.clone()
            } else {
                good(asked)
            }
        })
        .await;
        let refusal = fake.refusal(&limits()).await;
        assert!(refusal.contains(words), "{what}: {refusal}");
        assert!(fake.asked() < 10, "{what}: {} requests", fake.asked());
    }
}

#[tokio::test]
async fn nonces_that_are_refused_for_ever_end_after_eight() {
    let fake = Fake::start(|path| match path {
        "/account" => answer(
            "400 Bad Request",
            JSON,
            r#"{"type":"urn:ietf:params:acme:error:badNonce"}"#,
        ),
        other => good(other),
    })
    .await;
    let refusal = fake.refusal(&limits()).await;
    assert!(
        refusal.contains("it takes none of the nonces that it gives"),
        "{refusal}"
    );
    // Its directory, the first nonce, and one request for each nonce.
    assert_eq!(fake.asked(), 2 + 8);
}

#[tokio::test]
async fn an_order_that_never_ends_and_a_server_that_never_answers_are_left_in_time() {
    let fake = Fake::start(good).await;
    let hasty = Limits {
        acme_order_timeout: Duration::from_secs(2),
        ..limits()
    };
    let refusal = fake.refusal(&hasty).await;
    assert_eq!(
        refusal,
        "nothing was issued within limits.acme_order_seconds"
    );
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = fake.settings.clone();
    settings.directory = format!("https://{}/", silent.local_addr().unwrap())
        .parse()
        .unwrap();
    let hasty = Limits {
        acme_timeout: Duration::from_secs(1),
        ..limits()
    };
    let opened = Session::open(&settings, &hasty).await;
    let refusal = crate::chain(&opened.unwrap_err());
    assert!(
        refusal.contains("nothing whole within limits.acme_seconds"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_server_under_another_authority_is_not_asked() {
    let (fake, other) = (Fake::start(good).await, Fake::start(good).await);
    let mut settings = fake.settings.clone();
    settings.anchors.clone_from(&other.settings.anchors);
    assert!(Session::open(&settings, &limits()).await.is_err());
    assert_eq!(fake.asked(), 0);
}

#[tokio::test]
async fn the_responder_shows_what_is_proved_and_nothing_else() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let responder = Responder::listen(address).await.unwrap();
    responder.show("token", "token.thumbprint".to_owned());
    for (line, status, body) in [
        (
            "GET /.well-known/acme-challenge/token",
            "200",
            "token.thumbprint",
        ),
        ("GET /.well-known/acme-challenge/other", "404", ""),
        (
            "GET /.well-known/acme-challenge/../acme-challenge/token",
            "404",
            "",
        ),
        ("GET /.well-known/acme-challenge/", "404", ""),
        ("GET /", "404", ""),
        ("POST /.well-known/acme-challenge/token", "404", ""),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nhost: node.example\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status}")),
            "{line}: {text}"
        );
        assert!(text.ends_with(&format!("\r\n\r\n{body}")), "{line}: {text}");
    }
    drop(responder);
}

/// Certificates of a year, each another.
fn certificates(count: usize) -> Vec<Checked> {
    let folder = tempfile::tempdir().unwrap();
    let now_s = 1_900_000_000;
    let authority = Authority::create(&folder.path().join("ca"), "Test", now_s).unwrap();
    let trust = Trust::from_pem(authority.root_pem().as_bytes()).unwrap();
    let issue = |_| {
        let order = Order {
            profile: Profile::Web,
            name: None,
            common_name: "test".to_owned(),
            sans: vec!["node.example".to_owned()],
            not_before: now_s,
            not_after: now_s + 360 * 86_400,
        };
        let issued = authority.issue(&order).unwrap();
        let issuers = [authority.issuing_der().to_vec()];
        trust
            .check(&issued.certificate_der, &issuers, Profile::Web, now_s)
            .unwrap()
    };
    (0..count).map(issue).collect()
}

#[test]
fn renewals_are_spread_between_a_third_and_a_fifth_of_the_life_that_is_left() {
    let certificates = certificates(40);
    let left = |one: &Checked| (one.not_after - Plan::of(one).from_s) / 86_400;
    let left: Vec<u64> = certificates.iter().map(left).collect();
    assert!(
        left.iter().all(|days| (72..=120).contains(days)),
        "{left:?}"
    );
    let early = left.iter().filter(|days| **days > 96).count();
    assert!((5..=35).contains(&early), "{left:?}");
    let again = Plan::of(&certificates[0]);
    assert_eq!(
        again,
        Plan::of(&certificates[0]),
        "a restart changes nothing"
    );
}

#[test]
fn the_authoritys_window_counts_but_not_beyond_the_last_fifth() {
    for one in certificates(5) {
        let window = (one.not_before + 100, one.not_before + 10_000);
        let plan = Plan::of(&one).within(&one, window);
        assert!((window.0..window.1).contains(&plan.from_s), "{plan:?}");
        let late = Plan::of(&one).within(&one, (one.not_after, u64::MAX));
        assert_eq!(late.from_s, one.not_after - 72 * 86_400);
    }
}

#[test]
fn an_account_is_made_once_and_its_secret_must_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::new(folder.path().to_owned(), None);
    let first = Account::open(&keys, None).unwrap();
    let again = Account::open(&keys, None).unwrap();
    assert_eq!(first.key_authorization("t"), again.key_authorization("t"));
    assert_eq!(first.key_authorization("t").len(), 2 + 43);
    let other = folder.path().join("acme-account.key");
    std::fs::remove_file(&other).unwrap();
    write_key_file(&other, &OwnKey::generate(Profile::Exchange).unwrap()).unwrap();
    let refused = Account::open(&keys, None).unwrap_err().to_string();
    assert!(refused.contains("not a key of P-256"), "{refused}");
}

/// A keys folder with a certificate in force, and what issues others for the same key.
struct Own {
    _temporary: TempDir,
    folder: Folder,
    authority: Authority,
    trust: Trust,
    node: NodeId,
}

const NOW: u64 = 1_900_000_000;
const DAY_S: u64 = 86_400;

impl Own {
    fn new(days: u64) -> (Self, Checked) {
        let temporary = tempfile::tempdir().unwrap();
        let authority = Authority::create(&temporary.path().join("ca"), "Test", NOW).unwrap();
        let keys = temporary.path().join("keys");
        std::fs::create_dir(&keys).unwrap();
        let own = Self {
            folder: Folder::new(&Keys::new(keys, None)),
            trust: Trust::from_pem(authority.root_pem().as_bytes()).unwrap(),
            authority,
            node: "AZ/GOV/1001/NODE1".parse().unwrap(),
            _temporary: temporary,
        };
        own.lay(Slot::Current, days);
        let current = in_force(&own.folder, Use::Tls, &own.judge(NOW)).unwrap();
        (own, current)
    }

    fn judge(&self, now_s: u64) -> Judge<'_> {
        let (node, trust) = (&self.node, &self.trust);
        Judge { node, trust, now_s }
    }

    /// Lays a certificate of so many days down, with its key; returns it with its issuer.
    fn lay(&self, slot: Slot, days: u64) -> Vec<Vec<u8>> {
        let order = Order {
            profile: Profile::Tls,
            name: Some(CertificateName::Node(self.node.clone())),
            common_name: "test".to_owned(),
            sans: Vec::new(),
            not_before: NOW,
            not_after: NOW + days * DAY_S,
        };
        let issued = self.authority.issue(&order).unwrap();
        let [file, key] = [
            self.folder.certificates_file(Use::Tls, slot),
            self.folder.key_file(Use::Tls, slot),
        ];
        drop(std::fs::remove_file(&key));
        std::fs::write(file, &issued.chain_pem).unwrap();
        write_key_file(&key, &issued.key_pkcs8).unwrap();
        self.folder.chain(Use::Tls, slot).unwrap()
    }

    fn waiting(&self, current: &Checked, now_s: u64) -> Option<bool> {
        let judge = self.judge(now_s);
        let found = waiting(&self.folder, Use::Tls, (&judge, current), None);
        found.map(|(_, has_key)| has_key)
    }
}

#[test]
fn a_certificate_that_has_ended_is_renewed_all_the_same() {
    let (own, current) = Own::new(10);
    let later = NOW + 20 * DAY_S;
    let ended = in_force(&own.folder, Use::Tls, &own.judge(later)).unwrap();
    assert_eq!(ended.sha256, current.sha256);
    assert!(Plan::of(&ended).from_s < later, "it is due");
    std::fs::remove_file(own.folder.certificates_file(Use::Tls, Slot::Current)).unwrap();
    let told = in_force(&own.folder, Use::Tls, &own.judge(later)).unwrap_err();
    assert!(crate::chain(&told).contains("tls.pem"), "{told}");
}

#[test]
fn only_a_good_certificate_that_lasts_longer_and_has_its_key_stands_in_for_a_renewal() {
    let (own, current) = Own::new(10);
    assert_eq!(own.waiting(&current, NOW), None);
    own.lay(Slot::Next, 9);
    assert_eq!(own.waiting(&current, NOW), None, "it ends sooner");
    own.lay(Slot::Next, 20);
    assert_eq!(own.waiting(&current, NOW), Some(true));
    assert_eq!(
        own.waiting(&current, NOW + 21 * DAY_S),
        None,
        "it has ended"
    );
    std::fs::remove_file(own.folder.key_file(Use::Tls, Slot::Next)).unwrap();
    assert_eq!(own.waiting(&current, NOW), Some(false), "its key is lost");
}

#[test]
fn a_certificate_that_does_not_last_longer_is_not_put_in_place() {
    let (own, current) = Own::new(10);
    let given = own.lay(Slot::Next, 9);
    std::fs::remove_file(own.folder.certificates_file(Use::Tls, Slot::Next)).unwrap();
    let judge = own.judge(NOW);
    let shorter = take(
        &own.folder,
        Use::Tls,
        (given.clone(), &judge),
        current.not_after,
    );
    let why = shorter.unwrap_err().why;
    assert!(why.contains("does not last longer"), "{why}");
    let next = own.folder.certificates_file(Use::Tls, Slot::Next);
    assert!(!next.exists(), "nothing was laid down");
    take(
        &own.folder,
        Use::Tls,
        (given, &judge),
        current.not_after - 2 * DAY_S,
    )
    .unwrap();
    assert!(next.exists());
}

#[test]
fn failures_wait_twice_as_long_each_time_up_to_a_bound_and_as_long_as_the_authority_wants() {
    let mut course = Course::default();
    let mut pauses = Vec::new();
    for _ in 0..70 {
        course.failed(NOW, None, [7; 32]);
        pauses.push(course.not_before_s - NOW);
    }
    let mut least = 60;
    for pause in &pauses {
        assert!(
            (least..=least * 3 / 2).contains(pause),
            "{least}: {pauses:?}"
        );
        least = (least * 2).min(6 * 3600);
    }
    course.failed(NOW, Some(Duration::from_hours(24)), [7; 32]);
    assert_eq!(course.not_before_s, NOW + DAY_S);
}

#[test]
fn a_question_without_an_answer_forgets_no_window_and_is_asked_again_sooner() {
    let (_own, current) = Own::new(100);
    let window = (NOW + DAY_S, NOW + 2 * DAY_S);
    let mut course = Course::default();
    course.answered(&current, NOW, &Ok::<_, ()>(Some(window)));
    let planned = course.plan(&current);
    assert!(
        (window.0..window.1).contains(&planned.from_s),
        "{planned:?}"
    );
    let asked_after = course.asks_at(&current);
    course.answered(&current, NOW, &Err(()));
    assert_eq!(course.plan(&current), planned);
    assert!(course.asks_at(&current) < asked_after);
    course.answered(&current, NOW, &Ok::<_, ()>(None));
    assert_eq!(
        course.plan(&current),
        Plan::of(&current),
        "it has no word on it any more"
    );
}

#[tokio::test]
async fn an_authority_that_wants_to_be_left_alone_is_not_sent_the_same_order_again() {
    for (fields, orders) in [("retry-after: 60\r\n", 1), ("", 2)] {
        let ordered_times = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ordered_times);
        let fake = Fake::start(move |path| match path {
            "/directory" => {
                let places = DIRECTORY.replace('}', r#","renewalInfo":"HERE/information"}"#);
                answer("200 OK", JSON, &places)
            }
            "/order" => {
                counted.fetch_add(1, Ordering::SeqCst);
                let problem = r#"{"type":"urn:ietf:params:acme:error:rateLimited"}"#;
                answer("429 Too Many Requests", &format!("{JSON}{fields}"), problem)
            }
            other => good(other),
        })
        .await;
        let account = Account::open(&Keys::new(fake.folder.path().to_owned(), None), None);
        let ordered = Ordered {
            csr: b"a request",
            replaces: Some("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE".to_owned()),
        };
        let refused = obtain(&fake.settings, &limits(), &account.unwrap(), &ordered).await;
        let refused = refused.unwrap_err();
        assert!(crate::chain(&refused).contains("rateLimited"), "{refused}");
        assert_eq!(ordered_times.load(Ordering::SeqCst), orders, "{fields}");
        let asked = (orders == 1).then_some(Duration::from_mins(1));
        assert_eq!(refused.retry_after(), asked);
    }
}

#[tokio::test]
async fn a_wish_to_be_left_alone_counts_a_day_at_most() {
    let fake = Fake::start(|path| match path {
        "/order" => answer(
            "429 Too Many Requests",
            &format!("{JSON}retry-after: 99999999999\r\n"),
            "{}",
        ),
        other => good(other),
    })
    .await;
    let account = Account::open(&Keys::new(fake.folder.path().to_owned(), None), None).unwrap();
    let ordered = Ordered {
        csr: b"a request",
        replaces: None,
    };
    let refused = obtain(&fake.settings, &limits(), &account, &ordered).await;
    let asked = refused.unwrap_err().retry_after();
    assert_eq!(asked, Some(Duration::from_hours(24)));
}

#[tokio::test]
async fn a_conversation_ends_after_two_hundred_requests() {
    let fake = Fake::start(good).await;
    let mut session = Session::open(&fake.settings, &limits()).await.unwrap();
    let url = fake.settings.directory.to_string();
    let refusal = loop {
        let said: Result<serde_json::Value, _> = session.get("its directory", &url).await;
        if let Err(error) = said {
            break crate::chain(&error);
        }
        assert!(fake.asked() <= 200);
    };
    assert!(refusal.contains("asked without end"), "{refusal}");
    assert_eq!(fake.asked(), 200);
}

/// Standard: RFC 9773 §4.1.
#[test]
fn renewal_information_is_asked_for_under_the_name_of_the_standard() {
    let key = [
        0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3, 0x7b, 0x84, 0x7b, 0xa0, 0xae,
        0x2c, 0xde, 0x01, 0xc8, 0xd4,
    ];
    let number = [0x00, 0x87, 0x65, 0x43, 0x21];
    let expected = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";
    assert_eq!(named(&key, &number), expected);
    let ids: Vec<_> = certificates(2)
        .iter()
        .map(|one| certificate_id(&one.der).unwrap())
        .collect();
    let parts: Vec<_> = ids.iter().map(|id| id.split_once('.').unwrap()).collect();
    assert_eq!(parts[0].0, parts[1].0, "one authority");
    assert_ne!(parts[0].1, parts[1].1, "two numbers");
}

#[test]
fn the_secret_of_a_binding_is_base64url_with_or_without_padding_and_long_enough() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::new(folder.path().to_owned(), None);
    let binding = crate::settings::AcmeBinding {
        key_id: "customer".to_owned(),
        key_file: folder.path().join("secret"),
    };
    let bind = |text: &str| {
        std::fs::write(&binding.key_file, text).unwrap();
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&binding.key_file, mode).unwrap();
        let account = Account::open(&keys, Some(&binding)).map_err(|error| error.to_string())?;
        let bound = account
            .binding("https://authority.example/account")
            .unwrap();
        Ok::<_, String>(bound["signature"].as_str().unwrap().to_owned())
    };
    // 16 bytes, among them those that base64 writes otherwise.
    let plain = bind("-_-_-_-_-_-_-_-_-_-_-w\n").unwrap();
    assert_eq!(bind("-_-_-_-_-_-_-_-_-_-_-w==\n").unwrap(), plain);
    for (what, text) in [
        ("15 bytes", "-_-_-_-_-_-_-_-_-_-_"),
        ("another alphabet", "+/+/+/+/+/+/+/+/+/+/+w=="),
        ("too much padding", "-_-_-_-_-_-_-_-_-_-_-w==="),
    ] {
        let refusal = bind(text).unwrap_err();
        assert!(
            refusal.contains("not a secret of at least 16 bytes in base64url"),
            "{what}: {refusal}"
        );
        assert!(!refusal.contains(text), "{what}");
    }
}
