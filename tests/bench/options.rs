//! What the command line asks for.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::setup::Shape;
use crate::targets::Targets;
use crate::{Failure, USAGE};

/// One call of the program.
#[derive(Debug)]
pub(crate) enum Options {
    Help,
    Setup {
        folder: PathBuf,
        shape: Shape,
    },
    Relay {
        listen: SocketAddr,
        to: SocketAddr,
        round_trip: Duration,
    },
    /// How long a server takes from its start to its first good answer.
    Cold {
        plan: Plan,
        command: Vec<String>,
    },
    Upstream {
        address: SocketAddr,
    },
    Wait {
        address: SocketAddr,
        target: Option<String>,
    },
    Token {
        settings: PathBuf,
        per_second: u32,
    },
    Load(Plan),
    Overload(Plan),
    Idle {
        plan: Plan,
        /// The process whose memory is told.
        pid: u32,
    },
}

/// A load and whom it is for.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) targets: Arc<Targets>,
    pub(crate) fields: HeaderMap,
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
    /// Requests a second, whether or not anybody answers; none: as many as are answered.
    pub(crate) rate: Option<u32>,
    /// Each connection is asked for once before the time begins.
    pub(crate) greeting: bool,
}

const DEFAULT_CONNECTIONS: usize = 64;
const DEFAULT_DURATION: Duration = Duration::from_secs(5);

// === impl Options ===

impl Options {
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut words = words.peekable();
        let mut next = |what: &str| words.next().ok_or(format!("{what} is missing\n{USAGE}"));
        let options = match next("the command")?.as_str() {
            "--help" | "-h" => Self::Help,
            "setup" => {
                let folder = next("FOLDER")?.into();
                let shape = Shape::parse(words)?;
                return Ok(Self::Setup { folder, shape });
            }
            "relay" => Self::Relay {
                listen: next("LISTEN")?.parse()?,
                to: next("TO")?.parse()?,
                round_trip: Duration::from_micros(next("MICROSECONDS")?.parse()?),
            },
            "cold" => {
                let (address, target) = (next("ADDRESS")?.parse()?, next("TARGET")?);
                let options: Vec<String> = words.by_ref().take_while(|word| word != "--").collect();
                let plan = Plan::parse(address, &target, options.into_iter())?;
                let command = words.collect();
                return Ok(Self::Cold { plan, command });
            }
            "upstream" => Self::Upstream {
                address: next("ADDRESS")?.parse()?,
            },
            "wait" => Self::Wait {
                address: next("ADDRESS")?.parse()?,
                target: words.next(),
            },
            "token" => Self::Token {
                settings: next("SETTINGS")?.into(),
                per_second: next("PER_SECOND")?.parse()?,
            },
            "load" => {
                let (address, target) = (next("ADDRESS")?.parse()?, next("TARGET")?);
                return Plan::parse(address, &target, words).map(Self::Load);
            }
            "overload" => {
                let (address, target) = (next("ADDRESS")?.parse()?, next("TARGET")?);
                return Plan::parse(address, &target, words).map(Self::Overload);
            }
            "idle" => {
                let pid = next("PID")?.parse()?;
                let (address, target) = (next("ADDRESS")?.parse()?, next("TARGET")?);
                let mut plan = Plan::parse(address, &target, words)?;
                plan.greeting = true;
                return Ok(Self::Idle { plan, pid });
            }
            other => return Err(format!("no command `{other}`\n{USAGE}").into()),
        };
        match words.next() {
            None => Ok(options),
            Some(word) => Err(format!("`{word}` is too much\n{USAGE}").into()),
        }
    }
}

// === impl Shape ===

impl Shape {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut shape = Self::default();
        while let Some(option) = words.next() {
            let mut value = || {
                let value = words.next();
                value.ok_or(format!("{option} lacks its value\n{USAGE}"))
            };
            match option.as_str() {
                "--plain" => shape.plain = true,
                "--awaited" => shape.awaited = true,
                "--whole" => shape.whole = true,
                "--witnessed" => shape.witnessed = true,
                "--relayed" => shape.relayed = true,
                "--evidence" => shape.evidence = value()?,
                "--contracts" => shape.contracts = value()?.parse::<NonZeroUsize>()?.get(),
                "--peers" => shape.peers = value()?.parse::<NonZeroUsize>()?.get(),
                other => return Err(format!("no option `{other}`\n{USAGE}").into()),
            }
        }
        Ok(shape)
    }
}

// === impl Plan ===

impl Plan {
    fn parse(
        address: SocketAddr,
        target: &str,
        mut words: impl Iterator<Item = String>,
    ) -> Result<Self, Failure> {
        let mut duration = DEFAULT_DURATION;
        let mut connections = DEFAULT_CONNECTIONS;
        let mut rate = None;
        let mut fields = HeaderMap::new();
        let mut greeting = false;
        while let Some(option) = words.next() {
            if option == "--greet" {
                greeting = true;
                continue;
            }
            let value = words
                .next()
                .ok_or(format!("{option} lacks its value\n{USAGE}"))?;
            match option.as_str() {
                "--seconds" => duration = Duration::from_secs(value.parse()?),
                "--connections" => connections = value.parse()?,
                "--rate" => rate = Some(value.parse::<NonZeroU32>()?.get()),
                "--field" => {
                    let (name, value) = value.split_once(':').ok_or("a field is NAME:VALUE")?;
                    fields.insert(name.parse::<HeaderName>()?, HeaderValue::from_str(value)?);
                }
                other => return Err(format!("no option `{other}`\n{USAGE}").into()),
            }
        }
        Ok(Self {
            address,
            targets: Arc::new(Targets::read(target)?),
            fields,
            connections,
            duration,
            rate,
            greeting,
        })
    }
}
