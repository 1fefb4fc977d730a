//! The strict form of a leaf: one spelling for each set of facts.

use crate::bytes::Hash;
use crate::json::{Cursor, Text};

mod fault;
mod value;

pub use fault::LeafFault;

use value::{
    array, check, contract, digest, facts, identifier, is_step, one_of, uuid, version, wrong,
};

/// The longest leaf that the format allows.
pub(crate) const LEAF_LIMIT_BYTES: usize = 65_535;

/// Which end of an exchange a leaf speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Consumer,
    Provider,
}

/// What a leaf means for the exchange it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `request-sent`, `request-received`.
    Start,
    /// `response-signed`, `response-received`, `refused`, `interrupted`.
    End,
    State,
    Administration,
    /// `delivery`, `audit-read`.
    Other,
}

/// How much of a message is kept as evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Full,
    Digest,
    None,
}

/// The facts of a leaf that other parts of a journal must agree with.
#[derive(Debug, Clone)]
pub(crate) struct Leaf<'a> {
    pub(crate) kind: Kind,
    pub(crate) time: u64,
    pub(crate) request_id: Option<[u8; 16]>,
    pub(crate) side: Option<Side>,
    pub(crate) client: Option<Text<'a>>,
    pub(crate) service: Option<Text<'a>>,
    pub(crate) outcome: Option<Text<'a>>,
    pub(crate) link: Option<Hash>,
    pub(crate) answer_link: Option<Hash>,
    pub(crate) mode: Option<Mode>,
    pub(crate) evidence: Option<Hash>,
    pub(crate) subjects: usize,
    pub(crate) keyid: Option<Text<'a>>,
    pub(crate) facts: Vec<(Text<'a>, Text<'a>)>,
}

impl<'a> Leaf<'a> {
    /// Reads a leaf; whatever a node would have spelled otherwise is refused.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, LeafFault> {
        if bytes.len() > LEAF_LIMIT_BYTES {
            return Err(LeafFault::TooLong {
                length: bytes.len(),
            });
        }
        if let Err(error) = str::from_utf8(bytes) {
            return Err(LeafFault::NotText {
                at: error.valid_up_to(),
            });
        }
        let mut cursor = Cursor::new(bytes);
        let mut leaf = Self::empty();
        let mut last: Option<usize> = None;
        cursor.expect(b"{", "`{`")?;
        loop {
            let position = field(&mut cursor, last)?;
            leaf.value(position, &mut cursor)?;
            last = Some(position);
            if cursor.skip(b"}") {
                break;
            }
            cursor.expect(b",", "`,` or `}`")?;
        }
        if !cursor.is_at_end() {
            return Err(cursor.fault("the end of the leaf").into());
        }
        match last {
            Some(position) if position >= TIME => Ok(leaf),
            _ => Err(LeafFault::Missing { field: "time" }),
        }
    }

    fn empty() -> Self {
        Self {
            kind: Kind::Other,
            time: 0,
            request_id: None,
            side: None,
            client: None,
            service: None,
            outcome: None,
            link: None,
            answer_link: None,
            mode: None,
            evidence: None,
            subjects: 0,
            keyid: None,
            facts: Vec::new(),
        }
    }

    fn value(&mut self, position: usize, cursor: &mut Cursor<'a>) -> Result<(), LeafFault> {
        let name = FIELDS.get(position).copied().unwrap_or_default();
        match name {
            "v" => version(cursor.number()?)?,
            "kind" => self.kind = one_of(cursor, name, &KINDS)?,
            "time" => self.time = cursor.number()?,
            "request_id" => {
                let id = cursor.string()?.plain().and_then(uuid);
                self.request_id = Some(id.ok_or(wrong(name, "a UUID in lower case"))?);
            }
            "side" => self.side = Some(one_of(cursor, name, &SIDES)?),
            "client" => self.client = Some(identifier(cursor, name, 4)?),
            "service" => self.service = Some(identifier(cursor, name, 5)?),
            "outcome" => self.outcome = Some(cursor.string()?),
            "contract" => contract(cursor)?,
            "decision" => one_of(cursor, name, &DECISIONS)?,
            "rules" => {
                array(cursor, name, |cursor| Ok(cursor.string().map(drop)?))?;
            }
            "status" => {
                let status = cursor.number()?;
                check(
                    name,
                    "a status of three digits",
                    (100..=999).contains(&status),
                )?;
            }
            "request_size" | "answer_size" => {
                let size = cursor.number()?;
                let holds = size >= 256 && size.is_power_of_two();
                check(name, "a power of two, at least 256", holds)?;
            }
            "duration_ms" => {
                check(
                    name,
                    "1, 2 or 5 times a power of ten",
                    is_step(cursor.number()?),
                )?;
            }
            "nonce" => {
                digest::<16>(cursor, name)?;
            }
            "link" => self.link = Some(digest(cursor, name)?),
            "answer_link" => self.answer_link = Some(digest(cursor, name)?),
            "mode" => self.mode = Some(one_of(cursor, name, &MODES)?),
            "evidence" => self.evidence = Some(digest(cursor, name)?),
            "subjects" => {
                self.subjects = array(cursor, name, |cursor| digest::<32>(cursor, name).map(drop))?;
            }
            "keyid" => self.keyid = Some(cursor.string()?),
            "facts" => self.facts = facts(cursor)?,
            // endpoint, purpose, basis, peer_keyid
            _ => drop(cursor.string()?),
        }
        Ok(())
    }
}

/// Reads the next field's name and checks its place.
fn field(cursor: &mut Cursor<'_>, last: Option<usize>) -> Result<usize, LeafFault> {
    let name = cursor.string()?;
    cursor.expect(b":", "`:`")?;
    let name = name.decoded();
    let next = last.map_or(0, |last| last + 1);
    // In a good leaf the field is never before `next`.
    let is_it = |field: &&str| field.as_bytes() == name.as_ref();
    let found = FIELDS.iter().skip(next).position(is_it).map(|at| at + next);
    let position = found.or_else(|| FIELDS.iter().position(is_it));
    let Some(position) = position else {
        let name = String::from_utf8_lossy(&name).chars().take(64).collect();
        return Err(LeafFault::UnknownField { name });
    };
    let field = FIELDS.get(position).copied().unwrap_or_default();
    if position < next {
        let after = last
            .and_then(|last| FIELDS.get(last))
            .copied()
            .unwrap_or_default();
        return Err(LeafFault::Order { field, after });
    }
    if next <= TIME && position > next {
        return Err(LeafFault::Missing {
            field: FIELDS.get(next).copied().unwrap_or_default(),
        });
    }
    Ok(position)
}

/// The fields of version 1 in their order.
const FIELDS: [&str; 27] = [
    "v",
    "kind",
    "time",
    "request_id",
    "side",
    "client",
    "service",
    "endpoint",
    "purpose",
    "basis",
    "contract",
    "decision",
    "rules",
    "outcome",
    "status",
    "request_size",
    "answer_size",
    "duration_ms",
    "keyid",
    "peer_keyid",
    "nonce",
    "link",
    "answer_link",
    "mode",
    "evidence",
    "subjects",
    "facts",
];

/// Position of the last field that every leaf has.
const TIME: usize = 2;

const KINDS: [(&str, Kind); 10] = [
    ("request-sent", Kind::Start),
    ("request-received", Kind::Start),
    ("response-signed", Kind::End),
    ("response-received", Kind::End),
    ("refused", Kind::End),
    ("interrupted", Kind::End),
    ("delivery", Kind::Other),
    ("state", Kind::State),
    ("audit-read", Kind::Other),
    ("administration", Kind::Administration),
];

const SIDES: [(&str, Side); 2] = [("consumer", Side::Consumer), ("provider", Side::Provider)];

const DECISIONS: [(&str, ()); 2] = [("allow", ()), ("refuse", ())];

const MODES: [(&str, Mode); 3] = [
    ("full", Mode::Full),
    ("digest", Mode::Digest),
    ("none", Mode::None),
];

#[cfg(test)]
mod tests;
