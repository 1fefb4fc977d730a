use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{CutError, cut, drop_fields_of_the_whole};
use crate::contract::locator::Pointer;
use crate::contract::mask::FieldMask;
use crate::json::JsonError;

const LIMIT: usize = 1_000;

fn mask() -> FieldMask {
    FieldMask::new(vec![Pointer::parse("/fin").expect("pointer")])
}

fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

fn cut_with(pairs: &[(&'static str, &'static str)], body: &[u8]) -> Result<Vec<u8>, CutError> {
    cut(StatusCode::OK, &fields(pairs), body, &mask(), LIMIT)
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn json_of_every_status_is_cut() {
    for status in [200, 201, 400, 404, 500] {
        let status = StatusCode::from_u16(status).expect("status");
        let body = br#"{ "fin": "1", "income": 5 }"#;
        let written = cut(status, &fields(&[JSON]), body, &mask(), LIMIT);
        assert_eq!(written.as_deref(), Ok(&br#"{"fin":"1"}"#[..]), "{status}");
    }
}

#[test]
fn only_json_types_in_utf_8_are_cut() {
    let body = br#"{"fin":"1"}"#;
    for good in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/problem+json",
        "application/vnd.a.b+json;charset=\"utf-8\"; profile=x",
    ] {
        assert!(cut_with(&[("content-type", good)], body).is_ok(), "{good}");
    }
    for bad in [
        "text/json",
        "application/xml",
        "application/jsonp",
        "application/json-seq",
        "application/+json",
        "application/a b+json",
        "application/json; charset=utf-16",
        "application/json, text/html",
        "",
    ] {
        assert_eq!(
            cut_with(&[("content-type", bad)], body),
            Err(CutError::OtherType),
            "{bad}"
        );
    }
    assert_eq!(cut_with(&[], body), Err(CutError::Untyped));
    assert_eq!(
        cut_with(&[JSON, ("content-type", "text/html")], body),
        Err(CutError::Untyped)
    );
    let mut latin = HeaderMap::new();
    latin.insert(
        "content-type",
        HeaderValue::from_bytes(b"application/json\xe9").expect("value"),
    );
    assert_eq!(
        cut(StatusCode::OK, &latin, body, &mask(), LIMIT),
        Err(CutError::Untyped)
    );
}

#[test]
fn coded_and_partial_answers_are_refused_even_if_empty() {
    for body in [&b""[..], b"{}"] {
        assert_eq!(
            cut_with(&[JSON, ("content-encoding", "gzip")], body),
            Err(CutError::Coded)
        );
        let twice = [
            JSON,
            ("content-encoding", "identity"),
            ("content-encoding", "br"),
        ];
        assert_eq!(cut_with(&twice, body), Err(CutError::Coded));
        assert!(cut_with(&[JSON, ("content-encoding", "identity")], body).is_ok());
        let partial = cut(
            StatusCode::PARTIAL_CONTENT,
            &fields(&[JSON]),
            body,
            &mask(),
            LIMIT,
        );
        assert_eq!(partial, Err(CutError::Partial));
        let range = [JSON, ("content-range", "bytes 0-1/2")];
        assert_eq!(cut_with(&range, body), Err(CutError::Partial));
    }
}

#[test]
fn no_content_needs_no_type() {
    let written = cut(
        StatusCode::NO_CONTENT,
        &HeaderMap::new(),
        b"",
        &mask(),
        LIMIT,
    );
    assert_eq!(written, Ok(Vec::new()));
}

#[test]
fn ambiguous_large_and_bare_answers_are_refused() {
    assert_eq!(
        cut_with(&[JSON], br#"{"fin":"1","fin":"2"}"#),
        Err(CutError::NotJson(JsonError::RepeatedName { at: 21 }))
    );
    assert_eq!(
        cut_with(&[JSON], b"<a/>"),
        Err(CutError::NotJson(JsonError::Unexpected { at: 0 }))
    );
    assert_eq!(cut_with(&[JSON], b"\"secret\""), Err(CutError::NoFields));
    let large = format!("{{\"x\":\"{}\"}}", "a".repeat(LIMIT));
    let length = large.len();
    let error = CutError::TooLarge {
        length,
        limit: LIMIT,
    };
    assert_eq!(cut_with(&[JSON], large.as_bytes()), Err(error));
    let fitting = format!("{{\"x\":\"{}\"}}", "a".repeat(LIMIT - 8));
    assert_eq!(fitting.len(), LIMIT);
    assert_eq!(
        cut_with(&[JSON], fitting.as_bytes()).as_deref(),
        Ok(&b"{}"[..])
    );
}

#[test]
fn fields_of_the_whole_answer_go() {
    let mut all = fields(&[
        JSON,
        ("content-length", "7"),
        ("etag", "\"x\""),
        ("content-digest", "sha-256=:x:"),
        ("repr-digest", "sha-256=:x:"),
        ("digest", "sha-256=x"),
        ("content-md5", "x"),
        ("digest", "md5=x"),
    ]);
    drop_fields_of_the_whole(&mut all);
    assert_eq!(all, fields(&[JSON]));
}
