use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Account, Allowed, Facts, Groups, Usage, Window, decide};
use crate::accept::Language;
use crate::contract::{Contract, load};
use crate::identity::SubsystemId;
use crate::leaf::{Side, UnixMillis};
use crate::refusal::{Denial, Refusal, Unknown};
use crate::target::{Target, TargetLimits, parse_target};

mod widening;

/// A client's groups, written `global:NAME` and `local:NAME`.
struct In<'a>(&'a str);

/// The same use of every quota.
struct Used {
    pub(super) hour: u64,
    pub(super) day: u64,
}

impl Groups for In<'_> {
    fn global(&self, group: &str, _: &SubsystemId) -> bool {
        self.0
            .split(' ')
            .any(|known| known.strip_prefix("global:") == Some(group))
    }

    fn local(&self, group: &str, _: &SubsystemId) -> bool {
        self.0
            .split(' ')
            .any(|known| known.strip_prefix("local:") == Some(group))
    }
}

impl Usage for Used {
    fn used(&self, _: &Account<'_>, window: Window, _: UnixMillis) -> u64 {
        match window {
            Window::Hour => self.hour,
            Window::Day => self.day,
        }
    }
}

pub(super) fn at(text: &str) -> UnixMillis {
    let time = OffsetDateTime::parse(text, &Rfc3339).expect(text);
    UnixMillis(u64::try_from(time.unix_timestamp_nanos() / 1_000_000).expect("after 1970"))
}

pub(super) fn contracts() -> Vec<Arc<Contract>> {
    [
        include_str!("../../testdata/policy/3-auditors.json"),
        include_str!("../../testdata/policy/1-pension.json"),
        include_str!("../../testdata/policy/4-other-service.json"),
        include_str!("../../testdata/policy/2-ministries.json"),
    ]
    .iter()
    .map(|text| Arc::new(load(text.as_bytes()).expect("contract")))
    .collect()
}

/// What is asked, in words; the service is always the person service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) client: &'a str,
    pub(super) groups: &'a str,
    pub(super) method: &'a str,
    pub(super) rest: &'a str,
    pub(super) purpose: Option<&'a str>,
    pub(super) basis: Option<&'a str>,
    pub(super) time: &'a str,
    pub(super) hour: u64,
    pub(super) day: u64,
}

impl Question<'_> {
    pub(super) fn decide(&self, contracts: &[Arc<Contract>]) -> Result<Allowed, Refusal> {
        let line = format!("/r1/AZ/GOV/1001/POPULATION/person{}", self.rest);
        let Target::Service(target) = parse_target(&line, &TargetLimits::default())? else {
            panic!("not a service: {line}");
        };
        let client = format!("AZ/GOV/{}", self.client).parse().expect("client");
        let facts = Facts {
            client: &client,
            service: &target.service,
            is_published: self.groups.contains("published"),
            method: self.method,
            path: &target.path,
            query: &target.query,
            purpose: self.purpose,
            legal_basis: self.basis,
            groups: &In(self.groups),
        };
        let used = Used {
            hour: self.hour,
            day: self.day,
        };
        decide(contracts, &facts, &used, at(self.time))
    }
}

pub(super) const PENSION: Question<'_> = Question {
    client: "1002/PENSION",
    groups: "",
    method: "GET",
    rest: "/persons/5ABC?at=2026",
    purpose: Some("pension"),
    basis: Some("law-54/3"),
    time: "2026-11-20T10:00:00+04:00",
    hour: 0,
    day: 0,
};

pub(super) const MINISTRY: Question<'_> = Question {
    groups: "global:ministries",
    rest: "/public/list?page=1",
    purpose: None,
    basis: None,
    ..PENSION
};

fn parse_row(line: &str) -> Question<'_> {
    let columns: Vec<&str> = line.split('|').map(str::trim).collect();
    let [client, groups, method, rest, purpose, basis, time, used] = columns[..] else {
        panic!("eight columns: {line}");
    };
    let (hour, day) = used.split_once('/').expect("used in hour/day");
    Question {
        client,
        groups,
        method,
        rest: if rest == "-" { "" } else { rest },
        purpose: (purpose != "-").then_some(purpose),
        basis: (basis != "-").then_some(basis),
        time,
        hour: hour.parse().expect("hour"),
        day: day.parse().expect("day"),
    }
}

fn verdict(question: &Question<'_>, contracts: &[Arc<Contract>]) -> String {
    match question.decide(contracts) {
        Ok(allowed) => format!("allow {} [{}]", allowed.contract.id(), allowed.matched()),
        Err(Refusal::Malformed(error)) => format!("edge: {error}"),
        Err(Refusal::Denied { rule, contract }) => format!("403 {} {}", contract.id, rule.rule()),
        Err(Refusal::Quota {
            contract,
            per,
            limit,
            retry_after_s,
        }) => format!(
            "429 {} {limit} per {}, wait {retry_after_s} s",
            contract.id,
            per.as_str()
        ),
        Err(refusal) => format!("{} no contract", refusal.status()),
    }
}

/// The table of verdicts. `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn policy_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/policy.txt");
    let table = std::fs::read_to_string(&path).expect("policy.txt");
    let contracts = contracts();
    let mut written = String::new();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for line in table.lines() {
        if line.is_empty() || line.starts_with('#') {
            writeln!(written, "{line}").expect("text");
            continue;
        }
        let question = line.split("=>").next().unwrap_or_default().trim_end();
        let answer = verdict(&parse_row(question), &contracts);
        let word = answer.split(' ').next().unwrap_or_default().to_owned();
        *seen.entry(word).or_default() += 1;
        writeln!(written, "{question} => {answer}").expect("text");
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &written).expect("policy.txt");
        return;
    }
    assert_eq!(
        table, written,
        "see the differences with UPDATE_GOLDEN=1 and git diff"
    );
    for word in ["allow", "403", "404", "429", "edge:"] {
        assert!(
            seen.get(word).is_some_and(|count| *count >= 3),
            "{word} in {seen:?}"
        );
    }
}

#[test]
fn the_rules_say_all_that_decided() {
    let allowed = PENSION.decide(&contracts()).expect("allowed");
    assert_eq!(
        *allowed.rules,
        [
            "at:1795154400000",
            "contract:pension-1",
            "consumer:subsystem:AZ/GOV/1002/PENSION",
            "endpoint:GET /persons/*",
            "query:at",
            "purpose:pension",
            "basis:law-54/3",
            "hours:mon,tue,wed,thu,fri 08:00-18:00 +04:00",
            "quota:hour 1/3",
            "quota:day 1/5",
        ]
    );
    assert_eq!(
        (allowed.endpoint, allowed.purpose.as_deref()),
        (0, Some("pension"))
    );
    assert_eq!(allowed.basis.as_deref(), Some("law-54/3"));
}

#[test]
fn a_strangers_text_is_not_recorded() {
    let question = Question {
        purpose: Some("free text"),
        basis: Some("more of it"),
        ..MINISTRY
    };
    let allowed = question.decide(&contracts()).expect("allowed");
    assert_eq!((allowed.purpose, allowed.basis), (None, None));
    assert!(
        allowed
            .rules
            .iter()
            .all(|rule| !rule.contains("text") && !rule.contains("more"))
    );
    assert!(allowed.rules.contains(&"method:GET".to_owned()));
    assert!(
        allowed
            .rules
            .contains(&"consumer:global_group:ministries".to_owned())
    );
}

#[test]
fn a_refusal_names_what_would_help() {
    let question = Question {
        purpose: None,
        ..PENSION
    };
    let refusal = question.decide(&contracts()).expect_err("refused");
    let Refusal::Denied {
        rule: Denial::PurposeMissing { allowed },
        contract,
    } = refusal
    else {
        panic!("{refusal:?}");
    };
    assert_eq!(allowed, ["pension", "appeal"]);
    assert_eq!(contract.contact, "registry@population.example");
}

#[test]
fn a_hidden_service_can_not_be_told_from_an_unknown_one() {
    let stranger = Question {
        client: "1003/TAX",
        ..PENSION
    };
    let hidden = stranger.decide(&contracts()).expect_err("refused");
    assert_eq!(hidden, Refusal::Unknown(Unknown::Hidden));
    let unknown = Refusal::Unknown(Unknown::Service);
    for language in Language::ALL {
        assert_eq!(hidden.message(language), unknown.message(language));
    }
    assert_eq!(hidden.status(), unknown.status());
    for side in [Side::Consumer, Side::Provider] {
        assert_eq!(hidden.code(side), unknown.code(side));
    }
    let published = Question {
        groups: "published",
        ..stranger
    };
    assert!(matches!(
        published.decide(&contracts()),
        Err(Refusal::NoContract { .. })
    ));
}

#[test]
fn the_named_contract_alone_decides() {
    let all = contracts();
    let under = |id: &str| {
        let contract = all.iter().find(|contract| contract.id() == id).expect(id);
        let decision = MINISTRY.decide(std::slice::from_ref(contract));
        decision.map(|allowed| allowed.contract.id().to_owned())
    };
    assert_eq!(under("ministries-1").as_deref(), Ok("ministries-1"));
    assert!(matches!(
        under("pension-1"),
        Err(Refusal::Denied {
            rule: Denial::Endpoint,
            ..
        })
    ));
    // It names another client and another service.
    assert_eq!(under("tax-1"), Err(Refusal::Unknown(Unknown::Hidden)));
    assert_eq!(under("auditors-1"), Err(Refusal::Unknown(Unknown::Hidden)));
}

#[test]
fn the_order_of_contracts_does_not_matter() {
    let mut all = contracts();
    for purpose in ["pension", "audit", "other"] {
        let question = Question {
            purpose: Some(purpose),
            groups: "global:ministries local:auditors",
            ..PENSION
        };
        let mut seen = Vec::new();
        for _ in 0..all.len() {
            all.rotate_left(1);
            let decision = question.decide(&all);
            seen.push(decision.map(|allowed| allowed.rules));
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{purpose}: {seen:?}");
    }
}

#[test]
fn facts_show_no_strangers_text() {
    let Ok(Target::Service(target)) = parse_target(
        "/r1/AZ/GOV/1001/POPULATION/person/SECRET?SECRET=1",
        &TargetLimits::default(),
    ) else {
        panic!("a service");
    };
    let client = "AZ/GOV/1002/PENSION".parse().expect("client");
    let facts = Facts {
        client: &client,
        service: &target.service,
        is_published: false,
        method: "SECRET",
        path: &target.path,
        query: &target.query,
        purpose: Some("SECRET"),
        legal_basis: Some("SECRET"),
        groups: &In(""),
    };
    assert!(!format!("{facts:?}").contains("SECRET"));
}
