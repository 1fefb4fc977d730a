use std::sync::Arc;

use super::{ReplayError, replay};
use crate::decision::Allowed;
use crate::decision::tests::{MINISTRY, PENSION, Question, at, contracts};
use crate::leaf::{Kind, Leaf, UnixMillis};

fn leaf_of(allowed: &Allowed) -> Leaf {
    // The journal may date a leaf later than the decision.
    let mut leaf = Leaf::new(
        Kind::RequestReceived,
        UnixMillis(at(PENSION.time).0 + 86_400_000),
    );
    leaf.client = Some("AZ/GOV/1002/PENSION".parse().expect("client"));
    leaf.service = Some(allowed.contract.service().clone());
    leaf.endpoint = Some(allowed.matched().to_string());
    leaf.contract = Some(allowed.contract.reference().to_owned());
    leaf.decision = Some(true);
    leaf.purpose.clone_from(&allowed.purpose);
    leaf.basis.clone_from(&allowed.basis);
    leaf.rules.clone_from(&allowed.rules);
    leaf
}

#[test]
fn a_decision_is_made_again_from_its_leaf() {
    let allowed = PENSION.decide(&contracts()).expect("allowed");
    assert_eq!(replay(&allowed.contract, &leaf_of(&allowed)), Ok(()));
    let question = Question {
        method: "HEAD",
        ..MINISTRY
    };
    let by_group = question.decide(&contracts()).expect("allowed");
    assert_eq!(replay(&by_group.contract, &leaf_of(&by_group)), Ok(()));
}

/// Replays a decision after a change of its leaf, and returns the error.
fn changed(change: impl FnOnce(&mut Leaf)) -> ReplayError {
    let allowed = PENSION.decide(&contracts()).expect("allowed");
    let mut leaf = leaf_of(&allowed);
    change(&mut leaf);
    replay(&allowed.contract, &leaf).expect_err("a change")
}

/// Replays a decision after one of its rules was replaced.
fn with_rule(from: &str, to: &str) -> ReplayError {
    changed(|leaf| {
        let rule = Arc::make_mut(&mut leaf.rules)
            .iter_mut()
            .find(|rule| *rule == from)
            .expect(from);
        to.clone_into(rule);
    })
}

#[test]
fn facts_that_no_decision_made_are_found() {
    use ReplayError::{Endpoint, NotAllowed, OtherContract, OtherParties, OtherRules, Refused};
    assert_eq!(changed(|leaf| leaf.decision = None), NotAllowed);
    assert_eq!(changed(|leaf| leaf.decision = Some(false)), NotAllowed);
    assert_eq!(changed(|leaf| leaf.client = None), OtherParties);
    assert_eq!(changed(|leaf| leaf.service = None), OtherParties);
    assert_eq!(changed(|leaf| leaf.endpoint = None), Endpoint);
    assert_eq!(changed(|leaf| leaf.purpose = None), Refused("purposes"));
    assert_eq!(changed(|leaf| leaf.basis = None), Refused("legal basis"));
    assert_eq!(
        changed(|leaf| leaf.purpose = Some("appeal".to_owned())),
        OtherRules
    );
    assert!(matches!(
        changed(|leaf| leaf.contract = Some("pension-1@other".to_owned())),
        OtherContract { .. }
    ));
}

#[test]
fn rules_that_no_decision_made_are_found() {
    use ReplayError::{Endpoint, NoRule, OtherRules, Refused};
    assert_eq!(
        changed(|leaf| leaf.rules = Arc::default()),
        NoRule("quota:hour")
    );
    let cases = [
        ("quota:day 1/5", "quota:day 6/5", Refused("quota")),
        ("quota:day 1/5", "quota:day 0/5", NoRule("quota:day")),
        ("quota:day 1/5", "quota:day 1/9", OtherRules),
        ("query:at", "query:fin", OtherRules),
        ("query:at", "semicolons:allowed", Endpoint),
        ("query:at", "method:POST", Endpoint),
        ("at:1795154400000", "at:0", Refused("start")),
        // Saturday.
        ("at:1795154400000", "at:1795240800000", Refused("hours")),
        ("at:1795154400000", "at:x", NoRule("at")),
        (
            "consumer:subsystem:AZ/GOV/1002/PENSION",
            "consumer:local_group:x",
            OtherRules,
        ),
    ];
    for (from, to, error) in cases {
        assert_eq!(with_rule(from, to), error, "{to}");
    }
}
