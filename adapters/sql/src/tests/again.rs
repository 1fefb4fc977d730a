//! A transaction that has to be tried again while its rows are being sent.

use std::cell;
use std::sync::Arc;

use bridge_adapter::Until;
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::*;
use crate::config::{Config, Statement};
use crate::flow::{self, Session, Trouble, Work};
use crate::request::Bound;
use crate::rows::Taker;
use crate::stream;
use crate::value::Cell;

/// A database that loses its transaction after so many rows, once, as a standby does; then it has them all.
struct Loses {
    after: usize,
    rows: usize,
    lost: cell::Cell<bool>,
}

impl Session for Loses {
    async fn begin(&mut self, _: &Work) -> Result<(), Trouble> {
        Ok(())
    }

    async fn run(
        &mut self,
        _: &Statement,
        _: &Bound,
        taker: &mut Taker<'_>,
    ) -> Result<u64, Trouble> {
        for n in 0..self.rows {
            if n == self.after && !self.lost.replace(true) {
                return Err(Trouble::Again);
            }
            let cell = |index, _: &_, out: &mut Vec<u8>| match index {
                0 => Cell::integer(n.try_into().unwrap(), out),
                _ => Cell::text(&"x".repeat(1000), out),
            };
            taker.take(cell).await?;
        }
        Ok(taker.count())
    }

    async fn mark(&mut self) -> Result<(), Trouble> {
        Ok(())
    }

    async fn undo(&mut self) -> Result<(), Trouble> {
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Trouble> {
        Ok(())
    }

    async fn roll_back(&mut self) {}
}

/// How the call ended, and the rows that its reader saw.
async fn streamed(after: usize, rows: usize) -> (Result<(), AdapterError>, Option<Vec<u64>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rows");
    let package = Package::load(&folder).unwrap();
    let mut faults = Vec::new();
    let config = Config::read(&package, &mut faults);
    assert!(faults.is_empty(), "{faults:?}");
    let (chunks, mut pieces) = stream::channel();
    let work = Work {
        operation: Arc::clone(&config.operations[0]),
        bound: Vec::new(),
        idempotency: None,
        limits: SqlLimits::default(),
        until: Until::after(Duration::from_mins(1)),
        chunks: Some(chunks),
    };
    let running = async move {
        let lost = cell::Cell::new(false);
        let mut session = Loses { after, rows, lost };
        let ended = flow::run(&mut session, &work).await;
        assert!(session.lost.get(), "the transaction was lost once");
        ended.map(drop)
    };
    let reading = async {
        let first = pieces.recv().await?.unwrap();
        let whole = stream::body(first, pieces).collect().await.unwrap();
        let rows: Vec<Value> = serde_json::from_slice(&whole.to_bytes()).ok()?;
        Some(rows.iter().map(|row| row["n"].as_u64().unwrap()).collect())
    };
    tokio::join!(running, reading)
}

#[tokio::test]
async fn rows_that_have_left_are_never_sent_twice() {
    // Nothing has left yet: the answer begins anew, and nobody sees that it did.
    let (ended, seen) = streamed(10, 300).await;
    ended.unwrap();
    assert_eq!(seen, Some((0..300).collect()));
    // Some have: the answer is cut, and is no JSON that could be taken for a whole one.
    let (ended, seen) = streamed(200, 300).await;
    let error = ended.unwrap_err();
    assert!(matches!(error, AdapterError::Cut { .. }), "{error}");
    assert_eq!(seen, None);
}
