//! Landlock: what of the file tree may be used and how, once more and on its own.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use std::path::Path;

use super::{CageError, CageSettings, tree};

/// What is asked for; an older kernel gives what it knows of it.
const ASKED: ABI = ABI::V6;

/// Restricts this process and its children for good. Returns the words for what the kernel gave; `None` if it has no
/// Landlock.
pub(super) fn restrict(
    settings: &CageSettings,
    private: &Path,
    (registry, data): (Option<&Path>, Option<&Path>),
) -> Result<Option<String>, CageError> {
    let failed = |error: landlock::RulesetError| CageError::new("Landlock", error);
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(ASKED))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ASKED)))
        .and_then(|rules| rules.scope(Scope::from_all(ASKED)))
        .and_then(Ruleset::create)
        .map_err(failed)?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let run = read | AccessFs::Execute;
    let system = tree::system();
    let shown = system.iter().chain(&settings.reads);
    for path in shown.chain([&settings.program_folder]) {
        rules = allowed(rules, path, run)?;
    }
    for path in ["/proc", "/etc/passwd", "/etc/group"] {
        rules = allowed(rules, Path::new(path), read)?;
    }
    for path in tree::DEVICES {
        let device = AccessFs::ReadFile | AccessFs::WriteFile;
        rules = allowed(rules, Path::new(path), device)?;
    }
    rules = allowed(rules, private, written())?;
    if let Some(path) = data {
        rules = allowed(rules, path, written())?;
    }
    if let Some(path) = registry {
        rules = allowed(rules, path, AccessFs::ReadFile | AccessFs::WriteFile)?;
    }
    let status = rules.restrict_self().map_err(failed)?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Some("Landlock".to_owned()),
        RulesetStatus::PartiallyEnforced => Some("Landlock of an older kernel".to_owned()),
        RulesetStatus::NotEnforced => None,
    })
}

/// All that is done with files of one's own; no links that lead elsewhere, no devices, nothing to run.
fn written() -> BitFlags<AccessFs> {
    let mut all = AccessFs::from_all(ASKED);
    all.remove(
        AccessFs::Execute
            | AccessFs::MakeSym
            | AccessFs::MakeChar
            | AccessFs::MakeBlock
            | AccessFs::IoctlDev,
    );
    all
}

/// Allows a path that is there.
fn allowed(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, CageError> {
    let failed = |error: landlock::RulesetError| CageError::new("Landlock", error);
    let Ok(opened) = PathFd::new(path) else {
        return Ok(rules);
    };
    // A file takes only what is done with files.
    let access = if path.is_dir() {
        access
    } else {
        access & AccessFs::from_file(ASKED)
    };
    rules
        .add_rule(PathBeneath::new(opened, access))
        .map_err(failed)
}
