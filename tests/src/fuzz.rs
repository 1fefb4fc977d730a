//! What strangers' bytes go through, each with a claim that must hold whatever the bytes are.
//!
//! One list for two uses: `tests/fuzz` gives each target to cargo-fuzz, and `tests/corpus.rs` runs all targets over the
//! corpus, and over small changes of it, as a plain test. A target that only must not crash says so.

mod acme;
mod bytes;
mod documents;
mod heads;
mod logs;
mod members;
mod packages;
mod seals;
mod small;

/// A name, and what the bytes are given to.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// All targets, in the order of a message's way.
pub const TARGETS: [Target; 34] = [
    ("head", bytes::head),
    ("framing", bytes::framing),
    ("target", heads::target),
    ("identity", heads::identity),
    ("fields", heads::fields),
    ("digest", heads::digest),
    ("signature", heads::signature),
    ("batch", bytes::batch),
    ("envelope", heads::envelope),
    ("certificate", bytes::certificate),
    ("stamp", bytes::stamp),
    ("seal", seals::seal),
    ("status", seals::status),
    ("acme", acme::acme),
    ("directory", documents::directory),
    ("metadata", documents::metadata),
    ("join", members::join),
    ("catalogue", members::catalogue),
    ("contract", documents::contract),
    ("statement", seals::statement),
    ("settings", documents::settings),
    ("openapi", documents::openapi),
    ("package", packages::package),
    ("table", packages::table),
    ("cut", documents::cut_answer),
    ("leaf", bytes::leaf),
    ("journal", bytes::journal),
    ("leaves", logs::leaves),
    ("mirror", logs::mirror),
    ("submission", logs::submission),
    ("epoch", members::epoch),
    ("receipt", members::receipt),
    ("cosignature", members::cosignature),
    ("dossier", seals::dossier),
];

/// Gives bytes to the target of this name; says whether they were taken for what the target reads.
///
/// # Panics
///
/// If there is no such target, or if its claim does not hold.
pub fn run(name: &str, data: &[u8]) -> bool {
    let (_, target) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("no target {name}"));
    target(data)
}
