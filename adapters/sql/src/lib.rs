//! bridge-adapter-sql
