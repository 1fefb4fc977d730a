//! The catalogue as the operators' guide tells it: filed, judged, published, searched.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use base64::Engine as _;

use crate::ceremony::carried_out;
use crate::shell::{repository, run, words};

/// The guide's commands, in its order.
pub(crate) const COMMANDS: [&str; 16] = [
    "bridge-node directory propose rules.proposal --public public services --services approved-only --ministry AZ/GOV/9001",
    "bridge-node resource file person.entry.json --package adapters/registries/population --subsystem AZ/GOV/1001/POPULATION --code person --member AZ/GOV/1001 --seal keys/seal.pem --seal-key keys/seal.key --trust trust/anchors.pem",
    "bridge-node resource show person.entry.json --trust trust/anchors.pem --language az",
    "bridge-node resource opinion person.entry.json --for --words \"no other registry holds these attributes\" --member AZ/GOV/9001 --seal seal.pem --seal-key seal.key --trust trust/anchors.pem",
    "bridge-node resource approve person.entry.json --public public --member AZ/GOV/9001 --seal seal.pem --seal-key seal.key --trust trust/anchors.pem",
    "bridge-node directory propose entry.proposal --public public entries person.entry.json --trust trust/anchors.pem",
    "bridge-node directory sign entry.proposal --public public --officer officer-1 --trust trust/anchors.pem --passphrase-file passphrase --yes",
    "bridge-node directory sign entry.proposal --public public --officer officer-2 --trust trust/anchors.pem --passphrase-file passphrase --yes",
    "bridge-node directory publish entry.proposal --public public --keys online",
    "bridge-node catalogue şəxs --public public --root public/metadata/1.root.json",
    "bridge-node catalogue --member AZ/GOV/1001 --state approved --json --public public",
    "bridge-node catalogue --who-holds person.name --public public",
    "bridge-node catalogue --once-only --csv --public public",
    "bridge-node resource assess person.entry.json --words \"in good order\" --member AZ/GOV/9001 --seal seal.pem --seal-key seal.key --trust trust/anchors.pem",
    "bridge-node resource transfer person.entry.json --attribute person.sex --to AZ/GOV/1002/CIVIL/acts --reason \"decree of 1 May\" --member AZ/GOV/9001 --seal seal.pem --seal-key seal.key --trust trust/anchors.pem",
    "bridge-node resource retire person.entry.json --reason \"replaced\" --member AZ/GOV/1001 --seal keys/seal.pem --seal-key keys/seal.key --trust trust/anchors.pem",
];

/// Where the proposal of each `propose` is signed and published without the guide saying so again.
const RULES: usize = 0;

#[track_caller]
fn type_in(folder: &Path, line: &str) -> String {
    let words = words(line.strip_prefix("bridge-node ").unwrap());
    run(folder, &words).good()
}

/// An authority, and seals of the agency and of the ministry, where the guide has them.
fn seals(here: &Path) {
    for line in [
        "bridge-node certs authority authority --name \"Trial authority\"",
        "bridge-node certs issue --authority authority --profile seal --id AZ/GOV/1001 --out keys",
        "bridge-node certs issue --authority authority --profile seal --id AZ/GOV/9001 --out ministry",
    ] {
        type_in(here, line);
    }
    for file in ["seal.pem", "seal.key"] {
        fs::rename(here.join("ministry").join(file), here.join(file)).unwrap();
    }
    fs::create_dir(here.join("trust")).unwrap();
    let anchors = ["root.pem", "issuing.pem"].map(|name| here.join("authority").join(name));
    let anchors = anchors.map(|path| fs::read_to_string(path).unwrap());
    fs::write(here.join("trust/anchors.pem"), anchors.concat()).unwrap();
    symlink(repository().join("adapters"), here.join("adapters")).unwrap();
}

#[test]
fn the_operators_guide_files_judges_publishes_and_finds_a_service() {
    let (folder, _said) = carried_out();
    let here = folder.path();
    seals(here);
    let mut told = Vec::new();
    for (at, line) in COMMANDS.iter().enumerate() {
        told.push(type_in(here, line));
        if at == RULES {
            for officer in ["officer-1", "officer-2"] {
                type_in(
                    here,
                    &format!(
                        "bridge-node directory sign rules.proposal --public public --officer {officer} --passphrase-file passphrase --yes"
                    ),
                );
            }
            type_in(
                here,
                "bridge-node directory publish rules.proposal --public public --keys online",
            );
        }
    }
    for (said, part) in told.iter().zip([
        "services that are routed: any service → approved services only",
        "AZ/GOV/1001/POPULATION/person: filed by AZ/GOV/1001\nnext: send person.entry.json to the ministry",
        "AZ/GOV/1001: təqdim edib, versiya 1.0.0: Şəxs\nBütün möhürlər etibarlıdır.\n",
        "next: `bridge-node resource approve`",
        ": approved by AZ/GOV/9001\nnext: propose it to the officers",
        "source of person.name: – → AZ/GOV/1001/POPULATION/person",
        "first-officer signed targets in entry.proposal",
        "second-officer signed targets in entry.proposal",
        "published root 1, targets 4, directory ",
        "AZ/GOV/1001/POPULATION/person  [approved]  Person\n  held by: AZ/GOV/1001\n",
        "\"services\":\"approved-only\"",
        "AZ/GOV/1001/POPULATION/person  [approved]  Person\n",
        "service,title,attribute,source,source_title\n",
        ": assessed by AZ/GOV/9001",
        ": transferred by AZ/GOV/9001",
        ": retired by AZ/GOV/1001",
    ]) {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(told.len(), 16);
}

/// Two officers sign what is proposed, and it is published.
fn decide(here: &Path, what: &str) {
    type_in(
        here,
        &format!("bridge-node directory propose next.proposal --public public {what}"),
    );
    for officer in ["officer-1", "officer-2"] {
        let line =
            "bridge-node directory sign next.proposal --public public --trust trust/anchors.pem";
        let line = format!("{line} --officer {officer} --passphrase-file passphrase --yes");
        type_in(here, &line);
    }
    type_in(
        here,
        "bridge-node directory publish next.proposal --public public --keys online",
    );
    fs::remove_file(here.join("next.proposal")).unwrap();
}

/// Where no rule was published: a system is described, and a refused service is not to be had.
#[test]
fn only_a_service_that_can_be_asked_is_said_to_be_used_by_a_contract() {
    let (folder, _said) = carried_out();
    let here = folder.path();
    seals(here);
    decide(here, "services --ministry AZ/GOV/9001");
    let filings = |kind: &str, code: &str| {
        format!(
            "[[entry]]\nkind = \"{kind}\"\ncode = \"{code}\"\nversion = \"1\"\npersonal_data = false\n\
             title = {{ az = \"a\", en = \"a\" }}\ndescription = {{ az = \"b\", en = \"b\" }}\n"
        )
    };
    let head = "legal_basis = \"a law\"\ncontact = \"an office\"\noperation = \"operating\"\n";
    let entries = [
        ("service", "asked"),
        ("service", "no"),
        ("system", "ledger"),
    ];
    let list = entries.map(|(kind, code)| filings(kind, code)).concat();
    fs::write(here.join("filings.toml"), head.to_owned() + &list).unwrap();
    for (_, code) in entries {
        let source = "--filings filings.toml --subsystem AZ/GOV/1001/POPULATION";
        let seal = "--member AZ/GOV/1001 --seal keys/seal.pem --seal-key keys/seal.key";
        type_in(
            here,
            &format!(
                "bridge-node resource file {code}.json {source} --code {code} {seal} --trust trust/anchors.pem"
            ),
        );
    }
    type_in(
        here,
        "bridge-node resource refuse no.json --reason \"no legal basis\" --member AZ/GOV/9001 --seal seal.pem --seal-key seal.key --trust trust/anchors.pem",
    );
    decide(
        here,
        "entries asked.json no.json ledger.json --trust trust/anchors.pem",
    );
    let told = type_in(here, "bridge-node catalogue --public public");
    let told: Vec<bool> = told
        .split("\n\n")
        .map(|entry| entry.contains("to use it: propose a contract"))
        .collect();
    assert_eq!(told, [true, false, false]);
    let json = type_in(here, "bridge-node catalogue --json --public public");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let routed = json["entries"].as_array().unwrap();
    let routed: Vec<_> = routed.iter().map(|entry| &entry["routed"]).collect();
    assert_eq!(routed, [true, false, false]);
}

/// What is filed of a package agrees with what its node answers: the digest is that of `getOpenAPI`.
#[test]
fn a_filing_holds_version_and_digest_of_the_packages_description() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    seals(here);
    type_in(here, COMMANDS[1]);
    let file = fs::read(here.join("person.entry.json")).unwrap();
    let entry: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let filing = &entry["documents"][0]["document"]["says"]["filed"];
    assert_eq!(filing["version"], "1.0.0");
    let package = bridge_adapter::Package::load(&here.join("adapters/registries/population"));
    let mut document = package.unwrap().openapi.service_document("person");
    document["servers"] = serde_json::json!([{ "url": "https://example.org/" }]);
    let text = bridge_core::jcs::canonical(&document).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &text);
    let digest = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
    assert_eq!(filing["openapi"], digest);
}
