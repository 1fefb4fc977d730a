//! JSON and TOML that others write: directory, contracts, settings, service texts, answers.

use std::path::Path;

use bridge_adapter::openapi::{CheckedRequest, Checker};
use bridge_core::contract::load;
use bridge_core::contract::locator::Pointer;
use bridge_core::contract::mask::FieldMask;
use bridge_core::cut::cut;
use bridge_directory::metadata::{Envelope, Role, Targets};
use bridge_directory::own_nodes::OwnFile;
use bridge_directory::{Directory, Indexed};
use bridge_node::settings::Settings;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::de::IgnoredAny;
use serde_json::Value;

/// No crash; a directory that is read finds its own members and nodes.
pub(super) fn directory(data: &[u8]) -> bool {
    let Ok(directory) = Directory::parse(data) else {
        return false;
    };
    let directory = Indexed::new(directory);
    for member in &directory.members {
        assert!(directory.member(&member.id).is_some());
        assert_eq!(directory.nodes_of(&member.id).len(), member.nodes.len());
    }
    true
}

/// No crash, whichever role the metadata claims, members' roles in it and a member's file included.
pub(super) fn metadata(data: &[u8]) -> bool {
    let mut read = Role::ALL
        .map(|role| Envelope::read(role, data).is_ok())
        .into_iter();
    let targets = Envelope::read(Role::Targets, data);
    let members = targets.is_ok_and(|envelope| envelope.part::<Targets>().is_ok());
    let own = OwnFile::parse(data).is_ok_and(|file| file.member().is_ok());
    members || own || read.any(|is_read| is_read)
}

/// A contract has one canonical form, and that is a contract with the same digest.
pub(super) fn contract(data: &[u8]) -> bool {
    let Ok(contract) = load(data) else {
        return false;
    };
    let canonical = String::from_utf8(contract.canonical().to_vec()).unwrap();
    let anew = format!("{{\"contract\":{canonical},\"signatures\":[]}}");
    let again = load(anew.as_bytes()).expect("the canonical form loads");
    assert_eq!(again.digest(), contract.digest());
    assert_eq!(again.reference(), contract.reference());
    true
}

/// No crash; every fault names its place.
pub(super) fn settings(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let Err(faults) = Settings::parse(text, Path::new("/nowhere")) else {
        return true;
    };
    assert!(!faults.is_empty());
    assert!(faults.iter().all(|fault| !fault.place.is_empty()));
    // Files that are not there are no fault of the text.
    faults.iter().all(|fault| fault.what.contains("/nowhere"))
}

/// No crash: neither on a document nor on a request that is held against it.
pub(super) fn openapi(data: &[u8]) -> bool {
    let half = data.iter().position(|byte| *byte == 0);
    let (document, body) = data.split_at(half.unwrap_or(data.len()));
    let Ok(document) = serde_json::from_slice::<Value>(document) else {
        return false;
    };
    let Ok(checker) = Checker::from_value(document) else {
        return false;
    };
    for service in checker.services() {
        let segments = ["MBXEHTV".to_owned()];
        let request = CheckedRequest {
            service,
            method: "GET",
            segments: &segments,
            query: &[],
            content_type: Some("application/json"),
            body,
        };
        drop(checker.check_request(&request));
    }
    true
}

/// What the mask names; nothing else may be in a cut answer.
const ALLOWED: [&str; 4] = ["/fin", "/name/first", "/children/*/fin", "/address"];

/// A cut answer is a part of the whole one, and every value in it stands where the mask allows it.
pub(super) fn cut_answer(data: &[u8]) -> bool {
    let pointers = ALLOWED.map(|text| Pointer::parse(text).unwrap());
    let mask = FieldMask::new(pointers.to_vec());
    let mut fields = HeaderMap::new();
    fields.insert("content-type", HeaderValue::from_static("application/json"));
    let Ok(out) = cut(StatusCode::OK, &fields, data, &mask, 1 << 20) else {
        return false;
    };
    if data.is_empty() {
        return true;
    }
    serde_json::from_slice::<IgnoredAny>(data).expect("only JSON is cut");
    let Ok(whole) = serde_json::from_slice::<Value>(data) else {
        // Numerals may be beyond what this reader can hold: they are cut as they were written.
        return true;
    };
    let part: Value = serde_json::from_slice(&out).expect("what is cut is JSON");
    let known = scalars(&whole);
    for (path, value) in scalars(&part) {
        assert!(is_allowed(&path), "{path} left the register");
        assert!(known.contains(&(path, value)), "a value that was not there");
    }
    true
}

/// Every scalar with its path, where `*` stands for any element.
fn scalars(value: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    collect(value, String::new(), &mut found);
    found
}

fn collect<'v>(value: &'v Value, path: String, found: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                collect(value, format!("{path}/{name}"), found);
            }
        }
        Value::Array(elements) => {
            for value in elements {
                collect(value, format!("{path}/*"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            found.push((path, value));
        }
    }
}

fn is_allowed(path: &str) -> bool {
    ALLOWED
        .iter()
        .filter_map(|pointer| path.strip_prefix(pointer))
        .any(|below| below.is_empty() || below.starts_with('/'))
}
