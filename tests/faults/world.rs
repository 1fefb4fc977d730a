//! The world that the benchmark's `setup` made: where its nodes are, and what a client sends.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Failure;

/// Two nodes on disk, and how to ask the first for what the second has.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) consumer: End,
    pub(crate) provider: End,
    /// Where the consumer's node takes queries.
    pub(crate) plain: SocketAddr,
    /// Where the provider's node looks for the registry.
    pub(crate) upstream: SocketAddr,
    pub(crate) target: String,
    pub(crate) fields: HeaderMap,
}

/// One node on disk.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) name: &'static str,
    pub(crate) folder: PathBuf,
    pub(crate) health: SocketAddr,
    /// The verifier key of its journal.
    pub(crate) vkey: String,
}

/// Small, so that segments change and are sealed many times a second.
const SEGMENT_BYTES: u64 = 1024 * 1024;

// === impl World ===

impl World {
    /// Reads the addresses that `setup` has written, and makes both nodes' segments small.
    pub(crate) fn prepare(folder: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(folder.join("bench.env"))?;
        let values: BTreeMap<&str, &str> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name, value.trim_matches('\'')))
            .collect();
        let value = |name: &str| {
            let found = values.get(name).copied();
            found.ok_or_else(|| format!("bench.env names no {name}"))
        };
        let mut fields = HeaderMap::new();
        for (field, name) in [
            ("x-road-client", "CLIENT"),
            ("bridge-api-key", "API_KEY"),
            ("bridge-purpose", "PURPOSE"),
            ("bridge-legal-basis", "LEGAL_BASIS"),
        ] {
            let name = value(name)?;
            fields.insert(HeaderName::from_static(field), HeaderValue::from_str(name)?);
        }
        let end = |name: &'static str, health: &str, vkey: &str| -> Result<End, Failure> {
            Ok(End {
                name,
                folder: folder.join(name),
                health: value(health)?.parse()?,
                vkey: value(vkey)?.to_owned(),
            })
        };
        let world = Self {
            consumer: end("consumer", "HEALTH_CONSUMER", "VKEY_CONSUMER")?,
            provider: end("provider", "HEALTH_PROVIDER", "VKEY_PROVIDER")?,
            plain: value("NODES_CONSUMER")?.parse()?,
            upstream: value("UPSTREAM")?.parse()?,
            target: value("TARGET")?.to_owned(),
            fields,
        };
        for end in world.ends() {
            let settings = fs::read_to_string(end.config())?;
            let limits = format!("[limits]\nsegment_bytes = {SEGMENT_BYTES}\n");
            fs::write(end.config(), format!("{settings}\n{limits}"))?;
        }
        Ok(world)
    }

    pub(crate) fn ends(&self) -> [&End; 2] {
        [&self.consumer, &self.provider]
    }
}

// === impl End ===

impl End {
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("node.toml")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("node.log")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.data().join("journal")
    }
}
