//! Dossiers: all that proves one exchange, in one file, for those who have neither the node nor its programs.
//!
//! A dossier is an ASiC-E container: the messages of both directions as they were signed, the signatures, the certificates,
//! receipts of both ends with their proofs, time-stamps, a description for programs and a page for people. A list of all of it
//! bears the seal of the member that made it. Each part proves by itself; the seal says who put them together.
//!
//! Personal data is in it by purpose: it is evidence of what was said.
//!
//! Standard: ETSI EN 319 162-1 §4.4.

pub(crate) mod evidence;
mod judge;
mod make;
mod manifest;
mod summary;
mod zip;

use bridge_core::leaf::{Kind, Leaf};

pub use judge::judge;
pub use make::{DossierError, make};
pub use zip::ZipFault;

/// The message that begins an exchange.
pub(crate) const REQUEST: &str = "request";
/// The message that ends it: an answer or a refusal.
pub(crate) const ANSWER: &str = "answer";
/// The two messages of an exchange.
const MESSAGES: [&str; 2] = [REQUEST, ANSWER];
/// The description for programs.
const DESCRIPTION: &str = "dossier.json";
/// The page for people.
const SUMMARY: &str = "summary.html";
/// The receipts of the node that made the dossier.
const OWN_RECEIPTS: &str = "receipts/own.json";
/// Those of the other node.
const PEER_RECEIPTS: &str = "receipts/peer.json";
/// Authorities above the certificates, for whoever trusts a root only.
const AUTHORITIES: &str = "certificates/authorities.pem";
/// The time-stamp over a checkpoint that covers both leaves.
const STAMP: &str = "stamps/time.tsr";

/// Which of the leaves of one end of an exchange is that of a message.
fn leaf_of(name: &str, leaves: &[&Leaf]) -> Option<usize> {
    let find = |fits: &dyn Fn(&Leaf) -> bool| leaves.iter().position(|leaf| fits(leaf));
    let is_request = |leaf: &Leaf| matches!(leaf.kind, Kind::RequestSent | Kind::RequestReceived);
    if name == REQUEST {
        return find(&is_request);
    }
    // An answer that came too late stands behind the leaf that says so.
    find(&|leaf| leaf.answer_link.is_some())
        .or_else(|| find(&|leaf| leaf.side.is_some() && !is_request(leaf)))
}
