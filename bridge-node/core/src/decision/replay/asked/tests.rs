use std::sync::Arc;

use super::{Asked, Full, replay_refused};
use crate::contract::Contract;
use crate::decision::tests::{PENSION, Question, at, contracts};
use crate::decision::{ReplayError, refused_rules};
use crate::identity::SubsystemId;
use crate::leaf::{Kind, Leaf, Side};
use crate::refusal::Refusal;
use crate::target::{ServiceTarget, Target, TargetLimits, parse_target};

/// The pension fund as a ministry too: two contracts name it.
const BOTH: Question<'_> = Question {
    groups: "global:ministries",
    ..PENSION
};

fn naming() -> Vec<Arc<Contract>> {
    let mut all = contracts();
    all.retain(|own| ["pension-1", "ministries-1"].contains(&own.id()));
    assert_eq!(all.len(), 2);
    all
}

fn target(question: &Question<'_>) -> ServiceTarget {
    let line = format!("/r1/AZ/GOV/1001/POPULATION/person{}", question.rest);
    match parse_target(&line, &TargetLimits::default()) {
        Ok(Target::Service(target)) => target,
        other => panic!("{other:?}"),
    }
}

fn leaf_of(refusal: &Refusal, question: &Question<'_>) -> Leaf {
    let decided = at(question.time);
    let mut leaf = Leaf::new(Kind::Refused, decided);
    let (contract, rules) = refused_rules(refusal, Some(decided)).expect("by a contract");
    leaf.side = Some(Side::Consumer);
    leaf.client = Some("AZ/GOV/1002/PENSION".parse().expect("client"));
    leaf.service = Some(target(question).service);
    leaf.contract = Some(contract);
    leaf.rules = rules.into();
    leaf.decision = Some(false);
    leaf.outcome = Some(refusal.code(Side::Consumer).to_owned());
    leaf.status = Some(refusal.status());
    leaf
}

fn again(
    question: &Question<'_>,
    contracts: &[Arc<Contract>],
    leaf: &Leaf,
) -> Result<(), ReplayError> {
    let client: SubsystemId = "AZ/GOV/1002/PENSION".parse().expect("client");
    let target = target(question);
    let asked = Asked {
        client: &client,
        target: &target,
        method: question.method,
        purpose: question.purpose,
        legal_basis: question.basis,
    };
    replay_refused(contracts, leaf, &asked, &Full::of(leaf))
}

#[test]
fn a_refusal_is_made_again_under_all_contracts_that_were_asked() {
    let all = naming();
    for question in [
        Question {
            method: "DELETE",
            ..BOTH
        },
        Question {
            purpose: None,
            ..BOTH
        },
        Question {
            purpose: Some("curiosity"),
            ..BOTH
        },
        Question {
            rest: "/elsewhere",
            ..BOTH
        },
        Question {
            time: "2026-11-21T10:00:00+04:00",
            ..BOTH
        },
        Question { day: 5, ..BOTH },
    ] {
        let refusal = question.decide(&all).expect_err("refused");
        let leaf = leaf_of(&refusal, &question);
        assert_eq!(again(&question, &all, &leaf), Ok(()), "{question:?}");
    }
}

#[test]
fn what_is_recorded_of_a_refusal_is_what_the_contract_says() {
    let all = naming();
    let question = Question {
        purpose: None,
        ..BOTH
    };
    let refusal = question.decide(&all).expect_err("refused");
    let changed = |change: fn(&mut Leaf)| {
        let mut leaf = leaf_of(&refusal, &question);
        change(&mut leaf);
        again(&question, &all, &leaf).expect_err("a change")
    };
    let otherwise = ReplayError::OtherRefusal("purposes");
    assert_eq!(changed(|leaf| leaf.status = Some(404)), otherwise);
    assert_eq!(changed(|leaf| leaf.outcome = None), otherwise);
    assert_eq!(changed(|leaf| leaf.decision = Some(true)), otherwise);
    assert_eq!(
        changed(|leaf| leaf.rules = leaf.rules[..1].into()),
        ReplayError::NoRule("at")
    );
    assert_eq!(
        changed(|leaf| Arc::make_mut(&mut leaf.rules).swap(0, 1)),
        otherwise
    );
    assert!(matches!(
        changed(|leaf| leaf.contract = None),
        ReplayError::OtherContract { .. }
    ));
    assert_eq!(
        changed(|leaf| leaf.client = None),
        ReplayError::OtherRequest("client")
    );
    assert_eq!(
        changed(|leaf| leaf.service = None),
        ReplayError::OtherRequest("service")
    );
    let leaf = leaf_of(&refusal, &question);
    assert_eq!(again(&PENSION, &all, &leaf), Err(ReplayError::Allowed));
}
