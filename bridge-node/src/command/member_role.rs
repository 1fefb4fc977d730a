//! `member-role`: what a member does with the role that officers gave it, to change its own nodes without them.

use std::path::{Path, PathBuf};

use bridge_core::identity::MemberId;
use bridge_directory::ceremony::Base;
use bridge_directory::own_nodes::{OwnFile, OwnNodesError, OwnReviewed};
use bridge_directory::{Directory, Moment};
use clap::{Args, Subcommand};

use super::directory::{Language, change, key, read, write};
use super::{Failure, hint, say};
use crate::clock::Clock;

const KEY: &str = "role.key";
const PUBLIC_KEY: &str = "role.json";
const MADE: &str = "--role is the folder that `member-role key` made";

/// Commands of a member about its own nodes.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key of the member's role in FOLDER, closed by a passphrase: role.key stays there, role.json is for the officers.
    #[command(
        after_help = "Example:\n  bridge-node member-role key role --name population-register --passphrase-file passphrase\n\nOfficers give the role: `directory propose … member role`. Put the root that the member's nodes pin into FOLDER as root.json."
    )]
    Key(key::KeyOptions),
    /// Propose a change of the member's own nodes, or the same for another year.
    #[command(
        after_help = "Examples:\n  bridge-node member-role propose move.own AZ/GOV/1001 --public public --role role node address AZ/GOV/1001/NODE1 node1.population.example:5543\n  bridge-node member-role propose renew.own AZ/GOV/1001 --public public --role role renew"
    )]
    Propose(ProposeOptions),
    /// Tell in words what a file changes, and who has to sign.
    #[command(
        after_help = "Example:\n  bridge-node member-role review move.own --public public --role role --language az"
    )]
    Review(ReviewOptions),
    /// Review a file, and sign it with a key of the role.
    #[command(
        after_help = "Example:\n  bridge-node member-role sign move.own --public public --role role --passphrase-file passphrase --yes\n\nThen whoever publishes takes it: `directory take`."
    )]
    Sign(SignOptions),
}

/// What is published, and whose root is trusted.
#[derive(Debug, Args)]
struct Place {
    /// A copy of the published folder.
    #[arg(long)]
    public: PathBuf,
    /// The folder of the role's key.
    #[arg(long, value_name = "FOLDER")]
    role: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ProposeOptions {
    /// The file to write.
    file: PathBuf,
    /// The member.
    member: MemberId,
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    change: Change,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// A node of the member.
    Node {
        #[command(subcommand)]
        change: change::OwnChange,
    },
    /// Nothing but time: the same nodes for another year.
    Renew,
}

#[derive(Debug, Args)]
pub(super) struct ReviewOptions {
    /// The file.
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    /// The language of the words.
    #[arg(long, value_enum, default_value_t)]
    language: Language,
}

#[derive(Debug, Args)]
pub(super) struct SignOptions {
    /// The file; the signature is added to it.
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    /// A file of mode 0600 with the passphrase.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The language of the words.
    #[arg(long, value_enum, default_value_t)]
    language: Language,
    /// Sign without being asked whether this is what you want.
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    let now_s = Clock::default().now_s();
    match command {
        Command::Key(options) => key::make_key(&options, (KEY, PUBLIC_KEY)),
        Command::Propose(options) => propose(options, now_s),
        Command::Review(options) => {
            let file = read_file(&options.file)?;
            let reviewed = review(&file, &options.place.base()?, now_s)?;
            show(&reviewed, options.language);
            Ok(())
        }
        Command::Sign(options) => sign(&options, now_s),
    }
}

fn propose(options: ProposeOptions, now_s: u64) -> Result<(), Failure> {
    let ProposeOptions {
        file: path,
        member,
        place,
        change,
    } = options;
    let base = place.base()?;
    let mut directory = only(&base, &member);
    if let Change::Node { change } = change {
        change::own(&mut directory, change, now_s)?;
    }
    let mut members = directory.members.into_iter();
    let nodes = members.next().map(|entry| entry.nodes).unwrap_or_default();
    let file = OwnFile::propose(&base, &member, nodes, now_s).map_err(|error| refused(&error))?;
    let reviewed = review(&file, &base, now_s)?;
    if path.exists() {
        let what = format!("{} is there already", path.display());
        let remedy = "it may hold signatures: give another name";
        return Err(Failure::Failed(hint(&what, remedy)));
    }
    write(&path, &file.to_bytes())?;
    show(&reviewed, Language::En);
    say(format_args!("wrote {}", path.display()));
    say("next: sign it with `member-role sign`");
    Ok(())
}

/// The member's nodes as they count now, and nobody else's: there is nothing else that it could change.
fn only(base: &Base, member: &MemberId) -> Directory {
    let started = base.start();
    let mut directory = started.unwrap_or_else(|| Directory {
        instance: String::new(),
        members: Vec::new(),
        groups: Vec::new(),
        witnesses: Vec::new(),
    });
    directory.members.retain(|entry| entry.id == *member);
    directory
}

fn sign(options: &SignOptions, now_s: u64) -> Result<(), Failure> {
    let SignOptions {
        file: path,
        place,
        passphrase_file,
        language,
        yes,
    } = options;
    let mut file = read_file(path)?;
    let base = place.base()?;
    let reviewed = review(&file, &base, now_s)?;
    show(&reviewed, *language);
    if !yes && !key::is_confirmed(*language)? {
        return Err(Failure::Failed("not signed".to_owned()));
    }
    let key = key::open_key(&place.role.join(KEY), MADE, passphrase_file.as_deref())?;
    let name = key.key().name();
    if !file
        .sign(&key, &reviewed)
        .map_err(|error| refused(&error))?
    {
        say(format_args!("{name} has signed {} already", path.display()));
        return Ok(());
    }
    // Remembered before the signature goes out: what was signed on is what nobody may go behind.
    key::remember(&place.role, &base)?;
    write(path, &file.to_bytes())?;
    say(format_args!("{name} signed {}", path.display()));
    let signed = review(&file, &base, now_s)?;
    say(if signed.check_signatures().is_ok() {
        language.pick(
            "next: give it to who publishes: `directory take`",
            "növbəti addım: yayımlayana verin: `directory take`",
        )
    } else {
        language.pick(
            "next: have the role's other keys sign it with `member-role sign`",
            "növbəti addım: rolun qalan açarları ilə `member-role sign` əmrini icra edin",
        )
    });
    Ok(())
}

fn review(file: &OwnFile, base: &Base, now_s: u64) -> Result<OwnReviewed, Failure> {
    file.review(base, now_s).map_err(|error| refused(&error))
}

/// Tells all that a file changes.
pub(super) fn show(reviewed: &OwnReviewed, language: Language) {
    let OwnReviewed {
        member,
        changes,
        version,
        expires,
        good,
        missing,
        threshold,
        ..
    } = reviewed;
    let title = language.pick(
        "Changes of the own nodes of",
        "Öz qovşaqlarında dəyişikliklər:",
    );
    say(format_args!("{title} {member}"));
    for change in changes {
        say(format_args!("  {}", language.change(change)));
    }
    if changes.is_empty() {
        say(format_args!("  {}", language.pick("none", "yoxdur")));
    }
    let until: &Moment = expires;
    say(format_args!(
        "{} {version}: {until}",
        language.pick("Good until, version", "Son tarix, versiya")
    ));
    let names = |names: &[String]| match names {
        [] => "–".to_owned(),
        names => super::directory::plain(&names.join(", ")),
    };
    say(format_args!(
        "{} {}/{threshold}: {}; {}: {}",
        language.pick("Signed", "İmzalanıb"),
        good.len(),
        names(good),
        language.pick("still to sign", "imzalaya bilər"),
        names(missing)
    ));
}

/// Reads copies of one file.
pub(super) fn joined(paths: &[PathBuf]) -> Result<OwnFile, Failure> {
    let mut files = paths.iter().map(|path| read_file(path));
    let missing = || Failure::Usage("which file?".to_owned());
    let mut file = files.next().ok_or_else(missing)??;
    for copy in files {
        file.join(&copy?).map_err(|error| refused(&error))?;
    }
    Ok(file)
}

fn read_file(path: &Path) -> Result<OwnFile, Failure> {
    let what = "it is a file that `member-role propose` wrote";
    let bytes = read(path, OwnFile::LIMIT_BYTES, what)?;
    OwnFile::parse(&bytes)
        .map_err(|error| Failure::Failed(format!("{}: {}", path.display(), crate::chain(&error))))
}

/// What the rules for members' own nodes refuse.
pub(super) fn refused(error: &OwnNodesError) -> Failure {
    let what = format!("own nodes: {}", crate::chain(error));
    let remedy = if matches!(
        error,
        OwnNodesError::OtherVersion { .. } | OwnNodesError::OtherEntry { .. }
    ) {
        "propose the change anew on what is published now"
    } else if matches!(error, OwnNodesError::TooFew { .. }) {
        "have them sign it with `member-role sign`; copies signed apart are given together"
    } else if matches!(error, OwnNodesError::NoRole) {
        "ask the directory's officers for one: `directory propose … member role`"
    } else if matches!(error, OwnNodesError::Officers { .. }) {
        "ask the directory's officers: `directory propose … node`, or a request to join"
    } else if matches!(error, OwnNodesError::Lifetime { .. }) {
        "look at the clocks of both machines, or propose it anew"
    } else {
        return Failure::Failed(what);
    };
    Failure::Failed(hint(&what, remedy))
}

// === impl Place ===

impl Place {
    /// What is published, as the role's folder trusts it.
    fn base(&self) -> Result<Base, Failure> {
        key::trusted_base(&self.public, Some(&self.role))
    }
}
