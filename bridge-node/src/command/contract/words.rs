//! A contract in words, for those who sign it.

use std::fmt;

use bridge_certs::Moment;
use bridge_core::accept::Language;
use bridge_core::contract::{Action, Agreement, Contract, Grounds, Party, State, Statement};
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
    for consumer in agreement.consumers() {
        lines.push(state(agreement, &consumer, language, now_s));
    }
    lines
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
    for endpoint in contract.endpoints() {
        lines.push(line(["  allowed", "  icazə verilir"], endpoint));
    }
    lines
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
    lines
}

/// How it stands with one consuming member, and what is waited for.
pub(super) fn state(
    agreement: &Agreement,
    consumer: &MemberId,
    language: Language,
    now_s: u64,
) -> String {
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
