//! The adapter itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bridge_adapter::openapi::Checker;
use bridge_adapter::{
    Adapter, AdapterError, Answer, Call, Description, Effect, Fault, Health, Package, Until, body,
};
use http::{HeaderMap, HeaderValue, header};
use tokio::sync::mpsc;

use crate::access::Access;
use crate::config::{Config, Operation, Rows, Source};
use crate::flow::{Reply, Work};
use crate::limits::SqlLimits;
use crate::store::{self, Store};
use crate::{check, request, stream};

/// How long the health check may take.
const HEALTH_TIME: Duration = Duration::from_secs(1);

/// What every answer is.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Serves a registry package from a database.
#[derive(Debug)]
pub struct SqlAdapter {
    description: Description,
    config: Config,
    limits: SqlLimits,
    openapi: Arc<Checker>,
    /// The fields of an answer. Its length its body says, where it is known.
    fields: HeaderMap,
    queries: Arc<Store>,
    submissions: Option<Arc<Store>>,
}

impl SqlAdapter {
    /// Reads the package's `[sql]` table and prepares each statement against the database.
    ///
    /// # Errors
    ///
    /// All faults at once, each with its place in the manifest and what puts it right.
    pub fn open(
        package: &Package,
        access: impl Into<Access>,
        limits: SqlLimits,
    ) -> Result<Self, Vec<Fault>> {
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
        let access = access.into();
        store::look(&config, &access, &mut faults);
        if !faults.is_empty() {
            return Err(package.locate(faults));
        }
        let mut description = package.describe("sql");
        for operation in &config.operations {
            let (method, path) = (&operation.method, &operation.template);
            description.set_effect(&operation.service, method, path, operation.effect);
        }
        let stores = config.operations.iter().any(|operation| operation.stores());
        let submissions = access.submissions.filter(|_| stores);
        Ok(Self {
            description,
            queries: Arc::new(Store::new(
                &access.queries,
                Effect::Reads,
                (&config, &limits),
            )),
            submissions: submissions
                .map(|access| Arc::new(Store::new(&access, Effect::Stored, (&config, &limits)))),
            config,
            limits,
            openapi: Arc::clone(&package.openapi),
            fields: HeaderMap::from_iter([(header::CONTENT_TYPE, JSON)]),
        })
    }

    /// The database that an operation uses.
    fn store(&self, operation: &Operation) -> Result<&Arc<Store>, AdapterError> {
        if !operation.stores() {
            return Ok(&self.queries);
        }
        // Checked at start: a package with such an operation is not opened without access for submissions.
        self.submissions.as_ref().ok_or(AdapterError::NotFound)
    }

    async fn streamed(&self, mut work: Work, store: Arc<Store>) -> Result<Answer, AdapterError> {
        let (chunks, mut pieces) = stream::channel();
        let last = chunks.sender();
        let status = work.operation.status;
        work.chunks = Some(chunks);
        tokio::spawn(async move {
            let ended = tokio::select! {
                biased;
                // Nobody reads: dropping the work stops the statement.
                () = last.closed() => return,
                ended = store.run(work) => ended,
            };
            tell(last, ended).await;
        });
        match pieces.recv().await {
            Some(Ok(first)) => Ok(Answer {
                status,
                fields: self.fields.clone(),
                body: stream::body(first, pieces),
            }),
            Some(Err(error)) => Err(error),
            None => Err(AdapterError::Cut { source: None }),
        }
    }
}

#[async_trait]
impl Adapter for SqlAdapter {
    fn describe(&self) -> Description {
        self.description.clone()
    }

    async fn health(&self) -> Health {
        for store in [Some(&self.queries), self.submissions.as_ref()]
            .into_iter()
            .flatten()
        {
            if let Err(error) = store.health(HEALTH_TIME).await {
                let reason = error.to_string();
                return Health::NotReady { reason };
            }
        }
        Health::Ready
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let operation = Arc::clone(request::pick(&self.config, &call)?);
        let longest = Some(self.limits.statement_time).filter(|_| !operation.streams());
        // Nobody waits for it: quick statements would otherwise win against the deadline.
        let deadline = Until::deadline(&call, longest)?;
        let limit_bytes = operation.request_bytes.unwrap_or(self.limits.request_bytes);
        let body = if operation.reads_body() {
            let cancel = call.cancel.clone();
            let limits = (limit_bytes, &Until { deadline, cancel });
            // Boxed, as all that not each call needs: a call's future is moved, and each would carry the room for it.
            Some(Box::pin(request::read_body(&mut call, limits)).await?)
        } else {
            None
        };
        let bound = request::bind(&operation, &call, body.as_ref().map(|(_, value)| value))?;
        if let Some((bytes, _)) = &body {
            request::fits(&self.openapi, &call, bytes)?;
        }
        let store = self.store(&operation)?;
        let work = Work {
            bound,
            idempotency: call.idempotency,
            limits: self.limits.clone(),
            until: Until {
                deadline,
                cancel: call.cancel,
            },
            chunks: None,
            operation,
        };
        if work.operation.streams() {
            return Box::pin(self.streamed(work, Arc::clone(store))).await;
        }
        let Reply { status, body } = store.run(work).await?;
        Ok(Answer {
            status,
            fields: self.fields.clone(),
            body: body::full(body),
        })
    }
}

impl Operation {
    /// Whether it changes the registry.
    pub(crate) fn stores(&self) -> bool {
        self.effect == Effect::Stored
    }

    /// Whether it reads anything from a request body.
    fn reads_body(&self) -> bool {
        let mut params = self.params.iter();
        params.any(|param| matches!(param.source, Source::Body(_)))
    }

    /// Whether its answer is sent while it is read.
    pub(crate) fn streams(&self) -> bool {
        let mut statements = self.statements.iter();
        statements.any(|statement| statement.result == Rows::Stream)
    }
}

/// Says why a streamed answer has no end. That it ended was said by its last piece.
async fn tell(
    last: mpsc::Sender<Result<bytes::Bytes, AdapterError>>,
    ended: Result<Reply, AdapterError>,
) {
    if let Err(error) = ended
        && last.send(Err(error)).await.is_err()
    {
        tracing::debug!("nobody waits for the answer any more");
    }
}
