//! bridge-adapter
