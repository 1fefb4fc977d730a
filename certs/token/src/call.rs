//! What the thread of a token is asked to do.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Instant;

use bridge_signature::Algorithm;

use crate::error::TokenError;
use crate::object::{KeyName, Listed, Public};

/// A call that waits for its token.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) work: Work,
    pub(crate) reply: SyncSender<Result<Done, TokenError>>,
    /// Afterwards nobody waits for the reply.
    pub(crate) until: Instant,
}

/// Which call the thread takes next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line {
    /// One that waits here.
    First,
    /// One of these, when nobody waits there.
    Then,
}

/// The calls that wait.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) first: Receiver<Call>,
    /// `None` only wakes the thread: somebody waits in the other line.
    pub(crate) then: Receiver<Option<Call>>,
}

#[derive(Debug)]
pub(crate) enum Work {
    Find(Arc<KeyName>),
    Sign(Arc<KeyName>, Algorithm, Vec<u8>),
    List,
    /// A label, and what to make.
    Make(String, Algorithm),
}

#[derive(Debug)]
pub(crate) enum Done {
    Found(Public),
    Signed(Vec<u8>),
    Listed(Vec<Listed>),
    Made,
}
