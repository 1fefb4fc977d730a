//! Everything the demonstration needs on disk: an authority, a directory, and a folder for each of three agencies.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_certs::{Authority, Order, Profile, write_secret_file};
use bridge_core::identity::{CertificateName, NodeId};

use crate::command::{Failure, certs, keys};

mod publish;

/// One agency of the demonstration.
#[derive(Debug)]
pub(super) struct Agency {
    pub(super) folder: PathBuf,
    pub(super) name: &'static str,
    pub(super) member: &'static str,
    pub(super) subsystem: &'static str,
    pub(super) subsystem_name: &'static str,
    pub(super) api_key: String,
    pub(super) ports: Ports,
}

/// Loopback addresses of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) consumer: SocketAddr,
    pub(super) plain: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) health: SocketAddr,
}

/// The three agencies; the first holds the register.
#[derive(Debug)]
pub(super) struct World {
    pub(super) folder: PathBuf,
    pub(super) agencies: [Agency; 3],
    /// Held until the nodes start, so that nobody else takes the ports meanwhile.
    reserved: Vec<TcpListener>,
}

const PLAN: [(&str, &str, &str, &str, &str); 3] = [
    (
        "population",
        "Əhali Reyestri (population register)",
        "AZ/GOV/1001",
        "POPULATION",
        "Population register",
    ),
    (
        "tax",
        "Vergi Xidməti (tax service)",
        "AZ/GOV/2001",
        "TAX",
        "Tax administration",
    ),
    (
        "executive",
        "Yerli İcra Hakimiyyəti (local executive authority)",
        "AZ/LEA/3001",
        "APPEALS",
        "Citizens' appeals",
    ),
];
const REGISTRY: [(&str, &str); 5] = [
    (
        "manifest.toml",
        include_str!("../../../../adapters/registries/population/manifest.toml"),
    ),
    (
        "openapi.json",
        include_str!("../../../../adapters/registries/population/openapi.json"),
    ),
    (
        "schema.sql",
        include_str!("../../../../adapters/registries/population/schema.sql"),
    ),
    (
        "sample.sql",
        include_str!("../../../../adapters/registries/population/sample.sql"),
    ),
    (
        "scenario.toml",
        include_str!("../../../../adapters/registries/population/scenario.toml"),
    ),
];
const CONTRACTS: [(&str, &str); 2] = [
    (
        "tax-person.json",
        include_str!("../../../../adapters/registries/population/policy/tax-person.json"),
    ),
    (
        "executive-status.json",
        include_str!("../../../../adapters/registries/population/policy/executive-status.json"),
    ),
];
/// Ports of the three nodes of one demonstration.
const PORTS_EACH: u32 = 12;
/// Demonstrations that find places of their own at a time.
const PORT_BLOCKS: u32 = 1000;
const FIRST_PORT: u32 = 20_000;
const YEAR_S: u64 = 365 * 86_400;
const HOUR_S: u64 = 3600;

// === impl World ===

impl World {
    /// Makes everything in an empty or new folder.
    pub(super) fn create(folder: &Path, now_s: u64) -> Result<Self, Failure> {
        make_folder(folder)?;
        if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Failure::Failed(crate::command::hint(
                &format!("{} is not empty", folder.display()),
                "give a new folder; nodes made earlier start with `bridge-node run --config FOLDER/population/node.toml`",
            )));
        }
        let folder = fs::canonicalize(folder).map_err(|e| Failure::failed("folder", &e))?;
        let authority = Authority::create(
            &folder.join("authority"),
            "Demonstration authority",
            now_s.saturating_sub(2 * HOUR_S),
        )
        .map_err(|error| Failure::failed("authority", &error))?;
        let anchors = format!("{}{}", authority.root_pem(), authority.issuing_pem());
        write(&folder.join("trust/anchors.pem"), anchors.as_bytes())?;
        let mut reserved = Vec::new();
        let mut agencies = Vec::new();
        for plan in PLAN {
            agencies.push(Agency::create(
                &folder,
                plan,
                &authority,
                now_s,
                &mut reserved,
            )?);
        }
        let agencies: [Agency; 3] = agencies
            .try_into()
            .map_err(|_count| Failure::Failed("three agencies".to_owned()))?;
        publish::publish(&folder, &agencies, now_s)?;
        for agency in &agencies {
            agency.write_settings(agency.subsystem == "POPULATION")?;
        }
        build_register(&agencies[0].folder)?;
        Ok(Self {
            folder,
            agencies,
            reserved,
        })
    }

    /// Lets go of the reserved ports: the nodes take them next.
    pub(super) fn release_ports(&mut self) {
        self.reserved.clear();
    }
}

// === impl Agency ===

impl Agency {
    fn create(
        world: &Path,
        (short, name, member, subsystem, subsystem_name): (
            &str,
            &'static str,
            &'static str,
            &'static str,
            &'static str,
        ),
        authority: &Authority,
        now_s: u64,
        reserved: &mut Vec<TcpListener>,
    ) -> Result<Self, Failure> {
        let folder = world.join(short);
        let keys_folder = folder.join("keys");
        make_folder(&keys_folder)?;
        let ports = Ports::reserve(reserved)?;
        let agency = Self {
            folder: folder.clone(),
            name,
            member,
            subsystem,
            subsystem_name,
            api_key: URL_SAFE_NO_PAD.encode(keys::random()?),
            ports,
        };
        let order =
            |profile, name: Option<CertificateName>, common_name: &str, sans: Vec<String>| Order {
                profile,
                name,
                common_name: common_name.to_owned(),
                sans,
                not_before: now_s.saturating_sub(HOUR_S),
                not_after: now_s.saturating_add(YEAR_S),
            };
        let node = CertificateName::Node(agency.node()?);
        certs::issue(
            authority,
            &order(Profile::Tls, Some(node.clone()), member, Vec::new()),
            &keys_folder,
            "tls",
        )?;
        certs::issue(
            authority,
            &order(Profile::Exchange, Some(node), member, Vec::new()),
            &keys_folder,
            "exchange",
        )?;
        let web = order(
            Profile::Web,
            None,
            "consumer interface",
            vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
        );
        certs::issue(authority, &web, &keys_folder, "web")?;
        let caller = order(Profile::Caller, None, "information system", Vec::new());
        certs::issue(authority, &caller, &folder.join("callers"), "system")?;
        keys::ed25519(&keys_folder.join("journal.key"))?;
        keys::witness(&keys_folder, &agency.witness_name())?;
        write_secret_file(&keys_folder.join("evidence.key"), &keys::random()?)
            .map_err(|error| Failure::failed("evidence key", &error))?;
        for (file, text) in CONTRACTS {
            write(&folder.join("contracts").join(file), text.as_bytes())?;
        }
        Ok(agency)
    }

    pub(super) fn node(&self) -> Result<NodeId, Failure> {
        format!("{}/NODE1", self.member)
            .parse()
            .map_err(|e| Failure::Failed(format!("node name: {e}")))
    }

    fn witness_name(&self) -> String {
        format!("journal.example/{}/NODE1/witness", self.member)
    }

    pub(super) fn client(&self) -> String {
        format!("{}/{}", self.member, self.subsystem)
    }

    pub(super) fn settings(&self) -> PathBuf {
        self.folder.join("node.toml")
    }

    fn write_settings(&self, holds_register: bool) -> Result<(), Failure> {
        let officer = keys::ed25519(&self.folder.join("officer.key"))?;
        let Ports {
            consumer,
            plain,
            peer,
            health,
        } = self.ports;
        let mut text = format!(
            "# {name}\n\n[node]\nid = \"{member}/NODE1\"\nlog_domain = \"journal.example\"\ndata_folder = \"data\"\nkeys_folder = \"keys\"\n\n\
             [trust]\nanchors = \"../trust/anchors.pem\"\n\n\
             [directory]\nroot = \"../trust/root.json\"\nsource = \"../directory/public\"\nrefresh_seconds = 30\n\n\
             [consumer]\nlisten = \"{consumer}\"\nplain_listen = \"{plain}\"\n\n[peer]\nlisten = \"{peer}\"\n\n\
             [admin]\nhealth_listen = \"{health}\"\n\n[contracts]\nfolder = \"contracts\"\n\n\
             [[callers]]\nname = \"system by certificate\"\nsubsystems = [\"{client}\"]\ncertificate = \"callers/system.pem\"\n\n\
             [[callers]]\nname = \"system by API key\"\nsubsystems = [\"{client}\"]\napi_key_sha256 = \"{digest}\"\n\n\
             [[officers]]\nname = \"officer\"\npublic_key = \"{officer}\"\n",
            name = self.name,
            member = self.member,
            client = self.client(),
            digest = crate::callers::api_key_digest(&self.api_key),
            officer = STANDARD.encode(officer),
        );
        if holds_register {
            text.push_str(
                "\n[[services]]\nadapter = \"sql\"\nsubsystem = \"AZ/GOV/1001/POPULATION\"\npublished = true\n\
                 package = \"registry\"\ndatabase = \"population.db\"\n",
            );
        }
        write(&self.settings(), text.as_bytes())
    }
}

// === impl Ports ===

impl Ports {
    /// Ports below those that the system hands out by itself, so that nothing else takes them while a node is stopped.
    /// Demonstrations that run at the same time begin at different places.
    fn reserve(reserved: &mut Vec<TcpListener>) -> Result<Self, Failure> {
        let begin = std::process::id() % PORT_BLOCKS * PORTS_EACH;
        let mut candidates = (0..PORT_BLOCKS * PORTS_EACH)
            .map(|step| FIRST_PORT + (begin + step) % (PORT_BLOCKS * PORTS_EACH))
            .filter_map(|port| u16::try_from(port).ok());
        let mut free = || {
            let listener = candidates
                .find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
                .ok_or_else(|| Failure::Failed("no free loopback port".to_owned()))?;
            let address = listener
                .local_addr()
                .map_err(|error| Failure::failed("loopback port", &error))?;
            reserved.push(listener);
            Ok(address)
        };
        Ok(Self {
            consumer: free()?,
            plain: free()?,
            peer: free()?,
            health: free()?,
        })
    }
}

fn build_register(folder: &Path) -> Result<(), Failure> {
    let package = folder.join("registry");
    for (file, text) in REGISTRY {
        write(&package.join(file), text.as_bytes())?;
    }
    let package = bridge_adapter::Package::load(&package).map_err(|faults| {
        Failure::Failed(
            faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
        )
    })?;
    bridge_adapter_sql::sample::build(&package, &folder.join("population.db"))
        .map_err(|error| Failure::failed("population.db", &error))
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| Failure::failed(&path.display().to_string(), &error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    fs::write(path, bytes).map_err(|error| Failure::failed(&path.display().to_string(), &error))
}
