//! A contract in words, for those who sign it.

use std::fmt;

use bridge_certs::Moment;
use bridge_core::accept::Language;
use bridge_core::contract::locator::{Locator, Place};
use bridge_core::contract::{
    Action, Agreement, Contract, Endpoint, Grounds, Party, State, Statement,
};
use bridge_core::identity::MemberId;

/// Says it in the language asked for.
fn say(language: Language, english: String, azerbaijani: String) -> String {
    match language {
        Language::English => english,
        Language::Azerbaijani => azerbaijani,
    }
}

/// All that a contract says and all that was signed, a line each.
pub(super) fn contract(agreement: &Agreement, language: Language, now_s: u64) -> Vec<String> {
    let mut lines = vec![agreement.contract().title().to_owned()];
    lines.extend(parties(agreement.contract(), language));
    lines.extend(conditions(agreement.contract(), language));
    for one in agreement.signed() {
        lines.push(said(&one.statement, language));
    }
    for (consumer, state) in states(agreement, language, now_s) {
        lines.push(match agreement.contract().consumer() {
            Party::Subsystem(_) => state,
            Party::GlobalGroup(_) | Party::LocalGroup(_) => format!("{consumer}: {state}"),
        });
    }
    lines
}

/// How it stands with each consuming member that is known; with a group of which none has signed, as a whole.
pub(super) fn states(
    agreement: &Agreement,
    language: Language,
    now_s: u64,
) -> Vec<(String, String)> {
    let consumers = agreement.consumers();
    if consumers.is_empty() {
        let party = agreement.contract().consumer().to_string();
        return vec![(party, offer(agreement, language, now_s))];
    }
    let of = |one: &MemberId| (one.to_string(), state(agreement, one, language, now_s));
    consumers.iter().map(of).collect()
}

/// How it stands with a group of which no member has signed: what counts is the provider's word alone.
fn offer(agreement: &Agreement, language: Language, now_s: u64) -> String {
    let provider = agreement.contract().provider().member();
    if agreement.state(provider) != State::Agreed {
        return state(agreement, provider, language, now_s);
    }
    say(
        language,
        "waits until members of the group accept it, each for itself".to_owned(),
        "qrupun üzvləri tərəfindən qəbul edilməsini gözləyir, hər biri öz adından".to_owned(),
    )
}

/// A name in both languages, and a value.
fn line(language: Language, [english, azerbaijani]: [&str; 2], value: &dyn fmt::Display) -> String {
    match language {
        Language::English => format!("{english}: {value}"),
        Language::Azerbaijani => format!("{azerbaijani}: {value}"),
    }
}

/// Who may ask whom for what.
fn parties(contract: &Contract, language: Language) -> Vec<String> {
    let line = |names, value: &dyn fmt::Display| line(language, names, value);
    let mut lines = vec![
        line(["Contract", "Müqavilə"], &contract.reference()),
        line(
            ["Consumer", "İstehlakçı"],
            &consumer(contract.consumer(), language),
        ),
        line(["Provider", "Təchizatçı"], contract.provider()),
        line(["Service", "Xidmət"], contract.service()),
    ];
    for one in contract.endpoints() {
        lines.extend(endpoint(one, language));
    }
    lines
}

/// One kind of request, and what it may and does hold.
fn endpoint(endpoint: &Endpoint, language: Language) -> Vec<String> {
    let line = |names, value: &dyn fmt::Display| line(language, names, value);
    let none = match language {
        Language::English => "none",
        Language::Azerbaijani => "yoxdur",
    };
    let listed = |list: Vec<String>| match &*list {
        [] => none.to_owned(),
        list => list.join(", "),
    };
    let subjects = endpoint.subjects().iter();
    let subjects = subjects.map(|one| subject(one, language)).collect();
    let mut lines = vec![
        line(["  allowed", "  icazə verilir"], endpoint),
        line(
            ["    query names", "    sorğu parametrləri"],
            &listed(endpoint.query().to_vec()),
        ),
        line(
            ["    data subjects", "    məlumat subyektləri"],
            &listed(subjects),
        ),
    ];
    if endpoint.allows_semicolons() {
        lines.push(say(
            language,
            "    the path may hold semicolons".to_owned(),
            "    yolda nöqtəli vergül ola bilər".to_owned(),
        ));
    }
    lines
}

/// Of which type a subject's name is, and where it stands.
fn subject(locator: &Locator, language: Language) -> String {
    let (english, azerbaijani) = match &locator.place {
        Place::Path(segment) => (
            format!("path segment {segment}"),
            format!("yolun {segment} nömrəli hissəsi"),
        ),
        Place::Query(name) => (
            format!("query name {name}"),
            format!("sorğu parametri {name}"),
        ),
        Place::Request(pointer) => (format!("request {pointer}"), format!("sorğu {pointer}")),
        Place::Answer(pointer) => (format!("answer {pointer}"), format!("cavab {pointer}")),
    };
    format!("{} ({})", locator.kind, say(language, english, azerbaijani))
}

/// Under which conditions.
fn conditions(contract: &Contract, language: Language) -> Vec<String> {
    let all = match language {
        Language::English => "any",
        Language::Azerbaijani => "istənilən",
    };
    let line = |names, value: &dyn fmt::Display| line(language, names, value);
    let fields = contract.fields().map_or_else(
        || all.to_owned(),
        |mask| {
            let pointers: Vec<String> = mask.pointers().iter().map(ToString::to_string).collect();
            pointers.join(", ")
        },
    );
    let hours = contract
        .hours()
        .map_or_else(|| all.to_owned(), ToString::to_string);
    let quota = contract.quota();
    let mut lines = vec![
        line(
            ["Purposes", "Məqsədlər"],
            &grounds(contract.purposes(), all),
        ),
        line(
            ["Legal basis", "Hüquqi əsas"],
            &grounds(contract.legal_basis(), all),
        ),
        line(["Fields that may leave", "Verilə bilən sahələr"], &fields),
        say(
            language,
            format!("Quota: {} an hour, {} a day", quota.per_hour, quota.per_day),
            format!("Kvota: saatda {}, gündə {}", quota.per_hour, quota.per_day),
        ),
        line(["Hours", "Saatlar"], &hours),
        line(
            ["Evidence kept", "Saxlanılan sübut"],
            &contract.evidence_mode().as_str(),
        ),
        line(["From", "Başlanğıc"], &Moment(contract.start().seconds())),
        line(["Until", "Son"], &Moment(contract.end().seconds())),
        line(["Contact", "Əlaqə"], &contract.contact()),
    ];
    if contract.is_read_only() {
        lines.push(say(
            language,
            "It allows reading only".to_owned(),
            "O, yalnız oxumaq üçündür".to_owned(),
        ));
    }
    if contract.demands_plain_signatures() {
        lines.push(say(
            language,
            "Each query and answer is signed on its own, none in a batch".to_owned(),
            "Hər sorğu və cavab ayrıca imzalanır, toplu imza qəbul edilmir".to_owned(),
        ));
    }
    lines
}

/// How it stands with one consuming member, and what is waited for.
fn state(agreement: &Agreement, consumer: &MemberId, language: Language, now_s: u64) -> String {
    let contract = agreement.contract();
    let provider = contract.provider().member();
    let (start_s, end_s) = (contract.start().seconds(), contract.end().seconds());
    match agreement.state(consumer) {
        State::Unsigned => say(
            language,
            "nobody has signed it".to_owned(),
            "heç kim imzalamayıb".to_owned(),
        ),
        State::Proposed { by } => {
            let other = if by == *provider { consumer } else { provider };
            say(
                language,
                format!("waits until {other} accepts or refuses it"),
                format!("{other} tərəfindən qəbul və ya rədd edilməsini gözləyir"),
            )
        }
        State::Agreed if now_s < start_s => say(
            language,
            format!("signed by both; in force from {}", Moment(start_s)),
            format!(
                "hər iki tərəf imzalayıb; qüvvəyə minmə vaxtı: {}",
                Moment(start_s)
            ),
        ),
        State::Agreed if now_s >= end_s => say(
            language,
            format!("signed by both; it ended at {}", Moment(end_s)),
            format!("hər iki tərəf imzalayıb; müddəti bitib: {}", Moment(end_s)),
        ),
        State::Agreed => say(
            language,
            "signed by both; in force".to_owned(),
            "hər iki tərəf imzalayıb; qüvvədədir".to_owned(),
        ),
        State::Refused { by, at_s } => say(
            language,
            format!("refused by {by} at {}", Moment(at_s)),
            format!("{by} rədd edib, vaxt: {}", Moment(at_s)),
        ),
        State::Withdrawn { by, at_s } => say(
            language,
            format!("{by} withdrew from it at {}", Moment(at_s)),
            format!("{by} ondan imtina edib, imtina vaxtı: {}", Moment(at_s)),
        ),
    }
}

fn said(statement: &Statement, language: Language) -> String {
    let action = statement.action;
    let (member, time) = (&statement.member, Moment(statement.time_s));
    let azerbaijani = match action {
        Action::Proposed => "təklif edib",
        Action::Accepted => "qəbul edib",
        Action::Refused => "rədd edib",
        Action::Withdrawn => "imtina edib",
    };
    let mut said = say(
        language,
        format!("{action} by {member} at {time}"),
        format!("{member} {azerbaijani}, vaxt: {time}"),
    );
    if let Some(reason) = &statement.reason {
        said.push_str(": ");
        said.push_str(reason);
    }
    said
}

fn consumer(party: &Party, language: Language) -> String {
    match party {
        Party::Subsystem(client) => client.to_string(),
        Party::GlobalGroup(group) => say(
            language,
            format!("every member of the directory's group {group}"),
            format!("kataloqun {group} qrupunun hər üzvü"),
        ),
        Party::LocalGroup(group) => say(
            language,
            format!("every member of the provider's group {group}"),
            format!("təchizatçının {group} qrupunun hər üzvü"),
        ),
    }
}

fn grounds(grounds: &Grounds, all: &str) -> String {
    match grounds {
        Grounds::Any => all.to_owned(),
        Grounds::Listed(list) => {
            let shown = list
                .iter()
                .map(|ground| format!("{} ({})", ground.title, ground.code));
            shown.collect::<Vec<_>>().join(", ")
        }
    }
}
