//! `certs csr`, `certs import`: a node's certificates from an authority of somebody else's.

use std::path::{Path, PathBuf};

use bridge_certs::{Moment, PemError, request_pem};
use clap::{Args, ValueEnum};

use crate::acme::{Account, AcmeError, Ordered, obtain};
use crate::clock::Clock;
use crate::command::{Failure, hint, say};
use crate::node::read_trust;
use crate::own::{
    Folder, Judge, OwnError, Place, Placed, Slot, Use, import, read_certificates, request,
};
use crate::settings::Settings;

/// Which requests are written, and where.
#[derive(Debug, Args)]
pub(crate) struct Csr {
    /// Settings file of the node.
    #[arg(long)]
    config: PathBuf,
    /// What the certificate is for; may be repeated; all that the node has if absent.
    #[arg(long = "use")]
    uses: Vec<Used>,
    /// DNS name or IP address that shall stand in it; may be repeated; those of the web certificate in force if absent (web).
    #[arg(long)]
    san: Vec<String>,
    /// Ask for a new key, which is made as NAME.next.key; the key in force stays until its certificate takes over.
    #[arg(long)]
    new_key: bool,
    /// Folder for the requests.
    #[arg(long, default_value = ".")]
    out: PathBuf,
}

/// What was given by an authority.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Settings file of the node.
    #[arg(long)]
    config: PathBuf,
    /// Files with certificates and their issuers, PEM or DER, in any order.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// What is ordered by ACME.
#[derive(Debug, Args)]
pub(crate) struct Enrol {
    /// Settings file of the node.
    #[arg(long)]
    config: PathBuf,
    /// What the certificate is for; may be repeated; all of acme.uses if absent.
    #[arg(long = "use")]
    uses: Vec<Used>,
    /// Ask for a new key, which is made as NAME.next.key; the key in force stays until its certificate takes over.
    #[arg(long)]
    new_key: bool,
}

/// What a certificate of a node is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Used {
    /// Connections with other nodes.
    Tls,
    /// Signatures on messages.
    Exchange,
    /// The consumer interface.
    Web,
}

// === impl Used ===

impl From<Used> for Use {
    fn from(used: Used) -> Self {
        match used {
            Used::Tls => Self::Tls,
            Used::Exchange => Self::Exchange,
            Used::Web => Self::Web,
        }
    }
}

/// Writes requests.
pub(super) fn csr(asked: &Csr) -> Result<(), Failure> {
    let settings = Settings::load(&asked.config).map_err(Failure::Settings)?;
    let folder = Folder::new(&settings.keys);
    let slot = if asked.new_key {
        Slot::Next
    } else {
        Slot::Current
    };
    let uses = chosen(&asked.uses, &settings);
    std::fs::create_dir_all(&asked.out)
        .map_err(|error| Failure::failed(&asked.out.display().to_string(), &error))?;
    for usage in uses {
        let sans = match (usage, asked.san.as_slice()) {
            (Use::Web, []) => names_in_force(&settings, &folder),
            (_, given) => given.to_vec(),
        };
        let der =
            request(&folder, &settings.node, (usage, slot), &sans).map_err(|error| told(&error))?;
        let path = asked.out.join(format!("{usage}.csr"));
        std::fs::write(&path, request_pem(&der))
            .map_err(|error| Failure::failed(&path.display().to_string(), &error))?;
        say(format_args!(
            "{}: asks for a certificate of profile {} for {}",
            path.display(),
            usage.profile(),
            folder.key_file(usage, slot).display()
        ));
    }
    Ok(())
}

/// Puts certificates in place.
pub(super) fn take(given: &Import) -> Result<(), Failure> {
    let settings = Settings::load(&given.config).map_err(Failure::Settings)?;
    let trust = read_trust(&settings).map_err(|what| Failure::Failed(trust_hint(&what)))?;
    let mut certificates = Vec::new();
    for file in &given.files {
        let read = read_certificates(file).map_err(|error| unread(file, &error))?;
        certificates.extend(read);
    }
    let judge = Judge {
        node: &settings.node,
        trust: &trust,
        now_s: Clock::default().now_s(),
    };
    let folder = Folder::new(&settings.keys);
    let uses: Vec<Use> = Use::of(&settings).collect();
    let placed = import(&folder, &uses, certificates, &judge).map_err(|error| told(&error))?;
    for one in &placed {
        say(words(one, &folder));
    }
    Ok(())
}

fn unread(file: &Path, error: &OwnError) -> Failure {
    let chain = crate::chain(error);
    let remedy = if matches!(error, OwnError::Pem(PemError::Io { .. })) {
        "name a file that is there and may be read"
    } else {
        FORMS
    };
    let name = file.display().to_string();
    if chain.starts_with(&name) {
        return Failure::Failed(hint(&chain, remedy));
    }
    Failure::Failed(hint(&format!("{name}: {chain}"), remedy))
}

const FORMS: &str =
    "give certificates in PEM, or one in DER; of PKCS#7: openssl pkcs7 -print_certs";

/// Orders certificates and puts them in place.
pub(super) fn enrol(asked: &Enrol) -> Result<(), Failure> {
    let settings = Settings::load(&asked.config).map_err(Failure::Settings)?;
    let Some(acme) = &settings.acme else {
        return Err(Failure::Usage(hint(
            "the settings have no [acme]",
            "add it (config/README.md, \"Certificates\"), or ask by hand: `bridge-node certs csr`",
        )));
    };
    let trust = read_trust(&settings).map_err(|what| Failure::Failed(trust_hint(&what)))?;
    let folder = Folder::new(&settings.keys);
    let uses = match asked.uses.as_slice() {
        [] => acme.uses.clone(),
        given => given.iter().map(|used| Use::from(*used)).collect(),
    };
    let account = Account::open(&settings.keys, acme.binding.as_ref());
    let account = account.map_err(|error| unissued(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("the runtime cannot start", &error))?;
    for usage in uses {
        let slot = if asked.new_key {
            Slot::Next
        } else {
            Slot::Current
        };
        let sans = [acme.name.clone()];
        let csr =
            request(&folder, &settings.node, (usage, slot), &sans).map_err(|error| told(&error))?;
        let ordered = Ordered {
            csr: &csr,
            replaces: None,
        };
        let given = runtime.block_on(obtain(acme, &settings.limits, &account, &ordered));
        let given = given.map_err(|error| unissued(&error))?;
        let judge = Judge {
            node: &settings.node,
            trust: &trust,
            now_s: Clock::default().now_s(),
        };
        for one in import(&folder, &[usage], given, &judge).map_err(|error| told(&error))? {
            say(words(&one, &folder));
        }
    }
    Ok(())
}

fn unissued(error: &AcmeError) -> Failure {
    let remedy = match error {
        AcmeError::Ask { .. } => "look at acme.directory, acme.anchors and the way there",
        AcmeError::Refused { .. } => "ask the authority, in whose words the reason is",
        AcmeError::Malformed { .. } => "tell the authority: its server does not follow RFC 8555",
        AcmeError::NotValidated { .. } => {
            "http://NAME/ (acme.name) at port 80 must lead to acme.listen from where the authority is"
        }
        AcmeError::TooSlow => "ask again later, or raise the limit",
        AcmeError::Listen { .. } => {
            "free the port, or choose another that port 80 leads to; below 1024 it wants CAP_NET_BIND_SERVICE"
        }
        AcmeError::Key(_) => "correct [acme] in the settings, or the file that it names",
    };
    Failure::Failed(hint(&crate::chain(error), remedy))
}

fn chosen(given: &[Used], settings: &Settings) -> Vec<Use> {
    if given.is_empty() {
        return Use::of(settings).collect();
    }
    given.iter().map(|used| Use::from(*used)).collect()
}

/// The names by which callers know the consumer interface.
fn names_in_force(settings: &Settings, folder: &Folder) -> Vec<String> {
    let (Ok(trust), Ok(chain)) = (read_trust(settings), folder.chain(Use::Web, Slot::Current))
    else {
        return Vec::new();
    };
    let judge = Judge {
        node: &settings.node,
        trust: &trust,
        now_s: Clock::default().now_s(),
    };
    let checked = judge.certificate(Use::Web, &chain);
    checked
        .map(|checked| checked.host_names)
        .unwrap_or_default()
}

/// What was done with a certificate, and what comes next.
pub(super) fn words(placed: &Placed, folder: &Folder) -> String {
    let Placed {
        usage, certificate, ..
    } = placed;
    let until = Moment(certificate.not_after);
    let file = |slot| folder.certificates_file(*usage, slot);
    let file = |slot| -> String { Path::display(&file(slot)).to_string() };
    match placed.place {
        Place::Force => format!(
            "{}: in force, valid until {until}\n{}",
            file(Slot::Current),
            listing(placed, "the directory must list")
        ),
        Place::Next => format!(
            "{}: valid until {until}; the running node, or the next start, goes over to it\n{}",
            file(Slot::Next),
            listing(placed, "as soon as the directory lists")
        ),
        Place::Already(slot) => format!("{}: is there already, valid until {until}", file(slot)),
    }
}

fn listing(placed: &Placed, begin: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let pin = URL_SAFE_NO_PAD.encode(placed.certificate.spki_sha256);
    match placed.usage {
        Use::Tls => format!("{begin} its pin under tls_pins: {pin}"),
        Use::Exchange => format!(
            "{begin} it under exchange: {{\"certificate\": \"{}\", \"pin\": \"{pin}\"}}",
            STANDARD.encode(&placed.certificate.der)
        ),
        Use::Web => "callers see it from then on; the directory need not know it".to_owned(),
    }
}

pub(super) fn told(error: &OwnError) -> Failure {
    let what = crate::chain(error);
    Failure::Failed(hint(&what, remedy(error)))
}

fn trust_hint(what: &str) -> String {
    hint(
        &format!("trust.anchors: {what}"),
        "give the PEM file of the authorities that issue certificates of nodes",
    )
}

fn remedy(error: &OwnError) -> &'static str {
    match error {
        OwnError::NotOurs { .. } => {
            "have the request certified that `bridge-node certs csr` wrote from this keys folder"
        }
        OwnError::OtherName { .. } => {
            "ask the authority to keep the identity of the request (its only URI name)"
        }
        OwnError::Refused { .. } => {
            "the authority must follow the profile, see certs/README.md, and be one of trust.anchors; give its issuing certificates along"
        }
        OwnError::NameGone(_) => {
            "ask for all names: `bridge-node certs csr --use web --san NAME` for each"
        }
        OwnError::Two(_) => "give the one that is to be used",
        OwnError::OtherKey { .. } => "the key file was exchanged: put the one back that was there",
        OwnError::KeyKind(_) => {
            "ask with a new key: `bridge-node certs csr --use exchange --new-key`"
        }
        OwnError::Key { .. } | OwnError::KeyFile(_) => {
            "mend the key file, or ask with a new key: `bridge-node certs csr --new-key`"
        }
        OwnError::None(_) | OwnError::Pem(_) | OwnError::Unreadable(_) => {
            "give certificates in PEM, or one in DER"
        }
        OwnError::Write { .. } => {
            "the keys folder must be writable to the user who gives this command"
        }
    }
}
