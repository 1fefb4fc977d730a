//! A bridge node: one agency's end of the data-exchange bus.
//!
//! The crate is the shell around the pure packages: listeners, TLS, connections, files and commands. It decides nothing
//! itself: rights come from `bridge-core`, signatures from `bridge-signature`, evidence from `bridge-journal`. It is **not**
//! a library for clients: they speak HTTP.
//!
//! The nouns: a [`node::Node`] is one process of one member; an exchange ([`exchange`]) is one query and its answer; the
//! [`settings::Settings`] say what a node was told.

pub mod acme;
pub mod admin;
pub mod batches;
pub mod callers;
pub mod clock;
pub mod command;
pub mod concerned;
pub mod contracts;
pub mod cosigning;
mod descriptors;
pub mod disk;
pub mod dossier;
mod durable;
pub mod effects;
pub mod epochs;
pub mod evidence_key;
pub mod exchange;
pub mod expiry;
pub mod fetch;
pub mod framing;
pub mod gate;
pub mod keys;
pub mod listeners;
pub mod lobby;
pub mod log_share;
pub mod member_role;
pub mod metrics;
pub mod node;
pub mod orders;
pub mod own;
pub mod pace;
pub mod payload;
pub mod peers;
pub mod per_minute;
pub mod probe;
pub mod receipts;
pub mod refusals;
pub mod registries;
pub mod replay;
pub mod running;
pub mod server;
pub mod settings;
pub mod shares;
pub mod stamping;
pub mod status;
mod terminal;
pub mod tls;
mod token;
pub mod watch;
mod way;
pub mod witness;

/// The version of the node-to-node wire that this node speaks. 1: that of the first release.
pub const WIRE_VERSION: u32 = 1;
/// The same, as messages say it.
const WIRE_VERSION_TEXT: &str = "1";

/// The signature forms that this node takes, as the directory names them.
pub const FORMS: [&str; 2] = ["plain", "batch"];

/// What somebody else said, as far as it may stand in a line for people: so many characters, and none that a terminal would act
/// upon or a reader not see.
pub fn plain_words(text: &str, characters: usize) -> String {
    let is_plain = |c: char| !c.is_control() && !bridge_core::identity::is_hidden(c);
    let plain = text.chars().map(|c| if is_plain(c) { c } else { ' ' });
    plain.take(characters).collect()
}

/// An error with its causes, one line, for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
