//! Keys on PKCS#11 tokens: the guide's commands, requests for their certificates, and seals that lie there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Said, program, words};
use crate::world::{Agency, World};

/// What the guide shows.
pub(crate) const COMMANDS: [&str; 5] = [
    "bridge-node key list --token-module /usr/lib/softhsm/libsofthsm2.so",
    "bridge-node key token keys/exchange.key \"pkcs11:token=agency-a;object=exchange?pin-source=file:agency-a.pin\" --token-module /usr/lib/softhsm/libsofthsm2.so --make ed25519",
    "bridge-node key token keys/tls.key \"pkcs11:token=agency-a;object=tls?pin-source=file:agency-a.pin\" --token-module /usr/lib/softhsm/libsofthsm2.so --make p256",
    "bridge-node key list --token-module /usr/lib/softhsm/libsofthsm2.so \"pkcs11:token=agency-a?pin-source=file:keys/agency-a.pin\"",
    "bridge-node key token keys/seal.key \"pkcs11:token=agency-a;object=seal?pin-source=file:agency-a.pin\" --token-module /usr/lib/softhsm/libsofthsm2.so --make p256 --seal-of AZ/GOV/1001 --csr seal.csr",
];
const PIN: &str = "271828";

/// SoftHSM with one token, and an agency whose PIN file is where the guide has it.
struct Bench {
    world: World,
    agency: Agency,
    settings: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let world = World::new();
        let folder = world.path().join("hsm");
        fs::create_dir_all(folder.join("tokens")).unwrap();
        let settings = folder.join("softhsm2.conf");
        let tokens = folder.join("tokens").display().to_string();
        fs::write(&settings, format!("directories.tokendir = {tokens}\n")).unwrap();
        let agency = world.population();
        secret(&agency.folder.join("keys/agency-a.pin"), PIN);
        let bench = Self {
            world,
            agency,
            settings,
        };
        let token =
            "softhsm2-util --init-token --free --label agency-a --so-pin 314159 --pin 271828";
        bench.other(token);
        bench
    }

    /// The program, as the guide writes it.
    fn say(&self, line: &str) -> Said {
        let output = program()
            .args(words(line.trim_start_matches("bridge-node ")))
            .current_dir(&self.agency.folder)
            .env("SOFTHSM2_CONF", &self.settings)
            .output()
            .unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Another program.
    #[track_caller]
    fn other(&self, line: &str) -> String {
        let words = words(line);
        let output = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(&self.agency.folder)
            .env("SOFTHSM2_CONF", &self.settings)
            .output()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {told}");
        String::from_utf8_lossy(&output.stdout).into_owned() + &told
    }

    /// Certifies a request as an authority that keeps what the request asks for.
    fn certify(&self, name: &str) {
        let authority = self.world.path().join("authority");
        self.other(&format!(
            "openssl x509 -req -in {name}.csr -CA {0}/issuing.pem -CAkey {0}/issuing.key -copy_extensions copyall -days 60 -sha256 -out given.pem",
            authority.display()
        ));
        let given = self.agency.folder.join("given.pem");
        let chain =
            [&given, &authority.join("issuing.pem")].map(|path| fs::read_to_string(path).unwrap());
        fs::write(given, chain.concat()).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.agency.folder.join(file)).unwrap();
    }
}

fn secret(path: &Path, text: &str) {
    fs::write(path, format!("{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn the_operators_guide_makes_keys_on_a_token_and_their_certificates_are_asked_for_and_taken() {
    let bench = Bench::new();
    let there = bench.say(COMMANDS[1]);
    there.bad(1, &["keys/exchange.key: is there already", "\nhint: "]);
    for name in ["exchange", "tls"] {
        bench.remove(&format!("keys/{name}.key"));
    }
    // Nothing is made that the URI does not name.
    for other in ["object=exchange;id=%01", "id=%01"] {
        let line = COMMANDS[1].replace("object=exchange", other);
        let told = bench.say(&line);
        told.bad(64, &["--make needs the label", "and no id"]);
    }
    let told: Vec<String> = COMMANDS[..4]
        .iter()
        .map(|line| bench.say(line).good())
        .collect();
    assert!(
        told[0].starts_with("pkcs11:token=agency-a;serial="),
        "{told:#?}"
    );
    assert!(told[0].ends_with("  PIN good\n"), "{told:#?}");
    let made =
        "made keys/exchange.key: it names token agency-a, object=exchange (Ed25519), which signs\n";
    assert_eq!(told[1], made);
    assert_eq!(told[3].lines().count(), 3, "{told:#?}");
    assert!(
        told[3].contains(";object=tls;id=") && told[3].contains("  P-256\n"),
        "{told:#?}"
    );

    // The settings do not say by which library it is reached.
    let csr = "certs csr --config node.toml";
    let unnamed = bench.say(csr);
    unnamed.bad(1, &["no PKCS#11 module is named"]);
    bench
        .agency
        .add("\n[token]\nmodule = \"/usr/lib/softhsm/libsofthsm2.so\"\n");
    bench.say(csr).good();
    for name in ["exchange", "tls"] {
        let text = bench.other(&format!("openssl req -in {name}.csr -noout -text -verify"));
        assert!(text.contains("verify OK"), "{text}");
        bench.certify(name);
        let config = "--config node.toml given.pem";
        let told = bench.say(&format!("certs import {config}")).good();
        assert!(
            told.contains(&format!("keys/{name}.pem: in force, valid until")),
            "{told}"
        );
    }
    let checked = bench.say("check-config --config node.toml").good();
    assert!(
        checked.contains("exchange.key on pkcs11:token=agency-a;object=exchange, "),
        "{checked}"
    );
    assert!(!checked.contains("agency-a.pin"), "{checked}");

    // Another key of the token is not the certificate's.
    let text = "pkcs11:token=agency-a;object=tls?pin-source=file:agency-a.pin";
    secret(&bench.agency.folder.join("keys/exchange.key"), text);
    let mixed = bench.say("check-config --config node.toml");
    mixed.bad(64, &["exchange.key is not the key of exchange.pem"]);
}

#[test]
fn a_key_file_that_names_no_usable_key_is_told_with_what_helps() {
    let bench = Bench::new();
    bench
        .agency
        .add("\n[token]\nmodule = \"/usr/lib/softhsm/libsofthsm2.so\"\n");
    let pin = "?pin-source=file:agency-a.pin";
    for (file, text, parts) in [
        (
            "exchange.key",
            format!("pkcs11:object=exchange{pin}"),
            ["names no token", "write pkcs11:token=LABEL"],
        ),
        (
            "exchange.key",
            format!("pkcs11:token=agency-b;object=exchange{pin}"),
            ["there are: agency-a", "bridge-node key list"],
        ),
        (
            "exchange.key",
            format!("pkcs11:token=agency-a;object=exchange{pin}"),
            ["no private key object=exchange", "bridge-node key token"],
        ),
        (
            "exchange.key",
            "pkcs11:token=agency-a;object=exchange".to_owned(),
            ["no pin-source", "pin-source=file:PATH"],
        ),
        (
            "exchange.key",
            "pkcs11:token=agency-a;object=exchange?pin-source=file:no.pin".to_owned(),
            ["no.pin: can't be opened", "pin-source=file:PATH"],
        ),
        (
            "exchange.key",
            "pkcs11:token=agency-a;object=exchange?pin-value=271828".to_owned(),
            [
                "the attribute pin-value is not taken",
                "write pkcs11:token=LABEL",
            ],
        ),
        (
            "journal.key",
            format!("pkcs11:token=agency-a;object=journal{pin}"),
            [
                "this key must lie in its file",
                "make the others with `bridge-node key`",
            ],
        ),
    ] {
        let path = bench.agency.folder.join("keys").join(file);
        let before = fs::read(&path).unwrap();
        secret(&path, &text);
        let said = bench.say("check-config --config node.toml");
        let told = said.bad(64, &parts);
        assert!(!told.contains(PIN), "{told}");
        fs::write(&path, before).unwrap();
    }
}

#[test]
fn a_seal_on_a_token_is_asked_for_and_speaks_for_its_member() {
    let bench = Bench::new();
    let text = fs::read_to_string(bench.agency.folder.join("contracts/tax-person.json")).unwrap();
    let (terms, _signatures) = text.split_once(",\"signatures\":").unwrap();
    let unsigned = format!("{terms},\"signatures\":[]}}");
    fs::write(bench.agency.folder.join("person.json"), unsigned).unwrap();
    bench.remove("keys/seal.key");
    let module = "--token-module /usr/lib/softhsm/libsofthsm2.so";
    bench.say(COMMANDS[4]).good();
    let text = bench.other("openssl req -in seal.csr -noout -text -verify");
    assert!(
        text.contains("verify OK") && text.contains("URI:bridge://AZ/GOV/1001"),
        "{text}"
    );
    bench.certify("seal");
    let given = bench.agency.folder.join("given.pem");
    fs::copy(given, bench.agency.folder.join("keys/seal.pem")).unwrap();
    let propose = "contract propose person.json --member AZ/GOV/1001 --seal keys/seal.pem --seal-key keys/seal.key --trust ../trust/anchors.pem";
    let unnamed = bench.say(propose);
    unnamed.bad(1, &["no PKCS#11 module is named", "\nhint: "]);
    bench.say(&format!("{propose} {module}")).good();
    let shown = bench
        .say("contract show person.json --trust ../trust/anchors.pem")
        .good();
    assert!(shown.contains("proposed by AZ/GOV/1001 at "), "{shown}");
}
