//! The rules that made a decision, as text for the leaf.

use crate::contract::{Contract, Endpoint, Ground};
use crate::leaf::UnixMillis;
use crate::refusal::Refusal;

/// Everything a decision rested on besides what other fields of the leaf say.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) contract: &'a Contract,
    pub(super) endpoint: &'a Endpoint,
    pub(super) method: &'a str,
    pub(super) query_names: Vec<&'a str>,
    pub(super) has_semicolon: bool,
    pub(super) purpose: Option<&'a Ground>,
    pub(super) basis: Option<&'a Ground>,
    /// Exchanges in the windows before this one.
    pub(super) in_hour: u64,
    pub(super) in_day: u64,
    /// The leaf's own time may lie later.
    pub(super) decided: UnixMillis,
}

impl Record<'_> {
    /// Writes the rules. Every word comes from the contract or is a number: a leaf shows no stranger's text.
    pub(super) fn rules(&self) -> Vec<String> {
        let mut rules = vec![
            format!("at:{}", self.decided.0),
            ["contract:", self.contract.id()].concat(),
            format!("consumer:{}", self.contract.consumer()),
            format!("endpoint:{}", self.endpoint),
        ];
        // What the endpoint alone does not tell.
        if self.endpoint.method() == "*" {
            rules.push(format!("method:{}", self.method));
        }
        rules.extend(self.query_names.iter().map(|name| format!("query:{name}")));
        if self.has_semicolon {
            rules.push("semicolons:allowed".to_owned());
        }
        rules.push(["purpose:", code(self.purpose)].concat());
        rules.push(["basis:", code(self.basis)].concat());
        rules.push(match self.contract.hours() {
            Some(hours) => format!("hours:{hours}"),
            None => "hours:any".to_owned(),
        });
        let quota = self.contract.quota();
        rules.push(format!(
            "quota:hour {}/{}",
            self.in_hour.saturating_add(1),
            quota.per_hour
        ));
        rules.push(format!(
            "quota:day {}/{}",
            self.in_day.saturating_add(1),
            quota.per_day
        ));
        rules
    }
}

/// Writes the rules of a refusal that a contract made, and the version of that contract; `None` for every other refusal.
///
/// `decided` is when, where [`decide`](super::decide) made it; the refusal's leaf may lie later.
pub fn refused_rules(
    refusal: &Refusal,
    decided: Option<UnixMillis>,
) -> Option<(String, Vec<String>)> {
    let contract = refusal.contract()?;
    let mut rules = vec![
        format!("contract:{}", contract.id),
        format!("denied:{}", rule_of(refusal)),
    ];
    rules.extend(decided.map(|at| format!("at:{at}")));
    if let Refusal::Quota { per, limit, .. } = refusal {
        rules.push(format!("full:{} {limit}", per.as_str()));
    }
    Some((contract.reference.clone(), rules))
}

/// The word for the rule of a refusal.
pub(super) fn rule_of(refusal: &Refusal) -> &'static str {
    if let Refusal::Denied { rule, .. } = refusal {
        rule.rule()
    } else if matches!(refusal, Refusal::Quota { .. }) {
        "quota"
    } else {
        "parties"
    }
}

fn code(ground: Option<&Ground>) -> &str {
    ground.map_or("any", |ground| ground.code.as_str())
}
