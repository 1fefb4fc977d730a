//! The statements of one call on a connection to PostgreSQL.

use std::pin::pin;
use std::time::Duration;

use bridge_adapter::{AdapterError, Limit};
use futures_core::Stream as _;
use tokio::time::Instant;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, RowStream};

use super::link::{Link, Ready};
use super::text::Text;
use super::value;
use crate::config::{Column, Statement};
use crate::flow::{Session, Trouble, Work};
use crate::request::Bound;
use crate::rows::Taker;
use crate::value::{Cell, Scalar};

/// How much later than the call's deadline the server may stop a statement by itself: the caller cancels it anyway.
const SLACK: Duration = Duration::from_secs(1);

/// A connection that is lent for one call.
pub(super) struct Lent<'a> {
    link: &'a mut Link,
    texts: &'a [Text],
    statement_time: Duration,
    /// Whether the server has answered anything.
    pub(super) answered: bool,
    /// Whether something was asked and not answered to its end.
    asking: bool,
    /// Whether a transaction is open.
    open: bool,
}

impl<'a> Lent<'a> {
    pub(super) fn new(link: &'a mut Link, (texts, statement_time): (&'a [Text], Duration)) -> Self {
        Self {
            link,
            texts,
            statement_time,
            answered: false,
            asking: false,
            open: false,
        }
    }

    /// Whether the next call can use the connection.
    pub(super) fn is_clean(&self) -> bool {
        !self.asking && !self.open && !self.link.client.is_closed()
    }

    async fn execute(&mut self, what: &str) -> Result<(), Trouble> {
        self.asking = true;
        let done = self.link.client.batch_execute(what).await;
        self.judge(what, done)
    }

    /// Notes that the server answered, if it did.
    fn judge<T>(&mut self, what: &str, result: Result<T, Error>) -> Result<T, Trouble> {
        let error = match result {
            Ok(done) => {
                self.asking = false;
                self.answered = true;
                return Ok(done);
            }
            Err(error) => error,
        };
        if self.link.bound.is_exceeded() {
            let limit = Limit::AnswerBytes(self.link.bound.limit_bytes);
            return Err(AdapterError::TooLarge { limit }.into());
        }
        if error.code().is_some_and(|code| !is_end(code)) {
            self.asking = false;
            self.answered = true;
        }
        Err(trouble(what, error))
    }

    async fn ready(
        &mut self,
        statement: &Statement,
    ) -> Result<(std::sync::Arc<Ready>, &'a Text), Trouble> {
        let Some(text) = self.texts.get(statement.id) else {
            let reason = format!("statement {}: not known", statement.name);
            return Err(AdapterError::Failed { reason }.into());
        };
        // What is known needs no answer of the server.
        if let Some(ready) = self.link.known(statement) {
            return Ok((ready, text));
        }
        self.asking = true;
        let ready = Box::pin(self.link.ready(statement, text)).await;
        Ok((self.judge(&statement.name, ready)?, text))
    }
}

impl Session for Lent<'_> {
    async fn begin(&mut self, work: &Work) -> Result<(), Trouble> {
        let left = work
            .until
            .deadline
            .saturating_duration_since(Instant::now());
        let whole = left.saturating_add(SLACK) >= self.statement_time && !work.streams();
        if !work.stores() && whole && work.operation.statements.len() == 1 {
            // One statement is a transaction of its own, which reads only: so the connection was made.
            return Ok(());
        }
        let mode = if work.stores() {
            // As if one call ran after another: no balance and no place is given twice, whatever the statements.
            "SERIALIZABLE READ WRITE"
        } else {
            "REPEATABLE READ READ ONLY"
        };
        let timeout = left.as_millis().max(1);
        let begin =
            format!("BEGIN ISOLATION LEVEL {mode}; SET LOCAL statement_timeout = {timeout}");
        self.open = true;
        self.execute(&begin).await
    }

    async fn run(
        &mut self,
        statement: &Statement,
        bound: &Bound,
        taker: &mut Taker<'_>,
    ) -> Result<u64, Trouble> {
        let (ready, text) = self.ready(statement).await?;
        let values = text.names.iter().map(|name| {
            let own = bound.iter().find(|(own, _)| **own == **name);
            own.map_or(&Scalar::Null, |(_, value)| value)
        });
        self.asking = true;
        let asked = self.link.client.query_raw(&ready.prepared, values).await;
        let rows = match asked {
            Ok(rows) => rows,
            Err(error) => return self.judge(&statement.name, Err(error)),
        };
        let mut rows = pin!(rows);
        while let Some(row) = next(rows.as_mut()).await {
            let row = match row {
                Ok(row) => row,
                Err(error) => return self.judge(&statement.name, Err(error)),
            };
            self.answered = true;
            let cell = |index: usize, column: &Column, out: &mut Vec<u8>| match ready
                .columns
                .get(index)
                .copied()
                .flatten()
            {
                Some(place) => value::write(&row, place, column.kind, out),
                None => Cell::Misfit,
            };
            taker.take(cell).await?;
        }
        self.asking = false;
        self.answered = true;
        let changed = rows.rows_affected().unwrap_or_default();
        Ok(taker.count().max(changed))
    }

    async fn mark(&mut self) -> Result<(), Trouble> {
        self.execute("SAVEPOINT bridge").await
    }

    async fn undo(&mut self) -> Result<(), Trouble> {
        self.execute("ROLLBACK TO SAVEPOINT bridge").await
    }

    async fn commit(&mut self) -> Result<(), Trouble> {
        if self.open {
            self.execute("COMMIT").await?;
            self.open = false;
        }
        Ok(())
    }

    async fn roll_back(&mut self) {
        // On a connection that still owes rows nothing more is asked: it is closed, which rolls back as well.
        if self.open && !self.asking && self.execute("ROLLBACK").await.is_ok() {
            self.open = false;
        }
    }
}

async fn next(
    mut rows: std::pin::Pin<&mut RowStream>,
) -> Option<Result<tokio_postgres::Row, Error>> {
    std::future::poll_fn(|context| rows.as_mut().poll_next(context)).await
}

/// Whether the server ends the connection with this error.
fn is_end(code: &SqlState) -> bool {
    let ends = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        // A statement whose plan no longer fits the schema is prepared anew on a new connection.
        SqlState::FEATURE_NOT_SUPPORTED,
        SqlState::INVALID_SQL_STATEMENT_NAME,
    ];
    ends.contains(code) || code.code().starts_with("08")
}

/// An error of PostgreSQL by its code alone: its text can quote values.
fn trouble(statement: &str, error: Error) -> Trouble {
    let Some(code) = error.code() else {
        let source: Option<Box<dyn std::error::Error + Send + Sync>> = Some(Box::new(error));
        return AdapterError::Cut { source }.into();
    };
    let again = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
    ];
    if again.contains(code) {
        return Trouble::Again;
    }
    if *code == SqlState::QUERY_CANCELED {
        return AdapterError::TimedOut.into();
    }
    if is_end(code) {
        return AdapterError::Cut { source: None }.into();
    }
    let reason = format!("statement {statement}: SQLSTATE {}", code.code());
    AdapterError::Failed { reason }.into()
}
