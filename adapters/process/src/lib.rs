//! Serves a registry by a program in a process of its own, written in any language: HTTP/1.1 over a Unix socket, as
//! `SPEC.md` of this package says.
//!
//! The program is started by the node in a [`cage`], watched, started again when it ends or hangs, and drained with the node.
//! It sees one call at a time on each connection; bodies stream both ways and memory does not grow with them. What it answers is
//! believed as far as a registry is: for content only, and where the package says so not even about whom.
//!
//! What it is **not**: it does not translate, cache or repeat calls, keeps nothing over a restart of the program, and cannot see
//! what a program says in its log lines.
//!
//! Three nouns: the **program** (what runs), the **cage** (what it cannot do) and the **config** ([`ProcessConfig`]).
//!
//! ```no_run
//! use bridge_adapter::{Adapter, Health, Package};
//! use bridge_adapter_process::{ProcessAdapter, ProcessConfig};
//!
//! # async fn run() -> Result<(), Vec<bridge_adapter::Fault>> {
//! let package = Package::load("adapters/registries/referrals".as_ref())?;
//! let mut config = ProcessConfig::from_package(&package)?;
//! config.launcher = Some(vec!["/usr/bin/bridge-node".into(), "cage".into()]);
//! let adapter = ProcessAdapter::new(config);
//! assert_eq!(adapter.health().await, Health::Ready);
//! adapter.drain().await;
//! # Ok(())
//! # }
//! ```

mod answer;
pub mod answers_for;
mod bomb;
pub mod cage;
pub mod config;
mod connections;
mod data;
mod describe;
pub mod limits;
mod output;
mod relay;
mod request;
mod service;
mod start;
mod supervise;
mod unasked;

pub use config::{ProcessConfig, RegistryAddress};
pub use service::ProcessAdapter;

#[cfg(test)]
mod tests;
