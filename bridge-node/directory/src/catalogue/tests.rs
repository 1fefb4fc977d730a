use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge_core::contract::{SealedBy, Seals};
use serde_json::{Value, json};

use super::*;
use crate::moment::Moment;

pub(crate) const OWNER: &str = "AZ/GOV/1001";
pub(crate) const MINISTRY: &str = "AZ/GOV/9001";
pub(crate) const PERSON: &str = "AZ/GOV/1001/POPULATION/person";
const OTHER: &str = "AZ/GOV/2001/TAX/taxpayer";
pub(crate) const NOW: u64 = 1_800_000_000;

/// A seal is the name of who made it, the time, and the digest of the content.
pub(crate) struct Names;

impl Names {
    fn seal(by: &MemberId, document: &Document) -> Vec<u8> {
        format!("{by} {} {}", document.time.0, document.digest()).into_bytes()
    }
}

impl Seals for Names {
    fn check(&self, content: &[u8], seal: &[u8]) -> Result<SealedBy, String> {
        let text = std::str::from_utf8(seal).map_err(|error| error.to_string())?;
        let parts: Vec<&str> = text.split(' ').collect();
        let [by, time, digest] = parts[..] else {
            return Err("three words".to_owned());
        };
        if digest != crate::directory::base64url(&crate::metadata::sha256(content)) {
            return Err("another content".to_owned());
        }
        let member = by.parse().map_err(|_malformed| "no member".to_owned())?;
        Ok(SealedBy {
            member,
            time_s: time.parse().unwrap(),
        })
    }
}

pub(crate) fn filing(source_of: &[&str], asks: &[&str]) -> Filing {
    let told = |en: &str| Told {
        az: format!("{en}: əhali reyestri"),
        en: en.to_owned(),
    };
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Filing {
        kind: EntryKind::Service,
        version: "1.0.0".to_owned(),
        title: told("Person"),
        description: told("A person by code"),
        legal_basis: "Law on the population register, 12".to_owned(),
        holds: list(source_of),
        source_of: list(source_of),
        asks: list(asks),
        personal_data: true,
        operation: Operation::Operating,
        contact: "Register office".to_owned(),
        terms: None,
        openapi: None,
    }
}

pub(crate) fn said(entry: &mut Entry, by: &str, says: Says) -> Result<(), EntryFault> {
    let by = by.parse().unwrap();
    let document = entry.next(&by, Moment(NOW), says)?;
    let seal = Names::seal(&by, &document);
    entry.add(document, &seal, (&Names, NOW))
}

pub(crate) fn opinion() -> Says {
    Says::Opinion {
        supports: true,
        words: "nothing else holds it".to_owned(),
    }
}

pub(crate) fn reason(text: &str) -> String {
    text.to_owned()
}

/// An entry that is filed, and approved if that is wanted.
pub(crate) fn entry(id: &str, filing: Filing, is_approved: bool) -> Entry {
    let mut entry = Entry::new(id.parse().unwrap());
    let owner = entry.owner().to_string();
    said(&mut entry, &owner, Says::Filed(Box::new(filing))).unwrap();
    if is_approved {
        said(&mut entry, MINISTRY, opinion()).unwrap();
        said(&mut entry, MINISTRY, Says::Approved {}).unwrap();
    }
    entry
}

fn approved_only(entries: Vec<Entry>) -> Catalogue {
    let rules = Catalogue::default().with_rules(Services::ApprovedOnly, None);
    rules.with(entries).unwrap()
}

#[test]
fn an_entry_is_filed_judged_approved_assessed_and_retired_in_that_order_only() {
    let filed = || Says::Filed(Box::new(filing(&[], &[])));
    let refused = || Says::Refused {
        reason: reason("no legal basis"),
    };
    let assessed = || Says::Assessed {
        words: reason("in good order"),
    };
    let retired = || Says::Retired {
        reason: reason("the law has changed"),
    };
    let mut entry = Entry::new(PERSON.parse().unwrap());
    let cannot = |entry: &mut Entry, says: Says| {
        let before = entry.clone();
        let error = said(entry, MINISTRY, says).unwrap_err();
        assert!(matches!(error, EntryFault::Order { .. }), "{error}");
        assert_eq!(*entry, before);
    };
    for says in [
        opinion(),
        Says::Approved {},
        refused(),
        assessed(),
        retired(),
    ] {
        cannot(&mut entry, says);
    }
    said(&mut entry, OWNER, filed()).unwrap();
    assert_eq!(entry.word(), Word::Filed);
    cannot(&mut entry, Says::Approved {});
    cannot(&mut entry, assessed());
    said(&mut entry, MINISTRY, opinion()).unwrap();
    said(&mut entry, MINISTRY, refused()).unwrap();
    assert_eq!(entry.word(), Word::Refused);
    cannot(&mut entry, Says::Approved {});
    said(&mut entry, OWNER, filed()).unwrap();
    // The opinion was on what was filed before.
    cannot(&mut entry, Says::Approved {});
    said(&mut entry, MINISTRY, opinion()).unwrap();
    said(&mut entry, MINISTRY, Says::Approved {}).unwrap();
    assert_eq!(entry.word(), Word::Approved);
    said(&mut entry, MINISTRY, assessed()).unwrap();
    // A new version leaves the approved one in force until it is decided.
    said(&mut entry, OWNER, filed()).unwrap();
    assert_eq!(entry.word(), Word::Approved);
    assert!(entry.state().pending.is_some());
    said(&mut entry, OWNER, retired()).unwrap();
    assert_eq!(entry.word(), Word::Retired);
    cannot(&mut entry, assessed());
    assert_eq!(entry.documents().len(), 9);
    assert_eq!(Entry::parse(&entry.to_bytes()).unwrap(), entry);
}

#[test]
fn nothing_in_a_history_can_be_changed_left_out_repeated_or_moved() {
    let good = entry(PERSON, filing(&["person.address"], &[]), true);
    let file = String::from_utf8(good.to_bytes()).unwrap();
    let refused = |what: &str, value: &Value| {
        let bytes = value.to_string();
        assert!(Entry::parse(bytes.as_bytes()).is_err(), "{what}");
    };
    let value: Value = serde_json::from_str(&file).unwrap();
    for at in 0..3 {
        let mut without = value.clone();
        without["documents"].as_array_mut().unwrap().remove(at);
        // The last one may be missing: an older copy. That it is not published again the ceremony sees to.
        assert_eq!(
            Entry::parse(without.to_string().as_bytes()).is_ok(),
            at == 2,
            "without {at}"
        );
        let mut twice = value.clone();
        let one = twice["documents"][at].clone();
        twice["documents"].as_array_mut().unwrap().insert(at, one);
        refused("twice", &twice);
    }
    let mut swapped = value.clone();
    swapped["documents"].as_array_mut().unwrap().swap(1, 2);
    refused("swapped", &swapped);
    let mut moved = value.clone();
    moved["id"] = json!("AZ/GOV/1001/POPULATION/other");
    refused("another entry's history", &moved);
    let mut changed = value.clone();
    changed["documents"][0]["document"]["says"]["filed"]["contact"] = json!("Another office");
    refused("changed words", &changed);
    for text in [
        file.replacen("\"number\":1", "\"number\":1,\"number\":1", 1),
        file.replacen("\"number\":1", "\"more\":1,\"number\":1", 1),
        file.replacen(DOCUMENT_TYPE, "bridge-contract-statement-v1", 1),
    ] {
        assert_ne!(text, file);
        assert!(Entry::parse(text.as_bytes()).is_err());
    }
    // Changed in the last one nothing in the chain tells it: the seal does.
    let mut last = value;
    last["documents"][2]["document"]["time"] = json!("2027-01-15T08:00:01Z");
    let last = Entry::parse(last.to_string().as_bytes()).unwrap();
    let error = last.check_seals(0, &Names, NOW).unwrap_err();
    assert!(
        matches!(error, EntryFault::Seal { number: 3, .. }),
        "{error}"
    );
}

#[test]
fn only_the_owner_files_and_a_wrong_seal_does_not_count() {
    let mut entry = Entry::new(PERSON.parse().unwrap());
    let filed = || Says::Filed(Box::new(filing(&[], &[])));
    let error = said(&mut entry, "AZ/GOV/2001", filed()).unwrap_err();
    assert!(matches!(error, EntryFault::NotYours { .. }), "{error}");
    let (owner, stranger): (MemberId, MemberId) =
        (OWNER.parse().unwrap(), "AZ/GOV/2001".parse().unwrap());
    let document = entry.next(&owner, Moment(NOW), filed()).unwrap();
    let other = entry.next(&owner, Moment(NOW + 1), filed()).unwrap();
    let late = entry.next(&owner, Moment(NOW + 120), filed()).unwrap();
    let cases = [
        (document.clone(), Names::seal(&stranger, &document)),
        (document.clone(), Names::seal(&owner, &other)),
        (document.clone(), b"none".to_vec()),
        (late.clone(), Names::seal(&owner, &late)),
    ];
    for (document, seal) in cases {
        let error = entry.add(document, &seal, (&Names, NOW)).unwrap_err();
        assert!(matches!(error, EntryFault::Seal { .. }), "{error}");
        assert!(entry.documents().is_empty());
    }
    let seal = Names::seal(&owner, &document);
    entry.add(document, &seal, (&Names, NOW)).unwrap();
    // What is written in a file is believed no sooner.
    let mut value: Value = serde_json::from_slice(&entry.to_bytes()).unwrap();
    value["documents"][0]["seal"] = json!(STANDARD.encode("forged"));
    let forged = Entry::parse(value.to_string().as_bytes()).unwrap();
    assert!(forged.check_seals(0, &Names, NOW).is_err());
}

#[test]
fn a_seal_a_history_and_a_catalogue_have_their_longest() {
    let mut entry = Entry::new(PERSON.parse().unwrap());
    let filed = || Says::Filed(Box::new(filing(&[], &[])));
    let owner: MemberId = OWNER.parse().unwrap();
    let document = entry.next(&owner, Moment(NOW), filed()).unwrap();
    let longest = vec![b'x'; entry::SEAL_LIMIT_BYTES / 4 * 3];
    let fault = |seal: &[u8]| {
        let mut entry = entry.clone();
        entry
            .add(document.clone(), seal, (&Names, NOW))
            .unwrap_err()
    };
    let error = fault(&longest);
    assert!(matches!(error, EntryFault::Seal { .. }), "{error}");
    let error = fault(&[longest.as_slice(), b"x"].concat());
    let what = "bytes in a seal";
    let is_it = matches!(error, EntryFault::TooLarge { what: of, limit } if of == what && limit == entry::SEAL_LIMIT_BYTES);
    assert!(is_it, "{error}");

    for _ in 0..DOCUMENTS_LIMIT {
        said(&mut entry, OWNER, filed()).unwrap();
    }
    let is_full = |error: &EntryFault| matches!(error, EntryFault::TooLarge { what: "documents", limit } if *limit == DOCUMENTS_LIMIT);
    let error = said(&mut entry, OWNER, filed()).unwrap_err();
    assert!(is_full(&error), "{error}");
    assert_eq!(Entry::parse(&entry.to_bytes()).unwrap(), entry);
    let mut more: Value = serde_json::from_slice(&entry.to_bytes()).unwrap();
    let last = more["documents"][DOCUMENTS_LIMIT - 1].clone();
    more["documents"].as_array_mut().unwrap().push(last);
    let error = Entry::parse(more.to_string().as_bytes()).unwrap_err();
    assert!(is_full(&error), "{error}");

    let mut large = vec![b' '; CATALOGUE_LIMIT_BYTES];
    let error = Catalogue::parse(&large).unwrap_err();
    assert!(matches!(error, CatalogueFault::Shape(_)), "{error}");
    large.push(b' ');
    let error = Catalogue::parse(&large).unwrap_err();
    assert!(matches!(error, CatalogueFault::TooLarge), "{error}");
}

#[test]
fn hostile_filings_are_refused_by_the_name_of_their_field() {
    let mut cases: Vec<(&str, Filing)> = Vec::new();
    let mut case = |field, change: &dyn Fn(&mut Filing)| {
        let mut filing = filing(&["person.address"], &["person.name"]);
        change(&mut filing);
        cases.push((field, filing));
    };
    case("title", &|f| f.title.az = "<b>Əhali</b>".to_owned());
    case("title", &|f| f.title.en = "Person\u{202e}".to_owned());
    case("title", &|f| f.title.en = "x".repeat(LINE_LIMIT + 1));
    case("description", &|f| f.description.en = "one\ntwo".to_owned());
    case("description", &|f| {
        f.description.az = "ə".repeat(TEXT_LIMIT + 1);
    });
    case("legal_basis", &|f| f.legal_basis = "  ".to_owned());
    case("contact", &|f| f.contact = "\u{1b}[2Koffice".to_owned());
    case("version", &|f| f.version = String::new());
    case("terms", &|f| {
        f.terms = Some(Told {
            az: "şərtlər".to_owned(),
            en: "<script>".to_owned(),
        });
    });
    case("holds", &|f| f.holds.push("person.address".to_owned()));
    case("source_of", &|f| f.source_of.push("person.tax".to_owned()));
    case("source_of", &|f| f.kind = EntryKind::Resource);
    case("openapi", &|f| f.openapi = Some("short".to_owned()));
    case("asks", &|f| {
        let many = 0..=ATTRIBUTES_LIMIT;
        f.asks = many.map(|n| format!("person.a{n}")).collect();
    });
    for name in [
        "address",
        "Person.address",
        "person..x",
        "person.ünvan",
        "a.b c",
        ".a",
    ] {
        case("asks", &|f| f.asks = vec![name.to_owned()]);
    }
    assert_eq!(cases.len(), 20);
    for (field, filing) in cases {
        let mut entry = Entry::new(PERSON.parse().unwrap());
        let error = said(&mut entry, OWNER, Says::Filed(Box::new(filing))).unwrap_err();
        let is_it = matches!(error, EntryFault::Value { field: found, .. } if found == field);
        assert!(is_it, "{field}: {error}");
    }
    let large = vec![b' '; ENTRY_LIMIT_BYTES + 1];
    let error = Entry::parse(&large).unwrap_err();
    assert!(matches!(error, EntryFault::TooLarge { .. }), "{error}");
}

#[test]
fn an_attribute_has_one_source_and_a_second_claim_is_refused_with_the_name_of_the_holder() {
    let holder = entry(
        PERSON,
        filing(&["person.address", "person.name"], &[]),
        true,
    );
    let catalogue = approved_only(vec![holder.clone()]);
    assert_eq!(catalogue.source("person.address").unwrap().id, holder.id);
    assert!(catalogue.source("person.income").is_none());
    // To file a claim is nobody's harm; approved it can't be.
    let waiting = entry(OTHER, filing(&["person.address"], &[]), false);
    catalogue.with(vec![waiting]).unwrap();
    let claimant = entry(OTHER, filing(&["person.address"], &[]), true);
    let error = catalogue.with(vec![claimant.clone()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("person.address has a source already: {PERSON}; {OTHER} can't be another")
    );
    // Handed over and approved in one step.
    let mut released = holder;
    let transfer = || Says::Transferred {
        attributes: vec!["person.address".to_owned()],
        to: OTHER.parse().unwrap(),
        reason: reason("decree of 1 May"),
    };
    said(&mut released, MINISTRY, transfer()).unwrap();
    let error = said(&mut released, MINISTRY, transfer()).unwrap_err();
    assert!(matches!(error, EntryFault::Order { .. }), "{error}");
    let after = catalogue.with(vec![released, claimant.clone()]).unwrap();
    assert_eq!(after.source("person.address").unwrap().id, claimant.id);
    assert_eq!(after.source("person.name").unwrap().id.as_str(), PERSON);
    assert_eq!(Catalogue::parse(after.to_text().as_bytes()).unwrap(), after);
}

#[test]
fn only_approved_services_are_routed_where_the_officers_say_so() {
    let approved = entry(PERSON, filing(&[], &[]), true);
    let waiting = entry(OTHER, filing(&[], &[]), false);
    let mut resource = filing(&[], &[]);
    resource.kind = EntryKind::Resource;
    let resource = entry("AZ/GOV/1001/POPULATION/register", resource, true);
    let mut retired = approved.clone();
    let end = Says::Retired {
        reason: reason("replaced"),
    };
    said(&mut retired, OWNER, end).unwrap();
    let ids = [&approved.id, &waiting.id, &resource.id].map(Clone::clone);
    let catalogue = approved_only(vec![approved, waiting, resource]);
    let unknown: ServiceId = "AZ/GOV/1001/POPULATION/unknown".parse().unwrap();
    let routed = |catalogue: &Catalogue| {
        let asked = ids.iter().chain([&unknown]);
        asked
            .map(|id| catalogue.check_routed(id))
            .collect::<Vec<_>>()
    };
    let not = Err(NotRouted::NotApproved);
    assert_eq!(routed(&catalogue), [Ok(()), not, not, not]);
    let catalogue = catalogue.with(vec![retired]).unwrap();
    assert_eq!(routed(&catalogue), [Err(NotRouted::Retired), not, not, not]);
    let any = catalogue.with_rules(Services::Any, None);
    assert_eq!(routed(&any), [Ok(()); 4]);
    assert_eq!(routed(&Catalogue::default()), [Ok(()); 4]);
}

#[test]
fn once_only_lists_who_asks_for_what_another_service_is_the_source_of() {
    let asks = ["person.address", "person.shoe-size", "taxpayer.debt"];
    let source = entry(PERSON, filing(&["person.address"], &[]), true);
    let asking = entry(OTHER, filing(&["taxpayer.debt"], &asks), true);
    let waiting = entry("AZ/GOV/2001/TAX/later", filing(&[], &asks), false);
    let catalogue = approved_only(vec![source, asking, waiting]);
    let found: Vec<_> = catalogue
        .once_only()
        .iter()
        .map(|one| {
            (
                one.asking.id.as_str(),
                one.attribute,
                one.source.id.as_str(),
            )
        })
        .collect();
    // Nobody is the source of a shoe size; of its own debts the asking service is; what waits is not in use.
    assert_eq!(found, [(OTHER, "person.address", PERSON)]);
}

#[test]
fn a_catalogue_that_is_no_catalogue_is_refused() {
    let good = approved_only(vec![entry(PERSON, filing(&[], &[]), true)]);
    let mut twice: Value = serde_json::from_str(&good.to_text()).unwrap();
    let one = twice["entries"][0].clone();
    twice["entries"].as_array_mut().unwrap().push(one);
    let mut empty = twice.clone();
    empty["entries"] = json!([{ "id": PERSON, "documents": [] }]);
    for text in [
        twice.to_string(),
        empty.to_string(),
        good.to_text().replace("approved-only", "approved"),
        good.to_text().replace("\"services\"", "\"service\""),
        "{".to_owned(),
    ] {
        assert!(Catalogue::parse(text.as_bytes()).is_err(), "{text}");
    }
}
