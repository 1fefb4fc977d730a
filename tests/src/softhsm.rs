//! SoftHSM: tokens in a folder, which nodes reach by its PKCS#11 module.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::agency::Agency;

/// The module, where Debian's packages put it.
pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// The user PIN of every token here.
pub const PIN: &str = "271828";

/// Tokens in a folder.
#[derive(Debug)]
pub struct SoftHsm {
    folder: PathBuf,
}

// === impl SoftHsm ===

impl SoftHsm {
    /// Sets it up in a folder of its own, with tokens of these labels.
    pub fn new(folder: &Path, labels: &[&str]) -> Self {
        let tokens = folder.join("tokens");
        fs::create_dir_all(&tokens).unwrap();
        let hsm = Self {
            folder: folder.to_owned(),
        };
        let text = format!("directories.tokendir = {}\n", tokens.display());
        fs::write(hsm.settings(), text).unwrap();
        for label in labels {
            let arguments = ["--init-token", "--free", "--so-pin", "314159", "--pin", PIN];
            hsm.run(&[&arguments[..], &["--label", label]].concat());
        }
        hsm
    }

    /// What `SOFTHSM2_CONF` of a node's process names.
    pub fn settings(&self) -> PathBuf {
        self.folder.join("softhsm2.conf")
    }

    /// Moves an agency's keys onto a token, from its next settings on: what was in `NAME.key` lies there under NAME, and the file names it.
    pub fn take(&self, agency: &mut Agency, label: &str, names: &[&str]) {
        for (number, name) in names.iter().enumerate() {
            let file = agency.folder.join(format!("keys/{name}.key"));
            let id = format!("{:02}", number + 1);
            let imported = self.folder.join("imported.pem");
            let pkcs8 = bridge_certs::read_key_file(&file).unwrap();
            fs::write(&imported, pem(&version_1(&pkcs8))).unwrap();
            let key = imported.to_str().unwrap();
            let arguments = ["--import", key, "--token", label, "--label", name];
            self.run(&[&arguments[..], &["--id", &id, "--pin", PIN]].concat());
            let uri = format!("pkcs11:token={label};object={name}?pin-source=file:{label}.pin\n");
            secret(&file, &uri);
        }
        self.write_pin(agency, label, PIN);
        agency.add_settings(&format!("\n[token]\nmodule = \"{MODULE}\"\n"));
    }

    /// Writes the PIN that an agency gives to a token.
    pub fn write_pin(&self, agency: &Agency, label: &str, pin: &str) {
        let file = agency.folder.join(format!("keys/{label}.pin"));
        secret(&file, &format!("{pin}\n"));
    }

    /// Takes a token away; it is put back by [`SoftHsm::put_back`].
    pub fn take_away(&self, label: &str) {
        fs::rename(self.token(label), self.folder.join(label)).unwrap();
    }

    /// Puts a token back that was taken away.
    pub fn put_back(&self, label: &str) {
        let back = self.folder.join("tokens").join(label);
        fs::rename(self.folder.join(label), back).unwrap();
    }

    fn token(&self, label: &str) -> PathBuf {
        let entries = fs::read_dir(self.folder.join("tokens")).unwrap();
        let has = |folder: &PathBuf| {
            let about = fs::read(folder.join("token.object")).unwrap_or_default();
            about.windows(label.len()).any(|at| at == label.as_bytes())
        };
        let mut folders = entries.map(|entry| entry.unwrap().path());
        folders.find(has).unwrap()
    }

    fn run(&self, arguments: &[&str]) {
        let output = Command::new("softhsm2-util")
            .args(arguments)
            .env("SOFTHSM2_CONF", self.settings())
            .output()
            .expect("softhsm2-util: apt-get install softhsm2");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {told}");
    }
}

/// Ed25519 keys without the public half, which SoftHSM's program does not read. Standard: RFC 8410 §7.
fn version_1(pkcs8: &[u8]) -> Vec<u8> {
    match pkcs8 {
        [0x30, _, 2, 1, 1, rest @ ..] => [&[0x30, 46, 2, 1, 0][..], &rest[..43]].concat(),
        other => other.to_vec(),
    }
}

fn pem(pkcs8: &[u8]) -> String {
    let text = STANDARD.encode(pkcs8);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

fn secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
