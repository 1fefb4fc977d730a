//! bridge-certs
