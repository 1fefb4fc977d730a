//! The catalogue: services are filed, judged and published by the real commands, and nodes route what is approved.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bridge_certs::Authority;
use bridge_tests::agency::Agency;
use bridge_tests::process::{Process, Said, program};
use bridge_tests::puppet::Puppet;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, World, usual};
use serde_json::{Value, json};

const NOT_APPROVED: &str = "service_not_approved";
const MINISTRY: &str = "AZ/LEA/3001";
const SERVICE: &str = "AZ/GOV/1001/POPULATION/registry";
const TAXPAYER: &str = "AZ/GOV/2001/TAX/taxpayer";

/// Two of three officers, on the folder that the nodes read.
struct Office {
    folder: PathBuf,
}

impl Office {
    /// Publishes the world's directory by the officers' ceremony in place of the world's own publisher.
    fn open(world: &World) -> Self {
        let folder = world.folder.path().to_path_buf();
        let office = Self { folder };
        fs::remove_dir_all(office.folder.join("directory")).unwrap();
        let passphrase = office.folder.join("passphrase");
        fs::write(&passphrase, "an example, known to all\n").unwrap();
        fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
        for officer in ["one", "two", "three"] {
            let words = ["directory", "key", officer, "--name", officer];
            office.good(&[&words[..], &["--passphrase-file", "passphrase"]].concat());
        }
        office.good(&["directory", "online-keys", "online"]);
        let mut init = vec!["directory", "init", "first.proposal", "--instance", "AZ"];
        for file in ["one/officer.json", "two/officer.json", "three/officer.json"] {
            init.extend(["--officer", file]);
        }
        init.extend(["--threshold", "2", "--online", "online"]);
        office.good(&init);
        office.sign_and_publish("first.proposal", false);
        let root = office.folder.join("directory/metadata/1.root.json");
        fs::copy(root, office.folder.join("root.json")).unwrap();
        let directory = json!(world.directory()).to_string();
        fs::write(office.folder.join("directory.json"), directory).unwrap();
        office.change(&["file", "directory.json"]);
        office
    }

    fn run(&self, words: &[&str]) -> Said {
        let mut command = Command::new(program());
        let output = command.current_dir(&self.folder).args(words).output();
        let output = output.unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn good(&self, words: &[&str]) -> String {
        self.run(words).good()
    }

    #[track_caller]
    fn refused(&self, words: &[&str], why: &str) {
        let said = self.run(words);
        assert_ne!(said.code, 0, "{said:?}");
        assert!(said.err.contains(why), "{said:?}");
    }

    /// Proposes a change; returns what the review of it tells.
    #[track_caller]
    fn propose(&self, change: &[&str]) -> String {
        drop(fs::remove_file(self.folder.join("next.proposal")));
        let words = [
            "directory",
            "propose",
            "next.proposal",
            "--public",
            "directory",
        ];
        self.good(&[&words[..], change].concat())
    }

    #[track_caller]
    fn change(&self, change: &[&str]) -> String {
        let told = self.propose(change);
        self.sign_and_publish("next.proposal", true);
        told
    }

    #[track_caller]
    fn sign_and_publish(&self, proposal: &str, has_base: bool) {
        for officer in ["one", "two"] {
            let mut sign = vec!["directory", "sign", proposal, "--officer", officer];
            sign.extend(["--passphrase-file", "passphrase", "--yes"]);
            if has_base {
                sign.extend(["--public", "directory", "--trust", "anchors.pem"]);
            }
            self.good(&sign);
        }
        let words = ["directory", "publish", proposal, "--public", "directory"];
        self.good(&[&words[..], &["--keys", "online"]].concat());
    }

    #[track_caller]
    fn says(&self, words: &[&str], by: &Sealer) -> String {
        self.good(&sealed(words, by))
    }

    #[track_caller]
    fn file(&self, entry: &str, (subsystem, code): (&str, &str), by: &Sealer) -> String {
        let filings = format!("{code}.toml");
        let words = ["file", entry, "--filings", &filings];
        self.says(
            &[&words[..], &["--subsystem", subsystem, "--code", code]].concat(),
            by,
        )
    }

    /// The ministry gives its opinion and approves.
    #[track_caller]
    fn approve(&self, entry: &str, ministry: &Sealer) -> String {
        let words = ["opinion", entry, "--for", "--words", "nobody else holds it"];
        self.says(&words, ministry);
        self.says(&["approve", entry, "--public", "directory"], ministry)
    }

    fn filing(&self, code: &str, title: &str, lists: &str) {
        let text = format!(
            "legal_basis = \"Law 12\"\ncontact = \"Office of {code}\"\noperation = \"operating\"\n\
             [[entry]]\nkind = \"service\"\ncode = \"{code}\"\nversion = \"1.0\"\npersonal_data = true\n\
             title = {{ az = \"{title}\", en = \"The {code}\" }}\n\
             description = {{ az = \"Ünvanlar\", en = \"Addresses\" }}\n{lists}\n"
        );
        fs::write(self.folder.join(format!("{code}.toml")), text).unwrap();
    }
}

/// Words of `resource` under a member's seal.
fn sealed<'a>(words: &[&'a str], by: &'a Sealer) -> Vec<&'a str> {
    let mut all = vec!["resource"];
    all.extend(words);
    all.extend(["--member", &by.member, "--seal", &by.seal]);
    all.extend(["--seal-key", &by.key, "--trust", "anchors.pem"]);
    all
}

/// Who seals, and with what.
struct Sealer {
    member: String,
    seal: String,
    key: String,
}

impl Sealer {
    fn of(agency: &Agency) -> Self {
        let keys = agency.folder.join("keys");
        let path = |name: &str| keys.join(name).display().to_string();
        Self {
            member: agency.member.to_string(),
            seal: path("seal.pem"),
            key: path("seal.key"),
        }
    }
}

/// An office where only approved services are routed, and who seals for provider, consumer and ministry.
fn opened(world: &World) -> (Office, [Sealer; 3]) {
    let office = Office::open(world);
    let told = office.change(&[
        "services",
        "--services",
        "approved-only",
        "--ministry",
        MINISTRY,
    ]);
    for words in [
        "services that are routed: any service → approved services only",
        "ministry that decides: – → AZ/LEA/3001",
    ] {
        assert!(told.contains(words), "{told}");
    }
    let sealers = [&world.provider, &world.consumer, &world.stranger].map(|one| Sealer::of(one));
    let holds = "holds = [\"person.address\"]\nsource_of = [\"person.address\"]";
    office.filing("registry", "Ünvan reyestri", holds);
    (office, sealers)
}

#[tokio::test]
async fn a_service_is_routed_from_its_approval_to_its_retirement_and_not_before_or_after() {
    let mut world = World::with()
        .contract(usual())
        .refresh_every(1)
        .make()
        .await;
    world.settle();
    let (office, [owner, _, ministry]) = opened(&world);
    let _nodes = [
        Process::run(&world.provider).await,
        Process::run(&world.consumer).await,
    ];
    let ask = async || world.consumer.get(PATH).by_key().send().await;
    let refused = ask().await;
    refused.refused(403, &format!("server.clientproxy.{NOT_APPROVED}"));
    let puppet = Puppet::of(&world.stranger);
    let at_the_provider = async || {
        let forged = puppet.request(&world.provider, PATH, "none@none");
        puppet.ask(&world.provider, forged).await
    };
    let answer = at_the_provider().await;
    answer.refused(403, &format!("server.serverproxy.{NOT_APPROVED}"));
    assert!(world.registry.seen().is_empty());

    // Filed, and published as filed: still nobody is routed to it.
    let entry = "registry.entry.json";
    office.file(entry, ("AZ/GOV/1001/POPULATION", "registry"), &owner);
    let told = office.change(&["entries", entry, "--trust", "anchors.pem"]);
    assert!(told.contains("[filed]  The registry"), "{told}");
    let who_holds = async || {
        let asked = "/whoHolds?attribute=person.address";
        let answer = world.consumer.get(asked).by_key().send().await;
        answer.answered(200).json()["service"].clone()
    };
    ask()
        .await
        .refused(403, &format!("server.clientproxy.{NOT_APPROVED}"));
    assert_eq!(who_holds().await, Value::Null);

    office.approve(entry, &ministry);
    let told = office.change(&["entries", entry, "--trust", "anchors.pem"]);
    for words in [
        "opinion for it: nobody else holds it",
        "AZ/LEA/3001: approved",
        "source of person.address: – → AZ/GOV/1001/POPULATION/registry",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    wait_until("the approved service answers", async || {
        ask().await.status == 200
    })
    .await;
    assert_eq!(who_holds().await, json!(SERVICE));
    // The registry's own rights come after: this client has no contract.
    wait_until("the provider has read it too", async || {
        let answer = at_the_provider().await;
        answer.field("x-road-error") != Some(&format!("server.serverproxy.{NOT_APPROVED}"))
    })
    .await;

    office.says(&["assess", entry, "--words", "in good order"], &ministry);
    office.change(&["entries", entry, "--trust", "anchors.pem"]);
    office.says(&["retire", entry, "--reason", "replaced"], &owner);
    office.change(&["entries", entry, "--trust", "anchors.pem"]);
    wait_until(
        "the retired service is refused by the own node",
        async || {
            let code = format!("server.clientproxy.{NOT_APPROVED}");
            ask().await.field("x-road-error") == Some(&code)
        },
    )
    .await;
    let refused = ask().await;
    refused.refused(403, &format!("server.clientproxy.{NOT_APPROVED}"));
    let words = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(
        words.starts_with("The service is retired in the catalogue."),
        "{words}"
    );
    wait_until("the provider refuses it too", async || {
        let answer = at_the_provider().await;
        answer.field("x-road-error") == Some(&format!("server.serverproxy.{NOT_APPROVED}"))
    })
    .await;
    let history = office.good(&["resource", "show", entry, "--trust", "anchors.pem"]);
    let said = [
        "filed version 1.0",
        "opinion for it",
        "approved",
        "assessed",
        "retired: replaced",
    ];
    let mut lines = history
        .lines()
        .skip_while(|line| *line != "History:")
        .skip(1);
    for (number, word) in (1..).zip(said) {
        let line = lines.next().unwrap();
        assert!(line.starts_with(&format!("  {number}. ")), "{line}");
        assert!(line.contains(word), "{line}");
    }
    assert_eq!(lines.next(), Some("Every seal holds."));
}

#[tokio::test]
async fn hostile_filings_are_refused_and_no_officer_signs_what_is_not_sealed() {
    let world = World::with().make().await;
    let (office, [owner, other, ministry]) = opened(&world);
    let filed = |entry: &'static str, code: &'static str| {
        let subsystem = "AZ/GOV/1001/POPULATION";
        let words = [
            "file",
            entry,
            "--filings",
            "registry.toml",
            "--subsystem",
            subsystem,
        ];
        [&words[..], &["--code", code]].concat()
    };
    let file = filed("a.entry.json", "registry");
    // Another member's service; the owner's name under another seal.
    office.refused(&sealed(&file, &other), "may not say `filed` of");
    let mut forged = Sealer::of(&world.consumer);
    forged.member.clone_from(&owner.member);
    office.refused(&sealed(&file, &forged), "AZ/GOV/2001 has sealed it");
    // Markup, something that is not seen, and more than is read.
    let good = fs::read_to_string(office.folder.join("registry.toml")).unwrap();
    for (bad, why) in [
        (
            good.replace("Ünvanlar", "<script>"),
            "`description` holds < or >",
        ),
        (
            good.replace("Ünvanlar", "\\u202Ex"),
            "`description` holds characters that are not seen",
        ),
        (
            good.replace("Ünvanlar", &"x".repeat(2001)),
            "`description` has more than 2000 characters",
        ),
        (
            good.replace("\"person.address\"]", "\"person.address\", \"address\"]"),
            "\"address\" is no attribute",
        ),
        (" ".repeat(2 * 1024 * 1024), "more than 1048576 bytes"),
    ] {
        fs::write(office.folder.join("registry.toml"), bad).unwrap();
        office.refused(&sealed(&file, &owner), why);
    }
    fs::write(office.folder.join("registry.toml"), good).unwrap();
    assert!(!office.folder.join("a.entry.json").exists());

    office.says(&file, &owner);
    // Decided by somebody who is not the ministry: the proposal is refused, not only the signature.
    fs::copy(
        office.folder.join("a.entry.json"),
        office.folder.join("b.entry.json"),
    )
    .unwrap();
    office.says(
        &["opinion", "b.entry.json", "--for", "--words", "I say so"],
        &other,
    );
    let propose = [
        "directory",
        "propose",
        "b.proposal",
        "--public",
        "directory",
    ];
    let entries = ["entries", "b.entry.json", "--trust", "anchors.pem"];
    office.refused(
        &[&propose[..], &entries].concat(),
        "AZ/GOV/2001 is not the ministry whose decisions count",
    );
    // Approved before an opinion.
    let approve = ["approve", "a.entry.json", "--public", "directory"];
    office.refused(
        &sealed(&approve, &ministry),
        "the ministry has given no opinion",
    );
    // A seal that somebody bent in the file, and in the proposal.
    let path = office.folder.join("a.entry.json");
    bend_seal(&path);
    let show = ["resource", "show", "a.entry.json", "--trust", "anchors.pem"];
    let said = office.run(&show);
    assert_eq!(said.code, 2, "{said:?}");
    office.refused(
        &[
            &propose[..],
            &["entries", "a.entry.json", "--trust", "anchors.pem"],
        ]
        .concat(),
        "seal",
    );
    office.says(&filed("c.entry.json", "registry"), &owner);
    office.propose(&["entries", "c.entry.json", "--trust", "anchors.pem"]);
    let sign = [
        "directory",
        "sign",
        "next.proposal",
        "--public",
        "directory",
        "--officer",
        "one",
    ];
    let sign = [&sign[..], &["--passphrase-file", "passphrase", "--yes"]].concat();
    office.refused(&sign, "--trust is missing");
    let other = Authority::create(&office.folder.join("other"), "Another", now_s()).unwrap();
    let anchors = format!("{}{}", other.root_pem(), other.issuing_pem());
    fs::write(office.folder.join("other.pem"), anchors).unwrap();
    office.refused(&[&sign[..], &["--trust", "other.pem"]].concat(), "seal");
    office.good(&[&sign[..], &["--trust", "anchors.pem"]].concat());
}

/// Changes one letter in the first seal of a file.
fn bend_seal(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let begin = text.find("\"seal\":\"").unwrap() + 8;
    // Its last bytes are the signature.
    let at = begin + text[begin..].find('"').unwrap() - 20;
    let letter = if &text[at..=at] == "A" { "B" } else { "A" };
    fs::write(path, format!("{}{letter}{}", &text[..at], &text[at + 1..])).unwrap();
}

#[tokio::test]
async fn each_attribute_has_one_source_and_who_asks_twice_is_reported() {
    let world = World::with().make().await;
    let (office, [owner, tax, ministry]) = opened(&world);
    let publish = |entries: &[&str]| {
        office.change(&[&["entries"], entries, &["--trust", "anchors.pem"]].concat())
    };
    office.file(
        "registry.json",
        ("AZ/GOV/1001/POPULATION", "registry"),
        &owner,
    );
    office.approve("registry.json", &ministry);
    publish(&["registry.json"]);
    // A second claim is refused at approval, by the name of the holder.
    office.filing("taxpayer", "=Vergi ödəyicisi", "holds = [\"person.address\"]\nsource_of = [\"person.address\"]\nasks = [\"person.address\"]");
    office.file("taxpayer.json", ("AZ/GOV/2001/TAX", "taxpayer"), &tax);
    let opinion = [
        "opinion",
        "taxpayer.json",
        "--against",
        "--words",
        "held twice",
    ];
    office.says(&opinion, &ministry);
    let approve = sealed(
        &["approve", "taxpayer.json", "--public", "directory"],
        &ministry,
    );
    office.refused(
        &approve,
        &format!("person.address has a source already: {SERVICE}"),
    );
    office.says(
        &["refuse", "taxpayer.json", "--reason", "held twice"],
        &ministry,
    );
    publish(&["taxpayer.json"]);
    // Filed anew without the claim, it still asks persons.
    office.filing(
        "taxpayer",
        "=Vergi ödəyicisi",
        "holds = [\"person.address\"]\nasks = [\"person.address\", \"person.hobby\"]",
    );
    office.file("taxpayer.json", ("AZ/GOV/2001/TAX", "taxpayer"), &tax);
    office.approve("taxpayer.json", &ministry);
    publish(&["taxpayer.json"]);
    let catalogue = |words: &[&str]| {
        office.good(
            &[
                &["catalogue", "--public", "directory", "--root", "root.json"],
                words,
            ]
            .concat(),
        )
    };
    assert_eq!(
        catalogue(&["--once-only"]),
        format!(
            "{TAXPAYER} (The taxpayer) asks a person for person.address; {SERVICE} (The registry) is its source\n"
        )
    );
    let report: Value = serde_json::from_str(&catalogue(&["--once-only", "--json"])).unwrap();
    assert_eq!(
        report,
        json!({ "asked_twice": [{
            "service": TAXPAYER, "title": "The taxpayer", "attribute": "person.address",
            "source": SERVICE, "source_title": "The registry",
        }] })
    );
    let csv = catalogue(&["--once-only", "--csv", "--language", "az"]);
    let expected = format!(
        "service,title,attribute,source,source_title\n\"{TAXPAYER}\",\"'=Vergi ödəyicisi\",\"person.address\",\"{SERVICE}\",\"Ünvan reyestri\"\n"
    );
    assert_eq!(csv, expected);
    assert!(
        catalogue(&["--who-holds", "person.address"])
            .starts_with(&format!("{SERVICE}  [approved]  The registry\n"))
    );
    assert_eq!(
        catalogue(&["--who-holds", "person.hobby"]),
        "nobody is the source of person.hobby\n"
    );
    // Found as people write it, by member and by state.
    for words in [
        &["ÜNVAN", "REYESTRİ"][..],
        &["unvan", "reyestri"],
        &["person.address", "--member", "AZ/GOV/1001"],
    ] {
        let found: Value =
            serde_json::from_str(&catalogue(&[words, &["--json"]].concat())).unwrap();
        let ids: Vec<&str> = found["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, [SERVICE], "{words:?}");
    }
    assert_eq!(catalogue(&["--state", "retired"]), "nothing found\n");
    let told = catalogue(&["registry"]);
    for words in [
        "held by: AZ/GOV/1001",
        "contact: Office of registry",
        "propose a contract",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }

    // Transferred: what the one gives up and the other claims is one reviewed change.
    office.filing(
        "taxpayer",
        "Vergi ödəyicisi",
        "holds = [\"person.address\"]\nsource_of = [\"person.address\"]",
    );
    office.file("taxpayer.json", ("AZ/GOV/2001/TAX", "taxpayer"), &tax);
    let transfer = [
        "transfer",
        "registry.json",
        "--attribute",
        "person.address",
        "--to",
        TAXPAYER,
    ];
    office.says(
        &[&transfer[..], &["--reason", "decree of 1 May"]].concat(),
        &ministry,
    );
    let opinion = [
        "opinion",
        "taxpayer.json",
        "--for",
        "--words",
        "decree of 1 May",
    ];
    office.says(&opinion, &ministry);
    office.refused(
        &approve,
        &format!("person.address has a source already: {SERVICE}"),
    );
    let together = [
        "approve",
        "taxpayer.json",
        "--public",
        "directory",
        "--beside",
        "registry.json",
    ];
    office.says(&together, &ministry);
    let told = publish(&["registry.json", "taxpayer.json"]);
    let words = format!("source of person.address: {SERVICE} → {TAXPAYER}");
    assert!(told.contains(&words), "{told}");
    assert!(catalogue(&["--once-only"]).starts_with("nobody is asked"));
}
