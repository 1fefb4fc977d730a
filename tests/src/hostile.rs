//! One valid message, altered in every way that a table of fields and a list of alterations give.
//!
//! Each [`Case`] carries what must come of it; the scenario that runs it holds the rules, nothing is recorded blindly.

use std::fmt;
use std::sync::Arc;

use bridge_signature::FileSigner;

use crate::message::Message;

mod signature;

pub use signature::{batch_cases, good_batches, signature_lines};

/// What a hostile hand does to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Takes it away.
    Removed,
    /// Gives it another well-formed value.
    Changed,
    /// Gives it a value that is none.
    Garbled,
    /// Leaves the name without a value.
    Emptied,
    /// Writes it twice.
    Doubled,
    /// Gives it the value that another exchange had.
    Swapped,
    /// Takes it out of the covered list only.
    Uncovered,
    /// Puts it into the covered list, whether or not it may be there.
    Covered,
    /// Adds it, with a value, to a message that had none.
    Added,
    /// Writes its name in capitals.
    Recased,
}

/// Whether the alteration comes before the signature or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// Altered, then signed: the signature is good and the meaning wrong.
    Anew,
    /// Signed, then altered: the signature breaks.
    Before,
}

/// What must come of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// It is a good message.
    Taken,
    /// It is refused with this status and last words of the type.
    Refused(u16, &'static str, Said),
}

/// Whether a refusal is evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Signed, and journaled by a leaf of its own.
    Proved,
    /// Unsigned, in no leaf but the sum of such refusals.
    Counted,
}

/// A field of the valid message and what it is altered to.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Another value that is well-formed.
    pub other: &'static str,
}

type Alter = Arc<dyn Fn(&mut Message, &Message) + Send + Sync>;

/// One altered message.
#[derive(Clone)]
pub struct Case {
    /// What is altered, how, and when it was signed.
    pub name: String,
    /// When it is signed.
    pub signed: Signed,
    /// What must come of it.
    pub expected: Expected,
    alter: Alter,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("taken"),
            Self::Refused(status, word, said) => write!(f, "{status} {word} {said:?}"),
        }
    }
}

const SIGNED: [Signed; 2] = [Signed::Before, Signed::Anew];

/// What stands in for a value that is none.
pub const GARBLED: &str = "%%";

/// All that is done to a field that is there.
pub const PRESENT: [Op; 8] = [
    Op::Removed,
    Op::Changed,
    Op::Garbled,
    Op::Emptied,
    Op::Doubled,
    Op::Swapped,
    Op::Uncovered,
    Op::Recased,
];

// === impl Op ===

impl Op {
    /// Does it to a field of a message; `exchange` is another one of the same two nodes.
    pub fn apply(self, field: Field, message: &mut Message, exchange: &Message) {
        let Field { name, other } = field;
        let component = format!("\"{name}\"");
        match self {
            Self::Removed => message.remove(name),
            Self::Changed | Self::Added => message.set(name, other),
            Self::Garbled => message.set(name, GARBLED),
            Self::Emptied => message.set(name, ""),
            Self::Doubled => message.double(name),
            Self::Swapped => {
                let value = exchange.line(name).expect("both exchanges have the field");
                message.set(name, value);
            }
            Self::Uncovered => message.cover(|covered| covered.retain(|own| *own != component)),
            Self::Covered => message.cover(|covered| covered.push(component)),
            Self::Recased => message.recase(name),
        }
    }
}

// === impl Case ===

impl Case {
    /// An alteration with what must come of it.
    pub fn new(
        name: impl Into<String>,
        signed: Signed,
        expected: Expected,
        alter: impl Fn(&mut Message, &Message) + Send + Sync + 'static,
    ) -> Self {
        let signed_when = match signed {
            Signed::Anew => "signed anew",
            Signed::Before => "signature as it was",
        };
        Self {
            name: format!("{}, {signed_when}", name.into()),
            signed,
            expected,
            alter: Arc::new(alter),
        }
    }

    /// The altered message, of a valid one that is not signed yet.
    pub fn make(&self, mut valid: Message, exchange: &Message, signer: &FileSigner) -> Message {
        if self.signed == Signed::Before {
            valid.sign(signer);
        }
        (self.alter)(&mut valid, exchange);
        if self.signed == Signed::Anew {
            valid.sign(signer);
        }
        valid
    }
}

/// Every field × every alteration × signed anew or before; `rule` says what must come, `None` that nothing is altered so.
pub fn fields(
    fields: &[Field],
    ops: &[Op],
    rule: impl Fn(&'static str, Op, Signed) -> Option<Expected>,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for &field in fields {
        for (op, signed) in ops.iter().flat_map(|&op| SIGNED.map(|signed| (op, signed))) {
            let Some(expected) = rule(field.name, op, signed) else {
                continue;
            };
            let name = format!("{} {op:?}", field.name).to_lowercase();
            let alter = move |message: &mut Message, other: &Message| {
                op.apply(field, message, other);
            };
            cases.push(Case::new(name, signed, expected, alter));
        }
    }
    cases
}

/// Every covered component × left out, named twice, in capitals, with parameters that it must not have.
pub fn components(valid: &Message, rule: &Expected) -> Vec<Case> {
    type Change = fn(&mut Vec<String>, &str);
    let changes: [(&str, Change); 6] = [
        ("uncovered", |list, own| list.retain(|one| one != own)),
        ("covered twice", |list, own| list.push(own.to_owned())),
        ("in capitals", |list, own| {
            replace(list, own, &own.to_ascii_uppercase());
        }),
        ("with ;bs", |list, own| {
            replace(list, own, &format!("{own};bs"));
        }),
        ("with ;sf", |list, own| {
            replace(list, own, &format!("{own};sf"));
        }),
        ("of the wrong message", |list, own| {
            let swapped = match own.strip_suffix(";req") {
                Some(bare) => bare.to_owned(),
                None => format!("{own};req"),
            };
            replace(list, own, &swapped);
        }),
    ];
    let mut cases = Vec::new();
    for component in valid.components() {
        for (what, change) in changes {
            let name = format!("{component} {what}");
            cases.extend(SIGNED.map(|signed| {
                let own = component.clone();
                Case::new(name.clone(), signed, rule.clone(), move |message, _| {
                    message.cover(|list| change(list, &own));
                })
            }));
        }
    }
    cases
}

fn replace(list: &mut [String], own: &str, by: &str) {
    for one in list.iter_mut().filter(|one| *one == own) {
        by.clone_into(one);
    }
}

/// A row of a golden table: what was done, and below it what came of it.
pub fn row(case: &Case, result: &str) -> String {
    format!("{}\n    {result}\n", case.name)
}
