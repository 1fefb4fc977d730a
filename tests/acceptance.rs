//! The acceptance list of the field, line by line: which scenario shows it, or what is still open.
//!
//! The map is `golden/acceptance.txt`; `UPDATE_GOLDEN=1` writes it anew. A scenario counts by its name: `sNN_…`.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its own sources has failed"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use bridge_core::leaf::Side;
use bridge_core::refusal::Refusal;

/// The list's lines, in our words.
const LINES: [&str; 84] = [
    "REST methods pass body, query and fields unchanged",
    "message id kept, made when absent",
    "percent-encoded id parts find the right service",
    "empty relative path, trailing slash",
    "binary body of tens of MB, byte-identical",
    "chunked and counted bodies, right length",
    "one Date, no hop-by-hop fields, secrets kept",
    "provider's own statuses, no X-Road-Error",
    "request hash, provider's X-Road fields overwritten",
    "SOAP call, request hash",
    "SOAP attachments, MTOM",
    "SOAP text forms, BOM, charsets",
    "SOAPAction",
    "SOAP provider fault",
    "security-server field picks the node",
    "address that resolves is chosen among several",
    "no client, malformed client, short path",
    "unknown client, client of another node, disabled client",
    "unknown member, unknown service",
    "SOAP wrong method, wrong type",
    "SOAP missing headers",
    "SOAP duplicate headers, malformed bodies",
    "SOAP multipart faults",
    "error body in JSON and by Accept in XML, its field, unique detail",
    "access denied, granted by subsystem and groups",
    "endpoint rights, encoded escapes",
    "disabled service, service of the other kind",
    "unsigned message, wrong signer, other bytes",
    "ids swapped in an answer",
    "peer closes at three points, malformed answers",
    "peer answers 500, registry not there",
    "registry drops the connection mid-body",
    "peer in maintenance",
    "peer of a version too old",
    "TLS certificate of another member",
    "peer certificate untrusted, expired, revoked",
    "information system's certificate right, wrong, missing, expired",
    "plain HTTP where TLS is required",
    "registry's certificate known, unknown",
    "fastest node, all unreachable",
    "signing fails, then recovers",
    "OCSP states",
    "directory expired, both roles, recovery",
    "directory tampered with",
    "directory keys rotated",
    "federation",
    "authority down: traffic runs, then stops",
    "key kinds in parallel, batch signatures",
    "certificate import faults",
    "ACME",
    "time-stamps of one, two, three messages",
    "batch over the limit",
    "immediate time-stamps",
    "time-stamp authority down and back",
    "several time-stamp authorities",
    "journal full or unavailable refuses",
    "archive",
    "found by query id",
    "proofs accept, and fail on every flip",
    "body logging off, encryption, key rotation",
    "body over the limit",
    "registration of nodes and clients",
    "management requests refused",
    "owner, address, client changes",
    "members, groups, classes",
    "trust services",
    "anchors and parts",
    "admin rights matrix",
    "API keys",
    "sessions, lockout, headers",
    "service descriptions added and refreshed",
    "local groups, rights in bulk",
    "internal key, parameters",
    "backup and restore",
    "size and rate limits",
    "operational records",
    "monitoring down",
    "health check states",
    "environment metrics",
    "audit record of each change",
    "diagnostics",
    "flood: known partners still connect",
    "cluster",
    "upgrade and mixed versions",
];

/// What no scenario shows yet, and the topic that will bring it. A line may stand here and have scenarios: then a part is open.
const OPEN: &[(u8, &str)] = &[
    (10, "SOAP"),
    (11, "SOAP"),
    (12, "SOAP"),
    (13, "SOAP"),
    (14, "SOAP"),
    (20, "SOAP"),
    (21, "SOAP"),
    (22, "SOAP"),
    (23, "SOAP"),
    (27, "SOAP: service of the other kind"),
    (33, "several nodes of one member: another node is asked"),
    (36, "certificate status: revoked"),
    (39, "registries over TLS"),
    (40, "several nodes of one member: the fastest"),
    (41, "keys on tokens"),
    (46, "federation"),
    (49, "certificates: requests"),
    (50, "certificates: renewal"),
    (51, "SOAP"),
    (53, "no exchange waits for a time-stamp of its own"),
    (57, "archive"),
    (60, "erasure, change of the evidence key"),
    (63, "registration: revoked certificates"),
    (65, "registration"),
    (66, "registration"),
    (67, "directory: administration"),
    (68, "console"),
    (69, "console: keys made and withdrawn"),
    (70, "console"),
    (71, "console"),
    (72, "console"),
    (73, "console"),
    (74, "backup"),
    (76, "metrics"),
    (77, "metrics"),
    (78, "certificate status, time-stamps"),
    (79, "metrics"),
    (80, "console"),
    (81, "diagnostics: time-stamps, certificate status"),
    (82, "overload: descriptors"),
    (83, "several nodes of one member"),
    (84, "upgrades"),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder, in order.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

/// Names of all test functions below a folder.
fn test_names(folder: &Path, names: &mut Vec<String>) {
    for path in sources(folder) {
        tests_in(&fs::read_to_string(&path).unwrap(), names);
    }
}

fn tests_in(source: &str, names: &mut Vec<String>) {
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[tokio::test") || line == "#[test]" {
            is_test = true;
        } else if let Some(rest) = line.trim_start_matches("async ").strip_prefix("fn ") {
            let name = rest.split('(').next().filter(|_| is_test);
            names.extend(name.map(str::to_owned));
            is_test = false;
        }
    }
}

/// The lines that a test's name claims: `s28_…`, or `s31_s32_…`.
fn claimed(name: &str) -> Vec<u8> {
    name.split('_')
        .map_while(|part| {
            part.strip_prefix('s')
                .filter(|digits| digits.len() == 2)
                .and_then(|digits| digits.parse().ok())
        })
        .collect()
}

fn map() -> String {
    let mut names = Vec::new();
    test_names(&folder().join("scenarios"), &mut names);
    // The program as its user meets it.
    test_names(&folder().join("../bridge-node/tests"), &mut names);
    let mut shown: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    for name in names {
        for line in claimed(&name) {
            assert!(
                (1..=84).contains(&line),
                "{name} claims a line that the list does not have"
            );
            shown.entry(line).or_default().push(name.clone());
        }
    }
    let mut text = String::from(
        "# Each line of the acceptance list: the scenarios that show it, or what is open.\n\
         # UPDATE_GOLDEN=1 cargo test -p bridge-tests --test acceptance writes this file anew.\n",
    );
    for (number, title) in (1_u8..).zip(LINES) {
        writeln!(text, "\n{number} {title}").unwrap();
        let tests = shown.remove(&number).unwrap_or_default();
        let open: Vec<&str> = OPEN
            .iter()
            .filter(|(line, _)| *line == number)
            .map(|(_, topic)| *topic)
            .collect();
        assert!(
            !tests.is_empty() || !open.is_empty(),
            "line {number} has neither a scenario nor an open topic"
        );
        for name in tests {
            writeln!(text, "    {name}").unwrap();
        }
        for topic in open {
            writeln!(text, "    open: {topic}").unwrap();
        }
    }
    text
}

#[test]
fn the_map_of_the_acceptance_list_is_current() {
    let path = folder().join("golden/acceptance.txt");
    let map = map();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &map).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    assert!(
        golden == map,
        "tests/golden/acceptance.txt is not current: run with UPDATE_GOLDEN=1 and read the difference"
    );
}

/// Refusals that no scenario provokes yet, by the last words of their type, and the topic that will bring them.
const UNPROVOKED: &[(&str, &str)] = &[("invalid_content_type", "SOAP")];

/// All text of the scenarios.
fn scenarios() -> String {
    sources(&folder().join("scenarios"))
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

#[test]
fn every_type_of_refusal_is_provoked_by_a_scenario_or_named_as_open() {
    let text = scenarios();
    let mut wrong = Vec::new();
    for refusal in Refusal::samples() {
        let code = refusal.code(Side::Provider);
        let word = code.strip_prefix("server.serverproxy.").unwrap();
        let is_provoked = ["server.serverproxy.", "server.clientproxy.", ""]
            .iter()
            .any(|prefix| text.contains(&format!("\"{prefix}{word}\"")));
        let is_open = UNPROVOKED.iter().any(|(open, _)| *open == word);
        if is_provoked == is_open {
            wrong.push(word);
        }
    }
    wrong.dedup();
    assert!(
        wrong.is_empty(),
        "neither provoked nor open, or both: {wrong:?}"
    );
}

#[test]
fn names_claim_lines() {
    assert_eq!(claimed("s28_unsigned"), [28]);
    assert_eq!(claimed("s31_s32_registry"), [31, 32]);
    assert!(claimed("signatures_hold").is_empty() && claimed("a_s28_x").is_empty());
}
