use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::locator::Place;
use super::{CONTRACT_LIMIT_BYTES, Contract, ContractFault, Fault, Grounds, Party, load};
use crate::leaf::{EvidenceMode, UnixMillis};

const PENSION: &str = include_str!("../../testdata/policy/1-pension.json");

fn file() -> Value {
    serde_json::from_str(PENSION).expect("JSON")
}

fn load_value(file: &Value) -> Result<Contract, Vec<ContractFault>> {
    load(file.to_string().as_bytes())
}

/// Loads the sample with the value at a place replaced, or taken out.
fn changed(place: &str, value: Option<Value>) -> Result<Contract, Vec<ContractFault>> {
    let mut file = file();
    let (parent, name) = place.rsplit_once('/').expect("a place");
    let members = file
        .pointer_mut(parent)
        .and_then(Value::as_object_mut)
        .expect(place);
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    load_value(&file)
}

/// Expects exactly one fault and returns it.
fn fault(place: &str, value: Option<Value>) -> ContractFault {
    let mut faults = changed(place, value).expect_err(place);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}

#[test]
fn plain_signatures_are_demanded_only_by_a_contract_that_says_so() {
    let demands = |value: Option<Value>| {
        let contract = changed("/contract/plain_signatures", value).expect("a contract");
        contract.demands_plain_signatures()
    };
    assert!(!demands(None));
    assert!(!demands(Some(json!(false))));
    assert!(demands(Some(json!(true))));
    let wrong = fault("/contract/plain_signatures", Some(json!("yes")));
    assert!(matches!(wrong.fault, Fault::Form { .. }));
}

#[test]
fn a_contract_says_what_its_file_says() {
    let contract = load(PENSION.as_bytes()).expect("contract");
    assert_eq!(contract.id(), "pension-1");
    assert_eq!(
        contract.title(),
        "Pensions are granted without paper certificates"
    );
    assert_eq!(
        contract.consumer(),
        &Party::Subsystem("AZ/GOV/1002/PENSION".parse().expect("identity"))
    );
    assert_eq!(contract.provider().to_string(), "AZ/GOV/1001/POPULATION");
    assert_eq!(
        contract.service().to_string(),
        "AZ/GOV/1001/POPULATION/person"
    );
    assert_eq!(contract.service_code(), "person");
    assert_eq!(contract.contact(), "registry@population.example");
    let endpoints: Vec<String> = contract
        .endpoints()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        endpoints,
        [
            "GET /persons/*",
            "GET /persons/*/children/**",
            "POST /search",
            "GET /documents/a b/ə",
            "GET /forms/**"
        ]
    );
    assert_eq!(contract.endpoints()[0].query(), ["at"]);
    assert_eq!(contract.endpoints()[0].subjects()[0].place, Place::Path(1));
    assert!(contract.endpoints()[3].allows_semicolons());
    assert!(contract.endpoints()[3].subjects().is_empty());
    assert_eq!(
        contract
            .purposes()
            .find("appeal")
            .map(|found| &*found.title),
        Some("Deciding an appeal")
    );
    assert!(matches!(contract.legal_basis(), Grounds::Listed(listed) if listed.len() == 1));
    assert_eq!(contract.fields().map(|mask| mask.pointers().len()), Some(4));
    assert_eq!(
        (contract.quota().per_hour, contract.quota().per_day),
        (3, 5)
    );
    assert!(contract.hours().is_some() && !contract.is_read_only());
    assert_eq!(contract.evidence_mode(), EvidenceMode::Full);
    assert_eq!(
        (contract.start(), contract.end()),
        (UnixMillis(1_767_211_200_000), UnixMillis(1_798_747_200_000))
    );
}

#[test]
fn the_digest_is_that_of_the_meaning_not_of_the_layout() {
    let contract = load(PENSION.as_bytes()).expect("contract");
    assert_eq!(contract.canonical().first(), Some(&b'{'));
    let compact = load_value(&file()).expect("contract");
    assert_eq!(compact.digest(), contract.digest());
    // Another program's canonical form and digest of the same file.
    assert_eq!(
        contract.reference(),
        "pension-1@sBzsaiHTlLjyPu1nzUOMkcTJMHCJTYi7fPc7c1sjU2k"
    );
    let other = changed("/contract/title", Some(json!("Other"))).expect("contract");
    assert_ne!(other.digest(), contract.digest());
}

#[test]
fn what_this_version_can_not_enforce_is_refused() {
    for name in ["sealed", "consent", "user_token"] {
        let place = format!("/contract/{name}");
        let found = fault(&place, Some(json!(true)));
        assert_eq!(
            (found.place, found.fault),
            (place.clone(), Fault::NotEnforceable)
        );
        assert!(changed(&place, Some(json!(false))).is_ok());
    }
    for mode in ["batch", "Full", ""] {
        let found = fault("/contract/evidence", Some(json!(mode)));
        assert_eq!(found.fault, Fault::NotEnforceable, "{mode}");
    }
    let found = fault("/signatures", Some(json!([{}])));
    assert_eq!(
        (found.place.as_str(), found.fault),
        ("/signatures", Fault::Unchecked)
    );
    assert_eq!(fault("/signatures", None).fault, Fault::Absent);
    assert!(matches!(
        fault("/signatures", Some(json!({}))).fault,
        Fault::Form { .. }
    ));
}

#[test]
fn another_version_is_refused_by_name_and_alone() {
    let mut other = file();
    other["contract"] = json!({"version": 2, "parties": []});
    let faults = load_value(&other).expect_err("refused");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].fault, Fault::Version("2".to_owned()));
    assert!(matches!(
        fault("/contract/version", Some(json!("1"))).fault,
        Fault::Form { .. }
    ));
    assert_eq!(fault("/contract/version", None).fault, Fault::Absent);
}

#[test]
fn fields_are_either_known_or_refused() {
    for place in [
        "/comment",
        "/contract/comment",
        "/contract/consumer/class",
        "/contract/endpoints/0/rate",
        "/contract/endpoints/0/subjects/0/name",
        "/contract/purposes/0/until",
        "/contract/quota/per_month",
        "/contract/hours/zone",
    ] {
        let found = fault(place, Some(json!(null)));
        assert_eq!((found.place.as_str(), found.fault), (place, Fault::Unknown));
    }
}

#[test]
fn every_other_field_must_be_there() {
    let file = file();
    let contract = file["contract"].as_object().expect("object");
    for name in contract.keys().filter(|name| *name != "version") {
        let place = format!("/contract/{name}");
        let found = fault(&place, None);
        assert_eq!((found.place, found.fault), (place, Fault::Absent));
    }
}

#[test]
fn the_file_itself_is_judged_first() {
    let large = format!("{PENSION}{}", " ".repeat(CONTRACT_LIMIT_BYTES));
    let faults = load(large.as_bytes()).expect_err("refused");
    assert!(matches!(
        faults[..],
        [ContractFault {
            fault: Fault::TooLarge { .. },
            ..
        }]
    ));
    let twice = PENSION.replacen(
        "\"version\": 1,",
        "\"version\": 1, \"sealed\": true, \"sealed\": false,",
        1,
    );
    let faults = load(twice.as_bytes()).expect_err("refused");
    assert!(matches!(
        faults[..],
        [ContractFault {
            fault: Fault::NotJson(_),
            ..
        }]
    ));
    // A number too large for a canonical form hides no other fault.
    let mut huge = file();
    huge["contract"]["quota"]["per_day"] = json!(u64::MAX);
    huge["contract"]["title"] = json!("");
    let faults = load_value(&huge).expect_err("refused");
    let found: Vec<&str> = faults.iter().map(|fault| fault.place.as_str()).collect();
    assert_eq!(
        found,
        ["/contract", "/contract/title", "/contract/quota/per_day"]
    );
    let faults = load(b"[]").expect_err("refused");
    assert_eq!(
        faults[0].to_string(),
        "the file: an array stands there; write {\"contract\": {…}, \"signatures\": []}"
    );
}

/// All faults at once, as a person reads them. `UPDATE_GOLDEN=1` writes them anew.
#[test]
fn all_faults_are_told_at_once() {
    let text = include_str!("../../testdata/contracts/faulty.json");
    let faults = load(text.as_bytes()).expect_err("faults");
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let written = format!("{}\n", lines.join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/contracts/faulty.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &written).expect("faulty.txt");
        return;
    }
    let expected = std::fs::read_to_string(&path).expect("faulty.txt");
    assert_eq!(
        expected, written,
        "see the differences with UPDATE_GOLDEN=1 and git diff"
    );
}

/// The places of all values within a value.
fn places(value: &Value, place: &str, out: &mut Vec<String>) {
    out.push(place.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                places(member, &format!("{place}/{name}"), out);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{place}/{index}"), out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

proptest! {
    #[test]
    fn any_value_anywhere_is_loaded_or_told(
        which in any::<Index>(),
        value in crate::json::tests::any_value(),
    ) {
        let mut file = file();
        let mut all = Vec::new();
        places(&file, "", &mut all);
        let place = which.get(&all);
        *file.pointer_mut(place).expect("a place") = value;
        if let Err(faults) = load_value(&file) {
            prop_assert!(!faults.is_empty());
            prop_assert!(faults.iter().all(|fault| !fault.remedy.is_empty()));
        }
    }

    #[test]
    fn any_bytes_are_loaded_or_told(
        at in any::<Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = PENSION.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Err(faults) = load(&bytes) {
            prop_assert!(!faults.is_empty());
        }
    }
}
