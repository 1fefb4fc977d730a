//! Parts of what authorities sign, written by hand, so that tests can bend each of them.

use der::asn1::ObjectIdentifier;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use time::OffsetDateTime;

use crate::asn1::{BOOLEAN, OCTET_STRING, SEQUENCE, write, write_oid};

/// Signs with a key on P-256.
pub(crate) fn sign(pkcs8: &[u8], body: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, &random);
    key.unwrap().sign(&random, body).unwrap().as_ref().to_vec()
}

pub(crate) fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new(text).unwrap()
}

pub(crate) fn ecdsa() -> Vec<u8> {
    algorithm("1.2.840.10045.4.3.2")
}

pub(crate) fn algorithm(name: &str) -> Vec<u8> {
    write(SEQUENCE, &[&write_oid(oid(name))])
}

pub(crate) fn extension(name: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical {
        write(BOOLEAN, &[&[0xff]])
    } else {
        Vec::new()
    };
    write(
        SEQUENCE,
        &[
            &write_oid(oid(name)),
            &critical,
            &write(OCTET_STRING, &[value]),
        ],
    )
}

/// A time in the long form.
pub(crate) fn general(at_s: u64) -> Vec<u8> {
    write(0x18, &[digits(at_s).as_bytes()])
}

/// A time in the short form.
pub(crate) fn short(at_s: u64) -> Vec<u8> {
    write(0x17, &[&digits(at_s).as_bytes()[2..]])
}

fn digits(at_s: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(at_s.try_into().unwrap()).unwrap();
    let (date, month) = (at.date(), u8::from(at.month()));
    format!(
        "{:04}{month:02}{:02}{:02}{:02}{:02}Z",
        date.year(),
        date.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

pub(crate) fn explicit(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    match parts.as_slice() {
        [] => Vec::new(),
        some => write(tag, &[&write(SEQUENCE, some)]),
    }
}

pub(crate) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    write(3, &[&[0], bytes])
}
