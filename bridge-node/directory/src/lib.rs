//! bridge-directory
