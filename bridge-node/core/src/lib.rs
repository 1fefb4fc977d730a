//! What a bridge node decides, without doing anything: identities, targets, fields, refusals, leaves.
//!
//! Everything here is a pure function of its arguments: bytes a stranger sent go in, a checked value
//! or an explained refusal comes out. The crate is **not** a server, a client, a journal or a clock:
//! it opens no file or socket, takes time and random bytes as arguments and never logs.
//!
//! The nouns:
//!
//! - an [`identity`] names a member, a subsystem, a service or a node, once, in one spelling;
//! - a [`head`] is judged as bytes, before anything reads it as HTTP;
//! - a [`target`] is the request line after it was decoded once and written anew once;
//! - the [`fields`] rules say which header fields enter, travel on and stay out;
//! - an [`envelope`] is our profile of HTTP message signatures: what a message must cover;
//! - a [`contract`] is what a provider allows a consumer; a [`decision`] is made under it, and
//!   [`cut`] leaves in an answer what it names;
//! - a [`refusal`] is an answer that says no, and explains itself in the language and form that its reader
//!   [`accept`]s;
//! - a [`leaf`] is one line of the journal: facts that anybody may see.
//!
//! ```
//! use bridge_core::target::{Target, TargetLimits, parse_target};
//!
//! let target = parse_target("/r1/AZ/GOV/1001/POPULATION/person/7?at=2026", &TargetLimits::default())?;
//! let Target::Service(target) = target else { panic!("a service was named") };
//! assert_eq!(target.service.to_string(), "AZ/GOV/1001/POPULATION/person");
//! assert_eq!(target.path.segments(), ["7"]);
//! # Ok::<(), bridge_core::target::TargetError>(())
//! ```

pub mod accept;
pub mod contract;
pub mod cut;
pub mod decision;
pub mod envelope;
pub mod fields;
pub mod head;
pub mod identity;
pub mod jcs;
pub mod json;
pub mod leaf;
pub mod quota;
pub mod refusal;
pub mod subject;
pub mod target;
