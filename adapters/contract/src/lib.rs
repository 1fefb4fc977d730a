//! What an adapter is: the one seam between a node and a registry.
//!
//! A node hands an adapter a [`Call`], and takes an [`Answer`]. A call is one query that has been verified and
//! authorised, and that the journal has taken: its leaf is durable, or is being written where the query can only read.
//! The [`Adapter`] trait is the whole of it. Beside the trait stands what every adapter shares: the [`Package`] (a
//! registry's folder of data), the checker of OpenAPI documents ([`openapi::Checker`]), the [`scenario`] of a package and
//! the conformance [`kit`] that every adapter has to pass.
//!
//! What it is **not**: it speaks to no registry, decides no right, signs and journals nothing. An
//! adapter never sees keys, contracts or the journal, and nothing an adapter says is trusted further
//! than "this is what the registry answered".
//!
//! Three nouns: the **call** (what is asked), the **answer** (what the registry said, whatever its
//! status) and the **adapter error** (why there is no answer).
//!
//! ```
//! use bridge_adapter::{Adapter, AdapterError, Answer, Call, Description, Health, body};
//!
//! /// Answers every call with the text it was asked for.
//! struct Echo;
//!
//! #[async_trait::async_trait]
//! impl Adapter for Echo {
//!     fn describe(&self) -> Description {
//!         Description { adapter: "echo", services: Vec::new() }
//!     }
//!     async fn health(&self) -> Health {
//!         Health::Ready
//!     }
//!     async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
//!         Ok(Answer {
//!             status: http::StatusCode::OK,
//!             fields: http::HeaderMap::new(),
//!             body: body::full(call.path),
//!         })
//!     }
//! }
//! ```

mod adapter;
pub mod body;
mod call;
pub mod connection;
mod effect;
mod error;
mod fault;
pub mod form;
mod idempotency;
pub mod kit;
pub mod lines;
pub mod openapi;
pub mod package;
pub mod probe;
pub mod scenario;
pub mod section;
pub mod stream;
pub mod template;
mod until;

pub use adapter::{Adapter, Description, Endpoint, Health, ServiceDescription};
pub use body::{Body, BodyError};
pub use call::{Answer, Call, CallerFacts};
pub use effect::{Effect, Effects};
pub use error::{AdapterError, AtFault, Limit};
pub use fault::Fault;
pub use idempotency::{Content, Idempotency};
pub use package::{Package, PackageService};
pub use until::Until;
