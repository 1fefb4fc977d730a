//! Publishes a small directory at the present time, for programs of other makers to read.
//!
//! `cargo run -p bridge-directory --example repository -- FOLDER` makes `FOLDER/keys`, `FOLDER/repository` and `FOLDER/root.json`, and
//! the same by officers in `FOLDER/ceremony`. The
//! metadata is made in two rounds with new keys for every role in between, so that a reader who begins with that first root must
//! follow the whole chain.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bridge_core::identity::MemberId;
use bridge_directory::ceremony::{Base, Officer, Proposal, Publication, RoleChange, Roster};
use bridge_directory::metadata::{Key, Role};
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
    ceremony(&folder.join("ceremony"), now)
}

/// The same as officers do it, with named keys: a first root, a change of the directory, other online keys.
fn ceremony(folder: &Path, now: u64) -> Result<(), Box<dyn std::error::Error>> {
    let (public, online) = (folder.join("repository"), folder.join("online"));
    let passphrase = b"an example, known to all";
    let officers = [
        Officer::make("first-officer", passphrase)?.0,
        Officer::make("second-officer", passphrase)?.0,
    ];
    let keys: Vec<Key> = officers.iter().map(|one| one.key().clone()).collect();
    let mut roster = Roster::empty();
    for role in [Role::Root, Role::Targets] {
        let (keys, threshold) = (keys.clone(), 2);
        roster.set(RoleChange {
            role,
            keys,
            threshold,
        });
    }
    set_online(&mut roster, &online)?;
    let carry_out = |mut proposal: Proposal, base: Option<&Base>| {
        for officer in &officers {
            let reviewed = proposal.review(base, now)?;
            officer.sign(&mut proposal, &reviewed)?;
        }
        Publication::prepare(&proposal, &public, &online, now)?.write()
    };
    carry_out(Proposal::first("AZ", &roster, now)?, None)?;
    std::fs::copy(
        public.join("metadata/1.root.json"),
        folder.join("root.json"),
    )?;
    let base = Base::read(&public, None)?;
    let directory = directory("Əhali reyestri \"III\"")?;
    carry_out(Proposal::directory(&base, &directory, now)?, Some(&base))?;
    let base = Base::read(&public, None)?;
    set_online(&mut roster, &online)?;
    carry_out(Proposal::roles(&base, &roster, now)?, Some(&base))?;
    Ok(())
}

fn set_online(roster: &mut Roster, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    for (role, key) in Publisher::online_keys(folder)? {
        let (keys, threshold) = (vec![key], 1);
        roster.set(RoleChange {
            role,
            keys,
            threshold,
        });
    }
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
        suspended: false,
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
