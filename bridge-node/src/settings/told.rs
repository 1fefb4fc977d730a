//! How those who ask are told of refusals: names, statuses and language. None of it changes a decision, a leaf or the wire.

use bridge_core::accept::Language;

use super::{Fault, raw};

/// How those who ask are told of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The names of error types that callers see.
    pub error_types: ErrorTypes,
    /// The statuses of errors that callers see.
    pub status: ErrorStatus,
    /// Whether callers get `X-Road-Request-Hash`.
    pub request_hash: bool,
    /// The language of explanations for those who prefer none.
    pub language: Language,
}

/// How error types are named to callers; leaves, logs and other nodes have the dotted names always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorTypes {
    /// `server.serverproxy.access_denied`, as since X-Road 7.8.
    Dotted,
    /// `Server.ServerProxy.AccessDenied`, as before.
    CamelCase,
}

/// Which statuses errors have towards callers; leaves and other nodes have the fitting ones always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorStatus {
    /// What HTTP has for the case: 401, 403, 404, 429, 503 and so on.
    Fitting,
    /// As X-Road: 500 where the type begins with `server.`, 400 elsewhere.
    XRoad,
}

// === impl Told ===

impl Told {
    /// Reads the words; the first of each is the default.
    pub(super) fn check(
        node: Option<&raw::Node>,
        consumer: Option<&raw::Consumer>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        Self {
            error_types: choose(
                "consumer.error_types",
                consumer.and_then(|c| c.error_types.as_deref()),
                [
                    ("dotted", ErrorTypes::Dotted),
                    ("camel-case", ErrorTypes::CamelCase),
                ],
                faults,
            ),
            status: choose(
                "consumer.status",
                consumer.and_then(|c| c.status.as_deref()),
                [
                    ("fitting", ErrorStatus::Fitting),
                    ("x-road", ErrorStatus::XRoad),
                ],
                faults,
            ),
            request_hash: consumer.and_then(|c| c.request_hash).unwrap_or(true),
            language: choose(
                "node.language",
                node.and_then(|n| n.language.as_deref()),
                Language::ALL.map(|language| (language.tag(), language)),
                faults,
            ),
        }
    }
}

/// Reads one of two words; the first is the default.
pub(super) fn choose<T: Copy>(
    place: &str,
    text: Option<&str>,
    words: [(&str, T); 2],
    faults: &mut Vec<Fault>,
) -> T {
    let [(default, value), (other, other_value)] = words;
    match text {
        None => value,
        Some(text) if text == default => value,
        Some(text) if text == other => other_value,
        Some(text) => {
            faults.push(Fault::new(
                place,
                format!("`{text}` is not known"),
                format!("write \"{default}\" (the default) or \"{other}\""),
            ));
            value
        }
    }
}
