//! `adapter new`: a registry package with a program that works, in Python or Rust. `adapter library`: the Python library of this version in a package
//! that is there.

use std::fs;
use std::path::{Path, PathBuf};

use bridge_adapter::Package;
use clap::{Args, ValueEnum};

use super::{Failure, hint, open, say};

/// Options of `adapter new`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The package's name: a lower-case letter, then lower-case letters, digits and `-`.
    name: String,
    /// What the program is written in.
    #[arg(long, value_enum)]
    lang: Language,
    /// Where to put the package's folder (default: here).
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// Options of `adapter library`.
#[derive(Debug, Args)]
pub(super) struct Given {
    /// Folder of the registry package.
    package: PathBuf,
}

/// A language that there is a start for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Python,
    Rust,
}

/// A file of a start and its text.
type File = (&'static str, &'static str);

/// What stands in the templates where the package's name belongs.
const NAME: &str = "sample-registry";
const SUBSYSTEM: &str = "SAMPLE-REGISTRY";
const PROGRAM: &str = "PROGRAM";
const NAME_LIMIT: usize = 40;

const PACKAGE: [File; 4] = [
    ("manifest.toml", include_str!("scaffold/manifest.toml")),
    ("openapi.json", include_str!("scaffold/openapi.json")),
    ("scenario.toml", include_str!("scaffold/scenario.toml")),
    (
        "policy/consumer-record.json",
        include_str!("scaffold/contract.json"),
    ),
];
const PYTHON: [File; 3] = [
    ("adapter.py", include_str!("scaffold/python/adapter.py")),
    (
        "test_adapter.py",
        include_str!("scaffold/python/test_adapter.py"),
    ),
    ("README.md", include_str!("scaffold/python/README.txt")),
];
const RUST: [File; 6] = [
    ("Cargo.toml", include_str!("scaffold/rust/cargo.toml")),
    (".gitignore", "/target/\n"),
    ("src/main.rs", include_str!("scaffold/rust/src/main.rs")),
    (
        "src/protocol.rs",
        include_str!("scaffold/rust/src/protocol.rs"),
    ),
    ("src/tests.rs", include_str!("scaffold/rust/src/tests.rs")),
    ("README.md", include_str!("scaffold/rust/README.txt")),
];

/// A file of the Python library.
macro_rules! library {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../adapters/python/src/bridge_adapter/", $name)))),*]
    };
}

/// The library goes into the package: it needs no other, and a closed network has no index to fetch it from.
const LIBRARY: [File; 16] = library![
    "__init__.py",
    "adapter.py",
    "answer.py",
    "call.py",
    "convert.py",
    "effects.py",
    "errors.py",
    "http1.py",
    "limits.py",
    "log.py",
    "py.typed",
    "registry.py",
    "routes.py",
    "server.py",
    "testing.py",
    "wire.py",
];

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let name = &options.name;
    if !is_name(name) {
        return Err(Failure::Usage(hint(
            "that is not a package's name",
            "use a lower-case letter, then at most 39 lower-case letters, digits and -",
        )));
    }
    let folder = options.dir.join(name);
    if folder.exists() {
        return Err(Failure::Failed(hint(
            &format!("{} is there already", folder.display()),
            "give another name, or another folder with --dir",
        )));
    }
    let (files, program, next) = match options.lang {
        Language::Python => (
            PYTHON.as_slice(),
            r#"["/usr/bin/python3", "adapter.py"]"#.to_owned(),
            "python3 -m unittest",
        ),
        Language::Rust => (
            RUST.as_slice(),
            format!(r#"["target/release/{name}"]"#),
            "cargo test && cargo build --release",
        ),
    };
    for (path, text) in PACKAGE.iter().chain(files) {
        let text = match *path {
            "manifest.toml" => text.replace(PROGRAM, &program),
            _ => (*text).to_owned(),
        };
        let text = text
            .replace(NAME, name)
            .replace(SUBSYSTEM, &name.to_uppercase());
        write(&folder.join(path), &text)?;
    }
    if options.lang == Language::Python {
        give_library(&folder)?;
    }
    let shown = folder.display();
    say(format_args!("made {shown}. Next:"));
    say(format_args!("  (cd {shown} && {next})"));
    say(format_args!("  bridge-node adapter check {shown}"));
    say(format_args!("  bridge-node sandbox {shown}"));
    Ok(())
}

/// Puts the library into a package of the kind process; an older one gives way.
pub(super) fn library(given: &Given) -> Result<(), Failure> {
    let package = Package::load(&given.package).map_err(open::faults)?;
    if package.adapter != "process" {
        return Err(Failure::Usage(hint(
            &format!("{} has no program", package.name),
            "name a package whose manifest.toml says adapter = \"process\"",
        )));
    }
    give_library(&package.folder)
}

fn give_library(package: &Path) -> Result<(), Failure> {
    let folder = package.join("bridge_adapter");
    for (path, text) in LIBRARY {
        write(&folder.join(path), text)?;
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.len() <= NAME_LIMIT
        && text.bytes().all(fits)
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed(&path.display().to_string(), &error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_library_goes_into_a_package() {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/python/src/bridge_adapter");
        let mut there: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name == "__init__.py" || !name.starts_with(['.', '_']))
            .collect();
        there.sort();
        let given: Vec<&str> = LIBRARY.iter().map(|(name, _)| *name).collect();
        assert_eq!(there, given);
    }

    #[test]
    fn names_are_those_of_packages_and_programs() {
        for good in ["a", "referrals", "land-register-2", &"a".repeat(40)] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            "A",
            "1a",
            "-a",
            "a-",
            "a_b",
            "a b",
            "a/b",
            "..",
            "ə",
            &"a".repeat(41),
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
