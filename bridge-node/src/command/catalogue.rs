//! `catalogue`: which resources, systems and services there are, searched in what is published, by anybody who has it.

use std::path::{Path, PathBuf};

use bridge_core::identity::MemberId;
use bridge_core::target::is_attribute;
use bridge_directory::catalogue::{
    Catalogue, Entry, EntryKind, Filing, Says, Services, Told, Word,
};
use bridge_directory::ceremony::Base;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::directory::{Language, read, refused};
use super::resource::words;
use super::{Failure, hint, say};

mod once_only;
mod search;

/// The largest root file, in bytes.
const ROOT_LIMIT: usize = 1024 * 1024;

/// What is looked for, and in what.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Words that titles, descriptions, names or attributes hold, all of them.
    words: Vec<String>,
    /// A copy of the published folder.
    #[arg(long)]
    public: PathBuf,
    /// The root that is trusted; without it the first one in the folder is.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// Only what belongs to this member.
    #[arg(long, value_name = "MEMBER")]
    member: Option<MemberId>,
    /// Only what is in this state.
    #[arg(long, value_enum)]
    state: Option<Wanted>,
    /// The one service that is to be asked for this attribute.
    #[arg(long, value_name = "ATTRIBUTE", conflicts_with_all = ["words", "member", "state"])]
    who_holds: Option<String>,
    /// Services that ask persons for what another one is the source of.
    #[arg(long, conflicts_with_all = ["words", "state", "who_holds"])]
    once_only: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// The once-only report as CSV.
    #[arg(long, requires = "once_only", conflicts_with = "json")]
    csv: bool,
    /// The language of the words.
    #[arg(long, value_enum, default_value_t)]
    language: Language,
}

/// A state as it is asked for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wanted {
    /// Waits for a decision.
    Filed,
    /// Is approved.
    Approved,
    /// Was refused.
    Refused,
    /// Has ended.
    Retired,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let catalogue = published(&options.public, options.root.as_deref())?;
    if let Some(attribute) = &options.who_holds {
        return who_holds(&catalogue, attribute, options);
    }
    if options.once_only {
        once_only::report(&catalogue, options);
        return Ok(());
    }
    let query = search::Query::of(&options.words);
    let found: Vec<&Entry> = catalogue
        .entries()
        .iter()
        .filter(|entry| options.is_wanted(entry) && query.matches(entry))
        .collect();
    if options.json {
        let list: Vec<Value> = found
            .iter()
            .map(|entry| shown(entry, catalogue.services()))
            .collect();
        say(json!({ "services": catalogue.services(), "entries": list }));
        return Ok(());
    }
    for (at, entry) in found.iter().enumerate() {
        if at > 0 {
            say("");
        }
        told(entry, catalogue.services(), options.language);
    }
    if found.is_empty() {
        say(options.language.pick("nothing found", "heç nə tapılmadı"));
    }
    Ok(())
}

/// Reads the catalogue in a copy of the published folder, from a root that is trusted.
pub(super) fn published(public: &Path, root: Option<&Path>) -> Result<Catalogue, Failure> {
    let made = "--root is a root file of the authority that publishes the directory";
    let root = root.map(|path| read(path, ROOT_LIMIT, made)).transpose()?;
    let base = Base::read(public, root.as_deref()).map_err(|error| refused(&error))?;
    Ok(base.catalogue)
}

// === impl Options ===

impl Options {
    fn is_wanted(&self, entry: &Entry) -> bool {
        let state = match self.state {
            None => None,
            Some(Wanted::Filed) => Some(Word::Filed),
            Some(Wanted::Approved) => Some(Word::Approved),
            Some(Wanted::Refused) => Some(Word::Refused),
            Some(Wanted::Retired) => Some(Word::Retired),
        };
        state.is_none_or(|state| entry.word() == state) && self.is_of(entry)
    }

    fn is_of(&self, entry: &Entry) -> bool {
        let member = self.member.as_ref();
        member.is_none_or(|member| entry.owner() == member)
    }
}

fn who_holds(catalogue: &Catalogue, attribute: &str, options: &Options) -> Result<(), Failure> {
    if !is_attribute(attribute) {
        return Err(Failure::Usage(hint(
            &format!("{attribute:?} is no attribute"),
            "write one like person.address",
        )));
    }
    let source = catalogue.source(attribute);
    if options.json {
        let source = source.map(|entry| shown(entry, catalogue.services()));
        say(json!({ "attribute": attribute, "source": source }));
        return Ok(());
    }
    if let Some(entry) = source {
        told(entry, catalogue.services(), options.language);
    } else {
        let nobody = options
            .language
            .pick("nobody is the source of", "mənbəyi olmayan məlumat:");
        say(format_args!("{nobody} {attribute}"));
    }
    Ok(())
}

/// An entry in words, with how to come to a contract.
fn told(entry: &Entry, services: Services, language: Language) {
    say(words::head(entry, language));
    let Some(filing) = entry.filing() else { return };
    let owner = language.pick("held by", "sahibi");
    say(format_args!("  {owner}: {}", entry.owner()));
    for line in words::filing_lines(filing, language) {
        say(format_args!("  {line}"));
    }
    if let Some(assessed) = assessment(entry) {
        let what = language.pick("assessed", "qiymətləndirmə");
        say(format_args!("  {what}: {assessed}"));
    }
    if is_asked(entry, services) {
        let how = language.pick(
            "to use it: propose a contract to its contact (`bridge-node contract propose`)",
            "istifadə üçün: əlaqə ünvanına müqavilə təklif edin (`bridge-node contract propose`)",
        );
        say(format_args!("  {how}"));
    }
}

/// An entry as data: what it says now, and whether it can be asked.
fn shown(entry: &Entry, services: Services) -> Value {
    let filing: Option<&Filing> = entry.filing();
    let state = entry.state();
    let waiting: Option<&Told> = state.pending.map(|pending| &pending.title);
    json!({
        "id": entry.id,
        "member": entry.owner(),
        "state": entry.word().as_str(),
        "routed": is_asked(entry, services),
        "filing": filing,
        "source_of": state.sources().collect::<Vec<_>>(),
        "waiting": waiting,
        "assessed": assessment(entry),
        "documents": entry.documents().len(),
    })
}

/// Resources and systems are only described; a service is asked unless that was refused or has ended.
fn is_asked(entry: &Entry, services: Services) -> bool {
    match services {
        Services::ApprovedOnly => entry.state().is_routed(),
        Services::Any => {
            let is_service = |filing: &Filing| filing.kind == EntryKind::Service;
            entry.filing().is_some_and(is_service)
                && !matches!(entry.word(), Word::Refused | Word::Retired)
        }
    }
}

/// The newest assessment, with its date.
fn assessment(entry: &Entry) -> Option<String> {
    let newest = entry.documents().iter().rev().map(|one| &one.document);
    newest
        .into_iter()
        .find_map(|document| match &document.says {
            Says::Assessed { words } => Some(format!("{} {words}", document.time)),
            Says::Filed(_)
            | Says::Opinion { .. }
            | Says::Approved {}
            | Says::Refused { .. }
            | Says::Transferred { .. }
            | Says::Retired { .. } => None,
        })
}
