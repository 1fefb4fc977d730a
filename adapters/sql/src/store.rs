//! One of the two databases, behind one face.

use std::sync::Arc;
use std::time::Duration;

use bridge_adapter::{AdapterError, Effect, Fault};

use crate::access::{Access, Database};
use crate::check::{self, Looked};
use crate::config::{Config, Operation, Statement};
use crate::dialect::Dialect;
use crate::flow::{Reply, Work};
use crate::limits::SqlLimits;
use crate::{kept, postgres, sqlite};

/// The connections of one access.
#[derive(Debug)]
pub(crate) enum Store {
    Sqlite(Arc<sqlite::pool::Pool>),
    Postgresql(Box<postgres::pool::Pool>),
}

impl Store {
    /// Makes a store for queries ([`Effect::Reads`]) or submissions ([`Effect::Stored`]). Nothing is opened yet.
    pub(crate) fn new(
        database: &Database,
        effect: Effect,
        (config, limits): (&Config, &SqlLimits),
    ) -> Self {
        match database {
            Database::Sqlite(path) => {
                let pool = sqlite::pool::Pool::new(path, effect, limits);
                Self::Sqlite(Arc::new(pool))
            }
            Database::Postgresql(address) => {
                let texts = postgres::text::of(config);
                let pool = postgres::pool::Pool::new(address, effect, (texts, limits));
                Self::Postgresql(Box::new(pool))
            }
        }
    }

    /// Runs a call.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the statement; the connection is given back or closed.
    pub(crate) async fn run(&self, work: Work) -> Result<Reply, AdapterError> {
        match self {
            Self::Sqlite(pool) => sqlite::run(pool, work).await,
            Self::Postgresql(pool) => pool.run(&work).await,
        }
    }

    /// Says whether the database can be used.
    pub(crate) async fn health(&self, time: Duration) -> Result<(), AdapterError> {
        match self {
            Self::Sqlite(pool) => sqlite::health(pool, time).await,
            Self::Postgresql(pool) => pool.health(time).await,
        }
    }
}

/// Holds every statement against the live database.
pub(crate) fn look(config: &Config, access: &Access, faults: &mut Vec<Fault>) {
    let of = |stores: bool| -> Vec<(&Operation, &Statement)> {
        let own = config.operations.iter().map(Arc::as_ref);
        own.filter(|operation| operation.stores() == stores)
            .flat_map(|operation| operation.statements.iter().map(move |own| (operation, own)))
            .collect()
    };
    let mut looked = look_at(&access.queries, Effect::Reads, &of(false), faults);
    let submissions = of(true);
    if !submissions.is_empty() {
        match &access.submissions {
            Some(database) => {
                let seen = look_at(database, Effect::Stored, &submissions, faults);
                check::against_table(&seen, dialect(database), faults);
                looked.extend(seen);
            }
            None => faults.push(Fault::new(
                "no-submissions",
                "submissions",
                "is missing, and the package has operations with effect = \"stored\"",
                "name the database once more, with the role that may change it",
            )),
        }
    }
    check::against_database(config, &looked, faults);
}

fn look_at(
    database: &Database,
    effect: Effect,
    statements: &[(&Operation, &Statement)],
    faults: &mut Vec<Fault>,
) -> Looked {
    let own = match effect {
        Effect::Stored => kept::statements().to_vec(),
        Effect::Reads | Effect::Unknown => Vec::new(),
    };
    match database {
        Database::Sqlite(path) => match sqlite::opened(path, effect) {
            Ok(connection) => {
                let statements = statements.iter().map(|(_, statement)| *statement);
                sqlite::look::at(&connection, statements.chain(own))
            }
            Err(error) => {
                let remedy = "name a SQLite database that this user can read";
                let place = path.display().to_string();
                faults.push(Fault::new("database", place, error.to_string(), remedy));
                Looked::new()
            }
        },
        Database::Postgresql(address) => {
            let texts = statements
                .iter()
                .map(|(operation, statement)| {
                    postgres::text::Text::new(statement, &operation.params)
                })
                .chain(own.iter().map(|own| postgres::text::Text::own(own)));
            let columns = statements
                .iter()
                .map(|(_, own)| *own)
                .chain(own.iter().copied());
            let pairs: Vec<_> = texts.zip(columns).collect();
            match postgres::look::at(address, effect, &pairs) {
                Ok(looked) => looked,
                Err(problem) => {
                    let remedy = "start the server, or correct database, role, password_file and certificate";
                    let place = address.to_string();
                    faults.push(Fault::new("database", place, problem, remedy));
                    Looked::new()
                }
            }
        }
    }
}

fn dialect(database: &Database) -> Dialect {
    match database {
        Database::Sqlite(_) => Dialect::Sqlite,
        Database::Postgresql(_) => Dialect::Postgresql,
    }
}
