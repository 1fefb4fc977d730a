//! What the nodes are told: only what has no default. `defaults.rs` holds these texts to that.

use std::net::SocketAddr;

use super::{Addresses, NodeAddresses, Shape};
use crate::ANSWER_BYTES;

/// One agency of the benchmark.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) folder: String,
    pub(crate) member: String,
    pub(crate) subsystem: &'static str,
}

pub(crate) const NODE_CODE: &str = "NODE1";
pub(crate) const LOG_DOMAIN: &str = "journal.example";

const SERVICE: &str = "record";
const PURPOSE: &str = "measuring";
const LEGAL_BASIS: &str = "article-1";
/// The quota has no default; this one is never reached.
const QUOTA: u64 = 1 << 40;

// === impl Party ===

impl Party {
    pub(crate) fn consumer() -> Self {
        Self {
            folder: "consumer".to_owned(),
            member: "AZ/GOV/2001".to_owned(),
            subsystem: "SYSTEM",
        }
    }

    /// The provider with this number, from 0 on; the first one's folder is the one that the scripts know.
    pub(crate) fn provider(number: usize) -> Self {
        let folder = match number {
            0 => "provider".to_owned(),
            _ => format!("provider-{number}"),
        };
        Self {
            folder,
            member: format!("AZ/GOV/{}", 1001 + number),
            subsystem: "REGISTER",
        }
    }

    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.member, self.subsystem)
    }

    fn sections(&self, addresses: &NodeAddresses) -> String {
        let Self { member, .. } = self;
        let NodeAddresses { peer, health, .. } = addresses;
        format!(
            "[node]\nid = \"{member}/{NODE_CODE}\"\nlog_domain = \"{LOG_DOMAIN}\"\n\
             data_folder = \"data\"\nkeys_folder = \"keys\"\n\n\
             [trust]\nanchors = \"../trust/anchors.pem\"\n\n\
             [directory]\nroot = \"../trust/root.json\"\nsource = \"../directory\"\n\n\
             [peer]\nlisten = \"{peer}\"\n\n\
             [admin]\nhealth_listen = \"{health}\"\n\n\
             [contracts]\nfolder = \"contracts\"\n"
        )
    }
}

/// The settings of the consumer's node.
pub(crate) fn consumer(addresses: &NodeAddresses, api_key: &str) -> String {
    let digest = bridge_node::callers::api_key_digest(api_key);
    format!(
        "{sections}\n[consumer]\nplain_listen = \"{plain}\"\n\n\
         [[callers]]\nname = \"load\"\nsubsystems = [\"{client}\"]\napi_key_sha256 = \"{digest}\"\n",
        sections = Party::consumer().sections(addresses),
        plain = addresses.plain,
        client = Party::consumer().path(),
    )
}

/// The settings of a provider's node.
pub(crate) fn provider(party: &Party, addresses: &NodeAddresses, upstream: SocketAddr) -> String {
    format!(
        "{sections}\n[[services]]\nadapter = \"http\"\nsubsystem = \"{subsystem}\"\n\
         code = \"{SERVICE}\"\nbase_url = \"http://{upstream}\"\n",
        sections = party.sections(addresses),
        subsystem = party.path(),
    )
}

/// A contract of the consumer with a provider, as it is signed. Number 0 is about the service that is asked for, every other one
/// about a service of its own.
pub(crate) fn contract(shape: &Shape, provider: &Party, number: usize) -> String {
    let (id, service) = match number {
        0 => ("benchmark".to_owned(), SERVICE.to_owned()),
        _ => (format!("benchmark-{number}"), format!("{SERVICE}-{number}")),
    };
    // Under a contract that is not read-only, what has effects is asked for too.
    let methods: &[&str] = if shape.awaited {
        &["GET", "POST"]
    } else {
        &["GET"]
    };
    let subject = serde_json::json!({ "in": "path", "segment": 0, "type": "number" });
    let endpoint =
        |method| serde_json::json!({ "method": method, "path": "/*", "subjects": [subject] });
    let endpoints: Vec<serde_json::Value> = methods.iter().map(endpoint).collect();
    let mut contract = serde_json::json!({
        "contract": {
            "version": 1,
            "id": id,
            "title": "Records by their number",
            "consumer": { "subsystem": Party::consumer().path() },
            "provider": provider.path(),
            "service": service,
            "endpoints": endpoints,
            "purposes": [{ "code": PURPOSE, "title": "Measuring the cost of an exchange" }],
            "legal_basis": [{ "code": LEGAL_BASIS, "title": "Article 1" }],
            "fields": ["/id", "/text"],
            "quota": { "per_hour": QUOTA, "per_day": QUOTA },
            "hours": "any",
            "evidence": shape.evidence,
            "read_only": true,
            "start": "2020-01-01T00:00:00+04:00",
            "end": "2099-01-01T00:00:00+04:00",
            "contact": "bench@register.example"
        },
        "signatures": []
    });
    if let Some(terms) = contract.get_mut("contract") {
        if shape.plain {
            terms["plain_signatures"] = true.into();
        }
        if shape.awaited {
            terms["read_only"] = false.into();
        }
        if shape.whole {
            terms["fields"] = "all".into();
        }
    }
    format!("{contract:#}\n")
}

/// Shell variables for the scripts: every address, the journals' verifier keys, and what the client sends to both
/// pairs alike. `TARGET` is a record of 2 KiB: the number of a record is its length.
pub(crate) fn environment(
    addresses: &Addresses,
    api_key: &str,
    verifier_keys: &[(String, String)],
) -> String {
    let service = format!("/r1/{}/{SERVICE}", Party::provider(0).path());
    let mut lines = vec![
        ("UPSTREAM".to_owned(), addresses.upstream.to_string()),
        (
            "NODES_CONSUMER".to_owned(),
            addresses.consumer.plain.to_string(),
        ),
        (
            "HEALTH_CONSUMER".to_owned(),
            addresses.consumer.health.to_string(),
        ),
        ("API_KEY".to_owned(), api_key.to_owned()),
        ("CLIENT".to_owned(), Party::consumer().path()),
        ("TARGET".to_owned(), format!("{service}/{ANSWER_BYTES}")),
        ("SERVICE".to_owned(), service),
        ("PURPOSE".to_owned(), PURPOSE.to_owned()),
        ("LEGAL_BASIS".to_owned(), LEGAL_BASIS.to_owned()),
    ];
    for (name, ends) in &addresses.proxies {
        for (end, address) in ["CONSUMER", "PROVIDER"].into_iter().zip(ends) {
            lines.push((
                format!("{}_{end}", name.to_uppercase()),
                address.to_string(),
            ));
        }
    }
    for (name, relay) in &addresses.relays {
        lines.push((format!("RELAY_{name}"), relay.to_string()));
    }
    // In the order in which `create` makes the nodes.
    let nodes = std::iter::once(&addresses.consumer).chain(&addresses.providers);
    for ((folder, key), own) in verifier_keys.iter().zip(nodes) {
        let name = folder.to_uppercase().replace('-', "_");
        lines.push((format!("VKEY_{name}"), key.clone()));
        lines.push((format!("HEALTH_{name}"), own.health.to_string()));
        lines.push((format!("PEER_{name}"), own.peer.to_string()));
    }
    let lines: Vec<String> = lines
        .iter()
        .map(|(name, value)| format!("{name}='{value}'"))
        .collect();
    lines.join("\n") + "\n"
}
