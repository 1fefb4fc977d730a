use bridge_core::contract::load;
use bridge_core::decision::NoGroups;
use bridge_core::leaf::Side;
use bridge_core::quota::Counters;
use bridge_core::target::{Target, TargetLimits, parse_target};
use serde_json::{Value, json};

use super::*;

const TERMS: &str = include_str!("../../../core/testdata/policy/1-pension.json");
const NOW: UnixMillis = UnixMillis(1_795_154_400_000);

fn contract(change: impl FnOnce(&mut Value)) -> Arc<Contract> {
    let mut terms: Value = serde_json::from_str(TERMS).unwrap();
    change(&mut terms["contract"]);
    Arc::new(load(terms.to_string().as_bytes()).unwrap())
}

/// What is kept of a question about `/{rest}` that was counted twice under each contract.
fn weighed(contracts: &[Arc<Contract>], rest: &str) -> Weighed {
    let client: SubsystemId = "AZ/GOV/1002/PENSION".parse().unwrap();
    let limits = TargetLimits {
        target_bytes: 2 * QUESTION_BYTES,
        ..TargetLimits::default()
    };
    let text = format!("/r1/AZ/GOV/1001/POPULATION/person/{rest}");
    let Ok(Target::Service(target)) = parse_target(&text, &limits) else {
        panic!("{text}");
    };
    let mut counters = Counters::new(Side::Consumer);
    for contract in contracts {
        let account = Account::of(contract, &client);
        counters.count(&account, NOW);
        counters.count(&account, NOW);
    }
    let facts = Facts {
        client: &client,
        service: &target.service,
        is_published: true,
        method: "GET",
        path: &target.path,
        query: &target.query,
        purpose: Some("curiosity"),
        legal_basis: None,
        groups: &NoGroups,
    };
    let asked = Asked {
        request_id: None,
        target: &target,
        facts: &facts,
        usage: &counters,
    };
    *Weighed::kept(NOW, &asked, contracts)
}

fn others(count: usize) -> Vec<Arc<Contract>> {
    let numbers = 0..count;
    let named =
        numbers.map(|number| contract(|terms| terms["id"] = json!(format!("own-{number}"))));
    named.collect()
}

#[test]
fn a_question_is_kept_with_the_contracts_that_name_the_client_and_their_use() {
    let elses = contract(|terms| {
        terms["id"] = json!("of-others");
        terms["consumer"] = json!({ "subsystem": "AZ/GOV/1003/OTHER" });
    });
    let own = contract(|_terms| {});
    let kept = weighed(&[elses, Arc::clone(&own)], "persons/1?at=2")
        .evidence()
        .unwrap();
    let kept: Value = serde_json::from_slice(&kept).unwrap();
    let expected = json!({
        "client": "AZ/GOV/1002/PENSION",
        "method": "GET",
        "target": "/r1/AZ/GOV/1001/POPULATION/person/persons/1?at=2",
        "purpose": "curiosity",
        "contracts": [{ "version": own.reference(), "in_hour": 2, "in_day": 2 }],
    });
    assert_eq!(kept, expected);
}

#[test]
fn nothing_is_kept_of_a_question_beyond_its_bounds() {
    let own = others(1);
    // Quotation marks and all: some bytes of it are not the path's.
    let fits = "x".repeat(QUESTION_BYTES - 500);
    assert!(weighed(&own, &fits).evidence().is_some());
    let large = "x".repeat(QUESTION_BYTES);
    assert!(weighed(&own, &large).evidence().is_none());
    assert!(weighed(&others(CONTRACTS), "1").evidence().is_some());
    assert!(weighed(&others(CONTRACTS + 1), "1").evidence().is_none());
}

#[test]
fn nothing_is_kept_where_a_contract_wants_none_and_where_none_was_asked() {
    let silent = contract(|terms| terms["evidence"] = json!("none"));
    assert!(
        weighed(&[others(1), vec![silent]].concat(), "1")
            .evidence()
            .is_none()
    );
    assert!(weighed(&[], "1").evidence().is_none());
    assert!(Weighed::quoted(NOW).evidence().is_none());
}

#[test]
fn what_is_kept_shows_nothing_of_the_request_in_a_log() {
    let shown = format!("{:?}", weighed(&others(1), "persons/5ZGY2K8"));
    assert!(
        !shown.contains("5ZGY2K8") && !shown.contains("curiosity"),
        "{shown}"
    );
}
