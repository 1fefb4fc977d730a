//! The registry `sample-registry`, behind a node: what is asked and answered. `protocol.rs` speaks with the node.

mod protocol;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use protocol::{Call, Description, Endpoint, Outcome, Refused, Service};
use serde_json::json;

/// What the package offers; must agree with manifest.toml and openapi.json.
const DESCRIPTION: Description = Description {
    name: "sample-registry",
    services: &[Service {
        code: "record",
        title: "Qeyd: one record by its number",
        endpoints: &[Endpoint {
            method: "GET",
            path: "/{number}",
            effect: "reads",
        }],
    }],
};

fn main() -> ExitCode {
    protocol::run(&DESCRIPTION, answer, health)
}

/// Stands for your registry. Ask your database here instead: `protocol::REGISTRY_SOCKET` names the socket that leads to
/// it, and `call.time_left` says how long it may take.
fn record(number: &str) -> Option<serde_json::Value> {
    match number {
        "QN-0001" => Some(json!({
            "number": "QN-0001", "title": "Birinci qeyd", "opened": "2026-01-15", "officer": "Ömər Şirinov"
        })),
        "QN-0002" => Some(json!({
            "number": "QN-0002", "title": "İkinci qeyd", "opened": "2026-02-20", "officer": "Ləman Mustafayeva"
        })),
        _ => None,
    }
}

/// Answers one call.
async fn answer(call: Call) -> Result<Outcome, Refused> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match (call.service.as_str(), segments.as_slice()) {
        ("record", [number]) => {
            if call.method != "GET" {
                return Err(Refused::MethodNotAllowed("GET"));
            }
            if !is_number(number) {
                return Err(Refused::BadRequest {
                    place: "path segment number",
                    expected: "a record's number like QN-0001",
                });
            }
            Ok(match record(number) {
                Some(found) => Outcome::json(200, &found),
                None => Outcome::json(404, &json!({ "error": "not-found" })),
            })
        }
        _ => Err(Refused::NotFound),
    }
}

/// Says why calls would fail now, for the operator; `None` if they would not.
async fn health() -> Option<String> {
    None
}

fn is_number(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b, b'-', digits @ ..]
        if a.is_ascii_uppercase() && b.is_ascii_uppercase() && digits.len() == 4 && digits.iter().all(u8::is_ascii_digit))
}
