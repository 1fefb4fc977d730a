//! `directory dev`: publishes without a ceremony, for development: the keys of all roles lie on this machine.

use std::path::{Path, PathBuf};

use bridge_directory::{Directory, Publisher};
use clap::Subcommand;

use super::{Failure, failed, hint, say};
use crate::clock::Clock;

/// Commands for development.
#[derive(Debug, Subcommand)]
pub(in crate::command) enum Command {
    /// Make the keys of the four roles in KEYS and an empty repository in PUBLIC.
    #[command(
        after_help = "Example:\n  bridge-node directory dev create --keys directory/keys --public directory/public"
    )]
    Create {
        /// Folder for the role keys.
        #[arg(long)]
        keys: PathBuf,
        /// Folder that a web server may serve.
        #[arg(long)]
        public: PathBuf,
    },
    /// Sign and publish a directory file.
    #[command(
        after_help = "Example:\n  bridge-node directory dev publish --keys directory/keys --public directory/public directory.json"
    )]
    Publish {
        /// Folder of the role keys.
        #[arg(long)]
        keys: PathBuf,
        /// Folder that a web server may serve.
        #[arg(long)]
        public: PathBuf,
        /// The directory as JSON.
        file: PathBuf,
    },
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    let now_s = Clock::default().now_s();
    match command {
        Command::Create { keys, public } => {
            Publisher::create(&keys, &public, now_s).map_err(|error| failed(&error))?;
            let root = public.join("metadata/1.root.json");
            say(format_args!(
                "made {}; nodes pin {}",
                public.display(),
                root.display()
            ));
        }
        Command::Publish { keys, public, file } => {
            let directory = read(&file)?;
            let publisher = Publisher::open(&keys, &public).map_err(|error| failed(&error))?;
            let version = publisher
                .publish(&directory, now_s)
                .map_err(|error| failed(&error))?;
            say(format_args!(
                "published version {version}: {} members",
                directory.members.len()
            ));
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Directory, Failure> {
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::failed(&file.display().to_string(), &error))?;
    Directory::parse(&bytes).map_err(|error| {
        Failure::Failed(hint(
            &format!("{}: {}", file.display(), crate::chain(&error)),
            "`bridge-node demo --once --dir DIR` writes an example, DIR/directory/directory.json",
        ))
    })
}
