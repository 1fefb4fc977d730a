use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use bridge_core::identity::MemberId;

use super::*;

fn node() -> CertificateName {
    let member = MemberId::new("AZ", "GOV", "10 01/ə").unwrap();
    CertificateName::Node(member.node("NODE1").unwrap())
}

fn asked(profile: Profile) -> Request {
    let is_web = profile == Profile::Web;
    Request {
        profile,
        name: (!is_web).then(node),
        common_name: "Somebody".to_owned(),
        sans: if is_web {
            vec!["node.example".to_owned()]
        } else {
            Vec::new()
        },
    }
}

#[test]
fn a_request_is_signed_with_its_key_and_carries_what_the_profile_demands() {
    for profile in [Profile::Tls, Profile::Exchange, Profile::Web] {
        let key = OwnKey::read(&OwnKey::generate(profile).unwrap()).unwrap();
        let mut der = key.request(&asked(profile)).unwrap();
        let (rest, read) = X509CertificationRequest::from_der(&der).unwrap();
        assert!(rest.is_empty());
        read.verify_signature().unwrap();
        let info = &read.certification_request_info;
        assert_eq!(info.subject.to_string(), "CN=Somebody");
        assert_eq!(read_key(info.subject_pki.raw).unwrap().1, key.public_key());
        let last = der.len() - 1;
        der[last] ^= 1;
        let (_, read) = X509CertificationRequest::from_der(&der).unwrap();
        assert!(read.verify_signature().is_err(), "{profile}");
    }
}

#[test]
fn what_no_authority_could_certify_is_not_asked_for() {
    let tls = OwnKey::generate(Profile::Tls).unwrap();
    let key = OwnKey::read(&tls).unwrap();
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let p384 = OwnKey::read(&p384.serialize_der()).unwrap();
    let refused = |key: &OwnKey, request: Request| key.request(&request).unwrap_err().to_string();
    let exchange = refused(&p384, asked(Profile::Exchange));
    assert_eq!(
        exchange,
        "a key of P-384 is not allowed by profile exchange"
    );
    let nobody = Request {
        name: None,
        ..asked(Profile::Tls)
    };
    assert!(refused(&key, nobody).contains("carries no identity"));
    let somebody = Request {
        name: Some(node()),
        ..asked(Profile::Web)
    };
    assert!(!refused(&key, somebody).is_empty());
    let nowhere = Request {
        sans: Vec::new(),
        ..asked(Profile::Web)
    };
    assert_eq!(
        refused(&key, nowhere),
        "profile web needs a DNS name or an IP address"
    );
    assert!(OwnKey::read(b"no key").is_err());
}
