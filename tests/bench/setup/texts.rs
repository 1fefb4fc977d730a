//! What both nodes are told: only what has no default. `defaults.rs` holds these texts to that.

use std::net::SocketAddr;

use super::{Addresses, NodeAddresses};

/// One agency of the benchmark.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) folder: &'static str,
    pub(crate) member: &'static str,
    pub(crate) subsystem: &'static str,
}

pub(crate) const CONSUMER: Party = Party {
    folder: "consumer",
    member: "AZ/GOV/2001",
    subsystem: "SYSTEM",
};
pub(crate) const PROVIDER: Party = Party {
    folder: "provider",
    member: "AZ/GOV/1001",
    subsystem: "REGISTER",
};
pub(crate) const NODE_CODE: &str = "NODE1";
pub(crate) const LOG_DOMAIN: &str = "journal.example";

const PURPOSE: &str = "measuring";
const LEGAL_BASIS: &str = "article-1";
/// The quota has no default; this one is never reached.
const QUOTA: u64 = 1 << 40;

// === impl Party ===

impl Party {
    fn path(&self) -> String {
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
        sections = CONSUMER.sections(addresses),
        plain = addresses.plain,
        client = CONSUMER.path(),
    )
}

/// The settings of the provider's node.
pub(crate) fn provider(addresses: &NodeAddresses, upstream: SocketAddr) -> String {
    format!(
        "{sections}\n[[services]]\nadapter = \"http\"\nsubsystem = \"{subsystem}\"\n\
         code = \"record\"\nbase_url = \"http://{upstream}\"\n",
        sections = PROVIDER.sections(addresses),
        subsystem = PROVIDER.path(),
    )
}

/// The contract between both, as it is signed; `plain` demands a signature of its own for each message.
pub(crate) fn contract(plain: bool) -> String {
    let (client, provider) = (CONSUMER.path(), PROVIDER.path());
    let mut contract = serde_json::json!({
        "contract": {
            "version": 1,
            "id": "benchmark",
            "title": "Records by their number",
            "consumer": { "subsystem": client },
            "provider": provider,
            "service": "record",
            "endpoints": [{
                "method": "GET",
                "path": "/*",
                "subjects": [{ "in": "path", "segment": 0, "type": "number" }]
            }],
            "purposes": [{ "code": PURPOSE, "title": "Measuring the cost of an exchange" }],
            "legal_basis": [{ "code": LEGAL_BASIS, "title": "Article 1" }],
            "fields": "all",
            "quota": { "per_hour": QUOTA, "per_day": QUOTA },
            "hours": "any",
            "evidence": "full",
            "start": "2020-01-01T00:00:00+04:00",
            "end": "2099-01-01T00:00:00+04:00",
            "contact": "bench@register.example"
        },
        "signatures": []
    });
    if plain && let Some(terms) = contract.get_mut("contract") {
        terms["plain_signatures"] = true.into();
    }
    format!("{contract:#}\n")
}

/// Shell variables for the run script: every address, the journals' verifier keys, and what the client sends to both
/// pairs alike.
pub(crate) fn environment(
    addresses: &Addresses,
    api_key: &str,
    verifier_keys: &[(&str, String)],
) -> String {
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
        (
            "HEALTH_PROVIDER".to_owned(),
            addresses.provider.health.to_string(),
        ),
        ("API_KEY".to_owned(), api_key.to_owned()),
        ("CLIENT".to_owned(), CONSUMER.path()),
        (
            "TARGET".to_owned(),
            format!("/r1/{}/record/0001", PROVIDER.path()),
        ),
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
    for (end, key) in verifier_keys {
        lines.push((format!("VKEY_{}", end.to_uppercase()), key.clone()));
    }
    let lines: Vec<String> = lines
        .iter()
        .map(|(name, value)| format!("{name}='{value}'"))
        .collect();
    lines.join("\n") + "\n"
}
