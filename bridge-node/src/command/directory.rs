//! `directory`: publishes a signed directory as static files. Development: the keys of all roles lie on this machine.

use std::path::{Path, PathBuf};

use bridge_directory::{Directory, PublishError, Publisher};
use clap::Subcommand;

use super::{Failure, hint, say};
use crate::clock::Clock;

/// Commands about the directory.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make the keys of the four roles in KEYS and an empty repository in PUBLIC.
    #[command(
        after_help = "Example:\n  bridge-node directory create --keys directory/keys --public directory/public"
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
        after_help = "Example:\n  bridge-node directory publish --keys directory/keys --public directory/public directory.json"
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
    /// Sign a new time-stamp: the directory stays valid for another 24 h.
    #[command(
        after_help = "Example:\n  bridge-node directory refresh --keys directory/keys --public directory/public"
    )]
    Refresh {
        /// Folder of the role keys.
        #[arg(long)]
        keys: PathBuf,
        /// Folder that a web server may serve.
        #[arg(long)]
        public: PathBuf,
    },
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    let now_s = Clock::default().now_s();
    let failed = |error: PublishError| {
        let what = format!("directory: {}", crate::chain(&error));
        let remedy = if matches!(error, PublishError::Exists { .. }) {
            "change it with `directory publish` or `refresh`, or give new folders"
        } else if matches!(
            error,
            PublishError::TooFewKeys { .. } | PublishError::Gone { .. } | PublishError::Io { .. }
        ) {
            "--keys and --public are the folders that `directory create` made"
        } else {
            return Failure::Failed(what);
        };
        Failure::Failed(hint(&what, remedy))
    };
    match command {
        Command::Create { keys, public } => {
            Publisher::create(&keys, &public, now_s).map_err(failed)?;
            let root = public.join("metadata/1.root.json");
            say(format_args!(
                "made {}; nodes pin {}",
                public.display(),
                root.display()
            ));
        }
        Command::Publish { keys, public, file } => {
            let directory = read(&file)?;
            let publisher = Publisher::open(&keys, &public).map_err(failed)?;
            let version = publisher.publish(&directory, now_s).map_err(failed)?;
            say(format_args!(
                "published version {version}: {} members",
                directory.members.len()
            ));
        }
        Command::Refresh { keys, public } => {
            let publisher = Publisher::open(&keys, &public).map_err(failed)?;
            publisher.refresh_timestamp(now_s).map_err(failed)?;
            say("refreshed");
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
