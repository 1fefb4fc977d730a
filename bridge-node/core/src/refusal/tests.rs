use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::*;
use crate::identity::IdentityError;

const SIDES: [Side; 2] = [Side::Consumer, Side::Provider];

/// Prints the table of all refusals.
fn table() -> String {
    let mut table = String::from(
        "# Every refusal: type at the consumer's node, at the provider's; status, fault, Retry-After; \
         the message in English, in Azerbaijani.\n# UPDATE_GOLDEN=1 cargo test -p bridge-core writes this file anew.\n",
    );
    for refusal in Refusal::samples() {
        let retry = refusal
            .retry_after()
            .map_or_else(|| "-".to_owned(), |s| s.to_string());
        write!(
            table,
            "\n{} {}\n{} {} {retry}\nen: {}\naz: {}\n",
            refusal.code(Side::Consumer),
            refusal.code(Side::Provider),
            refusal.status(),
            refusal.fault().as_str(),
            refusal.message(Language::English),
            refusal.message(Language::Azerbaijani),
        )
        .unwrap();
    }
    table
}

#[test]
fn the_table_of_refusals_is_the_golden_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/refusals.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, table()).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (line, (found, expected)) in table().lines().zip(golden.lines()).enumerate() {
        assert_eq!(
            found,
            expected,
            "line {} of testdata/refusals.txt",
            line + 1
        );
    }
    assert_eq!(
        table().len(),
        golden.len(),
        "testdata/refusals.txt has other refusals"
    );
}

/// Returns the variants of an enum as its source declares them.
fn declared(source: &str, name: &str) -> BTreeSet<String> {
    let begin = format!("pub enum {name} {{\n");
    let body = source
        .split_once(&begin)
        .unwrap_or_else(|| panic!("no enum {name}"))
        .1;
    let body = body.split_once("\n}\n").unwrap().0;
    body.lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .map(word)
        .collect()
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect()
}

/// Returns the variants that occur among values, by their debug text.
fn sampled<'a, T: fmt::Debug + 'a>(values: impl IntoIterator<Item = &'a T>) -> BTreeSet<String> {
    values
        .into_iter()
        .map(|value| word(&format!("{value:?}")))
        .collect()
}

macro_rules! inner {
    ($samples:expr, $($variant:ident)|+) => {
        $samples.iter().filter_map(|refusal| match refusal {
            $(Refusal::$variant(inner) => Some(inner),)+
            _ => None,
        })
    };
}

#[test]
fn no_variant_is_missing_from_the_table() {
    let samples = Refusal::samples();
    let edge = include_str!("../target/error.rs");
    let fields = include_str!("../fields/error.rs");
    let request = include_str!("request.rs");
    let rules = samples.iter().filter_map(|refusal| {
        if let Refusal::Denied { rule, .. } = refusal {
            Some(rule)
        } else {
            None
        }
    });
    let found = [
        (include_str!("../refusal.rs"), "Refusal", sampled(&samples)),
        (edge, "TargetError", sampled(inner!(samples, Malformed))),
        (fields, "FieldError", sampled(inner!(samples, Field))),
        (request, "RequestFault", sampled(inner!(samples, Request))),
        (request, "CallerFault", sampled(inner!(samples, Caller))),
        (request, "Unknown", sampled(inner!(samples, Unknown))),
        (include_str!("policy.rs"), "Denial", sampled(rules)),
        (
            include_str!("peer.rs"),
            "PeerFault",
            sampled(inner!(samples, PeerRequest)),
        ),
        (
            include_str!("peer.rs"),
            "PeerFault",
            sampled(inner!(samples, PeerAnswer)),
        ),
        (
            include_str!("link.rs"),
            "LinkFault",
            sampled(inner!(samples, Link)),
        ),
        (
            include_str!("service.rs"),
            "ServiceFault",
            sampled(inner!(samples, Service)),
        ),
        (
            include_str!("node.rs"),
            "NodeFault",
            sampled(inner!(samples, Node)),
        ),
    ];
    for (source, name, sampled) in found {
        assert_eq!(declared(source, name), sampled, "{name}");
        assert!(!sampled.is_empty());
    }
}

#[test]
fn no_inner_variant_is_missing_from_the_table() {
    let samples = Refusal::samples();
    let edge = include_str!("../target/error.rs");
    let identity = include_str!("../identity/part.rs");
    let mut found: [BTreeSet<String>; 8] = Default::default();
    let [
        parts,
        roles,
        identities,
        segments,
        queries,
        forms,
        stops,
        cuts,
    ] = &mut found;
    for error in inner!(samples, Malformed) {
        if let TargetError::Identity(error) = error {
            identities.extend(sampled([error]));
            if let IdentityError::Part { part, fault } = error {
                parts.extend(sampled([fault]));
                roles.extend(sampled([part]));
            }
        } else if let TargetError::Segment { fault, .. } = error {
            segments.extend(sampled([fault]));
        } else if let TargetError::Query { fault, .. } = error {
            queries.extend(sampled([fault]));
        } else if let TargetError::Metadata { takes } = error {
            forms.extend(sampled([takes]));
        }
    }
    for fault in inner!(samples, Node) {
        if let NodeFault::Stopped { what, .. } = fault {
            stops.extend(sampled([what]));
        }
    }
    for fault in inner!(samples, Service) {
        if let ServiceFault::FieldsNotEnforceable { reason } = fault {
            cuts.extend(sampled([reason]));
        }
    }
    let declared = [
        declared(identity, "PartFault"),
        declared(identity, "PartRole"),
        declared(identity, "IdentityError"),
        declared(edge, "SegmentFault"),
        declared(edge, "QueryFault"),
        declared(edge, "MetadataForm"),
        declared(include_str!("order.rs"), "Stop"),
        declared(include_str!("service.rs"), "NotCut"),
    ];
    assert_eq!(found, declared);
}

#[test]
fn statuses_are_those_of_the_protocol() {
    let allowed = [
        400, 401, 403, 404, 409, 413, 415, 422, 429, 431, 500, 502, 503, 504,
    ];
    for refusal in Refusal::samples() {
        let status = refusal.status();
        assert!(allowed.contains(&status), "{refusal:?}");
        assert_eq!(status == 500, refusal == Refusal::Node(NodeFault::Internal));
        if status == 429 || status == 503 {
            assert!(
                refusal.retry_after().is_some_and(|seconds| seconds > 0),
                "{refusal:?}"
            );
        }
        if status == 503 {
            assert!(
                matches!(refusal, Refusal::Node(_)),
                "503 is this node's own: {refusal:?}"
            );
        }
        // Trying a refused request again unchanged must not be suggested.
        if matches!(status, 400 | 401 | 403 | 404 | 413 | 415 | 422 | 431) {
            assert_eq!(refusal.retry_after(), None, "{refusal:?}");
        }
    }
}

#[test]
fn types_name_the_node_that_refuses() {
    for refusal in Refusal::samples() {
        let [consumer, provider] = SIDES.map(|side| refusal.code(side));
        let suffix = consumer.strip_prefix("server.clientproxy.").unwrap();
        assert_eq!(provider.strip_prefix("server.serverproxy."), Some(suffix));
        assert!(
            suffix
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'.')),
            "{suffix}"
        );
    }
}

#[test]
fn no_two_types_have_one_older_name() {
    let samples = Refusal::samples();
    let types: BTreeSet<&str> = SIDES
        .iter()
        .flat_map(|side| samples.iter().map(|refusal| refusal.code(*side)))
        .collect();
    let older: BTreeSet<String> = types.iter().map(|name| camel_case(name)).collect();
    assert_eq!(older.len(), types.len());
    assert!(
        older
            .iter()
            .all(|name| name.starts_with("Server.") && !name.contains('_'))
    );
}

#[test]
fn a_hidden_service_is_refused_as_an_unknown_one() {
    let [hidden, unknown] = [Unknown::Hidden, Unknown::Service].map(Refusal::Unknown);
    for side in SIDES {
        assert_eq!(hidden.code(side), unknown.code(side));
    }
    assert_eq!(hidden.status(), unknown.status());
    for language in Language::ALL {
        assert_eq!(hidden.message(language), unknown.message(language));
    }
    assert_eq!(hidden.retry_after(), unknown.retry_after());
}

#[test]
fn every_refusal_but_401_explains_in_both_languages() {
    let labels = [
        (
            Language::English,
            ["Rule: ", "Who can change this: ", "What would help: "],
        ),
        (
            Language::Azerbaijani,
            ["Qayda: ", "Bunu kim dəyişə bilər: ", "Nə etmək olar: "],
        ),
    ];
    for refusal in Refusal::samples() {
        for (language, labels) in labels {
            let message = refusal.message(language);
            let explains = labels.iter().all(|part| message.contains(part));
            assert_eq!(explains, refusal.status() != 401, "{message}");
            assert!(
                message.ends_with('.') && !message.contains(".. ") && !message.contains("  "),
                "{message}"
            );
        }
        let english = refusal.message(Language::English);
        assert!(english.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        assert_eq!(english, refusal.to_string());
    }
}

/// Returns the words of a message that are neither inserted values nor names of the wire.
fn plain_words(message: &str) -> impl Iterator<Item = &str> {
    let of_the_wire = |word: &&str| {
        word.is_ascii() && word.contains(|c: char| !c.is_ascii_lowercase())
            || word.contains(['/', '@', '{', '#', '\''])
    };
    message
        .split(' ')
        .map(|word| word.trim_matches(|c: char| "().,:;".contains(c)))
        .filter(move |word| !word.is_empty() && !of_the_wire(word))
}

#[test]
fn azerbaijani_is_written_in_its_own_letters_and_english_words_are_not_left_in_it() {
    let alphabet = "abcçdeəfgğhxıijkqlmnoöprsştuüvyzABCÇDEƏFGĞHXIİJKQLMNOÖPRSŞTUÜVYZ-";
    for refusal in Refusal::samples() {
        let english = refusal.message(Language::English);
        let english: BTreeSet<&str> = plain_words(&english).collect();
        let azerbaijani = refusal.message(Language::Azerbaijani);
        for word in plain_words(&azerbaijani) {
            assert!(
                word.chars().all(|c| alphabet.contains(c)),
                "{word}: {azerbaijani}"
            );
            // Names of the wire in small letters, a query's name and the hours of a contract.
            let same = [
                "at",
                "detail",
                "status",
                "keep-alive",
                "close",
                "chunked",
                "mon-fri",
            ];
            assert!(
                same.contains(&word) || !english.contains(word),
                "{word}: {azerbaijani}"
            );
        }
    }
}

/// Returns the values that a message holds besides its words: whatever has a digit, a slash or an at sign.
fn values(message: &str) -> Vec<&str> {
    let mut values: Vec<&str> = message
        .split([' ', '(', ')', ',', ';'])
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| word.contains(|c: char| c.is_ascii_digit() || "/@".contains(c)))
        .collect();
    values.sort_unstable();
    values
}

#[test]
fn both_languages_say_the_same_values() {
    for refusal in Refusal::samples() {
        let [english, azerbaijani] = Language::ALL.map(|language| refusal.message(language));
        assert_eq!(values(&english), values(&azerbaijani), "{azerbaijani}");
    }
}

#[test]
fn a_refusal_names_the_contract_the_contact_and_both_clocks() {
    let contract = ContractName {
        id: "C-1".to_owned(),
        reference: "C-1@digest".to_owned(),
        contact: "dpo@a.example".to_owned(),
    };
    let denied = Refusal::Denied {
        rule: Denial::ReadOnly,
        contract: contract.clone(),
    };
    assert!(denied.message(Language::English).contains("Contract C-1"));
    assert!(
        denied
            .message(Language::English)
            .contains("ask dpo@a.example")
    );
    let quota = Refusal::Quota {
        contract,
        per: Window::Hour,
        limit: 10,
        retry_after_s: 7,
    };
    assert_eq!(quota.retry_after(), Some(7));
    assert!(
        quota
            .message(Language::English)
            .contains("10 requests per hour")
    );
    let late = PeerFault::NotFresh {
        created_s: 0,
        expires_s: 60,
        now_s: u64::MAX,
    };
    let late = Refusal::PeerRequest(late).message(Language::English);
    assert!(late.contains("1970-01-01T00:00:00Z") && late.contains("1970-01-01T00:01:00Z"));
    assert!(
        late.contains("1970-01-01T00:00:00Z + 18446744073709551615 s"),
        "{late}"
    );
    let versions = Refusal::ContractVersions {
        ours: Some("C@a".into()),
        theirs: "C@b".into(),
    };
    assert!(
        ["C@a", "C@b"]
            .iter()
            .all(|name| versions.message(Language::English).contains(name))
    );
}

#[test]
fn edge_errors_become_refusals() {
    let refusal = Refusal::from(TargetError::UnknownPath);
    assert_eq!((refusal.status(), refusal.fault()), (400, Fault::Caller));
    let refusal = Refusal::from(FieldError::Missing {
        name: "X-Road-Client",
    });
    assert_eq!(
        refusal.code(Side::Consumer),
        "server.clientproxy.missing_header_field"
    );
}

#[test]
fn a_full_peer_is_believed_in_nothing_but_that_it_refused() {
    let full = "server.serverproxy.overloaded";
    for (status, said, wait, expected) in [
        (503, Some(full), Some("7"), Some(7)),
        (503, Some(full), Some("0"), Some(1)),
        (503, Some(full), Some("86400"), Some(60)),
        (503, Some(full), Some("4294967296"), Some(5)),
        (
            503,
            Some(full),
            Some("Sun, 06 Nov 2044 08:49:37 GMT"),
            Some(5),
        ),
        (503, Some(full), Some("-1"), Some(5)),
        (503, Some(full), None, Some(5)),
        (500, Some(full), Some("7"), None),
        (503, Some("server.clientproxy.overloaded"), Some("7"), None),
        (
            503,
            Some("server.serverproxy.logging_failed"),
            Some("7"),
            None,
        ),
        (503, None, Some("7"), None),
    ] {
        let fault = LinkFault::unsigned(status, said, wait);
        let refusal = Refusal::Link(fault);
        let own = refusal.code(Side::Consumer);
        let (code, seconds) = match expected {
            Some(seconds) => ("server.clientproxy.peer_overloaded", seconds),
            None => ("server.clientproxy.service_failed", 5),
        };
        assert_eq!((own, refusal.status()), (code, 502), "{said:?} {wait:?}");
        assert_eq!(refusal.retry_after(), Some(seconds), "{said:?} {wait:?}");
    }
}
