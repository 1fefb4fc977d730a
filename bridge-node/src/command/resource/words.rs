//! Entries of the catalogue in words, in English and Azerbaijani. Nothing that others wrote reaches a terminal raw.

use std::path::Path;

use bridge_directory::catalogue::{
    Document, Entry, EntryKind, Filing, Operation, Says, Services, Word,
};
use bridge_directory::ceremony::Listed;

use super::super::directory::{Language, plain};

/// All that an entry says, and its history, a line each.
pub(in crate::command) fn entry(entry: &Entry, language: Language) -> Vec<String> {
    let mut lines = vec![head(entry, language)];
    if let Some(filing) = entry.filing() {
        lines.extend(filing_lines(filing, language));
    }
    lines.push(format!("{}:", language.pick("History", "Tarixçə")));
    lines.extend(
        entry
            .documents()
            .iter()
            .map(|one| format!("  {}", document(&one.document, language))),
    );
    lines
}

/// Name, title and state.
pub(in crate::command) fn head(entry: &Entry, language: Language) -> String {
    let title = entry.filing().map(|filing| told(&filing.title, language));
    let title = title.unwrap_or_default();
    format!("{}  [{}]  {title}", entry.id, word(entry.word(), language))
}

/// What the owner said, a line each.
pub(in crate::command) fn filing_lines(filing: &Filing, language: Language) -> Vec<String> {
    let list = |names: &[String]| match names {
        [] => "–".to_owned(),
        names => plain(&names.join(", ")),
    };
    let yes = |is: bool| {
        language.pick(
            if is { "yes" } else { "no" },
            if is { "bəli" } else { "xeyr" },
        )
    };
    let kind = match filing.kind {
        EntryKind::Resource => language.pick("resource", "informasiya ehtiyatı"),
        EntryKind::System => language.pick("system", "informasiya sistemi"),
        EntryKind::Service => language.pick("service", "xidmət"),
    };
    let operation = match filing.operation {
        Operation::Planned => language.pick("planned", "planlaşdırılır"),
        Operation::Trial => language.pick("on trial", "sınaqdadır"),
        Operation::Operating => language.pick("operating", "istismardadır"),
    };
    let mut lines = vec![told(&filing.description, language)];
    let mut line = |en, az, value: String| {
        lines.push(format!("{}: {value}", language.pick(en, az)));
    };
    line("kind", "növ", format!("{kind}, {operation}"));
    line("version", "versiya", plain(&filing.version));
    line("legal basis", "hüquqi əsas", plain(&filing.legal_basis));
    line("holds", "saxlayır", list(&filing.holds));
    line(
        "source of",
        "mənbəyi olduğu məlumatlar",
        list(&filing.source_of),
    );
    line(
        "asks a person for",
        "şəxsdən tələb edir",
        list(&filing.asks),
    );
    line(
        "personal data",
        "fərdi məlumatlar",
        yes(filing.personal_data).to_owned(),
    );
    line("contact", "əlaqə", plain(&filing.contact));
    if let Some(terms) = &filing.terms {
        line(
            "a contract is offered",
            "müqavilə şərtləri",
            told(terms, language),
        );
    }
    if let Some(digest) = &filing.openapi {
        line(
            "digest of the description",
            "təsvirin xülasəsi",
            plain(digest),
        );
    }
    lines
}

/// Who said what and when.
fn document(document: &Document, language: Language) -> String {
    let what = match &document.says {
        Says::Filed(filing) => {
            let filed = language.pick("filed version", "təqdim edib, versiya");
            format!(
                "{filed} {}: {}",
                plain(&filing.version),
                told(&filing.title, language)
            )
        }
        Says::Opinion { supports, words } => {
            let side = match supports {
                true => language.pick("opinion for it", "müsbət rəy"),
                false => language.pick("opinion against it", "mənfi rəy"),
            };
            format!("{side}: {}", plain(words))
        }
        Says::Approved {} => language.pick("approved", "təsdiq edib").to_owned(),
        Says::Refused { reason } => {
            format!(
                "{}: {}",
                language.pick("refused", "imtina edib"),
                plain(reason)
            )
        }
        Says::Assessed { words } => {
            format!(
                "{}: {}",
                language.pick("assessed", "qiymətləndirib"),
                plain(words)
            )
        }
        Says::Transferred {
            attributes,
            to,
            reason,
        } => format!(
            "{} {} → {to}: {}",
            language.pick("transferred", "ötürüb"),
            plain(&attributes.join(", ")),
            plain(reason)
        ),
        Says::Retired { reason } => {
            format!(
                "{}: {}",
                language.pick("retired", "ləğv edib"),
                plain(reason)
            )
        }
    };
    format!(
        "{}. {} {}: {what}",
        document.number, document.time, document.by
    )
}

/// What a proposal does to the catalogue, a line each.
pub(in crate::command) fn listed(listed: &Listed, language: Language) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((before, after)) = listed.services {
        let rule = |services| match services {
            Services::Any => language.pick("any service", "istənilən xidmət"),
            Services::ApprovedOnly => {
                language.pick("approved services only", "yalnız təsdiq edilmiş xidmətlər")
            }
        };
        let what = language.pick("services that are routed", "sorğu göndərilən xidmətlər");
        lines.push(format!("{what}: {} → {}", rule(before), rule(after)));
    }
    if let Some((before, after)) = &listed.ministry {
        let name = |member: &Option<_>| match member {
            Some(member) => format!("{member}"),
            None => "–".to_owned(),
        };
        let name: &dyn Fn(&Option<bridge_core::identity::MemberId>) -> String = &name;
        let what = language.pick("ministry that decides", "qərar verən nazirlik");
        lines.push(format!("{what}: {} → {}", name(before), name(after)));
    }
    for (entry, known) in &listed.entries {
        lines.push(head(entry, language));
        for one in entry.documents().iter().skip(*known) {
            lines.push(format!("  {}", document(&one.document, language)));
            if let Some(filing) = one.document.says.filing() {
                let filed = filing_lines(filing, language);
                lines.extend(filed.into_iter().map(|line| format!("    {line}")));
            }
        }
    }
    for (attribute, before, after) in &listed.sources {
        let name = |service: &Option<bridge_core::identity::ServiceId>| {
            service
                .as_ref()
                .map_or_else(|| "–".to_owned(), ToString::to_string)
        };
        let what = language.pick("source of", "məlumatın mənbəyi");
        lines.push(format!(
            "{what} {attribute}: {} → {}",
            name(before),
            name(after)
        ));
    }
    lines
}

/// What comes after a document was added.
pub(super) fn next(entry: &Entry, file: &Path) -> String {
    let file = file.display();
    let state = entry.state();
    let last = entry.documents().last().map(|one| &one.document.says);
    match (last, state.pending) {
        (Some(Says::Filed(_)), _) => {
            format!("next: send {file} to the ministry, which gives its opinion and decides")
        }
        (Some(Says::Opinion { .. }), _) => {
            "next: `bridge-node resource approve` or `bridge-node resource refuse`".to_owned()
        }
        _ => format!(
            "next: propose it to the officers: bridge-node directory propose NAME.proposal --public PUBLIC entries {file} --trust ANCHORS"
        ),
    }
}

fn word(word: Word, language: Language) -> &'static str {
    match word {
        Word::Filed => language.pick("filed", "təqdim edilib"),
        Word::Approved => language.pick("approved", "təsdiq edilib"),
        Word::Refused => language.pick("refused", "imtina edilib"),
        Word::Retired => language.pick("retired", "ləğv edilib"),
    }
}

/// A text in the language wanted.
fn told(text: &bridge_directory::catalogue::Told, language: Language) -> String {
    plain(match language {
        Language::En => &text.en,
        Language::Az => &text.az,
    })
}
