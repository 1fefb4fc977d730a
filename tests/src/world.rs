//! An authority, a directory, and three agencies: a provider and a consumer whose nodes run, and a stranger whose keys the
//! scenario holds.

use std::fs;

use bridge_certs::Authority;
use bridge_core::identity::SubsystemId;
use bridge_directory::{Directory, Group, OutsideWitness, Publisher, Witnessing};
use tempfile::TempDir;

use crate::agency::{Agency, Plan, witness_name};
use crate::process::reserve_ports;
use crate::registry::Registry;
use crate::terms::{Terms, terms};
use crate::wait::now_s;

/// The provider's subsystem.
pub const PROVIDER: &str = "AZ/GOV/1001/POPULATION";
/// The consumer's subsystem.
pub const CONSUMER: &str = "AZ/GOV/2001/TAX";
/// The stranger's subsystem: in the directory, its keys in the scenario's hands.
pub const STRANGER: &str = "AZ/LEA/3001/SERVICES";
/// The service that the [`Registry`] answers.
pub const SERVICE: &str = "registry";
/// The path of that service.
pub const PATH: &str = "/r1/AZ/GOV/1001/POPULATION/registry";
/// The path of a service of the stranger.
pub const STRANGER_PATH: &str = "/r1/AZ/LEA/3001/SERVICES/registry";
const DAY_S: u64 = 86_400;

/// Everything.
#[derive(Debug)]
pub struct World {
    /// Its folder; goes with it.
    pub folder: TempDir,
    /// Issues certificates.
    pub authority: Authority,
    /// Signs the directory.
    pub publisher: Publisher,
    /// The groups of the directory.
    pub groups: Vec<Group>,
    /// Witnesses in the directory that are no nodes.
    pub witnesses: Vec<OutsideWitness>,
    /// The registry behind the provider's node.
    pub registry: Registry,
    /// Holds the register.
    pub provider: Box<Agency>,
    /// Asks.
    pub consumer: Box<Agency>,
    /// Is in the directory and has no node.
    pub stranger: Box<Agency>,
}

/// What a scenario wants of a world.
#[derive(Debug, Default)]
pub struct Setup {
    contracts: Vec<Terms>,
    provider: Plan,
    consumer: Plan,
    groups: Vec<Group>,
    /// Cosignatures that each journal needs of the two other agencies, and how many of these may lie.
    witnessing: Option<(u32, u32)>,
}

/// The usual contract between consumer and provider.
pub fn usual() -> Terms {
    terms("tax-registry", CONSUMER, PROVIDER, SERVICE)
}

/// A contract between consumer and stranger.
pub fn with_stranger() -> Terms {
    terms("tax-stranger", CONSUMER, STRANGER, SERVICE)
}

// === impl Setup ===

impl Setup {
    /// Puts a contract into the folders of consumer and provider.
    #[must_use]
    pub fn contract(mut self, terms: Terms) -> Self {
        self.contracts.push(terms);
        self
    }

    /// Puts a contract into the provider's folder only.
    #[must_use]
    pub fn provider_contract(mut self, terms: Terms) -> Self {
        self.provider.contracts.push(terms);
        self
    }

    /// Puts a contract into the consumer's folder only.
    #[must_use]
    pub fn consumer_contract(mut self, terms: Terms) -> Self {
        self.consumer.contracts.push(terms);
        self
    }

    /// Adds TOML to the provider's settings.
    #[must_use]
    pub fn provider_settings(mut self, toml: &str) -> Self {
        self.provider.more.push_str(toml);
        self
    }

    /// Adds TOML to the consumer's settings.
    #[must_use]
    pub fn consumer_settings(mut self, toml: &str) -> Self {
        self.consumer.more.push_str(toml);
        self
    }

    /// Adds a line to `[node]` of both nodes.
    #[must_use]
    pub fn node(mut self, line: &str) -> Self {
        for plan in [&mut self.provider, &mut self.consumer] {
            plan.node.push_str(line);
            plan.node.push('\n');
        }
        self
    }

    /// Adds a line to `[consumer]` of both nodes.
    #[must_use]
    pub fn interface(mut self, line: &str) -> Self {
        for plan in [&mut self.provider, &mut self.consumer] {
            plan.consumer.push_str(line);
            plan.consumer.push('\n');
        }
        self
    }

    /// Adds a line to `[limits]` of both nodes.
    #[must_use]
    pub fn limit(mut self, line: &str) -> Self {
        for plan in [&mut self.provider, &mut self.consumer] {
            plan.limits.push_str(line);
            plan.limits.push('\n');
        }
        self
    }

    /// Adds a line to `[limits]` of the provider's node.
    #[must_use]
    pub fn provider_limit(mut self, line: &str) -> Self {
        self.provider.limits.push_str(line);
        self.provider.limits.push('\n');
        self
    }

    /// Adds a line to `[limits]` of the consumer's node.
    #[must_use]
    pub fn consumer_limit(mut self, line: &str) -> Self {
        self.consumer.limits.push_str(line);
        self.consumer.limits.push('\n');
        self
    }

    /// Adds a group to the directory.
    #[must_use]
    pub fn group(mut self, code: &str, members: &[&str]) -> Self {
        let members: Vec<SubsystemId> = members.iter().map(|m| m.parse().unwrap()).collect();
        self.groups.push(Group {
            code: code.to_owned(),
            members,
        });
        self
    }

    /// Has each journal witnessed by the two other agencies; the stranger's node has to be started for its part.
    #[must_use]
    pub fn witnessed(mut self, needed: u32, faulty: u32) -> Self {
        self.witnessing = Some((needed, faulty));
        self
    }

    /// Where the consumer's node reads the directory.
    #[must_use]
    pub fn consumer_source(mut self, source: &str) -> Self {
        self.consumer.source = Some(source.to_owned());
        self
    }

    /// How often both nodes read the directory.
    #[must_use]
    pub fn refresh_every(mut self, seconds: u64) -> Self {
        self.provider.refresh_s = Some(seconds);
        self.consumer.refresh_s = Some(seconds);
        self
    }

    /// Makes the world; nodes do not run yet.
    pub fn make(self) -> impl Future<Output = World> {
        // Many tests hold it: it shall not make their futures large.
        Box::pin(self.made())
    }

    async fn made(self) -> World {
        let now = now_s();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let authority = Authority::create(
            &root.join("authority"),
            "Scenario authority",
            now - 10 * DAY_S,
        )
        .unwrap();
        let anchors = format!("{}{}", authority.root_pem(), authority.issuing_pem());
        fs::write(root.join("anchors.pem"), anchors).unwrap();
        let publisher =
            Publisher::create(&root.join("directory-keys"), &root.join("directory"), now).unwrap();
        fs::write(root.join("root.json"), publisher.root().unwrap()).unwrap();
        let registry = Registry::start().await;
        let agency = |subsystem| Agency::create(root, &authority, subsystem, now);
        let (mut provider, mut consumer, mut stranger) =
            (agency(PROVIDER), agency(CONSUMER), agency(STRANGER));
        let mut plan = self.provider;
        plan.contracts.extend(self.contracts.iter().cloned());
        plan.more = format!("{}\n{}", service(SERVICE, &registry, true), plan.more);
        provider.plan(plan);
        let mut plan = self.consumer;
        plan.contracts.extend(self.contracts);
        consumer.plan(plan);
        if let Some((needed, faulty)) = self.witnessing {
            let names =
                [&provider, &consumer, &stranger].map(|agency| witness_name(&agency.member));
            for (own, agency) in [&mut provider, &mut consumer, &mut stranger]
                .into_iter()
                .enumerate()
            {
                let others = names.iter().enumerate().filter(|(other, _)| *other != own);
                agency.entry.nodes[0].witnessing = Some(Witnessing {
                    by: others.map(|(_, name)| name.clone()).collect(),
                    needed,
                    faulty,
                });
            }
        }
        let groups = self.groups;
        World {
            witnesses: Vec::new(),
            folder,
            authority,
            publisher,
            groups,
            registry,
            provider: Box::new(provider),
            consumer: Box::new(consumer),
            stranger: Box::new(stranger),
        }
    }

    /// Makes the world and starts both nodes; each knows where the other is.
    pub async fn start(self) -> World {
        self.make().await.run().await
    }
}

/// Settings of a service that the registry answers.
pub fn service(code: &str, registry: &Registry, published: bool) -> String {
    format!(
        "[[services]]\nadapter = \"http\"\nsubsystem = \"{PROVIDER}\"\npublished = {published}\ncode = \"{code}\"\n\
         base_url = \"http://{}/base\"\n",
        registry.address
    )
}

// === impl World ===

impl World {
    /// A consumer and a provider with the [`usual`] contract, running.
    pub async fn usual() -> Self {
        Self::with().contract(usual()).start().await
    }

    /// Starts both nodes; each knows where the other is.
    pub async fn run(mut self) -> Self {
        self.publish(now_s());
        self.provider.start().await;
        self.consumer.start().await;
        self.publish(now_s());
        self.refresh().await;
        self
    }

    /// A world without any contract, to be set up.
    pub fn with() -> Setup {
        Setup::default()
    }

    /// The directory as it stands.
    pub fn directory(&self) -> Directory {
        let agencies = [&self.provider, &self.consumer, &self.stranger];
        Directory {
            instance: "AZ".to_owned(),
            members: agencies.iter().map(|agency| agency.entry.clone()).collect(),
            groups: self.groups.clone(),
            witnesses: self.witnesses.clone(),
        }
    }

    /// Gives both nodes ports that they keep as processes, writes their settings, and publishes.
    pub fn settle(&mut self) {
        for agency in [&mut self.provider, &mut self.consumer] {
            agency.ports = reserve_ports();
            agency.entry.nodes[0].address = agency.ports.peer.to_string();
            agency.write_settings();
        }
        self.publish(now_s());
    }

    /// Publishes the directory as if it were `now_s`.
    pub fn publish(&self, now_s: u64) {
        self.publisher.publish(&self.directory(), now_s).unwrap();
    }

    /// Both nodes read the directory again.
    pub async fn refresh(&self) {
        self.provider.refresh().await;
        self.consumer.refresh().await;
    }
}
