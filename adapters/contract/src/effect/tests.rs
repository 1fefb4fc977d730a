use serde_json::json;
use toml::Table;

use super::*;
use crate::ServiceDescription;

fn checker() -> Checker {
    let answer = json!({ "responses": { "200": { "description": "ok" } } });
    let id =
        json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }]);
    let document = json!({ "openapi": "3.1.0", "info": { "title": "t", "version": "1" }, "paths": {
        "/charge/pay": { "post": answer, "get": answer },
        "/charge/{id}": { "parameters": id, "post": answer, "delete": answer },
    }});
    Checker::from_value(document).unwrap()
}

fn read(text: &str) -> (Description, Vec<Fault>) {
    let table: Table = text.parse().unwrap();
    let mut section = Section::new(&table, "manifest.toml http");
    let mut faults = Vec::new();
    let effects = Effects::read(&mut section, &checker(), &mut faults);
    section.finish(&mut faults);
    let mut description = Description {
        adapter: "http",
        services: vec![ServiceDescription {
            code: "charge".to_owned(),
            title: "Ödəniş".to_owned(),
            endpoints: checker().endpoints("charge"),
            openapi: None,
        }],
    };
    effects.describe(&mut description);
    (description, faults)
}

fn of_call(description: &Description, method: &Method, segment: &str) -> Effect {
    let endpoints = &description.services[0].endpoints;
    Effect::of_call(endpoints, method, &[segment.to_owned()])
}

#[test]
fn the_method_decides_where_the_manifest_says_nothing() {
    let (description, faults) = read("");
    assert_eq!(faults, []);
    assert_eq!(of_call(&description, &Method::GET, "pay"), Effect::Reads);
    assert_eq!(of_call(&description, &Method::POST, "pay"), Effect::Unknown);
    assert_eq!(Effect::of_call(&[], &Method::HEAD, &[]), Effect::Reads);
    assert_eq!(Effect::of_call(&[], &Method::PUT, &[]), Effect::Unknown);
}

#[test]
fn an_operation_says_its_effect_and_the_closest_path_counts() {
    let (description, faults) = read(
        "[[operation]]\nservice = \"charge\"\nmethod = \"POST\"\npath = \"/pay\"\neffect = \"stored\"\n\
         [[operation]]\nservice = \"charge\"\nmethod = \"POST\"\npath = \"/{id}\"\neffect = \"reads\"\n",
    );
    assert_eq!(faults, []);
    assert_eq!(of_call(&description, &Method::POST, "pay"), Effect::Stored);
    assert_eq!(of_call(&description, &Method::POST, "7"), Effect::Reads);
    // The path of `/pay` is closer, and it takes no DELETE: nothing of `/{id}` is borrowed.
    assert_eq!(
        of_call(&description, &Method::DELETE, "pay"),
        Effect::Unknown
    );
}

#[test]
fn what_cannot_be_is_said_with_its_place() {
    let (description, faults) = read(
        "[[operation]]\nservice = \"charge\"\nmethod = \"GET\"\npath = \"/pay\"\neffect = \"stored\"\n\
         [[operation]]\nservice = \"charge\"\nmethod = \"POST\"\npath = \"/none\"\neffect = \"stored\"\n\
         [[operation]]\nservice = \"charge\"\nmethod = \"POST\"\npath = \"/pay\"\neffect = \"once\"\n",
    );
    let told: Vec<(&str, &str)> = faults
        .iter()
        .map(|fault| (fault.code, fault.place.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "effect-of-safe-method",
                "manifest.toml http.operation[1].effect"
            ),
            (
                "operation-not-in-openapi",
                "manifest.toml http.operation[2]"
            ),
            ("wrong-value", "manifest.toml http.operation[3].effect"),
        ]
    );
    assert_eq!(of_call(&description, &Method::POST, "pay"), Effect::Unknown);
}

#[test]
fn the_words_are_those_of_the_manifest() {
    for effect in [Effect::Reads, Effect::Unknown, Effect::Stored] {
        assert_eq!(effect.as_str().parse(), Ok(effect));
    }
    assert_eq!("Stored".parse::<Effect>(), Err(()));
}
