//! SoftHSM with tokens of its own, in a process of its own: a module is loaded once a process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bridge_token::{Module, Token, TokenError, Uri};
use zeroize::Zeroizing;

/// Where Debian's packages put it.
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
pub(crate) const PIN: &str = "271828";
/// What tells a process that it is the test's own, and where its folder is.
const OWN: &str = "BRIDGE_TOKEN_TEST";
const PATIENCE: Duration = Duration::from_secs(40);

/// The folder of a test: `moods`, and the tokens agency-a and agency-b.
pub(crate) struct Stage {
    folder: PathBuf,
}

/// Runs a test in a process of its own, with SoftHSM set up for it.
pub(crate) fn alone(name: &str, test: fn(&Stage)) {
    if let Ok(folder) = std::env::var(OWN) {
        return test(&Stage {
            folder: folder.into(),
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let settings = set_up(at);
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(OWN, at)
        .env("SOFTHSM2_CONF", settings)
        .env("MOODY", at.join("moods"))
        .env("MOODY_MODULE", SOFTHSM)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{told}");
    assert!(said.contains("1 passed"), "{name} is no test: {said}");
}

fn set_up(at: &Path) -> PathBuf {
    fs::create_dir_all(at.join("tokens")).unwrap();
    fs::create_dir_all(at.join("moods")).unwrap();
    let settings = at.join("softhsm2.conf");
    let tokens = at.join("tokens").display().to_string();
    fs::write(&settings, format!("directories.tokendir = {tokens}\n")).unwrap();
    for label in ["agency-a", "agency-b"] {
        let arguments = ["--init-token", "--free", "--so-pin", "314159", "--pin", PIN];
        run(Command::new("softhsm2-util")
            .args(arguments)
            .args(["--label", label])
            .env("SOFTHSM2_CONF", &settings));
    }
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/token/moody.c");
    run(Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-w", "-o"])
        .arg(at.join("moody.so"))
        .arg(source));
    settings
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error} (apt-get install softhsm2)");
    });
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
}

impl Stage {
    /// SoftHSM behind the moods.
    pub(crate) fn moody(&self) -> Module {
        Module::load(&self.moody_path()).unwrap()
    }

    pub(crate) fn moody_path(&self) -> PathBuf {
        self.folder.join("moody.so")
    }

    pub(crate) fn set(&self, mood: &str, text: &str) {
        fs::write(self.folder.join("moods").join(mood), text).unwrap();
    }

    pub(crate) fn clear(&self, mood: &str) {
        fs::remove_file(self.folder.join("moods").join(mood)).unwrap();
    }

    /// How often something was noted.
    pub(crate) fn count(&self, mood: &str) -> u64 {
        let file = self.folder.join("moods").join(mood);
        fs::metadata(file).map_or(0, |about| about.len())
    }

    /// The folder in which SoftHSM keeps a token.
    pub(crate) fn kept(&self, label: &str) -> PathBuf {
        let tokens = fs::read_dir(self.folder.join("tokens")).unwrap();
        let has = |folder: &PathBuf| {
            let about = fs::read(folder.join("token.object")).unwrap_or_default();
            about.windows(label.len()).any(|at| at == label.as_bytes())
        };
        let mut folders = tokens.map(|entry| entry.unwrap().path());
        folders.find(has).unwrap()
    }

    /// Where a token lies that was taken away.
    pub(crate) fn away(&self) -> PathBuf {
        self.folder.join("away")
    }
}

/// SoftHSM as it is.
pub(crate) fn softhsm() -> Module {
    Module::load(SOFTHSM.as_ref()).unwrap()
}

pub(crate) fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

pub(crate) fn open(module: &Module, label: &str) -> Result<Token, TokenError> {
    open_with(module, label, PIN)
}

pub(crate) fn open_with(module: &Module, label: &str, pin: &str) -> Result<Token, TokenError> {
    let ask = || Ok(Zeroizing::new(pin.to_owned()));
    module.token(&uri(&format!("pkcs11:token={label}")), &ask)
}

/// Waits until something holds, and not for ever.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
