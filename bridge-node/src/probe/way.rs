//! The way to the other node: name, connection, handshake, certificate.

use std::net::SocketAddr;

use bridge_certs::{CertificateError, Checked, Profile, Trust};
use bridge_core::identity::CertificateName;
use rustls::pki_types::CertificateDer;
use rustls::{AlertDescription, Error as TlsFault};
use tokio::net::TcpStream;

use super::{Report, valid_for};
use crate::node::Node;
use crate::peers::{CONNECT_TIMEOUT, PeerAddress};
use crate::tls::{ALPN, Shown, dangerous_look};

/// Walks it as far as it goes.
pub(super) async fn look(node: &Node, to: &PeerAddress, report: &mut Report) {
    if !resolves(to, report).await {
        return;
    }
    let Some(tcp) = connects(to, report).await else {
        return;
    };
    let own = node.peers.identity();
    let handshake = dangerous_look(&own, tcp);
    let shown = match tokio::time::timeout(CONNECT_TIMEOUT, handshake).await {
        Ok(Ok(shown)) => shown,
        Ok(Err(error)) => {
            let (said, remedy) = tls_fault(&error);
            report.fails("TLS", said, remedy);
            return;
        }
        Err(_elapsed) => {
            let said = format!("no handshake within {} s", CONNECT_TIMEOUT.as_secs());
            report.fails("TLS", said, NOT_A_NODE);
            return;
        }
    };
    speaks(&shown, report);
    let now_s = node.clock.now_s();
    if let Some(checked) = certificate(&node.trust, &shown.chain, now_s, report) {
        identity(&checked, to, report);
    }
}

const ADDRESS: &str = "correct the address in the directory, or the name service of this machine";
const LISTEN: &str =
    "start the node there, open the firewall, or correct the address in the directory";
const NOT_A_NODE: &str = "correct the address in the directory: no bridge node answers there";

async fn resolves(to: &PeerAddress, report: &mut Report) -> bool {
    let found = tokio::net::lookup_host(&to.address).await;
    let mut ips: Vec<String> = match found {
        Ok(found) => found
            .map(|address: SocketAddr| address.ip().to_string())
            .collect(),
        Err(error) => {
            let said = format!("{} does not resolve: {error}", to.address);
            report.fails("address", said, ADDRESS);
            return false;
        }
    };
    ips.dedup();
    if ips.is_empty() {
        let said = format!("{} resolves to nothing", to.address);
        report.fails("address", said, ADDRESS);
        return false;
    }
    report.works_with("address", format!("{} is {}", to.address, ips.join(", ")));
    true
}

async fn connects(to: &PeerAddress, report: &mut Report) -> Option<TcpStream> {
    let address = &to.address;
    let said = match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(tcp)) => {
            report.works_with("connection", format!("{address} takes connections"));
            return Some(tcp);
        }
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            format!("nobody listens at {address}")
        }
        Ok(Err(error)) => format!("no connection to {address}: {error}"),
        Err(_elapsed) => format!(
            "{address} did not answer within {} s",
            CONNECT_TIMEOUT.as_secs()
        ),
    };
    report.fails("connection", said, LISTEN);
    None
}

fn tls_fault(error: &std::io::Error) -> (String, &'static str) {
    let fault = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<TlsFault>());
    match fault {
        Some(TlsFault::InvalidMessage(_)) => (
            "what listens there does not speak TLS".to_owned(),
            NOT_A_NODE,
        ),
        Some(TlsFault::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
            ("it speaks TLS and not bridge/1".to_owned(), NOT_A_NODE)
        }
        Some(
            TlsFault::AlertReceived(AlertDescription::ProtocolVersion)
            | TlsFault::PeerIncompatible(_),
        ) => (
            "it does not speak TLS 1.3".to_owned(),
            "its operator upgrades it, or a proxy in between is taken away",
        ),
        _ if error.kind() == std::io::ErrorKind::UnexpectedEof => (
            "it closed the connection in the handshake".to_owned(),
            "look at the log of what listens there",
        ),
        _ => (format!("the handshake failed: {error}"), NOT_A_NODE),
    }
}

fn speaks(shown: &Shown, report: &mut Report) {
    if shown.protocol.as_deref() == Some(ALPN) {
        report.works_with("TLS", "version 1.3, bridge/1".to_owned());
    } else {
        let said = "it speaks TLS 1.3 and not bridge/1".to_owned();
        report.fails("TLS", said, NOT_A_NODE);
    }
}

fn certificate(
    trust: &Trust,
    chain: &[CertificateDer<'_>],
    now_s: u64,
    report: &mut Report,
) -> Option<Checked> {
    let (leaf, rest) = chain.split_first()?;
    let rest: Vec<Vec<u8>> = rest.iter().map(|one| one.to_vec()).collect();
    match trust.check(leaf, &rest, Profile::Tls, now_s) {
        Ok(checked) => {
            let names = checked
                .name
                .as_ref()
                .map_or_else(|| "nobody".to_owned(), CertificateName::to_string);
            let valid = valid_for(now_s, checked.not_after);
            report.works_with(
                "certificate",
                format!("names {names}, {} in the chain, {valid}", chain.len()),
            );
            Some(checked)
        }
        Err(error) => {
            let is_dated = matches!(
                error,
                CertificateError::Expired { .. } | CertificateError::NotYetValid { .. }
            );
            let is_strange = matches!(
                error,
                CertificateError::UnknownIssuer { .. } | CertificateError::BadSignature { .. }
            );
            let remedy = if is_dated {
                "its operator renews the certificate, or the clock of this machine is set"
            } else if is_strange {
                "a stranger may answer there; if not, add its authority to trust.anchors"
            } else {
                "its operator gets a certificate of the profile `tls`, see certs/README.md"
            };
            report.fails("certificate", crate::chain(&error), remedy);
            None
        }
    }
}

fn identity(checked: &Checked, to: &PeerAddress, report: &mut Report) {
    let is_named = checked.name.as_ref() == Some(&CertificateName::Node(to.node.clone()));
    if !is_named {
        report.fails(
            "identity",
            format!("the certificate is not that of {}", to.node),
            "another node answers at this address: correct the address in the directory",
        );
    } else if to.pins.contains(&checked.spki_sha256) {
        let said = "its key is one that the directory pins".to_owned();
        report.works_with("identity", said);
    } else {
        report.fails(
            "identity",
            "its key is not one that the directory pins".to_owned(),
            "its operator has the new key listed; until then somebody else may answer there",
        );
    }
}
