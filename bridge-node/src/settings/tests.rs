use std::path::Path;

use bridge_core::accept::Language;

use super::*;

const GOOD: &str = r#"
[node]
id = "AZ/GOV/1001/NODE1"
log_domain = "journal.example"
data_folder = "data"
keys_folder = "."
[trust]
anchors = "."
[directory]
root = "."
source = "http://directory.example/az/"
[consumer]
plain_listen = "127.0.0.1:0"
[peer]
listen = "127.0.0.1:0"
[contracts]
folder = "."
"#;

fn faults(text: &str) -> Vec<String> {
    Settings::parse(text, Path::new(".")).map_or_else(
        |faults| faults.iter().map(ToString::to_string).collect(),
        |settings| panic!("{settings:?} should have faults"),
    )
}

#[test]
fn a_folder_that_a_program_writes_to_is_its_own_alone() {
    let place = tempfile::tempdir().unwrap();
    for name in ["data/inner", "package/inner", "own", "other"] {
        std::fs::create_dir_all(place.path().join(name)).unwrap();
    }
    std::fs::write(place.path().join("file"), "").unwrap();
    std::os::unix::fs::symlink("data", place.path().join("link")).unwrap();
    let faults = |folders: &[&str]| -> Vec<String> {
        let services = folders.iter().map(|folder| {
            format!("[[services]]\nadapter = \"process\"\nsubsystem = \"AZ/GOV/1001/S\"\npackage = \"package\"\ndata = \"{folder}\"\n")
        });
        let text = format!("{GOOD}{}", services.collect::<String>());
        let told = Settings::parse(&text, place.path())
            .err()
            .unwrap_or_default();
        told.iter()
            .map(ToString::to_string)
            .filter(|fault| fault.contains(".data"))
            .collect()
    };
    for folder in ["data", "data/inner", "link", ".", "/", "package", "file"] {
        assert_eq!(
            faults(&[folder]).len(),
            1,
            "{folder}: {:?}",
            faults(&[folder])
        );
    }
    assert_eq!(
        faults(&["own", "other", "package/inner"]),
        Vec::<String>::new()
    );
    let twice = faults(&["own", "own"]);
    assert!(
        twice.len() == 1 && twice[0].contains("services[1].data: is another program's"),
        "{twice:?}"
    );
}

#[test]
fn good_settings_are_read_with_defaults() {
    let settings = Settings::parse(GOOD, Path::new(".")).unwrap();
    assert_eq!(settings.node.to_string(), "AZ/GOV/1001/NODE1");
    assert_eq!(
        settings.log_origin(1),
        "journal.example/AZ/GOV/1001/NODE1/1"
    );
    assert_eq!(
        settings.directory_source,
        DirectorySource::Http("http://directory.example/az".to_owned())
    );
    assert_eq!(settings.limits.body_memory_bytes, 1024 * 1024);
    assert!(
        settings.callers.is_empty(),
        "nobody may call unless the settings say so"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row a fault")]
fn each_fault_of_certificate_status_is_told_with_its_place() {
    let good = "certificate = \".\"\ncrl = [\"nodes.crl\"]\n";
    let settings = |lines: &str, authority: &str| {
        format!("{GOOD}[status]\n{lines}\n[[status.authorities]]\n{authority}")
    };
    assert!(Settings::parse(&settings("", good), Path::new(".")).is_ok());
    let none = "certificate = \".\"\n";
    for (lines, authority, told) in [
        (
            "every_seconds = 0",
            good,
            "status.every_seconds: 0 is out of range",
        ),
        (
            "every_seconds = 51",
            good,
            "status.every_seconds: 51 is out of range",
        ),
        (
            "tolerated_age_seconds = 0",
            good,
            "status.tolerated_age_seconds: 0 is out of range",
        ),
        (
            "tolerated_age_seconds = 86401",
            good,
            "status.tolerated_age_seconds: 86401 is out of",
        ),
        (
            "tolerated_age_seconds = 20",
            good,
            "status.tolerated_age_seconds: is not above status.every",
        ),
        (
            "",
            none,
            "status.authorities[0]: names neither crl nor ocsp",
        ),
        (
            "",
            "certificate = \"none.pem\"\ncrl = [\"x\"]\n",
            "status.authorities[0].certificate: ",
        ),
        (
            "",
            &format!("{good}unchecked = true\n"),
            "status.authorities[0]: is unchecked and names",
        ),
        (
            "",
            &format!("{none}crl = [\"https://ca.example/a\"]\n"),
            "status.authorities[0].crl: `https://",
        ),
        (
            "",
            &format!("{none}ocsp = [\"ocsp.example\"]\n"),
            "status.authorities[0].ocsp: `ocsp.example`",
        ),
        (
            "",
            &format!("{none}ocsp = [\"http:///a\"]\n"),
            "status.authorities[0].ocsp: `http:///a`",
        ),
        ("colour = 1", good, "status"),
        ("", &format!("{good}colour = 1\n"), "status"),
    ] {
        let faults = faults(&settings(lines, authority));
        assert!(faults[0].starts_with(told), "{told}: {faults:#?}");
    }
    let faults = faults(&format!("{GOOD}[status]\nauthorities = []\n"));
    assert!(
        faults[0].starts_with("status.authorities: is empty"),
        "{faults:#?}"
    );
    let unchecked = settings("", &format!("{none}unchecked = true\n"));
    let settings = Settings::parse(&unchecked, Path::new(".")).unwrap();
    assert!(settings.status.unwrap().authorities[0].unchecked);
}

#[test]
fn all_faults_are_told_at_once_with_place_and_remedy() {
    let text = GOOD
        .replace("AZ/GOV/1001/NODE1", "AZ/GOV")
        .replace("127.0.0.1:0\"\n[peer]", "0.0.0.0:80\"\n[peer]")
        .replace(
            "[contracts]\nfolder = \".\"",
            "[contracts]\nfolder = \"missing-folder\"\ncolour = 1",
        )
        + "[[callers]]\nname = \"x\"\nsubsystems = [\"AZ/GOV\"]\napi_key_sha256 = \"abc\"\n\
           [[services]]\nadapter = \"ftp\"\nsubsystem = \"AZ/GOV/1001/S\"\n\
           [limits]\nfields = 1\n[extra]\n";
    let told = faults(&text);
    for place in [
        "node.id",
        "consumer.plain_listen",
        "contracts.folder",
        "contracts.colour",
        "callers[0].subsystems[0]",
        "callers[0].api_key_sha256",
        "services[0].adapter",
        "limits.fields",
        "extra",
    ] {
        assert!(
            told.iter().any(|fault| fault.starts_with(place)),
            "{place} is not in {told:#?}"
        );
    }
    assert!(
        told.iter().all(|fault| fault.contains("(remedy: ")),
        "{told:#?}"
    );
}

/// What is refused behind a setting can't be had by raising it.
#[test]
fn no_node_takes_larger_heads_than_the_protocol_allows() {
    for line in ["fields = 101", "head_bytes = 65537"] {
        let told = faults(&format!("{GOOD}[limits]\n{line}\n"));
        let place = format!("limits.{}", line.split(' ').next().unwrap());
        assert!(told[0].starts_with(&place), "{told:#?}");
    }
}

const AUTHORITY: &str = "url = \"http://time.example/stamp\"";

fn with_time(lines: &str, authority: &str) -> String {
    format!("{GOOD}[time]\ntrust = \".\"\n{lines}\n[[time.authorities]]\n{authority}\n")
}

#[test]
fn stamps_are_asked_for_by_defaults() {
    let settings = Settings::parse(&with_time("", AUTHORITY), Path::new(".")).unwrap();
    let told = settings.time.unwrap();
    assert_eq!(
        [
            told.every,
            told.tolerated_gap,
            told.clock_alarm,
            told.clock_refuse,
            told.accuracy
        ]
        .map(|time| time.as_secs()),
        [60, 14_400, 5, 60, 2]
    );
}

#[test]
fn what_stamps_the_journal_is_checked_whole() {
    let good = AUTHORITY;
    for (lines, authority, place) in [
        (
            "",
            "url = \"ftp://time.example\"",
            "time.authorities[0].url: is no address",
        ),
        (
            "",
            "url = \"/stamp\"",
            "time.authorities[0].url: is no address",
        ),
        ("", "url = \"http://a b\"", "time.authorities[0].url"),
        (
            "",
            "url = \"https://time.example\"",
            "time.authorities[0].anchors: is missing",
        ),
        (
            "",
            "url = \"http://a\"\nanchors = \".\"",
            "time.authorities[0].anchors: is not used",
        ),
        (
            "",
            "url = \"http://a\"\npolicy = \"one\"",
            "time.authorities[0].policy",
        ),
        (
            "every_seconds = 0",
            good,
            "time.every_seconds: 0 is out of range",
        ),
        (
            "every_seconds = 14400",
            good,
            "time.tolerated_gap_seconds: is not above",
        ),
        (
            "clock_refuse_seconds = 5",
            good,
            "time.clock_refuse_seconds: is not above",
        ),
        ("accuracy_seconds = 0", good, "time.accuracy_seconds"),
        ("often = 1", good, "time.often: no such key"),
    ] {
        let told = faults(&with_time(lines, authority));
        assert!(
            matches!(&told[..], [one] if one.starts_with(place)),
            "{place}: {told:#?}"
        );
    }
    let none = faults(&format!("{GOOD}[time]\ntrust = \".\"\nauthorities = []\n"));
    assert!(
        matches!(&none[..], [one] if one.starts_with("time.authorities: is empty")),
        "{none:?}"
    );
}

#[test]
fn how_refusals_are_told_is_chosen_by_word() {
    let told = |text: &str| Settings::parse(text, Path::new(".")).map(|settings| settings.told);
    let default = Told {
        error_types: ErrorTypes::Dotted,
        status: ErrorStatus::Fitting,
        request_hash: true,
        language: Language::English,
    };
    assert_eq!(told(GOOD), Ok(default));
    let given = |keys: &str| {
        GOOD.replace("[node]", "[node]\nlanguage = \"az\"")
            .replace("[consumer]", &format!("[consumer]\n{keys}"))
    };
    let keys = "error_types = \"camel-case\"\nstatus = \"x-road\"\nrequest_hash = false";
    let other = Told {
        error_types: ErrorTypes::CamelCase,
        status: ErrorStatus::XRoad,
        request_hash: false,
        language: Language::Azerbaijani,
    };
    assert_eq!(told(&given(keys)), Ok(other));
    let explicit = "error_types = \"dotted\"\nstatus = \"fitting\"\nrequest_hash = true";
    let language = Language::Azerbaijani;
    assert_eq!(
        told(&given(explicit)),
        Ok(Told {
            language,
            ..default
        })
    );
}

#[test]
fn words_that_are_not_known_are_faults_and_the_known_ones_are_named() {
    let text = GOOD.replace("[node]", "[node]\nlanguage = \"ru\"").replace(
        "[consumer]",
        "[consumer]\nerror_types = \"Dotted\"\nstatus = \"500\"",
    );
    assert_eq!(
        faults(&text),
        [
            "consumer.error_types: `Dotted` is not known (remedy: write \"dotted\" (the default) or \"camel-case\")",
            "consumer.status: `500` is not known (remedy: write \"fitting\" (the default) or \"x-road\")",
            "node.language: `ru` is not known (remedy: write \"en\" (the default) or \"az\")",
        ]
    );
    let text = GOOD.replace("[consumer]", "[consumer]\nrequest_hash = \"no\"");
    assert_eq!(faults(&text).len(), 1);
}

#[test]
fn missing_sections_are_named() {
    let told = faults("");
    for section in ["node", "trust", "directory", "peer", "contracts"] {
        assert!(
            told.iter()
                .any(|fault| fault.starts_with(&format!("{section}: "))),
            "{told:#?}"
        );
    }
}

#[test]
fn a_secret_or_a_key_value_never_stands_in_the_settings() {
    let text =
        format!("{GOOD}\n[[callers]]\nname = \"x\"\nsubsystems = []\napi_key = \"secret\"\n");
    let told = faults(&text);
    assert!(
        told.iter()
            .any(|fault| fault.starts_with("callers[0].api_key: no such key")),
        "{told:#?}"
    );
    assert!(
        told.iter().all(|fault| !fault.contains("secret")),
        "{told:#?}"
    );
}

#[test]
fn text_that_is_not_toml_is_one_fault() {
    assert_eq!(faults("[node").len(), 1);
}

#[test]
fn an_authority_that_issues_by_itself_is_held_to_its_form() {
    let acme = |lines: &str| format!("{GOOD}\n[acme]\n{lines}\n");
    let good = "directory = \"https://ca.example/acme\"\nanchors = \".\"\nname = \"node.example\"\nlisten = \"127.0.0.1:0\"";
    assert!(Settings::parse(&acme(good), Path::new(".")).is_ok());
    let long = format!("{}.example", "a.".repeat(124));
    for (from, to, told) in [
        ("https:", "http:", "acme.directory: "),
        ("node.example", "Node.example", "acme.name: "),
        ("node.example", "node..example", "acme.name: "),
        ("node.example", &long, "acme.name: "),
        ("127.0.0.1:0", "nowhere", "acme.listen: "),
        (
            "anchors = \".\"",
            "anchors = \"nope.pem\"",
            "acme.anchors: ",
        ),
    ] {
        let found = faults(&acme(&good.replacen(from, to, 1)));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(told), "{found:?}");
    }
    for (more, told) in [
        ("contact = [\"officer@example.az\"]", "acme.contact: "),
        ("uses = [\"tls\", \"tls\"]", "acme.uses: names tls twice"),
        ("uses = [\"seal\"]", "acme.uses: `seal` is none"),
        (
            "uses = [\"web\"]",
            "acme.uses: names web, and there is no consumer.listen",
        ),
        (
            "external_account_id = \"1\"",
            "acme.external_account_id: stands without",
        ),
        (
            "external_account_key = \".\"",
            "acme.external_account_id: stands without",
        ),
    ] {
        let found = faults(&acme(&format!("{good}\n{more}")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(told), "{found:?}");
    }
}
