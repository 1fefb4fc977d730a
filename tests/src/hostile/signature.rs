//! Alterations of the two fields that carry a signature.

use std::sync::Arc;

use bridge_signature::{FileSigner, Signer as _};

use super::{Case, Expected, Signed};
use crate::message::Message;

/// Cases of the two signature fields, the same for requests and answers: all are signed before.
pub fn signature_lines(malformed: &Expected, missing: &Expected, invalid: &Expected) -> Vec<Case> {
    [lines(malformed, missing), values(invalid), texts(malformed)].concat()
}

fn lines(malformed: &Expected, missing: &Expected) -> Vec<Case> {
    let line = |name: &str, expected: &Expected, change: fn(&mut Message)| {
        Case::new(name, Signed::Before, expected.clone(), move |message, _| {
            message.freeze();
            change(message);
        })
    };
    vec![
        line("signature removed", missing, |m| m.remove("signature")),
        line("signature-input removed", missing, |m| {
            m.remove("signature-input");
        }),
        line("signature doubled", malformed, |m| m.double("signature")),
        line("signature-input doubled", malformed, |m| {
            m.double("signature-input");
        }),
        line("signature emptied", malformed, |m| m.set("signature", "")),
        line("signature-input emptied", malformed, |m| {
            m.set("signature-input", "");
        }),
        line("signature fields in capitals", &Expected::Taken, |m| {
            m.recase("signature");
            m.recase("signature-input");
        }),
    ]
}

fn values(invalid: &Expected) -> Vec<Case> {
    let value = |name: &str, change: fn(&mut Vec<u8>)| {
        Case::new(name, Signed::Before, invalid.clone(), move |message, _| {
            change(message.signature.as_mut().unwrap());
        })
    };
    let of_another = |message: &mut Message, exchange: &Message| {
        message.signature.clone_from(&exchange.signature);
    };
    vec![
        value("signature with a bit changed", |s| s[40] ^= 1),
        value("signature cut", |s| s.truncate(63)),
        value("signature of no bytes", Vec::clear),
        value("signature with a byte more", |s| s.push(0)),
        value("signature of zeros", |s| s.fill(0)),
        value("signature with its halves changed over", |s| {
            s.rotate_left(32);
        }),
        value("signature in DER", |s| *s = der(s)),
        Case::new(
            "signature of another exchange",
            Signed::Before,
            invalid.clone(),
            of_another,
        ),
    ]
}

fn texts(malformed: &Expected) -> Vec<Case> {
    let text = |name: &'static str, change: fn(&str) -> String| {
        let field = name.split(' ').next().unwrap();
        Case::new(
            name,
            Signed::Before,
            malformed.clone(),
            move |message, _| {
                message.freeze();
                let altered = change(message.line(field).unwrap());
                message.set(field, &altered);
            },
        )
    };
    vec![
        text("signature under another label", |value| {
            value.replacen("bridge", "sig1", 1)
        }),
        text("signature-input under another label", |value| {
            value.replacen("bridge", "sig1", 1)
        }),
        text("signature under its label in capitals", |value| {
            value.replacen("bridge", "Bridge", 1)
        }),
        text("signature with a second member", |value| {
            format!("{value}, sig1=:AAAA:")
        }),
        text("signature-input with a second member", |value| {
            format!("{value}, sig1=();created=1")
        }),
        text("signature as text", |value| {
            value
                .replacen(':', "\"", 1)
                .trim_end_matches(':')
                .to_owned()
                + "\""
        }),
        text("signature with a parameter", |value| format!("{value};a=1")),
        text("signature with a blank more", |value| {
            value.replacen('=', "= ", 1)
        }),
        text("signature that is no base64", |value| {
            value.replacen("=:", "=:*", 1)
        }),
        text("signature longer than it may be", |value| {
            value.replacen("=:", &format!("=:{}", "AAAA".repeat(300)), 1)
        }),
        text("signature-input that is no list", |_| "bridge=1".to_owned()),
        text("signature-input that ends early", |value| {
            value.chars().take(value.len() / 2).collect()
        }),
        text("signature-input with blanks more", |value| {
            value.replacen(' ', "  ", 1)
        }),
        text("signature-input longer than it may be", |value| {
            value.replacen('(', &format!("({}", "\"x-more\" ".repeat(2000)), 1)
        }),
    ]
}

/// The two numbers of a signature as some libraries write them.
fn der(signature: &[u8]) -> Vec<u8> {
    let number = |half: &[u8]| {
        let mut bytes = half.to_vec();
        if bytes[0] >= 0x80 {
            bytes.insert(0, 0);
        }
        [&[2, u8::try_from(bytes.len()).unwrap()], bytes.as_slice()].concat()
    };
    let both = [number(&signature[..32]), number(&signature[32..])].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()], both.as_slice()].concat()
}

/// What is wrong with a value of the batch form, and the value; its parts are of the right kind and mean nothing.
fn batch_values() -> Vec<(&'static str, Vec<u8>)> {
    let value = |version: u8, count: u32, index: u32, hashes: usize, signature: usize| {
        let mut bytes = vec![version];
        bytes.extend_from_slice(&count.to_be_bytes());
        bytes.extend_from_slice(&index.to_be_bytes());
        bytes.resize(bytes.len() + 32 * hashes + signature, 7);
        bytes
    };
    vec![
        ("of one message", value(1, 1, 0, 0, 64)),
        ("of no message", value(1, 0, 0, 0, 64)),
        ("of too many messages", value(1, 4097, 0, 13, 64)),
        ("of all numbers", value(1, u32::MAX, u32::MAX, 3, 64)),
        ("beyond its tree", value(1, 8, 8, 3, 64)),
        ("of another version", value(2, 8, 3, 3, 64)),
        ("with a hash less", value(1, 8, 3, 2, 64)),
        ("with a hash more", value(1, 8, 3, 4, 64)),
        ("without a signature", value(1, 8, 3, 3, 0)),
        ("with a signature cut", value(1, 8, 3, 3, 63)),
        ("with a byte after it", value(1, 8, 3, 3, 65)),
        ("of its version alone", vec![1]),
        ("of nothing", Vec::new()),
        ("that is a plain signature", vec![7; 64]),
    ]
}

/// A message of the batch form, signed by this key, altered in every way.
pub fn batch_cases(
    tag: &'static str,
    signer: &Arc<FileSigner>,
    (malformed, invalid): (&Expected, &Expected),
) -> Vec<Case> {
    let mut cases = batch_messages(tag, signer, (malformed, invalid));
    cases.extend(altered_values(tag, signer, (malformed, invalid)));
    cases.extend(batch_values().into_iter().map(|(what, value)| {
        let name = format!("batch value {what}");
        Case::new(
            name,
            Signed::Before,
            malformed.clone(),
            move |message, _| {
                message.batch_params(tag);
                message.signature = Some(value.clone());
            },
        )
    }));
    cases
}

fn batch_messages(
    tag: &'static str,
    signer: &Arc<FileSigner>,
    (malformed, invalid): (&Expected, &Expected),
) -> Vec<Case> {
    let case = |what: &str, expected: &Expected, alter: fn(&mut Message, &FileSigner)| {
        let signer = Arc::clone(signer);
        let name = format!("batch {what}");
        Case::new(name, Signed::Before, expected.clone(), move |message, _| {
            message.batch_params(tag);
            message.sign_in_batch(&signer, (5, 1));
            alter(message, &signer);
        })
    };
    vec![
        case("with an algorithm", malformed, |m, signer| {
            let alg = format!("\"{}\"", signer.algorithm());
            m.set_param("alg", &alg);
            m.sign_in_batch(signer, (5, 1));
        }),
        case("of one, signed", malformed, |m, signer| {
            m.sign_in_batch(signer, (1, 0));
        }),
        case(
            "with the signature of the message itself",
            malformed,
            Message::sign,
        ),
        case("with the path of another message", invalid, |m, _| {
            // What was signed is no longer what is sent.
            m.set_param("nonce", "\"AAAAAAAAAAAAAAAAAAAAAA\"");
        }),
        case("under the tag of a lone message", invalid, |m, signer| {
            let alg = format!("\"{}\"", signer.algorithm());
            m.set_param("alg", &alg);
            let plain = m.param("tag").replace("-batch", "");
            m.set_param("tag", &plain);
        }),
        case("of a lone message's base", invalid, |m, signer| {
            let batch = m.param("tag").to_owned();
            m.set_param("tag", &batch.replace("-batch", ""));
            m.sign_in_batch(signer, (5, 1));
            m.set_param("tag", &batch);
        }),
    ]
}

fn altered_values(
    tag: &'static str,
    signer: &Arc<FileSigner>,
    (malformed, invalid): (&Expected, &Expected),
) -> Vec<Case> {
    let value = |what: &str, expected: &Expected, alter: fn(&mut Vec<u8>)| {
        let signer = Arc::clone(signer);
        let name = format!("batch value {what}");
        Case::new(name, Signed::Before, expected.clone(), move |message, _| {
            message.batch_params(tag);
            message.sign_in_batch(&signer, (5, 1));
            alter(message.signature.as_mut().unwrap());
        })
    };
    vec![
        value("with another number", invalid, |v| v[8] = 2),
        value("of a larger batch", invalid, |v| v[4] = 6),
        value("with a hash changed", invalid, |v| v[9] ^= 1),
        value("with its hashes changed over", invalid, |v| {
            v[9..73].rotate_left(32);
        }),
        value("with a bit of the signature changed", invalid, |v| {
            *v.last_mut().unwrap() ^= 1;
        }),
        value("cut to its signature", malformed, |v| {
            v.drain(..v.len() - 64);
        }),
        value("with a zero after it", malformed, |v| v.push(0)),
    ]
}

/// A good message of a batch: the first, one in the middle, the last, and of the largest batch.
pub fn good_batches(tag: &'static str, signer: &Arc<FileSigner>) -> Vec<Case> {
    let places = [(2, 0), (2, 1), (5, 4), (7, 3), (4096, 4095)];
    let case = |(count, index)| {
        let signer = Arc::clone(signer);
        let name = format!("batch of {count}, number {index}");
        Case::new(name, Signed::Before, Expected::Taken, move |message, _| {
            message.batch_params(tag);
            message.sign_in_batch(&signer, (count, index));
        })
    };
    places.map(case).into()
}
