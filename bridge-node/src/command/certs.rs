//! `certs`: a node's certificates from the agency's own authority, and a development authority for trials.

use std::path::{Path, PathBuf};

use bridge_certs::{Authority, Issued, Order, Profile, write_key_file_under};
use bridge_core::identity::{CertificateName, MemberId, NodeId};
use clap::{Subcommand, ValueEnum};

use super::passphrase::Encryption;
use super::{Failure, hint, keys, say};
use crate::clock::Clock;

mod own;

/// Commands about certificates.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write the node's requests for certificates: USE.csr, PKCS#10, to be certified by an authority. Keys that lack are made.
    #[command(
        after_help = "Examples:\n  bridge-node certs csr --config node.toml --out requests\n  bridge-node certs csr --config node.toml --use exchange --new-key\n  bridge-node certs csr --config node.toml --use web --san node.agency.example\n\nOpenSSL shows one: openssl req -in requests/tls.csr -noout -text -verify"
    )]
    Csr(own::Csr),
    /// Check certificates that an authority gave, and put them in place. Said again, it changes nothing.
    #[command(
        after_help = "Example:\n  bridge-node certs import --config node.toml tls.pem exchange.pem issuing.pem\n\nWhat is for which key is found by the keys. Nothing is put in place unless all of it holds: key, issuers\nunder trust.anchors, dates, profile, identity. A certificate that comes while the one in force is good lies\nbeside it (USE.next.pem); the node goes over to it, without a restart, when the directory knows it."
    )]
    Import(own::Import),
    /// Get certificates from the authority of [acme] in the settings, once; the running node renews them by itself.
    #[command(
        after_help = "Examples:\n  bridge-node certs enrol --config node.toml\n  bridge-node certs enrol --config node.toml --use tls --new-key\n\nThe authority asks http://NAME/ (acme.name) at port 80, which must lead to acme.listen. What it gives goes\nthrough the checks of `certs import`. Keys stay; with --new-key the directory must list the new one first."
    )]
    Enrol(own::Enrol),
    /// Make a root and an issuing authority in FOLDER.
    #[command(
        after_help = "Example:\n  bridge-node certs authority authority --name \"Development authority\""
    )]
    Authority {
        /// Where to keep it.
        folder: PathBuf,
        /// Common name.
        #[arg(long, default_value = "Development authority")]
        name: String,
    },
    /// Issue a certificate with a new key: FOLDER/NAME.pem and FOLDER/NAME.key.
    #[command(
        after_help = "Examples:\n  bridge-node certs issue --authority authority --profile tls --id AZ/GOV/1001/NODE1 --out keys\n  bridge-node certs issue --authority authority --profile web --san 127.0.0.1 --out keys\n  bridge-node certs issue --authority authority --profile caller --name tax-system --out callers"
    )]
    Issue {
        /// Folder of the authority.
        #[arg(long)]
        authority: PathBuf,
        /// What the certificate is for.
        #[arg(long)]
        profile: Kind,
        /// Node (tls, exchange) or member (seal), percent-encoded.
        #[arg(long)]
        id: Option<String>,
        /// DNS name or IP address (web); may be repeated.
        #[arg(long)]
        san: Vec<String>,
        /// File name without ending; the profile's name if absent.
        #[arg(long)]
        name: Option<String>,
        /// Days of validity.
        #[arg(long, default_value_t = 365)]
        days: u64,
        /// Where to write.
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        encryption: Encryption,
    },
}

/// Certificate profiles that can be issued.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    /// A node's TLS certificate.
    Tls,
    /// A node's exchange key.
    Exchange,
    /// A member's seal.
    Seal,
    /// The server certificate of the consumer interface.
    Web,
    /// An information system's client certificate.
    Caller,
    /// A time-stamping authority.
    Time,
    /// A responder that says whether the authority's certificates are revoked.
    Ocsp,
}

const DAY_S: u64 = 86_400;
/// Clocks differ: a new certificate is valid at once everywhere.
const BACKDATE_S: u64 = 3600;

pub(super) fn run(command: Command) -> Result<(), Failure> {
    let now_s = Clock::default().now_s();
    match command {
        Command::Csr(asked) => own::csr(&asked)?,
        Command::Import(given) => own::take(&given)?,
        Command::Enrol(asked) => own::enrol(&asked)?,
        Command::Authority { folder, name } => {
            if folder.join("root.pem").exists() {
                return Err(Failure::Failed(hint(
                    &format!("{}: an authority is kept there already", folder.display()),
                    "issue from it with `bridge-node certs issue --authority`, or give another folder",
                )));
            }
            Authority::create(&folder, &name, now_s.saturating_sub(2 * BACKDATE_S))
                .map_err(|error| Failure::failed("authority", &error))?;
            say(format_args!(
                "made {}: root.pem, issuing.pem and their keys",
                folder.display()
            ));
        }
        Command::Issue {
            authority,
            profile,
            id,
            san,
            name,
            days,
            out,
            encryption,
        } => {
            let authority = Authority::open(&authority).map_err(|error| {
                Failure::Failed(hint(
                    &format!("authority: {}", crate::chain(&error)),
                    "give a folder that `bridge-node certs authority` made",
                ))
            })?;
            let not_before = now_s.saturating_sub(BACKDATE_S);
            let stem = name.unwrap_or_else(|| profile.stem().to_owned());
            let order = Order {
                profile: profile.profile(),
                name: certificate_name(profile, id.as_deref())?,
                common_name: id.clone().unwrap_or_else(|| stem.clone()),
                sans: san,
                not_before,
                not_after: not_before.saturating_add(days.saturating_mul(DAY_S)),
            };
            let passphrase = encryption.passphrase()?;
            let issued = issued(&authority, &order)?;
            keep(
                &issued,
                (&out, &stem),
                passphrase.as_ref().map(|bytes| bytes.as_slice()),
            )?;
            say(format_args!(
                "issued {} and its key",
                out.join(format!("{stem}.pem")).display()
            ));
        }
    }
    Ok(())
}

/// Issues and writes `{stem}.pem` and `{stem}.key`.
pub(super) fn issue(
    authority: &Authority,
    order: &Order,
    out: &Path,
    stem: &str,
) -> Result<Vec<u8>, Failure> {
    let issued = issued(authority, order)?;
    keep(&issued, (out, stem), None)?;
    Ok(issued.certificate_der)
}

fn issued(authority: &Authority, order: &Order) -> Result<Issued, Failure> {
    let issued = authority.issue(order);
    issued.map_err(|error| Failure::failed("certificate", &error))
}

fn keep(
    issued: &Issued,
    (out, stem): (&Path, &str),
    passphrase: Option<&[u8]>,
) -> Result<(), Failure> {
    std::fs::create_dir_all(out)
        .map_err(|error| Failure::failed(&out.display().to_string(), &error))?;
    let key = out.join(format!("{stem}.key"));
    write_key_file_under(&key, &issued.key_pkcs8, passphrase)
        .map_err(|error| keys::not_made(&error))?;
    let path = out.join(format!("{stem}.pem"));
    std::fs::write(&path, &issued.chain_pem)
        .map_err(|error| Failure::failed(&path.display().to_string(), &error))
}

fn certificate_name(profile: Kind, id: Option<&str>) -> Result<Option<CertificateName>, Failure> {
    let wrong = |what: String| Failure::Usage(hint(&what, "see `bridge-node certs issue --help`"));
    match (profile, id) {
        (Kind::Tls | Kind::Exchange, Some(id)) => {
            let node: NodeId = id
                .parse()
                .map_err(|error| wrong(format!("--id: {error}")))?;
            Ok(Some(CertificateName::Node(node)))
        }
        (Kind::Seal, Some(id)) => {
            let member: MemberId = id
                .parse()
                .map_err(|error| wrong(format!("--id: {error}")))?;
            Ok(Some(CertificateName::Member(member)))
        }
        (Kind::Web | Kind::Caller | Kind::Time | Kind::Ocsp, None) => Ok(None),
        (Kind::Web | Kind::Caller | Kind::Time | Kind::Ocsp, Some(_)) => {
            Err(wrong("--id does not belong to this profile".to_owned()))
        }
        (Kind::Tls | Kind::Exchange | Kind::Seal, None) => Err(wrong("--id is missing".to_owned())),
    }
}

// === impl Kind ===

impl Kind {
    fn profile(self) -> Profile {
        match self {
            Self::Tls => Profile::Tls,
            Self::Exchange => Profile::Exchange,
            Self::Seal => Profile::Seal,
            Self::Web => Profile::Web,
            Self::Caller => Profile::Caller,
            Self::Time => Profile::TimeStamping,
            Self::Ocsp => Profile::Ocsp,
        }
    }

    fn stem(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Exchange => "exchange",
            Self::Seal => "seal",
            Self::Web => "web",
            Self::Caller => "caller",
            Self::Time => "time",
            Self::Ocsp => "ocsp",
        }
    }
}
