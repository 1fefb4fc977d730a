//! Cuts of power to both nodes under load: no acknowledged leaf may be lost.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use http::Method;
use rustix::process::Signal;

use crate::chance::Chance;
use crate::claim::{Found, LEAVES_OF_AN_ANSWER, look_up, verify};
use crate::client::{Client, Taken};
use crate::image::{Drive, make_shelf};
use crate::moment::{Deal, Moment, Moments};
use crate::options::Options;
use crate::process::{Binary, Nodes};
use crate::world::World;
use crate::{Failure, say, tell};

/// One course of cuts with one program.
struct Course<'a> {
    world: &'a World,
    binary: &'a Binary,
    client: &'a Client,
    /// Where the images lie.
    shelf: &'a Path,
    chance: Chance,
    deal: Deal,
    /// How long a start took the last time.
    start_up: Duration,
    tally: Tally,
}

/// What a course came to.
#[derive(Default)]
struct Tally {
    found: Found,
    moments: Moments,
    cuts: u32,
}

/// Both nodes on disks of their own.
struct Plant {
    nodes: Nodes,
    drives: [Drive; 2],
}

const CONTROL_CUTS: u32 = 3;
/// With fewer, on the average, there was next to nothing to lose: eight answers a cut. A machine of two cores makes thousands of
/// leaves between two cuts.
const LEAST_LEAVES_PER_CUT: u64 = 32;
/// Then the journals are begun anew: all of them is verified after each cut.
const CUTS_IN_A_CHAPTER: u32 = 10;
/// A start takes at least so long, until one was measured.
const FIRST_START_UP: Duration = Duration::from_millis(100);

pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let world = World::prepare(&options.world)?;
    let shelf = make_shelf(&options.world)?;
    let client = Client::new(&world, &Method::GET);
    let course = |binary| Course {
        world: &world,
        binary,
        client: &client,
        shelf: &shelf,
        chance: Chance::new(options.seed),
        deal: Deal::default(),
        start_up: FIRST_START_UP,
        tally: Tally::default(),
    };
    let control = Binary {
        path: options.faulty.clone(),
        manner: "unsynced",
    };
    let mut control = course(&control);
    for _ in 0..CONTROL_CUTS {
        control.control().await?;
    }
    say(format_args!("control: {}", control.tally));
    if control.tally.found.leaves_lost == 0 {
        return Err("the control lost nothing, so nothing would be noticed".into());
    }

    let node = Binary {
        path: options.node.clone(),
        manner: "run",
    };
    let mut course = course(&node);
    while course.tally.cuts < options.count {
        let left = options.count - course.tally.cuts;
        course.chapter(left.min(CUTS_IN_A_CHAPTER)).await?;
        tell(course.tally.progress(options.count));
    }
    course.tally.conclude()
}

// === impl Course ===

impl Course<'_> {
    /// Cuts once and looks at what is left; a node that syncs nothing need not start again from it.
    async fn control(&mut self) -> Result<(), Failure> {
        let mut plant = self.plant()?;
        plant.nodes.ready().await?;
        self.cut(&mut plant, Moment::Work).await?;
        self.tally
            .found
            .add(look_up(self.world, &self.client.take(), &[])?);
        drop(plant.nodes);
        Drive::remove_all(&plant.drives)
    }

    /// Cuts so often, beginning with empty journals. After each cut the nodes go on with what it left.
    async fn chapter(&mut self, cuts: u32) -> Result<(), Failure> {
        let mut plant = self.plant()?;
        let mut taken = Taken::default();
        for _ in 0..cuts {
            let moment = self.deal.next(&mut self.chance);
            if moment != Moment::StartUp {
                self.reopened(&mut plant, &mut taken).await?;
            }
            self.cut(&mut plant, moment).await?;
            plant.nodes = Nodes::start(self.binary, self.world)?;
        }
        let found = self.reopened(&mut plant, &mut taken).await?;
        self.tally.found.add(found);
        plant.nodes.stop().await?;
        verify(&self.binary.path, self.world)?;
        Drive::remove_all(&plant.drives)
    }

    /// Makes empty disks and starts the nodes on them.
    fn plant(&self) -> Result<Plant, Failure> {
        let [consumer, provider] = self.world.ends().map(|end| Drive::make(self.shelf, end));
        Ok(Plant {
            drives: [consumer?, provider?],
            nodes: Nodes::start(self.binary, self.world)?,
        })
    }

    /// Waits until both journals are open, and holds against them every answer since the chapter's begin.
    async fn reopened(&mut self, plant: &mut Plant, taken: &mut Taken) -> Result<Found, Failure> {
        self.start_up = plant.nodes.ready().await?;
        taken.append(self.client.take());
        verify(&self.binary.path, self.world)?;
        look_up(self.world, taken, &[])
    }

    /// Lets the nodes work until the moment, and takes the power away from both.
    async fn cut(&mut self, plant: &mut Plant, moment: Moment) -> Result<(), Failure> {
        let Plant { nodes, drives } = plant;
        self.client.resume();
        let journal = nodes.choose(&mut self.chance).journal();
        moment
            .come(&journal, &mut self.chance, self.start_up)
            .await?;
        nodes.run()?;
        for node in nodes.both() {
            node.signal(Signal::STOP)?;
        }
        for drive in &*drives {
            drive.cut()?;
        }
        self.client.pause();
        for node in nodes.both() {
            node.kill()?;
        }
        for drive in &*drives {
            drive.power_on()?;
        }
        self.tally.moments.count(moment);
        self.tally.cuts += 1;
        Ok(())
    }
}

// === impl Tally ===

impl Tally {
    fn leaves(&self) -> u64 {
        self.found.answers * LEAVES_OF_AN_ANSWER + self.found.refusals
    }

    fn leaves_lost(&self) -> u64 {
        self.found.leaves_lost + self.found.refusals_lost
    }

    fn progress(&self, cuts: u32) -> String {
        format!(
            "{} of {cuts} cuts, {} acknowledged leaves, {} lost",
            self.cuts,
            self.leaves(),
            self.leaves_lost()
        )
    }

    /// Prints the figures and judges them.
    fn conclude(&self) -> Result<(), Failure> {
        say(format_args!("cuts: {}", self.moments));
        let leaves = self.leaves();
        if self.leaves_lost() == 0 && leaves < LEAST_LEAVES_PER_CUT * u64::from(self.cuts) {
            return Err(format!(
                "{leaves} acknowledged leaves, fewer than {LEAST_LEAVES_PER_CUT} a cut"
            )
            .into());
        }
        say(self);
        if self.leaves_lost() > 0 {
            return Err("leaves were lost".into());
        }
        Ok(())
    }
}

/// The line that counts.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "acknowledged leaves lost: {} of {}, {} cuts",
            self.leaves_lost(),
            self.leaves(),
            self.cuts
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Tally};

    /// What a run of ten cuts comes to.
    fn concluded(answers: u64, leaves_lost: u64) -> Result<(), String> {
        let tally = Tally {
            found: Found {
                answers,
                leaves_lost,
                ..Found::default()
            },
            cuts: 10,
            ..Tally::default()
        };
        tally.conclude().map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_run_in_which_next_to_nothing_could_be_lost_is_void() {
        assert_eq!(concluded(80, 0), Ok(()));
        for answers in [0, 1, 79] {
            let said = concluded(answers, 0).expect_err("void");
            assert!(said.contains("fewer than 32 a cut"), "{said}");
        }
        for answers in [79, 80] {
            assert_eq!(concluded(answers, 1), Err("leaves were lost".to_owned()));
        }
    }
}
