use bridge_signature::FileSigner;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use serde_json::Value;

use super::*;
use crate::ceremony::tests::{NOW, World, of_version, renew};
use crate::ceremony::{Base, Officer};
use crate::client::{Client, DirectoryError};
use crate::directory::{Subsystem, base64url};
use crate::source::FolderSource;
use bridge_core::identity::MemberId;

const DAY_S: u64 = 86_400;

/// A node's keys, and what it asks for with them.
struct Joining {
    tls: FileSigner,
    exchange: FileSigner,
    journal: FileSigner,
    asked: Asked,
}

fn ed25519() -> FileSigner {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    FileSigner::from_pkcs8(Algorithm::Ed25519, pkcs8.as_ref(), String::new()).unwrap()
}

fn p256() -> FileSigner {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let pkcs8 = made.unwrap();
    FileSigner::from_pkcs8(Algorithm::EcdsaP256Sha256, pkcs8.as_ref(), String::new()).unwrap()
}

fn vkey(name: &str, key: &FileSigner) -> String {
    typed_vkey(1, name, key)
}

fn typed_vkey(kind: u8, name: &str, key: &FileSigner) -> String {
    let typed = [&[kind], key.public_key()].concat();
    let id = sha256(&[name.as_bytes(), b"\n", &typed].concat());
    format!("{name}+{}+{}", hex(&id[..4]), STANDARD.encode(typed))
}

impl Joining {
    fn of(root: &[u8], member: &str) -> Self {
        let (tls, exchange, journal) = (p256(), ed25519(), ed25519());
        let wanted = Wanted {
            code: "NODE1".to_owned(),
            name: format!("node1.{}.example", member.to_lowercase().replace('/', "-")),
            address: "node1.example:5443".to_owned(),
            tls: spki_of(Algorithm::EcdsaP256Sha256, tls.public_key()),
            exchange: spki_of(Algorithm::Ed25519, exchange.public_key()),
            certificate: Some("AAAA".to_owned()),
            journal: vkey("a.example/1", &journal),
            witness: None,
            wire: vec![1],
            leaf: vec![1],
            forms: vec!["plain".to_owned()],
        };
        let mut asked = Asked::new(root, member.parse().unwrap(), wanted, NOW).unwrap();
        asked.name = Some("Customs".to_owned());
        Self {
            tls,
            exchange,
            journal,
            asked,
        }
    }

    fn signers(&self) -> [(Purpose, &dyn Signer); 3] {
        [
            (Purpose::Tls, &self.tls),
            (Purpose::Exchange, &self.exchange),
            (Purpose::Journal, &self.journal),
        ]
    }

    fn request(&self) -> Request {
        Request::prove(self.asked.clone(), &self.signers()).unwrap()
    }
}

fn new(world: &World) -> Joining {
    Joining::of(world.base().root_file(), "AZ/GOV/3001")
}

fn put(world: &World, request: &Request) -> Result<Directory, JoinError> {
    let base = world.base();
    let mut directory = base.directory.clone().unwrap();
    request.put(&mut directory, |root| base.has_root(root), None)?;
    Ok(directory)
}

#[test]
fn a_request_that_its_keys_prove_is_listed_as_it_was_made() {
    let world = World::published();
    let joining = new(&world);
    let bytes = joining.request().to_bytes().unwrap();
    let request = Request::parse(&bytes).unwrap();
    assert_eq!(request.asked, joining.asked);
    request.check(NOW + DAY_S).unwrap();
    let directory = put(&world, &request).unwrap();
    let member = directory.members.last().unwrap();
    assert_eq!((member.name.as_str(), member.nodes.len()), ("Customs", 1));
    assert!(request.asked.is_listed_as(&member.nodes[0]));
    let mut other = member.nodes[0].clone();
    other.tls_pins = vec![base64url(&[7; 32])];
    assert!(!request.asked.is_listed_as(&other));
}

/// Each byte of what is asked for is under each key: no field can be changed by who carries the file.
#[test]
fn no_field_of_a_request_can_be_changed_on_its_way() {
    let world = World::published();
    let request = new(&world).request();
    let made = json!(request);
    let mut changed = 0;
    for (pointer, value) in [
        ("/asked/member", json!("AZ/GOV/3002")),
        ("/asked/name", json!("Tax")),
        ("/asked/made", json!("2027-01-15T08:00:01Z")),
        ("/asked/directory", json!("00")),
        ("/asked/node/address", json!("other.example:5443")),
        ("/asked/node/name", json!("other.example")),
        ("/asked/node/code", json!("NODE2")),
        ("/asked/node/certificate", json!("BBBB")),
        ("/asked/node/forms", json!(["plain", "batch"])),
        ("/asked/node/wire", json!([1, 2])),
        ("/asked/node/leaf", json!([2])),
    ] {
        let mut file = made.clone();
        let place = file.pointer_mut(pointer).unwrap();
        assert_ne!(*place, value, "{pointer}");
        *place = value;
        let request = Request::parse(file.to_string().as_bytes()).unwrap();
        let error = request.check(NOW).unwrap_err();
        assert!(
            matches!(error, JoinError::Proof { .. }),
            "{pointer}: {error}"
        );
        changed += 1;
    }
    let fields = |of: &str| made.pointer(of).and_then(Value::as_object).unwrap().len();
    // The form is refused when it is read; the three keys are exchanged in the next test.
    assert_eq!(
        changed + 1 + 3 + 1,
        fields("/asked") + fields("/asked/node")
    );
}

#[test]
fn a_key_that_is_not_at_hand_cannot_be_asked_for() {
    let world = World::published();
    let (own, other) = (new(&world), new(&world));
    for purpose in [Purpose::Tls, Purpose::Exchange, Purpose::Journal] {
        let mut asked = own.asked.clone();
        let theirs = &other.asked.node;
        match purpose {
            Purpose::Tls => asked.node.tls.clone_from(&theirs.tls),
            Purpose::Exchange => asked.node.exchange.clone_from(&theirs.exchange),
            Purpose::Journal | Purpose::Witness => asked.node.journal.clone_from(&theirs.journal),
        }
        let error = Request::prove(asked, &own.signers()).unwrap_err();
        assert!(
            matches!(error, JoinError::Proof { purpose: of } if of == purpose),
            "{error}"
        );
        let signers = own.signers();
        let fewer: Vec<_> = signers
            .into_iter()
            .filter(|(of, _)| *of != purpose)
            .collect();
        let error = Request::prove(own.asked.clone(), &fewer).unwrap_err();
        assert!(
            matches!(error, JoinError::Missing { purpose: of } if of == purpose),
            "{error}"
        );
    }
    // A proof of one purpose is none of another, and a key has one purpose.
    let [tls, exchange, journal] = own.signers();
    let exchanged = [
        tls,
        (Purpose::Exchange, journal.1),
        (Purpose::Journal, exchange.1),
    ];
    let error = Request::prove(own.asked.clone(), &exchanged).unwrap_err();
    assert!(matches!(error, JoinError::Proof { .. }), "{error}");
    let more = [own.signers().as_slice(), &[(Purpose::Witness, journal.1)]].concat();
    let error = Request::prove(own.asked.clone(), &more).unwrap_err();
    assert!(
        matches!(
            error,
            JoinError::NoKey {
                purpose: Purpose::Witness
            }
        ),
        "{error}"
    );
    let mut asked = own.asked.clone();
    asked.node.journal = vkey("a.example/1", &own.exchange);
    let one_key = [tls, exchange, (Purpose::Journal, exchange.1)];
    let error = Request::prove(asked, &one_key).unwrap_err();
    assert!(matches!(error, JoinError::OneKey { .. }), "{error}");
    let mut asked = own.asked.clone();
    asked.node.journal = asked.node.journal.replace('+', "+0");
    let error = Request::prove(asked, &own.signers()).unwrap_err();
    assert!(
        matches!(
            error,
            JoinError::Key {
                purpose: Purpose::Journal
            }
        ),
        "{error}"
    );
}

#[test]
fn a_stale_an_early_an_oversize_and_a_foreign_request_are_refused_by_name() {
    let world = World::published();
    let joining = new(&world);
    let request = joining.request();
    request.check(NOW + REQUEST_LIFE_S).unwrap();
    let error = request.check(NOW + REQUEST_LIFE_S + 1).unwrap_err();
    assert!(matches!(error, JoinError::Stale { .. }), "{error}");
    request.check(NOW - AHEAD_S).unwrap();
    let error = request.check(NOW - AHEAD_S - 1).unwrap_err();
    assert!(matches!(error, JoinError::Early { .. }), "{error}");

    let bytes = request.to_bytes().unwrap();
    let mut large = bytes.clone();
    large.resize(REQUEST_LIMIT_BYTES, b' ');
    assert_eq!(Request::parse(&large).unwrap(), request);
    large.push(b' ');
    let error = Request::parse(&large).unwrap_err();
    assert!(matches!(error, JoinError::TooLarge), "{error}");
    let mut asked = joining.asked.clone();
    asked.csrs = vec!["x".repeat(REQUEST_LIMIT_BYTES)];
    let request = Request::prove(asked, &joining.signers()).unwrap();
    let error = request.to_bytes().unwrap_err();
    assert!(matches!(error, JoinError::TooLarge), "{error}");
    let other = String::from_utf8(bytes)
        .unwrap()
        .replace("bridge-join-v1", "bridge-join-v2");
    let error = Request::parse(other.as_bytes()).unwrap_err();
    assert!(matches!(error, JoinError::OtherForm { .. }), "{error}");
    let more = other
        .replace("\"csrs\"", "\"more\"")
        .replacen('{', "{\"more\":1,", 1);
    let error = Request::parse(more.as_bytes()).unwrap_err();
    assert!(matches!(error, JoinError::Form(_)), "{error}");

    // The same instance of another authority, and another instance.
    let theirs = World::published();
    let error = put(&theirs, &joining.request()).unwrap_err();
    assert!(matches!(error, JoinError::OtherDirectory), "{error}");
    let foreign = Joining::of(world.base().root_file(), "TR/GOV/3001").request();
    let error = put(&world, &foreign).unwrap_err();
    assert!(matches!(error, JoinError::OtherDirectory), "{error}");
}

/// A node pins the root that it was given, an officer trusts the newest one.
#[test]
fn a_root_that_was_renewed_since_is_still_of_this_directory_and_a_false_one_before_it_is_not() {
    let world = World::published();
    let digest = |root: &[u8]| root_digest(root).unwrap();
    let path = |version: u64| world.public().join(format!("metadata/{version}.root.json"));
    let first = std::fs::read(path(1)).unwrap();
    renew(&world);
    let second = std::fs::read(path(2)).unwrap();
    let trusting = || Base::read(&world.public(), Some(&second)).unwrap();
    assert!(trusting().has_root(&digest(&first)) && trusting().has_root(&digest(&second)));
    let theirs = of_version(&World::published(), 1);
    assert!(!trusting().has_root(&digest(&theirs)));
    std::fs::write(path(1), &theirs).unwrap();
    assert!(
        !trusting().has_root(&digest(&theirs)),
        "nobody has signed a way from it"
    );
    assert!(trusting().has_root(&digest(&second)));
}

#[test]
fn a_member_node_name_or_key_that_is_there_is_not_taken_over() {
    let world = World::published();
    let refused = |change: &dyn Fn(&mut Asked)| {
        let mut joining = new(&world);
        change(&mut joining.asked);
        put(&world, &joining.request()).unwrap_err()
    };
    let there: MemberId = "AZ/GOV/1001".parse().unwrap();
    let error = refused(&|asked| asked.member = there.clone());
    assert!(matches!(error, JoinError::MemberThere(_)), "{error}");
    let error = refused(&|asked| asked.name = None);
    assert!(matches!(error, JoinError::MemberUnknown(_)), "{error}");
    let error = refused(&|asked| {
        asked.member = there.clone();
        asked.name = None;
    });
    assert!(matches!(error, JoinError::NodeThere(_)), "{error}");
    let error = refused(&|asked| {
        asked.member = there.clone();
        asked.name = None;
        asked.node.code = "NODE2".to_owned();
        asked.subsystems = vec![Subsystem {
            code: "NEW".to_owned(),
            name: "New".to_owned(),
        }];
    });
    assert!(matches!(error, JoinError::MemberThere(_)), "{error}");
    let error = refused(&|asked| asked.node.name = "node1.justice.example".to_owned());
    assert!(matches!(error, JoinError::NameTaken { .. }), "{error}");
    let error = refused(&|asked| asked.node.address = "nowhere".to_owned());
    assert!(matches!(error, JoinError::Directory(_)), "{error}");
    let error = refused(&|asked| asked.node.certificate = None);
    assert!(matches!(error, JoinError::NoCertificate), "{error}");
}

#[test]
fn a_key_or_journal_of_a_listed_node_is_no_other_nodes() {
    let world = World::published();
    // Another node of a listed member; then the same keys once more, each alone.
    let mut joining = new(&world);
    joining.asked.member = "AZ/GOV/1001".parse().unwrap();
    joining.asked.name = None;
    joining.asked.node.code = "NODE2".to_owned();
    let listed = put(&world, &joining.request()).unwrap();
    assert_eq!(listed.members[0].nodes.len(), 2);
    let base = world.base();
    let again = |purpose: Option<Purpose>| {
        let mut again = new(&world);
        let node = &mut again.asked.node;
        node.name = "another.example".to_owned();
        match purpose {
            None => {}
            Some(Purpose::Tls) => node.tls.clone_from(&joining.asked.node.tls),
            Some(Purpose::Exchange) => node.exchange.clone_from(&joining.asked.node.exchange),
            Some(Purpose::Journal) => node.journal = vkey("b.example/1", &joining.journal),
            // What signs checkpoints there would sign cosignatures here.
            Some(Purpose::Witness) => {
                node.journal = vkey("b.example/1", &again.journal);
                node.witness = Some(typed_vkey(4, "b.example/witness", &joining.journal));
            }
        }
        // As if whoever holds the keys of both had proved it.
        let request = Request {
            asked: again.asked.clone(),
            proofs: BTreeMap::new(),
            seal: None,
        };
        let mut directory = listed.clone();
        let put = request.put(&mut directory, |root| base.has_root(root), None);
        put.unwrap_err()
    };
    for purpose in [
        Purpose::Tls,
        Purpose::Exchange,
        Purpose::Journal,
        Purpose::Witness,
    ] {
        let error = again(Some(purpose));
        assert!(
            matches!(error, JoinError::KeyTaken { .. }),
            "{purpose}: {error}"
        );
    }
    // Keys of its own, and a journal of the same name.
    assert_eq!(
        again(None).to_string(),
        "the name a.example/1 is that of AZ/GOV/1001/NODE2"
    );
    // A later epoch of that journal.
    let mut later = new(&world);
    later.asked.node.name = "another.example".to_owned();
    later.asked.node.journal = vkey("a.example/2", &later.journal);
    let mut directory = listed;
    let error = later
        .request()
        .put(&mut directory, |root| base.has_root(root), None)
        .unwrap_err();
    let words = "the name a.example/2 is that of AZ/GOV/1001/NODE2";
    assert_eq!(error.to_string(), words);
}

#[test]
fn a_certificate_that_was_issued_after_the_request_is_listed_with_it() {
    let world = World::published();
    let mut joining = new(&world);
    joining.asked.node.certificate = None;
    joining.asked.csrs = vec!["-----BEGIN CERTIFICATE REQUEST-----".to_owned()];
    let request = joining.request();
    let base = world.base();
    let mut directory = base.directory.clone().unwrap();
    request
        .put(&mut directory, |root| base.has_root(root), Some(b"DER"))
        .unwrap();
    let key = &directory.members.last().unwrap().nodes[0].exchange[0];
    assert_eq!(key.certificate_der().unwrap(), b"DER");
    let error = new(&world)
        .request()
        .put(&mut directory, |_| true, Some(b"DER"));
    assert!(matches!(error, Err(JoinError::TwoCertificates)));
}

/// What the node reads of a refusal that lies in the published folder.
fn read(world: &World, request: &[u8; 32]) -> Result<Option<Refused>, DirectoryError> {
    let folder = tempfile::tempdir().unwrap();
    let root = std::fs::read(world.public().join("metadata/1.root.json")).unwrap();
    let mut client = Client::open(folder.path(), &root).unwrap();
    let source = FolderSource(world.public());
    client.refresh(&source, NOW).unwrap();
    client.refusal(&source, request)
}

fn publish(world: &World, request: &[u8; 32], file: &[u8]) {
    let path = Refusal::publish(request, file, &world.public()).unwrap();
    assert_eq!(path, Refusal::path(request));
}

fn signed(world: &World, request: &[u8; 32], officer: &Officer) -> Result<Vec<u8>, JoinError> {
    let refusal = Refusal::new(request, "no legal basis", NOW).unwrap();
    refusal.sign(officer, &world.base())
}

#[test]
fn a_refusal_is_read_where_it_is_published_and_only_an_officers_counts() {
    let world = World::published();
    let digest = new(&world).asked.digest();
    assert_eq!(read(&world, &digest).unwrap(), None);
    let file = signed(&world, &digest, &world.officers[0]).unwrap();
    publish(&world, &digest, &file);
    let refused = read(&world, &digest).unwrap().unwrap();
    assert_eq!(refused.refusal.reason, "no legal basis");
    assert!(
        refused.officer.starts_with("first ("),
        "{}",
        refused.officer
    );

    let strangers = World::published();
    let error = signed(&world, &digest, &strangers.officers[0]).unwrap_err();
    assert!(matches!(error, JoinError::NotAnOfficer { .. }), "{error}");
    let theirs = signed(&strangers, &digest, &strangers.officers[0]).unwrap();
    publish(&world, &digest, &theirs);
    let error = read(&world, &digest).unwrap_err();
    assert!(
        matches!(error, DirectoryError::Refusal(JoinError::NotByAnOfficer)),
        "{error}"
    );

    let text = String::from_utf8(file).unwrap();
    for (from, to) in [
        ("no legal basis", "no legal base"),
        ("no legal basis", "no\u{1b} basis"),
        ("\"signature\": \"", "\"signature\": \"AA"),
        ("2027", "2028"),
        ("bridge-join-refusal-v1", "bridge-join-refusal-v2"),
    ] {
        let changed = text.replace(
            from,
            if to.contains('\u{1b}') {
                "no\\u001b basis"
            } else {
                to
            },
        );
        assert_ne!(changed, text, "{from}");
        publish(&world, &digest, changed.as_bytes());
        let error = read(&world, &digest).unwrap_err();
        assert!(matches!(error, DirectoryError::Refusal(_)), "{to}: {error}");
    }
    // That of another request, under this one's name; and endless data.
    let other = [9; 32];
    publish(
        &world,
        &digest,
        &signed(&world, &other, &world.officers[0]).unwrap(),
    );
    let error = read(&world, &digest).unwrap_err();
    assert!(
        matches!(error, DirectoryError::Refusal(JoinError::NotARefusal)),
        "{error}"
    );
    publish(&world, &digest, &vec![b' '; Refusal::LIMIT_BYTES + 1]);
    let error = read(&world, &digest).unwrap_err();
    assert!(matches!(error, DirectoryError::Fetch(_)), "{error}");
}

#[test]
fn a_reason_can_be_shown() {
    assert!(Refusal::new(&[0; 32], &"x".repeat(1024), NOW).is_ok());
    for reason in [String::new(), "x".repeat(1025), "a\nb".to_owned()] {
        assert!(Refusal::new(&[0; 32], &reason, NOW).is_err(), "{reason:?}");
    }
}
