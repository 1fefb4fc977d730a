use bridge_certs::{Authority, Order, Profile};
use bridge_core::identity::CertificateName;

use super::*;

/// Connections of a node that has a real TLS identity; nobody is ever asked.
fn peers(folder: &std::path::Path) -> (Peers, PeerAddress) {
    let node: NodeId = "AZ/GOV/1001/NODE1".parse().unwrap();
    let authority = Authority::create(&folder.join("authority"), "Test", 1_000_000).unwrap();
    let order = Order {
        profile: Profile::Tls,
        name: Some(CertificateName::Node(node.clone())),
        common_name: "node".to_owned(),
        sans: Vec::new(),
        not_before: 1_000_000,
        not_after: 2_000_000,
    };
    let issued = authority.issue(&order).unwrap();
    std::fs::write(folder.join("tls.pem"), &issued.chain_pem).unwrap();
    bridge_certs::write_key_file(&folder.join("tls.key"), &issued.key_pkcs8).unwrap();
    let identity = TlsIdentity::read(folder, "tls").unwrap();
    let anchors = format!("{}{}", authority.root_pem(), authority.issuing_pem());
    let trust = Arc::new(Trust::from_pem(anchors.as_bytes()).unwrap());
    let to = PeerAddress {
        node,
        address: "127.0.0.1:1".to_owned(),
        pins: Vec::new(),
    };
    (Peers::new(identity, (trust, None), &Limits::default()), to)
}

/// A line over memory; its other end stays open while the second value lives.
async fn line(to: &PeerAddress) -> (Line, tokio::io::DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(1024);
    let (sender, connection) = http1::handshake(TokioIo::new(ours)).await.unwrap();
    tokio::spawn(connection);
    let now = Instant::now();
    (
        Line {
            sender,
            opened: now,
            rested: now,
            to: to.clone(),
            chain: Vec::new(),
        },
        theirs,
    )
}

#[tokio::test(start_paused = true)]
async fn a_line_in_steady_use_is_dropped_at_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let (peers, to) = peers(folder.path());
    let (mut line, _other_end) = line(&to).await;
    let step = IDLE_LIFE / 2;
    let mut uses = 0;
    loop {
        peers.keep(line);
        tokio::time::advance(step).await;
        match peers.take(&to) {
            Some(taken) => line = taken,
            None => break,
        }
        uses += 1;
    }
    let age = step * (uses + 1);
    assert!(
        age >= CONNECTION_AGE && age < CONNECTION_AGE + 2 * step,
        "{age:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_line_that_rested_too_long_or_goes_elsewhere_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let (peers, to) = peers(folder.path());
    let (rested, _a) = line(&to).await;
    peers.keep(rested);
    tokio::time::advance(IDLE_LIFE + Duration::from_millis(1)).await;
    assert!(peers.take(&to).is_none());
    let (fresh, _b) = line(&to).await;
    peers.keep(fresh);
    let moved = PeerAddress {
        pins: vec![[1; 32]],
        ..to.clone()
    };
    assert!(peers.take(&moved).is_none(), "another pin");
    let (fresh, _c) = line(&to).await;
    peers.keep(fresh);
    assert!(peers.take(&to).is_some());
}

#[tokio::test]
async fn an_address_that_failed_is_known_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let (peers, to) = peers(folder.path());
    assert!(!peers.has_failed(&to));
    assert!(matches!(
        peers.line(&to).await,
        Err(PeerError::Connect { .. })
    ));
    assert!(peers.has_failed(&to));
    tokio::time::pause();
    tokio::time::advance(FAILED_FOR).await;
    assert!(!peers.has_failed(&to));
    peers.sweep();
    assert!(peers.failed.lock().unwrap().is_empty());
    let (line, _other_end) = line(&to).await;
    peers
        .failed
        .lock()
        .unwrap()
        .insert(to.address.clone(), Instant::now());
    peers.keep(line);
    assert!(peers.line(&to).await.is_ok());
    assert!(!peers.has_failed(&to), "it was reached");
}
