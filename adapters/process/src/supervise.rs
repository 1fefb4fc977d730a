//! The life of a program: started, watched, started again after a pause that grows, drained.

use std::sync::{Arc, Once};
use std::time::Duration;

use bridge_adapter::{AdapterError, Health, Until};
use http::StatusCode;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::answer::printable;
use crate::bomb::Processes;
use crate::config::ProcessConfig;
use crate::connections::Connections;
use crate::data::Data;
use crate::describe;
use crate::limits::{DESCRIPTION_LIMIT_BYTES, WATCH_MISSES};
use crate::start::{Program, StartError};
use crate::unasked::{Processor, SLOWED};

/// The pause before a program that ended is started again: doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Who served for so long is started again after the first pause.
const SERVED_WELL: Duration = Duration::from_mins(1);
/// How often a starting program is asked whether it is ready.
const READY_EVERY: Duration = Duration::from_millis(25);
/// The most bytes of an answer to /health.
const HEALTH_LIMIT_BYTES: usize = 4096;
/// How long [`Supervisor::health`] may take.
const HEALTH_TIME: Duration = Duration::from_secs(2);

/// Keeps one program running.
#[derive(Debug)]
pub(crate) struct Supervisor {
    config: Arc<ProcessConfig>,
    begun: Once,
    state: watch::Sender<State>,
    stop: CancellationToken,
}

#[derive(Debug, Clone)]
enum State {
    /// For the first time: calls wait for it.
    Starting,
    Serving(Arc<Connections>),
    /// Calls fail at once.
    Down(String),
    Ended,
}

#[derive(Debug, Deserialize)]
struct NotReady {
    reason: String,
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

// === impl Supervisor ===

impl Supervisor {
    pub(crate) fn new(config: ProcessConfig) -> Self {
        Self {
            config: Arc::new(config),
            begun: Once::new(),
            state: watch::Sender::new(State::Starting),
            stop: CancellationToken::new(),
        }
    }

    /// The connections to the program that serves now. Starts it if nobody has.
    pub(crate) async fn connections(
        &self,
        until: &Until,
    ) -> Result<Arc<Connections>, AdapterError> {
        self.begin();
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| !matches!(state, State::Starting));
        match until.bound(settled).await? {
            Ok(state) => match &*state {
                State::Serving(connections) => Ok(Arc::clone(connections)),
                State::Down(reason) => Err(away(reason)),
                State::Starting | State::Ended => Err(away("it has ended")),
            },
            Err(_closed) => Err(away("it has ended")),
        }
    }

    /// Whether the program says that it is well.
    pub(crate) async fn health(&self) -> Health {
        let until = Until::after(HEALTH_TIME);
        match self.connections(&until).await {
            // Its answer would need time that it is not to have.
            Ok(connections) if connections.is_slowed() => Health::Alarmed {
                reason: SLOWED.to_owned(),
            },
            Ok(connections) => match asked(&connections, &until).await {
                Ok(health) => health,
                Err(reason) => Health::NotReady { reason },
            },
            Err(AdapterError::Unreachable {
                source: Some(source),
            }) => Health::NotReady {
                reason: source.to_string(),
            },
            Err(_) => Health::NotReady {
                reason: "it is still starting".to_owned(),
            },
        }
    }

    /// Ends the program: what is under way is finished first.
    pub(crate) async fn drain(&self) {
        self.stop.cancel();
        // One that was never begun has nothing to end.
        let mut never = false;
        self.begun.call_once(|| never = true);
        if never {
            self.state.send_replace(State::Ended);
        }
        let mut state = self.state.subscribe();
        drop(state.wait_for(|state| matches!(state, State::Ended)).await);
    }

    fn begin(&self) {
        self.begun.call_once(|| {
            let life = Life {
                config: Arc::clone(&self.config),
                state: self.state.clone(),
                stop: self.stop.clone(),
            };
            tokio::spawn(life.live());
        });
    }
}

/// The task that keeps the program running.
struct Life {
    config: Arc<ProcessConfig>,
    state: watch::Sender<State>,
    stop: CancellationToken,
}

// === impl Life ===

impl Life {
    async fn live(self) {
        let mut pause = FIRST_PAUSE;
        let mut last = String::new();
        while !self.stop.is_cancelled() {
            let begun = Instant::now();
            let Some((reason, served)) = self.run().await else {
                break;
            };
            if served && begun.elapsed() >= SERVED_WELL {
                pause = FIRST_PAUSE;
            }
            // Once for a reason, not once a try.
            if reason != last || served {
                tracing::error!(
                    code = "adapter_down",
                    adapter = %self.config.name,
                    %reason,
                    "an adapter does not serve"
                );
            }
            last.clone_from(&reason);
            self.state.send_replace(State::Down(reason));
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
        self.state.send_replace(State::Ended);
    }

    /// One run of the program: why it ended and whether it had served; `None` if it was asked to end.
    async fn run(&self) -> Option<(String, bool)> {
        let data = Data::of(&self.config.cage);
        if let Some(data) = &data
            && let Some(excess) = data.excess().await
        {
            return Some((excess, false));
        }
        let mut program = match Program::start(&self.config).await {
            Ok(program) => program,
            Err(error) => return Some((chain(&error), false)),
        };
        let connections = Arc::clone(&program.connections);
        let (processes, processor) = (program.processes.take(), program.processor.take());
        let (mut served, mut at_once) = (false, false);
        let over = tokio::select! {
            () = self.stop.cancelled() => None,
            reason = program.ended() => Some(reason),
            reason = self.watched(&connections, &mut served) => Some(reason),
            reason = exceeded(data.as_ref(), processes.as_ref()) => {
                // What it finished would be kept on top, and its processes would make more.
                at_once = true;
                Some(reason)
            }
            reason = or_never(processor.as_ref().map(|own| self.slowed(own, &connections))) => Some(reason),
        };
        // To end in time it needs all that it has.
        if let Some(processor) = &processor {
            processor.release();
        }
        // First no new calls, then the end.
        let next = over.clone().unwrap_or_else(|| "it is draining".to_owned());
        self.state.send_replace(State::Down(next));
        if at_once {
            program.kill().await;
        } else {
            program.end(self.config.drain_timeout).await;
        }
        over.map(|reason| (reason, served))
    }

    /// Waits until the program is ready, serves, and returns when it is not well.
    async fn watched(&self, connections: &Arc<Connections>, served: &mut bool) -> String {
        if let Err(reason) = self.ready(connections).await {
            return reason;
        }
        *served = true;
        tracing::info!(adapter = %self.config.name, "the adapter serves");
        self.state
            .send_replace(State::Serving(Arc::clone(connections)));
        let (mut misses, mut calls) = (0, 0);
        while misses < WATCH_MISSES {
            tokio::time::sleep(self.config.watch_every).await;
            // Who has missed one may hang.
            if misses == 0 {
                calls = connections.worth_a_look(calls).await;
            }
            let until = Until::after(self.config.watch_timeout);
            misses = match asked(connections, &until).await {
                Ok(_) => 0,
                Err(_) => misses.saturating_add(1),
            };
        }
        "it does not say whether it is well any more".to_owned()
    }

    /// Once the program serves, sees that it computes for those who ask.
    async fn slowed(&self, processor: &Processor, connections: &Connections) -> String {
        let mut state = self.state.subscribe();
        // Nobody ends the state before this.
        drop(
            state
                .wait_for(|state| matches!(state, State::Serving(_)))
                .await,
        );
        processor.keep(&self.config.name, connections).await
    }

    async fn ready(&self, connections: &Connections) -> Result<(), String> {
        let until = Until::after(self.config.start_timeout);
        let mut last = "it does not listen".to_owned();
        let answered = until.bound(async {
            loop {
                match asked(connections, &until).await {
                    Ok(Health::Ready | Health::Alarmed { .. }) => return,
                    Ok(Health::NotReady { reason }) => last = reason,
                    // It does not listen yet.
                    Err(_) => {}
                }
                tokio::time::sleep(READY_EVERY).await;
            }
        });
        if answered.await.is_err() {
            return Err(format!("it was not ready in time: {last}"));
        }
        let described = connections
            .ask("/describe", DESCRIPTION_LIMIT_BYTES, &until)
            .await;
        match described {
            Ok((StatusCode::OK, text)) => {
                describe::compare(&text, &self.config.name, &self.config.description)
            }
            Ok((status, _)) => Err(format!("/describe answers {}", status.as_u16())),
            Err(error) => Err(format!("/describe has no answer: {error}")),
        }
    }
}

/// Waits until the program keeps more than it may, or goes on asking for more processes than it may have.
async fn exceeded(data: Option<&Data>, processes: Option<&Processes>) -> String {
    tokio::select! {
        reason = or_never(data.map(Data::exceeded)) => reason,
        reason = or_never(processes.map(Processes::exceeded)) => reason,
    }
}

async fn or_never<T>(wait: Option<impl Future<Output = T>>) -> T {
    match wait {
        Some(wait) => wait.await,
        None => std::future::pending().await,
    }
}

/// Asks a program whether it is well. An error means that it says nothing.
async fn asked(connections: &Connections, until: &Until) -> Result<Health, String> {
    match connections.ask("/health", HEALTH_LIMIT_BYTES, until).await {
        Ok((StatusCode::OK, _)) => Ok(Health::Ready),
        Ok((status, text)) => {
            let said = serde_json::from_slice::<NotReady>(&text).ok();
            let reason = said.map(|said| printable(said.reason.as_bytes()));
            let usual = || format!("/health answers {}", status.as_u16());
            Ok(Health::NotReady {
                reason: reason.unwrap_or_else(usual),
            })
        }
        Err(error) => Err(format!("/health has no answer: {error}")),
    }
}

fn away(reason: &str) -> AdapterError {
    AdapterError::Unreachable {
        source: Some(reason.to_owned().into()),
    }
}

fn chain(error: &StartError) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
