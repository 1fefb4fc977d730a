//! What officers do with a node's request to join: read it, propose what it asks for, or refuse it with reasons.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_certs::{Profile, Trust, cms, read_pem_certificates};
use bridge_core::identity::CertificateName;
use bridge_directory::Directory;
use bridge_directory::ceremony::{Base, Reviewed, changes};
use bridge_directory::join::{JoinError, REQUEST_LIMIT_BYTES, Refusal, Request};
use bridge_directory::metadata::hex;
use clap::Args;

use super::officer::{open_officer, trusted_base};
use super::words::{Language, plain};
use super::{Failure, failed, hint, read, read_base, say};

/// The largest file of certificates, in bytes.
const PEM_LIMIT: usize = 1024 * 1024;
const MADE: &str = "a request is a file that `bridge-node join --to` wrote";

/// A request, and what it is judged by.
#[derive(Debug, Args)]
pub(in crate::command) struct Given {
    /// The request of a node.
    request: PathBuf,
    /// PEM file of the authorities whose certificates count.
    #[arg(long, value_name = "PEM")]
    anchors: PathBuf,
    /// The certificate that was issued for its exchange key, if the request has none of its own.
    #[arg(long, value_name = "PEM")]
    exchange: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::command) struct ShowOptions {
    #[command(flatten)]
    given: Given,
    /// The published folder.
    #[arg(long)]
    public: PathBuf,
    /// The language of the words.
    #[arg(long, value_enum, default_value_t)]
    language: Language,
}

#[derive(Debug, Args)]
pub(in crate::command) struct RefuseOptions {
    /// The request of a node.
    request: PathBuf,
    /// The published folder; the refusal is written into it.
    #[arg(long)]
    public: PathBuf,
    /// The officer's folder.
    #[arg(long, value_name = "FOLDER")]
    officer: PathBuf,
    /// Why, for the operator of the node. Published: no personal data.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// A file of mode 0600 with the passphrase.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// A request that a proposal is held against.
#[derive(Debug, Args)]
pub(in crate::command) struct Against {
    /// The request to join that it grants: nothing else may change.
    #[arg(long, value_name = "FILE", requires_all = ["anchors", "public"])]
    request: Option<PathBuf>,
    /// PEM file of the authorities whose certificates count.
    #[arg(long, value_name = "PEM", requires = "request")]
    anchors: Option<PathBuf>,
    /// The certificate that was issued for the request's exchange key, if it has none of its own.
    #[arg(long, value_name = "PEM", requires = "request")]
    exchange: Option<PathBuf>,
}

/// Tells what a request asks for, or what is wrong with it. Nothing is written.
pub(super) fn show(options: &ShowOptions, now_s: u64) -> Result<(), Failure> {
    let base = read_base(&options.public, None)?;
    let before = base.start().ok_or_else(nothing_published)?;
    let mut after = before.clone();
    let words = options
        .given
        .put(&base, &mut after, options.language, now_s)?;
    for line in words {
        say(line);
    }
    for change in changes(&before, &after) {
        say(format_args!("  {}", options.language.change(&change)));
    }
    Ok(())
}

/// Signs a no, and puts it where the node that asked finds it.
pub(super) fn refuse(options: &RefuseOptions, now_s: u64) -> Result<(), Failure> {
    let RefuseOptions {
        request,
        public,
        officer: folder,
        reason,
        passphrase_file,
    } = options;
    let request = parse(request)?;
    let node = request.asked.node_id().map_err(|error| wrong(&error))?;
    let base = trusted_base(public, Some(folder))?;
    let digest = request.asked.digest();
    let refusal = Refusal::new(&digest, reason, now_s).map_err(|error| wrong(&error))?;
    let officer = open_officer(folder, passphrase_file.as_deref())?;
    let file = refusal.sign(&officer, &base);
    let file = file.map_err(|error| wrong(&error))?;
    let path = Refusal::publish(&digest, &file, public).map_err(|error| failed(&error))?;
    let name = officer.key().name();
    say(format_args!(
        "{name} refused {node}: wrote {}",
        public.join(&path).display()
    ));
    say(format_args!(
        "next: if this is a copy of the published folder, put {path} into that one too"
    ));
    Ok(())
}

// === impl Against ===

impl Against {
    /// Judges the request here, whoever proposed it, and tells who asks. A proposal that changes anything else is refused.
    pub(super) fn hold(
        &self,
        base: Option<&Base>,
        reviewed: &Reviewed,
        language: Language,
        now_s: u64,
    ) -> Result<Vec<String>, Failure> {
        let (Some(request), Some(anchors), Some(base)) = (&self.request, &self.anchors, base)
        else {
            return Ok(Vec::new());
        };
        let given = Given {
            request: request.clone(),
            anchors: anchors.clone(),
            exchange: self.exchange.clone(),
        };
        let mut directory = base.start().ok_or_else(nothing_published)?;
        let words = given.put(base, &mut directory, language, now_s)?;
        base.settle(&mut directory);
        // Whatever a proposal can change has to be among these.
        let is_that_alone = directory == reviewed.directory
            && reviewed.roles.is_empty()
            && reviewed.member_roles.is_empty()
            && reviewed.listed.is_empty();
        if !is_that_alone {
            return Err(Failure::Failed(hint(
                "the proposal is not what the request asks for, and that alone",
                "sign nothing: `bridge-node directory request` tells what is asked for",
            )));
        }
        Ok(words)
    }
}

// === impl Given ===

impl Given {
    /// Judges the request, and lists what it asks for in a directory. Returns what is to be told of who asks.
    pub(super) fn put(
        &self,
        base: &Base,
        directory: &mut Directory,
        language: Language,
        now_s: u64,
    ) -> Result<Vec<String>, Failure> {
        let request = parse(&self.request)?;
        request.check(now_s).map_err(|error| wrong(&error))?;
        let trust = self.trust()?;
        let issued = self.exchange.as_deref().map(certificate).transpose()?;
        request
            .put(directory, |root| base.has_root(root), issued.as_deref())
            .map_err(|error| wrong(&error))?;
        check_certificate(&request, issued, &trust, now_s)?;
        words(&request, &trust, language)
    }

    fn trust(&self) -> Result<Trust, Failure> {
        let path = &self.anchors;
        let what = "--anchors is the PEM file of the authority's certificates";
        Trust::from_pem(&read(path, PEM_LIMIT, what)?)
            .map_err(|error| Failure::failed(&path.display().to_string(), &error))
    }
}

/// Who asks, when, and what stands for it.
fn words(request: &Request, trust: &Trust, language: Language) -> Result<Vec<String>, Failure> {
    let asked = &request.asked;
    let node = asked.node_id().map_err(|error| wrong(&error))?;
    let mut words = vec![format!(
        "{} {node}, {} {}: {}",
        language.pick("Request of", "Müraciət:"),
        language.pick("made at", "tarix"),
        asked.made,
        language.pick(
            "each key that it names has signed it",
            "adı çəkilən hər açar onu imzalayıb"
        ),
    )];
    words.push(format!(
        "  {} {}",
        language.pick("digest", "daycest"),
        hex(&asked.digest())
    ));
    words.push(if request.has_seal() {
        check_seal(request, trust)?;
        format!(
            "  {} {}",
            language.pick("sealed by", "möhürləyən:"),
            asked.member
        )
    } else {
        language
            .pick(
                "  not sealed by the member: make sure by another way who sent it",
                "  üzvün möhürü yoxdur: kimin göndərdiyini başqa yolla dəqiqləşdirin",
            )
            .to_owned()
    });
    for csr in &asked.csrs {
        let first = csr.lines().next().unwrap_or_default();
        words.push(format!(
            "  {}: {}",
            language.pick(
                "encloses, for the certificate authority",
                "sertifikat mərkəzi üçün əlavə"
            ),
            plain(first)
        ));
    }
    Ok(words)
}

/// Holds the exchange certificate to the node, to its key and to the authorities, as the node's peers will.
fn check_certificate(
    request: &Request,
    issued: Option<Vec<u8>>,
    trust: &Trust,
    now_s: u64,
) -> Result<(), Failure> {
    let asked = &request.asked;
    let own = asked.node.certificate.as_ref();
    let der = match own {
        Some(own) => STANDARD.decode(own).unwrap_or_default(),
        None => issued.unwrap_or_default(),
    };
    let refused = |why: &str| Failure::Failed(format!("request: the exchange certificate {why}"));
    let checked = trust
        .check(&der, &[], Profile::Exchange, now_s)
        .map_err(|error| refused(&format!("does not hold: {}", crate::chain(&error))))?;
    let node = asked.node_id().map_err(|error| wrong(&error))?;
    if checked.name != Some(CertificateName::Node(node)) {
        return Err(refused("names another node"));
    }
    if !asked.has_exchange_key(&checked.spki_sha256) {
        return Err(refused("is of another key"));
    }
    Ok(())
}

fn check_seal(request: &Request, trust: &Trust) -> Result<(), Failure> {
    let refused = |why: &str| Failure::Failed(format!("request: the seal {why}"));
    let seal = request.seal().ok_or_else(|| refused("can't be read"))?;
    let sealed = cms::check_seal(trust, &seal, &request.asked.to_bytes())
        .map_err(|error| refused(&format!("does not hold: {}", crate::chain(&error))))?;
    if sealed.name != Some(CertificateName::Member(request.asked.member.clone())) {
        return Err(refused("is of another member"));
    }
    // A seal says its own time: one that ran out or was lost could seal as of then.
    if sealed.time_s != request.asked.made.0 {
        return Err(refused("is of another time"));
    }
    Ok(())
}

fn parse(path: &Path) -> Result<Request, Failure> {
    let bytes = read(path, REQUEST_LIMIT_BYTES, MADE)?;
    Request::parse(&bytes).map_err(|error| {
        let what = format!("{}: {}", path.display(), plain(&crate::chain(&error)));
        Failure::Failed(hint(&what, MADE))
    })
}

fn certificate(path: &Path) -> Result<Vec<u8>, Failure> {
    let read =
        read_pem_certificates(path).map_err(|error| Failure::failed("certificate", &error))?;
    let none = || Failure::Failed(format!("{}: no certificate", path.display()));
    read.into_iter().next().ok_or_else(none)
}

pub(super) fn nothing_published() -> Failure {
    Failure::Failed("nothing has been published yet".to_owned())
}

/// What must not be granted, and what to do about it.
fn wrong(error: &JoinError) -> Failure {
    // A request is a stranger's text, and so may be what is told of it.
    let what = format!("request: {}", plain(&crate::chain(error)));
    let remedy = if matches!(error, JoinError::Proof { .. } | JoinError::Missing { .. }) {
        "grant nothing: have the node's operator write the request anew, and send it by another way"
    } else if matches!(error, JoinError::MemberThere(_)) {
        "for another node of it the request is written without --name; for its subsystems there is `directory propose … subsystem add`"
    } else if matches!(error, JoinError::MemberUnknown(_)) {
        "the request of a new member is written with --name"
    } else if matches!(error, JoinError::NodeThere(_)) {
        "to change it there are `directory propose … node address`, `node keys` and `node remove`"
    } else if matches!(
        error,
        JoinError::NameTaken { .. } | JoinError::KeyTaken { .. }
    ) {
        "the node needs a name and keys of its own"
    } else if matches!(error, JoinError::Stale { .. } | JoinError::Early { .. }) {
        "have it written anew"
    } else if matches!(error, JoinError::NoCertificate) {
        "give the one that was issued: --exchange FILE"
    } else if matches!(error, JoinError::TwoCertificates) {
        "leave --exchange away"
    } else if matches!(error, JoinError::OtherDirectory) {
        "the node's `directory.root` must be a root of this directory"
    } else {
        return Failure::Failed(what);
    };
    Failure::Failed(hint(&what, remedy))
}
