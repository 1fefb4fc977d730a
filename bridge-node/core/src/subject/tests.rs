use super::{SUBJECT_LIMIT, SUBJECT_LIMIT_BYTES, SubjectError, subjects};
use crate::contract::{Contract, load};
use crate::json::JsonError;
use crate::target::{CleanPath, CleanQuery, TargetLimits};

/// A contract with one endpoint `GET /persons/*` that names subjects everywhere.
fn contract() -> Contract {
    let text = include_str!("../../testdata/policy/1-pension.json").replacen(
        r#""subjects": [{ "in": "path", "segment": 1, "type": "fin" }]"#,
        r#""subjects": [
            { "in": "path", "segment": 1, "type": "fin" },
            { "in": "query", "name": "at", "type": "voen" },
            { "in": "request", "pointer": "/who", "type": "fin" },
            { "in": "answer", "pointer": "/children/*/fin", "type": "fin" }
        ]"#,
        1,
    );
    load(text.as_bytes()).expect("contract")
}

type Bodies<'a> = (Option<&'a str>, Option<&'a str>);

fn find(
    path: &str,
    query: &str,
    bodies: Bodies<'_>,
) -> Result<Vec<(String, String)>, SubjectError> {
    let limits = TargetLimits::default();
    let path = CleanPath::parse(path, &limits).expect("path");
    let query = CleanQuery::parse(Some(query), &limits).expect("query");
    let contract = contract();
    let (request, answer) = (bodies.0.map(str::as_bytes), bodies.1.map(str::as_bytes));
    subjects(&contract.endpoints()[0], &path, &query, request, answer)
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(kind, value)| ((*kind).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn subjects_are_found_wherever_the_endpoint_says() {
    let found = find(
        "/persons/5%41BC",
        "at=1&at=2&x=3",
        (
            Some(r#"{"who":"7XYZ"}"#),
            Some(r#"{"children":[{"fin":"8"},{"fin":9},{"fin":null},{}]}"#),
        ),
    );
    let expected = [
        ("fin", "5ABC"),
        ("voen", "1"),
        ("voen", "2"),
        ("fin", "7XYZ"),
        ("fin", "8"),
        ("fin", "9"),
    ];
    assert_eq!(found, Ok(pairs(&expected)));
}

#[test]
fn each_subject_is_told_once() {
    let found = find(
        "/persons/5",
        "at=5",
        (Some(r#"{"who":"5"}"#), Some(r#"{"children":[{"fin":5}]}"#)),
    );
    assert_eq!(found, Ok(pairs(&[("fin", "5"), ("voen", "5")])));
}

#[test]
fn absent_bodies_and_names_are_nobody() {
    for bodies in [
        (None, None),
        (Some(""), Some("")),
        (Some("{}"), Some(r#"{"error":"none"}"#)),
    ] {
        assert_eq!(find("/persons/5", "", bodies), Ok(pairs(&[("fin", "5")])));
    }
}

#[test]
fn what_can_not_be_told_is_an_error() {
    let ambiguous = find("/persons/5", "", (Some(r#"{"who":"1","who":"2"}"#), None));
    let source = JsonError::RepeatedName { at: 21 };
    assert_eq!(
        ambiguous,
        Err(SubjectError::NotJson {
            body: "request",
            source
        })
    );
    let other = find("/persons/5", "", (None, Some("<a/>")));
    let source = JsonError::Unexpected { at: 0 };
    assert_eq!(
        other,
        Err(SubjectError::NotJson {
            body: "answer",
            source
        })
    );
    for (text, found) in [
        ("true", "true or false"),
        ("[\"1\"]", "an array"),
        ("{}", "an object"),
    ] {
        let body = format!("{{\"who\":{text}}}");
        let error = find("/persons/5", "", (Some(&body), None));
        assert_eq!(error, Err(SubjectError::NotAName { found }));
    }
    assert_eq!(
        find("/persons", "", (None, None)),
        Err(SubjectError::NoSegment(1))
    );
    assert_eq!(
        find("/persons/5", "at=", (None, None)),
        Err(SubjectError::Length(0))
    );
    let long = "a".repeat(SUBJECT_LIMIT_BYTES + 1);
    let error = find(&format!("/persons/{long}"), "", (None, None));
    assert_eq!(error, Err(SubjectError::Length(SUBJECT_LIMIT_BYTES + 1)));
}

#[test]
fn subjects_are_bounded() {
    let children = |count: usize| {
        let all: Vec<String> = (0..count).map(|fin| format!("{{\"fin\":{fin}}}")).collect();
        format!("{{\"children\":[{}]}}", all.join(","))
    };
    // One stands in the path.
    let most = children(SUBJECT_LIMIT);
    assert_eq!(
        find("/persons/0", "", (None, Some(&most))).map(|found| found.len()),
        Ok(SUBJECT_LIMIT)
    );
    let one_more = children(SUBJECT_LIMIT + 1);
    assert_eq!(
        find("/persons/0", "", (None, Some(&one_more))),
        Err(SubjectError::TooMany)
    );
}

#[test]
fn bodies_nobody_asks_for_are_not_read() {
    let limits = TargetLimits::default();
    let path = CleanPath::parse("/persons/5/children", &limits).expect("path");
    let contract = contract();
    let found = subjects(
        &contract.endpoints()[1],
        &path,
        &CleanQuery::default(),
        Some(b"not JSON"),
        Some(b"\xff"),
    );
    assert_eq!(found, Ok(pairs(&[("fin", "5")])));
}
