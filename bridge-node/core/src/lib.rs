//! What a bridge node decides, without doing anything.

pub mod envelope;
