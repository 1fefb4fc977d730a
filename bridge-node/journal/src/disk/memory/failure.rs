//! How a change of the disk fails, and what outlives a crash.

/// How a durable write fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing happens, and an error is reported.
    NotStored,
    /// All of it happens, and an error is reported.
    StoredButFailed,
    /// The first half happens, and an error is reported.
    TornFront,
    /// The second half happens, and an error is reported.
    TornBack,
    /// So many bytes at the front happen, and an error is reported.
    Front(usize),
    /// All but so many bytes at the front happen, and an error is reported.
    Back(usize),
}

/// A change of the disk: what it is, and how often that was done before. Threads don't disturb it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Operation {
    pub(crate) what: String,
    pub(crate) number: usize,
}

/// What outlives a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// The process ends; the system's memory stays.
    Process,
    /// Power ends; only synced bytes and synced folders stay.
    Power,
    /// Power ends; only synced bytes stay, but the folders are as they were last.
    PowerFoldersKept,
}

impl Failure {
    /// What happens of something that is whole or isn't there.
    pub(super) fn is_stored(self) -> bool {
        matches!(self, Self::StoredButFailed | Self::TornBack | Self::Back(_))
    }

    /// What happens of a run of bytes.
    pub(super) fn part(self, start: usize, end: usize) -> (usize, usize) {
        let middle = start + (end - start) / 2;
        match self {
            Self::NotStored => (start, start),
            Self::StoredButFailed => (start, end),
            Self::TornFront => (start, middle),
            Self::TornBack => (middle, end),
            Self::Front(bytes) => (start, end.min(start + bytes)),
            Self::Back(bytes) => (end.min(start + bytes), end),
        }
    }
}
