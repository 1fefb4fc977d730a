//! What a bridge node decides, without doing anything: identities, targets, fields, refusals, leaves.
//!
//! Everything here is a pure function of its arguments: bytes a stranger sent go in, a checked value
//! or an explained refusal comes out. The crate is **not** a server, a client, a journal or a clock:
//! it opens no file or socket, takes time and random bytes as arguments and never logs.
//!
//! The nouns:
//!
//! - an [`identity`] names a member, a subsystem, a service or a node, once, in one spelling;
//! - a [`target`] is the request line after it was decoded once and written anew once;
//! - the [`fields`] rules say which header fields enter, travel on and stay out;
//! - a [`refusal`] is an answer that says no, and explains itself;
//! - a [`leaf`] is one line of the journal: facts that anybody may see.
//!
//! ```
//! use bridge_core::identity::MemberId;
//!
//! let member: MemberId = "AZ/GOV/1001".parse()?;
//! assert_eq!(member.uri(), "bridge://AZ/GOV/1001");
//! # Ok::<(), bridge_core::identity::IdentityError>(())
//! ```

pub mod fields;
pub mod identity;
pub mod leaf;
pub mod refusal;
pub mod target;
