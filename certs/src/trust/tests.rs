use std::sync::LazyLock;

use bridge_core::identity::MemberId;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use time::OffsetDateTime;

use super::*;
use crate::authority::Authority;
use crate::certificate::{CERTIFICATE_LIMIT_BYTES, ReadError};
use crate::profile::{IdentityKind, Purpose, Usage};

mod hostile;

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

/// A root that signs leaves itself, so that each test can bend one thing.
struct World {
    issuer: Issuer<'static, KeyPair>,
    trust: Trust,
}

static WORLD: LazyLock<World> = LazyLock::new(|| World::named("Test root"));

impl World {
    fn named(name: &str) -> Self {
        Self::with(authority(name))
    }

    fn with(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            trust: Trust::from_pem(pem.as_bytes()).unwrap(),
        }
    }

    fn leaf(&self, params: &CertificateParams) -> Vec<u8> {
        params
            .signed_by(&KeyPair::generate().unwrap(), &self.issuer)
            .unwrap()
            .der()
            .to_vec()
    }

    fn check(&self, profile: Profile, params: &CertificateParams) -> Result<Checked, String> {
        self.trust
            .check(&self.leaf(params), &[], profile, NOW)
            .map_err(|error| error.to_string())
    }

    fn refusal(&self, profile: Profile, params: &CertificateParams) -> CertificateError {
        self.trust
            .check(&self.leaf(params), &[], profile, NOW)
            .unwrap_err()
    }
}

fn date(seconds: u64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).unwrap()).unwrap()
}

fn dated(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date(NOW - DAY);
    params.not_after = date(NOW + DAY);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = dated(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

/// A certificate that satisfies the profile.
fn good(profile: Profile) -> CertificateParams {
    let mut params = dated("leaf");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let (san, purposes) = match profile {
        Profile::Tls => (
            Some(uri(NODE)),
            vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
        ),
        Profile::Exchange => (
            Some(uri(NODE)),
            vec![ExtendedKeyUsagePurpose::Other(vec![
                1, 3, 6, 1, 5, 5, 7, 3, 36,
            ])],
        ),
        Profile::Seal => {
            params.key_usages = vec![KeyUsagePurpose::ContentCommitment];
            (Some(uri(MEMBER)), vec![])
        }
        Profile::Caller => (None, vec![ExtendedKeyUsagePurpose::ClientAuth]),
        Profile::Web => (
            Some(SanType::DnsName("bus.example".try_into().unwrap())),
            vec![ExtendedKeyUsagePurpose::ServerAuth],
        ),
        Profile::Root | Profile::Issuing | Profile::TimeStamping | Profile::Ocsp => {
            panic!("no leaf of these")
        }
    };
    params.subject_alt_names.extend(san);
    params.extended_key_usages = purposes;
    params
}

const NODE: &str = "bridge://AZ/GOV/1001/NODE1";
const MEMBER: &str = "bridge://AZ/GOV/1001";
const LEAVES: [Profile; 5] = [
    Profile::Tls,
    Profile::Exchange,
    Profile::Seal,
    Profile::Caller,
    Profile::Web,
];

#[test]
fn each_profile_takes_its_own_certificate_and_no_other() {
    for made in LEAVES {
        for asked in LEAVES {
            let result = WORLD.check(asked, &good(made));
            assert_eq!(
                result.is_ok(),
                made == asked,
                "{made} as {asked}: {result:?}"
            );
        }
    }
}

#[test]
fn what_was_checked_is_told() {
    let member = MemberId::new("AZ", "GOV", "1001").unwrap();
    let tls = WORLD.check(Profile::Tls, &good(Profile::Tls)).unwrap();
    assert_eq!(
        tls.name,
        Some(CertificateName::Node(member.node("NODE1").unwrap()))
    );
    assert_eq!((tls.not_before, tls.not_after), (NOW - DAY, NOW + DAY));
    assert_eq!(
        (tls.algorithm, tls.public_key.len()),
        (KeyAlgorithm::P256, 65)
    );
    assert_eq!(tls.sha256, sha256(&tls.der));
    assert_ne!(tls.spki_sha256, tls.sha256);
    let seal = WORLD.check(Profile::Seal, &good(Profile::Seal)).unwrap();
    assert_eq!(seal.name, Some(CertificateName::Member(member)));
    assert_eq!(
        WORLD
            .check(Profile::Caller, &good(Profile::Caller))
            .unwrap()
            .name,
        None
    );
}

#[test]
fn an_authority_profile_is_never_a_leaf() {
    for profile in [Profile::Root, Profile::Issuing] {
        let error = WORLD.refusal(profile, &good(Profile::Tls));
        assert!(
            matches!(error, CertificateError::AuthorityProfile { .. }),
            "{error}"
        );
    }
    let error = WORLD.refusal(Profile::Tls, &authority("sub"));
    assert!(
        matches!(error, CertificateError::AuthorityAsLeaf),
        "{error}"
    );
}

#[test]
fn an_unknown_issuer_is_refused_by_name() {
    let stranger = World::named("Stranger");
    let leaf = stranger.leaf(&good(Profile::Tls));
    match WORLD
        .trust
        .check(&leaf, &[], Profile::Tls, NOW)
        .unwrap_err()
    {
        CertificateError::UnknownIssuer { issuer } => assert!(issuer.contains("Stranger")),
        other => panic!("{other}"),
    }
}

#[test]
fn an_issuer_of_the_same_name_and_another_key_is_refused() {
    let double = World::named("Test root");
    let leaf = double.leaf(&good(Profile::Tls));
    let error = WORLD
        .trust
        .check(&leaf, &[], Profile::Tls, NOW)
        .unwrap_err();
    assert!(
        matches!(error, CertificateError::BadSignature { .. }),
        "{error}"
    );
}

#[test]
fn dates_are_inclusive_and_judged_at_the_given_time() {
    let leaf = WORLD.leaf(&good(Profile::Tls));
    let at = |now| WORLD.trust.check(&leaf, &[], Profile::Tls, now);
    assert!(at(NOW - DAY).is_ok() && at(NOW + DAY).is_ok());
    match at(NOW + DAY + 1).unwrap_err() {
        CertificateError::Expired { not_after, now } => {
            assert_eq!((not_after, now), (Moment(NOW + DAY), Moment(NOW + DAY + 1)));
        }
        other => panic!("{other}"),
    }
    match at(NOW - DAY - 1).unwrap_err() {
        CertificateError::NotYetValid { not_before, .. } => {
            assert_eq!(not_before, Moment(NOW - DAY));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_chain_that_held_is_not_verified_again_within_its_dates_and_never_for_another_use() {
    let mut params = authority("Root of a day");
    params.not_after = date(NOW + DAY / 2);
    let world = World::with(params);
    let leaf = world.leaf(&good(Profile::Tls));
    let once = |profile, now_s| world.trust.check_once(&leaf, &[], profile, now_s);
    let first = once(Profile::Tls, NOW).unwrap();
    assert_eq!(first.holds_s, NOW - DAY..=NOW + DAY / 2);
    for now_s in [NOW - DAY, NOW, NOW + DAY / 2] {
        assert!(Arc::ptr_eq(&first, &once(Profile::Tls, now_s).unwrap()));
    }
    let after = once(Profile::Tls, NOW + DAY / 2 + 1).unwrap_err();
    assert!(
        matches!(after, CertificateError::AnchorOutOfDate { .. }),
        "{after}"
    );
    assert!(once(Profile::Tls, NOW - DAY - 1).is_err());
    assert!(once(Profile::Exchange, NOW).is_err());
    let mut bent = leaf.clone();
    *bent.last_mut().unwrap() ^= 1;
    assert!(
        world
            .trust
            .check_once(&bent, &[], Profile::Tls, NOW)
            .is_err()
    );
    assert_eq!(world.trust.remembered.count(), 1, "what failed is not kept");
    // What is sent along beside belongs to what was shown.
    let beside = [leaf.clone()];
    let other = world.trust.check_once(&leaf, &beside, Profile::Tls, NOW);
    assert!(!Arc::ptr_eq(&first, &other.unwrap()));
}

#[test]
fn a_stranger_who_shows_a_nodes_chain_with_anything_beside_it_has_no_other_chain_forgotten() {
    let trust = forgetful();
    let [shown, other] = [good(Profile::Tls), good(Profile::Tls)].map(|one| WORLD.leaf(&one));
    let once = |leaf: &[u8], beside: &[Vec<u8>]| {
        let checked = trust.check_once(leaf, beside, Profile::Tls, NOW);
        checked.unwrap()
    };
    let first = once(&other, &[]);
    for number in 0..=remembered::LIMIT {
        let beside = [number.to_be_bytes().to_vec()];
        let mixture = once(&shown, &beside);
        assert!(Arc::ptr_eq(&mixture, &once(&shown, &beside)));
        assert!(trust.remembered.count() <= 2, "one place for a certificate");
    }
    assert!(Arc::ptr_eq(&first, &once(&other, &[])));
}

#[test]
fn no_more_chains_are_remembered_than_the_limit() {
    let trust = forgetful();
    let key = KeyPair::generate().unwrap();
    let mut params = good(Profile::Tls);
    let mut leaf = |number: usize| {
        params.serial_number = Some(u64::try_from(number + 1).unwrap().into());
        let signed = params.signed_by(&key, &WORLD.issuer).unwrap();
        signed.der().to_vec()
    };
    let once = |leaf: &[u8]| trust.check_once(leaf, &[], Profile::Tls, NOW).unwrap();
    let last = (0..remembered::LIMIT).map(|number| once(&leaf(number)));
    let last = last.last().unwrap();
    assert_eq!(trust.remembered.count(), remembered::LIMIT);
    let beside = [b"another mixture".to_vec()];
    trust
        .check_once(&last.der, &beside, Profile::Tls, NOW)
        .unwrap();
    assert_eq!(trust.remembered.count(), remembered::LIMIT);
    once(&leaf(remembered::LIMIT));
    assert_eq!(trust.remembered.count(), 1, "and then they begin anew");
}

/// Trusts the root, and remembers nothing yet.
fn forgetful() -> Trust {
    Trust {
        remembered: Arc::default(),
        ..WORLD.trust.clone()
    }
}

#[test]
fn a_certificate_of_as_many_bytes_as_are_read_is_taken_and_none_of_a_byte_more() {
    // Its signatures have one length, so that a byte more in it is one more of it.
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let params = authority("Root");
    let pem = params.self_signed(&key).unwrap().pem();
    let trust = Trust::from_pem(pem.as_bytes()).unwrap();
    let (issuer, own) = (Issuer::new(params, key), KeyPair::generate().unwrap());
    let with = |bytes: usize| {
        let mut params = good(Profile::Tls);
        let beside = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![0; bytes]);
        params.custom_extensions.push(beside);
        params.signed_by(&own, &issuer).unwrap().der().to_vec()
    };
    let room = CERTIFICATE_LIMIT_BYTES - with(15_000).len();
    let [most, more] = [0, 1].map(|one| with(15_000 + room + one));
    assert_eq!(most.len(), CERTIFICATE_LIMIT_BYTES);
    trust.check(&most, &[], Profile::Tls, NOW).unwrap();
    let error = trust.check(&more, &[], Profile::Tls, NOW).unwrap_err();
    let bytes = CERTIFICATE_LIMIT_BYTES + 1;
    assert!(
        matches!(error, CertificateError::Read(ReadError::TooLarge { bytes: found }) if found == bytes),
        "{error}"
    );
}

#[test]
fn two_anchors_of_one_authority_with_one_key_are_refused_and_both_are_told() {
    let key = KeyPair::generate().unwrap();
    let root = |name: &str, key: &KeyPair, days: u64| {
        let mut params = authority(name);
        params.not_after = date(NOW + days * DAY);
        params.self_signed(key).unwrap()
    };
    let (old, renewed) = (root("Root", &key, 1), root("Root", &key, 2));
    let trust = |other: &str| Trust::from_pem([old.pem(), other.to_owned()].concat().as_bytes());
    let error = trust(&renewed.pem()).unwrap_err();
    let TrustError::TwoOfOneAuthority { subject, sha256 } = &error else {
        panic!("{error}")
    };
    let told = [&old, &renewed].map(|one| foreign::hexadecimal(&super::sha256(one.der())));
    assert_eq!((subject.as_str(), sha256), ("CN=Root", &told));
    assert!(error.to_string().ends_with("keep the newer one alone"));
    // Another key, another name, and the very same once more can't be mistaken.
    let other = KeyPair::generate().unwrap();
    for taken in [root("Root", &other, 2), root("Toor", &key, 2), old.clone()] {
        trust(&taken.pem()).unwrap();
    }
}

#[test]
fn the_purposes_of_a_trusted_authority_itself_are_not_asked() {
    let mut params = authority("Root for mail");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    let world = World::with(params);
    for profile in LEAVES {
        world.check(profile, &good(profile)).unwrap();
    }
}

#[test]
fn an_anchor_out_of_its_dates_signs_nothing() {
    let mut params = authority("Old root");
    params.not_after = date(NOW - 1);
    let world = World::with(params);
    let error = world.refusal(Profile::Tls, &good(Profile::Tls));
    assert!(
        matches!(error, CertificateError::AnchorOutOfDate { .. }),
        "{error}"
    );
    let leaf = world.leaf(&good(Profile::Tls));
    assert!(world.trust.check(&leaf, &[], Profile::Tls, NOW - 1).is_ok());
}

#[test]
fn each_bit_of_key_usage_is_demanded_or_refused() {
    let mut none = good(Profile::Tls);
    none.key_usages.clear();
    match WORLD.refusal(Profile::Tls, &none) {
        CertificateError::KeyUsage { missing, extra, .. } => {
            assert_eq!((missing, extra), (Some(Usage::DigitalSignature), None));
        }
        other => panic!("{other}"),
    }
    for (bit, usage) in [
        (KeyUsagePurpose::KeyCertSign, Usage::CertSign),
        (KeyUsagePurpose::CrlSign, Usage::CrlSign),
        (KeyUsagePurpose::ContentCommitment, Usage::ContentCommitment),
        (KeyUsagePurpose::DataEncipherment, Usage::DataEncipherment),
    ] {
        let mut more = good(Profile::Tls);
        more.key_usages.push(bit);
        match WORLD.refusal(Profile::Tls, &more) {
            CertificateError::KeyUsage { extra, .. } => assert_eq!(extra, Some(usage)),
            other => panic!("{other}"),
        }
    }
    let mut allowed = good(Profile::Tls);
    allowed.key_usages.push(KeyUsagePurpose::KeyAgreement);
    assert!(WORLD.check(Profile::Tls, &allowed).is_ok());
}

#[test]
fn each_extended_usage_is_demanded_or_refused() {
    let mut client = good(Profile::Tls);
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    match WORLD.refusal(Profile::Tls, &client) {
        CertificateError::ExtendedKeyUsage { missing, extra, .. } => {
            assert_eq!((missing, extra), (Some(Purpose::ServerAuth), None));
        }
        other => panic!("{other}"),
    }
    for more in [
        ExtendedKeyUsagePurpose::Any,
        ExtendedKeyUsagePurpose::OcspSigning,
        ExtendedKeyUsagePurpose::Other(vec![1, 2, 3]),
    ] {
        for profile in LEAVES {
            let mut params = good(profile);
            params.extended_key_usages.push(more.clone());
            let error = WORLD.refusal(profile, &params);
            assert!(
                matches!(
                    error,
                    CertificateError::ExtendedKeyUsage { extra: Some(_), .. }
                ),
                "{profile}: {error}"
            );
        }
    }
    let mut seal = good(Profile::Seal);
    seal.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    assert!(WORLD.check(Profile::Seal, &seal).is_ok());
}

#[test]
fn exactly_one_identity_of_the_right_kind() {
    let with = |names: &[&str]| {
        let mut params = good(Profile::Tls);
        params.subject_alt_names = names.iter().map(|name| uri(name)).collect();
        WORLD.refusal(Profile::Tls, &params)
    };
    let none = with(&[]);
    assert!(
        matches!(none, CertificateError::NoIdentity { .. }),
        "{none}"
    );
    for two in [
        [NODE, "bridge://AZ/GOV/1001/NODE2"],
        [NODE, NODE],
        [NODE, "https://a.example"],
    ] {
        let error = with(&two);
        assert!(
            matches!(error, CertificateError::SeveralIdentities { count: 2 }),
            "{error}"
        );
    }
    let error = with(&[MEMBER]);
    let wanted = |error: &CertificateError| {
        matches!(
            error,
            CertificateError::WrongIdentity {
                wanted: IdentityKind::Node,
                ..
            }
        )
    };
    assert!(wanted(&error), "{error}");
    for foreign in [
        "https://a.example",
        "spiffe://AZ/GOV/1001/NODE1",
        "bridge://AZ/GOV",
        "bridge://AZ/GOV//X",
    ] {
        let error = with(&[foreign]);
        assert!(
            matches!(error, CertificateError::NotAnIdentity { .. }),
            "{foreign}: {error}"
        );
    }
}

#[test]
fn a_second_spelling_of_an_identity_is_refused() {
    for spelling in [
        "bridge://AZ/GOV/1001/NODE%31",
        "bridge://AZ/GOV/1001/NODE1/",
        "BRIDGE://AZ/GOV/1001/NODE1",
    ] {
        let mut params = good(Profile::Tls);
        params.subject_alt_names = vec![uri(spelling)];
        let error = WORLD.refusal(Profile::Tls, &params);
        assert!(
            matches!(error, CertificateError::NotAnIdentity { .. }),
            "{spelling}: {error}"
        );
    }
}

#[test]
fn callers_and_web_servers_carry_no_identity() {
    for profile in [Profile::Caller, Profile::Web] {
        let mut params = good(profile);
        params.subject_alt_names.push(uri(NODE));
        let error = WORLD.refusal(profile, &params);
        assert!(
            matches!(error, CertificateError::WrongIdentity { .. }),
            "{error}"
        );
    }
    let mut nameless = good(Profile::Web);
    nameless.subject_alt_names.clear();
    let error = WORLD.refusal(Profile::Web, &nameless);
    assert!(
        matches!(error, CertificateError::NoHostName { .. }),
        "{error}"
    );
}

#[test]
fn dns_names_beside_the_identity_do_no_harm() {
    let mut params = good(Profile::Tls);
    params
        .subject_alt_names
        .push(SanType::DnsName("node1.example".try_into().unwrap()));
    assert!(WORLD.check(Profile::Tls, &params).is_ok());
}

/// Issues a leaf under an issuing authority of the given kind, and checks it.
fn under(issuing: &CertificateParams) -> Result<Checked, CertificateError> {
    let key = KeyPair::generate().unwrap();
    let der = issuing
        .signed_by(&key, &WORLD.issuer)
        .unwrap()
        .der()
        .to_vec();
    let leaf_key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(issuing.clone(), key);
    let leaf = good(Profile::Tls)
        .signed_by(&leaf_key, &issuer)
        .unwrap()
        .der()
        .to_vec();
    WORLD.trust.check(&leaf, &[der], Profile::Tls, NOW)
}

#[test]
fn issuers_are_judged_too() {
    let issuing = authority("Issuing");
    assert!(under(&issuing).is_ok());

    let mut no_authority = issuing.clone();
    no_authority.is_ca = IsCa::ExplicitNoCa;
    let error = under(&no_authority).unwrap_err();
    assert!(
        matches!(error, CertificateError::LeafAsAuthority),
        "{error}"
    );

    let mut may_not_sign = issuing.clone();
    may_not_sign.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let error = under(&may_not_sign).unwrap_err();
    assert!(
        matches!(error, CertificateError::IssuerMayNotSign { .. }),
        "{error}"
    );

    let mut expired = issuing;
    expired.not_after = date(NOW - 1);
    let error = under(&expired).unwrap_err();
    assert!(matches!(error, CertificateError::Expired { .. }), "{error}");
}

#[test]
fn a_path_longer_than_an_issuer_allows_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let two_steps = Authority::create(folder.path(), "A", NOW).unwrap();
    let trust = Trust::from_pem(two_steps.root_pem().as_bytes()).unwrap();
    let pkcs8 = crate::read_key_file(&folder.path().join("issuing.key")).unwrap();
    let key = KeyPair::try_from(pkcs8.as_slice()).unwrap();
    let issuing = Issuer::from_ca_cert_pem(two_steps.issuing_pem(), key).unwrap();
    let (sub, sub_key) = (authority("Sub"), KeyPair::generate().unwrap());
    let sub_der = sub.signed_by(&sub_key, &issuing).unwrap().der().to_vec();
    let leaf = good(Profile::Tls)
        .signed_by(&KeyPair::generate().unwrap(), &Issuer::new(sub, sub_key))
        .unwrap();
    let issuers = [sub_der, two_steps.issuing_der().to_vec()];
    let error = trust
        .check(leaf.der(), &issuers, Profile::Tls, NOW + DAY / 2)
        .unwrap_err();
    assert!(matches!(error, CertificateError::ChainTooLong), "{error}");
}

#[test]
fn more_issuers_than_the_limit_are_not_looked_at() {
    let leaf = WORLD.leaf(&good(Profile::Tls));
    let issuers = vec![leaf.clone(); INTERMEDIATES_LIMIT];
    assert!(
        WORLD
            .trust
            .check(&leaf, &issuers, Profile::Tls, NOW)
            .is_ok()
    );
    let issuers = vec![leaf.clone(); INTERMEDIATES_LIMIT + 1];
    let error = WORLD
        .trust
        .check(&leaf, &issuers, Profile::Tls, NOW)
        .unwrap_err();
    assert!(
        matches!(error, CertificateError::TooManyIssuers { count: 5 }),
        "{error}"
    );
}

/// Certificates made by `testdata/make.sh`, valid for a hundred years from 2026 on.
fn fixture(name: &str) -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    crate::read_pem_certificates(&folder.join(name)).unwrap()
}

fn fixture_check(name: &str, profile: Profile) -> Result<Checked, CertificateError> {
    let root = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/root.pem")).unwrap();
    let mut chain = fixture(name);
    let leaf = chain.remove(0);
    Trust::from_pem(&root)
        .unwrap()
        .check(&leaf, &chain, profile, NOW)
}

#[test]
fn strong_keys_are_taken() {
    for (name, algorithm) in [
        ("p256.pem", KeyAlgorithm::P256),
        ("p384.pem", KeyAlgorithm::P384),
        ("ed25519.pem", KeyAlgorithm::Ed25519),
        ("rsa3072.pem", KeyAlgorithm::Rsa { bits: 3072 }),
    ] {
        assert_eq!(
            fixture_check(name, Profile::Tls).unwrap().algorithm,
            algorithm,
            "{name}"
        );
    }
    assert_eq!(
        fixture_check("ed25519.pem", Profile::Tls)
            .unwrap()
            .public_key
            .len(),
        32
    );
}

#[test]
fn weak_and_unknown_keys_are_refused() {
    let read = |name| match fixture_check(name, Profile::Tls).unwrap_err() {
        CertificateError::Read(error) => error,
        other => panic!("{name}: {other}"),
    };
    assert_eq!(read("rsa2048.pem"), ReadError::RsaTooShort { bits: 2048 });
    assert_eq!(
        read("p521.pem"),
        ReadError::UnknownKey("1.3.132.0.35".to_owned())
    );
    assert_eq!(
        read("secp256k1.pem"),
        ReadError::UnknownKey("1.3.132.0.10".to_owned())
    );
    assert!(matches!(
        read("p256-compressed.pem"),
        ReadError::Malformed(_)
    ));
    let error = fixture_check("under-weak.pem", Profile::Tls).unwrap_err();
    assert!(
        matches!(
            error,
            CertificateError::Issuer(ReadError::RsaTooShort { bits: 2048 })
        ),
        "{error}"
    );
}

#[test]
fn messages_are_signed_by_algorithms_of_the_wire_only() {
    for name in ["p384.pem", "rsa3072.pem"] {
        let error = fixture_check(name, Profile::Exchange).unwrap_err();
        assert!(
            matches!(error, CertificateError::KeyNotAllowed { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_set_of_anchors_is_judged() {
    let pem = |params: &CertificateParams| {
        params
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap()
            .pem()
    };
    let from = |pem: &str| Trust::from_pem(pem.as_bytes()).map(|trust| trust.anchors().count());
    let root = pem(&authority("Root"));
    assert_eq!(
        from(&format!("{root}{}", pem(&authority("Second")))).unwrap(),
        2
    );
    assert!(matches!(from(""), Err(TrustError::NoAnchor)));
    let leaf = pem(&good(Profile::Tls));
    assert!(matches!(
        from(&leaf),
        Err(TrustError::NotAnAuthority { .. })
    ));
    assert!(matches!(
        from(&format!("{root}{leaf}")),
        Err(TrustError::NotAnAuthority { .. })
    ));
    assert!(matches!(
        from(&root.repeat(65)),
        Err(TrustError::TooManyAnchors { count: 65 })
    ));
    let key = KeyPair::generate().unwrap().serialize_pem();
    assert!(matches!(
        from(&format!("{root}{key}")),
        Err(TrustError::Pem(_))
    ));
    assert!(matches!(
        from(root.split_at(100).0),
        Err(TrustError::Pem(_))
    ));
}

proptest! {
    #[test]
    fn strangers_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(WORLD.trust.check(&bytes, &[], Profile::Tls, NOW).is_err());
        prop_assert!(Trust::from_pem(&bytes).is_err());
    }

    #[test]
    fn a_changed_certificate_is_never_taken(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        static LEAF: LazyLock<Vec<u8>> = LazyLock::new(|| WORLD.leaf(&good(Profile::Tls)));
        let mut leaf = LEAF.clone();
        let at = at.index(leaf.len());
        leaf[at] ^= flip;
        prop_assert!(WORLD.trust.check(&leaf, &[], Profile::Tls, NOW).is_err());
    }
}

/// A world whose authority is a foreign one: subjects are known by their serial number.
fn foreign_world(names: &str) -> Result<World, TrustError> {
    let world = World::named("Foreign root");
    let anchor = world.trust.anchors[0].sha256.clone();
    let table = format!(
        "[[authority]]\nanchor_sha256 = \"{anchor}\"\nattribute = \"2.5.4.5\"\nnames = {names}\n"
    );
    let World { issuer, trust } = world;
    trust
        .with_foreign(&table)
        .map(|trust| World { issuer, trust })
}

fn numbered(serials: &[&str]) -> CertificateParams {
    let mut params = good(Profile::Tls);
    params.subject_alt_names.clear();
    for serial in serials {
        let serial_number = DnType::CustomDnType(vec![2, 5, 4, 5]);
        params.distinguished_name.push(serial_number, *serial);
    }
    params
}

#[test]
fn a_foreign_authority_names_whom_the_table_says() {
    let world = foreign_world(
        "{ \"77\" = \"bridge://AZ/GOV/2001/NODE1\", \"88\" = \"bridge://AZ/GOV/2001\" }",
    )
    .unwrap();
    let checked = world.check(Profile::Tls, &numbered(&["77"])).unwrap();
    assert_eq!(
        checked.name.unwrap().to_string(),
        "bridge://AZ/GOV/2001/NODE1"
    );
    let refused = |params: &CertificateParams| world.refusal(Profile::Tls, params);
    for nobody in [&[][..], &["78"]] {
        let refusal = refused(&numbered(nobody));
        assert!(
            matches!(refusal, CertificateError::NoIdentity { .. }),
            "{nobody:?}: {refusal}"
        );
    }
    assert!(matches!(
        refused(&numbered(&["88"])),
        CertificateError::WrongIdentity { .. }
    ));
    // What a foreign authority writes into a URI is not its to say.
    let mut own = numbered(&[]);
    own.subject_alt_names
        .push(uri("bridge://AZ/GOV/1001/NODE1"));
    assert!(matches!(refused(&own), CertificateError::NoIdentity { .. }));
    let mut both = numbered(&["77"]);
    both.subject_alt_names
        .push(uri("bridge://AZ/GOV/1001/NODE1"));
    assert!(matches!(
        refused(&both),
        CertificateError::SeveralIdentities { count: 2 }
    ));
}

#[test]
fn a_table_of_foreign_authorities_is_judged_whole() {
    assert!(foreign_world("{}").is_ok());
    assert!(
        foreign_world("{ \"1\" = \"AZ/GOV/2001\" }").is_err(),
        "not a name"
    );
    let trust = World::named("Own root").trust;
    let unknown = "[[authority]]\nanchor_sha256 = \"00\"\nattribute = \"2.5.4.5\"\nnames = {}\n";
    assert!(trust.clone().with_foreign(unknown).is_err(), "no anchor");
    assert!(trust.clone().with_foreign("authority = 1").is_err());
    assert!(trust.with_foreign("").is_ok());
}
