//! The client: a closed loop over kept connections, or an open one at a fixed rate; every answer checked.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::HOST;
use http::response::Parts;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Failure;
use crate::options::Plan;

/// What a load came to: only good answers are in it.
#[derive(Debug)]
pub(crate) struct Figures {
    /// From asking to the last byte, whole microseconds, ascending.
    micros: Vec<u32>,
    /// Of all answers' bodies.
    bytes: u64,
    elapsed: Duration,
}

pub(crate) type Client = SendRequest<Empty<Bytes>>;

/// A server that needs longer to start does not start.
const WAIT: Duration = Duration::from_secs(20);
const WAIT_STEP: Duration = Duration::from_millis(50);
/// Connections that are opened together.
const AT_A_TIME: usize = 32;
/// So much of a wrong answer is shown.
const SHOWN_BYTES: usize = 400;

/// When each request of an open loop is due, whoever sends it.
#[derive(Debug)]
struct Schedule {
    start: Instant,
    rate: u32,
    next: AtomicU32,
    /// One for each that is due and not taken.
    due: Semaphore,
}

/// Keeps every connection busy until the time is over, or asks at a fixed rate, then waits for what is under way.
///
/// # Errors
///
/// The first connection that breaks or answer that is wrong: the whole load is void.
pub(crate) async fn load(plan: Plan) -> Result<Figures, Failure> {
    let clients = open(&plan).await?;
    let start = Instant::now();
    let end = start + plan.duration;
    let schedule = plan.rate.map(|rate| Arc::new(Schedule::new(start, rate)));
    if let Some(schedule) = schedule.clone() {
        // A thread that sleeps: the runtime's timers count whole milliseconds.
        std::thread::spawn(move || schedule.keep(end, plan.connections));
    }
    let mut tasks = JoinSet::new();
    for client in clients {
        match &schedule {
            Some(schedule) => tasks.spawn(ask_when_due(
                client,
                plan.clone(),
                Arc::clone(schedule),
                end,
            )),
            None => tasks.spawn(ask_until(client, plan.clone(), end)),
        };
    }
    let (mut micros, mut bytes) = (Vec::new(), 0);
    while let Some(ended) = tasks.join_next().await {
        let (mut of_one, got) = ended??;
        micros.append(&mut of_one);
        bytes += got;
    }
    let elapsed = start.elapsed();
    micros.sort_unstable();
    Ok(Figures {
        micros,
        bytes,
        elapsed,
    })
}

/// Opens connections that have been answered once and wait for nothing, and tells the memory of the process behind them.
///
/// # Errors
///
/// The first connection that is not answered well; a process that is gone.
pub(crate) async fn idle(plan: &Plan, pid: u32) -> Result<String, Failure> {
    let mut open = open(plan).await?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|value| value.trim().strip_suffix(" kB"))
        .ok_or("the process does not tell its memory")?;
    open.retain(|client| !client.is_closed());
    Ok(format!(
        "connections={} resident_kib={resident}",
        open.len()
    ))
}

/// Opens all connections, each asked once if that is planned: a few at a time, so that none waits long for its next request.
async fn open(plan: &Plan) -> Result<Vec<Client>, Failure> {
    let mut clients = Vec::new();
    while clients.len() < plan.connections {
        let mut opening = JoinSet::new();
        for _ in clients.len()..plan.connections.min(clients.len() + AT_A_TIME) {
            let plan = plan.clone();
            opening.spawn(async move {
                let mut client = connect(plan.address).await?;
                if plan.greeting {
                    ask(&mut client, &plan).await?;
                }
                Ok::<_, Failure>(client)
            });
        }
        while let Some(opened) = opening.join_next().await {
            clients.push(opened??);
        }
    }
    Ok(clients)
}

/// Waits until a server accepts a connection and, if a target is given, answers it with 200.
///
/// # Errors
///
/// What was wrong last, if the server is not ready in time.
pub(crate) async fn wait(address: SocketAddr, target: Option<&str>) -> Result<(), Failure> {
    let end = Instant::now() + WAIT;
    loop {
        let Err(failure) = is_ready(address, target).await else {
            return Ok(());
        };
        if Instant::now() >= end {
            return Err(format!("{address} is not ready: {failure}").into());
        }
        tokio::time::sleep(WAIT_STEP).await;
    }
}

async fn is_ready(address: SocketAddr, target: Option<&str>) -> Result<(), Failure> {
    let mut client = connect(address).await?;
    let Some(target) = target else {
        return Ok(());
    };
    let host = address.to_string();
    let request = Request::get(target).header(HOST, host).body(Empty::new())?;
    let (head, body) = client.send_request(request).await?.into_parts();
    if head.status == StatusCode::OK {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&body.collect().await?.to_bytes()).into())
}

pub(crate) async fn connect(address: SocketAddr) -> Result<Client, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (client, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its end shows in the request that waits for it.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// What one connection came to: microseconds of each answer, and bytes of all.
type Share = (Vec<u32>, u64);

async fn ask_until(mut client: Client, plan: Plan, end: Instant) -> Result<Share, Failure> {
    let (mut micros, mut bytes) = (Vec::new(), 0);
    loop {
        let asked = Instant::now();
        if asked >= end {
            return Ok((micros, bytes));
        }
        bytes += ask(&mut client, &plan).await?;
        micros.push(u32::try_from(asked.elapsed().as_micros())?);
    }
}

/// Takes the next request of the schedule when it is due, and counts from then: a request that had to wait for a connection
/// has waited.
async fn ask_when_due(
    mut client: Client,
    plan: Plan,
    schedule: Arc<Schedule>,
    end: Instant,
) -> Result<Share, Failure> {
    let (mut micros, mut bytes) = (Vec::new(), 0);
    loop {
        let due = schedule.take().await?;
        if due >= end {
            return Ok((micros, bytes));
        }
        bytes += ask(&mut client, &plan).await?;
        micros.push(u32::try_from(due.elapsed().as_micros())?);
    }
}

/// One request and its whole answer, whatever it is.
pub(crate) async fn send(client: &mut Client, plan: &Plan) -> Result<(Parts, Bytes), Failure> {
    client.ready().await?;
    let (path, _bytes) = plan.targets.take();
    let (head, body) = client
        .send_request(request(plan, path)?)
        .await?
        .into_parts();
    Ok((head, body.collect().await?.to_bytes()))
}

/// One request whose answer must be 200 and as long as its target says; returns that length.
pub(crate) async fn ask(client: &mut Client, plan: &Plan) -> Result<u64, Failure> {
    client.ready().await?;
    let (path, expected) = plan.targets.take();
    let (head, mut body) = client
        .send_request(request(plan, path)?)
        .await?
        .into_parts();
    // A large answer is counted and let go.
    let (mut bytes, mut shown) = (0, Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        bytes += data.len() as u64;
        let room = SHOWN_BYTES - shown.len();
        shown.extend_from_slice(data.get(..room).unwrap_or(&data));
    }
    if head.status != StatusCode::OK || bytes != expected {
        let (status, shown) = (head.status, String::from_utf8_lossy(&shown));
        return Err(format!("a wrong answer: {status}, {bytes} bytes: {shown}").into());
    }
    Ok(bytes)
}

fn request(plan: &Plan, path: &str) -> Result<Request<Empty<Bytes>>, Failure> {
    let mut request = Request::get(path).body(Empty::new())?;
    request.headers_mut().clone_from(&plan.fields);
    let host = HeaderValue::from_str(&plan.address.to_string())?;
    request.headers_mut().insert(HOST, host);
    Ok(request)
}

// === impl Schedule ===

impl Schedule {
    fn new(start: Instant, rate: u32) -> Self {
        let (next, due) = (AtomicU32::new(0), Semaphore::new(0));
        Self {
            start,
            rate,
            next,
            due,
        }
    }

    fn at(&self, number: u32) -> Instant {
        self.start + Duration::from_secs_f64(f64::from(number) / f64::from(self.rate))
    }

    /// Tells of each request when it is due; in the end tells each taker that there is none.
    fn keep(&self, end: Instant, takers: usize) {
        for due in (0..)
            .map(|number| self.at(number))
            .take_while(|due| *due < end)
        {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            self.due.add_permits(1);
        }
        self.due.add_permits(takers);
    }

    /// When the next request was due, which it is by now.
    async fn take(&self) -> Result<Instant, Failure> {
        self.due.acquire().await?.forget();
        Ok(self.at(self.next.fetch_add(1, Ordering::Relaxed)))
    }
}

// === impl Figures ===

impl Figures {
    /// Answers per second.
    pub(crate) fn per_second(&self) -> f64 {
        let answers = u32::try_from(self.micros.len()).unwrap_or(u32::MAX);
        f64::from(answers) / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }
}

/// The time within which this share of the answers came, thousandths; times ascend.
pub(crate) fn within(micros: &[u32], thousandths: usize) -> u32 {
    let index = micros.len().saturating_mul(thousandths) / 1000;
    let last = micros.len().saturating_sub(1);
    micros.get(index.min(last)).copied().unwrap_or(0)
}

/// One line that the run script reads: names, `=`, numbers.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = self.micros.len();
        let rate = self.per_second();
        let kib = f64::from(u32::try_from(self.bytes / 1024).unwrap_or(u32::MAX))
            / self.elapsed.as_secs_f64().max(f64::EPSILON);
        let [p50, p99, p999] = [500, 990, 999].map(|share| within(&self.micros, share));
        write!(
            f,
            "answers={answers} errors=0 per_second={rate:.0} kib_per_second={kib:.0} p50_us={p50} p99_us={p99} p999_us={p999}"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::{Figures, Schedule};

    #[test]
    fn figures_name_the_answers_within_which_half_and_nearly_all_came() {
        let figures = Figures {
            micros: (0..1000).collect(),
            bytes: 2_048_000,
            elapsed: Duration::from_millis(500),
        };
        let line = "answers=1000 errors=0 per_second=2000 kib_per_second=4000 p50_us=500 p99_us=990 p999_us=999";
        assert_eq!(figures.to_string(), line);
    }

    #[tokio::test]
    async fn requests_are_taken_when_they_are_due_and_late_ones_count_from_then() {
        let start = Instant::now();
        let schedule = Arc::new(Schedule::new(start, 500));
        let (keeper, end) = (Arc::clone(&schedule), start + Duration::from_millis(7));
        let keeping = std::thread::spawn(move || keeper.keep(end, 2));
        let mut due = vec![schedule.take().await.unwrap()];
        // Nobody was there for the others: they are due when they were.
        keeping.join().unwrap();
        for _ in 0..5 {
            due.push(schedule.take().await.unwrap());
        }
        let due: Vec<_> = due.into_iter().map(|due| due - start).collect();
        // Both takers learn of the end.
        assert_eq!(due, [0, 2, 4, 6, 8, 10].map(Duration::from_millis));
        assert!(start.elapsed() >= Duration::from_millis(6));
    }

    #[test]
    fn no_answer_is_no_panic() {
        let figures = Figures {
            micros: Vec::new(),
            bytes: 0,
            elapsed: Duration::ZERO,
        };
        assert_eq!(
            figures.to_string(),
            "answers=0 errors=0 per_second=0 kib_per_second=0 p50_us=0 p99_us=0 p999_us=0"
        );
    }
}
