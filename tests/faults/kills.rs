//! SIGKILL of either node under load: no answer may be without its leaves.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use bridge_tests::registry::{Reaction, Registry, Seen};
use http::Method;
use serde_json::json;
use uuid::Uuid;

use crate::chance::Chance;
use crate::claim::{Found, look_up, verify};
use crate::client::Client;
use crate::moment::{Moment, Moments};
use crate::options::Options;
use crate::process::{Binary, Nodes};
use crate::world::World;
use crate::{Failure, say, tell};

/// One course of kills with one program.
struct Course<'a> {
    world: &'a World,
    binary: &'a Binary,
    client: &'a Client,
    /// Where requests have effects; else they are queries.
    registry: Option<&'a Registry>,
    /// Chooses when a node is killed.
    moment: fn(&mut Chance) -> Moment,
    chance: Chance,
    /// How long a start took the last time.
    start_up: Duration,
    tally: Tally,
}

/// What a course came to.
#[derive(Default)]
struct Tally {
    found: Found,
    moments: Moments,
    kills: u32,
    /// While both nodes were ready: how long that was, and how many answers came.
    up: Duration,
    up_answers: u64,
    slowest_start: Duration,
}

const CONTROL_KILLS: u32 = 4;
/// A kill may find nothing late, for whatever else the journal does to its folder has the late disk write at once: it goes on until
/// something is lost, so often at most.
const CONTROL_KILLS_AT_MOST: u32 = 32;
/// Then the journals are judged and begun anew: a node reads the leaves of a day at its start.
const KILLS_IN_A_CHAPTER: u32 = 10;
/// With less there is too little under way when a node dies.
const LEAST_PER_SECOND: u128 = 1000;
/// A start takes at least so long, until one was measured.
const FIRST_START_UP: Duration = Duration::from_millis(100);

pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let world = World::prepare(&options.world)?;
    let (method, registry) = if options.effects {
        let registry = Registry::start_at(world.upstream).await;
        registry.always(Reaction::json(
            200,
            &json!({ "id": "0001", "text": "done" }),
        ));
        (Method::POST, Some(registry))
    } else {
        (Method::GET, None)
    };
    let client = Client::new(&world, &method);
    let course = |binary, moment| Course {
        world: &world,
        binary,
        moment,
        client: &client,
        registry: registry.as_ref(),
        chance: Chance::new(options.seed),
        start_up: FIRST_START_UP,
        tally: Tally::default(),
    };
    let control = Binary {
        path: options.faulty.clone(),
        manner: "late",
    };
    let mut control = course(&control, |_chance| Moment::Work);
    while !control.tally.noticed(options) && control.tally.kills < CONTROL_KILLS_AT_MOST {
        control.chapter(CONTROL_KILLS).await?;
        control.judge()?;
    }
    say(format_args!("control: {}", control.tally));
    if options.effects {
        say(format_args!("control: {}", control.tally.effects()));
    }
    if !control.tally.noticed(options) {
        return Err("the control lost nothing, so nothing would be noticed".into());
    }

    let node = Binary {
        path: options.node.clone(),
        manner: "run",
    };
    let mut course = course(&node, Moment::choose);
    while course.tally.kills < options.count {
        let left = options.count - course.tally.kills;
        course.chapter(left.min(KILLS_IN_A_CHAPTER)).await?;
        verify(&options.node, &world)?;
        course.judge()?;
        tell(course.tally.progress(options.count));
    }
    course.tally.conclude()
}

/// The exchange that a registry was asked for; nil, of which no journal has a leaf, if it was not told.
fn exchange(seen: &Seen) -> Uuid {
    let id = seen.fields.get("x-road-request-id");
    id.and_then(|id| id.to_str().ok()?.parse().ok())
        .unwrap_or_default()
}

// === impl Course ===

impl Course<'_> {
    /// Kills so often, beginning with empty journals; at the end both nodes stop in order.
    async fn chapter(&mut self, kills: u32) -> Result<(), Failure> {
        for end in self.world.ends() {
            match fs::remove_dir_all(end.data()) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                _ => fs::create_dir(end.data())?,
            }
        }
        let mut nodes = Nodes::start(self.binary, self.world)?;
        self.client.resume();
        for _ in 0..kills {
            self.kill(&mut nodes).await?;
        }
        self.ready(&mut nodes).await?;
        self.client.pause();
        nodes.stop().await
    }

    /// Kills a node at some moment, and starts it again.
    async fn kill(&mut self, nodes: &mut Nodes) -> Result<(), Failure> {
        let moment = (self.moment)(&mut self.chance);
        if moment == Moment::StartUp {
            // That of the node which was struck last, or of either at the begin of a chapter.
            moment
                .come(&nodes.struck().journal(), &mut self.chance, self.start_up)
                .await?;
        } else {
            self.ready(nodes).await?;
            nodes.choose(&mut self.chance);
            let (begun, before) = (Instant::now(), self.client.answers());
            moment
                .come(&nodes.struck().journal(), &mut self.chance, self.start_up)
                .await?;
            self.tally.up += begun.elapsed();
            self.tally.up_answers += self.client.answers() - before;
        }
        nodes.run()?;
        nodes.struck().kill()?;
        nodes.struck().start_again(self.binary)?;
        self.tally.moments.count(moment);
        self.tally.kills += 1;
        Ok(())
    }

    async fn ready(&mut self, nodes: &mut Nodes) -> Result<(), Failure> {
        self.start_up = nodes.ready().await?;
        self.tally.slowest_start = self.tally.slowest_start.max(self.start_up);
        Ok(())
    }

    /// Looks up what came since the last time.
    fn judge(&mut self) -> Result<(), Failure> {
        let asked = self.registry.map(Registry::take).unwrap_or_default();
        let asked: Vec<Uuid> = asked.iter().map(exchange).collect();
        let found = look_up(self.world, &self.client.take(), &asked)?;
        self.tally.found.add(found);
        Ok(())
    }
}

// === impl Tally ===

impl Tally {
    /// Whether the control lost what it had to.
    fn noticed(&self, options: &Options) -> bool {
        self.found.answers_lost > 0 && (self.found.effects_lost > 0 || !options.effects)
    }

    fn per_second(&self) -> u128 {
        u128::from(self.up_answers) * 1000 / self.up.as_millis().max(1)
    }

    fn progress(&self, kills: u32) -> String {
        format!(
            "{} of {kills} kills, {} answers, {} lost, {} a second while up, slowest start {} ms",
            self.kills,
            self.found.answers,
            self.found.answers_lost,
            self.per_second(),
            self.slowest_start.as_millis()
        )
    }

    /// The line that counts where requests have effects.
    fn effects(&self) -> String {
        let found = &self.found;
        format!(
            "effects without a durable leaf: {} of {} effects, {} kills",
            found.effects_lost, found.effects, self.kills
        )
    }

    /// Prints the figures and judges them.
    fn conclude(&self) -> Result<(), Failure> {
        let (found, per_second) = (&self.found, self.per_second());
        say(format_args!("kills: {}", self.moments));
        say(format_args!(
            "while both nodes were up: {per_second} exchanges a second, {} s; slowest start {} ms",
            self.up.as_secs(),
            self.slowest_start.as_millis()
        ));
        say(format_args!(
            "refusals with a receipt and without its leaf: {} of {}",
            found.refusals_lost, found.refusals
        ));
        if per_second < LEAST_PER_SECOND {
            return Err(format!("fewer than {LEAST_PER_SECOND} exchanges a second").into());
        }
        say(self);
        if found.effects > 0 {
            say(format_args!(
                "requests that had their effect again: {}",
                found.effects_again
            ));
            say(self.effects());
        }
        if found.answers_lost + found.refusals_lost + found.effects_lost > 0 {
            return Err("leaves were lost".into());
        }
        if found.effects_again > 0 {
            return Err("requests had their effect again".into());
        }
        Ok(())
    }
}

/// The line that counts.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (
            Found {
                answers,
                answers_lost,
                ..
            },
            kills,
        ) = (&self.found, self.kills);
        write!(
            f,
            "answers without a durable leaf: {answers_lost} of {answers} answers, {kills} kills"
        )
    }
}
