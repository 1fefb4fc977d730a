//! The adapter itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bridge_adapter::{Adapter, AdapterError, Answer, Call, Description, Fault, Health, Until};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;

use crate::answer;
use crate::base::Base;
use crate::config::HttpConfig;
use crate::connect::Connector;
use crate::pool::{Lease, Pool};
use crate::request::{self, BodyFate, Head};

/// How long the health check may take.
const HEALTH_TIME: Duration = Duration::from_secs(2);

type Sent = Result<Response<Incoming>, TrySendError<Request<bridge_adapter::Body>>>;

/// Serves a registry that speaks HTTP.
#[derive(Debug)]
pub struct HttpAdapter {
    description: Description,
    timeout: Duration,
    answer_limit_bytes: Option<u64>,
    pool: Arc<Pool>,
}

impl HttpAdapter {
    /// Checks the settings. Connects to nothing.
    ///
    /// # Errors
    ///
    /// All faults of the settings.
    pub fn new(config: HttpConfig) -> Result<Self, Vec<Fault>> {
        let base = Base::parse(&config.base_url).map_err(|problem| {
            let remedy = "write http://host:port/path or https://host:port/path";
            vec![Fault::new("base-url", "base_url", problem, remedy)]
        })?;
        let connector = Connector::new(base, config.pinned_certificate.as_deref());
        let pool = Pool::new(connector.map_err(|fault| vec![fault])?, &config);
        Ok(Self {
            description: Description {
                adapter: "http",
                services: config.services,
            },
            timeout: config.timeout,
            answer_limit_bytes: config.answer_limit_bytes,
            pool: Arc::new(pool),
        })
    }

    /// Sends a request on a kept connection, or on a fresh one if that turns out to be closed.
    async fn send(
        &self,
        (head, body): (&Head, Option<bridge_adapter::Body>),
        until: &Until,
    ) -> Result<(Response<Incoming>, Lease), AdapterError> {
        let fate = BodyFate::default();
        let repeatable = body.is_none() && head.is_repeatable();
        let mut lease = self.pool.lease(until).await?;
        let request = head.request(body, &fate);
        let failure = match until
            .bound(self.answered(&mut lease, request, &fate))
            .await??
        {
            Ok(response) => return Ok((response, lease)),
            Err(failure) => failure,
        };
        let again = unsent(failure, &fate).or_else(|error| {
            let lost = matches!(error, AdapterError::Cut { .. });
            let request = || head.request(None, &fate);
            if lost && repeatable {
                Ok(request())
            } else {
                Err(error)
            }
        });
        // A fresh connection that fails says something about the registry; a kept one, that it grew old.
        let again = match again {
            Ok(request) if lease.used => request,
            Ok(_) => return Err(AdapterError::Cut { source: None }),
            Err(error) => return Err(error),
        };
        drop(lease);
        let mut lease = self.pool.fresh(until).await?;
        match until
            .bound(self.answered(&mut lease, again, &fate))
            .await??
        {
            Ok(response) => Ok((response, lease)),
            Err(failure) => Err(unsent(failure, &fate)
                .err()
                .unwrap_or(AdapterError::Cut { source: None })),
        }
    }
}

impl HttpAdapter {
    /// The beginning of an answer. A large request may take its time, the registry may not.
    async fn answered(
        &self,
        lease: &mut Lease,
        request: Request<bridge_adapter::Body>,
        fate: &BodyFate,
    ) -> Result<Sent, AdapterError> {
        tokio::select! {
            biased;
            sent = lease.sender.try_send_request(request) => Ok(sent),
            () = fate.sent_since(self.timeout) => Err(AdapterError::TimedOut),
        }
    }
}

#[async_trait]
impl Adapter for HttpAdapter {
    fn describe(&self) -> Description {
        self.description.clone()
    }

    async fn health(&self) -> Health {
        match self.pool.fresh(&Until::after(HEALTH_TIME)).await {
            Ok(lease) => {
                lease.give_back();
                Health::Ready
            }
            Err(error) => Health::NotReady {
                reason: error.to_string(),
            },
        }
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let until = Until::of(&call);
        let (head, body) = request::split(&self.pool.connector.base, &mut call)?;
        let (response, lease) = self.send((&head, body), &until).await?;
        answer::from_response(
            &call.method,
            response,
            lease,
            (self.answer_limit_bytes, until),
        )
    }
}

/// The request, if nothing of it was sent; else why there is no answer.
fn unsent(
    mut failure: TrySendError<Request<bridge_adapter::Body>>,
    fate: &BodyFate,
) -> Result<Request<bridge_adapter::Body>, AdapterError> {
    if let Some(request) = failure.take_message() {
        return Ok(request);
    }
    if let Some(error) = fate.take() {
        return Err(AdapterError::RequestBody(error));
    }
    let error = failure.into_error();
    if error.is_parse() || error.is_parse_too_large() {
        // hyper's text names the part of the head and no value of it.
        return Err(AdapterError::NotUnderstood {
            reason: error.to_string(),
        });
    }
    Err(AdapterError::Cut {
        source: Some(Box::new(error)),
    })
}
