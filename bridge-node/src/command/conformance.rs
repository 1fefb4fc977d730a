//! `adapter check`: examines a registry package by the conformance kit, whatever adapter serves it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bridge_adapter::kit::{self, Check, Format, Pace, Report, Subject};
use bridge_adapter::package::Package;
use bridge_adapter::scenario::Scenario;
use bridge_adapter::{Adapter, Health};
use bridge_adapter_file::{FileAdapter, FileLimits};
use bridge_adapter_http::{HttpAdapter, HttpConfig};
use bridge_adapter_process::{ProcessAdapter, ProcessConfig};
use bridge_adapter_sql::{SqlAdapter, SqlLimits, sample};
use clap::{Args, ValueEnum};

use super::{Failure, hint, say};
use crate::registries::process::launcher;
use crate::settings::Fault;

/// How long an adapter may take to be ready: a program has to start first.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// Shown below the options.
pub(super) const EXAMPLES: &str = "Examples:
  bridge-node adapter check adapters/registries/population --database population.db
  bridge-node adapter check adapters/registries/referrals --format junit --output report.xml
  bridge-node adapter check --list

The scenario's calls are made once, then what goes wrong in the field is tried: take sample data, never a real
registry. A check that a package gives no occasion for is reported so and does not count as passed.

Exit code 0: all that apply hold. 1: one fails. 64: the package or an argument is wrong.";

/// What to examine, and how to report.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Folder of the registry package.
    #[arg(required_unless_present = "list")]
    package: Option<PathBuf>,
    /// The SQLite file, for a package of the kind sql; made from its sample if it is not there.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// Folder of the files, for a package of the kind file.
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
    /// Form of the report.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    /// Write the report to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// List the checks: id, what is claimed, why it matters.
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Text,
    Json,
    Junit,
}

impl From<Form> for Format {
    fn from(form: Form) -> Self {
        match form {
            Form::Text => Self::Text,
            Form::Json => Self::Json,
            Form::Junit => Self::Junit,
        }
    }
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let Some(folder) = options.package.as_deref().filter(|_| !options.list) else {
        list();
        return Ok(());
    };
    let package = Package::load(folder).map_err(faults)?;
    let scenario = Scenario::load(&package).map_err(faults)?;
    let subject = Subject::new(&package, scenario);
    let found = subject.faults();
    if !found.is_empty() {
        return Err(faults(found));
    }
    let adapter = open(&package, options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("the runtime cannot start", &error))?;
    let report = runtime.block_on(async {
        ready(adapter.as_ref()).await;
        let report = kit::examine(&adapter, &subject, &Pace::default()).await;
        adapter.drain().await;
        report
    });
    tell(&report, &package.name, options)
}

/// Writes the report; fails if a check does.
fn tell(report: &Report, name: &str, options: &Options) -> Result<(), Failure> {
    let text = report.write(name, options.format.into());
    match &options.output {
        Some(path) => std::fs::write(path, text)
            .map_err(|error| Failure::failed(&path.display().to_string(), &error))?,
        None => say(text.trim_end()),
    }
    let broken = report.broken();
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "{name}: {} of {} checks fail: {}",
        broken.len(),
        report.outcomes.len(),
        broken.join(", ")
    )))
}

fn list() {
    for Check { id, claim, why, .. } in kit::checks() {
        say(format_args!("{id}\n    {claim}\n    {why}"));
    }
    say(format_args!("{} checks", kit::checks().count()));
}

/// The adapter that serves a package, as a node would open it.
fn open(package: &Package, options: &Options) -> Result<Arc<dyn Adapter>, Failure> {
    Ok(match package.adapter.as_str() {
        "process" => {
            let mut config = ProcessConfig::from_package(package).map_err(faults)?;
            config.launcher = Some(launcher().map_err(|fault| Failure::Settings(vec![fault]))?);
            Arc::new(ProcessAdapter::new(config))
        }
        "http" => {
            let config = HttpConfig::from_package(package, None).map_err(faults)?;
            Arc::new(HttpAdapter::new(config).map_err(faults)?)
        }
        "file" => {
            let files = given(
                options.files.as_deref(),
                "--files",
                "the folder of its files",
            )?;
            Arc::new(FileAdapter::open(package, files, &FileLimits::default()).map_err(faults)?)
        }
        _ => {
            let database = given(options.database.as_deref(), "--database", "a SQLite file")?;
            let built = sample::build_if_absent(package, database)
                .map_err(|error| Failure::failed(&database.display().to_string(), &error))?;
            // A report for programs holds nothing else.
            if built && matches!(options.format, Form::Text) {
                let database = database.display();
                say(format_args!("made {database} from the package's sample"));
            }
            Arc::new(SqlAdapter::open(package, database, SqlLimits::default()).map_err(faults)?)
        }
    })
}

fn given<'a>(path: Option<&'a Path>, option: &str, what: &str) -> Result<&'a Path, Failure> {
    path.ok_or_else(|| {
        Failure::Usage(hint(
            &format!("a package of this kind needs {option}"),
            &format!("name {what} with {option}"),
        ))
    })
}

/// Waits until the adapter is ready, or has had its time: whether it is, is for the battery to say.
async fn ready(adapter: &dyn Adapter) {
    let ready = async {
        while matches!(adapter.health().await, Health::NotReady { .. }) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    drop(tokio::time::timeout(READY_WITHIN, ready).await);
}

fn faults(list: Vec<bridge_adapter::Fault>) -> Failure {
    let told = list.into_iter().map(|fault| Fault {
        place: fault.at(),
        what: fault.problem,
        remedy: fault.remedy,
    });
    Failure::Settings(told.collect())
}
