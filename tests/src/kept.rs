//! Information systems that keep their connections, many at a time.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::agency::Agency;
use crate::answer::Answer;
use crate::ask::dial;

/// Whom to ask, and as whom.
#[derive(Debug, Clone)]
pub struct Caller {
    address: SocketAddr,
    fields: HeaderMap,
}

/// A connection to the plain listener that is used again and again.
#[derive(Debug)]
pub struct Kept {
    sender: SendRequest<Empty<Bytes>>,
    fields: HeaderMap,
}

/// What came of many requests.
#[derive(Debug, Default)]
pub struct Tally {
    /// Every answer, with the time that it took.
    pub answers: Vec<(Answer, Duration)>,
    /// Requests whose connection ended before an answer.
    pub lost: usize,
}

// === impl Agency ===

impl Agency {
    /// Its information system.
    pub fn caller(&self) -> Caller {
        let mut fields = HeaderMap::new();
        for (name, value) in [
            ("host", "node.local"),
            ("x-road-client", &self.subsystem.to_string()),
            ("bridge-api-key", &self.api_key),
        ] {
            fields.insert(name, HeaderValue::try_from(value).unwrap());
        }
        Caller {
            address: self.ports.plain,
            fields,
        }
    }
}

// === impl Caller ===

impl Caller {
    /// Connects.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub async fn connect(&self) -> std::io::Result<Kept> {
        let stream = dial(self.address).await?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(std::io::Error::other)?;
        // Its end shows in the request that waits for it.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Kept {
            sender,
            fields: self.fields.clone(),
        })
    }

    /// Asks on so many connections, on each again as soon as it is answered, for as long as `on` says so of the newest
    /// answer, or until a connection is told to close or lost.
    pub async fn closed_loop(
        &self,
        connections: usize,
        target: &str,
        on: impl Fn(&Answer) -> bool + Clone + Send + 'static,
    ) -> Tally {
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            let mut kept = self.connect().await.unwrap();
            let (target, on) = (target.to_owned(), on.clone());
            tasks.spawn(async move {
                let mut tally = Tally::default();
                while let Some(answer) = tally.note(kept.get(&target).await)
                    && answer.field("connection") != Some("close")
                    && on(answer)
                {}
                tally
            });
        }
        let tallies = tasks.join_all().await;
        tallies.into_iter().fold(Tally::default(), Tally::with)
    }

    /// Asks `per_second` times a second, whether or not anybody answers, for so long; then waits for what is under way.
    pub async fn open_loop(&self, per_second: f64, time: Duration, target: &str) -> Tally {
        let idle: Arc<Mutex<Vec<Kept>>> = Arc::default();
        let mut tasks = JoinSet::new();
        let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second));
        let began = Instant::now();
        while began.elapsed() < time {
            tick.tick().await;
            let (caller, idle, target) = (self.clone(), Arc::clone(&idle), target.to_owned());
            tasks.spawn(async move {
                let mut tally = Tally::default();
                let free = idle.lock().unwrap().pop();
                let mut kept = match free {
                    Some(kept) => kept,
                    None => caller.connect().await.unwrap(),
                };
                tally.note(kept.get(&target).await);
                idle.lock().unwrap().push(kept);
                tally
            });
        }
        let tallies = tasks.join_all().await;
        tallies.into_iter().fold(Tally::default(), Tally::with)
    }
}

// === impl Kept ===

impl Kept {
    /// Asks.
    ///
    /// # Errors
    ///
    /// What the connection says.
    pub async fn get(&mut self, target: &str) -> Result<(Answer, Duration), hyper::Error> {
        let asked = Instant::now();
        self.sender.ready().await?;
        let mut request = Request::get(target).body(Empty::new()).unwrap();
        request.headers_mut().clone_from(&self.fields);
        let (parts, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        let answer = Answer::checked(parts.status.as_u16(), parts.headers, body);
        Ok((answer, asked.elapsed()))
    }
}

// === impl Tally ===

impl Tally {
    /// How many answers have this status.
    pub fn count(&self, status: u16) -> usize {
        self.answers
            .iter()
            .filter(|(answer, _)| answer.status == status)
            .count()
    }

    /// The middle of the times that answers of this status took.
    pub fn median(&self, status: u16) -> Duration {
        let of_status = self
            .answers
            .iter()
            .filter(|(answer, _)| answer.status == status);
        let mut times: Vec<_> = of_status.map(|(_, time)| *time).collect();
        times.sort_unstable();
        times[times.len() / 2]
    }

    fn note(&mut self, got: Result<(Answer, Duration), hyper::Error>) -> Option<&Answer> {
        let Ok(answer) = got else {
            self.lost += 1;
            return None;
        };
        self.answers.push(answer);
        self.answers.last().map(|(answer, _)| answer)
    }

    fn with(mut self, other: Self) -> Self {
        self.answers.extend(other.answers);
        self.lost += other.lost;
        self
    }
}
