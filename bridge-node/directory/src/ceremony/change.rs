//! What a new directory changes, piece by piece.
//!
//! Every field of the directory is taken apart by name here, so that none can be added to it that a review would pass over.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::directory::{
    Directory, ExchangeKey, Group, Member, Node, OutsideWitness, Subsystem, Witnessing,
};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Of what kind the thing is that changes.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub what: What,
}

/// Of what kind a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The instance itself.
    Instance,
    /// A member.
    Member,
    /// A member's name for people.
    MemberName,
    /// Whether a member is suspended: `yes` or `no`.
    Suspended,
    /// A subsystem.
    Subsystem,
    /// A subsystem's name for people.
    SubsystemName,
    /// A node.
    Node,
    /// The name that requests to a node are signed for.
    HostName,
    /// Where a node listens.
    Address,
    /// A key that a node's TLS certificate may have.
    TlsKey,
    /// A key that signs a node's messages.
    ExchangeKey,
    /// The certificate of an exchange key that stays.
    Certificate,
    /// The key of a node's journal.
    JournalKey,
    /// Versions of the wire.
    Wire,
    /// Versions of leaves.
    Leaf,
    /// Forms of signatures.
    Forms,
    /// The key by which a node witnesses.
    WitnessKey,
    /// Who witnesses a node's journal.
    Witnessing,
    /// A group.
    Group,
    /// A subsystem of a group.
    GroupMember,
    /// A witness outside.
    OutsideWitness,
    /// The address of a witness outside.
    WitnessAddress,
    /// The order of a list, named after what the list is of: the first place that has another thing now.
    Order,
}

/// What happens to a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It is new; with a word on it.
    Added(String),
    /// It is listed no more.
    Removed,
    /// It was one thing and becomes another.
    Changed {
        /// Before.
        from: String,
        /// After.
        to: String,
    },
}

/// Returns every change between two directories, in the order of names; nothing only if they are the same.
pub fn changes(old: &Directory, new: &Directory) -> Vec<Change> {
    let mut found = Found(Vec::new());
    let Directory {
        instance,
        members,
        groups,
        witnesses,
    } = new;
    found.field(Kind::Instance, instance, &old.instance, instance);
    let id = |member: &Member| member.id.to_string();
    found.list(instance, (&old.members, members), id, Found::member);
    let code = |group: &Group| group.code.clone();
    found.list(instance, (&old.groups, groups), code, Found::group);
    let vkey = |witness: &OutsideWitness| witness.vkey.clone();
    let witnesses = (&old.witnesses[..], &witnesses[..]);
    found.list(instance, witnesses, vkey, |found, _, (old, new)| {
        let empty = OutsideWitness {
            vkey: String::new(),
            url: String::new(),
        };
        let OutsideWitness { vkey, url } = new.unwrap_or(&empty);
        if found.thing(
            Kind::OutsideWitness,
            vkey,
            old.map(|old| &old.vkey),
            new.map(|_| url.clone()),
        ) {
            let before = old.map_or("", |old| &old.url);
            found.field(Kind::WitnessAddress, vkey, before, url);
        }
    });
    if found.0.is_empty() && old != new {
        found.push(Kind::Order, instance, What::Added(String::new()));
    }
    found.0
}

struct Found(Vec<Change>);

/// The same thing before and after.
type Pair<'a, T> = (Option<&'a T>, Option<&'a T>);

impl Found {
    fn push(&mut self, kind: Kind, name: &str, what: What) {
        let name = name.to_owned();
        self.0.push(Change { kind, name, what });
    }

    /// Notes that a thing came or went, with a word on a new one. Tells whether it is in both.
    fn thing<T>(&mut self, kind: Kind, name: &str, old: Option<T>, new: Option<String>) -> bool {
        match (old, new) {
            (Some(_), Some(_)) => return true,
            (None, Some(word)) => self.push(kind, name, What::Added(word)),
            (Some(_), None) => self.push(kind, name, What::Removed),
            (None, None) => {}
        }
        false
    }

    fn field(
        &mut self,
        kind: Kind,
        name: &str,
        from: &(impl Display + ?Sized),
        to: &(impl Display + ?Sized),
    ) {
        let (from, to) = (from.to_string(), to.to_string());
        if from != to {
            self.push(kind, name, What::Changed { from, to });
        }
    }

    /// Goes through two lists by the names of what is in them, and tells another order of what is in both.
    fn list<T>(
        &mut self,
        of: &str,
        (old, new): (&[T], &[T]),
        name: impl Fn(&T) -> String,
        mut each: impl FnMut(&mut Self, &str, Pair<'_, T>),
    ) {
        let (before, after) = (numbered(old, &name), numbered(new, &name));
        let mut pairs: BTreeMap<&Numbered, Pair<'_, T>> = BTreeMap::new();
        for (name, one) in before.iter().zip(old) {
            pairs.entry(name).or_default().0 = Some(one);
        }
        for (name, one) in after.iter().zip(new) {
            pairs.entry(name).or_default().1 = Some(one);
        }
        for ((name, _), pair) in &pairs {
            each(self, name, *pair);
        }
        let stays = |name: &&Numbered| matches!(pairs.get(name), Some((Some(_), Some(_))));
        let mut places = before.iter().filter(stays).zip(after.iter().filter(stays));
        if let Some(((from, _), (to, _))) = places.find(|(before, after)| before != after) {
            let (from, to) = (from.clone(), to.clone());
            self.push(Kind::Order, of, What::Changed { from, to });
        }
    }

    fn member(&mut self, name: &str, (old, new): Pair<'_, Member>) {
        let word = new.map(|new| new.name.clone());
        let both = self.thing(Kind::Member, name, old, word);
        let (subsystems, nodes, suspended);
        match new {
            Some(Member {
                id: _,
                name: title,
                subsystems: s,
                nodes: n,
                suspended: yes,
            }) => {
                if let Some(old) = old.filter(|_| both) {
                    self.field(Kind::MemberName, name, &old.name, title);
                }
                (subsystems, nodes, suspended) = (s.as_slice(), n.as_slice(), *yes);
            }
            // All that it had goes with it.
            None => return,
        }
        let was = old.is_some_and(|old| old.suspended);
        let word = |is: bool| if is { "yes" } else { "no" };
        self.field(Kind::Suspended, name, word(was), word(suspended));
        let old_subsystems = old.map_or(&[][..], |old| &old.subsystems);
        let of = |one: &Subsystem| format!("{name}/{}", one.code);
        self.list(
            name,
            (old_subsystems, subsystems),
            of,
            |found, name, (old, new)| {
                let word = new.map(|Subsystem { code: _, name }| name.clone());
                if found.thing(Kind::Subsystem, name, old, word.clone()) {
                    let before = old.map_or("", |old| &old.name);
                    found.field(Kind::SubsystemName, name, before, &word.unwrap_or_default());
                }
            },
        );
        let old_nodes = old.map_or(&[][..], |old| &old.nodes);
        let of = |one: &Node| format!("{name}/{}", one.code);
        self.list(name, (old_nodes, nodes), of, Self::node);
    }

    /// Of a new node each key is told, because who signs answers for each.
    fn node(&mut self, name: &str, (old, new): Pair<'_, Node>) {
        let word = new.map(|new| {
            let (wire, leaf, forms) = (list(&new.wire), list(&new.leaf), list(&new.forms));
            format!(
                "{}, {}, wire {wire}, leaf {leaf}, forms {forms}",
                new.name, new.address
            )
        });
        self.thing(Kind::Node, name, old, word);
        let Some(Node {
            code: _,
            name: host,
            address,
            tls_pins,
            exchange,
            journal,
            wire,
            leaf,
            forms,
            witness,
            witnessing,
        }) = new
        else {
            return;
        };
        let before = old.map_or((&[][..], &[][..]), |old| (&old.tls_pins, &old.exchange));
        self.keys(name, before, (tls_pins, exchange));
        let Some(old) = old else {
            let new = [
                (Kind::JournalKey, journal.clone()),
                (Kind::WitnessKey, witness.clone().unwrap_or_default()),
                (Kind::Witnessing, by_whom(witnessing.as_ref())),
            ];
            for (kind, word) in new.into_iter().filter(|(_, word)| !word.is_empty()) {
                self.push(kind, name, What::Added(word));
            }
            return;
        };
        self.field(Kind::HostName, name, &old.name, host);
        self.field(Kind::Address, name, &old.address, address);
        self.field(Kind::JournalKey, name, &old.journal, journal);
        self.field(Kind::Wire, name, &list(&old.wire), &list(wire));
        self.field(Kind::Leaf, name, &list(&old.leaf), &list(leaf));
        self.field(Kind::Forms, name, &list(&old.forms), &list(forms));
        self.field(
            Kind::WitnessKey,
            name,
            old.witness.as_deref().unwrap_or_default(),
            witness.as_deref().unwrap_or_default(),
        );
        self.field(
            Kind::Witnessing,
            name,
            &by_whom(old.witnessing.as_ref()),
            &by_whom(witnessing.as_ref()),
        );
    }

    fn keys(
        &mut self,
        name: &str,
        (old_pins, old_keys): (&[String], &[ExchangeKey]),
        (pins, keys): (&[String], &[ExchangeKey]),
    ) {
        let pin = String::clone;
        self.list(name, (old_pins, pins), pin, |found, pin, (old, new)| {
            found.thing(
                Kind::TlsKey,
                &format!("{name}: {pin}"),
                old,
                new.map(|_| String::new()),
            );
        });
        let pin = |key: &ExchangeKey| key.pin.clone();
        self.list(name, (old_keys, keys), pin, |found, pin, (old, new)| {
            let name = format!("{name}: {pin}");
            let of =
                |key: Option<&ExchangeKey>| key.and_then(ExchangeKey::key_id).unwrap_or_default();
            if found.thing(Kind::ExchangeKey, &name, old, new.map(|_| of(new))) {
                found.field(Kind::Certificate, &name, &of(old), &of(new));
            }
        });
    }

    fn group(&mut self, name: &str, (old, new): Pair<'_, Group>) {
        self.thing(Kind::Group, name, old, new.map(|_| String::new()));
        let Some(Group { code: _, members }) = new else {
            return;
        };
        let before = old.map_or(&[][..], |old| &old.members);
        self.list(
            name,
            (before, members),
            ToString::to_string,
            |found, id, (old, new)| {
                found.thing(
                    Kind::GroupMember,
                    &format!("{name}: {id}"),
                    old,
                    new.map(|_| String::new()),
                );
            },
        );
    }
}

/// A name, and how often it was listed until then: what is listed twice is two things.
type Numbered = (String, usize);

fn numbered<T>(list: &[T], name: impl Fn(&T) -> String) -> Vec<Numbered> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let of = |one| {
        let name = name(one);
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        (name, *count)
    };
    list.iter().map(of).collect()
}

fn list(values: &[impl Display]) -> String {
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    values.join(" ")
}

fn by_whom(witnessing: Option<&Witnessing>) -> String {
    let Some(Witnessing { by, needed, faulty }) = witnessing else {
        return String::new();
    };
    format!("{needed}/{} (-{faulty}): {}", by.len(), list(by))
}
