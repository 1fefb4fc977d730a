//! A registry package behind a real node: every consumer of its scenario has a node of its own.
//!
//! ```ignore
//! let trial = run_package("taxpayers").await; // nodes, every step of scenario.toml, both journals, `audit verify`
//! ```
//!
//! A package of another kind than `sql`, or a scenario that does more, takes the parts of [`run_package`] one by one:
//! [`Trial::start_with`], [`Trial::play`], claims of its own, [`Trial::verify`].

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bridge_adapter::Package;
use bridge_adapter::scenario::{Expected, Scenario, Step};
use bridge_adapter_sql::{Access, Address, Database, sample};
use bridge_certs::Authority;
use bridge_core::identity::SubsystemId;
use bridge_directory::{Directory, Group, Publisher};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tempfile::TempDir;

use crate::agency::{Agency, Plan};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::claims;
use crate::postgres::{OWNER, Postgres};
use crate::process::program;
use crate::wait::now_s;

/// A package, a provider's node that serves it, and a node for each consumer of its scenario.
#[derive(Debug)]
pub struct Trial {
    /// The package.
    pub package: Package,
    /// Its scenario.
    pub scenario: Scenario,
    /// Serves the package.
    pub provider: Box<Agency>,
    /// Ask; in the order of their names.
    pub consumers: Vec<Agency>,
    /// The nodes' time: it stands still in working hours, since contracts may demand them.
    pub now_s: u64,
    folder: TempDir,
}

const DAY_S: u64 = 86_400;
/// Requests with documents are held against the OpenAPI text, which takes them in memory.
const DOCUMENTS_BYTES: u64 = 5_000_000;
/// Many callers at once are the point of some trials: a slow disk of the machine is not to turn them away.
const PATIENCE_MS: u64 = 10_000;
/// 1 January 1970 was a Thursday.
const DAYS_TO_WEDNESDAY: u64 = 6;
/// 10:00 in Bakı, in UTC.
const MORNING_S: u64 = 6 * 3600;

/// Serves a package from its sample database, plays its scenario over two nodes a step, and has both journals verified.
pub async fn run_package(name: &str) -> Trial {
    let trial = Trial::start(name).await;
    trial.play().await;
    trial.verify();
    trial
}

/// The folder of a package of the repository.
pub fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../adapters/registries")
        .join(name)
}

/// A package of the repository with the Python library in it, as it goes to an agency: a copy in `place`.
pub fn with_library(name: &str, place: &Path) -> PathBuf {
    let whole = place.join(name);
    copy(&folder(name), &whole);
    let output = std::process::Command::new(program())
        .args(["adapter", "library"])
        .arg(&whole)
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    whole
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, to) = (
            entry.as_ref().unwrap().path(),
            to.join(entry.as_ref().unwrap().file_name()),
        );
        if entry.is_dir() {
            copy(&entry, &to);
        } else {
            fs::copy(&entry, &to).unwrap();
        }
    }
}

/// Settings of a `sql` package whose sample database is built in the folder.
pub fn sample_database(package: &Package, provider: &SubsystemId, folder: &Path) -> String {
    let database = folder.join("registry.db");
    sample::build(package, &database).unwrap_or_else(|error| panic!("{error}: {error:?}"));
    let database = database.display().to_string();
    services(package, provider, (&database, &database))
}

/// Settings of a `sql` package in a new database of the shared PostgreSQL server: one role asks, another one changes.
pub fn postgres_database(package: &Package, provider: &SubsystemId, folder: &Path) -> String {
    let (name, reader, writer) = postgres_sample(package);
    fs::write(folder.join(DATABASE_NAME), &name).unwrap();
    services(package, provider, (&reader, &writer))
}

/// As [`postgres_database`], for an adapter without a node.
pub fn postgres_access(package: &Package) -> Access {
    let (_, reader, writer) = postgres_sample(package);
    let database = |url: &str| {
        let address = Address::parse(url, None, None).unwrap_or_else(|fault| panic!("{fault}"));
        Database::Postgresql(Box::new(address))
    };
    Access {
        queries: database(&reader),
        submissions: Some(database(&writer)),
    }
}

/// A new database with the package's sample: its name, and its addresses for the role that asks and the one that changes.
fn postgres_sample(package: &Package) -> (String, String, String) {
    let server = Postgres::shared();
    let name = server.database();
    let owner = server.url(OWNER, &name);
    let owner = Address::parse(&owner, None, None).unwrap_or_else(|fault| panic!("{fault}"));
    let database = Database::Postgresql(Box::new(owner));
    sample::build(package, database).unwrap_or_else(|error| panic!("{error}: {error:?}"));
    for role in ["reader", "writer"] {
        server.role(role);
    }
    server.run(
        &name,
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer;",
    );
    let (reader, writer) = (server.url("reader", &name), server.url("writer", &name));
    (name, reader, writer)
}

/// Where [`postgres_database`] notes the database's name in the trial's folder.
pub const DATABASE_NAME: &str = "postgres-database";

fn services(
    package: &Package,
    provider: &SubsystemId,
    (queries, submissions): (&str, &str),
) -> String {
    let mut operations = package.settings["operation"].as_array().unwrap().iter();
    let submissions = if operations.any(|operation| operation.get("effect").is_some()) {
        format!("submissions = \"{submissions}\"\n")
    } else {
        String::new()
    };
    format!(
        "[[services]]\nadapter = \"sql\"\nsubsystem = \"{provider}\"\npublished = true\n\
         package = \"{}\"\ndatabase = \"{queries}\"\n{submissions}",
        package.folder.display()
    )
}

// === impl Trial ===

impl Trial {
    /// Starts a provider that serves the package from its sample database, and its consumers.
    pub async fn start(name: &str) -> Self {
        Self::start_with(name, sample_database).await
    }

    /// As [`Trial::start`]; `services` makes ready what the package needs in the trial's folder and says the provider's
    /// settings.
    pub async fn start_with(
        name: &str,
        services: impl FnOnce(&Package, &SubsystemId, &Path) -> String,
    ) -> Self {
        let mut trial = Self::made(name, services);
        trial.publish();
        trial.provider.start().await;
        for consumer in &mut trial.consumers {
            consumer.start().await;
        }
        trial.publish();
        trial.provider.refresh().await;
        for consumer in &trial.consumers {
            consumer.refresh().await;
        }
        trial
    }

    fn made(name: &str, services: impl FnOnce(&Package, &SubsystemId, &Path) -> String) -> Self {
        let package = Package::load(&folder(name)).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let scenario = Scenario::load(&package).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let now_s = working_hours();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let authority =
            Authority::create(&root.join("authority"), "Trial", now_s - 10 * DAY_S).unwrap();
        let anchors = format!("{}{}", authority.root_pem(), authority.issuing_pem());
        fs::write(root.join("anchors.pem"), anchors).unwrap();
        let publisher =
            Publisher::create(&root.join("directory-keys"), &root.join("directory"), now_s)
                .unwrap();
        fs::write(root.join("root.json"), publisher.root().unwrap()).unwrap();
        let agency = |subsystem: &SubsystemId, more: String| {
            let mut agency = Agency::create(root, &authority, &subsystem.to_string(), now_s);
            agency.plan(Plan {
                more,
                limits: format!(
                    "body_memory_bytes = {DOCUMENTS_BYTES}\njournal_wait_milliseconds = {PATIENCE_MS}\n"
                ),
                ..Plan::default()
            });
            agency.set_clock(now_s);
            for file in contract_files(&package) {
                let name = file.file_name().unwrap();
                fs::copy(&file, agency.folder.join("contracts").join(name)).unwrap();
            }
            agency
        };
        let settings = services(&package, &scenario.provider, root);
        let provider = Box::new(agency(&scenario.provider, settings));
        let clients: BTreeSet<&SubsystemId> = scenario
            .steps
            .iter()
            .map(|step| &step.probe.client)
            .collect();
        let consumers = clients
            .into_iter()
            .map(|client| agency(client, String::new()))
            .collect();
        Self {
            package,
            scenario,
            provider,
            consumers,
            now_s,
            folder,
        }
    }

    /// Publishes the directory: every agency, and the scenario's groups.
    fn publish(&self) {
        let consumers = || self.consumers.iter();
        let group = |(code, members): &(String, Vec<SubsystemId>)| Group {
            code: code.clone(),
            members: members.clone(),
        };
        let directory = Directory {
            instance: "AZ".to_owned(),
            members: std::iter::once(&*self.provider)
                .chain(consumers())
                .map(|agency| agency.entry.clone())
                .collect(),
            groups: self.scenario.groups.iter().map(group).collect(),
            witnesses: Vec::new(),
        };
        let root = self.folder.path();
        let publisher = Publisher::open(&root.join("directory-keys"), &root.join("directory"));
        publisher.unwrap().publish(&directory, self.now_s).unwrap();
    }

    /// The trial's folder, for what [`Trial::start_with`] made there.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The sample database of a `sql` package, opened for claims about what the registry holds.
    pub fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder().join("registry.db")).unwrap()
    }

    /// The consumer that is this subsystem.
    pub fn consumer(&self, subsystem: &str) -> &Agency {
        let mut consumers = self.consumers.iter();
        let found = consumers.find(|agency| agency.subsystem.to_string() == subsystem);
        found.unwrap_or_else(|| panic!("{subsystem} is no consumer of the scenario"))
    }

    /// The path at a consumer's node of something that the package serves.
    pub fn path(&self, service: &str, rest: &str) -> String {
        format!("/r1/{}/{service}{rest}", self.scenario.provider)
    }

    /// Makes every request of the scenario, in order, each at the node of its consumer, and compares what comes.
    pub async fn play(&self) {
        assert!(!self.scenario.steps.is_empty());
        for step in &self.scenario.steps {
            let consumer = self.consumer(&step.probe.client.to_string());
            let answer = self.ask(consumer, step).send().await;
            check(step, &answer);
            if answer.field("x-road-error").is_none() {
                claims::ends_agree(consumer, &self.provider, &answer);
            } else if step.registry.is_some() {
                // It reached the adapter: the provider's journal says that it was refused, and so does the consumer's.
                for agency in [consumer, &*self.provider] {
                    let kinds = claims::kinds(agency, answer.request_id());
                    assert_eq!(kinds.len(), 2, "{}: {kinds:?}", step.title);
                }
            } else {
                let leaves = claims::leaves(consumer, answer.request_id());
                assert!(!leaves.is_empty(), "{}: nothing journaled", step.title);
            }
        }
    }

    /// The request of a step, as its consumer's information system makes it.
    pub fn ask<'a>(&self, consumer: &'a Agency, step: &Step) -> Ask<'a> {
        let probe = &step.probe;
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs = probe
            .query
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        let target = format!("/r1/{}{}{mark}{query}", probe.service, probe.path);
        let fields = [
            ("bridge-purpose", &probe.purpose),
            ("bridge-legal-basis", &probe.legal_basis),
            ("x-road-userid", &probe.user_id),
            ("x-road-represented-party", &probe.represented_party),
            ("idempotency-key", &probe.key),
        ];
        let mut ask = consumer.ask(probe.method.as_str(), &target);
        for (name, value) in fields {
            if let Some(value) = value {
                ask = ask.field(name, value);
            }
        }
        if let Some(kind) = &probe.content_type {
            ask = ask.field("content-type", kind.to_str().unwrap());
        }
        ask.body(probe.body.whole().unwrap())
    }

    /// Has every journal verified by `bridge-node audit verify`, with its evidence.
    pub fn verify(&self) {
        for agency in std::iter::once(&*self.provider).chain(&self.consumers) {
            let mut command = std::process::Command::new(program());
            command.current_dir(&agency.folder);
            command.args(["audit", "verify", "data/journal"]);
            command.args(["--evidence-key", "keys/evidence.key"]);
            command.args(["--key", &agency.entry.nodes[0].journal]);
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {said}", agency.member);
        }
    }
}

/// Holds an answer against what the step says; without `consumer` all that the registry says must arrive.
#[track_caller]
fn check(step: &Step, answer: &Answer) {
    let title = &step.title;
    let expected = step.consumer.as_ref().or(step.registry.as_ref());
    let Some(Expected {
        status,
        body,
        error,
    }) = expected
    else {
        panic!("{title}: neither registry nor consumer says what must come");
    };
    let refused = answer.field("x-road-error");
    if step.consumer.is_none() && error.is_some() {
        // An adapter's error has its own words; to the consumer it is a refusal of the provider's node.
        let code = refused.unwrap_or_default();
        assert!(
            code.starts_with("server.serverproxy."),
            "{title}: {answer:?}"
        );
        return;
    }
    assert_eq!(
        (answer.status, refused),
        (*status, error.as_deref()),
        "{title}: {answer:?}"
    );
    if let Some(body) = body {
        assert_eq!(answer.json(), *body, "{title}");
    }
}

fn contract_files(package: &Package) -> Vec<PathBuf> {
    let listed = fs::read_dir(package.folder.join("policy")).unwrap();
    let mut files: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The last Wednesday, 10:00 in Bakı: near enough that certificates and contracts of today hold.
fn working_hours() -> u64 {
    let now_s = now_s();
    let since_wednesday = (now_s / DAY_S - DAYS_TO_WEDNESDAY) % 7;
    let morning_s = now_s - now_s % DAY_S - since_wednesday * DAY_S + MORNING_S;
    if morning_s > now_s {
        morning_s - 7 * DAY_S
    } else {
        morning_s
    }
}
