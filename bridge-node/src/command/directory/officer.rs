//! What an officer does on a machine of their own: make a key, review, sign.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bridge_certs::sealed::SealedError;
use bridge_directory::Publisher;
use bridge_directory::ceremony::{Base, Officer, Proposal, Reviewed, Standing};
use clap::Args;
use serde_json::json;

use super::super::passphrase::{ask, new_passphrase, passphrase};
use super::super::resource::read_trust;
use super::request::Against;
use super::words::Language;
use super::{
    Failure, failed, hint, read, read_base, read_if_there, read_proposal, refused, say, show, write,
};

/// The largest file of an officer's folder, in bytes: the root.
const FILE_LIMIT: usize = 1024 * 1024;
const KEY: &str = "officer.key";
const PUBLIC_KEY: &str = "officer.json";
/// The root that the officer trusts, and the versions that were seen.
const ROOT: &str = "root.json";
const SEEN: &str = "seen.json";
const TRUSTED: &str = "what an officer has seen and trusts lies in the officer's folder";

#[derive(Debug, Args)]
pub(in crate::command) struct KeyOptions {
    /// The folder, on a medium that only the key's holder has.
    folder: PathBuf,
    /// The name that is published with the key.
    #[arg(long)]
    name: String,
    /// A file of mode 0600 with the passphrase.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::command) struct ReviewOptions {
    /// The proposal.
    proposal: PathBuf,
    /// A copy of the published folder.
    #[arg(long)]
    public: Option<PathBuf>,
    /// The officer's folder: whose root is trusted.
    #[arg(long, value_name = "FOLDER")]
    officer: Option<PathBuf>,
    #[command(flatten)]
    against: Against,
    /// PEM file of the authorities whose seals count, for entries of the catalogue.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// The language of the words.
    #[arg(long, value_enum, default_value_t)]
    language: Language,
}

#[derive(Debug, Args)]
pub(in crate::command) struct SignOptions {
    /// The proposal; the signature is added to it.
    proposal: PathBuf,
    /// A copy of the published folder.
    #[arg(long)]
    public: Option<PathBuf>,
    /// The officer's folder.
    #[arg(long, value_name = "FOLDER")]
    officer: PathBuf,
    /// PEM file of the authorities whose seals count: entries of the catalogue are not signed without.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// A file of mode 0600 with the passphrase.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    against: Against,
    /// The language of the words.
    #[arg(long, value_enum, default_value_t)]
    language: Language,
    /// Sign without being asked whether this is what you want.
    #[arg(long)]
    yes: bool,
}

pub(super) fn key(options: &KeyOptions) -> Result<(), Failure> {
    make_key(options, (KEY, PUBLIC_KEY))
}

/// Makes a key under a passphrase, and beside it what is listed of it.
pub(in crate::command) fn make_key(
    options: &KeyOptions,
    (private, public): (&str, &str),
) -> Result<(), Failure> {
    let KeyOptions {
        folder,
        name,
        passphrase_file,
    } = options;
    let wrong = |error: &dyn std::error::Error| Failure::failed("new key", error);
    std::fs::create_dir_all(folder).map_err(|error| wrong(&error))?;
    let passphrase = new_passphrase(passphrase_file.as_deref())?;
    let (officer, file) = Officer::make(name, &passphrase).map_err(|error| wrong(&error))?;
    let path = folder.join(private);
    let open = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    let written = open.and_then(|mut new| new.write_all(&file).and_then(|()| new.sync_all()));
    written.map_err(|error| {
        let what = format!("{}: can't be made: {error}", path.display());
        Failure::Failed(hint(
            &what,
            "a key is never overwritten: move the file away, or give another folder",
        ))
    })?;
    let listed = format!("{:#}\n", json!(officer.key()));
    write(&folder.join(public), listed.as_bytes())?;
    say(format_args!(
        "made {}; give {} to who proposes",
        path.display(),
        folder.join(public).display()
    ));
    say(format_args!(
        "key {}",
        officer.key().id().unwrap_or_default()
    ));
    Ok(())
}

pub(super) fn online_keys(folder: &Path) -> Result<(), Failure> {
    let made = Publisher::online_keys(folder).map_err(|error| failed(&error))?;
    for (role, key) in made {
        let path = folder.join(format!("{role}.json"));
        write(&path, format!("{:#}\n", json!(key)).as_bytes())?;
        say(format_args!(
            "made the key of {role}; give {} to who proposes",
            path.display()
        ));
    }
    Ok(())
}

pub(super) fn review(options: &ReviewOptions, now_s: u64) -> Result<(), Failure> {
    let ReviewOptions {
        proposal,
        public,
        officer,
        against,
        trust,
        language,
    } = options;
    let proposal = read_proposal(proposal)?;
    let (reviewed, base) = held(&proposal, public.as_deref(), officer.as_deref(), now_s)?;
    let asked = against.hold(base.as_ref(), &reviewed, *language, now_s)?;
    asked.iter().for_each(say);
    show::reviewed(&reviewed, *language, now_s);
    let seals = check_seals(&reviewed, trust.as_deref(), now_s)?;
    if seals == Seals::Unchecked {
        say(language.pick(
            "Without --trust no seal of an entry is checked.",
            "--trust verilmədikdə qeydlərin möhürləri yoxlanılmır.",
        ));
    }
    if officer.is_none() {
        say(language.pick(
            "Without --officer the first root in PUBLIC is believed.",
            "--officer verilmədikdə qovluqdakı ilk kök etibarlı sayılır.",
        ));
    }
    Ok(())
}

pub(super) fn sign(options: &SignOptions, now_s: u64) -> Result<(), Failure> {
    let SignOptions {
        proposal: path,
        public,
        officer: folder,
        trust,
        passphrase_file,
        against,
        language,
        yes,
    } = options;
    let mut proposal = read_proposal(path)?;
    let (reviewed, base) = held(&proposal, public.as_deref(), Some(folder), now_s)?;
    let asked = against.hold(base.as_ref(), &reviewed, *language, now_s)?;
    asked.iter().for_each(say);
    show::reviewed(&reviewed, *language, now_s);
    if check_seals(&reviewed, trust.as_deref(), now_s)? == Seals::Unchecked {
        return Err(Failure::Usage(hint(
            "--trust is missing",
            "give the PEM file of the authorities whose seals count: entries of the catalogue are checked before they are signed",
        )));
    }
    if !yes && !is_confirmed(*language)? {
        return Err(Failure::Failed("not signed".to_owned()));
    }
    let officer = open_officer(folder, passphrase_file.as_deref())?;
    let roles = officer
        .sign(&mut proposal, &reviewed)
        .map_err(|error| refused(&error))?;
    let name = officer.key().name();
    if roles.is_empty() {
        say(format_args!("{name} has signed {} already", path.display()));
        return Ok(());
    }
    // Remembered before the signature goes out: what was signed on is what nobody may go behind.
    match &base {
        Some(base) => remember(folder, base)?,
        None => write(
            &folder.join(ROOT),
            &proposal.root_file().unwrap_or_default(),
        )?,
    }
    write(path, &proposal.to_bytes())?;
    let roles: Vec<_> = roles.iter().map(ToString::to_string).collect();
    let roles = roles.join(" and ");
    say(format_args!("{name} signed {roles} in {}", path.display()));
    let signed = proposal.review(base.as_ref(), now_s);
    let signed = signed.map_err(|error| refused(&error))?;
    show::next(&signed, *language);
    Ok(())
}

/// Keeps in a key's folder what was signed on.
pub(in crate::command) fn remember(folder: &Path, base: &Base) -> Result<(), Failure> {
    write(&folder.join(ROOT), base.root_file())?;
    let seen = json!(base.standing).to_string();
    write(&folder.join(SEEN), seen.as_bytes())
}

/// Opens the key of an officer's folder.
pub(super) fn open_officer(
    folder: &Path,
    passphrase_file: Option<&Path>,
) -> Result<Officer, Failure> {
    let made = "--officer is the folder that `directory key` made";
    open_key(&folder.join(KEY), made, passphrase_file)
}

/// Opens a key under a passphrase; `made` says where such files come from.
pub(in crate::command) fn open_key(
    key: &Path,
    made: &str,
    passphrase_file: Option<&Path>,
) -> Result<Officer, Failure> {
    let passphrase = passphrase(passphrase_file)?;
    let file = read(key, FILE_LIMIT, made)?;
    Officer::open(&file, &passphrase).map_err(|error| unopened(key, made, &error))
}

/// Whether the seals of new documents in the catalogue were looked at.
#[derive(PartialEq, Eq)]
enum Seals {
    /// Each holds, or there are none.
    Good,
    /// There are some.
    Unchecked,
}

fn check_seals(reviewed: &Reviewed, trust: Option<&Path>, now_s: u64) -> Result<Seals, Failure> {
    match trust {
        _ if reviewed.listed.entries.is_empty() => Ok(Seals::Good),
        None => Ok(Seals::Unchecked),
        Some(trust) => {
            let checked = reviewed.listed.check_seals(&read_trust(trust)?, now_s);
            checked.map_err(|error| refused(&error))?;
            Ok(Seals::Good)
        }
    }
}

/// What to do about a key that does not open.
fn unopened(key: &Path, made: &str, error: &SealedError) -> Failure {
    let what = format!("{}: {error}", key.display());
    let remedy = if matches!(error, SealedError::Passphrase) {
        "try the passphrase again; if it is lost, officers replace this key by `propose … roles`, a member's by `propose … member role`"
    } else {
        made
    };
    Failure::Failed(hint(&what, remedy))
}

/// Holds a proposal against the published folder, as an officer trusts it.
fn held(
    proposal: &Proposal,
    public: Option<&Path>,
    officer: Option<&Path>,
    now_s: u64,
) -> Result<(Reviewed, Option<Base>), Failure> {
    let is_first = || -> Result<bool, Failure> {
        let root = kept(officer, ROOT)?;
        Ok(proposal.is_first() && root.is_none_or(|root| proposal.has_root(&root)))
    };
    let base = match public {
        Some(public) => Some(trusted_base(public, officer)?),
        None if is_first()? => None,
        None => {
            return Err(Failure::Usage(hint(
                "--public is missing",
                "give a copy of the published folder: a change is reviewed against it",
            )));
        }
    };
    let reviewed = proposal
        .review(base.as_ref(), now_s)
        .map_err(|error| refused(&error))?;
    Ok((reviewed, base))
}

/// What an officer's folder holds under a name.
fn kept(officer: Option<&Path>, name: &str) -> Result<Option<Vec<u8>>, Failure> {
    match officer {
        Some(folder) => read_if_there(&folder.join(name), FILE_LIMIT, TRUSTED),
        None => Ok(None),
    }
}

/// Reads a copy of the published folder as an officer trusts it: from the officer's root on, and no older than what was seen.
pub(in crate::command) fn trusted_base(
    public: &Path,
    officer: Option<&Path>,
) -> Result<Base, Failure> {
    let root = kept(officer, ROOT)?;
    if officer.is_some() && root.is_none() {
        return Err(Failure::Failed(hint(
            "no root is trusted yet in the folder of this key",
            "put a published root into it as root.json, handed over by a colleague and compared",
        )));
    }
    let base = read_base(public, root.as_deref())?;
    if let Some(seen) = kept(officer, SEEN)? {
        let seen: Standing =
            serde_json::from_slice(&seen).map_err(|error| Failure::failed(SEEN, &error))?;
        base.check_not_older(&seen)
            .map_err(|error| refused(&error))?;
    }
    Ok(base)
}

pub(in crate::command) fn is_confirmed(language: Language) -> Result<bool, Failure> {
    let question = language.pick("Sign this? Type yes: ", "İmzalansın? bəli yazın: ");
    let answer = ask(question, false)?;
    Ok(answer.as_slice() == language.pick("yes", "bəli").as_bytes())
}
