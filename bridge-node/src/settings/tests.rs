use std::path::Path;

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
