//! A package's adapter, opened for a command: no node around it.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bridge_adapter::{Adapter, Health, Package};
use bridge_adapter_file::{FileAdapter, FileLimits};
use bridge_adapter_http::{HttpAdapter, HttpConfig};
use bridge_adapter_process::{ProcessAdapter, ProcessConfig};
use bridge_adapter_sql::{SqlAdapter, SqlLimits, sample};
use bridge_core::identity::SubsystemId;
use tracing_subscriber::EnvFilter;

use super::{Failure, hint, say};
use crate::registries::{self, process::launcher};
use crate::settings::{self, Fault, Limits};

/// The folder of a package in which sample files lie.
pub(super) const SAMPLE: &str = "sample";
/// How long a program may take to say that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// What a package's adapter needs besides the package.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs<'a> {
    /// The SQLite file of the kind sql; made from the package's sample if it is not there.
    pub(super) database: Option<&'a Path>,
    /// The folder of the kind file; the package's sample files if it is not named.
    pub(super) files: Option<&'a Path>,
    /// Whether standard output is for people, who are told what was made.
    pub(super) tell: bool,
}

/// Opens the adapter that serves a package, as a node would.
pub(super) fn open(package: &Package, needs: Needs<'_>) -> Result<Arc<dyn Adapter>, Failure> {
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
            let sample = package.folder.join(SAMPLE);
            let files = needs.files.or_else(|| sample.is_dir().then_some(&*sample));
            let files = given(files, "--files", "the folder of its files")?;
            Arc::new(FileAdapter::open(package, files, &FileLimits::default()).map_err(faults)?)
        }
        "sql" => {
            let database = given(
                needs.database,
                "--database",
                "a SQLite file, made from the sample if it is not there,",
            )?;
            let built = sample::build_if_absent(package, database)
                .map_err(|error| Failure::failed(&database.display().to_string(), &error))?;
            if built && needs.tell {
                let database = database.display();
                say(format_args!("made {database} from the package's sample"));
            }
            Arc::new(SqlAdapter::open(package, database, SqlLimits::default()).map_err(faults)?)
        }
        other => {
            let place = package.folder.display().to_string();
            return Err(Failure::Settings(vec![Fault::not_built_in(place, other)]));
        }
    })
}

/// Opens the adapter as a node does whose settings have these lines for the service.
pub(super) fn by_settings(
    package: &Package,
    provider: &SubsystemId,
    lines: &[String],
) -> Result<Arc<dyn Adapter>, Failure> {
    let text = format!("{}{}\n", entry(package, provider)?, lines.join("\n"));
    let service = settings::service(&text, Path::new("")).map_err(Failure::Settings)?;
    registries::open(&service, &Limits::default()).map_err(Failure::Settings)
}

/// What a node's settings say of a package, whatever its registry is.
pub(super) fn entry(package: &Package, provider: &SubsystemId) -> Result<String, Failure> {
    let folder = std::path::absolute(&package.folder)
        .map_err(|error| Failure::failed(&package.folder.display().to_string(), &error))?;
    Ok(format!(
        "\n[[services]]\nadapter = {:?}\nsubsystem = \"{provider}\"\npackage = {:?}\n",
        package.adapter,
        folder.display().to_string()
    ))
}

fn given<'a>(path: Option<&'a Path>, option: &str, what: &str) -> Result<&'a Path, Failure> {
    path.ok_or_else(|| {
        Failure::Usage(hint(
            &format!("a package of this kind needs {option}"),
            &format!("name {what} with {option}"),
        ))
    })
}

/// Waits until the adapter is ready; says what its program wrote if it does not get there.
pub(super) async fn ready(adapter: &dyn Adapter, written: &Written) -> Result<(), Failure> {
    let ready = async {
        let mut last = "it does not answer".to_owned();
        while let Health::NotReady { reason } = adapter.health().await {
            last = reason;
            // What ended by itself does not come back by waiting.
            if last.starts_with("it ended") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        last
    };
    let reason = tokio::time::timeout(READY_WITHIN, ready).await;
    match (adapter.health().await, reason) {
        (Health::Ready | Health::Alarmed { .. }, _) => Ok(()),
        (Health::NotReady { reason }, _) => Err(Failure::Failed(format!(
            "the registry is not ready: {reason}{}",
            written.shown()
        ))),
    }
}

/// What programs write to their output, kept in case it is needed.
#[derive(Debug, Clone, Default)]
pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// Keeps from now on.
    pub(super) fn keep() -> Self {
        let written = Self::default();
        let to = written.clone();
        let taken = tracing_subscriber::fmt()
            .json()
            .with_env_filter(EnvFilter::new("bridge_adapter_process=info"))
            .with_writer(move || to.clone())
            .try_init();
        // Within a program that has a log already, the lines are there.
        drop(taken);
        written
    }

    fn shown(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes)
            .lines()
            .filter_map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).ok()?;
                let said = line.pointer("/fields/said")?.as_str()?;
                Some(format!("\n  program: {said}"))
            })
            .collect()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A package's faults as those of a command.
pub(super) fn faults(list: Vec<bridge_adapter::Fault>) -> Failure {
    Failure::Settings(
        list.into_iter()
            .map(|fault| Fault {
                place: fault.at(),
                what: fault.problem,
                remedy: fault.remedy,
            })
            .collect(),
    )
}
