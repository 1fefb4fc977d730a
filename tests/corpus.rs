//! The fuzzers' targets over their corpora, and over small changes of each input, as a plain test.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken corpus must stop the test at once"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bridge_tests::fuzz::{TARGETS, run};

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target)
}

fn inputs(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder(target))
        .unwrap_or_else(|_| panic!("tests/fuzz/corpus/{target} is missing"))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Changes of one input: cut short, a bit turned, a byte doubled, left out, replaced; spread over the whole input.
fn changes(input: &[u8]) -> Vec<Vec<u8>> {
    let step = (input.len() / 40).max(1);
    let mut changed = Vec::new();
    for at in (0..input.len()).step_by(step) {
        changed.push(input[..at].to_vec());
        for byte in [
            b'%',
            b'"',
            b'\\',
            b'\n',
            0,
            0xff,
            b'0',
            b'9',
            input[at] ^ 1,
            input[at] ^ 0x80,
        ] {
            let mut other = input.to_vec();
            other[at] = byte;
            changed.push(other);
        }
        let mut doubled = input.to_vec();
        doubled.insert(at, input[at]);
        changed.push(doubled);
        let mut without = input.to_vec();
        without.remove(at);
        changed.push(without);
    }
    changed
}

#[test]
fn every_target_holds_its_claim_over_its_corpus_and_over_changes_of_it() {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((target, _)) = TARGETS.get(next.fetch_add(1, Ordering::Relaxed)) {
            hold(target);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(work);
        }
    });
}

fn hold(target: &str) {
    let inputs = inputs(target);
    assert!(inputs.len() >= 2, "{target} has too few inputs");
    let taken = inputs.iter().filter(|input| run(target, input)).count();
    assert!(taken > 0, "{target} reads none of its inputs to the end");
    for input in &inputs {
        for changed in changes(input) {
            run(target, &changed);
        }
    }
}

#[test]
fn every_target_has_a_fuzzer_and_every_fuzzer_a_target() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    let mut fuzzers: Vec<_> = manifest["bin"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bin| bin["name"].as_str().unwrap().to_owned())
        .collect();
    let mut targets: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    fuzzers.sort();
    targets.sort();
    assert_eq!(fuzzers, targets);
    for name in &targets {
        let path = format!("fuzz/fuzz_targets/{name}.rs");
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        assert!(text.contains(&format!("fuzz::run(\"{name}\"")), "{name}");
    }
}
