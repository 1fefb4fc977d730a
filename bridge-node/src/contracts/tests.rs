use bridge_certs::cms::Sealer;
use bridge_certs::{Authority, NewKey, Order, Profile, Trust};
use bridge_core::contract::{Action, Signed, Statement, load};
use bridge_core::decision::NoGroups;
use bridge_core::identity::CertificateName;
use serde_json::{Value, json};

use super::*;

const TERMS: &str = include_str!("../../core/testdata/policy/1-pension.json");
const PROVIDER: &str = "AZ/GOV/1001";
const CONSUMER: &str = "AZ/GOV/1002";
/// Within the terms' dates.
const NOW: u64 = 1_795_154_400;

struct World {
    folder: tempfile::TempDir,
    authority: Authority,
    trust: Trust,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("authority");
        let authority = Authority::create(&at, "Example", NOW - 1000).unwrap();
        let trust = Trust::from_pem(authority.root_pem().as_bytes()).unwrap();
        for name in ["contracts", "data"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        Self {
            folder,
            authority,
            trust,
        }
    }

    /// Says something under a new seal key of the member: no two statements are by one key.
    fn say(&self, action: Action, member: &str, contract: &Contract) -> Signed {
        self.say_at(action, member, contract, NOW)
    }

    fn say_at(&self, action: Action, member: &str, contract: &Contract, time_s: u64) -> Signed {
        let member: MemberId = member.parse().unwrap();
        let order = Order {
            profile: Profile::Seal,
            name: Some(CertificateName::Member(member.clone())),
            common_name: "Seal".to_owned(),
            sans: Vec::new(),
            not_before: NOW - 100,
            not_after: NOW + 100 + 86_400 * 30,
        };
        let issued = self.authority.issue_with(&order, NewKey::P256).unwrap();
        let chain = vec![
            issued.certificate_der,
            self.authority.issuing_der().to_vec(),
        ];
        let sealer = Sealer::new(&issued.key_pkcs8, chain).unwrap();
        let statement = Statement {
            action,
            contract: contract.reference().to_owned(),
            member,
            time_s,
            reason: None,
        };
        sealer.sign(statement).unwrap()
    }

    fn agreement(&self, terms: &Value, words: &[(Action, &str)]) -> Agreement {
        let mut agreement = Agreement::new(load(terms.to_string().as_bytes()).unwrap());
        for (action, member) in words {
            let signed = self.say(*action, member, &agreement.contract().clone());
            agreement.add(signed, &self.trust, NOW).unwrap();
        }
        agreement
    }

    fn put(&self, folder: &str, name: &str, bytes: &[u8]) {
        let folder = self.folder.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    }

    fn files(&self, signatures: &str) -> Result<Files, Vec<String>> {
        self.files_at(signatures, NOW)
    }

    fn files_at(&self, signatures: &str, now_s: u64) -> Result<Files, Vec<String>> {
        let text = format!(
            "[node]\nid = \"{PROVIDER}/NODE1\"\nlog_domain = \"journal.example\"\ndata_folder = \"data\"\nkeys_folder = \".\"\n\
             [trust]\nanchors = \".\"\n[directory]\nroot = \".\"\nsource = \"http://directory.example/az/\"\n\
             [peer]\nlisten = \"127.0.0.1:0\"\n[contracts]\nfolder = \"contracts\"\n{signatures}"
        );
        let settings = Settings::parse(&text, self.folder.path()).unwrap();
        let read = Files::load(&settings, &self.trust, now_s);
        read.map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }
}

fn terms() -> Value {
    serde_json::from_str(TERMS).unwrap()
}

fn version(title: &str, start: &str) -> Value {
    let mut terms = terms();
    terms["contract"]["title"] = json!(title);
    terms["contract"]["start"] = json!(start);
    terms
}

fn at(text: &str) -> UnixMillis {
    let moment = crate::orders::parse_moment(text).unwrap();
    UnixMillis(u64::try_from(moment.unix_timestamp()).unwrap() * 1000)
}

/// The titles of what counts for the consumer at a time.
fn counting(contracts: &Contracts, now: UnixMillis) -> Vec<String> {
    let service = "AZ/GOV/1001/POPULATION/person".parse().unwrap();
    let consumer: MemberId = CONSUMER.parse().unwrap();
    let about = contracts.about(&service, &consumer, now);
    let own = about.iter().filter(|one| match one.consumer() {
        Party::Subsystem(client) => *client.member() == consumer,
        Party::GlobalGroup(_) | Party::LocalGroup(_) => true,
    });
    own.map(|one| one.title().to_owned()).collect()
}

const AGREED: [(Action, &str); 2] = [(Action::Proposed, PROVIDER), (Action::Accepted, CONSUMER)];
const OPTIONAL: &str = "signatures = \"optional\"\n";

#[test]
fn by_default_a_contract_counts_once_both_have_signed_it() {
    let world = World::new();
    let now = UnixMillis(NOW * 1000);
    world.put("contracts", "one.json", TERMS.as_bytes());
    let faults = world.files("").unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].contains("nobody has signed contract `pension-1`"),
        "{faults:?}"
    );
    let files = world.files(OPTIONAL).unwrap();
    assert_eq!(counting(&Contracts::of(&files), now).len(), 1);
    for words in [&AGREED[..1], &AGREED[..0]] {
        let proposed = world.agreement(&terms(), words);
        world.put("contracts", "one.json", &proposed.write());
        let is_unsigned = words.is_empty();
        assert_eq!(world.files("").is_err(), is_unsigned);
        if let Ok(files) = world.files("") {
            assert!(counting(&Contracts::of(&files), now).is_empty());
        }
    }
    let agreed = world.agreement(&terms(), &AGREED);
    world.put("contracts", "one.json", &agreed.write());
    let files = world.files("").unwrap();
    assert_eq!(counting(&Contracts::of(&files), now).len(), 1);
}

#[test]
fn a_withdrawal_counts_wherever_it_lies_and_no_unsigned_file_undoes_it() {
    let world = World::new();
    let now = UnixMillis(NOW * 1000);
    let agreed = world.agreement(&terms(), &AGREED);
    let withdrawn = world.agreement(
        &terms(),
        &[AGREED[0], AGREED[1], (Action::Withdrawn, CONSUMER)],
    );
    world.put("contracts", "one.json", &agreed.write());
    world.put("data/contracts", "two.json", &withdrawn.write());
    world.put("contracts", "unsigned.json", TERMS.as_bytes());
    let contracts = Contracts::of(&world.files(OPTIONAL).unwrap());
    assert!(counting(&contracts, now).is_empty());
    let reference = agreed.contract().reference();
    let service = agreed.contract().service().clone();
    let ended = contracts.withdrawn(&service, &CONSUMER.parse().unwrap(), reference);
    assert_eq!(ended.unwrap().by, CONSUMER.parse().unwrap());
}

#[test]
fn no_unsigned_file_counts_of_a_version_that_one_side_refused() {
    let world = World::new();
    let now = UnixMillis(NOW * 1000);
    let refused = [AGREED[0], (Action::Refused, CONSUMER)];
    let refused = world.agreement(&terms(), &refused);
    world.put("data/contracts", "refused.json", &refused.write());
    world.put("contracts", "unsigned.json", TERMS.as_bytes());
    let contracts = Contracts::of(&world.files(OPTIONAL).unwrap());
    assert!(counting(&contracts, now).is_empty());
    // Another version of the same id, that counted before: no to the new one is not no to this one.
    let older = version("older", "2026-01-01T00:00:00+04:00");
    world.put("contracts", "unsigned.json", older.to_string().as_bytes());
    let contracts = Contracts::of(&world.files(OPTIONAL).unwrap());
    assert_eq!(counting(&contracts, now), ["older"]);
    // With a group: what a member says is said for itself, what the provider says is said to all.
    let mut group = terms();
    group["contract"]["title"] = json!("With a group");
    group["contract"]["consumer"] = json!({ "global_group": "pensions" });
    world.put("contracts", "unsigned.json", group.to_string().as_bytes());
    let is_with = |contracts: &Contracts, member: &str| {
        let service = "AZ/GOV/1001/POPULATION/person".parse().unwrap();
        let about = contracts.about(&service, &member.parse().unwrap(), now);
        about
            .iter()
            .filter(|one| one.title() == "With a group")
            .count()
    };
    for (words, own, others) in [
        (&AGREED[..1], 1, 1),
        (&AGREED, 1, 1),
        (&[AGREED[0], (Action::Refused, CONSUMER)], 0, 1),
        (&[(Action::Withdrawn, CONSUMER)], 0, 1),
        (&[AGREED[0], AGREED[1], (Action::Withdrawn, CONSUMER)], 0, 1),
        (&[(Action::Withdrawn, PROVIDER)], 0, 0),
        (&[AGREED[0], AGREED[1], (Action::Withdrawn, PROVIDER)], 0, 0),
    ] {
        let signed = world.agreement(&group, words);
        world.put("data/contracts", "group.json", &signed.write());
        let contracts = Contracts::of(&world.files(OPTIONAL).unwrap());
        let counts = [CONSUMER, "AZ/GOV/2002"].map(|member| is_with(&contracts, member));
        assert_eq!(counts, [own, others], "{words:?}");
    }
}

#[test]
fn a_renewal_takes_over_at_its_start() {
    let world = World::new();
    let first = world.agreement(&version("first", "2026-01-01T00:00:00+04:00"), &AGREED);
    let second = world.agreement(&version("second", "2026-12-01T00:00:00+04:00"), &AGREED);
    let third = world.agreement(&version("third", "2026-12-05T00:00:00+04:00"), &AGREED[..1]);
    for (name, one) in [("1.json", &first), ("2.json", &second), ("3.json", &third)] {
        world.put("contracts", name, &one.write());
    }
    let contracts = Contracts::of(&world.files("").unwrap());
    assert_eq!(
        contracts.all().count(),
        2,
        "two versions, of which one counts"
    );
    let before = at("2026-11-30T23:59:59+04:00");
    assert_eq!(counting(&contracts, before), ["first"]);
    // Whether the first has started is for the decision to say: its refusal names the start.
    assert_eq!(counting(&contracts, UnixMillis(0)), ["first"]);
    let start = at("2026-12-01T00:00:00+04:00");
    assert_eq!(counting(&contracts, start), ["second"]);
    let after = at("2026-12-06T00:00:00+04:00");
    assert_eq!(counting(&contracts, after), ["second"]);
}

#[test]
fn what_cannot_be_listed_stops_the_load_and_what_was_never_there_does_not() {
    let world = World::new();
    let kept = world.folder.path().join("data/contracts");
    assert!(world.files("").is_ok() && !kept.exists());
    // Neither a folder nor absent: whatever it held is not known.
    std::fs::write(&kept, "").unwrap();
    let faults = world.files("").unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].contains("data/contracts: cannot be read: "),
        "{faults:?}"
    );
    std::fs::remove_file(&kept).unwrap();
    // A link to itself: it may be there, and cannot be followed.
    std::os::unix::fs::symlink(&kept, &kept).unwrap();
    let faults = world.files("").unwrap_err();
    assert!(
        faults[0].contains("data/contracts: cannot be read: "),
        "{faults:?}"
    );
}

#[test]
fn one_seal_that_does_not_hold_stops_the_load() {
    let world = World::new();
    let strangers = World::new();
    let agreed = world.agreement(&terms(), &AGREED[..1]);
    let mut file: Value = serde_json::from_slice(&agreed.write()).unwrap();
    let foreign = strangers.agreement(&terms(), &AGREED);
    let foreign: Value = serde_json::from_slice(&foreign.write()).unwrap();
    let acceptance = foreign["signatures"][1].clone();
    file["signatures"].as_array_mut().unwrap().push(acceptance);
    world.put("contracts", "one.json", file.to_string().as_bytes());
    let faults = world.files("").unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].contains("one.json: /signatures/1: the seal does not hold"),
        "{faults:?}"
    );
}

#[test]
fn a_renewal_that_is_withdrawn_after_its_start_brings_no_older_version_back() {
    let start_s = at("2026-12-01T00:00:00+04:00").seconds();
    // Withdrawn when, and what counts after the start.
    let cases: [(Action, u64, &[&str]); 4] = [
        (Action::Withdrawn, start_s + 1, &[]),
        (Action::Refused, start_s, &[]),
        (Action::Withdrawn, start_s - 1, &["first"]),
        (Action::Refused, start_s - 1, &["first"]),
    ];
    for (ending, ended_s, expected) in cases {
        let world = World::new();
        let first = world.agreement(&version("first", "2026-01-01T00:00:00+04:00"), &AGREED);
        let mut second = world.agreement(&version("second", "2026-12-01T00:00:00+04:00"), &AGREED);
        let contract = second.contract().clone();
        let signed = world.say_at(ending, CONSUMER, &contract, ended_s);
        second.add(signed, &world.trust, ended_s).unwrap();
        world.put("contracts", "1.json", &first.write());
        world.put("data/contracts", "2.json", &second.write());
        let contracts = Contracts::of(&world.files_at("", ended_s).unwrap());
        let after = at("2026-12-02T00:00:00+04:00");
        assert_eq!(counting(&contracts, after), expected, "{ending} {ended_s}");
        let before = at("2026-11-30T00:00:00+04:00");
        assert_eq!(counting(&contracts, before), ["first"]);
    }
}

#[test]
fn a_renewal_that_was_withdrawn_before_the_other_accepted_it_takes_nothing_over() {
    let world = World::new();
    let first = world.agreement(&version("first", "2026-01-01T00:00:00+04:00"), &AGREED);
    let second = version("second", "2026-02-01T00:00:00+04:00");
    let mut second = world.agreement(&second, &[AGREED[0], (Action::Withdrawn, PROVIDER)]);
    let contract = second.contract().clone();
    let late = world.say_at(Action::Accepted, CONSUMER, &contract, NOW + 1);
    second.add(late, &world.trust, NOW).unwrap();
    for (name, one) in [("1.json", &first), ("2.json", &second)] {
        world.put("contracts", name, &one.write());
    }
    let contracts = Contracts::of(&world.files("").unwrap());
    assert_eq!(counting(&contracts, UnixMillis(NOW * 1000)), ["first"]);
}

#[test]
fn an_id_that_others_use_too_is_neither_taken_nor_taken_over() {
    let world = World::new();
    let now = UnixMillis(NOW * 1000);
    let own = world.agreement(&version("own", "2026-01-01T00:00:00+04:00"), &AGREED);
    // Later versions of the same id: of another consumer, and of another provider.
    let mut terms = version("of another consumer", "2026-02-01T00:00:00+04:00");
    terms["contract"]["consumer"] = json!({ "subsystem": "AZ/GOV/1003/PENSION" });
    let other_consumer = world.agreement(&terms, &[AGREED[0], (Action::Accepted, "AZ/GOV/1003")]);
    let mut terms = version("of another provider", "2026-02-01T00:00:00+04:00");
    terms["contract"]["provider"] = json!("AZ/GOV/1004/POPULATION");
    let other_provider = world.agreement(&terms, &[(Action::Proposed, "AZ/GOV/1004"), AGREED[1]]);
    for (name, one) in [
        ("1.json", &own),
        ("2.json", &other_consumer),
        ("3.json", &other_provider),
    ] {
        world.put("contracts", name, &one.write());
    }
    let contracts = Contracts::of(&world.files("").unwrap());
    assert_eq!(contracts.all().count(), 3);
    assert_eq!(counting(&contracts, now), ["own"]);

    // Nor does it stand in the way of a file that nobody has signed, unless the same members have.
    let mut unsigned = terms.clone();
    unsigned["contract"]["provider"] = json!("AZ/GOV/1005/POPULATION");
    world.put("contracts", "4.json", unsigned.to_string().as_bytes());
    unsigned["contract"]["provider"] = json!("AZ/GOV/1006/POPULATION");
    world.put("contracts", "5.json", unsigned.to_string().as_bytes());
    let contracts = Contracts::of(&world.files(OPTIONAL).unwrap());
    assert_eq!(contracts.all().count(), 5);
    unsigned["contract"]["provider"] = json!("AZ/GOV/1004/REGISTER");
    world.put("contracts", "4.json", unsigned.to_string().as_bytes());
    let contracts = Contracts::of(&world.files(OPTIONAL).unwrap());
    assert_eq!(contracts.all().count(), 4);
    unsigned["contract"]["title"] = json!("The same members, and nobody has signed");
    world.put("contracts", "6.json", unsigned.to_string().as_bytes());
    let faults = world.files(OPTIONAL).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].contains("is used by another file of the same members too"),
        "{faults:?}"
    );
}

#[test]
fn a_refusal_names_what_was_ended_last_and_nothing_that_was_never_agreed() {
    // Files lie in the order of their digests: whatever that is, one of the two orders of time is the other way round.
    for last in ["one", "two"] {
        let world = World::new();
        for title in ["one", "two"] {
            let mut agreed = world.agreement(&version(title, "2026-01-01T00:00:00+04:00"), &AGREED);
            let contract = agreed.contract().clone();
            let time_s = NOW + u64::from(title == last);
            let ended = world.say_at(Action::Withdrawn, PROVIDER, &contract, time_s);
            agreed.add(ended, &world.trust, NOW).unwrap();
            world.put("contracts", &format!("{title}.json"), &agreed.write());
        }
        let withdrawn = [AGREED[0], (Action::Withdrawn, PROVIDER)];
        let never = world.agreement(&version("never", "2026-01-01T00:00:00+04:00"), &withdrawn);
        world.put("contracts", "never.json", &never.write());
        let contracts = Contracts::of(&world.files("").unwrap());
        let contract = never.contract();
        let Party::Subsystem(client) = contract.consumer() else {
            panic!("a subsystem");
        };
        let ended = contracts
            .ended(contract.service(), client, &NoGroups)
            .unwrap();
        assert_eq!((ended.contract.title(), ended.at_s), (last, NOW + 1));
        let reference = contract.reference();
        assert!(
            contracts
                .withdrawn(contract.service(), client.member(), reference)
                .is_none()
        );
    }
}
