//! Decisions in their thousands, made by the program's own rules: questions, leaves, and what is kept of each.

use std::sync::Arc;

use bridge_core::contract::{Contract, load};
use bridge_core::decision::{Allowed, Facts, NoGroups, Usage, Window, decide, refused_rules};
use bridge_core::envelope::link;
use bridge_core::identity::SubsystemId;
use bridge_core::leaf::{Kind, Leaf, Side, UnixMillis};
use bridge_core::quota::{Account, Counters};
use bridge_core::refusal::Refusal;
use bridge_core::target::{ServiceTarget, Target, TargetLimits, parse_target};
use bridge_tests::terms::endpoint;
use bridge_tests::world::{CONSUMER, usual};
use serde_json::json;
use uuid::Uuid;

use super::kept::{Kept, Keys};

pub(crate) const DECISIONS: usize = 10_000;
/// A Wednesday in working hours.
pub(crate) const START_MS: u64 = 1_795_154_400_000;
const METHODS: [&str; 3] = ["GET", "HEAD", "POST"];
const TARGETS: [&str; 4] = ["1?q=x", "2/3", "4;v?r=y&q=z", "5?other=1"];
const PURPOSES: [Option<&str>; 3] = [Some("tax"), Some("audit"), None];

/// A version of the contract: its file, and as it is read.
pub(crate) type Version = (Vec<u8>, Arc<Contract>);

/// A decision as a journal has it.
pub(crate) struct Logged {
    pub(crate) leaf: Leaf,
    pub(crate) kept: Kept,
}

/// What somebody asks.
pub(crate) struct Question {
    pub(crate) id: Uuid,
    pub(crate) client: SubsystemId,
    pub(crate) method: &'static str,
    pub(crate) target: ServiceTarget,
    pub(crate) purpose: Option<&'static str>,
    pub(crate) version: String,
    /// What was used of the quota, hour and day.
    pub(crate) used: [u64; 2],
}

/// Three versions of one contract, of which the last is in force now; each has its own conditions.
pub(crate) fn versions() -> Vec<Version> {
    let purposes = |codes: &[&str]| {
        let listed = codes
            .iter()
            .map(|code| json!({ "code": code, "title": code }));
        json!(listed.collect::<Vec<_>>())
    };
    let mut open = endpoint("*", "/**");
    open["semicolons"] = json!(true);
    let narrow = json!([endpoint("GET", "/*"), endpoint("HEAD", "/**")]);
    [
        usual().with("endpoints", narrow),
        usual()
            .with("purposes", purposes(&["audit", "tax"]))
            .with("endpoints", json!([open])),
        usual()
            .with("purposes", purposes(&["tax"]))
            .with("quota", json!({ "per_hour": 2000, "per_day": 2500 })),
    ]
    .map(|terms| (terms.file(), Arc::new(load(&terms.file()).unwrap())))
    .into()
}

/// When the request of this number is decided.
fn at(number: usize) -> UnixMillis {
    UnixMillis(START_MS + u64::try_from(number).unwrap() * 300)
}

/// Makes so many decisions, and each refusal between them.
pub(crate) fn decisions(versions: &[Version], keys: &Keys, count: usize) -> Vec<Logged> {
    let mut counters = Counters::new(Side::Provider);
    let numbers = 0..count;
    let made = numbers.map(|number| {
        let (_, contract) = &versions[number % 3];
        decision(contract, &mut counters, keys, number)
    });
    made.collect()
}

/// Decides the request of this number under one version.
fn decision(
    contract: &Arc<Contract>,
    counters: &mut Counters,
    keys: &Keys,
    number: usize,
) -> Logged {
    let text = format!("/r1/{}/{}", contract.service(), TARGETS[number / 3 % 4]);
    let Ok(Target::Service(target)) = parse_target(&text, &TargetLimits::default()) else {
        panic!("{text}");
    };
    let client: SubsystemId = CONSUMER.parse().unwrap();
    let now = at(number);
    let account = Account::of(contract, &client);
    let used = [Window::Hour, Window::Day].map(|window| counters.used(&account, window, now));
    let question = Question {
        id: Uuid::new_v4(),
        method: METHODS[number / 12 % 3],
        purpose: PURPOSES[number / 36 % 3],
        version: contract.reference().to_owned(),
        client: client.clone(),
        target,
        used,
    };
    let facts = Facts {
        client: &question.client,
        service: contract.service(),
        is_published: true,
        method: question.method,
        path: &question.target.path,
        query: &question.target.query,
        purpose: question.purpose,
        legal_basis: None,
        groups: &NoGroups,
    };
    match decide(std::slice::from_ref(contract), &facts, counters, now) {
        Ok(allowed) => {
            counters.count(&account, now);
            // Of some contracts nothing is kept.
            allowed_leaf(&question, &allowed, now, keys, number.is_multiple_of(7))
        }
        // Both ends refuse.
        Err(refusal) if (number / 5).is_multiple_of(2) => {
            refused_by_provider(&question, &refusal, now, keys)
        }
        Err(refusal) => refused_by_consumer(&question, &refusal, now),
    }
}

fn leaf(kind: Kind, side: Side, question: &Question, now: UnixMillis) -> Leaf {
    let mut leaf = Leaf::new(kind, now);
    leaf.request_id = Some(question.id);
    leaf.side = Some(side);
    leaf.client = Some(question.client.clone());
    leaf.service = Some(question.target.service.clone());
    leaf
}

fn allowed_leaf(
    question: &Question,
    allowed: &Allowed,
    now: UnixMillis,
    keys: &Keys,
    keeps_nothing: bool,
) -> Logged {
    let mut leaf = leaf(Kind::RequestReceived, Side::Provider, question, now);
    leaf.endpoint = Some(allowed.matched().to_string());
    leaf.contract = Some(allowed.contract.reference().to_owned());
    leaf.decision = Some(true);
    leaf.purpose.clone_from(&allowed.purpose);
    leaf.basis.clone_from(&allowed.basis);
    leaf.rules.clone_from(&allowed.rules);
    leaf.peer_keyid = Some(keys.id().to_owned());
    let request = keys.request(question, now);
    leaf.link = Some(link(&request.signature));
    let kept = if keeps_nothing {
        Kept::Nothing
    } else {
        Kept::Message(request.base, request.signature)
    };
    Logged { leaf, kept }
}

fn refuse(leaf: &mut Leaf, refusal: &Refusal, now: UnixMillis) {
    let (version, rules) = refused_rules(refusal, Some(now)).unwrap();
    leaf.contract = Some(version);
    leaf.rules = rules.into();
    leaf.decision = Some(false);
    leaf.outcome = Some(refusal.code(leaf.side.unwrap()).to_owned());
    leaf.status = Some(refusal.status());
}

fn refused_by_provider(
    question: &Question,
    refusal: &Refusal,
    now: UnixMillis,
    keys: &Keys,
) -> Logged {
    let mut leaf = leaf(Kind::Refused, Side::Provider, question, now);
    refuse(&mut leaf, refusal, now);
    leaf.keyid = Some(keys.id().to_owned());
    let request = keys.request(question, now);
    leaf.link = Some(link(&request.signature));
    let code = refusal.code(Side::Provider);
    let said = keys.refusal(question, &request, (refusal.status(), code), now);
    leaf.answer_link = Some(link(&said.signature));
    let kept = Kept::Message(said.base, said.signature);
    Logged { leaf, kept }
}

fn refused_by_consumer(question: &Question, refusal: &Refusal, now: UnixMillis) -> Logged {
    let mut leaf = leaf(Kind::Refused, Side::Consumer, question, now);
    refuse(&mut leaf, refusal, now);
    let kept = Kept::Question(asked(question));
    Logged { leaf, kept }
}

/// What a consumer's node keeps of what it refuses. The format is in FORMAT.md.
fn asked(question: &Question) -> Vec<u8> {
    let [in_hour, in_day] = question.used;
    let mut kept = json!({
        "request_id": question.id.to_string(),
        "client": question.client.to_string(),
        "method": question.method,
        "target": question.target.request_target(),
        "contracts": [{ "version": question.version, "in_hour": in_hour, "in_day": in_day }],
    });
    if let Some(purpose) = question.purpose {
        kept["purpose"] = json!(purpose);
    }
    kept.to_string().into_bytes()
}
