//! `adapter check`: examines a registry package by the conformance kit, whatever adapter serves it.

use std::path::PathBuf;

use bridge_adapter::kit::{self, Check, Format, Pace, Report, Subject};
use bridge_adapter::package::Package;
use bridge_adapter::scenario::Scenario;
use clap::{Args, ValueEnum};

use super::{Failure, open, say};

/// Shown below the options.
pub(super) const EXAMPLES: &str = "Examples:
  bridge-node adapter check adapters/registries/population --database population.db
  bridge-node adapter check adapters/registries/population --setting 'database = \"population.db\"'
  bridge-node adapter check land-register --format junit --output report.xml
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
    /// Folder of the files, for a package of the kind file (default: the package's sample/).
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
    /// A line of the service's settings at a node, such as 'database = "postgresql://…"'; may be given several times. The
    /// registry is then the one that they name, files count from here, and nothing is made from the sample.
    #[arg(long, value_name = "LINE", conflicts_with_all = ["database", "files"])]
    setting: Vec<String>,
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
    let written = open::Written::keep();
    let package = Package::load(folder).map_err(open::faults)?;
    let scenario = Scenario::load(&package).map_err(open::faults)?;
    let subject = Subject::new(&package, scenario);
    let found = subject.faults();
    if !found.is_empty() {
        return Err(open::faults(found));
    }
    let adapter = if options.setting.is_empty() {
        let needs = open::Needs {
            database: options.database.as_deref(),
            files: options.files.as_deref(),
            // A report for programs holds nothing else.
            tell: matches!(options.format, Form::Text),
        };
        open::open(&package, needs)?
    } else {
        let provider = &subject.scenario.provider;
        open::by_settings(&package, provider, &options.setting)?
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("the runtime cannot start", &error))?;
    let report = runtime.block_on(async {
        let report = match open::ready(adapter.as_ref(), &written).await {
            Ok(()) => Ok(kit::examine(&adapter, &subject, &Pace::default()).await),
            Err(failure) => Err(failure),
        };
        adapter.drain().await;
        report
    })?;
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
