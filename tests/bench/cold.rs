//! How long a server takes from its start until it has answered one query.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::client::{ask, connect};
use crate::options::Plan;

/// A server that needs longer to start does not start.
const WAIT: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_millis(1);
/// How long it may take to end.
const DRAIN: Duration = Duration::from_mins(1);

/// Starts it, asks until the answer is good, and ends it as an operator does.
///
/// # Errors
///
/// What was wrong last, if no answer is good in time; a server that ends early, or badly.
pub(crate) async fn cold(plan: &Plan, command: &[String]) -> Result<String, Failure> {
    let (program, arguments) = command.split_first().ok_or("a command is missing")?;
    let began = Instant::now();
    let mut server = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()?;
    let first = first_answer(plan, &mut server, began).await;
    let pid = rustix::process::Pid::from_child(&server);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    let took = first?;
    let end = Instant::now() + DRAIN;
    let status = loop {
        if let Some(status) = server.try_wait()? {
            break status;
        }
        if Instant::now() >= end {
            server.kill()?;
        }
        tokio::time::sleep(STEP).await;
    };
    if !status.success() {
        return Err(format!("{program} ended with {status}").into());
    }
    Ok(format!("first_answer_us={}", took.as_micros()))
}

async fn first_answer(
    plan: &Plan,
    server: &mut Child,
    began: Instant,
) -> Result<Duration, Failure> {
    loop {
        let failure = match connect(plan.address).await {
            Ok(mut client) => match ask(&mut client, plan).await {
                Ok(_bytes) => return Ok(began.elapsed()),
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        if let Some(status) = server.try_wait()? {
            return Err(format!("it ended with {status}: {failure}").into());
        }
        if began.elapsed() > WAIT {
            return Err(format!("no good answer in time: {failure}").into());
        }
        tokio::time::sleep(STEP).await;
    }
}
