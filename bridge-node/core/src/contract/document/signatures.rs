//! The signatures of a contract file, as they are written; no seal is looked at here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::contract::agreement::Signed;
use crate::contract::fault::Fault;
use crate::contract::form::{Faults, Form};
use crate::contract::statement::{SEAL_LIMIT_BYTES, SEAL_TOO_LONG, Statement, StatementFault};
use crate::json::Json;

/// The most signatures of a file: a group's members each add one.
pub(in crate::contract) const SIGNATURES_LIMIT: usize = 512;

/// Whether a file may hold signatures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    Signed,
    Unsigned,
}

/// Each with its seal, or what is wrong with it.
pub(in crate::contract) type Signatures = Vec<Result<Signed, StatementFault>>;

const UNSIGNED_FORM: &str =
    "write \"signatures\": []; `bridge-node contract propose` and `accept` fill it";

/// Reads what stands under `signatures`.
pub(super) fn read_signatures(
    file: &Form<'_, '_>,
    signing: Signing,
    faults: &mut Faults,
) -> Option<Signatures> {
    let spot = file.required("signatures", UNSIGNED_FORM, faults)?;
    let fault = match spot.value.as_array() {
        Some([_, ..]) if signing == Signing::Unsigned => Fault::Unchecked,
        Some(list) if list.len() <= SIGNATURES_LIMIT => {
            return Some(list.iter().map(read_signature).collect());
        }
        Some(_) => Fault::TooLong {
            limit: SIGNATURES_LIMIT,
        },
        None => spot.wrong_form(),
    };
    faults.add(&spot.place, fault, UNSIGNED_FORM);
    None
}

fn read_signature(value: &Json<'_>) -> Result<Signed, StatementFault> {
    let Json::Object(members) = value else {
        return Err(StatementFault::Form("signature"));
    };
    let (Some(statement), Some(seal), 2) = (
        value.member("statement"),
        value.member("seal").and_then(Json::as_str),
        members.len(),
    ) else {
        return Err(StatementFault::Form("signature"));
    };
    // Four characters for three bytes: what is longer is not even decoded.
    if seal.len() > SEAL_LIMIT_BYTES.div_ceil(3) * 4 {
        return Err(SEAL_TOO_LONG);
    }
    Ok(Signed {
        statement: Statement::read(statement)?,
        seal: STANDARD
            .decode(seal)
            .map_err(|_malformed| StatementFault::Form("seal"))?,
    })
}
