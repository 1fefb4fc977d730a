//! bridge-journal
