//! Serves a registry that speaks HTTP: a call goes to one base URL, its path and query appended
//! verbatim.
//!
//! Bodies stream both ways and memory does not grow with them. Connections are kept alive for a
//! bounded time. Redirects are answers like others and are not followed. An answer whose connection
//! ends before it does fails as cut, never as whole; only an answer without length and chunks, over
//! plain HTTP, cannot be told from a cut one, and is refused.
//!
//! What it is **not**: it changes no body, retries nothing that may have had an effect, trusts no
//! public certificate authority (a TLS registry is known by its exact certificate, or by authorities
//! that the settings name) and checks no OpenAPI document on the way.
//!
//! Four nouns: the **base** (where the registry is), the **pool** (connections kept alive), the
//! **circuit** (a registry that keeps failing is left alone) and the **config** ([`HttpConfig`]).
//!
//! ```
//! use bridge_adapter::Adapter;
//! use bridge_adapter_http::{HttpAdapter, HttpConfig};
//!
//! # fn main() -> Result<(), Vec<bridge_adapter::Fault>> {
//! let config = HttpConfig::new("http://127.0.0.1:8080/registry/{service}");
//! let adapter = HttpAdapter::new(config)?;
//! assert_eq!(adapter.describe().adapter, "http");
//! # Ok(())
//! # }
//! ```

mod base;
mod circuit;
pub mod config;
mod connect;
mod files;
mod identity;
mod oauth;
mod pool;
mod request;
mod retry;
mod service;
mod trust;

pub use config::{HttpConfig, PoolConfig, Site, TlsConfig};
pub use service::HttpAdapter;

#[cfg(test)]
mod tests;
