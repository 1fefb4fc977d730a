//! Members' own nodes laid over the officers' directory: each in its own entry, and none in anybody else's way.

use std::collections::HashMap;
use std::sync::Arc;

use bridge_core::identity::MemberId;

use super::{Own, OwnNodesError, OwnStanding, OwnState, entry_digest};
use crate::directory::{Directory, ExchangeKey, Member, Node, key_name, log_of};

/// What a reader has of a member's role, before it is held against the directory.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) member: MemberId,
    /// The version that is announced.
    pub(crate) version: u64,
    pub(crate) found: Found,
}

/// Which file of a member may count.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// None is announced.
    Unused,
    /// The announced one.
    Newest(Arc<Own>),
    /// The one before, until that second, and why.
    Former(Arc<Own>, u64, String),
    /// None, and why.
    Nothing(String),
}

impl Candidate {
    /// What decides, beside the officers' directory, on the nodes that count.
    pub(crate) fn decides(&self) -> Decides {
        let own = match &self.found {
            Found::Newest(own) | Found::Former(own, ..) => Some(own.sha256),
            Found::Unused | Found::Nothing(_) => None,
        };
        let is_unused = matches!(self.found, Found::Unused);
        (self.member.clone(), own, is_unused, self.is_former())
    }

    const fn is_former(&self) -> bool {
        matches!(self.found, Found::Former(..))
    }
}

/// A member, the metadata of the file that may count, whether none is announced, and whether it is the one before.
pub(crate) type Decides = (MemberId, Option<[u8; 32]>, bool, bool);

/// How a member's file stands to the officers' entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It takes the entry's place, if there is one.
    Fits,
    /// The entry was changed after it.
    SetAside,
    /// It says what it may not.
    Refused(String),
}

/// Puts members' own nodes into the directory. Returns, for each candidate, how it fitted.
///
/// What the officers list, of suspended members too, is its owner's. A file of before comes after all newest ones: whoever holds
/// back the newer one must not bring back a claim that another member has by now. Else, of two members that claim the same, the later
/// in the order of roles is refused. The publishing machine takes no such file, so that decides only when its keys are stolen.
pub(crate) fn lay_over(directory: &mut Directory, candidates: &[Candidate]) -> Vec<Fit> {
    let mut fits = vec![Fit::Fits; candidates.len()];
    let is_unused = |one: &Candidate| matches!(one.found, Found::Unused);
    if candidates.iter().all(is_unused) {
        return fits;
    }
    let places = directory.members.iter().enumerate();
    let places: HashMap<MemberId, usize> =
        places.map(|(at, member)| (member.id.clone(), at)).collect();
    let mut claims = Claims::of(directory);
    let (former, newest): (Vec<_>, Vec<_>) = candidates
        .iter()
        .zip(&mut fits)
        .partition(|(candidate, _)| candidate.is_former());
    for (candidate, fit) in newest.into_iter().chain(former) {
        let place = places.get(&candidate.member);
        *fit = match place.and_then(|at| directory.members.get_mut(*at)) {
            Some(entry) => lay_one(entry, candidate, &mut claims),
            None => refused(&OwnNodesError::NotListed {
                member: candidate.member.clone(),
            }),
        };
    }
    fits
}

fn lay_one(entry: &mut Member, candidate: &Candidate, claims: &mut Claims) -> Fit {
    let own = match &candidate.found {
        Found::Unused => return Fit::Fits,
        Found::Nothing(_) => {
            entry.nodes.clear();
            return Fit::Fits;
        }
        Found::Newest(own) | Found::Former(own, ..) => own,
    };
    if own.said.based_on != entry_digest(entry) {
        return Fit::SetAside;
    }
    let held =
        check_entry(entry, &own.said.nodes).and_then(|()| claims.take(&entry.id, &own.said.nodes));
    match held {
        Ok(()) => {
            entry.nodes.clone_from(&own.said.nodes);
            Fit::Fits
        }
        Err(error) => {
            entry.nodes.clear();
            refused(&error)
        }
    }
}

/// Tells what counts of each candidate.
pub(crate) fn states(candidates: Vec<Candidate>, fits: &[Fit]) -> Vec<OwnState> {
    let state = |(candidate, fit): (Candidate, &Fit)| {
        let standing = match (fit, candidate.found) {
            (_, Found::Unused) => OwnStanding::Unused,
            (_, Found::Nothing(why)) => OwnStanding::Nothing { why },
            (Fit::Refused(why), Found::Newest(_) | Found::Former(..)) => {
                OwnStanding::Nothing { why: why.clone() }
            }
            (Fit::SetAside, Found::Newest(own) | Found::Former(own, ..)) => OwnStanding::SetAside {
                expires_s: own.expires.0,
            },
            (Fit::Fits, Found::Newest(own)) => OwnStanding::InForce {
                expires_s: own.expires.0,
            },
            (Fit::Fits, Found::Former(_, until_s, why)) => OwnStanding::Former { until_s, why },
        };
        OwnState {
            member: candidate.member,
            version: candidate.version,
            standing,
        }
    };
    candidates.into_iter().zip(fits).map(state).collect()
}

fn refused(error: &OwnNodesError) -> Fit {
    Fit::Refused(chain(error))
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// A member changes its nodes' places and keys. Its journals and who witnesses them bind it towards others, so they stay.
pub(super) fn check_entry(entry: &Member, nodes: &[Node]) -> Result<(), OwnNodesError> {
    let officers = |node: &Node, what| {
        let node = format!("{}/{}", entry.id, node.code);
        Err(OwnNodesError::Officers { node, what })
    };
    for node in nodes {
        let listed = entry.nodes.iter().find(|listed| listed.code == node.code);
        match listed {
            Some(listed) if listed.journal != node.journal => {
                return officers(node, "another journal key");
            }
            Some(listed) if listed.witness != node.witness => {
                return officers(node, "another witness key");
            }
            Some(listed) if listed.witnessing != node.witnessing => {
                return officers(node, "other witnesses of its journal");
            }
            Some(_) => {}
            None if node.witness.is_some() => return officers(node, "a witness key"),
            // Else a node that goes and comes under another code would have a journal key of the member's own choice.
            None if is_log_of(&entry.nodes, node) => {
                return officers(node, "the journal of another node");
            }
            None => {
                // As strictly witnessed as a node that officers have listed for this member.
                let mut listed = entry.nodes.iter().map(|listed| &listed.witnessing);
                let is_as_listed = listed.any(|listed| *listed == node.witnessing)
                    || (entry.nodes.is_empty() && node.witnessing.is_none());
                if !is_as_listed {
                    return officers(node, "other witnesses than the member's nodes have");
                }
            }
        }
    }
    let is_gone = |listed: &&Node| nodes.iter().all(|node| node.code != listed.code);
    let mut gone = entry.nodes.iter().filter(is_gone);
    match gone.find(|listed| listed.witness.is_some()) {
        Some(witness) => officers(witness, "it witnesses journals, and would be gone"),
        None => Ok(()),
    }
}

fn is_log_of(listed: &[Node], node: &Node) -> bool {
    let mut logs = listed.iter().map(|listed| log_of(&listed.journal));
    logs.any(|log| log == log_of(&node.journal))
}

/// What may stand in the directory once only, and whose it is. Nobody's are outside witnesses' names.
struct Claims(HashMap<(Thing, String), Option<MemberId>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Thing {
    NodeName,
    ExchangeKey,
    Journal,
    Witness,
}

impl Claims {
    fn of(directory: &Directory) -> Self {
        let mut claims = HashMap::new();
        for member in &directory.members {
            for thing in member.nodes.iter().flat_map(things) {
                claims
                    .entry(thing)
                    .or_insert_with(|| Some(member.id.clone()));
            }
        }
        for name in directory
            .witnesses
            .iter()
            .filter_map(|one| key_name(&one.vkey))
        {
            claims.insert((Thing::Witness, name.to_owned()), None);
        }
        Self(claims)
    }

    /// Gives a member what its nodes claim, or nothing of it if any is another's or claimed twice.
    fn take(&mut self, member: &MemberId, nodes: &[Node]) -> Result<(), OwnNodesError> {
        let mut own = HashMap::new();
        for (thing, name) in nodes.iter().flat_map(things) {
            let owner = self.0.get(&(thing, name.clone()));
            let is_anothers = owner.is_some_and(|owner| owner.as_ref() != Some(member));
            let is_twice = own
                .insert((thing, name.clone()), Some(member.clone()))
                .is_some();
            if is_anothers || is_twice {
                let what = thing.name();
                return Err(OwnNodesError::Taken { what, name });
            }
        }
        self.0.extend(own);
        Ok(())
    }
}

impl Thing {
    const fn name(self) -> &'static str {
        match self {
            Self::NodeName => "node name",
            Self::ExchangeKey => "exchange key",
            Self::Journal => "journal",
            Self::Witness => "witness key",
        }
    }
}

fn things(node: &Node) -> Vec<(Thing, String)> {
    let mut things = vec![(Thing::NodeName, node.name.clone())];
    let keys = node.exchange.iter().filter_map(ExchangeKey::key_id);
    things.extend(keys.map(|id| (Thing::ExchangeKey, id)));
    things.push((Thing::Journal, log_of(&node.journal).to_owned()));
    let witness = node.witness.as_deref().and_then(key_name);
    things.extend(witness.map(|name| (Thing::Witness, name.to_owned())));
    things
}
