//! Contract files, written by a scenario.

use serde_json::{Value, json};

/// A contract under construction. As made by [`terms`] it allows every method and path, the query names `q`, `r` and `fin`,
/// and every field.
#[derive(Debug, Clone)]
pub struct Terms(Value);

/// Starts a contract between a consumer's subsystem and a service.
pub fn terms(id: &str, consumer: &str, provider: &str, service: &str) -> Terms {
    Terms(json!({
        "version": 1,
        "id": id,
        "title": format!("Scenario {id}"),
        "consumer": { "subsystem": consumer },
        "provider": provider,
        "service": service,
        "endpoints": [endpoint("*", "/**")],
        "purposes": "any",
        "legal_basis": "any",
        "fields": "all",
        "quota": { "per_hour": 1_000_000, "per_day": 1_000_000 },
        "hours": "any",
        "evidence": "full",
        "read_only": false,
        "sealed": false,
        "consent": false,
        "user_token": false,
        "start": "2026-01-01T00:00:00+04:00",
        "end": "2066-01-01T00:00:00+04:00",
        "contact": "exchange@population.example",
    }))
}

/// An endpoint that concerns nobody.
pub fn endpoint(method: &str, path: &str) -> Value {
    json!({ "method": method, "path": path, "query": ["q", "r", "fin"], "semicolons": false, "subjects": "none" })
}

// === impl Terms ===

impl Terms {
    /// Replaces one term.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.0["id"].as_str().unwrap()
    }

    /// The file's bytes.
    pub fn file(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(&json!({ "contract": self.0, "signatures": [] })).unwrap()
    }
}
