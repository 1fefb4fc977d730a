//! Refusals by contract.

use super::explain::Explanation;
use crate::identity::SubsystemId;

/// Names a contract and whom to ask about it, to a party of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractName {
    /// The contract's id.
    pub id: String,
    /// The contact written in the contract.
    pub contact: String,
}

/// Says which rule of a contract does not allow a request. Lists come from the contract, never from
/// the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// No endpoint of the contract has this method and path.
    Endpoint,
    /// The endpoint does not list one of the query names.
    QueryName {
        /// The names it lists.
        allowed: Vec<String>,
    },
    /// The endpoint does not allow `;` in the path.
    Semicolon,
    /// No purpose is given and the contract demands one.
    PurposeMissing {
        /// The codes the contract lists.
        allowed: Vec<String>,
    },
    /// The purpose is not one of the contract's.
    PurposeNotAllowed {
        /// The codes the contract lists.
        allowed: Vec<String>,
    },
    /// No legal basis is given and the contract demands one.
    LegalBasisMissing {
        /// The codes the contract lists.
        allowed: Vec<String>,
    },
    /// The legal basis is not one of the contract's.
    LegalBasisNotAllowed {
        /// The codes the contract lists.
        allowed: Vec<String>,
    },
    /// Outside the contract's hours.
    OutsideHours {
        /// The hours, as the contract puts them.
        hours: String,
    },
    /// Before the contract's start.
    NotStarted {
        /// The start, RFC 3339.
        start: String,
    },
    /// After the contract's end.
    Ended {
        /// The end, RFC 3339.
        end: String,
    },
    /// The contract allows reading only.
    ReadOnly,
    /// The request does not say whom it concerns where the endpoint declares that it must.
    Subject,
}

impl Denial {
    /// Returns the rule's short name, for leaves and metrics.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Endpoint => "endpoints",
            Self::QueryName { .. } => "query names",
            Self::Semicolon => "semicolons",
            Self::PurposeMissing { .. } | Self::PurposeNotAllowed { .. } => "purposes",
            Self::LegalBasisMissing { .. } | Self::LegalBasisNotAllowed { .. } => "legal basis",
            Self::OutsideHours { .. } => "hours",
            Self::NotStarted { .. } => "start",
            Self::Ended { .. } => "end",
            Self::ReadOnly => "read-only",
            Self::Subject => "subjects",
        }
    }

    pub(super) fn explain(&self, contract: &ContractName) -> Explanation {
        let (what, help) = self.sentences();
        Explanation::new(
            format!(
                "Contract {} does not allow this request: {what}.",
                contract.id
            ),
            self.rule(),
            who(contract),
            help,
        )
    }

    fn sentences(&self) -> (String, String) {
        let (what, help) = match self {
            Self::Endpoint => (
                "it does not cover this method and path",
                "a method and path that it lists",
            ),
            Self::QueryName { allowed } => {
                let help = format!("no other query names than: {}", list(allowed));
                return (
                    "the query has a name that the endpoint does not list".to_owned(),
                    help,
                );
            }
            Self::Semicolon => (
                "the path holds ';' and the endpoint does not allow it",
                "a path without ';'",
            ),
            Self::PurposeMissing { allowed } => {
                let help = format!("the field Bridge-Purpose with one of: {}", list(allowed));
                return ("no purpose is given".to_owned(), help);
            }
            Self::PurposeNotAllowed { allowed } => {
                let help = format!("in Bridge-Purpose one of: {}", list(allowed));
                return ("the purpose is not one of the contract's".to_owned(), help);
            }
            Self::LegalBasisMissing { allowed } => {
                let help = format!(
                    "the field Bridge-Legal-Basis with one of: {}",
                    list(allowed)
                );
                return ("no legal basis is given".to_owned(), help);
            }
            Self::LegalBasisNotAllowed { allowed } => {
                let help = format!("in Bridge-Legal-Basis one of: {}", list(allowed));
                return (
                    "the legal basis is not one of the contract's".to_owned(),
                    help,
                );
            }
            Self::OutsideHours { hours } => {
                let help = format!("asking within the hours {hours}");
                return ("it is outside the contract's hours".to_owned(), help);
            }
            Self::NotStarted { start } => {
                return (
                    format!("it starts at {start}"),
                    "asking after the start".to_owned(),
                );
            }
            Self::Ended { end } => {
                return (format!("it ended at {end}"), "a new contract".to_owned());
            }
            Self::ReadOnly => ("it allows reading only", "GET, HEAD or OPTIONS"),
            Self::Subject => (
                "the request does not say whom it concerns",
                "the person's code where the endpoint declares it",
            ),
        };
        (what.to_owned(), help.to_owned())
    }
}

pub(super) fn explain_no_contract(provider: &SubsystemId) -> Explanation {
    Explanation::new(
        "No contract lets the client in X-Road-Client use this service.",
        "no contract, no exchange",
        format!("{provider} and the client's member, together"),
        "proposing a contract to the provider, or waiting until both have signed it",
    )
}

pub(super) fn explain_quota(
    contract: &ContractName,
    per: &str,
    limit: u64,
    retry_after_s: u32,
) -> Explanation {
    Explanation::new(
        format!(
            "Contract {} allows {limit} requests per {per}, and they are used.",
            contract.id
        ),
        "quota",
        who(contract),
        format!("asking again in {retry_after_s} seconds, or a higher quota"),
    )
}

pub(super) fn explain_versions(ours: Option<&str>, theirs: &str) -> Explanation {
    let what = match ours {
        Some(ours) => {
            format!("The request names contract {theirs}; this node holds version {ours}.")
        }
        None => format!("The request names contract {theirs}; this node holds no version of it."),
    };
    Explanation::new(
        what,
        "both ends hold the same version of a contract",
        "the operators of both nodes",
        "loading the version that both members signed last",
    )
}

fn who(contract: &ContractName) -> String {
    format!("the parties to the contract; ask {}", contract.contact)
}

fn list(codes: &[String]) -> String {
    if codes.is_empty() {
        "(none)".to_owned()
    } else {
        codes.join(", ")
    }
}
