//! The adapter itself.

use async_trait::async_trait;
use bridge_adapter::connection::{Outgoing, Unanswered};
use bridge_adapter::{Adapter, AdapterError, Answer, Body, Call, Description, Health, Until};
use http::{Request, Response};
use hyper::body::Incoming;

use crate::answer;
use crate::answers_for::AnswersFor;
use crate::config::ProcessConfig;
use crate::connections::Lease;
use crate::request::{self, REQUEST_ID};
use crate::supervise::Supervisor;

/// Serves a registry by a program in a process of its own.
#[derive(Debug)]
pub struct ProcessAdapter {
    description: Description,
    answers_for: Vec<AnswersFor>,
    answer_limit_bytes: Option<u64>,
    timeout: std::time::Duration,
    supervisor: Supervisor,
}

impl ProcessAdapter {
    /// Takes the settings. The program starts with the first question, or call, within a runtime.
    pub fn new(config: ProcessConfig) -> Self {
        Self {
            description: config.description.clone(),
            answers_for: config.answers_for.clone(),
            answer_limit_bytes: config.answer_limit_bytes,
            timeout: config.timeout,
            supervisor: Supervisor::new(config),
        }
    }

    /// What the package says of whom the answer must name. Of several paths that match, the closest one counts, as for the node.
    pub(crate) fn rule_of(&self, call: &Call) -> Option<&AnswersFor> {
        let services = self.description.services.iter();
        let paths = services
            .filter(|service| service.code == call.service.code())
            .flat_map(|service| &service.endpoints)
            .map(|endpoint| &endpoint.path)
            .filter(|path| path.fits(&call.segments));
        let closest = paths.min_by_key(|path| path.precedence())?;
        let mut rules = self.answers_for.iter();
        rules.find(|rule| rule.is_about(call) && rule.path == *closest)
    }

    async fn answered(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let until = Until::of(&call);
        let request = request::of(&mut call)?;
        let request_id = request.headers().get(REQUEST_ID).cloned();
        let (response, lease) = self.send(request, &until).await?;
        answer::from_response(
            (&call.method, request_id.as_ref()),
            response,
            lease,
            (self.answer_limit_bytes, until),
        )
    }

    /// Sends a request on a kept connection, or on a fresh one if that turns out to be closed and nothing was sent.
    async fn send(
        &self,
        request: Request<Body>,
        until: &Until,
    ) -> Result<(Response<Incoming>, Lease), AdapterError> {
        let connections = self.supervisor.connections(until).await?;
        let mut lease = connections.lease(until).await?;
        let request = Outgoing::new(request);
        let sent = lease.connection.send(request, self.timeout, until).await;
        let again = match sent {
            Ok(response) => return Ok((response, lease)),
            Err(Unanswered::Unsent(again)) if lease.used => *again,
            Err(unanswered) => return Err(unanswered.into()),
        };
        drop(lease);
        let mut lease = connections.fresh(until).await?;
        let response = lease.connection.send(again, self.timeout, until).await?;
        Ok((response, lease))
    }
}

#[async_trait]
impl Adapter for ProcessAdapter {
    fn describe(&self) -> Description {
        self.description.clone()
    }

    async fn health(&self) -> Health {
        self.supervisor.health().await
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let Some(rule) = self.rule_of(&call) else {
            return self.answered(call).await;
        };
        let until = Until::of(&call);
        let asked = until.bound(rule.asked(&mut call)).await??;
        let answer = self.answered(call).await?;
        rule.checked(&asked, answer).await
    }

    async fn drain(&self) {
        self.supervisor.drain().await;
    }
}
