//! Messages of the batch form as one JSON file, which `tests/referees/rfc9421/batch.py` writes and judges too.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_signature::{Algorithm, BatchValue, Signer as _, VerifyingKey, sign_batch};
use serde_json::{Value, json};

use crate::cases::Fault;
use crate::made::new_signer;

/// Sizes of batches: each has another shape of tree.
const SIZES: [usize; 6] = [2, 3, 5, 8, 33, 100];

/// One judged message.
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) is_expected_valid: bool,
    pub(crate) is_valid: bool,
}

/// Writes batches signed here, and one value each that is not of its message.
pub(crate) fn write(file: &Path) -> Result<(), Fault> {
    let mut batches = Vec::new();
    for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256Sha256] {
        let signer = new_signer(algorithm)?;
        for size in SIZES {
            let bases: Vec<String> = (0..size).map(|number| format!("base {number}")).collect();
            let bytes: Vec<&[u8]> = bases.iter().map(String::as_bytes).collect();
            let values = sign_batch(&signer, &bytes)?;
            let message = |base: &str, value: &[u8], expect: &str| {
                json!({
                    "case": format!("{algorithm}-{size}-{base}"),
                    "base": STANDARD.encode(base),
                    "value": STANDARD.encode(value),
                    "expect": expect,
                })
            };
            let pairs = bases.iter().zip(&values);
            let mut messages: Vec<Value> = pairs
                .map(|(base, value)| message(base, value, "valid"))
                .collect();
            messages.extend(
                values
                    .first()
                    .map(|value| message("other", value, "invalid")),
            );
            batches.push(json!({
                "key_id": signer.key_id(),
                "algorithm": algorithm.as_str(),
                "public_key": STANDARD.encode(signer.public_key()),
                "messages": messages,
            }));
        }
    }
    Ok(std::fs::write(file, serde_json::to_vec_pretty(&batches)?)?)
}

/// Judges every message of a file.
pub(crate) fn read(file: &Path) -> Result<Vec<Judged>, Fault> {
    let batches: Vec<Value> = serde_json::from_slice(&std::fs::read(file)?)?;
    let mut judged = Vec::new();
    for batch in &batches {
        let key = VerifyingKey::new(
            text(batch, "algorithm")?.parse()?,
            &bytes(batch, "public_key")?,
        )?;
        let key_id = text(batch, "key_id")?;
        let messages = batch["messages"].as_array().ok_or("no messages")?;
        for message in messages {
            let (base, value) = (bytes(message, "base")?, bytes(message, "value")?);
            let verified = BatchValue::parse(&value)
                .is_ok_and(|value| value.verify(&key, (key_id, &base), None).is_ok());
            judged.push(Judged {
                name: text(message, "case")?.to_owned(),
                is_expected_valid: text(message, "expect")? == "valid",
                is_valid: verified,
            });
        }
    }
    Ok(judged)
}

fn text<'a>(object: &'a Value, name: &str) -> Result<&'a str, Fault> {
    Ok(object[name].as_str().ok_or("a text is missing")?)
}

fn bytes(object: &Value, name: &str) -> Result<Vec<u8>, Fault> {
    Ok(STANDARD.decode(text(object, name)?)?)
}
