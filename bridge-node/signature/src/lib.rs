//! bridge-signature
