//! What an adapter is examined against, and how patiently.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::openapi::Checker;
use crate::probe::Probe;
use crate::scenario::Scenario;
use crate::{Package, PackageService};

/// What an adapter promises: its package's services, OpenAPI document and scenario.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The services, in the order of the package.
    pub services: Vec<PackageService>,
    /// The OpenAPI document of all services.
    pub openapi: Arc<Checker>,
    /// Requests with their answers. The battery is made from them.
    pub scenario: Scenario,
    /// Calls by which the registry behind the adapter can be made to misbehave.
    pub days: Days,
}

/// Calls on which the registry misbehaves. A real registry has none of them; a test's registry does.
#[derive(Debug, Clone, Default)]
pub struct Days {
    /// The registry does not answer.
    pub slow: Option<Probe>,
    /// The registry goes away in the middle of its answer.
    pub cut: Option<Probe>,
    /// The registry's answer is above the adapter's limit.
    pub large: Option<Probe>,
    /// The registry's answer is not UTF-8, and its exact bytes.
    pub not_utf8: Option<(Probe, Bytes)>,
}

/// How long the battery waits, and how much it asks at once.
///
/// # Defaults
///
/// Those of a check by hand: some seconds in all. Tests with paused time may wait for nothing.
#[derive(Debug, Clone)]
pub struct Pace {
    /// The deadline of calls that are meant to run out of time.
    pub short: Duration,
    /// How long after its deadline or its cancellation a call may take to end.
    pub grace: Duration,
    /// The deadline of all other calls.
    pub patience: Duration,
    /// How many callers ask at once.
    pub together: usize,
    /// How often a call is abandoned before the adapter is asked whether it still has places. More
    /// than its places and its queue together.
    pub abandoned: usize,
}

impl Subject {
    /// Takes what a package says and its scenario; the registry has no bad days.
    pub fn new(package: &Package, scenario: Scenario) -> Self {
        Self {
            services: package.services.clone(),
            openapi: Arc::clone(&package.openapi),
            scenario,
            days: Days::default(),
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            short: Duration::from_millis(100),
            grace: Duration::from_secs(2),
            patience: Duration::from_secs(10),
            together: 64,
            abandoned: 300,
        }
    }
}
