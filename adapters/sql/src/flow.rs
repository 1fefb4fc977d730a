//! What is done on a connection for one call: the same for every database.

use std::sync::Arc;
use std::time::Duration;

use bridge_adapter::{AdapterError, Effect, Idempotency, Limit, Until};
use http::StatusCode;

use crate::config::{Empty, Operation, Refusal, Rows, Statement};
use crate::kept;
use crate::limits::SqlLimits;
use crate::request::Bound;
use crate::rows::{Taker, Values};
use crate::stream::Chunks;

/// How long a transaction that lost against another one waits before it is tried again, and how much longer each time.
const AGAIN_AFTER: Duration = Duration::from_millis(2);
/// The longest of these waits.
const AGAIN_LATEST: Duration = Duration::from_millis(50);
/// The body of a 404: the registry has no such row. Says nothing of what was asked.
const NOTHING: &str = r#"{"error":"not-found"}"#;

/// A connection on which the statements of one call run.
///
/// Its futures need not be `Send`: of one database they run on a thread that may block.
pub(crate) trait Session {
    /// Begins what the operation needs: nothing for one statement that reads, else a transaction.
    async fn begin(&mut self, work: &Work) -> Result<(), Trouble>;
    /// Runs a statement, gives its rows to `taker`, and says how many it found or changed.
    async fn run(
        &mut self,
        statement: &Statement,
        bound: &Bound,
        taker: &mut Taker<'_>,
    ) -> Result<u64, Trouble>;
    /// Remembers the state that [`Session::undo`] goes back to.
    async fn mark(&mut self) -> Result<(), Trouble>;
    /// Undoes everything since the mark.
    async fn undo(&mut self) -> Result<(), Trouble>;
    /// Ends the transaction, if there is one, and keeps what it did.
    async fn commit(&mut self) -> Result<(), Trouble>;
    /// Ends the transaction, if there is one, and keeps nothing.
    async fn roll_back(&mut self);
}

/// Why a statement did not run to its end.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The call has no answer.
    Error(AdapterError),
    /// Another transaction was first: nothing was done, and the same may succeed when it is tried again.
    Again,
}

impl From<AdapterError> for Trouble {
    fn from(error: AdapterError) -> Self {
        Self::Error(error)
    }
}

/// One call, ready to run.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) operation: Arc<Operation>,
    pub(crate) bound: Bound,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) limits: SqlLimits,
    pub(crate) until: Until,
    /// Where the rows of a streamed answer go.
    pub(crate) chunks: Option<Chunks>,
}

/// What the registry says: a document with its status. Empty where the rows were streamed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

/// What the statements of an operation came to.
#[derive(Debug)]
pub(crate) enum Outcome<'a> {
    /// All ran.
    Done(Vec<u8>),
    /// A row that must be there is not.
    Nothing,
    /// The registry refuses.
    Refused(&'a Refusal),
}

impl Work {
    /// Whether it changes the registry.
    pub(crate) fn stores(&self) -> bool {
        self.operation.effect == Effect::Stored
    }

    /// Whether nothing of an answer has left; what was gathered of one is forgotten.
    fn can_begin_again(&self) -> bool {
        self.chunks.as_ref().is_none_or(Chunks::begin_again)
    }

    /// Whether its rows are sent while they are read.
    pub(crate) fn streams(&self) -> bool {
        self.chunks.is_some()
    }
}

impl Outcome<'_> {
    /// The answer, with `status` where nothing is refused.
    pub(crate) fn reply(self, status: StatusCode) -> Reply {
        match self {
            Self::Done(body) => Reply { status, body },
            Self::Nothing => Reply {
                status: StatusCode::NOT_FOUND,
                body: NOTHING.into(),
            },
            Self::Refused(refusal) => Reply {
                status: refusal.status,
                body: serde_json::json!({ "error": refusal.code, "message": refusal.message })
                    .to_string()
                    .into(),
            },
        }
    }
}

/// Runs the operation, again where another transaction was first, until the call's time is over.
pub(crate) async fn run(session: &mut impl Session, work: &Work) -> Result<Reply, AdapterError> {
    let mut pause = AGAIN_AFTER;
    loop {
        match attempt(session, work).await {
            Ok(reply) => {
                if let Some(chunks) = &work.chunks {
                    chunks.end(&work.until).await?;
                }
                return Ok(reply);
            }
            Err(trouble) => {
                session.roll_back().await;
                match trouble {
                    // That the registry did nothing is no longer sure.
                    Trouble::Error(AdapterError::Unreachable { source }) if work.stores() => {
                        return Err(AdapterError::Cut { source });
                    }
                    Trouble::Error(error) => return Err(error),
                    // Rows that have left would come a second time.
                    Trouble::Again if !work.can_begin_again() => {
                        return Err(AdapterError::Cut { source: None });
                    }
                    Trouble::Again => {}
                }
            }
        }
        work.until.bound(tokio::time::sleep(pause)).await?;
        pause = pause.saturating_mul(2).min(AGAIN_LATEST);
    }
}

async fn attempt(session: &mut impl Session, work: &Work) -> Result<Reply, Trouble> {
    session.begin(work).await?;
    let reply = if work.stores() {
        Box::pin(kept::perform(session, work)).await?
    } else {
        statements(session, work)
            .await?
            .reply(work.operation.status)
    };
    session.commit().await?;
    Ok(reply)
}

/// Runs the statements of the operation in order and writes their rows into one document.
pub(crate) async fn statements<'a>(
    session: &mut impl Session,
    work: &'a Work,
) -> Result<Outcome<'a>, Trouble> {
    let mut values = Values::new(work.operation.values);
    for statement in &work.operation.statements {
        let mut taker = Taker::new(statement, work, &mut values);
        let count = session.run(statement, &work.bound, &mut taker).await?;
        taker.finish();
        if count == 0 {
            match &statement.empty {
                Empty::NotFound => return Ok(Outcome::Nothing),
                Empty::Refuse(refusal) => return Ok(Outcome::Refused(refusal)),
                Empty::LeaveOut => {}
            }
        }
        if statement.result == Rows::Stream {
            return Ok(Outcome::Done(Vec::new()));
        }
    }
    let body = values.document(&work.operation);
    let limit = work.limits.answer_bytes;
    if u64::try_from(body.len()).unwrap_or(u64::MAX) > limit {
        let limit = Limit::AnswerBytes(limit);
        return Err(AdapterError::TooLarge { limit }.into());
    }
    Ok(Outcome::Done(body))
}
