//! Contracts as they change while the node runs: what is brought is checked, journaled, kept, and in force at once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_certs::Moment;
use bridge_certs::cms::check_seal;
use bridge_core::contract::{Action, Agreement, Contract, ContractFault, Party, Signed};
use bridge_core::envelope::link;
use bridge_core::identity::{MemberId, NodeId};
use bridge_core::leaf::{EvidenceMode, Kind, Leaf};
use bridge_directory::Indexed;
use bridge_journal::Entry;
use bytes::Bytes;
use tokio::sync::Notify;
use uuid::Uuid;

use super::files::kept_folder;
use super::{Contracts, Files, KnownGroups, is_party};
use crate::durable::{Rights, make_folder, replace};
use crate::node::Node;
use crate::per_minute::PerMinute;
use crate::settings::Settings;

/// What the node holds, and where it keeps what is brought to it.
#[derive(Debug)]
pub struct Live {
    files: Mutex<Files>,
    folder: PathBuf,
    /// Files that members bring.
    pub brought: PerMinute,
    /// One file is taken after the other.
    turn: tokio::sync::Mutex<()>,
    /// Something new may have to be delivered.
    pub(super) changed: Notify,
}

/// Who brings a contract file.
#[derive(Debug, Clone)]
pub enum Bringer {
    /// An officer of this node, by the name in the settings.
    Officer(String),
    /// Another node.
    Peer(NodeId),
}

/// Why a contract file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// It is no contract file, or a signature in it is not what it says.
    #[error("{}", lines(.0))]
    Faults(Vec<ContractFault>),
    /// Nobody has signed it.
    #[error("nobody has signed the contract")]
    Unsigned,
    /// A seal that is new here is revoked: what it says of the time at which it was made is worth nothing.
    #[error(
        "the seal of {member} under `{action}` is revoked since {since}: have it said again under the member's next seal"
    )]
    Revoked {
        /// Whose.
        member: MemberId,
        /// What it says.
        action: Action,
        /// Since when.
        since: Moment,
    },
    /// It is between others.
    #[error("{0} is not a party of the contract")]
    NotParty(MemberId),
    /// So many wait for this member's word already.
    #[error("{0} contracts of this member wait for an answer already")]
    TooMany(usize),
    /// With this the file would be too long to be read again.
    #[error("the contract's file has no room for more signatures")]
    TooLong,
    /// The journal did not take the leaf: nothing changed.
    #[error("the journal did not take it")]
    Record(#[from] bridge_journal::RecordError),
    /// The file cannot be kept: nothing else is in force. Its statements have leaves, and get others when it is brought again.
    #[error("it cannot be kept")]
    Keep(#[from] std::io::Error),
    /// The program is at fault.
    #[error("it was not taken")]
    Internal,
}

/// The outcome in the leaf of every statement: by it the index finds them all.
pub const SIGNED: &str = "contract-signed";

// === impl TakeError ===

impl TakeError {
    /// The status that whoever brought the file is told.
    pub fn status(&self) -> u16 {
        match self {
            Self::Faults(_) | Self::Unsigned => 400,
            Self::NotParty(_) | Self::Revoked { .. } => 403,
            Self::TooLong => 413,
            Self::TooMany(_) => 429,
            Self::Record(_) | Self::Keep(_) | Self::Internal => 503,
        }
    }
}

// === impl Live ===

impl Live {
    /// Begins with what the files say.
    pub fn new(files: Files, settings: &Settings) -> Self {
        Self {
            files: Mutex::new(files),
            folder: kept_folder(&settings.data_folder),
            brought: PerMinute::new(settings.limits.contract_files_per_minute),
            turn: tokio::sync::Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// All that was signed, as it stands now.
    pub fn agreements(&self) -> Vec<Agreement> {
        self.lock().agreements.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what somebody brings. A file may hold hundreds of seals: no exchange waits behind them.
///
/// # Errors
///
/// [`TakeError::Faults`]
pub async fn read_brought(node: &Arc<Node>, bytes: Bytes) -> Result<Agreement, TakeError> {
    let (shared, now_s) = (Arc::clone(node), node.clock.now_s());
    let reading =
        tokio::task::spawn_blocking(move || Agreement::read(&bytes, shared.trust.as_ref(), now_s));
    let read = reading.await.map_err(|_panicked| TakeError::Internal)?;
    read.map_err(TakeError::Faults)
}

/// Takes what a contract file says that was not known; returns it. It is in force when this returns, and stays so.
///
/// # Errors
///
/// [`TakeError`]; nothing changed then.
///
/// # Cancel safety
///
/// It runs as a task of its own: what is durable is in force even if whoever brought it has gone.
pub async fn take(
    node: &Arc<Node>,
    brought: Agreement,
    bringer: Bringer,
) -> Result<Vec<Signed>, TakeError> {
    let shared = Arc::clone(node);
    let task = node
        .house
        .tasks
        .spawn(async move { take_in_turn(&shared, brought, &bringer).await });
    task.await.unwrap_or(Err(TakeError::Internal))
}

async fn take_in_turn(
    node: &Node,
    brought: Agreement,
    bringer: &Bringer,
) -> Result<Vec<Signed>, TakeError> {
    let live = &node.agreements;
    let _turn = live.turn.lock().await;
    if brought.signed().is_empty() {
        return Err(TakeError::Unsigned);
    }
    if !is_own(node, brought.contract()) {
        return Err(TakeError::NotParty(node.settings.node.member().clone()));
    }
    if let Bringer::Peer(peer) = bringer {
        live.check_room(node, peer.member(), &brought)?;
    }
    let digest = brought.contract().digest();
    let held = live.lock().agreements.get(&digest).cloned();
    let (merged, new) = if let Some(mut held) = held {
        let new = held.merge(&brought);
        (held, new)
    } else {
        let new = brought.signed().to_vec();
        (brought, new)
    };
    if new.is_empty() {
        return Ok(new);
    }
    check_not_revoked(node, &new).await?;
    let body = Bytes::from(merged.write_with_room().ok_or(TakeError::TooLong)?);
    // The file as it is now stands behind the first of its new statements; each has its own words and seal.
    let mut evidence = Some(body.clone());
    for one in &new {
        record(node, one, bringer, evidence.take()).await?;
    }
    let (folder, name) = (
        live.folder.clone(),
        merged.contract().reference().to_owned(),
    );
    let writing = tokio::task::spawn_blocking(move || keep(&folder, &name, &body));
    writing.await.map_err(|_panicked| TakeError::Internal)??;
    let mut files = live.lock();
    files.agreements.insert(digest, merged);
    node.contracts.store(Arc::new(Contracts::of(&files)));
    drop(files);
    live.changed.notify_one();
    Ok(new)
}

impl Live {
    /// What another member proposes waits here until this one answers: not more than so much.
    fn check_room(
        &self,
        node: &Node,
        member: &MemberId,
        brought: &Agreement,
    ) -> Result<(), TakeError> {
        let own = node.settings.node.member();
        let files = self.lock();
        if member == own || files.agreements.contains_key(&brought.contract().digest()) {
            return Ok(());
        }
        let waits = |one: &&Agreement| {
            let signers: Vec<_> = one.signed().iter().map(|s| &s.statement.member).collect();
            signers.contains(&member) && !signers.contains(&own)
        };
        let waiting = files.agreements.values().filter(waits).count();
        if waiting < node.settings.limits.contracts_waiting {
            return Ok(());
        }
        Err(TakeError::TooMany(waiting))
    }
}

/// Whoever has stolen a seal may write any time into what it says, so what was not here before its revocation is not taken. What
/// was, has its leaf, and stays.
async fn check_not_revoked(node: &Node, new: &[Signed]) -> Result<(), TakeError> {
    let Some(status) = &node.status else {
        return Ok(());
    };
    let (trust, status, new) = (Arc::clone(&node.trust), Arc::clone(status), new.to_vec());
    let checking = tokio::task::spawn_blocking(move || {
        new.iter().find_map(|one| {
            let content = one.statement.write();
            // Each held when it was read.
            let sealed = check_seal(&trust, &one.seal, &content).ok()?;
            let since_s = status.revoked(&sealed.chain)?;
            Some(TakeError::Revoked {
                member: one.statement.member.clone(),
                action: one.statement.action,
                since: Moment(since_s),
            })
        })
    });
    let revoked = checking.await.map_err(|_panicked| TakeError::Internal)?;
    revoked.map_or(Ok(()), Err)
}

async fn record(
    node: &Node,
    one: &Signed,
    bringer: &Bringer,
    file: Option<Bytes>,
) -> Result<(), TakeError> {
    let statement = &one.statement;
    let mut leaf = Leaf::new(Kind::Administration, node.clock.now());
    leaf.request_id = Some(Uuid::new_v4());
    leaf.contract = Some(statement.contract.clone());
    leaf.outcome = Some(SIGNED.to_owned());
    leaf.link = Some(link(&one.seal));
    let (name, value) = match bringer {
        Bringer::Officer(officer) => ("officer", officer.clone()),
        Bringer::Peer(peer) => ("peer", peer.to_string()),
    };
    for (name, value) in [
        (name, value),
        ("action", statement.action.to_string()),
        ("member", statement.member.to_string()),
        ("statement", URL_SAFE_NO_PAD.encode(statement.digest())),
    ] {
        leaf.facts.insert(name.to_owned(), value);
    }
    let entry = Entry {
        base: Some(statement.write()),
        signature: Some(one.seal.clone()),
        body: file,
        mode: EvidenceMode::Full,
        ..Entry::of(leaf)
    };
    let receipt = node.journal.record(entry).await?;
    node.clock.not_before(receipt.time);
    tracing::warn!(
        contract = statement.contract,
        action = statement.action.as_str(),
        member = %statement.member,
        "a contract was signed"
    );
    Ok(())
}

fn lines(faults: &[ContractFault]) -> String {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn keep(folder: &Path, reference: &str, bytes: &[u8]) -> std::io::Result<()> {
    make_folder(folder)?;
    replace(
        &folder.join(format!("{reference}.json")),
        bytes,
        Rights::Usual,
    )
}

/// Whether this node's member may have a word in it.
fn is_own(node: &Node, contract: &Contract) -> bool {
    let own = node.settings.node.member();
    contract.provider().member() == own
        || match contract.consumer() {
            Party::Subsystem(client) => client.member() == own,
            Party::GlobalGroup(_) | Party::LocalGroup(_) => true,
        }
}

/// The members at the other end of a contract from this one; every member of a group, as far as this node knows it.
pub(super) fn others(node: &Node, directory: &Indexed, agreement: &Agreement) -> Vec<MemberId> {
    let own = node.settings.node.member();
    let contract = agreement.contract();
    let mut parties = agreement.consumers();
    if !matches!(contract.consumer(), Party::Subsystem(_)) {
        let settings = &node.settings;
        let groups = KnownGroups {
            directory,
            settings,
        };
        let in_group = directory.members.iter().filter(|member| {
            let codes = member.subsystems.iter();
            let ids = codes.filter_map(|listed| member.id.subsystem(&listed.code).ok());
            ids.into_iter()
                .any(|subsystem| is_party(contract, &subsystem, &groups))
        });
        parties.extend(in_group.map(|member| member.id.clone()));
    }
    let provider = contract.provider().member();
    if own == provider {
        parties.remove(own);
        return parties.into_iter().collect();
    }
    if parties.contains(own) || !matches!(contract.consumer(), Party::Subsystem(_)) {
        return vec![provider.clone()];
    }
    Vec::new()
}
