//! What an integrator meets first: `adapter new` and `sandbox`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::shell::{ended, program, repository, run, signal, wait_for};

fn population() -> String {
    let folder = repository().join("adapters/registries/population");
    folder.display().to_string()
}

#[test]
fn a_new_package_in_python_passes_its_own_test_and_the_battery_and_its_contract_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(
        folder.path(),
        &["adapter", "new", "land-register", "--lang", "python"],
    )
    .good();
    assert!(made.starts_with("made ./land-register. Next:\n"), "{made}");
    let package = folder.path().join("land-register");
    for file in [
        "manifest.toml",
        "openapi.json",
        "scenario.toml",
        "adapter.py",
    ] {
        let text = fs::read_to_string(package.join(file)).unwrap();
        assert!(
            text.contains("land-register") || text.contains("LAND-REGISTER"),
            "{file}"
        );
        assert!(!text.to_lowercase().contains("sample-registry"), "{file}");
    }
    let tested = Command::new("python3")
        .args(["-B", "-m", "unittest"])
        .current_dir(&package)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&tested.stderr);
    assert!(tested.status.success(), "{told}");
    assert!(told.contains("Ran 3 tests"), "{told}");
    let checked = run(folder.path(), &["adapter", "check", "land-register"]).good();
    assert!(checked.contains(" hold, 0 fail, "), "{checked}");
    let contract = "land-register/policy/consumer-record.json";
    let said = run(folder.path(), &["contract", "check", contract]).good();
    assert!(said.starts_with("land-register-record-consumer@"), "{said}");
}

#[test]
fn a_package_gets_the_library_of_this_version_in_place_of_an_older_one() {
    let folder = tempfile::tempdir().unwrap();
    let new = ["adapter", "new", "mine", "--lang", "python"];
    run(folder.path(), &new).good();
    let file = folder.path().join("mine/bridge_adapter/http1.py");
    let made = fs::read(&file).unwrap();
    fs::write(&file, "older").unwrap();
    let program = fs::read(folder.path().join("mine/adapter.py")).unwrap();
    run(folder.path(), &["adapter", "library", "mine"]).good();
    assert!(fs::read(&file).unwrap() == made);
    assert!(fs::read(folder.path().join("mine/adapter.py")).unwrap() == program);
    let without = ["adapter", "library", &population()];
    run(folder.path(), &without).bad(64, &["population has no program", "hint: "]);
}

#[test]
fn a_new_package_takes_no_others_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("mine")).unwrap();
    let mine = ["adapter", "new", "mine", "--lang", "rust"];
    run(folder.path(), &mine).bad(1, &["./mine is there already", "hint: "]);
    let outside = ["adapter", "new", "../mine", "--lang", "rust"];
    run(folder.path(), &outside).bad(64, &["not a package's name", "hint: "]);
    assert_eq!(fs::read_dir(folder.path().join("mine")).unwrap().count(), 0);
}

#[test]
fn the_sandbox_plays_a_scenario_and_shows_shapes_without_values() {
    let folder = tempfile::tempdir().unwrap();
    let told = run(folder.path(), &["sandbox", &population(), "--once"]).good();
    assert!(told.contains("GET /person/{fin}  200  "), "{told}");
    assert!(
        told.contains("    arrives: /address/city /fin /name/first /name/last /name/patronymic\n"),
        "{told}"
    );
    assert!(told.contains("    cut:     /address/apartment "), "{told}");
    assert!(told.contains("  403  "), "{told}");
    assert!(told.ends_with(" steps came as expected\n"), "{told}");
    for value in ["MBXEHTV", "Şirinov", "1966-02-25", "W4K9ZR0"] {
        assert!(!told.contains(value), "{value} is in:\n{told}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_sandbox_serves_files_and_what_is_changed_from_samples() {
    let folder = tempfile::tempdir().unwrap();
    let registries = repository().join("adapters/registries");
    for (name, line) in [
        ("budget", "GET /budget-execution"),
        ("payments", "POST /charge-create"),
    ] {
        let package = registries.join(name).display().to_string();
        let told = run(folder.path(), &["sandbox", &package, "--once"]).good();
        assert!(told.contains(line), "{told}");
        assert!(told.ends_with(" steps came as expected\n"), "{told}");
    }
    // Files of one's own are served where they lie.
    let package = registries.join("budget");
    let files = folder.path().join("files");
    fs::create_dir(&files).unwrap();
    for entry in fs::read_dir(package.join("sample")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), files.join(entry.file_name())).unwrap();
    }
    let package = package.display().to_string();
    let own = ["sandbox", &package, "--once", "--files", "files"];
    run(folder.path(), &own).good();
    fs::remove_file(files.join("procurement.xlsx")).unwrap();
    run(folder.path(), &own).bad(1, &["did not become ready", "procurement.xlsx"]);
}

#[test]
fn the_sandbox_says_what_a_system_over_http_needs() {
    let folder = tempfile::tempdir().unwrap();
    let package = repository().join("adapters/registries/diplomas");
    let package = package.display().to_string();
    run(folder.path(), &["sandbox", &package, "--once"]).bad(
        64,
        &[
            "diplomas does not say where its system is",
            "hint: ",
            "--setting 'http = { base_url",
        ],
    );
}

#[test]
fn the_sandbox_fails_if_the_consumer_gets_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let narrow = repository().join("adapters/registries/population/policy/tax-person.json");
    let text = fs::read_to_string(narrow).unwrap();
    let narrow = folder.path().join("narrow.json");
    fs::write(&narrow, text.replace("\"/name/last\",", "")).unwrap();
    let narrow = narrow.display().to_string();
    let said = run(
        folder.path(),
        &["sandbox", &population(), "--once", "--policy", &narrow],
    );
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("    FAIL expected the body "), "{said:?}");
    assert!(
        said.err.contains("steps did not come as expected"),
        "{said:?}"
    );
}

#[test]
fn the_sandboxs_commands_work_as_they_are_printed_and_each_exchange_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = program()
        .args(["sandbox", &population(), "--dir"])
        .arg(folder.path().join("kept"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let printed: Vec<String> = lines
        .by_ref()
        .take_while(|line| !line.starts_with("Each exchange is shown here"))
        .collect();
    let commands: Vec<&String> = printed
        .iter()
        .filter(|line| line.starts_with("curl "))
        .collect();
    assert!(commands.len() >= 10, "{printed:#?}");
    let ask = |line: &str| {
        let line = format!("{line} --output /dev/null --write-out '%{{http_code}}'");
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(ask(commands[0]), "200");
    let mut told = lines.by_ref().skip_while(String::is_empty);
    assert!(told.next().unwrap().starts_with("GET /person/{fin}  200  "));
    assert!(told.next().unwrap().starts_with("    arrives: "));
    let post = commands
        .iter()
        .find(|line| line.contains("-X POST"))
        .unwrap();
    assert_eq!(ask(post), "200");
    assert!(
        told.next()
            .unwrap()
            .starts_with("POST /person/check  200  ")
    );

    let nodes = || running_in(folder.path());
    assert!(nodes() >= 3);
    signal(&child, Signal::INT);
    assert!(ended(&mut child).success());
    wait_for("no node is left", || (nodes() == 0).then_some(()));
}

/// How many node processes run with settings of this folder.
fn running_in(folder: &Path) -> usize {
    let name = folder.to_str().unwrap();
    let commands = fs::read_dir("/proc").unwrap().flatten().map(|entry| {
        // A process that is just ending has no command line any more.
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ")
    });
    commands
        .filter(|line| line.contains(name) && line.contains(" run "))
        .count()
}
