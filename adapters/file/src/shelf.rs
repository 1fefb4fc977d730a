//! The tables in force, and the look at their files.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use bridge_adapter::Fault;

use crate::config::{Compare, Config, TableConfig};
use crate::limits::FileLimits;
use crate::load::{Loaded, Stamp, load};
use crate::table::Table;

/// The tables of a package.
#[derive(Debug)]
pub(crate) struct Shelf {
    places: Vec<Place>,
    limits: FileLimits,
}

/// Ends the look at the files when it is dropped.
#[derive(Debug)]
pub(crate) struct Watch(#[expect(dead_code, reason = "its drop is the message")] Sender<()>);

/// Where one table stands.
#[derive(Debug)]
struct Place {
    config: TableConfig,
    /// The columns that rows are found by.
    indexed: Vec<usize>,
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    held: Arc<Loaded>,
    /// The newest state of the file that was judged.
    judged: Option<Stamp>,
    /// A new state that has to be the same at the next look.
    coming: Option<Stamp>,
    trouble: Option<String>,
}

impl Shelf {
    /// Reads all files. `path` is their folder, or the file of the only table.
    pub(crate) fn open(config: &Config, path: &Path) -> Result<Self, Vec<Fault>> {
        let (mut places, mut faults) = (Vec::new(), Vec::new());
        for (number, table) in config.tables.iter().enumerate() {
            let own = if path.is_dir() {
                path.join(&table.file)
            } else {
                path.to_owned()
            };
            let indexed = indexed(config, number);
            match load(table, &indexed, (&own, &config.limits)) {
                Ok(loaded) => places.push(Place::new(table.clone(), indexed, own, loaded)),
                Err(found) => faults.extend(found),
            }
        }
        if faults.is_empty() {
            let limits = config.limits.clone();
            Ok(Self { places, limits })
        } else {
            Err(faults)
        }
    }

    /// The table in force.
    pub(crate) fn table(&self, number: usize) -> Option<(Held, &TableConfig)> {
        let place = self.places.get(number)?;
        Some((Held(Arc::clone(&place.state().held)), &place.config))
    }

    /// What an operator should mend: files that are not taken, with the age of those that go on.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let troubles = self.places.iter().filter_map(Place::trouble);
        troubles.collect()
    }

    /// Looks at the files every now and then, on a thread of its own, until the watch is dropped.
    pub(crate) fn watch(self: &Arc<Self>) -> std::io::Result<Watch> {
        let (sender, receiver) = channel();
        let (weak, poll) = (Arc::downgrade(self), self.limits.poll);
        let work = move || look_until_dropped(&weak, &receiver, poll);
        std::thread::Builder::new()
            .name("files".to_owned())
            .spawn(work)?;
        Ok(Watch(sender))
    }
}

fn look_until_dropped(shelf: &Weak<Shelf>, ended: &Receiver<()>, poll: std::time::Duration) {
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(poll) {
        let Some(shelf) = shelf.upgrade() else {
            return;
        };
        for place in &shelf.places {
            place.look(&shelf.limits);
        }
    }
}

/// A table that stays as it is for as long as it is held, whatever becomes of the file.
#[derive(Debug, Clone)]
pub(crate) struct Held(Arc<Loaded>);

impl Held {
    pub(crate) fn table(&self) -> &Table {
        &self.0.table
    }
}

/// The columns that operations and the key choose rows by.
fn indexed(config: &Config, table: usize) -> Vec<usize> {
    let own = config.operations.iter().filter(|own| own.table == table);
    let params = own.flat_map(|operation| &operation.params);
    let mut columns: Vec<usize> = params
        .filter(|param| param.compare == Compare::Equal)
        .map(|param| param.column)
        .collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

impl Place {
    fn new(config: TableConfig, indexed: Vec<usize>, path: PathBuf, loaded: Loaded) -> Self {
        let state = State {
            judged: Some(loaded.stamp.clone()),
            held: Arc::new(loaded),
            coming: None,
            trouble: None,
        };
        Self {
            config,
            indexed,
            path,
            state: Mutex::new(state),
        }
    }

    /// Takes a new file that is whole and good; keeps the one before otherwise.
    fn look(&self, limits: &FileLimits) {
        let now = Stamp::of(&self.path);
        let held = {
            let mut state = self.state();
            if now == state.judged {
                state.coming = None;
                return;
            }
            // Somebody may still be writing: it has to look the same twice.
            if now.is_some() && now != state.coming {
                state.coming = now;
                return;
            }
            state.coming = None;
            Arc::clone(&state.held)
        };
        let outcome = match &now {
            Some(now) if *now == held.stamp => Ok(None),
            Some(now) if now.identity == held.stamp.identity => {
                let remedy = "write a new file beside it and rename it over the old one";
                let problem = "was changed in place, so it may be half written";
                Err(vec![Fault::new(
                    "changed-in-place",
                    &self.config.file,
                    problem,
                    remedy,
                )])
            }
            _ => load(&self.config, &self.indexed, (&self.path, limits)).map(Some),
        };
        self.judge(now, outcome);
    }

    fn judge(&self, now: Option<Stamp>, outcome: Result<Option<Loaded>, Vec<Fault>>) {
        let (file, mut state) = (&self.config.file, self.state());
        match outcome {
            Ok(loaded) => {
                state.judged = now;
                state.trouble = None;
                if let Some(loaded) = loaded {
                    state.judged = Some(loaded.stamp.clone());
                    state.held = Arc::new(loaded);
                }
                let rows = state.held.table.rows.len();
                tracing::info!(code = "file_taken", file, rows, "a file is served");
            }
            Err(faults) => {
                state.judged = now;
                let first = faults.first().map(ToString::to_string).unwrap_or_default();
                let more = match faults.len() {
                    0 | 1 => String::new(),
                    many => format!(" (and {} more faults)", many.saturating_sub(1)),
                };
                let trouble = format!("{first}{more}");
                tracing::warn!(
                    code = "file_refused",
                    file,
                    trouble,
                    "the file before goes on"
                );
                state.trouble = Some(trouble);
            }
        }
    }

    fn trouble(&self) -> Option<String> {
        let state = self.state();
        let modified = state.held.table.modified;
        let age = modified.and_then(|at| SystemTime::now().duration_since(at).ok());
        let age = age.map_or(0, |age| age.as_secs());
        let trouble = state.trouble.as_ref()?;
        Some(format!("{trouble}; the file before goes on, {age} s old"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
