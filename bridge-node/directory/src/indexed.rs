//! A directory with its indexes: whoever asks pays for one look, however many members there are.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;

use bridge_core::identity::{MemberId, NodeId, SubsystemId};

use crate::directory::{
    Directory, ExchangeKey, Member, Node, OutsideWitness, Subsystem, WitnessPlace, key_name,
};

/// A directory that can be asked. Made once for each version; the lists themselves are read through it.
#[derive(Clone, Debug)]
pub struct Indexed {
    directory: Directory,
    members: HashMap<MemberId, usize>,
    subsystems: HashMap<SubsystemId, (usize, usize)>,
    nodes: HashMap<NodeId, Place>,
    /// Nodes by the name in the verifier key of their journals.
    logs: HashMap<String, Place>,
    exchange: HashMap<String, (Place, usize)>,
    groups: HashMap<String, HashSet<SubsystemId>>,
    witnesses: HashMap<String, Cosigner>,
    watched: HashMap<String, Vec<Place>>,
}

/// Positions of a member and of one of its nodes.
type Place = (usize, usize);

#[derive(Clone, Copy, Debug)]
enum Cosigner {
    Node(Place),
    Outside(usize),
}

impl Indexed {
    /// Indexes a directory. Of what is listed twice, which [`Directory::check`] refuses, the first counts.
    pub fn new(directory: Directory) -> Self {
        let mut indexed = Self {
            members: HashMap::with_capacity(directory.members.len()),
            subsystems: HashMap::new(),
            nodes: HashMap::with_capacity(directory.members.len()),
            logs: HashMap::with_capacity(directory.members.len()),
            exchange: HashMap::with_capacity(directory.members.len()),
            groups: HashMap::new(),
            witnesses: HashMap::new(),
            watched: HashMap::new(),
            directory: Directory {
                instance: String::new(),
                members: Vec::new(),
                groups: Vec::new(),
                witnesses: Vec::new(),
            },
        };
        for (at, witness) in directory.witnesses.iter().enumerate() {
            if let Some(name) = key_name(&witness.vkey) {
                let place = Cosigner::Outside(at);
                indexed.witnesses.entry(name.to_owned()).or_insert(place);
            }
        }
        for (at, member) in directory.members.iter().enumerate() {
            indexed.add_member(at, member);
        }
        for group in &directory.groups {
            let members = indexed.groups.entry(group.code.clone()).or_default();
            members.extend(group.members.iter().cloned());
        }
        indexed.directory = directory;
        indexed
    }

    fn add_member(&mut self, at: usize, member: &Member) {
        self.members.entry(member.id.clone()).or_insert(at);
        for (subsystem_at, subsystem) in member.subsystems.iter().enumerate() {
            if let Ok(id) = member.id.subsystem(subsystem.code.as_str()) {
                self.subsystems.entry(id).or_insert((at, subsystem_at));
            }
        }
        // A suspended member's nodes are nobody's: no route leads to them, and no key of theirs is known.
        let nodes = member.nodes.iter().filter(|_| !member.suspended);
        for (node_at, node) in nodes.enumerate() {
            self.add_node((at, node_at), &member.id, node);
        }
    }

    fn add_node(&mut self, place: Place, member: &MemberId, node: &Node) {
        if let Ok(id) = member.node(node.code.as_str()) {
            self.nodes.entry(id).or_insert(place);
        }
        if let Some(origin) = key_name(&node.journal) {
            self.logs.entry(origin.to_owned()).or_insert(place);
        }
        for (key_at, key) in node.exchange.iter().enumerate() {
            if let Some(id) = key.key_id() {
                self.exchange.entry(id).or_insert((place, key_at));
            }
        }
        if let Some(name) = node.witness.as_deref().and_then(key_name) {
            let cosigner = Cosigner::Node(place);
            self.witnesses.entry(name.to_owned()).or_insert(cosigner);
        }
        for name in node.witnessing.iter().flat_map(|witnessing| &witnessing.by) {
            self.watched.entry(name.clone()).or_default().push(place);
        }
    }

    /// Returns a member.
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.directory.members.get(*self.members.get(id)?)
    }

    /// Returns a subsystem.
    pub fn subsystem(&self, id: &SubsystemId) -> Option<&Subsystem> {
        let (member, at) = self.subsystems.get(id)?;
        self.directory.members.get(*member)?.subsystems.get(*at)
    }

    /// Returns the nodes of a member; none if it is not listed, or suspended.
    pub fn nodes_of(&self, id: &MemberId) -> &[Node] {
        let member = self.member(id).filter(|member| !member.suspended);
        member.map_or(&[], |member| &member.nodes)
    }

    /// Returns a node.
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.at(*self.nodes.get(id)?).map(|(_, node)| node)
    }

    /// Returns the node whose journal's verifier key has a name.
    pub fn node_of_log(&self, origin: &str) -> Option<(NodeId, &Node)> {
        self.identified(*self.logs.get(origin)?)
    }

    /// Tells whether a subsystem is in a global group.
    pub fn in_group(&self, code: &str, subsystem: &SubsystemId) -> bool {
        self.groups
            .get(code)
            .is_some_and(|members| members.contains(subsystem))
    }

    /// Returns the exchange key of a key id, and whose it is.
    pub fn exchange_key(&self, key_id: &str) -> Option<(NodeId, &ExchangeKey)> {
        let (place, at) = self.exchange.get(key_id)?;
        let (id, node) = self.identified(*place)?;
        Some((id, node.exchange.get(*at)?))
    }

    /// Returns the ids of all exchange keys, in no order.
    pub fn exchange_key_ids(&self) -> impl Iterator<Item = &str> {
        self.exchange.keys().map(String::as_str)
    }

    /// Returns the witness whose key has a name, with its verifier key.
    pub fn witness(&self, name: &str) -> Option<(WitnessPlace<'_>, &str)> {
        match *self.witnesses.get(name)? {
            Cosigner::Outside(at) => {
                let witness: &OutsideWitness = self.directory.witnesses.get(at)?;
                Some((WitnessPlace::Outside(witness), &witness.vkey))
            }
            Cosigner::Node(place) => {
                let (id, node) = self.identified(place)?;
                Some((WitnessPlace::Node(id, node), node.witness.as_deref()?))
            }
        }
    }

    /// Returns the nodes whose journals a witness is to watch, by the name of its key.
    pub fn witnessed_by(&self, name: &str) -> impl Iterator<Item = (NodeId, &Node)> {
        let places = self.watched.get(name).into_iter().flatten();
        places.filter_map(|place| self.identified(*place))
    }

    fn at(&self, (member, node): Place) -> Option<(&Member, &Node)> {
        let member = self.directory.members.get(member)?;
        Some((member, member.nodes.get(node)?))
    }

    fn identified(&self, place: Place) -> Option<(NodeId, &Node)> {
        let (member, node) = self.at(place)?;
        Some((member.id.node(node.code.as_str()).ok()?, node))
    }
}

impl Deref for Indexed {
    type Target = Directory;

    fn deref(&self) -> &Directory {
        &self.directory
    }
}

/// Two are equal if their directories are: the rest follows from them.
impl PartialEq for Indexed {
    fn eq(&self, other: &Self) -> bool {
        self.directory == other.directory
    }
}

impl Eq for Indexed {}

impl PartialEq<Directory> for Indexed {
    fn eq(&self, other: &Directory) -> bool {
        self.directory == *other
    }
}

#[cfg(test)]
mod tests;
