//! A change of the registry and its Idempotency-Key in one transaction.
//!
//! The table `bridge_idempotency` stands in the registry's own database. A call first enters its key there. Another call
//! with the same key waits for the end of the first one's transaction, and then finds what the first one answered.

use std::sync::LazyLock;

use bridge_adapter::AdapterError;
use http::StatusCode;
use serde_json::Value;
use time::OffsetDateTime;

use crate::config::{Column, Empty, Rows, Statement};
use crate::dialect::{Dialect, PerDatabase};
use crate::flow::{self, Outcome, Reply, Session, Trouble, Work};
use crate::layout::Layout;
use crate::rows::{Taker, Values};
use crate::shape::Pointer;
use crate::value::{Scalar, Type};

/// The number of the first statement of a manifest: before it are those of this file.
pub(crate) const FIRST_ID: usize = 3;

/// Where a fault of the table is.
pub(crate) const TABLE: &str = "table bridge_idempotency";

/// What makes the table.
pub(crate) fn ddl(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "CREATE TABLE bridge_idempotency (scoped TEXT PRIMARY KEY, content TEXT NOT NULL, \
             at TEXT NOT NULL, status INTEGER, body TEXT) STRICT, WITHOUT ROWID;"
        }
        Dialect::Postgresql => {
            "CREATE TABLE bridge_idempotency (scoped text PRIMARY KEY, content text NOT NULL, \
             at timestamptz NOT NULL, status bigint, body text);"
        }
    }
}

/// The statements of this file.
static OWN: LazyLock<Own> = LazyLock::new(|| Own {
    enter: statement(
        0,
        "bridge-idempotency-enter",
        "INSERT INTO bridge_idempotency (scoped, content, at) VALUES (:scoped, :content, :at) \
         ON CONFLICT (scoped) DO NOTHING",
        &[],
    ),
    find: statement(
        1,
        "bridge-idempotency-find",
        "SELECT content, status, body FROM bridge_idempotency WHERE scoped = :scoped",
        &[
            ("content", Type::Text),
            ("status", Type::Integer),
            ("body", Type::Text),
        ],
    ),
    keep: statement(
        2,
        "bridge-idempotency-keep",
        "UPDATE bridge_idempotency SET status = :status, body = :body WHERE scoped = :scoped",
        &[],
    ),
});

/// The types of their parameters.
pub(crate) const PARAMS: [(&str, Type); 5] = [
    ("scoped", Type::Text),
    ("content", Type::Text),
    ("at", Type::DateTime),
    ("status", Type::Integer),
    ("body", Type::Text),
];

struct Own {
    enter: Statement,
    find: Statement,
    keep: Statement,
}

/// All statements of this file, in the order of their numbers.
pub(crate) fn statements() -> [&'static Statement; FIRST_ID] {
    [&OWN.enter, &OWN.find, &OWN.keep]
}

fn statement(id: usize, name: &str, sql: &str, columns: &[(&str, Type)]) -> Statement {
    let column = |(name, kind): &(&str, Type)| Column {
        place: String::new(),
        name: (*name).to_owned(),
        to: Pointer::key(name),
        kind: *kind,
        keep_null: false,
    };
    Statement {
        id,
        place: "bridge_idempotency".to_owned(),
        name: name.to_owned(),
        sql: PerDatabase::both(sql),
        result: if columns.is_empty() {
            Rows::Counted
        } else {
            Rows::One
        },
        at: Pointer::root(),
        empty: Empty::LeaveOut,
        row: Layout::row(std::iter::empty()),
        first_value: 0,
        is_document: false,
        columns: columns.iter().map(column).collect(),
    }
}

/// Runs the operation's statements once for a key, in the transaction that has begun.
pub(crate) async fn perform(session: &mut impl Session, work: &Work) -> Result<Reply, Trouble> {
    let key = work.idempotency.as_ref().ok_or_else(no_key)?;
    let text = |text: &str| Scalar::Text(text.to_owned());
    let at = Type::DateTime.of_moment(OffsetDateTime::now_utc());
    let mut bound = vec![
        ("scoped".into(), text(&key.scoped)),
        ("content".into(), text(&key.content)),
        ("at".into(), at.unwrap_or(Scalar::Null)),
    ];
    let mut values = Values::new(OWN.find.values());
    let mut taker = Taker::new(&OWN.enter, work, &mut values);
    if session.run(&OWN.enter, &bound, &mut taker).await? == 0 {
        let mut taker = Taker::new(&OWN.find, work, &mut values);
        session.run(&OWN.find, &bound, &mut taker).await?;
        return found(&key.content, &values).map_err(Trouble::from);
    }
    session.mark().await?;
    let outcome = flow::statements(session, work).await?;
    if !matches!(outcome, Outcome::Done(_)) {
        session.undo().await?;
    }
    let reply = outcome.reply(work.operation.status);
    let status = Scalar::Integer(reply.status.as_u16().into());
    bound.push(("status".into(), status));
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    bound.push(("body".into(), Scalar::Text(body)));
    let mut taker = Taker::new(&OWN.keep, work, &mut values);
    session.run(&OWN.keep, &bound, &mut taker).await?;
    Ok(reply)
}

/// The answer that was kept with the key, if the content is the same.
fn found(content: &str, values: &Values) -> Result<Reply, AdapterError> {
    let [kept_content, status, body] = std::array::from_fn(|number| {
        let json = values.get(number)?;
        serde_json::from_slice::<Value>(json).ok()
    });
    let status = status
        .and_then(|status| status.as_u64())
        .and_then(|status| u16::try_from(status).ok())
        .and_then(|status| StatusCode::from_u16(status).ok());
    match (kept_content, status, body) {
        (Some(kept), _, _) if kept != content => Err(AdapterError::KeyReused),
        // Without the content that it was given for, an answer is nobody's.
        (Some(_), Some(status), Some(Value::String(body))) => Ok(Reply {
            status,
            body: body.into(),
        }),
        _ => Err(AdapterError::Failed {
            reason: "table bridge_idempotency: a row without content or answer".to_owned(),
        }),
    }
}

fn no_key() -> AdapterError {
    AdapterError::BadRequest {
        place: "Idempotency-Key".to_owned(),
        expected: "a key, because the request changes the registry".to_owned(),
    }
}
