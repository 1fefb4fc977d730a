//! The header fields.
mod error;
pub use error::FieldError;
