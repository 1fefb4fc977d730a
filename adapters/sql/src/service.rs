//! The adapter itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bridge_adapter::{
    Adapter, AdapterError, Answer, Call, Description, Effect, Fault, Health, Package, Until, body,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::config::Config;
use crate::limits::SqlLimits;
use crate::pool::{self, Pool};
use crate::rows::{self, Found};
use crate::{check, request};

/// How long the health check may take.
const HEALTH_TIME: Duration = Duration::from_secs(1);
/// The body of a 404: the registry has no such row. Says nothing of what was asked.
const NOTHING: &[u8] = br#"{"error":"not-found"}"#;

/// Serves a registry package from a SQLite database.
#[derive(Debug)]
pub struct SqlAdapter {
    description: Description,
    config: Arc<Config>,
    limits: SqlLimits,
    pool: Arc<Pool>,
}

impl SqlAdapter {
    /// Reads the package's `[sql]` table and prepares each statement against the database.
    ///
    /// # Errors
    ///
    /// All faults at once, each with its place in the manifest and what puts it right.
    pub fn open(package: &Package, database: &Path, limits: SqlLimits) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        if package.adapter != "sql" {
            let problem = format!("says {:?}", package.adapter);
            let remedy = "write adapter = \"sql\", or serve the package by its own adapter";
            return Err(vec![Fault::new(
                "other-adapter",
                "manifest.toml adapter",
                problem,
                remedy,
            )]);
        }
        let config = Config::read(package, &mut faults);
        check::against_openapi(&config, package, &mut faults);
        match opened(database) {
            Ok(connection) => check::against_database(&config, &connection, &mut faults),
            Err(error) => faults.push(Fault::new(
                "database",
                database.display().to_string(),
                error.to_string(),
                "name a SQLite database that this user can read",
            )),
        }
        if !faults.is_empty() {
            return Err(package.locate(faults));
        }
        let pool = Arc::new(Pool::new(database, &limits));
        let mut description = package.describe("sql");
        for operation in &config.operations {
            let (method, path) = (&operation.method, &operation.template);
            // Its statements were checked: they only read, also behind a POST.
            description.set_effect(&operation.service, method, path, Effect::Reads);
        }
        Ok(Self {
            description,
            config: Arc::new(config),
            limits,
            pool,
        })
    }
}

#[async_trait]
impl Adapter for SqlAdapter {
    fn describe(&self) -> Description {
        self.description.clone()
    }

    async fn health(&self) -> Health {
        let until = Until::after(HEALTH_TIME);
        let asked = self.pool.run(until, |connection, _| {
            let read = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()));
            read.map_err(|error| AdapterError::Unreachable {
                source: Some(Box::new(error)),
            })
        });
        match asked.await {
            Ok(()) => Health::Ready,
            Err(error) => Health::NotReady {
                reason: error.to_string(),
            },
        }
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let (index, operation) = request::pick(&self.config, &call)?;
        let until = Until::of(&call).within(self.limits.statement_time);
        let body =
            request::read_body(operation, &mut call, (self.limits.request_bytes, &until)).await?;
        let bound = request::bind(operation, &call, body.as_ref())?;
        let (config, limits) = (Arc::clone(&self.config), self.limits.clone());
        let found = self.pool.run(until, move |connection, stop| {
            match config.operations.get(index) {
                Some(operation) => rows::answer(connection, operation, &bound, (&limits, stop)),
                None => Err(AdapterError::NotFound),
            }
        });
        Ok(match found.await? {
            Found::Document(bytes) => json(StatusCode::OK, bytes),
            Found::Nothing => json(StatusCode::NOT_FOUND, NOTHING.to_vec()),
        })
    }
}

fn opened(database: &Path) -> rusqlite::Result<rusqlite::Connection> {
    let connection = pool::open(database)?;
    // Opening is lazy; the first read says whether the file is a database.
    connection.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))?;
    Ok(connection)
}

fn json(status: StatusCode, bytes: Vec<u8>) -> Answer {
    let mut fields = HeaderMap::new();
    fields.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    fields.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    Answer {
        status,
        fields,
        body: body::full(bytes),
    }
}
