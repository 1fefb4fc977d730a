//! What is taken out of a contract never widens it.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Value, json};

use super::{PENSION, Question};
use crate::contract::{Contract, load};

/// A contract made of few words, so that requests made of the same words often match.
fn contract() -> impl Strategy<Value = Value> {
    let endpoint = (
        select(&["GET", "POST", "*"][..]),
        select(&["", "/", "/*", "/**", "/a", "/a/*", "/a/**", "/**/b"][..]),
        subsequence(vec!["at", "q"], 0..=2),
        any::<bool>(),
    )
        .prop_map(|(method, path, query, semicolons)| {
            json!({"method": method, "path": path, "query": query, "semicolons": semicolons, "subjects": "none"})
        });
    let grounds = || {
        prop_oneof![
            1 => Just(json!("any")),
            4 => subsequence(vec!["x", "y"], 1..=2).prop_map(|codes| {
                codes.iter().map(|code| json!({"code": code, "title": "t"})).collect()
            }),
        ]
    };
    let hours = prop_oneof![
        Just(json!("any")),
        subsequence(vec!["mon", "wed", "fri"], 1..=3).prop_map(
            |days| json!({"days": days, "from": "08:00", "to": "18:00", "offset": "+04:00"})
        ),
    ];
    let consumer = prop_oneof![
        Just(json!({"subsystem": "AZ/GOV/1002/PENSION"})),
        Just(json!({"global_group": "g"})),
        Just(json!({"local_group": "l"})),
    ];
    let endpoints = proptest::collection::vec(endpoint, 1..4);
    let quota = (1_u64..4, 1_u64..4);
    (consumer, endpoints, grounds(), grounds(), hours, quota, any::<bool>()).prop_map(
        |(consumer, endpoints, purposes, basis, hours, (per_hour, per_day), read_only)| {
            json!({
                "version": 1, "id": "c", "title": "t", "consumer": consumer,
                "provider": "AZ/GOV/1001/POPULATION", "service": "person", "endpoints": endpoints,
                "purposes": purposes, "legal_basis": basis, "fields": "all",
                "quota": {"per_hour": per_hour, "per_day": per_day}, "hours": hours,
                "evidence": "full", "read_only": read_only, "contact": "c",
                "start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z",
            })
        },
    )
}

fn question() -> impl Strategy<Value = Question<'static>> {
    let code = || select(&[None, Some("x"), Some("y"), Some("z")][..]);
    (
        select(&["GET", "HEAD", "POST", "BREW"][..]),
        select(
            &[
                "",
                "/",
                "/a",
                "/a/b",
                "/b",
                "/a/c/b",
                "/a;v=1",
                "/a?at=1",
                "/a?q=1&at=2",
                "/a?r",
            ][..],
        ),
        code(),
        code(),
        select(&["", "global:g", "local:l", "global:g local:l"][..]),
        select(
            &[
                "2026-10-20T10:00:00+04:00",
                "2026-11-20T10:00:00+04:00",
                "2026-11-20T20:00:00+04:00",
                "2026-11-17T10:00:00+04:00",
            ][..],
        ),
        0_u64..4,
        0_u64..4,
    )
        .prop_map(
            |(method, rest, purpose, basis, groups, time, hour, day)| Question {
                groups,
                method,
                rest,
                purpose,
                basis,
                time,
                hour,
                day,
                ..PENSION
            },
        )
}

fn loaded(contract: &Value) -> Option<Arc<Contract>> {
    let file = json!({"contract": contract, "signatures": []});
    load(file.to_string().as_bytes()).ok().map(Arc::new)
}

/// Tells whether the contract can be loaded and allows what is asked.
fn allows(contract: &Value, question: &Question<'_>) -> bool {
    loaded(contract).is_some_and(|contract| question.decide(&[contract]).is_ok())
}

/// The lists of a contract whose entries give rights.
fn lists(contract: &Value) -> Vec<String> {
    let mut places: Vec<String> = ["/endpoints", "/purposes", "/legal_basis", "/hours/days"]
        .map(str::to_owned)
        .into();
    let count = contract
        .pointer("/endpoints")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    places.extend((0..count).map(|index| format!("/endpoints/{index}/query")));
    let is_list = |place: &String| {
        contract
            .pointer(place)
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty())
    };
    places.retain(is_list);
    places
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_entry_less_never_allows_more(
        whole in contract(),
        which in any::<Index>(),
        entry in any::<Index>(),
        question in question(),
    ) {
        // A contract with the same entry twice does not load; without one of the two it may.
        prop_assume!(loaded(&whole).is_some());
        let place = which.get(&lists(&whole)).clone();
        let mut part = whole.clone();
        let list = part.pointer_mut(&place).and_then(Value::as_array_mut).expect("list");
        list.remove(entry.index(list.len()));
        prop_assert!(!allows(&part, &question) || allows(&whole, &question), "without one of {}", place);
    }

    #[test]
    fn a_field_less_never_allows_more(
        whole in contract(),
        which in any::<Index>(),
        question in question(),
    ) {
        let mut part = whole.clone();
        let members = part.as_object_mut().expect("object");
        let name = which.get(&members.keys().cloned().collect::<Vec<_>>()).clone();
        members.remove(&name);
        // The one field that narrows: a contract without it is not read-only.
        prop_assume!(name != "read_only");
        prop_assert!(!allows(&part, &question), "without {}", name);
    }

    #[test]
    fn a_smaller_quota_never_allows_more(whole in contract(), question in question()) {
        let mut part = whole.clone();
        for name in ["/quota/per_hour", "/quota/per_day"] {
            let quota = part.pointer_mut(name).expect("quota");
            *quota = json!(quota.as_u64().expect("number") - 1);
        }
        prop_assert!(!allows(&part, &question) || allows(&whole, &question));
    }

    #[test]
    fn a_second_contract_never_takes_a_right(
        one in contract(),
        other in contract(),
        question in question(),
    ) {
        let alone = [allows(&one, &question), allows(&other, &question)];
        let both: Vec<_> = [loaded(&one), loaded(&other)].into_iter().flatten().collect();
        let together = question.decide(&both).is_ok();
        prop_assert_eq!(together, alone.contains(&true));
    }
}
