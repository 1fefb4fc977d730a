//! `sandbox`: one registry package behind a real node, a node for each agency that asks, and every exchange shown.

use std::path::{Path, PathBuf};

use bridge_adapter::Package;
use bridge_adapter::scenario::Scenario;
use clap::Args;

use super::run::Stop;
use super::trial::nodes::Nodes;
use super::trial::world::{SETTINGS, World};
use super::{Failure, hint, open, output, say};
use crate::clock::Clock;

mod ask;
mod front;
mod place;
mod show;

use front::Front;
use show::Show;

/// Options of the sandbox.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Folder of the registry package.
    package: PathBuf,
    /// A contract to decide and cut by; may be given several times (default: those of the package's policy/).
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    /// Folder of the files, for a package of the kind file (default: a copy of the package's sample/).
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
    /// A line more for the service's settings at the node, such as 'database = "real.db"'; may be given several times.
    #[arg(long, value_name = "LINE")]
    setting: Vec<String>,
    /// Run the scenario once and end; exit code 0 only if every step came as expected.
    #[arg(long)]
    once: bool,
    /// Show bodies too: use sample data only.
    #[arg(long)]
    show_bodies: bool,
    /// Keep all that is made (settings, keys, data) in this new folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let package = Package::load(&options.package).map_err(open::faults)?;
    let scenario = Scenario::load(&package).map_err(open::faults)?;
    let (folder, _temporary) = if let Some(folder) = &options.dir {
        (folder.clone(), None)
    } else {
        let temporary =
            tempfile::tempdir().map_err(|error| Failure::failed("temporary folder", &error))?;
        (temporary.path().to_owned(), Some(temporary))
    };
    let mut world = World::create(
        &folder,
        &place::plans(&scenario)?,
        &scenario.groups,
        Clock::default().now_s(),
    )?;
    place::contracts(&world, &policies(options, &package)?)?;
    let given = place::Given {
        files: options.files.as_deref(),
        settings: &options.setting,
    };
    place::settings(&world, &package, &scenario, &given)?;
    world.release_ports();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("the runtime cannot start", &error))?;
    runtime.block_on(async {
        let mut stop = Stop::listen()?;
        let mut nodes = Nodes::start(&world, SETTINGS)?;
        let done = tokio::select! {
            () = stop.asked() => Ok(()),
            () = output::closed(), if !options.once => Ok(()),
            done = serve(options, &world, &package, &scenario, &mut nodes) => done,
        };
        // Whatever came of it, the nodes end as an operator would end them.
        let stopped = nodes.stop();
        done.and(stopped)
    })
}

/// Runs the scenario, or stays until the person ends it.
async fn serve(
    options: &Options,
    world: &World,
    package: &Package,
    scenario: &Scenario,
    nodes: &mut Nodes,
) -> Result<(), Failure> {
    nodes.ready(world).await?;
    let show = Show {
        openapi: package.openapi.clone(),
        bodies: options.show_bodies,
    };
    let front = Front::listen(world, show).await?;
    let address = front.address();
    if options.once {
        return ask::scenario(&front, scenario).await;
    }
    say(format_args!(
        "{} is served at {}. Ask as an agency's own system would, from another terminal:",
        package.name, scenario.provider
    ));
    for step in &scenario.steps {
        say(format_args!(
            "\n# {}\n{}",
            step.title,
            ask::curl(world, address, step)?
        ));
    }
    say("\nEach exchange is shown here. Ctrl-C ends it and leaves nothing behind.\n");
    front.serve().await
}

fn policies(options: &Options, package: &Package) -> Result<Vec<PathBuf>, Failure> {
    if !options.policy.is_empty() {
        return Ok(options.policy.clone());
    }
    let folder = package.folder.join("policy");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map_err(|error| Failure::failed(&folder.display().to_string(), &error))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(Failure::Failed(hint(
            &format!("{} holds no contract", folder.display()),
            "without one nothing leaves: write policy/NAME.json, or name a contract with --policy",
        )));
    }
    Ok(files)
}

/// A path that holds wherever the node is started.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::fs::canonicalize(path)
        .map_err(|error| Failure::failed(&path.display().to_string(), &error))
}
