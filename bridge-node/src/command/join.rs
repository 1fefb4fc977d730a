//! `join`: a node asks the directory's officers to list it, and learns what they said.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bridge_core::leaf::LEAF_VERSION;
use bridge_directory::client::ROOT_LIMIT_BYTES;
use bridge_directory::directory::{is_address, is_host_name};
use bridge_directory::join::{Asked, JoinError, Purpose, Request, Wanted};
use bridge_directory::metadata::hex;
use bridge_directory::{Client, Fetch, FolderSource, Subsystem, Trusted};
use bridge_journal::WitnessKey;
use bridge_signature::Signer;
use clap::Args;

use super::directory::{plain, read, write};
use super::{Failure, hint, say};
use crate::clock::Clock;
use crate::epochs;
use crate::fetch::HttpSource;
use crate::settings::{DirectorySource, Settings};

mod key;

use key::{Own, certificate, no_key, signer};

pub(super) const EXAMPLES: &str = "Examples:\n  bridge-node join --config node.toml --to join.json --name \"Customs committee\" --subsystem \"CARGO=Cargo declarations\" --address bridge.customs.example:5443\n  bridge-node join --config node.toml --to second.json --address bridge2.customs.example:5443\n  bridge-node join --config node.toml --status join.json\n\nWith --name the member is to be listed too; without it, another node of a listed member. The request is no secret: send it to\nthe directory's officers. Exit code of --status: 0 approved, 1 refused or not answered yet.";

/// The largest file that goes into a request, in bytes.
const FILE_LIMIT: usize = 64 * 1024;

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["to", "status"])))]
pub(super) struct Options {
    /// The settings file of the node that joins.
    #[arg(long, visible_alias = "settings", value_name = "FILE")]
    config: PathBuf,
    /// Write a request, signed with each of the node's keys.
    #[arg(long, value_name = "FILE", requires = "address")]
    to: Option<PathBuf>,
    /// Tell what became of a request that was written before.
    #[arg(long, value_name = "FILE")]
    status: Option<PathBuf>,
    /// The member's name, for people: the member is to be listed too.
    #[arg(long, requires = "to")]
    name: Option<String>,
    /// A subsystem of the member; once for each.
    #[arg(long, value_name = "CODE=NAME", requires = "name")]
    subsystem: Vec<String>,
    /// Where other nodes reach this one, `host:port`.
    #[arg(long, value_name = "ADDRESS", requires = "to")]
    address: Option<String>,
    /// The name that requests to the node are signed for, as of DNS; made from its id if it is not given.
    #[arg(long, value_name = "NAME", requires = "to")]
    host: Option<String>,
    /// A request for a certificate (PEM), for the certificate authority; once for each.
    #[arg(long, value_name = "FILE", requires = "to")]
    csr: Vec<PathBuf>,
    /// PEM file of the member's seal: officers see that the member itself asks.
    #[arg(long, value_name = "FILE", requires_all = ["to", "seal_key"])]
    seal: Option<PathBuf>,
    /// The seal's key file.
    #[arg(long, value_name = "FILE", requires = "seal")]
    seal_key: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let settings = Settings::load(&options.config).map_err(Failure::Settings)?;
    let now_s = Clock::default().now_s();
    match (&options.to, &options.status) {
        (Some(to), _) => ask(options, &settings, to, now_s),
        (None, Some(request)) => status(&settings, request, now_s),
        (None, None) => Err(Failure::Usage(hint(
            "--to or --status is missing",
            "`--to FILE` writes a request, `--status FILE` asks what became of one",
        ))),
    }
}

/// Writes a request.
fn ask(options: &Options, settings: &Settings, to: &Path, now_s: u64) -> Result<(), Failure> {
    if to.exists() {
        let what = format!("{} is there already", to.display());
        let remedy = "its answer is found by this very file: give another name";
        return Err(Failure::Failed(hint(&what, remedy)));
    }
    let keys = Keys::read(settings)?;
    let root = pinned_root(settings)?;
    let wanted = keys.wanted(options, settings)?;
    let member = settings.node.member().clone();
    let mut asked = Asked::new(&root, member, wanted, now_s).map_err(|error| refused(&error))?;
    asked.name.clone_from(&options.name);
    asked.subsystems = options.subsystems()?;
    for csr in &options.csr {
        let text = read(csr, FILE_LIMIT, "--csr is a request for a certificate, PEM")?;
        let text = String::from_utf8(text)
            .map_err(|_error| Failure::Usage(format!("{}: not PEM", csr.display())))?;
        asked.csrs.push(text);
    }
    let sealed = options.sealed(&asked, now_s, settings.keys.module())?;
    let digest = asked.digest();
    let mut request = Request::prove(asked, &keys.signers()).map_err(|error| refused(&error))?;
    if let Some(seal) = sealed {
        request = request.sealed(&seal);
    }
    write(to, &request.to_bytes().map_err(|error| refused(&error))?)?;
    say(format_args!(
        "wrote {}: {} asks to be listed, signed by {} keys",
        to.display(),
        settings.node,
        keys.signers().len()
    ));
    say(format_args!("digest {}", hex(&digest)));
    say(
        "next: send it to the directory's officers, and keep it: `bridge-node join --status` finds their answer by it",
    );
    Ok(())
}

/// Reads the directory anew, and tells how it stands with a request.
fn status(settings: &Settings, path: &Path, now_s: u64) -> Result<(), Failure> {
    let bytes = read(
        path,
        bridge_directory::join::REQUEST_LIMIT_BYTES,
        "--status is the file that `bridge-node join --to` wrote",
    )?;
    let asked = Request::parse(&bytes)
        .map_err(|error| refused(&error))?
        .asked;
    let node = asked.node_id().map_err(|error| refused(&error))?;
    if node != settings.node {
        let what = format!(
            "{} is the request of {node}, not of {}",
            path.display(),
            settings.node
        );
        return Err(Failure::Usage(what));
    }
    let (trusted, refusal) = look(settings, &asked, now_s)?;
    let version = trusted.version;
    let directory = &trusted.directory;
    let suspended = directory
        .member(node.member())
        .is_some_and(|member| member.suspended);
    if suspended {
        let what = format!(
            "{} is suspended, as of directory version {version}",
            node.member()
        );
        return Err(Failure::Failed(hint(&what, "ask the directory's officers")));
    }
    match (directory.node(&node), refusal) {
        (Some(listed), _) if asked.is_listed_as(listed) => {
            say(format_args!(
                "approved: {node} is listed as of directory version {version}, at {}",
                listed.address
            ));
            // Officers may have struck it: it stops no exchange, and is no reason to ask anew.
            if asked.node.witness.is_some() && asked.node.witness != listed.witness {
                say(
                    "but not with the witness key of the request: nobody counts what the node cosigns until its officers list the key (`directory propose … file`)",
                );
            }
            say("next: start the node");
            Ok(())
        }
        (_, Some(refused)) => {
            let refusal = &refused.refusal;
            let what = format!(
                "refused at {} by {}: {}",
                refusal.decided,
                plain(&refused.officer),
                plain(&refusal.reason)
            );
            Err(Failure::Failed(hint(
                &what,
                "mend it, and write a new request",
            )))
        }
        (Some(_), None) => Err(Failure::Failed(hint(
            &format!("{node} is listed with other keys, as of directory version {version}"),
            "ask with the keys that the node has now, or give it back those that are listed",
        ))),
        (None, None) => Err(Failure::Busy(hint(
            &format!("waiting: no answer as of directory version {version}"),
            "ask again later, or ask the officers whether the request arrived",
        ))),
    }
}

/// The newest directory, and the refusal of a request if there is one that still counts: what was granted is refused no more.
fn look(
    settings: &Settings,
    asked: &Asked,
    now_s: u64,
) -> Result<(Arc<Trusted>, Option<bridge_directory::join::Refused>), Failure> {
    let failed = |error: &dyn std::error::Error| Failure::failed("directory", error);
    let root = pinned_root(settings)?;
    // The node's own folder: what was seen here is not gone behind at its first start.
    let store = settings.data_folder.join("directory");
    let mut client = Client::open(&store, &root).map_err(|error| failed(&error))?;
    let source = settings.directory_source.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    let (asked, node) = (asked.clone(), settings.node.clone());
    let look = move || {
        let source: Box<dyn Fetch> = match source {
            DirectorySource::Folder(folder) => Box::new(FolderSource(folder)),
            DirectorySource::Http(base) => Box::new(HttpSource::new(base)),
        };
        let trusted = client.refresh(source.as_ref(), now_s)?;
        let listed = trusted.directory.node(&node);
        let granted = listed.is_some_and(|listed| asked.is_listed_as(listed));
        let refusal = if granted {
            None
        } else {
            client.refusal(source.as_ref(), &asked.digest())?
        };
        Ok::<_, bridge_directory::DirectoryError>((trusted, refusal))
    };
    let looked = runtime.block_on(async { tokio::task::spawn_blocking(look).await });
    looked.map_err(|error| failed(&error))?.map_err(|error| {
        let what = format!("directory: {}", crate::chain(&error));
        let remedy = "`directory.source` is the published folder or its web address";
        Failure::Failed(hint(&what, remedy))
    })
}

fn pinned_root(settings: &Settings) -> Result<Vec<u8>, Failure> {
    let made = "`directory.root` is the root.json that the directory's authority hands over";
    read(&settings.directory_root, ROOT_LIMIT_BYTES, made)
}

// === impl Options ===

impl Options {
    fn subsystems(&self) -> Result<Vec<Subsystem>, Failure> {
        let read = |text: &String| {
            let (code, name) = text.split_once('=').ok_or_else(|| {
                Failure::Usage(format!("--subsystem {text}: CODE=NAME is wanted"))
            })?;
            let (code, name) = (code.to_owned(), name.to_owned());
            Ok(Subsystem { code, name })
        };
        self.subsystem.iter().map(read).collect()
    }

    fn sealed(
        &self,
        asked: &Asked,
        now_s: u64,
        module: Option<&Path>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let (Some(certificate), Some(key)) = (&self.seal, &self.seal_key) else {
            return Ok(None);
        };
        let sealer = super::seal::open(certificate, key, None, module)?;
        let seal = sealer.seal(&asked.to_bytes(), now_s);
        seal.map(Some)
            .map_err(|error| Failure::failed("seal", &error))
    }
}

/// The keys of a node that joins.
struct Keys {
    tls: Own,
    exchange: Own,
    journal: Own,
    witness: Option<Own>,
    /// The exchange key's certificate, base64 of its DER, once it was issued.
    certificate: Option<String>,
    journal_verifier: String,
    witness_verifier: Option<String>,
}

// === impl Keys ===

impl Keys {
    fn read(settings: &Settings) -> Result<Self, Failure> {
        let keys = &settings.keys;
        let epoch =
            epochs::current(settings).map_err(|error| Failure::failed("journal", &error))?;
        let journal_file = epochs::key_file(epoch);
        let pkcs8 = keys
            .private(&journal_file)
            .map_err(|error| no_key(&error))?;
        let journal_verifier = bridge_journal::vkey(&settings.log_origin(epoch), &pkcs8)
            .map_err(|error| Failure::failed("journal key", &error))?;
        let (mut witness, mut witness_verifier) = (None, None);
        if keys.path("witness.key").exists() {
            let pkcs8 = keys
                .private("witness.key")
                .map_err(|error| no_key(&error))?;
            let key = WitnessKey::new(&settings.witness_name(), &pkcs8)
                .map_err(|error| Failure::failed("witness key", &error))?;
            witness_verifier = Some(key.public().vkey());
            witness = Some(signer(keys, "witness.key")?);
        }
        let exchange = signer(keys, "exchange.key")?;
        Ok(Self {
            tls: signer(keys, "tls.key")?,
            certificate: certificate(&keys.path("exchange.pem"), &exchange)?,
            exchange,
            journal: signer(keys, &journal_file)?,
            witness,
            journal_verifier,
            witness_verifier,
        })
    }

    fn signers(&self) -> Vec<(Purpose, &dyn Signer)> {
        let mut signers: Vec<(Purpose, &dyn Signer)> = vec![
            (Purpose::Tls, &*self.tls.signer),
            (Purpose::Exchange, &*self.exchange.signer),
            (Purpose::Journal, &*self.journal.signer),
        ];
        if let Some(witness) = &self.witness {
            signers.push((Purpose::Witness, &*witness.signer));
        }
        signers
    }

    fn wanted(&self, options: &Options, settings: &Settings) -> Result<Wanted, Failure> {
        let (node, member) = (&settings.node, settings.node.member());
        let name = options.host.clone().unwrap_or_else(|| {
            let parts = [
                node.code(),
                member.code(),
                member.class(),
                member.instance(),
            ];
            parts.join(".").to_lowercase()
        });
        let missing = || {
            let remedy = "give --address HOST:PORT, where other nodes reach this one";
            Failure::Usage(hint("--address is missing", remedy))
        };
        let address = options.address.clone().ok_or_else(missing)?;
        check_reached(&name, &address)?;
        Ok(Wanted {
            code: node.code().to_owned(),
            name,
            address,
            tls: self.tls.spki(),
            exchange: self.exchange.spki(),
            certificate: self.certificate.clone(),
            journal: self.journal_verifier.clone(),
            witness: self.witness_verifier.clone(),
            wire: vec![crate::WIRE_VERSION],
            leaf: vec![LEAF_VERSION],
            forms: crate::FORMS.map(str::to_owned).into(),
        })
    }
}

/// Refuses what the directory would refuse: officers could only send the request back.
fn check_reached(name: &str, address: &str) -> Result<(), Failure> {
    if !is_address(address) {
        let what = format!("--address {address:?} is not where a node can be reached");
        let remedy = "give host:port: a host name in small letters or an IP address (IPv6 in brackets), and a port from 1 to 65535";
        return Err(Failure::Usage(hint(&what, remedy)));
    }
    if !is_host_name(name) {
        let what = format!("{name:?} can't be the name that requests are signed for");
        let remedy = "give --host: a host name in small letters, digits and hyphens";
        return Err(Failure::Usage(hint(&what, remedy)));
    }
    Ok(())
}

fn refused(error: &JoinError) -> Failure {
    Failure::Failed(format!("join: {}", plain(&crate::chain(error))))
}
