use std::fs;
use std::path::PathBuf;

use bridge_certs::{Authority, Issued, Order, certificates, write_key_file};
use bridge_core::identity::MemberId;
use tempfile::TempDir;

use super::*;
use crate::keys::Keys;

const NOW: u64 = 1_900_000_000;
const DAY_S: u64 = 86_400;

/// A node, its keys folder, and an authority.
struct Bench {
    _temporary: TempDir,
    at: PathBuf,
    folder: Folder,
    authority: Authority,
    trust: Trust,
    node: NodeId,
}

impl Bench {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let at = temporary.path().join("keys");
        fs::create_dir(&at).unwrap();
        let authority = Authority::create(&temporary.path().join("ca"), "Test", NOW - DAY_S);
        let authority = authority.unwrap();
        Self {
            folder: Folder::new(&Keys::new(at.clone(), None)),
            at,
            trust: Trust::from_pem(authority.root_pem().as_bytes()).unwrap(),
            authority,
            node: node("NODE1"),
            _temporary: temporary,
        }
    }

    fn judge(&self, now_s: u64) -> Judge<'_> {
        Judge {
            node: &self.node,
            trust: &self.trust,
            now_s,
        }
    }

    fn issue(&self, usage: Use, node: &NodeId, days: u64) -> Issued {
        let name = CertificateName::Node(node.clone());
        let hosts = vec!["node.example".to_owned(), "127.0.0.1".to_owned()];
        let order = Order {
            profile: usage.profile(),
            name: (usage != Use::Web).then_some(name),
            common_name: "test".to_owned(),
            sans: if usage == Use::Web { hosts } else { Vec::new() },
            not_before: NOW - DAY_S,
            not_after: NOW + days * DAY_S,
        };
        self.authority.issue(&order).unwrap()
    }

    fn key(&self, usage: Use, slot: Slot, issued: &Issued) {
        write_key_file(&self.folder.key_file(usage, slot), &issued.key_pkcs8).unwrap();
    }

    fn take(&self, pem: &str) -> Result<Vec<(Use, Place)>, OwnError> {
        self.take_at(pem, NOW)
    }

    fn take_at(&self, pem: &str, now_s: u64) -> Result<Vec<(Use, Place)>, OwnError> {
        let given = certificates(pem.as_bytes()).unwrap();
        let placed = import(&self.folder, &Use::ALL, given, &self.judge(now_s))?;
        Ok(placed.iter().map(|one| (one.usage, one.place)).collect())
    }

    fn files(&self) -> Vec<String> {
        let files = fs::read_dir(&self.at).unwrap().flatten();
        let mut names: Vec<_> = files
            .map(|file| file.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn refusal(&self, pem: &str) -> String {
        crate::chain(&self.take(pem).unwrap_err())
    }
}

fn node(code: &str) -> NodeId {
    let member = MemberId::new("AZ", "GOV", "1001").unwrap();
    member.node(code).unwrap()
}

#[test]
fn s49_certificates_are_put_in_place_once_whatever_their_order_and_said_again_change_nothing() {
    let bench = Bench::new();
    let mut all = String::new();
    for usage in Use::ALL {
        let issued = bench.issue(usage, &bench.node, 30);
        bench.key(usage, Slot::Current, &issued);
        // The issuer first, and the root too, as authorities like to give them.
        all = format!("{}{}{all}", bench.authority.root_pem(), issued.chain_pem);
    }
    let mut placed = bench.take(&all).unwrap();
    placed.sort_by_key(|(usage, _)| *usage);
    assert_eq!(placed, Use::ALL.map(|usage| (usage, Place::Force)));
    let again = bench.take(&all).unwrap();
    assert!(
        again
            .iter()
            .all(|(_, place)| *place == Place::Already(Slot::Current))
    );
    assert_eq!(bench.files().len(), 6, "{:?}", bench.files());
    for usage in Use::ALL {
        let chain = bench.folder.chain(usage, Slot::Current).unwrap();
        assert_eq!(chain.len(), 2, "leaf and issuer, without the root");
        assert_eq!(chain[1], bench.authority.issuing_der());
        bench
            .judge(NOW)
            .slot(&bench.folder, usage, Slot::Current)
            .unwrap();
    }
}

#[test]
fn regression_an_issuing_authority_that_is_an_own_anchor_is_shown_to_those_who_trust_its_root_only()
{
    let mut bench = Bench::new();
    let (root, issuing) = (bench.authority.root_pem(), bench.authority.issuing_pem());
    let [others, own] = [root.to_owned(), format!("{issuing}{root}")]
        .map(|pem| Trust::from_pem(pem.as_bytes()).unwrap());
    bench.trust = own;
    for (usage, comes_along) in [(Use::Tls, true), (Use::Exchange, false)] {
        let issued = bench.issue(usage, &bench.node, 30);
        bench.key(usage, Slot::Current, &issued);
        let leaf = certificates(issued.chain_pem.as_bytes()).unwrap().remove(0);
        let alone = bridge_certs::certificate_pem(&leaf);
        // With the issuer beside it or without: this node has it among its anchors.
        let pem = if comes_along {
            &issued.chain_pem
        } else {
            &alone
        };
        assert_eq!(bench.take(pem).unwrap(), [(usage, Place::Force)]);
        let chain = bench.folder.chain(usage, Slot::Current).unwrap();
        assert_eq!(chain, [leaf, bench.authority.issuing_der().to_vec()]);
        let judged = others.check(&chain[0], &chain[1..], usage.profile(), NOW);
        assert!(judged.is_ok(), "{judged:?}");
    }
}

#[test]
fn s49_certificates_that_do_not_fit_are_refused_by_name_and_nothing_is_put_in_place() {
    let bench = Bench::new();
    let good = bench.issue(Use::Tls, &bench.node, 30);
    bench.key(Use::Tls, Slot::Current, &good);
    let exchange = bench.issue(Use::Exchange, &bench.node, 30);
    bench.key(Use::Exchange, Slot::Current, &exchange);
    let with_key = |usage: Use, issued: &Issued| {
        let path = bench.folder.key_file(usage, Slot::Current);
        fs::remove_file(&path).unwrap();
        bench.key(usage, Slot::Current, issued);
    };
    let before = bench.files();
    for (usage, issued, words) in [
        (
            None,
            bench.issue(Use::Tls, &bench.node, 30),
            "is for a key of this node",
        ),
        (
            Some(Use::Tls),
            bench.issue(Use::Tls, &node("NODE2"), 30),
            "names bridge://AZ/GOV/1001/NODE2, and this node is AZ/GOV/1001/NODE1",
        ),
        (
            Some(Use::Tls),
            bench.issue(Use::Exchange, &bench.node, 30),
            "the tls certificate is refused: extended key usage does not fit profile tls",
        ),
        (
            Some(Use::Exchange),
            bench.issue(Use::Tls, &bench.node, 30),
            "the exchange certificate is refused: extended key usage does not fit profile exchange",
        ),
        (
            Some(Use::Tls),
            bench.issue(Use::Tls, &bench.node, 0),
            "expired",
        ),
    ] {
        if let Some(usage) = usage {
            with_key(usage, &issued);
        }
        // A good one beside it is not taken either.
        let all = format!("{}{}", issued.chain_pem, exchange.chain_pem);
        let all = if usage.is_some() {
            all
        } else {
            issued.chain_pem
        };
        let at = if words == "expired" { NOW + 1 } else { NOW };
        let refusal = crate::chain(&bench.take_at(&all, at).unwrap_err());
        assert!(refusal.contains(words), "{refusal}");
        assert_eq!(bench.files(), before, "{words}");
        with_key(Use::Tls, &good);
        with_key(Use::Exchange, &exchange);
    }
    let alone = certificates_of(&good)[0].clone();
    let alone = bridge_certs::certificate_pem(&alone);
    let refusal = bench.refusal(&alone);
    assert!(
        refusal.contains("issued by an unknown authority"),
        "{refusal}"
    );
    let stranger = Bench::new();
    let other = stranger.issue(Use::Tls, &bench.node, 30);
    with_key(Use::Tls, &other);
    let refusal = bench.refusal(&other.chain_pem);
    assert!(
        refusal.contains("the signature on the certificate"),
        "{refusal}"
    );
    assert_eq!(bench.files(), before);
}

fn certificates_of(issued: &Issued) -> Vec<Vec<u8>> {
    certificates(issued.chain_pem.as_bytes()).unwrap()
}

#[test]
fn a_certificate_that_comes_while_one_is_good_waits_beside_it_and_takes_over_with_its_key() {
    for usage in [Use::Tls, Use::Exchange, Use::Web] {
        let bench = Bench::new();
        let first = bench.issue(usage, &bench.node, 30);
        bench.key(usage, Slot::Current, &first);
        bench.take(&first.chain_pem).unwrap();
        let second = bench.issue(usage, &bench.node, 60);
        bench.key(usage, Slot::Next, &second);
        assert_eq!(
            bench.take(&second.chain_pem).unwrap(),
            [(usage, Place::Next)]
        );
        let again = bench.take(&second.chain_pem).unwrap();
        assert_eq!(again, [(usage, Place::Already(Slot::Next))]);
        let now = |slot| {
            let checked = bench.judge(NOW).slot(&bench.folder, usage, slot).unwrap();
            checked.der
        };
        assert_eq!(now(Slot::Current), certificates_of(&first)[0]);
        assert_eq!(now(Slot::Next), certificates_of(&second)[0]);
        bench.folder.take_over(usage).unwrap();
        assert_eq!(now(Slot::Current), certificates_of(&second)[0]);
        assert_eq!(
            bench.files(),
            [format!("{usage}.key"), format!("{usage}.pem")]
        );
    }
}

#[test]
fn a_crash_between_key_and_certificate_is_mended_by_taking_over_again() {
    let bench = Bench::new();
    let first = bench.issue(Use::Tls, &bench.node, 30);
    bench.key(Use::Tls, Slot::Current, &first);
    bench.take(&first.chain_pem).unwrap();
    let second = bench.issue(Use::Tls, &bench.node, 60);
    bench.key(Use::Tls, Slot::Next, &second);
    bench.take(&second.chain_pem).unwrap();
    fs::rename(bench.at.join("tls.next.key"), bench.at.join("tls.key")).unwrap();
    let judge = bench.judge(NOW);
    let between = judge.slot(&bench.folder, Use::Tls, Slot::Current);
    assert!(matches!(between, Err(OwnError::OtherKey { .. })));
    let files = usable(&bench.folder, Use::Tls, &judge);
    assert_eq!([files.certificates, files.key], ["tls.next.pem", "tls.key"]);
    bench.folder.take_over(Use::Tls).unwrap();
    let now = judge.slot(&bench.folder, Use::Tls, Slot::Current).unwrap();
    assert_eq!(now.der, certificates_of(&second)[0]);
}

#[test]
fn a_start_works_with_the_next_certificate_where_the_one_in_force_has_ended_and_writes_nothing() {
    let bench = Bench::new();
    let first = bench.issue(Use::Exchange, &bench.node, 10);
    bench.key(Use::Exchange, Slot::Current, &first);
    bench.take(&first.chain_pem).unwrap();
    let second = bench.issue(Use::Exchange, &bench.node, 60);
    bench.key(Use::Exchange, Slot::Next, &second);
    bench.take(&second.chain_pem).unwrap();
    let before = bench.files();
    let at = |now_s| {
        let files = usable(&bench.folder, Use::Exchange, &bench.judge(now_s));
        [files.certificates, files.key]
    };
    assert_eq!(
        at(NOW),
        ["exchange.pem", "exchange.key"],
        "the first is good"
    );
    let later = NOW + 11 * DAY_S;
    assert_eq!(at(later), ["exchange.next.pem", "exchange.next.key"]);
    assert_eq!(bench.files(), before);
    let both_ended = NOW + 61 * DAY_S;
    assert_eq!(at(both_ended), ["exchange.pem", "exchange.key"]);
}

#[test]
fn the_web_certificate_keeps_the_names_by_which_callers_know_it() {
    let bench = Bench::new();
    let first = bench.issue(Use::Web, &bench.node, 30);
    bench.key(Use::Web, Slot::Current, &first);
    bench.take(&first.chain_pem).unwrap();
    let order = Order {
        profile: Profile::Web,
        name: None,
        common_name: "test".to_owned(),
        sans: vec!["node.example".to_owned()],
        not_before: NOW - DAY_S,
        not_after: NOW + DAY_S,
    };
    let fewer = bench.authority.issue(&order).unwrap();
    bench.key(Use::Web, Slot::Next, &fewer);
    let refusal = bench.refusal(&fewer.chain_pem);
    assert!(refusal.contains("lacks the name 127.0.0.1"), "{refusal}");
}
