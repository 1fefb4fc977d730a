//! The fixed-order writer.

use std::fmt::Display;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{LEAF_VERSION, Leaf, LeafError};
use crate::identity::{ServiceId, SubsystemId};
use crate::json::write_string;

/// Characters of a hash in base64url.
const HASH_TEXT_BYTES: usize = 43;

/// Writes a leaf in the fixed order of FORMAT.md. The limit on its length is the caller's.
pub(super) fn write(leaf: &Leaf, out: &mut Vec<u8>) -> Result<(), LeafError> {
    let mut object = Object { out };
    object.open();
    object.number("v", Some(u64::from(LEAF_VERSION)))?;
    object.text("kind", Some(leaf.kind.as_str()));
    object.number("time", Some(leaf.time.0))?;
    object.shown(
        "request_id",
        leaf.request_id.map(uuid::Uuid::hyphenated).as_ref(),
    )?;
    object.text("side", leaf.side.map(super::Side::as_str));
    object.text("client", leaf.client.as_ref().map(SubsystemId::as_str));
    object.text("service", leaf.service.as_ref().map(ServiceId::as_str));
    object.text("endpoint", leaf.endpoint.as_deref());
    object.text("purpose", leaf.purpose.as_deref());
    object.text("basis", leaf.basis.as_deref());
    object.text("contract", leaf.contract.as_deref());
    object.text(
        "decision",
        leaf.decision
            .map(|allow| if allow { "allow" } else { "refuse" }),
    );
    object.texts("rules", leaf.rules.iter(), |rule, out| {
        write_string(rule, out);
        Ok(())
    })?;
    object.text("outcome", leaf.outcome.as_deref());
    object.number("status", leaf.status)?;
    object.number("request_size", leaf.request_size)?;
    object.number("answer_size", leaf.answer_size)?;
    object.number("duration_ms", leaf.duration_ms)?;
    object.text("keyid", leaf.keyid.as_deref());
    object.text("peer_keyid", leaf.peer_keyid.as_deref());
    object.text("nonce", leaf.nonce.as_deref());
    object.hash("link", leaf.link.as_ref())?;
    object.hash("answer_link", leaf.answer_link.as_ref())?;
    object.text("mode", leaf.mode.map(super::EvidenceMode::as_str));
    object.hash("evidence", leaf.evidence.as_ref())?;
    object.texts("subjects", leaf.subjects.iter(), write_hash)?;
    if !leaf.facts.is_empty() {
        object.name("facts");
        object.open();
        // A BTreeMap gives its keys sorted by bytes, as FORMAT.md wants them.
        for (name, fact) in &leaf.facts {
            object.separate();
            write_string(name, object.out);
            object.out.push(b':');
            write_string(fact, object.out);
        }
        object.close();
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

    /// Begins the next member.
    fn separate(&mut self) {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
    }

    /// Writes a name of the format, which needs no escapes.
    fn name(&mut self, name: &str) {
        self.separate();
        for part in [b"\"", name.as_bytes(), b"\":"] {
            self.out.extend_from_slice(part);
        }
    }

    fn text(&mut self, name: &str, value: Option<&str>) {
        let Some(value) = value else { return };
        self.name(name);
        write_string(value, self.out);
    }

    fn texts<T>(
        &mut self,
        name: &str,
        values: impl ExactSizeIterator<Item = T>,
        write: impl Fn(T, &mut Vec<u8>) -> Result<(), LeafError>,
    ) -> Result<(), LeafError> {
        if values.len() == 0 {
            return Ok(());
        }
        self.name(name);
        for (position, value) in values.enumerate() {
            self.out.push(if position == 0 { b'[' } else { b',' });
            write(value, self.out)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn number(&mut self, name: &str, value: Option<impl Display>) -> Result<(), LeafError> {
        let Some(value) = value else { return Ok(()) };
        self.name(name);
        write!(self.out, "{value}").map_err(|error| malformed(&error))
    }

    /// A value whose text needs no escapes.
    fn shown(&mut self, name: &str, value: Option<&impl Display>) -> Result<(), LeafError> {
        let Some(value) = value else { return Ok(()) };
        self.name(name);
        write!(self.out, "\"{value}\"").map_err(|error| malformed(&error))
    }

    fn hash(&mut self, name: &str, value: Option<&[u8; 32]>) -> Result<(), LeafError> {
        let Some(value) = value else { return Ok(()) };
        self.name(name);
        write_hash(value, self.out)
    }
}

fn write_hash(hash: &[u8; 32], out: &mut Vec<u8>) -> Result<(), LeafError> {
    let mut text = [0; HASH_TEXT_BYTES];
    let written = URL_SAFE_NO_PAD.encode_slice(hash, &mut text);
    written.map_err(|error| malformed(&error))?;
    out.push(b'"');
    out.extend_from_slice(&text);
    out.push(b'"');
    Ok(())
}

fn malformed(error: &dyn Display) -> LeafError {
    LeafError::Malformed {
        reason: error.to_string(),
    }
}
