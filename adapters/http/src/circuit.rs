//! The circuit breaker: a registry that fails again and again is left alone for a while.
//!
//! Callers then learn at once what they would have waited for, and the registry is not hammered while
//! it gets up. After a pause one call is let through; what becomes of it decides for all. What one client
//! meets alone may lie in its requests and says nothing about the registry, unless it cannot be reached:
//! so it does not open the circuit, and keeps it open for that client alone: a call of any other is let through.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_adapter::AdapterError;
use bridge_core::identity::SubsystemId;
use tokio::time::Instant;

use crate::config::CircuitConfig;

/// A call that ends sooner for want of time says nothing about the registry.
const FAIR_TIME: Duration = Duration::from_secs(1);

/// The breaker before one registry.
#[derive(Debug)]
pub(crate) struct Circuit {
    registry: String,
    config: CircuitConfig,
    /// The longest that the registry may take.
    fair: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Calls pass.
    Closed(Run),
    /// No call passes before this moment, except of others than the client whose probe was all that failed since.
    Open {
        until: Instant,
        alone: Option<SubsystemId>,
    },
    /// One call is on its way to find out.
    Probing { alone: Option<SubsystemId> },
}

/// The failures in a row so far.
#[derive(Debug, Default)]
struct Run {
    failures: u32,
    /// Whose call failed first.
    first: Option<SubsystemId>,
    /// Whether it is the registry's failure, not that of one client's requests.
    is_for_all: bool,
}

/// A call that was let through. Dropped without a word, it says nothing about the registry.
#[derive(Debug)]
pub(crate) struct Passed<'a> {
    circuit: &'a Circuit,
    client: &'a SubsystemId,
    began: Instant,
    probe: bool,
}

/// Why a call was not let through.
#[derive(Debug, thiserror::Error)]
#[error("it failed {0} times in a row and is left alone for a while")]
struct LeftAlone(u32);

impl Circuit {
    pub(crate) fn new(registry: String, config: CircuitConfig, timeout: Duration) -> Self {
        Self {
            registry,
            config,
            fair: timeout.min(FAIR_TIME),
            state: Mutex::new(State::Closed(Run::default())),
        }
    }

    /// Lets a call through, or says at once that the registry is away.
    pub(crate) fn pass<'a>(&'a self, client: &'a SubsystemId) -> Result<Passed<'a>, AdapterError> {
        let mut state = self.state();
        let now = Instant::now();
        let probe = match &mut *state {
            State::Closed(_) => false,
            State::Open { until, alone }
                if now >= *until || alone.as_ref().is_some_and(|own| own != client) =>
            {
                let alone = alone.take();
                *state = State::Probing { alone };
                true
            }
            State::Open { .. } | State::Probing { .. } => return Err(self.refusal()),
        };
        Ok(Passed {
            circuit: self,
            client,
            began: now,
            probe,
        })
    }

    /// Why calls do not pass now, for the operator.
    pub(crate) fn trouble(&self) -> Option<String> {
        match *self.state() {
            State::Closed(_) => None,
            State::Open { .. } | State::Probing { .. } => {
                Some(LeftAlone(self.config.failures).to_string())
            }
        }
    }

    fn refusal(&self) -> AdapterError {
        AdapterError::Unreachable {
            source: Some(Box::new(LeftAlone(self.config.failures))),
        }
    }

    fn open(&self, state: &mut State, alone: Option<SubsystemId>) {
        let now = Instant::now();
        let until = now.checked_add(self.config.pause).unwrap_or(now);
        *state = State::Open { until, alone };
    }

    fn close(&self, state: &mut State) {
        if !matches!(*state, State::Closed(_)) {
            tracing::info!(
                code = "registry_circuit_closed",
                registry = self.registry,
                "the registry is asked again"
            );
        }
        *state = State::Closed(Run::default());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Passed<'_> {
    /// Notes what became of the call. Any answer shows that the registry is there.
    pub(crate) fn note<T>(mut self, outcome: &Result<T, AdapterError>) {
        match outcome {
            Ok(_) => self.works(),
            Err(error) if self.counts(error) => self.fails(error),
            Err(_) => {}
        }
    }

    fn works(&mut self) {
        let mut state = self.circuit.state();
        self.circuit.close(&mut state);
        self.probe = false;
    }

    fn fails(&mut self, error: &AdapterError) {
        let circuit = self.circuit;
        let mut state = circuit.state();
        match &mut *state {
            State::Closed(run) => {
                run.add(self.client, error);
                let failures = run.failures;
                if run.is_for_all && failures >= circuit.config.failures {
                    tracing::warn!(
                        code = "registry_circuit_open",
                        registry = circuit.registry,
                        failures,
                        "the registry is left alone for a while"
                    );
                    circuit.open(&mut state, None);
                }
            }
            State::Probing { alone } if self.probe => {
                let is_for_all =
                    is_away(error) || alone.as_ref().is_some_and(|own| own != self.client);
                circuit.open(&mut state, (!is_for_all).then(|| self.client.clone()));
            }
            // A call from before: what it met is known already.
            State::Probing { .. } | State::Open { .. } => {}
        }
        self.probe = false;
    }

    /// Whether an error is the registry's own failure.
    fn counts(&self, error: &AdapterError) -> bool {
        let late = matches!(error, AdapterError::TimedOut);
        matches!(
            error,
            AdapterError::Unreachable { .. }
                | AdapterError::Cut { .. }
                | AdapterError::NotUnderstood { .. }
        ) || (late && self.began.elapsed() >= self.circuit.fair)
    }
}

impl Run {
    fn add(&mut self, client: &SubsystemId, error: &AdapterError) {
        self.failures = self.failures.saturating_add(1);
        let first = self.first.get_or_insert_with(|| client.clone());
        self.is_for_all |= is_away(error) || first != client;
    }
}

/// Whether nobody can have a part in an error but the registry.
fn is_away(error: &AdapterError) -> bool {
    matches!(error, AdapterError::Unreachable { .. })
}

impl Drop for Passed<'_> {
    /// A probe that nobody waited for leaves the question to the next call.
    fn drop(&mut self) {
        if self.probe {
            *self.circuit.state() = State::Open {
                until: Instant::now(),
                alone: None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    const PAUSE: Duration = Duration::from_secs(5);

    static TAX: LazyLock<SubsystemId> = LazyLock::new(|| "AZ/GOV/2001/TAX".parse().unwrap());
    static BANK: LazyLock<SubsystemId> = LazyLock::new(|| "AZ/COM/3001/BANK".parse().unwrap());

    fn circuit() -> Circuit {
        let config = CircuitConfig {
            failures: 3,
            pause: PAUSE,
        };
        Circuit::new("registry:1".to_owned(), config, Duration::from_secs(30))
    }

    fn away() -> Result<(), AdapterError> {
        Err(AdapterError::Unreachable { source: None })
    }

    fn fail(circuit: &Circuit, times: usize) {
        for _ in 0..times {
            circuit.pass(&TAX).unwrap().note(&away());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_and_not_before() {
        let circuit = circuit();
        fail(&circuit, 2);
        circuit.pass(&TAX).unwrap().note(&Ok(()));
        fail(&circuit, 2);
        assert_eq!(circuit.trouble(), None, "an answer between them counts");
        fail(&circuit, 1);
        let refused = circuit.pass(&TAX).unwrap_err();
        assert!(matches!(refused, AdapterError::Unreachable { .. }));
        assert!(circuit.trouble().unwrap().contains("3 times"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_probes_and_decides_for_all() {
        let circuit = circuit();
        fail(&circuit, 3);
        tokio::time::advance(PAUSE).await;
        let probe = circuit.pass(&TAX).unwrap();
        assert!(circuit.pass(&TAX).is_err(), "one at a time");
        probe.note(&away());
        assert!(circuit.pass(&TAX).is_err(), "for another pause");
        tokio::time::advance(PAUSE).await;
        circuit.pass(&TAX).unwrap().note(&Ok(()));
        assert_eq!(circuit.trouble(), None);
        fail(&circuit, 2);
        assert!(circuit.pass(&TAX).is_ok(), "counting begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_nobody_waited_for_leaves_the_question_open() {
        let circuit = circuit();
        fail(&circuit, 3);
        tokio::time::advance(PAUSE).await;
        drop(circuit.pass(&TAX).unwrap());
        circuit
            .pass(&TAX)
            .unwrap()
            .note(&Err::<(), _>(AdapterError::Cancelled));
        circuit.pass(&TAX).unwrap().note(&Ok(()));
        assert_eq!(circuit.trouble(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_caller_did_says_nothing_about_the_registry() {
        let circuit = circuit();
        let errors: [fn() -> AdapterError; 3] = [
            || AdapterError::NotFound,
            || AdapterError::Busy,
            || AdapterError::TimedOut,
        ];
        for error in errors.repeat(5) {
            circuit.pass(&TAX).unwrap().note(&Err::<(), _>(error()));
        }
        assert_eq!(circuit.trouble(), None, "nor a deadline that was too near");
        for client in [&TAX, &BANK, &TAX] {
            let passed = circuit.pass(client).unwrap();
            tokio::time::advance(FAIR_TIME).await;
            passed.note(&Err::<(), _>(AdapterError::TimedOut));
        }
        assert!(circuit.trouble().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_requests_of_one_client_open_it_for_nobody() {
        let cut = || Err::<(), _>(AdapterError::Cut { source: None });
        let circuit = circuit();
        for _ in 0..10 {
            circuit.pass(&TAX).unwrap().note(&cut());
        }
        assert_eq!(circuit.trouble(), None);
        circuit.pass(&BANK).unwrap().note(&Ok(()));
        for client in [&TAX, &TAX, &BANK] {
            assert_eq!(circuit.trouble(), None, "an answer between them counts");
            circuit.pass(client).unwrap().note(&cut());
        }
        assert!(circuit.trouble().is_some(), "two clients met the same");
    }

    #[tokio::test(start_paused = true)]
    async fn the_requests_of_one_client_keep_it_open_for_nobody() {
        let cut = || Err::<(), _>(AdapterError::Cut { source: None });
        let circuit = circuit();
        for client in [&TAX, &TAX, &BANK] {
            circuit.pass(client).unwrap().note(&cut());
        }
        assert!(circuit.pass(&BANK).is_err(), "two clients met the same");
        tokio::time::advance(PAUSE).await;
        circuit.pass(&TAX).unwrap().note(&cut());
        assert!(circuit.pass(&TAX).is_err(), "its own calls wait");
        let probe = circuit.pass(&BANK).unwrap();
        assert!(circuit.pass(&BANK).is_err(), "one at a time");
        probe.note(&cut());
        assert!(circuit.pass(&TAX).is_err() && circuit.pass(&BANK).is_err());
        assert!(
            circuit.trouble().is_some(),
            "a registry that hangs is no news"
        );
        tokio::time::advance(PAUSE).await;
        circuit.pass(&TAX).unwrap().note(&cut());
        circuit.pass(&BANK).unwrap().note(&Ok(()));
        assert_eq!(circuit.trouble(), None);
        circuit.pass(&TAX).unwrap().note(&cut());
        assert_eq!(circuit.trouble(), None, "counting begins anew");
    }
}
