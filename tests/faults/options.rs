//! What the command line asks for.

use std::path::PathBuf;

use crate::{Failure, USAGE};

/// One call of the program.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) program: Program,
    /// How many kills or cuts, besides the control's.
    pub(crate) count: u32,
    /// What the benchmark's `setup` made.
    pub(crate) world: PathBuf,
    /// The program under test.
    pub(crate) node: PathBuf,
    /// The control.
    pub(crate) faulty: PathBuf,
    pub(crate) seed: u64,
    /// Whether requests have effects at a registry that counts them.
    pub(crate) effects: bool,
}

/// What befalls the nodes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Program {
    Kills,
    PowerCuts,
}

// === impl Options ===

impl Options {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut next = |what: &str| words.next().ok_or(format!("{what} is missing\n{USAGE}"));
        let program = match next("the command")?.as_str() {
            "kills" => Program::Kills,
            "powercuts" => Program::PowerCuts,
            other => return Err(format!("no command `{other}`\n{USAGE}").into()),
        };
        let count = next("COUNT")?.parse()?;
        let (mut world, mut node, mut faulty, mut seed) = (None, None, None, None);
        let mut effects = false;
        while let Some(option) = words.next() {
            if option == "--effects" {
                effects = true;
                continue;
            }
            let value = words
                .next()
                .ok_or(format!("{option} lacks its value\n{USAGE}"))?;
            match option.as_str() {
                "--world" => world = Some(value.into()),
                "--node" => node = Some(value.into()),
                "--faulty" => faulty = Some(value.into()),
                "--seed" => seed = Some(value.parse()?),
                other => return Err(format!("no option `{other}`\n{USAGE}").into()),
            }
        }
        let missing = |option: &str| format!("{option} is missing\n{USAGE}");
        Ok(Self {
            program,
            count,
            world: world.ok_or_else(|| missing("--world"))?,
            node: node.ok_or_else(|| missing("--node"))?,
            faulty: faulty.ok_or_else(|| missing("--faulty"))?,
            seed: seed.ok_or_else(|| missing("--seed"))?,
            effects,
        })
    }
}
