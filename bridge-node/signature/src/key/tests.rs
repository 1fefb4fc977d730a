use super::*;

fn signers() -> [FileSigner; 2] {
    let random = SystemRandom::new();
    let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    let ed25519 = Ed25519KeyPair::generate_pkcs8(&random);
    let signer = |algorithm, der: &[u8]| FileSigner::from_pkcs8(algorithm, der, "k".to_owned());
    [
        signer(Algorithm::EcdsaP256Sha256, p256.expect("a key").as_ref()).expect("a signer"),
        signer(Algorithm::Ed25519, ed25519.expect("a key").as_ref()).expect("a signer"),
    ]
}

#[test]
fn what_is_signed_verifies() {
    for signer in signers() {
        let key = VerifyingKey::new(signer.algorithm(), signer.public_key()).expect("a key");
        let signature = signer.sign(b"base").expect("a signature");
        assert_eq!(signature.len(), signer.algorithm().signature_length());
        assert_eq!(key.verify(b"base", &signature), Ok(()));
        assert_eq!(key.verify(b"Base", &signature), Err(VerifyError::Mismatch));
        assert_eq!(
            (key.raw(), key.algorithm()),
            (signer.public_key(), signer.algorithm())
        );
    }
}

#[test]
fn a_signature_of_another_key_does_not_verify() {
    for (signer, other) in signers().into_iter().zip(signers()) {
        let key = VerifyingKey::new(signer.algorithm(), other.public_key()).expect("a key");
        let signature = signer.sign(b"base").expect("a signature");
        assert_eq!(key.verify(b"base", &signature), Err(VerifyError::Mismatch));
    }
}

#[test]
fn signatures_of_other_lengths_do_not_verify() {
    for signer in signers() {
        let key = VerifyingKey::new(signer.algorithm(), signer.public_key()).expect("a key");
        let mut signature = signer.sign(b"base").expect("a signature");
        signature.push(0);
        for bytes in [&signature[..], &signature[..63], &[]] {
            let (algorithm, length) = (signer.algorithm(), bytes.len());
            assert_eq!(
                key.verify(b"base", bytes),
                Err(VerifyError::Length { algorithm, length })
            );
        }
    }
}

#[test]
fn public_keys_of_other_forms_are_refused() {
    for signer in signers() {
        let (algorithm, raw) = (signer.algorithm(), signer.public_key());
        let length = raw.len() - 1;
        let short = VerifyingKey::new(algorithm, &raw[1..]);
        assert_eq!(short, Err(KeyError::Length { algorithm, length }));
    }
    let mut point = [7; 65];
    assert_eq!(
        VerifyingKey::new(Algorithm::EcdsaP256Sha256, &point),
        Err(KeyError::Compressed)
    );
    point[0] = 4;
    let off_curve =
        VerifyingKey::new(Algorithm::EcdsaP256Sha256, &point).expect("of the right form");
    assert_eq!(
        off_curve.verify(b"base", &[1; 64]),
        Err(VerifyError::Mismatch)
    );
}

#[test]
fn a_private_key_belongs_to_one_algorithm() {
    let random = SystemRandom::new();
    let der = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
    for (algorithm, der) in [
        (Algorithm::EcdsaP256Sha256, der.as_ref()),
        (Algorithm::Ed25519, &der.as_ref()[1..]),
        (Algorithm::Ed25519, &[]),
    ] {
        let refused = FileSigner::from_pkcs8(algorithm, der, "k".to_owned());
        assert!(matches!(refused, Err(SignError::Key { .. })));
    }
}

#[test]
fn a_signer_shows_no_key() {
    for signer in signers() {
        let shown = format!("{signer:?}");
        assert_eq!(
            shown,
            format!(
                "FileSigner {{ algorithm: {:?}, key_id: \"k\", .. }}",
                signer.algorithm()
            )
        );
    }
}
