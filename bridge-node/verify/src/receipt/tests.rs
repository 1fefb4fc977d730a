use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::{Field, Receipt, ReceiptFault, Signers, judge};
use crate::bytes::{base64url, leaf_hash, node_hash, sha256};
use crate::note::{Cosigner, LogKey};

const ORIGIN: &str = "journal.example/AZ/GOV/1001/NODE1/1";
const LEAF: &str = r#"{"v":1,"kind":"state","time":5}"#;

/// A key of one algorithm under a name, with its vkey.
struct Key {
    pair: Ed25519KeyPair,
    name: &'static str,
    id: [u8; 4],
    vkey: String,
}

impl Key {
    fn new(seed: u8, name: &'static str, algorithm: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = pair.public_key().as_ref();
        let hash = sha256(&[name.as_bytes(), b"\n", &[algorithm], public]);
        let id: [u8; 4] = hash[..4].try_into().unwrap();
        let key = [&[algorithm], public].concat();
        let id_text = u32::from_be_bytes(id);
        let vkey = format!("{name}+{id_text:08x}+{}", STANDARD.encode(key));
        Self {
            pair,
            name,
            id,
            vkey,
        }
    }

    fn line(&self, head: &[u8], signed: &str) -> String {
        let signature = self.pair.sign(signed.as_bytes());
        let value = [&self.id[..], head, signature.as_ref()].concat();
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(value))
    }
}

/// A receipt of the second of two leaves, cosigned by one of two witnesses.
struct Made {
    field: String,
    leaf: String,
    proof: String,
    signers: Signers,
}

fn made() -> Made {
    let log = Key::new(1, ORIGIN, 1);
    let witnesses = [Key::new(2, "w1.example", 4), Key::new(3, "w2.example", 4)];
    let leaf = leaf_hash(LEAF.as_bytes());
    let root = node_hash(&[9; 32], &leaf);
    let text = format!("{ORIGIN}\n2\n{}\n", STANDARD.encode(root));
    let own = log.line(&[], &text);
    let signed = format!("cosignature/v1\ntime 77\n{text}");
    let cosigned = witnesses[0].line(&77_u64.to_be_bytes(), &signed);
    Made {
        field: format!("{ORIGIN}#1:{}", base64url(&leaf)),
        leaf: LEAF.to_owned(),
        proof: format!(
            "c2sp.org/tlog-proof@v1\nindex 1\n{}\n\n{text}\n{own}{cosigned}",
            STANDARD.encode([9; 32])
        ),
        signers: Signers {
            log: Some(LogKey::parse(&log.vkey).unwrap()),
            witnesses: witnesses
                .map(|key| Cosigner::parse(&key.vkey).unwrap())
                .to_vec(),
            quorum: 1,
        },
    }
}

fn faults(made: &Made) -> Vec<ReceiptFault> {
    let receipt = Receipt {
        field: &made.field,
        leaf: made.leaf.as_bytes(),
        proof: &made.proof,
    };
    judge(&receipt, &made.signers).err().unwrap_or_default()
}

#[test]
fn a_receipt_that_holds_shows_leaf_tree_and_witnesses() {
    let made = made();
    let receipt = Receipt {
        field: &made.field,
        leaf: made.leaf.as_bytes(),
        proof: &made.proof,
    };
    let shown = judge(&receipt, &made.signers).unwrap();
    assert_eq!((shown.index, shown.time_ms, shown.size), (1, 5, 2));
    assert_eq!(shown.cosigned, [("w1.example".to_owned(), 77)]);
}

#[test]
fn what_was_altered_is_named() {
    use ReceiptFault as F;
    type Alter = fn(&mut Made);
    type Is = fn(&F) -> bool;
    let cases: [(&str, Alter, Is); 10] = [
        (
            "no receipt",
            |m| m.field.push('='),
            |f| matches!(f, F::Field),
        ),
        (
            "leaf",
            |m| m.leaf = m.leaf.replace(":5", ":6"),
            |f| matches!(f, F::LeafHash { .. }),
        ),
        (
            "leaf's form",
            |m| m.leaf.push(' '),
            |f| matches!(f, F::Leaf(_)),
        ),
        (
            "proof",
            |m| m.proof = m.proof.replace("@v1", "@v2"),
            |f| matches!(f, F::Proof(_)),
        ),
        (
            "index",
            |m| m.proof = m.proof.replace("index 1", "index 0"),
            |f| matches!(f, F::Index { proved: 0, said: 1 }),
        ),
        (
            "hash",
            |m| m.proof = m.proof.replace("CQkJCQ", "CQkJCA"),
            |f| matches!(f, F::Inclusion),
        ),
        (
            "size",
            |m| m.proof = m.proof.replace("/1\n2\n", "/1\n3\n"),
            |f| matches!(f, F::Checkpoint(_)),
        ),
        (
            "other log",
            |m| m.field = m.field.replace("1001", "1002"),
            |f| matches!(f, F::Origin { .. }),
        ),
        (
            "no key",
            |m| m.signers.log = None,
            |f| matches!(f, F::NoKey),
        ),
        (
            "quorum",
            |m| m.signers.quorum = 2,
            |f| {
                matches!(
                    f,
                    F::Cosignatures {
                        found: 1,
                        wanted: 2
                    }
                )
            },
        ),
    ];
    for (name, alter, is_expected) in cases {
        let mut altered = made();
        alter(&mut altered);
        let found = faults(&altered);
        assert!(found.iter().any(is_expected), "{name}: {found:?}");
    }
}

#[test]
fn a_cosignature_counts_for_its_name_time_and_checkpoint_only() {
    let two = made().proof.replace("w1.example", "w2.example");
    let stale = Made {
        proof: two,
        ..made()
    };
    assert!(matches!(
        faults(&stale)[..],
        [ReceiptFault::Cosignatures { found: 0, .. }]
    ));
    let cut = made();
    let (proof, _cosignature) = cut.proof.split_once("\u{2014} w1").unwrap();
    let none = Made {
        proof: proof.to_owned(),
        ..made()
    };
    assert!(matches!(
        faults(&none)[..],
        [ReceiptFault::Cosignatures { found: 0, .. }]
    ));
}

#[test]
fn the_log_itself_must_have_signed() {
    let made = made();
    let own = format!("\u{2014} {ORIGIN}");
    let lines = made.proof.split_inclusive('\n');
    let proof = lines.filter(|line| !line.starts_with(&own)).collect();
    let unsigned = Made {
        proof,
        ..super::tests::made()
    };
    assert!(
        faults(&unsigned)
            .iter()
            .any(|f| matches!(f, ReceiptFault::Checkpoint(_)))
    );
}

#[test]
fn a_receipt_field_has_one_spelling() {
    let hash = base64url(&[1; 32]);
    let field = format!("{ORIGIN}#7:{hash}");
    assert_eq!(Field::parse(&field).unwrap().index, 7);
    for bad in [
        "",
        "#7:",
        &format!("#7:{hash}"),
        &format!("{ORIGIN}#07:{hash}"),
        &format!("{ORIGIN}#7:{hash}="),
        &format!("{ORIGIN}#7{hash}"),
        &format!("a b#7:{hash}"),
    ] {
        assert_eq!(Field::parse(bad), None, "{bad}");
    }
}
