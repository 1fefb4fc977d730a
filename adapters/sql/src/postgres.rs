//! PostgreSQL: prepared statements on connections that are kept.

pub(crate) mod address;
mod bounded;
mod link;
pub(crate) mod look;
pub(crate) mod pool;
mod session;
pub(crate) mod text;
mod tls;
mod value;

/// The settings of a session for queries, for tests that look at the server's side alone.
#[cfg(test)]
pub(crate) fn link_config(
    address: &address::Address,
    statement_time: std::time::Duration,
) -> tokio_postgres::Config {
    link::config(address, bridge_adapter::Effect::Reads, statement_time)
}
