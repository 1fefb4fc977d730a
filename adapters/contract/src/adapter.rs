//! The trait that every adapter implements, and what an adapter says of itself.

use std::sync::Arc;

use async_trait::async_trait;
use http::Method;

use crate::template::Template;
use crate::{AdapterError, Answer, Call, Effect};

/// Turns calls into a registry's own language and its replies into answers.
///
/// An adapter serves one registry. It keeps no state that an exchange depends on: what must survive
/// lives in the registry. It answers with what the registry said, also when that is a 404 or a 500;
/// an [`AdapterError`] means that there is no answer.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// Says which services the adapter serves. Cheap: asked for metadata at any time.
    fn describe(&self) -> Description;

    /// Says whether the registry can be reached now. Takes at most a few seconds.
    async fn health(&self) -> Health;

    /// Carries one call to the registry.
    ///
    /// Must return by `call.deadline`, and soon after `call.cancel` is cancelled. Both also hold for
    /// the answer's body as long as it streams.
    ///
    /// # Errors
    ///
    /// Each variant of [`AdapterError`] says when. None of them carries a value of the call or of
    /// the registry.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the call: the adapter stops the registry's work where it can, and
    /// gives back what it holds. Whether the registry did what was asked is then unknown.
    async fn call(&self, call: Call) -> Result<Answer, AdapterError>;

    /// Ends what the adapter keeps running beside calls, when no call is under way any more. Most keep nothing.
    async fn drain(&self) {}
}

/// Says whether a registry can be reached, and whether it is as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Calls can be served.
    Ready,
    /// Calls are served, but somebody has to act.
    Alarmed {
        /// Why, for the operator; no values of the registry.
        reason: String,
    },
    /// Calls would fail now.
    NotReady {
        /// Why, for the operator; no values of the registry.
        reason: String,
    },
}

/// What an adapter says of itself.
#[derive(Debug, Clone, Default)]
pub struct Description {
    /// The kind of adapter: `sql`, `http`.
    pub adapter: &'static str,
    /// The services it serves, in the order of the package.
    pub services: Vec<ServiceDescription>,
}

/// What an adapter says of one service.
#[derive(Debug, Clone)]
pub struct ServiceDescription {
    /// The service code, the fifth part of a service identifier.
    pub code: String,
    /// A line for people.
    pub title: String,
    /// Its endpoints, in document order; empty if the registry has not said.
    pub endpoints: Vec<Endpoint>,
    /// The part of the OpenAPI document that speaks of this service. Its paths begin with the
    /// service code, so that their base is the subsystem: `/r1/AZ/GOV/1001/POPULATION`.
    pub openapi: Option<Arc<serde_json::Value>>,
}

/// What an adapter says of one endpoint of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path relative to the service: `""` or `/{fin}`.
    pub path: Template,
    /// What a call of it leaves behind.
    pub effect: Effect,
}

impl Description {
    /// Says what an endpoint leaves behind. Nothing changes where there is no such endpoint.
    pub fn set_effect(&mut self, service: &str, method: &Method, path: &Template, effect: Effect) {
        let services = self.services.iter_mut().filter(|own| own.code == service);
        let endpoints = services.flat_map(|own| &mut own.endpoints);
        for endpoint in endpoints.filter(|own| own.method == *method && own.path == *path) {
            endpoint.effect = effect;
        }
    }
}
