use super::*;
use crate::Endpoint;
use crate::template::Template;

const OPENAPI: &str = r#"{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{
    "/person/{fin}":{"get":{"parameters":[{"name":"fin","in":"path","required":true,"schema":{"type":"string"}}],
    "responses":{"200":{"description":"ok"}}}}}}"#;
const SOUND: &str = "version = 1\nname = \"population\"\ntitle = \"Əhali reyestri\"\nadapter = \"sql\"\n\
    [[service]]\ncode = \"person\"\ntitle = \"Şəxs\"\n[sql]\n";

fn package(manifest: &str, openapi: &str) -> (tempfile::TempDir, Result<Package, Vec<Fault>>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("manifest.toml"), manifest).unwrap();
    std::fs::write(folder.path().join("openapi.json"), openapi).unwrap();
    let package = Package::load(folder.path());
    (folder, package)
}

#[test]
fn a_sound_package_is_read_and_described() {
    let (_folder, package) = package(SOUND, OPENAPI);
    let package = package.unwrap();
    assert_eq!(package.title, "Əhali reyestri");
    let description = package.describe("sql");
    assert_eq!(description.services[0].code, "person");
    let path = Template::parse("/{fin}").unwrap();
    assert_eq!(
        description.services[0].endpoints,
        [Endpoint::new(http::Method::GET, path)]
    );
}

#[test]
fn all_faults_come_at_once_with_place_and_remedy() {
    let manifest = "version = 2\nname = \"Əhali\"\nadapter = \"sql\"\nowner = 1\n\
        [[service]]\ncode = \"address\"\ntitle = \"a\"\n[[service]]\ncode = \"address\"\ntitle = \"b\"\n[sql]\n";
    let (_folder, package) = package(manifest, "{\"openapi\":\"3.0.0\"}");
    let faults = package.unwrap_err();
    let codes: Vec<&str> = faults.iter().map(|fault| fault.code).collect();
    assert_eq!(
        codes,
        [
            "manifest-version",
            "wrong-value",
            "missing-key",
            "repeated-service",
            "unknown-key",
            "openapi-version"
        ]
    );
    assert!(
        faults
            .iter()
            .all(|fault| !fault.place.is_empty() && !fault.remedy.is_empty())
    );
}

#[test]
fn services_and_paths_must_agree_both_ways() {
    let (_folder, package) = package(&SOUND.replace("\"person\"", "\"address\""), OPENAPI);
    let codes: Vec<&str> = package
        .unwrap_err()
        .iter()
        .map(|fault| fault.code)
        .collect();
    assert_eq!(
        codes,
        [
            "service-without-openapi-path",
            "openapi-path-without-service"
        ]
    );
}

#[test]
fn an_unknown_adapter_lists_the_known_ones() {
    let (_folder, package) = package(
        &SOUND.replace("adapter = \"sql\"", "adapter = \"fax\""),
        OPENAPI,
    );
    let faults = package.unwrap_err();
    assert_eq!(faults[0].code, "unknown-adapter");
    assert_eq!(faults[0].remedy, "write one of: sql, http, file, process");
}

#[test]
fn broken_syntax_is_placed_by_line() {
    let (_folder, package) = package("version = 1\nname = \n", OPENAPI);
    assert_eq!(package.unwrap_err()[0].at(), "manifest.toml:2");
    let (_folder, package) = self::package(SOUND, "{\n\n]");
    assert_eq!(package.unwrap_err()[0].at(), "openapi.json:3");
}

#[test]
fn faults_of_the_manifest_name_their_line() {
    let manifest = SOUND.replace("[sql]\n", "tilte = 1\n[sql]\n");
    let (_folder, package) = package(&manifest, OPENAPI);
    let faults = package.unwrap_err();
    assert_eq!(faults[0].at(), "manifest.toml:8 service[1].tilte");
    let (_folder, package) = self::package(SOUND, OPENAPI);
    let of_adapter = Fault::new("c", "manifest.toml sql.operation", "p", "r");
    let located = package.unwrap().locate(vec![of_adapter]);
    assert_eq!(located[0].at(), "manifest.toml:8 sql.operation");
}

#[test]
fn no_file_outside_the_folder_is_read() {
    let (_folder, package) = package(SOUND, OPENAPI);
    let package = package.unwrap();
    for name in ["../manifest.toml", "/etc/passwd", "", "."] {
        let fault = package.text(name, 10).unwrap_err();
        assert_eq!(fault.code, "file-outside", "{name:?}");
        assert!(!fault.place.is_empty());
    }
    assert_eq!(
        package.text("manifest.toml", 10).unwrap_err().code,
        "file-too-large"
    );
    assert!(package.text("manifest.toml", 10_000).is_ok());
}

#[test]
fn a_missing_manifest_is_one_fault() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Package::load(folder.path()).unwrap_err();
    assert_eq!((faults.len(), faults[0].code), (1, "file"));
}
