//! The request line.
mod error;
pub use error::{QueryFault, SegmentFault, TargetError};
