//! Publishes a small directory at the present time, for programs of other makers to read.
//!
//! `cargo run -p bridge-directory --example repository -- FOLDER` makes `FOLDER/keys`, `FOLDER/repository` and `FOLDER/root.json`. The
//! metadata is made in two rounds with new keys for every role in between, so that a reader who begins with that first root must
//! follow the whole chain.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use bridge_core::identity::MemberId;
use bridge_directory::metadata::Role;
use bridge_directory::{Directory, Group, Member, Publisher, Subsystem};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("which folder?")?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let publisher = Publisher::create(&folder.join("keys"), &folder.join("repository"), now)?;
    std::fs::write(folder.join("root.json"), publisher.root()?)?;
    publisher.publish(&directory("Əhali reyestri \"I\"")?, now)?;
    for role in Role::ALL {
        publisher.rotate(role, now)?;
    }
    publisher.publish(&directory("Əhali reyestri \"II\"")?, now)?;
    publisher.refresh_timestamp(now)?;
    Ok(())
}

fn directory(name: &str) -> Result<Directory, Box<dyn std::error::Error>> {
    let id = MemberId::new("AZ", "GOV", "1001")?;
    let everyone = vec![id.subsystem("POPULATION")?];
    let subsystem = Subsystem {
        code: "POPULATION".into(),
        name: name.into(),
    };
    let member = Member {
        id,
        name: name.into(),
        subsystems: vec![subsystem],
        nodes: vec![],
    };
    let groups = vec![Group {
        code: "everyone".into(),
        members: everyone,
    }];
    Ok(Directory {
        instance: "AZ".into(),
        members: vec![member],
        groups,
        witnesses: Vec::new(),
    })
}
