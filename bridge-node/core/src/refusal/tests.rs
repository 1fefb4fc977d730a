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
         message.\n# UPDATE_GOLDEN=1 cargo test -p bridge-core writes this file anew.\n",
    );
    for refusal in Refusal::samples() {
        let retry = refusal
            .retry_after()
            .map_or_else(|| "-".to_owned(), |s| s.to_string());
        write!(
            table,
            "\n{} {}\n{} {} {retry}\n{}\n",
            refusal.code(Side::Consumer),
            refusal.code(Side::Provider),
            refusal.status(),
            refusal.fault().as_str(),
            refusal.message()
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
    let mut found: [BTreeSet<String>; 5] = Default::default();
    let [parts, identities, segments, queries, stops] = &mut found;
    for error in inner!(samples, Malformed) {
        if let TargetError::Identity(error) = error {
            identities.extend(sampled([error]));
            if let IdentityError::Part { fault, .. } = error {
                parts.extend(sampled([fault]));
            }
        } else if let TargetError::Segment { fault, .. } = error {
            segments.extend(sampled([fault]));
        } else if let TargetError::Query { fault, .. } = error {
            queries.extend(sampled([fault]));
        }
    }
    for fault in inner!(samples, Node) {
        if let NodeFault::Stopped { what, .. } = fault {
            stops.extend(sampled([what]));
        }
    }
    let declared = [
        declared(identity, "PartFault"),
        declared(identity, "IdentityError"),
        declared(edge, "SegmentFault"),
        declared(edge, "QueryFault"),
        declared(include_str!("node.rs"), "Stop"),
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
fn types_have_their_older_names() {
    let table = [
        (
            Refusal::NoContract {
                provider: "a/b/c/d".parse().unwrap(),
            },
            "AccessDenied",
        ),
        (
            Refusal::Node(NodeFault::DirectoryMissing),
            "OutdatedGlobalConf",
        ),
        (Refusal::Link(LinkFault::Cut), "IOError"),
        (
            Refusal::Service(ServiceFault::Unreachable),
            "ServiceFailed.NetworkError",
        ),
        (Refusal::Service(ServiceFault::Cut), "ServiceFailed.IOError"),
        (
            Refusal::Caller(CallerFault::NotOwner),
            "SslAuthenticationFailed",
        ),
    ];
    for (refusal, name) in table {
        assert_eq!(
            refusal.old_code(Side::Provider),
            format!("Server.ServerProxy.{name}")
        );
        assert_eq!(
            refusal.old_code(Side::Consumer),
            format!("Server.ClientProxy.{name}")
        );
    }
}

#[test]
fn a_hidden_service_is_refused_as_an_unknown_one() {
    let [hidden, unknown] = [Unknown::Hidden, Unknown::Service].map(Refusal::Unknown);
    for side in SIDES {
        assert_eq!(hidden.code(side), unknown.code(side));
        assert_eq!(hidden.old_code(side), unknown.old_code(side));
    }
    assert_eq!(hidden.status(), unknown.status());
    assert_eq!(hidden.message(), unknown.message());
    assert_eq!(hidden.retry_after(), unknown.retry_after());
}

#[test]
fn every_refusal_but_401_explains() {
    for refusal in Refusal::samples() {
        let message = refusal.message();
        let explains = ["Rule: ", "Who can change this: ", "What would help: "]
            .iter()
            .all(|part| message.contains(part));
        assert_eq!(explains, refusal.status() != 401, "{message}");
        assert!(
            message.ends_with('.') && !message.contains(".. "),
            "{message}"
        );
        assert!(
            message.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{message}"
        );
        assert_eq!(message, refusal.to_string());
    }
}

#[test]
fn a_refusal_names_the_contract_the_contact_and_both_clocks() {
    let contract = ContractName {
        id: "C-1".to_owned(),
        contact: "dpo@a.example".to_owned(),
    };
    let denied = Refusal::Denied {
        rule: Denial::ReadOnly,
        contract: contract.clone(),
    };
    assert!(denied.message().contains("Contract C-1"));
    assert!(denied.message().contains("ask dpo@a.example"));
    let quota = Refusal::Quota {
        contract,
        per: "hour",
        limit: 10,
        retry_after_s: 7,
    };
    assert_eq!(quota.retry_after(), Some(7));
    assert!(quota.message().contains("10 requests per hour"));
    let late = PeerFault::NotFresh {
        created_s: 0,
        expires_s: 60,
        now_s: u64::MAX,
    };
    let late = Refusal::PeerRequest(late).message();
    assert!(late.contains("1970-01-01T00:00:00Z") && late.contains("1970-01-01T00:01:00Z"));
    assert!(late.contains("18446744073709551615 s after 1970"), "{late}");
    let versions = Refusal::ContractVersions {
        ours: Some("C@a".into()),
        theirs: "C@b".into(),
    };
    assert!(versions.message().contains("C@a") && versions.message().contains("C@b"));
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
