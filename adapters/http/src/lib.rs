//! bridge-adapter-http
