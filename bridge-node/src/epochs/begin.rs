//! The first leaf of an epoch: which log it follows, and the statement that makes its key trusted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::leaf::{Kind, Leaf};
use bridge_journal::{Checkpoint, Entry, Filter, Hit, ReadError};

use super::{Doubt, Statement};
use crate::node::Node;

/// The outcome in the first leaf of an epoch: by it the index finds it.
pub const EPOCH: &str = "epoch";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Writes the first leaf of an epoch, if the log follows another and has none yet.
///
/// # Errors
///
/// Those of the journal and of the exchange key.
pub async fn begin(node: &Node, doubt: Option<&Doubt>) -> Result<(), Failure> {
    let history = &node.history;
    let Some(past) = history
        .past
        .last()
        .filter(|_| node.journal.head().size == 0)
    else {
        return Ok(());
    };
    let last = past.cosigned().or_else(|| past.signed());
    let signer = node.own.signer();
    let mut statement = Statement {
        key: node.journal.vkey().to_owned(),
        previous: past.verifier().vkey(),
        last: last.map_or(NOTHING, |(checkpoint, _)| checkpoint),
        key_id: signer.key_id().to_owned(),
        signature: Vec::new(),
    };
    statement.signature = signer.sign(statement.text().as_bytes())?;
    let mut leaf = Leaf::new(Kind::State, node.clock.now());
    leaf.outcome = Some(EPOCH.to_owned());
    leaf.keyid = Some(statement.key_id.clone());
    let facts = [
        ("epoch_key", statement.key.clone()),
        ("epoch_previous", statement.previous.clone()),
        ("epoch_previous_size", statement.last.size.to_string()),
        ("epoch_previous_root", STANDARD.encode(statement.last.root)),
        ("epoch_signature", STANDARD.encode(&statement.signature)),
        (
            "epoch_reason",
            doubt.map_or("restored", |doubt| doubt.as_str()).to_owned(),
        ),
    ];
    leaf.facts = facts.map(|(name, text)| (name.to_owned(), text)).into();
    node.journal.record(Entry::of(leaf)).await?;
    tracing::warn!(
        code = "epoch_begun",
        origin = node.journal.origin(),
        "a new log follows the one before"
    );
    Ok(())
}

/// The statement in the first leaf of a log that `search` looks through, if it follows another.
pub fn own_statement(
    search: impl FnOnce(&Filter) -> Result<Vec<Hit>, ReadError>,
) -> Option<Statement> {
    let filter = Filter {
        outcome: Some(EPOCH.to_owned()),
        kind: Some(Kind::State),
        ..Filter::default()
    };
    let hits = search(&filter).ok()?;
    let leaf = &hits.last()?.leaf;
    let fact = |name: &str| leaf.facts.get(name).cloned();
    Some(Statement {
        key: fact("epoch_key")?,
        previous: fact("epoch_previous")?,
        last: Checkpoint {
            size: fact("epoch_previous_size")?.parse().ok()?,
            root: STANDARD
                .decode(fact("epoch_previous_root")?)
                .ok()?
                .try_into()
                .ok()?,
        },
        key_id: leaf.keyid.clone()?,
        signature: STANDARD.decode(fact("epoch_signature")?).ok()?,
    })
}

/// The log before had no checkpoint.
const NOTHING: Checkpoint = Checkpoint {
    size: 0,
    root: [0; 32],
};
