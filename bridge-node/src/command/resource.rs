//! `resource`: an entry of the catalogue is filed by its owner, judged by the ministry, and shown with its whole history.
//!
//! No node is needed: each command adds one document under a member's seal to the entry's file, which goes from one to the
//! other as they like. It counts when officers have published it: `directory propose … entries`.

use std::path::{Path, PathBuf};

use bridge_certs::Trust;
use bridge_core::identity::ServiceId;
use bridge_directory::Moment;
use bridge_directory::catalogue::{Catalogue, ENTRY_LIMIT_BYTES, Entry, EntryFault, Says};
use clap::{ArgGroup, Args, Subcommand};

use super::catalogue::published;
use super::directory::{Language, read, write};
use super::seal::Speaker;
use super::{Failure, hint, say};
use crate::clock::Clock;

mod filings;
pub(super) mod words;

/// Commands about entries of the catalogue.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// File a resource, a system or a service of the own member, or a new version of it.
    #[command(
        after_help = "Example:\n  bridge-node resource file person.entry.json --package adapters/registries/population --subsystem AZ/GOV/1001/POPULATION --code person --member AZ/GOV/1001 --seal seal.pem --seal-key seal.key --trust anchors.pem\n\nWhat is filed is public. next: send the file to the ministry."
    )]
    File {
        #[command(flatten)]
        said: Said,
        #[command(flatten)]
        filing: filings::Source,
    },
    /// Give the ministry's opinion on what is filed.
    #[command(
        group(ArgGroup::new("side").required(true)),
        after_help = "Example:\n  bridge-node resource opinion person.entry.json --for --words \"no other registry holds these attributes\" --member AZ/GOV/9001 --seal seal.pem --seal-key seal.key --trust anchors.pem"
    )]
    Opinion {
        #[command(flatten)]
        said: Said,
        /// It should be approved.
        #[arg(long = "for", group = "side")]
        supports: bool,
        /// It should not.
        #[arg(long, group = "side")]
        against: bool,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        words: String,
    },
    /// Approve what is filed, after an opinion.
    #[command(
        after_help = "Example:\n  bridge-node resource approve person.entry.json --public public --member AZ/GOV/9001 --seal seal.pem --seal-key seal.key --trust anchors.pem\n\nAn attribute that another service is the source of is refused with the name of that service. next: propose the\nentry to the directory's officers with `directory propose … entries`; once published it is routed."
    )]
    Approve {
        #[command(flatten)]
        said: Said,
        /// A copy of the published folder: what is approved already.
        #[arg(long)]
        public: PathBuf,
        /// An entry that will be proposed together with it, such as the one that an attribute is taken from.
        #[arg(long, value_name = "FILE")]
        beside: Vec<PathBuf>,
    },
    /// Refuse what is filed. What was approved before stays.
    #[command(
        after_help = "Example:\n  bridge-node resource refuse person.entry.json --reason \"the legal basis is missing\" --member AZ/GOV/9001 --seal seal.pem --seal-key seal.key --trust anchors.pem"
    )]
    Refuse(Reasoned),
    /// Record an assessment of what is approved.
    #[command(
        after_help = "Example:\n  bridge-node resource assess person.entry.json --words \"in good order\" --member AZ/GOV/9001 --seal seal.pem --seal-key seal.key --trust anchors.pem"
    )]
    Assess {
        #[command(flatten)]
        said: Said,
        /// What was found.
        #[arg(long, value_name = "TEXT")]
        words: String,
    },
    /// Take attributes from the service that is their source, for another one.
    #[command(
        after_help = "Example:\n  bridge-node resource transfer person.entry.json --attribute person.address --to AZ/GOV/1002/ADDRESS/address --reason \"decree of 1 May\" --member AZ/GOV/9001 --seal seal.pem --seal-key seal.key --trust anchors.pem\n\nThe new source is approved with --beside this entry, and both are proposed together: `directory propose … entries OLD NEW`."
    )]
    Transfer {
        #[command(flatten)]
        said: Reasoned,
        /// The attribute; several times for several.
        #[arg(long, value_name = "NAME", required = true)]
        attribute: Vec<String>,
        /// The service that becomes their source.
        #[arg(long, value_name = "SERVICE")]
        to: ServiceId,
    },
    /// End it, as its owner or as the ministry.
    #[command(
        after_help = "Example:\n  bridge-node resource retire person.entry.json --reason \"replaced by AZ/GOV/1002/ADDRESS/address\" --member AZ/GOV/1001 --seal seal.pem --seal-key seal.key --trust anchors.pem"
    )]
    Retire(Reasoned),
    /// Show an entry and its history in words, and check every seal.
    #[command(
        after_help = "Examples:\n  bridge-node resource show person.entry.json --trust anchors.pem\n  bridge-node resource show person.entry.json --trust anchors.pem --language az\n  bridge-node resource show AZ/GOV/1001/POPULATION/person --public public --trust anchors.pem --output person.entry.json"
    )]
    Show {
        /// The entry's file, or its name in what is published.
        entry: String,
        /// A copy of the published folder, for a name.
        #[arg(long)]
        public: Option<PathBuf>,
        /// Keep the entry in this file, such as to add to it.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// PEM file of the authorities whose seals count.
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
        /// The language of the words.
        #[arg(long, value_enum, default_value_t)]
        language: Language,
    },
}

/// Who says it, of which entry, under which seal.
#[derive(Debug, Args)]
pub(super) struct Said {
    /// The entry's file; the document is added to it.
    entry: PathBuf,
    #[command(flatten)]
    speaker: Speaker,
    /// PEM file of the authorities whose seals count.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
}

/// As before, and why.
#[derive(Debug, Args)]
pub(super) struct Reasoned {
    #[command(flatten)]
    said: Said,
    /// Why: signed, and published.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::File { said, filing } => {
            let (id, filing) = filing.read()?;
            let entry = if said.entry.exists() {
                said.read()?
            } else {
                Entry::new(id.clone())
            };
            if entry.id != id {
                let what = format!("{} is of {}", said.entry.display(), entry.id);
                return Err(Failure::Failed(hint(
                    &what,
                    "give each entry a file of its own",
                )));
            }
            said.add(entry, Says::Filed(Box::new(filing)))
        }
        Command::Opinion {
            said,
            supports,
            against: _,
            words,
        } => said.add(said.read()?, Says::Opinion { supports, words }),
        Command::Approve {
            said,
            public,
            beside,
        } => {
            let entry = said.read()?;
            let catalogue = published(&public, None)?;
            let beside: Result<Vec<_>, _> = beside.iter().map(|path| parse_entry(path)).collect();
            check_claims(&entry, &catalogue, beside?)?;
            said.add(entry, Says::Approved {})
        }
        Command::Refuse(Reasoned { said, reason }) => {
            said.add(said.read()?, Says::Refused { reason })
        }
        Command::Assess { said, words } => said.add(said.read()?, Says::Assessed { words }),
        Command::Transfer {
            said: Reasoned { said, reason },
            attribute: attributes,
            to,
        } => {
            let says = Says::Transferred {
                attributes,
                to,
                reason,
            };
            said.add(said.read()?, says)
        }
        Command::Retire(Reasoned { said, reason }) => {
            said.add(said.read()?, Says::Retired { reason })
        }
        Command::Show {
            entry,
            public,
            output,
            trust,
            language,
        } => show(
            &entry,
            public.as_deref(),
            output.as_deref(),
            (&trust, language),
        ),
    }
}

// === impl Said ===

impl Said {
    /// Reads the entry's file; every seal in it must hold.
    fn read(&self) -> Result<Entry, Failure> {
        read_entry(&self.entry, &read_trust(&self.trust)?)
    }

    /// Adds a document to the file.
    fn add(&self, mut entry: Entry, says: Says) -> Result<(), Failure> {
        let trust = read_trust(&self.trust)?;
        let now_s = Clock::default().now_s();
        let word = says.as_str();
        let document = entry.next(&self.speaker.member, Moment(now_s), says);
        let document = document.map_err(|fault| refused(&self.entry, &fault))?;
        let sealer = self.speaker.sealer()?;
        let seal = sealer
            .seal(&document.write(), now_s)
            .map_err(|error| Failure::failed("seal", &error))?;
        let added = entry.add(document, &seal, (&trust, now_s));
        added.map_err(|fault| refused(&self.entry, &fault))?;
        write(&self.entry, &entry.to_bytes())?;
        say(format_args!(
            "{}: {word} by {}",
            entry.id, self.speaker.member
        ));
        say(words::next(&entry, &self.entry));
        Ok(())
    }
}

/// Refuses what claims an attribute that has a source.
fn check_claims(entry: &Entry, known: &Catalogue, beside: Vec<Entry>) -> Result<(), Failure> {
    let known = known
        .with(beside)
        .map_err(|fault| Failure::Failed(format!("--beside: {}", crate::chain(&fault))))?;
    let claimed = entry.state().pending.map(|filing| &filing.source_of);
    let mut claimed = claimed.into_iter().flatten();
    let held = claimed.find_map(|attribute| {
        let holder = known
            .source(attribute)
            .filter(|holder| holder.id != entry.id);
        holder.map(|holder| format!("{attribute} has a source already: {}", holder.id))
    });
    held.map_or(Ok(()), |what| {
        Err(Failure::Failed(hint(
            &what,
            "nothing was signed; if it is to change, `bridge-node resource transfer` takes it from that service, whose entry is then given with --beside",
        )))
    })
}

fn show(
    entry: &str,
    public: Option<&Path>,
    output: Option<&Path>,
    (trust, language): (&Path, Language),
) -> Result<(), Failure> {
    let trust = read_trust(trust)?;
    let entry = match public {
        Some(public) => {
            let catalogue = published(public, None)?;
            let id: ServiceId = entry
                .parse()
                .map_err(|error| Failure::Usage(format!("{entry}: {error}")))?;
            let found = catalogue.entry(&id).cloned();
            found.ok_or_else(|| Failure::Failed(format!("{id} is not in the catalogue")))?
        }
        None => parse_entry(Path::new(entry))?,
    };
    for line in words::entry(&entry, language) {
        say(line);
    }
    let now_s = Clock::default().now_s();
    entry.check_seals(0, &trust, now_s).map_err(|fault| {
        Failure::NotGenuine(vec![format!("{}: {}", entry.id, crate::chain(&fault))])
    })?;
    say(language.pick("Every seal holds.", "Bütün möhürlər etibarlıdır."));
    match output {
        Some(output) => write(output, &entry.to_bytes()),
        None => Ok(()),
    }
}

/// Reads an entry's file; every seal in it must hold.
pub(super) fn read_entry(path: &Path, trust: &Trust) -> Result<Entry, Failure> {
    let entry = parse_entry(path)?;
    let now_s = Clock::default().now_s();
    let held = entry.check_seals(0, trust, now_s);
    held.map_err(|fault| refused(path, &fault))?;
    Ok(entry)
}

fn parse_entry(path: &Path) -> Result<Entry, Failure> {
    let made = "an entry's file is made by `bridge-node resource file`";
    let bytes = read(path, ENTRY_LIMIT_BYTES, made)?;
    Entry::parse(&bytes).map_err(|fault| refused(path, &fault))
}

fn refused(path: &Path, fault: &EntryFault) -> Failure {
    let what = format!("{}: {}", path.display(), crate::chain(fault));
    Failure::Failed(hint(
        &what,
        "nothing was signed; `bridge-node resource show` tells what was said of it so far",
    ))
}

/// Reads the authorities whose seals count.
pub(super) fn read_trust(path: &Path) -> Result<Trust, Failure> {
    let made = "give the PEM file of the authorities whose seals count: `trust.anchors` of a node's settings names it";
    let pem = read(path, ENTRY_LIMIT_BYTES, made)?;
    Trust::from_pem(&pem).map_err(|error| Failure::failed(&path.display().to_string(), &error))
}
