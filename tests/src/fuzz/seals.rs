//! What a member has sealed, and what authorities say of certificates: seals, dossiers, statements, revocation.

use std::path::Path;
use std::sync::OnceLock;

use bridge_certs::cms::{
    Sealed, SignedData, check_seal, check_stamped_seal, seal_imprint, with_stamp,
};
use bridge_certs::status::{Answer, Issuer, Query, RevocationList};
use bridge_certs::{Stamp, Trust};
use bridge_core::contract::{Agreement, terms};
use bridge_node::dossier::judge;

use crate::container;

/// The authority under which the corpora of this file were sealed; its key and all keys under it are gone.
const ROOT: &[u8] = include_bytes!("../../fuzz/corpus/seals.crt");

/// Later than everything in the corpora.
const NOW_S: u64 = u32::MAX as u64;

fn trust() -> &'static Trust {
    static TRUST: OnceLock<Trust> = OnceLock::new();
    TRUST.get_or_init(|| Trust::from_pem(ROOT).unwrap())
}

/// What the member sealed.
const CONTENT: &[u8] = b"what is sealed\n";
const SEAL: &[u8] = include_bytes!("../../fuzz/corpus/seal/stamped");
/// Coarser stamps prove no time, milliseconds.
const ACCURACY_MS: u64 = 60_000;

/// A seal holds for what was sealed and nothing else, and says what the member and the time-stamping authority said.
pub(super) fn seal(data: &[u8]) -> bool {
    static SAID: OnceLock<(Sealed, Stamp)> = OnceLock::new();
    let (said, stamp) = SAID.get_or_init(|| {
        let (sealed, stamp) = check_stamped_seal(trust(), SEAL, CONTENT, ACCURACY_MS).unwrap();
        (sealed, stamp.unwrap())
    });
    if let Ok(imprint) = seal_imprint(data) {
        // A stamp is put beside what was signed, and changes nothing of it.
        let token = [0x30, 0];
        let stamped = with_stamp(data, &token).expect("what is read can bear a stamp");
        let read = SignedData::read_stamped(&stamped).expect("what bears a stamp is read");
        assert_eq!(read.stamp(), Some(&token[..]));
        assert_eq!(read.signature_sha256(), imprint);
    }
    let plain = check_seal(trust(), data, CONTENT).ok();
    let Ok((sealed, found)) = check_stamped_seal(trust(), data, CONTENT, ACCURACY_MS) else {
        assert_eq!(plain, None, "a stricter reader refuses it");
        return false;
    };
    assert_eq!(&sealed, said, "not what was sealed");
    match found {
        Some(found) => {
            assert_eq!((&found, plain), (stamp, None), "not what was stamped");
        }
        None => assert_eq!(plain, Some(sealed)),
    }
    let other = [CONTENT, b"\n"].concat();
    let refused = check_stamped_seal(trust(), data, &other, ACCURACY_MS).is_err();
    assert!(refused, "it holds for another content too");
    true
}

/// An authority, its list, and its answers about each certificate that it was asked for.
struct Authority {
    issuer: Issuer,
    list: RevocationList,
    answers: [(Query, Answer); 3],
}

/// What is believed of a list or an answer is what its authority signed, and of the certificate that was asked for.
pub(super) fn status(data: &[u8]) -> bool {
    static AUTHORITIES: OnceLock<[Authority; 4]> = OnceLock::new();
    let authorities =
        AUTHORITIES.get_or_init(|| ["p256", "p384", "ed25519", "rsa3072"].map(authority));
    let mut is_taken = false;
    for authority in authorities {
        if let Ok(list) = RevocationList::read(&authority.issuer, data) {
            assert_eq!(list, authority.list, "not what was signed");
            is_taken = true;
        }
        for (query, said) in &authority.answers {
            if let Ok(answer) = Answer::read(&authority.issuer, query, data, NOW_S) {
                assert_eq!(&answer, said, "not what was signed of {query:?}");
                is_taken = true;
            }
            // Whoever wants a fresh answer takes none of a stock.
            let fresh = Query {
                nonce: Some([7; 16]),
                ..query.clone()
            };
            assert!(Answer::read(&authority.issuer, &fresh, data, NOW_S).is_err());
        }
    }
    is_taken
}

/// Reads what OpenSSL made in the name of an authority.
fn authority(kind: &str) -> Authority {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../certs/testdata/status");
    let file = |name: &str| std::fs::read(folder.join(format!("{kind}-{name}"))).unwrap();
    let issuer = Issuer::from_pem(&file("authority.pem")).unwrap();
    let answers = [(1, "good.der"), (2, "revoked.der"), (99, "unknown.der")];
    Authority {
        list: RevocationList::read(&issuer, &file("list.der")).unwrap(),
        answers: answers.map(|(serial, name)| {
            let query = Query {
                serial: vec![serial],
                nonce: None,
            };
            let answer = Answer::read(&issuer, &query, &file(name), NOW_S).unwrap();
            (query, answer)
        }),
        issuer,
    }
}

/// A dossier of this form: the first byte and the whole container.
const DOSSIER: &[u8] = include_bytes!("../../fuzz/corpus/dossier/whole");
/// The one file of it of which not every byte is sealed.
const DOSSIER_SEAL: &str = "META-INF/signature001.p7s";

/// Files of a container and their contents.
type Files = Vec<(String, Vec<u8>)>;

/// A dossier that holds is the one that was sealed, file by file, and proves no more. The first byte chooses the file that the
/// rest replaces; where there is no such file, the rest is the whole container.
pub(super) fn dossier(data: &[u8]) -> bool {
    static GENUINE: OnceLock<(Files, Vec<String>)> = OnceLock::new();
    let (genuine, proved) = GENUINE.get_or_init(|| {
        let zip = DOSSIER.get(1..).unwrap();
        let proved = judge(zip, trust(), &[], &[]).expect("the genuine one holds");
        (files(zip), proved)
    });
    let Some((choice, bytes)) = data.split_first() else {
        return false;
    };
    let mut replaced = genuine.clone();
    let zip = match replaced.get_mut(usize::from(*choice)) {
        Some((_name, content)) => {
            *content = bytes.to_vec();
            container::write(&replaced)
        }
        None => bytes.to_vec(),
    };
    let Ok(found) = judge(&zip, trust(), &[], &[]) else {
        return false;
    };
    assert_eq!(&found, proved, "it proves something else");
    let sealed = |files: &Files| -> Files {
        let sealed = files.iter().filter(|(name, _)| name != DOSSIER_SEAL);
        sealed.cloned().collect()
    };
    assert_eq!(sealed(&files(&zip)), sealed(genuine), "not what was sealed");
    true
}

fn files(zip: &[u8]) -> Files {
    let places = container::files(zip).into_iter();
    places
        .map(|(name, place)| (name, zip[place].to_vec()))
        .collect()
}

/// All that was signed of one contract.
const STATEMENTS: &[u8] = include_bytes!("../../fuzz/corpus/statement/withdrawn");

/// What counts under a contract was sealed by its member for that very version, and is written so that it is read the same.
pub(super) fn statement(data: &[u8]) -> bool {
    static GENUINE: OnceLock<Agreement> = OnceLock::new();
    let genuine = GENUINE.get_or_init(|| Agreement::read(STATEMENTS, trust(), NOW_S).unwrap());
    let Ok(agreement) = Agreement::read(data, trust(), NOW_S) else {
        return false;
    };
    let again = Agreement::read(&agreement.write(), trust(), NOW_S);
    let again = again.expect("what is written is read");
    assert_eq!(again.contract().digest(), agreement.contract().digest());
    assert_eq!(again.signed(), agreement.signed());
    let signed_terms = terms(data).expect("what is signed has terms");
    assert_eq!(signed_terms.digest(), agreement.contract().digest());
    let known: Vec<_> = genuine.signed().iter().map(|one| &one.statement).collect();
    for one in agreement.signed() {
        assert!(known.contains(&&one.statement), "not what was sealed");
        assert_eq!(
            agreement.contract().digest(),
            genuine.contract().digest(),
            "another contract than was signed"
        );
    }
    !agreement.signed().is_empty()
}
