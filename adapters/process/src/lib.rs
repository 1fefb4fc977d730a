//! Adapters in a process of their own.
pub mod cage;
