//! The adapter itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bridge_adapter::connection::Unanswered;
use bridge_adapter::{
    Adapter, AdapterError, Answer, Call, Description, Effect, Fault, Health, Until, stream,
};
use http::{Response, StatusCode};
use hyper::body::Incoming;

use crate::base::Base;
use crate::circuit::Circuit;
use crate::config::{HttpConfig, RetryConfig};
use crate::connect::Connector;
use crate::oauth::{Token, Tokens};
use crate::pool::{Lease, Pool};
use crate::request::{self, Head, Payload};
use crate::retry;

/// How long the health check may take.
const HEALTH_TIME: Duration = Duration::from_secs(2);

type Begun = (Response<Incoming>, Lease);

/// Serves a registry that speaks HTTP.
#[derive(Debug)]
pub struct HttpAdapter {
    description: Description,
    timeout: Duration,
    answer_limit_bytes: Option<u64>,
    retry: RetryConfig,
    tokens: Option<Tokens>,
    circuit: Circuit,
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
        let registry = format!("{}:{}", base.host, base.port);
        let connector =
            Connector::new(base, &config.tls, "base_url").map_err(|fault| vec![fault])?;
        let tokens = config
            .oauth
            .clone()
            .map(|oauth| Tokens::new(oauth, "oauth"));
        let pool = Pool::new(connector, &config);
        Ok(Self {
            description: Description {
                adapter: "http",
                services: config.services,
            },
            timeout: config.timeout,
            answer_limit_bytes: config.answer_limit_bytes,
            retry: config.retry,
            tokens: tokens.transpose().map_err(|fault| vec![fault])?,
            circuit: Circuit::new(registry, config.circuit, config.timeout),
            pool: Arc::new(pool),
        })
    }

    /// The beginning of an answer, from one attempt or several.
    async fn begun(
        &self,
        (head, payload): (&mut Head, &mut Payload),
        until: &Until,
    ) -> Result<Begun, AdapterError> {
        let mut made: u32 = 0;
        let mut worst: Option<AdapterError> = None;
        loop {
            made = made.saturating_add(1);
            let error = match self.welcomed((head, payload), until).await {
                Ok(begun) => return Ok(begun),
                Err(error) => error,
            };
            let passing = retry::is_passing(&error);
            // What an attempt may have done is not undone by a later one that did not arrive.
            let error = match worst {
                Some(worst) if error.is_without_effect() => worst,
                Some(_) | None => error,
            };
            let again = passing && head.is_repeatable() && payload.is_there();
            if !again || !retry::pause(&self.retry, made, until).await {
                return Err(error);
            }
            worst = (!error.is_without_effect()).then_some(error);
        }
    }

    /// Sends a request, with a token where one is needed, and once more with another one if the
    /// registry refuses the first: it has done nothing then.
    async fn welcomed(
        &self,
        (head, payload): (&mut Head, &mut Payload),
        until: &Until,
    ) -> Result<Begun, AdapterError> {
        let Some(tokens) = &self.tokens else {
            return self.send((head, payload), until).await;
        };
        let token = tokens.current(until).await?;
        let begun = self.shown(&token, (head, payload), until).await?;
        if begun.0.status() != StatusCode::UNAUTHORIZED {
            return Ok(begun);
        }
        drop(begun);
        let other = tokens.instead_of(&token, until).await?;
        if let Some(other) = other.filter(|_| payload.is_there()) {
            let begun = self.shown(&other, (head, payload), until).await?;
            if begun.0.status() != StatusCode::UNAUTHORIZED {
                return Ok(begun);
            }
        }
        // The caller can do nothing about the node's own credentials.
        let reason = "it refuses this node's access token".to_owned();
        Err(AdapterError::Failed { reason })
    }

    async fn shown(
        &self,
        token: &Token,
        (head, payload): (&mut Head, &mut Payload),
        until: &Until,
    ) -> Result<Begun, AdapterError> {
        head.authorise(token.credentials.clone());
        self.send((head, payload), until).await
    }

    /// Sends a request on a kept connection, or on a fresh one if that turns out to be closed.
    async fn send(
        &self,
        (head, payload): (&Head, &mut Payload),
        until: &Until,
    ) -> Result<Begun, AdapterError> {
        let mut lease = self.pool.lease(until).await?;
        let request = head.request(payload);
        let sent = lease.connection.send(request, self.timeout, until).await;
        // A fresh connection that fails says something about the registry; a kept one, that it grew old.
        let (again, sent) = match sent {
            Ok(response) => return Ok((response, lease)),
            Err(Unanswered::Unsent(again)) if lease.used => (*again, false),
            Err(Unanswered::Failed(AdapterError::Cut { .. }))
                if lease.used && head.is_repeatable() && payload.is_there() =>
            {
                (head.request(payload), true)
            }
            Err(unanswered) => return Err(unanswered.into()),
        };
        drop(lease);
        let mut lease = match self.pool.fresh(until).await {
            Err(error) if sent && error.is_without_effect() => {
                let source = Some(error.into());
                return Err(AdapterError::Cut { source });
            }
            made => made?,
        };
        let response = lease.connection.send(again, self.timeout, until).await?;
        Ok((response, lease))
    }

    fn effect(&self, call: &Call) -> Effect {
        let mut services = self.description.services.iter();
        let own = services.find(|service| service.code == call.service.code());
        let endpoints = own.map_or(&[][..], |service| &service.endpoints);
        Effect::of_call(endpoints, &call.method, &call.segments)
    }

    async fn reachable(&self) -> Result<(), AdapterError> {
        let until = Until::after(HEALTH_TIME);
        if let Some(tokens) = &self.tokens {
            tokens.current(&until).await?;
        }
        // Not kept: asked often, it would fill the pool with connections that nobody uses.
        drop(self.pool.fresh(&until).await?);
        Ok(())
    }
}

#[async_trait]
impl Adapter for HttpAdapter {
    fn describe(&self) -> Description {
        self.description.clone()
    }

    async fn health(&self) -> Health {
        if let Some(reason) = self.circuit.trouble() {
            return Health::NotReady { reason };
        }
        match self.reachable().await {
            Ok(()) => Health::Ready,
            Err(error) => Health::NotReady {
                reason: error.to_string(),
            },
        }
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let until = Until::of(&call);
        let base = &self.pool.connector.base;
        let (mut head, mut payload) = request::split(base, self.effect(&call), &mut call)?;
        let passed = self.circuit.pass()?;
        if self.tokens.is_some() || head.is_repeatable() {
            until.bound(payload.keep(call.body_length)).await??;
        }
        let begun = self.begun((&mut head, &mut payload), &until).await;
        passed.note(&begun);
        let (response, lease) = begun?;
        let bounds = (self.answer_limit_bytes, until);
        stream::answer(&call.method, response, bounds, move || lease.give_back())
    }
}
