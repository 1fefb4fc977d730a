//! What PostgreSQL says of the statements of a manifest.

use std::error::Error;
use std::time::Duration;

use bridge_adapter::Effect;

use super::address::Address;
use super::link::{self, Link};
use super::text::Text;
use super::value;
use crate::check::{Looked, Seen, SeenColumn, Unprepared};
use crate::config::Statement;
use crate::limits::ANSWER_BYTES;

/// How long the look at a whole package may take.
const TIME: Duration = Duration::from_secs(30);

/// Prepares each statement.
///
/// # Errors
///
/// Why the database cannot be asked.
pub(crate) fn at(
    address: &Address,
    effect: Effect,
    statements: &[(Text, &Statement)],
) -> Result<Looked, String> {
    let asked = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let looked = async { tokio::time::timeout(TIME, ask(address, effect, statements)).await };
        runtime
            .block_on(looked)
            .map_err(|_late| "did not answer in time".to_owned())?
    };
    // The caller may be on a thread of a runtime, where nothing may block: so this has one of its own.
    std::thread::scope(|scope| scope.spawn(asked).join())
        .unwrap_or_else(|_panicked| Err("the look at the database panicked".to_owned()))
}

async fn ask(
    address: &Address,
    effect: Effect,
    statements: &[(Text, &Statement)],
) -> Result<Looked, String> {
    let config = link::config(address, effect, TIME);
    let mut link = Link::open(address, &config, ANSWER_BYTES)
        .await
        .map_err(|error| told(&*error))?;
    let mut looked = Looked::new();
    for (text, statement) in statements {
        looked.insert(statement.id, prepare(&mut link, text, statement).await);
    }
    Ok(looked)
}

async fn prepare(link: &mut Link, text: &Text, statement: &Statement) -> Result<Seen, Unprepared> {
    if text.sql.is_none() {
        return Err(Unprepared {
            problem: "has no text for PostgreSQL".to_owned(),
            remedy: "add sql.postgresql, or write one text for both databases",
        });
    }
    let ready = link.ready(statement, text).await;
    let ready = ready.map_err(|error| Unprepared {
        problem: told(&error),
        remedy: "correct the statement, or bring the database to the package's schema; a parameter of another type \
                 is cast: CAST(:name AS …)",
    })?;
    let kind = |name: &str| {
        let own = statement.columns.iter().find(|own| own.name == name);
        own.map(|own| own.kind)
    };
    let columns = ready.prepared.columns().iter().map(|column| {
        let fits = kind(column.name()).is_none_or(|kind| value::fits(kind, column.type_()));
        SeenColumn {
            name: column.name().to_owned(),
            misfit: (!fits).then(|| column.type_().name().to_owned()),
        }
    });
    let named = text.names.iter().cloned().map(Some);
    Ok(Seen {
        parameters: named.chain(text.numbered.then_some(None)).collect(),
        columns: columns.collect(),
        reads: text.reads,
    })
}

/// What the server says, or what kept it from saying anything. Only at start, of statements and roles.
fn told(error: &(dyn Error + 'static)) -> String {
    let of_driver = error.downcast_ref::<tokio_postgres::Error>();
    if let Some(said) = of_driver.and_then(|error| error.as_db_error()) {
        let hint = said.hint().map(|hint| format!(" ({hint})"));
        return format!("{}{}", said.message(), hint.unwrap_or_default());
    }
    let cause = error.source();
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
