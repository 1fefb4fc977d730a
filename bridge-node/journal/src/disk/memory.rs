//! A disk in memory that keeps what is written apart from what is durable, and fails on request.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, DiskPlace, SegmentFile};

mod failure;

pub(crate) use failure::{Crash, Failure, Operation};

/// A disk that forgets, on [`MemoryDisk::cut_power`], what was never synced.
#[derive(Clone, Default)]
pub(crate) struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Arc<Mutex<Content>>>,
    durable: BTreeMap<String, Arc<Mutex<Content>>>,
    locked: bool,
    /// Machine and boot.
    place: DiskPlace,
    files_made: u64,
    failure: Option<(Operation, Failure)>,
    failed: bool,
    /// How often each operation was done.
    done: BTreeMap<String, usize>,
    trace: Vec<Operation>,
    /// How many bytes each write had.
    lengths: BTreeMap<Operation, usize>,
    folders: BTreeSet<String>,
}

#[derive(Default)]
struct Content {
    name: String,
    number: u64,
    written: Vec<u8>,
    durable: Vec<u8>,
    /// Ranges written since the last sync that the system still remembers to be unsynced.
    unsynced: Vec<(usize, usize)>,
}

struct MemoryFile {
    content: Arc<Mutex<Content>>,
    state: Arc<Mutex<State>>,
}

struct Lock(Arc<Mutex<State>>);

impl Drop for Lock {
    fn drop(&mut self) {
        locked(&self.0).locked = false;
    }
}

impl MemoryDisk {
    /// Makes an operation fail when it comes.
    pub(crate) fn fail(&self, operation: Operation, failure: Failure) {
        locked(&self.state).failure = Some((operation, failure));
    }

    /// Says whether the failure asked for has happened.
    pub(crate) fn has_failed(&self) -> bool {
        locked(&self.state).failed
    }

    /// Returns the operations that were done, in order.
    pub(crate) fn trace(&self) -> Vec<Operation> {
        locked(&self.state).trace.clone()
    }

    /// Returns how many bytes each write had.
    pub(crate) fn lengths(&self) -> BTreeMap<Operation, usize> {
        locked(&self.state).lengths.clone()
    }

    /// Ends what writes, and leaves a disk with what outlives that.
    pub(crate) fn crash(&self, crash: Crash) -> MemoryDisk {
        let state = locked(&self.state);
        let files = if crash == Crash::Power {
            &state.durable
        } else {
            &state.files
        };
        let kept = files.iter().map(|(path, content)| {
            let content = locked(content);
            let (written, durable) = (content.written.clone(), content.durable.clone());
            let (name, number) = (path.clone(), content.number);
            let content = match crash {
                // What a failed sync left unsynced stays readable, and stays forgotten.
                Crash::Process => Content {
                    name,
                    number,
                    written,
                    durable,
                    unsynced: content.unsynced.clone(),
                },
                Crash::Power | Crash::PowerFoldersKept => Content {
                    name,
                    number,
                    written: durable.clone(),
                    durable,
                    unsynced: Vec::new(),
                },
            };
            (path.clone(), Arc::new(Mutex::new(content)))
        });
        let files: BTreeMap<_, _> = kept.collect();
        let durable = if crash == Crash::Process {
            // The same file under a durable name is the same file.
            let same = |(path, content): (&String, &Arc<Mutex<Content>>)| {
                let now = state
                    .files
                    .iter()
                    .find(|(_, other)| Arc::ptr_eq(other, content));
                let kept = now.and_then(|(name, _)| files.get(name)).cloned();
                (path.clone(), kept.unwrap_or_else(|| content.clone()))
            };
            state.durable.iter().map(same).collect()
        } else {
            files.clone()
        };
        MemoryDisk {
            state: Arc::new(Mutex::new(State {
                files,
                durable,
                place: state.place.clone(),
                files_made: state.files_made,
                folders: state.folders.clone(),
                ..State::default()
            })),
        }
    }

    /// Returns a file's bytes as they are read.
    pub(crate) fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        locked(&self.state)
            .files
            .get(path)
            .map(|content| locked(content).written.clone())
    }

    /// Changes a file's bytes behind the journal's back.
    pub(crate) fn change(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let state = locked(&self.state);
        let mut content = locked(state.files.get(path).expect("the file is there"));
        change(&mut content.written);
        content.durable = content.written.clone();
    }

    /// Takes the disk to another machine, or starts this one again.
    pub(crate) fn carry_to(&self, machine: &str, boot: &str) {
        let mut state = locked(&self.state);
        state.place.machine = machine.to_owned();
        state.place.boot = boot.to_owned();
    }

    /// Gives every file another number, as copying does.
    pub(crate) fn copied(&self) -> MemoryDisk {
        let copy = self.crash(Crash::Process);
        for content in locked(&copy.state).files.values() {
            locked(content).number += 1_000_000;
        }
        copy
    }

    /// Returns the paths of all files.
    pub(crate) fn paths(&self) -> Vec<String> {
        locked(&self.state).files.keys().cloned().collect()
    }
}

impl State {
    /// Counts an operation; says how it has to fail, if so.
    fn step(&mut self, what: String) -> Option<Failure> {
        let count = self.done.entry(what.clone()).or_default();
        let operation = Operation {
            what,
            number: *count,
        };
        *count += 1;
        self.trace.push(operation.clone());
        let (at, failure) = self.failure.as_ref()?;
        (*at == operation).then(|| {
            self.failed = true;
            *failure
        })
    }
}

impl Disk for MemoryDisk {
    fn create_folder(&self, path: &str) -> io::Result<()> {
        let mut state = locked(&self.state);
        if state.folders.contains(path) {
            return Ok(());
        }
        let failure = state.step(format!("make folder {path}"));
        if failure.is_none_or(Failure::is_stored) {
            state.folders.insert(path.to_owned());
        }
        failure.map_or(Ok(()), |_| Err(broken()))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn SegmentFile>> {
        let mut state = locked(&self.state);
        let failure = state.step(format!("create {path}"));
        state.files_made += 1;
        let named = Content {
            name: path.to_owned(),
            number: state.files_made,
            ..Content::default()
        };
        let content = Arc::new(Mutex::new(named));
        if failure.is_none_or(Failure::is_stored) {
            state.files.insert(path.to_owned(), content.clone());
        }
        if failure.is_some() {
            return Err(broken());
        }
        Ok(Arc::new(MemoryFile {
            content,
            state: self.state.clone(),
        }))
    }

    fn open(&self, path: &str) -> io::Result<Option<Arc<dyn SegmentFile>>> {
        let content = locked(&self.state).files.get(path).cloned();
        Ok(content.map(|content| {
            let state = self.state.clone();
            Arc::new(MemoryFile { content, state }) as Arc<dyn SegmentFile>
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = locked(&self.state);
        let failure = state.step(format!("rename {from} {to}"));
        if failure.is_none_or(Failure::is_stored) {
            let content = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
            to.clone_into(&mut locked(&content).name);
            state.files.insert(to.to_owned(), content);
        }
        failure.map_or(Ok(()), |_| Err(broken()))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = locked(&self.state);
        if !state.files.contains_key(path) {
            return Ok(());
        }
        let failure = state.step(format!("remove {path}"));
        if failure.is_none_or(Failure::is_stored) {
            state.files.remove(path);
        }
        failure.map_or(Ok(()), |_| Err(broken()))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let state = locked(&self.state);
        let inside = |path: &String| {
            let name = match folder {
                "" => path,
                _ => path.strip_prefix(folder)?.strip_prefix('/')?,
            };
            (!name.contains('/')).then(|| name.to_owned())
        };
        Ok(state.files.keys().filter_map(inside).collect())
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        let mut state = locked(&self.state);
        let failure = state.step(format!("sync folder {folder}"));
        if failure.is_none_or(Failure::is_stored) {
            let inside =
                |path: &String| path.rsplit_once('/').map_or("", |(above, _)| above) == folder;
            state.durable.retain(|path, _| !inside(path));
            let now: Vec<_> = state
                .files
                .iter()
                .filter(|(path, _)| inside(path))
                .map(|(path, content)| (path.clone(), content.clone()))
                .collect();
            state.durable.extend(now);
        }
        failure.map_or(Ok(()), |_| Err(broken()))
    }

    fn place(&self, path: &str) -> io::Result<DiskPlace> {
        let state = locked(&self.state);
        let file = state.files.get(path).map_or(0, |file| locked(file).number);
        Ok(DiskPlace {
            file,
            ..state.place.clone()
        })
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Send>>> {
        let mut state = locked(&self.state);
        if std::mem::replace(&mut state.locked, true) {
            return Ok(None);
        }
        Ok(Some(Box::new(Lock(self.state.clone()))))
    }
}

impl SegmentFile for MemoryFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let failure = self.step("write", bytes.len());
        let (from, to) = failure.map_or((0, bytes.len()), |failure| failure.part(0, bytes.len()));
        let mut content = locked(&self.content);
        let start = usize::try_from(offset).expect("small") + from;
        let end = start + to - from;
        if to > from {
            if content.written.len() < end {
                content.written.resize(end, 0);
            }
            content.written[start..end].copy_from_slice(&bytes[from..to]);
            content.unsynced.push((start, end));
        }
        failure.map_or(Ok(()), |_| Err(broken()))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = locked(&self.content);
        let from = usize::try_from(offset)
            .expect("small")
            .min(content.written.len());
        let count = buffer.len().min(content.written.len() - from);
        buffer[..count].copy_from_slice(&content.written[from..from + count]);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(locked(&self.content).written.len() as u64)
    }

    fn shorten(&self, length: u64) -> io::Result<()> {
        let failure = self.step("shorten", 0);
        if failure.is_none_or(Failure::is_stored) {
            let mut content = locked(&self.content);
            let length = usize::try_from(length).expect("small");
            content.written.truncate(length);
            // A shorter file may be durable before anything asks for it.
            content.durable.truncate(length);
            content.unsynced.retain(|(start, _)| *start < length);
            content
                .unsynced
                .iter_mut()
                .for_each(|(_, end)| *end = (*end).min(length));
        }
        failure.map_or(Ok(()), |_| Err(broken()))
    }

    fn sync(&self) -> io::Result<()> {
        let failure = self.step("sync", 0);
        let mut content = locked(&self.content);
        let mut ranges = std::mem::take(&mut content.unsynced);
        // The system reports a failed sync once and then takes the bytes for durable.
        if let Some(failure) = failure {
            for range in &mut ranges {
                *range = failure.part(range.0, range.1);
            }
        }
        for (start, end) in ranges {
            if content.durable.len() < end {
                content.durable.resize(end, 0);
            }
            let bytes = content.written[start..end].to_vec();
            content.durable[start..end].copy_from_slice(&bytes);
        }
        failure.map_or(Ok(()), |_| Err(broken()))
    }
}

impl MemoryFile {
    fn step(&self, what: &str, bytes: usize) -> Option<Failure> {
        let what = format!("{what} {}", locked(&self.content).name);
        let mut state = locked(&self.state);
        let failure = state.step(what);
        if let Some(operation) = state.trace.last().cloned() {
            state.lengths.insert(operation, bytes);
        }
        failure
    }
}

fn broken() -> io::Error {
    io::Error::other("made to fail")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds this")
}
