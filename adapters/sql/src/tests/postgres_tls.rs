//! TLS to a PostgreSQL server: before the real one stands a relay that speaks it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, UnixStream};
use tokio_rustls::TlsAcceptor;

use super::both::{folder, made};
use super::server::Postgres;
use super::*;

/// What a client asks for TLS with. Standard: PostgreSQL 15 §55.2.10.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// An authority and a server's certificate under it.
struct Certificates {
    root: Vec<u8>,
    server: Arc<ServerConfig>,
}

fn certificates_of(name: &str) -> Certificates {
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = root.self_signed(&key).unwrap();
    let issuer = Issuer::new(root, key);
    let own = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let chain = vec![params.signed_by(&own, &issuer).unwrap().der().clone()];
    let key = PrivateKeyDer::Pkcs8(own.serialize_der().into());
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Certificates {
        root: certificate.der().to_vec(),
        server: Arc::new(server),
    }
}

/// Listens, answers the wish for TLS with `word`, and passes on what is inside to the real server.
fn relay(server: Arc<ServerConfig>, word: u8) -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let socket = Postgres::shared().folder().join(".s.PGSQL.5432");
    // The look at start runs on a runtime of its own: so does this.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let acceptor = TlsAcceptor::from(server);
            while let Ok((mut stream, _)) = listener.accept().await {
                let (acceptor, socket) = (acceptor.clone(), socket.clone());
                tokio::spawn(async move {
                    let mut wish = [0; 8];
                    stream.read_exact(&mut wish).await?;
                    assert_eq!(wish, TLS_REQUEST);
                    stream.write_all(&[word]).await?;
                    let mut inside = acceptor.accept(stream).await?;
                    let mut real = UnixStream::connect(socket).await?;
                    copy_bidirectional(&mut inside, &mut real).await
                });
            }
        });
    });
    port
}

fn faults(url: &str, root: &[u8]) -> String {
    let package = Package::load(&folder("population")).unwrap();
    let address = Address::parse(url, None, Some(root)).unwrap();
    let database = Database::Postgresql(Box::new(address));
    let faults = SqlAdapter::open(&package, database, SqlLimits::default()).unwrap_err();
    assert_eq!((faults.len(), faults[0].code), (1, "database"));
    faults[0].problem.clone()
}

#[tokio::test]
async fn a_host_is_reached_by_tls_under_the_named_authority_and_not_otherwise() {
    let package = Package::load(&folder("population")).unwrap();
    let name = made(&package);
    let certificates = certificates_of("localhost");
    let port = relay(Arc::clone(&certificates.server), b'S');
    let url = format!("postgresql://reader@localhost:{port}/{name}");
    let address = Address::parse(&url, None, Some(&certificates.root)).unwrap();
    let database = Database::Postgresql(Box::new(address));
    let adapter = SqlAdapter::open(&package, database, SqlLimits::default()).unwrap();
    let probe = Probe::get(
        "AZ/GOV/1001/POPULATION/status".parse().unwrap(),
        "AZ/LEA/3001/APPEALS".parse().unwrap(),
        "/5Y64FQ5",
    );
    let answer = ask(&adapter, &probe).await.unwrap();
    assert_eq!((answer.0, &answer.1["status"]), (200, &json("\"abroad\"")));

    // Another authority, and a name that the certificate does not have.
    let other = certificates_of("localhost");
    let numeric = url.replace("localhost", "127.0.0.1");
    for (url, root) in [(&url, &other.root), (&numeric, &certificates.root)] {
        let told = faults(url, root);
        assert!(told.contains("invalid peer certificate"), "{told}");
    }
    // A server that declines TLS is not spoken to without it.
    let port = relay(Arc::clone(&certificates.server), b'N');
    let plain = format!("postgresql://reader@localhost:{port}/{name}");
    let told = faults(&plain, &certificates.root);
    assert!(told.contains("server does not support TLS"), "{told}");
}
