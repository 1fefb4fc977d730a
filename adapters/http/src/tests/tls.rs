use std::os::unix::fs::PermissionsExt as _;

use bridge_adapter::AdapterError;

use super::authority::{Authority, replace};
use super::server::Server;
use super::{call, probe, text};
use crate::{HttpAdapter, HttpConfig, TlsConfig};

fn config(server: &Server, tls: TlsConfig) -> HttpConfig {
    let url = server
        .url()
        .replace("http://127.0.0.1", "https://localhost");
    let mut config = HttpConfig {
        tls,
        ..HttpConfig::new(url)
    };
    config.retry.attempts = 1;
    config.pool.age = std::time::Duration::ZERO;
    config
}

fn trusting(authority: &Authority) -> TlsConfig {
    TlsConfig {
        ca_certificates: vec![authority.der.to_vec()],
        ..TlsConfig::default()
    }
}

async fn refused(config: HttpConfig) {
    let adapter = HttpAdapter::new(config).unwrap();
    let error = call(&adapter, &probe("/good")).await.unwrap_err();
    let refused = matches!(
        error,
        AdapterError::Unreachable { .. } | AdapterError::Cut { .. }
    );
    assert!(refused, "{error:?}");
}

#[tokio::test]
async fn a_chain_to_a_named_authority_is_trusted_and_no_other() {
    let authority = Authority::new();
    let server = Server::start_tls(authority.acceptor("localhost", false)).await;
    let right = HttpAdapter::new(config(&server, trusting(&authority))).unwrap();
    assert_eq!(text(&right, &probe("/good")).await, "yaxşı");
    refused(config(&server, trusting(&Authority::new()))).await;
    let misnamed = Server::start_tls(authority.acceptor("elsewhere.example", false)).await;
    refused(config(&misnamed, trusting(&authority))).await;
}

#[tokio::test]
async fn a_registry_that_demands_a_certificate_is_shown_ours() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let server = Server::start_tls(authority.acceptor("localhost", true)).await;
    let with = |tls: TlsConfig| TlsConfig {
        client: Some(authority.issue("node.example").write(folder.path())),
        ..tls
    };
    let right = HttpAdapter::new(config(&server, with(trusting(&authority)))).unwrap();
    assert_eq!(text(&right, &probe("/good")).await, "yaxşı");
    refused(config(&server, trusting(&authority))).await;
    let stranger = Authority::new().issue("node.example").write(folder.path());
    let strange = TlsConfig {
        client: Some(stranger),
        ..trusting(&authority)
    };
    refused(config(&server, strange)).await;
}

#[tokio::test]
async fn a_client_certificate_that_was_renewed_is_shown_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new(), Authority::new());
    let before = Server::start_tls(old.acceptor("localhost", true)).await;
    let after = Server::start_tls(new.acceptor("localhost", true)).await;
    let files = old.issue("node.example").write(folder.path());
    let adapter = |server: &Server, authority: &Authority| {
        let tls = TlsConfig {
            client: Some(files.clone()),
            ..trusting(authority)
        };
        HttpAdapter::new(config(server, tls)).unwrap()
    };
    let (before, after) = (adapter(&before, &old), adapter(&after, &new));
    assert_eq!(text(&before, &probe("/good")).await, "yaxşı");
    assert!(call(&after, &probe("/good")).await.is_err());
    // A key without its certificate is no pair: the one before stays in force.
    replace(&files.key, "no key");
    assert_eq!(text(&before, &probe("/good")).await, "yaxşı");
    new.issue("node.example").write(folder.path());
    assert_eq!(text(&after, &probe("/good")).await, "yaxşı");
    assert!(call(&before, &probe("/good")).await.is_err());
}

#[tokio::test]
async fn a_key_that_others_can_read_or_that_does_not_fit_is_refused_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let server = Server::start_tls(authority.acceptor("localhost", true)).await;
    let files = authority.issue("node.example").write(folder.path());
    let problem = || {
        let tls = TlsConfig {
            client: Some(files.clone()),
            ..trusting(&authority)
        };
        let faults = HttpAdapter::new(config(&server, tls)).unwrap_err();
        assert_eq!((faults.len(), faults[0].code), (1, "tls"));
        faults[0].problem.clone()
    };
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(problem().contains("can be read by others; run chmod 600"));
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    replace(&files.key, &other);
    assert!(problem().contains("client.pem"), "{}", problem());
    std::fs::remove_file(&files.key).unwrap();
    assert!(problem().contains("client.key"));
}
