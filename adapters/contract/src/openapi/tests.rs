use serde_json::{Value, json};

use super::*;
use crate::Effect;

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Test", "version": "1" },
        "servers": [{ "url": "http://registry.internal" }],
        "paths": {
            "/person/{fin}": {
                "parameters": [{ "$ref": "#/components/parameters/Fin" }],
                "get": {
                    "parameters": [
                        { "name": "at", "in": "query", "schema": { "type": "string", "format": "date" } },
                        { "name": "page", "in": "query", "schema": { "type": "integer", "minimum": 1 } },
                        { "name": "tag", "in": "query",
                          "schema": { "type": "array", "items": { "type": "string" }, "maxItems": 2 } }
                    ],
                    "responses": {
                        "200": { "description": "ok", "content": {
                            "application/json": { "schema": { "$ref": "#/components/schemas/Person" } } } },
                        "4XX": { "$ref": "#/components/responses/Problem" }
                    }
                }
            },
            "/person/search": {
                "post": {
                    "requestBody": { "required": true, "content": { "application/json": {
                        "schema": { "type": "object", "required": ["fin"],
                            "properties": { "fin": { "$ref": "#/components/schemas/Fin" } },
                            "additionalProperties": false } } } },
                    "responses": { "204": { "description": "done" } }
                }
            },
            "/status": { "get": { "responses": { "default": { "description": "any",
                "content": { "text/*": {} } } } } }
        },
        "components": {
            "parameters": { "Fin": { "name": "fin", "in": "path", "required": true,
                "schema": { "$ref": "#/components/schemas/Fin" } } },
            "responses": { "Problem": { "description": "no", "content": {
                "application/json": { "schema": { "type": "object" } } } } },
            "schemas": {
                "Fin": { "type": "string", "pattern": "^[0-9A-HJ-NP-Z]{7}$" },
                "Person": { "type": "object", "required": ["fin"], "properties": {
                    "fin": { "$ref": "#/components/schemas/Fin" },
                    "parent": { "$ref": "#/components/schemas/Person" } } }
            }
        }
    })
}

fn checker() -> Checker {
    Checker::from_value(document()).unwrap()
}

fn request(method: &str, path: &str, query: &[(&str, &str)], body: &str) -> Result<(), Mismatch> {
    let mut segments: Vec<String> = path.split('/').map(str::to_owned).collect();
    let service = segments.remove(0);
    let query: Vec<(String, String)> = query
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    checker().check_request(&CheckedRequest {
        service: &service,
        method,
        segments: &segments,
        query: &query,
        content_type: Some("application/json; charset=utf-8"),
        body: body.as_bytes(),
    })
}

fn answer(path: &str, status: u16, content_type: &str, body: &[u8]) -> Result<(), Mismatch> {
    let mut segments: Vec<String> = path.split('/').map(str::to_owned).collect();
    let service = segments.remove(0);
    let content_type = Some(content_type);
    checker().check_answer(&CheckedAnswer {
        service: &service,
        method: "GET",
        segments: &segments,
        status,
        content_type,
        body,
    })
}

#[test]
fn a_request_that_keeps_the_document_passes() {
    assert_eq!(
        request(
            "GET",
            "person/1AB2C3D",
            &[("at", "2026-11-21"), ("page", "2")],
            ""
        ),
        Ok(())
    );
    assert_eq!(
        request("GET", "person/1AB2C3D", &[("tag", "a"), ("tag", "b")], ""),
        Ok(())
    );
    assert_eq!(
        request("POST", "person/search", &[], r#"{"fin":"1AB2C3D"}"#),
        Ok(())
    );
}

#[test]
fn each_broken_rule_of_a_request_is_named() {
    let value = |place: &str, rule: &str| Mismatch::ParameterValue {
        place: place.into(),
        rule: rule.into(),
    };
    let get = |path, query: &[(&str, &str)]| request("GET", path, query, "").unwrap_err();
    assert_eq!(get("person", &[]), Mismatch::NoSuchPath);
    assert_eq!(get("nobody/1AB2C3D", &[]), Mismatch::NoSuchPath);
    assert_eq!(
        get("person/search", &[]),
        Mismatch::NoSuchMethod {
            allowed: vec!["POST".into()]
        }
    );
    assert_eq!(
        get("person/1ab2c3d", &[]),
        value("path segment fin", "pattern")
    );
    assert_eq!(
        get("person/1AB2C3D", &[("at", "21.11.2026")]),
        value("query at", "format")
    );
    assert_eq!(
        get("person/1AB2C3D", &[("page", "two")]),
        value("query page", "type")
    );
    assert_eq!(
        get("person/1AB2C3D", &[("page", "0")]),
        value("query page", "minimum")
    );
    assert_eq!(
        get(
            "person/1AB2C3D",
            &[("tag", "a"), ("tag", "b"), ("tag", "c")]
        ),
        value("query tag", "maxItems")
    );
    let repeated = Mismatch::ParameterRepeated {
        place: "query page".into(),
    };
    assert_eq!(
        get("person/1AB2C3D", &[("page", "1"), ("page", "1")]),
        repeated
    );
    let error = get("person/1AB2C3D", &[("secret", "1")]);
    assert_eq!(
        error,
        Mismatch::QueryNotDeclared {
            declared: vec!["at".into(), "page".into(), "tag".into()]
        }
    );
    assert_eq!(
        request("GET", "person/1AB2C3D", &[], "{}"),
        Err(Mismatch::BodyNotDeclared)
    );
}

#[test]
fn each_broken_rule_of_a_request_body_is_named() {
    let post = |body| request("POST", "person/search", &[], body).unwrap_err();
    assert_eq!(post(""), Mismatch::BodyMissing);
    assert_eq!(post("{"), Mismatch::NotJson);
    assert!(matches!(post("{}"), Mismatch::Body { rule } if rule.ends_with("/required")));
    let stranger = post(r#"{"fin":"1AB2C3D","SƏRKAN":1}"#).to_string();
    assert!(
        stranger.contains("additionalProperties") && !stranger.contains("SƏRKAN"),
        "{stranger}"
    );
    let value = post(r#"{"fin":"gizli"}"#).to_string();
    assert!(
        value.contains("/properties/fin") && !value.contains("gizli"),
        "{value}"
    );
}

#[test]
fn an_answer_is_checked_by_its_status() {
    assert_eq!(
        answer(
            "person/1AB2C3D",
            200,
            "application/json",
            br#"{"fin":"1AB2C3D","parent":{"fin":"1AB2C3E"}}"#
        ),
        Ok(())
    );
    assert_eq!(
        answer("person/1AB2C3D", 404, "application/json", b"{}"),
        Ok(())
    );
    assert_eq!(answer("status", 500, "text/plain", b"no"), Ok(()));
    let error = answer(
        "person/1AB2C3D",
        200,
        "application/json",
        br#"{"fin":"1AB2C3D","parent":{}}"#,
    );
    assert!(matches!(error, Err(Mismatch::Body { rule }) if rule.ends_with("/required")));
    let error = answer("person/1AB2C3D", 500, "application/json", b"{}");
    assert_eq!(error, Err(Mismatch::StatusNotDeclared { status: 500 }));
    let error = answer("person/1AB2C3D", 200, "text/plain", b"{}");
    assert_eq!(
        error,
        Err(Mismatch::MediaType {
            declared: vec!["application/json".into()]
        })
    );
    assert_eq!(
        answer("person/1AB2C3D", 200, "application/json", b"\"\xff\""),
        Err(Mismatch::NotJson)
    );
}

#[test]
fn a_service_sees_its_own_paths_and_no_servers() {
    let checker = checker();
    assert_eq!(checker.services(), ["person", "status"]);
    let endpoints = checker.endpoints("person");
    let reads = |own: &Endpoint| {
        own.method == Method::GET && own.path.as_str() == "/{fin}" && own.effect == Effect::Reads
    };
    assert!(endpoints.iter().any(reads), "{endpoints:?}");
    let own = checker.service_document("status");
    assert!(own.get("servers").is_none());
    assert_eq!(own["paths"].as_object().unwrap().len(), 1);
}

#[test]
fn all_faults_of_a_document_are_reported_at_once() {
    let mut document = document();
    document["paths"]["/{service}/x"] = json!({});
    document["paths"]["/person/{other}"] = json!({ "get": { "responses": { "2": {} } } });
    document["paths"]["/status"]["get"]["parameters"] = json!([{ "name": "x", "in": "query", "style": "deepObject", "schema": { "type": "string" } }]);
    document["paths"]["/status"]["get"]["responses"]["200"] =
        json!({ "content": { "application/json": { "schema": { "type": "nonsense" } } } });
    let faults = Checker::from_value(document).unwrap_err();
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for part in [
        "/paths/~1{service}~1x: does not begin with a service code",
        "/paths/~1person~1{other}: matches the same paths",
        "does not declare the path parameter other",
        "/responses/2: is not a status",
        "has a style that is not checked",
        "[schema]",
    ] {
        assert!(
            texts.iter().any(|text| text.contains(part)),
            "{part}: {texts:#?}"
        );
    }
}

#[test]
fn a_reference_out_of_the_document_is_refused() {
    for reference in [
        "https://example.org/a.json",
        "other.json#/x",
        "#/components/schemas/Nobody",
        "#anchor",
    ] {
        let mut document = document();
        document["components"]["schemas"]["Fin"] = json!({ "$ref": reference });
        let faults = Checker::from_value(document).unwrap_err();
        assert_eq!(faults[0].code, "reference", "{reference}");
        assert_eq!(faults[0].place, "openapi.json /components/schemas/Fin");
    }
}

#[test]
fn another_version_is_refused() {
    let faults = Checker::from_value(json!({ "openapi": "3.0.3", "paths": {} })).unwrap_err();
    assert_eq!(faults[0].code, "openapi-version");
}
