//! The adapter itself.

use async_trait::async_trait;
use bridge_adapter::stream::BodyFate;
use bridge_adapter::{Adapter, AdapterError, Answer, Body, Call, Description, Health, Until};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::Instant;

use crate::answer;
use crate::answers_for::AnswersFor;
use crate::config::ProcessConfig;
use crate::connections::Lease;
use crate::request::{self, Head};
use crate::supervise::Supervisor;

type Sent = Result<Response<Incoming>, TrySendError<Request<Body>>>;

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
            .filter(|path| path.matches(&call.segments).is_some());
        let closest = paths.min_by_key(|path| path.precedence())?;
        let mut rules = self.answers_for.iter();
        rules.find(|rule| rule.is_about(call) && rule.path == *closest)
    }

    async fn answered(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let until = Until::of(&call);
        let (head, body) = request::split(&mut call)?;
        let (response, lease) = self.send((&head, body), &until).await?;
        answer::from_response(&head, response, lease, (self.answer_limit_bytes, until))
    }

    /// Sends a request on a kept connection, or on a fresh one if that turns out to be closed and nothing was sent.
    async fn send(
        &self,
        (head, body): (&Head, Option<Body>),
        until: &Until,
    ) -> Result<(Response<Incoming>, Lease), AdapterError> {
        let connections = self.supervisor.connections(until).await?;
        let fate = BodyFate::default();
        let mut lease = connections.lease(&fate, until).await?;
        let request = head.request(body, &fate);
        let again = match self.begun(&mut lease, request, (&fate, until)).await? {
            Ok(response) => return Ok((response, lease)),
            Err(failure) => unsent(failure, &fate)?,
        };
        if !lease.used {
            return Err(AdapterError::Cut { source: None });
        }
        drop(lease);
        let mut lease = connections.fresh(&fate, until).await?;
        match self.begun(&mut lease, again, (&fate, until)).await? {
            Ok(response) => Ok((response, lease)),
            Err(failure) => Err(unsent(failure, &fate)
                .err()
                .unwrap_or(AdapterError::Cut { source: None })),
        }
    }

    /// The beginning of an answer. A large request may take its time, the program may not.
    async fn begun(
        &self,
        lease: &mut Lease,
        request: Request<Body>,
        (fate, until): (&BodyFate, &Until),
    ) -> Result<Sent, AdapterError> {
        let answered = async {
            tokio::select! {
                biased;
                sent = lease.send(request) => Ok(sent),
                () = fate.sent_since(self.timeout) => Err(AdapterError::TimedOut),
            }
        };
        let sent = until.bound(answered).await??;
        if lease.is_flooded() {
            return Err(AdapterError::NotUnderstood {
                reason: "it has too many interim answers".to_owned(),
            });
        }
        // The program may end the call at its deadline too, before the node's timer says so.
        if sent.is_err() && Instant::now() >= until.deadline {
            return Err(AdapterError::TimedOut);
        }
        Ok(sent)
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

/// The request, if nothing of it was sent; else why there is no answer.
fn unsent(
    mut failure: TrySendError<Request<Body>>,
    fate: &BodyFate,
) -> Result<Request<Body>, AdapterError> {
    if let Some(request) = failure.take_message() {
        return Ok(request);
    }
    if let Some(error) = fate.take() {
        return Err(AdapterError::RequestBody(error));
    }
    let error = failure.into_error();
    if error.is_parse() || error.is_parse_too_large() {
        // The library's text names the part of the head and no value of it.
        return Err(AdapterError::NotUnderstood {
            reason: error.to_string(),
        });
    }
    Err(AdapterError::Cut {
        source: Some(Box::new(error)),
    })
}
