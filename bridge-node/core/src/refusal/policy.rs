//! Refusals by contract.

use super::explain::{Explanation, Words, words};
use super::peer::both_operators;
use crate::contract::Contract;
use crate::identity::{MemberId, SubsystemId};
use crate::quota::Window;

/// Names a contract and whom to ask about it, to a party of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractName {
    /// The contract's id.
    pub id: String,
    /// `{id}@{digest}`: the version, for leaves.
    pub reference: String,
    /// The contact written in the contract.
    pub contact: String,
}

impl ContractName {
    /// Names a contract.
    pub fn of(contract: &Contract) -> Self {
        Self {
            id: contract.id().to_owned(),
            reference: contract.reference().to_owned(),
            contact: contract.contact().to_owned(),
        }
    }
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
    /// One of its members has withdrawn from it.
    Withdrawn {
        /// Who.
        by: MemberId,
        /// When, RFC 3339.
        at: String,
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
            Self::Withdrawn { .. } => "withdrawal",
            Self::ReadOnly => "read-only",
            Self::Subject => "subjects",
        }
    }

    pub(super) fn explain(&self, contract: &ContractName) -> Explanation {
        let Words { en, az } = self.what();
        let id = &contract.id;
        let what = words!(
            "Contract {id} does not allow this request: {en}.",
            "{id} nömrəli müqavilə bu sorğuya icazə vermir: {az}."
        );
        Explanation::new(what, self.rule_words(), who(contract), self.help())
    }

    fn rule_words(&self) -> Words {
        let en = self.rule();
        match self {
            Self::Endpoint => words!("{en}", "metodlar və yollar"),
            Self::QueryName { .. } => words!("{en}", "parametrlərin adları"),
            Self::Semicolon => words!("{en}", "nöqtəli vergül"),
            Self::PurposeMissing { .. } | Self::PurposeNotAllowed { .. } => {
                words!("{en}", "məqsədlər")
            }
            Self::LegalBasisMissing { .. } | Self::LegalBasisNotAllowed { .. } => {
                words!("{en}", "hüquqi əsas")
            }
            Self::OutsideHours { .. } => words!("{en}", "icazə verilən saatlar"),
            Self::NotStarted { .. } => words!("{en}", "müqavilənin qüvvəyə minməsi"),
            Self::Ended { .. } => words!("{en}", "müqavilənin müddəti"),
            Self::Withdrawn { .. } => words!("{en}", "müqavilədən imtina"),
            Self::ReadOnly => words!("{en}", "yalnız oxumaq"),
            Self::Subject => words!("{en}", "məlumat subyektləri"),
        }
    }

    fn what(&self) -> Words {
        match self {
            Self::Endpoint => words!(
                "it does not cover this method and path",
                "bu metod və yol müqavilədə nəzərdə tutulmayıb"
            ),
            Self::QueryName { .. } => words!(
                "the query has a name that the endpoint does not list",
                "sorğuda müqavilədə göstərilməyən parametr var"
            ),
            Self::Semicolon => words!(
                "the path holds ';' and the endpoint does not allow it",
                "yolda ';' işarəsi var və buna icazə verilmir"
            ),
            Self::PurposeMissing { .. } => words!("no purpose is given", "məqsəd göstərilməyib"),
            Self::PurposeNotAllowed { .. } => words!(
                "the purpose is not one of the contract's",
                "göstərilən məqsəd müqavilədə yoxdur"
            ),
            Self::LegalBasisMissing { .. } => {
                words!("no legal basis is given", "hüquqi əsas göstərilməyib")
            }
            Self::LegalBasisNotAllowed { .. } => words!(
                "the legal basis is not one of the contract's",
                "göstərilən hüquqi əsas müqavilədə yoxdur"
            ),
            Self::OutsideHours { .. } => words!(
                "it is outside the contract's hours",
                "sorğu müqavilədə göstərilən saatlardan kənar vaxtda göndərilib"
            ),
            Self::NotStarted { start } => words!(
                "it starts at {start}",
                "o, hələ qüvvəyə minməyib, qüvvəyə minmə vaxtı: {start}"
            ),
            Self::Ended { end } => words!("it ended at {end}", "onun müddəti bitib: {end}"),
            Self::Withdrawn { by, at } => words!(
                "{by} withdrew from it at {at}",
                "{by} ondan imtina edib, imtina vaxtı: {at}"
            ),
            Self::ReadOnly => words!("it allows reading only", "o, yalnız oxumaq üçündür"),
            Self::Subject => words!(
                "the request does not say whom it concerns",
                "sorğuda məlumatın kimə aid olduğu göstərilməyib"
            ),
        }
    }

    fn help(&self) -> Words {
        match self {
            Self::Endpoint => words!(
                "a method and path that it lists",
                "müqavilədə göstərilən metoddan və yoldan istifadə etmək"
            ),
            Self::QueryName { allowed } => {
                let Words { en, az } = list(allowed);
                words!(
                    "no other query names than: {en}",
                    "yalnız bu parametrlərdən istifadə etmək: {az}"
                )
            }
            Self::Semicolon => words!("a path without ';'", "yolu ';' işarəsi olmadan yazmaq"),
            Self::PurposeMissing { allowed } => {
                let Words { en, az } = list(allowed);
                words!(
                    "the field Bridge-Purpose with one of: {en}",
                    "Bridge-Purpose sahəsində bunlardan birini göstərmək: {az}"
                )
            }
            Self::PurposeNotAllowed { allowed } => {
                let Words { en, az } = list(allowed);
                words!(
                    "in Bridge-Purpose one of: {en}",
                    "Bridge-Purpose sahəsində bunlardan birini göstərmək: {az}"
                )
            }
            Self::LegalBasisMissing { allowed } => {
                let Words { en, az } = list(allowed);
                words!(
                    "the field Bridge-Legal-Basis with one of: {en}",
                    "Bridge-Legal-Basis sahəsində bunlardan birini göstərmək: {az}"
                )
            }
            Self::LegalBasisNotAllowed { allowed } => {
                let Words { en, az } = list(allowed);
                words!(
                    "in Bridge-Legal-Basis one of: {en}",
                    "Bridge-Legal-Basis sahəsində bunlardan birini göstərmək: {az}"
                )
            }
            Self::OutsideHours { hours } => words!(
                "asking within the hours {hours}",
                "sorğunu bu saatlarda göndərmək: {hours}"
            ),
            Self::NotStarted { .. } => words!(
                "asking after the start",
                "sorğunu müqavilə qüvvəyə mindikdən sonra göndərmək"
            ),
            Self::Ended { .. } | Self::Withdrawn { .. } => {
                words!("a new contract", "yeni müqavilə bağlamaq")
            }
            Self::ReadOnly => words!(
                "GET, HEAD or OPTIONS",
                "GET, HEAD və ya OPTIONS metodundan istifadə etmək"
            ),
            Self::Subject => words!(
                "the person's code where the endpoint declares it",
                "şəxsin kodunu müqavilədə nəzərdə tutulan yerdə göstərmək"
            ),
        }
    }
}

pub(super) fn explain_no_contract(provider: &SubsystemId) -> Explanation {
    Explanation::new(
        words!(
            "No contract lets the client in X-Road-Client use this service.",
            "X-Road-Client sahəsində göstərilən müştəriyə bu xidmətdən istifadə etməyə icazə verən \
             müqavilə yoxdur."
        ),
        words!("no contract, no exchange", "müqaviləsiz mübadilə yoxdur"),
        words!(
            "{provider} and the client's member, together",
            "{provider} və müştərinin aid olduğu üzv birlikdə"
        ),
        words!(
            "proposing a contract to the provider, or waiting until both have signed it",
            "təchizatçıya müqavilə təklif etmək və ya hər iki tərəfin müqaviləni imzalamasını \
             gözləmək"
        ),
    )
}

pub(super) fn explain_not_approved(is_retired: bool, ministry: Option<&MemberId>) -> Explanation {
    let what = if is_retired {
        words!(
            "The service is retired in the catalogue.",
            "Xidmət vahid siyahıda ləğv edilib."
        )
    } else {
        words!(
            "The service is not approved in the catalogue.",
            "Xidmət vahid siyahıda təsdiq edilməyib."
        )
    };
    let who = match ministry {
        Some(ministry) => words!(
            "{ministry}, which approves services, and the provider, which files them",
            "xidmətləri təsdiq edən {ministry} üzvü və onları vahid siyahıya təqdim edən təchizatçı"
        ),
        None => words!(
            "the officers of the directory, and the provider, which files services",
            "kataloqun məsul şəxsləri və xidmətləri vahid siyahıya təqdim edən təchizatçı"
        ),
    };
    Explanation::new(
        what,
        words!(
            "only approved services are routed",
            "yalnız təsdiq edilmiş xidmətlərə sorğu göndərilir"
        ),
        who,
        words!(
            "a service that `bridge-node catalogue` lists as approved, or filing this one by `bridge-node resource`",
            "`bridge-node catalogue` siyahısında təsdiq edilmiş xidmətdən istifadə etmək və ya bu xidməti \
             `bridge-node resource` əmri ilə təqdim etmək"
        ),
    )
}

pub(super) fn explain_quota(
    contract: &ContractName,
    per: Window,
    limit: u64,
    retry_after_s: u32,
) -> Explanation {
    let id = &contract.id;
    let what = match per {
        Window::Hour => words!(
            "Contract {id} allows {limit} requests per hour, and they are used.",
            "{id} nömrəli müqavilə saatda {limit} sorğuya icazə verir və bu limit tükənib."
        ),
        Window::Day => words!(
            "Contract {id} allows {limit} requests per day, and they are used.",
            "{id} nömrəli müqavilə gündə {limit} sorğuya icazə verir və bu limit tükənib."
        ),
    };
    Explanation::new(
        what,
        words!("quota", "kvota"),
        who(contract),
        words!(
            "asking again in {retry_after_s} seconds, or a higher quota",
            "sorğunu {retry_after_s} saniyədən sonra təkrar göndərmək və ya kvotanı artırmaq"
        ),
    )
}

pub(super) fn explain_versions(ours: Option<&str>, theirs: &str) -> Explanation {
    let what = match ours {
        Some(ours) => words!(
            "The request names contract {theirs}; this node holds version {ours}.",
            "Sorğuda {theirs} müqaviləsi göstərilib; bu qovşaqda isə {ours} versiyası var."
        ),
        None => words!(
            "The request names contract {theirs}; this node holds no version of it.",
            "Sorğuda {theirs} müqaviləsi göstərilib; bu qovşaqda onun heç bir versiyası yoxdur."
        ),
    };
    Explanation::new(
        what,
        words!(
            "both ends hold the same version of a contract",
            "hər iki tərəfdə müqavilənin eyni versiyası olmalıdır"
        ),
        both_operators(),
        words!(
            "loading the version that both members signed last",
            "hər iki üzvün sonuncu dəfə imzaladığı versiyanı yükləmək"
        ),
    )
}

fn who(contract: &ContractName) -> Words {
    let ask = &contract.contact;
    words!(
        "the parties to the contract; ask {ask}",
        "müqavilənin tərəfləri; əlaqə üçün: {ask}"
    )
}

fn list(codes: &[String]) -> Words {
    if codes.is_empty() {
        return words!("(none)", "(yoxdur)");
    }
    let codes = codes.join(", ");
    words!("{codes}", "{codes}")
}
