//! The fields an answer may carry, as a tree that is walked beside the answer.

use std::collections::BTreeMap;

use crate::contract::locator::{Pointer, Token};
use crate::json::{Json, write_string};

/// The fields that may leave: an allow-list of pointers, each naming a subtree.
///
/// Arrays and objects on the way to a named field stay, if only empty, so that the answer keeps its shape;
/// every other value is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldMask {
    pointers: Vec<Pointer>,
    root: Node,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    /// A pointer ends here: the whole subtree may leave.
    is_whole: bool,
    named: BTreeMap<String, Node>,
    every: Option<Box<Node>>,
}

impl FieldMask {
    /// Builds the mask that lets pass what these pointers name. No pointer lets nothing pass.
    pub fn new(pointers: Vec<Pointer>) -> Self {
        let mut root = Node::default();
        for pointer in &pointers {
            let mut node = &mut root;
            for token in pointer.tokens() {
                node = match token {
                    Token::Name(name) => node.named.entry(name.clone()).or_default(),
                    Token::Every => node.every.get_or_insert_default(),
                };
            }
            node.is_whole = true;
        }
        Self { pointers, root }
    }

    /// Returns the pointers, in the contract's order.
    pub fn pointers(&self) -> &[Pointer] {
        &self.pointers
    }

    /// Writes what the mask lets pass of an array or object; returns false and writes nothing for any other value.
    pub fn write_allowed(&self, value: &Json<'_>, out: &mut Vec<u8>) -> bool {
        let is_kept = keeps(value, &[&self.root]);
        if is_kept {
            write(value, &[&self.root], out);
        }
        is_kept
    }
}

impl Node {
    fn child(&self, name: Option<&str>) -> impl Iterator<Item = &Self> {
        let named = name.and_then(|name| self.named.get(name));
        named.into_iter().chain(self.every.as_deref())
    }
}

/// Tells whether anything is written for a value that these nodes of the mask have reached.
fn keeps(value: &Json<'_>, reached: &[&Node]) -> bool {
    match value {
        Json::Array(_) | Json::Object(_) => !reached.is_empty(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => is_whole(reached),
    }
}

fn is_whole(reached: &[&Node]) -> bool {
    reached.iter().any(|node| node.is_whole)
}

/// Writes a value that is kept. Recursion is as deep as the value, which the reader has bounded.
fn write(value: &Json<'_>, reached: &[&Node], out: &mut Vec<u8>) {
    if is_whole(reached) {
        value.write(out);
        return;
    }
    match value {
        Json::Array(items) => {
            let within: Vec<&Node> = reached.iter().flat_map(|node| node.child(None)).collect();
            out.push(b'[');
            let mut is_first = true;
            for item in items.iter().filter(|item| keeps(item, &within)) {
                separate(&mut is_first, out);
                write(item, &within, out);
            }
            out.push(b']');
        }
        Json::Object(members) => {
            out.push(b'{');
            let mut is_first = true;
            for (name, member) in members {
                let within: Vec<&Node> = reached
                    .iter()
                    .flat_map(|node| node.child(Some(name)))
                    .collect();
                if keeps(member, &within) {
                    separate(&mut is_first, out);
                    write_string(name, out);
                    out.push(b':');
                    write(member, &within, out);
                }
            }
            out.push(b'}');
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn separate(is_first: &mut bool, out: &mut Vec<u8>) {
    if !*is_first {
        out.push(b',');
    }
    *is_first = false;
}

#[cfg(test)]
mod tests;
