//! What may be proposed: one command for each kind of change.

use std::path::{Path, PathBuf};

use bridge_core::identity::{MemberId, NodeId, SubsystemId};
use bridge_directory::ceremony::{Base, CeremonyError, Proposal, RoleChange, Roster};
use bridge_directory::metadata::{Key, Role};
use clap::{Args, Subcommand};

use super::request::{Given, nothing_published};
use super::words::Language;
use super::{Failure, hint, read, read_base, refused, say, write};

pub(in crate::command) mod edit;
mod entries;
mod roles;

/// The largest file of a key or record, in bytes.
const FILE_LIMIT: usize = 1024 * 1024;
/// What a file that is named on the command line should be.
const MADE: &str = "officer.json is made by `directory key`, role.json by `member-role key`, snapshot.json and timestamp.json by `directory online-keys`, records and directories by hand";
const DIRECTORY_LIMIT: usize = 64 * 1024 * 1024;

#[derive(Debug, Args)]
pub(in crate::command) struct InitOptions {
    /// The proposal to write.
    proposal: PathBuf,
    /// The instance that all members belong to.
    #[arg(long)]
    instance: String,
    #[command(flatten)]
    roles: RoleOptions,
}

/// Who signs: officers root and targets, machines snapshot and timestamp.
#[derive(Debug, Args)]
struct RoleOptions {
    /// An officer's officer.json; once for each.
    #[arg(long, required = true, value_name = "FILE")]
    officer: Vec<PathBuf>,
    /// How many officers must sign.
    #[arg(long)]
    threshold: u32,
    /// Folder with snapshot.json and timestamp.json.
    #[arg(long, value_name = "FOLDER")]
    online: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::command) struct Options {
    /// The proposal to write.
    proposal: PathBuf,
    /// The published folder.
    #[arg(long)]
    public: PathBuf,
    #[command(subcommand)]
    change: Change,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// A member.
    Member {
        #[command(subcommand)]
        change: MemberChange,
    },
    /// A subsystem.
    Subsystem {
        #[command(subcommand)]
        change: SubsystemChange,
    },
    /// A node.
    Node {
        #[command(subcommand)]
        change: NodeChange,
    },
    /// What a node asks for in a request to join.
    Join(Given),
    /// Who signs, from now on: all officers and the online keys.
    Roles(RoleOptions),
    /// Entries of the catalogue, with what was added to them.
    Entries(entries::Entries),
    /// The catalogue's rules: which services are routed, and who approves them.
    Services(entries::Rules),
    /// Anything: a whole directory as JSON, such as groups and witnesses.
    File {
        /// The directory.
        directory: PathBuf,
    },
    /// Nothing but time: the directory for another 90 days, with --root the root for another year.
    Renew {
        /// The root too.
        #[arg(long)]
        root: bool,
    },
}

#[derive(Debug, Subcommand)]
enum MemberChange {
    /// List a new member, without nodes yet.
    Add {
        id: MemberId,
        /// Its name, for people.
        #[arg(long)]
        name: String,
    },
    /// Change its name, for people; its id stays.
    Rename {
        id: MemberId,
        /// Its name from now on.
        #[arg(long)]
        name: String,
    },
    /// Keep it listed, and let its nodes and keys count for nothing.
    Suspend { id: MemberId },
    /// End a suspension.
    Resume { id: MemberId },
    /// Take it out, with all that is its own.
    Remove { id: MemberId },
    /// Give it a role by which it changes its own nodes without officers, or other keys for it.
    Role {
        id: MemberId,
        /// A role.json of the member; once for each key.
        #[arg(long, required = true, value_name = "FILE")]
        key: Vec<PathBuf>,
        /// How many of the keys must sign.
        #[arg(long, default_value_t = 1)]
        threshold: u32,
        /// Take into the directory what the member has said by its keys until now. Without it the officers' entry counts as it is
        /// until the member signs anew.
        #[arg(long)]
        adopt: bool,
    },
    /// Take its role away: the directory's own entry counts again.
    NoRole {
        id: MemberId,
        /// Take into the directory what the member has said by its keys until now.
        #[arg(long)]
        adopt: bool,
    },
}

#[derive(Debug, Subcommand)]
enum SubsystemChange {
    /// List a new subsystem.
    Add {
        id: SubsystemId,
        /// Its name, for people.
        #[arg(long)]
        name: String,
    },
    /// Change its name, for people; its id stays.
    Rename {
        id: SubsystemId,
        /// Its name from now on.
        #[arg(long)]
        name: String,
    },
    /// Take it out, of groups too.
    Remove { id: SubsystemId },
}

#[derive(Debug, Subcommand)]
enum NodeChange {
    #[command(flatten)]
    Own(OwnChange),
    /// Give it to another member: the same place, with the keys of the new owner.
    Owner {
        id: NodeId,
        member: MemberId,
        /// Its new record as JSON, with the same name and address.
        #[arg(long, value_name = "FILE")]
        record: PathBuf,
    },
}

/// What a member may change itself, too.
#[derive(Debug, Subcommand)]
pub(in crate::command) enum OwnChange {
    /// List a new node.
    Add {
        member: MemberId,
        /// Its record as JSON, as the directory holds it.
        #[arg(long, value_name = "FILE")]
        record: PathBuf,
    },
    /// Take it out.
    Remove { id: NodeId },
    /// Change where it listens.
    Address {
        id: NodeId,
        /// `host:port`
        address: String,
    },
    /// Replace its keys of a kind by those given; two are the current and the next one.
    Keys {
        id: NodeId,
        /// A TLS certificate.
        #[arg(long, value_name = "PEM", requires = "anchors")]
        tls: Vec<PathBuf>,
        /// An exchange certificate.
        #[arg(long, value_name = "PEM", requires = "anchors")]
        exchange: Vec<PathBuf>,
        /// The authorities that certificates must come from.
        #[arg(long, value_name = "PEM")]
        anchors: Option<PathBuf>,
        /// The verifier key of its journal from now on: the second line of data/journal/origin.
        #[arg(long, value_name = "VKEY")]
        journal: Option<String>,
        /// The verifier key of its cosignatures from now on, as `key witness` prints it.
        #[arg(long, value_name = "VKEY")]
        witness: Option<String>,
    },
}

pub(super) fn init(options: &InitOptions, now_s: u64) -> Result<(), Failure> {
    let InitOptions {
        proposal: path,
        instance,
        roles,
    } = options;
    let mut roster = Roster::empty();
    roles.put(&mut roster)?;
    let proposal = Proposal::first(instance, &roster, now_s).map_err(|error| refused(&error))?;
    propose_to(path, &proposal, None, now_s)
}

pub(super) fn propose(options: Options, now_s: u64) -> Result<(), Failure> {
    let Options {
        proposal: path,
        public,
        change,
    } = options;
    let base = read_base(&public, None)?;
    let mut roster = Roster::of(&base);
    let mut new_root = false;
    let mut directory = base.start().ok_or_else(nothing_published)?;
    let mut delegations = base.delegations();
    let mut adopted = None;
    let mut listed = None;
    let is_nodes = matches!(change, Change::Node { .. } | Change::Join(_));
    match change {
        Change::Entries(options) => listed = Some(entries::entries(&base, &options, now_s)?),
        Change::Services(options) => listed = Some(entries::rules(&base, &options, now_s)?),
        Change::Member { change } => {
            adopted = roles::member(&base, &mut delegations, &change)?;
            edit::member(&mut directory, change)?;
        }
        Change::Subsystem { change } => edit::subsystem(&mut directory, change)?,
        Change::Node { change } => edit::node(&mut directory, change, now_s)?,
        Change::Join(given) => {
            for line in given.put(&base, &mut directory, Language::En, now_s)? {
                say(line);
            }
        }
        Change::File { directory: file } => directory = json(&file, DIRECTORY_LIMIT)?,
        Change::Renew { root } => new_root = root,
        Change::Roles(roles) => {
            roles.put(&mut roster)?;
            new_root = true;
        }
    }
    let is_changed = base.start().as_ref() != Some(&directory);
    roles::settle(&base, &mut directory, adopted.as_ref());
    if is_changed && is_nodes && base.directory.as_ref() == Some(&directory) {
        let what = "this is the entry on which the member's own word stands, so its word would go on to count";
        let remedy = "other keys (`member role`) or none (`member no-role`) put the directory's own entry in force";
        return Err(Failure::Failed(hint(what, remedy)));
    }
    let proposal = match listed {
        Some(proposal) => Ok(proposal),
        None if new_root => Proposal::roles(&base, &roster, now_s),
        None => Proposal::directory_and_roles(&base, &directory, &delegations, now_s),
    };
    let proposal = proposal.map_err(|error| refused(&error))?;
    propose_to(&path, &proposal, Some(&base), now_s)
}

/// Writes a proposal that could be signed. What could not is told here, and not to officers who came together for it.
fn propose_to(
    path: &Path,
    proposal: &Proposal,
    base: Option<&Base>,
    now_s: u64,
) -> Result<(), Failure> {
    let reviewed = proposal
        .review(base, now_s)
        .map_err(|error: CeremonyError| refused(&error))?;
    if path.exists() {
        let what = format!("{} is there already", path.display());
        return Err(Failure::Failed(hint(
            &what,
            "it may hold signatures: give another name",
        )));
    }
    write(path, &proposal.to_bytes())?;
    super::show::reviewed(&reviewed, Language::En, now_s);
    say(format_args!("wrote {}", path.display()));
    Ok(())
}

// === impl RoleOptions ===

impl RoleOptions {
    fn put(&self, roster: &mut Roster) -> Result<(), Failure> {
        let officers: Result<Vec<Key>, _> = self
            .officer
            .iter()
            .map(|file| json(file, FILE_LIMIT))
            .collect();
        let officers = officers?;
        for role in [Role::Root, Role::Targets] {
            let (keys, threshold) = (officers.clone(), self.threshold);
            roster.set(RoleChange {
                role,
                keys,
                threshold,
            });
        }
        for role in [Role::Snapshot, Role::Timestamp] {
            let keys = vec![json(&self.online.join(format!("{role}.json")), FILE_LIMIT)?];
            let threshold = 1;
            roster.set(RoleChange {
                role,
                keys,
                threshold,
            });
        }
        Ok(())
    }
}

fn json<T: serde::de::DeserializeOwned>(path: &Path, limit: usize) -> Result<T, Failure> {
    serde_json::from_slice(&read(path, limit, MADE)?)
        .map_err(|error| Failure::failed(&path.display().to_string(), &error))
}
