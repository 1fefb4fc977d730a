//! A disk in memory that writes down every change and every sync, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use bridge_journal::{Disk, DiskPlace, SegmentFile};

/// One change of the disk, or one promise that earlier changes are durable.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Folder {
        path: String,
    },
    Create {
        path: String,
        file: u64,
    },
    Rename {
        from: String,
        to: String,
        file: u64,
    },
    Remove {
        path: String,
    },
    Write {
        file: u64,
        at: usize,
        bytes: Vec<u8>,
    },
    Length {
        file: u64,
        length: usize,
    },
    Sync {
        file: u64,
    },
    SyncFolder {
        path: String,
    },
}

/// Files and folders at one moment. A file is a number; names point to it.
#[derive(Clone, Default)]
pub(crate) struct Image {
    pub(crate) folders: BTreeSet<String>,
    pub(crate) names: BTreeMap<String, u64>,
    pub(crate) files: BTreeMap<u64, Vec<u8>>,
}

/// Which syncs a disk keeps; one that keeps none promises what it doesn't do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Honesty {
    Honest,
    FileSyncsDoNothing,
    FolderSyncsDoNothing,
}

/// A disk from one power cut to the next.
#[derive(Clone)]
pub(crate) struct Recording {
    state: Arc<(Mutex<State>, Condvar)>,
    honesty: Honesty,
    boot: u64,
}

struct State {
    /// What was durable when the power came.
    durable: Image,
    /// What programs see now.
    seen: Image,
    steps: Vec<Step>,
    next: u64,
    is_locked: bool,
}

struct RecordedFile {
    disk: Recording,
    file: u64,
}

struct Lock(Recording);

/// Hang guard: a journal that was let go gives its lock back.
const PATIENCE: Duration = Duration::from_mins(1);

impl Image {
    /// Applies a step as programs see it.
    pub(crate) fn apply(&mut self, step: &Step) {
        match step {
            Step::Folder { path } => drop(self.folders.insert(path.clone())),
            Step::Create { path, file } => {
                self.names.insert(path.clone(), *file);
                self.files.entry(*file).or_default();
            }
            Step::Rename { from, to, file } => {
                self.names
                    .retain(|path, named| path != from || named != file);
                self.names.insert(to.clone(), *file);
            }
            Step::Remove { path } => drop(self.names.remove(path)),
            Step::Write { file, at, bytes } => {
                let content = self.files.entry(*file).or_default();
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*at..end].copy_from_slice(bytes);
            }
            Step::Length { file, length } => {
                self.files.entry(*file).or_default().resize(*length, 0);
            }
            Step::Sync { .. } | Step::SyncFolder { .. } => {}
        }
    }

    /// Puts everything into a folder of the file system.
    pub(crate) fn write_to(&self, folder: &Path) {
        for path in &self.folders {
            std::fs::create_dir_all(folder.join(path)).unwrap();
        }
        for (name, file) in &self.names {
            std::fs::write(folder.join(name), &self.files[file]).unwrap();
        }
    }
}

impl Recording {
    /// Switches the power on.
    pub(crate) fn on(durable: Image, honesty: Honesty) -> Self {
        let next = durable.files.keys().max().map_or(0, |newest| newest + 1);
        let state = State {
            seen: durable.clone(),
            durable,
            steps: Vec::new(),
            next,
            is_locked: false,
        };
        Self {
            state: Arc::new((Mutex::new(state), Condvar::new())),
            honesty,
            boot: next,
        }
    }

    /// How many steps there were so far.
    pub(crate) fn now(&self) -> usize {
        self.state().steps.len()
    }

    /// What programs see, once no journal is at work.
    pub(crate) fn seen(&self) -> Image {
        self.idle().seen.clone()
    }

    /// What programs see at this moment, whatever is at work.
    pub(crate) fn now_seen(&self) -> Image {
        self.state().seen.clone()
    }

    /// What was durable at first, and all that was done since, once no journal is at work.
    pub(crate) fn story(&self) -> (Image, Vec<Step>) {
        let state = self.idle();
        (state.durable.clone(), state.steps.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .0
            .lock()
            .expect("nothing panics while it holds this")
    }

    fn idle(&self) -> MutexGuard<'_, State> {
        let (_, changed) = &*self.state;
        let (state, waited) = changed
            .wait_timeout_while(self.state(), PATIENCE, |state| state.is_locked)
            .expect("nothing panics while it holds this");
        assert!(!waited.timed_out(), "a journal keeps its lock for ever");
        state
    }

    fn step(&self, step: Step) {
        let mut state = self.state();
        state.seen.apply(&step);
        state.steps.push(step);
    }

    fn at(&self, file: u64) -> Arc<dyn SegmentFile> {
        let disk = self.clone();
        Arc::new(RecordedFile { disk, file })
    }
}

impl Disk for Recording {
    fn create_folder(&self, path: &str) -> io::Result<()> {
        let ends = path.match_indices('/').map(|(end, _)| end);
        for end in ends.chain([path.len()]) {
            let path = path[..end].to_owned();
            if !self.state().seen.folders.contains(&path) {
                self.step(Step::Folder { path });
            }
        }
        Ok(())
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn SegmentFile>> {
        let file = {
            let mut state = self.state();
            let folder = folder_of(path);
            if !folder.is_empty() && !state.seen.folders.contains(folder) {
                return Err(io::ErrorKind::NotFound.into());
            }
            state.next += 1;
            state.next - 1
        };
        let path = path.to_owned();
        self.step(Step::Create { path, file });
        Ok(self.at(file))
    }

    fn open(&self, path: &str) -> io::Result<Option<Arc<dyn SegmentFile>>> {
        let file = self.state().seen.names.get(path).copied();
        Ok(file.map(|file| self.at(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let file = self.state().seen.names.get(from).copied();
        let file = file.ok_or(io::ErrorKind::NotFound)?;
        let (from, to) = (from.to_owned(), to.to_owned());
        self.step(Step::Rename { from, to, file });
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        if self.state().seen.names.contains_key(path) {
            let path = path.to_owned();
            self.step(Step::Remove { path });
        }
        Ok(())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let state = self.state();
        let names = state.seen.names.keys().chain(&state.seen.folders);
        let inside = names.filter(|path| folder_of(path) == folder);
        let name = |path: &String| path.rsplit('/').next().unwrap_or(path).to_owned();
        Ok(inside.map(name).collect())
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        if self.honesty != Honesty::FolderSyncsDoNothing {
            let path = folder.to_owned();
            self.step(Step::SyncFolder { path });
        }
        Ok(())
    }

    fn place(&self, path: &str) -> io::Result<DiskPlace> {
        // Files are numbered from 1.
        let file = self.state().seen.names.get(path).map_or(0, |file| file + 1);
        let (machine, boot) = ("m".to_owned(), self.boot.to_string());
        Ok(DiskPlace {
            machine,
            boot,
            file,
        })
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Send>>> {
        self.idle().is_locked = true;
        Ok(Some(Box::new(Lock(self.clone()))))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.state().is_locked = false;
        self.0.state.1.notify_all();
    }
}

impl SegmentFile for RecordedFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.step(Step::Write {
            file: self.file,
            at: usize::try_from(offset).expect("small"),
            bytes: bytes.to_vec(),
        });
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let content = &state.seen.files[&self.file];
        let from = usize::try_from(offset).expect("small").min(content.len());
        let count = buffer.len().min(content.len() - from);
        buffer[..count].copy_from_slice(&content[from..from + count]);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.state().seen.files[&self.file].len() as u64)
    }

    fn shorten(&self, length: u64) -> io::Result<()> {
        self.disk.step(Step::Length {
            file: self.file,
            length: usize::try_from(length).expect("small"),
        });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        if self.disk.honesty != Honesty::FileSyncsDoNothing {
            self.disk.step(Step::Sync { file: self.file });
        }
        Ok(())
    }
}

/// The folder that a path is in; the journal folder itself is the empty path.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}
