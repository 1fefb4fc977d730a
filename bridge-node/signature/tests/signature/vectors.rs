//! The published examples of RFC 9421 and RFC 9530, one file each in `testdata`, named by section. `draft-2.4-…` is from a
//! draft of RFC 9421: the published example of an answer that covers the signature of its request.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_signature::{
    Algorithm, BodyDigest, FileSigner, ParseError, Signer, content_digest_field, content_digest_of,
    parse_content_digest, parse_signature, signature_base, signature_fields,
};
use http::HeaderMap;
use ring::hmac;
use ring::signature::{RSA_PSS_2048_8192_SHA512, UnparsedPublicKey};

use crate::cases::Case;

fn testdata(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(folder)
}

fn vectors() -> Vec<Case> {
    Case::read_all(&testdata("rfc9421")).expect("the vectors are readable")
}

fn vector(name: &str) -> Case {
    vectors()
        .into_iter()
        .find(|case| case.name == name)
        .expect("the vector exists")
}

#[test]
fn signature_bases_are_those_of_the_standard() {
    let vectors = vectors();
    assert!(vectors.len() >= 27, "vectors are missing");
    for case in vectors {
        let received = parse_signature(case.message().fields(), &case.label).expect(&case.name);
        let base = received.base(&case.message()).expect(&case.name);
        let base = String::from_utf8(base.into_bytes()).expect("a base is text");
        assert_eq!(Some(base), case.base, "{}", case.name);
    }
}

#[test]
fn published_signatures_are_judged_as_published() {
    let mut judged = 0;
    for case in vectors().into_iter().filter(|case| case.expect != "base") {
        let received = parse_signature(case.message().fields(), &case.label).expect(&case.name);
        let base = received.base(&case.message()).expect(&case.name);
        let genuine = match case.algorithm.as_str() {
            // Not spoken by this crate, but its bases are proven by them.
            "rsa-pss-sha512" => UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA512, &case.public_key)
                .verify(base.bytes(), &received.signature)
                .is_ok(),
            "hmac-sha256" => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &case.public_key);
                hmac::verify(&key, base.bytes(), &received.signature).is_ok()
            }
            _ => case.verify().is_ok(),
        };
        assert_eq!(genuine, case.expect == "valid", "{}", case.name);
        judged += 1;
    }
    assert!(judged >= 15, "only {judged} vectors have a signature");
}

/// Ed25519 is deterministic: signing the example of B.2.6 gives its bytes. The key is the published one of B.1.4.
#[test]
fn signing_gives_the_published_bytes() {
    let published = "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF";
    let der = STANDARD.decode(published).expect("base64");
    let signer = FileSigner::from_pkcs8(Algorithm::Ed25519, &der, "test-key-ed25519".to_owned());
    let signer = signer.expect("a key");
    let case = vector("b.2.6");
    assert_eq!(signer.public_key(), case.public_key);

    let received = parse_signature(case.message().fields(), "sig-b26").expect("b.2.6");
    let base = signature_base(&case.message(), &received.covered, &received.params).expect("base");
    let signature = signer.sign(base.bytes()).expect("signature");
    let (input, signature) = signature_fields("sig-b26", &base, &signature);
    assert_eq!(case.message().fields().get("signature-input"), Some(&input));
    assert_eq!(case.message().fields().get("signature"), Some(&signature));
}

/// RFC 9421 §4.3 shows two signatures on one message; this crate takes one.
#[test]
fn a_second_signature_is_refused() {
    let mut case = vector("b.2.6");
    let both = |name: &str, case: &Case| {
        let value = case
            .message()
            .fields()
            .get(name)
            .expect("present")
            .to_str()
            .expect("text");
        format!("{value}, {}", value.replace("sig-b26", "proxy_sig"))
            .parse()
            .expect("a value")
    };
    let (input, signature) = (both("signature-input", &case), both("signature", &case));
    let fields: &mut HeaderMap = case.fields_mut();
    fields.insert("signature-input", input);
    fields.insert("signature", signature);
    assert!(matches!(
        parse_signature(fields, "sig-b26"),
        Err(ParseError::Label { .. })
    ));
}

#[test]
fn content_digests_are_those_of_the_standard() {
    let mut seen = 0;
    for entry in std::fs::read_dir(testdata("rfc9530")).expect("the vectors are readable") {
        let file = std::fs::read(entry.expect("an entry").path()).expect("a file");
        let vector: serde_json::Value = serde_json::from_slice(&file).expect("JSON");
        let text = |name: &str| {
            vector
                .get(name)
                .and_then(|text| text.as_str())
                .expect("a text")
        };
        let content = STANDARD.decode(text("content")).expect("base64");
        let mut fields = HeaderMap::new();
        fields.insert(
            "content-digest",
            text("content_digest").parse().expect("a value"),
        );

        let digest = parse_content_digest(&fields).expect("a digest");
        assert_eq!(digest, content_digest_of(&content), "{}", text("case"));
        let mut streamed = BodyDigest::new();
        content.chunks(3).for_each(|part| streamed.update(part));
        assert_eq!(digest, streamed.finish());
        let ours = content_digest_field(&digest);
        assert!(text("content_digest").ends_with(ours.to_str().expect("text")));
        seen += 1;
    }
    assert_eq!(seen, 4);
}
