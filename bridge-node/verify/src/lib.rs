//! bridge-verify
