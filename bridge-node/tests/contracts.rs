//! `contract`: two members sign a contract on the command line, and common programs check what they signed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::shell::{Said, run};
use crate::world::{Agency, World};

const PROVIDER: &str = "AZ/GOV/1001";
const CONSUMER: &str = "AZ/GOV/2001";

/// A contract file on its way between two agencies.
struct Signing {
    world: World,
    file: PathBuf,
}

impl Signing {
    fn new() -> Self {
        let world = World::new();
        let signed = fs::read(world.path().join("tax/contracts/tax-person.json")).unwrap();
        let mut terms: Value = serde_json::from_slice(&signed).unwrap();
        terms["contract"]["title"] = json!("A second version");
        terms["signatures"] = json!([]);
        let file = world.path().join("second.json");
        fs::write(&file, terms.to_string()).unwrap();
        Self { world, file }
    }

    fn anchors(&self) -> PathBuf {
        self.world.path().join("trust/anchors.pem")
    }

    /// A member says something under a key of an agency's folder.
    fn sign(&self, word: &str, member: &str, (agency, key): (&Agency, &str)) -> Said {
        let keys = agency.folder.join("keys");
        run(
            self.world.path(),
            &[
                "contract".as_ref(),
                word.as_ref(),
                self.file.as_os_str(),
                "--member".as_ref(),
                member.as_ref(),
                "--seal".as_ref(),
                keys.join(format!("{key}.pem")).as_os_str(),
                "--seal-key".as_ref(),
                keys.join(format!("{key}.key")).as_os_str(),
                "--trust".as_ref(),
                self.anchors().as_os_str(),
            ],
        )
    }

    fn provider(&self, word: &str) -> Said {
        self.sign(word, PROVIDER, (&self.world.population(), "seal"))
    }

    fn consumer(&self, word: &str) -> Said {
        self.sign(word, CONSUMER, (&self.world.tax(), "seal"))
    }

    fn shown(&self, more: &[&str]) -> String {
        let mut line = vec!["contract", "show", "second.json", "--trust"];
        line.push("trust/anchors.pem");
        line.extend(more);
        run(self.world.path(), &line).good()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.file).unwrap()
    }
}

#[test]
fn a_contract_lives_from_its_proposal_to_its_withdrawal() {
    let signing = Signing::new();
    assert!(signing.shown(&[]).contains("nobody has signed it\n"));
    let told = signing.provider("propose").good();
    assert!(
        told.contains(": proposed by AZ/GOV/1001\nnext: send ")
            && told.contains(" to AZ/GOV/2001, which accepts or refuses it\n"),
        "{told}"
    );
    let proposed = signing.bytes();
    let told = signing.provider("propose").good();
    assert!(
        told.contains("AZ/GOV/1001 has proposed it already\n"),
        "{told}"
    );
    assert_eq!(signing.bytes(), proposed, "said once, whoever repeats it");
    assert!(
        signing
            .shown(&[])
            .contains("waits until AZ/GOV/2001 accepts or refuses it\n")
    );
    let told = signing.consumer("accept").good();
    assert!(
        told.contains("AZ/GOV/1001 and AZ/GOV/2001 have agreed\n"),
        "{told}"
    );
    let english = signing.shown(&[]);
    for line in [
        "A second version\n",
        "Consumer: AZ/GOV/2001/TAX\n",
        "  allowed: GET /*\n",
        "Quota: ",
        "signed by both; in force\n",
    ] {
        assert!(english.contains(line), "{line}: {english}");
    }
    let azerbaijani = signing.shown(&["--language", "az"]);
    for line in [
        "İstehlakçı: AZ/GOV/2001/TAX\n",
        "hər iki tərəf imzalayıb; qüvvədədir\n",
    ] {
        assert!(azerbaijani.contains(line), "{line}: {azerbaijani}");
    }
    assert_eq!(english.lines().count(), azerbaijani.lines().count());
    signing.consumer("withdraw").good();
    let listed = run(
        signing.world.path(),
        &[
            "contract",
            "list",
            "second.json",
            "--trust",
            "trust/anchors.pem",
        ],
    )
    .good();
    assert!(
        listed.contains("AZ/GOV/2001 withdrew from it at "),
        "{listed}"
    );
    // For good: what was said before may be said again, and changes nothing.
    signing.consumer("accept").good();
    signing
        .provider("accept")
        .bad(1, &["no other member has proposed it"]);
    signing.consumer("propose").good();
    signing.provider("accept").good();
    assert!(
        signing
            .shown(&[])
            .contains("AZ/GOV/2001 withdrew from it at ")
    );
}

#[test]
fn no_other_key_or_member_signs() {
    let signing = Signing::new();
    signing.provider("propose").good();
    let proposed = signing.bytes();
    let (population, tax, executive) = (
        signing.world.population(),
        signing.world.tax(),
        signing.world.executive(),
    );
    let told = signing.sign("accept", CONSUMER, (&tax, "tls"));
    told.bad(1, &["the seal does not hold"]);
    // A trial's exchange key is of a kind that no seal has.
    let told = signing.sign("accept", CONSUMER, (&tax, "exchange"));
    told.bad(1, &["the key is not the P-256 key of the certificate"]);
    let told = signing.sign("accept", CONSUMER, (&population, "seal"));
    let sealed = "AZ/GOV/2001 is said to speak, and AZ/GOV/1001 has sealed it";
    told.bad(1, &[sealed]);
    signing
        .sign("accept", "AZ/LEA/3001", (&executive, "seal"))
        .bad(1, &["AZ/LEA/3001 is not a party of the contract"]);
    signing
        .sign("accept", PROVIDER, (&population, "seal"))
        .bad(1, &["no other member has proposed it"]);
    assert_eq!(signing.bytes(), proposed, "nothing was signed");
    let unchecked = run(signing.world.path(), &["contract", "check", "second.json"]);
    unchecked.bad(64, &["nobody is trusted for seals; give --trust"]);
}

#[test]
fn openssl_and_python_check_what_was_signed() {
    let signing = Signing::new();
    signing.provider("propose").good();
    signing.consumer("accept").good();
    let file: Value = serde_json::from_slice(&signing.bytes()).unwrap();
    let signatures = file["signatures"].as_array().unwrap();
    assert_eq!(signatures.len(), 2);
    for (index, one) in signatures.iter().enumerate() {
        let canonical = canonical(
            signing.world.path(),
            &format!("['signatures'][{index}]['statement']"),
        );
        let seal = signing.world.path().join("seal.der");
        fs::write(
            &seal,
            STANDARD.decode(one["seal"].as_str().unwrap()).unwrap(),
        )
        .unwrap();
        assert!(verifies(&signing, &seal, &canonical));
        let mut altered = canonical;
        altered[20] ^= 1;
        assert!(!verifies(&signing, &seal, &altered));
    }
    // The digest that the statements name is that of the contract's canonical form.
    let canonical = canonical(signing.world.path(), "['contract']");
    let digest = ring::digest::digest(&ring::digest::SHA256, &canonical);
    let named = signatures[0]["statement"]["contract"].as_str().unwrap();
    let digest = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
    assert_eq!(named, format!("population-person-tax@{digest}"));
}

/// A part of the file in the form of RFC 8785, as another language writes it: names are ASCII, numbers whole.
fn canonical(folder: &Path, part: &str) -> Vec<u8> {
    let program = format!(
        "import json,sys; sys.stdout.buffer.write(json.dumps(json.load(open('second.json',encoding='utf-8')){part},\
         sort_keys=True,separators=(',',':'),ensure_ascii=False).encode())"
    );
    let made = Command::new("python3")
        .args(["-c", &program])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    made.stdout
}

fn verifies(signing: &Signing, seal: &Path, content: &[u8]) -> bool {
    let path = signing.world.path().join("content");
    fs::write(&path, content).unwrap();
    let verified = Command::new("openssl")
        .args([
            "cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any",
        ])
        .args(["-cades", "-out", "/dev/null", "-in"])
        .arg(seal)
        .arg("-content")
        .arg(path)
        .arg("-CAfile")
        .arg(signing.anchors())
        .output()
        .unwrap();
    verified.status.success()
}

#[test]
fn a_contract_is_shown_whole_and_one_with_a_group_is_not_passed_over() {
    let signing = Signing::new();
    let mut terms: Value = serde_json::from_slice(&signing.bytes()).unwrap();
    let contract = &mut terms["contract"];
    contract["plain_signatures"] = json!(true);
    contract["consumer"] = json!({ "global_group": "taxes" });
    contract["endpoints"] = json!([
        {
            "method": "GET", "path": "/*/at", "query": ["day", "fin"], "semicolons": true,
            "subjects": [
                { "in": "path", "segment": 0, "type": "voen" },
                { "in": "query", "name": "fin", "type": "fin" },
                { "in": "request", "pointer": "/who/fin", "type": "fin" },
                { "in": "answer", "pointer": "/children/*/fin", "type": "fin" },
            ],
        },
        { "method": "GET", "path": "/list", "subjects": "none" },
    ]);
    contract["read_only"] = json!(true);
    fs::write(&signing.file, terms.to_string()).unwrap();
    let list = || {
        let words = [
            "contract",
            "list",
            "second.json",
            "--trust",
            "trust/anchors.pem",
        ];
        run(signing.world.path(), &words).good()
    };
    assert!(
        list().contains("global_group:taxes -> AZ/GOV/1001/"),
        "{}",
        list()
    );
    assert!(list().contains("nobody has signed it\n"), "{}", list());
    signing.provider("propose").good();
    let waits = "waits until members of the group accept it, each for itself\n";
    assert!(list().contains(waits), "{}", list());
    let english = signing.shown(&[]);
    for lines in [
        "  allowed: GET /*/at\n    query names: day, fin\n    data subjects: voen (path segment 0), fin (query name fin), fin (request /who/fin), fin (answer /children/*/fin)\n    the path may hold semicolons\n  allowed: GET /list\n    query names: none\n    data subjects: none\n",
        "Each query and answer is signed on its own, none in a batch\n",
        &format!("global_group:taxes: {waits}"),
    ] {
        assert!(english.contains(lines), "{lines}: {english}");
    }
    let azerbaijani = signing.shown(&["--language", "az"]);
    assert_eq!(english.lines().count(), azerbaijani.lines().count());
    assert!(
        azerbaijani.contains("    məlumat subyektləri: yoxdur\n"),
        "{azerbaijani}"
    );
    signing.consumer("accept").good();
    assert!(!list().contains("global_group"), "{}", list());
    assert!(
        signing
            .shown(&[])
            .contains("AZ/GOV/2001: signed by both; in force\n")
    );
}

#[test]
fn a_file_of_authorities_that_is_not_there_is_named_with_what_to_do() {
    let signing = Signing::new();
    let words = ["contract", "show", "second.json", "--trust", "c"];
    run(signing.world.path(), &words).bad(
        1,
        &[
            "--trust c: it cannot be read: No such file or directory",
            "hint: give the PEM file of the authorities whose seals count",
        ],
    );
}

#[test]
fn what_is_no_id_of_a_contract_is_told_with_where_ids_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let access = [
        "--socket",
        "admin.sock",
        "--officer",
        "first",
        "--officer-key",
        "k",
    ];
    let words = ["stop", "contract", "tax-person@digest"];
    let told = [
        "`tax-person@digest` is not the id of a contract",
        "hint: `bridge-node contract list` shows ID@DIGEST of each",
    ];
    run(folder.path(), &[&words[..], &access[..]].concat()).bad(64, &told);
}
