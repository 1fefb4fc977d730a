//! PostgreSQL: prepared statements on connections that are kept.

pub(crate) mod address;
mod link;
pub(crate) mod look;
pub(crate) mod pool;
mod session;
pub(crate) mod text;
mod tls;
mod value;
