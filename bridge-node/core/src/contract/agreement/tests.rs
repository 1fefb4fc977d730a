use ring::hmac;
use serde_json::{Value, json};

use super::*;
use crate::contract::load;

const PENSION: &str = include_str!("../../../testdata/policy/1-pension.json");
const PROVIDER: &str = "AZ/GOV/1001";
const CONSUMER: &str = "AZ/GOV/1002";
const OTHER: &str = "AZ/GOV/1003";
const NOW: u64 = 1_800_000_000;

/// Seals as they are here: a code under a key of the member, with its name and the time before it.
struct Codes;

impl Codes {
    fn seal(member: &str, time_s: u64, content: &[u8]) -> Vec<u8> {
        let head = format!("{member} {time_s} ");
        let code = hmac::sign(&Self::key(member), &[head.as_bytes(), content].concat());
        [head.as_bytes(), code.as_ref()].concat()
    }

    fn key(member: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, member.as_bytes())
    }
}

impl Seals for Codes {
    fn check(&self, content: &[u8], seal: &[u8]) -> Result<SealedBy, String> {
        let wrong = || "wrong".to_owned();
        let (head, code) = seal
            .split_at_checked(seal.len().saturating_sub(32))
            .ok_or_else(wrong)?;
        let text = std::str::from_utf8(head).map_err(|_text| wrong())?;
        let (member, time) = text.trim_end().split_once(' ').ok_or_else(wrong)?;
        hmac::verify(&Self::key(member), &[head, content].concat(), code)
            .map_err(|_code| wrong())?;
        Ok(SealedBy {
            member: member.parse().map_err(|_member| wrong())?,
            time_s: time.parse().map_err(|_time| wrong())?,
        })
    }
}

fn id(member: &str) -> MemberId {
    member.parse().expect(member)
}

fn contract() -> Contract {
    load(PENSION.as_bytes()).expect("contract")
}

fn statement(action: Action, member: &str, contract: &Contract) -> Statement {
    Statement {
        action,
        contract: contract.reference().to_owned(),
        member: id(member),
        time_s: NOW,
        reason: None,
    }
}

fn signed(action: Action, member: &str, contract: &Contract) -> Signed {
    sealed(member, statement(action, member, contract))
}

fn sealed(by: &str, statement: Statement) -> Signed {
    let seal = Codes::seal(by, statement.time_s, &statement.write());
    Signed { statement, seal }
}

fn with(words: &[(Action, &str)]) -> Agreement {
    let mut agreement = Agreement::new(contract());
    for (action, member) in words {
        let signed = signed(*action, member, &contract());
        agreement.add(signed, &Codes, NOW).expect("a statement");
    }
    agreement
}

const BOTH: [(Action, &str); 2] = [(Action::Proposed, PROVIDER), (Action::Accepted, CONSUMER)];

#[test]
fn a_version_is_agreed_once_both_have_signed_it() {
    let consumer = id(CONSUMER);
    assert_eq!(with(&[]).state(&consumer), State::Unsigned);
    let by = id(PROVIDER);
    assert_eq!(with(&BOTH[..1]).state(&consumer), State::Proposed { by });
    assert_eq!(with(&BOTH).state(&consumer), State::Agreed);
    let other_way = [(Action::Proposed, CONSUMER), (Action::Accepted, PROVIDER)];
    assert_eq!(with(&other_way).state(&consumer), State::Agreed);
    let both_propose = [(Action::Proposed, CONSUMER), (Action::Proposed, PROVIDER)];
    assert_eq!(with(&both_propose).state(&consumer), State::Agreed);
    // One member alone, whatever it says.
    let alone = with(&[(Action::Proposed, PROVIDER), (Action::Withdrawn, PROVIDER)]);
    assert!(matches!(alone.state(&consumer), State::Withdrawn { .. }));
}

#[test]
fn what_one_side_ended_no_statement_brings_back_in_any_order() {
    let words = [
        (Action::Proposed, PROVIDER),
        (Action::Withdrawn, CONSUMER),
        (Action::Proposed, CONSUMER),
        (Action::Accepted, CONSUMER),
        (Action::Accepted, PROVIDER),
    ];
    let mut orders = 0;
    let mut order = vec![0_usize; words.len()];
    // All orders of five.
    while orders < 5_usize.pow(5) {
        let mut rest = orders;
        for place in &mut order {
            *place = rest % 5;
            rest /= 5;
        }
        orders += 1;
        let mut seen = order.clone();
        seen.sort_unstable();
        if seen != [0, 1, 2, 3, 4] {
            continue;
        }
        let mut agreement = Agreement::new(contract());
        for place in &order {
            let (action, member) = words[*place];
            let copy = Agreement {
                contract: Arc::clone(&agreement.contract),
                signed: vec![signed(action, member, &contract())],
            };
            assert_eq!(agreement.merge(&copy).len(), 1);
            assert!(agreement.merge(&copy).is_empty());
        }
        let at_s = NOW;
        let by = id(CONSUMER);
        assert_eq!(
            agreement.state(&id(CONSUMER)),
            State::Withdrawn { by, at_s },
            "{order:?}"
        );
    }
    let refused = with(&[(Action::Proposed, PROVIDER), (Action::Refused, CONSUMER)]);
    assert!(matches!(
        refused.state(&id(CONSUMER)),
        State::Refused { .. }
    ));
}

#[test]
fn a_file_is_written_and_read_again() {
    let agreement = with(&BOTH);
    let bytes = agreement.write();
    let again = Agreement::read(&bytes, &Codes, NOW).expect("the file");
    assert_eq!(again.signed(), agreement.signed());
    assert_eq!(again.contract().digest(), contract().digest());
    assert_eq!(again.write(), bytes);
    let faults = load(&bytes).expect_err("signatures");
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].fault, Fault::Unchecked);
}

/// The faults of the agreed file after a change of it.
fn faults_of(change: impl FnOnce(&mut Value)) -> Vec<Fault> {
    let mut file: Value = serde_json::from_slice(&with(&BOTH).write()).expect("JSON");
    change(&mut file);
    let read = Agreement::read(file.to_string().as_bytes(), &Codes, NOW);
    let faults = read.expect_err("a change").into_iter();
    faults.map(|fault| fault.fault).collect()
}

#[test]
fn each_field_of_a_statement_that_is_altered_breaks_it() {
    let form = |field| Fault::Statement(StatementFault::Form(field));
    let cases = [
        ("action", json!("proposed"), None),
        ("action", json!("agreed"), Some(form("action"))),
        ("contract", json!("pension-1@x"), None),
        ("member", json!(PROVIDER), None),
        ("member", json!(OTHER), None),
        ("member", json!("AZ/GOV"), Some(form("member"))),
        ("member", json!("AZ/GOV/%31002"), Some(form("member"))),
        ("reason", json!("because"), None),
        ("reason", json!(""), Some(form("reason"))),
        ("reason", json!("x".repeat(501)), Some(form("reason"))),
        ("reason", json!("a\u{202e}b"), Some(form("reason"))),
        ("time", json!("2027-01-15T08:00:01Z"), None),
        (
            "time",
            json!("2027-01-15T12:00:00+04:00"),
            Some(form("time")),
        ),
        ("time", json!(NOW), Some(form("time"))),
        (
            "type",
            json!("bridge-contract-statement-v2"),
            Some(form("type")),
        ),
        ("type", json!("bridge-batch-v1"), Some(form("type"))),
        ("more", json!(true), Some(form("statement"))),
    ];
    for (field, value, expected) in cases {
        let shown = format!("{field} = {value}");
        let faults = faults_of(|file| file["signatures"][1]["statement"][field] = value);
        assert_eq!(faults.len(), 1, "{shown}: {faults:?}");
        match expected {
            Some(expected) => assert_eq!(faults[0], expected, "{shown}"),
            None => assert!(matches!(faults[0], Fault::Statement(_)), "{shown}"),
        }
    }
    for field in ["action", "contract", "member", "time", "type"] {
        let faults = faults_of(|file| {
            let statement = file["signatures"][1]["statement"].as_object_mut();
            statement.expect("object").remove(field);
        });
        assert_eq!(faults, [form(field)]);
    }
    let seal = faults_of(|file| file["signatures"][1]["seal"] = json!("AAAA"));
    assert_eq!(
        seal,
        [Fault::Statement(StatementFault::Seal("wrong".to_owned()))]
    );
    let more = faults_of(|file| file["signatures"][1]["more"] = json!(1));
    assert_eq!(more, [form("signature")]);
}

#[test]
fn a_change_of_the_contract_leaves_no_signature_good() {
    let faults = faults_of(|file| file["contract"]["quota"]["per_day"] = json!(6));
    assert_eq!(faults.len(), 2);
    for fault in faults {
        assert!(matches!(
            fault,
            Fault::Statement(StatementFault::OtherContract(_))
        ));
    }
}

fn refused(statement: Signed) -> StatementFault {
    let mut agreement = with(&BOTH[..1]);
    let fault = agreement.add(statement, &Codes, NOW).expect_err("refused");
    assert_eq!(agreement.signed().len(), 1, "nothing is added");
    fault
}

#[test]
fn nobody_signs_for_another_nor_about_another_contract() {
    use StatementFault::{Future, NotParty, OtherContract, OtherMember, OtherTime, Repeated};
    let mut other: Value = serde_json::from_str(PENSION).expect("JSON");
    other["contract"]["title"] = json!("An older version");
    let other = load(other.to_string().as_bytes()).expect("contract");
    let accepted = || statement(Action::Accepted, CONSUMER, &contract());
    // The acceptance of another version, shown again.
    let fault = refused(signed(Action::Accepted, CONSUMER, &other));
    assert_eq!(fault, OtherContract(other.reference().to_owned()));
    let fault = refused(signed(Action::Accepted, OTHER, &contract()));
    assert_eq!(fault, NotParty(id(OTHER)));
    for by in [PROVIDER, OTHER] {
        let (named, sealed_by) = (id(CONSUMER), id(by));
        let fault = refused(sealed(by, accepted()));
        assert_eq!(
            fault,
            OtherMember {
                named,
                sealed: sealed_by
            }
        );
    }
    let fault = refused(signed(Action::Proposed, PROVIDER, &contract()));
    assert_eq!(fault, Repeated(id(PROVIDER), Action::Proposed));
    let mut moved = sealed(CONSUMER, accepted());
    moved.seal = Codes::seal(CONSUMER, NOW - 1, &accepted().write());
    assert_eq!(refused(moved), OtherTime);
    let mut early = accepted();
    early.time_s = NOW + AHEAD_S + 1;
    assert_eq!(refused(sealed(CONSUMER, early)), Future);
    let mut near = accepted();
    near.time_s = NOW + AHEAD_S;
    let near = sealed(CONSUMER, near);
    assert_eq!(with(&BOTH[..1]).add(near, &Codes, NOW), Ok(()));
}

#[test]
fn nobody_accepts_what_no_other_has_proposed() {
    for action in [Action::Accepted, Action::Refused] {
        let mut agreement = Agreement::new(contract());
        let fault = agreement.add(signed(action, CONSUMER, &contract()), &Codes, NOW);
        assert_eq!(fault, Err(StatementFault::NotProposed));
        let mut own = with(&[(Action::Proposed, CONSUMER)]);
        let fault = own.add(signed(action, CONSUMER, &contract()), &Codes, NOW);
        assert_eq!(fault, Err(StatementFault::NotProposed));
    }
    let faults = faults_of(|file| {
        file["signatures"].as_array_mut().expect("a list").remove(0);
    });
    assert_eq!(faults, [Fault::Statement(StatementFault::NotProposed)]);
}

#[test]
fn a_member_of_a_group_speaks_for_itself_alone() {
    let mut file: Value = serde_json::from_str(PENSION).expect("JSON");
    file["contract"]["consumer"] = json!({ "global_group": "pensions" });
    let contract = load(file.to_string().as_bytes()).expect("contract");
    let mut agreement = Agreement::new(contract.clone());
    let offered = agreement.add(signed(Action::Proposed, OTHER, &contract), &Codes, NOW);
    assert_eq!(offered, Err(StatementFault::NotOffered(id(OTHER))));
    for (action, member) in [
        (Action::Proposed, PROVIDER),
        (Action::Accepted, CONSUMER),
        (Action::Accepted, OTHER),
        (Action::Withdrawn, OTHER),
    ] {
        let signed = signed(action, member, &contract);
        agreement.add(signed, &Codes, NOW).expect("a statement");
    }
    assert_eq!(
        agreement.consumers(),
        BTreeSet::from([id(CONSUMER), id(OTHER)])
    );
    assert_eq!(agreement.state(&id(CONSUMER)), State::Agreed);
    assert!(matches!(
        agreement.state(&id(OTHER)),
        State::Withdrawn { .. }
    ));
    let between = agreement.between(&id(CONSUMER));
    assert_eq!(between.signed().len(), 2, "nobody else's words");
    assert_eq!(between.state(&id(CONSUMER)), State::Agreed);
    Agreement::read(&between.write(), &Codes, NOW).expect("a whole file");
}

/// Seals that anybody has made.
struct Anybody(MemberId);

impl Seals for Anybody {
    fn check(&self, _content: &[u8], _seal: &[u8]) -> Result<SealedBy, String> {
        Ok(SealedBy {
            member: self.0.clone(),
            time_s: NOW,
        })
    }
}

#[test]
fn a_seal_or_a_name_of_a_contract_that_is_too_long_is_refused() {
    let mut long = signed(Action::Accepted, CONSUMER, &contract());
    long.seal = vec![b'x'; SEAL_LIMIT_BYTES];
    let anybody = Anybody(id(CONSUMER));
    let mut agreement = with(&BOTH[..1]);
    assert_eq!(agreement.clone().add(long.clone(), &anybody, NOW), Ok(()));
    long.seal.push(b'x');
    assert_eq!(
        agreement.add(long.clone(), &anybody, NOW),
        Err(SEAL_TOO_LONG)
    );
    let seal = faults_of(|file| file["signatures"][1]["seal"] = json!(STANDARD.encode(&long.seal)));
    assert_eq!(seal, [Fault::Statement(SEAL_TOO_LONG)]);
    let (field, limit) = ("contract", crate::contract::statement::REFERENCE_LIMIT);
    let name = faults_of(|file| {
        file["signatures"][1]["statement"]["contract"] = json!("x".repeat(limit + 1));
    });
    assert_eq!(
        name,
        [Fault::Statement(StatementFault::TooLong { field, limit })]
    );
}

#[test]
fn what_two_members_can_say_always_has_room_and_a_group_leaves_room_for_its_provider() {
    let statement = |action, member: &MemberId, contract: &Contract| Signed {
        statement: Statement {
            action,
            contract: contract.reference().to_owned(),
            member: member.clone(),
            time_s: NOW,
            reason: Some("\"".repeat(500)),
        },
        seal: vec![b'x'; SEAL_LIMIT_BYTES],
    };
    let mut pair = Agreement::new(contract());
    for member in [PROVIDER, CONSUMER].map(id) {
        for action in Action::ALL {
            let word = statement(action, &member, &contract());
            assert!(word.statement.write().len() + SEAL_LIMIT_BYTES * 4 / 3 < LONGEST_WORD_BYTES);
            pair.signed.push(word);
        }
    }
    let terms = crate::contract::CONTRACT_LIMIT_BYTES - pair.contract.canonical().len();
    assert!(
        pair.write_with_room().is_some() && pair.write().len() + terms < SIGNED_LIMIT_BYTES / 2
    );

    let mut file: Value = serde_json::from_str(PENSION).expect("JSON");
    file["contract"]["consumer"] = json!({ "global_group": "pensions" });
    let contract = load(file.to_string().as_bytes()).expect("contract");
    let mut group = Agreement::new(contract.clone());
    let mut number = 2000;
    while group.write_with_room().is_some() {
        let member = id(&format!("AZ/GOV/{number}"));
        group
            .signed
            .push(statement(Action::Accepted, &member, &contract));
        number += 1;
    }
    assert!(group.signed.len() > 30, "{}", group.signed.len());
    group.signed.pop();
    for action in Action::ALL {
        group
            .signed
            .push(statement(action, &id(PROVIDER), &contract));
        assert!(group.write_with_room().is_some(), "{action}");
    }
    let (_, read) = read_signed(&group.write()).expect("a file that is read again");
    assert!(read.iter().all(Result::is_ok));
    // Short seals: the number of signatures is what counts.
    let mut crowd = Agreement::new(contract.clone());
    for number in 0..SIGNATURES_LIMIT - 4 {
        let mut word = statement(
            Action::Accepted,
            &id(&format!("AZ/GOV/{number}")),
            &contract,
        );
        (word.seal, word.statement.reason) = (vec![b'x'], None);
        crowd.signed.push(word);
    }
    assert_eq!(crowd.write_with_room(), Some(crowd.write()));
    crowd.signed.push(crowd.signed[0].clone());
    assert!(crowd.write_with_room().is_none());
}

#[test]
fn a_contract_of_one_member_with_itself_needs_its_one_word() {
    let mut file: Value = serde_json::from_str(PENSION).expect("JSON");
    file["contract"]["consumer"] = json!({ "subsystem": "AZ/GOV/1001/OTHER" });
    let contract = load(file.to_string().as_bytes()).expect("contract");
    let mut agreement = Agreement::new(contract.clone());
    let proposed = signed(Action::Proposed, PROVIDER, &contract);
    agreement.add(proposed, &Codes, NOW).expect("a statement");
    assert_eq!(agreement.state(&id(PROVIDER)), State::Agreed);
}

#[test]
fn a_statement_has_the_bytes_of_its_canonical_form() {
    let statement = Statement {
        reason: Some("Müqavilə \"bitir\"".to_owned()),
        ..statement(Action::Withdrawn, CONSUMER, &contract())
    };
    let value: Value = serde_json::from_slice(&statement.write()).expect("JSON");
    let canonical = crate::jcs::canonical(&value).expect("canonical");
    assert_eq!(statement.write(), canonical);
    let read = crate::json::read(&canonical).expect("JSON");
    assert_eq!(Statement::read(&read), Ok(statement));
}
