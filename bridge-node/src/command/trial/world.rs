//! Everything a trial needs on disk: an authority, a directory, and a folder for each agency.

use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_certs::{Authority, Order, Profile, write_secret_file};
use bridge_core::identity::{CertificateName, NodeId, SubsystemId};

use crate::command::{Failure, certs, keys};

mod publish;

/// An agency to be made.
#[derive(Debug, Clone)]
pub(in crate::command) struct Plan {
    /// Its folder's name.
    pub(in crate::command) short: String,
    /// A line for people.
    pub(in crate::command) name: String,
    /// `AZ/GOV/1001`.
    pub(in crate::command) member: String,
    /// Code and name of each subsystem; the first is the one that asks unless another is named.
    pub(in crate::command) subsystems: Vec<(String, String)>,
}

/// One agency of a trial.
#[derive(Debug)]
pub(in crate::command) struct Agency {
    pub(in crate::command) folder: PathBuf,
    pub(in crate::command) name: String,
    pub(in crate::command) member: String,
    pub(in crate::command) subsystems: Vec<(String, String)>,
    pub(in crate::command) api_key: String,
    pub(in crate::command) ports: Ports,
}

/// Whether a trial's contracts count without signatures.
#[derive(Debug, Clone, Copy)]
pub(in crate::command) enum Signatures {
    Required,
    Optional,
}

/// Loopback addresses of a node.
#[derive(Debug, Clone, Copy)]
pub(in crate::command) struct Ports {
    pub(in crate::command) consumer: SocketAddr,
    pub(in crate::command) plain: SocketAddr,
    pub(in crate::command) peer: SocketAddr,
    pub(in crate::command) health: SocketAddr,
}

/// The agencies.
#[derive(Debug)]
pub(in crate::command) struct World {
    pub(in crate::command) folder: PathBuf,
    pub(in crate::command) agencies: Vec<Agency>,
    reserved: Reserved,
}

/// The ports of a trial.
#[derive(Debug, Default)]
struct Reserved {
    /// Held until the nodes start, so that nobody else takes the ports meanwhile.
    listeners: Vec<TcpListener>,
    /// The UDP ports of the same numbers, which nobody here speaks: they keep other trials away as long as this one runs, also
    /// while a node takes its port over or is stopped.
    marks: Vec<UdpSocket>,
}

/// The settings of a node, in its agency's folder.
pub(in crate::command) const SETTINGS: &str = "node.toml";
/// Ports that one trial takes at most.
const PORTS_EACH: u32 = 12;
/// Trials that find places of their own at a time.
const PORT_BLOCKS: u32 = 1000;
const FIRST_PORT: u32 = 20_000;
const YEAR_S: u64 = 365 * 86_400;
const HOUR_S: u64 = 3600;

// === impl World ===

impl World {
    /// Makes everything but the nodes' settings in an empty or new folder. `groups` are the directory's: code and members.
    pub(in crate::command) fn create(
        folder: &Path,
        plans: &[Plan],
        groups: &[(String, Vec<SubsystemId>)],
        now_s: u64,
    ) -> Result<Self, Failure> {
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
            "Trial authority",
            now_s.saturating_sub(2 * HOUR_S),
        )
        .map_err(|error| Failure::failed("authority", &error))?;
        let anchors = format!("{}{}", authority.root_pem(), authority.issuing_pem());
        write(&folder.join("trust/anchors.pem"), anchors.as_bytes())?;
        let mut reserved = Reserved::default();
        let mut agencies = Vec::new();
        for plan in plans {
            agencies.push(Agency::create(
                &folder,
                plan,
                &authority,
                now_s,
                &mut reserved,
            )?);
        }
        publish::publish(&folder, &agencies, groups, now_s)?;
        Ok(Self {
            folder,
            agencies,
            reserved,
        })
    }

    /// Lets go of the reserved ports: the nodes take them next.
    pub(in crate::command) fn release_ports(&mut self) {
        self.reserved.listeners.clear();
    }
}

// === impl Agency ===

impl Agency {
    fn create(
        world: &Path,
        plan: &Plan,
        authority: &Authority,
        now_s: u64,
        reserved: &mut Reserved,
    ) -> Result<Self, Failure> {
        let folder = world.join(&plan.short);
        let keys_folder = folder.join("keys");
        make_folder(&keys_folder)?;
        let ports = Ports::reserve(reserved)?;
        let agency = Self {
            folder: folder.clone(),
            name: plan.name.clone(),
            member: plan.member.clone(),
            subsystems: plan.subsystems.clone(),
            api_key: URL_SAFE_NO_PAD.encode(keys::random::<32>()?),
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
            &order(Profile::Tls, Some(node.clone()), &plan.member, Vec::new()),
            &keys_folder,
            "tls",
        )?;
        certs::issue(
            authority,
            &order(Profile::Exchange, Some(node), &plan.member, Vec::new()),
            &keys_folder,
            "exchange",
        )?;
        let seal_name = Some(CertificateName::Member(agency.node()?.member().clone()));
        certs::issue(
            authority,
            &order(Profile::Seal, seal_name, &plan.member, Vec::new()),
            &keys_folder,
            "seal",
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
        keys::ed25519(&keys_folder.join("journal.key"), None)?;
        keys::witness(&keys_folder, &agency.witness_name(), None)?;
        write_secret_file(&keys_folder.join("evidence.key"), &keys::random()?)
            .map_err(|error| Failure::failed("evidence key", &error))?;
        make_folder(&folder.join("contracts"))?;
        Ok(agency)
    }

    pub(in crate::command) fn node(&self) -> Result<NodeId, Failure> {
        format!("{}/NODE1", self.member)
            .parse()
            .map_err(|e| Failure::Failed(format!("node name: {e}")))
    }

    fn witness_name(&self) -> String {
        format!("journal.example/{}/NODE1/witness", self.member)
    }

    /// The subsystem that asks unless another is named.
    pub(in crate::command) fn client(&self) -> String {
        self.clients().next().unwrap_or_default()
    }

    fn clients(&self) -> impl Iterator<Item = String> {
        self.subsystems
            .iter()
            .map(|(code, _)| format!("{}/{code}", self.member))
    }

    /// Gives the node a contract.
    pub(in crate::command) fn write_contract(&self, file: &str, text: &str) -> Result<(), Failure> {
        write(&self.folder.join("contracts").join(file), text.as_bytes())
    }

    /// Writes the node's settings; `services` are the tables `[[services]]` that it holds.
    pub(in crate::command) fn write_settings(
        &self,
        signatures: Signatures,
        services: &str,
    ) -> Result<(), Failure> {
        let officer = keys::ed25519(&self.folder.join("officer.key"), None)?;
        let clients: Vec<String> = self.clients().map(|name| format!("{name:?}")).collect();
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
             [admin]\nhealth_listen = \"{health}\"\n\n[contracts]\nfolder = \"contracts\"\nsignatures = \"{signatures}\"\n\n\
             [[callers]]\nname = \"system by certificate\"\nsubsystems = [{clients}]\ncertificate = \"callers/system.pem\"\n\n\
             [[callers]]\nname = \"system by API key\"\nsubsystems = [{clients}]\napi_key_sha256 = \"{digest}\"\n\n\
             [[officers]]\nname = \"officer\"\npublic_key = \"{officer}\"\n",
            name = self.name,
            member = self.member,
            signatures = match signatures {
                Signatures::Required => "required",
                Signatures::Optional => "optional",
            },
            clients = clients.join(", "),
            digest = crate::callers::api_key_digest(&self.api_key),
            officer = STANDARD.encode(officer),
        );
        text.push_str(services);
        write(&self.folder.join(SETTINGS), text.as_bytes())
    }
}

// === impl Ports ===

impl Ports {
    /// Ports below those that the system hands out by itself, so that nothing else takes them while a node is stopped.
    /// Demonstrations that run at the same time begin at different places.
    fn reserve(reserved: &mut Reserved) -> Result<Self, Failure> {
        let begin = std::process::id() % PORT_BLOCKS * PORTS_EACH;
        let mut candidates = (0..PORT_BLOCKS * PORTS_EACH)
            .map(|step| FIRST_PORT + (begin + step) % (PORT_BLOCKS * PORTS_EACH))
            .filter_map(|port| u16::try_from(port).ok());
        let mut free = || {
            let (mark, listener) = candidates
                .find_map(|port| {
                    let mark = UdpSocket::bind(("127.0.0.1", port)).ok()?;
                    Some((mark, TcpListener::bind(("127.0.0.1", port)).ok()?))
                })
                .ok_or_else(|| Failure::Failed("no free loopback port".to_owned()))?;
            let address = listener
                .local_addr()
                .map_err(|error| Failure::failed("loopback port", &error))?;
            reserved.listeners.push(listener);
            reserved.marks.push(mark);
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

pub(in crate::command) fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| Failure::failed(&path.display().to_string(), &error))
}

pub(in crate::command) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    fs::write(path, bytes).map_err(|error| Failure::failed(&path.display().to_string(), &error))
}
