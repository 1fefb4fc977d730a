//! What the whole crate does with messages: the vectors of the standards, strangers' messages, and random ones.

#[path = "../../examples/referee/batches.rs"]
mod batches;
#[path = "../../examples/referee/cases.rs"]
mod cases;
#[path = "../../examples/referee/made.rs"]
mod made;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod vectors;
