//! The fixed-order writer.

use std::fmt::Display;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{LEAF_VERSION, Leaf, LeafError};

/// Appends the leaf, its fields in the order of FORMAT.md. Limits are the caller's to check.
pub(super) fn write(leaf: &Leaf, out: &mut Vec<u8>) -> Result<(), LeafError> {
    let mut object = Object { out };
    object.open();
    object.number("v", Some(LEAF_VERSION))?;
    object.text("kind", Some(leaf.kind.as_str()))?;
    object.number("time", Some(leaf.time.0))?;
    object.shown(
        "request_id",
        leaf.request_id.map(uuid::Uuid::hyphenated).as_ref(),
    )?;
    object.text("side", leaf.side.map(super::Side::as_str))?;
    object.shown("client", leaf.client.as_ref())?;
    object.shown("service", leaf.service.as_ref())?;
    object.text("endpoint", leaf.endpoint.as_deref())?;
    object.text("purpose", leaf.purpose.as_deref())?;
    object.text("basis", leaf.basis.as_deref())?;
    object.text("contract", leaf.contract.as_deref())?;
    object.text(
        "decision",
        leaf.decision
            .map(|allow| if allow { "allow" } else { "refuse" }),
    )?;
    object.texts("rules", &leaf.rules)?;
    object.text("outcome", leaf.outcome.as_deref())?;
    object.number("status", leaf.status)?;
    object.number("request_size", leaf.request_size)?;
    object.number("answer_size", leaf.answer_size)?;
    object.number("duration_ms", leaf.duration_ms)?;
    object.text("keyid", leaf.keyid.as_deref())?;
    object.text("peer_keyid", leaf.peer_keyid.as_deref())?;
    object.text("nonce", leaf.nonce.as_deref())?;
    object.hash("link", leaf.link.as_ref())?;
    object.hash("answer_link", leaf.answer_link.as_ref())?;
    object.text("mode", leaf.mode.map(super::EvidenceMode::as_str))?;
    object.hash("evidence", leaf.evidence.as_ref())?;
    let subjects: Vec<String> = leaf.subjects.iter().map(base64url).collect();
    object.texts("subjects", &subjects)?;
    if !leaf.facts.is_empty() {
        object.name("facts");
        // A BTreeMap writes its keys sorted by bytes, as FORMAT.md wants them.
        json(object.out, &leaf.facts)?;
    }
    object.close();
    Ok(())
}

struct Object<'a> {
    out: &'a mut Vec<u8>,
}

impl Object<'_> {
    fn open(&mut self) {
        self.out.push(b'{');
    }

    fn close(&mut self) {
        self.out.push(b'}');
    }

    /// Writes a field's name, which needs no escapes.
    fn name(&mut self, name: &str) {
        let separator: &[u8] = if self.out.last() == Some(&b'{') {
            b"\""
        } else {
            b",\""
        };
        for part in [separator, name.as_bytes(), b"\":"] {
            self.out.extend_from_slice(part);
        }
    }

    fn text(&mut self, name: &str, value: Option<&str>) -> Result<(), LeafError> {
        let Some(value) = value else { return Ok(()) };
        self.name(name);
        json(self.out, value)
    }

    fn texts(&mut self, name: &str, values: &[String]) -> Result<(), LeafError> {
        if values.is_empty() {
            return Ok(());
        }
        self.name(name);
        json(self.out, values)
    }

    fn number(&mut self, name: &str, value: Option<impl Display>) -> Result<(), LeafError> {
        let Some(value) = value else { return Ok(()) };
        self.name(name);
        write!(self.out, "{value}").map_err(|error| malformed(&error))
    }

    /// Writes a value whose text needs no escapes: an identity or a UUID.
    fn shown(&mut self, name: &str, value: Option<&impl Display>) -> Result<(), LeafError> {
        let Some(value) = value else { return Ok(()) };
        self.name(name);
        write!(self.out, "\"{value}\"").map_err(|error| malformed(&error))
    }

    fn hash(&mut self, name: &str, value: Option<&[u8; 32]>) -> Result<(), LeafError> {
        let Some(value) = value else { return Ok(()) };
        self.text(name, Some(&base64url(value)))
    }
}

fn base64url(hash: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(hash)
}

/// Writes JSON without spaces. The compact formatter escapes strings exactly as canonical JSON does.
///
/// Standard: RFC 8785 §3.2.2.2.
fn json(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) -> Result<(), LeafError> {
    serde_json::to_writer(out, value).map_err(|error| malformed(&error))
}

fn malformed(error: &dyn Display) -> LeafError {
    LeafError::Malformed {
        reason: error.to_string(),
    }
}
